"""What belongs to a store, as the catalogue says, in an order in which it can be written again."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from uuid import UUID

import psycopg
from psycopg import sql

# Tables that no file holds, each with its reason. Every other table of crm has a store_id and is in
# the file, or is one of GROUP.
EXCEPTIONS = {
    "base_fields": "seeded by a migration",
    "form_tables": "seeded by a migration",
    "config_key_columns": "seeded by a migration",
    "metrics": "seeded by a migration",
    "pinyin": "seeded by a migration",
    "endpoints": "written by the code",
    "access_checks": "what was proved in one database is proved again in another",
    "lookups": "limits of a day",
    "visibility_changes": "what left phones since their cursor; after a restore none goes on",
}
# Written when the group is not there yet; in a group that is, people keep the rights they have.
GROUP = ("groups", "group_members")
# Made new by a restore, see crm.change_no and crm.begin_epoch.
RENEWED = ("change_no", "epoch")
# What stands in the file instead of the column.
SHOWN = {("operations", "result"): "result - 'change_no'"}
# One way to write every value, whatever the server's or the role's settings are; and nothing is
# left out silently because row security hides it.
SETTINGS = """
set local timezone = 'UTC';
set local datestyle = 'ISO, YMD';
set local intervalstyle = 'postgres';
set local bytea_output = 'hex';
set local extra_float_digits = 1;
set local client_encoding = 'UTF8';
set local row_security = off;
set local statement_timeout = 0;
set local idle_in_transaction_session_timeout = 0;
"""
COLUMNS = """
select
  c.relname,
  a.attname,
  a.attidentity <> '',
  format_type(a.atttypid, a.atttypmod),
  array_position(i.indkey::int[], a.attnum::int)
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_index i on i.indrelid = c.oid and i.indisprimary
where c.relnamespace = to_regnamespace('crm')
  and c.relkind in ('r', 'p')
  and a.attgenerated = ''
order by c.relname, a.attname
"""
REFERENCES = """
select distinct k.conrelid::regclass::text, k.confrelid::regclass::text
from pg_constraint k
where k.contype = 'f' and k.connamespace = to_regnamespace('crm') and k.conrelid <> k.confrelid
"""


@dataclass(frozen=True)
class Table:
    """A table of crm: the columns a file holds, sorted; their types; the primary key; and identity
    columns."""

    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    key: tuple[str, ...]
    identities: tuple[str, ...]

    def chosen(self, scope: sql.Composable) -> sql.Composed:
        """A COPY of the rows that `scope` allows, in the order of the key."""
        shown = [
            sql.SQL(SHOWN[self.name, column])  # type: ignore[arg-type]
            if (self.name, column) in SHOWN
            else sql.Identifier(column)
            for column in self.columns
        ]
        types = dict(zip(self.columns, self.types, strict=True))
        order = [
            sql.SQL('{} collate "C"' if types[column] == "text" else "{}").format(
                sql.Identifier(column)
            )
            for column in self.key
        ]
        return sql.SQL("copy (select {} from crm.{} where {} order by {}) to stdout").format(
            sql.SQL(", ").join(shown),
            sql.Identifier(self.name),
            scope,
            sql.SQL(", ").join(order),
        )

    def filled(self) -> sql.Composed:
        """A COPY that writes rows of a file."""
        return sql.SQL("copy crm.{} ({}) from stdin").format(
            sql.Identifier(self.name), sql.SQL(", ").join(map(sql.Identifier, self.columns))
        )


@dataclass(frozen=True)
class Content:
    """What a table's rows are: how many, and the digest of their text."""

    rows: int
    sha256: str


def all_tables(connection: psycopg.Connection) -> list[Table]:
    """The tables of crm that a file may hold, each after those it refers to."""
    found: dict[str, list[tuple[str, bool, str, int | None]]] = {}
    for name, column, is_identity, kind, place in connection.execute(COLUMNS).fetchall():
        if name not in EXCEPTIONS and column not in RENEWED:
            found.setdefault(name, []).append((column, is_identity, kind, place))
    order = TopologicalSorter({name: set() for name in found})
    for referring, referred in connection.execute(REFERENCES).fetchall():
        pair = referring.removeprefix("crm."), referred.removeprefix("crm.")
        if pair[0] in found and pair[1] in found:
            order.add(*pair)
    tables = {
        name: Table(
            name,
            tuple(column for column, *_ in columns),
            tuple(kind for _, _, kind, _ in columns),
            tuple(
                column
                for column, _, _, place in sorted(columns, key=lambda c: c[3] or 0)
                if place is not None
            ),
            tuple(column for column, is_identity, *_ in columns if is_identity),
        )
        for name, columns in found.items()
    }
    return [tables[name] for name in order.static_order()]


def store_tables(connection: psycopg.Connection) -> list[Table]:
    """Those of one store: `stores` and every table with a store_id."""
    return [t for t in all_tables(connection) if t.name == "stores" or "store_id" in t.columns]


def group_tables(connection: psycopg.Connection) -> list[Table]:
    """What a store needs of its group."""
    return [t for t in all_tables(connection) if t.name in GROUP]


def of_store(table: Table, store: UUID) -> sql.Composed:
    """Which rows of a table belong to the store."""
    column = "id" if table.name == "stores" else "store_id"
    return sql.SQL("{} = {}").format(sql.Identifier(column), store)


def of_group(table: Table, group: UUID) -> sql.Composed:
    column = "id" if table.name == "groups" else "group_id"
    return sql.SQL("{} = {}").format(sql.Identifier(column), group)


def read(
    connection: psycopg.Connection,
    table: Table,
    scope: sql.Composable,
    write: Callable[[bytes], object] = lambda data: None,
) -> Content:
    """Pass the rows on, piece by piece, and answer what they are."""
    digest, rows = hashlib.sha256(), 0
    with connection.cursor() as cursor, cursor.copy(table.chosen(scope)) as copy:
        for piece in copy:
            data = bytes(piece)
            digest.update(data)
            rows += data.count(b"\n")
            write(data)
    return Content(rows, digest.hexdigest())


def store_digest(contents: dict[str, Content]) -> str:
    """One digest of all tables of a store."""
    lines = (f"{name} {c.rows} {c.sha256}\n" for name, c in sorted(contents.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def digest_of(connection: psycopg.Connection, store: UUID) -> tuple[str, dict[str, Content]]:
    """The digest of a store in a database, and what each table holds. Inside a transaction."""
    connection.execute(SETTINGS)
    contents = {
        table.name: read(connection, table, of_store(table, store))
        for table in store_tables(connection)
    }
    return store_digest(contents), contents


def schema_version(connection: psycopg.Connection) -> str:
    """The newest table migration, by the ledger of `forecourt migrate` or of `supabase db push`;
    empty when neither is there."""
    newest = [""]
    ledgers = connection.execute(
        "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where (n.nspname, c.relname) in"
        " (('forecourt', 'migrations'), ('supabase_migrations', 'schema_migrations'))"
        " and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')"
    ).fetchall()
    for schema, name in ledgers:
        found = connection.execute(
            sql.SQL(
                "select max(version) from {} where version ~ '^[0-9]+$'"
                " and name is distinct from 'code'"
            ).format(sql.Identifier(schema, name))
        ).fetchone()
        newest.append(found[0] or "" if found else "")
    return max(newest)


def pieces(size: int, read_piece: Callable[[int], bytes]) -> Iterator[bytes]:
    """A stream in pieces of at most `size` bytes."""
    while piece := read_piece(size):
        yield piece
