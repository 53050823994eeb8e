"""From a file to records: pick, map, preview, commit, revert."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import flet as ft

from admin.browser import ask_before_leaving, in_background
from admin.imports.checked_rows import Batches, CheckedRows
from admin.imports.column_mapping import ColumnMapping
from admin.imports.import_options import ImportOptions
from admin.imports.open_file import OpenFile
from admin.session import AdminSession
from shared.domain import imports
from shared.domain.imports import Kind
from shared.domain.members import names_apart
from shared.domain.problems import Problem
from shared.gateway import imports as remote
from shared.gateway import members as remote_members
from shared.gateway.imports import ImportRun

ENDINGS = ("csv", "xlsx", "xls", "txt", "tsv", "htm", "html", "mht", "mhtml")
NAME_LENGTH = 200  # letters of a file's name that are kept


@ft.observable
@dataclass(eq=False)
class ImportList:
    """step: pick → map → preview → running → done, or stopped on the way. It belongs to the store
    it began in, whatever the panel shows meanwhile. Each step has a state of its own: the file, its
    columns, the options, the rows that were checked."""

    session: AdminSession
    store_id: UUID = field(init=False)
    step: str = "pick"
    file: OpenFile = field(default_factory=OpenFile)
    columns: ColumnMapping = field(init=False)
    options: ImportOptions = field(default_factory=ImportOptions)
    rows: CheckedRows = field(default_factory=CheckedRows)
    runs: list[ImportRun] = field(default_factory=list)
    asked: UUID | None = None  # the import about to be taken back
    reverted: remote.Reverted | None = None
    problem: str = ""
    busy: bool = False

    def __post_init__(self) -> None:
        self.store_id = self.session.store_id
        self.columns = ColumnMapping(self.session, self.file)

    @property
    def under_way(self) -> bool:
        """A file is here: neither its columns nor its progress may be lost to a look at another
        page."""
        return self.file.sheet is not None

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Busy meanwhile; a problem is shown."""
        self.busy, self.problem = True, ""
        try:
            yield
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
        finally:
            self.busy = False

    async def load(self) -> None:
        """People, pools, saved mappings and imports of the past."""
        gateway, store = self.session.services.gateway, self.store_id
        if self.problem == "offline":
            self.problem = ""
        try:
            members = await remote_members.members(gateway, store)
            self.columns.members = names_apart(m for m in members if m.active)
            self.columns.saved = await remote.mappings(gateway, store)
            self.runs = await remote.runs(gateway, store)
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
        if self.session.config:
            self.options.begin(self.session.config, self.columns.members)

    # the file -------------------------------------------------------------------------------------

    def choose_kind(self, kind: Kind) -> None:
        """Rows that were checked as one kind are never imported as another."""
        if self.busy:
            return
        if self.step not in ("pick", "map"):
            self.map_again()
        self.columns.kind = kind
        if self.file.sheet:
            self.columns.propose(self.file.sheet)

    async def open(self, data: bytes, name: str) -> None:
        """Read a file and propose a mapping. `name`: the person's own."""
        if self.busy:
            return
        shown = name.replace("\\", "/").rpartition("/")[2]
        shown = "".join(c for c in shown if c.isprintable())[-NAME_LENGTH:]
        if shown.rpartition(".")[2].lower() not in ENDINGS:
            self.problem = "file_unreadable"
            return
        with self._working():
            self.columns.propose(await self.file.open(data, shown))
            self.step = "map"
            ask_before_leaving("import", unsaved=True)

    async def choose_sheet(self, name: str, heading_row: int | None = None) -> None:
        """Another sheet of the file, or another row for its headings; columns are guessed again."""
        if self.busy or not self.file.is_open:
            return
        with self._working():
            sheet = await self.file.choose(name, heading_row)
            self.map_again()
            self.columns.propose(sheet)

    async def choose_heading_row(self, row: str) -> None:
        if row.isdigit():
            await self.choose_sheet(self.file.sheet_name, int(row))

    def again(self) -> None:
        """Another file."""
        self.step, self.problem = "pick", ""
        ask_before_leaving("import", unsaved=False)
        self.file.close()
        self.rows.forget()

    # the rows -------------------------------------------------------------------------------------

    def _batches(self) -> Batches:
        return Batches(
            self.session.services.gateway,
            self.store_id,
            self.columns.kind,
            self.file.name,
            self.options.request(self.columns.mapping.source_system),
        )

    async def preview(self) -> None:
        """Every row through the domain's rules here, the first ones through the server's too."""
        config, sheet, columns = self.session.config, self.file.sheet, self.columns
        if config is None or sheet is None or columns.missing:
            self.problem = "required"
            return
        with self._working():
            prepared = await in_background(
                imports.prepare_all,
                columns.kind,
                columns.mapping,
                config,
                self.file.rows,
                columns.owners,
                sheet.broken,
            )
            await self.rows.check(prepared, self._batches())
            self.step = "preview"

    def map_again(self) -> None:
        """Back to the columns; what was checked under other columns is never imported."""
        self.step = "map"
        self.rows.forget()

    async def commit(self) -> None:
        """The rows still to go, with progress; stopped or cut off, the next call goes on with the
        same import where this one was."""
        if self.busy:
            return
        gateway, store, columns = self.session.services.gateway, self.store_id, self.columns
        name = columns.name.strip()[:80] or os.path.splitext(self.file.name)[0][:80] or columns.kind
        self.step, self.rows.stopping = "running", False
        try:
            with self._working():
                await remote.save_mapping(gateway, store, columns.kind, name, columns.mapping)
                await self.rows.commit(self.session.services.new_id(), self._batches())
                self.runs = await remote.runs(gateway, store)
        finally:
            partly = "stopped" if self.rows.done else "preview"
            self.step = "done" if self.rows.complete else partly
            ask_before_leaving("import", unsaved=self.step != "done")
            self.rows.stopping = False

    # the imports of the past ----------------------------------------------------------------------

    def ask_revert(self, import_id: UUID | None) -> None:
        self.asked, self.reverted = import_id, None

    async def revert(self) -> None:
        """Take back the import that was asked about; who was worked on since is kept and named."""
        if self.busy or self.asked is None:
            return
        gateway, store = self.session.services.gateway, self.store_id
        with self._working():
            self.reverted = await remote.revert(gateway, store, self.asked)
            if self.asked == self.rows.import_id and self.under_way:
                # the file is still here: it would be another import
                self.step, self.rows.counts = "preview", {}
                self.rows.begin_again()
            self.runs, self.asked = await remote.runs(gateway, store), None
