"""T6: every fault at every call, by seeds: 0 lost, 0 doubled, 0 wrong "saved", 0 stuck; and the
queue drains by itself once the network heals."""

import asyncio
import os
import random
import ssl
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import httpx
import pytest

from mobile_app.offline.attachments import NewAttachment
from shared.domain.problems import Problem
from shared.gateway import client
from tests.support.battery import Battery, Verdict, judge
from tests.support.files import wav
from tests.support.people import new_id
from tests.support.phones import AGREED, Phone
from tests.support.proxy import FAULTS, FaultProxy, clear

SECONDS = httpx.Timeout(
    1.0
)  # the phone's patience with a call that stalls, so that it costs a run no quarter of a minute
OPERATIONS = (
    "new customer",
    "conversation",
    "change",
    "conflict",
    "cancel request",
    "undo",
    "attachment",
    "pull",
    "refresh",
)
PATHS = {"attachment": "upload_attachment", "pull": "sync_pull", "refresh": "/token"}
BEFORE_THE_WIRE = ("dns", "tls", "clock_tls")  # they fail in the client, before a byte leaves


@pytest.fixture
async def proxy(stack) -> AsyncIterator[FaultProxy]:
    found = await FaultProxy(stack.supabase_url).start()
    yield found
    await found.stop()


def once(fault: str, where: str, at: int) -> Callable[[str], tuple[str, ...]]:
    """The fault at the `at`-th request of that path."""
    seen = [0]

    def weather(path: str) -> tuple[str, ...]:
        if where not in path:
            return ()
        seen[0] += 1
        return (fault,) if seen[0] == at else ()

    return weather


class Worker:
    """One phone that does every kind of work; remembers what it promised."""

    def __init__(self, phone: Phone, dice: random.Random) -> None:
        self.phone, self.dice, self.promised, self.conversations = phone, dice, set(), 0
        self.customer = ""

    async def _do(
        self, verb: str, payload: dict[str, Any], base: int | None = None, **more: Any
    ) -> None:
        self.promised.add(str(await self.phone.do(verb, payload, base, **more)))

    async def prepare(self) -> None:
        self.customer = await self.phone.new_customer(
            f"客户{self.dice.randrange(9999)}", f"139{self.dice.randrange(10**8):08d}"
        )
        await self.phone.sync.once()

    async def act(self, operation: str) -> None:
        n = self.dice.randrange(10**6)
        conversation = {
            "id": new_id(),
            "customer_id": self.customer,
            "outcome": "interested",
            "level": "near",
            "notes": f"第{n}次聊",
        }
        match operation:
            case "new customer":
                await self._do(
                    "save_customer",
                    {
                        "id": new_id(),
                        "set": {
                            "name": f"新客{n}",
                            "phone": f"138{n:08d}",
                            "source": "walk_in",
                            "level": "near",
                        },
                    },
                )
            case "conversation":
                await self._do("log_conversation", conversation)
            case "change" | "conflict":
                await self._do(
                    "save_customer", {"id": self.customer, "set": {"need": f"需要{n}"}}, 1
                )
            case "cancel request":
                tasks = [
                    t for t in (await self.phone.holds())["tasks"].values() if t.status == "open"
                ]
                if not tasks:
                    await self._do(
                        "log_conversation",
                        {
                            **conversation,
                            "next_contact_on": str(
                                (self.phone.clock.now() + timedelta(days=3)).date()
                            ),
                        },
                    )
                    await self.phone.sync.once()
                    tasks = [
                        t
                        for t in (await self.phone.holds())["tasks"].values()
                        if t.status == "open"
                    ]
                await self._do(
                    "request_cancellation",
                    {
                        "id": new_id(),
                        "task_id": str(self.dice.choice(tasks).id),
                        "reason": "unreachable",
                        "notes": f"打不通{n}",
                    },
                )
            case "undo":
                op_id = await self.phone.do("log_conversation", conversation)
                self.promised.add(str(op_id))
                await self.phone.outbox.undo(op_id, now=self.phone.clock.now())
            case "attachment":
                await self._do(
                    "log_conversation",
                    conversation,
                    attachments=(
                        NewAttachment(
                            "voice", "audio/wav", wav(self.dice.randbytes(300_000)), AGREED
                        ),
                    ),
                )
            case "refresh":
                auth_session = self.phone.gateway.auth_session
                assert auth_session.session is not None
                object.__setattr__(auth_session.session, "expires_at", 0.0)
                await self._do("log_conversation", conversation)


