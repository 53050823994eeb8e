"""Who is in the store; inviting, changing, handing over, letting go (S-35, S-49, F-80)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import UUID

import flet as ft

from admin.session import AdminSession, submit
from shared.domain.members import Invitation, Person
from shared.domain.problems import Problem
from shared.gateway import members as remote
from shared.gateway.members import InvitationCode, TransferredWork


@ft.observable
@dataclass(eq=False)
class Members:
    session: AdminSession
    rows: list[Person] = field(default_factory=list)
    invitations: list[Invitation] = field(default_factory=list)
    grantable: list[str] = field(default_factory=list)
    loaded: bool = False
    problem: str = ""
    busy: bool = False
    # inviting
    name: str = ""
    contact: str = ""
    role: str | None = None
    problems: dict[str, str] = field(default_factory=dict)
    code: InvitationCode | None = None
    code_for: str = ""
    # the member one looks at
    chosen: UUID | None = None
    member_name: str = ""
    member_role: str = ""
    member_team: str = ""
    leaving: bool = False
    new_owner: str = ""
    pool: str = ""
    done: str = ""
    transferred: TransferredWork | None = None

    async def load(self) -> None:
        try:
            self.rows = await remote.people(self.session.services.gateway, self.session.store_id)
            self.grantable = await remote.grantable_roles(
                self.session.services.gateway, self.session.store_id
            )
            self.invitations = await remote.invitations(
                self.session.services.gateway, self.session.store_id
            )
            self.problem = ""
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
        self.loaded = True

    def set_value(self, key: str, value: str) -> None:
        setattr(self, key, value)
        self.problems = {k: v for k, v in self.problems.items() if k != key}
        if key in ("member_name", "member_role", "member_team"):
            self.done = ""

    async def invite(self) -> None:
        """The code is shown once; the fields are cleared only after success."""
        missing = [k for k in ("name", "contact", "role") if not (getattr(self, k) or "").strip()]
        self.problems = {k: "required" for k in missing}
        if missing:
            return
        name, contact, role = self.name, self.contact, self.role or ""
        gateway, store = self.session.services.gateway, self.session.store_id

        async def invite() -> None:
            code = await remote.invite(gateway, store, name=name, contact=contact, role=role)
            self.code, self.code_for = code, name

        if await submit(self, invite):
            self.name, self.contact, self.role = "", "", None

    def invite_another(self) -> None:
        """The code is gone with it: only its hash is stored."""
        self.code, self.code_for = None, ""

    async def revoke(self, invitation: UUID) -> None:
        try:
            await remote.revoke_invitation(
                self.session.services.gateway, self.session.store_id, invitation
            )
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
            return
        await self.load()

    # One member -----------------------------------------------------------------------------------

    @property
    def person(self) -> Person | None:
        return next((p for p in self.rows if p.user_id == self.chosen), None)

    def is_me(self, person: Person) -> bool:
        return self.session.me is not None and person.user_id == self.session.me.user_id

    def choose(self, user_id: UUID | None) -> None:
        (
            self.chosen,
            self.leaving,
            self.new_owner,
            self.pool,
            self.done,
            self.transferred,
            self.problem,
            self.problems,
        ) = (
            user_id,
            False,
            "",
            "",
            "",
            None,
            "",
            {},
        )
        if (person := self.person) is not None:
            self.member_name, self.member_role, self.member_team = (
                person.name,
                person.role,
                person.team,
            )

    def leave(self) -> None:
        self.leaving, self.done, self.problem = True, "", ""

    def stay(self) -> None:
        self.leaving, self.problem, self.problems = False, "", {}

    async def _act(self, action: Callable[[], Awaitable[object]], done: str) -> bool:
        """`done` is what is said when it was done."""
        if not await submit(self, action):
            return False
        self.done = done
        return True

    async def save(self) -> None:
        person = self.person
        if person is not None:
            gateway, store = self.session.services.gateway, self.session.store_id
            await self._act(
                lambda: remote.set_member(
                    gateway,
                    store,
                    person.user_id,
                    name=self.member_name,
                    role=self.member_role,
                    team=self.member_team,
                ),
                "saved",
            )

    async def disable(self) -> None:
        person = self.person
        if person is None:
            return

        async def disable_member() -> None:
            self.transferred = await remote.disable(
                self.session.services.gateway,
                self.session.store_id,
                person.user_id,
                new_owner_id=self.new_owner,
                pool=self.pool,
            )

        if await self._act(disable_member, "disabled"):
            self.leaving = False

    async def enable(self) -> None:
        person = self.person
        if person is not None:
            gateway, store = self.session.services.gateway, self.session.store_id
            await self._act(
                lambda: remote.enable(gateway, store, person.user_id, role=self.member_role),
                "enabled",
            )

    async def sign_out(self) -> None:
        person = self.person
        if person is not None:
            gateway, store = self.session.services.gateway, self.session.store_id
            await self._act(
                lambda: remote.sign_out_everywhere(gateway, store, person.user_id),
                "signed_out_everywhere",
            )
