"""The web server before anybody signed in: who may connect, how many, what every answer carries,
what arrives as a file, and who may read what it writes."""

import asyncio
import contextlib
import gzip
import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import brotli
import flet_web
import httpx
import pytest
import websockets
from flet_web.uploads import build_upload_url

from forecourt import serve
from forecourt.gate import Gate, Limits, Origins
from forecourt.settings import ROOT, _free_port
from forecourt.uploads import Uploads
from shared.ui.visits import PageOwner
from tests.support.present import present
from tests.support.web_client import WebClient

ROOT_FILES = ("index.html", "manifest.json", "flutter_bootstrap.js")
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
}


def small_webroot(home: Path) -> Path:
    """As webroot.py builds it, without the ten seconds: one file with its twins, one font."""
    out = home / "webroot" / "small"
    source = Path(flet_web.__file__).parent / "web"
    (out / "assets" / "fonts").mkdir(parents=True, exist_ok=True)
    for name in ROOT_FILES:
        shutil.copyfile(source / name, out / name)
    (out / "assets" / "FontManifest.json").write_text("[]")
    (out / "assets" / "fonts" / "blank.woff2").write_bytes(b"wOF2")
    write_with_twins(out / "main.dart.js")
    return out


def small_phone_app(home: Path) -> Path:
    """As forecourt/build makes it: a page and one file with its twins."""
    out = home / "phone"
    out.mkdir()
    (out / "index.html").write_text("<title>phone</title>")
    write_with_twins(out / "main.dart.js")
    return out


def write_with_twins(file: Path) -> None:
    data = b"// nothing" * 200
    file.write_bytes(data)
    file.with_name(f"{file.name}.br").write_bytes(brotli.compress(data))
    file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(data))


@dataclass
class Served:
    url: str
    home: Path
    gate: Gate
    http: httpx.AsyncClient


@pytest.fixture
async def served(tmp_path, monkeypatch) -> AsyncIterator[Served]:
    """The real app under a real web server, with no Supabase behind it."""
    import uvicorn

    for name in ("FLET_WEB_PATH", "FORECOURT_UPLOADS"):
        monkeypatch.setenv(name, "")  # so that what the server sets is taken back
    monkeypatch.setenv("SUPABASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("SUPABASE_PUBLISHABLE_KEY", "k")
    monkeypatch.setattr(serve, "ensure_webroot", small_webroot)
    monkeypatch.setattr(serve, "ensure_phone_app", lambda: small_phone_app(tmp_path))
    monkeypatch.setattr(serve.secrets, "token_hex", lambda n: SECRET)
    before = os.umask(0o022)
    gate = serve.make_app(tmp_path)
    port = _free_port(0, set())
    config = uvicorn.Config(gate, port=port, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    monkeypatch.setattr(server, "install_signal_handlers", lambda: None, raising=False)
    running = asyncio.create_task(server.serve())
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        async with asyncio.timeout(20):
            while not server.started:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.02)
        yield Served(f"http://127.0.0.1:{port}", tmp_path, gate, http)
    server.should_exit = True
    await running
    os.umask(before)


SECRET = "0123456789abcdef"


# where from -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://127.0.0.1:1",
        "http://localhost",
        "null",
        "file://",
        "http://127.0.0.1.evil.example",
        None,
    ],
)
async def test_a_page_of_another_origin_gets_no_connection(served, origin):
    with pytest.raises(websockets.InvalidStatus) as refused:
        await WebClient.connect(served.url, origin=origin)
    assert refused.value.response.status_code == 403


async def test_the_phone_app_has_no_connection_to_its_web_server(served):
    with pytest.raises(websockets.InvalidStatus) as refused:
        await WebClient.connect(served.url, path="/ws")
    assert refused.value.response.status_code == 403


