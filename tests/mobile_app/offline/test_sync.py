"""Between phone and server, over a real API and a broken network: nothing lost, nothing twice,
nothing stuck, nothing deleted by mistake."""

import asyncio
import json
import random
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb

from shared.domain.problems import Offline, Problem, SignedOut
from shared.gateway import sync as remote
from tests.support.faults import pulls, pushes
from tests.support.people import new_id

HTML = "<html><body>欢迎来到酒店</body></html>"


def now() -> datetime:
    return datetime.now(UTC)


def count(world, table: str, **where) -> int:
    condition = " and ".join(f"{key} = %s" for key in where) or "true"
    return world.row(f"select count(*) from crm.{table} where {condition}", *where.values())


async def test_a_day_without_network_arrives_whole_and_once(phone, dealers):
    lin = await phone("lin")
    await lin.sync.once()
    lin.network.down = True
    customers = [await lin.new_customer(f"客户{n}", f"1390000{n:04d}") for n in range(30)]
    for customer in customers:
        await lin.log_conversation(customer, "约了周末试驾")
    with pytest.raises(Offline):
        await lin.sync.once()
    assert (lin.sync.state.pending, lin.sync.state.trouble) == (60, "offline")
    assert len(await lin.replica.customers(limit=100)) == 30  # on screen all the time
    lin.network.heal()
    start = time.perf_counter()
    await lin.sync.once()
    print(f"drain: 60 operations and the pull after them in {time.perf_counter() - start:.2f} s")
    assert (lin.sync.state.pending, lin.sync.state.rejected, lin.sync.state.trouble) == (
        0,
        0,
        None,
    )
    assert (
        count(dealers, "conversations", author_id=lin.user_id)
        == count(dealers, "customers", owner_id=lin.user_id)
        == 30
    )
    assert await lin.holds() == lin.should_hold()
    assert not any(pending for _, pending in await lin.replica.customers(limit=100))


@pytest.mark.parametrize("fault", ["lose_reply", "twice"])
async def test_a_lost_or_doubled_answer_makes_nothing_twice(phone, dealers, fault):
    lin = await phone("lin")
    customer = await lin.new_customer()
    await lin.log_conversation(customer)
    setattr(lin.network, fault, True)
    lin.network.only = pushes
    for _ in range(3):
        try:
            await lin.sync.once()
        except Offline:
            assert lin.sync.state.pending == 2  # not known to be done: they stay
    lin.network.heal()
    await lin.sync.once()
    assert (
        count(dealers, "conversations", customer_id=customer)
        == count(dealers, "customers", id=customer)
        == 1
    )
    assert count(dealers, "operations", user_id=lin.user_id) == 2
    assert (lin.sync.state.pending, lin.sync.state.rejected) == (0, 0)
    assert await lin.holds() == lin.should_hold()


async def test_a_refused_one_parks_and_the_rest_flows(phone, dealers):
    lin = await phone("lin")
    customer = await lin.new_customer()
    refused = await lin.log_conversation(customer, notes="")  # reached, and not a word
    await lin.log_conversation(customer, notes="第二次聊得更好")
    await lin.sync.once()
    assert (lin.sync.state.pending, lin.sync.state.rejected) == (0, 1)
    [rejected] = await lin.outbox.unacknowledged()
    assert (rejected.op_id, rejected.verb) == (refused, "log_conversation")
    assert ("notes", "required") in rejected.errors
    assert count(dealers, "conversations", customer_id=customer) == 1
    assert (
        await lin.holds() == lin.should_hold()
    )  # the refused talk is not shown as if it had happened
    await lin.outbox.discard(refused)
    await lin.sync.once()
    assert lin.sync.state.rejected == 0


async def test_the_queue_drains_by_itself_within_ten_seconds_of_healing(phone, dealers):
    lin = await phone("lin")
    loop = asyncio.create_task(lin.sync.run())
    await lin.until(lambda state: state.complete and not state.running, 10)
    lin.network.down = True
    customer = await lin.new_customer()
    lin.sync.wake()
    await lin.until(lambda state: state.trouble == "offline" and not state.running, 10)
    for _ in range(3):  # patience has grown to its longest
        lin.sync.wake()
        lin.told.clear()
        await lin.until(lambda state: state.running, 10)
        await lin.until(lambda state: not state.running, 10)
    lin.network.heal()
    took = await lin.until(lambda state: state.pending == 0 and not state.running, 10)
    print(f"drained {took:.1f} s after the network healed, untouched")
    loop.cancel()
    assert count(dealers, "customers", id=customer) == 1


