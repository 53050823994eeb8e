"""Reads a CSV or XLSX file of unknown make into rows of cells, within limits, or says why not."""

import csv
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charset_normalizer import from_bytes
from python_calamine import CalamineWorkbook

from shared.domain.problems import Refused

MAX_BYTES, MAX_UNPACKED, MAX_RATIO, MAX_ROWS, MAX_COLUMNS, MAX_CELL = 20_000_000, 200_000_000, 100, 100_000, 200, 4_000


@dataclass(frozen=True)
class Sheet:
    """Headings and rows; rows are numbered as in the file, the heading being row 1."""

    headings: list[str]
    rows: list[dict[str, Any]]
    encoding: str = ""


def read(file: Path, name: str) -> Sheet:
    """Raises Refused: file_too_large, file_unreadable, too_many_rows, too_many_columns, file_empty. Runs for seconds: call it in a thread."""
    if file.stat().st_size > MAX_BYTES:
        raise Refused("file_too_large")
    data = file.read_bytes()
    table, encoding = (_workbook(data), "xlsx") if data[:2] == b"PK" else _text(data, name)
    table = [row for row in table if any(cell not in (None, "") for cell in row)]
    if len(table) < 2:
        raise Refused("file_empty")
    if len(table) - 1 > MAX_ROWS:
        raise Refused("too_many_rows")
    if len(table[0]) > MAX_COLUMNS:
        raise Refused("too_many_columns")
    headings = _headings(table[0])
    rows = [{h: _short(cell) for h, cell in zip(headings, row, strict=False)} for row in table[1:]]
    return Sheet(headings, rows, encoding)


def _workbook(data: bytes) -> list[list[Any]]:
    """The first sheet. Sizes are checked before anything is unpacked: 42 kB can hold gigabytes."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(i.file_size for i in archive.infolist())
            if unpacked > MAX_UNPACKED or unpacked > MAX_RATIO * max(len(data), 1):
                raise Refused("file_too_large")
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0)
        if sheet.total_width > MAX_COLUMNS:
            raise Refused("too_many_columns")
        if sheet.total_height > MAX_ROWS + 1:
            raise Refused("too_many_rows")
        return sheet.to_python()
    except Refused:
        raise
    except Exception as error:  # calamine raises its own kinds for each broken part
        raise Refused("file_unreadable") from error


def _text(data: bytes, name: str) -> tuple[list[list[Any]], str]:
    if b"\x00" in data[:4000] and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise Refused("file_unreadable")
    text, encoding = _decoded(data)
    sample = text[:20_000]
    counts = {mark: sample.split("\n", 1)[0].count(mark) for mark in (",", ";", "\t", "|")}
    delimiter = max(counts, key=lambda mark: counts[mark])
    csv.field_size_limit(1_000_000)
    table: list[list[Any]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if len(row) > MAX_COLUMNS:
                raise Refused("too_many_columns")
            table.append(list(row))
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
