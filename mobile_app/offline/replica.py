"""The owner's data on this device: the rows the server last showed, under what they did since."""

import json
import sqlite3
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from mobile_app.offline import attachments, optimistic
from mobile_app.offline.database import Database, get_meta, set_meta
from mobile_app.offline.optimistic.operation import index
from shared.domain.card import Card
from shared.domain.catalogue import FORM_TABLES, form_of
from shared.domain.config import BASE_TYPES, StoreConfig
from shared.domain.members import Colleague
from shared.domain.problems import OtherUser
from shared.domain.records import (
    RECORDS,
    Attachment,
    Conversation,
    Customer,
    Deal,
    Record,
    Task,
    Transfer,
)
from shared.domain.values.phone import search_phone
from shared.domain.values.text import search_name, search_plate
from shared.gateway.sync import Page

PAGE = 50
COLLEAGUES = TypeAdapter(tuple[Colleague, ...])


class Replica:
    """Reads are local; only `take` (a page of sync_pull) and the outbox change anything."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._changed = False

    # taking pages ---------------------------------------------------------------------------------

    async def position(self) -> tuple[dict[str, Any] | None, int | None]:
        """(cursor, configuration version) to pull from."""

        def work(connection: sqlite3.Connection) -> tuple[dict[str, Any] | None, int | None]:
            cursor, version = (
                get_meta(connection, "cursor"),
                get_meta(connection, "config_version"),
            )
            return (json.loads(cursor) if cursor else None), (int(version) if version else None)

        return await self._database.read(work)

    async def apply_page(self, page: Page, *, after: dict[str, Any] | None) -> bool:
        """One page, whole or not at all, with its cursor. Rows go only by tombstone, or when a
        complete round did not name them.

        `after` is the cursor it was asked with: when the local data stands elsewhere by now
        (another tab of the same person was quicker), the page is thrown away and the answer is
        False; a late page taken as a new round would end with half the local data.
        Raises OtherUser for a page of another person or store.
        """
        if (page.user_id, page.store_id) != (self._database.user_id, self._database.store_id):
            raise OtherUser

        def work(connection: sqlite3.Connection) -> bool:
            old = json.loads(get_meta(connection, "cursor") or "null")
            if old != after:
                return False
            changed = _shows_anything_new(connection, page)
            _notice_restore(connection, page)
            _store_document(connection, page)
            _store_rows(connection, page, _round_of(connection, page, old))
            _store_position(connection, page)
            if not page.more:
                changed |= _end_round(connection, page)
            self._changed |= changed
            return True

        return await self._database.write(work)

    def changed(self) -> bool:
        """Whether pages taken since this was asked last showed anything new."""
        changed, self._changed = self._changed, False
        return changed

    async def forget(self) -> None:
        """The access to this local store has ended: nothing of it stays on the disk; what was not
        sent stays until it is."""

        def work(connection: sqlite3.Connection) -> None:
            for table in ("rows", "customer_words", "plates"):
                connection.execute(f"delete from {table}")
            connection.execute(
                "delete from about where key not in ('schema', 'owner', 'device_id', 'server_now')"
            )
            connection.execute("delete from outbox where state = 'sent'")
            connection.execute(
                "delete from attachments where op_id not in (select op_id from outbox)"
            )

        await self._database.write(work)
        # what was deleted would still stand in free pages, and in the file until the log beside it
        # is taken in
        await self._database.write_outside(
            lambda c: (c.execute("vacuum"), c.execute("pragma wal_checkpoint(truncate)").fetchone())
        )

    async def progress(self) -> tuple[int, int] | None:
        """(rows here, rows in total) while a full round runs, else None."""

        def work(connection: sqlite3.Connection) -> tuple[int, int] | None:
            total = get_meta(connection, "total")
            if total is None:
                return None
            here = connection.execute(
                "select count(*) from rows where round = ? and form in ('customers', "
                "'conversations', 'tasks')",
                (int(get_meta(connection, "round") or 0),),
            )
            return min(here.fetchone()[0], int(total)), int(total)

        return await self._database.read(work)

    async def server_now(self) -> datetime | None:
        """What the server's clock said last."""
        text = await self._database.read(lambda c: get_meta(c, "server_now"))
        return datetime.fromisoformat(text) if text else None

    # reading --------------------------------------------------------------------------------------

    async def config(self) -> StoreConfig | None:
        text = await self._database.read(lambda c: get_meta(c, "config"))
        return StoreConfig.model_validate_json(text) if text else None

    async def people(self) -> tuple[Colleague, ...]:
        """Everyone of this store, by name."""
        text = await self._database.read(lambda c: get_meta(c, "people"))
        return COLLEAGUES.validate_json(text) if text else ()

    async def today(self) -> date | None:
        """The store's day as the server last said it."""
        text = await self._database.read(lambda c: get_meta(c, "today"))
        return date.fromisoformat(text) if text else None

    async def complete(self) -> bool:
        """Whether a first full pull has ended on this device."""
        return await self._database.read(lambda c: get_meta(c, "synced") is not None)

    async def tasks(self, *, user_id: UUID) -> list[tuple[Task, Customer]]:
        """All unfinished tasks of the owner, and those finished lately, with their customers."""

        def work(connection: sqlite3.Connection) -> list[tuple[Task, Customer]]:
            found = connection.execute(
                "select t.record as task, k.record as customer from effective_rows t join "
                "effective_rows k on k.form = "
                "'customers' and k.id = t.customer_id"
                " where t.form = 'tasks' and json_extract(t.record, '$.assignee_id') = ?",
                (str(user_id),),
            ).fetchall()
            return [
                (Task.model_validate_json(r["task"]), Customer.model_validate_json(r["customer"]))
                for r in found
            ]

        return await self._database.read(work)

    async def closed_tasks(self, *, user_id: UUID) -> list[Task]:
        """The owner's tasks that were done or excused lately; their customers may be gone from this
        device since."""

        def work(connection: sqlite3.Connection) -> list[Task]:
            found = connection.execute(
                "select record from effective_rows where form = 'tasks' and json_extract(record, "
                "'$.assignee_id') = ? and json_extract(record, '$.status') in ('done', 'excused')",
                (str(user_id),),
            ).fetchall()
            return [Task.model_validate_json(r["record"]) for r in found]

        return await self._database.read(work)

    async def priority_inputs(self) -> tuple[dict[str, int], dict[str, date]]:
        """What orders the queue besides the tasks: premiums in 分 by policy, the next
        open promise by customer."""

        def work(connection: sqlite3.Connection) -> tuple[dict[str, int], dict[str, date]]:
            premiums = connection.execute(
                "select p.id, json_extract(p.record, '$.premium_fen') from effective_rows t join "
                "effective_rows p on "
                "p.form = 'policies' and p.id = json_extract(t.record, '$.subject_id')"
                " where t.form = 'tasks' and json_extract(t.record, '$.subject_form') = 'policy' "
                "and "
                "json_extract(t.record, '$.status') = 'open'"
            ).fetchall()
            promised = connection.execute(
                "select customer_id, min(json_extract(record, '$.due_on')) from effective_rows "
                "where form = "
                "'promises' and json_extract(record, '$.status') = 'open' group by customer_id"
            ).fetchall()
            return {r[0]: r[1] for r in premiums if r[1] is not None}, {
                r[0]: date.fromisoformat(r[1]) for r in promised
            }

        return await self._database.read(work)

    async def remember(self, key: str, value: str | None) -> None:
        """A small thing of this person on this device, on disk when it returns; None forgets it."""
        await self._database.write(lambda c: set_meta(c, f"my.{key}", value))

    async def recall(self, key: str) -> str | None:
        return await self._database.read(lambda c: get_meta(c, f"my.{key}"))

    async def customers(self, *, offset: int = 0, limit: int = PAGE) -> list[tuple[Customer, bool]]:
        """A page of customers, who waits longest first; the flag says "not sent yet"."""

        def work(connection: sqlite3.Connection) -> list[tuple[Customer, bool]]:
            # cross join: in that order; else SQLite reads and sorts the whole book for fifty (21
            # ms, not 0.1)
            found = connection.execute(
                "select r.record, r.op_id from customer_words w cross join effective_rows r on "
                "r.form = "
                "'customers' and r.id = w.id order by w.wait, w.id limit ? offset ?",
                (limit, offset),
            ).fetchall()
            return [
                (Customer.model_validate_json(r["record"]), r["op_id"] is not None) for r in found
            ]

        return await self._database.read(work)

    async def recent(self, limit: int = 8) -> list[Customer]:
        """Customers talked to last, for 记一笔."""

        def work(connection: sqlite3.Connection) -> list[Customer]:
            found = connection.execute(
                "select record from effective_rows where form = 'customers' order by "
                "coalesce(json_extract(record, '$.last_contact_at'), '') desc limit ?",
                (limit,),
            ).fetchall()
            return [Customer.model_validate_json(r["record"]) for r in found]

        return await self._database.read(work)

    async def search(self, notes: str, *, limit: int = PAGE) -> list[tuple[Customer, bool]]:
        """By phone, plate, WeChat id, name, pinyin or initials, in any spelling (S-39)."""
        if not notes.strip():
            return await self.customers(limit=limit)
        name, plate, digits = search_name(notes), search_plate(notes), search_phone(notes)
        latin = name if name.isascii() and name.isalnum() else ""

        def work(connection: sqlite3.Connection) -> list[tuple[Customer, bool]]:
            found = connection.execute(
                "select r.record, r.op_id from customer_words w cross join effective_rows r on "
                "r.form = "
                "'customers' and r.id = w.id where "
                "(:name <> '' and w.name like :infix escape '\\')"
                " or w.name like :wechat escape '\\'"
                " or (:latin <> '' and (w.pinyin like :latin || '%' or w.pinyin like '% ' || "
                ":latin "
                "|| '%' or w.initials like :latin || '%' or w.initials like '% ' || :latin || '%'))"
                " or (length(:digits) >= 3 and w.phone like '%' || :digits)"
                " or (length(:digits) >= 5 and (w.phone like :digits || '%' or w.phone like '0' || "
                ":digits || '%'))"
                " or (:plate <> '' and w.id in (select customer_id from plates where plate like "
                ":plate_prefix escape '\\' or plate like :plate_tail escape '\\'))"
                " order by w.wait, w.id limit :limit",
                {
                    "name": name,
                    "infix": f"%{_plain(name)}%",
                    # behind the name, as effects.index writes it
                    "wechat": f"%\n{_plain(notes.strip().lower())}%",
                    "latin": latin,
                    "digits": digits,
                    "plate": plate,
                    "plate_prefix": f"{_plain(plate)}%",
                    "plate_tail": f"%{_plain(plate)}",
                    "limit": limit,
                },
            ).fetchall()
            return [
                (Customer.model_validate_json(r["record"]), r["op_id"] is not None) for r in found
            ]

        return await self._database.read(work)

    async def card(self, customer_id: UUID) -> Card | None:
        def work(connection: sqlite3.Connection) -> Card | None:
            found = connection.execute(
                "select form, id, record, op_id from effective_rows where customer_id = ?",
                (str(customer_id),),
            ).fetchall()
            by_form: dict[str, list[Any]] = {form: [] for form in RECORDS}
            pending = set()
            for row in found:
                record: Record = RECORDS[row["form"]].model_validate_json(row["record"])
                by_form[row["form"]].append(record)
                if row["op_id"]:
                    pending.add(record.id)
            if not by_form["customers"]:
                return None
            customer = by_form["customers"][0]
            there = {file.id for file in by_form["attachments"]}
            for row in connection.execute(
                "select * from attachments where customer_id = ?", (str(customer_id),)
            ):  # made here: shown at once
                if (own := _own_file(row)).id not in there:
                    by_form["attachments"].append(own)
                if row["state"] != "sent":
                    pending.add(own.id)
            return Card(
                customer=customer,
                pending=customer.id in pending,
                pending_ids=frozenset(pending),
                companions=tuple(by_form["companions"]),
                vehicles=tuple(by_form["vehicles"]),
                policies=tuple(
                    sorted(
                        by_form["policies"], key=lambda p: p.expires_on or date.min, reverse=True
                    )
                ),
                deals=tuple(by_form["deals"]),
                tasks=tuple(sorted(by_form["tasks"], key=lambda t: t.due_on)),
                conversations=tuple(
                    sorted(by_form["conversations"], key=lambda c: c.occurred_at, reverse=True)
                ),
                approvals=tuple(by_form["approvals"]),
                attachments=tuple(sorted(by_form["attachments"], key=lambda a: str(a.id))),
                promises=tuple(
                    sorted(
                        (p for p in by_form["promises"] if p.status == "open"),
                        key=lambda p: p.due_on,
                    )
                ),
                transfers=tuple(
                    sorted(by_form["transfers"], key=lambda h: str(h.id), reverse=True)
                ),
                relationships=tuple(by_form["relationships"]),
                consents=tuple(
                    sorted(by_form["consents"], key=lambda c: c.stated_at, reverse=True)
                ),
                visits=tuple(sorted(by_form["visits"], key=lambda r: r.arrived_at, reverse=True)),
            )

        return await self._database.read(work)

    async def files_of(self, op_id: UUID) -> tuple[Attachment, ...]:
        """The files that go with an operation of this device."""
        found = await self._database.read(
            lambda c: c.execute(
                "select * from attachments where op_id = ?", (str(op_id),)
            ).fetchall()
        )
        return tuple(_own_file(row) for row in found)

    async def deals(self, pipeline: str) -> list[tuple[Deal, Customer]]:
        def work(connection: sqlite3.Connection) -> list[tuple[Deal, Customer]]:
            found = connection.execute(
                "select d.record as deal, k.record as customer from effective_rows d join "
                "effective_rows k on k.form = "
                "'customers' and k.id = d.customer_id"
                " where d.form = 'deals' and json_extract(d.record, '$.pipeline') = ?",
                (pipeline,),
            ).fetchall()
            return [
                (Deal.model_validate_json(r["deal"]), Customer.model_validate_json(r["customer"]))
                for r in found
            ]

        return await self._database.read(work)

    async def transfers_to(self, user_id: UUID) -> list[tuple[Transfer, Customer]]:
        """Customers handed to this person that they have not accepted yet, newest first (F-48)."""

        def work(connection: sqlite3.Connection) -> list[tuple[Transfer, Customer]]:
            found = connection.execute(
                "select h.record as transfer, k.record as customer from effective_rows h join "
                "effective_rows k on k.form "
                "= 'customers' and k.id = h.customer_id"
                " where h.form = 'transfers' and json_extract(h.record, '$.to_id') = ? and "
                "json_extract(h.record, '$.accepted_at') is null order by h.id desc",
                (str(user_id),),
            ).fetchall()
            return [
                (
                    Transfer.model_validate_json(r["transfer"]),
                    Customer.model_validate_json(r["customer"]),
                )
                for r in found
            ]

        return await self._database.read(work)

    async def duplicates(
        self, *, phone: str | None = None, plate: str | None = None
    ) -> list[Customer]:
        """Customers of one's own data with this very number or plate, without a network (F-15)."""

        def work(connection: sqlite3.Connection) -> list[Customer]:
            found = connection.execute(
                "select distinct r.record from effective_rows r join customer_words w on w.id = "
                "r.id where "
                "r.form = 'customers' and ((:phone <> '' and w.phone = :phone)"
                " or (:plate <> '' and r.id in (select customer_id from plates where plate = "
                ":plate))) limit 5",
                {"phone": phone or "", "plate": plate or ""},
            ).fetchall()
            return [Customer.model_validate_json(r["record"]) for r in found]

        return await self._database.read(work)

    async def own_conversations_and_deals(
        self, user_id: UUID
    ) -> tuple[list[Conversation], list[tuple[Deal, Customer]]]:
        """What this person said and sells, for their own numbers (F-25)."""

        def work(
            connection: sqlite3.Connection,
        ) -> tuple[list[Conversation], list[tuple[Deal, Customer]]]:
            conversations = connection.execute(
                "select record from effective_rows where form = 'conversations' and "
                "json_extract(record, "
                "'$.author_id') = ?",
                (str(user_id),),
            ).fetchall()
            deals = connection.execute(
                "select d.record as deal, k.record as customer from effective_rows d join "
                "effective_rows k on k.form = "
                "'customers' and k.id = d.customer_id where d.form = 'deals'"
            ).fetchall()
            return [Conversation.model_validate_json(r["record"]) for r in conversations], [
                (Deal.model_validate_json(r["deal"]), Customer.model_validate_json(r["customer"]))
                for r in deals
            ]

        return await self._database.read(work)

    async def counts(self) -> dict[str, int]:
        return await self._database.read(
            lambda c: dict(
                c.execute("select form, count(*) from effective_rows group by form").fetchall()
            )
        )


