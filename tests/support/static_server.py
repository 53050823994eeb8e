"""The phone app's static files on a port of their own, as any web host would serve them."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from forecourt.static_files import StaticApps

CHUNK = 16_384  # bytes


def known_port() -> int:
    """A free port of an origin that the API of this test run answers (tests/support/stack.py)."""
    for origin in os.environ["FORECOURT_ORIGINS"].split(","):
        port = urlsplit(origin).port or 80
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise OSError("every port of a known origin is taken")


class StaticHost:
    """`root` can be exchanged for another build while it runs; `requests` are all paths asked
    for."""

    def __init__(self, root: Path, supabase_url: str, publishable_key: str) -> None:
        self._project = (supabase_url, publishable_key)
        self.port = known_port()
        self.requests: list[str] = []
        self.sent = 0  # bytes of bodies
        self.rate: float | None = None  # bytes a second of the whole link
        self._free_at = 0.0
        self.broken: dict[str, int] = {}  # path part → how many times it answers garbage
        self.publish(root)
        self._server: uvicorn.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def publish(self, root: Path) -> None:
        """Serve this build from now on."""
        self._app = StaticApps(root, *self._project)

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            return
        path = scope["path"]
        self.requests.append(path)
        for part in self.broken:
            if part in path and self.broken[part] > 0:
                self.broken[part] -= 1
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b"<html>please log in</html>"})
                return

        async def counted(message) -> None:
            body = message.get("body", b"")
            self.sent += len(body)
            if self.rate is None or len(body) < CHUNK:
                await self._pace(len(body))
                await send(message)
                return
            for at in range(0, len(body), CHUNK):
                chunk = body[at : at + CHUNK]
                await self._pace(len(chunk))
                more = at + CHUNK < len(body)
                await send({"type": message["type"], "body": chunk, "more_body": more})

        await self._app(scope, receive, counted)

    async def _pace(self, size: int) -> None:
        """One link for all answers, as a phone has: each byte waits for those before it."""
        if self.rate is not None:
            now = time.monotonic()
            self._free_at = max(self._free_at, now) + size / self.rate
            await asyncio.sleep(self._free_at - now)

    def start(self) -> None:
        config = uvicorn.Config(
            self, host="127.0.0.1", port=self.port, log_level="warning", lifespan="off"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        end = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < end, "the static host does not start"
            time.sleep(0.02)  # waiting for a thread to listen; bounded above

    def stop(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
            self._thread.join(timeout=10)
            self._server = None


@contextmanager
def static_host(root: Path, supabase_url: str, publishable_key: str) -> Iterator[StaticHost]:
    host = StaticHost(root, supabase_url, publishable_key)
    host.start()
    try:
        yield host
    finally:
        host.stop()
