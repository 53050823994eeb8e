"""The stack every test stands on: one throw-away home per run, or a full Supabase named by the environment."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from forecourt.stack import Stack
from tests.support.people import World


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """A real Postgres and a real API, fresh, migrated, empty."""
    home = Path(tempfile.mkdtemp(prefix="forecourt-test-"))
    running = Stack(home).start(say=lambda line: None)
    try:
        yield running
    finally:
        running.stop()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def db(stack: Stack) -> Iterator[psycopg.Connection]:
    """The database as the role that migrates; what a test does is rolled back."""
    with psycopg.connect(stack.db_url) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def world(db: psycopg.Connection) -> World:
    """Two stores of one group and one of another, with people in every role; gone after the test."""
    return World(db)
