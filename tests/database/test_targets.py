"""Targets of a month: who sets them, who sees them, and that what is reached and expected is what
the meeting sheets and the calendar say (S-31, F-60)."""

import json
import random
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from psycopg.types.json import Jsonb

from shared.domain.config import StoreCalendar
from shared.domain.working_days import is_working_day
from tests.database.test_calendar import publish
from tests.database.test_meeting_sheet import called, hide, sheet  # noqa: F401 - a fixture
from tests.support.people import World, new_id

PROGRESS = "select api.target_progress(%s, %s)"
SET = "select api.set_target(%s, %s, %s, %s, %s)"
ROWS = "select api.metric_rows(%s, %s, %s, %s, null, %s)"
HERE = ZoneInfo("Asia/Shanghai")


def today(world: World) -> date:
    return world.row("select (now() at time zone 'Asia/Shanghai')::date")


def last_month(world: World) -> tuple[date, date]:
    """Its first and its last day: a whole month, whatever day it is."""
    last = today(world).replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last


def progress(world: World, who: str, day: date | None = None) -> dict[str, Any]:
    return world.ask(who, PROGRESS, world.stores["east"], day)[0][0]


def target_of(
    world: World, who: str, metric: str, whose: str | None = None, day: date | None = None
) -> dict[str, Any] | None:
    member = str(world.users[whose]) if whose else None
    found = progress(world, who, day)["targets"]
    return next((t for t in found if (t["metric"], t["member_id"]) == (metric, member)), None)


def given(
    world: World,
    metric: str,
    value: int | None,
    whose: str | None = None,
    month: date | None = None,
) -> tuple[Any, ...]:
    member = world.users[whose] if whose else None
    return world.stores["east"], metric, value, month, member


def set_target(world: World, *what: Any, by: str = "he", **more: Any) -> None:
    world.ask(by, SET, *given(world, *what, **more))


def past_target(world: World, metric: str, value: int, whose: str | None, month: date) -> None:
    """As it was set in its month."""
    member = world.users[whose] if whose else None
    world.db.execute(
        "insert into crm.targets (store_id, id, metric, member_id, month, value, author_id)"
        " values (%s, %s, %s, %s, %s, %s, %s)",
        (world.stores["east"], new_id(), metric, member, month, value, world.users["he"]),
    )


def talk_at(world: World, who: str, customer: str, at: datetime) -> None:
    log = world.log_conversation(who, customer)
    assert log["status"] == "applied", log
    world.db.execute(
        "update crm.conversations set occurred_at = %s where id = ("
        "select id from crm.conversations where customer_id = %s order by created_at desc, id desc"
        " limit 1)",
        (at, customer),
    )


# Setting ------------------------------------------------------------------------------------------


def test_a_target_is_set_replaced_and_removed(world: World, called: str):  # noqa: F811
    for value in (30, 12):
        set_target(world, "contacts", value, "lin")
        found = target_of(world, "he", "contacts", "lin")
        assert found and (found["target"], found["value"]) == (value, 1)
    assert target_of(world, "he", "contacts") is None  # the store's is another one
    set_target(world, "contacts", 100)
    set_target(world, "contacts", None, "lin")
    assert target_of(world, "he", "contacts", "lin") is None
    store = target_of(world, "he", "contacts")
    assert store and (store["target"], store["value"]) == (100, 1)
    acts = world.db.execute(
        "select kind, actor_id, subject_id, detail ->> 'metric' from crm.audit_events"
        " where kind like 'target%' order by id"
    ).fetchall()
    he, lin = world.users["he"], world.users["lin"]
    assert acts == [
        ("target_set", he, lin, "contacts"),
        ("target_set", he, lin, "contacts"),
        ("target_set", he, None, "contacts"),
        ("target_removed", he, lin, "contacts"),
    ]


def test_what_changes_nothing_leaves_no_act(world: World):
    set_target(world, "contacts", 30)
    set_target(world, "contacts", 30, by="gao")
    set_target(world, "visits", None)
    assert world.count("audit_events", "kind like 'target%%'") == 1
    assert world.row("select author_id from crm.targets") == world.users["he"]


@pytest.mark.parametrize("who", ["lin", "zhou", "wu", "xu", "qin", "ma", "yan", "stranger"])
def test_only_who_leads_the_meeting_sets(world: World, who: str):
    assert world.refused(who, SET, *given(world, "contacts", 30)) == "PT403 forbidden"
    assert world.row("select count(*) from crm.targets") == 0
    if world.users[who] in (world.users["lin"], world.users["xu"]):
        assert not progress(world, who)["may_set"]


