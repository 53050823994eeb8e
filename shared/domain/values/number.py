"""Numbers, sums of money and percentages, as people and programs write them."""

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from shared.domain.values.blank import is_blank
from shared.domain.values.parsed import (
    DASHES,
    Parsed,
    is_error_cell,
    is_masked,
    is_scientific,
    plain,
)

YUAN_SIGNS = "¥¥"  # half and full width
UNITS = {
    "万": 10_000,
    "萬": 10_000,
    "w": 10_000,
    "亿": 100_000_000,
    "億": 100_000_000,
    "百": 100,
    "佰": 100,
    "千": 1_000,
    "仟": 1_000,
    "k": 1_000,
}
_YUAN_WORDS = re.compile(
    r"^(rmb|cny|人民币|人民幣)[:\s]*|\s*(rmb|cny|人民币|人民幣|元整|圆整|元|圆|圓|块钱|块|塊)$",
    re.IGNORECASE,
)
_FOREIGN = re.compile(
    r"[$€£₩₽฿]|us\$?d?\b|usd|eur|hkd|hk\$|gbp|jpy|krw|港[币元]|美[元金]|欧元|日元", re.IGNORECASE
)
_GROUPED = re.compile(r"\d{1,3}([, '’]\d{3})+(\.\d*)?")
_IN_PARTS = re.compile(r"(\d+\s*(?:[万萬亿億]|[千仟]))\s*(\d.*[百佰千仟万萬])")
_DECIMAL = re.compile(r"\d+(\.\d*)?|\.\d+")
_UNIT = re.compile(
    r"(?:[(\[/_: -]|^)(?:单位|單位)?[: ]*(?:人民币|人民幣|rmb|cny)?"
    r"(?P<many>[百佰千仟]?[万萬]|[亿億千仟k])?"
    r"(?P<of>元|圆|圓|块|分|角|公里|km|米)?[)\]]?$|(?P<many_>[百千]?[万萬]|千)元$"
)
_UNIT_OF_LIST = re.compile(
    r"(?:单位|單位)[: ]*(?:人民币|人民幣|RMB)?[: ]*"
    r"((?:[百佰千仟]?[万萬]|[亿億千仟])?[元圆圓分])(?![\u4e00-\u9fff])"
)
_ONE = Decimal(1)
HARDLY_MEANT = 100_000_000  # 元, of a column that counts in 万元
MAX_FEN = 10**13
MAX_NUMBER = Decimal(10) ** 15


def _decimal(text: str) -> Decimal | str:
    """The number, or the code of what is wrong with it."""
    written = DASHES.sub("-", text).strip()
    if is_error_cell(written):
        return "error_cell"
    if is_masked(written):
        return "masked"
    if is_scientific(written):
        return "scientific"
    if not written:  # a percent sign alone
        return "type"
    sign = 1
    if inner := re.fullmatch(r"\((.+)\)", written):
        sign, written = -1, inner[1].strip()
    elif written.endswith("-") and len(written) > 1:
        sign, written = -1, written[:-1].strip()
    elif written[:1] in "+-":
        sign, written = (-1 if written[0] == "-" else 1), written[1:].strip()
    if parts := _IN_PARTS.fullmatch(written):  # 12万8千, each unit smaller than the one before
        big, small = _decimal(parts[1]), _decimal(parts[2])
        unit = min(UNITS[s] for s in parts[1].strip().lower() if s in UNITS)
        if isinstance(big, str) or isinstance(small, str) or small >= unit:
            return "type"
        return (big + small) * sign
    factor = 1
    while written and written[-1].lower() in UNITS:
        factor, written = factor * UNITS[written[-1].lower()], written[:-1].strip()
    if _GROUPED.fullmatch(written):
        written = re.sub(r"[, '’]", "", written)
    elif not _DECIMAL.fullmatch(written):
        return "separators" if re.fullmatch(r"[\d.,]*\d[\d.,]*", written) else "type"
    try:
        found = Decimal(written) * factor * sign
    except InvalidOperation:
        return "type"
    return found if abs(found) <= MAX_NUMBER else "range"


def parse_number(text: str) -> Parsed[Decimal]:
    """A number. Codes: type, separators (1,23: is it a decimal?), scientific, masked, error_cell,
    range. Warning percent: 85 % is read as 85."""
    written = plain(text)
    if is_blank(written):
        return Parsed()
    percent = written.endswith("%")
    found = _decimal(written.removesuffix("%"))
    if isinstance(found, str):
        return Parsed(code=found)
    return Parsed(found, warning="percent" if percent else "")


def parse_percent(text: str) -> Parsed[Decimal]:
    """So many of a hundred: 12.5%, 百分之12.5, 12.5. Codes as of parse_number."""
    written = plain(text)
    if is_blank(written):
        return Parsed()
    per_mille = written.endswith("‰")
    written = written.removesuffix("‰").removesuffix("%").strip().removeprefix("百分之")
    found = _decimal(written)
    if isinstance(found, str):
        return Parsed(code=found)
    return Parsed(found / 10 if per_mille else found)


