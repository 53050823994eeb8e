"""Workbooks (.xlsx, .xls) as tables of cells, within limits that are checked before anything is
unpacked."""

import io
import re
import zipfile
from dataclasses import dataclass, field
from typing import Any

from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from admin.imports.limits import MAX_CELLS, MAX_COLUMNS, MAX_RATIO, MAX_ROWS, MAX_UNPACKED
from shared.domain.problems import Rejected

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # how .xls begins
_TAG = re.compile(rb"<(?:\w+:)?(row|c)\b([^<>]*?)(/?)>")
_PLACE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{0,4})(\d{1,12})["']""")
_HIDDEN = re.compile(rb"""\bhidden\s*=\s*["'](1|true)["']""")
_ERROR = re.compile(rb"""\bt\s*=\s*["']e["']""")
_VALUE = re.compile(rb"<(?:\w+:)?v>([^<]{1,20})</")


@dataclass
class Table:
    """The cells of a sheet, row by row from its first line, and what the cells do not tell."""

    name: str
    rows: list[list[Any]]
    hidden: bool = False
    hidden_rows: set[int] = field(default_factory=set)  # numbered from 1
    merged: list[tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=list)


@dataclass
class _Marks:
    """What calamine leaves out of a sheet of an .xlsx: hidden rows, cells whose formula failed."""

    hidden_rows: set[int] = field(default_factory=set)
    errors: dict[tuple[int, int], str] = field(default_factory=dict)


class Workbook:
    """The sheets of a workbook, each read on demand."""

    def __init__(self, data: bytes) -> None:
        """Raises Refused: file_too_large, file_unreadable, too_many_rows, too_many_columns."""
        self._marks: dict[str, _Marks] = {}
        try:
            if data[:2] == b"PK":
                self._marks = _measured(data)
            self._book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        except Rejected:
            raise
        except Exception as error:  # calamine raises its own kinds for each broken part
            raise Rejected("file_unreadable") from error
        self.sheets = [
            (s.name, s.visible == SheetVisibleEnum.Visible)
            for s in self._book.sheets_metadata
            if s.typ == SheetTypeEnum.WorkSheet
        ]
        if not self.sheets:
            raise Rejected("file_empty")

    def table(self, name: str) -> Table:
        """Raises Rejected, as the workbook."""
        try:
            sheet = self._book.get_sheet_by_name(name)
            if sheet.total_width > MAX_COLUMNS:
                raise Rejected("too_many_columns")
            if sheet.total_height > MAX_ROWS + 100:  # a few lines stand above the headings
                raise Rejected("too_many_rows")
            # with the empty area: else rows would be numbered from the first filled one
            rows = sheet.to_python(skip_empty_area=False)
            merged = list(sheet.merged_cell_ranges or ())
        except Rejected:
            raise
        except Exception as error:
            raise Rejected("file_unreadable") from error
        marks = self._marks.get(name, _Marks())
        for (row, column), code in marks.errors.items():
            if row < len(rows):
                line = rows[row]
                line.extend([""] * (column + 1 - len(line)))
                line[column] = code
        return Table(name, rows, not dict(self.sheets)[name], marks.hidden_rows, merged)


def _measured(data: bytes) -> dict[str, _Marks]:
    """How far the sheets reach, before the reader lays out the rectangle: 42 kB can hold gigabytes,
    and two cells in far corners would take all memory. Cells that only have a format do not
    count."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        unpacked = sum(i.file_size for i in archive.infolist())
        if unpacked > MAX_UNPACKED or unpacked > MAX_RATIO * max(len(data), 1):
            raise Rejected("file_too_large")
        if archive.testzip():  # unpacks no further than declared: a size that lies ends here
            raise Rejected("file_unreadable")
        files = {
            item.filename: _measure(archive, item.filename)
            for item in archive.infolist()
            if re.search(r"worksheets/[^/]+\.xml$", item.filename, re.IGNORECASE)
        }
        if not files:  # of the other formats in a zip nobody could say how large they become
            raise Rejected("file_unreadable")
        return {name: files[path] for name, path in _paths(archive).items() if path in files}


def _measure(archive: zipfile.ZipFile, path: str) -> _Marks:
    marks = _Marks()
    width = height = row = 0
    with archive.open(path) as sheet:
        tail = b""
        while piece := sheet.read(4_000_000):
            text = tail + piece
            cut = text.rfind(b"<")  # what is not complete yet waits for the next piece
            cut = cut if cut > 0 else len(text)
            for tag in _TAG.finditer(text, 0, cut):
                index = _PLACE.search(tag[2])
                if tag[1] == b"row":
                    row = int(index[2]) if index else row + 1
                    if _HIDDEN.search(tag[2]):
                        marks.hidden_rows.add(row)
                    continue
                if tag[3] or text[tag.end() : tag.end() + 2] == b"</":
                    continue
                column = _column(index[1]) if index else 1
                row = int(index[2]) if index else row
                width, height = max(width, column), max(height, row)
                if _ERROR.search(tag[2]) and len(marks.errors) < MAX_ROWS:
                    value = _VALUE.search(text, tag.end(), tag.end() + 4_000)
                    code = value[1].decode("ascii", "replace") if value else "#VALUE!"
                    marks.errors[row - 1, column - 1] = code
            if width > MAX_COLUMNS:
                raise Rejected("too_many_columns")
            if height > MAX_ROWS + 100:
                raise Rejected("too_many_rows")
            tail = text[cut:]
            if len(tail) > 100_000:
                raise Rejected("file_unreadable")
    if width * height > MAX_CELLS:
        raise Rejected("file_too_large")
    return marks


def _column(letters: bytes) -> int:
    """A → 1, AA → 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _paths(archive: zipfile.ZipFile) -> dict[str, str]:
    """The file of each sheet, by the sheet's name."""
    names = {n.lower(): n for n in archive.namelist()}

    def part(path: str) -> str:
        return archive.read(names[path]).decode("utf8", "replace") if path in names else ""

    targets: dict[str, str] = {}
    for tag in re.findall(r"<(?:\w+:)?Relationship\b[^>]*>", part("xl/_rels/workbook.xml.rels")):
        said = dict(re.findall(r'(\w+)\s*=\s*"([^"]*)"', tag))
        path = said.get("Target", "").lstrip("/")
        targets[said.get("Id", "")] = path if path.startswith("xl/") else f"xl/{path}"
    found: dict[str, str] = {}
    for tag in re.findall(r"<(?:\w+:)?sheet\b[^>]*>", part("xl/workbook.xml")):
        said = dict(re.findall(r'([\w:]+)\s*=\s*"([^"]*)"', tag))
        link = next((v for k, v in said.items() if k.endswith(":id")), "")
        found[_unescape(said.get("name", ""))] = targets.get(link, "")
    return found


def _unescape(text: str) -> str:
    for sign, entity in (("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&apos;")):
        text = text.replace(entity, sign)
    return text.replace("&amp;", "&")