def test_what_is_no_target_is_refused(world: World):
    first = today(world).replace(day=1)
    cases: list[tuple[tuple[Any, ...], str]] = [
        (given(world, "no_such_metric", 1), "PT404 not_found"),
        (given(world, "follow_ups_due", 1), "PT404 not_found"),  # neither way is better
        (given(world, "contacts", 0), "PT422 range"),
        (given(world, "contacts", -3), "PT422 range"),
        (given(world, "contacts", 10**13 + 1), "PT422 range"),
        (given(world, "conversion", 101), "PT422 range"),
        (given(world, "contacts", 1, month=first + timedelta(days=1)), "PT422 range"),
        (given(world, "contacts", 1, month=last_month(world)[0]), "PT422 range"),
        (given(world, "contacts", None, month=last_month(world)[0]), "PT422 range"),
        (given(world, "contacts", 1, month=date(first.year + 2, 1, 1)), "PT422 range"),
        (given(world, "contacts", 1, "ma"), "PT422 option"),  # of another store
        (given(world, "contacts", 1, "stranger"), "PT422 option"),
    ]
    for arguments, refusal in cases:
        assert world.refused("he", SET, *arguments) == refusal, arguments
    world.db.execute("update crm.members set active = false where name = 'chen'")
    assert world.refused("he", SET, *given(world, "contacts", 1, "chen")) == "PT422 option"
    next_month = (first + timedelta(days=31)).replace(day=1)
    set_target(world, "contacts", 30, month=next_month)
    assert world.row("select month from crm.targets") == next_month
    assert target_of(world, "he", "contacts") is None  # this month's


# What is reached ----------------------------------------------------------------------------------


def test_a_month_is_the_sum_of_its_days(world: World):
    """Every metric of days; what is said of the end of a day is that of the last one."""
    first, last = last_month(world)
    dice = random.Random(4)
    customers = {who: world.customer(who, phone=f"1390000{n:04d}") for n, who in enumerate(TWO)}
    for who, customer in customers.items():
        for _n in range(6):
            day = dice.choice([first - timedelta(days=1), first, last, last + timedelta(days=1)])
            hour = dice.choice([time(0), time(12), time(23, 59, 59)])
            talk_at(world, who, customer, datetime.combine(day, hour, HERE))
    close_deal(world, "lin", customers["lin"], 12_345_600, first)
    close_deal(world, "lin", customers["lin"], 100, last + timedelta(days=1))
    world.db.execute(
        "update crm.customers set created_at = %s", (datetime.combine(last, time(1), HERE),)
    )
    keys = [m["key"] for m in progress(world, "he")["metrics"] if m["on_sheet"]]
    assert {"contacts", "amount_won", "conversion", "prospects"} <= {*keys}
    for key in keys:
        past_target(world, key, 50, None, first)
        past_target(world, key, 50, "lin", first)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    sheets = [sheet(world, "he", world.stores["east"], day) for day in days]
    for key in keys:
        grain = world.row("select grain from crm.metrics where key = %s", key)
        for whose in (None, "lin"):
            counted = sheets if grain == "day" else sheets[-1:]
            numbers = [
                n
                for s in counted
                for n in s["numbers"]
                if n["metric"] == key and whose in (None, named(world, n["member_id"]))
            ]
            found = target_of(world, "he", key, whose, last)
            assert found is not None
            assert found["value"] == sum(n["value"] for n in numbers), (key, whose)
            assert (found["out_of"] or 0) == sum(n["out_of"] or 0 for n in numbers), (key, whose)
    won = target_of(world, "he", "amount_won", "lin", last)
    assert won and won["value"] == 12_345_600
    assert target_of(world, "he", "contacts", None, first - timedelta(days=1)) is None


TWO = ("lin", "chen")


def named(world: World, member_id: str) -> str | None:
    return next((name for name, user in world.users.items() if str(user) == member_id), None)


def close_deal(world: World, who: str, customer: str, amount_fen: int, day: date) -> None:
    deal = new_id()
    values = {"title": "朗逸", "amount_fen": amount_fen}
    payload = {"id": deal, "customer_id": customer, "pipeline": "new_car", "set": values}
    world.done(who, "save_deal", payload)
    world.done(who, "move_deal", {"id": deal, "stage": "delivered"})
    at = datetime.combine(day, time(12), HERE)
    world.db.execute("update crm.deals set closed_at = %s where id = %s", (at, deal))


def test_the_rows_of_a_month_are_what_it_counts(world: World):
    first, last = last_month(world)
    customer = world.customer("lin")
    for day in (first - timedelta(days=1), first, last, last + timedelta(days=1)):
        talk_at(world, "lin", customer, datetime.combine(day, time(12), HERE))
    east, lin = world.stores["east"], world.users["lin"]
    found = world.ask("he", ROWS, east, "contacts", last, lin, first)[0][0]
    assert found["total"] == len(found["rows"]) == 2
    for since in (last + timedelta(days=1), last - timedelta(days=31)):
        refused = world.refused("he", ROWS, east, "contacts", last, lin, since)
        assert refused == "PT422 invalid"


