"""Journeys: both apps as `make demo` has them, one browser, a demo store of one's own, one context
per person."""

import itertools
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from playwright.sync_api import Browser

from forecourt.build.web_apps import ensure_web_apps
from forecourt.settings import ROOT
from forecourt.stack import Stack
from tests.support.browser import CONSOLE, PAGES, App, browser, chromium_path, what_stands_on
from tests.support.device import Device
from tests.support.static_server import StaticHost, known_port, static_host

DAYS_LATE = itertools.count(
    60
)  # each due call later than all before it: the queue opens with the journey's own


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A journey that fails is made once more (docs/decisions/0042)."""
    for item in items:
        if item.get_closest_marker("journey"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """A failed journey shows what its browsers said, and what stood on their pages."""
    report = yield
    if report.failed:
        report.sections.append(("browser pages", "\n\n".join(map(what_stands_on, PAGES))))
        report.sections.append(("browser console", "\n".join(CONSOLE)))
    if report.when == "teardown":
        CONSOLE.clear()
        PAGES.clear()
    return report


@dataclass
class Server:
    """The web server as a process of its own, so that it can be ended and started like a real
    one."""

    stack: Stack
    port: int
    process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        environment = {
            **os.environ,
            "SUPABASE_URL": self.stack.supabase_url,
            "SUPABASE_PUBLISHABLE_KEY": self.stack.publishable_key,
            "FORECOURT_HOME": str(self.stack.home),
        }
        log = open(self.stack.home / "logs" / "web.log", "ab")  # noqa: SIM115 - the process keeps it
        self.process = subprocess.Popen(
            [sys.executable, "-m", "forecourt.serve", "--port", str(self.port)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
        log.close()
        end = time.monotonic() + 300  # its first start builds the web files
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/healthz", timeout=2)
                return
            except OSError:
                assert self.process.poll() is None, (
                    self.stack.home / "logs" / "web.log"
                ).read_text()[-2000:]
                assert time.monotonic() < end, "the web server does not answer"
                time.sleep(0.1)  # waiting for a process to listen; bounded above

    def stop(self) -> None:
        if self.process is not None:
            assert self.process.stdin
            self.process.stdin.close()
            self.process.terminate()
            self.process.wait(timeout=15)
            self.process = None


@pytest.fixture(scope="session")
def server(stack: Stack, people, phone_files: Path) -> Iterator[Server]:
    found = Server(stack, known_port())
    found.start()
    yield found
    found.stop()
    print(
        (stack.home / "logs" / "web.log").read_text()[-4000:]
    )  # shown by pytest when a journey fails


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser a file: while Playwright's sync API is open its event loop runs, and no async
    test can."""
    if chromium_path() is None:
        pytest.fail("no Chromium: `make test` installs one, or set CHROMIUM")
    with browser() as opened:
        yield opened


@pytest.fixture(scope="session")
def phone_files() -> Path:
    """The build of the phone app; made once for a source, then kept."""
    return ensure_web_apps(say=lambda line: None)


@pytest.fixture
def host(phone_files: Path, stack: Stack) -> Iterator[StaticHost]:
    """A web host that only serves the files; the app talks to the API itself."""
    with static_host(phone_files, stack.supabase_url, stack.publishable_key) as found:
        yield found


@pytest.fixture
def device(chromium: Browser, host: StaticHost, tmp_path: Path) -> Iterator[Device]:
    """A phone's browser, with nothing in it yet."""
    found = Device(chromium, host.url, tmp_path / "profile")
    yield found
    found.close()


@pytest.fixture
def visit(server: Server, chromium: Browser, people) -> Iterator[Callable[..., App]]:
    """visit("lin") opens the phone as that person; visit("admin", "/admin/") the panel."""
    opened: list[App] = []

    def go(who: str | None, path: str = "/", **context) -> App:
        app = App(chromium, server.url, **context).open(path)
        opened.append(app)
        if who:
            app.sign_in(people[who].email, people[who].password)
        return app

    yield go
    noise = ("Failed to fetch",)  # what a browser says of a server that is away on purpose
    problems = [error for app in opened for error in app.errors if not error.startswith(noise)]
    for app in opened:
        app.close()
    assert problems == []


@pytest.fixture
def operator(stack: Stack) -> Iterator[psycopg.Connection]:
    """What really stands in Postgres."""
    with psycopg.connect(stack.db_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def make_task(operator, people) -> Callable[..., tuple[str, str]]:
    """A fresh customer with a due call of that person, before all that earlier journeys left in
    their queue: (customer id, task id)."""

    def make(who: str, name: str) -> tuple[str, str]:
        user = people[who]
        store: UUID = operator.execute(
            "select store_id from crm.members where user_id = %s", (user.user_id,)
        ).fetchone()[0]
        owner, pool, renewal = (
            (user.user_id, None, None)
            if user.role == "advisor"
            else (None, "retained", user.user_id)
        )
        customer = operator.execute(
            "insert into crm.customers (store_id, id, owner_id, pool, renewal_owner_id, name, "
            "phone, source, level) values (%s, gen_random_uuid(), %s, %s, %s, %s, '13811112222', "
            "'walk_in', 'intent') returning id",
            (store, owner, pool, renewal, name),
        ).fetchone()[0]
        task = operator.execute(
            "insert into crm.tasks (store_id, customer_id, assignee_id, kind, subject_id, due_on, "
            "rank) values (%s, %s, %s, 'manual', %s, (now() at time zone 'Asia/Shanghai')::date - "
            "%s, 0) returning id",
            (store, customer, user.user_id, customer, next(DAYS_LATE)),
        ).fetchone()[0]
        return str(customer), str(task)

    return make
