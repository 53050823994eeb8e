"""Preparing and committing imported lists, batch by batch."""

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.domain.imports import ImportMapping
from shared.domain.instants import Instant
from shared.gateway.client import Gateway, parsed

BATCH = 500  # rows of one call: progress shows, and no phone waits behind it for long


class FieldChange(BaseModel):
    """A value of a record that is there, and what the row makes of it; `kept`: it stays as it is,
    although the row says something else."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    form: str
    field: str
    old: Any = None
    new: Any = None
    kept: bool = False


class RowAnswer(BaseModel):
    """What becomes of a row. Only a preview tells `made` (forms of which it makes a record),
    `found` (the customer it belongs to) and `changes`."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    row: int
    made: tuple[str, ...] = ()
    found: str | None = None
    changes: tuple[FieldChange, ...] = ()
    status: Literal["created", "updated", "unchanged", "refused"]
    errors: tuple[dict[str, Any], ...] = ()


class ImportRun(BaseModel):
    """One import of the past."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: UUID
    kind: str
    file_name: str
    author_name: str | None = None
    created: int
    updated: int
    unchanged: int
    refused: int
    created_at: Instant
    reverted_at: Instant | None = None
    kept: int = 0


class KeptCustomer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    id: UUID
    name: str | None = None


class Reverted(BaseModel):
    """What was taken back; `rows` are the first customers that were kept, because somebody worked
    on them since."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    taken: int
    changed: int
    kept: int
    rows: tuple[KeptCustomer, ...] = ()


class SavedMapping(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    kind: str
    name: str
    mapping: ImportMapping


ANSWERS = TypeAdapter(list[RowAnswer])


async def preview(
    gateway: Gateway, store_id: UUID, kind: str, options: dict[str, Any], rows: list[dict[str, Any]]
) -> list[RowAnswer]:
    """What committing would answer; nothing stays. At most 500 rows."""
    data = await gateway.call(
        "preview_import",
        {"store_id": str(store_id), "kind": kind, "options": options, "rows": rows},
    )
    return parsed(ANSWERS, data)


async def commit(
    gateway: Gateway,
    store_id: UUID,
    import_id: UUID,
    kind: str,
    file_name: str,
    options: dict[str, Any],
    rows: list[dict[str, Any]],
) -> list[RowAnswer]:
    """Take a batch; sending it again changes nothing."""
    arguments = {
        "store_id": str(store_id),
        "import_id": str(import_id),
        "kind": kind,
        "file_name": file_name,
        "options": options,
        "rows": rows,
    }
    return parsed(ANSWERS, await gateway.call("commit_import", arguments))


async def runs(gateway: Gateway, store_id: UUID) -> list[ImportRun]:
    return await gateway.rows(
        "imports", ImportRun, store_id=str(store_id), order="-created_at", limit=50
    )


async def mappings(gateway: Gateway, store_id: UUID) -> list[SavedMapping]:
    return await gateway.rows("import_mappings", SavedMapping, store_id=str(store_id), order="name")


async def save_mapping(
    gateway: Gateway, store_id: UUID, kind: str, name: str, mapping: ImportMapping
) -> None:
    await gateway.call(
        "save_import_mapping",
        {
            "store_id": str(store_id),
            "kind": kind,
            "name": name,
            "mapping": mapping.model_dump(mode="json"),
        },
    )


async def revert(gateway: Gateway, store_id: UUID, import_id: UUID) -> Reverted:
    """Take back what an import made and changed. Raises Refused: forbidden, not_found."""
    return parsed(
        TypeAdapter(Reverted),
        await gateway.call(
            "revert_import", {"store_id": str(store_id), "import_id": str(import_id)}, patience=300
        ),
    )
