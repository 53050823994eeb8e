"""Reading customers beyond one's own book: search, the card, the duplicate check."""

from datetime import date
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.domain.instants import Instant
from shared.domain.records import (
    Attachment,
    Companion,
    Consent,
    Conversation,
    Customer,
    Deal,
    Handover,
    Link,
    Policy,
    Promise,
    Reception,
    Task,
    Vehicle,
)
from shared.gateway.client import Gateway, parsed


class Brief(BaseModel):
    """Everything the card shows."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    today: date
    customer: Customer
    owner_name: str | None = None
    companions: tuple[Companion, ...] = ()
    vehicles: tuple[Vehicle, ...] = ()
    policies: tuple[Policy, ...] = ()
    deals: tuple[Deal, ...] = ()
    tasks: tuple[Task, ...] = ()
    conversations: tuple[Conversation, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    promises: tuple[Promise, ...] = ()
    handovers: tuple[Handover, ...] = ()
    links: tuple[Link, ...] = ()
    consents: tuple[Consent, ...] = ()
    receptions: tuple[Reception, ...] = ()


class Mine(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    id: UUID
    name: str | None = None
    last_contact_at: Instant | None = None


class Duplicates(BaseModel):
    """mine: customers I may open; elsewhere: {days} since a colleague's last contact, nothing else."""

    model_config = ConfigDict(frozen=True)
    mine: tuple[Mine, ...] = ()
    elsewhere: dict[str, Any] | None = None


async def search(gateway: Gateway, store_id: UUID, words: str, *, limit: int = 50) -> list[Customer]:
    data = await gateway.call("search_customers", {"store_id": str(store_id), "words": words, "page_size": limit})
    return parsed(TypeAdapter(list[Customer]), data)


async def find(
    gateway: Gateway, store_id: UUID, filters: list[dict[str, Any]], *, sort: str, descending: bool, limit: int = 50, offset: int = 0
) -> list[Customer]:
    """By searchable fields [{key, op, value}]. Raises Refused: forbidden, not_searchable, invalid."""
    asked = {"store_id": str(store_id), "filters": filters, "sort": sort, "descending": descending, "page_size": limit, "page_offset": offset}
    return parsed(TypeAdapter(list[Customer]), await gateway.call("find_customers", asked))


async def brief(gateway: Gateway, store_id: UUID, customer_id: UUID) -> Brief:
    data = await gateway.call("customer_brief", {"store_id": str(store_id), "customer_id": str(customer_id)})
    return parsed(TypeAdapter(Brief), data)


async def reveal(gateway: Gateway, store_id: UUID, form: str, record_id: UUID, key: str, reason: str) -> Any:
    """A value the caller sees masked; the audit keeps who asked and why. Raises Refused: forbidden, required, not_found."""
    asked = {"store_id": str(store_id), "form": form, "id": str(record_id), "field": key, "reason": reason}
    return (await gateway.call("reveal_field", asked)).get("value")


async def duplicates(gateway: Gateway, store_id: UUID, *, phone: str | None = None, plate: str | None = None) -> Duplicates:
    data = await gateway.call("find_duplicates", {"store_id": str(store_id), "phone": phone, "plate": plate})
    return parsed(TypeAdapter(Duplicates), data)
