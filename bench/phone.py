"""`make bench-phone`: the client's figures against its goals, on a throw-away stack: saving,
draining, first sync, deltas, cold start, search.

Writes bench/results/phone.json and the phone's table in docs/developers/performance.md. Loopback
only, about two minutes.
"""

import asyncio
import json
import os
import re
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import uuid6

from forecourt.demo import sign_up
from forecourt.settings import ROOT
from forecourt.stack import Stack
from mobile_app.offline.attachments import Attachments
from mobile_app.offline.database import Database
from mobile_app.offline.outbox import Outbox
from mobile_app.offline.replica import Replica
from mobile_app.offline.sync import Sync
from shared.gateway.client import Gateway, make_http
from tests.support.people import World

CUSTOMERS, CONVERSATIONS = 5_000, 15_000
BIG = 20_000  # customers of the local data for the first page and the search
PASSWORD = "zhanting-2026"


class Counting(httpx.AsyncHTTPTransport):
    """Bytes of answers, as they went over the wire."""

    def __init__(self) -> None:
        super().__init__()
        self.received = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        body = await answer.aread()
        self.received += len(body)
        return answer


def quantile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


async def timed(action: Any) -> float:
    started = time.perf_counter()
    await action
    return (time.perf_counter() - started) * 1000


async def measure(stack: Stack, folder: Path) -> list[dict[str, Any]]:
    with psycopg.connect(stack.db_url) as db:
        world = World(db)
        login = "bench@forecourt.example"
        user = UUID(str(sign_up(stack.supabase_url, stack.publishable_key, login, PASSWORD)))
        store = world.stores["east"]
        db.execute(
            "update crm.members set user_id = %s where user_id = %s", (user, world.users["lin"])
        )
        fill(db, store, user, CUSTOMERS, CONVERSATIONS)
    wire = Counting()
    gateway = Gateway(stack.supabase_url, stack.publishable_key, http=make_http(wire))
    await gateway.auth_session.sign_in(login, PASSWORD)
    database = Database(folder / "book.sqlite", user_id=user, store_id=store)
    outbox, replica = (
        Outbox(database, new_id=uuid6.uuid7),
        Replica(database),
    )
    sync = Sync(
        gateway,
        outbox,
        replica,
        store,
        lambda state: None,
        attachments=Attachments(database, uuid6.uuid7),
    )
    found: list[dict[str, Any]] = []

    def row(what: str, measured: str, goal: str) -> None:
        found.append({"what": what, "measured": measured, "goal": goal})
        print(f"{what}: {measured} (goal {goal})", flush=True)

    took = await timed(sync.once()) / 1000
    rows = sum((await replica.counts()).values())
    row(
        f"first sync of {CUSTOMERS:,} customers and {CONVERSATIONS:,} conversations, whole way "
        f"onto the "
        "disk",
        f"{rows / took:,.0f} rows/s ({rows:,} rows in {took:.1f} s)",
        "≥2,000 rows/s",
    )

    with psycopg.connect(stack.db_url) as db:
        db.execute(
            "update crm.customers set need = '改了' where id in (select id from crm.customers "
            "where owner_id = %s limit 100)",
            (user,),
        )
    wire.received = 0
    took = await timed(sync.once())
    row(
        "a delta of 100 changed customers",
        f"{took:,.0f} ms, {wire.received / 100:,.0f} bytes a row",
        "≤1 s, ≤1,024 bytes a row",
    )

    customers = [str(c.id) for c, _ in await replica.customers(limit=50)]
    times = [await timed(save(outbox, customers[n % 50], n)) for n in range(1000)]
    row(
        "saving a conversation, on disk",
        f"p50 {quantile(times, 0.5):.1f} ms, p95 {quantile(times, 0.95):.1f} ms",
        "p95 ≤10 ms",
    )
    took = await timed(sync._push()) / 1000
    row(
        "draining 1,000 operations, in order, exactly once",
        f"{1000 / took:,.0f} a second",
        "≥200 a second",
    )
    with psycopg.connect(stack.db_url) as db:
        arrived = db.execute(
            "select count(*) from crm.conversations where author_id = %s and notes like '第%%'",
            (user,),
        ).fetchone()
    if arrived != (1000,):
        raise RuntimeError(f"{arrived} of 1000 arrived")
    await sync.once()
    await database.close()

    big = Database(folder / "big.sqlite", user_id=user, store_id=store)
    await big.write(lambda c: fill_device(c, user, BIG))
    await big.close()
    opened = []
    for _ in range(5):
        big = Database(folder / "big.sqlite", user_id=user, store_id=store)
        replica = Replica(big)
        opened.append(await timed(first_screen(replica, user)))
        await big.close()
    row(
        f"cold start of the book with {BIG:,} customers: open the file, the configuration, "
        "today's tasks, a page of customers",
        f"{statistics.median(opened):,.0f} ms",
        "≤2,000 ms",
    )
    big = Database(folder / "big.sqlite", user_id=user, store_id=store)
    replica = Replica(big)
    await replica.customers()
    times = [await timed(replica.customers(offset=n * 50)) for n in range(50)]
    row(
        "a page of 50 customers",
        f"p50 {quantile(times, 0.5):.1f} ms, p95 {quantile(times, 0.95):.1f} ms",
        "≤50 ms",
    )
    await replica.search("wang")
    words = ["王", "wang", "wl", "1234", "沪A12", "张三", "zs", "8888"]
    times = [await timed(replica.search(word)) for word in words for _ in range(10)]
    row(
        "search by name, pinyin, initials, phone tail, plate",
        f"p50 {quantile(times, 0.5):.0f} ms, p95 {quantile(times, 0.95):.0f} ms",
        "≤200 ms",
    )
    await big.close()
    row(
        "imports before the first frame",
        f"{await read_in('main, flet; flet.View, flet.ProgressRing'):,.0f} ms",
        "≤400 ms",
    )
    row("imports before the app itself", f"{await read_in('mobile_app.app'):,.0f} ms", "–")
    return found


