"""Slow calls of one person are their own: another store hardly notices them, and they end."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from statistics import median

import httpx
import psycopg
import pytest

from forecourt.demo import DemoUser
from forecourt.migrate import apply_migrations
from forecourt.stack import Stack
from tests.support.stack import embedded_only

# What callers could make slow is refused (query_guard.mjs, decision 0025), so these functions
# stand for the slow call that nobody has thought of. One waits, one keeps a processor busy, and
# one has a time limit of its own, as preview_rules and revert_import have.
SLOW = r"""
create function api.wait_for(seconds float8) returns void language sql volatile
  set search_path = ''
  begin atomic select pg_catalog.pg_sleep(seconds); end;
create function api.compute_for(seconds float8) returns void language plpgsql volatile
  set search_path = ''
  as $$
  declare
    began constant timestamptz := pg_catalog.clock_timestamp();
  begin
    while pg_catalog.clock_timestamp() < began + seconds * interval '1 second' loop
      perform pg_catalog.repeat('ab', 12) ~ '^(.+)(.+)(.+)\3\2\1$';
    end loop;
  end $$;
create function api.wait_long(seconds float8) returns void language sql volatile
  set search_path = '' set statement_timeout = '12s'
  begin atomic select pg_catalog.pg_sleep(seconds); end;
grant execute on function api.wait_for(float8), api.compute_for(float8), api.wait_long(float8)
  to authenticated;
"""
FUNCTIONS = ("wait_for", "compute_for", "wait_long")
AT_ONCE = 8
ROUNDS = 5
CALLS = 12  # per round, once while it is quiet and once while the slow calls run
SLOW_SECONDS = 0.4  # of one call; they outlast the calls that are timed
LONGEST = 60.0  # seconds; far beyond the limits, so that the client never ends a call itself


@pytest.fixture(scope="module")
def slow(stack: Stack, people, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The API with the slow functions, and with limits that no other test has used up."""
    embedded_only(stack)
    folder = tmp_path_factory.mktemp("slow")
    (folder / "20991231000002_noisy_neighbour.sql").write_text(SLOW)
    apply_migrations(stack.db_url, lambda line: None, folder)
    stack.restart_api()
    yield
    with psycopg.connect(stack.db_url) as connection:
        for function in FUNCTIONS:
            connection.execute(f"drop function api.{function}(float8)")
        connection.execute("delete from forecourt.migrations where name = 'noisy_neighbour'")
    stack.restart_api()


@asynccontextmanager
async def signed_in(stack: Stack, user: DemoUser) -> AsyncIterator[httpx.AsyncClient]:
    """That person's own connection to the API."""
    headers = {"apikey": stack.publishable_key}
    async with httpx.AsyncClient(
        base_url=stack.supabase_url, headers=headers, trust_env=False, timeout=LONGEST
    ) as client:
        answer = await client.post(
            "/auth/v1/token?grant_type=password",
            json={"email": user.email, "password": user.password},
        )
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


async def ask_who(client: httpx.AsyncClient) -> float:
    """The seconds that `whoami` takes."""
    began = time.perf_counter()
    answer = await client.get("/rest/v1/whoami")
    seconds = time.perf_counter() - began
    assert (answer.status_code, len(answer.json())) == (200, 1), answer.text
    return seconds


async def call_long(client: httpx.AsyncClient) -> float:
    """The seconds that a function with a time limit of its own takes when it has little to do."""
    began = time.perf_counter()
    answer = await client.post("/rest/v1/rpc/wait_long", json={"seconds": 0})
    seconds = time.perf_counter() - began
    assert answer.status_code in (200, 204), answer.text
    return seconds


def call_slowly(
    client: httpx.AsyncClient, function: str, seconds: float
) -> list[asyncio.Task[httpx.Response]]:
    path = f"/rest/v1/rpc/{function}"
    return [
        asyncio.create_task(client.post(path, json={"seconds": seconds})) for _ in range(AT_ONCE)
    ]


def running_calls(stack: Stack, function: str) -> int:
    """How many calls of that function the database works on."""
    with psycopg.connect(stack.admin_db_url) as connection:  # others do not see the statements
        found = connection.execute(
            """
            select count(*)
            from pg_stat_activity
            where state = 'active'
              and pid <> pg_backend_pid()
              and query like %s""",
            (f"%{function}%",),
        ).fetchone()
    return found[0] if found else 0


async def until_running(stack: Stack, function: str) -> None:
    async with asyncio.timeout(10):
        running = 0
        while running == 0:
            running = await asyncio.to_thread(running_calls, stack, function)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("function", "ask"),
    [
        ("wait_for", ask_who),
        ("compute_for", ask_who),
        ("wait_long", ask_who),
        ("wait_long", call_long),
    ],
)
async def test_slow_calls_leave_another_store_at_most_twice_its_time(
    stack, people, slow, function, ask
):
    """Quiet and busy rounds take turns, so that other load of the machine is in both medians."""
    quiet, busy = [], []
    async with (
        signed_in(stack, people["lin"]) as greedy,
        signed_in(stack, people["west"]) as neighbour,
    ):
        for _ in range(5):  # the first calls open connections
            await ask(neighbour)
        for _ in range(ROUNDS):
            quiet += [await ask(neighbour) for _ in range(CALLS)]
            calls = call_slowly(greedy, function, SLOW_SECONDS)
            await until_running(stack, function)
            for _ in range(CALLS):
                seconds = await ask(neighbour)
                if any(not call.done() for call in calls):
                    busy.append(seconds)
            answers = await asyncio.gather(*calls)
            assert {answer.status_code for answer in answers} <= {200, 204, 429, 503}
    figures = f"quiet {median(quiet) * 1000:.1f} ms, busy {median(busy) * 1000:.1f} ms"
    print(f"\n{function}, {ask.__name__}: {figures}, {len(busy)} busy calls")
    assert median(busy) <= 2 * median(quiet), figures
    assert len(busy) >= ROUNDS * CALLS // 2, "the slow calls ended too early to tell"


@pytest.mark.parametrize("function", FUNCTIONS)
async def test_slow_calls_end_and_the_person_is_served_again(stack, people, slow, function):
    async with signed_in(stack, people["lin"]) as greedy:
        began = time.monotonic()
        answers = await asyncio.gather(*call_slowly(greedy, function, LONGEST))
        assert time.monotonic() - began < 30
        ended = [answer for answer in answers if answer.status_code == 500]
        assert ended
        assert {answer.json()["code"] for answer in ended} == {"57014"}
        refused = [answer for answer in answers if answer.status_code in (429, 503)]
        assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
        assert len(ended) + len(refused) == AT_ONCE
        await ask_who(greedy)
        await call_long(greedy)
    assert running_calls(stack, function) == 0
