"""httpx over the browser's fetch: for the phone app that runs in a browser (Pyodide)."""
# pyright: basic
# The objects of the browser and of Pyodide have no types.

import asyncio
from typing import Any

import httpx
import js  # pyright: ignore[reportMissingImports]
from pyodide.ffi import JsException, to_js  # pyright: ignore[reportMissingImports]

# The browser sets these itself, and refuses them from a script.
BROWSER_HEADERS = frozenset(
    {"accept-encoding", "connection", "content-length", "host", "transfer-encoding", "user-agent"}
)
# fetch has decoded the body already: it must not be decoded a second time.
DECODED = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class FetchTransport(httpx.AsyncBaseTransport):
    """Each request is one fetch, ended by an abort signal when its time is over.

    The browser does not say how far a request came, so the whole of it has the read timeout of the
    request. Raises httpx.ConnectError when the server was not reached or its answer may not be
    read, httpx.ReadTimeout when it took too long.
    """

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send and read the whole answer."""
        body = await request.aread()
        seconds = (request.extensions.get("timeout") or {}).get("read")
        abort = js.AbortController.new()
        try:
            return await asyncio.wait_for(_fetch(request, body, abort.signal), seconds)
        except TimeoutError as error:
            raise httpx.ReadTimeout("no answer in time", request=request) from error
        except JsException as error:
            raise httpx.ConnectError(str(error), request=request) from error
        finally:
            abort.abort()  # a request nobody waits for any more must not reach the server later


async def _fetch(request: httpx.Request, body: bytes, signal: Any) -> httpx.Response:
    headers = js.Headers.new()
    for name, value in request.headers.multi_items():
        if name.lower() not in BROWSER_HEADERS:
            headers.append(name, value)
    options = {
        "method": request.method,
        "headers": headers,
        "signal": signal,
        "cache": "no-store",
        "credentials": "omit",
        "redirect": "manual",
        "referrerPolicy": "no-referrer",
    }
    if body:
        options["body"] = to_js(body)
    answer = await js.fetch(str(request.url), to_js(options, dict_converter=js.Object.fromEntries))
    if answer.type == "opaqueredirect":
        raise httpx.ConnectError("redirected", request=request)  # no API of ours sends elsewhere
    data = (await answer.arrayBuffer()).to_bytes()
    kept = [(name, value) for name, value in answer.headers if name.lower() not in DECODED]
    kept.append(("content-length", str(len(data))))
    return httpx.Response(answer.status, headers=kept, content=data, request=request)
