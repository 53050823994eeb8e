"""Who is in the store; inviting, changing, handing over, letting go (S-35, S-49, F-80)."""

from dataclasses import dataclass, field
from uuid import UUID

import flet as ft

from admin.session import AdminSession
from shared.domain.members import Invitation, Person
from shared.domain.problems import Problem, Refused
from shared.gateway import members as remote
from shared.gateway.members import Handover, InvitationCode


@ft.observable
@dataclass(eq=False)
class Members:
    session: AdminSession
    rows: list[Person] = field(default_factory=list)
    invitations: list[Invitation] = field(default_factory=list)
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
    his_name: str = ""
    his_role: str = ""
    his_team: str = ""
    leaving: bool = False
    heir: str = ""
    pool: str = ""
    done: str = ""
    handover: Handover | None = None

    async def load(self) -> None:
        try:
            self.rows = await remote.people(self.session.services.gateway, self.session.store_id)
            self.invitations = await remote.invitations(self.session.services.gateway, self.session.store_id)
            self.problem = ""
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
        self.loaded = True

    def put(self, key: str, value: str) -> None:
        setattr(self, key, value)
        self.problems = {k: v for k, v in self.problems.items() if k != key}
        if key in ("his_name", "his_role", "his_team"):
            self.done = ""

    async def invite(self) -> None:
        """The code is shown once; what was typed stays until it worked."""
        missing = [k for k in ("name", "contact", "role") if not (getattr(self, k) or "").strip()]
        self.problems = {k: "required" for k in missing}
        if missing:
            return
        try:
            self.code = await remote.invite(
                self.session.services.gateway, self.session.store_id, name=self.name, contact=self.contact, role=self.role or ""
            )
        except Refused as refused:
            self.problems, self.problem = ({refused.field: refused.code}, "") if refused.field else ({}, refused.code)
            return
        except Problem as problem:
            self.problem = problem.code
            return
        self.code_for, self.name, self.contact, self.role, self.problem = self.name, "", "", None, ""
        await self.load()

    async def revoke(self, invitation: UUID) -> None:
        await remote.revoke_invitation(self.session.services.gateway, self.session.store_id, invitation)
        await self.load()

    # One member ------------------------------------------------------------------------------------------------------

    @property
    def person(self) -> Person | None:
        return next((p for p in self.rows if p.user_id == self.chosen), None)

    def is_me(self, person: Person) -> bool:
        return self.session.me is not None and person.user_id == self.session.me.user_id

    def choose(self, user_id: UUID | None) -> None:
        self.chosen, self.leaving, self.heir, self.pool, self.done, self.handover, self.problem, self.problems = (
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
            self.his_name, self.his_role, self.his_team = person.name, person.role, person.team

    def leave(self) -> None:
        self.leaving, self.done, self.problem = True, "", ""

    def stay(self) -> None:
        self.leaving, self.problem, self.problems = False, "", {}

    async def _act(self, action, done: str) -> bool:
        if self.busy:
            return False
        self.busy, self.problem, self.problems = True, "", {}
        try:
            await action()
        except Refused as refused:
            if refused.field:
                self.problems = {refused.field: refused.code}
            else:
                self.problem = refused.code
            return False
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
            return False
        finally:
            self.busy = False
        await self.load()
        self.done = done
        return True

    async def save(self) -> None:
        person = self.person
        if person is not None:
            gateway, store = self.session.services.gateway, self.session.store_id
            await self._act(
                lambda: remote.set_member(gateway, store, person.user_id, name=self.his_name, role=self.his_role, team=self.his_team), "saved"
            )

    async def disable(self) -> None:
        person = self.person
        if person is None:
            return

        async def hand_over() -> None:
            self.handover = await remote.disable(
                self.session.services.gateway, self.session.store_id, person.user_id, heir_id=self.heir, pool=self.pool
            )

        if await self._act(hand_over, "disabled"):
            self.leaving = False

    async def enable(self) -> None:
        person = self.person
        if person is not None:
            gateway, store = self.session.services.gateway, self.session.store_id
            await self._act(lambda: remote.enable(gateway, store, person.user_id, role=self.his_role), "enabled")

    async def sign_out(self) -> None:
        person = self.person
        if person is not None:
            gateway, store = self.session.services.gateway, self.session.store_id
            await self._act(lambda: remote.sign_out_everywhere(gateway, store, person.user_id), "signed_out_everywhere")
