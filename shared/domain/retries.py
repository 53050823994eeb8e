"""When somebody who was not reached is tried again: at another time of day each time, the one he prefers before all (F-31).

As crm.parts_tried and crm.next_try do it in the database; the phone does the same without a network.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.domain.config import DayPart
from shared.domain.records import Conversation

MEMORY = timedelta(days=14)


def parts_tried(parts: Sequence[DayPart], talks: Iterable[Conversation], zone: str, now: datetime) -> set[str]:
    """In which parts of the day he was called in vain, since he was last reached and within two weeks."""
    known = list(talks)
    since = max([now - MEMORY, *(t.occurred_at for t in known if t.reached)])
    vain = [t.occurred_at.astimezone(ZoneInfo(zone)).time() for t in known if not t.reached and t.method == "call" and t.occurred_at > since]
    return {p.key for p in parts for clock in vain if _clock(p.start) <= clock < _clock(p.end)}


def next_try(earliest: datetime, zone: str, parts: Sequence[DayPart], tried: set[str], preferred: str | None) -> datetime | None:
    """The first moment from `earliest` on in a part of the day that was not tried; when all were, the first of any."""
    here = earliest.astimezone(ZoneInfo(zone))
    found = []
    for days in range(8):
        day = here.date() + timedelta(days=days)
        for part in parts:
            at = max(datetime.combine(day, _clock(part.start), ZoneInfo(zone)), here)
            if at < datetime.combine(day, _clock(part.end), ZoneInfo(zone)):
                found.append((not (part.key == preferred and part.key not in tried), part.key in tried, at))
    return min(found)[2] if found else None


def _clock(text: str) -> time:
    return time.fromisoformat(text)
