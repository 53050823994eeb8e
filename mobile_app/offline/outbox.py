"""What a person did and the server has not confirmed: on disk before the screen says saved, in order, sent until answered."""

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from dataclasses import field as holds
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from mobile_app.offline import effects
from mobile_app.offline.attachments import Stored, put_row
from mobile_app.offline.database import Database, get_about, set_about
from shared.domain.records import FORM_TABLES
from shared.gateway.sync import Answer

BATCH = 100  # operations a call, and not more than that many characters: the server takes 200 and 256 KB
BATCH_TEXT = 120_000
UNDO_TIME = timedelta(minutes=10)  # as crm.undo
KEPT_DAYS = 35  # confirmed operations stay this long: a server restored from yesterday can be told again
FORMS = {table: form for form, table in FORM_TABLES.items()}


@dataclass(frozen=True)
class Waiting:
    """An operation as the "not sent yet" list shows it. state: waiting · attention (refused, `code` says why) · held (a manager decides).
    After a conflict `theirs` holds what the server has in the fields this operation wanted to change."""

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

    def __init__(self, database: Database, *, user_id: UUID, store_id: UUID, new_id) -> None:
        self._database, self._user_id, self._store_id, self._new_id = database, user_id, store_id, new_id

    async def device_id(self) -> UUID:
        def work(connection: sqlite3.Connection) -> str:
            known = get_about(connection, "device_id")
            if known is None:
                known = str(self._new_id())
                set_about(connection, "device_id", known)
            return known

        return UUID(await self._database.write(work))

    # writing down -----------------------------------------------------------------------------------------------------------

    async def add(
        self, verb: str, payload: dict[str, Any], *, now: datetime, base_version: int | None = None, title: str = "", files: Sequence[Stored] = ()
    ) -> UUID:
        """Put an operation on disk together with what it changes on screen, and the files that go with its record (payload.id).
        Returns its op_id; from here on it cannot be lost."""
        op_id = str(self._new_id())
        payload = {"store_id": str(self._store_id), **payload}

        def work(connection: sqlite3.Connection) -> None:
            self._insert(connection, op_id, verb, payload, now=now, base_version=base_version, title=title)
            _put_files(connection, files, op_id, verb, payload, now)

        await self._database.write(work)
        return UUID(op_id)

    def _insert(
        self, connection: sqlite3.Connection, op_id: str, verb: str, payload: dict[str, Any], *, now: datetime, base_version: int | None, title: str
    ) -> None:
        config = json.loads(get_about(connection, "config") or "{}")
        customer_id = _customer_of(connection, verb, payload)
        before = effects.apply(
            connection, op_id, verb, payload, base_version=base_version, now=now.isoformat(), user_id=str(self._user_id), config=config
        )
        version = get_about(connection, "config_version")  # the document the form was filled under: a server one or two versions ahead judges by it
        connection.execute(
            "insert into outbox (op_id, verb, payload, base_version, config_version, customer_id, made_at, before, title) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (op_id, verb, json.dumps(payload), base_version, version, customer_id, now.isoformat(), json.dumps(before), title),
        )

    async def undo(self, op_id: UUID, *, now: datetime) -> None:
        """Take an own act back, by an operation of its own: one that is on its way at this very moment is then undone too."""
        undo_id = str(self._new_id())
        payload = {"store_id": str(self._store_id), "op_id": str(op_id)}

        def work(connection: sqlite3.Connection) -> None:
            row = connection.execute("select customer_id from outbox where op_id = ? and state <> 'attention'", (str(op_id),)).fetchone()
            if row is None:
                return
            connection.execute(
                "insert into outbox (op_id, verb, payload, customer_id, made_at) values (?, 'undo', ?, ?, ?)",
                (undo_id, json.dumps(payload), row["customer_id"], now.isoformat()),
            )
            connection.execute("delete from attachments where op_id = ? and state = 'waiting'", (str(op_id),))
            effects.replay(connection, str(self._user_id))

        await self._database.write(work)

    # sending ----------------------------------------------------------------------------------------------------------------

    async def waiting(self, limit: int = BATCH, *, without: Collection[str] = (), sent_at: datetime | None = None) -> list[dict[str, Any]]:
        """The next operations to send, oldest first, as sync_push wants them; `without` names op ids and customers to leave aside."""

        def work(connection: sqlite3.Connection) -> list[dict[str, Any]]:
            aside = json.dumps(list(without))
            found = connection.execute(
                "select * from outbox where state = 'waiting' and op_id not in (select value from json_each(:aside))"
                " and coalesce(customer_id, '') not in (select value from json_each(:aside)) order by seq limit :limit",
                {"aside": aside, "limit": limit},
            ).fetchall()
            size, ops = 0, []
            for r in found:
                size += len(r["payload"])
                if ops and size > BATCH_TEXT:
                    break
                ops.append(
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
            return ops

        return await self._database.read(work)

    async def settle(self, *answers: Answer) -> None:
        """Write down what the server answered, in one transaction: applied operations leave the queue, refused ones wait for a person."""

        def work(connection: sqlite3.Connection) -> None:
            refused = False
            for answer in answers:
                refused |= _settle(connection, answer.settled())
            if refused:
                effects.replay(connection, str(self._user_id))  # the screen shows what the server has; the words stay here

        await self._database.write(work)

    async def failed(self, op_id: str) -> int:
        """The server broke on this one operation once more; answers how often by now."""

        def work(connection: sqlite3.Connection) -> int:
            connection.execute("update outbox set failures = failures + 1 where op_id = ?", (op_id,))
            found = connection.execute("select failures from outbox where op_id = ?", (op_id,)).fetchone()
            return found[0] if found else 0

        return await self._database.write(work)

    async def customer_of(self, op_id: str) -> str | None:
        found = await self._database.read(lambda c: c.execute("select customer_id from outbox where op_id = ?", (op_id,)).fetchone())
        return found[0] if found else None

    # what a person sees -----------------------------------------------------------------------------------------------------

    async def counts(self) -> tuple[int, int]:
        """(waiting, needing attention), files among them."""

        def work(connection: sqlite3.Connection) -> tuple[int, int]:
            found = dict(connection.execute("select state, count(*) from outbox group by state").fetchall())
            files = dict(connection.execute("select state, count(*) from attachments group by state").fetchall())
            return found.get("waiting", 0) + files.get("waiting", 0), found.get("attention", 0) + files.get("attention", 0)

        return await self._database.read(work)

    async def refused_customers(self) -> frozenset[UUID]:
        """Customers about whom something was refused and is not mended yet."""
        found = await self._database.read(
            lambda c: c.execute("select distinct customer_id from outbox where state = 'attention' and customer_id is not null").fetchall()
        )
        return frozenset(UUID(r[0]) for r in found)

    async def undoable(self, *, now: datetime) -> list[tuple[UUID, str, str, datetime]]:
        """Own acts of the last ten minutes that can be taken back, newest first: (op_id, verb, title, when) (F-21)."""
        since = (now - UNDO_TIME).isoformat()

        def work(connection: sqlite3.Connection) -> list[tuple[UUID, str, str, datetime]]:
            found = connection.execute(
                "select op_id, verb, title, made_at from outbox o where made_at > ? and state <> 'attention' and verb in ('log_conversation', 'request_cancel', 'snooze_task')"
                " and not exists (select 1 from outbox u where u.verb = 'undo' and json_extract(u.payload, '$.op_id') = o.op_id) order by seq desc limit 20",
                (since,),
            ).fetchall()
            return [(UUID(r["op_id"]), r["verb"], r["title"], datetime.fromisoformat(r["made_at"])) for r in found]

        return await self._database.read(work)

    async def operations_waiting(self) -> int:
        return await self._database.read(lambda c: c.execute("select count(*) from outbox where state = 'waiting'").fetchone()[0])

    async def unsettled(self, customer_id: UUID | None = None) -> list[Waiting]:
        """Everything not confirmed, refused ones first, then what a manager decides; all of it, or what is about one customer."""

        def work(connection: sqlite3.Connection) -> list[Waiting]:
            found = connection.execute(
                "select o.*, (select count(*) from attachments a where a.op_id = o.op_id and a.state <> 'sent') as files from outbox o"
                " where (state <> 'sent' or json_extract(answer, '$.status') = 'held') and (:customer is null or customer_id = :customer)"
                " order by state <> 'attention', state = 'waiting', seq desc limit 200",
                {"customer": str(customer_id) if customer_id else None},
            ).fetchall()
            return [_waiting(r) for r in found]

        return await self._database.read(work)

    async def discard(self, op_id: UUID) -> None:
        """Give up a refused operation, with its files."""

        def work(connection: sqlite3.Connection) -> None:
            if connection.execute("delete from outbox where op_id = ? and state = 'attention'", (str(op_id),)).rowcount:
                connection.execute("delete from attachments where op_id = ?", (str(op_id),))

        await self._database.write(work)

    async def retry(self, op_id: UUID, *, now: datetime, payload: dict[str, Any] | None = None, files: Sequence[Stored] = ()) -> UUID | None:
        """Send a refused operation again, perhaps mended, as a new one: the old id keeps its refusal for ever. After a conflict it builds
        on the row the server showed: the person has seen it and still wants his own words. What was refused only because this one was
        missing goes along. Answers the new op_id."""
        new_ids = [str(self._new_id()) for _ in range(200)]

        def work(connection: sqlite3.Connection) -> UUID | None:
            row = connection.execute("select * from outbox where op_id = ? and state = 'attention'", (str(op_id),)).fetchone()
            if row is None:
                return None
            rest = connection.execute(
                "select * from outbox where state = 'attention' and customer_id = ? and seq > ? and json_extract(answer, '$.code') = 'not_found' order by seq limit 199",
                (row["customer_id"], row["seq"]),
            ).fetchall()
            for new_id, old in zip(new_ids, [row, *rest], strict=False):
                theirs = (json.loads(old["answer"] or "{}").get("row") or {}).get("version")
                base = theirs if theirs is not None and old["base_version"] is not None else old["base_version"]
                mended = {**json.loads(old["payload"]), **(payload or {})} if old is row else json.loads(old["payload"])
                connection.execute("delete from outbox where op_id = ?", (old["op_id"],))
                self._insert(connection, new_id, old["verb"], mended, now=now, base_version=base, title=old["title"])
                connection.execute("update attachments set op_id = ? where op_id = ?", (new_id, old["op_id"]))
                if old is row:
                    _put_files(connection, files, new_id, old["verb"], mended, now)
            return UUID(new_ids[0])

        return await self._database.write(work)

    async def hand_over(self, *, now: datetime) -> int:
        """Everything refused goes to the server once more: it keeps what a member who left could not finish. Answers how many."""
        refused = [w for w in await self.unsettled() if w.state == "attention"]
        for row in reversed(refused):
            await self.retry(row.op_id, now=now)
        return len(refused)

    async def forget_old(self, *, now: datetime) -> None:
        """Drop what was confirmed more than KEPT_DAYS ago."""
        limit = (now - timedelta(days=KEPT_DAYS)).isoformat()

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("delete from outbox where state = 'sent' and made_at < ?", (limit,))
            connection.execute("delete from attachments where state = 'sent' and made_at < ?", (limit,))

        await self._database.write(work)


def _put_files(connection: sqlite3.Connection, files: Sequence[Stored], op_id: str, verb: str, payload: dict[str, Any], now: datetime) -> None:
    """The rows of the files that go with an operation; they belong to its record unless they say another."""
    form = FORMS[effects.FIELDS_OF.get(verb, "conversations")]
    for stored in files:
        put_row(
            connection, stored, form=form, record_id=payload["id"], customer_id=_customer_of(connection, verb, payload), op_id=op_id, made_at=now
        )  # fmt: skip


def _customer_of(connection: sqlite3.Connection, verb: str, payload: dict[str, Any]) -> str | None:
    """The customer an operation is about: order is kept per customer, and his card shows what waits or was refused."""
    if payload.get("customer_id"):
        return payload["customer_id"]
    if verb == "save_customer":
        return payload["id"]
    subject = payload.get("task_id") or payload.get("id")
    found = connection.execute("select customer_id from rows where id = ?", (subject,)).fetchone() if subject else None
    return found[0] if found else None


def _settle(connection: sqlite3.Connection, answer: Answer) -> bool:
    """One answer; whether the screen has to be laid anew."""
    row = connection.execute("select state, payload from outbox where op_id = ?", (str(answer.op_id),)).fetchone()
    if row is None or row["state"] != "waiting":
        return False  # another tab of the same person was told first
    if answer.status in ("applied", "duplicate", "held"):
        kept = json.dumps({"status": "held" if answer.status == "held" else "applied", "code": answer.code})
        change_no = 0 if answer.status == "held" else answer.change_no or 0
        connection.execute("update outbox set state = 'sent', change_no = ?, answer = ? where op_id = ?", (change_no, kept, str(answer.op_id)))
        return answer.status == "held"
    shown = answer.row or {}
    payload = json.loads(row["payload"])
    wanted = {**(payload.get("set") or {}), **{k: payload[k] for k in ("stage",) if k in payload}}
    kept = json.loads(answer.model_dump_json(include={"status", "code", "field", "errors"}))
    kept |= {"row": {"version": shown.get("version")}, "theirs": {k: shown.get(k) for k in wanted} if shown else {}}
    connection.execute("update outbox set state = 'attention', answer = ? where op_id = ?", (json.dumps(kept), str(answer.op_id)))
    return True


def _waiting(row: sqlite3.Row) -> Waiting:
    answer = json.loads(row["answer"]) if row["answer"] else {}
    return Waiting(
        op_id=UUID(row["op_id"]),
        verb=row["verb"],
        payload=json.loads(row["payload"]),
        state="held" if row["state"] == "sent" else row["state"],
        code=answer.get("code") or (answer.get("status") if answer else None),
        field=answer.get("field"),
        errors=tuple((e["field"], e["code"]) for e in answer.get("errors") or ()),
        made_at=datetime.fromisoformat(row["made_at"]),
        title=row["title"],
        theirs=answer.get("theirs") or {},
        files=row["files"],
    )
