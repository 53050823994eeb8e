"""The gateway against the real API, and against a network that lies: being offline signs nobody
out, an empty page deletes nothing."""

import asyncio
import time
from dataclasses import replace
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from forecourt.demo import sign_up
from shared.domain.problems import Offline, Rejected, SignedOut
from shared.gateway import members, sync
from shared.gateway.client import Gateway, make_http
from shared.gateway.session import MemoryStore, error_code, login_email
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
    """A fresh advisor with an account of their own: (identifier, store)."""
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
    await gateway.auth_session.sign_in(person[0], PASSWORD)
    mine = await members.whoami(gateway)
    assert [(m.role, m.scope) for m in mine] == [("advisor", "own")]


async def test_a_wrong_password_is_refused_in_one_word(gateway, person):
    with pytest.raises(Rejected) as refused:
        await gateway.auth_session.sign_in(person[0], "wrong")
    assert refused.value.code == "invalid_credentials"


def test_a_phone_number_stands_for_one_address():
    assert (
        login_email(" 138 0013 8000 ")
        == login_email("+8613800138000")
        == "13800138000@phone.forecourt.invalid"
    )
    assert login_email("Lin@Example.com") == "lin@example.com"


async def test_without_a_network_nobody_is_signed_out(gateway, weather, person):
    store = MemoryStore()
    gateway.auth_session._store = store
    await gateway.auth_session.sign_in(person[0], PASSWORD)
    gateway.auth_session.session = replace(
        gateway.auth_session.session, expires_at=time.time() - 86_400 * 30
    )
    for trouble in (
        httpx.ConnectError("down"),
        httpx.ReadTimeout("slow"),
        httpx.Response(503),
        httpx.Response(429),
        httpx.Response(200, text="<html>welcome to the airport</html>"),
    ):
        weather.say = lambda request, t=trouble: (
            t if isinstance(t, Exception) else httpx.Response(t.status_code, content=t.content)
        )
        with pytest.raises(Offline):
            await members.whoami(gateway)
    assert gateway.auth_session.session is not None
    assert await store.read() is not None
    weather.say = None
    assert (
        len(await members.whoami(gateway)) == 1
    )  # thirty days later, online again: one refresh and on


async def test_a_definite_refusal_signs_out(gateway, person):
    await gateway.auth_session.sign_in(person[0], PASSWORD)
    gateway.auth_session.session = replace(
        gateway.auth_session.session, refresh_token="nonsense", expires_at=0.0
    )
    await gateway.auth_session._store.write(None)  # and no other tab left a better one
    with pytest.raises(SignedOut):
        await members.whoami(gateway)
    assert gateway.auth_session.session is None


async def test_many_calls_refresh_once(gateway, weather, person):
    await gateway.auth_session.sign_in(person[0], PASSWORD)
    gateway.auth_session.session = replace(gateway.auth_session.session, expires_at=0.0)
    weather.seen.clear()
    await asyncio.gather(*(members.whoami(gateway) for _ in range(8)))
    assert sum("refresh_token" in url for url in weather.seen) == 1


async def test_a_captive_portal_is_no_answer(gateway, weather, person):
    await gateway.auth_session.sign_in(person[0], PASSWORD)
    for page in (
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"hello": 1}),
        httpx.Response(200, json=[]),
        httpx.Response(502, text="bad"),
        httpx.Response(200, content=b""),
    ):
        weather.say = lambda request, p=page: (
            httpx.Response(p.status_code, content=p.content, headers=p.headers, request=request)
            if "rest" in str(request.url)
            else None
        )
        with pytest.raises((Offline, Rejected)):
            await sync.pull(gateway, person[1], None, user_id=UUID(gateway.user_id))


async def test_another_stores_id_is_forbidden(gateway, person):
    await gateway.auth_session.sign_in(person[0], PASSWORD)
    with pytest.raises(Rejected) as refused:
        await sync.pull(gateway, uuid4(), None, user_id=UUID(gateway.user_id))
    assert refused.value.code == "forbidden"


