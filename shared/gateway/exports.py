"""Rows that leave the store, page by page, with a reason; layouts and the log."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.domain.exports import Column
from shared.domain.instants import Instant
from shared.gateway.client import Gateway

PAGE = 500


class Layout(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    form: str
    name: str
    columns: tuple[Column, ...]


class ExportRun(BaseModel):
    """A line of the log."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: UUID
    form: str
    columns: tuple[str, ...]
    reason: str
    author_name: str | None = None
    rows: int
    file_name: str | None = None
    sha256: str | None = None
    created_at: Instant


async def pages(
    gateway: Gateway, store_id: UUID, export_id: UUID, form: str, columns: list[str], reason: str
) -> AsyncIterator[list[dict[str, Any]]]:
    """Every row the caller sees. Raises Refused: forbidden, required, option, id_taken; Offline."""
    after: Any = None
    while True:
        asked = {
            "store_id": str(store_id),
            "export_id": str(export_id),
            "form": form,
            "columns": columns,
            "reason": reason,
            "after": after,
            "page_size": PAGE,
        }
        answer = await gateway.call("export_rows", asked)
        yield answer["rows"]
        after = answer["next"]
        if after is None:
            return


async def finish(
    gateway: Gateway, store_id: UUID, export_id: UUID, file_name: str, sha256: str
) -> None:
    await gateway.call(
        "finish_export",
        {
            "store_id": str(store_id),
            "export_id": str(export_id),
            "file_name": file_name,
            "sha256": sha256,
        },
    )


async def layouts(gateway: Gateway, store_id: UUID) -> list[Layout]:
    return await gateway.rows("export_layouts", Layout, store_id=str(store_id), order="name")


async def save_layout(
    gateway: Gateway, store_id: UUID, form: str, name: str, columns: list[Column]
) -> None:
    asked = {
        "store_id": str(store_id),
        "form": form,
        "name": name,
        "columns": [c.model_dump() for c in columns],
    }
    await gateway.call("save_export_layout", asked)


async def runs(gateway: Gateway, store_id: UUID) -> list[ExportRun]:
    return await gateway.rows(
        "exports", ExportRun, store_id=str(store_id), order="-created_at", limit=50
    )