async def run_one(
    worker: Worker, proxy: FaultProxy, fault: str, operation: str, dealers
) -> tuple[bool, bool]:
    """One run; whether the phone noticed, and whether it drained at its first try after the network
    healed."""
    phone = worker.phone
    if operation == "conflict":
        dealers.db.execute(
            "update crm.customers set need = %s where id = %s",
            (f"别人写的{worker.dice.random()}", worker.customer),
        )
        dealers.db.commit()
    await worker.act(operation)
    if fault in BEFORE_THE_WIRE:
        error = {
            "dns": httpx.ConnectError("[Errno -2] Name or service not known"),
            "tls": httpx.ConnectError("TLSV1_ALERT"),
            "clock_tls": httpx.ConnectError("certificate is not yet valid"),
        }[fault]
        error.__cause__ = ssl.SSLError("handshake") if "tls" in fault else OSError("getaddrinfo")

        def broken(request: httpx.Request) -> None:
            if PATHS.get(operation, "sync_push") in request.url.path:
                raise error

        phone.network.before = broken
    else:
        proxy.weather = once(
            fault,
            PATHS.get(operation, "sync_push"),
            worker.dice.choice([1, 1, 2] if operation == "attachment" else [1]),
        )
    noticed = False
    with patch.object(client, "TIMEOUTS", SECONDS if fault == "stalled" else client.TIMEOUTS):
        try:
            await phone.sync.once()
        except Problem:
            noticed = True
    proxy.weather, phone.network.before = clear, None
    try:
        await phone.sync.once()
    except Problem:  # a limiter that asked to be left alone for a second
        await phone.sync.once()
    return noticed, phone.sync.state.pending == 0


async def battery_of(
    phone, proxy: FaultProxy, dealers, seeds: range, operations: int = len(OPERATIONS)
) -> Battery:
    """`operations`: how many of them each fault meets at each seed; fewer than all rotate."""
    battery = Battery(
        "T6",
        "Network faults × operations × seeds, over real sockets",
        seeds=f"{seeds.start}…{seeds.stop - 1}",
    )
    device: Phone = await phone("lin", url=proxy.url)
    total = Verdict()

    def chosen(fault: str, seed: int) -> list[str]:
        start = ([*FAULTS, *BEFORE_THE_WIRE].index(fault) + seed) * operations
        return [OPERATIONS[(start + k) % len(OPERATIONS)] for k in range(operations)]

    for fault in (*FAULTS, *BEFORE_THE_WIRE):
        runs = noticed = stuck = apart = 0
        promised: set[str] = set()
        for seed in seeds:
            worker = Worker(device, random.Random(f"{fault}{seed}"))
            await worker.prepare()
            for operation in chosen(fault, seed):
                saw, drained = await run_one(worker, proxy, fault, operation, dealers)
                runs, noticed, stuck = runs + 1, noticed + saw, stuck + (not drained)
            promised |= worker.promised
            await (
                device.sync.once()
            )  # a file that was sent after the last pull is in the local data with the next one
            apart += await device.holds() != device.should_hold()
            for row in (
                await device.outbox.unacknowledged()
            ):  # refused by rule, and told so: the next seed begins with a clean list
                await device.outbox.discard(row.op_id)
        found = await judge(device, promised - await refused_ids(dealers, device), dealers.db)
        found.stuck += stuck
        battery.row(
            fault=fault,
            runs=runs,
            noticed=noticed,
            **found.figures(),
            **{"local data differs": apart},
        )
        total = Verdict(
            total.lost + found.lost,
            total.doubled + found.doubled,
            total.stuck + found.stuck,
            total.wrong_saved + found.wrong_saved + apart,
        )
    battery.row(
        fault="all",
        runs=sum(r["runs"] for r in battery.rows),
        noticed=sum(r["noticed"] for r in battery.rows),
        **total.figures(),
        **{"local data differs": sum(r["local data differs"] for r in battery.rows)},
    )
    battery.finish()
    assert total.clean
    return battery


async def refused_ids(dealers, device: Phone) -> set[str]:
    """Operations the server refused or answered by a conflict: they were told to the person, who
    gave them up in this battery."""
    rows = dealers.db.execute(
        "select op_id::text from crm.operations where user_id = %s and result ->> 'status' in "
        "('rejected', 'conflict')",
        (device.user_id,),
    )
    found = {r[0] for r in rows}
    dealers.db.rollback()
    return found


async def test_every_fault_at_every_call(phone, proxy, dealers):
    battery = await battery_of(phone, proxy, dealers, range(1), operations=2)
    assert battery.rows[-1]["runs"] >= 44


@pytest.mark.long
async def test_every_fault_at_every_call_by_25_seeds(phone, proxy, dealers):
    seeds = int(os.environ.get("FORECOURT_SEEDS", "25"))  # fewer for a quick look
    battery = await battery_of(phone, proxy, dealers, range(1, seeds + 1))
    assert battery.rows[-1]["runs"] >= 14 * 8 * seeds