def _own_file(row: sqlite3.Row) -> Attachment:
    """A file made on this device, as the server will tell of it."""
    return Attachment.model_validate(
        {
            **dict(row),
            "customer_id": row["customer_id"] or row["record_id"],
            "created_at": row["made_at"],
        }
    )


def _shows_anything_new(connection: sqlite3.Connection, page: Page) -> bool:
    return (
        page.reset
        or page.config is not None
        or page.people is not None
        or get_meta(connection, "today") != page.today.isoformat()
        or any(page.rows.values())
        or any(page.removed.values())
    )


def _notice_restore(connection: sqlite3.Connection, page: Page) -> None:
    """A store that was restored lacks what came after its backup: all that this device sent is told
    again. What the server still knows it answers as done."""
    if page.epoch is None:
        return
    known = get_meta(connection, "epoch")
    set_meta(connection, "epoch", str(page.epoch))
    if known is None or known == str(page.epoch):
        return
    connection.execute("update outbox set state = 'pending', change_no = null where state = 'sent'")
    connection.execute(
        "update attachments set state = 'pending', sent_bytes = 0 where state = 'sent'"
    )
    set_meta(connection, "telling_again", "1")


def _store_document(connection: sqlite3.Connection, page: Page) -> None:
    """The store's people and its configuration, each only when it is another one."""
    if page.people is not None:
        set_meta(connection, "people", COLLEAGUES.dump_json(page.people).decode())
    if page.config is not None:
        set_meta(connection, "config", json.dumps(page.config))
        set_meta(connection, "config_version", str(page.config_version))
        _cut_to_rights(connection, page.config)


