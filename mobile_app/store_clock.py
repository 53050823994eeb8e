"""The store's day and time, and the server's time, as far as this device knows them."""

from collections.abc import Callable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from mobile_app.offline.clock import DeviceClock

NOBODYS_ZONE = ZoneInfo("Asia/Shanghai")  # while nobody is signed in
DRIFT = 2  # days: a device further from the server's day than that has a wrong clock


class StoreClock:
    """`device_now`: this device's own clock, which may be wrong by years."""

    def __init__(self, device_now: Callable[[], datetime]) -> None:
        self._device_now = device_now
        self._zone = NOBODYS_ZONE
        self._server: DeviceClock | None = None
        self._server_day: date | None = None

    def enter(self, time_zone: str, server: DeviceClock, server_day: date | None) -> None:
        """A store was entered: its zone, the server's time by this device, the server's last
        day."""
        self._zone, self._server, self._server_day = ZoneInfo(time_zone), server, server_day

    def learn(self, server_day: date | None) -> None:
        self._server_day = server_day or self._server_day

    def lose_server(self) -> None:
        """The local data is closed; the zone stays until nobody is signed in."""
        self._server = None

    def leave(self) -> None:
        self._zone, self._server, self._server_day = NOBODYS_ZONE, None, None

    def now(self) -> datetime:
        return self._server.now() if self._server is not None else self._device_now()

    @property
    def today(self) -> date:
        """What the server said last, carried on by this device's clock in the store's zone."""
        here, server_day = self.day(self._device_now()), self._server_day
        if server_day is None:
            return here
        return max(here, server_day) if abs((here - server_day).days) <= DRIFT else server_day

    def local(self, instant: datetime) -> datetime:
        """A moment in the store's zone."""
        return instant.astimezone(self._zone)

    def day(self, instant: datetime) -> date:
        return self.local(instant).date()

    def time_text(self, instant: datetime) -> str:
        return f"{self.local(instant):%H:%M}"
