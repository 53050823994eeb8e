"""Unsent work as a file, for the worst case: a phone that cannot send any more.

The file is a zip: `unsent.json` for another build of the app, `unsent.txt` for people, and the
recordings and photos under `files/`. It is read back on another device of the same person in the
same store; operations keep their ids, so that whichever device sends first, each is applied once.
"""

import asyncio
import hashlib
import io
import json
import os
import sqlite3
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from mobile_app.offline.attachments import LARGEST, Attachments
from mobile_app.offline.database import Database, make_private
from mobile_app.offline.outbox import Outbox
from shared.domain import media
from shared.domain.problems import OtherUser, Rejected

FORMAT = 1
LARGEST_FILE = 200_000_000  # bytes of a file that is read back, unpacked
Describe = Callable[[str, str, dict[str, Any]], str]  # verb, title, payload → one line for people


class UnsentOperation(BaseModel):
    model_config = ConfigDict(extra="ignore")
    op_id: UUID
    verb: str = Field(pattern=r"^[a-z_]{2,60}$")
    payload: dict[str, Any]
    base_version: int | None = None
    config_version: int | None = None
    made_at: AwareDatetime
    title: str = ""
    state: str = Field(default="pending", pattern="^(pending|rejected)$")
    answer: dict[str, Any] | None = None


class UnsentFile(BaseModel):
    model_config = ConfigDict(extra="ignore")
    id: UUID
    op_id: UUID
    form: str
    record_id: UUID
    customer_id: UUID | None = None
    kind: str = Field(pattern="^(voice|photo|file)$")
    mime: str
    sha256: str
    made_at: AwareDatetime
    consented_at: AwareDatetime | None = None
    name: str  # in the zip; "" when the bytes were gone already


class Unsent(BaseModel):
    model_config = ConfigDict(extra="ignore")
    format: int
    user_id: UUID
    store_id: UUID
    operations: list[UnsentOperation]
    files: list[UnsentFile] = []


@dataclass(frozen=True)
class TakenOver:
    """What reading a file back brought: new operations, and those that were here already."""

    added: int
    known: int


async def export(database: Database, attachments: Attachments, describe: Describe) -> bytes:
    """Everything not sent or refused, as a zip. Reads only; the queue stays as it is."""

    def work(connection: sqlite3.Connection) -> tuple[list[dict], list[dict]]:
        operations = connection.execute(
            "select op_id, verb, payload, base_version, config_version, made_at, title, state, "
            "answer from outbox where state <> 'sent' order by seq"
        ).fetchall()
        files = connection.execute(
            "select id, op_id, form, record_id, customer_id, kind, mime, path, sha256, made_at, "
            "consented_at from attachments where state <> 'sent' order by made_at, id"
        ).fetchall()
        return [dict(row) for row in operations], [dict(row) for row in files]

    operations, files = await database.read(work)
    for row in operations:
        row["payload"] = json.loads(row["payload"])
        row["answer"] = json.loads(row["answer"]) if row["answer"] else None
    return await asyncio.to_thread(_pack, database, attachments, operations, files, describe)


def _pack(
    database: Database,
    attachments: Attachments,
    operations: list[dict],
    files: list[dict],
    describe: Describe,
) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for row in files:
            path = attachments.folder / row.pop("path")
            row["name"] = f"files/{path.name}" if path.is_file() else ""
            if row["name"]:
                archive.writestr(row["name"], path.read_bytes())
        document = Unsent.model_validate(
            {
                "format": FORMAT,
                "user_id": database.user_id,
                "store_id": database.store_id,
                "operations": operations,
                "files": files,
            }
        )
        archive.writestr("unsent.json", document.model_dump_json(indent=1))
        lines = [
            f"{op.made_at:%Y-%m-%d %H:%M %z}  {describe(op.verb, op.title, op.payload)}"
            for op in document.operations
        ]
        archive.writestr("unsent.txt", "\n".join(lines) + "\n")
    return packed.getvalue()


async def take_over(
    database: Database, attachments: Attachments, outbox: Outbox, data: bytes
) -> TakenOver:
    """Put the operations of such a file into this queue, once each.

    Raises Refused("unsent_file") for anything else than such a file, and OtherUser for another
    person's or another store's.
    """
    document, contents = await asyncio.to_thread(_unpack, data)
    if (document.user_id, document.store_id) != (database.user_id, database.store_id):
        raise OtherUser
    known = await outbox.known({op.op_id for op in document.operations})
    for file in document.files:
        if file.op_id not in known and file.name:
            await asyncio.to_thread(_store, attachments, file, contents[file.name])
    added = [op for op in document.operations if op.op_id not in known]
    await outbox.take_over(
        [op.model_dump(mode="json") for op in added],
        [
            (file.model_dump(mode="json"), _name(file), len(contents[file.name]))
            for file in document.files
            if file.op_id not in known and file.name
        ],
    )
    return TakenOver(len(added), len(document.operations) - len(added))


def _name(file: UnsentFile) -> str:
    return f"{file.id}.{media.ending(file.mime)}"


def _unpack(data: bytes) -> tuple[Unsent, dict[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > LARGEST_FILE:
                raise Rejected("unsent_file")
            document = Unsent.model_validate_json(archive.read("unsent.json"))
            if document.format != FORMAT:
                raise Rejected("unsent_file")
            contents = {f.name: archive.read(f.name) for f in document.files if f.name}
    except (zipfile.BadZipFile, zlib.error, KeyError, ValidationError, RuntimeError) as error:
        # RuntimeError: a part is encrypted, or packed in a way Python does not know
        raise Rejected("unsent_file") from error
    for file in document.files:
        content = contents.get(file.name, b"")
        if file.name and (
            PurePosixPath(file.name).parent != PurePosixPath("files")
            or not 0 < len(content) <= LARGEST
            or hashlib.sha256(content).hexdigest() != file.sha256
        ):
            raise Rejected("unsent_file")
    return document, contents


def _store(attachments: Attachments, file: UnsentFile, content: bytes) -> None:
    make_private(attachments.folder)
    with open(attachments.folder / _name(file), "wb") as target:
        target.write(content)
        target.flush()
        os.fsync(target.fileno())


def exported_name(now: datetime) -> str:
    """A file name that says what it is and from when, in any file system."""
    return f"forecourt-unsent-{now:%Y-%m-%d-%H%M}.zip"
