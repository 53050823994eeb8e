"""`forecourt restore`: a store out of its file, in one transaction, proved equal before it is
kept."""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
from psycopg import sql

from forecourt.backup import tables
from forecourt.backup.accounts import require_free, write_accounts
from forecourt.backup.archive import Backup, BadFile

# Far more numbers than others can take between two statements of ours, see _pass_identities.
ROOM = 100_000


class NotRestored(RuntimeError):
    """The file is sound and this database cannot take it; the message says why. Nothing was
    written."""


@dataclass(frozen=True)
class Restored:
    """What a restore did: the store, its digest, rows written, accounts made and of how many; and
    whether the group was there before."""

    store_id: UUID
    store_name: str
    digest: str
    rows: int
    accounts_made: int
    accounts: int
    group_was_there: bool


def restore(db_url: str, file: Path, *, with_accounts: bool = True) -> Restored:
    """Everything or nothing.

    Raises BadFile, NotRestored, AccountTaken, OSError or psycopg.Error.
    """
    backup = Backup(file)
    with psycopg.connect(db_url) as connection:
        connection.execute(tables.SETTINGS)
        _require_schema(connection, backup)
        # a second restore waits here, and then finds the store
        connection.execute(
            "select pg_advisory_xact_lock(hashtextextended('forecourt.restore:' || %s, 0))",
            (str(backup.store_id),),
        )
        _require_absent(connection, backup)
        accounts = backup.accounts if with_accounts else []
        require_free(connection, accounts)
        connection.execute("set local crm.restoring = 'on'")
        group_was_there = _fill_group(connection, backup)
        _fill(connection, backup, "store", tables.store_tables(connection))
        connection.execute("set local crm.restoring = ''")
        _pass_identities(connection, backup.store_id)
        digest, found = tables.digest_of(connection, backup.store_id)
        if digest != backup.digest:
            wrong = [name for name, content in found.items() if content != backup.contents[name]]
            raise NotRestored(f"not equal to the file, and taken back: {', '.join(wrong)}")
        made = write_accounts(connection, accounts)
    with psycopg.connect(db_url, autocommit=True) as connection:
        connection.execute("select crm.refresh_row_estimates()")
    return Restored(
        backup.store_id,
        backup.manifest["store"]["name"],
        digest,
        sum(content.rows for content in found.values()),
        made,
        len(backup.accounts),
        group_was_there,
    )


def _require_schema(connection: psycopg.Connection, backup: Backup) -> None:
    ours = {t.name: list(t.columns) for t in tables.store_tables(connection)}
    if not ours:
        raise NotRestored("this database holds no Forecourt yet: run `forecourt migrate`")
    here, theirs = tables.schema_version(connection), backup.manifest["schema_version"]
    if theirs > here or (theirs == here and backup.columns("store") != ours):
        raise NotRestored(
            f"the file is of a newer schema ({theirs}) than this database ({here or 'unknown'}): "
            "run `forecourt migrate` of the version that wrote it first"
            if theirs > here
            else f"the file is of another schema {theirs} than this database: both must be of one "
            "version of Forecourt"
        )
    if theirs < here:
        raise NotRestored(
            f"the file is of an older schema ({theirs}) than this database ({here}): restore it "
            "with the version that wrote it into an empty project, then `forecourt migrate` there"
        )


def _require_absent(connection: psycopg.Connection, backup: Backup) -> None:
    found = connection.execute(
        "select name from crm.stores where id = %s", (backup.store_id,)
    ).fetchone()
    if found is not None:
        raise NotRestored(
            f"the store {found[0]} ({backup.store_id}) is in this project already: a restore never "
            "overwrites"
        )


def _fill_group(connection: psycopg.Connection, backup: Backup) -> bool:
    """Make the group with its people unless it is there: who works for a group of this project is
    not decided by a file. Answers whether it was there."""
    found = connection.execute("select from crm.groups where id = %s", (backup.group_id,))
    if found.fetchone() is not None:
        return True
    _fill(connection, backup, "group", tables.group_tables(connection))
    return False


def _fill(
    connection: psycopg.Connection, backup: Backup, folder: str, found: list[tables.Table]
) -> None:
    for table in found:
        with connection.cursor() as cursor, cursor.copy(table.filled()) as copy:
            backup.send(folder, table.name, copy.write)


def _pass_identities(connection: psycopg.Connection, store: UUID) -> None:
    """Let numbers that this database gives next be above those of the file: their order is the
    order of history.

    A sequence is shared by all stores and not part of the transaction, so it must never be set back
    below a number that another store took meanwhile; hence the room.
    """
    for table in tables.store_tables(connection):
        for column in table.identities:
            connection.execute(
                sql.SQL(
                    "select setval(s.name, x.highest + {room})"
                    " from (select max({column}) as highest from crm.{table} where store_id = "
                    "{store}) x,"
                    " (select pg_get_serial_sequence({qualified}, {name}) as name) s"
                    " where x.highest > coalesce(pg_sequence_last_value(s.name), 0)"
                ).format(
                    room=ROOM,
                    column=sql.Identifier(column),
                    table=sql.Identifier(table.name),
                    store=store,
                    qualified=f"crm.{table.name}",
                    name=column,
                )
            )


__all__ = ["BadFile", "NotRestored", "Restored", "restore"]
