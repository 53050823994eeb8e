"""Phones over the real stack: each with a file of its own, a person who signed in, and a network
that can be broken."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import uuid6

from forecourt.demo import sign_up
from forecourt.stack import Stack
from mobile_app.identity import StoredIdentity
from mobile_app.offline.attachments import Attachments, NewAttachment
from mobile_app.offline.clock import DeviceClock
from mobile_app.offline.database import Database
from mobile_app.offline.outbox import Outbox
from mobile_app.offline.replica import Replica
from mobile_app.offline.sync import Sync, SyncState
from mobile_app.services import Services
from mobile_app.session import Session
from shared.domain.records import RECORDS
from shared.gateway.client import Gateway, make_http
from tests.support.faults import Network
from tests.support.people import World
from tests.support.present import dynamic

PASSWORD = "zhanting-2026"
# The local data in SQL, written apart from sync_pull: what a phone must show once everything has
# come through.
UNFINISHED = "assignee_id = %(me)s and status in ('open', 'cancel_requested')"
MINE = (
    "(owner_id = %(me)s or renewal_owner_id = %(me)s or id in "
    f"(select customer_id from api.tasks where store_id = %(store)s and {UNFINISHED}))"
)
ON_MINE = f"customer_id in (select id from api.customers where store_id = %(store)s and {MINE})"
OWN_ROWS = {form: ON_MINE for form in RECORDS} | {
    "customers": MINE,
    "tasks": "assignee_id = %(me)s",
    "approvals": "requester_id = %(me)s",
}

AGREED = datetime(2026, 11, 1, tzinfo=UTC)  # to being recorded


@dataclass
class Phone:
    """One device of one person."""

    world: World
    name: str
    gateway: Gateway
    network: Network
    database: Database
    outbox: Outbox
    replica: Replica
    sync: Sync
    attachments: Attachments
    clock: DeviceClock
    states: list[SyncState] = field(default_factory=list)
    told: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, state: SyncState) -> None:
        self.states.append(state)
        self.told.set()

    async def until(self, claim: Callable[[SyncState], bool], seconds: float) -> float:
        """Wait until the sync state fits; answers how long it took. Raises TimeoutError."""
        start = time.monotonic()
        async with asyncio.timeout(seconds):
            while not claim(self.sync.state):
                self.told.clear()
                await self.told.wait()
        return time.monotonic() - start

    @property
    def user_id(self) -> UUID:
        return self.world.users[self.name]

    async def do(
        self,
        verb: str,
        payload: dict[str, Any],
        base_version: int | None = None,
        attachments: tuple[NewAttachment, ...] = (),
    ) -> UUID:
        files = [await self.attachments.store(new) for new in attachments]
        return await self.outbox.add(
            verb, payload, now=self.clock.now(), base_version=base_version, files=files
        )

    async def new_customer(self, name: str = "张三丰", phone: str = "13800138000") -> str:
        customer = str(uuid6.uuid7())
        await self.do(
            "save_customer",
            {
                "id": customer,
                "set": {"name": name, "phone": phone, "source": "walk_in", "level": "near"},
            },
        )
        return customer

    async def log_conversation(self, customer: str, notes: str = "聊得不错", **more: Any) -> UUID:
        payload = {
            "id": str(uuid6.uuid7()),
            "customer_id": customer,
            "outcome": "interested",
            "level": "near",
            "notes": notes,
            **more,
        }
        return await self.do("log_conversation", payload)

    async def holds(self) -> dict[str, dict[str, Any]]:
        """What the screens would show, by form and id."""
        found = await self.database.read(
            lambda c: c.execute("select form, record from effective_rows").fetchall()
        )
        rows: dict[str, dict[str, Any]] = {form: {} for form in RECORDS}
        for form, text in found:
            record = RECORDS[form].model_validate_json(text)
            rows[form][str(record.id)] = record
        return rows

    def should_hold(self) -> dict[str, dict[str, Any]]:
        """The same as SQL shows it to this person."""
        store = self.world.store_of(self.name)
        expected = {}
        for form, mine in OWN_ROWS.items():
            text = f"select to_jsonb(v) from api.{form} v where store_id = %(store)s and {mine}"
            with psycopg.ClientCursor(self.world.db) as cursor:
                sql = cursor.mogrify(dynamic(text), {"store": store, "me": self.user_id})
            rows = self.world.ask(self.name, sql.replace("%", "%%"))
            expected[form] = {r[0]["id"]: RECORDS[form].model_validate(r[0]) for r in rows}
        self.world.db.commit()
        return expected


@pytest.fixture
def dealers(stack) -> Iterator[World]:
    """A committed world in which lin, chen and the manager he have real accounts: `dealers.logins`
    says by which name they sign in."""
    with psycopg.connect(stack.db_url) as connection:
        world = World(connection)
        world.logins = {}  # type: ignore[attr-defined]
        for name in ("lin", "chen", "he"):
            login = f"{name}-{uuid4().hex[:10]}@forecourt.example"
            user = sign_up(stack.supabase_url, stack.publishable_key, login, PASSWORD)
            connection.execute(
                "update crm.members set user_id = %s where user_id = %s", (user, world.users[name])
            )
            world.users[name], world.logins[name] = UUID(str(user)), login  # type: ignore[attr-defined]
        connection.commit()
        yield world
        connection.rollback()


@pytest.fixture
async def phone(stack, dealers: World, tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Makes phones: `await phone("lin")`; a second one of the same name with `file=` shares the
    first one's file, as two tabs do; `project`: another stack that they sign in to."""
    made: list[Phone] = []

    async def make(
        name: str = "lin",
        *,
        file: Path | None = None,
        url: str | None = None,
        project: Stack | None = None,
        device_now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Phone:
        network = Network()
        at = project or stack
        gateway = Gateway(url or at.supabase_url, at.publishable_key, http=make_http(network))
        await gateway.auth_session.sign_in(dealers.logins[name], PASSWORD)  # type: ignore[attr-defined]
        store = dealers.store_of(name)
        database = Database(
            file or tmp_path / f"{name}-{len(made)}.sqlite",
            user_id=dealers.users[name],
            store_id=store,
        )
        outbox = Outbox(database, new_id=uuid6.uuid7)
        replica = Replica(database)
        attachments, clock = Attachments(database, uuid6.uuid7), DeviceClock(device_now)
        sync = Sync(
            gateway,
            outbox,
            replica,
            store,
            lambda state: device.hear(state),
            attachments=attachments,
            clock=clock,
        )
        device = Phone(
            dealers, name, gateway, network, database, outbox, replica, sync, attachments, clock
        )
        made.append(device)
        return device

    yield make
    for device in made:
        await device.database.close()
        await device.gateway._http.aclose()


class InMemoryPreferences:
    """Small settings of one device, as a phone keeps them: they outlive a page session and a
    sign-out."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    async def get(self, key: str) -> str | None:
        return self.kept.get(key)

    async def set(self, key: str, value: str | None) -> None:
        self.kept.pop(key, None)
        if value is not None:
            self.kept[key] = value


@dataclass
class AppDevice:
    """One device with the whole app on it: `session` is what the screens work with; `restart` is a
    new process on the same device."""

    network: Network
    preferences: InMemoryPreferences
    folder: Path
    _new: Callable[["AppDevice"], Session]
    session: Session = field(init=False)

    def __post_init__(self) -> None:
        self.session = self._new(self)

    async def leave(self) -> Session:
        """The process ends; answers the session of the next one, not started yet."""
        await self.session.close()
        self.session = self._new(self)
        return self.session

    async def restart(self) -> Session:
        session = await self.leave()
        await session.start()
        return session

    async def until(self, claim: Callable[[Session], bool], seconds: float = 10) -> Session:
        """Wait for what the loop of the local data will bring about. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not claim(self.session):  # noqa: ASYNC110 - an observable tells only components
                await asyncio.sleep(0.02)
        return self.session


@pytest.fixture
async def app_device(stack, dealers: World, tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Makes devices with the app on them: `await hand("lin")` has signed in; `device=` is another
    person's device."""
    made: list[AppDevice] = []

    def new(device: AppDevice) -> Session:
        identity = StoredIdentity(device.preferences)
        gateway = Gateway(
            stack.supabase_url,
            stack.publishable_key,
            http=make_http(device.network),
            store=identity,
        )
        return Session(
            Services(
                gateway,
                device.folder,
                device.preferences,
                lambda: datetime.now(UTC),
                uuid6.uuid7,
                identity,
            )
        )

    async def make(name: str | None = "lin") -> AppDevice:
        folder = tmp_path / f"device{len(made)}"
        device = AppDevice(Network(), InMemoryPreferences(), folder, new)
        made.append(device)
        await device.session.start()
        if name:
            await device.session.sign_in(dealers.logins[name], PASSWORD)  # type: ignore[attr-defined]
            await device.until(lambda session: session.sync.complete and not session.sync.running)
        return device

    yield make
    for device in made:
        await device.session.close()
