"""Operations kept for a manager: of a disabled member, or about a customer handed to a colleague
while the phone was offline."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.domain.instants import Instant
from shared.domain.problems import Rejected
from shared.gateway.client import Gateway, parsed


class Change(BaseModel):
    """What applying would change: a field of a form, or a status, with the value now and
    afterwards."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    form: str
    field: str
    before: Any = None
    after: Any = None


class QuarantinedOperation(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    op_id: UUID
    author_name: str | None = None
    customer_id: UUID | None = None
    customer_name: str | None = None
    reason: str
    verb: str
    received_at: Instant
    made_at: Instant | None = None
    notes: str | None = None
    outcome: str | None = None
    reason_given: str | None = None
    fields: dict[str, Any] = {}
    effect: list[Change] = []
    decision: str | None = None


async def quarantined(gateway: Gateway, store_id: UUID) -> list[QuarantinedOperation]:
    """What is not decided yet, oldest first. Raises Offline, SignedOut, Rejected."""
    rows = await gateway.rows(
        "quarantined_operations", QuarantinedOperation, store_id=str(store_id), order="received_at"
    )
    return [row for row in rows if row.decision is None]


async def decide(gateway: Gateway, store_id: UUID, op_id: UUID, decision: str) -> None:
    """decision: apply or dismiss. Raises Rejected with the verb's code when it cannot be applied,
    Offline, SignedOut."""
    answer = parsed(
        TypeAdapter(dict[str, Any]),
        await gateway.call(
            "decide_quarantined",
            {"store_id": str(store_id), "op_id": str(op_id), "decision": decision},
        ),
    )
    if answer.get("status") != "applied":
        raise Rejected(str(answer.get("code") or answer.get("status") or "unexpected"))