async def read_in(modules: str) -> float:
    """ms that a fresh Python takes to import them."""
    code = (
        f"import time; t = time.perf_counter(); import {modules}; print((time.perf_counter() - "
        "t) * 1000)"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return float(out)


async def save(outbox: Outbox, customer: str, n: int) -> None:
    payload = {
        "id": str(uuid6.uuid7()),
        "customer_id": customer,
        "outcome": "interested",
        "level": "near",
        "notes": f"第{n}次聊",
        "occurred_at": datetime.now(UTC).isoformat(),
    }
    await outbox.add("log_conversation", payload, now=datetime.now(UTC))


async def first_screen(replica: Replica, user: UUID) -> None:
    await replica.config()
    await replica.tasks(user_id=user)
    await replica.customers()


def fill(
    db: psycopg.Connection, store: UUID, user: UUID, customers: int, conversations: int
) -> None:
    """A full local store, as the operator writes it."""
    db.execute(
        "insert into crm.customers (store_id, id, owner_id, name, phone, source, level, need) "
        "select %s, gen_random_uuid(), %s,"
        " (array['王','李','张','刘','陈'])[1 + n %% 5] || n, '139' || lpad(n::text, 8, '0'), "
        "'phone', 'near', '看七座,预算二十万' from generate_series(1, %s) n",
        (store, user, customers),
    )
    db.execute(
        "insert into crm.conversations (store_id, id, customer_id, author_id, method, outcome, "
        "reached, notes, level_after, occurred_at)"
        " select k.store_id, gen_random_uuid(), k.id, k.owner_id, 'call', 'interested', true, "
        "'聊得不错,约了周末来店试驾', 'near', now() - n * interval '20 days'"
        " from crm.customers k cross join generate_series(1, %s) n where k.owner_id = %s",
        (conversations // customers, user),
    )
    db.execute(
        "insert into crm.tasks (store_id, customer_id, assignee_id, kind, subject_id, due_on) "
        "select store_id, id, owner_id, 'manual', id, current_date from crm.customers where "
        "owner_id = %s limit 200",
        (user,),
    )


def fill_device(connection: Any, user: UUID, customers: int) -> None:
    """Writes a local store of that size to disk: rows, search words, plates, two hundred tasks."""
    from mobile_app.offline.replica import _store_row

    names = ["王丽", "李强", "张三", "刘洋", "陈静", "欧阳修远"]
    for n in range(customers):
        customer = str(uuid6.uuid7())
        _store_row(
            connection,
            "customers",
            {
                "id": customer,
                "version": 1,
                "owner_id": str(user),
                "name": f"{names[n % 6]}{n}",
                "phone": f"138{n * 7919 % 10**8:08d}",
                "level": "near",
                "custom": {},
                "next_contact_on": f"2026-12-{1 + n % 28:02d}",
            },
            1,
        )
        if n % 3 == 0:
            _store_row(
                connection,
                "vehicles",
                {
                    "id": str(uuid6.uuid7()),
                    "version": 1,
                    "customer_id": customer,
                    "plate": f"沪A{n % 100000:05d}",
                    "custom": {},
                },
                1,
            )
        if n % (customers // 200) == 0:
            _store_row(
                connection,
                "tasks",
                {
                    "id": str(uuid6.uuid7()),
                    "version": 1,
                    "customer_id": customer,
                    "assignee_id": str(user),
                    "kind": "manual",
                    "subject_id": customer,
                    "due_on": "2026-11-24",
                    "status": "open",
                },
                1,
            )


def write_table(rows: list[dict[str, Any]], load: float) -> None:
    page = ROOT / "docs" / "developers" / "performance.md"
    lines = [
        "<!-- phone: written by make bench-phone -->",
        "",
        f"{time.strftime('%Y-%m-%dT%H:%MZ', time.gmtime())}, {os.cpu_count()} cores, load "
        f"{load:.1f} at the start.",
        "",
    ]
    lines += [
        "| the phone | measured | goal |",
        "|---|---|---|",
        *(f"| {r['what']} | {r['measured']} | {r['goal']} |" for r in rows),
        "",
        "<!-- end of phone -->",
    ]
    text, block = page.read_text(encoding="utf8"), "\n".join(lines)
    if "<!-- phone:" in text:
        text = re.sub(r"<!-- phone:.*?<!-- end of phone -->", lambda _: block, text, flags=re.S)
    else:
        text = (
            text.rstrip()
            + "\n\n## The phone's book\n\n`make bench-phone`: the client with its real SQLite "
            "file against the embedded API on loopback, one process.\n\n" + block + "\n"
        )
    page.write_text(text, encoding="utf8")


def main() -> None:
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="forecourt-phone-") as folder:
        stack = Stack(Path(folder) / "home", usual_ports=False)
        stack.start(say=lambda line: None)
        try:
            rows = asyncio.run(measure(stack, Path(folder)))
        finally:
            stack.stop()
    (ROOT / "bench" / "results" / "phone.json").write_text(
        json.dumps({"load": load, "rows": rows}, ensure_ascii=False, indent=1) + "\n",
        encoding="utf8",
    )
    write_table(rows, load)


if __name__ == "__main__":
    main()
