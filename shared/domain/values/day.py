"""Days, in Chinese, English and spreadsheet spellings.

A day is a day of the store: an instant is told in the store's time zone first. Where two readings
are possible (03/05/2026) the order is asked for, and a year is never filled in.
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Literal

from shared.domain.values.blank import is_blank
from shared.domain.values.clock import PART_OF_DAY
from shared.domain.values.parsed import DASHES, Parsed, is_error_cell, is_masked, plain

Order = Literal["", "ymd", "dmy", "mdy"]

EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)  # what crm.is_date takes
SERIALS = range(10_959, 73_051)  # of a spreadsheet: 1930 to 2099, as text without a format
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sep sept",
            "october oct",
            "november nov",
            "december dec",
        ),
        1,
    )
    for name in names.split()
}
_CHINESE = {**{sign: n for n, sign in enumerate("〇一二三四五六七八九")}, "零": 0, "○": 0, "Ｏ": 0}
_WEEKDAY = re.compile(
    r"\s*\(?(星期|周|週|礼拜|禮拜)[一二三四五六日天]\)?|"
    r"\b(mon|tues?|wed(nes)?|thu(rs)?|fri|sat(ur)?|sun)(day)?\b[.,]?\s*",
    re.IGNORECASE,
)
_TIME = re.compile(
    rf"[T\s]*({PART_OF_DAY})?\s*"
    r"(\d{1,2}\s*[时時点點]\s*(\d{1,2}\s*分|半|[一三]刻)?(\s*\d{1,2}\s*秒)?|[零〇二十四]+[时時]|"
    r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?)"
    r"\s*(上午|下午|am|pm)?\s*([止起前后]|整)?$",
    re.IGNORECASE,
)
_CLOCK = (
    r"(?P<hour>\d{1,2}):?(?P<minute>\d{2})(:?(?P<second>\d{2})([.,]\d+)?)?\s*"
    r"(Z|(UTC|GMT)(?!\s*[+-])|(UTC|GMT)?\s*(?P<sign>[+-])(?P<hours>\d{1,2})(:?(?P<minutes>\d{2}))?)"
    r"(\s*(\([^()]*\)|\[[^\[\]]*\]))?"
)
# 2026-11-03T16:30:00Z, 20261103T163000Z, 03 Nov 2026 16:30:00 GMT, Nov 03 2026 23:30:00 GMT+0800
_INSTANTS = tuple(
    re.compile(day + _CLOCK, re.IGNORECASE)
    for day in (
        r"(?P<year>\d{4})(?P<between>[-/.]?)(?P<month>\d{1,2})(?P=between)(?P<day>\d{1,2})(T|\s+)",
        r"(?P<day>\d{1,2})[- ](?P<name>[a-z]{3})[- ](?P<year>\d{4})\s+",
        r"(?P<name>[a-z]{3})\s+(?P<day>\d{1,2}),?\s+(?P<year>\d{4})\s+",
    )
)
_SEPARATED = re.compile(r"(\d{1,4})\s*[-/.,、\s]\s*(\d{1,2})\s*[-/.,、\s]\s*(\d{1,4})")
_WRITTEN_OUT = re.compile(r"(\d{2,4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*[日号號]?")


def from_serial(serial: float) -> date | None:
    """The day of a spreadsheet's number in the 1900 system, which counts a 29 February 1900 that
    never was (60); None for that one and for what no spreadsheet shows."""
    whole = int(serial)
    if whole < 1 or whole == 60 or whole > 2_958_465:
        return None
    return date(1899, 12, 31 if whole < 60 else 30) + timedelta(days=whole)


def to_serial(day: date) -> int:
    """The number under which a spreadsheet keeps a day."""
    whole = (day - date(1899, 12, 30)).days
    return whole if whole > 60 else whole - 1


def parse_day(
    value: date | str,
    *,
    order: Order = "",
    zone: tzinfo = UTC,
    earliest: date = EARLIEST,
    latest: date = LATEST,
) -> Parsed[date]:
    """A day of the store. Codes: date, range (a day that cannot be meant), date_order (both
    readings are possible), date_no_day (only a month), date_no_year, masked, error_cell. Warnings:
    date_serial, date_short_year, date_roc."""
    found = _read(value, order, zone)
    if found.value is not None and not earliest <= found.value <= latest:
        return Parsed(code="range")
    return found


def _read(value: date | str, order: Order, zone: tzinfo) -> Parsed[date]:
    if isinstance(value, datetime):
        return Parsed((value.astimezone(zone) if value.tzinfo else value).date())
    if isinstance(value, date):
        return Parsed(value)
    text = DASHES.sub("-", plain(value).replace("。", ".").replace("·", "."))
    if is_error_cell(text):
        return Parsed(code="error_cell")
    if is_blank(text):
        return Parsed()
    if is_masked(text):
        return Parsed(code="masked")
    text = _WEEKDAY.sub("", text).strip(" ,")
    if instant := _instant(text, zone):
        return instant
    text = _in_digits(text)
    if (clock := _TIME.search(text)) and not _is_time(clock[0]):
        return Parsed(code="date")
    text = _TIME.sub("", text).strip(" ,.、")
    return (
        _digits(text) or _taiwanese(text) or _parts(text, order) or _english(text) or _partial(text)
    )


def _instant(text: str, zone: tzinfo) -> Parsed[date] | None:
    """The store's day of a moment that says its own zone."""
    found = next((said for said in (form.fullmatch(text) for form in _INSTANTS) if said), None)
    if found is None:
        return None
    part = found.groupdict()
    month = part.get("month") or _MONTHS.get((part.get("name") or "").lower(), 0)
    away = timedelta(hours=int(part["hours"] or 0), minutes=int(part["minutes"] or 0))
    try:
        moment = datetime(
            int(part["year"]),
            int(month),
            int(part["day"]),
            int(part["hour"]),
            int(part["minute"]),
            int(part["second"] or 0),
            tzinfo=timezone(-away if part["sign"] == "-" else away),
        )
        return Parsed(moment.astimezone(zone).date())
    except (ValueError, OverflowError):
        return Parsed(code="date")


