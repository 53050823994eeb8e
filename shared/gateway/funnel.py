"""The funnel as the server counts it."""

from uuid import UUID

from pydantic import TypeAdapter

from shared.domain.funnel import Funnel
from shared.gateway.client import Gateway, parsed


async def report(gateway: Gateway, store_id: UUID, *, pipeline: str | None = None, member_id: UUID | None = None) -> list[Funnel]:
    data = await gateway.call("funnel_report", {"store_id": str(store_id), "pipeline": pipeline, "member_id": str(member_id) if member_id else None})
    return parsed(TypeAdapter(list[Funnel]), (data or {}).get("pipelines", []))
