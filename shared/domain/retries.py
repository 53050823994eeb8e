"""When somebody who was not reached is tried again: at another time of day each time, the one they
prefer before all, on a day the store works (F-31).

As crm.attempted_day_parts, crm.earliest_retry and crm.next_attempt_at do it in the database; the
phone does the same without a network.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.domain.config import DayPart, StoreCalendar
from shared.domain.records import Conversation
from shared.domain.working_days import EVERY_DAY, LONGEST_CLOSURE, due_day, is_working_day

MEMORY = timedelta(days=14)


def attempted_day_parts(
    parts: Sequence[DayPart], conversations: Iterable[Conversation], zone: str, now: datetime
) -> set[str]:
    """In which parts of the day they were called in vain, since they were last reached and within
    two weeks."""
    known = list(conversations)
    since = max([now - MEMORY, *(t.occurred_at for t in known if t.reached)])
    vain = [
        t.occurred_at.astimezone(ZoneInfo(zone)).time()
        for t in known
        if not t.reached and t.method == "call" and t.occurred_at > since
    ]
    return {p.key for p in parts for clock in vain if _clock(p.start) <= clock < _clock(p.end)}


def earliest_retry(
    now: datetime, hours: int, zone: str, calendar: StoreCalendar, last: date | None
) -> datetime:
    """From when on somebody is tried again: after so many hours, or at once when no working day is
    left then until `last`."""
    at = now + timedelta(hours=hours)
    today, day = (moment.astimezone(ZoneInfo(zone)).date() for moment in (now, at))
    return now if due_day(calendar, day, today, last) < day else at


def next_attempt_at(
    earliest: datetime,
    zone: str,
    parts: Sequence[DayPart],
    tried: set[str],
    preferred: str | None,
    calendar: StoreCalendar = EVERY_DAY,
    last: date | None = None,
) -> datetime | None:
    """The first moment from `earliest` on in a part of the day that was not tried; when all were,
    the first of any. On a working day up to `last`; where there is none, on any day."""
    here = earliest.astimezone(ZoneInfo(zone))
    found: list[tuple[bool, bool, datetime]] = []
    for day in _attempt_days(here, parts, calendar, last):
        for part in parts:
            at = max(datetime.combine(day, _clock(part.start), ZoneInfo(zone)), here)
            if at < datetime.combine(day, _clock(part.end), ZoneInfo(zone)):
                found.append(
                    (not (part.key == preferred and part.key not in tried), part.key in tried, at)
                )
    return min(found)[2] if found else None


def _attempt_days(
    here: datetime, parts: Sequence[DayPart], calendar: StoreCalendar, last: date | None
) -> list[date]:
    today, end = here.date(), max((_clock(part.end) for part in parts), default=time.min)
    days = [today + timedelta(days=n) for n in range(LONGEST_CLOSURE + 8)]
    working = [d for d in days if is_working_day(calendar, d) and (last is None or d <= last)][:8]
    ahead = [d for d in working if here < datetime.combine(d, end, here.tzinfo)]
    return ahead or days[:8]


def _clock(text: str) -> time:
    return time.fromisoformat(text)
