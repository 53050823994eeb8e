"""The report of visits."""

from uuid import UUID

from pydantic import TypeAdapter

from shared.gateway.client import Answer, Gateway, parsed


class VisitReport(Answer):
    """Visits of thirty days: without a plan must be 0 (S-63); seconds until they were written down
    (S-18)."""

    visits: int = 0
    anonymous: int = 0
    named_since: int = 0
    without_plan: int = 0
    median_seconds: int | None = None


async def visits(gateway: Gateway, store_id: UUID) -> VisitReport:
    return parsed(
        TypeAdapter(VisitReport), await gateway.call("visit_report", {"store_id": str(store_id)})
    )
