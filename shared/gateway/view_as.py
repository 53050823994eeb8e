"""Viewing the app as a member: a gateway through which everything is asked as them and nothing can
be done (F-73, docs/decisions/0017)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.domain.problems import OtherUser, Rejected
from shared.gateway.client import Gateway, Row, parsed


class ViewAsSession(BaseModel):
    """What `start_view_as` gave: the look's id and its end."""

    model_config = ConfigDict(frozen=True)
    id: UUID
    expires_at: datetime


class ViewedMember(BaseModel):
    """As whom one looks: their name, the key of their role, when it ends."""

    model_config = ConfigDict(frozen=True)
    name: str
    role: str
    expires_at: datetime


async def begin(gateway: Gateway, store_id: UUID, user_id: UUID) -> ViewAsSession:
    """Raises Refused: forbidden, not_found, own_access, view_as_exceeds_own_rights; Offline,
    SignedOut."""
    return parsed(
        TypeAdapter(ViewAsSession),
        await gateway.call("start_view_as", {"store_id": str(store_id), "user_id": str(user_id)}),
    )


class ViewAsGateway(Gateway):
    """The gateway of an admin, answering as the member they look as. Beside reading it lets nothing
    out of the device."""

    def view_as(self, store_id: UUID, view_as_id: UUID) -> None:
        self._store_id, self._seeing_id, self._member_id = store_id, view_as_id, ""

    @property
    def user_id(self) -> str:
        return self._member_id

    async def seen(self) -> ViewedMember:
        """Raises Refused: view_as_ended, view_as_exceeds_own_rights, forbidden; Offline,
        SignedOut."""
        return parsed(TypeAdapter(ViewedMember), await self.call("member", {}))

    async def end(self) -> None:
        await super().call(
            "stop_view_as", {"store_id": str(self._store_id), "view_as_id": str(self._seeing_id)}
        )

    async def call(
        self,
        function: str,
        arguments: dict[str, Any],
        *,
        patience: float | None = None,
        user_id: UUID | None = None,
    ) -> Any:
        """The token is the admin's, the data the member's."""
        if user_id is not None and str(user_id) != self._member_id:
            raise OtherUser
        if function == "sync_push":
            raise Rejected("view_as_read_only")
        asked = {
            "store_id": str(self._store_id),
            "view_as_id": str(self._seeing_id),
            "what": function,
            "arguments": arguments,
        }
        return await super().call("view_as", asked, patience=patience)

    async def rows(
        self,
        view: str,
        row: type[Row],
        *,
        store_id: str | None = None,
        ids: Sequence[UUID] | None = None,
        order: str | None = None,
        limit: int = 200,
    ) -> list[Row]:
        found = await self.call(view, {})
        if view == "whoami" and found:
            self._member_id = str(found[0]["user_id"])
        if order:
            column = order.lstrip("-")

            def value(row: dict[str, Any]) -> str:
                return str(row.get(column))

            found.sort(key=value, reverse=order.startswith("-"))
        return parsed(TypeAdapter(list[row]), found)[:limit]
