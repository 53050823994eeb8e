"""The client of battery T5 as a process of its own: works and syncs until it is killed, or kills
itself at a named failpoint.

`python -m tests.support.crash_child` has imported everything and forks one for each line it reads
(the arguments as JSON); it answers the child's pid, then how it ended. So a kill costs a tenth of a
second.
"""

import asyncio
import json
import os
import random
import signal
import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import uuid6

from mobile_app.offline.attachments import Attachments, NewAttachment
from mobile_app.offline.database import Database
from mobile_app.offline.outbox import Outbox
from mobile_app.offline.replica import Replica
from mobile_app.offline.sync import Sync
from shared.domain.pinyin import pinyin_of
from shared.domain.problems import Problem
from shared.gateway import attachments as remote_files
from shared.gateway import sync as remote
from shared.gateway.client import Gateway, make_http
from shared.gateway.session import MemoryStore
from tests.support.files import wav

# name → (a statement of the device's database begins, its text begins with) or (a call to the
# server, before or after)
FAILPOINTS = {
    "add: before its transaction": ("sql", "begin immediate"),
    "add: optimistic row written, operation not": ("sql", "insert into outbox"),
    "add: written, not committed": ("sql", "commit"),
    "push: before the call": ("push", "before"),
    "push: answered, not settled": ("push", "after"),
    "settle: first answer of a batch": ("sql", "update outbox set state = 'sent'"),
    "settle: refusal not written": ("sql", "update outbox set state = 'rejected'"),
    "replay: optimistic rows half written": ("sql", "update rows set optimistic_row = null"),
    "pull: before the call": ("pull", "before"),
    "pull: answered, not taken": ("pull", "after"),
    "take: between rows": ("sql", "insert into rows (form, id, customer_id, server_row"),
    "take: cursor not written": ("sql", "insert into about"),
    "take: tombstone": ("sql", "delete from rows where"),
    "file: on disk, row not": ("sql", "insert into attachments"),
    "file: piece answered, not noted": ("upload", "after"),
    "file: noted, not committed": ("sql", "update attachments set sent_bytes"),
}

AGREED = datetime(2026, 11, 1, tzinfo=UTC)


pinyin_of("暖")  # its tables are read in once, not once a kill


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def work(
    file: str,
    url: str,
    key: str,
    session: str,
    user: str,
    store: str,
    seed: int,
    failpoint: str | None,
    told: str,
) -> None:
    """Until killed. Appends the id of every operation that was said to be saved to the file
    `told`."""
    promised = os.open(told, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    asyncio.run(
        _work(Path(file), url, key, session, UUID(user), UUID(store), seed, failpoint, promised)
    )


async def _work(
    file: Path,
    url: str,
    key: str,
    session: str,
    user: UUID,
    store: UUID,
    seed: int,
    failpoint: str | None,
    told: int,
) -> None:
    dice = random.Random(seed)
    kind, text = FAILPOINTS[failpoint] if failpoint else ("", "")
    left = [dice.randrange(1, 5)]  # dies at the n-th time it comes by

    def at(here: bool) -> None:
        if here:
            left[0] -= 1
            if left[0] == 0:
                die()

    database = Database(file, user_id=user, store_id=store)
    if kind == "sql":
        opened = database._open

        def open_traced() -> sqlite3.Connection:
            connection = opened()
            connection.set_trace_callback(lambda statement: at(statement.lower().startswith(text)))
            return connection

        database._open = open_traced  # type: ignore[method-assign]
    for module, name, mark in (
        (remote, "push", "push"),
        (remote, "pull", "pull"),
        (remote_files, "upload", "upload"),
    ):
        if kind == mark:
            setattr(module, name, _watched(getattr(module, name), at, text))
    auth_session_store = MemoryStore()
    await auth_session_store.write(session)
    gateway = Gateway(url, key, http=make_http(), store=auth_session_store)
    await gateway.auth_session.restore()
    outbox, replica, attachments = (
        Outbox(database, new_id=uuid6.uuid7),
        Replica(database),
        Attachments(database, uuid6.uuid7),
    )
    sync = Sync(gateway, outbox, replica, store, lambda state: None, attachments=attachments)
    customers = [str(c.id) for c, _ in await replica.customers(limit=20)]
    while True:
        for _ in range(dice.randrange(1, 4)):
            payload, verb, files = _something(dice, customers)
            stored = [await attachments.store(f) for f in files]
            op_id = await outbox.add(
                verb,
                payload,
                now=datetime.now(UTC),
                base_version=1
                if verb == "save_customer" and "source" not in payload["set"]
                else None,
                files=stored,
            )
            os.write(told, f"{op_id}\n".encode())  # the screen says saved
            if verb == "save_customer":
                customers.append(payload["id"])
        try:
            await sync.once()
        except Problem:
            continue


def _something(dice: random.Random, customers: list[str]) -> tuple[dict, str, list[NewAttachment]]:
    n = dice.randrange(10**8)
    new = {
        "id": str(uuid6.uuid7()),
        "set": {"name": f"客{n}", "phone": f"139{n:08d}", "source": "walk_in", "level": "near"},
    }
    if not customers or dice.random() < 0.2:
        return new, "save_customer", []
    customer = dice.choice(customers)
    if dice.random() < 0.2:
        return {"id": customer, "set": {"need": f"要{n}"}}, "save_customer", []
    conversation = {
        "id": str(uuid6.uuid7()),
        "customer_id": customer,
        "outcome": "interested",
        "level": "near",
        "notes": dice.choice([f"聊了{n}", ""]),
    }
    memo = (
        [
            NewAttachment(
                "voice", "audio/wav", wav(dice.randbytes(dice.randrange(1, 400_000))), AGREED
            )
        ]
        if dice.random() < 0.3
        else []
    )
    return conversation, "log_conversation", memo


def _watched(call, at, when: str):
    async def watched(*args, **more):
        at(when == "before")
        answer = await call(*args, **more)
        at(when == "after")
        return answer

    return watched


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                work(**json.loads(line))
            finally:
                os._exit(3)  # it never ends by itself
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(status, flush=True)


if __name__ == "__main__":
    main()
