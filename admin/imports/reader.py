"""Reads a list of unknown make into rows of cells, within limits, or says why not.

Nothing that stood in the file goes missing without a word: a Sheet names the lines above its
headings, totals and signatures it left out, hidden rows and rows in which a quote is never closed.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from admin.imports.delimited import read_delimited
from admin.imports.limits import MAX_BYTES, MAX_CELL, MAX_COLUMNS, MAX_ROWS
from admin.imports.markup import is_archive_of_pages, is_markup, pages_of, read_markup
from admin.imports.workbook import OLE, Table, Workbook
from shared.domain.import_headings import is_heading
from shared.domain.problems import Rejected

_TOTAL = re.compile(  # without spaces, in half width and small letters, as the next one
    r"(本页|本月|本年|本周|本店|全部|以上|各店|全店)?"
    r"(合计|总计|小计|共计|累计|汇总|总数|总和|平均值?|均值|最大值|最小值|合計|總計|小計|共計|平均數)"
    r"(人数|户数|数量?|总?金额|总?保费|台数|辆数|客户数|行|条数|記錄數|記录数)?([:(].*|\d.*)?"
    r"|(grand)?(sub)?totals?(records|rows|count)?(:.*|\d.*)?|sum|average|avg|count",
)
_SIGNATURE = re.compile(
    r"(制表|製表|填表|填报|编制|编报|審核|审核|复核|审批|批准|核准|签字|签名|簽名|签章|打印|列印|导出|匯出|生成|统计|更新|"
    r"截止|截至|数据|資料|经办|负责人?|总?经理|主管|店长|财务|盖章|单位|日期|时间|说明|說明|备注|備註|注|注意|附注|提示|来源)"
    r"(来源|截止|截至|签字|签名|签章|人|日期|时间|時間|单位|員|员)*:.*"
)
_REMARK = re.compile(  # of a line in which nothing else stands
    r"以上.*|.*以下(为?空白|无正文|無正文).*|以下无正文|第\d+页.*|page\d+(of\d+)?|endof\w+"
    r"|共\d+(条|行|户|人|页|位|名|个|辆|台|项|筆|筆資料).*|(数据|資料)(截止|截至|来源).*|(generated|printed|exported|powered)by.*"
    r"|.*(仅供(内部|参考)|请保密|注意保密).*|[\u4e00-\u9fffa-z]{1,10}:.*"
)
# How documents, pictures, packed files and cards of an address book begin.
_NO_LISTS = (
    *(b"%PDF", b"{\\rtf", b"BEGIN:VCARD", b"\xef\xbb\xbfBEGIN:VCARD", b"\x89PNG", b"\xff\xd8\xff"),
    *(b"GIF8", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b", b"SQLite format 3"),
)
LOOKED_AT = 20  # filled rows among which the headings are looked for


@dataclass(frozen=True)
class Left:
    """A row of the file that is no record, and why: above (the headings), total, signature,
    heading (once more), table (another one that begins below)."""

    number: int
    kind: str
    text: str


@dataclass(frozen=True)
class Sheet:
    """Headings and rows, and the number each row has in the file, the first line being 1."""

    headings: list[str]
    rows: list[dict[str, Any]]
    numbers: list[int]
    encoding: str = ""
    heading_row: int = 1
    left: list[Left] = field(default_factory=list)
    hidden: frozenset[int] = frozenset()  # rows a filter or somebody had hidden
    broken: dict[int, str] = field(default_factory=dict)  # row → code of what is wrong with it

    def numbered(self) -> list[tuple[int, dict[str, Any]]]:
        """Each row with its number in the file; empty lines are counted too."""
        return list(zip(self.numbers, self.rows, strict=True))


class ListFile:
    """A list that was opened: its sheets, of which one is read at a time."""

    def __init__(self, data: bytes) -> None:
        """Raises Rejected: file_too_large, file_unreadable, too_many_rows, too_many_columns,
        file_empty. Runs for seconds: call it in the background."""
        if len(data) > MAX_BYTES:
            raise Rejected("file_too_large")
        self.encoding = ""
        self._book: Workbook | None = None
        self._tables: dict[str, Table] = {}
        self._unclosed: set[int] = set()
        self._is_text = False
        if data.startswith(_NO_LISTS):
            raise Rejected("file_unreadable")
        if is_archive_of_pages(data):
            data = pages_of(data)
        if data[:2] == b"PK" or data.startswith(OLE):
            self._book, self.encoding = Workbook(data), "xlsx" if data[:2] == b"PK" else "xls"
            self.sheets = self._book.sheets
        elif is_markup(data):
            tables, self.encoding = read_markup(data)
            named = [(name or f"#{n}", rows) for n, (name, rows) in enumerate(tables, 1)]
            self._tables = {name: Table(name, rows) for name, rows in named}
            self.sheets = [(name, True) for name in self._tables]
        else:
            found = read_delimited(data)
            self.encoding, self._unclosed, self._is_text = found.encoding, found.unclosed, True
            self._tables = {"": Table("", found.rows)}
            self.sheets = [("", True)]

    def best_sheet(self) -> str:
        """The sheet that looks most like a list; a hidden one only when no other has rows."""
        if len(self.sheets) == 1:
            return self.sheets[0][0]

        def score(sheet: tuple[int, tuple[str, bool]]) -> tuple[bool, bool, int, int]:
            index, (name, visible) = sheet
            try:
                rows = [r for r in self.table(name).rows if _filled(r)]
            except Rejected:
                return (False, False, 0, -index)
            return (visible, len(rows) > 1, _headings_in(rows) > 1, -index)

        return max(enumerate(self.sheets[:30]), key=score)[1][0]

    def table(self, name: str) -> Table:
        """The cells of a sheet. Raises Rejected."""
        if name not in self._tables and self._book is not None:
            self._tables = {name: self._book.table(name)}  # only one in memory
        return self._tables[name]

    def first_rows(self, name: str) -> list[tuple[int, str]]:
        """The first filled rows: number and content. One of them is the header."""
        rows = enumerate(self.table(name).rows[: 10 * LOOKED_AT], 1)
        return [(n, _words(row)[:80]) for n, row in rows if _filled(row)][:LOOKED_AT]

    def read(self, name: str | None = None, heading_row: int | None = None) -> Sheet:
        """A sheet, with the row that holds its headings; both are guessed when nobody said them.
        Raises Rejected."""
        table = self.table(self.best_sheet() if name is None else name)
        filled = [(n, row) for n, row in enumerate(table.rows, 1) if _filled(row)]
        if len(filled) < 2:
            raise Rejected("file_empty")
        at = _heading_row(filled) if heading_row is None else heading_row
        at, top = _headings_of(table, at)
        below = [(n, row) for n, row in filled if n > at]
        if not _filled(top) or not below:
            raise Rejected("file_empty")
        if len(below) > MAX_ROWS:
            raise Rejected("too_many_rows")
        if len(top) > MAX_COLUMNS or max(len(row) for _n, row in below) > MAX_COLUMNS:
            raise Rejected("too_many_columns")
        width = max(len(top), max(len(row) for _n, row in below))
        headings = _headings([*top, *([""] * (width - len(top)))])
        _spread(table, at)
        left = [Left(n, "above", _words(row)) for n, row in filled if n < at]
        kept = _records(below, top, left)
        if not kept:
            raise Rejected("file_empty")
        return Sheet(
            _used(headings, top, kept),
            [_as_dict(headings, row) for _n, row in kept],
            [n for n, _row in kept],
            self.encoding,
            at,
            left,
            frozenset(n for n, _row in kept if n in table.hidden_rows),
            self._broken(top, kept),
        )

    def _broken(self, top: list[Any], kept: list[tuple[int, list[Any]]]) -> dict[int, str]:
        """Rows that were not read as they were meant. In a text file a cell too many is a separator
        inside a cell, and all cells behind it are in wrong columns; where most rows have it, the
        last heading is missing."""
        broken: dict[int, str] = {}
        if self._is_text:
            width = _last_filled(top) + 1
            wider = [n for n, row in kept if _last_filled(row) >= width]
            if 2 * len(wider) <= len(kept):
                broken = dict.fromkeys(wider, "extra_cells")
        return broken | {n: "unclosed_quote" for n, _row in kept if n in self._unclosed}


def read(data: bytes) -> Sheet:
    """The sheet of a file that looks most like a list. What a file is, its first bytes say: .xls is
    often a web page. Raises Rejected. Runs for seconds: call it in the background."""
    return ListFile(data).read()


def _filled(row: list[Any]) -> bool:
    return any(cell is not None and str(cell).strip() != "" for cell in row)


def _words(row: list[Any]) -> str:
    return " ".join(str(c).strip() for c in row if c not in (None, ""))[:200]


def _headings_in(rows: list[list[Any]]) -> int:
    return max((_known(row) for row in rows[:LOOKED_AT]), default=0)


def _known(row: list[Any]) -> int:
    return sum(isinstance(c, str) and is_heading(c) for c in row)


def _heading_row(filled: list[tuple[int, list[Any]]]) -> int:
    """The row with the most headings we know, as long as it has at least two of them; else the
    first that fills more than half of the widest row's columns; else the first."""
    top = filled[:LOOKED_AT]
    first = top[0]
    best = max(top, key=lambda line: (_known(line[1]), -line[0]))
    if _known(best[1]) >= 2 and _known(best[1]) > _known(first[1]):
        return best[0]
    if _known(first[1]):
        return first[0]
    widest = max(sum(c not in (None, "") for c in row) for _n, row in top)
    for number, row in top[:-1]:
        cells = [c for c in row if c not in (None, "")]
        if 2 * len(cells) > widest and all(isinstance(c, str) for c in cells):
            return number
    return first[0]


