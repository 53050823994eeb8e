"""Whose data it is: a local database is opened, drawn, written and sent for one person only."""

import asyncio
import contextlib
import json
import random
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from mobile_app import app
from mobile_app.identity import StoredIdentity
from mobile_app.offline.attachments import NewAttachment
from mobile_app.offline.database import Database
from mobile_app.offline.outbox import Outbox
from mobile_app.offline.replica import Replica
from mobile_app.services import Services
from mobile_app.session import Session
from shared.domain.problems import Offline, OtherUser, Problem, SignedOut
from shared.gateway import sync as remote
from shared.gateway.client import Gateway, make_http
from shared.gateway.session import token_subject
from tests.support.flet_screen import Screen
from tests.support.panel_screen import panel
from tests.support.people import new_id
from tests.support.phone_screen import unsigned_token
from tests.support.phones import PASSWORD, InMemoryPreferences, app_device, dealers, phone
from tests.support.present import present

__all__ = ["app_device", "dealers", "phone"]

SECRET = "机密先生"
NEW = {"name": SECRET, "phone": "13912345678", "source": "walk_in", "level": "near"}


def files(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


# two people, one device -----------------------------------------------------------------------


async def test_what_was_done_by_one_is_never_sent_as_another(app_device, dealers):
    """A's session is refused, B signs in, the server goes away before it says who B is, the app
    starts again: A's operation waits for A, and A's file is as it was."""
    lin = await app_device("lin")
    lin.network.down = True
    op_id = await lin.session.act("save_customer", {"id": new_id(), "set": NEW})
    await lin.session.close()
    theirs = str(lin.session.me.user_id)
    before = files(lin.folder)
    lin.network.heal()
    reject(lin)
    auth_session = lin.session.services.gateway.auth_session
    auth_session.session = replace(auth_session.session, expires_at=1)
    with pytest.raises(SignedOut):
        await auth_session.token()
    lin.network.heal()
    lin.network.only, lin.network.down = (lambda r: "/rest/" in r.url.path), True
    session = await lin.leave()
    await session.start()
    assert session.phase == "signed_out"
    with pytest.raises(Offline):
        await session.sign_in(dealers.logins["chen"], PASSWORD)
    session = await lin.restart()
    assert session.phase == "unreachable"
    lin.network.heal()
    await session.start()
    await lin.until(lambda s: s.sync.complete and not s.sync.running)
    assert session.me.user_id == dealers.users["chen"]
    assert await session.local_store.outbox.counts() == (0, 0)
    after = files(lin.folder)
    assert {k: v for k, v in after.items() if theirs in k} == before
    assert dealers.row("select count(*) from crm.operations where op_id = %s", op_id) == 0
    await session.sign_out()
    await session.sign_in(dealers.logins["lin"], PASSWORD)
    await lin.until(lambda s: s.sync.complete and s.sync.pending == 0 and not s.sync.running)
    assert (
        dealers.row("select user_id from crm.operations where op_id = %s", op_id)
        == dealers.users["lin"]
    )
    dealers.db.rollback()


def reject(device) -> None:
    """The auth server's definite no, to a refresh."""
    device.network.only = lambda request: "/token" in request.url.path
    device.network.instead = lambda: httpx.Response(
        400, json={"code": 400, "error_code": "refresh_token_not_found", "msg": "no"}
    )


async def test_a_session_refused_while_the_app_is_open_closes_the_data_at_once(app_device, dealers):
    """No loop of A's is left that could send with the token of whoever signs in next."""
    lin = await app_device("lin")
    local_store = lin.session.local_store
    reject(lin)
    auth_session = lin.session.services.gateway.auth_session
    auth_session.session = replace(auth_session.session, expires_at=1)
    local_store.sync.wake()
    await lin.until(lambda s: s.phase == "signed_out" and s.memberships == [])
    assert lin.session._local_store is None
    assert lin.preferences.kept.get("identity") is None
    lin.network.heal()
    lin.network.only, lin.network.down = (lambda r: "whoami" in r.url.path), True
    lin.network.seen.clear()
    with pytest.raises(Offline):
        await lin.session.sign_in(dealers.logins["chen"], PASSWORD)
    local_store.sync.wake()
    await asyncio.sleep(0)
    assert [r.url.path for r in lin.network.seen if "sync_" in r.url.path] == []


@pytest.mark.parametrize("what", ["push", "pull", "files"])
async def test_sync_refuses_a_token_of_somebody_else(phone, dealers, what):
    """Definitely, and before anything leaves: the operation waits, the file is as it was."""
    lin, chen = await phone("lin"), await phone("chen")
    customer = await lin.new_customer()
    if what == "files":
        photo = NewAttachment("photo", "image/png", b"\x89PNG")
        conversation = {
            "id": new_id(),
            "customer_id": customer,
            "outcome": "interested",
            "level": "near",
        }
        await lin.sync.once()
        files_fail(lin)
        await lin.do("log_conversation", {**conversation, "notes": "拍了照"}, attachments=(photo,))
        with pytest.raises(Offline):
            await lin.sync.once()
        lin.network.heal()
    elif what == "pull":
        await lin.sync.once()
    lin.gateway.auth_session.session = chen.gateway.auth_session.session
    held = await lin.holds()
    pending = await lin.outbox.counts()
    lin.network.seen.clear()
    with pytest.raises(OtherUser):
        await lin.sync.once()
    assert lin.sync.state.trouble == "other_user"
    assert [r.url.path for r in lin.network.seen] == []
    assert (await lin.holds(), await lin.outbox.counts()) == (held, pending)
    if what == "files":
        with pytest.raises(OtherUser):
            await lin.sync._send_files()
        assert (await lin.outbox.counts(), lin.network.seen) == (pending, [])


def files_fail(device) -> None:
    device.network.only, device.network.down = (lambda r: "upload_attachment" in r.url.path), True


async def test_a_page_of_another_person_is_never_taken(phone, dealers):
    lin, chen = await phone("lin"), await phone("chen")
    await chen.new_customer()
    await chen.sync.once()
    page = await remote.pull(chen.gateway, dealers.stores["east"], None, user_id=chen.user_id)
    with pytest.raises(OtherUser):
        await lin.replica.apply_page(page, after=None)
    assert all(rows == {} for rows in (await lin.holds()).values())


async def test_a_refresh_that_answers_with_another_person_ends_the_session(phone, dealers):
    lin, chen = await phone("lin"), await phone("chen")
    theirs = chen.gateway.auth_session.session
    lin.network.only = lambda request: "/token" in request.url.path
    lin.network.instead = lambda: httpx.Response(
        200,
        json={
            "access_token": theirs.access_token,
            "refresh_token": theirs.refresh_token,
            "user": {"id": theirs.user_id},
        },
    )
    lin.gateway.auth_session.session = replace(lin.gateway.auth_session.session, expires_at=1)
    with pytest.raises(SignedOut):
        await lin.sync.once()
    assert lin.gateway.auth_session.session is None


async def test_a_local_database_opens_for_its_owner_only(tmp_path):
    lin, chen, east, west = uuid4(), uuid4(), uuid4(), uuid4()
    file = tmp_path / "of lin" / "east.sqlite"
    mine = Database(file, user_id=lin, store_id=east)
    await Outbox(mine, new_id=uuid4).device_id()
    await Replica(mine).forget()  # a disabled member's, emptied: still theirs
    await mine.close()
    before = files(tmp_path)
    for user_id, store_id in ((chen, east), (lin, west)):
        theirs = Database(file, user_id=user_id, store_id=store_id)
        with pytest.raises(OtherUser):
            await Replica(theirs).position()
        with pytest.raises(OtherUser):
            await Outbox(theirs, new_id=uuid4).device_id()
        await theirs.close()
    assert {k: v for k, v in files(tmp_path).items() if k.endswith(".sqlite")} == before
    again = Database(file, user_id=lin, store_id=east)
    await Replica(again).position()
    modes = {f.name: stat.S_IMODE(f.stat().st_mode) for f in file.parent.iterdir()}
    assert set(modes.values()) == {0o600}, modes
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    await again.close()


async def test_a_read_that_comes_late_does_not_open_the_file_again(tmp_path):
    database = Database(tmp_path / "store.sqlite", user_id=uuid4(), store_id=uuid4())
    await Replica(database).position()
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0)  # its work is queued, ours comes behind it
    with pytest.raises(RuntimeError):
        await Replica(database).position()
    await closing
    assert [f.name for f in tmp_path.iterdir()] == ["store.sqlite"]