async def test_nothing_personal_stands_in_a_url(gateway, weather, person):
    from shared.gateway import customers

    await gateway.auth_session.sign_in(person[0], PASSWORD)
    await customers.search(gateway, person[1], "13800138000")
    await customers.duplicates(gateway, person[1], phone="13800138000")
    assert not [url for url in weather.seen if "13800138000" in url or person[0] in url]


async def test_only_the_call_a_person_waits_for_has_more_patience(gateway, weather, person):
    await gateway.auth_session.sign_in(person[0], PASSWORD)
    seconds = []
    weather.say = lambda request: seconds.append(request.extensions["timeout"]["read"])
    for patience in (None, 300, None):
        await gateway.call("today", {"store_id": str(person[1])}, patience=patience)
    assert seconds == [15, 300, 15]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"code": 400, "error_code": "invalid_credentials", "msg": "x"}, "invalid_credentials"),
        ({"code": "user_already_exists", "message": "x"}, "user_already_exists"),
        ({"code": 422, "msg": "User already registered"}, "user_already_exists"),
        ({"code": 422, "msg": "Password should be at least 10 characters"}, "weak_password"),
        (
            {"error": "invalid_grant", "error_description": "Invalid login credentials"},
            "invalid_credentials",
        ),
        (
            {
                "error": "invalid_grant",
                "error_description": "Invalid Refresh Token: Refresh Token Not Found",
            },
            "refresh_token_not_found",
        ),
        (
            {"code": 400, "msg": "Invalid Refresh Token: Already Used"},
            "refresh_token_already_used",
        ),
        ({"error": "invalid_grant", "error_description": "anything else"}, "invalid_grant"),
        ({"code": 422, "error_code": "unknown", "msg": "invitation_unknown"}, "invitation_unknown"),
        ({"code": 422, "msg": "invitation_unknown"}, "invitation_unknown"),
        ({"code": 500, "msg": "anything"}, ""),
        ({}, ""),
    ],
)
def test_errors_of_old_and_new_auth_servers_are_understood(body, code):
    assert error_code(body) == code


@pytest.mark.parametrize(
    "body",
    [
        {"error": "invalid_grant", "error_description": "Invalid Refresh Token: Already Used"},
        {"code": 400, "msg": "Invalid Refresh Token: Refresh Token Not Found"},
        {"code": 400, "error_code": "refresh_token_not_found", "msg": "x"},
    ],
)
async def test_a_definite_refusal_in_any_form_signs_out(gateway, weather, person, body):
    await gateway.auth_session.sign_in(person[0], PASSWORD)
    gateway.auth_session.session = replace(gateway.auth_session.session, expires_at=0.0)
    await gateway.auth_session._store.write(None)
    weather.say = lambda request: (
        httpx.Response(400, json=body, request=request) if "refresh" in str(request.url) else None
    )
    with pytest.raises(SignedOut):
        await members.whoami(gateway)


async def test_an_instant_is_the_same_in_every_form(gateway, weather, person):
    """PostgREST writes 2026-11-29T03:19:02+00:00, Lite 2026-11-29 03:19:02+00."""
    await gateway.auth_session.sign_in(person[0], PASSWORD)
    seen = []
    for form in (
        "2026-11-29T03:19:02.5+00:00",
        "2026-11-29 03:19:02.5+00",
        "2026-11-29T03:19:02.500000Z",
        "2026-11-29T11:19:02.5+08:00",
    ):
        row = {"store_id": str(person[1]), "user_id": str(uuid4()), "id": str(uuid4())}
        row |= {"name": "x", "contact": "xxx", "role": "advisor", "invited_by": str(uuid4())}
        row |= {"created_at": form, "expires_at": form, "accepted_at": None}
        weather.say = lambda request, r=row: httpx.Response(200, json=[r], request=request)
        (found,) = await members.invitations(gateway, person[1])
        seen.append(found.expires_at)
    assert len(set(seen)) == 1


async def test_joining_needs_the_code_and_says_one_word(gateway):
    with pytest.raises(Rejected) as refused:
        await gateway.auth_session.sign_up(
            f"{uuid4().hex}@forecourt.example", PASSWORD, "WRONGCODE1"
        )
    assert refused.value.code == "invitation_unknown"
