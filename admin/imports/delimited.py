"""Text files with separated values: their encoding, their separator, and quotes that are never
closed."""

import csv
import io
import re
from dataclasses import dataclass
from typing import Any

from charset_normalizer import from_bytes

from admin.imports.limits import MAX_CELLS, MAX_COLUMNS, MAX_LINES, MAX_ROWS
from shared.domain.problems import Rejected

MARKS = (",", ";", "\t", "|", "，")
RARE_MARKS = ("；", "^", "~", "\x01", "\x1f", "、")  # only where none of the others is there
# Quotation marks other than ": cells in them are read as quoted when the whole first line is.
_QUOTES = ("''", "“”", "‘’", "「」")
_LINE_END = re.compile(r"\r\n|\n|\r")
UNREADABLE = "\ufffd"
LONGEST_CELL = 50  # lines of a cell in quotes


@dataclass
class Delimited:
    rows: list[list[Any]]
    encoding: str
    unclosed: set[int]  # rows, numbered from 1, in which a quote is never closed


def read_delimited(data: bytes) -> Delimited:
    """Raises Refused: file_unreadable, file_too_large, too_many_rows, too_many_columns."""
    if b"\x00" in data[:4000] and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        data = _with_mark(data)
    text, encoding = decode(data)
    delimiter, text = _separator(text)
    text = _usual_quotes(text, delimiter)
    if text.count("\n") > MAX_LINES or text.count("\r") > MAX_LINES:
        raise Rejected("too_many_rows")
    csv.field_size_limit(1_000_000)
    try:
        rows = list(
            _within(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
        )
        if not any("\n" in cell or "\r" in cell for row in rows for cell in row):
            return Delimited(rows, encoding, set())
    except csv.Error:
        pass  # a quote that is never closed, or closed in the middle of a cell
    try:
        rows, unclosed = _line_by_line(text, delimiter)
    except csv.Error as error:
        raise Rejected("file_unreadable") from error
    return Delimited(rows, encoding, unclosed)


def _with_mark(data: bytes) -> bytes:
    """UTF-16 that forgot to say so."""
    if len(data) % 2:
        raise Rejected("file_unreadable")
    odd, even = data[1:4000:2].count(0), data[:4000:2].count(0)
    # 一 and 需 have a zero byte too, and on the other side than commas and digits
    if max(odd, even) < 3 * min(odd, even):
        raise Rejected("file_unreadable")
    return (b"\xff\xfe" if odd > even else b"\xfe\xff") + data


def _within(reader: Any) -> Any:
    """The rows, as long as they stay within the limits."""
    cells = rows = 0
    for row in reader:
        if len(row) > MAX_COLUMNS:
            raise Rejected("too_many_columns")
        if not any(row):
            yield _EMPTY
            continue
        cells += len(row)
        rows += 1
        if cells > MAX_CELLS:
            raise Rejected("file_too_large")
        if rows > MAX_ROWS + 100:  # a few lines stand above the headings
            raise Rejected("too_many_rows")
        yield row


_EMPTY: list[Any] = []  # one for all: a formatted sheet has a million of them


def _separator(text: str) -> tuple[str, str]:
    """The sign between cells, and the text without a first line that only names it (sep=;)."""
    if said := re.match(r"\s*\"?sep=(.)\"?[ ,;\t]*(\r\n|\n|\r)", text, re.IGNORECASE):
        # the line stays, empty, so that rows keep their numbers
        return said[1], "\n" + text[said.end() :]
    lines = [line for line in _LINE_END.split(text[:20_000])[:30] if line.strip()]
    unquoted = [re.sub(r'"[^"]*"', "", line) for line in lines]

    def score(mark: str) -> tuple[int, int]:
        counts = [line.count(mark) for line in unquoted]
        most = max(set(counts), key=lambda n: (n > 0, counts.count(n), n), default=0)
        return (counts.count(most) if most else 0, sum(counts))

    best = max(MARKS, key=score)
    if not score(best)[0]:
        rare = max(RARE_MARKS, key=score)
        if len(lines) > 1 and all(line.count(rare) == lines[0].count(rare) > 0 for line in lines):
            return rare, text
    return best, text


def _usual_quotes(text: str, delimiter: str) -> str:
    """The text with " for the quotation marks it uses, if every cell of its first line is in
    them."""
    first = next((line for line in _LINE_END.split(text[:20_000]) if line.strip()), "").strip()
    for opening, closing in _QUOTES:
        cells = first.split(delimiter)
        if len(cells) < 2 or not all(
            len(c) > 2 and c[0] == opening and c[-1] == closing for c in map(str.strip, cells)
        ):
            continue
        sign = re.escape(delimiter)
        text = text.replace('"', '""')
        text = re.sub(rf"(^|{sign}){opening}", r'\1"', text, flags=re.MULTILINE)
        return re.sub(rf"{closing}(?=\r?$|{sign})", '"', text, flags=re.MULTILINE)
    return text


def _line_by_line(text: str, delimiter: str) -> tuple[list[list[Any]], set[int]]:
    """Rows whose cells may go over several lines. A quote that is not closed within a few lines, or
    whose cell would hold whole rows of the list, is a slip: its line is read alone."""
    lines = _LINE_END.split(text)
    if lines and not lines[-1]:
        lines.pop()
    rows: list[list[Any]] = []
    unclosed: set[int] = set()
    width = _width(lines, delimiter)
    at = 0

    def parsed() -> Any:
        nonlocal at
        while at < len(lines):
            taken = _lines_of_row(lines, at, delimiter, width)
            if taken:
                words, at = "\n".join(lines[at : at + taken]), at + taken
                yield next(csv.reader([words + "\n"], delimiter=delimiter), [])
            else:
                unclosed.add(len(rows) + 1)
                yield [c.removeprefix('"') for c in lines[at].split(delimiter)]
                at += 1

    for row in _within(parsed()):
        rows.append(row)
    return rows, unclosed


def _width(lines: list[str], delimiter: str) -> int:
    counts = [line.count(delimiter) for line in lines[:200] if '"' not in line] or [0]
    return max(set(counts), key=counts.count)


def _lines_of_row(lines: list[str], at: int, delimiter: str, width: int) -> int:
    """How many lines the row takes that begins here; 0 when a quote in it is never closed."""
    if not _is_open(lines[at], delimiter):
        return 1
    for taken in range(2, min(LONGEST_CELL, len(lines) - at) + 1):
        words = "\n".join(lines[at : at + taken])
        if _is_open(words, delimiter):
            if width and lines[at + taken - 1].count(delimiter) >= width:
                return 0  # a whole row of the list would be inside the cell
            continue
        last = lines[at + taken - 1]
        swallowed = width and last.count(delimiter) >= width and '"' not in last.split(delimiter)[0]
        return 0 if swallowed else taken
    return 0


def _is_open(words: str, delimiter: str) -> bool:
    """Whether a quote at the beginning of a cell is not closed."""
    if '"' not in words:
        return False
    inside, start, n = False, True, 0
    while n < len(words):
        sign = words[n]
        if inside:
            if sign == '"' and words[n + 1 : n + 2] == '"':
                n += 1
            elif sign == '"':
                inside = False
        elif sign == '"' and start:
            inside = True
        start = not inside and (sign == delimiter or (start and sign in " \n"))
        n += 1
    return inside


def decode(data: bytes) -> tuple[str, str]:
    """The text of a file and its encoding."""
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(encoding, errors="replace").lstrip("\ufeff"), encoding
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    sample = data[:200_000]
    if _is_damaged_utf8(sample):
        return data.decode("utf-8", errors="replace"), "utf-8"
    found = max(("gb18030", "big5", "cp1252"), key=lambda name: _plausible(sample, name))
    if _plausible(sample, found) > 0:
        return data.decode(found, errors="replace"), found
    best = from_bytes(sample).best()
    encoding = best.encoding if best else "gb18030"
    return data.decode(encoding, errors="replace"), encoding


def _is_damaged_utf8(data: bytes) -> bool:
    """Whether only a few bytes are not UTF-8: no other encoding makes its sequences by chance."""
    signs = [sign for sign in data.decode("utf-8", errors="replace") if sign > "\x7f"]
    return signs.count(UNREADABLE) * 4 < len(signs)


def _plausible(data: bytes, encoding: str) -> float:
    """How much of what is not ASCII would be everyday signs of the encoding: most hanzi that people
    write stand in the first of the two levels of GB 2312 and of Big5, while what one encoding makes
    of the other is scattered."""
    high = sum(1 for _ in re.finditer(rb"[\x80-\xff]", data))
    if not high:
        return 0
    if encoding == "cp1252":
        single = re.findall(rb"(?<![\x80-\xff])[\xc0-\xff](?![\x80-\xff])", data)
        return len(single) / high - 0.05
    signs = [sign for sign in data.decode(encoding, errors="replace") if sign > "\x7f"]
    # a broken sign, or the last one cut in two, is told row by row; many mean another encoding
    if signs.count(UNREADABLE) * 10 > len(signs) + 10:
        return 0
    common = sum(_is_common(sign, encoding) for sign in signs)
    return common / max(1, len(signs))


def _is_common(sign: str, encoding: str) -> bool:
    if sign in "　，。、：；！？（）“”《》·—…￥¥" or "！" <= sign <= "～":
        return True
    try:
        code = sign.encode("gb2312" if encoding == "gb18030" else "big5")
    except UnicodeEncodeError:
        return False
    if len(code) != 2:
        return False
    return (
        b"\xb0\xa1" <= code <= b"\xd7\xf9"
        if encoding == "gb18030"
        else b"\xa4\x40" <= code <= b"\xc6\x7e"
    )
