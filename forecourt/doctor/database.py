"""The database: its state against this checkout, rights, roles, and whether the rules run."""

import re
from datetime import UTC, datetime
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql

from forecourt.doctor.finding import Finding, listed
from forecourt.doctor.questions import AGAIN, RIGHTS, ROLES, SCHEDULE, STATE, Question
from forecourt.migrate import COMPILED, MIGRATIONS, _digest, code

CLOCK = 60.0  # seconds two clocks may differ
SLOW = "60s"  # what one question may take
DEFINED = re.compile(r"^create (?:or replace )?function (crm|api|auth_hooks)\.(\w+)", re.M)
# The two queries of numbers look at every record once; see 0002 for what the numbers are.
NUMBERED = """
select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid
where c.relnamespace = 'crm'::regnamespace and c.relkind = 'r' and a.attname = 'change_no'
order by 1
"""
IDENTITIES = """
select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid
where c.relnamespace = 'crm'::regnamespace and c.relkind = 'r' and a.attidentity <> ''
order by 1
"""


def examine(db_url: str) -> list[Finding]:
    """Everything that is wrong, as the role that migrates sees it. Writes nothing."""
    try:
        connection = psycopg.connect(db_url, autocommit=True)
    except psycopg.OperationalError as error:
        return [
            Finding(
                "database_away",
                f"the database does not answer: {error}".strip(),
                "nothing else could be looked at",
                "check the address, the password and that it runs",
            )
        ]
    with connection:
        connection.execute(f"set statement_timeout = '{SLOW}'")
        connection.execute("set default_transaction_read_only = on")
        if not _one(connection, "select to_regclass('crm.stores') is not null"):
            return [
                Finding(
                    "no_forecourt",
                    "this database holds no Forecourt",
                    "nothing else could be looked at",
                    "run `forecourt migrate`",
                )
            ]
        found = [*_clock(connection), *_migrations(connection), *_code(connection)]
        for question in (*ROLES, *RIGHTS, *STATE, *SCHEDULE):
            found += _ask(connection, question)
        return found + _sign_up_hook(connection) + _numbers(connection)


def _ask(connection: psycopg.Connection, question: Question) -> list[Finding]:
    try:
        if question.needs:
            there = connection.execute("select to_regclass(%s)", (question.needs,)).fetchone()
            if there == (None,):
                return []
        rows = connection.execute(cast(LiteralString, question.query)).fetchall()
    except psycopg.Error as error:
        return [
            Finding(
                f"not_looked_at:{question.code}",
                f"the question could not be asked: {error.sqlstate} {error.diag.message_primary}",
                question.why,
                "use the role that migrates (postgres); after a failed migration " + AGAIN,
            )
        ]
    if not rows:
        return []
    what = question.what.format(items=listed([str(item) for (item,) in rows]))
    return [Finding(question.code, what, question.why, question.todo)]


def _one(connection: psycopg.Connection, query: LiteralString) -> Any:
    row = connection.execute(query).fetchone()
    return row[0] if row else None


def _clock(connection: psycopg.Connection) -> list[Finding]:
    before = datetime.now(UTC)
    there = _one(connection, "select clock_timestamp()")
    after = datetime.now(UTC)
    off = max((before - there).total_seconds(), (there - after).total_seconds())
    if off <= CLOCK:
        return []
    return [
        Finding(
            "clock",
            f"the database's clock differs from this machine's by {off:.0f} s",
            "days begin at the wrong moment, and tokens are refused",
            "let both follow a time server (chrony, systemd-timesyncd)",
        )
    ]


# Migrations and code ------------------------------------------------------------------------------


def _migrations(connection: psycopg.Connection) -> list[Finding]:
    files = {
        file.name[:14]: file
        for file in sorted(MIGRATIONS.glob("*.sql"))
        if not file.name.endswith(COMPILED)
    }
    applied = _applied(connection)
    if applied is None:
        return [
            Finding(
                "no_ledger",
                "nothing says which migrations were applied",
                "the next migration would begin at the first one, and fail",
                "apply migrations by `forecourt migrate` or `supabase db push` only",
            )
        ]
    missing = [files[version].name for version in files if version not in applied]
    changed = [
        files[version].name
        for version, digest in applied.items()
        if version in files and digest and digest != _digest(files[version].read_text("utf8"))
    ]
    newer = [v for v in applied if v.isdigit() and v not in files and v > max(files)]
    found = []
    if missing:
        found.append(
            Finding(
                "migrations_missing",
                f"migrations that were not applied: {listed(missing)}",
                "the apps ask for what is not there",
                "run `forecourt migrate` (or `make release` and `supabase db push`)",
            )
        )
    if changed:
        found.append(
            Finding(
                "migrations_changed",
                f"migrations that were changed after they were applied: {listed(changed)}",
                "this database's tables are not those of this version",
                "check out the version it was migrated with; released migrations never change",
            )
        )
    if newer:
        found.append(
            Finding(
                "database_newer",
                f"the database was migrated by a newer version ({listed(newer)})",
                "this version's code would take back what that one added",
                "use the newer version",
            )
        )
    return found


