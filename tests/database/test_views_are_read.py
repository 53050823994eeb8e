"""The views of api are for reading: every way PostgREST has to write to one is refused as a right
nobody has, never as a server's fault."""

import pytest

from tests.rights.permissions import VIEWS

WRITES = {
    "insert": "insert into api.{view} select * from api.{view} where false",
    "insert a column": "insert into api.{view} ({column}) values (null) returning 1",
    "insert from json": "with pgrst_source as (insert into api.{view} ({column})"
    " select r.{column} from json_populate_recordset(null::api.{view}, '[{{}}]') r returning *)"
    " select count(*) from pgrst_source",
    "update": "update api.{view} set {column} = {column}",
    "update one": "with w as (update api.{view} set {column} = null where {column} is null"
    " returning *) select count(*) from w",
    "delete": "delete from api.{view}",
    "delete one": "with w as (delete from api.{view} where {column} is null returning *)"
    " select count(*) from w",
    "merge": "merge into api.{view} t using (select 1) s on false when matched then delete",
}
# An upsert says by which key; a view has none, which Postgres finds out first.
UPSERTS = {
    "upsert": "insert into api.{view} ({column}) values (null) on conflict do nothing",
    "upsert by key": "insert into api.{view} ({column}) values (null)"
    " on conflict ({column}) do update set {column} = excluded.{column}",
}


def first_column(world, view: str) -> str:
    return world.row(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum = 1",
        f"api.{view}",
    )


def test_every_view_says_so(db):
    """A view of a later migration takes the trigger too."""
    bare = db.execute(
        "select relname from pg_class c where relnamespace = 'api'::regnamespace and relkind = 'v'"
        " and not exists (select from pg_trigger t where t.tgrelid = c.oid)"
    ).fetchall()
    assert bare == []


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_a_write_is_refused_as_a_right_nobody_has(world, view):
    column, before = first_column(world, view), world.digest()
    for who in ("liang", "lin", "stranger", None):
        for how, sql in WRITES.items():
            said = world.refused(who, sql.format(view=view, column=column))
            assert said.startswith("42501"), (how, who, said)
        for how, sql in UPSERTS.items():
            said = world.refused(who, sql.format(view=view, column=column))
            assert said.startswith(("42501", "42P10")), (how, who, said)
    assert world.digest() == before
