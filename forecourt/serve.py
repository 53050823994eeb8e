"""Serves the phone app's static files at /, the admin panel at /admin, and says it is well at
/healthz: one process, one origin, no CDN.

python -m forecourt.serve --port 8550      with SUPABASE_URL and SUPABASE_PUBLISHABLE_KEY in the
environment
"""

import argparse
import gc
import logging
import mimetypes
import os
import secrets
import threading
from pathlib import Path
from typing import cast

from forecourt.build.phone import ensure_phone_app
from forecourt.gate import CLOSED_PATHS, App, Gate
from forecourt.settings import home_folder
from forecourt.static_files import StaticPhoneApp
from forecourt.uploads import Uploads
from forecourt.webroot import ensure_webroot
from shared.ui.visits import VISIT

SESSION_TIMEOUT = 600  # seconds a closed page of the panel is kept in memory

for _kind, _suffix in (
    ("text/javascript", ".mjs"),
    ("application/wasm", ".wasm"),
    ("font/otf", ".otf"),
    ("font/woff2", ".woff2"),
):
    mimetypes.add_type(_kind, _suffix)


class Precompressed:
    """ASGI wrapper: compressed twins with an ETag, fonts that never answer 404; all else goes to
    the app inside."""

    def __init__(self, app, root: Path, prefix: str = "", version: str = "1") -> None:
        self.app, self.root, self.prefix = app, root.resolve(), prefix.rstrip("/")
        self.twins = {
            "/" + p.relative_to(self.root).as_posix()[:-3]: p for p in self.root.rglob("*.br")
        }
        self.etag = f'W/"{version}"'.encode()

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        path, is_head = scope["path"].removeprefix(self.prefix), scope["method"] == "HEAD"
        if scope["method"] not in ("GET", "HEAD"):
            return await self.app(scope, receive, send)
        if path.startswith("/assets/fonts/noto") and path.endswith(".woff2") and ".." not in path:
            file = self.root / path[1:]
            data = (file if file.is_file() else self.root / "assets/fonts/blank.woff2").read_bytes()
            headers = [
                (b"content-type", b"font/woff2"),
                (b"cache-control", b"public, max-age=31536000, immutable"),
            ]
            return await _send(send, 200, data, headers, is_head)
        if (twin := self.twins.get(path)) is None:
            return await self.app(scope, receive, send)
        asked = dict(scope["headers"])
        headers = [
            (b"etag", self.etag),
            (b"cache-control", b"public, max-age=0, must-revalidate"),
            (b"vary", b"accept-encoding"),
        ]
        if asked.get(b"if-none-match") == self.etag:
            return await _send(send, 304, b"", headers, is_head)
        accepted = asked.get(b"accept-encoding", b"")
        encoding, file = (
            (b"br", twin)
            if b"br" in accepted
            else (b"gzip", twin.with_suffix(".gz"))
            if b"gzip" in accepted
            else (None, twin.with_suffix(""))
        )
        headers.append(
            (
                b"content-type",
                (mimetypes.guess_type(path)[0] or "application/octet-stream").encode(),
            )
        )
        headers += [(b"content-encoding", encoding)] if encoding else []
        await _send(send, 200, file.read_bytes(), headers, is_head)


async def _send(send, status: int, data: bytes, headers, is_head: bool) -> None:
    length = [] if status == 304 else [(b"content-length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": b"" if is_head else data})


def make_private(home: Path) -> None:
    """Only this user may read what this process writes, and what an earlier one left."""
    os.umask(0o077)
    for name in ("uploads", "webroot", "logs"):
        folder = home / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    if (log := home / "logs" / "web.log").is_file():
        log.chmod(0o600)


def make_app(home: Path):
    """The ASGI app. FLET_WEB_PATH must be set before Flet is asked for anything."""
    make_private(home)
    root_folder = ensure_webroot(home)
    os.environ["FLET_WEB_PATH"] = str(root_folder)
    import flet as ft
    import flet_web.fastapi as flet_fastapi

    from admin.app import main as admin_main

    os.environ["FORECOURT_UPLOADS"] = str(home / "uploads")
    secret = secrets.token_hex(32)
    uploads = Uploads(home / "uploads", secret)
    version = root_folder.name
    root = flet_fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @root.get("/healthz")
    def healthz() -> dict[str, bool]:
        return {"ok": True}

    panel = flet_fastapi.app(
        admin_main,
        no_cdn=True,
        web_renderer=ft.WebRenderer.AUTO,
        session_timeout_seconds=SESSION_TIMEOUT,
        secret_key=secret,
        assets_dir=str(root_folder),
        app_name="展厅助手 · 管理后台",
        app_short_name="管理后台",
    )
    panel.router.routes = [
        route for route in panel.router.routes if getattr(route, "path", "") not in CLOSED_PATHS
    ]
    root.add_route("/admin/upload", uploads.put, methods=["PUT"])
    root.mount("/admin", Precompressed(panel, root_folder, prefix="/admin", version=version))
    url, key = os.environ["SUPABASE_URL"], os.environ["SUPABASE_PUBLISHABLE_KEY"]
    root.mount("/", StaticPhoneApp(ensure_phone_app(), url, key))
    gate = Gate(cast(App, root), timeout=SESSION_TIMEOUT)
    _forget_strangers_soon(gate.limits.kept)
    return gate


def _forget_strangers_soon(seconds: int) -> None:
    """Flet keeps every closed page as long; one that nobody signed in on is not worth it."""
    from flet_web.fastapi import app_manager

    original = type(app_manager).disconnect_session

    async def disconnect_session(session_id: str, session_timeout_seconds: int) -> None:
        visit = VISIT.get()
        is_stranger = visit is not None and not visit.signed_in
        kept = min(session_timeout_seconds, seconds) if is_stranger else session_timeout_seconds
        await original(app_manager, session_id, kept)

    app_manager.disconnect_session = disconnect_session


def _end_with_parent() -> None:
    """Standard input is a pipe from the parent process: its end means that the parent is gone."""
    while os.read(0, 1024):
        pass
    os._exit(0)


def _is_news(record: logging.LogRecord) -> bool:
    """Not what uvicorn says of each connection that is refused: strangers could fill the disk."""
    return "without completing handshake" not in record.getMessage()


def main() -> None:
    import uvicorn

    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--host", default="127.0.0.1")
    parsed = arguments.parse_args()
    if not os.isatty(0):
        threading.Thread(target=_end_with_parent, daemon=True).start()
    app = make_app(home_folder())
    gc.freeze()  # as in main.py: what is read in never goes
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    uvicorn.run(
        app,
        host=parsed.host,
        port=parsed.port,
        log_level="warning",
        ws_ping_interval=20,
        ws_max_queue=4,  # messages of one connection that wait, each up to 16 MB
        server_header=False,
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
