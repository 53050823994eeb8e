"""Stands before both apps: from which address a page may be used, how many strangers are let in at
a time, and the headers of every answer."""

import asyncio
import ipaddress
import os
import re
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from shared.ui.visits import VISIT, Visit

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?")
# what the framework inside would answer, and neither app uses
CLOSED_PATHS = frozenset(
    prefix + path
    for prefix in ("", "/admin")
    for path in (
        "/docs",
        "/docs/oauth2-redirect",
        "/redoc",
        "/openapi.json",
        "/oauth_callback",
    )
)
CONTENT_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob: ws://{host} wss://{host}; worker-src 'self' blob:; "
    "media-src 'self' data: blob:; object-src 'none'; frame-src 'none'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'self'"
)
POLICY = b"content-security-policy"
PERMISSIONS = (
    "camera=(self), microphone=(self), autoplay=(self), fullscreen=(self), "
    "clipboard-read=(self), clipboard-write=(self), geolocation=(), payment=(), usb=(), "
    "serial=(), bluetooth=(), hid=(), midi=(), display-capture=(), publickey-credentials-get=()"
)
OURS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",
    b"permissions-policy": PERMISSIONS.encode(),
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-embedder-policy": b"require-corp",
    b"cross-origin-resource-policy": b"same-origin",
}
HIDDEN = {b"access-control-allow-origin", b"server", b"x-powered-by"}
REFUSED_ADDRESS = (
    b"This address is not one this server is used under. Name it in FORECOURT_ORIGINS.\n"
)


@dataclass(frozen=True)
class Limits:
    """What strangers, pages nobody is signed in on, may take."""

    strangers: int = 128
    strangers_per_address: int = 32  # a store is one address, and its phones come back together
    settled: float = 60.0  # seconds after which a stranger makes room for the next one
    kept: int = 20  # seconds a stranger's page is kept after its connection ended
    first_word: float = 20.0  # seconds in which a connection has to say what it wants
    message: int = 256 * 1024  # bytes a stranger may send at once

    @staticmethod
    def from_environment() -> "Limits":
        return Limits(
            int(os.environ.get("FORECOURT_STRANGERS", Limits.strangers)),
            int(os.environ.get("FORECOURT_STRANGERS_PER_ADDRESS", Limits.strangers_per_address)),
        )


class Origins:
    """The addresses this server is used under: those listed, else any IP address and localhost,
    where the page and its connection have to be of the same one. A name needs to be listed: any
    name on the internet can point here."""

    def __init__(self, listed: Iterable[str] = ()) -> None:
        self.listed = frozenset(o.rstrip("/").lower() for o in listed if o)
        for origin in self.listed:
            parts = urlsplit(origin)
            if parts.scheme not in ("http", "https") or parts.path or not parts.netloc:
                raise ValueError(f"FORECOURT_ORIGINS: {origin} is no https://host[:port]")
        self.hosts = frozenset(urlsplit(o).netloc for o in self.listed)

    @staticmethod
    def from_environment() -> "Origins":
        return Origins(re.split(r"[\s,]+", os.environ.get("FORECOURT_ORIGINS", "")))

    @property
    def encrypted(self) -> bool:
        return bool(self.listed) and all(o.startswith("https://") for o in self.listed)

    def is_host(self, host: str) -> bool:
        found = HOST.fullmatch(host)
        if found is None:
            return False
        if host in self.hosts:
            return True
        name = found[1].strip("[]")
        if name == "localhost":
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not self.listed

    def is_origin(self, origin: str, host: str) -> bool:
        """Whether a page of that origin may use us under that host."""
        if origin in self.listed:
            return True
        parts = urlsplit(origin)
        return (
            host not in self.hosts
            and parts.scheme in ("http", "https")
            and origin == f"{parts.scheme}://{parts.netloc}"
            and parts.netloc == host
        )


@dataclass(eq=False)
class Stranger:
    """A place taken by a connection, or by its page for a while after."""

    address: str
    visit: Visit
    began: float = field(default_factory=time.monotonic)
    ends: float | None = None
    leave: asyncio.Event = field(default_factory=asyncio.Event)


