"""The queue on the device: what was saved survives anything; a refusal takes nothing else with it;
an undo is a record like any other."""

import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import uuid6

from mobile_app.offline.database import Database, DeviceTooOld
from mobile_app.offline.outbox import BATCH, RETENTION_DAYS, Outbox
from mobile_app.offline.replica import Replica
from shared.gateway.sync import Answer, Page

ME, STORE = uuid4(), uuid4()
NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path):
    database = Database(tmp_path / "device.sqlite", user_id=ME, store_id=STORE)
    yield database
    await database.close()


@pytest.fixture
def outbox(database):
    return Outbox(database, new_id=uuid6.uuid7)


def page(*customers: dict, **changes) -> Page:
    rows = (
        {"customers": [{"version": 1, "custom": {}, "owner_id": str(ME), **c} for c in customers]}
        if customers
        else {}
    )
    return Page.model_validate(
        {
            "user_id": ME,
            "store_id": STORE,
            "today": "2026-11-24",
            "reset": False,
            "more": False,
            "rows": rows,
            "removed": {},
            "config_version": 1,
            "cursor": {"since": 100, "stamp": "a"},
            "complete_to": 100,
            **changes,
        }
    )


async def save(outbox: Outbox, customer: str, base_version: int | None = None, **fields) -> UUID:
    return await outbox.add(
        "save_customer", {"id": customer, "set": fields}, now=NOW, base_version=base_version
    )


def answer(op_id: UUID, status: str = "applied", **more) -> Answer:
    return Answer.model_validate({"op_id": op_id, "status": status, **more})


async def shown(replica: Replica, customer: str) -> tuple[str | None, str | None, bool] | None:
    card = await replica.card(UUID(customer))
    return (card.customer.name, card.customer.need, card.pending) if card else None


WRITER = """
import asyncio, sys, uuid6
from uuid import UUID
from datetime import UTC, datetime
from pathlib import Path
from mobile_app.offline.database import Database
from mobile_app.offline.outbox import Outbox

async def main():
    user, store = UUID(sys.argv[2]), UUID(sys.argv[3])
    database = Database(Path(sys.argv[1]), user_id=user, store_id=store)
    outbox = Outbox(database, new_id=uuid6.uuid7)
    for number in range(100_000):
        payload = {"id": str(uuid6.uuid7()), "set": {"name": f"customer {number}"}}
        print(await outbox.add("save_customer", payload, now=datetime.now(UTC)), flush=True)

asyncio.run(main())
"""


