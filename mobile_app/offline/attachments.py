"""Voice memos, photos and files beside the local data's SQLite file, each named by its id.

Made here: a row each in `attachments`, sent in pieces after the record they belong to. Fetched to
be seen: no row of their own, they stay as long as the local data names them, and leave with the
sweep when it no longer does.
"""

import asyncio
import hashlib
import os
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from mobile_app.offline.database import Database, make_private
from shared.domain import media, records

LARGEST = 20 * 1024 * 1024  # as crm.attachments
FETCHED = (
    200 * 1024 * 1024
)  # bytes of fetched files local data keeps; what was looked at longest ago goes first
PART = ".part"  # of a file that is being written
NAMED = "select id from rows where form = 'attachments' and server_row is not null"


@dataclass(frozen=True)
class NewAttachment:
    """Something just recorded, to go with an operation: `kind` voice, photo or file. A voice memo
    says when the customer agreed to it."""

    kind: str
    mime: str
    data: bytes
    consented_at: datetime | None = None
    id: UUID | None = None  # where a field of the record names it already
    form: str | None = (
        None  # where it belongs to another record than the operation's own: form and id
    )
    record_id: UUID | None = None


@dataclass(frozen=True)
class Attachment:
    """One row of the queue. state: pending (sent_bytes of bytes are on the server) · sent ·
    rejected (code says why)."""

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
    """A file that is on disk but has no row yet."""

    id: UUID
    kind: str
    mime: str
    name: str
    bytes: int
    sha256: str
    consented_at: datetime | None = None
    form: str | None = None
    record_id: UUID | None = None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class Attachments:
    """The queue of files of one local store."""

    def __init__(self, database: Database, new_id) -> None:
        self._database, self._new_id = database, new_id
        self.folder = database.file.with_suffix(".files")

    async def store(self, new: NewAttachment) -> Stored:
        """Write the file, on disk when this returns. Its row comes with the operation (Outbox.add):
        without one `sweep` takes the file away.
        Raises ValueError for an empty or too large file, or a recording without consent."""
        if not 0 < len(new.data) <= LARGEST:
            raise ValueError("an attachment has between 1 byte and 20 MB")
        if new.kind == "voice" and new.consented_at is None:
            raise ValueError("nobody is recorded without their consent")
        attachment_id = new.id or UUID(str(self._new_id()))
        name = f"{attachment_id}.{media.ending(new.mime)}"

        def work() -> str:
            make_private(self.folder)
            with open(self.folder / name, "wb", opener=_private) as file:
                file.write(new.data)
                file.flush()
                os.fsync(file.fileno())
            return hashlib.sha256(new.data).hexdigest()

        return Stored(
            attachment_id,
            new.kind,
            new.mime,
            name,
            len(new.data),
            await asyncio.to_thread(work),
            new.consented_at,
            new.form,
            new.record_id,
        )

    async def next(self) -> Attachment | None:
        """The oldest file whose record has reached the server. One whose record waits or was
        refused stays behind, and blocks nothing."""

        def work(connection: sqlite3.Connection) -> sqlite3.Row | None:
            return connection.execute(
                "select * from attachments a where state = 'pending' and not exists (select 1 "
                "from outbox o where o.op_id = a.op_id and o.state <> 'sent')"
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
        state = "sent" if complete else "pending"
        await self._database.write(
            lambda c: c.execute(
                "update attachments set sent_bytes = ?, state = ? where id = ?",
                (received, state, str(attachment_id)),
            )
        )

    async def reject(self, attachment_id: UUID, code: str) -> None:
        await self._database.write(
            lambda c: c.execute(
                "update attachments set state = 'rejected', code = ? where id = ?",
                (code, str(attachment_id)),
            )
        )

    async def retry(self, attachment_id: UUID) -> None:
        await self._database.write(
            lambda c: c.execute(
                "update attachments set state = 'pending', code = null where id = ?",
                (str(attachment_id),),
            )
        )

    async def discard(self, attachment_id: UUID) -> None:
        """Give up a refused file."""
        await self._database.write(
            lambda c: c.execute(
                "delete from attachments where id = ? and state = 'rejected'",
                (str(attachment_id),),
            )
        )
        await self.sweep()

    async def unacknowledged(self, customer_id: UUID | None = None) -> list[Attachment]:
        """Waiting or refused: all of them, or those of one customer's records."""

        def work(connection: sqlite3.Connection) -> list[sqlite3.Row]:
            of = {"customer": str(customer_id) if customer_id else None}
            return connection.execute(
                "select * from attachments where state <> 'sent' and (:customer is null or "
                "customer_id = :customer) order by made_at, id limit 200",
                of,
            ).fetchall()

        return [self._of(row) for row in await self._database.read(work)]

    async def here(self, attachment_id: UUID) -> bytes | None:
        """The bytes of a file made on this device, or fetched before; None when it is not here."""

        def work() -> bytes | None:
            for file in self.folder.glob(f"{attachment_id}.*"):
                if file.suffix != PART:
                    os.utime(file)  # looked at just now
                    return file.read_bytes()
            return None

        return await asyncio.to_thread(work)

    async def path(self, attachment_id: UUID) -> Path | None:
        """Its path, for a player that needs a file."""
        return await asyncio.to_thread(
            lambda: next(
                (f for f in self.folder.glob(f"{attachment_id}.*") if f.suffix != PART), None
            )
        )

    async def keep(self, file: records.Attachment, data: bytes) -> None:
        """Keep what was fetched, if the local data names it: of a customer who is not in it nothing
        stays on this device."""
        named = await self._database.read(
            lambda c: c.execute(f"select 1 from ({NAMED}) where id = ?", (str(file.id),)).fetchone()
        )
        if named is None:
            return

        def work() -> None:
            make_private(self.folder)
            whole = self.folder / f"{file.id}.{media.ending(file.mime)}"
            part = whole.with_suffix(PART)
            with open(part, "wb", opener=_private) as made:
                made.write(data)
            part.replace(whole)

        await asyncio.to_thread(work)

    async def sweep(self) -> None:
        """Files nobody names go: a kill between file and operation, a customer who left the local
        data or a right that was lost, what was given up."""
        own, named = await self._database.read(
            lambda c: (
                {row[0] for row in c.execute("select id from attachments")},
                {row[0] for row in c.execute(NAMED)},
            )
        )

        def work() -> None:
            fetched: list[tuple[float, int, Path]] = []
            for file in self.folder.iterdir() if self.folder.exists() else ():
                if file.stem in own:
                    continue
                if file.stem in named:
                    about = file.stat()
                    fetched.append((about.st_mtime, about.st_size, file))
                else:
                    file.unlink(missing_ok=True)
            left = FETCHED
            for _at, size, file in sorted(fetched, reverse=True):
                left -= size
                if left < 0:
                    file.unlink(missing_ok=True)

        await asyncio.to_thread(work)

    def _of(self, row: sqlite3.Row) -> Attachment:
        return Attachment(
            UUID(row["id"]),
            row["form"],
            UUID(row["record_id"]),
            row["kind"],
            row["mime"],
            self.folder / row["path"],
            row["bytes"],
            row["sha256"],
            row["sent_bytes"],
            row["state"],
            row["code"],
            row["consented_at"],
        )


def cut_to_rights(connection: sqlite3.Connection, hears: bool) -> None:
    """After rows were cut to narrower rights: of a conversation whose words one may not read, and
    of a field one may not see, no file stays either. What was made here and waits goes on; it was
    said when it was allowed."""
    # only readable fields are left
    named = (
        "exists (select 1 from effective_rows s, json_each(s.record, '$.custom') e where s.id = "
        "{record} "
        "and e.value = {id})"
    )
    of_server = named.format(record="json_extract(rows.server_row, '$.record_id')", id="rows.id")
    connection.execute(
        "delete from rows where form = 'attachments' and case json_extract(server_row, '$.form') "
        "when "
        f"'conversation' then not ? else not {of_server} end",
        (hears,),
    )
    mine = named.format(record="attachments.record_id", id="attachments.id")
    connection.execute(
        "delete from attachments where state = 'sent' and case form when 'conversation' then "
        f"not ? else not {mine} end",
        (hears,),
    )


def insert_row(
    connection: sqlite3.Connection,
    stored: Stored,
    *,
    form: str,
    record_id: str,
    customer_id: str | None,
    op_id: str,
    made_at: datetime,
) -> None:
    """The row of a stored file, in the transaction of the operation it goes with."""
    connection.execute(
        "insert into attachments (id, form, record_id, customer_id, op_id, kind, mime, path, "
        "bytes, sha256, made_at, consented_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            str(stored.id),
            stored.form or form,
            str(stored.record_id or record_id),
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
