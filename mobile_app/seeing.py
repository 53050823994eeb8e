"""The phone as a member sees it, for who shapes the store: read only, marked on every screen, with a book of its own that goes with it (F-73)."""

import asyncio
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import flet as ft

from mobile_app.session import Session, use_session
from shared.domain.problems import Problem
from shared.gateway.seeing import SeeingGateway, Seen
from shared.ui.feedback import EmptyState, act
from shared.ui.parts import text_button
from shared.ui.text import problem_text, use_text
from shared.ui.view import View, component, screen

ROUTE = "/see/"
FOLDER = "seeing"
STALE = 3600.0  # seconds after which the book of a look that was never ended is swept: a look lasts fifteen minutes


class MemoryPreferences:
    """Settings of this look only: the phone that may be signed in in the same browser keeps its own."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    async def get(self, key: str) -> str | None:
        return self._kept.get(key)

    async def set(self, key: str, value: str | None) -> None:
        if value is None:
            self._kept.pop(key, None)
        else:
            self._kept[key] = value


@dataclass(frozen=True)
class Look:
    """What the page was opened for: /see/<store>/<look>."""

    store_id: UUID
    seeing_id: UUID

    @staticmethod
    def read(route: str | None) -> "Look | None":
        try:
            store, seeing = (route or "").split("?")[0].removeprefix(ROUTE).strip("/").split("/")
            return Look(UUID(store), UUID(seeing)) if (route or "").startswith(ROUTE) else None
        except ValueError:
            return None


def book_folder(devices: Path, look: Look) -> Path:
    """A folder of this look's own; what older looks left is swept."""
    for old in (devices / FOLDER).glob("*"):
        if time.time() - old.stat().st_mtime > STALE:
            shutil.rmtree(old, ignore_errors=True)
    return devices / FOLDER / str(look.seeing_id)


@ft.observable
@dataclass(eq=False)
class Seeing:
    """The look of one page. phase: looking → over; `problem` says why when it was not by hand."""

    session: Session
    gateway: SeeingGateway
    folder: Path
    seen: Seen | None = None
    problem: str = ""
    _end: asyncio.TimerHandle | None = None
    _ending: asyncio.Task | None = None

    async def begin(self) -> None:
        """Raises nothing: what the server refuses stands on the screen."""
        try:
            self.seen = await self.gateway.seen()
            await self.session.find_memberships()
        except Problem as problem:
            self.problem, self.session.phase = problem.code, "seeing_over"
            return
        left = (self.seen.expires_at - self.session.services.now()).total_seconds()

        def over() -> None:
            self._ending = asyncio.create_task(self.leave("seeing_over"))

        self._end = asyncio.get_running_loop().call_later(max(left, 0), over)

    async def stop(self) -> None:
        """By hand: the server hears of it before the page says so."""
        await self.gateway.end()
        await self.leave("")

    async def leave(self, problem: str) -> None:
        """The book is gone from the device when the page says that it is over."""
        if self._end is not None:
            self._end.cancel()
        self.problem, self.session.phase = problem, "leaving"  # no screen may be drawn from a book that goes
        await self.session.close()
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)
        self.session.phase = "seeing_over"


@component
def SeeingBanner() -> ft.Control:
    """On every screen: whose phone this is, that nothing can be done, when it ends."""
    session, _ = use_session(), use_text()
    seeing = session.seeing
    if seeing is None or seeing.seen is None or session.me is None:
        return ft.Container(height=0)
    ink = ft.Colors.ON_TERTIARY_CONTAINER
    ends = session.clock_text(seeing.seen.expires_at)
    words = _("Looking as %(name)s (%(role)s), read only, until %(time)s") % {
        "name": session.me.name,
        "role": _.label(session.me.role_label),
        "time": ends,
    }
    return ft.Container(
        ft.Row(
            [
                ft.Icon(ft.Icons.VISIBILITY_OUTLINED, size=20, color=ink),
                ft.Semantics(
                    identifier="seeing-banner", expand=True, live_region=True,
                    content=ft.Text(words, size=13, color=ink, max_lines=2),
                ),
                text_button("stop-seeing", _("End"), act(seeing.stop)),
            ],
            spacing=10,
        ),
        bgcolor=ft.Colors.TERTIARY_CONTAINER, padding=ft.Padding.only(left=16, right=4, top=2, bottom=2),
    )  # fmt: skip


@screen
def SeeingOverScreen() -> ft.View:
    session, _ = use_session(), use_text()
    why = session.seeing.problem if session.seeing else ""
    words = problem_text(_, why) if why else _("Close this page and go back to the panel.")
    return View(route="/see", controls=[ft.SafeArea(EmptyState(ft.Icons.VISIBILITY_OFF_OUTLINED, _("You look as yourself again"), words))])
