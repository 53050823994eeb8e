"""What hosted Supabase gives the roles, and nothing of ours that needs more (supabase/postgres,
migrations/db, to 2025-06)."""

import re

import psycopg
import pytest

from forecourt.migrate import MIGRATIONS, SCHEMAS, migrate
from tests.support.present import one
from tests.support.stack import embedded_only

# role → superuser, inherit, createrole, createdb, login, replication, bypassrls
ATTRIBUTES = {
    "anon": (False, False, False, False, False, False, False),
    "authenticated": (False, False, False, False, False, False, False),
    "service_role": (False, False, False, False, False, False, True),
    "postgres": (False, True, True, True, True, True, True),
    "supabase_auth_admin": (False, False, True, False, False, False, False),
    "supabase_lite": (False, False, False, False, True, False, False),  # authenticator
}
# (member, role, with admin option). supabase_lite plays GoTrue too, which on a hosted project signs
# in by itself.
MEMBERSHIPS = {
    ("postgres", "anon", True),
    ("postgres", "authenticated", True),
    ("postgres", "service_role", True),
    ("supabase_lite", "anon", False),
    ("supabase_lite", "authenticated", False),
    ("supabase_lite", "service_role", False),
    ("supabase_lite", "supabase_auth_admin", False),
}
# Functions that ask schema auth, and only in dynamic SQL: it may be of any version, or not be
# there.
ASK_AUTH = {"session_summary", "end_sessions"}


@pytest.fixture
def fresh(stack):
    """(address, notices while migrating) of a database that was empty."""
    embedded_only(stack)
    address = stack.create_database("hosted_roles", "template1")
    notices: list[str] = []
    psycopg_connect = psycopg.connect

    def connect(*args, **more):
        connection = psycopg_connect(*args, **more)
        connection.add_notice_handler(
            lambda found: notices.append(f"{found.severity}: {found.message_primary}")
        )
        return connection

    psycopg.connect = connect  # type: ignore[assignment]
    try:
        migrate(address, lambda line: None)
    finally:
        psycopg.connect = psycopg_connect
    return address, notices


def test_migrating_warns_of_nothing(fresh):
    """A grant that could not be given only warns, and everything that needs it fails later."""
    _, notices = fresh
    assert [notice for notice in notices if not notice.startswith("NOTICE")] == []


def test_the_product_works_without_schema_auth(fresh):
    """The database above has none: every migration went through, and who asks for sessions is
    answered nothing."""
    address, _ = fresh
    with psycopg.connect(address) as connection:
        assert connection.execute("select to_regnamespace('auth')").fetchone() == (None,)
        assert connection.execute("select * from crm.session_summary('{}')").fetchall() == []
        with pytest.raises(psycopg.Error) as refused:
            connection.execute("select crm.end_sessions(gen_random_uuid())")
        assert refused.value.sqlstate == "PT422"


def test_nothing_of_ours_depends_on_schema_auth(db):
    depends = db.execute(
        """select distinct d.classid::regclass::text, d.objid
        from pg_depend d
        where d.refclassid = 'pg_namespace'::regclass and d.refobjid = to_regnamespace('auth')
          and exists (
            select from pg_proc p where d.classid = 'pg_proc'::regclass and p.oid = d.objid
              and p.pronamespace in ('crm'::regnamespace, 'api'::regnamespace))
        union
        select distinct d.classid::regclass::text, d.objid
        from pg_depend d
        left join pg_proc p on d.refclassid = 'pg_proc'::regclass and p.oid = d.refobjid
        left join pg_class c on d.refclassid = 'pg_class'::regclass and c.oid = d.refobjid
        where to_regnamespace('auth') in (p.pronamespace, c.relnamespace)
          and d.classid in ('pg_policy'::regclass, 'pg_rewrite'::regclass, 'pg_attrdef'::regclass,
            'pg_proc'::regclass, 'pg_trigger'::regclass, 'pg_constraint'::regclass)
          and not exists (select from pg_class o where o.oid = d.objid
            and o.relnamespace = to_regnamespace('auth'))
          and not exists (select from pg_proc o where o.oid = d.objid
            and o.pronamespace = to_regnamespace('auth'))
          and not exists (select from pg_constraint o where o.oid = d.objid
            and o.connamespace = to_regnamespace('auth'))
          and not exists (select from pg_trigger t join pg_class o on o.oid = t.tgrelid
            where t.oid = d.objid and o.relnamespace = to_regnamespace('auth'))
          and not exists (select from pg_attrdef t join pg_class o on o.oid = t.adrelid
            where t.oid = d.objid and o.relnamespace = to_regnamespace('auth'))"""
    ).fetchall()
    assert depends == []
    texts = db.execute(
        """select proname from pg_proc
        where pronamespace in ('crm'::regnamespace, 'api'::regnamespace, 'auth_hooks'::regnamespace)
          and prosrc ~ '\\mauth\\.'"""
    ).fetchall()
    assert {name for (name,) in texts} == ASK_AUTH
    policies = db.execute(
        """select policyname from pg_policies
        where schemaname = 'crm' and concat(qual, with_check) ~ '\\mauth\\.'"""
    ).fetchall()
    assert policies == []
    for file in [*MIGRATIONS.glob("*.sql"), *SCHEMAS.glob("*.sql")]:
        lines = file.read_text(encoding="utf8").splitlines()
        granted = [x for x in lines if re.match(r"grant .* on (schema auth|.*\bauth\.)\b", x)]
        assert granted == [], file.name


