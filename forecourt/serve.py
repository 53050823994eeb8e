"""Serves the phone app at /, the admin panel at /admin, and says it is well at /healthz: one process, one origin, no CDN.

python -m forecourt.serve --port 8550      with SUPABASE_URL and SUPABASE_PUBLISHABLE_KEY in the environment
"""

import argparse
import gc
import mimetypes
import os
import secrets
import threading
from pathlib import Path

from forecourt.settings import home_folder
from forecourt.webroot import ensure_webroot

CONTENT_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob: ws: wss:; worker-src 'self' blob:; media-src 'self' data: blob:; frame-ancestors 'self'; base-uri 'self'"
)
SESSION_TIMEOUT = 600  # seconds a closed page's memory is kept: a locked phone comes back within it

for _kind, _suffix in (("text/javascript", ".mjs"), ("application/wasm", ".wasm"), ("font/otf", ".otf"), ("font/woff2", ".woff2")):
    mimetypes.add_type(_kind, _suffix)


class Precompressed:
    """ASGI wrapper: compressed twins with an ETag, fonts that never answer 404, our headers; all else goes to the app inside."""

    def __init__(self, app, root: Path, prefix: str = "", version: str = "1") -> None:
        self.app, self.root, self.prefix = app, root.resolve(), prefix.rstrip("/")
        self.twins = {"/" + p.relative_to(self.root).as_posix()[:-3]: p for p in self.root.rglob("*.br")}
        self.etag = f'W/"{version}"'.encode()

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        path, is_head = scope["path"].removeprefix(self.prefix), scope["method"] == "HEAD"
        if scope["method"] not in ("GET", "HEAD"):
            return await self.app(scope, receive, _with_policy(send))
        if path.startswith("/assets/fonts/noto") and path.endswith(".woff2") and ".." not in path:
            file = self.root / path[1:]
            data = (file if file.is_file() else self.root / "assets/fonts/blank.woff2").read_bytes()
            headers = [
                (b"content-type", b"font/woff2"),
                (b"cache-control", b"public, max-age=31536000, immutable"),
                (b"cross-origin-resource-policy", b"same-origin"),
            ]
            return await _send(send, 200, data, headers, is_head)
        if (twin := self.twins.get(path)) is None:
            return await self.app(scope, receive, _with_policy(send))
        asked = dict(scope["headers"])
        headers = [
            (b"cross-origin-opener-policy", b"same-origin"), (b"cross-origin-embedder-policy", b"require-corp"), (b"etag", self.etag),
            (b"cache-control", b"public, max-age=0, must-revalidate"), (b"vary", b"accept-encoding"),
        ]  # fmt: skip
        if asked.get(b"if-none-match") == self.etag:
            return await _send(send, 304, b"", headers, is_head)
        accepted = asked.get(b"accept-encoding", b"")
        encoding, file = (
            (b"br", twin) if b"br" in accepted else (b"gzip", twin.with_suffix(".gz")) if b"gzip" in accepted else (None, twin.with_suffix(""))
        )
        headers.append((b"content-type", (mimetypes.guess_type(path)[0] or "application/octet-stream").encode()))
        headers += [(b"content-encoding", encoding)] if encoding else []
        await _send(send, 200, file.read_bytes(), headers, is_head)


def _with_policy(send):
    async def wrapped(message) -> None:
        if message["type"] == "http.response.start":
            extra = [
                (b"content-security-policy", CONTENT_POLICY.encode()),
                (b"x-content-type-options", b"nosniff"),
                (b"referrer-policy", b"same-origin"),
            ]
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await send(message)

    return wrapped


async def _send(send, status: int, data: bytes, headers, is_head: bool) -> None:
    length = [] if status == 304 else [(b"content-length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": b"" if is_head else data})


def make_app(home: Path):
    """The ASGI app. FLET_WEB_PATH must be set before Flet is asked for anything."""
    root_folder = ensure_webroot(home)
    os.environ["FLET_WEB_PATH"] = str(root_folder)
    os.environ.setdefault("FORECOURT_DEVICES", str(home / "devices"))
    uploads = home / "uploads"
    uploads.mkdir(parents=True, exist_ok=True)
    import flet as ft
    import flet_web.fastapi as flet_fastapi

    from admin.app import main as admin_main
    from mobile_app.app import main as phone_main

    os.environ["FORECOURT_UPLOADS"] = str(uploads)
    secret = secrets.token_hex(32)
    version = root_folder.name
    root = flet_fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @root.get("/healthz")
    def healthz() -> dict[str, bool]:
        return {"ok": True}

    def served(main, **options):
        return flet_fastapi.app(
            main, no_cdn=True, web_renderer=ft.WebRenderer.AUTO, session_timeout_seconds=SESSION_TIMEOUT, upload_dir=str(uploads), secret_key=secret,
            assets_dir=str(root_folder), **options,
        )  # fmt: skip

    root.mount(
        "/admin",
        Precompressed(served(admin_main, app_name="展厅助手 · 管理后台", app_short_name="管理后台"), root_folder, prefix="/admin", version=version),
    )
    root.mount("/", Precompressed(served(phone_main, app_name="展厅助手", app_short_name="展厅助手"), root_folder, version=version))
    return root


def _end_with_parent() -> None:
    """Standard input is a pipe from whoever started us: its end means that one is gone."""
    while os.read(0, 1024):
        pass
    os._exit(0)


def main() -> None:
    import uvicorn

    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--host", default="127.0.0.1")
    given = arguments.parse_args()
    if not os.isatty(0):
        threading.Thread(target=_end_with_parent, daemon=True).start()
    app = make_app(home_folder())
    gc.freeze()  # as in main.py: what is read in never goes
    uvicorn.run(app, host=given.host, port=given.port, log_level="warning", ws_ping_interval=20, timeout_graceful_shutdown=2)


if __name__ == "__main__":
    main()
