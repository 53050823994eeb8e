"""T12: the login session over months: refused only by the server's definite word, never by the
network; the queue outlives it, sealed."""

import asyncio
import time
from dataclasses import replace

import httpx
import pytest

from shared.domain.problems import Offline, SignedOut
from shared.gateway import members
from tests.support.battery import Battery
from tests.support.people import new_id
from tests.support.phones import PASSWORD

NEW = {"name": "张三丰", "phone": "13800138000", "source": "walk_in", "level": "near"}


def reject(device, status: int, code: str) -> None:
    """The auth server's own no, to a refresh."""
    device.network.only = lambda request: "/token" in request.url.path
    device.network.instead = lambda: httpx.Response(
        status, json={"code": status, "error_code": code, "msg": code}
    )


def end(gateway, *, days: float = 0) -> None:
    gateway.auth_session.session = replace(
        gateway.auth_session.session, expires_at=time.time() - days * 86400
    )


async def test_a_lost_answer_to_a_refresh_is_asked_for_again(phone):
    lin = await phone("lin")
    end(lin.gateway)
    lin.network.only, lin.network.lose_reply = (lambda request: "/token" in request.url.path), True
    with pytest.raises(Offline):
        await members.whoami(lin.gateway)
    lin.network.heal()
    assert len(await members.whoami(lin.gateway)) == 1


async def test_thirty_days_without_a_network_and_back(phone, dealers):
    lin = await phone("lin")
    await lin.new_customer()
    end(lin.gateway, days=30)
    lin.network.down = True
    for _ in range(3):
        with pytest.raises(Offline):
            await lin.sync.once()
    assert lin.gateway.auth_session.session is not None
    lin.network.heal()
    await lin.sync.once()
    assert lin.sync.state.pending == 0


@pytest.mark.parametrize(
    ("status", "code"),
    [
        pytest.param(400, "refresh_token_already_used", id="a lost answer, too long ago"),
        pytest.param(403, "session_not_found", id="signed out elsewhere"),
        pytest.param(400, "refresh_token_not_found", id="password changed"),
        pytest.param(403, "user_banned", id="banned"),
    ],
)
async def test_a_definite_no_asks_to_sign_in_and_leaves_the_queue(
    app_device, dealers, status, code
):
    lin = await app_device("lin")
    lin.network.down = True
    op_id = await lin.session.act("save_customer", {"id": new_id(), "set": NEW})
    lin.network.heal()
    reject(lin, status, code)
    end(lin.session.services.gateway)
    lin.session.local_store.sync.wake()
    await lin.until(lambda session: session.phase == "signed_out")
    lin.network.heal()
    await lin.session.sign_in(dealers.logins["lin"], PASSWORD)
    await lin.until(
        lambda session: (
            session.sync.complete and session.sync.pending == 0 and not session.sync.running
        )
    )
    assert (
        dealers.row("select result ->> 'status' from crm.operations where op_id = %s", op_id)
        == "applied"
    )


@pytest.mark.parametrize("status", [401, 403, 404, 407, 500, 502, 503])
async def test_a_proxys_no_ends_no_session(phone, status):
    lin = await phone("lin")
    end(lin.gateway)
    lin.network.only = lambda request: "/token" in request.url.path
    lin.network.instead = lambda: httpx.Response(status, json={"message": "blocked by the hotel"})
    with pytest.raises(Offline):
        await members.whoami(lin.gateway)
    assert lin.gateway.auth_session.session is not None


async def test_another_person_on_the_same_phone_finds_a_sealed_book(app_device, dealers):
    device = await app_device("lin")
    customer = new_id()
    await device.session.act("save_customer", {"id": customer, "set": NEW})
    await device.until(lambda session: session.sync.pending == 0 and not session.sync.running)
    device.network.down = True
    waits = await device.session.act(
        "save_customer", {"id": customer, "set": {"need": "林的秘密"}}, base_version=1
    )
    await device.session.sign_out()
    device.network.heal()
    await device.session.sign_in(dealers.logins["chen"], PASSWORD)
    await device.until(lambda session: session.sync.complete and not session.sync.running)
    local_store = device.session.local_store
    assert await local_store.replica.customers() == []
    assert await local_store.replica.search("张三丰") == []
    assert await local_store.outbox.unacknowledged() == []
    assert await local_store.replica.card(customer) is None
    assert (
        dealers.row("select count(*) from crm.operations where op_id = %s", waits) == 0
    )  # not sent in anybody else's name
    await device.session.sign_out()
    await device.session.sign_in(dealers.logins["lin"], PASSWORD)
    await device.until(
        lambda session: (
            session.sync.complete and session.sync.pending == 0 and not session.sync.running
        )
    )
    assert dealers.db.execute(
        "select user_id from crm.operations where op_id = %s", (waits,)
    ).fetchone() == (dealers.users["lin"],)
    dealers.db.rollback()