def test_the_embedded_roles_are_hosteds(stack, db):
    embedded_only(stack)
    found = db.execute(
        """select rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin,
          rolreplication, rolbypassrls
        from pg_roles where rolname = any (%s)""",
        (list(ATTRIBUTES),),
    ).fetchall()
    assert {row[0]: row[1:] for row in found} == ATTRIBUTES
    memberships = db.execute(
        """select m.rolname, r.rolname, bool_or(a.admin_option)
        from pg_auth_members a
        join pg_roles m on m.oid = a.member
        join pg_roles r on r.oid = a.roleid
        where m.rolname = any (%s)
        group by 1, 2""",
        (list(ATTRIBUTES),),
    ).fetchall()
    # api_owner is ours: whoever creates a role is its administrator
    assert {row for row in memberships if row[1] not in ("api_owner", "prober")} == MEMBERSHIPS
    assert {row[0] for row in memberships if row[1] in ("api_owner", "prober")} <= {"postgres"}
    assert db.execute(
        """select has_schema_privilege('postgres', 'auth', 'usage'),
          has_schema_privilege('postgres', 'auth', 'usage with grant option'),
          has_schema_privilege('api_owner', 'auth', 'usage'),
          has_schema_privilege('postgres', 'auth', 'create')"""
    ).fetchone() == (True, False, False, False)


def test_the_callers_roles_have_limits(db):
    """Part of a migration, since a self-hosted project may have none."""
    rows = db.execute(
        """select r.rolname, unnest(s.setconfig) from pg_db_role_setting s
        join pg_roles r on r.oid = s.setrole
        where r.rolname in ('anon', 'authenticated') and s.setdatabase = 0"""
    ).fetchall()
    assert set(rows) >= {
        ("anon", "statement_timeout=3s"),
        ("authenticated", "statement_timeout=8s"),
        ("authenticated", "lock_timeout=8s"),
        ("authenticated", "idle_in_transaction_session_timeout=30s"),
    }


SESSIONS = {
    "of August 2026": "refreshed_at timestamp, updated_at timestamptz, created_at timestamptz",
    "of June 2023": "updated_at timestamptz, created_at timestamptz",
    "with text": "refreshed_at text, updated_at text, created_at text",
    "bare": "other int",
}


@pytest.mark.parametrize("columns", SESSIONS.values(), ids=SESSIONS.keys())
def test_session_facts_asks_for_columns_that_exist(fresh, columns):
    address, _ = fresh
    with psycopg.connect(address) as connection:
        connection.execute("create schema auth")
        connection.execute(
            "create table auth.users (id uuid primary key, last_sign_in_at timestamptz)"
        )
        connection.execute(
            f"create table auth.sessions (id uuid primary key, user_id uuid, {columns})".encode()
        )
        [user] = one(
            connection.execute(
                "insert into auth.users values (gen_random_uuid(), '2026-11-01Z') returning id"
            )
        )
        names = [part.split()[0] for part in columns.split(", ") if part.split()[0] != "other"]
        for day in ("2026-11-02", "2026-11-05"):
            values = ", ".join(f"'{day}'" for _ in names)
            connection.execute(
                f"insert into auth.sessions (id, user_id{''.join(', ' + n for n in names)})"
                f" values (gen_random_uuid(), %s{', ' + values if values else ''})",
                (user,),
            )
        row = connection.execute(
            "select last_sign_in_at::date::text, (last_seen_at at time zone 'UTC')::date::text, "
            "sessions"
            " from crm.session_summary(array[%s]::uuid[])",
            (user,),
        ).fetchone()
        assert row == ("2026-11-01", "2026-11-05" if names else None, 2)
        connection.rollback()
