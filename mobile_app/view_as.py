"""The phone as a member sees it, for who shapes the store: read only, marked on every screen, with
local data of its own that goes with it (F-73)."""

import asyncio
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import flet as ft

from mobile_app.session import Session, use_session
from shared.domain.problems import Problem, Rejected
from shared.gateway.view_as import ViewAsGateway, ViewedMember
from shared.ui.feedback import EmptyState, act
from shared.ui.text import problem_text, use_text
from shared.ui.view import View, component, screen
from shared.ui.widgets import text_button

ROUTE = "/see/"
FOLDER = "view_as"
# seconds after which the local data of a look that was never ended is swept: a look lasts fifteen
# minutes
STALE = 3600.0


class MemoryPreferences:
    """Settings of this look only: the phone that may be signed in in the same browser keeps its
    own."""

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
class ViewAsLink:
    """What the page was opened for: /see/<store>/<look>."""

    store_id: UUID
    view_as_id: UUID

    @staticmethod
    def read(route: str | None) -> "ViewAsLink | None":
        try:
            store, view_as = (route or "").split("?")[0].removeprefix(ROUTE).strip("/").split("/")
            return (
                ViewAsLink(UUID(store), UUID(view_as)) if (route or "").startswith(ROUTE) else None
            )
        except ValueError:
            return None


def view_as_folder(devices: Path) -> Path:
    """A folder of this page's own, whose name no address can name: who knows the id of another's
    look can neither open nor remove what lies there. What older looks left is swept."""
    for old in (devices / FOLDER).glob("*"):
        if time.time() - old.stat().st_mtime > STALE:
            shutil.rmtree(old, ignore_errors=True)
    return devices / FOLDER / str(uuid4())


@ft.observable
@dataclass(eq=False)
class ViewAs:
    """The look of one page. phase: looking → over; `problem` says why when it was not by hand."""

    session: Session
    gateway: ViewAsGateway
    folder: Path
    seen: ViewedMember | None = None
    problem: str = ""
    _end: asyncio.TimerHandle | None = None
    _ending: asyncio.Task | None = None

    async def begin(self) -> None:
        """Raises nothing: a refusal of the server is shown on the screen."""
        try:
            self.seen = await self.gateway.seen()
            await self.session.find_memberships()
            if self.session.phase != "ready":
                raise Rejected("view_as_ended")
        except Problem as problem:
            await self.leave(problem.code)
            return
        left = (self.seen.expires_at - self.session.services.now()).total_seconds()

        def over() -> None:
            self._ending = asyncio.create_task(self.leave("view_as_ended"))

        self._end = asyncio.get_running_loop().call_later(max(left, 0), over)

    async def stop(self) -> None:
        """Ended by hand: the server is informed before the page says so."""
        await self.gateway.end()
        await self.leave("")

    async def leave(self, problem: str) -> None:
        """The local data is deleted before the page says that viewing has ended."""
        if self._end is not None:
            self._end.cancel()
        self.problem, self.session.phase = (
            problem,
            "leaving",
        )  # no screen may be drawn from local data that goes
        await self.session.close()
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)
        self.session.phase = "view_as_ended"


@component
def ViewAsBanner() -> ft.Control:
    """On every screen: whose phone this is, that nothing can be done, when it ends."""
    session, _ = use_session(), use_text()
    view_as = session.view_as
    if view_as is None or view_as.seen is None or session.me is None:
        return ft.Container(height=0)
    ink = ft.Colors.ON_TERTIARY_CONTAINER
    ends = session.clock.time_text(view_as.seen.expires_at)
    words = _("Viewing as %(name)s (%(role)s), read-only, until %(time)s") % {
        "name": session.me.name,
        "role": _.label(session.me.role_label),
        "time": ends,
    }
    return ft.Container(
        ft.Row(
            [
                ft.Icon(ft.Icons.VISIBILITY_OUTLINED, size=20, color=ink),
                ft.Semantics(
                    identifier="seeing-banner",
                    expand=True,
                    live_region=True,
                    content=ft.Text(words, size=13, color=ink, max_lines=2),
                ),
                text_button("stop-seeing", _("End"), act(view_as.stop)),
            ],
            spacing=10,
        ),
        bgcolor=ft.Colors.TERTIARY_CONTAINER,
        padding=ft.Padding.only(left=16, right=4, top=2, bottom=2),
    )


@screen
def ViewAsEndedScreen() -> ft.View:
    session, _ = use_session(), use_text()
    code = session.view_as.problem if session.view_as else ""
    words = problem_text(_, code) if code else _("Close this page and return to the admin panel.")
    return View(
        route="/see",
        controls=[
            ft.SafeArea(
                EmptyState(
                    ft.Icons.VISIBILITY_OFF_OUTLINED, _("You are back in your own account"), words
                )
            )
        ],
    )
