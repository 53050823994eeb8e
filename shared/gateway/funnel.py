"""The funnel as the server counts it."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.domain.funnel import Funnel
from shared.gateway.client import Gateway, parsed


class Report(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    pipelines: tuple[Funnel, ...]


async def report(
    gateway: Gateway, store_id: UUID, *, pipeline: str | None = None, member_id: UUID | None = None
) -> list[Funnel]:
    data = await gateway.call(
        "funnel_report",
        {
            "store_id": str(store_id),
            "pipeline": pipeline,
            "member_id": str(member_id) if member_id else None,
        },
    )
    return list(parsed(TypeAdapter(Report), data).pipelines)
