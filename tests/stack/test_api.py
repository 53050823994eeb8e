"""The API over the embedded database answers as Supabase does, gaps of Lite included."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest

from forecourt.demo import sign_up
from forecourt.migrate import MigrationChanged, apply_migrations
from forecourt.stack import Stack
from tests.support.stack import embedded_only

PROBE = """
create function api.kind_of(value jsonb) returns text language sql immutable
  set search_path = '' begin atomic select jsonb_typeof(value); end;
grant execute on function api.kind_of(jsonb) to authenticated;
"""
PASSWORD = "zhanting-2026"


@pytest.fixture(scope="module")
def client(stack: Stack) -> Iterator[httpx.Client]:
    """A caller with the publishable key and nothing else."""
    headers = {"apikey": stack.publishable_key, "Accept-Profile": "api", "Content-Profile": "api"}
    with httpx.Client(
        base_url=stack.supabase_url, headers=headers, trust_env=False, timeout=20
    ) as found:
        yield found


@pytest.fixture(scope="module")
def email() -> str:
    return f"{uuid4().hex}@forecourt.example"


@pytest.fixture(scope="module")
def signed_up(stack: Stack, client: httpx.Client, email: str) -> dict:
    sign_up(stack.supabase_url, stack.publishable_key, email, PASSWORD)
    answer = client.post(
        "/auth/v1/token?grant_type=password", json={"email": email, "password": PASSWORD}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def token(signed_up: dict) -> dict[str, str]:
    return {"Authorization": f"Bearer {signed_up['access_token']}"}


@pytest.fixture
def probe(stack: Stack, tmp_path: Path) -> Iterator[None]:
    """A throw-away function in api, gone after the test."""
    embedded_only(stack)
    (tmp_path / "20991231000000_probe.sql").write_text(PROBE)
    assert apply_migrations(stack.db_url, lambda line: None, tmp_path) == 1
    stack.restart_api()  # Lite reads the schema at start only
    yield
    with psycopg.connect(stack.db_url) as connection:
        connection.execute("drop function api.kind_of(jsonb)")
        connection.execute("delete from forecourt.migrations where name = 'probe'")
    stack.restart_api()


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"a": 1}, "object"),
        ([1, "二"], "array"),
        ("word", "string"),
        (3, "number"),
        (True, "boolean"),
    ],
)
def test_jsonb_arguments_arrive_as_what_they_are(probe, client, token, value, kind):
    answer = client.post("/rest/v1/rpc/kind_of", json={"value": value}, headers=token)
    assert (answer.status_code, answer.json()) == (200, kind)


def test_a_password_signs_in_and_a_wrong_one_does_not(client, signed_up, email):
    good = client.post(
        "/auth/v1/token?grant_type=password", json={"email": email, "password": PASSWORD}
    )
    assert good.status_code == 200
    assert good.json()["user"]["id"] == signed_up["user"]["id"]
    bad = client.post(
        "/auth/v1/token?grant_type=password", json={"email": email, "password": "not-this-one"}
    )
    assert (bad.status_code, bad.json()["error_code"]) == (400, "invalid_credentials")


def test_a_refresh_token_gives_a_new_session(client, signed_up):
    answer = client.post(
        "/auth/v1/token?grant_type=refresh_token",
        json={"refresh_token": signed_up["refresh_token"]},
    )
    assert answer.status_code == 200
    assert answer.json()["user"]["id"] == signed_up["user"]["id"]


def test_instants_carry_a_whole_offset(signed_up):
    assert signed_up["user"]["created_at"].endswith(("+00:00", "Z"))


def test_without_a_key_nothing_is_answered(client, stack):
    """Lite's admin mode would make a keyless caller on loopback the service role."""
    answer = httpx.get(
        f"{stack.supabase_url}/rest/v1/customers",
        headers={"Accept-Profile": "api"},
        trust_env=False,
    )
    assert answer.status_code == 401


@pytest.mark.parametrize("schema", ["crm", "auth", "forecourt"])
def test_other_schemas_are_not_served(client, token, schema):
    answer = client.get("/rest/v1/members", headers={**token, "Accept-Profile": schema})
    assert (answer.status_code, answer.json()["code"]) == (406, "PGRST106")


