"""What a person did and the server has not confirmed: on disk before the screen says saved, in order, sent until answered."""

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from mobile_app.offline import effects
from mobile_app.offline.database import Database, get_about, set_about
from shared.gateway.sync import Answer

BATCH = 100  # operations a call, and not more than that many characters: the server takes 200 and 256 KB
BATCH_TEXT = 120_000
KEPT_DAYS = 35  # confirmed operations stay this long: a server restored from yesterday can be told again


@dataclass(frozen=True)
class Waiting:
    """An operation as the "needs attention" list shows it."""

    op_id: UUID
    verb: str
    payload: dict[str, Any]
    state: str
    code: str | None
    field: str | None
    errors: tuple[tuple[str, str], ...]
    made_at: datetime
    title: str


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

    async def add(self, verb: str, payload: dict[str, Any], *, now: datetime, base_version: int | None = None, title: str = "") -> UUID:
        """Put an operation on disk together with what it changes on screen. Returns its op_id; from here on it cannot be lost."""
        op_id = str(self._new_id())
        payload = {"store_id": str(self._store_id), **payload}

        def work(connection: sqlite3.Connection) -> None:
            config = json.loads(get_about(connection, "config") or "{}")
            before = effects.apply(
                connection, op_id, verb, payload, base_version=base_version, now=now.isoformat(), user_id=str(self._user_id), config=config
            )
            customer_id = payload.get("customer_id") or (payload["id"] if verb == "save_customer" else None)
            connection.execute(
                "insert into outbox (op_id, verb, payload, base_version, config_version, customer_id, made_at, before, title) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                # the document the form was filled under: a server one or two versions ahead judges by it
                (
                    op_id,
                    verb,
                    json.dumps(payload),
                    base_version,
                    get_about(connection, "config_version"),
                    customer_id,
                    now.isoformat(),
                    json.dumps(before),
                    title,
                ),
            )

        await self._database.write(work)
        return UUID(op_id)

    async def waiting(self, limit: int = BATCH) -> list[dict[str, Any]]:
        """The next operations to send, oldest first, as sync_push wants them."""

        def work(connection: sqlite3.Connection) -> list[dict[str, Any]]:
            found = connection.execute("select * from outbox where state = 'waiting' order by seq limit ?", (limit,)).fetchall()
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
                    }
                )
            return ops

        return await self._database.read(work)

    async def settle(self, answer: Answer) -> None:
        """Write down what the server answered: applied operations leave the queue, refused ones wait for a person."""
        final = answer.settled()

        def work(connection: sqlite3.Connection) -> None:
            row = connection.execute("select state from outbox where op_id = ?", (str(final.op_id),)).fetchone()
            if row is None or row["state"] != "waiting":
                return  # another tab of the same person was told first
            if final.status in ("applied", "duplicate"):
                connection.execute(
                    "update outbox set state = 'sent', change_no = ?, answer = '{\"status\": \"applied\"}' where op_id = ?",
                    (final.change_no or 0, str(final.op_id)),
                )
            else:
                answer_text = final.model_copy(update={"row": {"version": (final.row or {}).get("version")}}).model_dump_json(
                    include={"status", "code", "field", "errors", "row"}
                )
                connection.execute("update outbox set state = 'attention', answer = ? where op_id = ?", (answer_text, str(final.op_id)))
                effects.replay(connection, str(self._user_id))  # the screen shows what the server has; the words stay here

        await self._database.write(work)

    async def counts(self) -> tuple[int, int]:
        """(waiting, needing attention)"""

        def work(connection: sqlite3.Connection) -> tuple[int, int]:
            found = dict(connection.execute("select state, count(*) from outbox group by state").fetchall())
            return found.get("waiting", 0), found.get("attention", 0)

        return await self._database.read(work)

    async def unsettled(self) -> list[Waiting]:
        """Everything not confirmed, refused ones first."""

        def work(connection: sqlite3.Connection) -> list[Waiting]:
            found = connection.execute("select * from outbox where state <> 'sent' order by state = 'waiting', seq desc limit 200").fetchall()
            return [_waiting(r) for r in found]

        return await self._database.read(work)

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
            effects.replay(connection, str(self._user_id))

        await self._database.write(work)

    async def discard(self, op_id: UUID) -> None:
        """Give up a refused operation."""
        await self._database.write(lambda c: c.execute("delete from outbox where op_id = ? and state = 'attention'", (str(op_id),)))

    async def retry(self, op_id: UUID, *, now: datetime) -> None:
        """Send a refused operation again, as a new one: the old id keeps its refusal for ever. After a conflict it builds on the row
        the server showed: the person has seen it and still wants his own words."""
        row = await self._database.read(lambda c: c.execute("select * from outbox where op_id = ? and state = 'attention'", (str(op_id),)).fetchone())
        if row is not None:
            theirs = (json.loads(row["answer"] or "{}").get("row") or {}).get("version")
            base = theirs if theirs is not None and row["base_version"] is not None else row["base_version"]
            await self.add(row["verb"], json.loads(row["payload"]), now=now, base_version=base, title=row["title"])
            await self.discard(op_id)

    async def forget_old(self, *, now: datetime) -> None:
        """Drop what was confirmed more than KEPT_DAYS ago."""
        limit = (now - timedelta(days=KEPT_DAYS)).isoformat()
        await self._database.write(lambda c: c.execute("delete from outbox where state = 'sent' and made_at < ?", (limit,)))


def _waiting(row: sqlite3.Row) -> Waiting:
    answer = json.loads(row["answer"]) if row["answer"] else {}
    return Waiting(
        op_id=UUID(row["op_id"]),
        verb=row["verb"],
        payload=json.loads(row["payload"]),
        state=row["state"],
        code=answer.get("code") or (answer.get("status") if answer else None),
        field=answer.get("field"),
        errors=tuple((e["field"], e["code"]) for e in answer.get("errors") or ()),
        made_at=datetime.fromisoformat(row["made_at"]),
        title=row["title"],
    )
