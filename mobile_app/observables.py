"""What moves often, each in an observable of its own: a screen that shows none of it is not drawn
again for it.

Session holds who is here and changes a few times a day; a save changes the local data, the sync
mark and the notice within one second.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import flet as ft

from mobile_app.offline.sync import SyncState

FRESH = timedelta(seconds=90)  # how long the server's last word counts: two idle rounds
NOTICE_SECONDS = 8


@ft.observable
@dataclass(eq=False)
class Sending:
    """How far the phone and the server are together."""

    state: SyncState = field(default_factory=SyncState)
    _rounds: int = 0  # nobody draws it
    _answered_at: datetime | None = None  # by this device's clock

    @property
    def rounds(self) -> int:
        """How many rounds of the sync have begun since the app started."""
        return self._rounds

    def report(self, state: SyncState, now: datetime) -> None:
        """A round began, went on or ended."""
        self._rounds += state.running and not self.state.running
        if self.state.running and not state.running and not state.trouble:
            self._answered_at = now
        self.state = state

    def queued(self) -> None:
        """The mark says "not sent yet" from the first moment, not from the next round of the
        loop."""
        self.state = replace(self.state, pending=self.state.pending + 1)

    def is_old(self, now: datetime) -> bool:
        """Nothing ran while the app slept: what the cloud said then may be hours old."""
        answered = self._answered_at
        return answered is None or not answered <= now <= answered + FRESH

    def clear(self) -> None:
        self.state, self._answered_at = SyncState(), None


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

    def say(self, text: str, *, undo: UUID | tuple[UUID, ...] | None = None) -> None:
        """Show a line for some seconds."""
        notice = self.notice = Notice(
            text, undo if isinstance(undo, tuple) else (undo,) if undo else ()
        )

        def over() -> None:
            if self.notice is notice:
                self.notice = None

        asyncio.get_running_loop().call_later(NOTICE_SECONDS, over)

    def clear(self) -> None:
        self.notice = None


class Reloading:
    """One screen's way of reading the local data: never twice at once, and once more when the local
    data moved meanwhile."""

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


class LocalDataChanges:
    """Tells the screens that the local data on this device is another one now."""

    def __init__(self) -> None:
        self._watching: list[Reloading] = []

    def watch(self, load: Callable[[], Awaitable[Any]]) -> Callable[[], None]:
        """Load now and whenever the local data changes. Answers what ends it."""
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