async def test_a_busy_server_is_asked_again_when_it_said(phone):
    lin = await phone("lin")
    lin.network.instead = lambda: httpx.Response(
        429, headers={"retry-after": "7"}, json={"message": "slow down"}
    )
    with pytest.raises(Offline) as offline:
        await lin.sync.once()
    assert offline.value.retry_after == 7


ANSWERS = {
    "a hotel's page": lambda: httpx.Response(200, text=HTML, headers={"content-type": "text/html"}),
    "a hotel's page that calls itself json": lambda: httpx.Response(
        200, text=HTML, headers={"content-type": "application/json"}
    ),
    "a redirect to the hotel's page": lambda: httpx.Response(
        302, headers={"location": "http://10.0.0.1/"}
    ),
    "a proxy that forbids": lambda: httpx.Response(
        403, text=HTML, headers={"content-type": "text/html"}
    ),
    "a proxy that wants a name": lambda: httpx.Response(
        401, text=HTML, headers={"content-type": "text/html"}
    ),
    "an empty list": lambda: httpx.Response(200, json=[]),
    "an empty object": lambda: httpx.Response(200, json={}),
    "null": lambda: httpx.Response(200, json=None),
    "nothing": lambda: httpx.Response(200),
    "half an answer": lambda: httpx.Response(
        200, text='{"rows": {"custo', headers={"content-type": "application/json"}
    ),
    "busy": lambda: httpx.Response(503, json={"code": "PT503", "message": "busy"}),
    "broken": lambda: httpx.Response(500, json={"code": "XX000", "message": "internal"}),
    "gone": lambda: httpx.Response(502, text="bad gateway"),
    "not a member": lambda: httpx.Response(
        403, json={"code": "PT403", "message": "forbidden", "details": None, "hint": None}
    ),
    "anonymous": lambda: httpx.Response(
        401, json={"code": "42501", "message": "permission denied", "details": None, "hint": None}
    ),
}


@pytest.mark.parametrize("told", ANSWERS)
async def test_no_answer_but_the_servers_own_deletes_anything(phone, told):
    lin = await phone("lin")
    customer = await lin.new_customer()
    await lin.log_conversation(customer)
    await lin.sync.once()
    before, at = await lin.holds(), await lin.replica.position()
    waits = await lin.log_conversation(customer, notes="还没发出")
    mine = await lin.holds()
    lin.network.instead = ANSWERS[told]
    with pytest.raises(Problem):
        await lin.sync.once()
    assert await lin.holds() == mine
    assert await lin.replica.position() == at
    assert [UUID(op["op_id"]) for op in await lin.outbox.pending()] == [waits]
    assert lin.gateway.auth_session.session is not None
    lin.network.heal()
    await lin.sync.once()
    assert (await lin.holds())["customers"].keys() == before["customers"].keys()
    assert await lin.holds() == lin.should_hold()


async def test_someone_elses_page_is_not_taken(phone, dealers):
    lin, chen = await phone("lin"), await phone("chen")
    customer = await lin.new_customer()
    await lin.sync.once()
    other = (
        await chen.gateway.call(
            "sync_pull", {"store_id": str(dealers.stores["east"]), "cursor": None}
        )
    ) | {"rows": {}}
    lin.network.only, lin.network.instead = pulls, lambda: httpx.Response(200, json=other)
    with pytest.raises(Offline):
        await lin.sync.once()
    assert customer in (await lin.holds())["customers"]


async def test_a_session_that_ended_leaves_the_queue_untouched(phone):
    lin = await phone("lin")
    await lin.new_customer()
    await lin.gateway.auth_session.sign_out()
    with pytest.raises(SignedOut):
        await lin.sync.once()
    assert (lin.sync.state.trouble, lin.sync.state.pending) == ("signed_out", 1)


async def test_a_customer_given_to_a_colleague_leaves_one_phone_and_enters_the_other(
    phone, dealers
):
    lin, chen = await phone("lin"), await phone("chen")
    stays, goes = (
        await lin.new_customer("留下", "13900000001"),
        await lin.new_customer("离开", "13900000002"),
    )
    await lin.log_conversation(goes)
    await lin.sync.once()
    await chen.sync.once()
    dealers.db.execute("update crm.customers set owner_id = %s where id = %s", (chen.user_id, goes))
    dealers.db.commit()
    await lin.sync.once()
    await chen.sync.once()
    assert (await lin.holds())["customers"].keys() == {stays}
    assert (await chen.holds())["customers"].keys() == {goes}
    assert await lin.replica.search("likai") == []
    for device in (lin, chen):
        assert await device.holds() == device.should_hold()


