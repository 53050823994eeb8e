"""Who is in the store, and inviting someone."""

from dataclasses import dataclass, field

import flet as ft

from admin.session import AdminSession
from shared.domain.members import Invitation, Member
from shared.domain.problems import Problem, Refused
from shared.gateway import members as remote
from shared.gateway.members import InvitationCode


@ft.observable
@dataclass(eq=False)
class Members:
    session: AdminSession
    rows: list[Member] = field(default_factory=list)
    invitations: list[Invitation] = field(default_factory=list)
    loaded: bool = False
    problem: str = ""
    name: str = ""
    contact: str = ""
    role: str | None = None
    problems: dict[str, str] = field(default_factory=dict)
    code: InvitationCode | None = None
    code_for: str = ""

    async def load(self) -> None:
        try:
            self.rows = await remote.members(self.session.services.gateway, self.session.store_id)
            self.invitations = await remote.invitations(self.session.services.gateway, self.session.store_id)
            self.problem = ""
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
        self.loaded = True

    def put(self, key: str, value: str) -> None:
        setattr(self, key, value)
        self.problems = {k: v for k, v in self.problems.items() if k != key}

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
