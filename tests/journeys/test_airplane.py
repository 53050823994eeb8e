"""The airplane journey: a day's work with the network removed, the browser killed, and a way back
through a proxy that doubles every request and fails a third of them: every act arrives exactly
once, in order, word for word (S-43, first 7)."""

import sqlite3
from pathlib import Path

import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from playwright.sync_api import expect

from tests.support.battery import Battery
from tests.support.browser import App
from tests.support.device import Device
from tests.support.proxy import ThreadedProxy, clear, storm
from tests.support.static_server import static_host

pytestmark = pytest.mark.journey
SEED = 20261687  # its first two draws lose the answer of a push that was done
SIZES = [pytest.param(3, 1, 1, id="ci"), pytest.param(20, 5, 3, id="whole", marks=pytest.mark.long)]


@pytest.fixture
def airplane(chromium, phone_files, stack, tmp_path: Path):
    """A phone whose app reaches the API only through the proxy: (device, proxy)."""
    with (
        ThreadedProxy(stack.supabase_url) as proxy,
        static_host(phone_files, proxy.url, stack.publishable_key) as host,
    ):
        device = Device(chromium, host.url, tmp_path / "profile")
        yield device, proxy
        device.close()


def next_card(app: App, name: str) -> None:
    expect(app.id("card-name")).not_to_have_text(name)


def choose_outcome(app: App) -> None:
    """A tap that meets a card just being replaced reaches nothing: a person taps again, and so do
    we."""
    app.tap("outcome-interested")
    try:
        app.field("notes").wait_for(timeout=6000)
    except PlaywrightTimeout:
        app.tap("outcome-interested")


@pytest.mark.parametrize(("conversations", "newcomers", "cancels"), SIZES)
def test_a_day_in_airplane_mode_arrives_exactly_once(
    airplane, people, make_task, operator, tmp_path, conversations, newcomers, cancels
):
    app, proxy = airplane
    lin = people["lin"]
    names = [f"飞行{n:02d}" for n in range(conversations + cancels)]
    for name in names:  # enough for the day; the store's order may put others before them
        make_task("lin", name)
    since = operator.execute("select clock_timestamp()").fetchone()[0]
    app.open("/")
    app.sign_in(lin.email, lin.password)
    app.see_id("progress")
    app.see("已全部上传")
    app.context.set_offline(True)  # the network is gone, our own web host with it
    words, asking = [], {1 + k * ((conversations + cancels) // cancels) for k in range(cancels)}
    for n in range(conversations + cancels):
        name = app.id("card-name").inner_text()
        if n in asking:
            app.tap("start-cancel")
            app.tap("reason-unreachable")
            app.type("cancel-words", f"第{n}条:三次都没人接")
            app.tap("send-cancel")
        else:
            words.append(f"第{n}条:{name}要看七座,周六带家人来")
            choose_outcome(app)
            app.type("notes", words[-1])
            app.tap("save-conversation")
        next_card(app, name)
    for n in range(newcomers):
        app.page.goto(app.base + "/customers/new")
        app.ready()
        app.type("name", f"离线新客{n}")
        app.type("phone", f"1390000{n:04d}")
        app.tap("save-customer")
        app.see_id("customer-name")
    total = conversations + newcomers + cancels
    assert operator.execute(
        "select count(*) from crm.operations where user_id = %s and applied_at >= %s",
        (lin.user_id, since),
    ).fetchone() == (0,)
    app.kill()
    app.start()
    app.copy_files(tmp_path / "device")
    [file] = (tmp_path / "device").rglob(f"{lin.user_id}/*.sqlite")
    with sqlite3.connect(file) as device:
        pending = device.execute(
            "select op_id, seq, verb from outbox where state = 'pending' order by seq"
        ).fetchall()
    device.close()
    assert len(pending) == total
    app.context.set_offline(True)
    app.page.goto(app.base + "/me/pending")
    app.ready()
    app.see("待上传")
    assert app.starting("op-").count() > 0
    proxy.weather = storm(SEED, fails=0.3, everything_twice=True)
    app.context.set_offline(False)
    app.page.goto(app.base + "/me")
    app.ready()
    expect(app.id("sync-status")).to_contain_text("已全部上传", timeout=90_000)
    proxy.weather = clear
    operations = operator.execute(
        "select op_id::text, seq, verb, result ->> 'status', applied_at from crm.operations where "
        "user_id = %s and applied_at >= %s order by seq",
        (lin.user_id, since),
    ).fetchall()
    assert [
        (op, seq, verb) for op, seq, verb, *_ in operations
    ] == pending  # exactly those, ids and numbers unchanged
    assert {status for *_, status, _ in operations} == {"applied"}
    assert [at for *_, at in operations] == sorted(
        at for *_, at in operations
    )  # and in the order they were made
    told = operator.execute(
        "select notes from crm.conversations where author_id = %s and created_at >= %s order "
        "by occurred_at",
        (lin.user_id, since),
    ).fetchall()
    assert [w for (w,) in told] == words
    assert operator.execute(
        "select count(*) from crm.customers where name like '离线新客%%' and owner_id = %s and "
        "created_at >= %s",
        (lin.user_id, since),
    ).fetchone() == (newcomers,)
    asked = operator.execute(
        "select count(*) from crm.approvals where requester_id = %s and created_at >= %s",
        (lin.user_id, since),
    ).fetchone()
    assert asked == (cancels,)
    assert proxy.done["twice"] > 0
    if newcomers == 5:
        battery = Battery("airplane", "The airplane journey in a real browser", seeds=str(SEED))
        battery.row(
            **{
                "operations made offline": total,
                "in Postgres": len(operations),
                "requests through the proxy": proxy.requests,
                "sent twice": proxy.done["twice"],
                "failed": sum(v for k, v in proxy.done.items() if k not in ("twice", "refused")),
                "lost": 0,
                "doubled": 0,
            }
        )
        battery.finish()
