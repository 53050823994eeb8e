"""The demo store is a store at work: everyone has a day before them, and its history is dated when
it happened."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest

from forecourt import demo
from forecourt.claims import as_member
from forecourt.stack import Stack


@pytest.fixture(scope="module")
def seeded() -> Iterator[tuple[psycopg.Connection, list[demo.DemoUser], Stack]]:
    home = Path(tempfile.mkdtemp(prefix="forecourt-demo-"))
    with Stack(home, usual_ports=False).start(say=lambda line: None) as stack:
        users = demo.seed(
            stack.db_url, stack.supabase_url, stack.publishable_key, say=lambda line: None
        )
        with psycopg.connect(stack.db_url) as db:
            yield db, users, stack
    shutil.rmtree(home, ignore_errors=True)


def test_a_second_time_changes_nothing(seeded):
    db, users, stack = seeded
    counts = (
        "select (select count(*) from crm.customers), (select count(*) from crm.events), "
        "(select count(*) from crm.operations)"
    )
    before = db.execute(counts).fetchone()
    assert (
        demo.seed(stack.db_url, stack.supabase_url, stack.publishable_key, say=lambda line: None)
        == users
    )
    assert db.execute(counts).fetchone() == before
    assert before is not None
    assert 290 <= before[0] <= 360


def test_everyone_with_a_queue_has_a_days_work(seeded):
    db, users, _stack = seeded
    queues = {}
    for user in users:
        with as_member(db, user.user_id):
            store = db.execute("select store_id from api.whoami").fetchone()[0]
            queues[user.name, user.role] = db.execute("select api.today(%s)", (store,)).fetchone()[
                0
            ]["tasks"]
    sizes = {
        role: len(tasks)
        for (_name, role), tasks in queues.items()
        if role in ("advisor", "renewal", "market")
    }
    assert all(12 <= size <= 40 for size in sizes.values()), sizes
    assert Counter(role for _name, role in queues) == {
        "advisor": 2,
        "renewal": 1,
        "market": 1,
        "assistant": 1,
        "manager": 1,
        "store_admin": 2,
    }
    assert {t["kind"] for t in queues["周敏", "renewal"]} >= {"policy_window"}
    assert any(t["due_on"] < str(date.today()) for tasks in queues.values() for t in tasks)  # noqa: DTZ011 - yesterday is overdue in any zone
    returned = queues["林晓", "advisor"][0]
    assert (returned["rank"], bool(returned["remark"])) == (
        0,
        True,
    )  # sent back by the manager: first


def test_requests_pools_and_stages(seeded):
    db, _users, _stack = seeded
    assert dict(db.execute("select status, count(*) from crm.approvals group by 1").fetchall()) == {
        "pending": 2,
        "rejected": 1,
    }
    assert db.execute("select count(*) from crm.customers where do_not_call").fetchone()[0] >= 5
    assert {
        p
        for (p,) in db.execute(
            "select distinct pool from crm.customers where pool is not null"
        ).fetchall()
    } == {"market", "open", "retained"}
    assert (
        db.execute(
            "select count(distinct (pipeline, stage)) from crm.funnel_counts where deals > 0"
        ).fetchone()[0]
        >= 9
    )
    assert db.execute(
        "select count(*) from crm.funnel_counts f where f.deals <> (select count(*) from "
        "crm.deals d where d.store_id = f.store_id and d.pipeline = f.pipeline and d.stage = "
        "f.stage and coalesce(d.owner_id, '00000000-0000-0000-0000-000000000000') = f.owner_id "
        "and d.removed_at is null)"
    ).fetchone() == (0,)


def test_how_far_deals_came_is_what_their_history_says(seeded):
    db, _users, _stack = seeded
    wrong = """
        select count(*), count(*) filter (where d.stage = 'lost' and d.furthest_stage <> 'lead')
        from crm.deals d
        join crm.stages f
          on f.store_id = d.store_id and f.pipeline = d.pipeline and f.key = d.furthest_stage
        where f.position {} (
          select max(s.position)
          from crm.stages s
          where s.store_id = d.store_id and s.pipeline = d.pipeline and s.type <> 'lost' and (
            s.key = d.stage or s.position = 1 or exists (
              select from crm.events e
              where e.store_id = d.store_id and e.subject_id = d.id and e.field = 'stage'
                and s.key in (e.old #>> '{{}}', e.new #>> '{{}}')
            )
          )
        )"""
    assert db.execute(wrong.format("<>")).fetchone() == (0, 0)
    deals, lost = db.execute(wrong.format("=")).fetchone()
    assert deals > 100 and lost > 3


def test_the_seeding_itself_accuses_nobody_of_a_burst(seeded):
    db, _users, _stack = seeded
    assert db.execute("select kind from crm.alerts where kind = 'burst'").fetchall() == []


def test_the_past_is_dated_in_the_past(seeded):
    db, _users, _stack = seeded
    today = db.execute("select (now() at time zone 'Asia/Shanghai')::date").fetchone()[0]
    days = [
        d
        for (d,) in db.execute(
            "select distinct (occurred_at at time zone 'Asia/Shanghai')::date from "
            "crm.conversations"
        ).fetchall()
    ]
    assert min(days) >= today - timedelta(days=31)
    assert max(days) == today - timedelta(days=1)
    assert len(days) >= 29
    for wrong in (
        "select count(*) from crm.tasks t join crm.conversations c on c.store_id = t.store_id "
        "and c.id = t.conversation_id where t.closed_at <> c.occurred_at",
        "select count(*) from crm.conversations v join crm.customers c on c.store_id = "
        "v.store_id and c.id = v.customer_id where c.created_at > v.occurred_at",
        "select count(*) from crm.events e join crm.operations o on o.store_id = e.store_id and "
        "o.op_id = e.op_id where e.created_at <> o.applied_at",
        "select count(*) from crm.tasks where status = 'done' and closed_at < created_at",
        "select count(*) from crm.deals where stage_at < created_at or stage_at > now()",
        "select count(*) from crm.customers where substr(id::text, 15, 1) <> '7'",
    ):
        assert db.execute(wrong).fetchone() == (0,), wrong
