"""A Flet client over a real websocket, without a browser: what a stranger with a script can do."""

import asyncio
from typing import Any

import msgpack
import websockets

from tests.support.present import present

REGISTER, INVOKE = 1, 5  # flet.messaging.protocol.MessageAction


class WebClient:
    """One connection to the panel; `heard` holds every message of the server, as Flet packed it."""

    def __init__(self, socket: Any) -> None:
        self.socket, self.heard = socket, []

    @classmethod
    async def connect(cls, base: str, *, path: str = "/admin/ws", **options: Any) -> "WebClient":
        """`base`: http://127.0.0.1:port. The page says it is of the same origin unless `origin`
        says another (None: it says none)."""
        options.setdefault("origin", base)
        headers = options.pop("headers", {})
        address = base.replace("http", "ws", 1) + path
        socket = await websockets.connect(
            address, additional_headers=headers, max_size=None, **options
        )
        return cls(socket)

    async def send(self, action: int, body: Any) -> None:
        await self.socket.send(b"\x00" + present(msgpack.packb([action, body])))

    async def register(self, *, route: str = "/", session_id: str = "") -> None:
        page = {"route": route, "width": 390, "height": 844, "web": True, "platform": "android"}
        await self.send(REGISTER, {"session_id": session_id, "page_name": "", "page": page})

    async def listen(self, preferences: dict[str, str], *, silent_from: int = 10**9) -> None:
        """Answer what the page asks of the browser's storage, until cancelled."""
        asked = 0
        async for data in self.socket:
            action, body = msgpack.unpackb(data[1:], strict_map_key=False, ext_hook=_any)
            self.heard.append((action, body))
            if action != INVOKE:
                continue
            arguments = body.get("args") or {}
            result = None
            if body["name"] == "get":
                asked += 1
                if asked >= silent_from:
                    continue
                result = preferences.get(arguments["key"])
            elif body["name"] == "set":
                preferences[arguments["key"]], result = arguments["value"], True
            answer = {"control_id": body["control_id"], "call_id": body["call_id"]}
            await self.send(INVOKE, {**answer, "result": result, "error": None})

    async def until(self, words: str, seconds: float = 20.0) -> None:
        """Wait until the server has sent these words. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while words not in str(self.heard):  # noqa: ASYNC110 - the socket tells nobody else
                await asyncio.sleep(0.02)


def _any(code: int, data: bytes) -> Any:
    return (code, data)
