"""The admin panel in process, on the real stack: `async with panel(stack, "admin@…") as p` signs
in; `p.screen` taps and types."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import uuid6

from admin.app import Panel
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
    wire: RecordingTransport

    async def go(self, page: str, sign: str) -> int:
        """Another page by the navigation, until that sign is there; answers the bytes it took."""
        before = self.screen.client.sent
        await self.screen.press(*self.screen.target(f"nav-{page}"))
        await self.screen.settle(until=lambda: self.screen.has(sign))
        return self.screen.client.sent - before


@asynccontextmanager
async def panel(stack: Stack, email: str, *, route: str = "/") -> AsyncIterator[OpenPanel]:
    wire = RecordingTransport()
    async with make_http(wire) as http:
        gateway = Gateway(stack.supabase_url, stack.publishable_key, http=http)
        session = AdminSession(Services(gateway, lambda: datetime.now(UTC), uuid6.uuid7))
        await session.sign_in(email, demo.PASSWORD)
        screen = await Screen.open(Panel, session, route=route, width=1280, height=800)
        try:
            yield OpenPanel(screen, session, wire)
        finally:
            screen.close()