def is_foreign(text: str) -> bool:
    """Whether a currency other than the yuan is named."""
    return _FOREIGN.search(plain(text)) is not None


def unit_of(heading: str) -> Decimal:
    """In how many 元, kilometres … of what the field counts a column counts: 保费(万元) → 10000,
    金额/分 → 0.01, 里程(万公里) → 10000; 1 where the heading does not say."""
    said = _UNIT.search(plain(heading).lower())
    if said is None:
        return _ONE
    unit = _ONE
    for sign in said["many"] or said["many_"] or "":
        unit *= UNITS[sign]
    return unit / {"分": 100, "角": 10}.get(said["of"] or "", 1)


def unit_of_list(lines: Iterable[str]) -> str:
    """The unit of all sums that a line above the headings names, 单位：万元 → 万元; else empty."""
    for line in lines:
        if said := _UNIT_OF_LIST.search(plain(line)):
            return said[1]
    return ""


def parse_money(text: str, *, in_fen: bool = False, unit: Decimal = _ONE) -> Parsed[int]:
    """分 from a sum in 元: 12500, ¥12,500.50, 1.25万, RMB 300, (300). unit: so many 元 are meant by
    a bare 1, as the column says; a sum with a unit of its own keeps that. Codes as of parse_number,
    and currency. Warnings: money_rounded, there were parts of a 分; money_unit, so much in such a
    unit is hardly meant."""
    written = plain(text)
    if is_blank(written):
        return Parsed()
    if _FOREIGN.search(written):
        return Parsed(code="currency")
    says_unit = re.search(r"[元圆圓块塊万萬亿億千仟百佰wk]\)?$", written, re.IGNORECASE) is not None
    sign = ""
    if inner := re.fullmatch(r"\((.+)\)", written):
        sign, written = "-", inner[1].strip()
    if lead := re.match(r"[+\-−]\s*(?=[¥a-zA-Z人])", written):
        sign, written = lead[0].strip(), written[lead.end() :]
    written = written.lstrip(YUAN_SIGNS).strip()
    while (shorter := _YUAN_WORDS.sub("", written).strip()) != written:
        written = shorter.lstrip(YUAN_SIGNS).strip()
    found = _decimal(sign + written)
    if isinstance(found, str):
        return Parsed(code=found)
    times = _ONE if says_unit else unit
    fen = found if in_fen else found * 100 * times
    if abs(fen) > MAX_FEN:
        return Parsed(code="range")
    if times > 1 and abs(found * times) >= HARDLY_MEANT:
        return Parsed(int(fen.to_integral_value()), warning="money_unit")
    whole = int(fen.to_integral_value())
    noise = abs(fen - whole) < Decimal("0.001")  # 1234.5600000000001: a spreadsheet's binary digits
    return Parsed(whole, warning="" if noise else "money_rounded")


def number_of(text: str) -> int | float | None:
    """The number somebody typed, full-width or with separators, or None when it is none."""
    found = parse_number(text)
    if found.value is None or found.warning:
        return None
    whole = found.value == found.value.to_integral_value()
    return int(found.value) if whole else float(found.value)


def money_of(text: str) -> int | None:
    """分 from what was typed in 元: 12500, ¥12,500.50, 19.98万; None when it is no amount. More
    than two decimals are no money."""
    found = parse_money(text)
    return None if found.warning else found.value


def money_typed(fen: int) -> str:
    """分 as it is edited: 12500, 12500.50, -0.05."""
    sign, (yuan, rest) = "-" if fen < 0 else "", divmod(abs(fen), 100)
    return f"{sign}{yuan}" if rest == 0 else f"{sign}{yuan}.{rest:02}"


YEARS = range(1950, 2101)


def parse_year(text: str) -> Parsed[int]:
    """A model year: 2024, 2024款, 2024年, 24款, 2024年3月. Codes: type, range. Warning
    year_short."""
    written = plain(text)
    if is_blank(written):
        return Parsed()
    if is_error_cell(written):
        return Parsed(code="error_cell")
    if short := re.fullmatch(r"(\d{2})\s*(款|年|年款|model)", written):
        year = int(short[1]) + (2000 if int(short[1]) < 50 else 1900)
        return Parsed(year, warning="year_short")
    found = re.fullmatch(
        r"(\d{4})(\.0+)?\s*"
        r"((年|款|年款|年式|年型|型|my)|[-/.年]\d{1,2}([-/.月]\d{1,2})?[日月]?( .*)?)?",
        written,
        re.IGNORECASE,
    )
    if not found:
        return Parsed(code="type")
    return Parsed(int(found[1])) if int(found[1]) in YEARS else Parsed(code="range")
