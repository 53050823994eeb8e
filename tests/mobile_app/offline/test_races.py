"""T9: two people change at once. T9r: a customer is handed over, or the advisor disabled, at the
very moment they write. T10: a clock that is wrong by years. T11: nothing is missed by a pull,
whatever commits when."""

import random
import threading
from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg
import pytest
from psycopg.types.json import Jsonb

from forecourt.claims import as_member
from shared.domain.problems import Offline
from shared.gateway import session as session_module
from tests.support.battery import Battery
from tests.support.people import new_id
from tests.support.present import present


def push(connection, user, store, verb: str, payload: dict, base: int | None = None) -> dict:
    """One operation on a connection of its own, committed."""
    op = {
        "op_id": new_id(),
        "seq": 1,
        "verb": verb,
        "base_version": base,
        "payload": {"store_id": str(store), **payload},
    }
    for _ in range(5):
        try:
            with connection.transaction(), as_member(connection, user):
                return connection.execute(
                    "select api.sync_push(%s, %s)", (new_id(), Jsonb([op]))
                ).fetchone()[0][0]
        except psycopg.Error as error:
            # Two transactions waited for each other: a phone tries again, and so does the test.
            if error.sqlstate != "PT503" and error.diag.message_primary != "busy":
                raise
    raise AssertionError("busy five times")


def at_once(*acts) -> list:
    """Run them at the same moment, each in a thread; their answers."""
    gate, answers = threading.Barrier(len(acts)), [None] * len(acts)

    def run(n: int) -> None:
        gate.wait()
        answers[n] = acts[n]()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def edits(stack, world, pairs: int, seed: int) -> None:
    battery, dice = Battery("T9", "Two people edit at once", seeds=str(seed)), random.Random(seed)
    counts = dict.fromkeys(("different fields", "same field", "talks"), 0)
    kept_both = told = silent = lost_conversations = 0
    store, lin, he = world.stores["east"], world.users["lin"], world.users["he"]
    with psycopg.connect(stack.db_url) as one, psycopg.connect(stack.db_url) as two:
        for n in range(pairs):
            customer = new_id()
            push(
                one,
                lin,
                store,
                "save_customer",
                {
                    "id": customer,
                    "set": {
                        "name": f"客{n}",
                        "phone": f"139{dice.randrange(10**8):08d}",
                        "source": "walk_in",
                        "level": "near",
                    },
                },
            )
            kind = dice.choice(list(counts))
            counts[kind] += 1
            if kind == "talks":
                notes = [f"林{n}", f"何{n}"]
                conversations = [
                    {
                        "id": new_id(),
                        "customer_id": customer,
                        "outcome": "interested",
                        "notes": w,
                        "level": "near",
                    }
                    for w in notes
                ]
                at_once(
                    partial(push, one, lin, store, "log_conversation", conversations[0]),
                    partial(push, two, he, store, "log_conversation", conversations[1]),
                )
                found = {
                    r[0]
                    for r in one.execute(
                        "select notes from crm.conversations where customer_id = %s", (customer,)
                    )
                }
                lost_conversations += found != set(notes)
            else:
                second = "need" if kind == "same field" else "wechat"
                edits = [
                    {"id": customer, "set": {"need": "林的话"}},
                    {"id": customer, "set": {second: "何的话"}},
                ]
                answers = at_once(
                    partial(push, one, lin, store, "save_customer", edits[0], 1),
                    partial(push, two, he, store, "save_customer", edits[1], 1),
                )
                need, wechat = present(
                    one.execute(
                        "select need, wechat from crm.customers where id = %s", (customer,)
                    ).fetchone()
                )
                states = sorted(a["status"] for a in answers)
                if kind == "different fields":
                    kept_both += states == ["applied", "applied"] and (need, wechat) == (
                        "林的话",
                        "何的话",
                    )
                else:
                    winner = {"林的话": 0, "何的话": 1}[need]
                    loser = answers[1 - winner]
                    told += (
                        answers[winner]["status"] == "applied"
                        and loser["status"] == "conflict"
                        and loser["row"]["need"] == need
                    )
                    silent += states == ["applied", "applied"]
            one.commit()
    battery.row(
        **{
            "pairs": pairs,
            "different fields": counts["different fields"],
            "both kept": kept_both,
            "same field": counts["same field"],
            "loser told, with the row": told,
            "silent": silent,
            "talks at once": counts["talks"],
            "talks lost": lost_conversations,
        }
    )
    battery.finish()
    assert (kept_both, told, silent, lost_conversations) == (
        counts["different fields"],
        counts["same field"],
        0,
        0,
    )


