"""Rows that were checked, and how far they are imported."""

import asyncio
import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import flet as ft

from admin.imports.reader import Sheet
from shared.domain import imports
from shared.domain.imports import PreparedRows, RowProblem
from shared.domain.problems import Problem, Rejected
from shared.domain.values.text import escape_formula
from shared.gateway import imports as remote
from shared.gateway.client import Gateway
from shared.gateway.imports import RowAnswer

PREVIEW_ROWS = 1000  # rows whose effect is asked of the server before anything is written
PAUSE = 1.0  # seconds before a batch is sent again
STATUSES = ("created", "updated", "unchanged", "refused")


@dataclass(frozen=True)
class Batches:
    """To which store rows go, as what and with which options."""

    gateway: Gateway
    store_id: UUID
    kind: str
    file_name: str
    options: dict[str, Any]

    async def preview(self, rows: list[dict[str, Any]]) -> list[RowAnswer]:
        """What the server would do with the rows, batch by batch. Raises Problem."""
        answers: list[RowAnswer] = []
        for first in range(0, len(rows), remote.BATCH):
            batch = rows[first : first + remote.BATCH]
            answers += await remote.preview(
                self.gateway, self.store_id, self.kind, self.options, batch
            )
        return answers

    async def commit(self, import_id: UUID, rows: list[dict[str, Any]]) -> list[RowAnswer]:
        """One batch; cut off, it is sent again, which changes nothing twice. Raises Problem."""
        for attempt in range(3):
            try:
                return await remote.commit(
                    self.gateway,
                    self.store_id,
                    import_id,
                    self.kind,
                    self.file_name,
                    self.options,
                    rows,
                )
            except Rejected:
                raise
            except Problem:
                if attempt == 2:
                    raise
                await asyncio.sleep(PAUSE * (1 + attempt))
        return []


@ft.observable
@dataclass(eq=False)
class CheckedRows:
    """import_id: the import that has begun; going on is the same one."""

    problems: list[RowProblem] = field(default_factory=list)
    warnings: list[RowProblem] = field(default_factory=list)
    effects: list[RowAnswer] = field(default_factory=list)  # of the first rows
    counts: dict[str, int] = field(default_factory=dict)
    done: int = 0
    stopping: bool = False
    import_id: UUID | None = None
    _good: list[dict[str, Any]] = field(default_factory=list)

    @property
    def good(self) -> int:
        """How many rows can be imported."""
        return len(self._good)

    @property
    def complete(self) -> bool:
        return self.done == len(self._good)

    async def check(self, prepared: PreparedRows, batches: Batches) -> None:
        """Keep the rows and ask the server about the first ones. Raises Problem."""
        answers = await batches.preview(prepared.good[:PREVIEW_ROWS])
        self._good, self.warnings = prepared.good, prepared.warnings
        self.problems = [*prepared.problems, *_refusals(answers)]
        self.effects, self.counts = answers, _count(answers)
        self.begin_again()

    def begin_again(self) -> None:
        """What is sent next is another import."""
        self.done, self.import_id = 0, None

    def forget(self) -> None:
        self.problems, self.warnings, self.effects, self.counts, self._good = [], [], [], {}, []
        self.begin_again()

    async def commit(self, import_id: UUID, batches: Batches) -> None:
        """The rows still to go, batch by batch: those of the import that has begun, else all under
        the new id. Raises Problem; the next call goes on where this one was."""
        if self.import_id is None or self.complete:
            self.import_id, self.done, self.counts = import_id, 0, {}
        while not self.complete and not self.stopping:
            rows = self._good[self.done : self.done + remote.BATCH]
            self._take(rows, await batches.commit(self.import_id, rows))

    def _take(self, rows: list[dict[str, Any]], answers: list[RowAnswer]) -> None:
        here, counted = {r["row"] for r in rows}, _count(answers)
        self.problems = [*(p for p in self.problems if p.row not in here), *_refusals(answers)]
        self.counts = {k: self.counts.get(k, 0) + counted[k] for k in STATUSES}
        self.done += len(rows)

    def stop(self) -> None:
        """After the batch that is on its way."""
        self.stopping = True

    def error_file(
        self,
        sheet: Sheet,
        headings: Sequence[str],
        name: Callable[[str], str],
        sentence: Callable[[str], str],
    ) -> str:
        """The rows that were not taken, with the reason in words, as CSV that no spreadsheet will
        run: corrected, it can be imported as it is. headings: of the row's number, the field, the
        problem, the value."""
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow([*headings, *sheet.headings])
        rows = dict(sheet.numbered())
        for p in sorted(self.problems, key=lambda problem: problem.row):
            row = rows.get(p.row, {})
            reason = [name(p.field), sentence(p.code), escape_formula(p.value)]
            cells = [escape_formula(imports.cell_text(row.get(h))) for h in sheet.headings]
            writer.writerow([p.row, *reason, *cells])
        return "\ufeff" + out.getvalue()


def _count(answers: list[RowAnswer]) -> dict[str, int]:
    return {status: sum(1 for a in answers if a.status == status) for status in STATUSES}


def _refusals(answers: list[RowAnswer]) -> list[RowProblem]:
    return [
        RowProblem(
            row=a.row,
            field=f"{e.get('form', '')}.{e.get('field', '')}".strip("."),
            code=str(e.get("code", "unexpected")),
        )
        for a in answers
        if a.status == "refused"
        for e in a.errors
    ]