# What is expected ---------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["capture", "completeness", "conversion"])
def test_a_share_is_expected_whole_all_month(world: World, metric: str):
    first, _last = last_month(world)
    past_target(world, metric, 80, None, first)
    found = target_of(world, "he", metric, None, first)
    assert found is not None and found["expected"] == 80


def test_a_target_is_broken_down_by_working_days(world: World):
    """As Python counts the days, with calendars drawn at random."""
    first, last = last_month(world)
    month = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    dice = random.Random(31)
    past_target(world, "contacts", 30, "lin", first)
    past_target(world, "amount_won", 99_999_99, None, first)
    past_target(world, "conversion", 40, None, first)
    past_target(world, "prospects", 25, None, first)
    for n in range(8):
        off = dice.sample(month, 6)
        calendar = {
            "weekdays": sorted(dice.sample(range(1, 8), dice.choice([1, 5, 6, 7]))),
            "closed_days": {d.isoformat(): {"zh_CN": "休"} for d in off[:4]},
            "makeup_days": {d.isoformat(): {"zh_CN": "班"} for d in off[4:]},
        }
        if n:
            publish(world, calendar)
        else:  # a store without a calendar works every day
            calendar = {}
        days = [d for d in month if is_working_day(StoreCalendar.model_validate(calendar), d)]
        for day in (first, dice.choice(month), last):
            found = progress(world, "he", day)
            passed = sum(d <= day for d in days)
            assert (found["working_days"], found["working_days_passed"]) == (len(days), passed)
            expected = {t["metric"]: t["expected"] for t in found["targets"]}
            assert expected["contacts"] == int(30 * passed / len(days) + 0.5)
            assert expected["amount_won"] == int(99_999_99 * passed / len(days) + 0.5)
            assert (expected["conversion"], expected["prospects"]) == (40, 25)


def test_a_month_without_a_working_day_expects_nothing(world: World):
    first, last = last_month(world)
    past_target(world, "contacts", 30, None, first)
    closed = [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]
    publish(world, {"closed_days": {d: {"zh_CN": "停业"} for d in closed}})
    found = progress(world, "he", last)
    assert (found["working_days"], found["targets"][0]["expected"]) == (0, 0)


def test_a_day_to_come_has_no_progress(world: World):
    tomorrow = today(world) + timedelta(days=1)
    assert world.refused("he", PROGRESS, world.stores["east"], tomorrow) == "PT422 invalid"


# Who sees what ------------------------------------------------------------------------------------


def test_an_advisor_sees_their_own_and_the_stores_target(world: World, called: str):  # noqa: F811
    for whose, value in (("lin", 30), ("chen", 31), (None, 77)):
        set_target(world, "contacts", value, whose)
    found = progress(world, "lin")
    assert [(t["member_id"], t["target"], t["value"]) for t in found["targets"]] == [
        (str(world.users["lin"]), 30, 1),
        (None, 77, None),  # what the store reached is the sum of everybody's
    ]
    assert [m["name"] for m in found["members"]] == ["lin"]
    assert not found["may_set"] and progress(world, "he")["may_set"]
    assert len(progress(world, "he")["targets"]) == 3


@pytest.mark.parametrize("who", ["qin", "ma", "yan", "stranger"])
def test_another_store_is_refused(world: World, who: str):
    set_target(world, "contacts", 30)
    assert world.refused(who, PROGRESS, world.stores["east"], None) == "PT403 forbidden"


@pytest.mark.parametrize("access", ["hidden", "masked"])
def test_a_hidden_amount_has_no_target(world: World, called: str, access: str):  # noqa: F811
    for whose in (None, "lin"):
        set_target(world, "amount_won", 98_765_432, whose)
        set_target(world, "deals_won", 3, whose)
    for role, who in (("advisor", "lin"), ("manager", "he")):
        assert target_of(world, who, "amount_won", "lin") is not None
        hide(world, role, "deal", "amount_fen", access)
        found = progress(world, who)
        assert {t["metric"] for t in found["targets"]} == {"deals_won"}
        assert "amount_won" not in {m["key"] for m in found["metrics"]}
        told = json.dumps(found)
        assert "98765432" not in told and "12345600" not in told
    refused = world.refused("he", SET, *given(world, "amount_won", 5))
    assert refused == world.refused("he", SET, *given(world, "no_such_metric", 5))
    log = json.dumps(world.ask("liang", AUDIT, world.stores["east"], Jsonb(ACTS))[0][0])
    assert "target_set" in log and "98765432" not in log


AUDIT = "select api.audit_log(%s, %s)"
ACTS = {"what": "audit_events", "kind": "target_set"}


def test_who_left_keeps_the_targets_of_their_months(world: World):
    first, last = last_month(world)
    past_target(world, "contacts", 30, "chen", first)
    world.db.execute("update crm.members set active = false where name = 'chen'")
    found = progress(world, "he", last)
    assert "chen" in {m["name"] for m in found["members"]}
    set_target(world, "contacts", None, "chen")  # nothing to remove, and no problem
