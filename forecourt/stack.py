"""A real Postgres 17 behind a real Supabase API, from packages: started, migrated and stopped from
Python."""

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Self

import psycopg
from psycopg import sql

from forecourt.migrate import migrate
from forecourt.settings import ROOT, Settings, home_folder, load_settings
from forecourt.supervisor import FAILED

A_KILL_TAKES = 2.0  # seconds between `kill -9` and the end of that process, generously
LAST_ONE_ENDS_WITHIN = (
    60.0  # seconds: making a cluster is the longest thing a supervisor finishes before it looks up
)


_SECRET_KEYS: dict[str, str] = {}  # of the stacks that this process started, by address


class StackError(RuntimeError):
    """The embedded stack could not start; the message says where to look."""


class Stack:
    """One running stack; `with Stack(home) as stack:` ends it in order, and the death of this
    process ends it too."""

    def __init__(self, home: Path | None = None, *, usual_ports: bool = True) -> None:
        self.home = (home or home_folder()).resolve()
        self.settings: Settings
        self._usual_ports = usual_ports
        self._supervisor: subprocess.Popen[str] | None = None

    def start(self, say=print) -> Self:
        """Start, migrate and serve. Raises StackError when another process holds this home or a
        part does not start."""
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._owner = _open_private(self.home / "owner")
            self._lock = _open_private(self.home / "lock")
        except OSError as error:
            raise StackError(
                f"cannot write in {self.home} ({error.strerror}): set FORECOURT_HOME to a folder"
                " of your own"
            ) from None
        try:
            self._take_lock(say)
            self._start_supervisor(say)
            if applied := migrate(self.settings.db_url(), say):
                say(f"{applied} migrations applied")
                self._tell("restart")
                self._until_ready(say)
        except BaseException:
            self.stop()
            raise
        _SECRET_KEYS[self.supabase_url] = self.secret_key
        return self

    def _take_lock(self, say) -> None:
        """Two locks: `owner` dies with the starting process, `lock` also with its supervisor, which
        still ends things after a `kill -9`."""
        end = time.monotonic() + A_KILL_TAKES
        while not _locked(self._owner):
            if time.monotonic() > end:
                raise StackError(
                    f"another forecourt runs in {self.home}: `forecourt down` ends it, or set "
                    "FORECOURT_HOME"
                )
            time.sleep(0.05)
        self._owner.truncate(0)
        self._owner.write(str(os.getpid()))
        self._owner.flush()
        end = time.monotonic() + LAST_ONE_ENDS_WITHIN
        announced = False
        while not _locked(self._lock):
            if time.monotonic() > end:
                raise StackError(
                    f"the last forecourt in {self.home} does not end; see {self.home / 'logs'}"
                )
            if not announced:
                say("waiting for the last one to end")
                announced = True
            time.sleep(0.05)

    def _start_supervisor(self, say) -> None:
        self.settings = load_settings(self.home, usual_ports=self._usual_ports)
        self._supervisor = subprocess.Popen(
            [sys.executable, "-m", "forecourt.supervisor", str(self.home)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            pass_fds=(self._lock.fileno(),),
        )
        self._until_ready(say)

    def _until_ready(self, say) -> None:
        assert self._supervisor is not None
        assert self._supervisor.stdout is not None
        for line in self._supervisor.stdout:
            if line.strip() == "ready":
                return
            if line.startswith(FAILED):
                raise StackError(line.removeprefix(FAILED).strip())
            say(line.rstrip())
        raise StackError(f"the stack did not start; see {self.home / 'logs'}")

    def _tell(self, order: str) -> None:
        assert self._supervisor is not None
        assert self._supervisor.stdin is not None
        self._supervisor.stdin.write(order + "\n")
        self._supervisor.stdin.flush()

    def restart_api(self) -> None:
        """Start Lite again: after a change of the schema, or to play a server restart."""
        self._tell("restart")
        self._until_ready(lambda line: None)

    @property
    def supabase_url(self) -> str:
        return self.settings.supabase_url

    @property
    def publishable_key(self) -> str:
        return self.settings.publishable_key

    @property
    def secret_key(self) -> str:
        """The operator's key of the API: it makes accounts without an invitation."""
        return self.settings.secret_key

    @property
    def db_url(self) -> str:
        """As the role that migrates: createrole and bypassrls, no superuser."""
        return self.settings.db_url()

    @property
    def admin_db_url(self) -> str:
        """As the cluster's superuser: for tests and benchmarks only."""
        return self.settings.db_url("supabase_admin")

    def create_database(self, name: str, template: str = "forecourt") -> str:
        """A copy of `template`, made again; answers its address as the role that migrates. Nobody
        else may be connected to the template."""
        with psycopg.connect(
            self.settings.db_url("supabase_admin", "postgres"), autocommit=True
        ) as admin:
            admin.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
            )
            admin.execute(
                sql.SQL("create database {} template {} owner postgres").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        return self.settings.db_url(database=name)

    def stop(self) -> None:
        """End the API and Postgres in order; does nothing when nothing was started."""
        if self._supervisor is not None:
            assert self._supervisor.stdin is not None
            assert self._supervisor.stdout is not None
            with contextlib.suppress(BrokenPipeError):  # the supervisor is gone already
                self._supervisor.stdin.close()
            if self._supervisor.wait(timeout=60) < 0:  # killed: it could not end Postgres
                subprocess.run(
                    [sys.executable, "-m", "forecourt.supervisor", str(self.home), "sweep"],
                    cwd=ROOT,
                    check=False,
                    timeout=60,
                )
            self._supervisor.stdout.close()
            self._supervisor = None
        self._lock.close()
        self._owner.close()

    def __enter__(self) -> Self:
        return self if self._supervisor else self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def owner_pid(home: Path) -> int | None:
    """The process that started the stack of `home`; None when there is none."""
    try:
        with open(home / "owner", "r+") as owner:
            return None if _locked(owner) else int(owner.read())
    except (FileNotFoundError, ValueError):  # never started, or starting this very moment
        return None


def is_running(home: Path) -> bool:
    """Whether some process holds the stack of `home`, be it one that is just ending."""
    try:
        with open(home / "lock", "r+") as lock:
            return not _locked(lock)
    except FileNotFoundError:
        return False


def _open_private(path: Path) -> IO[str]:
    return open(path, "a+", opener=lambda name, flags: os.open(name, flags, 0o600))


def _locked(file: IO[str]) -> bool:
    """Take the lock of a file unless another process has it; closing the file gives it back."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def secret_key_of(supabase_url: str) -> str | None:
    """The operator's key: of a stack that this process started, else $SUPABASE_SECRET_KEY."""
    return _SECRET_KEYS.get(supabase_url) or os.environ.get("SUPABASE_SECRET_KEY") or None


def supabase_from_environment() -> tuple[str, str] | None:
    """(url, publishable key) of a hosted or self-hosted Supabase, when the environment names
    one."""
    url = os.environ.get("SUPABASE_URL")
    key = os.environ.get("SUPABASE_PUBLISHABLE_KEY") or os.environ.get("SUPABASE_ANON_KEY")
    return (url.rstrip("/"), key) if url and key else None
