"""What publishing would do, and doing it (F-74, F-75)."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import flet as ft

from admin.draft import Draft
from admin.session import AdminSession
from shared.domain.draft_merge import GONE, part
from shared.domain.effort_budget import OverBudget, over_budget
from shared.domain.impact import Impact
from shared.domain.problems import Problem, Rejected
from shared.gateway import config as remote
from shared.gateway.config import RecordName

ORDER = ("refused", "warning", "info")
REST = 0.5  # seconds without an edit before a check is asked for


@ft.observable
@dataclass(eq=False)
class Publishing:
    session: AdminSession
    impacts: list[Impact] = field(default_factory=list)
    checking: bool = False
    note: str = ""
    over_anyway: bool = False
    opened: int = -1  # which impact shows its rows
    names: list[RecordName] = field(default_factory=list)
    problem: str = ""
    _checked: Any = None
    _round: int = 0

    @property
    def draft(self) -> Draft:
        return self.session.draft

    @property
    def is_checked(self) -> bool:
        return self._checked == (self.draft.document, self.draft.base_version)

    @property
    def refused(self) -> bool:
        return any(x.level == "refused" for x in self.impacts)

    @property
    def over(self) -> list[OverBudget]:
        """Roles whose daily acts cost more than the store's limit."""
        config = self.draft.config
        return over_budget(config) if config else []

    @property
    def may_publish(self) -> bool:
        return bool(
            self.draft.changes
            and self.is_checked
            and not self.refused
            and not self.draft.unfinished
            and not self.draft.conflicts
            and not self.draft.busy
            and (self.over_anyway or not self.over)
        )

    async def check(self) -> None:
        """Ask what the document as it is now would do; an answer to an older one is thrown away."""
        self._round += 1
        here, document = self._round, self.draft.document
        asked = (
            document,
            self.draft.base_version,
        )  # the same document upon another version is another question
        if not document or self.draft.unfinished or not self.draft.changes:
            self.impacts, self.checking, self._checked = [], False, asked
            return
        self.checking = True
        await asyncio.sleep(REST)
        if here != self._round:
            return
        try:
            found = await remote.check(
                self.session.services.gateway, self.session.store_id, dict(document)
            )
            if here == self._round:
                self.impacts = sorted(
                    (
                        x for x in found if x.kind != "over_budget"
                    ),  # the page prices the draft itself, before any check
                    key=lambda x: ORDER.index(x.level),
                )
                self._checked, self.opened, self.problem = asked, -1, ""
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
        finally:
            if here == self._round:
                self.checking = False

    def replacements(self, x: Impact) -> list[tuple[str, dict[str, Any]]]:
        """Where the records of something that goes may go, as (key of a replacement, thing)."""
        if x.level != "refused" or x.kind not in ("stage_removed", "level_removed", "pool_removed"):
            return []
        document = self.draft.document
        if x.kind != "stage_removed":
            return [(t["key"], t) for t in document.get(f"{x.kind.partition('_')[0]}s", ())]
        old = part(self.draft.base, ("pipelines", x.pipeline or "", "stages", x.key or ""))
        kind = old["type"] if old is not GONE else ""
        own_first = sorted(document.get("pipelines", ()), key=lambda p: p["key"] != x.pipeline)
        return [
            (f"{p['key']}.{s['key']}", s)
            for p in own_first
            for s in p["stages"]
            if s["type"] == kind
        ]

    def succeed(self, x: Impact, replacement: str) -> None:
        """Choose where the records go; the check then runs again."""
        kind = x.kind.partition("_")[0]
        gone = f"{x.pipeline}.{x.key}" if kind == "stage" else x.key or ""
        before = part(self.draft.document, ("replacements", f"{kind}s"))
        self.draft.set_value(
            ("replacements", f"{kind}s"), {**({} if before is GONE else before), gone: replacement}
        )

    def write_note(self, text: str) -> None:
        self.note = text

    def allow_over(self, yes: bool) -> None:
        self.over_anyway = yes

    async def open(self, index: int) -> None:
        """The records behind a count."""
        if self.opened == index:
            self.opened = -1
            return
        impact = self.impacts[index]
        ids = list(impact.ids) or [UUID(str(r["id"])) for r in impact.rows if "id" in r]
        self.names = await remote.record_names(
            self.session.services.gateway, self.session.store_id, impact.form or "deal", ids
        )
        self.opened = index

    async def publish(self, override: str = "") -> None:
        """override: what is said in the history when the tap budget is exceeded on purpose."""
        if not self.may_publish:
            raise Rejected("invalid_config")
        await self.draft.publish(
            "\n".join(x for x in (self.note.strip(), override) if x)[:500],
            over_budget=bool(override),
        )
        if self.draft.published:
            self.note, self.over_anyway, self.impacts = "", False, []
