"""Comments on conversations (S-54)."""

from uuid import UUID

from pydantic import TypeAdapter

from shared.domain.comments import Comment
from shared.gateway.client import Gateway, parsed


async def comments(
    gateway: Gateway, store_id: UUID, customer_id: UUID | None = None
) -> tuple[Comment, ...]:
    """On a customer's conversations; without one, what the caller has not acknowledged yet. Raises
    Offline, SignedOut, Rejected("forbidden")."""
    asked = {
        "store_id": str(store_id),
        "customer_id": str(customer_id) if customer_id else None,
    }
    return parsed(TypeAdapter(tuple[Comment, ...]), await gateway.call("comments", asked))


async def add_comment(
    gateway: Gateway, store_id: UUID, comment_id: UUID, conversation_id: UUID, notes: str
) -> None:
    """The same id again changes nothing. Raises Offline, SignedOut, Rejected("forbidden",
    "required", "length", "not_found")."""
    await gateway.call(
        "add_comment",
        {
            "store_id": str(store_id),
            "id": str(comment_id),
            "conversation_id": str(conversation_id),
            "notes": notes,
        },
    )


async def acknowledge(gateway: Gateway, store_id: UUID, comment_id: UUID) -> None:
    """A second time changes nothing. Raises Offline, SignedOut, Rejected("forbidden",
    "not_found")."""
    await gateway.call("acknowledge_comment", {"store_id": str(store_id), "id": str(comment_id)})
