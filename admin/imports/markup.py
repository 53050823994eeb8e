"""Web pages and XML that call themselves .xls: many programs export a table that way."""

import email
import re
from html.parser import HTMLParser

from admin.imports.delimited import decode
from admin.imports.limits import MAX_CELLS, MAX_COLUMNS, MAX_ROWS
from shared.domain.problems import Rejected


def is_archive_of_pages(data: bytes) -> bool:
    """Whether a file is a web page with its parts, as a spreadsheet saves it (.mht)."""
    head = data[:2000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"mime-version:", b"content-type: multipart/", b"from: <saved by"))


def pages_of(data: bytes) -> bytes:
    """The pages with a table out of such a file. Raises Rejected: file_unreadable."""
    parts = [
        part.get_payload(decode=True)
        for part in email.message_from_bytes(data).walk()
        if part.get_content_type() == "text/html"
    ]
    pages = [p for p in parts if isinstance(p, bytes) and b"<table" in p.lower()]
    if not pages:
        raise Rejected("file_unreadable")
    return b"\n".join(pages)


def is_markup(data: bytes) -> bool:
    """Whether a file is a page or a workbook in XML, whatever its name says."""
    head = data[:2000].lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").replace(b"\x00", b"").lower()
    return head.startswith(
        (b"<html", b"<!doctype html", b"<table", b"<meta", b"<style", b"<head")
    ) or (
        head.startswith((b"<?xml", b"<!--", b"<div", b"<body"))
        and (b"<table" in head or b"<workbook" in head or b"<html" in head)
    )


def read_markup(data: bytes) -> tuple[list[tuple[str, list[list[str]]]], str]:
    """The tables of the page, each with its name, and the encoding. Raises Refused:
    file_unreadable, file_too_large, too_many_rows, too_many_columns."""
    said = re.search(
        rb"""(?:charset|encoding)\s*=\s*["']?\s*([\w-]+)""", data[:4000], re.IGNORECASE
    )
    encoding = said[1].decode("ascii") if said else ""
    try:
        text = data.decode(encoding) if encoding else ""
    except (LookupError, UnicodeDecodeError):
        text = ""
    if not text:
        text, encoding = decode(data)
    parser = _Tables()
    parser.feed(text)
    parser.close()
    found = [(name, rows) for name, rows in parser.tables if any(any(row) for row in rows)]
    if not found:
        raise Rejected("file_unreadable")
    return found, encoding.lower()


class _Tables(HTMLParser):
    """Rows and cells; a cell over several rows or columns is repeated in each of them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[tuple[str, list[list[str]]]] = []
        # a table in a cell of another one is a table for itself
        self._open: list[tuple[list[list[str]], dict[int, tuple[int, str]]]] = []
        self._rows: list[list[str]] = []
        self._below: dict[int, tuple[int, str]] = {}
        self._cell: list[str] | None = None
        self._span = (1, 1)
        self._cells = 0
        self._script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {k.rpartition(":")[2]: v or "" for k, v in attrs}
        if tag in ("table", "worksheet", "ss:worksheet"):
            self._begin_table(tag, said.get("name", ""))
        elif tag in ("tr", "row", "ss:row"):
            self._begin_row(said)
        elif tag in ("td", "th", "cell", "ss:cell"):
            self._begin_cell(said)
        elif tag == "br" and self._cell is not None:
            self._cell.append("\n")
        elif tag in ("script", "style"):
            self._script = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "cell", "ss:cell", "tr", "row", "ss:row", "table"):
            self._end_cell()
        if tag == "table" and self._open:
            self._rows, self._below = self._open.pop()
        if tag in ("script", "style"):
            self._script = False

    def handle_data(self, data: str) -> None:
        if self._cell is not None and not self._script:
            self._cell.append(data)

    def _begin_table(self, tag: str, name: str) -> None:
        self._end_cell()
        if tag == "table" and self.tables and not self.tables[-1][1]:
            return  # of the sheet that has just begun
        if tag == "table":
            self._open.append((self._rows, self._below))
        self._rows, self._below = [], {}
        self.tables.append((name, self._rows))

    def _begin_row(self, said: dict[str, str]) -> None:
        self._end_cell()
        if not self.tables:
            self.tables.append(("", self._rows))
        while len(self._rows) + 1 < min(_number(said.get("index")), MAX_ROWS):
            self._rows.append([])
        self._rows.append([])
        self._fill()

    def _begin_cell(self, said: dict[str, str]) -> None:
        self._end_cell()
        self._cell = []
        self._span = (
            max(_number(said.get("rowspan")), _number(said.get("mergedown"), 0) + 1),
            max(_number(said.get("colspan")), _number(said.get("mergeacross"), 0) + 1),
        )
        if (index := _number(said.get("index"), 0)) and self._rows:
            row = self._rows[-1]
            row.extend([""] * (min(index - 1, MAX_COLUMNS) - len(row)))

    def _end_cell(self) -> None:
        if self._cell is None or not self._rows:
            return
        words, self._cell = re.sub(r"[ \t\r\n\xa0]+", " ", "".join(self._cell)).strip(), None
        rows, (down, across) = self._rows, self._span
        if down > 1:
            self._below[len(rows[-1])] = (down - 1, words)
        rows[-1] += [words, *([""] * (min(across, MAX_COLUMNS) - 1))]
        self._fill()
        self._cells += across
        if len(rows[-1]) > MAX_COLUMNS:
            raise Rejected("too_many_columns")
        if self._cells > MAX_CELLS:
            raise Rejected("file_too_large")
        if len(rows) > MAX_ROWS + 100:
            raise Rejected("too_many_rows")

    def _fill(self) -> None:
        """Cells that began in a row above."""
        row = self._rows[-1]
        while (here := self._below.get(len(row))) and here[0] > 0:
            self._below[len(row)] = (here[0] - 1, here[1])
            row.append(here[1])


def _number(text: str | None, least: int = 1) -> int:
    return min(max(int(text), least), MAX_ROWS) if text and text.isdigit() else least
