"""Erasing a person for good (docs/decisions/0044)."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.gateway.client import Gateway, parsed

REASONS = ("asked", "consent_withdrawn", "purpose_ended", "unlawful")


class ErasurePreview(BaseModel):
    """counts: how many records by table; merged: records that were merged into this customer."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: UUID
    counts: dict[str, int]
    open_tasks: int
    merged: int


async def preview(gateway: Gateway, store_id: UUID, customer_id: UUID) -> ErasurePreview:
    """What would go; nothing changes. Raises Refused: forbidden, not_found."""
    asked = {"store_id": str(store_id), "customer_id": str(customer_id)}
    return parsed(TypeAdapter(ErasurePreview), await gateway.call("preview_erasure", asked))


async def erase(gateway: Gateway, store_id: UUID, customer_id: UUID, reason: str) -> None:
    """Cannot be taken back; sent twice it is done once. reason: one of REASONS. Raises Refused:
    forbidden, not_found, option."""
    asked = {"store_id": str(store_id), "customer_id": str(customer_id), "reason": reason}
    await gateway.call("erase_customer", asked)
