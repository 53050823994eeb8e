"""The web server of `forecourt demo`: static files, the headers of every answer, and who may read
what it writes."""

import gzip
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import brotli
import httpx
import pytest

from forecourt import serve

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def small_apps(home: Path) -> Path:
    """As forecourt/build makes it: a page and one file with its twins."""
    out = home / "apps"
    out.mkdir()
    (out / "index.html").write_text("<title>app</title>")
    file = out / "main.dart.js"
    data = b"// nothing" * 200
    file.write_bytes(data)
    file.with_name(f"{file.name}.br").write_bytes(brotli.compress(data))
    file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(data))
    return out


@pytest.fixture
async def served(tmp_path, monkeypatch) -> AsyncIterator[httpx.AsyncClient]:
    """The server's own app, for a project that is not there."""
    monkeypatch.setenv("SUPABASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("SUPABASE_PUBLISHABLE_KEY", "k")
    monkeypatch.setattr(serve, "ensure_web_apps", lambda: small_apps(tmp_path))
    transport = httpx.ASGITransport(serve.make_app())
    async with httpx.AsyncClient(base_url="http://127.0.0.1", transport=transport) as http:
        yield http


async def test_every_answer_carries_our_headers(served):
    etag = (await served.get("/main.dart.js")).headers["etag"]
    twins = [
        await served.get("/main.dart.js", headers={"accept-encoding": e})
        for e in ("br", "gzip", "identity")
    ]
    assert [t.headers.get("content-encoding") for t in twins] == ["br", "gzip", None]
    answers = {
        "page": await served.get("/"),
        "a route of the phone": await served.get("/customers"),
        "the panel": await served.get("/admin/"),
        "a route of the panel": await served.get("/admin/members"),
        "unchanged": await served.get("/main.dart.js", headers={"if-none-match": etag}),
        "no such file": await served.get("/nothing.png"),
        "head": await served.head("/main.dart.js"),
        "method": await served.post("/"),
        "well": await served.get("/healthz"),
        "config": await served.get("/config.json"),
        **{f"twin {n}": t for n, t in enumerate(twins)},
    }
    assert answers["unchanged"].status_code == 304
    assert answers["no such file"].status_code == 404
    assert answers["well"].json() == {"ok": True}
    assert answers["a route of the panel"].text == answers["page"].text
    for name, answer in answers.items():
        found = {k: answer.headers.get_list(k) for k in HEADERS}
        assert found == {k: [v] for k, v in HEADERS.items()}, name
        [policy] = answer.headers.get_list("content-security-policy")
        assert "frame-ancestors 'none'" in policy and "object-src 'none'" in policy
        assert "connect-src 'self' data: blob: http://127.0.0.1:9;" in policy, name
        assert "geolocation=()" in answer.headers["permissions-policy"]
        assert "access-control-allow-origin" not in answer.headers, name


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/admin/", "/admin/upload", "/config.json", "/healthz"])
async def test_nothing_is_written_to_a_web_host(served, method, path):
    assert (await served.request(method, path)).status_code == 405


@pytest.mark.parametrize("path", ["/ws", "/admin/ws", "/"])
async def test_no_page_is_drawn_over_a_connection(served, path):
    """Both apps run in the browser: a websocket is closed before it is open."""
    sent: list[dict] = []

    async def receive() -> dict:
        return {"type": "websocket.connect"}

    async def send(message) -> None:
        sent.append(message)

    app = served._transport.app
    await app({"type": "websocket", "path": path, "headers": []}, receive, send)
    assert [m["type"] for m in sent] == ["websocket.close"]


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/%2e%2e/secret.txt", "/main.dart.js/../../secret.txt"]
)
async def test_only_files_of_the_build_are_answered(served, tmp_path, path):
    (tmp_path / "secret.txt").write_text("secret")
    answer = await served.get(path)
    assert "secret" not in answer.text


def test_what_the_server_writes_nobody_else_reads(tmp_path):
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs" / "web.log"
    log.write_bytes(b"")
    log.chmod(0o644)
    before = os.umask(0o022)
    try:
        serve.make_private(tmp_path)
        made = tmp_path / "made"
        made.write_bytes(b"")
    finally:
        os.umask(before)
    for file in (tmp_path / "logs", log):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file
    assert stat.S_IMODE(made.stat().st_mode) == 0o600  # by the umask
