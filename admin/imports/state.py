"""From a file to records: pick, map, preview, commit, error file."""

import asyncio
import csv
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import flet as ft

from admin.imports.reader import Sheet, read
from admin.session import AdminSession
from shared.domain import imports
from shared.domain.imports import ImportMapping, Kind, RowProblem
from shared.domain.problems import Problem, Refused
from shared.gateway import imports as remote
from shared.gateway import members as remote_members
from shared.gateway.imports import ImportRun, RowAnswer

PREVIEW_ROWS = 200
PAUSE = 1.0  # seconds before a batch is sent again
MATCH = ("phone", "plate", "vin", "policy_number")


@ft.observable
@dataclass(eq=False)
class ImportList:
    """step: pick → map → preview → running → done, or stopped on the way. It belongs to the store it began in, whatever the panel shows meanwhile."""

    session: AdminSession
    store_id: UUID = field(init=False)
    step: str = "pick"
    kind: Kind = "policies"
    file_name: str = ""
    uploading: str = ""
    sheet: Sheet | None = None
    mapping: ImportMapping = field(default_factory=ImportMapping)
    owner: str = ""
    renewal_owner: str = ""
    pool: str = ""
    level: str = ""
    source: str = ""
    duplicates: str = "update"  # what becomes of a customer who is there: update · join (fill what is empty) · skip
    match: list[str] = field(default_factory=lambda: list(MATCH))  # by what he is found
    mapping_name: str = ""
    asked: UUID | None = None  # the import about to be taken back
    reverted: remote.Reverted | None = None
    members: list[tuple[str, str]] = field(default_factory=list)
    saved: list[remote.SavedMapping] = field(default_factory=list)
    runs: list[ImportRun] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    done_rows: int = 0
    stopping: bool = False
    problem: str = ""
    busy: bool = False
    _prepared: list[dict[str, Any]] = field(default_factory=list)
    _import: UUID | None = None  # the one that has begun; going on is the same one

    def __post_init__(self) -> None:
        self.store_id = self.session.store_id

    @property
    def under_way(self) -> bool:
        """A file is here: neither its columns nor its progress may be lost to a look at another page."""
        return self.sheet is not None

    async def load(self) -> None:
        """People, pools, saved mappings and imports of the past."""
        gateway, store = self.session.services.gateway, self.store_id
        if self.uploading:  # the browser came back; the picker that would have told of the rest is gone
            self.uploading, self.busy, self.problem = "", False, "upload_broken"
        elif self.problem == "offline":
            self.problem = ""
        try:
            self.members = [(str(m.user_id), m.name) for m in await remote_members.members(gateway, store) if m.active]
            self.saved, self.runs = await remote.mappings(gateway, store), await remote.runs(gateway, store)
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
        config = self.session.config
        if config and not self.level:
            self.level = min(config.levels, key=lambda level: level.rank).key
            source = config.forms["customer"].field("source")
            self.source = source.options[0].key if source and source.options else ""
            self.pool = config.pools[-1].key if config.pools else ""
            self.owner = "" if self.pool else self.members[0][0] if self.members else ""

    def choose_kind(self, kind: Kind) -> None:
        """Rows that were checked as one kind are never imported as another."""
        if self.busy:
            return
        if self.step not in ("pick", "map"):
            self.map_again()
        self.kind = kind
        if self.sheet:
            self.mapping = self._first_mapping(self.sheet)

    async def open(self, file: Path, name: str) -> None:
        """Read an uploaded file and propose a mapping. Raises nothing: a problem is shown."""
        self.busy, self.problem = True, ""
        try:
            self.sheet = await asyncio.to_thread(read, file, name)
            self.file_name, self.mapping, self.step = name, self._first_mapping(self.sheet), "map"
        except Refused as refused:
            self.problem = refused.code
        finally:
            self.busy = False
            await asyncio.to_thread(file.unlink, missing_ok=True)  # the list is in memory; nothing personal stays on disk

    def _first_mapping(self, sheet: Sheet) -> ImportMapping:
        """A saved mapping whose columns are all here, else a guess by the headings."""
        self.mapping_name = ""
        for saved in self.fitting(sheet):
            self.mapping_name = saved.name
            return saved.mapping
        guessed = imports.guess(self.kind, sheet.headings)
        pipeline = self.session.config.pipelines[0].key if self.session.config else ""
        return imports.tuned(guessed, sheet.rows).model_copy(update={"pipeline": pipeline})

    def fitting(self, sheet: Sheet) -> list[remote.SavedMapping]:
        """Saved mappings of this kind whose columns are all in the file; the fullest first."""
        found = [s for s in self.saved if s.kind == self.kind and set(s.mapping.columns.values()) <= set(sheet.headings)]
        return sorted(found, key=lambda s: -len(s.mapping.columns))

    def choose_mapping(self, name: str) -> None:
        found = next((s for s in self.saved if s.kind == self.kind and s.name == name), None)
        if found is not None:
            self.mapping, self.mapping_name = found.mapping, name

    def flip_match(self, key: str) -> None:
        self.match = [k for k in MATCH if (k in self.match) != (k == key)]

    def map_column(self, target: str, heading: str) -> None:
        columns = {k: v for k, v in self.mapping.columns.items() if k != target}
        if heading:
            columns[target] = heading
        self.mapping = self.mapping.model_copy(update={"columns": columns})

    def map_value(self, target: str, text: str, key: str) -> None:
        of_target = {**self.mapping.values.get(target, {}), text: key}
        self.mapping = self.mapping.model_copy(update={"values": {**self.mapping.values, target: {k: v for k, v in of_target.items() if v}}})

    def set_default(self, target: str, text: str) -> None:
        """What an empty cell of that column stands for; empty takes the choice back."""
        defaults = {**self.mapping.defaults, target: text}
        self.mapping = self.mapping.model_copy(update={"defaults": {k: v for k, v in defaults.items() if v}})

    def set_mapping(self, **changes: Any) -> None:
        self.mapping = self.mapping.model_copy(update=changes)

    def put(self, key: str, value: str) -> None:
        setattr(self, key, value)
        if key == "pool" and value:
            self.owner = ""
        if key == "owner" and value:
            self.pool = ""

    @property
    def options(self) -> dict[str, Any]:
        return {
            "owner_id": self.owner or None,
            "pool": self.pool or None,
            "renewal_owner_id": self.renewal_owner or None,
            "level": self.level,
            "source": self.source,
            "duplicates": self.duplicates,
            "match": self.match,
        }

    @property
    def missing(self) -> tuple[str, ...]:
        return imports.missing_targets(self.kind, self.mapping)

    def stage_values(self) -> list[str]:
        heading = self.mapping.columns.get("deal.stage")
        return imports.distinct_values(self.sheet.rows, heading) if self.sheet and heading and self.kind == "deals" else []

    def value_maps(self) -> list[tuple[str, list[str]]]:
        """Mapped columns of a choice, each with the texts the store has no word for: (target, texts)."""
        config, sheet = self.session.config, self.sheet
        if config is None or sheet is None:
            return []
        found = []
        for target, heading in self.mapping.columns.items():
            form, _dot, key = target.partition(".")
            definition = config.forms[form].field(key) if form in config.forms else None
            if definition is None or definition.type_in(form) not in ("select", "level"):
                continue
            known = imports.known_words(config, form, key)
            texts = [t for t in imports.distinct_values(sheet.rows, heading) if t not in known]
            if 0 < len(texts) <= 24:
                found.append((target, texts))
        return found

    async def preview(self) -> None:
        """Every row through the domain's rules here, the first ones through the server's too."""
        config, sheet = self.session.config, self.sheet
        if config is None or sheet is None or self.missing:
            self.problem = "required"
            return
        self.busy, self.problem = True, ""
        try:
            owners = {name: member for member, name in self.members}

            self._prepared, problems = await asyncio.to_thread(imports.prepare_all, self.kind, self.mapping, config, sheet.numbered(), owners)
            answers = await remote.preview(self.session.services.gateway, self.store_id, self.kind, self.options, self._prepared[:PREVIEW_ROWS])
            self.problems = [*problems, *_refusals(answers)]
            self.counts, self.done_rows, self._import = _count(answers), 0, None
            self.step = "preview"
        except Refused as refused:
            self.problem = refused.code
        except Problem as problem:
            self.problem = problem.code
        finally:
            self.busy = False

    def map_again(self) -> None:
        """Back to the columns; what was checked under other columns is never imported."""
        self.step, self.problems, self.counts, self._prepared, self.done_rows, self._import = "map", [], {}, [], 0, None

    @property
    def good_rows(self) -> int:
        return len(self._prepared)

    async def commit(self) -> None:
        """The rows still to go, batch by batch, with progress. A batch that fails on the way is sent again, which changes nothing twice; stopped or
        cut off, the next call goes on with the same import where this one was."""
        if self.busy:
            return
        gateway, store = self.session.services.gateway, self.store_id
        if self._import is None or self.step == "done":
            self._import, self.done_rows, self.counts = self.session.services.new_id(), 0, {}
        self.busy, self.problem, self.step, self.stopping = True, "", "running", False
        try:
            name = self.mapping_name.strip()[:80] or os.path.splitext(self.file_name)[0][:80] or self.kind
            await remote.save_mapping(gateway, store, self.kind, name, self.mapping)
            while self.done_rows < len(self._prepared) and not self.stopping:
                rows = self._prepared[self.done_rows : self.done_rows + remote.BATCH]
                answers = await self._send(self._import, rows)
                here, counted = {r["row"] for r in rows}, _count(answers)
                self.problems = [*(p for p in self.problems if p.row not in here), *_refusals(answers)]
                self.counts = {k: self.counts.get(k, 0) + counted.get(k, 0) for k in ("created", "updated", "unchanged", "refused")}
                self.done_rows += len(rows)
            self.runs = await remote.runs(gateway, store)
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
        finally:
            if self.done_rows == len(self._prepared):
                self.step = "done"
            else:
                self.step = "stopped" if self.done_rows else "preview"
            self.busy = self.stopping = False

    async def _send(self, import_id: UUID, rows: list[dict[str, Any]]) -> list[RowAnswer]:
        for attempt in range(3):
            try:
                return await remote.commit(self.session.services.gateway, self.store_id, import_id, self.kind, self.file_name, self.options, rows)
            except Refused:
                raise
            except Problem:
                if attempt == 2:
                    raise
                await asyncio.sleep(PAUSE * (1 + attempt))
        return []

    def ask_revert(self, import_id: UUID | None) -> None:
        self.asked, self.reverted = import_id, None

    async def revert(self) -> None:
        """Take back the import that was asked about; who was worked on since is kept and named."""
        if self.busy or self.asked is None:
            return
        self.busy, self.problem = True, ""
        gateway, store = self.session.services.gateway, self.store_id
        try:
            self.reverted = await remote.revert(gateway, store, self.asked)
            if self.asked == self._import and self.sheet is not None:  # the file is still here: it would be another import
                self.step, self.done_rows, self.counts, self._import = "preview", 0, {}, None
            self.runs, self.asked = await remote.runs(gateway, store), None
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
        finally:
            self.busy = False

    def stop(self) -> None:
        """After the batch that is on its way."""
        self.stopping = True

    def again(self) -> None:
        self.step, self.sheet, self.file_name, self.problems, self.counts, self._prepared = "pick", None, "", [], {}, []
        self.done_rows, self._import, self.problem = 0, None, ""

    def error_file(self, headings: Sequence[str], name: Callable[[str], str], sentence: Callable[[str], str]) -> str:
        """The rows that were not taken, with the reason in words, as CSV that no spreadsheet will run: mended, it can be imported as it is.
        headings: of the row's number, the field, the problem, the value."""
        out = io.StringIO()
        writer = csv.writer(out)
        columns = self.sheet.headings if self.sheet else []
        writer.writerow([*headings, *columns])
        rows = dict(self.sheet.numbered()) if self.sheet else {}
        for p in sorted(self.problems, key=lambda problem: problem.row):
            row = rows.get(p.row, {})
            told = [name(p.field), sentence(p.code), imports.neutral(p.value)]
            writer.writerow([p.row, *told, *(imports.neutral(imports.cell_text(row.get(h))) for h in columns)])
        return "\ufeff" + out.getvalue()


def _count(answers: list[RowAnswer]) -> dict[str, int]:
    return {status: sum(1 for a in answers if a.status == status) for status in ("created", "updated", "unchanged", "refused")}


def _refusals(answers: list[RowAnswer]) -> list[RowProblem]:
    return [
        RowProblem(row=a.row, field=f"{e.get('form', '')}.{e.get('field', '')}".strip("."), code=str(e.get("code", "unexpected")))
        for a in answers
        if a.status == "refused"
        for e in a.errors
    ]
