"""Times of day, as a 24-hour clock shows them: 15:30, 下午3点半, 3:30 PM."""

import re

from shared.domain.values.blank import is_blank
from shared.domain.values.parsed import Parsed, is_error_cell, plain

_MORNING, _NOON = ("凌晨", "清晨", "早上", "早晨", "上午", "am"), ("中午",)
_EVENING = ("下午", "午后", "傍晚", "晚上", "夜里", "夜间", "pm")
PART_OF_DAY = "|".join((*_MORNING, *_NOON, *_EVENING))
_TIME = re.compile(
    rf"(?P<before>{PART_OF_DAY})?\s*(?P<hour>\d{{1,2}})\s*"
    r"(:(?P<minutes>\d{2})(:\d{2})?|[时時点點](\s*(?P<said>\d{1,2})\s*分?|(?P<part>半|一刻|三刻))?整?)"
    rf"\s*(?P<behind>{PART_OF_DAY})?",
    re.IGNORECASE,
)
_PARTS = {"半": 30, "一刻": 15, "三刻": 45}


def parse_time(text: str) -> Parsed[str]:
    """A time of day as it is stored, 09:30. Codes: error_cell, format (also one that no clock
    shows, and 12 o'clock of a morning or an evening, which is noon to some)."""
    written = plain(text).lower()
    if is_error_cell(written):
        return Parsed(code="error_cell")
    if is_blank(written):
        return Parsed()
    found = _TIME.fullmatch(written)
    if not found or (found["before"] and found["behind"]):
        return Parsed(code="format")
    minute = _PARTS.get(found["part"] or "") or int(found["minutes"] or found["said"] or 0)
    hour = _hour(int(found["hour"]), found["before"] or found["behind"] or "")
    if hour is None or hour > 23 or minute > 59:
        return Parsed(code="format")
    return Parsed(f"{hour:02}:{minute:02}")


def _hour(hour: int, part: str) -> int | None:
    if part in ("am", "凌晨"):
        return hour % 12 if hour <= 12 else None
    if part in _MORNING:
        return hour if hour < 12 else None
    if part in _NOON:
        return hour + 12 if hour < 3 else hour if 11 <= hour <= 14 else None
    if part == "pm":
        return hour % 12 + 12 if hour <= 12 else hour
    if part in _EVENING:
        return hour + 12 if hour < 12 else hour if hour > 12 else None
    return hour
