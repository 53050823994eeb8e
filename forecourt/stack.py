"""A real Postgres 17 behind a real Supabase API, from packages: started, migrated and stopped from Python."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import Self

from forecourt.migrate import apply_migrations
from forecourt.settings import ROOT, Settings, home_folder, load_settings


class StackError(RuntimeError):
    """The embedded stack could not start; the message says where to look."""


class Stack:
    """One running stack; `with Stack(home) as stack:` ends it in order, and the death of this process ends it too."""

    def __init__(self, home: Path | None = None) -> None:
        self.home = home or home_folder()
        self.settings: Settings
        self._keeper: subprocess.Popen[str] | None = None

    def start(self, say=print) -> Self:
        """Start, migrate and serve. Raises StackError when another process holds this home or a part does not start."""
        self.home.mkdir(parents=True, exist_ok=True)
        self._lock = open(self.home / "lock", "a+")  # noqa: SIM115 - held for the life of the stack
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StackError(f"another forecourt runs in {self.home}: end it, or set FORECOURT_HOME") from None
        self.settings = load_settings(self.home)
        self._keeper = subprocess.Popen(
            [sys.executable, "-m", "forecourt.keeper", str(self.home)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            pass_fds=(self._lock.fileno(),),
        )
        self._until_ready(say)
        if applied := apply_migrations(self.settings.db_url(), say):
            say(f"{applied} migrations applied")
            self._tell("restart")
            self._until_ready(say)
        return self

    def _until_ready(self, say) -> None:
        assert self._keeper is not None
        assert self._keeper.stdout is not None
        for line in self._keeper.stdout:
            if line.strip() == "ready":
                return
            say(line.rstrip())
        raise StackError(f"the stack did not start; see {self.home / 'logs'}")

    def _tell(self, order: str) -> None:
        assert self._keeper is not None
        assert self._keeper.stdin is not None
        self._keeper.stdin.write(order + "\n")
        self._keeper.stdin.flush()

    def restart_api(self) -> None:
        """Start Lite anew: after a change of the schema, or to play a server restart."""
        self._tell("restart")
        self._until_ready(lambda line: None)

    @property
    def supabase_url(self) -> str:
        return self.settings.supabase_url

    @property
    def publishable_key(self) -> str:
        return self.settings.publishable_key

    @property
    def db_url(self) -> str:
        """As the role that migrates: createrole and bypassrls, no superuser."""
        return self.settings.db_url()

    @property
    def admin_db_url(self) -> str:
        """As the cluster's superuser: for tests and benchmarks only."""
        return self.settings.db_url("supabase_admin")

    def stop(self) -> None:
        if self._keeper is not None:
            assert self._keeper.stdin is not None
            assert self._keeper.stdout is not None
            self._keeper.stdin.close()
            self._keeper.wait(timeout=60)
            self._keeper.stdout.close()
            self._keeper = None
        self._lock.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def is_running(home: Path) -> bool:
    """Whether some process holds the stack of `home`."""
    if not (home / "lock").exists():
        return False
    with open(home / "lock", "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def supabase_from_environment() -> tuple[str, str] | None:
    """(url, publishable key) of a hosted or self-hosted Supabase, when the environment names one."""
    url = os.environ.get("SUPABASE_URL")
    key = os.environ.get("SUPABASE_PUBLISHABLE_KEY") or os.environ.get("SUPABASE_ANON_KEY")
    return (url.rstrip("/"), key) if url and key else None