class Gate:
    """ASGI wrapper round the whole server. `timeout`: seconds the page of somebody signed in is
    kept after its connection ended."""

    def __init__(
        self,
        app: App,
        *,
        origins: Origins | None = None,
        limits: Limits | None = None,
        timeout: int = 600,
    ) -> None:
        self.app, self.timeout = app, timeout
        self.origins = origins or Origins.from_environment()
        self.limits = limits or Limits.from_environment()
        self._here: list[Stranger] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    # where from -------------------------------------------------------------------------------

    def _host(self, scope: Scope) -> str | None:
        """The host asked for; None for one we are not used under."""
        hosts = [v.decode("latin1").lower() for k, v in scope["headers"] if k == b"host"]
        return hosts[0] if len(hosts) == 1 and self.origins.is_host(hosts[0]) else None

    def _is_foreign(self, scope: Scope, host: str, *, needed: bool) -> bool:
        found = [v.decode("latin1").lower() for k, v in scope["headers"] if k == b"origin"]
        if not found:
            return needed
        return len(found) > 1 or not self.origins.is_origin(found[0], host)

    # answers ----------------------------------------------------------------------------------

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = self._host(scope)
        answer = self._with_headers(send, host or "localhost")
        writes = scope["method"] not in ("GET", "HEAD", "OPTIONS")
        if host is None or self._is_foreign(scope, host, needed=writes):
            await _say(answer, 403, REFUSED_ADDRESS)
        elif scope["path"].rstrip("/") in CLOSED_PATHS:
            await _say(answer, 404, b"Not found.\n")
        else:
            await self.app(scope, receive, answer)

    def _with_headers(self, send: Send, host: str) -> Send:
        ours = {**OURS, POLICY: CONTENT_POLICY.format(host=host).encode()}
        if self.origins.encrypted:
            ours[b"strict-transport-security"] = b"max-age=31536000"

        async def dressed(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                found = {k.lower() for k, _ in message.get("headers", ())}
                # the static phone app names the one project it may talk to
                added = {k: v for k, v in ours.items() if k != POLICY or POLICY not in found}
                theirs = [
                    (k, v)
                    for k, v in message.get("headers", ())
                    if k.lower() not in added and k.lower() not in HIDDEN
                ]
                message = {**message, "headers": [*theirs, *added.items()]}
            await send(message)

        return dressed

    # pages ------------------------------------------------------------------------------------

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = self._host(scope)
        if host is None or self._is_foreign(scope, host, needed=True):
            await _refuse(scope, receive, send, 403)
            return
        address = scope["client"][0] if scope.get("client") else ""
        if not self._has_room(address):
            await _refuse(scope, receive, send, 503)
            return
        visit = Visit()
        stranger = Stranger(address, visit)
        self._here.append(stranger)
        VISIT.set(visit)
        try:
            await self._serve(stranger, scope, receive, send)
        finally:
            stranger.ends = time.monotonic() + self.limits.kept
            await visit.left(self.timeout if visit.signed_in else self.limits.kept)

    async def _serve(self, stranger: Stranger, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, until it ends or has to leave. Flet waits for ever behind a connection
        that ended before it said anything, so it is not waited for long."""
        first = True

        async def hear() -> dict[str, Any]:
            nonlocal first
            message = await receive()
            if message["type"] == "websocket.receive":
                first = False
                body = message.get("bytes") or message.get("text") or b""
                if not stranger.visit.signed_in and len(body) > self.limits.message:
                    stranger.leave.set()
                    return {"type": "websocket.disconnect", "code": 1009}
            elif message["type"] == "websocket.disconnect":
                stranger.leave.set()
            return message

        def is_silent() -> None:
            if first:
                stranger.leave.set()

        timer = asyncio.get_running_loop().call_later(self.limits.first_word, is_silent)
        inside = asyncio.ensure_future(self.app(scope, hear, send))
        leaving = asyncio.ensure_future(stranger.leave.wait())
        try:
            await asyncio.wait({inside, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not inside.done():
                await _close(send)
                await asyncio.wait({inside}, timeout=2.0)
            if inside.done() and not leaving.done():
                inside.result()
        finally:
            timer.cancel()
            inside.cancel()
            leaving.cancel()
            await asyncio.gather(inside, leaving, return_exceptions=True)

    def _has_room(self, address: str) -> bool:
        """Whether another stranger may come in; who has been here for long makes room."""
        now = time.monotonic()
        self._here = [s for s in self._here if (now < s.ends if s.ends else not s.leave.is_set())]
        strangers = [s for s in self._here if not s.visit.signed_in]
        same = [s for s in strangers if s.address == address]
        for those, most in (
            (same, self.limits.strangers_per_address),
            (strangers, self.limits.strangers),
        ):
            if len(those) < most:
                continue
            oldest = min((s for s in those if s.ends is None), key=lambda s: s.began, default=None)
            if oldest is None or now - oldest.began < self.limits.settled:
                return False
            oldest.leave.set()
        return True


async def _say(send: Send, status: int, words: bytes) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(words)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": words})


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int) -> None:
    """No connection is made; the app inside never hears of it."""
    await receive()  # websocket.connect
    if "websocket.http.response" in scope.get("extensions", {}):
        start = {"type": "websocket.http.response.start", "status": status}
        await send({**start, "headers": [(b"retry-after", b"5"), *OURS.items()]})
        await send({"type": "websocket.http.response.body", "body": b""})
    else:
        await send({"type": "websocket.close", "code": 1008})


async def _close(send: Send) -> None:
    try:
        await send({"type": "websocket.close", "code": 1013})
    except Exception:
        return  # closed from the other side already
