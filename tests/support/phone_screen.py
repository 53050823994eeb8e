"""The whole phone app in process, with its network removed: a person, their role's part of a
document, and local data on a real device file.

`async with phone(...) as p` opens it; `p.screen` taps and types (tests/support/flet_screen.py).
Whatever asks for the network is counted.
"""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import httpx
import psycopg
import uuid6

from forecourt.demo import PASSWORD, sign_up
from forecourt.stack import Stack
from mobile_app.app import App
from mobile_app.identity import StoredIdentity
from mobile_app.offline.database import Database
from mobile_app.offline.replica import Replica
from mobile_app.services import Services
from mobile_app.session import Session
from shared.domain.config import Role, StoreConfig
from shared.domain.members import Colleague, Membership
from shared.gateway.client import Gateway, make_http
from shared.gateway.sync import Page
from tests.support.flet_screen import Screen
from tests.support.people import World, new_id
from tests.support.present import present

ME, STORE, SPACE = UUID(int=0xA1), UUID(int=0xB2), UUID(int=0xC3)


class NoNetwork(httpx.AsyncBaseTransport):
    """Nothing leaves; `asked` says who tried."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        raise httpx.ConnectError("no network")


class MemoryPreferences:
    def __init__(self, held: dict[str, str]) -> None:
        self.held = held

    async def get(self, key: str) -> str | None:
        return self.held.get(key)

    async def set(self, key: str, value: str | None) -> None:
        if value is None:
            self.held.pop(key, None)
        else:
            self.held[key] = value


def visible_to_role(config: StoreConfig, role_key: str) -> dict[str, Any]:
    """The document as crm.config_for gives it to a role: its rights compiled, what it may not see
    left out."""
    role = next(r for r in config.roles if r.key == role_key and isinstance(r, Role))
    document = json.loads(json.dumps(config.document()))
    required = {
        "customer": {"name", "source", "level"},
        "companion": {"name"},
        "policy": {"expires_on"},
    }
    access = {}
    for form, definition in config.forms.items():
        rights: Mapping[str, str] = role.rights.get(form, {})
        keys = [f.key for f in definition.fields]
        writable = [
            k
            for k in keys
            if rights.get(k) == "write" and present(definition.field(k)).type_in(form) != "formula"
        ]
        needs = [
            f.key
            for f in definition.fields
            if f.required
            or f.require is not None
            or f.required_methods
            or f.key in required.get(form, ())
        ]
        access[form] = {
            "readable": [k for k in keys if rights.get(k) in ("read", "write")],
            "masked": [k for k in keys if rights.get(k) == "masked"],
            "writable": writable,
            "required": [k for k in needs if k in writable],
        }
        shown = {*access[form]["readable"], *access[form]["masked"]}
        document["forms"][form]["fields"] = [
            f for f in document["forms"][form]["fields"] if f["key"] in shown
        ]
    return document | {
        "access": access,
        "roles": [r for r in document["roles"] if r["key"] == role_key],
    }


def unsigned_token(user_id: UUID | str) -> str:
    """An access token that names a user, signed by nobody."""

    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    claims = {"sub": str(user_id), "role": "authenticated", "exp": 9_999_999_999}
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}.x"


def ident(name: str) -> str:
    """A stable id for a name."""
    return str(uuid5(SPACE, name))


class LocalData:
    """Rows of local data to come, written as the server would send them."""

    def __init__(self, today: date) -> None:
        self.today, self.rows, self.people = today, {}, []

    def insert(self, form: str, known_as: str, /, **fields: Any) -> str:
        row = {"id": ident(known_as), "version": 1, "custom": {}, **fields}
        for key, value in row.items():
            if isinstance(value, date | datetime):
                row[key] = value.isoformat()
        self.rows.setdefault(form, []).append(row)
        return row["id"]

    def customer(self, name: str, **fields: Any) -> str:
        phone = f"138{abs(hash(name)) % 10**8:08}"
        return self.insert(
            "customers",
            name,
            **{
                "name": name,
                "owner_id": str(ME),
                "phone": phone,
                "level": "intent",
                "source": "walk_in",
                **fields,
            },
        )

    def colleague(self, name: str, *, active: bool = True) -> str:
        self.people.append(Colleague(id=UUID(ident(name)), name=name, active=active))
        return ident(name)

    def task(self, customer: str, name: str = "", *, due: int = 0, **fields: Any) -> str:
        """Due so many days from today."""
        found = {
            "customer_id": customer,
            "assignee_id": str(ME),
            "kind": "cadence",
            "subject_form": "customer",
            "subject_id": customer,
            "due_on": self.today + timedelta(days=due),
            "status": "open",
            **fields,
        }
        return self.insert("tasks", f"task {name or customer}", **found)

    def log_conversation(
        self, customer: str, name: str, *, days_ago: int = 1, **fields: Any
    ) -> str:
        at = datetime.now(UTC) - timedelta(days=days_ago)
        found = {
            "customer_id": customer,
            "outcome": "interested",
            "reached": True,
            "notes": "聊过",
            "method": "call",
            "occurred_at": at,
            **fields,
        }
        return self.insert("conversations", f"talk {name}", **found)


class Phone:
    def __init__(self, session: Session, network: NoNetwork, folder: Path) -> None:
        self.session, self.network, self.folder = session, network, folder
        self.screen: Screen

    async def sent(self) -> list[dict[str, Any]]:
        """The operations that wait in the outbox."""
        return await self.session.local_store.outbox.pending()

    async def shown(self, form: str) -> list[dict[str, Any]]:
        rows = await self.session.local_store.database.read(
            lambda c: c.execute(
                "select record from effective_rows where form = ?", (form,)
            ).fetchall()
        )
        return [json.loads(r[0]) for r in rows]


def membership(config: StoreConfig, role_key: str, today: date) -> dict[str, Any]:
    role = next(r for r in config.roles if r.key == role_key and isinstance(r, Role))
    return {
        "store_id": str(STORE),
        "store_name": "虹桥店",
        "user_id": str(ME),
        "name": "林晓",
        "role": role.key,
        "role_label": role.label,
        "scope": role.scope,
        "verbs": role.verbs,
        "screens": role.screens,
        "pools": role.pools,
        "time_zone": "Asia/Shanghai",
        "today": today.isoformat(),
        "config_version": 1,
    }


@asynccontextmanager
async def phone(
    folder: Path,
    config: StoreConfig,
    role: str,
    local_data: LocalData,
    *,
    route: str = "/",
    now=None,
    settings: dict[str, Any] | None = None,
) -> AsyncIterator[Phone]:
    """The app of one person, started from their device. A second one on the same folder is the app
    after it was ended."""
    clock = now or (lambda: datetime.now(UTC))
    network, preferences = NoNetwork(), MemoryPreferences({})
    file = folder / str(ME) / f"{STORE}.sqlite"
    if not file.exists():
        database = Database(file, user_id=ME, store_id=STORE)
        page = Page(
            user_id=ME,
            store_id=STORE,
            today=local_data.today,
            reset=True,
            more=False,
            rows=local_data.rows,
            removed={},
            config_version=1,
            config=visible_to_role(config, role),
            cursor={"since": 1},
            complete_to=1,
            people=tuple(local_data.people),
        )
        await Replica(database).apply_page(page, after=None)
        await database.close()
    await preferences.set("settings", json.dumps(settings or {}))
    stored = {
        "access_token": unsigned_token(ME),
        "refresh_token": "y",
        "user_id": str(ME),
        "expires_at": clock().timestamp() + 3600,
    }
    identity = StoredIdentity(preferences)
    await identity.write(json.dumps(stored))
    known = Membership.model_validate(membership(config, role, local_data.today))
    await identity.remember([known], str(ME))
    http = httpx.AsyncClient(transport=network)
    gateway = Gateway("http://nowhere.invalid", "key", http=http, store=identity)
    session = Session(Services(gateway, folder, preferences, clock, uuid6.uuid7, identity))
    found = Phone(session, network, folder)
    found.screen = await Screen.open(App, session, route=route)
    await session.start()
    await found.screen.settle(until=lambda: bool(session.sync.trouble))
    try:
        yield found
    finally:
        await session.close()
        found.screen.close()
        await http.aclose()


@asynccontextmanager
async def signed_in(
    stack: Stack, role: str, network: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[tuple[Gateway, World]]:
    """A new person of that role in the east store of a world of their own, over the real stack;
    what a test writes there it commits itself. `network`: a transport that a test can break."""
    email = f"{new_id()}@forecourt.example"
    user = sign_up(stack.supabase_url, stack.publishable_key, email)
    with psycopg.connect(stack.db_url) as connection:
        world = World(connection)
        world.users["me"] = UUID(str(user))
        world.join("me", "east", role)
        connection.commit()
        async with make_http(network) as http:
            gateway = Gateway(stack.supabase_url, stack.publishable_key, http=http)
            await gateway.auth_session.sign_in(email, PASSWORD)
            yield gateway, world


@asynccontextmanager
async def real_phone(
    folder: Path, gateway: Gateway, *, route: str = "/", now=None
) -> AsyncIterator[Phone]:
    """The same app over the real stack: `gateway` is signed in already; its transport can be a
    broken network (tests/support/faults.py)."""
    session = Session(
        Services(
            gateway, folder, MemoryPreferences({}), now or (lambda: datetime.now(UTC)), uuid6.uuid7
        )
    )
    found = Phone(session, NoNetwork(), folder)
    found.screen = await Screen.open(App, session, route=route)
    await session.start()
    await found.screen.settle(
        until=lambda: session.sync.complete and not session.sync.running, seconds=30
    )
    try:
        yield found
    finally:
        await session.close()
        found.screen.close()