def test_crm_stays_closed_after_requests_of_every_kind(client, token, db):
    """Left to itself, Lite grants everything on every schema with row security at the first
    request."""
    assert client.get("/rest/v1/customers", headers=token).status_code == 200
    assert client.get("/rest/v1/customers").status_code == 401
    body = {"device_id": str(uuid4()), "operations": []}
    assert client.post("/rest/v1/rpc/sync_push", json=body, headers=token).status_code == 200
    open_to = db.execute(
        "select role, relname from pg_class, unnest(array['anon', 'authenticated', "
        "'service_role']) role "
        "where relnamespace = 'crm'::regnamespace and relkind in ('r', 'v', 'm', 'p') "
        "and has_table_privilege(role, pg_class.oid, 'select, insert, update, delete, "
        "truncate, references, trigger')"
    ).fetchall()
    assert open_to == []
    assert db.execute(
        "select has_schema_privilege('anon', 'crm', 'usage') or "
        "has_schema_privilege('authenticated', 'crm', 'usage')"
    ).fetchone() == (False,)
    given = db.execute(
        "select defaclacl::text from pg_default_acl where defaclnamespace = 'crm'::regnamespace"
    ).fetchall()
    assert not any(
        role in acl for (acl,) in given for role in ("anon=", "authenticated=", "service_role=")
    )


@pytest.mark.parametrize("who", ["admin", "lin"])
def test_nobody_writes_to_a_view_not_even_his_own_rows(people, client, world, who):
    """The rewriter refuses views that join (55000, a 500 in PostgREST as well), missing grants the
    others (42501, 403)."""
    person = people[who]
    answer = client.post(
        "/auth/v1/token?grant_type=password",
        json={"email": person.email, "password": person.password},
    )
    mine = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    views = world.db.execute(
        "select viewname from pg_views where schemaname = 'api' order by 1"
    ).fetchall()
    before = world.digest()
    for (view,) in views:
        found = client.get(f"/rest/v1/{view}?limit=1", headers=mine)
        assert found.status_code == 200, found.text
        row = found.json()[0] if found.json() else {"store_id": str(uuid4())}
        column, value = next(iter(row.items()))
        where = f"/rest/v1/{view}?{column}=eq.{value}"
        for answer in (
            client.post(f"/rest/v1/{view}", json=row, headers=mine),
            client.patch(where, json={column: value}, headers=mine),
            client.delete(where, headers=mine),
        ):
            assert answer.is_error, (view, answer.request.method, answer.text)
    assert world.digest() == before


def test_migrations_run_without_a_superuser(db):
    rights = db.execute(
        "select rolname, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls from pg_roles "
        "where rolname = current_user"
    ).fetchone()
    assert rights == ("postgres", False, True, True, True)
    owners = db.execute(
        "select distinct rolname, rolsuper from pg_class join pg_roles on pg_roles.oid = "
        "relowner where relnamespace in ('crm'::regnamespace, 'api'::regnamespace)"
    ).fetchall()
    assert set(owners) == {("postgres", False), ("api_owner", False)}


def test_the_api_connects_with_the_rights_of_an_authenticator(stack, db):
    embedded_only(stack)
    rights = db.execute(
        "select rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolinherit, rolreplication "
        "from pg_roles where rolname = 'supabase_lite'"
    ).fetchone()
    assert rights == (False,) * 6
    assert db.execute(
        "select has_schema_privilege('supabase_lite', 'crm', 'usage')"
    ).fetchone() == (False,)


def test_a_changed_migration_is_refused_and_a_failing_one_leaves_nothing(stack, tmp_path):
    embedded_only(stack)
    address = stack.create_database("migrating", "template1")
    first, second = tmp_path / "20990101000000_first.sql", tmp_path / "20990102000000_second.sql"
    first.write_text("create table public.one (id int)")
    assert apply_migrations(address, lambda line: None, tmp_path) == 1
    assert apply_migrations(address, lambda line: None, tmp_path) == 0
    second.write_text("create table public.two (id int); select 1/0")
    with pytest.raises(psycopg.errors.DivisionByZero):
        apply_migrations(address, lambda line: None, tmp_path)
    with psycopg.connect(address) as connection:
        assert connection.execute("select to_regclass('public.two')").fetchone() == (None,)
    second.unlink()
    first.write_text("create table public.one (id bigint)")
    with pytest.raises(MigrationChanged, match="20990101000000_first"):
        apply_migrations(address, lambda line: None, tmp_path)