async def test_a_host_name_that_points_here_is_not_ours(served):
    """DNS rebinding: the page of evil.example is of the same origin as its host."""
    host = "evil.example:" + served.url.rpartition(":")[2]
    with pytest.raises(websockets.InvalidStatus) as refused:
        await WebClient.connect(served.url, origin=f"http://{host}", headers={"Host": host})
    assert refused.value.response.status_code in (400, 403)
    for path in ("/", "/healthz", "/admin/"):
        answer = await served.http.get(path, headers={"host": host})
        assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/", "/healthz", "/admin/", "/main.dart.js"])
async def test_a_request_of_another_origin_is_refused(served, path):
    foreign = await served.http.get(path, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert (await served.http.get(path, headers={"origin": served.url})).status_code == 200
    assert (await served.http.get(path)).status_code == 200


async def test_the_own_page_connects(served):
    client = await WebClient.connect(served.url)
    await client.register()
    listening = asyncio.create_task(client.listen({}))
    await client.until("/sign-in")
    listening.cancel()
    await client.socket.close()


@pytest.mark.parametrize(
    ("listed", "origin", "host", "fits"),
    [
        ([], "http://127.0.0.1:8550", "127.0.0.1:8550", True),
        ([], "https://192.168.1.5", "192.168.1.5", True),
        ([], "http://[::1]:8550", "[::1]:8550", True),
        ([], "http://localhost:8550", "localhost:8550", True),
        ([], "http://localhost:8551", "localhost:8550", False),
        ([], "http://crm.example", "crm.example", False),
        ([], "http://127.0.0.1:8550/", "127.0.0.1:8550", False),
        ([], "http://127.0.0.1:8550@evil.example", "127.0.0.1:8550", False),
        ([], "javascript://127.0.0.1:8550", "127.0.0.1:8550", False),
        (["https://crm.example"], "https://crm.example", "crm.example", True),
        (["https://crm.example"], "https://crm.example", "127.0.0.1:8550", True),
        (["https://crm.example"], "http://crm.example", "crm.example", False),
        (["https://crm.example"], "https://crm.example:444", "crm.example", False),
        (["https://crm.example"], "https://192.168.1.5", "192.168.1.5", False),
        (["https://crm.example"], "http://127.0.0.1:8550", "127.0.0.1:8550", True),
        (["https://crm.example"], "https://crm.example", "evil.example", False),
    ],
)
def test_which_addresses_are_ours(listed, origin, host, fits):
    origins = Origins(listed)
    assert (origins.is_host(host) and origins.is_origin(origin, host)) == fits


@pytest.mark.parametrize("wrong", ["crm.example", "https://crm.example/x", "ftp://crm.example"])
def test_a_list_nobody_could_mean_is_refused_at_start(wrong):
    with pytest.raises(ValueError, match="FORECOURT_ORIGINS"):
        Origins([wrong])


# strangers ------------------------------------------------------------------------------------


async def test_strangers_are_let_in_up_to_a_number(served):
    served.gate.limits = Limits(strangers=5, strangers_per_address=4, kept=0)
    open_ = [await WebClient.connect(served.url) for _ in range(4)]
    with pytest.raises(websockets.InvalidStatus) as refused:
        await WebClient.connect(served.url)
    assert refused.value.response.status_code == 503
    await open_[0].socket.close()
    for client in open_[1:]:
        await client.socket.close()
    async with asyncio.timeout(10):
        while True:
            try:
                client = await WebClient.connect(served.url)
                break
            except websockets.InvalidStatus:
                await asyncio.sleep(0.05)
    await client.socket.close()


async def test_who_signed_in_is_not_counted_and_who_stayed_long_makes_room(served):
    served.gate.limits = Limits(strangers=3, strangers_per_address=3, settled=0.0)
    first = await WebClient.connect(served.url)
    others = [await WebClient.connect(served.url) for _ in range(2)]
    served.gate._here[1].visit.owner = PageOwner(signed_in=True)
    others.append(await WebClient.connect(served.url))
    others.append(await WebClient.connect(served.url))
    with pytest.raises(websockets.ConnectionClosed):
        await asyncio.wait_for(first.socket.recv(), 10)
    assert others[0].socket.state.name == "OPEN"
    for client in others:
        await client.socket.close()


async def test_a_strangers_page_is_soon_forgotten_and_a_members_is_kept(served):
    from flet_web.fastapi import app_manager

    served.gate.limits = Limits(kept=7)
    client = await WebClient.connect(served.url)
    await client.register()
    listening = asyncio.create_task(client.listen({}))
    await client.until("/sign-in")
    [page] = pages(app_manager)
    listening.cancel()
    await client.socket.close()
    await until(lambda: page.expires_at is not None)
    left = (page.expires_at - datetime.now(UTC)).total_seconds()
    assert left <= 20


def pages(app_manager) -> list:
    return [
        s
        for s in app_manager._FletAppManager__sessions.values()
        if s.connection is not None and s.expires_at is None
    ]


async def until(claim, seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not claim():  # noqa: ASYNC110 - what is waited for is told to nobody
            await asyncio.sleep(0.02)


async def test_a_connection_that_says_nothing_has_to_leave(served):
    served.gate.limits = Limits(first_word=0.2)
    client = await WebClient.connect(served.url)
    with pytest.raises(websockets.ConnectionClosed):
        await asyncio.wait_for(client.socket.recv(), 10)


async def test_a_connection_that_ends_before_it_says_anything_leaves_no_task(served):
    """Flet 1.0.5 waits for ever behind one."""

    def waiting() -> int:
        return sum("FletApp" in repr(t.get_coro()) for t in asyncio.all_tasks())

    for _ in range(5):
        client = await WebClient.connect(served.url)
        await client.socket.close()
    await until(lambda: waiting() == 0)


async def test_a_stranger_sends_no_large_messages(served):
    client = await WebClient.connect(served.url)
    await client.register()
    await client.socket.send(b"\x00" + b"x" * 300_000)
    async with asyncio.timeout(10):
        with contextlib.suppress(
            websockets.ConnectionClosedError
        ):  # it does not wait for a farewell
            async for _ in client.socket:  # until the server closes it
                pass
    assert client.socket.close_code is not None


# headers --------------------------------------------------------------------------------------


BEFORE_THE_APPS = (
    "foreign",
    "well",
    "upload",
    "docs",
)  # what answers without the phone's own policy


@pytest.mark.parametrize("prefix", ["", "/admin"])
async def test_every_answer_carries_our_headers(served, prefix):
    http = served.http
    etag = (await http.get(f"{prefix}/main.dart.js")).headers["etag"]
    twins = [
        await http.get(f"{prefix}/main.dart.js", headers={"accept-encoding": e})
        for e in ("br", "gzip", "identity")
    ]
    assert [t.headers.get("content-encoding") for t in twins] == ["br", "gzip", None]
    answers = {
        "page": await http.get(f"{prefix}/"),
        "address of the app": await http.get(f"{prefix}/members"),
        "unchanged": await http.get(f"{prefix}/main.dart.js", headers={"if-none-match": etag}),
        "font": await http.get(f"{prefix}/assets/fonts/notosanssc/x.woff2"),
        "no such file": await http.get(f"{prefix}/nothing.png"),
        "head": await http.head(f"{prefix}/main.dart.js"),
        "method": await http.post(f"{prefix}/", headers={"origin": served.url}),
        "foreign": await http.get(f"{prefix}/", headers={"origin": "https://evil.example"}),
        "well": await http.get("/healthz"),
        "upload": await http.put("/admin/upload", headers={"origin": served.url}),
        "docs": await http.get(f"{prefix}/docs"),
        **{f"twin {n}": t for n, t in enumerate(twins)},
    }
    assert answers["unchanged"].status_code == 304
    assert answers["no such file"].status_code == 404
    for name, answer in answers.items():
        found = {k: answer.headers.get_list(k) for k in HEADERS}
        assert found == {k: [v] for k, v in HEADERS.items()}, name
        [policy] = answer.headers.get_list("content-security-policy")
        assert "frame-ancestors 'none'" in policy and "object-src 'none'" in policy
        assert " ws: " not in policy and " wss:;" not in policy
        own = f"ws://{served.url.removeprefix('http://')}"
        assert (own in policy) == (prefix == "/admin" or name in BEFORE_THE_APPS), name
        assert "geolocation=()" in answer.headers["permissions-policy"]
        assert "access-control-allow-origin" not in answer.headers, name


@pytest.mark.parametrize("prefix", ["", "/admin"])
@pytest.mark.parametrize(
    "path", ["/docs", "/docs/", "/redoc", "/openapi.json", "/docs/oauth2-redirect"]
)
async def test_no_inner_app_describes_itself(served, prefix, path):
    answer = await served.http.get(prefix + path)
    assert answer.status_code == 404
    assert "swagger" not in answer.text.lower() and "openapi" not in answer.text.lower()


# files ----------------------------------------------------------------------------------------


def upload(name: str | None = None, *, seconds: int = 60, secret: str = SECRET) -> str:
    return build_upload_url("/admin/upload", name or f"{uuid4()}.csv", seconds, secret)


def there(served) -> list[str]:
    return sorted(f.name for f in (served.home / "uploads").iterdir())


async def put(served, address: str, data: bytes = b"a,b\n", **headers: str) -> int:
    answer = await served.http.put(address, content=data, headers={"origin": served.url, **headers})
    return answer.status_code


async def test_a_file_arrives_once_and_for_nobody_else(served):
    name = f"{uuid4()}.xlsx"
    address = upload(name)
    assert await put(served, address) == 200
    file = served.home / "uploads" / name
    assert file.read_bytes() == b"a,b\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    file.unlink()
    assert await put(served, address) == 409
    assert there(served) == []


@pytest.mark.parametrize(
    ("address", "status"),
    [
        pytest.param(lambda: "/admin/upload", 400, id="no address"),
        pytest.param(lambda: "/admin/upload?f=x&e=never&s=1", 400, id="no date"),
        pytest.param(lambda: upload(secret="other"), 403, id="signed by another"),
        pytest.param(lambda: upload() + "0", 403, id="changed"),
        pytest.param(lambda: upload(seconds=-1), 410, id="too late"),
        pytest.param(lambda: upload("../../x.csv"), 400, id="a path"),
        pytest.param(lambda: upload(f"{uuid4()}.html"), 400, id="another kind"),
        pytest.param(lambda: upload(f"{uuid4()}.csv/x.csv"), 400, id="a folder"),
        pytest.param(lambda: upload(f"{uuid4()}.csv\n"), 400, id="a line end"),
    ],
)
async def test_what_is_no_upload_of_ours_is_refused(served, address, status):
    assert await put(served, address()) == status
    assert there(served) == []


async def test_the_phone_takes_no_uploads(served):
    for path in ("/upload", upload().replace("/admin/", "/")):
        assert await put(served, path) in (404, 405)


async def chunks(size: int):
    for _ in range(size // 1000):
        yield b"x" * 1000


async def test_a_large_upload_is_refused_whether_it_says_its_size_or_not(served, monkeypatch):
    uploads = uploads_of(served)
    monkeypatch.setattr(uploads, "largest", 50_000)
    assert await put(served, upload(), b"x" * 50_001) == 413
    answer = await served.http.put(upload(), content=chunks(60_000), headers={"origin": served.url})
    assert (answer.status_code, there(served)) == (413, [])
    assert await put(served, upload(), b"x" * 50_000) == 200


async def test_all_uploads_together_have_a_limit(served, monkeypatch):
    uploads = uploads_of(served)
    monkeypatch.setattr(uploads, "quota", 10_000)
    assert await put(served, upload(), b"x" * 6_000) == 200
    assert await put(served, upload(), b"x" * 6_000) == 507
    assert await put(served, upload(), b"x" * 4_000) == 200


def uploads_of(served) -> Uploads:
    [route] = [r for r in served.gate.app.routes if getattr(r, "path", "") == "/admin/upload"]
    return route.endpoint.__self__


async def test_a_broken_upload_leaves_nothing(served):
    _reader, writer = await asyncio.open_connection("127.0.0.1", int(served.url.rpartition(":")[2]))
    head = f"PUT {upload()} HTTP/1.1\r\nHost: {served.url[7:]}\r\nOrigin: {served.url}\r\n"
    writer.write(f"{head}Content-Length: 100000\r\n\r\n".encode() + b"x" * 5000)
    await writer.drain()
    await until(lambda: there(served) != [])
    writer.transport.abort()
    await until(lambda: there(served) == [])


async def test_what_nobody_came_to_read_is_swept(served):
    uploads, folder = uploads_of(served), served.home / "uploads"
    assert await put(served, upload()) == 200
    [name] = there(served)
    long_ago = time.time() - 3600
    os.utime(folder / name, (long_ago, long_ago))
    assert await put(served, upload()) == 200
    assert name not in there(served)
    (folder / "left.csv.part").write_bytes(b"x")
    Uploads(folder, SECRET)  # the next start
    assert there(served) == []
    assert uploads.folder == folder


# what lies on the disk --------------------------------------------------------------------------


async def test_what_the_server_writes_nobody_else_reads(tmp_path, served):
    (tmp_path / "logs" / "web.log").write_bytes(b"")
    (tmp_path / "logs" / "web.log").chmod(0o644)
    serve.make_private(tmp_path)
    for file in [
        tmp_path / "uploads",
        tmp_path / "webroot",
        tmp_path / "logs" / "web.log",
    ]:
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file
    made = tmp_path / "made"
    made.write_bytes(b"")
    assert stat.S_IMODE(made.stat().st_mode) == 0o600  # by the umask


# what strangers cost ----------------------------------------------------------------------------

MEASURED = """
import os
from pathlib import Path
from forecourt import serve
from tests.stack.test_web_server import small_phone_app, small_webroot
serve.ensure_webroot = small_webroot
serve.ensure_phone_app = lambda: small_phone_app(Path(os.environ["FORECOURT_HOME"]))
serve.main()
"""


def measure(process: int) -> tuple[int, int]:
    """(resident memory in kB, open descriptors)"""
    status = Path(f"/proc/{process}/status").read_text()
    rss = next(int(x.split()[1]) for x in status.splitlines() if x.startswith("VmRSS"))
    return rss, len(list(Path(f"/proc/{process}/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
async def test_sixty_strangers_cost_little_and_not_for_long(tmp_path):
    port = _free_port(0, set())
    environment = {
        **os.environ,
        "SUPABASE_URL": "http://127.0.0.1:9",
        "SUPABASE_PUBLISHABLE_KEY": "k",
        "FORECOURT_HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.Popen(  # noqa: ASYNC220 - once, before anything else runs
        [sys.executable, "-c", MEASURED, "--port", str(port)],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        await until(lambda: listens(port), 60)
        await stranger(url)  # what the first page of a process costs is not counted
        memory, descriptors = measure(process.pid)
        asked = (WebClient.connect(url) for _ in range(60))  # all of them before the first leaves
        came = await asyncio.gather(*asked, return_exceptions=True)
        let_in = [client for client in came if isinstance(client, WebClient)]
        assert 0 < len(let_in) <= Limits.strangers_per_address
        await asyncio.gather(*(look_and_leave(client) for client in let_in))
        after, open_ = measure(process.pid)
        print(
            f"{len(let_in)} of 60 pages, {(after - memory) / 1024:.1f} MB, {open_ - descriptors} fd"
        )
        assert after - memory < 15 * 1024
        assert open_ - descriptors < 10
        await until(lambda: measure(process.pid)[1] <= descriptors + 2, 40)
    finally:
        present(process.stdin).close()
        process.terminate()
        process.wait(timeout=15)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def stranger(url: str) -> None:
    """One page, opened up to the sign-in screen, then left."""
    await look_and_leave(await WebClient.connect(url))


async def look_and_leave(client: WebClient) -> None:
    await client.register()
    listening = asyncio.create_task(client.listen({}))
    await client.until("/sign-in", 60)
    listening.cancel()
    await client.socket.close()
