"""Who works for the whole group; giving and taking a role there."""

from dataclasses import dataclass, field
from uuid import UUID

import flet as ft

from admin.session import AdminSession, submit
from shared.domain.members import GroupPerson, GroupRole, Member
from shared.domain.problems import Problem
from shared.gateway import members as remote


@ft.observable
@dataclass(eq=False)
class GroupPeople:
    session: AdminSession
    people: tuple[GroupPerson, ...] = ()
    roles: tuple[GroupRole, ...] = ()
    members: list[Member] = field(default_factory=list)
    loaded: bool = False
    problem: str = ""
    busy: bool = False
    # giving a role
    user_id: str = ""
    role: str = ""
    is_admin: bool = False
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def group_id(self) -> UUID:
        assert self.session.me is not None and self.session.me.group_id is not None
        return self.session.me.group_id

    async def load(self) -> None:
        gateway = self.session.services.gateway
        try:
            found = await remote.group_people(gateway, self.group_id)
            self.members = await remote.members(gateway, self.session.store_id)
            self.people, self.roles, self.problem = found.people, found.roles, ""
            if len(self.roles) == 1:
                self.role = self.roles[0].key
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
        self.loaded = True

    def is_me(self, person: GroupPerson) -> bool:
        return self.session.me is not None and person.user_id == self.session.me.user_id

    @property
    def candidates(self) -> list[Member]:
        """Active members of the current store who are not on the list yet."""
        listed = {p.user_id for p in self.people}
        return [m for m in self.members if m.active and m.user_id not in listed]

    def set_value(self, key: str, value: str | bool) -> None:
        setattr(self, key, value)
        self.problems, self.problem = {}, ""

    async def grant(self) -> None:
        missing = [k for k in ("user_id", "role") if not getattr(self, k)]
        self.problems = dict.fromkeys(missing, "required")
        if missing:
            return
        gateway, user, role = self.session.services.gateway, UUID(self.user_id), self.role
        if await submit(
            self,
            lambda: remote.grant_group_role(
                gateway, self.group_id, user, role=role, is_admin=self.is_admin
            ),
        ):
            self.user_id, self.is_admin = "", False

    async def revoke(self, user_id: UUID) -> None:
        gateway = self.session.services.gateway
        await submit(self, lambda: remote.revoke_group_role(gateway, self.group_id, user_id))
