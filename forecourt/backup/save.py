"""`forecourt backup`: a store as it was at one moment, into one file."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID
from zipfile import ZipFile

import psycopg

from forecourt.backup import archive, tables
from forecourt.backup.accounts import read_accounts


class NoSuchStore(RuntimeError):
    """No store, or several, are called so."""


def back_up(db_url: str, store: str, file: Path, *, with_passwords: bool = False) -> dict[str, Any]:
    """Write the store of that name or id into a new file, and answer its manifest.

    One snapshot: people go on working, and what they write meanwhile is not in the file. Raises
    NoSuchStore, BadFile, OSError or psycopg.Error; then there is no file.
    """
    with psycopg.connect(db_url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        connection.execute(tables.SETTINGS)
        about = find_store(connection, store)
        with archive.new_archive(file) as made:
            manifest = {
                "format": archive.FORMAT,
                "format_version": archive.FORMAT_VERSION,
                "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "schema_version": tables.schema_version(connection),
                "store": about,
                "with_passwords": with_passwords,
            }
            store_id, group_id = UUID(about["id"]), UUID(about["group_id"])
            contents: dict[str, tables.Content] = {}
            for folder, found, scope in (
                ("store", tables.store_tables(connection), tables.of_store),
                ("group", tables.group_tables(connection), tables.of_group),
            ):
                key = store_id if folder == "store" else group_id
                manifest[folder + "_tables"] = listed = {}
                for table in found:
                    content = _write(connection, made, folder, table, scope(table, key))
                    listed[table.name] = {
                        "columns": table.columns,
                        "rows": content.rows,
                        "sha256": content.sha256,
                    }
                    if folder == "store":
                        contents[table.name] = content
            accounts = json.dumps(
                read_accounts(connection, store_id, group_id, with_passwords=with_passwords)
            )
            made.writestr(archive.ACCOUNTS, accounts)
            manifest["accounts_sha256"] = hashlib.sha256(accounts.encode()).hexdigest()
            manifest["digest"] = tables.store_digest(contents)
            made.writestr(archive.MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1))
    return manifest


def find_store(connection: psycopg.Connection, wanted: str) -> dict[str, str]:
    """{id, name, group_id, group_name} of the store of that name or id. Raises NoSuchStore."""
    rows = connection.execute(
        "select s.id::text, s.name, g.id::text, g.name from crm.stores s"
        " join crm.groups g on g.id = s.group_id where s.name = %s or s.id::text = lower(%s)",
        (wanted, wanted),
    ).fetchall()
    if len(rows) != 1:
        found = "no store" if not rows else f"{len(rows)} stores"
        raise NoSuchStore(
            f"{found} called {wanted}"
            + (": give the id" if rows else "")
            + "".join(f"\n  {store}  {name}  ({group})" for store, name, _, group in rows)
        )
    return dict(zip(("id", "name", "group_id", "group_name"), rows[0], strict=True))


def _write(
    connection: psycopg.Connection,
    made: ZipFile,
    folder: str,
    table: tables.Table,
    scope: tables.sql.Composed,
) -> tables.Content:
    with made.open(archive.member(folder, table.name), "w", force_zip64=True) as stream:
        return tables.read(connection, table, scope, stream.write)
