"""Targets of a month, and how far they are (S-31)."""

from datetime import date
from uuid import UUID

from pydantic import TypeAdapter

from shared.domain.targets import TargetProgress
from shared.gateway.client import Gateway, parsed


async def target_progress(
    gateway: Gateway, store_id: UUID, day: date | None = None
) -> TargetProgress:
    """The targets of a day's month, of today's when none is said. Raises Offline, SignedOut,
    Rejected("forbidden")."""
    asked = {"store_id": str(store_id), "day": day.isoformat() if day else None}
    return parsed(TypeAdapter(TargetProgress), await gateway.call("target_progress", asked))


async def set_target(
    gateway: Gateway,
    store_id: UUID,
    metric: str,
    value: int | None,
    *,
    member_id: UUID | None = None,
) -> None:
    """Of this month, for a member or the whole store: so many, 分 or percent; None removes it.
    Raises Offline, SignedOut, Rejected("forbidden", "not_found", "range", "option")."""
    await gateway.call(
        "set_target",
        {
            "store_id": str(store_id),
            "metric": metric,
            "value": value,
            "member_id": str(member_id) if member_id else None,
        },
    )
