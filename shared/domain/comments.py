"""What a manager says about a conversation, to its author (S-54)."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.domain.instants import Instant


class Comment(BaseModel):
    """`occurred_at`: when the conversation took place; customer_id, customer_name: None when the
    reader does not see the customer any more; acknowledged_at: None until its author has read
    it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: UUID
    conversation_id: UUID
    notes: str
    author: str
    created_at: Instant
    occurred_at: Instant
    acknowledged_at: Instant | None = None
    customer_id: UUID | None = None
    customer_name: str | None = None