def test_two_people_edit_at_once(stack, dealers):
    edits(stack, dealers, 60, seed=9)


@pytest.mark.long
def test_two_people_edit_at_once_a_thousand_times(stack, dealers):
    edits(stack, dealers, 1000, seed=99)


def transfers(stack, world, pairs: int, seed: int) -> None:
    battery, dice = (
        Battery("T9r", "Handed over, or disabled, while he writes", seeds=str(seed)),
        random.Random(seed),
    )
    store, lin, chen, he = (world.stores["east"], *(world.users[n] for n in ("lin", "chen", "he")))
    counts = {"handed over": 0, "disabled": 0}
    kept = seen = dropped = held = wrong = 0
    with psycopg.connect(stack.db_url) as one, psycopg.connect(stack.db_url) as two:
        for n in range(pairs):
            customer, notes = new_id(), f"这句要留下{n}"
            push(
                one,
                lin,
                store,
                "save_customer",
                {
                    "id": customer,
                    "set": {
                        "name": f"客{n}",
                        "phone": f"139{dice.randrange(10**8):08d}",
                        "source": "walk_in",
                        "level": "near",
                    },
                },
            )
            kind = dice.choices(["handed over", "disabled"], [3, 1])[0]
            counts[kind] += 1

            def change(kind=kind, customer=customer) -> None:
                if kind == "disabled":
                    two.execute("update crm.members set active = false where user_id = %s", (lin,))
                two.execute(
                    "update crm.customers set owner_id = %s where id = %s", (chen, customer)
                )
                two.commit()

            conversation = {
                "id": new_id(),
                "customer_id": customer,
                "outcome": "interested",
                "notes": notes,
                "level": "near",
            }
            answer, _ = at_once(
                lambda t=conversation: push(one, lin, store, "log_conversation", t), change
            )
            two.execute("update crm.members set active = true where user_id = %s", (lin,))
            two.commit()
            rows = one.execute(
                "select author_id, notes from crm.conversations where customer_id = %s", (customer,)
            ).fetchall()
            [waits] = present(
                one.execute(
                    "select count(*) from crm.quarantined_operations where store_id = %s and "
                    "operation #>> '{payload,notes}' = %s",
                    (store, notes),
                ).fetchone()
            )
            one.commit()
            if answer["status"] == "quarantined":
                held += waits == 1 and rows == []
                wrong += not (waits == 1 and rows == [])
                continue
            kept += answer["status"] == "applied" and rows == [(lin, notes)]
            wrong += not (answer["status"] == "applied" and rows == [(lin, notes)])
            with one.transaction(), as_member(one, chen):
                seen += one.execute(
                    "select notes from api.conversations where customer_id = %s", (customer,)
                ).fetchall() == [(notes,)]
            with one.transaction(), as_member(one, lin):
                [page] = present(one.execute("select api.sync_pull(%s)", (store,)).fetchone())
                dropped += customer not in str(page["rows"].get("customers", []))
    unassigned_policies = world.row(
        "select count(*) from crm.conversations v left join crm.customers k using (store_id) "
        "where k.id = v.customer_id and k.owner_id is null and v.store_id = %s",
        store,
    )
    world.db.rollback()
    battery.row(
        **{
            "races": pairs,
            **counts,
            "kept under their name": kept,
            "seen by the new owner": seen,
            "gone from the old book": dropped,
            "kept for the manager": held,
            "wrong": wrong,
            "unassigned_policies": unassigned_policies,
        }
    )
    battery.finish()
    assert (wrong, unassigned_policies) == (0, 0)
    assert kept == seen == dropped
    assert kept + held == pairs
    assert he


