"""T7: phones that work under every kind of trouble show, once it is over, exactly what the server
would show. T8: a very long time offline."""

import asyncio
import os
import random
import resource
import statistics
import time
from pathlib import Path

import pytest

from mobile_app.offline.attachments import NewAttachment
from mobile_app.offline.database import Database
from mobile_app.offline.replica import Replica
from tests.support.battery import Battery, Verdict, judge
from tests.support.files import wav
from tests.support.people import new_id
from tests.support.phones import AGREED

MODES = ("none", "disconnect", "kill", "pause", "partition", "all")


class Life:
    """One phone that works at a steady pace while something happens to it."""

    def __init__(self, make, name: str, file: Path, dice: random.Random) -> None:
        self.make, self.name, self.file, self.dice = make, name, file, dice
        self.promised: set[str] = set()
        self.customers: list[str] = []

    async def begin(self) -> None:
        self.phone = await self.make(self.name, file=self.file)
        self.loop = asyncio.create_task(self.phone.sync.run())

    async def kill(self) -> None:
        self.loop.cancel()
        await self.phone.database.close()
        await self.begin()

    async def trouble(self, mode: str) -> None:
        mode = self.dice.choice(MODES[1:-1]) if mode == "all" else mode
        match mode:
            case "disconnect":
                self.phone.network.down = True
            case "partition":
                self.phone.network.lose_reply = True
            case "kill":
                await self.kill()
            case "pause":
                self.loop.cancel()
        await asyncio.sleep(self.dice.uniform(0.1, 0.8))
        self.phone.network.heal()
        if mode == "pause":
            self.loop = asyncio.create_task(self.phone.sync.run())

    async def act(self) -> None:
        n = self.dice.randrange(10**8)
        if len(self.customers) < 3 or self.dice.random() < 0.15:
            customer = new_id()
            self.customers.append(customer)
            payload = {
                "id": customer,
                "set": {
                    "name": f"客{n}",
                    "phone": f"139{n:08d}",
                    "source": "walk_in",
                    "level": "near",
                },
            }
            self.promised.add(str(await self.phone.do("save_customer", payload)))
        elif self.dice.random() < 0.3:
            payload = {"id": self.dice.choice(self.customers), "set": {"need": f"要{n}"}}
            self.promised.add(str(await self.phone.do("save_customer", payload, 1)))
        else:
            self.promised.add(
                str(await self.phone.log_conversation(self.dice.choice(self.customers), f"聊{n}"))
            )
        self.phone.sync.wake()


async def converge(
    phone,
    dealers,
    tmp_path,
    *,
    mode: str,
    devices: int,
    seconds: float,
    pace: float,
    seed: int,
    battery: Battery,
) -> Verdict:
    dice = random.Random(seed)
    lives = [
        Life(
            phone,
            ("lin", "chen")[n % 2],
            tmp_path / f"{mode}{seed}-{n}.sqlite",
            random.Random(seed * 100 + n),
        )
        for n in range(devices)
    ]
    for life in lives:
        await life.begin()
    until = time.monotonic() + seconds

    async def live(life: Life) -> None:
        while time.monotonic() < until:
            await life.act()
            await asyncio.sleep(1 / pace)
            if mode != "none" and life.dice.random() < 0.1:
                await life.trouble(mode)

    async def reassign() -> None:
        while time.monotonic() < until:
            await asyncio.sleep(0.7)
            life = dice.choice(lives)
            if life.customers:
                other = dealers.users["chen" if life.name == "lin" else "lin"]
                dealers.db.execute(
                    "update crm.customers set owner_id = %s where id = %s",
                    (other, dice.choice(life.customers)),
                )
                dealers.db.commit()

    await asyncio.gather(*(live(life) for life in lives), reassign())
    healed = time.monotonic()
    total = Verdict()
    for life in lives:
        life.phone.sync.wake()
        while await life.phone.outbox.pending_operations() and time.monotonic() - healed < 30:  # noqa: ASYNC110 - a cold look at the disk
            await asyncio.sleep(0.05)
    drained = time.monotonic() - healed
    apart = 0
    for life in lives:
        life.loop.cancel()
        await life.phone.sync.once()
    for life in lives:  # once more: what the last ones sent
        await life.phone.sync.once()
        apart += await life.phone.holds() != life.phone.should_hold()
        found = await judge(life.phone, life.promised, dealers.db)
        total = Verdict(
            total.lost + found.lost,
            max(total.doubled, found.doubled),
            total.stuck + found.stuck,
            total.wrong_saved + found.wrong_saved,
        )
    battery.row(
        **{
            "trouble": mode,
            "phones": devices,
            "seconds": seconds,
            "seed": seed,
            "operations": sum(len(life.promised) for life in lives),
            "drained by itself in, s": round(drained, 1),
            **total.figures(),
            "local data differs": apart,
        }
    )
    total.wrong_saved += apart
    assert total.clean, battery.rows[-1]
    return total