def _headings_of(table: Table, at: int) -> tuple[int, list[Any]]:
    """The last line of the headings and their texts. Where some are merged over several lines,
    those beside them stand in the lowest one: 姓名 | 车辆 over 姓名 | 车牌 | 车型."""
    if at > len(table.rows):
        return at, []
    tall = [(top, left, bottom) for (top, left), (bottom, right) in table.merged if bottom > top]
    at = max([at, *(bottom + 1 for top, _left, bottom in tall if top == at - 1)])
    if at > len(table.rows):
        return at, []
    found = list(table.rows[at - 1])
    first = min([at - 1, *(top for top, _left, bottom in tall if bottom == at - 1)])
    for row in reversed(table.rows[first : at - 1]):
        found.extend([""] * (len(row) - len(found)))
        found = [cell if cell not in (None, "") else above for cell, above in _pairs(found, row)]
    return at, found


def _pairs(cells: list[Any], row: list[Any]) -> Iterable[tuple[Any, Any]]:
    return zip(cells, [*row, *([""] * (len(cells) - len(row)))], strict=True)


def _headings(row: list[Any]) -> list[str]:
    """Names for all columns, each once."""
    found: list[str] = []
    for number, cell in enumerate(row, 1):
        name = " ".join(str(cell).split())[:120] if cell not in (None, "") else f"#{number}"
        found.append(name if name not in found else f"{name} ({number})")
    return found


