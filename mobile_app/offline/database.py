"""The phone's file: one SQLite database per person and store, touched by one thread, committed before a screen says saved."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from shared.domain.problems import Problem

Result = TypeVar("Result")

SCHEMA_VERSION = 5
SCHEMA = """
create table if not exists about (key text primary key, value text not null);
-- The replica. doc is what the server last said; overlay is what it will say once my own operations are in what it says ('null': gone).
create table if not exists rows (
  form text not null, id text not null, customer_id text, doc text, overlay text, op_id text, round integer not null default 0,
  primary key (form, id)) without rowid;
create index if not exists rows_customer on rows (customer_id, form);
create index if not exists rows_overlaid on rows (op_id) where op_id is not null;
create view if not exists shown as select form, id, customer_id, coalesce(overlay, doc) as doc, op_id from rows where coalesce(overlay, doc) <> 'null';
create table if not exists customer_words (id text primary key, name text, pinyin text, initials text, phone text, wait text) without rowid;
create index if not exists customer_wait on customer_words (wait, id);
create table if not exists plates (id text primary key, customer_id text not null, plate text not null) without rowid;
-- The outbox: what a person did, in order. before holds [form, id, record as it was shown], for undo; change_no is the server's
-- number of the transaction that applied it: a pull complete beyond it holds the effects, and only then the overlay goes.
create table if not exists outbox (
  seq integer primary key autoincrement, op_id text not null unique, verb text not null, payload text not null, base_version integer,
  customer_id text, made_at text not null, state text not null default 'waiting' check (state in ('waiting', 'sent', 'attention')),
  answer text, before text not null default '[]', title text not null default '', change_no integer, config_version integer,
  failures integer not null default 0);
create index if not exists outbox_state on outbox (state, seq);
create index if not exists outbox_customer on outbox (customer_id, seq);
-- Voice memos, photos, files: bytes in <store>.files/<path>, sent in pieces once the operation that made their record is sent.
create table if not exists attachments (
  id text primary key, form text not null, record_id text not null, customer_id text, op_id text not null, kind text not null, mime text not null,
  path text not null, bytes integer not null, sha256 text not null, sent_bytes integer not null default 0,
  state text not null default 'waiting' check (state in ('waiting', 'sent', 'attention')), code text, made_at text not null, consented_at text);
create index if not exists attachments_record on attachments (record_id);
"""
UPGRADES = {
    2: "alter table outbox add column change_no integer",
    3: "alter table outbox add column config_version integer",
    4: "alter table outbox add column failures integer not null default 0",
    5: "alter table attachments add column consented_at text",
}


UNWRITABLE = ("disk is full", "readonly", "disk I/O error")  # SQLite's words


class NotSaved(Problem):
    """The device's storage is full or cannot be written: nothing of this act is there, everything before it is."""

    code = "not_saved"


class DeviceTooOld(RuntimeError):
    """The file was written by a newer version of the app: nothing in it may be touched by this one."""


class Database:
    """A file and the only thread that may touch it."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.file = file
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="device")
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(self.file, isolation_level=None, timeout=10)
            connection.row_factory = sqlite3.Row
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = full")  # "saved" means on disk: 0.6 ms a commit
            _bring_up(connection)
            self._connection = connection
        return self._connection

    async def read(self, query: Callable[[sqlite3.Connection], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._worker, lambda: query(self._open()))

    async def write(self, change: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `change` in one transaction; it is on disk when this returns. Raises NotSaved when the device takes nothing."""

        def work() -> Result:
            connection = self._open()
            try:
                connection.execute("begin immediate")
                result = change(connection)
                connection.execute("commit")
            except BaseException as error:
                if connection.in_transaction:  # a full disk has rolled back by itself
                    connection.execute("rollback")
                if isinstance(error, sqlite3.OperationalError) and any(word in str(error) for word in UNWRITABLE):
                    raise NotSaved(str(error)) from error
                raise
            return result

        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    async def write_outside(self, change: Callable[[sqlite3.Connection], Result]) -> Result:
        """For what SQLite does in no transaction: vacuum, checkpoint."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, lambda: change(self._open()))

    async def close(self) -> None:
        def work() -> None:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._worker, work)
            self._worker.shutdown(wait=False)


def _bring_up(connection: sqlite3.Connection) -> None:
    """Make the tables, or bring those of an older version up, in one step. Raises DeviceTooOld."""
    connection.execute("begin immediate")
    try:
        known = connection.execute("select 1 from sqlite_master where name = 'about'").fetchone()
        version = int(get_about(connection, "schema") or "1") if known else SCHEMA_VERSION
        if version > SCHEMA_VERSION:
            raise DeviceTooOld(f"schema {version}, this app knows {SCHEMA_VERSION}")
        for step in range(version + 1, SCHEMA_VERSION + 1):
            change = UPGRADES[step]
            if connection.execute("select 1 from sqlite_master where name = ?", (change.split()[2],)).fetchone():  # else SCHEMA makes it as it is now
                connection.execute(change)
        for statement in SCHEMA.split(";\n"):
            connection.execute(statement)
        set_about(connection, "schema", str(SCHEMA_VERSION))
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def get_about(connection: sqlite3.Connection, key: str) -> str | None:
    found = connection.execute("select value from about where key = ?", (key,)).fetchone()
    return found[0] if found else None


def set_about(connection: sqlite3.Connection, key: str, value: str | None) -> None:
    if value is None:
        connection.execute("delete from about where key = ?", (key,))
    else:
        connection.execute("insert into about values (?, ?) on conflict (key) do update set value = excluded.value", (key, value))