def _round_of(connection: sqlite3.Connection, page: Page, old: dict[str, Any] | None) -> int:
    """The round the page belongs to; its first page opens a new one."""
    number = int(get_meta(connection, "round") or "0")
    if page.reset and not (old and old.get("reset")):
        number += 1
        set_meta(connection, "round", str(number))
    return number


def _store_rows(connection: sqlite3.Connection, page: Page, number: int) -> None:
    """The page's rows and tombstones; at the end of a complete round, what it did not name goes."""
    for form, rows in page.rows.items():
        if form in RECORDS:
            for row in rows:
                _store_row(connection, form, row, number)
    for form, ids in page.removed.items():
        for record_id in ids:
            _drop(connection, form, str(record_id))
    if not page.reset or page.more:
        return
    # these moved while the round ran and come with the next pull
    for form, ids in page.kept.items():
        connection.executemany(
            "update rows set round = ? where form = ? and id = ?",
            [(number, form, str(i)) for i in ids],
        )
    gone = connection.execute(
        "select form, id from rows where round < ? and server_row is not null", (number,)
    ).fetchall()
    for row in gone:
        _drop(connection, row["form"], row["id"])


def _store_position(connection: sqlite3.Connection, page: Page) -> None:
    set_meta(connection, "cursor", json.dumps(page.cursor))
    set_meta(connection, "today", page.today.isoformat())
    if page.now is not None:
        set_meta(connection, "server_now", page.now.isoformat())
    if page.reset and page.total:
        set_meta(connection, "total", str(page.total))