async def test_memberships_of_somebody_else_on_an_own_device_are_discarded(app_device, dealers):
    """A stored record in which two people meet opens nothing: the server is asked."""
    lin, chen = await app_device("lin"), await app_device("chen")
    await lin.session.close()
    record = json.loads(lin.preferences.kept["identity"])
    other = json.loads(chen.preferences.kept["identity"])
    mixed = [
        {**record, "memberships": other["memberships"]},
        {**record, "memberships": [*record["memberships"], *other["memberships"]]},
        {**other, "memberships": record["memberships"]},
        {**record, "session": {**record["session"], "user_id": str(dealers.users["chen"])}},
        {
            **record,
            "session": {**record["session"], "access_token": other["session"]["access_token"]},
        },
    ]
    lin.network.down = True
    for found in mixed:
        lin.preferences.kept["identity"] = json.dumps(found)
        session = await lin.restart()
        assert session.phase in ("signed_out", "unreachable"), found
        assert (session.me, session._local_store) == (None, None)
    lin.preferences.kept["identity"] = json.dumps(record)
    session = await lin.restart()
    assert (session.phase, session.me.user_id) == ("ready", dealers.users["lin"])


async def test_a_copied_file_is_not_opened(app_device, dealers):
    """chen's file in lin's folder: the record agrees with the folder, the file does not."""
    lin, chen = await app_device("lin"), await app_device("chen")
    await chen.session.close()
    await lin.session.close()
    [mine] = lin.folder.rglob("*.sqlite")
    [theirs] = chen.folder.rglob("*.sqlite")
    mine.write_bytes(theirs.read_bytes())
    session = await lin.restart()
    assert (session.phase, session.problem) == ("signed_out", "other_user")
    assert session._local_store is None


