"""`make bench-load`: many phones at one embedded API, on a throw-away stack.

300 phones sign in within a minute, each with its first sync; then 16 of them work for a
minute without a pause: pull, search, card, save. Clients, API and Postgres share this machine.
Prints requests per second, p95 in milliseconds and errors; loopback only, about four minutes.
"""

import argparse
import asyncio
import json
import os
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import psycopg
import uuid6

from forecourt import demo
from forecourt.stack import Stack
from shared.domain.problems import Problem
from shared.gateway import customers, members, sync, tasks
from shared.gateway.client import Gateway, make_http
from tests.support.stack import running_stack

PHONES, CLIENTS, SECONDS = 300, 16, 60.0


@dataclass
class Wire:
    """Every request of every phone: path, milliseconds, status."""

    requests: list[tuple[str, float, int]] = field(default_factory=list)
    problems: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def http(self) -> httpx.AsyncClient:
        return make_http(Counted(self))

    def report(self, seconds: float) -> dict[str, Any]:
        by_path: dict[str, list[float]] = defaultdict(list)
        for path, took, _status in self.requests:
            by_path[path].append(took)
        return {
            "requests": len(self.requests),
            "requests/s": round(len(self.requests) / seconds, 1),
            "p95 ms": {path: round(p95(times)) for path, times in sorted(by_path.items())},
            "p95 ms, all": round(p95([took for _path, took, _status in self.requests])),
            "errors": sum(status >= 400 for *_, status in self.requests),
            "problems": dict(self.problems),
        }


class Counted(httpx.AsyncHTTPTransport):
    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        started = time.perf_counter()
        answer = await super().handle_async_request(request)
        await answer.aread()
        took = (time.perf_counter() - started) * 1000
        self._wire.requests.append((request.url.path, took, answer.status_code))
        return answer


def p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)] if times else 0.0


@dataclass
class Phone:
    """What a phone asks of the server, without its screens and its disk."""

    gateway: Gateway
    email: str
    user_id: UUID
    device: UUID = field(default_factory=uuid6.uuid7)
    store: UUID | None = None
    cursor: dict[str, Any] | None = None
    customers: list[str] = field(default_factory=list)

    async def sign_in(self) -> None:
        """Session, memberships, and the whole of the first sync."""
        await self.gateway.auth_session.sign_in(self.email, demo.PASSWORD)
        self.store = (await members.whoami(self.gateway))[0].store_id
        await self.pull()

    async def pull(self) -> None:
        assert self.store is not None
        more = True
        while more:
            page = await sync.pull(self.gateway, self.store, self.cursor, user_id=self.user_id)
            self.cursor, more = page.cursor, page.more
            self.customers += [row["id"] for row in page.rows.get("customers", ())]

    async def save(self, seq: int) -> None:
        """A new customer and the pull that follows it on a phone."""
        assert self.store is not None
        customer = str(uuid6.uuid7())
        phone = f"139{random.randrange(10**8):08}"
        values = {"name": f"客户{phone[-4:]}", "phone": phone, "source": "walk_in", "level": "near"}
        operation = {
            "op_id": str(uuid6.uuid7()),
            "seq": seq,
            "verb": "save_customer",
            "payload": {"store_id": str(self.store), "id": customer, "set": values},
            "client_time": datetime.now(UTC).isoformat(),
        }
        [answer] = await sync.push(self.gateway, self.device, [operation], user_id=self.user_id)
        assert answer.status == "applied", answer
        self.customers.append(customer)
        await self.pull()

    async def search(self) -> None:
        assert self.store is not None
        await customers.search(self.gateway, self.store, f"{random.randrange(10_000):04}")

    async def card(self) -> None:
        assert self.store is not None
        if self.customers:
            await customers.brief(self.gateway, self.store, UUID(random.choice(self.customers)))

    async def today(self) -> None:
        assert self.store is not None
        await tasks.today(self.gateway, self.store)


def make_people(stack: Stack, count: int) -> list[tuple[str, UUID]]:
    """Accounts of advisors of the demo's first store."""
    people = []
    with psycopg.connect(stack.db_url, autocommit=True) as db:
        for number in range(count):
            email = f"load{number}@forecourt.example"
            user = demo.sign_up(stack.supabase_url, stack.publishable_key, email)
            db.execute(
                "insert into crm.members (store_id, user_id, role, name) select id, %s, "
                "'advisor', %s from crm.stores where name = %s",
                (user, f"顾问{number}", demo.STORES[0]),
            )
            people.append((email, user))
    return people


async def sign_in_within(phones: list[Phone], wire: Wire, seconds: float) -> None:
    """All of them, evenly spread over so many seconds."""

    async def one(number: int, phone: Phone) -> None:
        await asyncio.sleep(number * seconds / len(phones))
        try:
            await phone.sign_in()
        except Problem as problem:
            wire.problems[problem.code] += 1

    await asyncio.gather(*(one(number, phone) for number, phone in enumerate(phones)))


async def work_for(phones: list[Phone], wire: Wire, seconds: float) -> None:
    """Each without a pause: what a phone asks while its person works."""
    end = time.monotonic() + seconds

    async def one(phone: Phone) -> None:
        seq = 0
        while time.monotonic() < end:
            for action in (phone.pull, phone.search, phone.card, phone.today, phone.pull):
                await action()
            seq += 1
            await phone.save(seq)

    results = await asyncio.gather(*(one(phone) for phone in phones), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            wire.problems[getattr(result, "code", repr(result))] += 1


async def measure(stack: Stack, count: int, clients: int, seconds: float) -> None:
    people = make_people(stack, count)
    wire = Wire()
    address, key = stack.supabase_url, stack.publishable_key
    phones = [Phone(Gateway(address, key, http=wire.http()), *person) for person in people]
    started = time.monotonic()
    await sign_in_within(phones, wire, seconds)
    took = time.monotonic() - started
    print(json.dumps({"phones": count, "within s": round(took, 1), **wire.report(took)}))
    wire.requests.clear()
    started = time.monotonic()
    await work_for(phones[:clients], wire, seconds)
    took = time.monotonic() - started
    print(json.dumps({"clients": clients, "for s": round(took, 1), **wire.report(took)}))
    print("load", os.getloadavg())
    for phone in phones:
        await phone.gateway.close()


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--phones", type=int, default=PHONES)
    arguments.add_argument("--clients", type=int, default=CLIENTS)
    arguments.add_argument("--seconds", type=float, default=SECONDS)
    asked = arguments.parse_args()
    with running_stack() as stack:
        demo.seed(stack.db_url, stack.supabase_url, stack.publishable_key, say=lambda _: None)
        asyncio.run(measure(stack, asked.phones, asked.clients, asked.seconds))


if __name__ == "__main__":
    main()