def _applied(connection: psycopg.Connection) -> dict[str, str] | None:
    """Version → digest (empty where the ledger keeps none); None without a ledger."""
    readable = (
        "select to_regclass(%s) is not null and has_schema_privilege(%s, 'usage')"
        " and has_table_privilege(%s, 'select')"
    )
    for schema, name, digest in (
        ("forecourt", "migrations", "hash"),
        ("supabase_migrations", "schema_migrations", "''"),
    ):
        if not _one(connection, cast(LiteralString, f"select to_regnamespace('{schema}')")):
            continue
        table = f"{schema}.{name}"
        try:
            row = connection.execute(cast(LiteralString, readable), (table, schema, table))
            if (row.fetchone() or (False,))[0]:
                return dict(
                    connection.execute(
                        cast(LiteralString, f"select version, {digest} from {table}")
                    ).fetchall()
                )
        except psycopg.errors.InsufficientPrivilege:
            continue
    return None


def _code(connection: psycopg.Connection) -> list[Finding]:
    """Functions against the files: a body that no file has was changed by hand, or is of another
    version."""
    text = "\n".join([code(), *(f.read_text("utf8") for f in sorted(MIGRATIONS.glob("*.sql")))])
    rows = connection.execute(
        "select n.nspname, p.proname, p.prosrc from pg_proc p"
        " join pg_namespace n on n.oid = p.pronamespace"
        " where n.nspname in ('crm', 'api', 'auth_hooks') and not exists (select from pg_depend d"
        " where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')"
        " order by 1, 2"
    ).fetchall()
    wanted = {f"{schema}.{name}" for schema, name in DEFINED.findall(text)}
    there = {f"{schema}.{name}" for schema, name, _ in rows}
    changed = [f"{schema}.{name}" for schema, name, body in rows if body and body not in text]
    found = []
    if gone := sorted(wanted - there):
        found.append(
            Finding(
                "functions_missing",
                f"functions that are not there: {listed(gone)}",
                "what they do is refused",
                AGAIN,
            )
        )
    if odd := sorted({*changed, *(there - wanted)}):
        found.append(
            Finding(
                "functions_changed",
                f"functions of no file of this version: {listed(odd)}",
                "rules and rights are not the tested ones",
                AGAIN,
            )
        )
    return found


# Sign-up and numbers ------------------------------------------------------------------------------


def _sign_up_hook(connection: psycopg.Connection) -> list[Finding]:
    callable_by_auth = _one(
        connection,
        "select to_regrole('supabase_auth_admin') is null or ("
        "has_schema_privilege('supabase_auth_admin', 'auth_hooks', 'usage') and coalesce("
        "has_function_privilege('supabase_auth_admin',"
        " to_regprocedure('auth_hooks.before_user_created(jsonb)'), 'execute'), false))",
    )
    if callable_by_auth:
        return []
    return [
        Finding(
            "sign_up_hook",
            "Supabase Auth may not call auth_hooks.before_user_created",
            "either nobody can sign up, or anyone can",
            AGAIN + "; then switch on the hook (docs/operators/operations.md#sign-up)",
        )
    ]


def _numbers(connection: psycopg.Connection) -> list[Finding]:
    """Sequences that are behind what was given already, as after a restore by parts."""
    behind = []
    last = _one(connection, "select coalesce(pg_sequence_last_value('crm.change_numbers'), 0)")
    try:
        for (table,) in connection.execute(NUMBERED).fetchall():
            query = sql.SQL("select coalesce(max(change_no), 0) from crm.{}")
            row = connection.execute(query.format(sql.Identifier(table))).fetchone()
            if row and row[0] > last:
                behind.append(f"crm.change_numbers behind {table}")
        for table, column in connection.execute(IDENTITIES).fetchall():
            query = sql.SQL(
                "select pg_sequence_last_value(pg_get_serial_sequence({}, {})) < max({})"
                " from crm.{}"
            ).format(f"crm.{table}", column, sql.Identifier(column), sql.Identifier(table))
            row = connection.execute(query).fetchone()
            if row and row[0]:
                behind.append(f"{table}.{column}")
    except psycopg.errors.QueryCanceled:
        return []  # a store too large to be counted in a minute
    if not behind:
        return []
    return [
        Finding(
            "sequence_behind",
            f"sequences below numbers that were given: {listed(behind)}",
            "phones never hear of new rows, or new history collides with old",
            "`select setval('…', max)`, then `forecourt epoch`",
        )
    ]
