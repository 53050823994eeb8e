"""The records of a store as the server shows them to one caller: a field they may not see is None.
Money in 分, days store-local."""

from datetime import date
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.domain.instants import Instant


class Record(BaseModel):
    """What every record carries. Unknown keys are ignored: a newer server may send more."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: UUID
    version: int = 1


class CustomRecord(Record):
    custom: dict[str, Any] = {}

    def value(self, key: str) -> Any:
        """A field's value, base or custom."""
        return getattr(self, key) if key in type(self).model_fields else self.custom.get(key)

    def flat(self) -> dict[str, Any]:
        """The values as a form looks at them, the store's own among them."""
        return self.model_dump(mode="json", exclude={"custom"}) | self.custom


class Customer(CustomRecord):
    owner_id: UUID | None = None
    renewal_owner_id: UUID | None = None
    pool: str | None = None
    name: str | None = None
    phone: str | None = None
    wechat: str | None = None
    gender: str | None = None
    source: str | None = None
    level: str | None = None
    level_at: Instant | None = None
    next_contact_on: date | None = None
    last_contact_at: Instant | None = None
    need: str | None = None
    preferred_time: str | None = None
    do_not_call: bool | None = None
    consent_withdrawn_at: Instant | None = None

    @property
    def call_block(self) -> str | None:
        """Why they must not be called: "do_not_call" or "consent"; None when they may be (S-67,
        S-76)."""
        return (
            "do_not_call" if self.do_not_call else "consent" if self.consent_withdrawn_at else None
        )

    complaint_at: Instant | None = None
    test_drive_asked_at: Instant | None = None
    facts: dict[str, Any] = {}  # field → {"on": day, "by": name}: who was told, and when


class Companion(CustomRecord):
    customer_id: UUID
    name: str | None = None
    relation: str | None = None
    influence: str | None = None
    phone: str | None = None


class Vehicle(CustomRecord):
    customer_id: UUID
    plate: str | None = None
    vin: str | None = None
    brand: str | None = None
    series: str | None = None
    model_year: int | None = None


class Policy(CustomRecord):
    customer_id: UUID
    vehicle_id: UUID | None = None
    insurer: str | None = None
    policy_number: str | None = None
    kind: str | None = None
    premium_fen: int | None = None
    starts_on: date | None = None
    expires_on: date | None = None
    status: str = "active"
    origin: str = "store"
    renews_id: UUID | None = None
    lost_reason: str | None = None


class Deal(CustomRecord):
    customer_id: UUID
    owner_id: UUID | None = None
    vehicle_id: UUID | None = None
    policy_id: UUID | None = None
    pipeline: str
    stage: str
    furthest_stage: str | None = None
    stage_at: Instant | None = None
    title: str | None = None
    amount_fen: int | None = None
    expected_close_on: date | None = None
    lost_reason: str | None = None
    checked: tuple[str, ...] = ()
    closed_at: Instant | None = None


class Conversation(CustomRecord):
    customer_id: UUID
    author_id: UUID | None = None
    author_name: str | None = None
    task_id: UUID | None = None
    method: str = "call"
    outcome: str
    reached: bool = False
    notes: str | None = None
    level_before: str | None = None
    level_after: str | None = None
    next_contact_on: date | None = None
    occurred_at: Instant
    dialled_at: Instant | None = None
    away_seconds: int | None = None
    reason: str | None = None
    companions: tuple[UUID, ...] = ()
    influences: dict[str, str] = {}
    burst: bool = False


class Promise(Record):
    """What a customer was promised, by a day."""

    customer_id: UUID
    conversation_id: UUID | None = None
    notes: str | None = None  # under the right of the conversation's words
    due_on: date
    status: str = "open"


class Task(Record):
    customer_id: UUID
    assignee_id: UUID | None = None
    kind: str
    rule: str | None = None
    subject_form: str = "customer"
    subject_id: UUID
    due_on: date
    due_at: Instant | None = None
    expires_on: date | None = None
    rank: int = 5
    status: str = "open"
    attempts: int = 0
    snoozes: int = 0
    remark: str | None = None
    closed_at: Instant | None = None


class Approval(Record):
    kind: str = "task_cancel"
    task_id: UUID | None = None
    deal_id: UUID | None = None
    customer_id: UUID
    requester_id: UUID | None = None
    reason: str | None = None
    asked: dict[str, Any] = {}
    notes: str | None = None
    status: str = "pending"
    remark: str | None = None
    created_at: Instant | None = None


class Attachment(Record):
    """A voice memo, photo or file of a record, complete on the server; its bytes are fetched when
    someone opens it."""

    customer_id: UUID
    form: str
    record_id: UUID
    kind: str
    mime: str
    bytes: int
    author_id: UUID | None = None
    consented_at: Instant | None = (
        None  # of a voice memo: when the customer agreed; the author asked them
    )
    created_at: Instant | None = None


class Transfer(Record):
    """A customer passed on, with what the new owner should know (First 3)."""

    customer_id: UUID
    kind: str
    from_name: str | None = None
    to_id: UUID | None = None
    by_name: str | None = None
    notes: str | None = None
    contact_due_at: Instant | None = None
    accepted_at: Instant | None = None
    created_at: Instant | None = None


class Relationship(Record):
    """One of the family: `other_id` is the `relation` of `customer_id`; the name only for who sees
    them (S-64)."""

    customer_id: UUID
    other_id: UUID
    other_name: str | None = None
    relation: str


class Consent(Record):
    customer_id: UUID
    purpose: str
    channel: str
    granted: bool
    source: str | None = None
    stated_at: Instant


class Visit(Record):
    """Someone came in (S-18)."""

    customer_id: UUID
    received_by_name: str | None = None
    anonymous: bool = False
    party: int = 1
    notes: str | None = None
    arrived_at: Instant


RECORDS: dict[str, type[Record]] = {
    "customers": Customer,
    "companions": Companion,
    "vehicles": Vehicle,
    "policies": Policy,
    "deals": Deal,
    "tasks": Task,
    "conversations": Conversation,
    "approvals": Approval,
    "attachments": Attachment,
    "promises": Promise,
    "transfers": Transfer,
    "relationships": Relationship,
    "consents": Consent,
    "visits": Visit,
}
