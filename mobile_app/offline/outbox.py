"""What a person did and the server has not confirmed: on disk before the screen says saved, in
order, sent until answered."""

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from dataclasses import field as holds
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from mobile_app.offline import optimistic
from mobile_app.offline.attachments import Stored, insert_row
from mobile_app.offline.database import Database, get_meta, set_meta
from mobile_app.offline.optimistic.operation import Operation, config_of
from shared.domain.catalogue import form_of
from shared.domain.values.text import clean_values
from shared.gateway.sync import Answer

# operations a call, and not more than that many characters: the server takes 200 and 256 KB
BATCH = 100
BATCH_TEXT = 120_000
UNDO_TIME = timedelta(minutes=10)  # as crm.undo
RETENTION_DAYS = (
    35  # acknowledged operations are kept this long: a restored server may need them again
)


@dataclass(frozen=True)
class PendingOperation:
    """An operation as the "not sent yet" list shows it. state: pending · rejected (`code` says
    why) · quarantined (a manager decides). After a conflict `theirs` is what the server has in the
    fields this operation wanted to change."""

    op_id: UUID
    verb: str
    payload: dict[str, Any]
    state: str
    code: str | None
    field: str | None
    errors: tuple[tuple[str, str], ...]
    made_at: datetime
    title: str
    theirs: dict[str, Any] = holds(default_factory=dict)
    files: int = 0


