"""Reads a CSV or XLSX file of unknown make into rows of cells, within limits, or says why not."""

import csv
import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charset_normalizer import from_bytes
from python_calamine import CalamineWorkbook

from shared.domain.problems import Refused

MAX_BYTES, MAX_UNPACKED, MAX_RATIO, MAX_ROWS, MAX_COLUMNS, MAX_CELL = 20_000_000, 200_000_000, 100, 100_000, 200, 4_000
MAX_CELLS = 4_000_000  # of the whole rectangle, empty ones too: 100,000 rows of 40 columns; what is held in memory follows it
CELL = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{0,4})(\d{1,12})["']""")


@dataclass(frozen=True)
class Sheet:
    """Headings and rows, and the number each row has in the file, the first line being 1."""

    headings: list[str]
    rows: list[dict[str, Any]]
    numbers: list[int]
    encoding: str = ""

    def numbered(self) -> list[tuple[int, dict[str, Any]]]:
        """Each row with its number in the file: empty lines count, though they are no rows."""
        return list(zip(self.numbers, self.rows, strict=True))


def read(file: Path, name: str) -> Sheet:
    """Raises Refused: file_too_large, file_unreadable, too_many_rows, too_many_columns, file_empty. Runs for seconds: call it in a thread."""
    if file.stat().st_size > MAX_BYTES:
        raise Refused("file_too_large")
    data = file.read_bytes()
    table, encoding = (_workbook(data), "xlsx") if data[:2] == b"PK" else _text(data, name)
    filled = [(number, row) for number, row in enumerate(table, 1) if any(cell not in (None, "") for cell in row)]
    if len(filled) < 2:
        raise Refused("file_empty")
    if len(filled) - 1 > MAX_ROWS:
        raise Refused("too_many_rows")
    if len(filled[0][1]) > MAX_COLUMNS:
        raise Refused("too_many_columns")
    headings = _headings(filled[0][1])
    rows = [{h: _short(cell) for h, cell in zip(headings, row, strict=False) if cell not in (None, "")} for _number, row in filled[1:]]
    return Sheet(headings, rows, [number for number, _row in filled[1:]], encoding)


def _workbook(data: bytes) -> list[list[Any]]:
    """The first sheet. Sizes are checked before anything is unpacked: 42 kB can hold gigabytes."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(i.file_size for i in archive.infolist())
            if unpacked > MAX_UNPACKED or unpacked > MAX_RATIO * max(len(data), 1):
                raise Refused("file_too_large")
            if archive.testzip():  # unpacks piece by piece no further than declared: a size that lies ends here
                raise Refused("file_unreadable")
            _measure(archive)
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0)
        if sheet.total_width > MAX_COLUMNS:
            raise Refused("too_many_columns")
        if sheet.total_height > MAX_ROWS + 1:
            raise Refused("too_many_rows")
        return sheet.to_python(skip_empty_area=False)  # else rows would be numbered from the first filled one
    except Refused:
        raise
    except Exception as error:  # calamine raises its own kinds for each broken part
        raise Refused("file_unreadable") from error


def _measure(archive: zipfile.ZipFile) -> None:
    """How far the sheets reach, before the reader lays out the rectangle: two cells in far corners would take all memory."""
    for item in archive.infolist():
        if not re.search(r"worksheets/[^/]+\.xml$", item.filename, re.IGNORECASE):
            continue
        columns: set[bytes] = set()
        rows: set[bytes] = set()
        with archive.open(item) as sheet:
            tail = b""
            while piece := sheet.read(4_000_000):
                for letters, digits in CELL.findall(tail + piece):
                    columns.add(letters)
                    rows.add(digits)
                if len(rows) > MAX_ROWS + 2:
                    raise Refused("too_many_rows")
                tail = piece[-64:]
        width = max((_column(c) for c in columns), default=0)
        height = max((int(r) for r in rows), default=0)
        if width > MAX_COLUMNS:
            raise Refused("too_many_columns")
        if height > MAX_ROWS + 1:
            raise Refused("too_many_rows")
        if width * height > MAX_CELLS:
            raise Refused("file_too_large")


def _column(letters: bytes) -> int:
    """A → 1, AA → 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _text(data: bytes, name: str) -> tuple[list[list[Any]], str]:
    if b"\x00" in data[:4000] and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        if b"\x00" in data[:4000:2] or len(data) % 2:
            raise Refused("file_unreadable")
        data = b"\xff\xfe" + data  # UTF-16 that forgot to say so
    text, encoding = _decoded(data)
    sample = text[:20_000]
    counts = {mark: sample.split("\n", 1)[0].count(mark) for mark in (",", ";", "\t", "|")}
    delimiter = max(counts, key=lambda mark: counts[mark])
    csv.field_size_limit(1_000_000)
    table: list[list[Any]] = []
    cells = 0
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if len(row) > MAX_COLUMNS:
                raise Refused("too_many_columns")
            cells += len(row)
            if cells > MAX_CELLS:
                raise Refused("file_too_large")
            table.append(row)
            if len(table) > MAX_ROWS + 1:
                raise Refused("too_many_rows")
    except csv.Error as error:
        raise Refused("file_unreadable") from error
    return table, encoding


def _decoded(data: bytes) -> tuple[str, str]:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, errors="replace"), encoding
    for encoding in ("utf-8", "gb18030"):
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    best = from_bytes(data[:200_000]).best()
    encoding = best.encoding if best else "utf-8"
    return data.decode(encoding, errors="replace"), encoding


def _headings(row: list[Any]) -> list[str]:
    """Names for all columns, each once."""
    found: list[str] = []
    for number, cell in enumerate(row, 1):
        name = str(cell).strip()[:120] if cell not in (None, "") else f"#{number}"
        found.append(name if name not in found else f"{name} ({number})")
    return found


def _short(cell: Any) -> Any:
    return cell[:MAX_CELL] if isinstance(cell, str) else cell