def write_until_killed(file: Path, said: int) -> list[str]:
    """Another process saves until it is killed; answers what it said was saved."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(file), str(ME), str(STORE)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert writer.stdout is not None
    promised = [writer.stdout.readline().strip() for _ in range(said)]
    os.kill(writer.pid, signal.SIGKILL)
    promised += [line.strip() for line in writer.stdout if len(line.strip()) == 36]
    writer.wait()
    writer.stdout.close()
    return promised


@pytest.mark.parametrize("said", [1, 7, 60])
async def test_what_was_said_to_be_saved_survives_a_kill(tmp_path, said):
    file = tmp_path / "device.sqlite"
    promised = write_until_killed(file, said)
    database = Database(file, user_id=ME, store_id=STORE)
    kept = await database.read(
        lambda c: [r[0] for r in c.execute("select op_id from outbox order by seq")]
    )
    assert kept[: len(promised)] == promised
    assert len(kept) <= len(promised) + 1  # the one that was being written
    shown_too = await database.read(
        lambda c: c.execute("select count(*) from effective_rows").fetchone()[0]
    )
    assert shown_too == len(kept)  # the act and what it shows are one transaction
    assert await database.read(lambda c: c.execute("pragma integrity_check").fetchone()[0]) == "ok"
    await database.close()


async def test_saving_is_quick(outbox):
    times = []
    for number in range(200):
        start = time.perf_counter()
        await save(outbox, str(uuid6.uuid7()), name=f"张{number}")
        times.append((time.perf_counter() - start) * 1000)
    p95 = statistics.quantiles(times, n=20)[-1]
    print(f"enqueue p50 {statistics.median(times):.1f} ms, p95 {p95:.1f} ms")
    assert p95 < 50  # a person does not notice


async def test_operations_leave_in_the_order_they_were_made_and_in_bounded_calls(outbox):
    made = [await save(outbox, str(uuid6.uuid7()), name="张三") for _ in range(BATCH + 20)]
    first = await outbox.pending()
    assert [UUID(op["op_id"]) for op in first] == made[:BATCH]
    assert [op["seq"] for op in first] == sorted(op["seq"] for op in first)
    for op_id in made[:BATCH]:
        await outbox.settle(answer(op_id))
    assert [UUID(op["op_id"]) for op in await outbox.pending()] == made[BATCH:]


async def test_long_words_make_shorter_calls(outbox):
    for _ in range(90):
        await save(outbox, str(uuid6.uuid7()), name="张三", need="长" * 2000)
    assert 1 <= len(await outbox.pending()) < 60


async def test_an_act_is_shown_at_once_and_marked_until_the_server_tells_it_back(database, outbox):
    replica, customer = Replica(database), str(uuid6.uuid7())
    await replica.apply_page(page({"id": customer, "name": "李四"}), after=None)
    op_id = await save(outbox, customer, 1, need="七座")
    assert await shown(replica, customer) == ("李四", "七座", True)
    await outbox.settle(answer(op_id, version=2, change_no=150))
    assert await shown(replica, customer) == ("李四", "七座", True)
    after = {"since": 100, "stamp": "a"}
    await replica.apply_page(
        page(cursor={"since": 120, "stamp": "a"}, complete_to=120), after=after
    )  # somebody else still writes: mine is not in it yet
    assert await shown(replica, customer) == ("李四", "七座", True)
    after = {"since": 120, "stamp": "a"}
    await replica.apply_page(
        page(
            {"id": customer, "name": "李四", "need": "七座", "version": 2},
            cursor={"since": 160},
            complete_to=160,
        ),
        after=after,
    )
    assert await shown(replica, customer) == ("李四", "七座", False)


async def test_a_guess_the_server_did_not_share_goes(database, outbox):
    replica, customer = Replica(database), str(uuid6.uuid7())
    op_id = await save(outbox, customer, name="进公海")  # the server put them where I may not look
    await outbox.settle(answer(op_id, change_no=90))
    await replica.apply_page(page(), after=None)
    assert await shown(replica, customer) is None
    assert await replica.customers() == []


async def test_a_refusal_in_the_middle_takes_nothing_else_with_it(database, outbox):
    replica, customer = Replica(database), str(uuid6.uuid7())
    await replica.apply_page(page({"id": customer, "name": "李四"}), after=None)
    bad = await save(outbox, customer, 1, name="")
    good = await save(outbox, customer, 1, need="七座")
    await outbox.settle(
        answer(bad, "rejected", code="invalid", errors=[{"field": "name", "code": "required"}])
    )
    assert await shown(replica, customer) == ("李四", "七座", True)
    assert await outbox.counts() == (1, 1)
    [rejected] = [w for w in await outbox.unacknowledged() if w.state == "rejected"]
    assert (rejected.op_id, rejected.code, rejected.errors, rejected.payload["set"]) == (
        bad,
        "invalid",
        (("name", "required"),),
        {"name": ""},
    )
    assert [UUID(op["op_id"]) for op in await outbox.pending()] == [good]


async def test_a_conflict_sent_again_builds_on_the_row_the_server_showed(outbox):
    op_id = await save(outbox, str(uuid6.uuid7()), 3, need="我的话")
    await outbox.settle(answer(op_id, "conflict", row={"version": 8, "need": "别人的话"}))
    await outbox.retry(op_id, now=NOW)
    [op] = await outbox.pending()
    assert (op["base_version"], op["payload"]["set"], UUID(op["op_id"]) != op_id) == (
        8,
        {"need": "我的话"},
        True,
    )
    assert await outbox.counts() == (1, 0)


async def test_what_is_given_up_is_gone(outbox):
    op_id = await save(outbox, str(uuid6.uuid7()), name="x")
    await outbox.settle(answer(op_id, "rejected", code="forbidden"))
    await outbox.discard(op_id)
    assert await outbox.unacknowledged() == []


async def test_a_repeated_refusal_is_still_a_refusal(outbox):
    op_id = await save(outbox, str(uuid6.uuid7()), name="x")
    await outbox.settle(
        answer(op_id, "duplicate", first={"status": "rejected", "code": "forbidden"})
    )
    assert await outbox.counts() == (0, 1)


async def test_undo_shows_the_old_value_and_a_refused_undo_the_new_one_again(database, outbox):
    replica, customer = Replica(database), str(uuid6.uuid7())
    await replica.apply_page(page({"id": customer, "name": "李四"}), after=None)
    changed = await save(outbox, customer, 1, need="七座")
    await outbox.settle(answer(changed, change_no=110))
    told = page(
        {"id": customer, "name": "李四", "need": "七座", "version": 2},
        cursor={"since": 120},
        complete_to=120,
    )
    await replica.apply_page(told, after={"since": 100, "stamp": "a"})
    await outbox.undo(changed, now=NOW)
    assert await shown(replica, customer) == ("李四", None, True)
    [op] = await outbox.pending()
    await outbox.settle(answer(UUID(op["op_id"]), "rejected", code="too_late"))
    assert await shown(replica, customer) == ("李四", "七座", False)


async def test_undoing_a_new_customer_hides_him_and_a_refused_undo_brings_him_back(
    database, outbox
):
    replica, customer = Replica(database), str(uuid6.uuid7())
    made = await save(outbox, customer, name="王五")
    await outbox.settle(answer(made, change_no=50))
    await replica.apply_page(page({"id": customer, "name": "王五"}), after=None)
    await outbox.undo(made, now=NOW)
    assert (
        await shown(replica, customer),
        await replica.search("王五"),
        await replica.recent(),
    ) == (None, [], [])
    [op] = await outbox.pending()
    await outbox.settle(answer(UUID(op["op_id"]), "rejected", code="changed_since"))
    assert await shown(replica, customer) == ("王五", None, False)
    assert len(await replica.search("wangwu")) == 1


async def test_undoing_before_anything_was_sent_leaves_no_trace_on_screen(database, outbox):
    replica, customer = Replica(database), str(uuid6.uuid7())
    await outbox.undo(await save(outbox, customer, name="王五"), now=NOW)
    assert await shown(replica, customer) is None
    assert [op["verb"] for op in await outbox.pending()] == [
        "save_customer",
        "undo",
    ]  # the first may be on its way already


async def test_confirmed_operations_stay_a_month(outbox):
    op_id = await save(outbox, str(uuid6.uuid7()), name="x")
    await outbox.settle(answer(op_id))
    kept = "select count(*) from outbox"
    await outbox.purge_acknowledged(now=NOW + timedelta(days=RETENTION_DAYS - 1))
    assert await outbox._database.read(lambda c: c.execute(kept).fetchone()[0]) == 1
    await outbox.purge_acknowledged(now=NOW + timedelta(days=RETENTION_DAYS + 1))
    assert await outbox._database.read(lambda c: c.execute(kept).fetchone()[0]) == 0


async def test_a_file_of_an_older_app_is_brought_up_with_what_waits_in_it(tmp_path):
    file = tmp_path / "old.sqlite"
    with sqlite3.connect(file) as old:
        old.executescript("""
            create table about (key text primary key, value text not null);
            insert into about values ('schema', '1');
            create table outbox (seq integer primary key autoincrement, op_id text not null unique,
              verb text not null, payload text not null,
              base_version integer, customer_id text, made_at text not null,
                state text not null default 'pending', answer text,
              before text not null default '[]', title text not null default '');
            insert into outbox (op_id, verb, payload, made_at)
              values ('0199c3a0-0000-7000-8000-000000000000', 'snooze_task', '{}',
              '2026-11-01');""")
    old.close()
    database = Database(file, user_id=ME, store_id=STORE)
    outbox = Outbox(database, new_id=uuid6.uuid7)
    assert [op["verb"] for op in await outbox.pending()] == ["snooze_task"]
    await outbox.settle(answer(UUID("0199c3a0-0000-7000-8000-000000000000"), change_no=3))
    assert await outbox.counts() == (0, 0)
    await database.close()


async def test_a_file_of_a_newer_app_is_left_alone(tmp_path):
    file = tmp_path / "new.sqlite"
    with sqlite3.connect(file) as new:
        new.executescript(
            "create table about (key text primary key, value text not null); insert into about "
            "values ('schema', '99');"
        )
    new.close()
    database = Database(file, user_id=ME, store_id=STORE)
    with pytest.raises(DeviceTooOld):
        await Outbox(database, new_id=uuid6.uuid7).counts()
    await database.close()
    with sqlite3.connect(file) as new:
        assert new.execute("select name from sqlite_master").fetchall() == [
            ("about",),
            ("sqlite_autoindex_about_1",),
        ]
    new.close()


async def test_what_no_database_keeps_never_enters_the_queue(outbox):
    """A pasted NUL, or half of an emoji, in words that are no field of a form."""
    promise = {"id": str(uuid4()), "due_on": "2026-11-27"}
    payload = {
        "id": str(uuid4()),
        "customer_id": str(uuid4()),
        "outcome": "interested",
        "reached": True,
        "companions": [],
        "notes": "前\x00后\ud83d",
        "set": {"need": "七\x07座"},
        "promises": [{**promise, "notes": "\x00周五"}],
    }
    await outbox.add("log_conversation", payload, now=NOW)
    [op] = await outbox.pending()
    assert {k: op["payload"][k] for k in payload} == payload | {
        "notes": "前后",
        "set": {"need": "七座"},
        "promises": [{**promise, "notes": "周五"}],
    }
