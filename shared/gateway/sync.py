"""Pushing operations and pulling the caller's book."""

from datetime import date
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.domain.instants import Instant
from shared.domain.members import Colleague
from shared.gateway.client import Gateway, parsed


class OpError(BaseModel):
    model_config = ConfigDict(frozen=True)
    field: str
    code: str


class Answer(BaseModel):
    """What became of one operation; a pull complete beyond `change_no` holds its effects."""

    model_config = ConfigDict(frozen=True, extra="allow")
    op_id: UUID
    status: Literal["applied", "duplicate", "rejected", "conflict", "held"]
    code: str | None = None
    field: str | None = None
    errors: tuple[OpError, ...] = ()
    version: int | None = None
    change_no: int | None = None
    first: dict[str, Any] | None = None
    row: dict[str, Any] | None = None

    def settled(self) -> "Answer":
        """A duplicate speaks for its first answer: a replayed refusal is still a refusal."""
        if self.status != "duplicate" or not self.first:
            return self
        return Answer.model_validate({**self.first, "op_id": self.op_id})


class Page(BaseModel):
    """One page of the book; the last one of a round says up to which change number the book is complete. `total`: about how many rows a
    full round (`reset`) has; `kept`: rows that moved while it ran and come next time; `lost`: the caller was disabled in this store;
    `people`: who is in the store, when that is new."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    user_id: UUID
    store_id: UUID
    today: date
    reset: bool
    more: bool
    rows: dict[str, list[dict[str, Any]]]
    removed: dict[str, list[UUID]]
    config_version: int
    config: dict[str, Any] | None = None
    cursor: dict[str, Any]
    complete_to: int | None = None
    total: int | None = None
    kept: dict[str, list[UUID]] = {}
    lost: bool = False
    people: tuple[Colleague, ...] | None = None
    now: Instant | None = None


async def push(gateway: Gateway, device_id: UUID, ops: list[dict[str, Any]]) -> list[Answer]:
    """At most 200 operations, answered one by one in order. Raises Offline, SignedOut, Refused."""
    data = await gateway.call("sync_push", {"device_id": str(device_id), "ops": ops})
    return parsed(TypeAdapter(list[Answer]), data)


async def pull(gateway: Gateway, store_id: UUID, cursor: dict[str, Any] | None, *, page_size: int = 500, config_version: int | None = None) -> Page:
    """The next page after `cursor` (None begins). Raises Offline, SignedOut, Refused."""
    arguments = {"store_id": str(store_id), "cursor": cursor, "page_size": page_size, "config_version": config_version}
    return parsed(TypeAdapter(Page), await gateway.call("sync_pull", arguments))