@pytest.mark.parametrize("last_write", range(6))
async def test_a_kill_between_writes_leaves_no_two_people_together(app_device, dealers, last_write):
    """The app is killed after so many writes to the preferences, from A's sign-out to B's first
    screen: whatever is stored names one person."""
    device = await app_device("lin")
    preferences, written = device.preferences, 0
    original = preferences.set

    async def until_killed(key: str, value: str | None) -> None:
        nonlocal written
        written += 1
        if written > last_write:
            raise asyncio.CancelledError
        await original(key, value)

    preferences.set = until_killed
    try:
        await device.session.sign_out()
        await device.session.sign_in(dealers.logins["chen"], PASSWORD)
    except asyncio.CancelledError:
        pass
    preferences.set = original
    await device.session.close()
    people = {str(dealers.users[name]) for name in ("lin", "chen")}
    assert len({p for p in people if p in json.dumps(preferences.kept)}) <= 1
    session = await device.restart()
    if session.phase == "ready":
        assert str(session.me.user_id) == session.services.gateway.user_id
        assert str(session.me.user_id) in str(session.local_store.database.file)


async def test_another_tab_never_loses_its_session_to_ours(app_device, dealers):
    """Two tabs share one storage: A's tab is refused after B signed in on the other."""
    lin = await app_device("lin")
    first = lin.session
    lin.session = lin._new(lin)  # the other tab
    await lin.session.start()
    await lin.session.sign_out()
    await lin.session.sign_in(dealers.logins["chen"], PASSWORD)
    auth_session = first.services.gateway.auth_session
    auth_session.session = replace(auth_session.session, expires_at=1)
    with pytest.raises(SignedOut):
        await auth_session.token()
    await first.close()
    stored = json.loads(lin.preferences.kept["identity"])
    assert stored["session"]["user_id"] == str(dealers.users["chen"])


