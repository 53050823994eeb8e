"""A network that fails on purpose, in front of the real one: the only fake in these tests."""

from collections.abc import Callable

import httpx

FaultPlan = Callable[[httpx.Request], bool]


def pushes(request: httpx.Request) -> bool:
    return request.url.path.endswith("/sync_push")


def pulls(request: httpx.Request) -> bool:
    return request.url.path.endswith("/sync_pull")


def everything(request: httpx.Request) -> bool:
    return True


class Network(httpx.AsyncBaseTransport):
    """Real until told otherwise. `down`: nothing leaves. `lose_reply`: the server does it, nobody
    hears. `twice`: sent two times, the second answer is heard. `instead`: somebody else answers.
    Each applies to requests of `only`."""

    def __init__(self) -> None:
        self.real = httpx.AsyncHTTPTransport()
        self.down = self.lose_reply = self.twice = False
        self.instead: Callable[[], httpx.Response] | None = None
        self.only: FaultPlan = everything
        self.seen: list[httpx.Request] = []
        self.before: Callable[[httpx.Request], object] | None = None

    def heal(self) -> None:
        self.down = self.lose_reply = self.twice = False
        self.instead, self.only, self.before = None, everything, None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        body = await request.aread()
        if not self.only(request):
            return await self.real.handle_async_request(request)
        if self.before is not None:
            self.before(request)
        if self.down:
            raise httpx.ConnectError("no network")
        if self.instead is not None:
            return self.instead()
        if self.twice:
            first = httpx.Request(
                request.method, request.url, headers=request.headers, content=body
            )
            await (await self.real.handle_async_request(first)).aread()
        answer = await self.real.handle_async_request(request)
        if self.lose_reply:
            await answer.aread()
            raise httpx.ReadError("the answer was lost")
        return answer

    async def aclose(self) -> None:
        await self.real.aclose()
