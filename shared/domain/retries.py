"""When somebody who was not reached is tried again: at another time of day each time, the one they
prefers before all (F-31).

As crm.attempted_day_parts and crm.next_attempt_at do it in the database; the phone does the same
without a network.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.domain.config import DayPart
from shared.domain.records import Conversation

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


def next_attempt_at(
    earliest: datetime, zone: str, parts: Sequence[DayPart], tried: set[str], preferred: str | None
) -> datetime | None:
    """The first moment from `earliest` on in a part of the day that was not tried; when all were,
    the first of any."""
    here = earliest.astimezone(ZoneInfo(zone))
    found: list[tuple[bool, bool, datetime]] = []
    for days in range(8):
        day = here.date() + timedelta(days=days)
        for part in parts:
            at = max(datetime.combine(day, _clock(part.start), ZoneInfo(zone)), here)
            if at < datetime.combine(day, _clock(part.end), ZoneInfo(zone)):
                found.append(
                    (not (part.key == preferred and part.key not in tried), part.key in tried, at)
                )
    return min(found)[2] if found else None


def _clock(text: str) -> time:
    return time.fromisoformat(text)
