"""The gateway against the real API, and against a network that lies: being offline signs nobody out, an empty page deletes nothing."""

import asyncio
import time
from dataclasses import replace
from uuid import uuid4

import httpx
import psycopg
import pytest

from forecourt.demo import sign_up
from shared.domain.problems import Offline, Refused, SignedOut
from shared.gateway import members, sync
from shared.gateway.client import Gateway, make_http
from shared.gateway.session import MemoryStore, sign_in_name
from tests.support.people import World


class Weather(httpx.AsyncBaseTransport):
    """The real network until `say` answers something else for a request."""

    def __init__(self) -> None:
        self.real = httpx.AsyncHTTPTransport()
        self.say = None
        self.seen: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(str(request.url))
        if self.say is not None and (answer := self.say(request)) is not None:
            if isinstance(answer, Exception):
                raise answer
            return answer
        return await self.real.handle_async_request(request)


@pytest.fixture
def person(stack):
    """A fresh advisor with an account of his own: (identifier, store)."""
    identifier = f"{uuid4().hex[:10]}@forecourt.example"
    user = sign_up(stack.supabase_url, stack.publishable_key, identifier)
    with psycopg.connect(stack.db_url) as connection:
        world = World(connection)
        world.users["me"] = user
        world.join("me", "east", "advisor")
        connection.commit()
    return identifier, world.stores["east"]


@pytest.fixture
async def weather():
    return Weather()


@pytest.fixture
async def gateway(stack, weather):
    http = make_http(weather)
    yield Gateway(stack.supabase_url, stack.publishable_key, http=http)
    await http.aclose()


PASSWORD = "zhanting-2026"


async def test_signing_in_and_asking_who_i_am(gateway, person):
    await gateway.keeper.sign_in(person[0], PASSWORD)
    mine = await members.whoami(gateway)
    assert [(m.role, m.scope) for m in mine] == [("advisor", "own")]


async def test_a_wrong_password_is_refused_in_one_word(gateway, person):
    with pytest.raises(Refused) as refused:
        await gateway.keeper.sign_in(person[0], "wrong")
    assert refused.value.code == "invalid_credentials"


def test_a_phone_number_stands_for_one_address():
    assert sign_in_name(" 138 0013 8000 ") == sign_in_name("+8613800138000") == "13800138000@phone.forecourt.invalid"
    assert sign_in_name("Lin@Example.com") == "lin@example.com"


async def test_without_a_network_nobody_is_signed_out(gateway, weather, person):
    store = MemoryStore()
    gateway.keeper._store = store
    await gateway.keeper.sign_in(person[0], PASSWORD)
    gateway.keeper.session = replace(gateway.keeper.session, expires_at=time.time() - 86_400 * 30)
    for trouble in (
        httpx.ConnectError("down"),
        httpx.ReadTimeout("slow"),
        httpx.Response(503),
        httpx.Response(429),
        httpx.Response(200, text="<html>welcome to the airport</html>"),
    ):
        weather.say = lambda request, t=trouble: t if isinstance(t, Exception) else httpx.Response(t.status_code, content=t.content)
        with pytest.raises(Offline):
            await members.whoami(gateway)
    assert gateway.keeper.session is not None
    assert await store.read() is not None
    weather.say = None
    assert len(await members.whoami(gateway)) == 1  # thirty days later, online again: one refresh and on


async def test_a_definite_refusal_signs_out(gateway, person):
    await gateway.keeper.sign_in(person[0], PASSWORD)
    gateway.keeper.session = replace(gateway.keeper.session, refresh_token="nonsense", expires_at=0.0)
    await gateway.keeper._store.write(None)  # and no other tab left a better one
    with pytest.raises(SignedOut):
        await members.whoami(gateway)
    assert gateway.keeper.session is None


async def test_many_calls_refresh_once(gateway, weather, person):
    await gateway.keeper.sign_in(person[0], PASSWORD)
    gateway.keeper.session = replace(gateway.keeper.session, expires_at=0.0)
    weather.seen.clear()
    await asyncio.gather(*(members.whoami(gateway) for _ in range(8)))
    assert sum("refresh_token" in url for url in weather.seen) == 1


async def test_a_captive_portal_is_no_answer(gateway, weather, person):
    await gateway.keeper.sign_in(person[0], PASSWORD)
    for page in (
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"hello": 1}),
        httpx.Response(200, json=[]),
        httpx.Response(502, text="bad"),
        httpx.Response(200, content=b""),
    ):
        weather.say = lambda request, p=page: (
            httpx.Response(p.status_code, content=p.content, headers=p.headers, request=request) if "rest" in str(request.url) else None
        )
        with pytest.raises((Offline, Refused)):
            await sync.pull(gateway, person[1], None)


async def test_another_stores_id_is_forbidden(gateway, person):
    await gateway.keeper.sign_in(person[0], PASSWORD)
    with pytest.raises(Refused) as refused:
        await sync.pull(gateway, uuid4(), None)
    assert refused.value.code == "forbidden"


async def test_nothing_personal_stands_in_a_url(gateway, weather, person):
    from shared.gateway import customers

    await gateway.keeper.sign_in(person[0], PASSWORD)
    await customers.search(gateway, person[1], "13800138000")
    await customers.duplicates(gateway, person[1], phone="13800138000")
    assert not [url for url in weather.seen if "13800138000" in url or person[0] in url]


async def test_only_the_call_a_person_waits_for_has_more_patience(gateway, weather, person):
    await gateway.keeper.sign_in(person[0], PASSWORD)
    seconds = []
    weather.say = lambda request: seconds.append(request.extensions["timeout"]["read"])
    for patience in (None, 300, None):
        await gateway.call("today", {"store_id": str(person[1])}, patience=patience)
    assert seconds == [15, 300, 15]