def _end_round(connection: sqlite3.Connection, page: Page) -> bool:
    """All pages are here: whether laying one's own operations over them changed anything."""
    set_meta(connection, "total", None)
    set_meta(connection, "synced", "1")
    confirmed = (
        page.complete_to if page.complete_to is not None else int(page.cursor.get("since", 0))
    )
    return optimistic.replay(connection, str(page.user_id), confirmed)


def _store_row(connection: sqlite3.Connection, form: str, row: dict[str, Any], number: int) -> None:
    customer_id = row["id"] if form == "customers" else row.get("customer_id")
    connection.execute(
        "insert into rows (form, id, customer_id, server_row, round) values (?, ?, ?, ?, ?)"
        " on conflict (form, id) do update set server_row = excluded.server_row, customer_id = "
        "excluded.customer_id, round = excluded.round",
        (form, row["id"], customer_id, json.dumps(row), number),
    )
    index(connection, form, row["id"])


def _drop(connection: sqlite3.Connection, form: str, record_id: str) -> None:
    if (
        form == "customers"
    ):  # with all that hangs on them; one's own tasks and requests leave by their own names
        connection.execute("delete from plates where customer_id = ?", (record_id,))
        connection.execute("delete from customer_words where id = ?", (record_id,))
        connection.execute(
            "delete from rows where customer_id = ? and form not in ('tasks', 'approvals')",
            (record_id,),
        )
        connection.execute(
            "delete from attachments where customer_id = ? and state = 'sent'", (record_id,)
        )  # the files go with the next sweep
    else:
        connection.execute("delete from rows where form = ? and id = ?", (form, record_id))
        if form == "vehicles":
            connection.execute("delete from plates where id = ?", (record_id,))


