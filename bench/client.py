"""`make bench-client`: the phone app in process, its network removed, on local data of 20,000
customers; writes its part of docs/developers/performance.md.

A tap is timed from the event to the last byte sent for it (handler, rendering, diff, packing);
drawing in Flutter comes on top and is measured in a browser only (docs/developers/performance.md).
Every figure is a median and a p95 of many, on one kept page session.
"""

import asyncio
import json
import math
import os
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import psutil

from shared.domain import presets
from tests.support.phone_screen import LocalData, phone

ROOT = Path(__file__).parents[1]
CUSTOMERS = 20_000
ROUNDS = 60  # each takes two of the 200 tasks
SURNAMES, GIVEN = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗",
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英华建国文辉力",
)
TODAY = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()
BEGIN, END = "<!-- client: written by make bench-client -->", "<!-- client: end -->"


def big_local_data() -> LocalData:
    chance, local_data = random.Random(20_000), LocalData(TODAY)
    for n in range(CUSTOMERS):
        name = chance.choice(SURNAMES) + chance.choice(GIVEN) + chance.choice(GIVEN)
        customer = local_data.insert(
            "customers",
            f"k{n}",
            name=name,
            owner_id="00000000-0000-0000-0000-0000000000a1",
            phone=f"138{n:08}",
            level="intent",
            source="walk_in",
        )
        local_data.insert(
            "vehicles",
            f"v{n}",
            customer_id=customer,
            plate=f"沪A{n:05}",
            brand="大众",
            series="朗逸",
        )
        if n < 200:
            local_data.task(customer, f"t{n}", due=-(n % 5))
            local_data.log_conversation(customer, f"c{n}")
    return local_data


def spread(values: list[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return statistics.median(ordered), ordered[math.ceil(len(ordered) * 0.95) - 1]  # nearest rank


async def timed(times: int, act: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Milliseconds of an awaited call."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        await act()
        found.append((time.perf_counter() - start) * 1000)
    return spread(found)


async def queue_of(p) -> None:
    replica = p.session.local_store.replica
    rows = await replica.tasks(user_id=p.session.me.user_id)
    await replica.priority_inputs()
    await replica.card(rows[0][1].id)


async def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="forecourt-client-"))
    config, measured = presets.load("three_levels"), {}
    async with phone(folder, config, "advisor", big_local_data()):
        pass  # the local data is on disk now
    start = time.perf_counter()
    async with phone(folder, config, "advisor", LocalData(TODAY)) as p:
        await p.screen.settle(until=lambda: p.screen.has("card-name"), seconds=30)
        measured["cold start to the first card"] = ((p.screen.client.last_at - start) * 1000,) * 2
        replica, screen = p.session.local_store.replica, p.screen
        measured["first page of customers"] = await timed(50, replica.customers)
        measured["the queue, its order and the open card"] = await timed(30, lambda: queue_of(p))
        for label, words in (
            ("name, one character", "王"),
            ("pinyin initials", "zwm"),
            ("last four digits", "9876"),
            ("plate", "沪A1234"),
        ):
            measured[f"search by {label}"] = await timed(
                30, lambda words=words: replica.search(words)
            )
        taps: dict[str, list[tuple[float, int, float]]] = {}

        async def tap(label: str, identifier: str, then: str) -> None:
            target, before, card = (
                screen.target(identifier),
                screen.client.sent,
                screen.texts("card-name"),
            )
            begin, cpu = time.perf_counter(), time.process_time()
            await screen.press(*target)
            await screen.settle()
            cpu = time.process_time() - cpu  # before this process looks through the tree for itself
            await screen.settle(
                until=lambda: (
                    screen.has(then)
                    and (
                        then != "dial" or identifier == "dial" or screen.texts("card-name") != card
                    )
                )
            )
            taps.setdefault(label, []).append(
                (
                    max(screen.client.last_at - begin, 0) * 1000,
                    screen.client.sent - before,
                    cpu * 1000,
                )
            )

        for n in range(ROUNDS):
            await tap("an outcome is chosen, the sheet opens", "outcome-interested", "notes")
            await tap("a level is chosen", "level-near" if n % 2 else "level-potential", "notes")
            await tap("a phrase", "phrase-0", "notes")
            await tap("save: on disk, the next card is there", "save-conversation", "dial")
            await tap("dial", "dial", "dial")
            await tap("nobody there: saved, the next card is there", "outcome-no-answer", "dial")
        await screen.go("/customers")
        await screen.settle(until=lambda: bool(screen.all("customer-")))
        process, sessions = psutil.Process(os.getpid()), []
        before = process.memory_info().rss
        for n in range(5):
            other = phone(folder / f"other{n}", config, "advisor", LocalData(TODAY))
            sessions.append(other)
            await other.__aenter__()
        memory = (process.memory_info().rss - before) / 5 / 1024
        for other in sessions:
            await other.__aexit__(None, None, None)
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "customers": CUSTOMERS,
        "load": os.getloadavg()[0],
        "ms": {k: [round(x, 1) for x in v] for k, v in measured.items()},
        "taps": {
            k: {
                "ms": [round(x, 1) for x in spread([t for t, _b, _c in v])],
                "cpu": round(spread([c for _t, _b, c in v])[0], 1),
                "bytes": round(spread([float(b) for _t, b, _c in v])[0]),
            }
            for k, v in taps.items()
        },
        "memory_kb": round(memory),
    }
    (ROOT / "bench" / "results" / "client.json").write_text(
        json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf8"
    )
    write(result)


def write(result: dict) -> None:
    goals = {"first page of customers": "≤50", "cold start to the first card": "≤2000"}
    lines = [
        f"{result['at']}, a book of {result['customers']:,} customers, load "
        f"{result['load']:.1f}; milliseconds are p50 / p95.",
        "",
        "| on the device, network removed | ms | goal |",
        "|---|---|---|",
        *(f"| {k} | {a} / {b} | {goals.get(k, '≤200')} |" for k, (a, b) in result["ms"].items()),
        "",
        "| a tap, to the last byte sent for it | ms | goal | CPU ms of the process | bytes to "
        "the client |",
        "|---|---|---|---|---|",
        *(
            f"| {k} | {v['ms'][0]} / {v['ms'][1]} | ≤100 | {v['cpu']} | {v['bytes']:,} |"
            for k, v in result["taps"].items()
        ),
        "",
        f"Memory of one more page session on Today: {result['memory_kb']:,} kB.",
    ]
    page = ROOT / "docs" / "developers" / "performance.md"
    text = page.read_text(encoding="utf8")
    head, rest = text.split(BEGIN, 1)
    page.write_text(
        f"{head}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{rest.split(END, 1)[1]}",
        encoding="utf8",
    )


if __name__ == "__main__":
    asyncio.run(main())
