"""Nights and hours by the clock: what is due is done once, what was missed is done in order, and
what failed is written down."""

from datetime import UTC, datetime, timedelta

import psycopg

from tests.support.people import World


def run_due(world: World, at: datetime, store: str = "east") -> list[dict]:
    return world.row("select crm.run_due(%s, %s)", world.stores[store], at)


def nights(world: World) -> list[str]:
    return [
        r[0]
        for r in world.db.execute(
            "select (due_at at time zone 'Asia/Shanghai')::date::text from crm.runs"
            " where store_id = %s and work = 'nightly' and error is null order by due_at",
            (world.stores["east"],),
        ).fetchall()
    ]


def test_a_night_is_run_once_and_an_hour_leaves_one_row(world):
    now = datetime.now(UTC)
    assert [r["work"] for r in run_due(world, now)] == ["nightly", "hourly"]
    assert [r["work"] for r in run_due(world, now)] == ["hourly"]
    assert (
        world.row(
            "select count(*) from crm.runs where store_id = %s and work = 'hourly'",
            world.stores["east"],
        )
        == 1
    )


def test_missed_nights_are_caught_up_in_order(world):
    now = datetime.now(UTC)
    run_due(world, now - timedelta(days=4))
    done = run_due(world, now)
    assert [r["work"] for r in done] == ["nightly"] * 4 + ["hourly"]
    assert [r["day"] for r in done[:4]] == sorted(r["day"] for r in done[:4])
    assert len(nights(world)) == 5


def test_a_long_stop_is_caught_up_for_a_month_at_most(world):
    now = datetime.now(UTC)
    run_due(world, now - timedelta(days=200))
    assert len([r for r in run_due(world, now) if r["work"] == "nightly"]) == 31


def test_a_night_that_fails_is_written_down_and_tried_again(world):
    """Nothing of a failed night stays, the hour runs all the same, and no value is kept."""
    customer = world.customer(next_contact_on="2020-01-01")
    world.db.execute(
        "alter function crm.repair_next_steps(uuid, date) rename to repair_next_steps_away"
    )
    now = datetime.now(UTC)
    done = run_due(world, now)
    assert [("error" in r) for r in done] == [True, False]
    assert done[0]["error"].startswith("42883 ")
    assert nights(world) == []
    assert (
        world.row(
            "select error from crm.scheduler_health() where store_id = %s", world.stores["east"]
        )
        is not None
    )
    world.db.execute(
        "alter function crm.repair_next_steps_away(uuid, date) rename to repair_next_steps"
    )
    assert [("error" in r) for r in run_due(world, now)] == [False, False]
    assert len(nights(world)) == 1
    assert world.row("select count(*) from crm.tasks where customer_id = %s", customer) == 1


def test_a_day_planned_for_today_after_the_night_is_called_within_the_hour(world):
    now = datetime.now(UTC)
    run_due(world, now)
    customer = world.customer(
        next_contact_on=str(world.row("select (now() at time zone 'Asia/Shanghai')::date"))
    )
    run_due(world, now)
    assert (
        world.row(
            "select count(*) from crm.tasks where customer_id = %s and status = 'open'", customer
        )
        == 1
    )


def test_health_says_when_the_rules_last_ran(world):
    health = "select last_night, last_hour, seconds, without_next_step, error"
    health += " from crm.scheduler_health() where store_id = %s"
    assert world.row(health, world.stores["east"]) == (None, None, None, None, None)
    run_due(world, datetime.now(UTC))
    night, hour, seconds, left, error = world.row(health, world.stores["east"])
    assert night == world.row("select (now() at time zone 'Asia/Shanghai')::date")
    assert hour is not None
    assert seconds >= 0
    assert (left, error) == (0, None)


def test_two_schedulers_at_once_do_the_work_once(stack):
    """The second finds the first at work and leaves it alone."""
    with psycopg.connect(stack.db_url) as one, psycopg.connect(stack.db_url) as other:
        world = World(one)
        one.commit()
        try:
            first = one.execute("select crm.run_due(%s)", (world.stores["east"],)).fetchone()
            second = other.execute("select crm.run_due(%s)", (world.stores["east"],)).fetchone()
            assert first
            assert [r["work"] for r in first[0]] == ["nightly", "hourly"]
            assert second == ([],)
        finally:
            one.rollback()
            other.rollback()
            for group in {
                one.execute("select group_id from crm.stores where id = %s", (s,)).fetchone()[0]  # type: ignore[index]
                for s in world.stores.values()
            }:
                one.execute("delete from crm.stores where group_id = %s", (group,))
                one.execute("delete from crm.groups where id = %s", (group,))
            one.commit()


def test_pg_cron_gets_one_job_and_its_absence_is_no_failure(db):
    assert db.execute("select crm.schedule_runs()").fetchone() == (False,)
    db.execute("create schema cron")
    db.execute("create table cron.job (name text primary key, schedule text, command text)")
    db.execute(
        "create function cron.schedule(text, text, text) returns bigint language sql as $$"
        " insert into cron.job values ($1, $2, $3) on conflict (name)"
        " do update set schedule = $2, command = $3 returning 1::bigint $$"
    )
    assert db.execute("select crm.schedule_runs()").fetchone() == (True,)
    assert db.execute("select crm.schedule_runs()").fetchone() == (True,)
    jobs = db.execute("select name, command from cron.job").fetchall()
    assert [name for name, _ in jobs] == ["forecourt"]
    db.execute(jobs[0][1])  # what pg_cron would run
