"""The reliability batteries on the real thing: the static build in Chromium, whose processes are
killed, whose network fails in every way the proxy knows, and which has a month's work to send."""

import asyncio
import itertools
import os
import random
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from playwright.sync_api import expect

from mobile_app.offline.database import Database
from mobile_app.offline.outbox import Outbox
from tests.support.battery import Battery
from tests.support.browser import until
from tests.support.device import Device
from tests.support.people import new_id
from tests.support.present import one
from tests.support.proxy import ThreadedProxy, clear
from tests.support.static_server import static_host

pytestmark = pytest.mark.journey
SENT = "已全部上传"
KILLS = int(os.environ.get("FORECOURT_KILLS", "200"))
SEED = 20261130
NAMES = itertools.count(1)


@dataclass
class Ledger:
    """What the screen promised, and what Postgres has of it."""

    operator: psycopg.Connection
    user_id: UUID
    since: datetime
    promised: list[str] = field(default_factory=list)  # customers whose card was left as saved

    def operations(self) -> list[tuple[str, str]]:
        return self.operator.execute(
            "select op_id::text, coalesce(result ->> 'code', result ->> 'status') from "
            "crm.operations where "
            "user_id = %s and applied_at >= %s",
            (self.user_id, self.since),
        ).fetchall()

    def lost(self) -> list[str]:
        """Promised customers about whom nothing arrived."""
        told = self.operator.execute(
            "select c.name from crm.events e join crm.customers c on c.store_id = e.store_id and "
            "c.id = e.customer_id where e.actor_id = %s and e.op_id is not null and e.created_at "
            ">= %s",
            (self.user_id, self.since),
        ).fetchall()
        arrived = {name for (name,) in told}
        return [name for name in self.promised if name not in arrived]

    def doubled(self) -> int:
        [count] = one(
            self.operator.execute(
                "select count(*) from (select 1 from crm.events where actor_id = %s and "
                "created_at >= %s and kind = 'created' and op_id is not null "
                "group by op_id, form having count(*) > 1) x",
                (self.user_id, self.since),
            )
        )
        return count

    def refused(self) -> int:
        return sum(status not in ("applied", "quarantined") for _, status in self.operations())


@pytest.fixture
def ledger(operator, people) -> Ledger:
    since = operator.execute("select clock_timestamp()").fetchone()[0]
    return Ledger(operator, people["lin"].user_id, since)


@pytest.fixture
def behind_proxy(chromium, phone_files, stack, tmp_path):
    """A phone whose app reaches the API only through the proxy: (device, proxy)."""
    with (
        ThreadedProxy(stack.supabase_url) as proxy,
        static_host(phone_files, proxy.url, stack.publishable_key) as host,
    ):
        device = Device(chromium, host.url, tmp_path / "profile")
        yield device, proxy
        device.close()


def first_card(device: Device, people) -> None:
    device.open("/")
    device.sign_in(people["lin"].email, people["lin"].password)
    device.see_id("card-name")
    device.see(SENT)


def tap_away(device: Device, name: str) -> None:
    """One operation on the open card; returns when the next card is shown, which says saved."""
    device.tap("outcome-no-answer")
    expect(device.id("card-name")).not_to_have_text(name)


# kills -----------------------------------------------------------------------------------------


def start_again(device: Device) -> None:
    """SIGKILL for every process of the browser, and a new one on the same profile."""
    device.kill()
    device.start()


def act_and_be_killed(device: Device, dice: random.Random, ledger: Ledger) -> bool:
    """Tap, wait a random moment, end. True when the screen said saved before."""
    name = device.id("card-name").inner_text()
    device.page.evaluate(
        "(name) => { window.__left = null; const look = () => {"
        " const card = document.querySelector(\"[flt-semantics-identifier='card-name']\");"
        " if (card && card.innerText !== name) window.__left = performance.now();"
        " else setTimeout(look, 5); }; look(); }",
        name,
    )
    target = device.id("outcome-no-answer").first
    button = target.locator("[role=button]").first
    (button if button.count() else target).click()
    device.page.wait_for_timeout(dice.uniform(0, 900))
    saved = device.page.evaluate("window.__left !== null")
    if saved:
        ledger.promised.append(name)
    return saved


@pytest.mark.parametrize(
    "kills",
    [pytest.param(3, id="ci"), pytest.param(KILLS, id="two_hundred", marks=pytest.mark.long)],
)
def test_killed_at_any_moment_nothing_saved_is_lost(
    device, people, make_task, operator, ledger, kills
):
    """More than half of the kills come while it saves, a quarter while it sends, a fifth while it
    starts."""
    battery = Battery("chromium-kills", "SIGKILL of a real browser", seeds=str(SEED))
    for _ in range(kills + 10):
        make_task("lin", f"断电{next(NAMES):04d}")
    dice = random.Random(SEED)
    first_card(device, people)
    at = dict.fromkeys(("saving", "sending", "starting"), 0)
    slowest, taps = 0.0, 0
    for _ in range(kills):
        moment = dice.choices(list(at), weights=(55, 25, 20))[0]
        device.context.set_offline(moment == "saving")
        if moment != "starting":
            taps += 1
            act_and_be_killed(device, dice, ledger)
        else:
            device.page.goto(device.base, wait_until="commit")
            device.page.wait_for_timeout(dice.uniform(0, 4000))
        at[moment] += 1
        start_again(device)
        began = time.monotonic()
        device.context.set_offline(False)
        device.page.goto(device.base)
        device.ready()
        device.see_id("card-name")
        slowest = max(slowest, time.monotonic() - began)
    device.context.set_offline(False)
    device.see(SENT)
    until(lambda: not ledger.lost(), 30)
    operations = ledger.operations()
    assert len({op for op, _ in operations}) == len(operations) <= taps
    assert (ledger.lost(), ledger.doubled(), ledger.refused()) == ([], 0, 0)
    battery.row(
        **{"kills": kills, **{f"while {key}": count for key, count in at.items()}},
        **{"taps": taps, "said saved": len(ledger.promised), "arrived": len(operations)},
        **{"lost": 0, "doubled": 0, "stuck": 0, "opened again in ≤ s": round(slowest, 1)},
    )
    if kills > 3:
        battery.finish()


