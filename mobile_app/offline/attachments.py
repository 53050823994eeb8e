"""Voice memos and photos: files beside the book's SQLite file, a row each in `attachments`, sent in pieces after the record they belong to."""

import asyncio
import hashlib
import os
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from mobile_app.offline.database import Database

ENDINGS = {"audio/wav": "wav", "audio/mp4": "m4a", "audio/ogg": "ogg", "audio/webm": "webm", "image/jpeg": "jpg", "image/png": "png"}
LARGEST = 20 * 1024 * 1024  # as crm.attachments


@dataclass(frozen=True)
class NewAttachment:
    """Something just recorded, to go with an operation: `kind` voice, photo or file. A voice memo says when the customer agreed to it."""

    kind: str
    mime: str
    data: bytes
    consented_at: datetime | None = None
    id: UUID | None = None  # where a field of the record names it already


@dataclass(frozen=True)
class Attachment:
    """One row of the queue. state: waiting (sent_bytes of bytes are on the server) · sent · attention (code says why)."""

    id: UUID
    form: str
    record_id: UUID
    kind: str
    mime: str
    path: Path
    bytes: int
    sha256: str
    sent_bytes: int
    state: str
    code: str | None
    consented_at: str | None = None


@dataclass(frozen=True)
class Stored:
    """A file that is on disk, whose row is not yet."""

    id: UUID
    kind: str
    mime: str
    name: str
    bytes: int
    sha256: str
    consented_at: datetime | None = None


class Attachments:
    """The queue of files of one book."""

    def __init__(self, database: Database, new_id) -> None:
        self._database, self._new_id = database, new_id
        self.folder = database.file.with_suffix(".files")

    async def store(self, new: NewAttachment) -> Stored:
        """Write the file, on disk when this returns. Its row comes with the operation (Outbox.add): without one `sweep` takes the file away.
        Raises ValueError for an empty or too large file, or a recording without consent."""
        if not 0 < len(new.data) <= LARGEST:
            raise ValueError("an attachment has between 1 byte and 20 MB")
        if new.kind == "voice" and new.consented_at is None:
            raise ValueError("nobody is recorded without his consent")
        attachment_id = new.id or UUID(str(self._new_id()))
        name = f"{attachment_id}.{ENDINGS.get(new.mime, 'bin')}"

        def work() -> str:
            self.folder.mkdir(parents=True, exist_ok=True)
            with open(self.folder / name, "wb") as file:
                file.write(new.data)
                file.flush()
                os.fsync(file.fileno())
            return hashlib.sha256(new.data).hexdigest()

        return Stored(attachment_id, new.kind, new.mime, name, len(new.data), await asyncio.to_thread(work), new.consented_at)

    async def next(self) -> Attachment | None:
        """The oldest file whose record has reached the server. One whose record waits or was refused stays behind, and blocks nothing."""

        def work(connection: sqlite3.Connection) -> sqlite3.Row | None:
            return connection.execute(
                "select * from attachments a where state = 'waiting' and not exists (select 1 from outbox o where o.op_id = a.op_id and o.state <> 'sent')"
                " order by made_at, id limit 1"
            ).fetchone()

        row = await self._database.read(work)
        return self._of(row) if row else None

    async def piece(self, attachment: Attachment, size: int) -> bytes:
        """The next bytes to send. Raises OSError when the file is gone."""

        def work() -> bytes:
            with open(attachment.path, "rb") as file:
                file.seek(attachment.sent_bytes)
                return file.read(size)

        return await asyncio.to_thread(work)

    async def received(self, attachment_id: UUID, received: int, *, complete: bool) -> None:
        state = "sent" if complete else "waiting"
        await self._database.write(
            lambda c: c.execute("update attachments set sent_bytes = ?, state = ? where id = ?", (received, state, str(attachment_id)))
        )

    async def park(self, attachment_id: UUID, code: str) -> None:
        await self._database.write(
            lambda c: c.execute("update attachments set state = 'attention', code = ? where id = ?", (code, str(attachment_id)))
        )

    async def retry(self, attachment_id: UUID) -> None:
        await self._database.write(lambda c: c.execute("update attachments set state = 'waiting', code = null where id = ?", (str(attachment_id),)))

    async def discard(self, attachment_id: UUID) -> None:
        """Give up a refused file."""
        await self._database.write(lambda c: c.execute("delete from attachments where id = ? and state = 'attention'", (str(attachment_id),)))
        await self.sweep()

    async def unsettled(self) -> list[Attachment]:
        found = await self._database.read(
            lambda c: c.execute("select * from attachments where state <> 'sent' order by made_at, id limit 200").fetchall()
        )
        return [self._of(row) for row in found]

    async def of_record(self, record_id: UUID) -> list[Attachment]:
        """Files of a record made on this device, to play or show without the network."""
        found = await self._database.read(
            lambda c: c.execute("select * from attachments where record_id = ? order by made_at", (str(record_id),)).fetchall()
        )
        return [self._of(row) for row in found]

    async def sweep(self) -> None:
        """Files without a row go: a kill between file and operation, a customer who left the book, what was given up."""
        known = await self._database.read(lambda c: {row[0] for row in c.execute("select path from attachments")})

        def work() -> None:
            if self.folder.exists():
                for file in self.folder.iterdir():
                    if file.name not in known:
                        file.unlink(missing_ok=True)

        await asyncio.to_thread(work)

    def _of(self, row: sqlite3.Row) -> Attachment:
        return Attachment(
            UUID(row["id"]), row["form"], UUID(row["record_id"]), row["kind"], row["mime"], self.folder / row["path"], row["bytes"], row["sha256"],
            row["sent_bytes"], row["state"], row["code"], row["consented_at"],
        )  # fmt: skip


def put_row(
    connection: sqlite3.Connection, stored: Stored, *, form: str, record_id: str, customer_id: str | None, op_id: str, made_at: datetime
) -> None:
    """The row of a stored file, in the transaction of the operation it goes with."""
    connection.execute(
        "insert into attachments (id, form, record_id, customer_id, op_id, kind, mime, path, bytes, sha256, made_at, consented_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            str(stored.id),
            form,
            record_id,
            customer_id,
            op_id,
            stored.kind,
            stored.mime,
            stored.name,
            stored.bytes,
            stored.sha256,
            made_at.isoformat(),
            stored.consented_at.isoformat() if stored.consented_at else None,
        ),
    )
