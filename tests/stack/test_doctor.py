"""`forecourt doctor`: a healthy set-up has no findings, and each planted fault exactly its own."""

import http.server
import json
import os
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import ClassVar

import psycopg
import pytest

from forecourt.doctor import database, surroundings
from forecourt.doctor.database import examine
from forecourt.doctor.surroundings import (
    certificate,
    examine_api,
    examine_files,
    examine_home,
)
from forecourt.migrate import migrate
from forecourt.scheduler import run_due
from forecourt.settings import ROOT
from tests.support.people import World
from tests.support.present import dynamic
from tests.support.stack import embedded_only

STORE = "(select id from crm.stores order by name limit 1)"
CRON = (
    "create schema cron; create table cron.job (jobname text, active bool);"
    "grant usage on schema cron to postgres; grant select on cron.job to postgres"
)
# fault → (finding, what plants it as the superuser, what undoes it where that is not the database's
# own)
FAULTS = {
    "a table without row security": (
        "rls_off",
        "alter table crm.customers disable row level security",
        "",
    ),
    "a table without policies": (
        "rls_off",
        "create table crm.planted (id int); alter table crm.planted enable row level security;"
        "alter table crm.planted owner to postgres",
        "",
    ),
    "a policy for everybody": (
        "policy_for_everybody",
        "drop policy select_member on crm.tasks;"
        "create policy select_member on crm.tasks for select to api_owner using (true)",
        "",
    ),
    "a policy for the signed in": (
        "policy_for_everybody",
        "create policy p on crm.events for delete to authenticated using (now() > '2000-01-01')",
        "",
    ),
    "a grant on a table": ("crm_open", "grant select on crm.customers to authenticated", ""),
    "usage on the private schema": ("crm_open", "grant usage on schema crm to service_role", ""),
    "a view that can be written": ("api_grants", "grant insert on api.tasks to authenticated", ""),
    "a view that strangers may read": ("api_grants", "grant select on api.stores to anon", ""),
    "a view that nobody may read": (
        "api_closed",
        "revoke select on api.tasks from authenticated",
        "",
    ),
    "a function that nobody may call": (
        "api_closed",
        "revoke execute on function api.sync_push(uuid, jsonb) from authenticated",
        "",
    ),
    "a function that strangers may call": (
        "functions_of_strangers",
        "grant execute on function crm.run_due(uuid, timestamptz) to anon",
        "",
    ),
    "a function of everybody": (
        "functions_of_strangers",
        "grant execute on function crm.create_invitation(uuid, text, text, text, uuid) to public",
        "",
    ),
    "strangers in the schema": ("strangers_in_api", "grant usage on schema api to anon", ""),
    "an exposed function with its owner's rights": (
        "definer_in_api",
        "alter function api.people(uuid) security definer",
        "",
    ),
    "a view of the table owner": ("owners", "alter view api.customers owner to postgres", ""),
    "a table of the view owner": ("owners", "alter table crm.lookups owner to api_owner", ""),
    "a search path": (
        "search_path",
        "alter function crm.reject(text, text, jsonb) reset search_path",
        "",
    ),
    "a table in public": (
        "public_tables",
        "create table public.planted (id int); grant select on public.planted to anon",
        "",
    ),
    "an extension among our views": ("extension_in_api", "create extension citext schema api", ""),
    "a role past row security": (
        "role_attributes",
        "alter role api_owner bypassrls",
        "alter role api_owner nobypassrls",
    ),
    "a role that signs in": (
        "role_attributes",
        "alter role authenticated login",
        "alter role authenticated nologin",
    ),
    "a caller who can become another": (
        "role_membership",
        "grant api_owner to authenticated",
        "revoke api_owner from authenticated",
    ),
    "no time limit": (
        "timeouts",
        "alter role authenticated reset statement_timeout",
        "alter role authenticated set statement_timeout = '8s'",
    ),
    "a limit of nothing": (
        "timeouts",
        "alter role authenticated set lock_timeout = 0",
        "alter role authenticated set lock_timeout = '8s'",
    ),
    "another schema exposed": (
        "exposed_schemas",
        "alter role supabase_lite set pgrst.db_schemas = 'api, crm'",
        "alter role supabase_lite reset pgrst.db_schemas",
    ),
    "triggers told to rest": (
        "settings_that_switch_off",
        "alter role supabase_lite set crm.restoring = 'on'",
        "alter role supabase_lite reset crm.restoring",
    ),
    "a trigger switched off": (
        "trigger_disabled",
        "alter table crm.customers disable trigger tg_customers__history",
        "",
    ),
    "a key nobody checked": (
        "constraint_not_valid",
        "alter table crm.promises add constraint planted check (due_on > '2000-01-01') not valid",
        "",
    ),
    "a broken index": (
        "index_invalid",
        "update pg_index set indisvalid = false where indexrelid = 'crm.customers_pkey'::regclass",
        "",
    ),
    "writes that are not flushed": (
        "durability",
        "alter system set synchronous_commit = off; select pg_reload_conf()",
        "alter system reset synchronous_commit; select pg_reload_conf()",
    ),
    "customers in the log": (
        "logged_statements",
        "alter system set log_statement = 'mod'; select pg_reload_conf()",
        "alter system reset log_statement; select pg_reload_conf()",
    ),
    "a place that is nowhere": (
        "store_time_zone",
        f"update crm.stores set time_zone = 'Asia/Pudong' where id = {STORE}",
        "",
    ),
    "a hundred gigabytes": (
        "files_nearly_full",
        "alter table crm.attachments drop constraint attachments_bytes_check;"
        "insert into crm.attachments (store_id, id, customer_id, form, record_id, kind, mime,"
        " bytes, sha256, author_id) select c.store_id, gen_random_uuid(), c.id, 'customer', c.id,"
        " 'photo', 'image/png', 2000000000, repeat('0', 64), c.owner_id from crm.customers c,"
        " generate_series(1, 50) where c.owner_id is not null",
        "",
    ),
    "nobody who may invite": (
        "nobody_administers",
        f"update crm.members set active = false where store_id = {STORE}",
        "",
    ),
    "a job that was lost": ("scheduler_missing", CRON, ""),
    "a night that does not come": (
        "scheduler_silent",
        "delete from crm.runs; update crm.stores set created_at = now() - interval '1 day'",
        "",
    ),
    "a night that failed": (
        "night_failed",
        "update crm.runs set error = '23505 crm.run_rules', result = null where work = 'nightly'"
        f" and store_id = {STORE}",
        "",
    ),
    "a migration that is missing": (
        "migrations_missing",
        "delete from forecourt.migrations where name = 'targets'",
        "",
    ),
    "a migration that was changed": (
        "migrations_changed",
        "update forecourt.migrations set hash = 'x' where name = 'targets'",
        "",
    ),
    "a newer database": (
        "database_newer",
        "insert into forecourt.migrations values ('20991231000000', 'later', 'x')",
        "",
    ),
    "no list of migrations": ("no_ledger", "drop table forecourt.migrations", ""),
    "a function that is gone": ("functions_missing", "drop function crm.begin_epoch(uuid)", ""),
    "a function edited by hand": (
        "functions_changed",
        "create or replace function crm.begin_epoch(p_store uuid) returns uuid language plpgsql"
        " volatile set search_path = '' as $$ begin return p_store; end $$",
        "",
    ),
    "a function of our own added": (
        "functions_changed",
        "create function crm.planted() returns int language sql set search_path = '' as 'select 1'"
        ";revoke execute on function crm.planted() from public",
        "",
    ),
    "sign-up that nobody asks": (
        "sign_up_hook",
        "revoke usage on schema auth_hooks from supabase_auth_admin",
        "",
    ),
    "numbers that went back": (
        "sequence_behind",
        "select setval('crm.change_numbers', 1, false)",
        "",
    ),
    "history that went back": (
        "sequence_behind",
        "select setval(pg_get_serial_sequence('crm.events', 'id'), 1)",
        "",
    ),
    "no Forecourt": ("no_forecourt", "drop schema crm cascade", ""),
}


