"""Seeing the app as a member: a gateway through which everything is asked as him and nothing can be done (F-73, docs/decisions/0017)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.domain.problems import Refused
from shared.gateway.client import Gateway, Row, parsed


class Begun(BaseModel):
    """What `see_as` gave: the look's id and its end."""

    model_config = ConfigDict(frozen=True)
    id: UUID
    expires_at: datetime


class Seen(BaseModel):
    """As whom one looks: his name, the key of his role, when it ends."""

    model_config = ConfigDict(frozen=True)
    name: str
    role: str
    expires_at: datetime


async def begin(gateway: Gateway, store_id: UUID, user_id: UUID) -> Begun:
    """Raises Refused: forbidden, not_found, own_access, sees_more; Offline, SignedOut."""
    return parsed(TypeAdapter(Begun), await gateway.call("see_as", {"store_id": str(store_id), "user_id": str(user_id)}))


class SeeingGateway(Gateway):
    """The gateway of an admin, answering as the member he looks as. Beside reading it lets nothing out of the device."""

    def look_as(self, store_id: UUID, seeing_id: UUID) -> None:
        self._store_id, self._seeing_id, self._member_id = store_id, seeing_id, ""

    @property
    def user_id(self) -> str:
        return self._member_id

    async def seen(self) -> Seen:
        """Raises Refused: seeing_over, sees_more, forbidden; Offline, SignedOut."""
        return parsed(TypeAdapter(Seen), await self.call("seeing", {}))

    async def end(self) -> None:
        await super().call("stop_seeing", {"store_id": str(self._store_id), "seeing_id": str(self._seeing_id)})

    async def call(self, function: str, arguments: dict[str, Any], *, patience: float | None = None) -> Any:
        if function == "sync_push":
            raise Refused("looking_only")
        asked = {"store_id": str(self._store_id), "seeing_id": str(self._seeing_id), "what": function, "arguments": arguments}
        return await super().call("look", asked, patience=patience)

    async def rows(
        self, view: str, row: type[Row], *, store_id: str | None = None, ids: Sequence[UUID] | None = None, order: str | None = None, limit: int = 200
    ) -> list[Row]:
        found = await self.call(view, {})
        if view == "whoami" and found:
            self._member_id = str(found[0]["user_id"])
        if order:
            found.sort(key=lambda x: str(x.get(order.lstrip("-"))), reverse=order.startswith("-"))
        return parsed(TypeAdapter(list[row]), found)[:limit]
