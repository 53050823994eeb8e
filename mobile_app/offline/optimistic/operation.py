"""One operation of this device while its effects are worked out: what was done, by whom, and the
rows it reads and writes."""

import json
import sqlite3
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from mobile_app.offline.database import get_meta
from shared.domain.config import BASE_TYPES, StoreCalendar
from shared.domain.pinyin import pinyin_of
from shared.domain.values.text import search_name

Row = dict[str, Any]


@dataclass
class Operation:
    """`before`: what each row it writes showed until now: [table, id, record]."""

    connection: sqlite3.Connection
    op_id: str
    verb: str
    payload: dict[str, Any]
    base_version: int | None
    now: str
    user_id: str
    config: dict[str, Any]
    before: list[list[Any]] = field(default_factory=list)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The store's."""
        return ZoneInfo((self.config.get("store") or {}).get("time_zone", "Asia/Shanghai"))

    @cached_property
    def calendar(self) -> StoreCalendar:
        return StoreCalendar.model_validate(self.config.get("calendar") or {})

    @property
    def today(self) -> str:
        """The store's day of the operation, as ISO text."""
        return datetime.fromisoformat(self.now).astimezone(self.zone).date().isoformat()

    def row(self, table: str, record_id: object) -> Row:
        """The row as this device shows it; {} when it has none."""
        return effective_row(self.connection, table, str(record_id)) or {}

    def rows_of(self, table: str, customer_id: str) -> list[Row]:
        rows = self.connection.execute(
            "select record from effective_rows where form = ? and customer_id = ?",
            (table, customer_id),
        ).fetchall()
        return [json.loads(r[0]) for r in rows]

    def write(self, table: str, record_id: str, changes: Row, *, creates: bool = False) -> None:
        """Show these values until the server has said what became of the operation. A row that left
        the local data meanwhile is not written: the server decides."""
        shown = effective_row(self.connection, table, record_id)
        if shown is None and not creates:
            return
        self.before.append([table, record_id, shown])
        record = {**(shown or {"id": record_id, "version": 1, "custom": {}}), **changes}
        customer_id = record_id if table == "customers" else record.get("customer_id")
        self.connection.execute(
            "insert into rows (form, id, customer_id, optimistic_row, op_id) values (?, ?, ?, ?, ?)"
            " on conflict (form, id) do update "
            "set optimistic_row = excluded.optimistic_row, op_id = "
            "excluded.op_id, customer_id = excluded.customer_id",
            (table, record_id, customer_id, json.dumps(record), self.op_id),
        )
        index(self.connection, table, record_id)


def config_of(connection: sqlite3.Connection) -> dict[str, Any]:
    """The store's document, as the server sent it."""
    return json.loads(get_meta(connection, "config") or "{}")


def effective_row(connection: sqlite3.Connection, table: str, record_id: str) -> Row | None:
    found = connection.execute(
        "select record from effective_rows where form = ? and id = ?", (table, record_id)
    ).fetchone()
    return json.loads(found[0]) if found else None


def split_fields(form: str, fields: Row) -> tuple[Row, Row]:
    """The fields that are columns, and those that live in `custom`."""
    base = {k: v for k, v in fields.items() if k in BASE_TYPES[form]}
    return base, {k: v for k, v in fields.items() if k not in base}


def index(connection: sqlite3.Connection, table: str, record_id: str) -> None:
    """Keep the search columns of a customer or a plate in step with what is shown."""
    if table == "customers":
        record = effective_row(connection, table, record_id)
        connection.execute("delete from customer_words where id = ?", (record_id,))
        if record:
            name = record.get("name") or ""
            connection.execute(
                "insert into customer_words values (?, ?, ?, ?, ?, ?)",
                (
                    record_id,
                    f"{search_name(name)}\n{(record.get('wechat') or '').lower()}",
                    *pinyin_of(name),
                    record.get("phone") or "",
                    record.get("next_contact_on") or "9999",
                ),
            )
    elif table == "vehicles":
        record = effective_row(connection, table, record_id)
        connection.execute("delete from plates where id = ?", (record_id,))
        if record and record.get("plate") and record.get("customer_id"):
            connection.execute(
                "insert into plates values (?, ?, ?)",
                (record_id, record["customer_id"], record["plate"]),
            )
