"""Voice memos, photos and files: sent and fetched in pieces."""

import base64
from collections.abc import Callable
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.domain.problems import Offline
from shared.gateway.client import Gateway, parsed

CHUNK_BYTES = 192 * 1024  # bytes a call; the server takes 256 KiB


class Received(BaseModel):
    """How many bytes the server has: the next piece begins there."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    received: int
    complete: bool


class Chunk(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    bytes: int
    next: int
    data: str


async def upload(
    gateway: Gateway,
    store_id: UUID,
    attachment: dict[str, Any],
    *,
    at: int,
    data: bytes,
    user_id: UUID,
) -> Received:
    """attachment: {id, form, record_id, kind, mime, bytes, sha256}, of a voice memo consented_at
    too; `user_id` made it. Raises Offline, SignedOut, OtherUser, Rejected (not_found: its record
    is not there)."""
    arguments = {
        "store_id": str(store_id),
        "attachment": attachment,
        "at": at,
        "data": base64.b64encode(data).decode(),
    }
    answer = await gateway.call("upload_attachment", arguments, user_id=user_id)
    return parsed(TypeAdapter(Received), answer)


async def download(
    gateway: Gateway,
    store_id: UUID,
    attachment_id: UUID,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> bytes:
    """The whole of a complete attachment; `on_progress(bytes here, bytes in all)` after each piece.
    Raises
    Offline (half a file too), SignedOut, Rejected (not_found: it is gone, or the caller may not see
    it)."""
    whole = bytearray()
    while True:
        data = await gateway.call(
            "download_attachment",
            {"store_id": str(store_id), "id": str(attachment_id), "at": len(whole)},
        )
        piece = parsed(TypeAdapter(Chunk), data)
        whole += base64.b64decode(piece.data)
        if on_progress is not None:
            on_progress(len(whole), piece.bytes)
        if len(whole) >= piece.bytes:
            return bytes(whole)
        if not piece.data:
            raise Offline("half a file")
