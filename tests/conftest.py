"""The stack every test stands on: one throw-away home per run, or a full Supabase named by the
environment."""

from collections.abc import Iterator

import psycopg
import pytest

from forecourt import demo
from forecourt.stack import Stack
from tests.support.people import World
from tests.support.stack import running_stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """A real Postgres and a real API, fresh, migrated, empty."""
    with running_stack() as running:
        yield running


@pytest.fixture(scope="session")
def people(stack: Stack) -> dict[str, demo.DemoUser]:
    """The demo group, by e-mail name. Ask for it before `world`, whose open transaction would hold
    the seeding up."""
    users = demo.seed(
        stack.db_url, stack.supabase_url, stack.publishable_key, say=lambda line: None
    )
    return {u.email.split("@")[0]: u for u in users}


@pytest.fixture
def db(stack: Stack) -> Iterator[psycopg.Connection]:
    """The database as the role that migrates; what a test does is rolled back."""
    with psycopg.connect(stack.db_url) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def world(db: psycopg.Connection) -> World:
    """Two stores of one group and one of another, with people in every role; gone after the
    test."""
    return World(db)


@pytest.fixture(scope="module")
def stack_db(stack: Stack) -> Iterator[psycopg.Connection]:
    """The same, for many questions that write nothing: hypothesis asks for a fixture once per test,
    not per example."""
    with psycopg.connect(stack.db_url, autocommit=True) as connection:
        yield connection


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What made a journey fail the first time is shown even if it passed the second time."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"made once more: {report.nodeid}")
        terminalreporter.line(report.longreprtext[-6000:])