@pytest.fixture(scope="module")
def healthy(stack) -> str:
    """The name of a database in which all is well: people, customers, a night."""
    embedded_only(stack)
    address = stack.create_database("doctor_healthy", "template1")
    migrate(address, lambda line: None)
    with psycopg.connect(address) as connection:
        world = World(connection)
        for n in range(3):
            world.log_conversation("lin", world.customer(phone=f"1390000000{n}"))
    run_due(address)
    return "doctor_healthy"


@pytest.fixture
def patient(stack, healthy) -> str:
    """A copy of it, to be made ill."""
    return stack.create_database("doctor_patient", healthy)


def codes(findings) -> list[str]:
    return [finding.code for finding in findings]


def as_superuser(stack, statements: str) -> None:
    address = stack.settings.db_url("supabase_admin", "doctor_patient")
    with psycopg.connect(address, autocommit=True) as admin:
        for statement in statements.split(";"):
            if statement.strip():
                admin.execute(dynamic(statement))


def test_a_healthy_set_up_has_no_findings(stack, patient):
    assert examine(patient) == []
    assert examine(stack.db_url) == []
    assert examine_api(stack.supabase_url, stack.publishable_key) == []
    assert examine_home(stack.home) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_each_planted_fault_is_found_and_no_other(stack, patient, fault):
    code, plant, undo = FAULTS[fault]
    try:
        if "$$" in plant:
            with psycopg.connect(patient) as connection:
                connection.execute(dynamic(plant))
        else:
            as_superuser(stack, plant)
        found = examine(patient)
    finally:
        as_superuser(stack, undo)
    assert codes(found) == [code]
    for text in (found[0].what, found[0].why, found[0].todo):
        assert text
        assert "{" not in text


