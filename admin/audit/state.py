"""Lines of the audit and what one looks for (F-84)."""

from dataclasses import dataclass, field

import flet as ft

from admin.session import AdminSession
from shared.domain.problems import Problem
from shared.gateway import audit as remote
from shared.gateway import members as remote_members
from shared.gateway.audit import AuditRow

KEEP = 200  # rows on the page


@ft.observable
@dataclass(eq=False)
class Audit:
    """what: records · configuration · audit_events. Days as 2026-11-24."""

    session: AdminSession
    what: str = "records"
    who: str = ""
    first: str = ""
    last: str = ""
    form: str = ""
    field_key: str = ""
    rows: list[AuditRow] = field(default_factory=list)
    next: int | None = None
    names: dict[str, str] = field(default_factory=dict)
    loaded: bool = False
    busy: bool = False
    problem: str = ""

    async def load(self) -> None:
        try:
            self.names = {
                str(m.user_id): m.name
                for m in await remote_members.members(
                    self.session.services.gateway, self.session.store_id
                )
            }
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
        await self.fetch()

    async def fetch(self, before: int | None = None) -> None:
        self.busy, self.problem = True, ""
        wanted = {"what": self.what, "user_id": self.who, "from": self.first, "to": self.last}
        if self.what == "records":
            wanted |= {"form": self.form, "field": self.field_key}
        try:
            found = await remote.page(
                self.session.services.gateway, self.session.store_id, before=before, wanted=wanted
            )
            self.rows = list(found.rows) if before is None else [*self.rows, *found.rows][-KEEP:]
            self.next = found.next
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
        finally:
            self.busy, self.loaded = False, True

    async def set_value(self, key: str, value: str) -> None:
        setattr(self, key, value)
        if key == "form":
            self.field_key = ""
        await self.fetch()

    async def more(self) -> None:
        if self.next is not None:
            await self.fetch(self.next)
