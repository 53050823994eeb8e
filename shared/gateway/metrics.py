"""The meeting sheet and the rows behind its numbers (S-23, S-110)."""

from datetime import date
from uuid import UUID

from pydantic import TypeAdapter

from shared.domain.metrics import MeetingSheet, MetricRows
from shared.gateway.client import Gateway, parsed


async def meeting_sheet(gateway: Gateway, store_id: UUID, day: date | None = None) -> MeetingSheet:
    """Of a day, of today when none is said. Raises Offline, SignedOut, Refused("forbidden")."""
    asked = {"store_id": str(store_id), "day": day.isoformat() if day else None}
    return parsed(TypeAdapter(MeetingSheet), await gateway.call("meeting_sheet", asked))


async def freeze(gateway: Gateway, store_id: UUID, day: date) -> None:
    """Keep the numbers of a day; a second time changes nothing. Raises as `meeting_sheet`."""
    await gateway.call("freeze_meeting_sheet", {"store_id": str(store_id), "day": day.isoformat()})


async def rows(
    gateway: Gateway,
    store_id: UUID,
    metric: str,
    day: date,
    *,
    member_id: UUID | None = None,
    level: str | None = None,
    since: date | None = None,
) -> MetricRows:
    """What a number counts on a day, or on the days from `since` to it (at most 31); at most 200
    rows. Raises Offline, SignedOut, Refused("not_found")."""
    asked = {
        "store_id": str(store_id),
        "metric": metric,
        "day": day.isoformat(),
        "member_id": str(member_id) if member_id else None,
        "dimension": level,
        "since": since.isoformat() if since else None,
    }
    return parsed(TypeAdapter(MetricRows), await gateway.call("metric_rows", asked))
