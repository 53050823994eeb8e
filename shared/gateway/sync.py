"""Pushing operations and pulling the caller's data."""

from datetime import date
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.domain.instants import Instant
from shared.domain.members import Colleague
from shared.gateway.client import Gateway, parsed


class FieldError(BaseModel):
    model_config = ConfigDict(frozen=True)
    field: str
    code: str


class Answer(BaseModel):
    """What became of one operation; a pull complete beyond `change_no` holds its effects."""

    model_config = ConfigDict(frozen=True, extra="allow")
    op_id: UUID
    status: Literal["applied", "duplicate", "rejected", "conflict", "quarantined"]
    code: str | None = None
    field: str | None = None
    errors: tuple[FieldError, ...] = ()
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
    """One page of the local data; the last one of a round says up to which change number the local
    data is complete. `total`: about how many rows a full round (`reset`) has; `kept`: rows that
    moved while it ran and come next time; `lost`: the caller was disabled in this store; `people`:
    who is in the store, when that is new; `epoch`: of a full round, another one once the store was
    restored from a backup."""

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
    access_revoked: bool = False
    people: tuple[Colleague, ...] | None = None
    now: Instant | None = None
    epoch: UUID | None = None


async def push(
    gateway: Gateway, device_id: UUID, operations: list[dict[str, Any]], *, user_id: UUID
) -> list[Answer]:
    """At most 200 operations of `user_id`, answered one by one in order.

    Raises Offline, SignedOut, Rejected, OtherUser.
    """
    asked = {"device_id": str(device_id), "operations": operations}
    data = await gateway.call("sync_push", asked, user_id=user_id)
    return parsed(TypeAdapter(list[Answer]), data)


async def pull(
    gateway: Gateway,
    store_id: UUID,
    cursor: dict[str, Any] | None,
    *,
    user_id: UUID,
    page_size: int = 500,
    config_version: int | None = None,
) -> Page:
    """The next page of `user_id`'s data after `cursor` (None begins).

    Raises Offline, SignedOut, Rejected, OtherUser.
    """
    arguments = {
        "store_id": str(store_id),
        "cursor": cursor,
        "page_size": page_size,
        "config_version": config_version,
    }
    data = await gateway.call("sync_pull", arguments, user_id=user_id)
    return parsed(TypeAdapter(Page), data)
