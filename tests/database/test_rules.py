"""The rules make exactly the tasks they imply, and running them twice adds none (S-03, S-20,
F-33)."""

from datetime import date, timedelta

import psycopg
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.health_checks import EVERY_CHECK
from tests.support.people import World, new_id

WINDOWS = (90, 60, 30, 15, 7)


def policy_of(world, customer, expires):
    policy = new_id()
    world.db.execute(
        "insert into crm.policies (store_id, id, customer_id, expires_on) values (%s, %s, %s, %s)",
        (world.stores["east"], policy, customer, expires),
    )
    return policy


def run(world, day):
    return world.row("select crm.run_rules(%s, %s)", world.stores["east"], day)


def test_cadence_by_level_and_none_twice(world):
    near, intent = world.customer(level="near"), world.customer(level="intent", phone="13900000001")
    today = world.row("select (now() at time zone 'Asia/Shanghai')::date")
    assert run(world, today + timedelta(days=6))["cadence"] == 0
    assert run(world, today + timedelta(days=7))["cadence"] == 1
    assert run(world, today + timedelta(days=7))["cadence"] == 0
    assert run(world, today + timedelta(days=30))["cadence"] == 1
    assert world.db.execute(
        "select customer_id::text, due_on - %s, kind from crm.tasks where store_id = %s order "
        "by due_on",
        (today, world.stores["east"]),
    ).fetchall() == [(near, 7, "first_contact"), (intent, 30, "first_contact")]


def test_who_must_not_be_called_gets_no_task(world):
    world.customer(do_not_call=True)
    assert run(world, date.today() + timedelta(days=400))["cadence"] == 0  # noqa: DTZ011


def test_a_level_of_a_pool_moves_there_and_leaves_no_call_behind(world):
    customer = world.customer(level="potential")
    world.task(customer)
    assert run(world, date.today())["moved_to_pool"] == 1  # noqa: DTZ011
    assert world.row("select owner_id, pool from crm.customers where id = %s", customer) == (
        None,
        "market",
    )
    assert (
        world.row(
            "select array_agg(status) from crm.tasks where customer_id = %s and removed_at is null",
            customer,
        )
        == ["suspended"]  # nobody's call in the pool; it opens again for whoever takes the customer
    )
    assert world.ask("lin", "select count(*) from api.customers")[0] == (0,)
    assert world.ask("wu", "select count(*) from api.customers")[0] == (1,)


def expected(expiries: dict[str, date], days: list[date]) -> dict[tuple[str, date], bool]:
    """The specification, told again in Python: the window reached last, once, unless an earlier
    call of that policy is open."""
    made: dict[str, date] = {}
    for day in days:
        for policy, expires in expiries.items():
            reached = [w for w in WINDOWS if expires - timedelta(days=w) <= day]
            if (
                reached
                and day <= expires <= day + timedelta(days=max(WINDOWS))
                and policy not in made
            ):
                made[policy] = expires - timedelta(days=min(reached))
    return {(p, d): True for p, d in made.items()}


@settings(max_examples=25, deadline=None, suppress_health_check=EVERY_CHECK)
@given(
    offsets=st.lists(st.integers(-20, 130), min_size=1, max_size=12),
    days=st.lists(st.integers(0, 100), min_size=1, max_size=5),
)
def test_policy_windows_equal_the_specification(stack, offsets, days):
    """Calls stay open here, so each policy has at most one: the first window a run met."""
    with psycopg.connect(stack.db_url) as connection:
        world = World(connection)
        customer = world.customer("he", pool="retained", level="potential")
        world.db.execute(
            "update crm.customers set renewal_owner_id = %s where id = %s",
            (world.users["zhou"], customer),
        )
        start = date(2026, 6, 1)
        expiries = {
            policy_of(world, customer, start + timedelta(days=n)): start + timedelta(days=n)
            for n in offsets
        }
        run_days = [start + timedelta(days=n) for n in sorted(days)]
        for day in run_days:
            run(world, day)
            assert run(world, day)["policy_window"] == 0
        found = {
            (str(s), d): True
            for s, d in world.db.execute(
                "select subject_id, due_on from crm.tasks where store_id = %s and kind = "
                "'policy_window'",
                (world.stores["east"],),
            ).fetchall()
        }
        assert found == expected(expiries, run_days)
        connection.rollback()


def test_each_window_calls_again_once_the_last_call_is_done(world):
    customer = world.customer("he", pool="retained", level="potential")
    world.db.execute(
        "update crm.customers set renewal_owner_id = %s where id = %s",
        (world.users["zhou"], customer),
    )
    expires = date(2027, 3, 1)
    policy_of(world, customer, expires)
    due = []
    for back in range(95, -3, -1):
        run(world, expires - timedelta(days=back))
        task = world.row(
            "select id, due_on from crm.tasks where store_id = %s and status = 'open' and kind = "
            "'policy_window'",
            world.stores["east"],
        )
        if task:
            due.append((expires - task[1]).days)
            world.db.execute(
                "update crm.tasks set status = 'excused', closed_at = now() where id = %s",
                (task[0],),
            )
    assert due == list(WINDOWS)


def test_a_policy_nobody_renews_makes_no_task(world):
    customer = world.customer("he", pool="retained", level="potential")
    policy_of(world, customer, date(2026, 7, 1))
    assert run(world, date(2026, 6, 20))["policy_window"] == 0


def test_a_call_that_was_put_off_and_done_is_not_asked_for_again(world):
    """What the rule meant is what it made, whatever day it was done on: the night finds nothing
    more in the same window."""
    today = world.row("select (now() at time zone 'Asia/Shanghai')::date")
    customer = world.customer("he", pool="retained", level="potential")
    world.db.execute(
        "update crm.customers set renewal_owner_id = %s where id = %s",
        (world.users["zhou"], customer),
    )
    expires = (today + timedelta(days=30)).isoformat()
    world.done(
        "zhou",
        "save_policy",
        {
            "id": new_id(),
            "customer_id": customer,
            "set": {"expires_on": expires, "insurer": "人保"},
        },
    )
    assert (
        world.row("select crm.run_rules(%s, %s)", world.stores["east"], today)["policy_window"] == 1
    )
    task = str(
        world.row("select id from crm.tasks where customer_id = %s and status = 'open'", customer)
    )
    world.done(
        "zhou", "snooze_task", {"task_id": task, "until": (today + timedelta(days=1)).isoformat()}
    )
    assert (
        world.log_conversation("zhou", customer, level="potential", task_id=task)["status"]
        == "applied"
    )
    assert (
        world.row("select crm.run_rules(%s, %s)", world.stores["east"], today + timedelta(days=1))[
            "policy_window"
        ]
        == 0
    )