def test_a_talk_at_the_moment_of_the_handover(stack, dealers):
    transfers(stack, dealers, 60, seed=91)


@pytest.mark.long
def test_a_talk_at_the_moment_of_the_handover_a_thousand_times(stack, dealers):
    transfers(stack, dealers, 1000, seed=92)


SKEWS = {
    "-20 years": timedelta(days=-7305),
    "-24 h": timedelta(hours=-24),
    "-1 h": timedelta(hours=-1),
    "-5 min": timedelta(minutes=-5),
    "+5 min": timedelta(minutes=5),
    "+1 h (another zone)": timedelta(hours=1),
    "+24 h": timedelta(hours=24),
    "29 February 2028": datetime(2028, 2, 29, 12, tzinfo=UTC) - datetime.now(UTC),
    "+20 years": timedelta(days=7305),
}


@pytest.mark.parametrize("skew", SKEWS)
@pytest.mark.parametrize(
    "pulled_before", [True, False], ids=["a phone that pulled", "a phone that never did"]
)
async def test_a_clock_that_is_wrong_changes_no_day(
    phone, dealers, monkeypatch, skew, pulled_before
):
    """T10: every flow; times at the server are right to two minutes, days are the store's, and a
    wrong clock costs no round of 401."""
    off = SKEWS[skew]
    real = session_module.time.time
    monkeypatch.setattr(session_module.time, "time", lambda: real() + off.total_seconds())
    lin = await phone("lin", device_now=lambda: datetime.now(UTC) + off)
    if pulled_before:
        await lin.sync.once()
    customer = await lin.new_customer()
    conversation = await lin.log_conversation(customer, occurred_at=lin.clock.now().isoformat())
    nobody = {
        "id": new_id(),
        "customer_id": customer,
        "outcome": "no_answer",
        "level": "near",
        "occurred_at": lin.clock.now().isoformat(),
        "dialled_at": lin.clock.now().isoformat(),
    }
    await lin.do("log_conversation", nobody)
    before = len(lin.network.seen)
    await lin.sync.once()
    assert (lin.sync.state.pending, lin.sync.state.rejected) == (0, 0)
    assert len(lin.network.seen) - before <= 6
    late = dealers.row(
        "select max(abs(extract(epoch from now() - occurred_at))) from crm.conversations where "
        "customer_id = %s",
        customer,
    )
    assert late < 120
    cadence, due = dealers.db.execute(
        "select l.cadence_days, t.due_on - (now() at time zone 'Asia/Shanghai')::date from "
        "crm.tasks t join crm.customers k on k.id = t.customer_id and k.store_id = t.store_id"
        " join crm.levels l on l.store_id = k.store_id and l.key = k.level where t.customer_id "
        "= %s and t.kind = 'next_contact'",
        (customer,),
    ).fetchone()
    assert due == cadence
    assert dealers.row(
        "select due_at > now() and due_at < now() + interval '26 hours' from crm.tasks where "
        "customer_id = %s and kind = 'retry'",
        customer,
    )
    await lin.outbox.undo(conversation, now=lin.clock.now())
    await lin.log_conversation(customer, "再聊", occurred_at=lin.clock.now().isoformat())
    await lin.sync.once()
    assert abs((lin.clock.now() - datetime.now(UTC)).total_seconds()) < 120  # from here on it knows
    await lin.sync.once()
    assert await lin.holds() == lin.should_hold()
    dealers.db.rollback()


