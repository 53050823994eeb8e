"""What this device says of itself: room for data, whether the browser may clear it, whether the app
is installed, and whether it may remind."""

from dataclasses import dataclass
from typing import Any

import flet as ft

LITTLE_ROOM = 100_000_000  # bytes; an app update needs some 15 MB, a day with photos about as much


@ft.observable
@dataclass(eq=False)
class DeviceStatus:
    """None and "" where nobody can say: in a native build, or before the browser answered.

    persisted: whether the browser promised to keep the data. install: installed · offered (the
    browser has a prompt) · ios (by hand) · "". reminders: granted · denied · default · "".
    invitation: the one-time code of a link that was opened and not used yet.
    """

    persisted: bool | None = None
    used: int | None = None  # bytes
    room: bool | None = None  # whether LITTLE_ROOM bytes more could be stored
    install: str = ""
    reminders: str = ""
    invitation: str = ""

    @property
    def has_little_room(self) -> bool:
        return self.room is False

    def learn_storage(self, answer: dict[str, Any]) -> None:
        """Take over the browser's answer about its storage. What is equal draws nothing."""
        self.persisted, self.room = bool(answer.get("persisted")), bool(answer.get("room"))
        if isinstance(used := answer.get("usage"), int | float):
            self.used = int(used)

    def learn(self, answer: dict[str, Any]) -> None:
        """Take over what the page knows."""
        for key in ("install", "reminders"):
            if isinstance(answer.get(key), str):
                setattr(self, key, answer[key])


DeviceContext: Any = ft.create_context(None)


def use_device() -> DeviceStatus:
    return ft.use_context(DeviceContext)
