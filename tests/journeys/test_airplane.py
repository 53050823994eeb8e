"""The airplane journey: a day's work with the network removed, the app killed, and a way back through a proxy that doubles every request
and fails a third of them: every act arrives exactly once, in order, word for word (S-43, first 7)."""

import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from playwright.sync_api import expect

from forecourt.settings import _free_port
from tests.journeys.conftest import Server
from tests.support.battery import Battery
from tests.support.browser import App
from tests.support.proxy import ThreadedProxy, clear, storm

pytestmark = pytest.mark.journey
SEED = 20261687  # its first two draws lose the answer of a push that was done
SIZES = [pytest.param(3, 1, 1, id="ci"), pytest.param(20, 5, 3, id="whole", marks=pytest.mark.long)]


@pytest.fixture
def airplane(stack, people, tmp_path: Path, monkeypatch):
    """A web server of its own, as the phone's process, that reaches the API only through the proxy: (server, proxy)."""
    monkeypatch.setenv("FORECOURT_DEVICES", str(tmp_path))
    with ThreadedProxy(stack.supabase_url) as proxy:
        there = SimpleNamespace(supabase_url=proxy.url, publishable_key=stack.publishable_key, home=stack.home)
        server = Server(there, _free_port(0, set()))  # type: ignore[arg-type]
        server.start()
        yield server, proxy
        server.stop()
        print((stack.home / "logs" / "web.log").read_text()[-3000:])


def kill(server: Server) -> None:
    """What the system does to an app it needs the memory of."""
    assert server.process
    server.process.kill()
    server.process.wait(timeout=10)
    server.process = None


def next_card(app: App, name: str) -> None:
    expect(app.id("card-name")).not_to_have_text(name)


def choose_outcome(app: App) -> None:
    """A tap that meets a card just being replaced reaches nothing: a person taps again, and so do we."""
    app.tap("outcome-interested")
    try:
        app.field("words").wait_for(timeout=6000)
    except PlaywrightTimeout:
        app.tap("outcome-interested")


@pytest.mark.parametrize(("talks", "newcomers", "cancels"), SIZES)
def test_a_day_in_airplane_mode_arrives_exactly_once(airplane, chromium, people, make_task, operator, tmp_path, talks, newcomers, cancels):
    server, proxy = airplane
    lin = people["lin"]
    names = [f"飞行{n:02d}" for n in range(talks + cancels)]
    for name in names:  # enough for the day; the store's order may put others before them
        make_task("lin", name)
    since = operator.execute("select clock_timestamp()").fetchone()[0]
    app = App(chromium, server.url).open("/")
    try:
        app.sign_in(lin.email, lin.password)
        app.see_id("progress")
        proxy.weather = lambda path: ("refused",)  # the network is gone
        words, asking = [], {1 + k * ((talks + cancels) // cancels) for k in range(cancels)}
        for n in range(talks + cancels):
            name = app.id("card-name").inner_text()
            if n in asking:
                app.tap("start-cancel")
                app.tap("reason-unreachable")
                app.type("cancel-words", f"第{n}条:三次都没人接")
                app.tap("send-cancel")
            else:
                words.append(f"第{n}条:{name}要看七座,周六带家人来")
                choose_outcome(app)
                app.type("words", words[-1])
                app.tap("save-conversation")
            next_card(app, name)
        for n in range(newcomers):
            app.page.goto(app.base + "/customers/new")
            app.ready()
            app.type("name", f"离线新客{n}")
            app.type("phone", f"1390000{n:04d}")
            app.tap("save-customer")
            app.see_id("customer-name")
        total = talks + newcomers + cancels
        assert operator.execute("select count(*) from crm.ops where user_id = %s and applied_at >= %s", (lin.user_id, since)).fetchone() == (0,)
        app.page.goto("about:blank")  # the screen goes with the app
        kill(server)
        [file] = tmp_path.rglob(f"{lin.user_id}/*.sqlite")
        with sqlite3.connect(file) as device:
            waiting = device.execute("select op_id, seq, verb from outbox where state = 'waiting' order by seq").fetchall()
        device.close()
        assert len(waiting) == total
        server.start()
        app.page.goto(app.base + "/me/waiting")
        app.ready()
        app.see("待上传")
        assert app.starting("op-").count() > 0
        proxy.weather = storm(SEED, fails=0.3, everything_twice=True)
        app.page.goto(app.base + "/me")
        app.ready()
        expect(app.id("sync-status")).to_contain_text("已全部上传", timeout=60_000)
        proxy.weather = clear
    finally:
        app.errors.clear()  # the browser's own words while the app was dead
        app.close()
    ops = operator.execute(
        "select op_id::text, seq, verb, result ->> 'status', applied_at from crm.ops where user_id = %s and applied_at >= %s order by seq",
        (lin.user_id, since),
    ).fetchall()
    assert [(op, seq, verb) for op, seq, verb, *_ in ops] == waiting  # exactly those, ids and numbers unchanged
    assert {status for *_, status, _ in ops} == {"applied"}
    assert [at for *_, at in ops] == sorted(at for *_, at in ops)  # and in the order they were made
    told = operator.execute(
        "select words from crm.conversations where author_id = %s and created_at >= %s order by occurred_at", (lin.user_id, since)
    ).fetchall()
    assert [w for (w,) in told] == words
    assert operator.execute(
        "select count(*) from crm.customers where name like '离线新客%%' and owner_id = %s and created_at >= %s", (lin.user_id, since)
    ).fetchone() == (newcomers,)
    asked = operator.execute("select count(*) from crm.approvals where requester_id = %s and created_at >= %s", (lin.user_id, since)).fetchone()
    assert asked == (cancels,)
    assert proxy.done["twice"] > 0
    if newcomers == 5:
        battery = Battery("airplane", "The airplane journey in a real browser", seeds=str(SEED))
        battery.row(**{
            "operations made offline": total, "in Postgres": len(ops), "requests through the proxy": proxy.requests, "sent twice": proxy.done["twice"],
            "failed": sum(v for k, v in proxy.done.items() if k not in ("twice", "refused")), "lost": 0, "doubled": 0,
        })  # fmt: skip
        battery.finish()
