"""The owner's book on this device: the rows the server last showed, under what he did since."""

import json
import sqlite3
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from mobile_app.offline import attachments, effects
from mobile_app.offline.database import Database, get_about, set_about
from shared.domain.config import BASE_TYPES, StoreConfig
from shared.domain.members import Colleague
from shared.domain.records import (
    FORM_TABLES,
    RECORDS,
    Approval,
    Attachment,
    Companion,
    Consent,
    Conversation,
    Customer,
    Deal,
    Handover,
    Link,
    Policy,
    Promise,
    Reception,
    Record,
    Task,
    Vehicle,
)
from shared.gateway.sync import Page

PAGE = 50
COLLEAGUES = TypeAdapter(tuple[Colleague, ...])


@dataclass(frozen=True)
class Card:
    """Everything the phone knows of one customer."""

    customer: Customer
    waiting: bool
    companions: tuple[Companion, ...] = ()
    vehicles: tuple[Vehicle, ...] = ()
    policies: tuple[Policy, ...] = ()
    deals: tuple[Deal, ...] = ()
    tasks: tuple[Task, ...] = ()
    conversations: tuple[Conversation, ...] = ()
    approvals: tuple[Approval, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    promises: tuple[Promise, ...] = ()
    handovers: tuple[Handover, ...] = ()
    links: tuple[Link, ...] = ()
    consents: tuple[Consent, ...] = ()
    receptions: tuple[Reception, ...] = ()
    waiting_ids: frozenset[UUID] = field(default_factory=frozenset)

    def files_of(self, record_id: UUID) -> tuple[Attachment, ...]:
        return tuple(f for f in self.attachments if f.record_id == record_id)


class Replica:
    """Reads are local; only `take` (a page of sync_pull) and the outbox change anything."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._moved = False

    # taking pages ---------------------------------------------------------------------------------------------------------

    async def position(self) -> tuple[dict[str, Any] | None, int | None]:
        """(cursor, configuration version) to pull from."""

        def work(connection: sqlite3.Connection) -> tuple[dict[str, Any] | None, int | None]:
            cursor, version = get_about(connection, "cursor"), get_about(connection, "config_version")
            return (json.loads(cursor) if cursor else None), (int(version) if version else None)

        return await self._database.read(work)

    async def take(self, page: Page, *, after: dict[str, Any] | None) -> bool:
        """One page, whole or not at all, with its cursor. Rows go only by tombstone, or when a complete round did not name them.

        `after` is the cursor it was asked with: when the book stands elsewhere by now (another tab of the same person was quicker), the
        page is thrown away and the answer is False; a late page taken as a new round would end with half the book.
        """

        def work(connection: sqlite3.Connection) -> bool:
            old = json.loads(get_about(connection, "cursor") or "null")
            if old != after:
                return False
            moved = page.reset or page.config is not None or get_about(connection, "today") != page.today.isoformat()
            if page.people is not None:
                moved = True
                set_about(connection, "people", COLLEAGUES.dump_json(page.people).decode())
            moved |= any(page.rows.values()) or any(page.removed.values())
            number = int(get_about(connection, "round") or "0")
            if page.reset and not (old and old.get("reset")):
                number += 1
                set_about(connection, "round", str(number))
            if page.config is not None:
                set_about(connection, "config", json.dumps(page.config))
                set_about(connection, "config_version", str(page.config_version))
                _cut_to_rights(connection, page.config)
            for form, rows in page.rows.items():
                if form in RECORDS:
                    for row in rows:
                        _put(connection, form, row, number)
            for form, ids in page.removed.items():
                for record_id in ids:
                    _drop(connection, form, str(record_id))
            if page.reset and not page.more:
                for form, ids in page.kept.items():  # they moved while the round ran and come with the next pull
                    connection.executemany("update rows set round = ? where form = ? and id = ?", [(number, form, str(i)) for i in ids])
                gone = connection.execute("select form, id from rows where round < ? and doc is not null", (number,)).fetchall()
                for row in gone:
                    _drop(connection, row["form"], row["id"])
            set_about(connection, "cursor", json.dumps(page.cursor))
            set_about(connection, "today", page.today.isoformat())
            if page.now is not None:
                set_about(connection, "server_now", page.now.isoformat())
            if page.reset and page.total:
                set_about(connection, "total", str(page.total))
            if not page.more:
                set_about(connection, "total", None)
                set_about(connection, "synced", "1")
                confirmed = page.complete_to if page.complete_to is not None else int(page.cursor.get("since", 0))
                moved |= effects.replay(connection, str(page.user_id), confirmed)
            self._moved |= moved
            return True

        return await self._database.write(work)

    def moved(self) -> bool:
        """Whether pages taken since this was asked last showed anything new."""
        moved, self._moved = self._moved, False
        return moved

    async def forget(self) -> None:
        """The right to this book is gone for good: nothing of it stays on the disk; what was not sent stays until it is."""

        def work(connection: sqlite3.Connection) -> None:
            for table in ("rows", "customer_words", "plates"):
                connection.execute(f"delete from {table}")
            connection.execute("delete from about where key not in ('schema', 'device_id', 'server_now')")
            connection.execute("delete from outbox where state = 'sent'")
            connection.execute("delete from attachments where op_id not in (select op_id from outbox)")

        await self._database.write(work)
        # what was deleted would still stand in free pages, and in the file until the log beside it is taken in
        await self._database.write_outside(lambda c: (c.execute("vacuum"), c.execute("pragma wal_checkpoint(truncate)").fetchone()))

    async def progress(self) -> tuple[int, int] | None:
        """(rows here, rows of the whole book) while a full round runs, else None."""

        def work(connection: sqlite3.Connection) -> tuple[int, int] | None:
            total = get_about(connection, "total")
            if total is None:
                return None
            here = connection.execute(
                "select count(*) from rows where round = ? and form in ('customers', 'conversations', 'tasks')",
                (int(get_about(connection, "round") or 0),),
            )
            return min(here.fetchone()[0], int(total)), int(total)

        return await self._database.read(work)

    async def server_now(self) -> datetime | None:
        """What the server's clock said last."""
        text = await self._database.read(lambda c: get_about(c, "server_now"))
        return datetime.fromisoformat(text) if text else None

    # reading ----------------------------------------------------------------------------------------------------------------

    async def config(self) -> StoreConfig | None:
        text = await self._database.read(lambda c: get_about(c, "config"))
        return StoreConfig.model_validate_json(text) if text else None

    async def people(self) -> tuple[Colleague, ...]:
        """Everyone of this store, by name."""
        text = await self._database.read(lambda c: get_about(c, "people"))
        return COLLEAGUES.validate_json(text) if text else ()

    async def today(self) -> date | None:
        """The store's day as the server last said it."""
        text = await self._database.read(lambda c: get_about(c, "today"))
        return date.fromisoformat(text) if text else None

    async def complete(self) -> bool:
        """Whether a first full pull has ended on this device."""
        return await self._database.read(lambda c: get_about(c, "synced") is not None)

    async def tasks(self, *, user_id: UUID) -> list[tuple[Task, Customer]]:
        """All unfinished tasks of the owner, and those finished lately, with their customers."""

        def work(connection: sqlite3.Connection) -> list[tuple[Task, Customer]]:
            found = connection.execute(
                "select t.doc as task, k.doc as customer from shown t join shown k on k.form = 'customers' and k.id = t.customer_id"
                " where t.form = 'tasks' and json_extract(t.doc, '$.assignee_id') = ?",
                (str(user_id),),
            ).fetchall()
            return [(Task.model_validate_json(r["task"]), Customer.model_validate_json(r["customer"])) for r in found]

        return await self._database.read(work)

    async def standings(self) -> tuple[dict[str, int], dict[str, date]]:
        """What the order of the queue looks at beside the tasks: premiums in 分 by policy, the next open promise by customer."""

        def work(connection: sqlite3.Connection) -> tuple[dict[str, int], dict[str, date]]:
            premiums = connection.execute(
                "select p.id, json_extract(p.doc, '$.premium_fen') from shown t join shown p on p.form = 'policies' and p.id = json_extract(t.doc, '$.subject_id')"
                " where t.form = 'tasks' and json_extract(t.doc, '$.subject_form') = 'policy' and json_extract(t.doc, '$.status') = 'open'"
            ).fetchall()
            promised = connection.execute(
                "select customer_id, min(json_extract(doc, '$.due_on')) from shown where form = 'promises' and json_extract(doc, '$.status') = 'open' group by customer_id"
            ).fetchall()
            return {r[0]: r[1] for r in premiums if r[1] is not None}, {r[0]: date.fromisoformat(r[1]) for r in promised}

        return await self._database.read(work)

    async def remember(self, key: str, value: str | None) -> None:
        """A small thing of this person on this device, on disk when it returns; None forgets it."""
        await self._database.write(lambda c: set_about(c, f"my.{key}", value))

    async def recall(self, key: str) -> str | None:
        return await self._database.read(lambda c: get_about(c, f"my.{key}"))

    async def customers(self, *, offset: int = 0, limit: int = PAGE) -> list[tuple[Customer, bool]]:
        """A page of customers, who waits longest first; the flag says "not sent yet"."""

        def work(connection: sqlite3.Connection) -> list[tuple[Customer, bool]]:
            found = connection.execute(  # cross join: in that order; else SQLite reads and sorts the whole book for fifty (21 ms, not 0.1)
                "select r.doc, r.op_id from customer_words w cross join shown r on r.form = 'customers' and r.id = w.id order by w.wait, w.id limit ? offset ?",
                (limit, offset),
            ).fetchall()
            return [(Customer.model_validate_json(r["doc"]), r["op_id"] is not None) for r in found]

        return await self._database.read(work)

    async def recent(self, limit: int = 8) -> list[Customer]:
        """Customers talked to last, for 记一笔."""

        def work(connection: sqlite3.Connection) -> list[Customer]:
            found = connection.execute(
                "select doc from shown where form = 'customers' order by coalesce(json_extract(doc, '$.last_contact_at'), '') desc limit ?",
                (limit,),
            ).fetchall()
            return [Customer.model_validate_json(r["doc"]) for r in found]

        return await self._database.read(work)

    async def search(self, words: str, *, limit: int = PAGE) -> list[tuple[Customer, bool]]:
        """By phone tail, plate (whole or tail), name, pinyin or initials (S-39)."""
        text = "".join(words.split())
        if not text:
            return await self.customers(limit=limit)
        plain = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")

        def work(connection: sqlite3.Connection) -> list[tuple[Customer, bool]]:
            found = connection.execute(
                "select r.doc, r.op_id from customer_words w cross join shown r on r.form = 'customers' and r.id = w.id"
                " where w.name like :infix escape '\\' or w.pinyin like :prefix escape '\\' or w.initials like :prefix escape '\\' or (:digits and w.phone like :tail escape '\\')"
                " or w.id in (select customer_id from plates where plate like :prefix escape '\\' or plate like :tail escape '\\') order by w.wait, w.id limit :limit",
                {
                    "infix": f"%{plain}%",
                    "prefix": f"{plain}%",
                    "tail": f"%{plain}",
                    "digits": text.lstrip("+").isdigit() and len(text) >= 3,
                    "limit": limit,
                },
            ).fetchall()
            return [(Customer.model_validate_json(r["doc"]), r["op_id"] is not None) for r in found]

        return await self._database.read(work)

    async def card(self, customer_id: UUID) -> Card | None:
        def work(connection: sqlite3.Connection) -> Card | None:
            found = connection.execute("select form, id, doc, op_id from shown where customer_id = ?", (str(customer_id),)).fetchall()
            by_form: dict[str, list[Any]] = {form: [] for form in RECORDS}
            waiting = set()
            for row in found:
                record: Record = RECORDS[row["form"]].model_validate_json(row["doc"])
                by_form[row["form"]].append(record)
                if row["op_id"]:
                    waiting.add(record.id)
            if not by_form["customers"]:
                return None
            customer = by_form["customers"][0]
            there = {file.id for file in by_form["attachments"]}
            for row in connection.execute("select * from attachments where customer_id = ?", (str(customer_id),)):  # made here: shown at once
                if (own := _own_file(row)).id not in there:
                    by_form["attachments"].append(own)
                if row["state"] != "sent":
                    waiting.add(own.id)
            return Card(
                customer=customer,
                waiting=customer.id in waiting,
                waiting_ids=frozenset(waiting),
                companions=tuple(by_form["companions"]),
                vehicles=tuple(by_form["vehicles"]),
                policies=tuple(sorted(by_form["policies"], key=lambda p: p.expires_on or date.min, reverse=True)),
                deals=tuple(by_form["deals"]),
                tasks=tuple(sorted(by_form["tasks"], key=lambda t: t.due_on)),
                conversations=tuple(sorted(by_form["conversations"], key=lambda c: c.occurred_at, reverse=True)),
                approvals=tuple(by_form["approvals"]),
                attachments=tuple(sorted(by_form["attachments"], key=lambda a: str(a.id))),
                promises=tuple(sorted((p for p in by_form["promises"] if p.status == "open"), key=lambda p: p.due_on)),
                handovers=tuple(sorted(by_form["handovers"], key=lambda h: str(h.id), reverse=True)),
                links=tuple(by_form["links"]),
                consents=tuple(sorted(by_form["consents"], key=lambda c: c.said_at, reverse=True)),
                receptions=tuple(sorted(by_form["receptions"], key=lambda r: r.arrived_at, reverse=True)),
            )

        return await self._database.read(work)

    async def files_of(self, op_id: UUID) -> tuple[Attachment, ...]:
        """The files that go with an operation of this device."""
        found = await self._database.read(lambda c: c.execute("select * from attachments where op_id = ?", (str(op_id),)).fetchall())
        return tuple(_own_file(row) for row in found)

    async def deals(self, pipeline: str) -> list[tuple[Deal, Customer]]:
        def work(connection: sqlite3.Connection) -> list[tuple[Deal, Customer]]:
            found = connection.execute(
                "select d.doc as deal, k.doc as customer from shown d join shown k on k.form = 'customers' and k.id = d.customer_id"
                " where d.form = 'deals' and json_extract(d.doc, '$.pipeline') = ?",
                (pipeline,),
            ).fetchall()
            return [(Deal.model_validate_json(r["deal"]), Customer.model_validate_json(r["customer"])) for r in found]

        return await self._database.read(work)

    async def handed_to(self, user_id: UUID) -> list[tuple[Handover, Customer]]:
        """Customers handed to this person that he has not accepted yet, newest first (F-48)."""

        def work(connection: sqlite3.Connection) -> list[tuple[Handover, Customer]]:
            found = connection.execute(
                "select h.doc as handover, k.doc as customer from shown h join shown k on k.form = 'customers' and k.id = h.customer_id"
                " where h.form = 'handovers' and json_extract(h.doc, '$.to_id') = ? and json_extract(h.doc, '$.accepted_at') is null order by h.id desc",
                (str(user_id),),
            ).fetchall()
            return [(Handover.model_validate_json(r["handover"]), Customer.model_validate_json(r["customer"])) for r in found]

        return await self._database.read(work)

    async def duplicates(self, *, phone: str | None = None, plate: str | None = None) -> list[Customer]:
        """Customers of one's own book with this very number or plate, without a network (F-15)."""

        def work(connection: sqlite3.Connection) -> list[Customer]:
            found = connection.execute(
                "select distinct r.doc from shown r join customer_words w on w.id = r.id where r.form = 'customers' and ((:phone <> '' and w.phone = :phone)"
                " or (:plate <> '' and r.id in (select customer_id from plates where plate = :plate))) limit 5",
                {"phone": phone or "", "plate": plate or ""},
            ).fetchall()
            return [Customer.model_validate_json(r["doc"]) for r in found]

        return await self._database.read(work)

    async def own_work(self, user_id: UUID) -> tuple[list[Conversation], list[tuple[Deal, Customer]]]:
        """What this person said and sells, for his own numbers (F-25)."""

        def work(connection: sqlite3.Connection) -> tuple[list[Conversation], list[tuple[Deal, Customer]]]:
            talks = connection.execute(
                "select doc from shown where form = 'conversations' and json_extract(doc, '$.author_id') = ?", (str(user_id),)
            ).fetchall()
            deals = connection.execute(
                "select d.doc as deal, k.doc as customer from shown d join shown k on k.form = 'customers' and k.id = d.customer_id where d.form = 'deals'"
            ).fetchall()
            return [Conversation.model_validate_json(r["doc"]) for r in talks], [
                (Deal.model_validate_json(r["deal"]), Customer.model_validate_json(r["customer"])) for r in deals
            ]

        return await self._database.read(work)

    async def counts(self) -> dict[str, int]:
        return await self._database.read(lambda c: dict(c.execute("select form, count(*) from shown group by form").fetchall()))


def _own_file(row: sqlite3.Row) -> Attachment:
    """A file made on this device, as the server will tell of it."""
    return Attachment.model_validate({**dict(row), "customer_id": row["customer_id"] or row["record_id"], "created_at": row["made_at"]})


def _put(connection: sqlite3.Connection, form: str, row: dict[str, Any], number: int) -> None:
    customer_id = row["id"] if form == "customers" else row.get("customer_id")
    connection.execute(
        "insert into rows (form, id, customer_id, doc, round) values (?, ?, ?, ?, ?)"
        " on conflict (form, id) do update set doc = excluded.doc, customer_id = excluded.customer_id, round = excluded.round",
        (form, row["id"], customer_id, json.dumps(row), number),
    )
    effects.index(connection, form, row["id"])


def _drop(connection: sqlite3.Connection, form: str, record_id: str) -> None:
    if form == "customers":  # with all that hangs on him; one's own tasks and requests leave by their own names
        connection.execute("delete from plates where customer_id = ?", (record_id,))
        connection.execute("delete from customer_words where id = ?", (record_id,))
        connection.execute("delete from rows where customer_id = ? and form not in ('tasks', 'approvals')", (record_id,))
        connection.execute("delete from attachments where customer_id = ? and state = 'sent'", (record_id,))  # the files go with the next sweep
    else:
        connection.execute("delete from rows where form = ? and id = ?", (form, record_id))
        if form == "vehicles":
            connection.execute("delete from plates where id = ?", (record_id,))


def _cut_to_rights(connection: sqlite3.Connection, config: dict[str, Any]) -> None:
    """Rights became narrower: what may not be seen leaves the disk before anything is pulled again."""
    for form, table in FORM_TABLES.items():
        rights = config.get("access", {}).get(form, {})
        readable, masked = set(rights.get("readable", ())), set(rights.get("masked", ()))

        def stays(key: str, value: Any, readable: set[str] = readable, masked: set[str] = masked) -> bool:
            return key in readable or (key in masked and "****" in str(value))

        for row in connection.execute("select id, doc, overlay from rows where form = ?", (table,)).fetchall():
            for column in ("doc", "overlay"):
                if record := json.loads(row[column] or "null"):
                    record = {k: v for k, v in record.items() if k not in BASE_TYPES[form] or stays(k, v)}
                    record["custom"] = {k: v for k, v in record.get("custom", {}).items() if stays(k, v)}
                    connection.execute(f"update rows set {column} = ? where form = ? and id = ?", (json.dumps(record), table, row["id"]))
            effects.index(connection, table, row["id"])
    attachments.cut_to_rights(connection, hears="words" in config.get("access", {}).get("conversation", {}).get("readable", ()))
    connection.execute("update outbox set before = '[]' where state <> 'waiting'")  # records as they were shown, hidden fields too
    readable_now = {form: set(config.get("access", {}).get(form, {}).get("readable", ())) for form in FORM_TABLES}
    for op in connection.execute("select op_id, verb, answer from outbox where state = 'attention'").fetchall():  # and what a conflict showed
        answer = json.loads(op["answer"] or "{}")
        form = next((f for f, table in FORM_TABLES.items() if table == effects.SAVES.get(op["verb"], "deals")), "customer")
        if answer.get("theirs"):
            answer["theirs"] = {k: v for k, v in answer["theirs"].items() if k in readable_now[form] or k == "stage"}
            connection.execute("update outbox set answer = ? where op_id = ?", (json.dumps(answer), op["op_id"]))