class Outbox:
    """The queue of one person in one store."""

    def __init__(self, database: Database, *, new_id) -> None:
        self._database, self._new_id = database, new_id
        self._user_id, self._store_id = database.user_id, database.store_id

    @property
    def user_id(self) -> UUID:
        """The author of its operations; they are never sent as someone else."""
        return self._user_id

    async def device_id(self) -> UUID:
        def work(connection: sqlite3.Connection) -> str:
            known = get_meta(connection, "device_id")
            if known is None:
                known = str(self._new_id())
                set_meta(connection, "device_id", known)
            return known

        return UUID(await self._database.write(work))

    # writing down ---------------------------------------------------------------------------------

    async def add(
        self,
        verb: str,
        payload: dict[str, Any],
        *,
        now: datetime,
        base_version: int | None = None,
        title: str = "",
        files: Sequence[Stored] = (),
    ) -> UUID:
        """Put an operation on disk together with what it changes on screen, and the files that go
        with its record (payload.id). Returns its op_id; from here on it cannot be lost."""
        op_id = str(self._new_id())
        payload = {"store_id": str(self._store_id), **payload}

        def work(connection: sqlite3.Connection) -> None:
            self._insert(
                connection, op_id, verb, payload, now=now, base_version=base_version, title=title
            )
            _store_files(connection, files, op_id, verb, payload, now)

        await self._database.write(work)
        return UUID(op_id)

    def _insert(
        self,
        connection: sqlite3.Connection,
        op_id: str,
        verb: str,
        payload: dict[str, Any],
        *,
        now: datetime,
        base_version: int | None,
        title: str,
    ) -> None:
        payload = clean_values(
            payload
        )  # one sign that Postgres does not take stops the whole queue
        customer_id = _customer_of(connection, verb, payload)
        before = optimistic.apply(
            Operation(
                connection,
                op_id,
                verb,
                payload,
                base_version=base_version,
                now=now.isoformat(),
                user_id=str(self._user_id),
                config=config_of(connection),
            )
        )
        version = get_meta(
            connection, "config_version"
        )  # the document the form was filled under: a server one or two versions ahead judges by it
        connection.execute(
            "insert into outbox (op_id, verb, payload, base_version, config_version, customer_id, "
            "made_at, before, title) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                op_id,
                verb,
                json.dumps(payload),
                base_version,
                version,
                customer_id,
                now.isoformat(),
                json.dumps(before),
                title,
            ),
        )

    async def undo(self, op_id: UUID, *, now: datetime) -> None:
        """Take an own act back, by an operation of its own: one that is on its way at this very
        moment is then undone too."""
        undo_id = str(self._new_id())
        payload = {"store_id": str(self._store_id), "op_id": str(op_id)}

        def work(connection: sqlite3.Connection) -> None:
            row = connection.execute(
                "select customer_id from outbox where op_id = ? and state <> 'rejected'",
                (str(op_id),),
            ).fetchone()
            if row is None:
                return
            connection.execute(
                "insert into outbox (op_id, verb, payload, customer_id, made_at) values (?, "
                "'undo', ?, ?, ?)",
                (undo_id, json.dumps(payload), row["customer_id"], now.isoformat()),
            )
            connection.execute(
                "delete from attachments where op_id = ? and state = 'pending'", (str(op_id),)
            )
            optimistic.replay(connection, str(self._user_id))

        await self._database.write(work)

    async def payload(self, op_id: UUID, verb: str) -> dict[str, Any] | None:
        """What an own act of that verb says, while it is kept here."""
        found = await self._database.read(
            lambda c: c.execute(
                "select payload from outbox where op_id = ? and verb = ?", (str(op_id), verb)
            ).fetchone()
        )
        return json.loads(found["payload"]) if found else None

    # sending --------------------------------------------------------------------------------------

    async def pending(
        self, limit: int = BATCH, *, without: Collection[str] = (), sent_at: datetime | None = None
    ) -> list[dict[str, Any]]:
        """The next operations to send, oldest first, as sync_push wants them; `without` names op
        ids and customers to leave aside."""

        def work(connection: sqlite3.Connection) -> list[dict[str, Any]]:
            aside = json.dumps(list(without))
            found = connection.execute(
                "select * from outbox where state = 'pending' and op_id not in (select value from "
                "json_each(:aside))"
                " and coalesce(customer_id, '') not in (select value from json_each(:aside)) "
                "order by seq limit :limit",
                {"aside": aside, "limit": limit},
            ).fetchall()
            size, operations = 0, []
            for r in found:
                size += len(r["payload"])
                if operations and size > BATCH_TEXT:
                    break
                operations.append(
                    {
                        "op_id": r["op_id"],
                        "seq": r["seq"],
                        "verb": r["verb"],
                        "payload": json.loads(r["payload"]),
                        "base_version": r["base_version"],
                        "config_version": r["config_version"],
                        "client_time": r["made_at"],
                        "sent_at": sent_at.isoformat() if sent_at else None,
                    }
                )
            return operations

        return await self._database.read(work)

    async def settle(self, *answers: Answer) -> None:
        """Write down what the server answered, in one transaction: applied operations leave the
        queue, refused ones wait for a person."""

        def work(connection: sqlite3.Connection) -> None:
            refused = False
            for answer in answers:
                refused |= _settle(connection, answer.settled())
            if refused:
                optimistic.replay(
                    connection, str(self._user_id)
                )  # the screen shows what the server has; the words stay here

        await self._database.write(work)

    async def failed(self, op_id: str) -> int:
        """The server broke on this one operation once more; answers how often by now."""

        def work(connection: sqlite3.Connection) -> int:
            connection.execute(
                "update outbox set failures = failures + 1 where op_id = ?", (op_id,)
            )
            found = connection.execute(
                "select failures from outbox where op_id = ?", (op_id,)
            ).fetchone()
            return found[0] if found else 0

        return await self._database.write(work)

    async def customer_of(self, op_id: str) -> str | None:
        found = await self._database.read(
            lambda c: c.execute(
                "select customer_id from outbox where op_id = ?", (op_id,)
            ).fetchone()
        )
        return found[0] if found else None

    # what a person sees ---------------------------------------------------------------------------

    async def counts(self) -> tuple[int, int]:
        """(pending, rejected), files among them."""

        def work(connection: sqlite3.Connection) -> tuple[int, int]:
            found = dict(
                connection.execute("select state, count(*) from outbox group by state").fetchall()
            )
            files = dict(
                connection.execute(
                    "select state, count(*) from attachments group by state"
                ).fetchall()
            )
            return found.get("pending", 0) + files.get("pending", 0), found.get(
                "rejected", 0
            ) + files.get("rejected", 0)

        return await self._database.read(work)

    async def customers_with_rejections(self) -> frozenset[UUID]:
        """Customers about whom something was refused and is not corrected yet."""
        found = await self._database.read(
            lambda c: c.execute(
                "select distinct customer_id from outbox where state = 'rejected' and "
                "customer_id is not null"
            ).fetchall()
        )
        return frozenset(UUID(r[0]) for r in found)

    async def undoable(self, *, now: datetime) -> list[tuple[UUID, str, str, datetime]]:
        """Own acts of the last ten minutes that can be taken back, newest first: (op_id, verb,
        title, when) (F-21)."""
        since = (now - UNDO_TIME).isoformat()

        def work(connection: sqlite3.Connection) -> list[tuple[UUID, str, str, datetime]]:
            found = connection.execute(
                "select op_id, verb, title, made_at from outbox o where made_at > ? and state <> "
                "'rejected' and verb in ('log_conversation', 'request_cancellation', "
                "'snooze_task')"
                " and not exists (select 1 from outbox u where u.verb = 'undo' and "
                "json_extract(u.payload, '$.op_id') = o.op_id) order by seq desc limit 20",
                (since,),
            ).fetchall()
            return [
                (UUID(r["op_id"]), r["verb"], r["title"], datetime.fromisoformat(r["made_at"]))
                for r in found
            ]

        return await self._database.read(work)

    async def pending_operations(self) -> int:
        return await self._database.read(
            lambda c: c.execute("select count(*) from outbox where state = 'pending'").fetchone()[0]
        )

    async def unacknowledged(self, customer_id: UUID | None = None) -> list[PendingOperation]:
        """Everything not confirmed, refused ones first, then what a manager decides; all of it, or
        what is about one customer."""

        def work(connection: sqlite3.Connection) -> list[PendingOperation]:
            found = connection.execute(
                "select o.*, (select count(*) from attachments a where a.op_id = o.op_id and "
                "a.state <> 'sent') as files from outbox o"
                " where (state <> 'sent' or json_extract(answer, '$.status') = 'quarantined') and "
                "(:customer is null or customer_id = :customer)"
                " order by state <> 'rejected', state = 'pending', seq desc limit 200",
                {"customer": str(customer_id) if customer_id else None},
            ).fetchall()
            return [_pending_operation(r) for r in found]

        return await self._database.read(work)

    async def discard(self, op_id: UUID) -> None:
        """Give up a refused operation, with its files."""

        def work(connection: sqlite3.Connection) -> None:
            if connection.execute(
                "delete from outbox where op_id = ? and state = 'rejected'", (str(op_id),)
            ).rowcount:
                connection.execute("delete from attachments where op_id = ?", (str(op_id),))

        await self._database.write(work)

    async def retry(
        self,
        op_id: UUID,
        *,
        now: datetime,
        payload: dict[str, Any] | None = None,
        files: Sequence[Stored] = (),
    ) -> UUID | None:
        """Send a refused operation again, perhaps corrected, as a new one: the old id keeps its
        refusal for ever. After a conflict it builds on the row the server showed: the person has
        seen it and still wants their own words. What was refused only because this one was missing
        goes along. Answers the new op_id."""
        new_ids = [str(self._new_id()) for _ in range(200)]

        def work(connection: sqlite3.Connection) -> UUID | None:
            row = connection.execute(
                "select * from outbox where op_id = ? and state = 'rejected'", (str(op_id),)
            ).fetchone()
            if row is None:
                return None
            rest = connection.execute(
                "select * from outbox where state = 'rejected' and customer_id = ? and seq > ? "
                "and json_extract(answer, '$.code') = 'not_found' order by seq limit 199",
                (row["customer_id"], row["seq"]),
            ).fetchall()
            for new_id, old in zip(new_ids, [row, *rest], strict=False):
                theirs = (json.loads(old["answer"] or "{}").get("row") or {}).get("version")
                base = (
                    theirs
                    if theirs is not None and old["base_version"] is not None
                    else old["base_version"]
                )
                resolved = (
                    {**json.loads(old["payload"]), **(payload or {})}
                    if old is row
                    else json.loads(old["payload"])
                )
                connection.execute("delete from outbox where op_id = ?", (old["op_id"],))
                self._insert(
                    connection,
                    new_id,
                    old["verb"],
                    resolved,
                    now=now,
                    base_version=base,
                    title=old["title"],
                )
                connection.execute(
                    "update attachments set op_id = ? where op_id = ?", (new_id, old["op_id"])
                )
                if old is row:
                    _store_files(connection, files, new_id, old["verb"], resolved, now)
            return UUID(new_ids[0])

        return await self._database.write(work)

    async def known(self, op_ids: Collection[UUID]) -> frozenset[UUID]:
        """Those of these operations that this queue has, in whatever state."""
        asked = json.dumps([str(op_id) for op_id in op_ids])
        found = await self._database.read(
            lambda c: c.execute(
                "select op_id from outbox where op_id in (select value from json_each(?))", (asked,)
            ).fetchall()
        )
        return frozenset(UUID(row[0]) for row in found)

    async def take_over(
        self,
        operations: Sequence[dict[str, Any]],
        files: Sequence[tuple[dict[str, Any], str, int]] = (),
    ) -> None:
        """Operations of another device of the same person, with their ids, in one transaction; and
        the rows of their files: (row, name on disk, bytes). What was refused stays refused."""

        def work(connection: sqlite3.Connection) -> None:
            for op in operations:
                customer_id = _customer_of(connection, op["verb"], op["payload"])
                connection.execute(
                    "insert or ignore into outbox (op_id, verb, payload, base_version, "
                    "config_version, customer_id, made_at, title, state, answer) values (:op_id, "
                    ":verb, :payload, :base_version, :config_version, :customer_id, :made_at, "
                    ":title, :state, :answer)",
                    {
                        **op,
                        "payload": json.dumps(op["payload"]),
                        "answer": json.dumps(op["answer"]) if op["answer"] else None,
                        "customer_id": customer_id,
                    },
                )
            for row, name, size in files:
                connection.execute(
                    "insert or ignore into attachments (id, form, record_id, customer_id, op_id, "
                    "kind, mime, path, bytes, sha256, made_at, consented_at) values (:id, :form, "
                    ":record_id, :customer_id, :op_id, :kind, :mime, :path, :bytes, :sha256, "
                    ":made_at, :consented_at)",
                    {**row, "path": name, "bytes": size},
                )
            optimistic.replay(connection, str(self._user_id))

        await self._database.write(work)

    async def retry_rejected(self, *, now: datetime) -> int:
        """Everything refused goes to the server once more: it keeps what a member who left could
        not finish. Answers how many."""
        refused = [w for w in await self.unacknowledged() if w.state == "rejected"]
        for row in reversed(refused):
            await self.retry(row.op_id, now=now)
        return len(refused)

    async def tells_again(self) -> bool:
        """Whether the store was restored, and what was sent before is to be told again."""
        return await self._database.read(lambda c: get_meta(c, "telling_again") is not None)

    async def told_again(self, *, now: datetime) -> None:
        """All was told again. What was refused because its record had not been told yet goes once
        more, as new operations."""
        for row in reversed(await self.unacknowledged()):
            if row.state == "rejected" and row.code == "not_found":
                await self.retry(row.op_id, now=now)
        await self._database.write(lambda c: set_meta(c, "telling_again", None))

    async def purge_acknowledged(self, *, now: datetime) -> None:
        """Drop operations acknowledged more than RETENTION_DAYS ago."""
        limit = (now - timedelta(days=RETENTION_DAYS)).isoformat()

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("delete from outbox where state = 'sent' and made_at < ?", (limit,))
            connection.execute(
                "delete from attachments where state = 'sent' and made_at < ?", (limit,)
            )

        await self._database.write(work)


