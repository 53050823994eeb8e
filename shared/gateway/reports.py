"""Reports of a day, a week or a month, and what a metric was before (S-28)."""

from datetime import date
from uuid import UUID

from pydantic import TypeAdapter

from shared.domain.reports import Kind, Report, Trend
from shared.gateway.client import Gateway, parsed


async def report(gateway: Gateway, store_id: UUID, kind: Kind, day: date | None = None) -> Report:
    """Of the period a day is in, of today's when none is said. Raises Offline, SignedOut,
    Rejected("forbidden", "invalid")."""
    asked = {"store_id": str(store_id), "kind": kind, "day": day.isoformat() if day else None}
    return parsed(TypeAdapter(Report), await gateway.call("report", asked))


async def trend(
    gateway: Gateway,
    store_id: UUID,
    metric: str,
    kind: Kind,
    day: date,
    *,
    member_id: UUID | None = None,
) -> Trend:
    """Twelve periods up to the one of a day. Raises as `report`, and Rejected("not_found")."""
    asked = {
        "store_id": str(store_id),
        "metric": metric,
        "kind": kind,
        "day": day.isoformat(),
        "member_id": str(member_id) if member_id else None,
    }
    return parsed(TypeAdapter(Trend), await gateway.call("metric_trend", asked))