async def test_phones_converge_after_any_trouble(phone, dealers, tmp_path):
    battery = Battery("T7", "Convergence of phones under trouble", seeds="7")
    await converge(
        phone, dealers, tmp_path, mode="all", devices=3, seconds=5, pace=8, seed=7, battery=battery
    )
    battery.finish()


@pytest.mark.long
async def test_phones_converge_after_each_trouble(phone, dealers, tmp_path):
    seconds = float(os.environ.get("FORECOURT_SECONDS", "60"))
    battery = Battery("T7", "Convergence of phones under trouble", seeds="70…75")
    try:
        for number, mode in enumerate(MODES):
            await converge(
                phone,
                dealers,
                tmp_path,
                mode=mode,
                devices=5 if number < 4 else 10,
                seconds=seconds,
                pace=4,
                seed=70 + number,
                battery=battery,
            )
    finally:
        battery.finish()


async def long_offline(phone, dealers, operations: int, files: int) -> None:
    battery = Battery("T8", "Thirty days offline", seeds="8")
    lin, dice = await phone("lin"), random.Random(8)
    await lin.sync.once()
    lin.network.down = True
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    customers = [await lin.new_customer(f"客{n}", f"139{n:08d}") for n in range(operations // 10)]
    times = []
    for n in range(operations - len(customers)):
        payload = {
            "id": new_id(),
            "customer_id": dice.choice(customers),
            "outcome": "interested",
            "level": "near",
            "notes": f"第{n}次聊",
            "occurred_at": lin.clock.now().isoformat(),
        }
        memo = (
            (NewAttachment("voice", "audio/wav", wav(dice.randbytes(20_000)), AGREED),)
            if n < files
            else ()
        )
        started = time.perf_counter()
        await lin.do("log_conversation", payload, attachments=memo)
        if not memo:
            times.append((time.perf_counter() - started) * 1000)
    assert (await lin.outbox.counts())[0] == operations + files
    started = time.perf_counter()
    again = Replica(
        cold := Database(lin.database.file, user_id=lin.user_id, store_id=lin.database.store_id)
    )
    assert len(await again.customers()) == min(50, len(customers))
    assert len(await again.recent()) == 8
    opened = time.perf_counter() - started
    await cold.close()
    auth_session = lin.gateway.auth_session
    object.__setattr__(auth_session.session, "expires_at", time.time() - 30 * 86400)
    lin.network.heal()
    started = time.perf_counter()
    await lin.sync._push()
    drained = time.perf_counter() - started
    started = time.perf_counter()
    await lin.sync.once()
    sent = time.perf_counter() - started
    found = await judge(lin, set(), dealers.db)
    arrived = dealers.row(
        "select count(*) from crm.conversations where author_id = %s", lin.user_id
    )
    whole = dealers.row(
        "select count(*) from crm.attachments where author_id = %s and received = bytes",
        lin.user_id,
    )
    dealers.db.rollback()
    p95 = statistics.quantiles(times, n=20)[-1]
    battery.row(
        **{
            "operations": operations,
            "files": files,
            "enqueue p50, ms": round(statistics.median(times), 2),
            "enqueue p95, ms": round(p95, 2),
            "cold start, s": round(opened, 2),
            "drained in, s": round(drained, 1),
            "operations/s": round(operations / drained),
            "book and files, s": round(sent, 1),
            "memory +MB": round(
                (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
            ),
            **found.figures(),
        }
    )
    battery.finish()
    assert found.clean
    assert arrived == operations - len(customers)
    assert whole == files
    assert lin.sync.state.pending == 0


async def test_a_long_time_offline(phone, dealers):
    await long_offline(phone, dealers, operations=300, files=10)


@pytest.mark.long
async def test_ten_thousand_entries_and_five_hundred_files(phone, dealers):
    await long_offline(phone, dealers, operations=10_000, files=500)
