"""Serves the built apps: what any static web server does, for the demo and the tests."""

import json
import mimetypes
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
HASHED = b"public, max-age=31536000, immutable"
REVALIDATED = b"no-cache"
PERMISSIONS = (
    b"camera=(self), microphone=(self), autoplay=(self), fullscreen=(self), "
    b"clipboard-read=(self), clipboard-write=(self), geolocation=(), payment=(), usb=(), "
    b"serial=(), hid=(), midi=(), display-capture=(), publickey-credentials-get=()"
)
TYPES = {
    ".frag": "text/plain",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mjs": "text/javascript",
    ".otf": "font/otf",
    ".so": "application/wasm",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
    ".zip": "application/zip",
}
ENCODINGS = ((b"br", ".br"), (b"gzip", ".gz"))


class StaticApps:
    """ASGI app: files of `root`, config.json for one Supabase project, the page for all routes of
    the phone and, below /admin, of the panel."""

    def __init__(self, root: Path, supabase_url: str, publishable_key: str) -> None:
        self._root = root.resolve()
        self._files = {
            "/" + file.relative_to(self._root).as_posix(): file
            for file in self._root.rglob("*")
            if file.is_file() and file.suffix not in (".br", ".gz")
        }
        self._tags = {file: _tag(file) for file in self._files.values()}
        config = {"supabase_url": supabase_url, "publishable_key": publishable_key}
        self._config = json.dumps(config).encode()
        self._headers = [
            (b"content-security-policy", _policy(supabase_url).encode()),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"permissions-policy", PERMISSIONS),
            (b"referrer-policy", b"same-origin"),
            (b"x-content-type-options", b"nosniff"),
            (b"x-frame-options", b"DENY"),
        ]

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        if scope["type"] == "websocket":  # the apps talk to Supabase, never to their web server
            await receive()
            await send({"type": "websocket.close", "code": 1000})
            return
        if scope["type"] != "http":
            return
        if scope["method"] not in ("GET", "HEAD"):
            await self._answer(send, scope, 405, b"", [(b"allow", b"GET, HEAD")])
            return
        path = scope["path"]
        if path == "/healthz":
            kind = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
            await self._answer(send, scope, 200, b'{"ok":true}', kind)
        elif path == "/config.json":
            kind = [(b"content-type", b"application/json"), (b"cache-control", REVALIDATED)]
            await self._answer(send, scope, 200, self._config, kind)
        elif (file := self._files.get(path)) is not None:
            await self._file(send, scope, file)
        elif "." in path.rsplit("/", 1)[-1]:
            await self._answer(send, scope, 404, b"", [(b"cache-control", b"no-store")])
        else:  # a route of the app
            await self._file(send, scope, self._files["/index.html"])

    async def _file(self, send: Send, scope: Scope, file: Path) -> None:
        asked = dict(scope["headers"])
        accepted = asked.get(b"accept-encoding", b"")
        tag = self._tags[file]
        kind = TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0]
        hashed = file.parent != self._root and "-" in file.relative_to(self._root).parts[0]
        headers = [
            (b"content-type", (kind or "application/octet-stream").encode()),
            (b"cache-control", HASHED if hashed else REVALIDATED),
            (b"vary", b"accept-encoding"),
            (b"etag", tag),
        ]
        if asked.get(b"if-none-match") == tag:
            await self._answer(send, scope, 304, b"", headers)
            return
        for encoding, suffix in ENCODINGS:
            twin = file.with_name(file.name + suffix)
            if encoding in accepted and twin.exists():
                headers.append((b"content-encoding", encoding))
                file = twin
                break
        await self._answer(send, scope, 200, file.read_bytes(), headers)

    async def _answer(self, send: Send, scope, status: int, data: bytes, headers: list) -> None:
        length = [] if status == 304 else [(b"content-length", str(len(data)).encode())]
        headers = [*headers, *self._headers, *length]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" or status == 304 else data
        await send({"type": "http.response.body", "body": body})


def _tag(file: Path) -> bytes:
    stat = file.stat()
    return f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'.encode()


def _policy(supabase_url: str) -> str:
    """What pages and workers may load: this origin, and one Supabase project to talk to."""
    return (
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' blob:; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        f"connect-src 'self' data: blob: {supabase_url}; worker-src 'self' blob:; "
        "media-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
        "frame-ancestors 'none'"
    )
