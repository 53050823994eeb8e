"""Who did what, under the reader's rights."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.domain.instants import Instant
from shared.gateway.client import Gateway, parsed

PAGE = 50


class AuditRow(BaseModel):
    """One line; actor_id None is the system. Records: form, field, old, new; acts and
    configuration: kind and detail."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: int
    created_at: Instant
    actor_id: UUID | None = None
    kind: str
    form: str | None = None
    field: str | None = None
    subject_id: UUID | None = None
    customer_id: UUID | None = None
    name: str | None = None
    old: Any = None
    new: Any = None
    detail: dict[str, Any] = {}


class AuditPage(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    rows: tuple[AuditRow, ...]
    next: int | None = None


async def page(
    gateway: Gateway, store_id: UUID, *, before: int | None = None, wanted: dict[str, str]
) -> AuditPage:
    """wanted: what (records, configuration, acts), user_id, from, to, form, field. Raises
    Refused("forbidden")."""
    asked = {
        "store_id": str(store_id),
        "filter": {k: v for k, v in wanted.items() if v},
        "before": before,
        "page_size": PAGE,
    }
    return parsed(TypeAdapter(AuditPage), await gateway.call("audit_log", asked))
