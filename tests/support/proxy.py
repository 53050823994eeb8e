"""A server between phone and API that behaves like a bad network, on real sockets: the faults of
battery T6 and of the airplane journey."""

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Callable
from typing import Self
from urllib.parse import urlsplit

JSON = b"content-type: application/json\r\n"
HTML = "<html><body>欢迎来到酒店,请登录</body></html>".encode()
# What is done with one request. "" = served as it is.
FAULTS = (
    "refused",
    "dropped_before",
    "reply_lost",
    "half_reply",
    "twice",
    "late_copy",
    "stalled",
    "slow",
    "429",
    "500",
    "500_after",
    "502",
    "503",
    "504",
    "portal",
    "portal_as_json",
    "tls_garbage",
    "reset",
    "empty_200",
)
Weather = Callable[
    [str], tuple[str, ...]
]  # path → faults of this request; "twice" and "late_copy" go with another one


def clear(path: str) -> tuple[str, ...]:
    return ()


class FaultProxy:
    """Forwards to `upstream`; `weather` decides per request. Counts what it did."""

    def __init__(self, upstream: str) -> None:
        at = urlsplit(upstream)
        self._host, self._port = at.hostname or "127.0.0.1", at.port or 80
        self.weather: Weather = clear
        self.requests = 0
        self.done: dict[str, int] = dict.fromkeys(FAULTS, 0)
        self.url = ""
        self._server: asyncio.Server | None = None
        self._late: list[bytes] = []
        self._tasks: set[asyncio.Task] = set()

    async def start(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._one(reader, writer)
        except (OSError, asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            ),
            0,
        )
        body = await reader.readexactly(length) if length else b""
        dropped = (b"connection:", b"accept-encoding:", b"host:")
        lines = [
            line for line in head.split(b"\r\n") if line and not line.lower().startswith(dropped)
        ]
        host = f"host: {self._host}:{self._port}".encode()  # the API serves under its own name only
        request = b"\r\n".join([*lines, host, b"connection: close", b"", b""]) + body
        path = head.split(b" ", 2)[1].decode()
        self.requests += 1
        faults = self.weather(path)
        for name in faults:
            self.done[name] += 1
        late, self._late = self._late, []
        if "late_copy" in faults:
            self._late.append(request)
        answer = await self._answer(faults, request, writer)
        if answer is not None:
            writer.write(answer)
            await writer.drain()
        for copy in late:  # an old request that lay in some buffer arrives after a newer one
            await self._forward(copy)

    async def _answer(
        self, faults: tuple[str, ...], request: bytes, writer: asyncio.StreamWriter
    ) -> bytes | None:
        """The bytes to send back; None = nothing more."""
        if "refused" in faults or "dropped_before" in faults:
            return None
        if "tls_garbage" in faults:
            return b"\x15\x03\x01\x00\x02\x02\x28"
        if status := next((f for f in faults if f in ("429", "500", "502", "503", "504")), None):
            extra = b"retry-after: 1\r\n" if status == "429" else b""
            return self._made(
                int(status),
                JSON + extra,
                b'{"code": "XX000", "message": "faulty"}' if status in ("500", "429") else b"{}",
            )
        if "portal" in faults:
            return self._made(200, b"content-type: text/html\r\n", HTML)
        if "portal_as_json" in faults:
            return self._made(200, JSON, HTML)
        if "empty_200" in faults:
            return self._made(200, JSON, b"[]")
        if "twice" in faults:
            await self._forward(request)
        if "slow" in faults:
            await asyncio.sleep(0.2)
        answer = await self._forward(request)
        if "reply_lost" in faults:
            return None
        if "half_reply" in faults:
            return answer[: len(answer) // 2]
        if "500_after" in faults:
            return self._made(500, JSON, b'{"code": "XX000", "message": "died after commit"}')
        if "stalled" in faults:
            await asyncio.sleep(60)
        if "reset" in faults:
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return None
        if "slow" in faults:
            for at in range(0, len(answer), 4096):  # about 400 kbit/s
                writer.write(answer[at : at + 4096])
                await writer.drain()
                await asyncio.sleep(0.08 if len(answer) < 65536 else 0.01)
            return None
        return answer

    @staticmethod
    def _made(status: int, headers: bytes, body: bytes) -> bytes:
        return (
            b"HTTP/1.1 %d Faulty\r\n%scontent-length: %d\r\nconnection: close\r\n\r\n"
            % (status, headers, len(body))
            + body
        )

    async def _forward(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(request)
            await writer.drain()
            return await reader.read(-1)
        finally:
            writer.close()


class ThreadedProxy:
    """The same for tests whose own loop belongs to somebody else: runs in a thread of its own."""

    def __init__(self, upstream: str) -> None:
        self.proxy = FaultProxy(upstream)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.proxy.start(), self._loop).result(10)
        return self.proxy

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.proxy.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


def storm(
    seed: int, *, fails: float, everything_twice: bool = False, only: str = "/rest/"
) -> Weather:
    """Every request sent twice if wanted; a share of them fails in one of the ways a network
    has."""
    dice = random.Random(seed)

    def weather(path: str) -> tuple[str, ...]:
        if only not in path:
            return ()
        twice = ("twice",) if everything_twice else ()
        if dice.random() >= fails:
            return twice
        return (
            *twice,
            dice.choice(
                [
                    "dropped_before",
                    "reply_lost",
                    "half_reply",
                    "500_after",
                    "502",
                    "503",
                    "portal",
                    "reset",
                ]
            ),
        )

    return weather
