"""What moves often, each in an observable of its own: a screen that shows none of it is not drawn again for it.

Session holds who is here and changes a few times a day; a save changes the book, the sync mark and the notice within one second.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import flet as ft

from mobile_app.offline.sync import SyncState


@ft.observable
@dataclass(eq=False)
class Sending:
    """How far the phone and the server are together."""

    state: SyncState = field(default_factory=SyncState)


@dataclass(frozen=True)
class Notice:
    """One line above the lower edge; `undo` takes the act back."""

    text: str
    undo: tuple[UUID, ...] = ()


@ft.observable
@dataclass(eq=False)
class Notices:
    """The line that is shown now."""

    notice: Notice | None = None


class Reloading:
    """One screen's way of reading the book: never twice at once, and once more when the book moved meanwhile."""

    def __init__(self, load: Callable[[], Awaitable[Any]]) -> None:
        self._load, self._wanted = load, False
        self._task: asyncio.Task | None = None

    def ring(self) -> None:
        self._wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._wanted:
            self._wanted = False
            await self._load()

    def end(self) -> None:
        """The screen is gone; what it was reading is read to the end and thrown away."""
        self._wanted = False


class BookChanges:
    """Tells the screens that the book on this device is another one now."""

    def __init__(self) -> None:
        self._watching: list[Reloading] = []

    def watch(self, load: Callable[[], Awaitable[Any]]) -> Callable[[], None]:
        """Load now and whenever the book changes. Answers what ends it."""
        mine = Reloading(load)
        self._watching.append(mine)
        mine.ring()

        def end() -> None:
            mine.end()
            if mine in self._watching:
                self._watching.remove(mine)

        return end

    def tell(self) -> None:
        for screen in list(self._watching):
            screen.ring()


SendingContext: Any = ft.create_context(None)
NoticesContext: Any = ft.create_context(None)


def use_sync() -> SyncState:
    return ft.use_context(SendingContext).state


def use_notices() -> Notices:
    return ft.use_context(NoticesContext)
