"""Settings of a device that is a browser: on disk when set."""

import sqlite3

from mobile_app.offline.preferences import NAME, DevicePreferences


async def test_what_was_set_is_there_after_the_process_is_gone(tmp_path):
    first = DevicePreferences(tmp_path / "device")
    assert await first.get("session") is None
    await first.set("session", "一")
    await first.set("session", "二")
    await first.set("gone", "x")
    await first.set("gone", None)
    other = sqlite3.connect(tmp_path / "device" / NAME)  # without closing the first
    assert other.execute("select key, value from preferences").fetchall() == [("session", "二")]
    other.close()
    first.close()
    second = DevicePreferences(tmp_path / "device")
    assert await second.get("session") == "二"
    assert await second.get("gone") is None
    second.close()


async def test_a_setting_is_flushed_like_an_act(tmp_path):
    preferences = DevicePreferences(tmp_path)
    [level] = preferences._connection.execute("pragma synchronous").fetchone()
    [mode] = preferences._connection.execute("pragma journal_mode").fetchone()
    assert (level, mode) == (2, "wal")  # full
    preferences.close()