def _cut_to_rights(connection: sqlite3.Connection, config: dict[str, Any]) -> None:
    """Rights became narrower: what may not be seen leaves the disk before anything is pulled
    again."""
    for form, table in FORM_TABLES.items():
        rights = config.get("access", {}).get(form, {})
        readable, masked = set(rights.get("readable", ())), set(rights.get("masked", ()))

        def stays(
            key: str, value: Any, readable: set[str] = readable, masked: set[str] = masked
        ) -> bool:
            return key in readable or (key in masked and "****" in str(value))

        for row in connection.execute(
            "select id, server_row, optimistic_row from rows where form = ?", (table,)
        ).fetchall():
            for column in ("server_row", "optimistic_row"):
                if record := json.loads(row[column] or "null"):
                    record = {
                        k: v for k, v in record.items() if k not in BASE_TYPES[form] or stays(k, v)
                    }
                    record["custom"] = {
                        k: v for k, v in record.get("custom", {}).items() if stays(k, v)
                    }
                    connection.execute(
                        f"update rows set {column} = ? where form = ? and id = ?",
                        (json.dumps(record), table, row["id"]),
                    )
            index(connection, table, row["id"])
    attachments.cut_to_rights(
        connection,
        hears="notes" in config.get("access", {}).get("conversation", {}).get("readable", ()),
    )
    connection.execute(
        "update outbox set before = '[]' where state <> 'pending'"
    )  # records as they were shown, hidden fields too
    readable_now = {
        form: set(config.get("access", {}).get(form, {}).get("readable", ()))
        for form in FORM_TABLES
    }
    for op in connection.execute(
        "select op_id, verb, answer from outbox where state = 'rejected'"
    ).fetchall():  # and what a conflict showed
        answer = json.loads(op["answer"] or "{}")
        form = form_of(op["verb"])
        if answer.get("theirs"):
            answer["theirs"] = {
                k: v for k, v in answer["theirs"].items() if k in readable_now[form] or k == "stage"
            }
            connection.execute(
                "update outbox set answer = ? where op_id = ?", (json.dumps(answer), op["op_id"])
            )


def _plain(text: str) -> str:
    """A text whose signs mean only themselves in a like."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
