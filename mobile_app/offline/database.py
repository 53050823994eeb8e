"""The phone's file: one SQLite database per person and store, touched by one thread, committed
before a screen says saved."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from shared.domain.problems import OtherUser, Problem

Result = TypeVar("Result")

SCHEMA_VERSION = 6
SCHEMA = """
create table if not exists about (key text primary key, value text not null);
-- The replica. server_row: the row as the server sent it; optimistic_row: as it will be once
-- pending
-- operations are in it ('null': removed).
create table if not exists rows (
  form text not null,
  id text not null,
  customer_id text,
  server_row text,
  optimistic_row text,
  op_id text,
  round integer not null default 0,
  primary key (form, id)
) without rowid;
create index if not exists rows_customer on rows (customer_id, form);
create index if not exists rows_overlaid on rows (op_id) where op_id is not null;
create view if not exists effective_rows as
  select form, id, customer_id, coalesce(optimistic_row, server_row) as record, op_id
  from rows
  where coalesce(optimistic_row, server_row) <> 'null';
create table if not exists customer_words (
  id text primary key,
  name text,
  pinyin text,
  initials text,
  phone text,
  wait text
) without rowid;
create index if not exists customer_wait on customer_words (wait, id);
create table if not exists plates (
  id text primary key,
  customer_id text not null,
  plate text not null
) without rowid;
-- The outbox: what a person did, in order. before holds [form, id, record as it was shown], for
-- undo. change_no is the server's number of the transaction that applied it: a pull complete beyond
-- it holds the effects, and only then the optimistic row goes.
create table if not exists outbox (
  seq integer primary key autoincrement,
  op_id text not null unique,
  verb text not null,
  payload text not null,
  base_version integer,
  customer_id text,
  made_at text not null,
  state text not null default 'pending' check (state in ('pending', 'sent', 'rejected')),
  answer text,
  before text not null default '[]',
  title text not null default '',
  change_no integer,
  config_version integer,
  failures integer not null default 0
);
create index if not exists outbox_state on outbox (state, seq);
create index if not exists outbox_customer on outbox (customer_id, seq);
-- Voice memos, photos, files: bytes in <store>.files/<path>, sent in pieces once the operation that
-- made their record is sent.
create table if not exists attachments (
  id text primary key,
  form text not null,
  record_id text not null,
  customer_id text,
  op_id text not null,
  kind text not null,
  mime text not null,
  path text not null,
  bytes integer not null,
  sha256 text not null,
  sent_bytes integer not null default 0,
  state text not null default 'pending' check (state in ('pending', 'sent', 'rejected')),
  code text,
  made_at text not null,
  consented_at text
);
create index if not exists attachments_record on attachments (record_id);
"""
UPGRADES = {
    2: "alter table outbox add column change_no integer",
    3: "alter table outbox add column config_version integer",
    4: "alter table outbox add column failures integer not null default 0",
    5: "alter table attachments add column consented_at text",
    # names without dots and spaces, as they are looked for since; the WeChat id behind them comes
    # with the next change of a customer
    6: "update customer_words set name = lower(replace(replace(replace(replace(name, ' ', ''), "
    "'·', ''), '•', ''), '\u3000', '')) || char(10)",
}


UNWRITABLE = ("disk is full", "readonly", "disk I/O error")  # SQLite's words


class NotSaved(Problem):
    """The device's storage is full or cannot be written: nothing of this act is there, everything
    before it is."""

    code = "not_saved"


class DeviceTooOld(Problem):
    """The file was written by a newer version of the app: nothing in it may be touched by this
    one."""

    code = "app_too_old"


class Database:
    """A file and the only thread that may touch it. The file says whose it is and of which store;
    for anybody else every read and write raises OtherUser."""

    def __init__(self, file: Path, *, user_id: UUID, store_id: UUID) -> None:
        self.file, self.user_id, self.store_id = file, user_id, store_id
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="device")
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            if self._closed:  # a read that came late would open it again, for ever
                raise RuntimeError("the local database is closed")
            make_private(self.file.parent)
            # its log and index take the mode of the file
            os.close(os.open(self.file, os.O_RDWR | os.O_CREAT, 0o600))
            self.file.chmod(0o600)
            connection = connect(self.file)
            try:
                connection.row_factory = sqlite3.Row
                _bring_up(connection, f"{self.user_id}/{self.store_id}")
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    async def read(self, query: Callable[[sqlite3.Connection], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(
            self._worker, lambda: query(self._open())
        )

    async def write(self, change: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `change` in one transaction; it is on disk when this returns. Raises NotSaved when
        the device takes nothing."""

        def work() -> Result:
            connection = self._open()
            try:
                connection.execute("begin immediate")
                result = change(connection)
                connection.execute("commit")
            except BaseException as error:
                if connection.in_transaction:  # a full disk has rolled back by itself
                    connection.execute("rollback")
                if isinstance(error, sqlite3.OperationalError) and any(
                    word in str(error) for word in UNWRITABLE
                ):
                    raise NotSaved(str(error)) from error
                raise
            return result

        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    async def write_outside(self, change: Callable[[sqlite3.Connection], Result]) -> Result:
        """For what SQLite does in no transaction: vacuum, checkpoint."""
        return await asyncio.get_running_loop().run_in_executor(
            self._worker, lambda: change(self._open())
        )

    async def close(self) -> None:
        def work() -> None:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._worker, work)
            self._worker.shutdown(wait=False)


def make_private(folder: Path) -> None:
    """A folder no other user of this machine can open."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def connect(file: Path) -> sqlite3.Connection:
    """Durable after each commit: "saved" means on disk (0.6 ms a commit)."""
    connection = sqlite3.connect(file, isolation_level=None, timeout=10)
    if sys.platform == "emscripten":
        # One connection alone keeps the WAL's index in memory: a browser's files cannot be shared.
        connection.execute("pragma locking_mode = exclusive")
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    return connection


def _bring_up(connection: sqlite3.Connection, owner: str) -> None:
    """Make the tables, or bring those of an older version up, in one step.

    Raises DeviceTooOld, OtherUser.
    """
    connection.execute("begin immediate")
    try:
        known = connection.execute("select 1 from sqlite_master where name = 'about'").fetchone()
        version = int(get_meta(connection, "schema") or "1") if known else SCHEMA_VERSION
        if known and get_meta(connection, "owner") not in (None, owner):
            raise OtherUser
        if version > SCHEMA_VERSION:
            raise DeviceTooOld(f"schema {version}, this app knows {SCHEMA_VERSION}")
        for step in range(version + 1, SCHEMA_VERSION + 1):
            change = UPGRADES[step]
            if connection.execute(
                "select 1 from sqlite_master where name = ?", (change.split()[2],)
            ).fetchone():  # else SCHEMA makes it as it is now
                connection.execute(change)
        for statement in SCHEMA.split(";\n"):
            connection.execute(statement)
        set_meta(connection, "schema", str(SCHEMA_VERSION))
        set_meta(connection, "owner", owner)
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def get_meta(connection: sqlite3.Connection, key: str) -> str | None:
    found = connection.execute("select value from about where key = ?", (key,)).fetchone()
    return found[0] if found else None


def set_meta(connection: sqlite3.Connection, key: str, value: str | None) -> None:
    if value is None:
        connection.execute("delete from about where key = ?", (key,))
    else:
        connection.execute(
            "insert into about values (?, ?) on conflict (key) do update set value = "
            "excluded.value",
            (key, value),
        )
