"""Brings a database to the state of this checkout: table migrations first, then the code.

`supabase/migrations` holds tables and data; a file is immutable once it was applied somewhere.
`supabase/schemas` holds functions, views, policies, triggers and grants as they should be now. When
any of these files changes, all of them run again in one transaction. `forecourt release` compiles
them into one migration (`…_code.sql`), so a hosted project needs only `supabase db push`. Here that
compiled file is skipped, because the same code is applied from its source.
"""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from forecourt.settings import ROOT

MIGRATIONS = ROOT / "supabase" / "migrations"
SCHEMAS = ROOT / "supabase" / "schemas"
COMPILED = "_code.sql"  # the ending of a migration that `forecourt release` wrote

LEDGER = """
create schema if not exists forecourt;
create table if not exists forecourt.migrations (
  version text primary key,
  name text not null,
  hash text not null
);
"""


class MigrationChanged(RuntimeError):
    """A migration differs from what was applied: released migrations are immutable, add a new
    one."""


def migrate(db_url: str, say=print) -> int:
    """Apply what is missing; returns how many files or sets of files ran. Raises MigrationChanged.

    The role of `db_url` need not be a superuser.
    """
    applied = apply_migrations(db_url, say)
    # a table that changed may have taken a view or a trigger with it
    return applied + apply_code(db_url, say, again=applied > 0)


def apply_migrations(db_url: str, say=print, folder: Path = MIGRATIONS) -> int:
    """Apply the missing table migrations of `folder`, each in a transaction; returns how many."""
    with psycopg.connect(db_url, autocommit=True) as connection:
        done = _open_ledger(connection)
        applied = 0
        for file in sorted(folder.glob("*.sql")):
            if file.name.endswith(COMPILED):
                continue
            version, _, name = file.stem.partition("_")
            text = file.read_text(encoding="utf8")
            digest = _digest(text)
            if version in done:
                if done[version] != digest:
                    raise MigrationChanged(
                        f"{file.name} was changed after it was applied here; "
                        "`forecourt reset` drops the local data"
                    )
                continue
            say(f"migration {name}")
            with connection.transaction():
                connection.execute(text.encode())
                _record(connection, version, name, digest)
            applied += 1
    return applied


def apply_code(db_url: str, say=print, folder: Path = SCHEMAS, *, again: bool = False) -> int:
    """Build all code again when `folder` differs from what was applied last, or `again`.

    Returns 1 when it did, else 0.
    """
    text = code(folder)
    digest = _digest(text)
    with psycopg.connect(db_url, autocommit=True) as connection:
        if _open_ledger(connection).get("code") == digest and not again:
            return 0
        say("functions, views and policies")
        with connection.transaction():
            connection.execute(text.encode())
            _record(connection, "code", "code", digest)
    return 1


def code(folder: Path = SCHEMAS) -> str:
    """The files of `folder` as one script, in order."""
    files = sorted(folder.glob("*.sql"))
    return "\n".join(f"-- {file.name}\n{file.read_text(encoding='utf8')}" for file in files)


def release(now: datetime | None = None) -> Path | None:
    """Compile the code into a timestamped migration for `supabase db push`.

    Returns the new file, or None when the newest compiled migration holds the same code already.
    """
    text = code()
    mark = f"-- Compiled from supabase/schemas by `forecourt release`: {_digest(text)}\n"
    newest = max(MIGRATIONS.glob(f"*{COMPILED}"), default=None)
    if newest is not None and newest.read_text(encoding="utf8").startswith(mark):
        return None
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%d%H%M%S")
    latest = max(file.name for file in MIGRATIONS.glob("*.sql"))
    if stamp <= latest[:14]:  # a clock that is behind would compile code to run before its tables
        raise ValueError(f"this machine's clock ({stamp}) is behind {latest}")
    file = MIGRATIONS / f"{stamp}{COMPILED}"
    file.write_text(mark + text, encoding="utf8")
    return file


def _open_ledger(connection: psycopg.Connection) -> dict[str, str]:
    """Version → hash of what was applied. Concurrent migrations wait here for each other."""
    connection.execute("select pg_advisory_lock(hashtext('forecourt.migrate'))")
    connection.execute(LEDGER)
    return dict(connection.execute("select version, hash from forecourt.migrations").fetchall())


def _record(connection: psycopg.Connection, version: str, name: str, digest: str) -> None:
    connection.execute(
        "insert into forecourt.migrations values (%s, %s, %s)"
        " on conflict (version) do update set hash = excluded.hash",
        (version, name, digest),
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
