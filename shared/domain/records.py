"""The records of a store as the server shows them to one caller: a field he may not see is None. Money in 分, days store-local."""

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
    complaint_at: Instant | None = None
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


class Deal(CustomRecord):
    customer_id: UUID
    owner_id: UUID | None = None
    pipeline: str
    stage: str
    stage_at: Instant | None = None
    title: str | None = None
    amount_fen: int | None = None
    expected_close_on: date | None = None
    lost_reason: str | None = None
    checked: tuple[str, ...] = ()


class Conversation(CustomRecord):
    customer_id: UUID
    author_id: UUID | None = None
    author_name: str | None = None
    task_id: UUID | None = None
    method: str = "call"
    outcome: str
    reached: bool = False
    words: str | None = None
    level_before: str | None = None
    level_after: str | None = None
    next_contact_on: date | None = None
    occurred_at: Instant
    dialled_at: Instant | None = None
    away_seconds: int | None = None
    reason: str | None = None
    companions: tuple[UUID, ...] = ()
    burst: bool = False


class Promise(Record):
    """What a customer was promised, by a day."""

    customer_id: UUID
    conversation_id: UUID | None = None
    words: str
    due_on: date
    status: str = "open"


class Task(Record):
    customer_id: UUID
    assignee_id: UUID | None = None
    why: str
    rule: str | None = None
    subject_form: str = "customer"
    subject_id: UUID
    due_on: date
    due_at: Instant | None = None
    expires_on: date | None = None
    rank: int = 5
    status: str = "open"
    tries: int = 0
    snoozes: int = 0
    remark: str | None = None
    closed_at: Instant | None = None


class Approval(Record):
    task_id: UUID
    customer_id: UUID
    requester_id: UUID | None = None
    reason: str
    words: str | None = None
    status: str = "pending"
    remark: str | None = None
    created_at: Instant | None = None


class Attachment(Record):
    """A voice memo, photo or file of a record, complete on the server; its bytes are fetched when someone opens it."""

    customer_id: UUID
    form: str
    record_id: UUID
    kind: str
    mime: str
    bytes: int
    author_id: UUID | None = None
    created_at: Instant | None = None


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
}
FORM_TABLES = {
    "customer": "customers",
    "companion": "companions",
    "vehicle": "vehicles",
    "policy": "policies",
    "deal": "deals",
    "conversation": "conversations",
}