# faults ----------------------------------------------------------------------------------------

FAULTS = [
    *("refused", "dropped_before", "reply_lost", "half_reply", "twice", "late_copy", "slow"),
    *("429", "500", "500_after", "502", "503", "504", "portal", "portal_as_json", "tls_garbage"),
    *("reset", "empty_200", "stalled"),
]


@pytest.mark.parametrize(
    ("faults", "each"),
    [
        pytest.param(["reply_lost", "portal"], 2, id="ci"),
        pytest.param(FAULTS, 8, id="every_fault", marks=pytest.mark.long),
    ],
)
def test_whatever_the_network_does_each_operation_arrives_once(
    behind_proxy, people, make_task, ledger, faults, each
):
    device, proxy = behind_proxy
    for _ in range(len(faults) * each + 5):
        make_task("lin", f"故障{next(NAMES):04d}")
    first_card(device, people)
    battery = Battery("chromium-faults", "Network faults in a real browser", seeds="-")
    done = 0
    for fault in faults:
        wrong, hit, slowest = 0, 0, 0.0
        for _ in range(each):
            name = device.id("card-name").inner_text()
            left = iter([(fault,)])  # the next call to the API, whatever it asks
            before = proxy.done[fault]

            def weather(path: str, left=left) -> tuple[str, ...]:
                return next(left, ()) if "/rest/" in path else ()

            proxy.weather = weather
            began = time.monotonic()
            tap_away(device, name)
            ledger.promised.append(name)
            done += 1
            device.see(SENT)
            slowest = max(slowest, time.monotonic() - began)
            wrong += len(ledger.operations()) < done  # said sent, and it was not
            hit += proxy.done[fault] - before
        proxy.weather = clear
        assert (ledger.lost(), ledger.doubled(), ledger.refused(), wrong) == ([], 0, 0, 0), fault
        assert len(ledger.operations()) == done, fault
        battery.row(
            **{"fault": fault, "operations": each, "hit": hit, "lost": 0, "doubled": 0},
            **{"stuck": 0, "wrong saved": wrong, "sent after ≤ s": round(slowest, 1)},
        )
        assert hit == each, fault
    if each == 8:
        battery.finish()


# backlog ---------------------------------------------------------------------------------------


async def add_backlog(file, user_id: UUID, store_id: UUID, count: int) -> None:
    """Queue what a month offline leaves, with the app's own code."""
    database = Database(file, user_id=user_id, store_id=store_id)
    outbox = Outbox(database, new_id=new_id)
    customers = await database.read(
        lambda c: [row[0] for row in c.execute("select id from rows where form = 'customers'")]
    )
    for n in range(count):
        payload = {
            "id": new_id(),
            "customer_id": customers[n % len(customers)],
            "outcome": "interested",
            "level": "near",
            "notes": f"积压{n:04d}",
        }
        await outbox.add("log_conversation", payload, now=datetime.now(UTC))
    await database.write_outside(lambda c: c.execute("pragma wal_checkpoint(truncate)").fetchone())
    await database.close()


@pytest.mark.parametrize(
    "count",
    # the backlog takes most of a minute in a browser: kills alone stand for the three by default
    [
        pytest.param(40, id="ci", marks=pytest.mark.long),
        pytest.param(1000, id="thousand", marks=pytest.mark.long),
    ],
)
def test_a_backlog_is_sent_whole(device, people, operator, ledger, tmp_path, count):
    battery = Battery("chromium-backlog", "A backlog in a real browser")
    first_card(device, people)
    device.copy_files(tmp_path / "device")
    [file] = (tmp_path / "device").rglob(f"{ledger.user_id}/*.sqlite")
    with ThreadPoolExecutor(1) as pool:  # in this thread runs Playwright's own loop
        work = add_backlog(file, ledger.user_id, UUID(file.stem), count)
        pool.submit(asyncio.run, work).result()
    with sqlite3.connect(file) as connection:
        pending = [row[0] for row in connection.execute("select op_id from outbox")]
    connection.close()
    device.write_file(f"{ledger.user_id}/{file.name}", file.read_bytes())
    began = time.monotonic()
    device.page.goto(device.base)
    device.ready()
    # a thousand conversations leave nobody to call today
    shown = device.id("card-name").or_(device.text("今天没有待办任务"))
    expect(shown.first).to_be_attached()
    opened = time.monotonic() - began
    until(lambda: len(ledger.operations()) >= count, 240)
    assert {status for _, status in ledger.operations()} == {"applied"}
    expect(device.text(SENT).first).to_be_attached(timeout=120_000)
    drained = time.monotonic() - began
    operations = ledger.operations()
    assert {op for op, _ in operations} == set(pending)
    assert len(operations) == count
    assert (ledger.doubled(), ledger.refused()) == (0, 0)
    words = operator.execute(
        "select count(*), count(distinct notes) from crm.conversations where author_id = %s and "
        "notes like '积压%%' and created_at >= %s",
        (ledger.user_id, ledger.since),
    ).fetchone()
    assert words == (count, count)
    battery.row(
        **{"operations": count, "Today after, s": round(opened, 1)},
        **{"all sent after, s": round(drained, 1), "lost": 0, "doubled": 0, "stuck": 0},
    )
    if count > 40:
        battery.finish()
