"""The dry run of a document's rules."""

from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from shared.domain.dry_run import DryRun
from shared.gateway.client import Gateway, parsed


async def preview(
    gateway: Gateway, store_id: UUID, document: dict[str, Any] | None, *, days: int = 90
) -> DryRun:
    """The rules of a document (None: the published) on the last days as they were; writes nothing.
    Raises Refused: forbidden, invalid_config."""
    return parsed(
        TypeAdapter(DryRun),
        await gateway.call(
            "preview_rules",
            {"store_id": str(store_id), "document": document, "days": days},
            patience=120,
        ),
    )