def _store_files(
    connection: sqlite3.Connection,
    files: Sequence[Stored],
    op_id: str,
    verb: str,
    payload: dict[str, Any],
    now: datetime,
) -> None:
    """The rows of the files that go with an operation; they belong to its record unless they say
    another."""
    for stored in files:
        insert_row(
            connection,
            stored,
            form=form_of(verb),
            record_id=payload["id"],
            customer_id=_customer_of(connection, verb, payload),
            op_id=op_id,
            made_at=now,
        )


def _customer_of(connection: sqlite3.Connection, verb: str, payload: dict[str, Any]) -> str | None:
    """The customer an operation is about: order is kept per customer, and their card shows what
    waits or was refused."""
    if payload.get("customer_id"):
        return payload["customer_id"]
    if verb == "save_customer":
        return payload["id"]
    subject = payload.get("task_id") or payload.get("id")
    found = (
        connection.execute("select customer_id from rows where id = ?", (subject,)).fetchone()
        if subject
        else None
    )
    return found[0] if found else None


def _settle(connection: sqlite3.Connection, answer: Answer) -> bool:
    """One answer; whether the screen has to be laid again."""
    row = connection.execute(
        "select state, payload from outbox where op_id = ?", (str(answer.op_id),)
    ).fetchone()
    if row is None or row["state"] != "pending":
        return False  # another tab of the same person was told first
    if answer.status in ("applied", "duplicate", "quarantined"):
        kept = json.dumps(
            {
                "status": "quarantined" if answer.status == "quarantined" else "applied",
                "code": answer.code,
            }
        )
        change_no = 0 if answer.status == "quarantined" else answer.change_no or 0
        connection.execute(
            "update outbox set state = 'sent', change_no = ?, answer = ? where op_id = ?",
            (change_no, kept, str(answer.op_id)),
        )
        return answer.status == "quarantined"
    shown = answer.row or {}
    payload = json.loads(row["payload"])
    wanted = {**(payload.get("set") or {}), **{k: payload[k] for k in ("stage",) if k in payload}}
    kept = json.loads(answer.model_dump_json(include={"status", "code", "field", "errors"}))
    kept |= {
        "row": {"version": shown.get("version")},
        "theirs": {k: shown.get(k) for k in wanted} if shown else {},
    }
    connection.execute(
        "update outbox set state = 'rejected', answer = ? where op_id = ?",
        (json.dumps(kept), str(answer.op_id)),
    )
    return True


def _pending_operation(row: sqlite3.Row) -> PendingOperation:
    answer = json.loads(row["answer"]) if row["answer"] else {}
    return PendingOperation(
        op_id=UUID(row["op_id"]),
        verb=row["verb"],
        payload=json.loads(row["payload"]),
        state="quarantined" if row["state"] == "sent" else row["state"],
        code=answer.get("code") or (answer.get("status") if answer else None),
        field=answer.get("field"),
        errors=tuple((e["field"], e["code"]) for e in answer.get("errors") or ()),
        made_at=datetime.fromisoformat(row["made_at"]),
        title=row["title"],
        theirs=answer.get("theirs") or {},
        files=row["files"],
    )
