"""The days on which a store works, and the day on which what was planned is due.

As crm.is_working_day, crm.next_working_day and crm.due_day do it in the database; the phone does
the same without a network.
"""

from collections.abc import Iterable
from datetime import date, timedelta

from shared.domain.config import StoreCalendar, StoreConfig
from shared.domain.forms import MOST_DAYS_SNOOZED
from shared.domain.labels import Label

LONGEST_CLOSURE = 60  # days that are looked across: a store closed for ever ends the search, too
SLOWEST_CADENCE = 90  # days, of a level that names none


def is_working_day(calendar: StoreCalendar, day: date) -> bool:
    text = day.isoformat()
    return text in calendar.makeup_days or (
        day.isoweekday() in calendar.weekdays and text not in calendar.closed_days
    )


def next_working_day(calendar: StoreCalendar, day: date) -> date | None:
    """The first working day from `day` on; None when there is none within sixty days."""
    return _first_working_day(
        calendar, (day + timedelta(days=n) for n in range(LONGEST_CLOSURE + 1))
    )


def last_working_day(calendar: StoreCalendar, day: date) -> date | None:
    """The last working day up to `day`; None when there is none within sixty days."""
    return _first_working_day(
        calendar, (day - timedelta(days=n) for n in range(LONGEST_CLOSURE + 1))
    )


def _first_working_day(calendar: StoreCalendar, days: Iterable[date]) -> date | None:
    return next((day for day in days if is_working_day(calendar, day)), None)


def due_day(
    calendar: StoreCalendar, day: date, first: date | None = None, last: date | None = None
) -> date:
    """The day on which what was planned for `day` is due: the next working day, at most `last`;
    else the last one before, at least `first`; else `day` itself."""
    following = next_working_day(calendar, day)
    if following is not None and (last is None or following <= last):
        return following
    before = last_working_day(calendar, day)
    return before if before is not None and (first is None or before >= first) else day


def cadence_day(config: StoreConfig, level: str | None, today: date) -> date:
    """The day on which a customer of that level is called again, as crm.cadence_day."""
    found = config.level(level)
    return cadence_day_after(config.calendar, found.cadence_days if found else None, today)


def cadence_day_after(calendar: StoreCalendar, cadence_days: int | None, today: date) -> date:
    days = cadence_days or SLOWEST_CADENCE
    last = today + timedelta(days=max(days, MOST_DAYS_SNOOZED))
    return due_day(calendar, today + timedelta(days=days), today + timedelta(days=1), last)


def closed_day_name(calendar: StoreCalendar, day: date) -> Label | None:
    """What a closed day is called; empty for a weekday that is off, None for a working day."""
    if is_working_day(calendar, day):
        return None
    return calendar.closed_days.get(day.isoformat(), {})
