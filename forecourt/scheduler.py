"""Runs the rules by the clock where no pg_cron does: nights, hours, and what was missed.

The database knows what is due (crm.run_due) and keeps a row per run, so any number of these may run
beside each other or beside pg_cron.
"""

import threading
from collections.abc import Callable
from typing import Any, Self

import psycopg

EVERY = 300.0  # seconds between two looks at what is due


def run_due(db_url: str) -> list[dict[str, Any]]:
    """Do what is due in every store, each in a transaction of its own; one entry per run."""
    with psycopg.connect(db_url, autocommit=True) as connection:
        stores = connection.execute("select id from crm.stores order by id").fetchall()
        done: list[dict[str, Any]] = []
        for (store,) in stores:
            row = connection.execute("select crm.run_due(%s)", (store,)).fetchone()
            done += row[0] if row else []
        return done


def health(db_url: str) -> list[str]:
    """A line per store: when its rules last ran, and what is wrong."""
    with psycopg.connect(db_url) as connection:
        rows = connection.execute(
            "select store_name, last_night, last_hour, seconds, without_next_step, error"
            " from crm.scheduler_health()"
        ).fetchall()
    lines = []
    for name, night, hour, seconds, left, error in rows:
        ran = (
            f"night of {night} in {seconds} s, last hour {hour:%Y-%m-%d %H:%M %Z}"
            if night and hour
            else "never ran"
        )
        without = f", {left} customers without a next step" if left else ""
        lines.append(f"{name}: {ran}{without}{f', ERROR {error}' if error else ''}")
    return lines


class Scheduler:
    """A thread that looks every few minutes; `with Scheduler(url):` ends it in order."""

    def __init__(self, db_url: str, say: Callable[[str], None], *, every: float = EVERY) -> None:
        self._db_url, self._say, self._every = db_url, say, every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="scheduler", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def _work(self) -> None:
        while True:
            try:
                for run in run_due(self._db_url):
                    if "error" in run:
                        self._say(f"the {run['work']} rules failed: {run['error']}")
            except psycopg.Error as error:  # the database is away: the next look catches up
                self._say(f"the rules did not run: {type(error).__name__}")
            if self._stop.wait(self._every):
                return