# any order of things --------------------------------------------------------------------------


class Server:
    """A server of two people, in memory: who did what, by the token it came with."""

    def __init__(self) -> None:
        self.users = {"a": uuid4(), "b": uuid4()}
        self.store = uuid4()
        self.tokens: dict[str, str] = {}  # refresh token → user id
        self.authored: list[tuple[str, str]] = []  # (op id, user id of the token)
        self.pulled_by: list[str] = []
        self.failing: set[str] = set()
        self.refusing = False

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        path, body = request.url.path, json.loads(await request.aread() or "{}")
        if any(part in path for part in self.failing):
            raise httpx.ConnectError("away")
        if path.endswith("/token"):
            return self._token(dict(request.url.params), body)
        if path.endswith("/logout"):
            return httpx.Response(204)
        user = token_subject(request.headers["authorization"].removeprefix("Bearer "))
        if path.endswith("/whoami"):
            return httpx.Response(200, json=[self._membership(user)])
        if path.endswith("/sync_push"):
            self.authored += [(op["op_id"], user) for op in body["operations"]]
            answers = [{"op_id": op["op_id"], "status": "applied"} for op in body["operations"]]
            return httpx.Response(200, json=answers)
        self.pulled_by.append(user)
        page = {
            "user_id": user,
            "store_id": str(self.store),
            "today": "2026-11-29",
            "reset": False,
            "more": False,
            "rows": {},
            "removed": {},
            "config_version": 1,
            "cursor": {"since": 1},
        }
        return httpx.Response(200, json=page)

    def _token(self, asked: dict[str, str], body: dict[str, str]) -> httpx.Response:
        if asked["grant_type"] == "password":
            user = str(self.users[body["email"][0]])
        elif self.refusing or body["refresh_token"] not in self.tokens:
            return httpx.Response(400, json={"error_code": "refresh_token_not_found"})
        else:
            user = self.tokens.pop(body["refresh_token"])
        refresh = str(uuid4())
        self.tokens[refresh] = user
        answer = {"access_token": unsigned_token(user), "refresh_token": refresh}
        return httpx.Response(200, json={**answer, "user": {"id": user}, "expires_in": 3600})

    def _membership(self, user: str) -> dict[str, Any]:
        return {
            "store_id": str(self.store),
            "store_name": "s",
            "user_id": user,
            "name": "n",
            "role": "advisor",
            "role_label": {"zh_CN": "r"},
            "scope": "own",
            "verbs": [],
            "screens": [],
            "time_zone": "Asia/Shanghai",
            "today": "2026-11-29",
            "config_version": 1,
        }


