"""What time it is, also on a phone whose clock is wrong by years: the device's clock, moved by what
the server last said."""

from collections.abc import Callable
from datetime import datetime, timedelta

TRUSTED = timedelta(minutes=2)  # a difference that the way of an answer explains


class DeviceClock:
    """`learn` from every page; `now` never runs behind what the server said last."""

    def __init__(self, device_now: Callable[[], datetime]) -> None:
        self._device_now = device_now
        self._ahead = timedelta()
        self._floor: datetime | None = None

    def learn(self, server_now: datetime) -> None:
        ahead = self._device_now() - server_now
        self._ahead = ahead if abs(ahead) > TRUSTED else timedelta()
        self._floor = server_now

    def start_at(self, server_now: datetime | None) -> None:
        """After a restart: a clock that is behind what the server said last time is wrong at
        least by that."""
        self._floor = server_now
        if server_now is not None and self._device_now() < server_now:
            self._ahead = self._device_now() - server_now

    def now(self) -> datetime:
        moved = self._device_now() - self._ahead
        return max(moved, self._floor) if self._floor is not None else moved
