"""Any member's queue of today, and what waits for a decision (S-06, F-44)."""

from datetime import date
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.domain.instants import Instant
from shared.domain.records import Task
from shared.gateway.client import Gateway, parsed


class QueueRow(Task):
    name: str | None = None
    phone: str | None = None
    level: str | None = None
    need: str | None = None


class Queue(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    today: date
    member_id: UUID
    tasks: tuple[QueueRow, ...]
    open: int
    pending: int
    done: int
    excused: int


class ConversationSummary(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    occurred_at: Instant
    outcome: str
    method: str
    notes: str | None = None
    dialled_at: Instant | None = None


class PendingApproval(BaseModel):
    """One card of the inbox: reason, attempts, times, last notes."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: UUID
    kind: str = "task_cancel"
    task_id: UUID | None = None
    deal_id: UUID | None = None
    asked: dict[str, Any] = {}
    owner_name: str | None = None
    deal_title: str | None = None
    amount_fen: int | None = None
    stage: str | None = None
    pipeline: str | None = None
    customer_id: UUID
    requester_id: UUID | None = None
    requester_name: str | None = None
    reason: str | None = None
    notes: str | None = None
    created_at: Instant
    name: str | None = None
    level: str | None = None
    due_on: date | None = None
    expires_on: date | None = None
    attempts: int
    snoozes: int
    is_own: bool
    conversations: tuple[ConversationSummary, ...] = ()


async def today(gateway: Gateway, store_id: UUID, *, member_id: UUID | None = None) -> Queue:
    data = await gateway.call(
        "today", {"store_id": str(store_id), "member_id": str(member_id) if member_id else None}
    )
    return parsed(TypeAdapter(Queue), data)


async def pending_approvals(gateway: Gateway, store_id: UUID) -> list[PendingApproval]:
    return parsed(
        TypeAdapter(list[PendingApproval]),
        await gateway.call("pending_approvals", {"store_id": str(store_id)}),
    )


class Alert(BaseModel):
    """Something a decider should look at: kind burst, unreachable, complaint or duplicate; `times`
    how often."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: UUID
    kind: str
    member_id: UUID
    member_name: str
    customer_id: UUID | None = None
    name: str | None = None
    times: int
    last_at: Instant
    seen_at: Instant | None = None


async def open_alerts(gateway: Gateway, store_id: UUID) -> list[Alert]:
    """What nobody has looked at yet, newest first. Empty for who may not decide. Raises Offline,
    SignedOut, Rejected."""
    found = await gateway.rows("alerts", Alert, store_id=str(store_id), order="-last_at")
    return [f for f in found if f.seen_at is None]
