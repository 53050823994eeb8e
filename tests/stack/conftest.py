"""Homes of one's own, for tests that start, kill and start again."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from forecourt.settings import ROOT
from forecourt.stack import Stack, is_running
from tests.support.stack import family, still_alive

# A parent that starts a stack and then holds it until it dies; it prints each progress line, then
# "up".
PARENT = """
import signal, sys
from pathlib import Path
from forecourt.stack import Stack
with Stack(Path(sys.argv[1]), usual_ports=False).start(say=lambda line: print(line, flush=True)):
    print("up", flush=True)
    signal.pause()
"""


class Home:
    """A folder for stacks; whatever a failing test leaves running in it is ended by pid."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[subprocess.Popen] = []

    def stack(self) -> Stack:
        return Stack(self.folder, usual_ports=False)

    def parent(self) -> subprocess.Popen:
        """Another process that starts a stack here and holds it."""
        return self.run([sys.executable, "-c", PARENT, str(self.folder)])

    def run(self, command: list[str], **environment: str) -> subprocess.Popen:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("SUPABASE_") and name != "MAKELEVEL"
        }
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={
                **kept,
                "PYTHONPATH": str(ROOT),
                "FORECOURT_HOME": str(self.folder),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._started.append(process)
        return process

    def command(self, *words: str, **environment: str) -> subprocess.Popen:
        """The `forecourt` command."""
        return self.run([sys.executable, "-m", "forecourt.cli", *words], **environment)

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                everyone = family(process.pid)
                process.kill()
                assert still_alive(everyone) == []
            process.wait(timeout=10)
            if process.stdout:
                process.stdout.close()
        wait_until(lambda: not is_running(self.folder))
        shutil.rmtree(self.folder)


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something another process does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s in vain"
        time.sleep(0.05)


def read_until(process: subprocess.Popen, wanted: str) -> list[str]:
    """The lines a process prints up to one with `wanted` in it; fails when it ends before."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if wanted in line:
            return lines
    raise AssertionError(f"it ended without saying {wanted!r}:\n" + "\n".join(lines))


@pytest.fixture
def home() -> Iterator[Home]:
    found = Home(Path(tempfile.mkdtemp(prefix="forecourt-test-")))
    yield found
    found.close()
