"""Small settings of a device that is a browser, in a SQLite file.

A browser writes localStorage seconds later: whoever signed in just before the browser ended would
be signed out at the next start. What is set here is on disk when `set` returns.
"""

from pathlib import Path

from mobile_app.offline.database import connect

NAME = "preferences.sqlite"


class DevicePreferences:
    """Keys and values of this device; the session is one of them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._connection = connect(folder / NAME)
        self._connection.execute(
            "create table if not exists preferences"
            " (key text primary key, value text not null) without rowid"
        )

    async def get(self, key: str) -> str | None:
        """The value, or None."""
        found = self._connection.execute(
            "select value from preferences where key = ?", (key,)
        ).fetchone()
        return found[0] if found else None

    async def set(self, key: str, value: str | None) -> None:
        """Store a value durably; None removes the key."""
        if value is None:
            self._connection.execute("delete from preferences where key = ?", (key,))
            return
        self._connection.execute(
            "insert into preferences values (?, ?)"
            " on conflict (key) do update set value = excluded.value",
            (key, value),
        )

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
