"""Voice memos, photos and files: sent and fetched in pieces."""

import base64
from collections.abc import Callable
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.domain.problems import Offline
from shared.gateway.client import Gateway, parsed

PIECE = 192 * 1024  # bytes a call; the server takes 256 KiB


class Received(BaseModel):
    """How many bytes the server has: the next piece begins there."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    received: int
    complete: bool


class Piece(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    bytes: int
    next: int
    data: str


async def put(gateway: Gateway, store_id: UUID, attachment: dict[str, Any], *, at: int, data: bytes) -> Received:
    """attachment: {id, form, record_id, kind, mime, bytes, sha256}, of a voice memo consented_at too. Raises Offline, SignedOut, Refused (not_found: its record is not there)."""
    arguments = {"store_id": str(store_id), "attachment": attachment, "at": at, "data": base64.b64encode(data).decode()}
    return parsed(TypeAdapter(Received), await gateway.call("put_attachment", arguments))


async def get(gateway: Gateway, store_id: UUID, attachment_id: UUID, *, told: Callable[[int, int], None] | None = None) -> bytes:
    """The whole of a complete attachment; `told(bytes here, bytes in all)` after each piece. Raises Offline (half a file too), SignedOut,
    Refused (not_found: it is gone, or the caller may not see it)."""
    whole = bytearray()
    while True:
        data = await gateway.call("get_attachment", {"store_id": str(store_id), "id": str(attachment_id), "at": len(whole)})
        piece = parsed(TypeAdapter(Piece), data)
        whole += base64.b64decode(piece.data)
        if told is not None:
            told(len(whole), piece.bytes)
        if len(whole) >= piece.bytes:
            return bytes(whole)
        if not piece.data:
            raise Offline("half a file")
