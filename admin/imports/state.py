"""From a file to records: pick, map, preview, commit, revert."""

import asyncio
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import flet as ft

from admin.imports.checked_rows import Batches, CheckedRows
from admin.imports.column_mapping import ColumnMapping
from admin.imports.import_options import ImportOptions
from admin.imports.limits import MAX_BYTES
from admin.imports.uploaded_file import UploadedFile
from admin.session import AdminSession
from shared.domain import imports
from shared.domain.imports import Kind
from shared.domain.problems import Problem
from shared.gateway import imports as remote
from shared.gateway import members as remote_members
from shared.gateway.imports import ImportRun

ENDINGS = ("csv", "xlsx", "xls", "txt", "tsv", "htm", "html")
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
    file: UploadedFile = field(default_factory=UploadedFile)
    columns: ColumnMapping = field(init=False)
    options: ImportOptions = field(default_factory=ImportOptions)
    rows: CheckedRows = field(default_factory=CheckedRows)
    uploading: str = ""  # as it is stored
    upload_name: str = ""  # as the person calls it
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
        if self.uploading:
            # the browser came back; the picker that would have told of the rest is gone
            self.uploading, self.busy, self.problem = "", False, "upload_broken"
        elif self.problem == "offline":
            self.problem = ""
        try:
            members = await remote_members.members(gateway, store)
            self.columns.members = [(str(m.user_id), m.name) for m in members if m.active]
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

    def begin_upload(self, file_name: str, size: int) -> str | None:
        """The name an upload is stored under; None when it need not begin. The person's own name
        for the file comes from the client: it is shown, and never part of a path."""
        shown = file_name.replace("\\", "/").rpartition("/")[2]
        shown = "".join(c for c in shown if c.isprintable())[-NAME_LENGTH:]
        ending = shown.rpartition(".")[2].lower()
        if ending not in ENDINGS:
            self.problem = "file_unreadable"
            return None
        if size > MAX_BYTES:
            self.problem = "file_too_large"
            return None
        stored = f"{self.session.services.new_id()}.{ending}"
        self.busy, self.problem, self.uploading, self.upload_name = True, "", stored, shown
        return stored

    def upload_failed(self, error: str) -> None:
        """`error`: the browser's message, with the status of the server."""
        found = re.search(r"\b(413|507)\b", error)
        codes = {"413": "upload_too_large", "507": "uploads_full"}
        self.problem = codes[found[1]] if found else "upload_broken"
        self.uploading, self.busy = "", False

    async def open(self, file: Path, name: str) -> None:
        """Read an uploaded file and propose a mapping."""
        try:
            with self._working():
                self.columns.propose(await self.file.open(file, name))
                self.step = "map"
        finally:  # the list is in memory; nothing personal stays on disk
            await asyncio.to_thread(file.unlink, missing_ok=True)

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
            prepared = await asyncio.to_thread(
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
