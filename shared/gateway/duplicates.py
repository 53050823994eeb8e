"""Pairs that look like one person, merging them, and telling them apart again."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.domain.instants import Instant
from shared.gateway.client import Gateway, parsed


class Pair(BaseModel):
    """Two customers as the caller sees them; why: phone, plate, vin, name (with a number one digit
    apart)."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    reasons: tuple[str, ...]
    one: dict[str, Any]
    two: dict[str, Any]


class Merge(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    id: UUID
    winner_name: str | None = None
    author_name: str | None = None
    created_at: Instant
    undone_at: Instant | None = None


async def pairs(gateway: Gateway, store_id: UUID) -> list[Pair]:
    """At most fifty. Raises Refused("forbidden")."""
    return parsed(
        TypeAdapter(list[Pair]), await gateway.call("duplicate_pairs", {"store_id": str(store_id)})
    )


async def merge(
    gateway: Gateway, store_id: UUID, merge_id: UUID, *, winner: str, loser: str, take: list[str]
) -> None:
    """`take`: fields of the loser; what the winner lacks comes along anyway. Sent twice it is one
    merge. Raises Refused: not_found, forbidden."""
    asked = {
        "store_id": str(store_id),
        "merge_id": str(merge_id),
        "winner_id": winner,
        "loser_id": loser,
        "take": take,
    }
    await gateway.call("merge_customers", asked)


async def unmerge(gateway: Gateway, store_id: UUID, merge_id: UUID) -> None:
    """Raises Refused: changed_since, not_found, forbidden."""
    await gateway.call("unmerge_customers", {"store_id": str(store_id), "merge_id": str(merge_id)})


async def merges(gateway: Gateway, store_id: UUID) -> list[Merge]:
    return await gateway.rows(
        "merges", Merge, store_id=str(store_id), order="-created_at", limit=30
    )
