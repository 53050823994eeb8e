"""A customer's history, event by event."""

from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from shared.domain.instants import Instant
from shared.domain.records import Conversation
from shared.gateway.client import Answer, Gateway, parsed


class TimelineEntry(Answer):
    """One event: a record made, or a value changed, old and new as the reader may see them."""

    id: int
    form: str
    subject_id: UUID
    kind: str
    field: str | None = None
    old: Any = None
    new: Any = None
    created_at: Instant
    actor_name: str | None = None
    by_system: bool = False
    conversation: Conversation | None = None


async def timeline(
    gateway: Gateway, store_id: UUID, customer_id: UUID, *, before: int | None = None
) -> list[TimelineEntry]:
    """A page of the history before an event, newest first. Raises Offline, SignedOut,
    Refused("not_found")."""
    arguments = {"store_id": str(store_id), "customer_id": str(customer_id), "before_id": before}
    return parsed(
        TypeAdapter(list[TimelineEntry]), await gateway.call("customer_timeline", arguments)
    )
