"""The stack under the tests: a throw-away one, or the full Supabase that the environment names."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import psutil
import pytest

from forecourt.settings import _free_port
from forecourt.stack import Stack, supabase_from_environment

STATIC_HOSTS = 8  # web hosts that may serve the phone app at one time


class HostedStack(Stack):
    """A full Supabase, migrated beforehand.

    SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY, SUPABASE_SECRET_KEY (it makes the tests' accounts), and
    DATABASE_URL as its role postgres.
    """

    def __init__(self, home: Path, url: str, key: str) -> None:
        super().__init__(home)
        self._url, self._key = url, key
        if "DATABASE_URL" not in os.environ:
            pytest.exit(
                "tests against a hosted Supabase also need DATABASE_URL (role postgres)",
                returncode=2,
            )

    def start(self, say=print) -> Self:
        (self.home / "logs").mkdir(parents=True, exist_ok=True)
        return self

    def restart_api(self) -> None:
        pytest.skip("a hosted Supabase is not ours to restart")

    def create_database(self, name: str, template: str = "forecourt") -> str:
        pytest.skip("a hosted Supabase has one database")

    def stop(self) -> None: ...

    @property
    def supabase_url(self) -> str:
        return self._url

    @property
    def publishable_key(self) -> str:
        return self._key

    @property
    def db_url(self) -> str:
        return os.environ["DATABASE_URL"]

    @property
    def admin_db_url(self) -> str:
        pytest.skip("a hosted Supabase has no superuser for us")


def embedded_only(stack: Stack) -> None:
    """Skips, visibly, what only the embedded stack can show."""
    if isinstance(stack, HostedStack):
        pytest.skip("about the embedded stack")


@contextmanager
def running_stack() -> Iterator[Stack]:
    """The stack of one test run; its folder is kept when a test run is killed, and deleted
    otherwise."""
    home = Path(tempfile.mkdtemp(prefix="forecourt-test-"))
    hosted = supabase_from_environment()
    stack = HostedStack(home, *hosted) if hosted else Stack(home, usual_ports=False)
    # the API answers browsers of known origins only: those of the static hosts of this run
    taken: set[int] = set()
    for _ in range(STATIC_HOSTS):
        taken.add(_free_port(0, taken))
    before = os.environ.get("FORECOURT_ORIGINS")
    os.environ["FORECOURT_ORIGINS"] = ",".join(f"http://127.0.0.1:{port}" for port in taken)
    stack.start(say=lambda line: None)
    try:
        yield stack
    finally:
        stack.stop()
        if before is None:
            del os.environ["FORECOURT_ORIGINS"]
        else:
            os.environ["FORECOURT_ORIGINS"] = before
    shutil.rmtree(home, ignore_errors=True)


def family(pid: int) -> list[psutil.Process]:
    """A process and all that it started, as they are now."""
    first = psutil.Process(pid)
    return [first, *first.children(recursive=True)]


def still_alive(processes: list[psutil.Process], seconds: float = 30) -> list[psutil.Process]:
    """Those that have not ended within `seconds`. A zombie has ended: its new parent only has not
    looked yet."""
    _, left = psutil.wait_procs(processes, timeout=seconds)
    return [
        process
        for process in left
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    ]
