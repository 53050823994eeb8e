"""A customer's card: everything known of one customer, from the device or from the server."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.domain.records import (
    Approval,
    Attachment,
    Companion,
    Consent,
    Conversation,
    Customer,
    Deal,
    Policy,
    Promise,
    Relationship,
    Task,
    Transfer,
    Vehicle,
    Visit,
)


class Card(BaseModel):
    """Conversations, visits, transfers and consents newest first; `pending` and `pending_ids`:
    made on this device and not sent yet. `owner_name` comes from the server only."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    customer: Customer
    owner_name: str | None = None
    companions: tuple[Companion, ...] = ()
    vehicles: tuple[Vehicle, ...] = ()
    policies: tuple[Policy, ...] = ()
    deals: tuple[Deal, ...] = ()
    tasks: tuple[Task, ...] = ()
    conversations: tuple[Conversation, ...] = ()
    approvals: tuple[Approval, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    promises: tuple[Promise, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    relationships: tuple[Relationship, ...] = ()
    consents: tuple[Consent, ...] = ()
    visits: tuple[Visit, ...] = ()
    pending: bool = False
    pending_ids: frozenset[UUID] = frozenset()

    def files_of(self, record_id: UUID) -> tuple[Attachment, ...]:
        return tuple(f for f in self.attachments if f.record_id == record_id)