def _last_filled(row: list[Any]) -> int:
    return next((n for n in range(len(row) - 1, -1, -1) if row[n] not in (None, "")), -1)


def _used(headings: list[str], top: list[Any], kept: list[tuple[int, list[Any]]]) -> list[str]:
    """Without columns that have neither heading nor content."""
    last = max(_last_filled(top), max(_last_filled(row) for _number, row in kept))
    return headings[: last + 1]


def _records(
    below: list[tuple[int, list[Any]]], top: list[Any], left: list[Left]
) -> list[tuple[int, list[Any]]]:
    """The rows that are records; what the others are is added to `left`."""
    kept: list[tuple[int, list[Any]]] = []
    before, alone = 0, False  # the filled row above: its number, whether it is one cell only
    for place, (n, row) in enumerate(below):
        why = _no_record(row, top)
        apart = before and (n > before + 1 or alone)
        if not why and apart and _begins_table(row):
            if alone and kept and kept[-1][0] == before:  # its title
                kept.pop()
                left.append(Left(before, "table", _words(below[place - 1][1])))
            left += [Left(m, "table", _words(other)) for m, other in below[place:]]
            break
        if why:
            left.append(Left(n, why, _words(row)))
        else:
            kept.append((n, row))
        before, alone = n, sum(c not in (None, "") for c in row) == 1
    return kept


def _begins_table(row: list[Any]) -> bool:
    """Whether a row after a gap or a title is the headings of another table: hardly anything else
    than headings we know, and no digit."""
    cells = [c for c in row if c not in (None, "")]
    if not all(isinstance(c, str) and len(c) <= 12 and not re.search(r"\d", c) for c in cells):
        return False
    return _known(row) >= 2 and 3 * _known(row) >= 2 * len(cells)


def _no_record(row: list[Any], top: list[Any]) -> str:
    """Why a row below the header is not a record; empty if it is one."""
    cells = [str(c).strip() for c in row if c not in (None, "")]
    headings = [str(c).strip() for c in top if c not in (None, "")]
    if len(cells) > 1 and cells == headings:
        return "heading"
    # a record's first cells are its number and a name, never one of these words with little else
    folded = [_folded(c) for c in cells[:2]]
    if any(_TOTAL.fullmatch(c) for c in folded) and 2 * len(cells) <= len(top) + 2:
        return "total"
    if _SIGNATURE.fullmatch(folded[0]) and (
        len(cells) <= 2 or all(_SIGNATURE.fullmatch(_folded(c)) for c in cells)
    ):
        return "signature"
    if len(cells) == 1 and len(headings) > 1 and _REMARK.fullmatch(folded[0]):
        return "signature"
    return ""


def _folded(text: str) -> str:
    """As _TOTAL and _SIGNATURE have it: 合　计 → 合计, ※ 注：… → 注:…"""
    words = unicodedata.normalize("NFKC", text[:200]).lower()
    return re.sub(r"\s", "", words).strip("*※-—–_()[]【】·#.。")


def _spread(table: Table, heading_row: int) -> None:
    """A cell merged over several rows stands for each of them; over several columns it stands
    once."""
    for (top, left), (bottom, _right) in table.merged:
        if top < heading_row or bottom == top or top >= len(table.rows):
            continue
        value = table.rows[top][left] if left < len(table.rows[top]) else ""
        for line in range(top + 1, min(bottom + 1, len(table.rows))):
            row = table.rows[line]
            if left < len(row) and row[left] in (None, "") and _filled(row):
                row[left] = value
    table.merged = []


def _as_dict(headings: list[str], row: list[Any]) -> dict[str, Any]:
    return {
        h: cell[:MAX_CELL] if isinstance(cell, str) else cell
        for h, cell in zip(headings, row, strict=False)
        if cell is not None and cell != ""
    }
