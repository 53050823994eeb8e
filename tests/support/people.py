"""People and their stores, for tests that tell stories: `world.push("lin", …)` acts as that person,
under their rights."""

import json
from functools import cache
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb
from uuid6 import uuid7

from forecourt.claims import as_member
from forecourt.demo import PRESET
from tests.support.present import dynamic

# name → (store, role). lin and chen are colleagues; east and west belong to one group, far to
# another.
PEOPLE = {
    "lin": ("east", "advisor"),
    "chen": ("east", "advisor"),
    "zhou": ("east", "renewal"),
    "wu": ("east", "market"),
    "xu": ("east", "assistant"),
    "he": ("east", "manager"),
    "gao": ("east", "manager"),
    "liang": ("east", "store_admin"),
    "qin": ("west", "store_admin"),
    "ma": ("west", "advisor"),
    "yan": ("far", "store_admin"),
}


@cache
def preset() -> str:
    return PRESET.read_text(encoding="utf8")


def new_id() -> str:
    return str(uuid7())


class World:
    """Stores east, west (one group) and far, seeded from the shipped preset inside the test's
    transaction."""

    def __init__(
        self, connection: psycopg.Connection, users: dict[str, UUID] | None = None
    ) -> None:
        """`users`: people whose ids are known before, e.g. because they signed up."""
        self.db = connection
        self.ready: Any = None  # what a test made ready for its act
        self.stores: dict[str, UUID] = {}
        self.users: dict[str, UUID] = {name: uuid7() for name in PEOPLE}
        self.users["stranger"] = uuid7()
        self.users |= users or {}
        self._seq = 0
        groups = {"east": uuid7(), "far": uuid7()}
        groups["west"] = groups["east"]
        for group in {*groups.values()}:
            connection.execute("insert into crm.groups (id, name) values (%s, 'group')", (group,))
        for store, group in groups.items():
            self.stores[store] = uuid7()
            connection.execute(
                "select crm.create_store(%s, %s, %s, %s)",
                (group, self.stores[store], store, Jsonb(json.loads(preset()))),
            )
        for name, (store, role) in PEOPLE.items():
            self.join(name, store, role)

    def join(self, name: str, store: str, role: str) -> None:
        self.users.setdefault(name, uuid7())
        self.db.execute(
            "insert into crm.members (store_id, user_id, role, name) values (%s, %s, %s, %s)",
            (self.stores[store], self.users[name], role, name),
        )

    def join_group(
        self, name: str, store: str, role: str = "group_admin", *, is_admin: bool = False
    ) -> None:
        """Put a person on the list of the group that store belongs to, as the operator does."""
        self.users.setdefault(name, uuid7())
        self.db.execute(
            "select crm.upsert_group_member(s.group_id, %s, %s, %s, %s, null)"
            " from crm.stores s where s.id = %s",
            (self.users[name], role, name, is_admin, self.stores[store]),
        )

    def group_of(self, store: str) -> UUID:
        return self.row("select group_id from crm.stores where id = %s", self.stores[store])

    def store_of(self, name: str) -> UUID:
        return self.stores[PEOPLE.get(name, ("east", ""))[0]]

    def ask(self, name: str | None, sql: str, *arguments: Any) -> list[tuple]:
        """Run a statement as that person (None: a stranger without a token)."""
        with as_member(
            self.db, self.users[name] if name else None, "authenticated" if name else "anon"
        ):
            return self.db.execute(dynamic(sql), arguments).fetchall()

    def refused(self, name: str | None, sql: str, *arguments: Any) -> str:
        """Run a statement that must fail; answers SQLSTATE and message, and leaves the transaction
        usable."""
        try:
            with self.db.transaction():
                self.ask(name, sql, *arguments)
        except psycopg.Error as error:
            return f"{error.sqlstate} {error.diag.message_primary}"
        raise AssertionError("it was not refused")

    def push(
        self,
        name: str,
        verb: str,
        payload: dict[str, Any],
        *,
        base_version: int | None = None,
        config_version: int | None = None,
        store: str | None = None,
        op_id: str | None = None,
    ) -> dict[str, Any]:
        """One operation; answers what sync_push answered, with its op_id."""
        self._seq += 1
        store_id = self.stores[store] if store else self.store_of(name)
        op = {
            "op_id": op_id or new_id(),
            "seq": self._seq,
            "verb": verb,
            "base_version": base_version,
            "config_version": config_version,
            "payload": {"store_id": str(store_id), **payload},
        }
        return self.ask(name, "select api.sync_push(%s, %s)", UUID(int=7), Jsonb([op]))[0][0][0]

    def done(self, name: str, verb: str, payload: dict[str, Any], **options: Any) -> dict[str, Any]:
        """An operation that must be applied."""
        answer = self.push(name, verb, payload, **options)
        assert answer["status"] == "applied", answer
        return answer

    def customer(self, who: str = "lin", **fields: Any) -> str:
        """A customer of that person."""
        columns = {k: fields.pop(k) for k in ("owner_id", "pool") if k in fields}
        passed = fields.get("next_contact_on")
        if passed and passed < str(self.row("select (now() at time zone 'Asia/Shanghai')::date")):
            del fields[
                "next_contact_on"
            ]  # no form takes a day that has passed: time has made it so
        else:
            passed = None
        customer = new_id()
        self.done(
            who,
            "save_customer",
            {
                "id": customer,
                **columns,
                "set": {
                    "name": "张三丰",
                    "phone": "13800138000",
                    "source": "walk_in",
                    "level": "near",
                    **fields,
                },
            },
        )
        if passed:
            self.db.execute(
                "update crm.customers set next_contact_on = %s where id = %s",
                (passed, customer),
            )
            self.db.execute(  # as if it had been made with that day
                "delete from crm.events where subject_id = %s and kind = 'changed'", (customer,)
            )
        return customer

    def task(
        self,
        customer: str,
        name: str = "lin",
        *,
        due: str = "0 days",
        kind: str = "cadence",
        subject: str | None = None,
    ) -> str:
        """An open call task of that person, due relative to the store's today."""
        row = self.db.execute(
            "insert into crm.tasks (store_id, customer_id, assignee_id, kind, subject_id, due_on) "
            "values (%s, %s, %s, %s, %s, (now() at time zone 'Asia/Shanghai')::date + "
            "%s::interval) returning id",
            (self.store_of(name), customer, self.users[name], kind, subject or customer, due),
        ).fetchone()
        assert row
        return str(row[0])

    def log_conversation(
        self,
        name: str,
        customer: str,
        outcome: str = "interested",
        *,
        notes: str | None = "聊得不错",
        level: str = "near",
        **more: Any,
    ) -> dict[str, Any]:
        payload = {
            "id": new_id(),
            "customer_id": customer,
            "outcome": outcome,
            "level": level,
            **({"notes": notes} if notes else {}),
            **more,
        }
        return self.push(name, "log_conversation", payload)

    def row(self, sql: str, *arguments: Any) -> Any:
        """One row, or its only value, as the operator sees it."""
        found = self.db.execute(dynamic(sql), arguments).fetchone()
        return found[0] if found and len(found) == 1 else found

    def count(self, table: str, condition: str = "true") -> int:
        """Rows of a table of crm in this world's stores: other tests have left theirs."""
        return self.row(
            f"select count(*) from crm.{table} where store_id = any (%s) and {condition}",
            [*self.stores.values()],
        )

    def digest(self) -> str:
        """A fingerprint of everything in crm: equal before and after whatever was refused."""
        tables = [
            r[0]
            for r in self.db.execute(
                "select tablename from pg_tables where schemaname = 'crm' and tablename <> "
                "'pinyin' order by 1"
            ).fetchall()
        ]
        parts = [
            self.db.execute(
                dynamic(
                    "select coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from "
                    f"crm.{t} t"
                )
            ).fetchone()
            for t in tables
        ]
        return "|".join(f"{t}:{p[0]}" for t, p in zip(tables, parts, strict=True) if p)
