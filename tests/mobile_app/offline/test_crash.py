"""T5: the app is killed at any moment, at named points of its own, and finds a disk that is full or
cannot be written."""

import json
import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import asdict

import pytest

from forecourt.settings import ROOT
from shared.domain.problems import Problem
from tests.support import crash_child
from tests.support.battery import Battery, Verdict, judge
from tests.support.present import present


@pytest.fixture
def zygote():
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.crash_child"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    yield process
    present(process.stdin).close()
    process.wait(timeout=10)
    present(process.stdout).close()


class Victim:
    """One device whose app is started and killed again and again on the same file."""

    def __init__(self, phone, stack, dealers, zygote) -> None:
        self.phone, self.stack, self.dealers, self.zygote = phone, stack, dealers, zygote
        self.promised: set[str] = set()
        self.broken = self.missing = 0
        self.restarts: list[float] = []

    def live(self, seed: int, failpoint: str | None, seconds: float) -> bool:
        """Start, let it work, kill it (or let it kill itself); answers whether it died at its
        failpoint."""
        told = self.phone.database.file.with_suffix(".told")
        arguments = {
            "file": str(self.phone.database.file),
            "url": self.stack.supabase_url,
            "key": self.stack.publishable_key,
            "session": json.dumps(asdict(self.phone.gateway.auth_session.session)),
            "user": str(self.phone.user_id),
            "store": str(self.dealers.store_of("lin")),
            "seed": seed,
            "failpoint": failpoint,
            "told": str(told),
        }
        self.zygote.stdin.write(json.dumps(arguments) + "\n")
        child = int(self.zygote.stdout.readline())
        died, _, _ = select.select([self.zygote.stdout], [], [], seconds)
        if not died:
            os.kill(child, signal.SIGKILL)
        status = int(self.zygote.stdout.readline())
        assert os.WIFSIGNALED(status), f"the app ended by itself: {status}"
        if told.exists():
            self.promised |= {line for line in told.read_text().splitlines() if len(line) == 36}
        self.look()
        return bool(died)

    def look(self) -> None:
        """What the next start finds."""
        begun = time.perf_counter()
        with sqlite3.connect(self.phone.database.file) as device:
            self.broken += device.execute("pragma integrity_check").fetchone()[0] != "ok"
            kept = {r[0] for r in device.execute("select op_id from outbox")}
            device.execute("select count(*) from effective_rows").fetchone()
        device.close()
        self.restarts.append(time.perf_counter() - begun)
        self.missing += len(self.promised - kept)

    async def verdict(self) -> Verdict:
        await self.phone.sync.once()
        await self.phone.sync.once()
        found = await judge(self.phone, self.promised, self.dealers.db)
        found.lost += self.missing
        found.wrong_saved += await self.phone.holds() != self.phone.should_hold()
        return found


async def battery_of(
    phone, stack, dealers, zygote, *, kills: int, per_point: int, seed: int
) -> None:
    battery = Battery(
        "T5", "kill -9 of the app: at any moment and at named points", seeds=str(seed)
    )
    dice = random.Random(seed)
    device = await phone("lin")
    await device.sync.once()
    victim, total = Victim(device, stack, dealers, zygote), Verdict()
    plan = [("any moment", kills)] + [(point, per_point) for point in crash_child.FAILPOINTS]
    for point, times in plan:
        died = 0
        for _ in range(times):
            named = None if point == "any moment" else point
            died += victim.live(
                dice.randrange(10**9), named, 8.0 if named else dice.uniform(0.05, 0.6)
            )
        found = await victim.verdict()
        battery.row(
            **{
                "killed at": point,
                "kills": times,
                "at the point": died if point != "any moment" else "",
                **found.figures(),
                "files broken": victim.broken,
            }
        )
        total = Verdict(
            *(a + b for a, b in zip(asdict(total).values(), asdict(found).values(), strict=True))
        )
    slowest = max(victim.restarts)
    battery.row(
        **{
            "killed at": "all",
            "kills": sum(n for _, n in plan),
            "at the point": f"opened again in ≤{slowest:.2f} s",
            **total.figures(),
            "files broken": victim.broken,
        }
    )
    battery.finish()
    print(f"{len(victim.promised)} operations were promised")
    assert total.clean
    assert victim.broken == 0
    assert len(victim.promised) > kills


async def test_killed_at_any_moment_nothing_is_lost(phone, stack, dealers, zygote):
    await battery_of(phone, stack, dealers, zygote, kills=120, per_point=5, seed=5)


@pytest.mark.long
async def test_killed_two_thousand_times_nothing_is_lost(phone, stack, dealers, zygote):
    await battery_of(
        phone,
        stack,
        dealers,
        zygote,
        kills=int(os.environ.get("FORECOURT_KILLS", "1680")),
        per_point=int(os.environ.get("FORECOURT_POINTS", "20")),
        seed=55,
    )


@pytest.mark.parametrize(
    ("trouble", "pragma"),
    [("full", "pragma max_page_count = 1"), ("read only", "pragma query_only = on")],
)
async def test_a_disk_that_takes_nothing_says_so_and_harms_nothing(phone, trouble, pragma):
    lin = await phone("lin")
    customer = await lin.new_customer()
    before = await lin.outbox.unacknowledged()
    await lin.database.write_outside(lambda c: c.execute(pragma).fetchall())

    async def go_on() -> None:
        for n in range(200):
            await lin.log_conversation(customer, f"第{n}句" * 200)

    with pytest.raises(Problem) as problem:
        await go_on()
    assert problem.value.code == "not_saved"
    kept = len(await lin.outbox.unacknowledged())
    assert kept >= len(before)
    await lin.database.write_outside(
        lambda c: [
            c.execute("pragma query_only = off"),
            c.execute("pragma max_page_count = 1073741823").fetchall(),
        ]
    )
    await lin.log_conversation(customer, "又能写了")
    assert len(await lin.outbox.unacknowledged()) == min(kept + 1, 200)
    await lin.sync.once()
    assert (lin.sync.state.pending, lin.sync.state.rejected) == (0, 0)
    assert await lin.holds() == lin.should_hold()
