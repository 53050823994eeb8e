"""Guessing is limited, coming back is not; one person's slow calls are their own."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import psycopg
import pytest

from forecourt.demo import PASSWORD, sign_up
from forecourt.migrate import apply_migrations
from forecourt.stack import Stack
from tests.support.stack import embedded_only

SLOW = """
create function api.nap(seconds float8) returns void language sql volatile set search_path = ''
  begin atomic select pg_catalog.pg_sleep(seconds); end;
create function api.long_nap(seconds float8) returns void language sql volatile
  set search_path = '' set statement_timeout = '20s'
  begin atomic select pg_catalog.pg_sleep(seconds); end;
create function api.setting(name text) returns text language sql stable set search_path = ''
  begin atomic select pg_catalog.current_setting(name); end;
grant execute on function api.nap(float8), api.long_nap(float8), api.setting(text) to authenticated;
"""


@pytest.fixture
def api(stack: Stack):
    """Each test with limits of its own: they are counted in the process of the API."""
    embedded_only(stack)
    stack.restart_api()
    headers = {"apikey": stack.publishable_key, "Content-Profile": "api", "Accept-Profile": "api"}
    with httpx.Client(
        base_url=stack.supabase_url, headers=headers, trust_env=False, timeout=60
    ) as found:
        yield found


@pytest.fixture
def slow(stack: Stack, tmp_path):
    embedded_only(stack)
    (tmp_path / "20991231000001_slow.sql").write_text(SLOW)
    apply_migrations(stack.db_url, lambda line: None, tmp_path)
    yield
    with psycopg.connect(stack.db_url) as connection:
        connection.execute("drop function api.nap(float8), api.long_nap(float8), api.setting(text)")
        connection.execute("delete from forecourt.migrations where name = 'slow'")
    stack.restart_api()


def account(stack: Stack) -> str:
    email = f"{uuid4().hex}@forecourt.example"
    sign_up(stack.supabase_url, stack.publishable_key, email)
    return email


def sign_in(api: httpx.Client, email: str, password: str = PASSWORD) -> httpx.Response:
    return api.post(
        "/auth/v1/token?grant_type=password", json={"email": email, "password": password}
    )


def token_of(api: httpx.Client, email: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {sign_in(api, email).json()['access_token']}"}


@pytest.mark.parametrize("at_once", [1, 16], ids=["one by one", "all at once"])
def test_a_password_cannot_be_guessed(stack, api, at_once):
    email = account(stack)
    spellings = [email, email.upper(), f" {email}", email.title()]
    with ThreadPoolExecutor(at_once) as pool:
        answers = list(
            pool.map(lambda n: sign_in(api, spellings[n % 4], f"guess-{n}-2026"), range(40))
        )
    assert sum(answer.status_code == 400 for answer in answers) <= 10
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) >= 30
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    assert sign_in(api, email).status_code == 429  # and the right one does not tell either
    assert sign_in(api, account(stack)).status_code == 200  # nobody else is concerned


def test_sixty_phones_behind_one_address_come_back(stack, api):
    email = account(stack)
    sessions = [sign_in(api, email).json() for _ in range(60)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda s: api.post(
                    "/auth/v1/token?grant_type=refresh_token",
                    json={"refresh_token": s["refresh_token"]},
                ),
                sessions,
            )
        )
    assert [answer.status_code for answer in answers] == [200] * 60


def test_an_unknown_account_answers_as_slowly_as_a_known_one(stack, api):
    email = account(stack)

    def seconds(name: str) -> float:
        began = time.monotonic()
        assert sign_in(api, name, "wrong-2026").status_code == 400
        return time.monotonic() - began

    known = min(seconds(email) for _ in range(4))
    unknown = min(seconds(f"{uuid4().hex}@forecourt.example") for _ in range(4))
    assert unknown >= 0.25
    assert known >= 0.25


async def test_slow_calls_of_one_person_do_not_stop_the_others(stack, api, slow):
    stack.restart_api()
    greedy, other = (token_of(api, account(stack)) for _ in range(2))
    async with httpx.AsyncClient(
        base_url=stack.supabase_url, headers=api.headers, trust_env=False, timeout=60
    ) as client:
        naps = [
            asyncio.create_task(
                client.post("/rest/v1/rpc/nap", json={"seconds": 3}, headers=greedy)
            )
            for _ in range(60)
        ]
        refused: list[httpx.Response] = []
        while len(refused) < 10:  # those beyond the line are told so at once
            done, _ = await asyncio.wait(naps, timeout=30, return_when=asyncio.FIRST_COMPLETED)
            refused = [task.result() for task in done if task.result().status_code == 429]
        first = refused[0]
        assert int(first.headers["retry-after"]) > 0
        began = time.monotonic()
        answer = await client.get("/rest/v1/whoami", headers=other)
        assert answer.status_code == 200
        assert time.monotonic() - began < 2
        for task in naps:
            task.cancel()


def test_a_statement_ends_after_eight_seconds(stack, api, slow):
    stack.restart_api()
    token = token_of(api, account(stack))
    began = time.monotonic()
    answer = api.post("/rest/v1/rpc/nap", json={"seconds": 30}, headers=token)
    assert (answer.status_code, answer.json()["code"]) == (500, "57014")
    assert 7 < time.monotonic() - began < 12


def test_a_function_with_a_longer_limit_of_its_own_has_it(stack, api, slow):
    """PostgREST hoists it; Postgres itself ignores a timeout that is set within the statement."""
    stack.restart_api()
    token = token_of(api, account(stack))
    answer = api.post("/rest/v1/rpc/long_nap", json={"seconds": 9}, headers=token)
    assert answer.status_code == 204 or answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("statement_timeout", "8s"),
        ("lock_timeout", "8s"),
        ("idle_in_transaction_session_timeout", "30s"),
    ],
)
def test_a_connection_of_the_api_has_limits(stack, api, slow, setting, value):
    """Lite ignores the settings of the caller's role, so they are set on its connections."""
    stack.restart_api()
    token = token_of(api, account(stack))
    answer = api.post("/rest/v1/rpc/setting", json={"name": setting}, headers=token)
    assert answer.json() == value