async def test_narrower_rights_leave_the_disk_with_the_next_pull(phone, dealers):
    lin = await phone("lin")
    customer = str(new_id())
    payload = {
        "id": customer,
        "set": {
            "name": "预算先生",
            "phone": "13900000003",
            "source": "walk_in",
            "level": "near",
            "budget_fen": 98765400,
        },
    }
    await lin.do("save_customer", payload)
    await lin.sync.once()
    assert (await lin.holds())["customers"][customer].custom == {"budget_fen": 98765400}
    document = json.loads(
        json.dumps(
            dealers.row(
                "select document from crm.config_versions where store_id = %s order by version "
                "desc limit 1",
                dealers.stores["east"],
            )
        )
    )
    advisor = next(r for r in document["roles"] if r["key"] == "advisor")
    del advisor["rights"]["customer"]["budget_fen"]
    advisor["rights"]["customer"]["wechat"] = "read"
    version = dealers.row(
        "select config_version from crm.stores where id = %s", dealers.stores["east"]
    )
    dealers.ask(
        "liang",
        "select api.publish_config(%s, %s, %s)",
        dealers.stores["east"],
        Jsonb(document),
        version,
    )
    dealers.db.commit()
    lin.network.before = lambda request: asked.append(request)
    asked: list[httpx.Request] = []
    await lin.sync.once()
    kept = await lin.database.read(
        lambda c: [
            tuple(r)
            for r in c.execute(
                "select server_row, optimistic_row from rows "
                "union all select before, answer from outbox"
            )
        ]
    )
    assert "98765400" not in str(kept)
    assert "budget_fen" not in str(kept)
    config = await lin.replica.config()
    assert config is not None
    assert "budget_fen" not in config.rights("customer").readable
    assert await lin.holds() == lin.should_hold()


async def test_a_complete_round_takes_away_what_it_did_not_name(phone, dealers):
    lin = await phone("lin")
    customer = await lin.new_customer()
    await lin.sync.once()
    ghost = new_id()  # as after a restore of the server: a row it does not know any more

    def haunt(connection) -> None:
        row = json.dumps({"id": ghost, "version": 1, "name": "幽灵", "custom": {}})
        connection.execute(
            "insert into rows (form, id, customer_id, server_row, round) "
            "values ('customers', ?, ?, ?, 1)",
            (ghost, ghost, row),
        )
        connection.execute(
            'update about set value = \'{"since": 999999999, "stamp": "x"}\' where key = \'cursor\''
        )

    await lin.database.write(haunt)
    await lin.sync.once()
    assert (await lin.holds())["customers"].keys() == {customer}


async def test_a_round_cut_in_the_middle_deletes_nothing_and_goes_on_where_it_was(phone, dealers):
    lin = await phone("lin")
    for n in range(12):
        await lin.new_customer(f"客户{n}", f"1390000{n:04d}")
    await lin.sync.once()
    await lin.database.write(
        lambda c: c.execute("update about set value = '{}' where key = 'cursor'")
    )
    cursor, version = await lin.replica.position()
    page = await remote.pull(
        lin.gateway,
        dealers.stores["east"],
        cursor,
        user_id=lin.user_id,
        page_size=5,
        config_version=version,
    )
    assert page.reset
    assert page.more
    assert await lin.replica.apply_page(page, after=cursor)
    assert len((await lin.holds())["customers"]) == 12
    await lin.sync.once()
    assert await lin.holds() == lin.should_hold()


async def test_two_tabs_of_one_person_share_a_file(phone, dealers):
    one = await phone("lin")
    two = await phone("lin", file=one.database.file)
    for n in range(10):
        await (one if n % 2 else two).new_customer(f"客户{n}", f"1390000{n:04d}")
    await asyncio.gather(one.sync.once(), two.sync.once())
    await asyncio.gather(one.sync.once(), two.sync.once())
    assert count(dealers, "customers", owner_id=one.user_id) == 10
    assert await one.holds() == await two.holds() == one.should_hold()


async def test_a_late_page_of_the_other_tab_is_thrown_away(phone, dealers):
    lin = await phone("lin")
    for n in range(8):
        await lin.new_customer(f"客户{n}", f"1390000{n:04d}")
    lin.network.only, lin.network.down = pulls, True
    with pytest.raises(Offline):
        await lin.sync.once()
    lin.network.heal()
    first = await remote.pull(
        lin.gateway, dealers.stores["east"], None, user_id=lin.user_id, page_size=3
    )
    late = await remote.pull(
        lin.gateway, dealers.stores["east"], first.cursor, user_id=lin.user_id, page_size=3
    )
    await lin.sync.once()  # the quicker tab finished the round meanwhile
    assert not await lin.replica.apply_page(late, after=first.cursor)
    assert await lin.holds() == lin.should_hold()


