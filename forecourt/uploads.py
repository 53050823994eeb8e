"""Where the panel's files arrive: each once, no larger than allowed, and gone again soon."""

import asyncio
import hmac
import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from flet_web.uploads import build_upload_query_string, get_upload_signature
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

NAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.(csv|xlsx|txt)")
PART = ".part"
MB = 1_000_000
LARGEST = 20 * MB  # bytes; as admin/imports/reader.py
QUOTA = 200 * MB  # bytes of all files that wait to be read
KEPT = 600.0  # seconds a whole file waits to be read: as long as its address is good


def largest() -> int:
    """Bytes one upload may have: $FORECOURT_UPLOAD_MB, else 20 MB."""
    return int(float(os.environ.get("FORECOURT_UPLOAD_MB", LARGEST / MB)) * MB)


def quota() -> int:
    """Bytes all uploads together may have: $FORECOURT_UPLOADS_MB, else 200 MB."""
    return int(float(os.environ.get("FORECOURT_UPLOADS_MB", QUOTA / MB)) * MB)


class Uploads:
    """One folder, private to this process, empty when it starts."""

    def __init__(self, folder: Path, secret: str) -> None:
        self.folder, self._secret = folder, secret
        self.largest, self.quota = largest(), quota()
        self._used: dict[str, float] = {}  # signature → until when it is good
        self._coming: dict[str, int] = {}  # name → bytes announced
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        for left in folder.iterdir():
            if left.is_file() or left.is_symlink():
                left.unlink()

    async def put(self, request: Request) -> Response:
        """PUT: a raw file under a signed address (flet.Page.get_upload_url). Answers 400, 403, 409
        (used before), 410 (too late), 413 (too large), 507 (no room)."""
        asked = request.query_params
        name, expires, signature = (asked.get(k, "") for k in ("f", "e", "s"))
        try:
            until = datetime.fromisoformat(expires)
            genuine = self._sign(request.url.path, name, until)
        except (ValueError, OverflowError):
            return _no(400, "Not an upload address.")
        if not hmac.compare_digest(genuine.encode(), signature.encode()):
            return _no(403, "Not an upload address of this server.")
        if until.tzinfo is None or datetime.now(UTC) >= until:
            return _no(410, "This upload address has expired.")
        now = time.monotonic()
        self._used = {s: t for s, t in self._used.items() if t > now}
        if signature in self._used:
            return _no(409, "This upload address was used before.")
        announced = request.headers.get("content-length", "")
        size = int(announced) if announced.isdigit() and len(announced) < 16 else self.largest
        if size > self.largest:
            return _no(413, f"At most {self.largest / MB:g} MB.")
        if NAME.fullmatch(name) is None:
            return _no(400, "Not a file name this server takes.")
        self.sweep()
        if self._taken() + size > self.quota:
            return _no(507, "No room for more files now.")
        self._used[signature] = now + (until - datetime.now(UTC)).total_seconds() + 1
        self._coming[name] = size
        try:
            return await self._take(request, self.folder / name)
        finally:
            del self._coming[name]

    def _sign(self, path: str, name: str, until: datetime) -> str:
        query = build_upload_query_string(name, until)
        return get_upload_signature(path, query, until, self._secret)

    async def _take(self, request: Request, file: Path) -> Response:
        """To the disk as it comes. What did not arrive whole leaves nothing."""
        part, size = file.with_suffix(file.suffix + PART), 0
        try:
            made = await asyncio.to_thread(_create, part)
            with made:
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > self.largest:
                        return _no(413, f"At most {self.largest / MB:g} MB.")
                    await asyncio.to_thread(made.write, chunk)
            part.replace(file)
        except ClientDisconnect:
            return _no(400, "The file did not arrive whole.")
        finally:
            part.unlink(missing_ok=True)
        asyncio.get_running_loop().call_later(KEPT, lambda: file.unlink(missing_ok=True))
        return Response(status_code=200)

    def sweep(self) -> None:
        """Take away what nobody came to read."""
        for file in self.folder.iterdir():
            name = file.name.removesuffix(PART)
            if name not in self._coming and time.time() - file.stat().st_mtime > KEPT:
                file.unlink(missing_ok=True)

    def _taken(self) -> int:
        there = [f for f in self.folder.iterdir() if f.name.removesuffix(PART) not in self._coming]
        return sum(f.stat().st_size for f in there) + sum(self._coming.values())


def _create(file: Path) -> BinaryIO:
    return open(file, "wb", opener=lambda path, flags: os.open(path, flags, 0o600))


def _no(status: int, words: str) -> Response:
    return PlainTextResponse(words + "\n", status)