def _is_time(text: str) -> bool:
    """Whether a clock shows it: 24:00 and no later."""
    hour, minute, second = ([int(n) for n in re.findall(r"\d+", text)] + [0, 0, 0])[:3]
    return hour * 3600 + minute * 60 + second <= 86_400 and max(minute, second) < 60


def _in_digits(text: str) -> str:
    """二〇二六年三月十五日 → 2026年3月15日."""
    if not re.search(r"[〇零○一二三四五六七八九十][年月日号號]", text):
        return text

    def number(found: re.Match[str]) -> str:
        signs = found[0]
        if "十" in signs:
            tens, _ten, ones = signs.partition("十")
            return str((_CHINESE.get(tens, 0) if tens else 1) * 10 + (_CHINESE.get(ones, 0)))
        if signs[0] == "廿":
            return str(20 + _CHINESE.get(signs[1:], 0))
        return "".join(str(_CHINESE[sign]) for sign in signs)

    return re.sub(r"[〇零○一二三四五六七八九十廿]+(?=[年月日号號]|$)", number, text)


def _made(year: int, month: int, day: int, warning: str = "") -> Parsed[date]:
    try:
        return Parsed(date(year, month, day), warning=warning)
    except ValueError:
        return Parsed(code="date")


def _digits(text: str) -> Parsed[date] | None:
    """20260305, 20260305103000, and a spreadsheet's 46086."""
    if re.fullmatch(r"\d{8}(\d{4}|\d{6})?", text):
        return _made(int(text[:4]), int(text[4:6]), int(text[6:8]))
    if re.fullmatch(r"\d{5}(\.\d+)?", text):
        if int(float(text)) not in SERIALS:
            return Parsed(code="range")
        return Parsed(from_serial(float(text)), warning="date_serial")
    return Parsed(code="date") if re.fullmatch(r"\d+(\.\d+)?", text) else None


def _taiwanese(text: str) -> Parsed[date] | None:
    """民國115年3月5日, 115/3/5: the year counts from 1911."""
    said = re.fullmatch(
        r"(?:中華)?(?:中华)?民[國国]\s*(\d{1,3})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?",
        text,
    )
    short = re.fullmatch(r"(1\d\d)\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?", text)
    found = said or short
    if not found:
        return None
    year, month, day = (int(x) for x in found.groups())
    return _made(year + 1911, month, day, warning="" if said else "date_roc")


