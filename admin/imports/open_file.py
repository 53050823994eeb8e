"""The file that is imported: its sheets, the one that is read, its headings and rows."""

from dataclasses import dataclass, field
from typing import Any

import flet as ft

from admin.browser import in_background
from admin.imports.reader import ListFile, Sheet


@ft.observable
@dataclass(eq=False)
class OpenFile:
    name: str = ""  # as the person calls it
    sheet: Sheet | None = None
    sheet_name: str = ""
    sheets: list[tuple[str, bool]] = field(default_factory=list)  # name, and whether it is visible
    first_rows: list[tuple[int, str]] = field(default_factory=list)  # number, what stands there
    with_hidden: bool = True  # rows that a filter hides are taken too
    _file: ListFile | None = None

    @property
    def is_open(self) -> bool:
        return self._file is not None

    async def open(self, data: bytes, name: str) -> Sheet:
        """Read the sheet that looks most like a list. Raises Rejected."""
        opened = await in_background(ListFile, data)
        sheet_name = await in_background(opened.best_sheet)
        sheet = await in_background(opened.read, sheet_name)
        self._file, self.name, self.sheets = opened, name, opened.sheets
        self.sheet, self.sheet_name = sheet, sheet_name
        self.first_rows = opened.first_rows(sheet_name)
        return sheet

    async def choose(self, name: str, heading_row: int | None = None) -> Sheet:
        """Another sheet, or another row for its headings. Raises Rejected."""
        assert self._file is not None
        sheet = await in_background(self._file.read, name, heading_row)
        self.first_rows = self._file.first_rows(name)
        self.sheet, self.sheet_name = sheet, name
        return sheet

    def close(self) -> None:
        self.sheet, self._file, self.name = None, None, ""
        self.sheets, self.sheet_name = [], ""

    def flip_hidden(self) -> None:
        self.with_hidden = not self.with_hidden

    def heading_choices(self) -> list[tuple[str, str]]:
        """The rows that could hold the headings: (number, what stands there)."""
        return [(str(n), f"{n}: {words}") for n, words in self.first_rows]

    @property
    def rows(self) -> list[tuple[int, dict[str, Any]]]:
        """The rows to be taken, each with its number in the file."""
        if self.sheet is None:
            return []
        hidden = frozenset[int]() if self.with_hidden else self.sheet.hidden
        return [(n, row) for n, row in self.sheet.numbered() if n not in hidden]
