"""Connections to a served page, and whether somebody is signed in on it: the web server lets only
so many strangers in at a time (forecourt/gate.py)."""

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import flet as ft


@dataclass(eq=False)
class PageOwner:
    """One page session, over all its connections."""

    signed_in: bool = False


@dataclass(eq=False)
class Visit:
    """One connection. Until the app says which page it shows, it is a stranger's."""

    owner: PageOwner = field(default_factory=PageOwner)
    session: Any = None  # Flet's
    connection: Any = None

    @property
    def signed_in(self) -> bool:
        return self.owner.signed_in

    async def left(self, seconds: int) -> None:
        """The connection ended. Flet does not hear of it when the connection broke while something
        was being sent (1.0.5), and would keep the page for ever: it is kept for `seconds`."""
        session, connection = self.session, self.connection
        self.session = self.connection = None  # nothing of the page is kept by who counts visits
        if session is not None and session.connection is connection:
            await session.disconnect(seconds)


VISIT: ContextVar[Visit | None] = ContextVar("VISIT", default=None)  # set by the web server


def join_page(page: ft.Page, owner: PageOwner) -> None:
    """The connection this task serves shows that page. Called when a page begins and returns."""
    if (visit := VISIT.get()) is not None:
        visit.owner = owner
        visit.session, visit.connection = page.session, page.session.connection
