"""The days on which a store works, and the day on which what was planned is due.

As crm.is_working_day, crm.next_working_day and crm.due_day do it in the database; the phone does
the same without a network.
"""

from collections.abc import Iterable
from datetime import date, timedelta

from shared.domain.config import StoreCalendar, StoreConfig
from shared.domain.forms import MOST_DAYS_SNOOZED
from shared.domain.labels import Label

EVERY_DAY = StoreCalendar()
LONGEST_CLOSURE = 60  # days that are looked across: a store closed for ever ends the search, too
COUNTED_BACK = 366  # days: what is late for longer is late by more than any store weighs
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


def working_days_since(calendar: StoreCalendar, day: date, today: date) -> int:
    """How many working days have begun after `day`, today among them; negative when `day` is to
    come. As crm.working_days_since: closed days are looked for within a year, and a store that is
    closed for ever counts every day."""
    found = (today - day).days
    if calendar == EVERY_DAY or _is_closed_for_ever(calendar, today):
        return found
    days = (today - timedelta(days=n) for n in range(min(found, COUNTED_BACK + 1)))
    return found - sum(not is_working_day(calendar, d) for d in days)


def is_overdue(calendar: StoreCalendar, day: date, today: date) -> bool:
    """Whether a working day has begun since `day`: nobody could call while the store was closed."""
    return working_days_since(calendar, day, today) > 0


def _is_closed_for_ever(calendar: StoreCalendar, today: date) -> bool:
    return next_working_day(calendar, today) is None and last_working_day(calendar, today) is None


def cadence_day(config: StoreConfig, level: str | None, today: date) -> date:
    """The day on which a customer of that level is called again, as crm.cadence_day."""
    found = config.level(level)
    return cadence_day_after(config.calendar, found.cadence_days if found else None, today)


def cadence_day_after(calendar: StoreCalendar, cadence_days: int | None, today: date) -> date:
    days = cadence_days or SLOWEST_CADENCE
    last = today + timedelta(days=max(days, MOST_DAYS_SNOOZED))
    return due_day(calendar, today + timedelta(days=days), today + timedelta(days=1), last)


def day_instead(
    calendar: StoreCalendar, day: date, today: date, last: date | None = None
) -> date | None:
    """The working day to offer for a closed one, from `today` to `last`; None when there is none,
    or `day` is worked."""
    if is_working_day(calendar, day):
        return None
    found = due_day(calendar, day, today, last)
    return found if found != day else None


def closed_day_name(calendar: StoreCalendar, day: date) -> Label | None:
    """What a closed day is called; empty for a weekday that is off, None for a working day."""
    if is_working_day(calendar, day):
        return None
    return calendar.closed_days.get(day.isoformat(), {})
