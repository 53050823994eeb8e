"""Reading customers beyond one's own data: search, the card, the duplicate check."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.domain.card import Card
from shared.domain.instants import Instant
from shared.domain.records import Customer
from shared.gateway.client import Gateway, parsed


class Mine(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    id: UUID
    name: str | None = None
    last_contact_at: Instant | None = None


class Duplicates(BaseModel):
    """mine: customers I may open; elsewhere: {days} since a colleague's last contact, nothing
    else."""

    model_config = ConfigDict(frozen=True)
    mine: tuple[Mine, ...] = ()
    elsewhere: dict[str, Any] | None = None


async def search(
    gateway: Gateway, store_id: UUID, query: str, *, limit: int = 50
) -> list[Customer]:
    data = await gateway.call(
        "search_customers", {"store_id": str(store_id), "query": query, "page_size": limit}
    )
    return parsed(TypeAdapter(list[Customer]), data)


async def find(
    gateway: Gateway,
    store_id: UUID,
    filters: list[dict[str, Any]],
    *,
    sort: str,
    descending: bool,
    limit: int = 50,
    offset: int = 0,
) -> list[Customer]:
    """By searchable fields [{key, op, value}]. Raises Refused: forbidden, not_searchable,
    invalid."""
    asked = {
        "store_id": str(store_id),
        "filters": filters,
        "sort": sort,
        "descending": descending,
        "page_size": limit,
        "page_offset": offset,
    }
    return parsed(TypeAdapter(list[Customer]), await gateway.call("find_customers", asked))


async def brief(gateway: Gateway, store_id: UUID, customer_id: UUID) -> Card:
    """The card of a customer the caller may see. Raises Offline, SignedOut,
    Refused("not_found")."""
    data = await gateway.call(
        "customer_brief", {"store_id": str(store_id), "customer_id": str(customer_id)}
    )
    return parsed(TypeAdapter(Card), data)


async def reveal(
    gateway: Gateway, store_id: UUID, form: str, record_id: UUID, key: str, reason: str
) -> Any:
    """A value the caller sees masked; the audit keeps who asked and why. Raises Refused: forbidden,
    required, not_found."""
    asked = {
        "store_id": str(store_id),
        "form": form,
        "id": str(record_id),
        "field": key,
        "reason": reason,
    }
    return (await gateway.call("reveal_field", asked)).get("value")


async def duplicates(
    gateway: Gateway, store_id: UUID, *, phone: str | None = None, plate: str | None = None
) -> Duplicates:
    data = await gateway.call(
        "find_duplicates", {"store_id": str(store_id), "phone": phone, "plate": plate}
    )
    return parsed(TypeAdapter(Duplicates), data)