async def test_my_act_stays_on_screen_while_someone_else_still_writes(phone, dealers, stack):
    lin = await phone("lin")
    customer = await lin.new_customer()
    await lin.sync.once()
    with psycopg.connect(stack.db_url) as slow:
        slow.execute(
            "insert into crm.groups (id, name) values (%s, 'slow')", (new_id(),)
        )  # an import of a minute, say
        await lin.do("save_customer", {"id": customer, "set": {"need": "七座"}}, 1)
        await lin.sync.once()
        assert lin.sync.state.pending == 0
        assert (await lin.holds())["customers"][customer].need == "七座"
        slow.rollback()
    await lin.sync.once()
    assert [pending for _, pending in await lin.replica.customers()] == [False]
    assert await lin.holds() == lin.should_hold()


@pytest.mark.parametrize("seed", range(4))
async def test_after_any_weather_every_phone_shows_what_the_server_would(phone, dealers, seed):
    dice = random.Random(seed)
    lin, chen, tab = await phone("lin"), await phone("chen"), None
    tab = await phone("lin", file=lin.database.file)
    shared_ids: list[tuple[str, str]] = []  # (whose, customer)

    async def act(device) -> None:
        mine = [c for who, c in shared_ids if who == device.name]
        match dice.randrange(6) if mine else 0:
            case 0:
                shared_ids.append(
                    (
                        device.name,
                        await device.new_customer(
                            f"客户{dice.randrange(999)}", f"139{dice.randrange(10**8):08d}"
                        ),
                    )
                )
            case 1:
                await device.log_conversation(
                    dice.choice(mine),
                    dice.choice(["聊了", "", "再约"]),
                    next_contact_on=str((now() + timedelta(days=dice.randrange(1, 9))).date()),
                )
            case 2:
                await device.do(
                    "save_customer",
                    {"id": dice.choice(mine), "set": {"need": f"需要{dice.randrange(99)}"}},
                    dice.choice([1, 1, 2, 3]),
                )
            case 3:
                vehicle = {
                    "id": new_id(),
                    "customer_id": dice.choice(mine),
                    "set": {"plate": f"沪A{dice.randrange(10**5):05d}"},
                }
                await device.do("save_vehicle", vehicle)
            case 4:
                deal = {
                    "id": new_id(),
                    "customer_id": dice.choice(mine),
                    "pipeline": "new_car",
                    "set": {"title": "途观", "amount_fen": dice.randrange(10**8)},
                }
                await device.do("save_deal", deal)
            case 5:
                operations = await device.database.read(
                    lambda c: [
                        r[0]
                        for r in c.execute(
                            "select op_id from outbox where verb <> 'undo' order by seq desc "
                            "limit 5"
                        )
                    ]
                )
                await device.outbox.undo(UUID(dice.choice(operations)), now=now())

    def weather(network) -> None:
        network.heal()
        network.only = dice.choice([pushes, pulls, lambda request: True])
        match dice.randrange(5):
            case 0:
                network.down = True
            case 1:
                network.lose_reply = True
            case 2:
                network.twice = True
            case 3:
                network.instead = ANSWERS[dice.choice([*ANSWERS])]

    for _ in range(25):
        for device in (lin, chen, tab):
            weather(device.network)
            for _ in range(dice.randrange(3)):
                await act(device)
        await asyncio.gather(
            *(device.sync.once() for device in (lin, chen, tab) if dice.random() < 0.7),
            return_exceptions=True,
        )
        if dice.random() < 0.2 and shared_ids:
            who, customer = shared_ids.pop(dice.randrange(len(shared_ids)))
            dealers.db.execute(
                "update crm.customers set owner_id = %s where id = %s",
                (dealers.users["chen" if who == "lin" else "lin"], customer),
            )
            dealers.db.commit()
    for device in (lin, chen, tab):
        device.network.heal()
    for device in (lin, chen, tab, lin):
        await device.sync.once()
    made = await lin.database.read(lambda c: c.execute("select count(*) from outbox").fetchone()[0])
    for device in (lin, chen, tab):
        assert device.sync.state.pending == 0  # nothing is stuck
        assert await device.holds() == device.should_hold()
    applied = await lin.database.read(
        lambda c: {r[0] for r in c.execute("select op_id from outbox where state = 'sent'")}
    )
    known = {
        str(r[0])
        for r in dealers.db.execute(
            "select op_id from crm.operations "
            "where user_id = %s and result ->> 'status' = 'applied'",
            (lin.user_id,),
        )
    }
    assert (
        applied == known
    )  # what the phone calls sent is what the server did, operation by operation
    assert made >= len(known) > 10
