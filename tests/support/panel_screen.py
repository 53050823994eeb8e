"""The admin panel in process, on the real stack: `async with panel(stack, "admin@…") as p` signs
in; `p.screen` taps and types, `p.connection` counts returns, so that a dropped websocket is
`p.connection.epoch += 1`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import uuid6

from admin.app import Panel
from admin.connection import Connection
from admin.services import Services
from admin.session import AdminSession
from forecourt import demo
from forecourt.stack import Stack
from shared.gateway.client import Gateway, make_http
from tests.support.flet_screen import Screen


class RecordingTransport(httpx.AsyncHTTPTransport):
    """The real network, until `cut`."""

    cut = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.cut:
            raise httpx.ConnectError("cut")
        return await super().handle_async_request(request)


@dataclass
class OpenPanel:
    screen: Screen
    session: AdminSession
    connection: Connection
    wire: RecordingTransport

    async def go(self, page: str, sign: str) -> int:
        """Another page by the navigation, until that sign is there; answers the bytes it took."""
        before = self.screen.client.sent
        await self.screen.press(*self.screen.target(f"nav-{page}"))
        await self.screen.settle(until=lambda: self.screen.has(sign))
        return self.screen.client.sent - before

    async def drop(self, sign: str) -> None:
        """The websocket was lost and is back: everything is drawn again."""
        self.connection.epoch += 1
        await self.screen.settle(until=lambda: self.screen.has(sign))


@asynccontextmanager
async def panel(
    stack: Stack, email: str, *, route: str = "/", folder: Path = Path(".")
) -> AsyncIterator[OpenPanel]:
    wire = RecordingTransport()
    async with make_http(wire) as http:
        gateway = Gateway(stack.supabase_url, stack.publishable_key, http=http)
        session, connection = (
            AdminSession(Services(gateway, folder, lambda: datetime.now(UTC), uuid6.uuid7)),
            Connection(),
        )
        await session.sign_in(email, demo.PASSWORD)
        screen = await Screen.open(Panel, session, connection, route=route, width=1280, height=800)
        try:
            yield OpenPanel(screen, session, connection, wire)
        finally:
            screen.close()