async def test_two_people_in_one_process_share_nothing(app_device, dealers):
    """Served on the web, the server's disk is the device: a folder each, and no state beside it."""
    lin, chen = await app_device("lin"), await app_device("chen")
    await asyncio.gather(
        *(
            d.session.act("save_customer", {"id": new_id(), "set": {**NEW, "name": name}})
            for d, name in ((lin, "林的客户"), (chen, "陈的客户"))
        )
    )
    for device in (lin, chen):
        await device.until(lambda session: session.sync.pending == 0 and not session.sync.running)
    for device, mine, other in ((lin, "林的客户", "陈的客户"), (chen, "陈的客户", "林的客户")):
        assert [c.name for c, _ in await device.session.local_store.replica.customers()] == [mine]
        assert await device.session.local_store.replica.search(other) == []
        assert device.session.local_store.database.file.parent.name == str(
            device.session.me.user_id
        )


async def one_address(phone, devices: int) -> Battery:
    """After a router's restart everybody refreshes from one address; a limiter lets a few through a
    second."""
    battery = Battery("T12", "Phones behind one address, refreshes limited (429)", seeds="-")
    fleet = [await phone("lin") for _ in range(devices)]
    allowed, refused, at = [0.0, 0.0], [0], []

    def limited(request) -> httpx.Response | None:
        now = time.monotonic()
        if now - allowed[0] > 1:
            allowed[0], allowed[1] = now, 0
        allowed[1] += 1
        if allowed[1] > 8:
            refused[0] += 1
            return httpx.Response(
                429,
                headers={"retry-after": "1"},
                json={"error_code": "over_request_rate_limit", "msg": "slow down"},
            )
        at.append(now)
        return None

    for device in fleet:
        await device.new_customer()
        end(device.gateway)

        def before(request, device=device) -> None:
            answer = limited(request) if "/token" in request.url.path else None
            device.network.instead = (lambda a=answer: a) if answer is not None else None

        device.network.before = before
    started = time.monotonic()
    loops = [asyncio.create_task(device.sync.run()) for device in fleet]
    await asyncio.gather(
        *(
            device.until(
                lambda state: state.complete and state.pending == 0 and not state.running, 60
            )
            for device in fleet
        )
    )
    took = time.monotonic() - started
    for loop in loops:
        loop.cancel()
    signed_out = sum(device.gateway.auth_session.session is None for device in fleet)
    battery.row(
        **{
            "phones": devices,
            "answered 429": refused[0],
            "signed out": signed_out,
            "all drained after, s": round(took, 1),
        }
    )
    battery.finish()
    assert signed_out == 0
    assert refused[0] > 0
    return battery


async def test_phones_behind_one_address_all_come_back(phone):
    await one_address(phone, 12)


@pytest.mark.long
async def test_sixty_phones_behind_one_address_all_come_back(phone):
    await one_address(phone, 60)


async def test_a_session_that_cannot_be_read_asks_to_sign_in_and_harms_nothing(app_device, dealers):
    lin = await app_device("lin")
    lin.network.down = True
    await lin.session.act("save_customer", {"id": new_id(), "set": NEW})
    lin.preferences.kept["identity"] = "garbled by a restore"
    session = await lin.restart()
    assert session.phase == "signed_out"
    lin.network.heal()
    with pytest.raises(SignedOut):
        await session.services.gateway.auth_session.token()
    await session.sign_in(dealers.logins["lin"], PASSWORD)
    await lin.until(lambda s: s.sync.complete and s.sync.pending == 0 and not s.sync.running)
    assert (
        dealers.row("select count(*) from crm.operations where user_id = %s", dealers.users["lin"])
        == 1
    )
    dealers.db.rollback()