def test_every_question_has_a_fault():
    """Of those that this machine can show."""
    asked = {
        question.code
        for question in (*database.ROLES, *database.RIGHTS, *database.STATE, *database.SCHEDULE)
    }
    unshown = {
        "role_missing": "the roles are the cluster's; other tests need them",
        "encoding": "the cluster's databases are all UTF8",
        "collation_version": "they sort by bytes, which no system changes",
        "server_version": "there is one server",
        "old_transaction": "it would take an hour; see below",
    }
    assert asked - {code for code, *_ in FAULTS.values()} == set(unshown)


def test_the_manual_names_every_finding():
    sources = (ROOT / "forecourt" / "doctor").glob("*.py")
    told = set(
        re.findall(
            r'(?:Finding|Question)\(\s*"(\w+)"', "".join(f.read_text("utf8") for f in sources)
        )
    )
    manual = (ROOT / "docs" / "operators" / "doctor.md").read_text("utf8")
    assert len(told) > 40
    assert {code for code in told if f"`{code}`" not in manual} == set()
    rows = re.findall(r"^\| `(\w+)`", manual, re.M)
    assert sorted(rows) == sorted(told | {"not_looked_at"})


def test_a_transaction_left_prepared_is_found(stack, patient, monkeypatch):
    """What is an hour for a person is a moment here."""
    question = next(q for q in database.STATE if q.code == "old_transaction")
    soon = type(question)(
        question.code,
        question.query.replace("1 hour", "0 seconds"),
        question.what,
        question.why,
        question.todo,
    )
    with psycopg.connect(patient) as left:
        left.execute("select 1")
        process = left.info.backend_pid
        with psycopg.connect(patient, autocommit=True) as connection:
            found = database._ask(connection, soon)
    assert codes(found) == ["old_transaction"]
    assert str(process) in found[0].what


def test_a_question_that_fails_is_a_finding(patient):
    question = database.STATE[0]
    broken = type(question)("planted", "select from nowhere", "", "because", "so")
    with psycopg.connect(patient, autocommit=True) as connection:
        assert codes(database._ask(connection, broken)) == ["not_looked_at:planted"]


def test_a_database_that_is_away():
    assert codes(examine("postgresql://postgres@127.0.0.1:1/none")) == ["database_away"]


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_wrong_clock(patient, monkeypatch, hours):
    class Wrong(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(hours=hours)

    monkeypatch.setattr(database, "datetime", Wrong)
    [found] = examine(patient)
    assert (found.code, "36" in found.what) == ("clock", True)


# The API ------------------------------------------------------------------------------------------


GOTRUE = {"disable_signup": False, "mailer_autoconfirm": True, "external": {"email": True}}


class Answers(http.server.BaseHTTPRequestHandler):
    """A PostgREST that is set up wrongly: by profile, (status, body)."""

    said: ClassVar[dict[str | None, tuple[int, object]]] = {}
    date: ClassVar[str] = ""

    def do_GET(self) -> None:
        profile = self.headers["Accept-Profile"]
        status, body = self.said.get(profile, (406, {"code": "PGRST106"}))
        self.send_response_only(status)
        if self.date:
            self.send_header("Date", self.date)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def api() -> Iterator[tuple[str, type[Answers]]]:
    handler = type("Said", (Answers,), {"said": {"api": (401, {"code": "42501"})}, "date": ""})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"api": (200, [])}, "strangers_read"),
        ({"api": (404, {"code": "PGRST205"})}, "api_not_exposed"),
        ({"api": (406, {"code": "PGRST106"})}, "api_not_exposed"),
        ({"api": (503, {"code": "PGRST002"})}, "api_not_exposed"),
        ({"crm": (404, {"code": "PGRST205"})}, "exposed_schemas"),
        ({"public": (404, {"code": "PGRST205"})}, "exposed_schemas"),
        ({None: (200, GOTRUE | {"disable_signup": True})}, "auth_settings"),
        ({None: (200, GOTRUE | {"mailer_autoconfirm": False})}, "auth_settings"),
        ({None: (200, GOTRUE | {"external": {"email": False}})}, "auth_settings"),
        ({None: (200, GOTRUE | {"external": {"anonymous_users": True}})}, "auth_settings"),
    ],
)
def test_an_api_that_is_set_up_wrongly(api, said, code):
    url, handler = api
    handler.said[None] = (200, GOTRUE)
    assert examine_api(url, "k") == []
    handler.said |= said
    assert codes(examine_api(url, "k")) == [code]


