"""The panel is drawn by our web server over a websocket: what is to do when it comes back."""

from collections.abc import Callable
from dataclasses import dataclass

import flet as ft

from shared.ui.view import remount


@ft.observable
@dataclass(eq=False)
class Connection:
    """epoch: how often the client has come back. What was asked before is asked again."""

    epoch: int = 0


ConnectionContext = ft.create_context(Connection())


def watch_connection(page: ft.Page, connection: Connection, back: Callable[[], None]) -> None:
    """Count the client's returns, and call `back` at each. Called once per page."""

    def returned(_: object) -> None:
        back()
        remount(page)
        connection.epoch += 1

    page.on_connect = returned