async def partitions(phone, dealers, count: int, devices: int, seed: int) -> Battery:
    """Phones whose loops run; the network goes and comes back at random moments; nobody taps
    anything."""
    battery = Battery(
        "T6-partitions", "Partitions: the queue drains without a tap", seeds=str(seed)
    )
    dice = random.Random(seed)
    fleet: list[Phone] = [await phone("lin") for _ in range(devices)]
    slowest, stuck, runs, all_operations = [], 0, 0, set()

    async def live(device: Phone, share: int) -> None:
        nonlocal stuck, runs
        loop = asyncio.create_task(device.sync.run())
        await device.until(lambda state: state.complete and not state.running, 30)
        for _ in range(share):
            device.network.down = dice.random() < 0.7
            device.network.lose_reply = not device.network.down
            for n in range(dice.randrange(1, 4)):
                all_operations.add(
                    str(
                        await device.do(
                            "save_customer",
                            {
                                "id": new_id(),
                                "set": {
                                    "name": f"客{n}",
                                    "phone": f"137{dice.randrange(10**8):08d}",
                                    "source": "phone",
                                    "level": "near",
                                },
                            },
                        )
                    )
                )
                device.sync.wake()
            await asyncio.sleep(dice.uniform(0.05, 0.6))
            device.network.heal()
            healed = time.monotonic()
            try:
                await device.until(
                    lambda state: (
                        state.pending == 0 and not state.running and state.trouble is None
                    ),
                    15,
                )
            except TimeoutError:
                stuck += 1
            while await device.outbox.pending_operations() and time.monotonic() - healed < 15:  # noqa: ASYNC110 - a cold look at the disk
                await asyncio.sleep(0.02)
            slowest.append(time.monotonic() - healed)
            runs += 1
        loop.cancel()

    await asyncio.gather(*(live(device, count // devices) for device in fleet))
    verdicts = [await judge(device, set(), dealers.db) for device in fleet]
    known = dealers.row(
        "select count(*) from crm.operations "
        "where user_id = %s and result ->> 'status' = 'applied'",
        fleet[0].user_id,
    )
    dealers.db.rollback()
    slowest.sort()
    battery.row(
        **{
            "partitions": runs,
            "operations": len(all_operations),
            "lost": len(all_operations) - known,
            "doubled": sum(v.doubled for v in verdicts),
            "stuck": stuck + sum(v.stuck for v in verdicts),
            "wrong saved": sum(v.wrong_saved for v in verdicts),
            "drained after, s: p50": round(slowest[len(slowest) // 2], 2),
            "p95": round(slowest[int(len(slowest) * 0.95)], 2),
            "max": round(slowest[-1], 2),
        }
    )
    battery.finish()
    figures = battery.rows[0]
    assert (
        figures["lost"],
        figures["doubled"],
        figures["stuck"],
        figures["wrong saved"],
    ) == (
        0,
        0,
        0,
        0,
    )
    assert figures["max"] <= 10.5
    return battery


async def test_nothing_is_stuck_after_a_partition(phone, dealers):
    await partitions(phone, dealers, count=15, devices=5, seed=6)


@pytest.mark.long
async def test_nothing_is_stuck_in_a_thousand_partitions(phone, dealers):
    await partitions(phone, dealers, count=1000, devices=20, seed=66)


async def test_an_operation_that_breaks_the_server_is_found_and_left_aside(phone, dealers):
    """One poisoned operation among many: the rest arrives at once, the eighth time it waits for a
    person, and their words are there."""
    lin = await phone("lin")
    poison = await lin.new_customer("毒药", "13900000000")
    followed = await lin.log_conversation(poison, "跟在毒药后面")
    others = [await lin.new_customer(f"好人{n}", f"1380000{n:04d}") for n in range(30)]

    def break_on(request: httpx.Request) -> None:
        lin.network.instead = (
            (lambda: httpx.Response(500, json={"code": "XX000", "message": "boom"}))
            if poison.encode() in request.content
            else None
        )

    lin.network.before = break_on
    with pytest.raises(Problem):
        await lin.sync.once()
    assert (
        dealers.row("select count(*) from crm.customers where id = any(%s::uuid[])", others) == 30
    )
    dealers.db.rollback()
    assert (
        lin.sync.state.pending == 2
    )  # the poison and what follows it for the same customer, in order
    for _ in range(7):
        try:
            await lin.sync.once()
        except Problem:
            continue
    rows = {w.op_id: w for w in await lin.outbox.unacknowledged()}
    [rejected] = [w for w in rows.values() if w.verb == "save_customer"]
    assert (rejected.state, rejected.payload["set"]["name"]) == ("rejected", "毒药")
    lin.network.heal()
    await lin.sync.once()
    assert rows.keys() >= {followed} or followed in {
        w.op_id for w in await lin.outbox.unacknowledged()
    }
    await lin.outbox.retry(
        rejected.op_id, now=lin.clock.now()
    )  # the server was mended; what hung on it goes along
    await lin.sync.once()
    assert await lin.outbox.unacknowledged() == []
    assert dealers.row("select count(*) from crm.conversations where customer_id = %s", poison) == 1
    dealers.db.rollback()


async def test_a_server_that_is_ill_with_everything_parks_nothing(phone):
    lin = await phone("lin")
    for n in range(5):
        await lin.new_customer(f"客户{n}", f"1390000{n:04d}")
    lin.network.instead = lambda: httpx.Response(
        500, json={"code": "XX000", "message": "everything is broken"}
    )
    for _ in range(12):
        with pytest.raises(Problem):
            await lin.sync.once()
    assert (lin.sync.state.pending, lin.sync.state.rejected) == (5, 0)
    lin.network.heal()
    await lin.sync.once()
    assert (lin.sync.state.pending, lin.sync.state.rejected) == (0, 0)