async def interleave(phone, dealers, stack, rounds: int, seed: int) -> None:
    """Transactions that begin in one order and commit in another, while a phone pulls in between;
    rows that change and are handed over."""
    battery, dice = (
        Battery("T11", "Late commits, paging while rows move", seeds=str(seed)),
        random.Random(seed),
    )
    lin, chen = await phone("lin"), await phone("chen")
    store, me, other = dealers.stores["east"], lin.user_id, chen.user_id
    made: list[str] = []
    interleavings = vanished = 0
    for _ in range(rounds):
        open_ones = []
        for _ in range(dice.randrange(1, 4)):
            connection = psycopg.connect(stack.db_url)
            connection.execute("select pg_current_xact_id()")
            open_ones.append(connection)
        dice.shuffle(open_ones)
        for connection in open_ones:
            match dice.randrange(3) if made else 0:
                case 0:
                    made.append(new_id())
                    connection.execute(
                        "insert into crm.customers (store_id, id, owner_id, name, source, level) "
                        "values (%s, %s, %s, '客', 'phone', 'near')",
                        (store, made[-1], me),
                    )
                case 1:
                    connection.execute(
                        "update crm.customers set need = %s where id = %s",
                        (str(dice.random()), dice.choice(made)),
                    )
                case 2:
                    connection.execute(
                        "update crm.customers set owner_id = %s where id = %s",
                        (dice.choice([me, me, other]), dice.choice(made)),
                    )
            interleavings += 1
            if dice.random() < 0.5:
                if dice.random() < 0.1:
                    await lin.database.write(
                        lambda c: c.execute("update about set value = '{}' where key = 'cursor'")
                    )  # a full round, in the middle of it
                before = set((await lin.holds())["customers"])
                await lin.sync.once()
                after = set((await lin.holds())["customers"])
                vanished += len(
                    {
                        c
                        for c in before - after
                        if dealers.row(
                            "select owner_id = %s from crm.customers where id = %s", me, c
                        )
                    }
                )
                dealers.db.rollback()
            connection.commit()
            connection.close()
    await lin.sync.once()
    missed = set(lin.should_hold()["customers"]) ^ set((await lin.holds())["customers"])
    battery.row(
        **{
            "interleavings": interleavings,
            "customers": len(made),
            "missed": len(missed),
            "vanished while still theirs": vanished,
            "local data equal": await lin.holds() == lin.should_hold(),
        }
    )
    battery.finish()
    assert (missed, vanished) == (set(), 0)
    assert await lin.holds() == lin.should_hold()


async def test_late_commits_are_never_missed(phone, dealers, stack):
    await interleave(phone, dealers, stack, 25, seed=11)


@pytest.mark.long
async def test_late_commits_are_never_missed_in_five_hundred_interleavings(phone, dealers, stack):
    await interleave(phone, dealers, stack, 270, seed=111)


async def test_a_first_sync_of_many_pages_tells_how_far_it_is_and_goes_on_after_a_kill(
    phone, dealers
):
    """2,500 rows: more than any one answer holds; cut in the middle by the network and by a
    kill."""
    lin = await phone("lin")
    dealers.db.execute(
        "insert into crm.customers (store_id, id, owner_id, name, source, level) select %s, "
        "gen_random_uuid(), %s, '客' || n, 'phone', 'near' from generate_series(1, 2500) n",
        (dealers.stores["east"], lin.user_id),
    )
    dealers.db.commit()
    lin.network.only = lambda request: "sync_pull" in request.url.path
    pulled: list[int] = []

    def cut(request) -> None:
        pulled.append(1)
        lin.network.down = len(pulled) == 4

    lin.network.before = cut
    with pytest.raises(Offline):
        await lin.sync.once()
    here, total = lin.sync.state.progress or (0, 0)
    assert 0 < here < total == 2500
    assert not lin.sync.state.complete
    again = await phone("lin", file=lin.database.file)  # a new process on the same file
    dealers.db.execute(
        "update crm.customers set need = '动过' where id in (select id from crm.customers where "
        "owner_id = %s limit 40)",
        (lin.user_id,),
    )
    dealers.db.commit()  # rows move while the round runs
    await again.sync.once()
    assert again.sync.state.complete
    assert again.sync.state.progress is None
    assert len((await again.holds())["customers"]) == 2500
    assert await again.holds() == again.should_hold()
    pages = [s.progress[0] for s in again.states if s.progress]
    assert pages == sorted(pages)
    assert pages[0] >= here  # it went on where it was