class OneDevice:
    """One device in the hands of two people, over any weather."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server, self.preferences = Server(), InMemoryPreferences()
        self.by: dict[str, str] = {}  # op id → who did it
        self.session = self._session()

    def _session(self) -> Session:
        http = make_http(httpx.MockTransport(self.server))
        identity = StoredIdentity(self.preferences)
        gateway = Gateway("http://s", "k", http=http, store=identity)
        return Session(
            Services(
                gateway, self.folder, self.preferences, lambda: datetime.now(UTC), uuid4, identity
            )
        )

    async def sign_in(self, name: str) -> None:
        if self.session.phase in ("signed_out", "not_invited"):
            with contextlib.suppress(Problem):
                await self.session.sign_in(f"{name}@example.org", "password")

    async def sign_out(self) -> None:
        if self.session.phase == "ready":
            await self.session.sign_out()

    async def act(self) -> None:
        if self.session.phase == "ready":
            user = str(present(self.session.me).user_id)
            op_id = await self.session.act("close_promise", {"id": str(uuid4()), "status": "kept"})
            self.by[str(op_id)] = user

    async def sync(self) -> None:
        if self.session.phase == "ready":
            await self.session.sync_now()

    async def end_token(self) -> None:
        auth_session = self.session.services.gateway.auth_session
        if auth_session.session is not None:
            auth_session.session = replace(auth_session.session, expires_at=1)

    async def other_tab(self, name: str) -> None:
        """Somebody signs in on another tab: the storage is shared, the pages are not."""
        tab, self.session = self.session, self._session()
        await self.session.start()
        await self.sign_out()
        await self.sign_in(name)
        await self.session.close()
        self.session = tab

    async def kill(self) -> None:
        """The process ends without a word; what is on the disk is what is left."""
        await self.session.close()
        await self.session.services.gateway.close()
        self.session = self._session()
        await self.session.start()

    async def weather(self, *failing: str) -> None:
        self.server.failing = set(failing)

    async def refusing(self, on: bool) -> None:
        self.server.refusing = on

    def check(self) -> None:
        for op_id, user in self.server.authored:
            assert self.by[op_id] == user, "somebody's act was sent as another's"
        if self.session.phase == "ready":
            me = str(present(self.session.me).user_id)
            # None: refused a moment ago, the loop is about to say so
            assert self.session.services.gateway.user_id in (me, None)
            assert me in str(self.session.local_store.database.file)
        record = json.loads(self.preferences.kept.get("identity") or "{}")
        named = {m["user_id"] for m in record.get("memberships") or ()}
        assert named <= {(record.get("session") or {}).get("user_id")}


@pytest.mark.parametrize("seed", range(25))
async def test_no_order_of_things_sends_one_persons_act_as_another(tmp_path, seed):
    dice = random.Random(seed)
    device = OneDevice(tmp_path)
    await device.session.start()
    steps: list[tuple[str, tuple]] = [
        ("sign_in", ("a",)),
        ("sign_in", ("b",)),
        ("sign_out", ()),
        ("act", ()),
        ("act", ()),
        ("sync", ()),
        ("end_token", ()),
        ("kill", ()),
        ("other_tab", ("a",)),
        ("other_tab", ("b",)),
        ("weather", ()),
        ("weather", ("whoami",)),
        ("weather", ("/rest/",)),
        ("weather", ("/token",)),
        ("weather", ("sync_pull",)),
        ("refusing", (True,)),
        ("refusing", (False,)),
    ]
    try:
        for _ in range(60):
            name, arguments = dice.choice(steps)
            await getattr(device, name)(*arguments)
            await asyncio.sleep(0)
            device.check()
        await device.weather()
        await device.refusing(False)
        for name in ("a", "b"):  # at the end everything arrives, each under its own name
            await device.kill()
            await device.sign_out()
            await device.sign_in(name)
            await device.sync()
            device.check()
    finally:
        await device.session.close()
    assert {op for op, _ in device.server.authored} == set(device.by)


# around it ------------------------------------------------------------------------------------


async def test_who_knows_the_id_of_a_look_cannot_remove_its_data(tmp_path, stack, monkeypatch):
    """A stranger's page for the same address has a folder of its own."""
    monkeypatch.setenv("SUPABASE_URL", stack.supabase_url)
    monkeypatch.setenv("SUPABASE_PUBLISHABLE_KEY", stack.publishable_key)
    monkeypatch.setenv("FORECOURT_DEVICES", str(tmp_path))
    look = new_id()
    theirs = tmp_path / "view_as" / look
    theirs.mkdir(parents=True)
    (theirs / "store.sqlite").write_bytes(b"x")
    screen = await Screen.serve(app.main, route=f"/see/{new_id()}/{look}")
    await screen.settle(until=lambda: present(screen.running).done())
    await screen.settle()
    assert not screen.has("identifier")  # nobody signs in on the page of a look
    screen.close()
    await asyncio.sleep(0.1)
    assert (theirs / "store.sqlite").exists()


async def test_the_panel_keeps_nothing_of_who_was_there_before(stack, people):
    """An unpublished draft and a configuration least: the next one may not even read them."""
    async with panel(stack, people["admin"].email) as p:
        session = p.session
        assert session.draft.document
        session.guard(SignedOut())
        p.wire.cut = True
        with pytest.raises(Offline):
            await session.sign_in(people["lin"].email, PASSWORD)
        assert (session.me, session.config, session.memberships) == (None, None, [])
        assert not session.draft.document
        assert session.services.gateway.auth_session.session is None
