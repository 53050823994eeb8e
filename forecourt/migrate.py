"""Applies supabase/migrations in order, each in one transaction. A hosted project takes the same files by `supabase db push`."""

import hashlib
from pathlib import Path

import psycopg

from forecourt.settings import ROOT

MIGRATIONS = ROOT / "supabase" / "migrations"


class MigrationChanged(RuntimeError):
    """A migration differs from what was applied: released migrations are immutable, add a new one."""


def apply_migrations(db_url: str, say=print, folder: Path = MIGRATIONS) -> int:
    """Apply what is missing of `folder`; returns how many. The role of `db_url` need not be a superuser. Raises MigrationChanged."""
    with psycopg.connect(db_url, autocommit=True) as connection:
        connection.execute("create schema if not exists forecourt")  # supabase_migrations belongs to the CLI and to Lite
        connection.execute("create table if not exists forecourt.migrations (version text primary key, name text not null, hash text not null)")
        connection.execute("select pg_advisory_lock(hashtext('forecourt.migrate'))")
        done = dict(connection.execute("select version, hash from forecourt.migrations").fetchall())
        applied = 0
        for file in sorted(folder.glob("*.sql")):
            version, _, name = file.stem.partition("_")
            text = file.read_text(encoding="utf8")
            digest = hashlib.sha256(text.encode()).hexdigest()
            if version in done:
                if done[version] != digest:
                    raise MigrationChanged(f"{file.name} was changed after it was applied here; `forecourt reset` drops the local data")
                continue
            say(f"migration {name}")
            with connection.transaction():
                connection.execute(text.encode())
                connection.execute("insert into forecourt.migrations values (%s, %s, %s)", (version, name, digest))
            applied += 1
    return applied