def test_an_api_with_a_wrong_clock_or_none(api):
    url, handler = api
    handler.date = "Mon, 01 Jan 2024 00:00:00 GMT"
    assert codes(examine_api(url, "k")) == ["clock"]
    assert codes(examine_api("http://127.0.0.1:1", "k")) == ["api_away"]
    assert codes(examine_api("http://crm.invalid", "k", timeout=2)) == ["not_encrypted", "api_away"]


@pytest.mark.parametrize(
    ("days", "trusted", "fine"), [(90, True, True), (5, True, False), (90, False, False)]
)
def test_a_certificate(tmp_path, days, trusted, fine):
    made = subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            str(days),
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
        ],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    web.socket = server.wrap_socket(web.socket, server_side=True)
    thread = threading.Thread(target=web.serve_forever)
    thread.start()
    context = ssl.create_default_context(cafile=str(tmp_path / "cert.pem") if trusted else None)
    try:
        found = certificate("localhost", web.server_port, context)
    finally:
        web.shutdown()
        thread.join()
        web.server_close()
    assert codes(found) == ([] if fine else ["certificate"])


# Files and machine --------------------------------------------------------------------------------

SERVICE = (
    "eyJhbGciOiJIUzI1NiJ9."
    "eyJpc3MiOiJzdXBhYmFzZSIsInJlZiI6IngiLCJyb2xlIjoic2VydmljZV9yb2xlIiwiaWF0IjoxfQ.x"
)


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("config.json", '{"supabase_url": "x", "publishable_key": "sb_publishable_x"}', None),
        ("config.json", '{"supabase_url": "x"}', "config_json"),
        ("config.json", "[]", "config_json"),
        ("app.js", 'const k = "sb_secret_0123456789abcdef"', "secret_in_files"),
        ("deep/app.js", f'const k = "{SERVICE}"', "secret_in_files"),
        ("a.json", "postgresql://postgres:hunter2hunter2@db.example:5432/x", "secret_in_files"),
        ("b.json", "the operator's own", "secret_in_files"),
        ("c.js", "sb_secret_ begins a secret; postgresql://user:pw@", None),
    ],
)
def test_secrets_in_static_files(tmp_path, name, text, code):
    (tmp_path / "index.html").write_text("<html>")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    assert codes(examine_files(tmp_path, ("operator's own",))) == ([code] if code else [])


def test_a_full_disk_and_a_folder_for_everybody(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "settings.json").touch(mode=0o600)
    assert examine_home(home) == []
    (home / "settings.json").chmod(0o644)
    assert codes(examine_home(home)) == ["readable_by_others"]
    (home / "settings.json").chmod(0o600)
    monkeypatch.setattr(surroundings, "ROOM", 1 << 62)
    assert codes(examine_home(home)) == ["disk"]


# The command --------------------------------------------------------------------------------------


def run(*words: str, **environment: str) -> tuple[int, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SUPABASE_", "DATABASE_"))}
    done = subprocess.run(
        [sys.executable, "-m", "forecourt.cli", "doctor", *words],
        cwd=ROOT,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_the_command(stack, patient, tmp_path):
    home = {"FORECOURT_HOME": str(stack.home)}
    assert run(**home) == (0, "nothing is wrong\n")
    as_superuser(stack, "grant usage on schema api to anon")
    code, said = run("--database", patient, **home)
    assert (code, "[strangers_in_api]" in said, "why:" in said, "do:" in said) == (1,) + (True,) * 3
    code, said = run("--database", patient, "--json", **home)
    assert (code, [x["code"] for x in json.loads(said)]) == (1, ["strangers_in_api"])
    nothing = {"FORECOURT_HOME": str(tmp_path / "none")}
    assert run("--json", "--database", patient.replace("_patient", "_healthy"), **nothing) == (
        0,
        "[]\n",
    )
    assert run(**nothing)[0] == 1
    assert "--key" in run("--api", "http://127.0.0.1:1", **nothing)[1]
