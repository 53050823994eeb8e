"""Our command and `supabase db push` bring a database to the same state, fresh or after an
update."""

from pathlib import Path

import psycopg
import pytest

from forecourt import migrate
from tests.support.stack import embedded_only

# Everything that decides what a caller can see or do, one line per object.
CATALOGUE = """
select 'function ' || p.oid::regprocedure || ' ' || pg_get_functiondef(p.oid) || ' '
  || p.proowner::regrole || ' ' || coalesce(p.proacl::text, '')
from pg_proc p
where p.pronamespace in ('crm'::regnamespace, 'api'::regnamespace)
union all
select 'relation ' || c.oid::regclass || ' ' || c.relkind::text || ' ' || c.relowner::regrole || ' '
  || c.relrowsecurity || ' ' || coalesce(c.relacl::text, '') || ' '
  || case c.relkind
    when 'v' then pg_get_viewdef(c.oid)
    when 'i' then pg_get_indexdef(c.oid)
    else ''
  end
from pg_class c
where c.relnamespace in ('crm'::regnamespace, 'api'::regnamespace)
  and c.relkind in ('r', 'v', 'i')
union all
select 'column ' || a.attrelid::regclass || '.' || a.attname || ' '
  || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull || ' '
    || coalesce(a.attacl::text, '')
  || ' ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
from pg_attribute a
join pg_class c on c.oid = a.attrelid
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where c.relnamespace in ('crm'::regnamespace, 'api'::regnamespace)
  and c.relkind in ('r', 'v', 'c')
  and a.attnum > 0
  and not a.attisdropped
union all
select 'policy ' || polrelid::regclass || ' ' || polname || ' ' || polcmd::text
  || ' ' || polroles::regrole[]::text || ' ' || coalesce(pg_get_expr(polqual, polrelid), '')
  || ' ' || coalesce(pg_get_expr(polwithcheck, polrelid), '')
from pg_policy
union all
select 'trigger ' || pg_get_triggerdef(oid)
from pg_trigger
where not tgisinternal
union all
select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
from pg_constraint
where connamespace = 'crm'::regnamespace
union all
select 'schema ' || nspname || ' ' || coalesce(nspacl::text, '')
from pg_namespace
where nspname in ('crm', 'api')
order by 1
"""


def catalogue(address: str) -> list[str]:
    with psycopg.connect(address) as connection:
        return [row[0] for row in connection.execute(CATALOGUE).fetchall()]


def quiet(_line: str) -> None:
    pass


def push(address: str, folder: Path) -> None:
    """What `supabase db push` does: every file of `folder` that was not applied, in order."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("create table if not exists public.pushed (name text primary key)")
        done = {row[0] for row in connection.execute("select name from public.pushed")}
        for file in sorted(folder.glob("*.sql")):
            if file.name not in done:
                with connection.transaction():
                    connection.execute(file.read_bytes())
                    connection.execute("insert into public.pushed values (%s)", (file.name,))


@pytest.fixture
def released(tmp_path, monkeypatch) -> Path:
    """The migrations of this checkout with the code compiled into one more."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    for file in migrate.MIGRATIONS.glob("*.sql"):
        (folder / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(migrate, "MIGRATIONS", folder)
    migrate.release()
    return folder


def test_both_roads_give_the_same_schema(stack, released):
    embedded_only(stack)
    ours = stack.create_database("our_road", "template1")
    migrate.migrate(ours, quiet)
    theirs = stack.create_database("pushed_road", "template1")
    push(theirs, released)
    assert catalogue(theirs) == catalogue(ours)


def test_code_that_changed_or_went_is_rebuilt_on_both_roads(stack, released, tmp_path):
    """An older build had another result type, one more function and one more grant."""
    embedded_only(stack)
    older = tmp_path / "older"
    older.mkdir()
    for file in migrate.SCHEMAS.glob("*.sql"):
        (older / file.name).write_bytes(file.read_bytes())
    (older / "990_older.sql").write_text(
        "create function crm.gone() returns int language sql set search_path = '' as 'select 1';\n"
        "grant select on crm.customers to authenticated;\n"
        "drop function api.sync_pull(uuid, jsonb, int, int);\n"
        "create function api.sync_pull(store_id uuid) returns text"
        " language sql set search_path = '' as $$ select 'older' $$;\n"
    )
    for road in ("our_update", "pushed_update"):
        address = stack.create_database(road, "template1")
        migrate.apply_migrations(address, quiet)
        migrate.apply_code(address, quiet, older)
    fresh = stack.create_database("fresh", "template1")
    migrate.migrate(fresh, quiet)
    assert migrate.migrate(stack.settings.db_url(database="our_update"), quiet) == 1
    newest = max(released.glob("*_code.sql"))
    with psycopg.connect(stack.settings.db_url(database="pushed_update")) as connection:
        connection.execute(newest.read_bytes())
    expected = catalogue(fresh)
    assert catalogue(stack.settings.db_url(database="our_update")) == expected
    assert catalogue(stack.settings.db_url(database="pushed_update")) == expected


def test_a_second_release_of_the_same_code_writes_nothing(released):
    assert len([*released.glob("*_code.sql")]) == 1
    assert migrate.release() is None


def test_code_that_fails_leaves_the_old_code(stack, tmp_path):
    embedded_only(stack)
    address = stack.create_database("failing", "template1")
    migrate.migrate(address, quiet)
    before = catalogue(address)
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in migrate.SCHEMAS.glob("*.sql"):
        (broken / file.name).write_bytes(file.read_bytes())
    (broken / "500_broken.sql").write_text("select 1 / 0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate.apply_code(address, quiet, broken)
    assert catalogue(address) == before
    assert migrate.migrate(address, quiet) == 0