def _parts(text: str, order: Order) -> Parsed[date] | None:
    if written := _WRITTEN_OUT.fullmatch(text):
        year, month, day = written.groups()
        if len(year) == 3:
            return Parsed(code="date")
        short = len(year) == 2
        return _made(
            _century(year) if short else int(year),
            int(month),
            int(day),
            "date_short_year" if short else "",
        )
    found = _SEPARATED.fullmatch(text)
    if not found:
        return None
    first, second, third = found.groups()
    if len(first) == 4:
        return _made(int(first), int(second), int(third)) if len(third) <= 2 else None
    if len(third) == 4 and len(first) <= 2:
        return _two(int(third), int(first), int(second), order)
    if len(first) <= 2 and len(third) <= 2:
        return _short(first, int(second), third, order)
    return Parsed(code="date")


def _two(year: int, first: int, second: int, order: Order, warning: str = "") -> Parsed[date]:
    """24/11/2026, 11/24/2026; 03/05/2026 only by the list's order."""
    if first > 12 or order == "dmy":
        return _made(year, second, first, warning)
    if second > 12 or order == "mdy" or first == second:
        return _made(year, first, second, warning)
    return Parsed(code="date_order")


def _short(first: str, second: int, third: str, order: Order) -> Parsed[date]:
    """27-3-5 begins with its year, since no month is 27; 3/5/27 needs the list's order."""
    doubt = "date_short_year"
    if order in ("dmy", "mdy"):
        return _two(_century(third), int(first), second, order, doubt)
    if order == "ymd" or int(first) > 12:
        return _made(_century(first), second, int(third), doubt)
    return Parsed(code="date_order")


def _century(short: str) -> int:
    return int(short) + (2000 if int(short) < 70 else 1900)


def _english(text: str) -> Parsed[date] | None:
    """05-Mar-27, Mar 5, 2027, 5th March 2027."""
    words = re.findall(r"[A-Za-z]+|\d+", re.sub(r"(?<=\d)(st|nd|rd|th)\b", "", text, flags=re.I))
    names = [w for w in words if w.lower() in _MONTHS]
    numbers = [w for w in words if w.isdigit()]
    if len(words) != 3 or len(names) != 1 or len(numbers) != 2:
        return None
    month = _MONTHS[names[0].lower()]
    day, year = (numbers[1], numbers[0]) if len(numbers[0]) == 4 else (numbers[0], numbers[1])
    if len(year) == 2:
        return _made(_century(year), month, int(day), "date_short_year")
    return _made(int(year), month, int(day)) if len(year) == 4 else Parsed(code="date")


def _partial(text: str) -> Parsed[date]:
    if re.fullmatch(r"\d{4}\s*[-/.年]\s*\d{1,2}\s*月?(份|底|初)?", text):
        return Parsed(code="date_no_day")
    if re.fullmatch(r"\d{1,2}\s*[-/.月]\s*\d{1,2}\s*[日号號]?", text):
        return Parsed(code="date_no_year")
    return Parsed(code="date")


def order_of(texts: Iterable[str]) -> Order:
    """The order of days like 24/11/2026 or 11/24/2026 in a list; "" when no day tells, or two days
    contradict each other."""
    pattern = re.compile(r"(\d{1,2})\s*[-/.]\s*(\d{1,2})\s*[-/.]\s*\d{4}(?!\d)")
    pairs = [
        (int(found[1]), int(found[2])) for text in texts if (found := pattern.match(plain(text)))
    ]
    day_first = any(first > 12 for first, _second in pairs)
    month_first = any(second > 12 for _first, second in pairs)
    if day_first == month_first:
        return ""
    return "dmy" if day_first else "mdy"


def next_year(day: date) -> date:
    """The same day next year; 29 February becomes 28, as in Postgres."""
    if (day.month, day.day) == (2, 29):
        return day.replace(year=day.year + 1, day=28)
    return day.replace(year=day.year + 1)
