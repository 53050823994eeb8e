"""The store's calendar: what the rules plan falls on working days, as the apps work it out, and
nobody is forgotten over the holidays (S-03, S-20, S-53, S-63, S-97)."""

import json
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from psycopg.types.json import Jsonb
from pydantic import ValidationError

from shared.domain.config import StoreCalendar
from shared.domain.working_days import (
    cadence_day_after,
    due_day,
    is_working_day,
    last_working_day,
    next_working_day,
    working_days_since,
)
from tests.database.test_duplicates import merge
from tests.database.test_rules import policy_of, run
from tests.support.people import World, new_id, preset

NAME = {"zh_CN": "春节"}
START = date(2026, 12, 28)
HERE = ZoneInfo("Asia/Shanghai")


def today(world: World) -> date:
    return world.row("select (now() at time zone 'Asia/Shanghai')::date")


def calendar_of(world: World, *closed: int, makeup: tuple[int, ...] = (), **parts: Any) -> dict:
    """A calendar that closes the days so many days from today."""
    named = {
        part: {(today(world) + timedelta(days=n)).isoformat(): NAME for n in days}
        for part, days in (("closed_days", closed), ("makeup_days", makeup))
    }
    return {**named, **parts}


def publish(world: World, calendar: dict, **document: Any) -> None:
    """The preset with this calendar, and parts of the document replaced."""
    version = world.row("select config_version from crm.stores where id = %s", world.stores["east"])
    world.ask(
        "liang",
        "select api.publish_config(%s, %s, %s, '')",
        world.stores["east"],
        Jsonb({**json.loads(preset()), "calendar": calendar, **document}),
        version,
    )


def close(world: World, *days: int, **parts: Any) -> None:
    publish(world, calendar_of(world, *days, **parts))


def plan(world: World, customer: str) -> int:
    """In how many days the customer's next contact is planned."""
    planned = world.row("select next_contact_on from crm.customers where id = %s", customer)
    return (planned - today(world)).days


def due(world: World, customer: str, kind: str | None = None) -> list[int]:
    """In how many days the customer's open tasks are due."""
    rows = world.db.execute(
        "select due_on from crm.tasks where customer_id = %s and status = 'open'"
        " and removed_at is null and kind = coalesce(%s, kind) order by due_on",
        (customer, kind),
    ).fetchall()
    return [(day - today(world)).days for (day,) in rows]


def night(world: World, days: int = 0) -> None:
    run(world, today(world) + timedelta(days=days))


# Both sides agree --------------------------------------------------------------------------------


def some_calendar(dice: random.Random) -> dict[str, Any]:
    """Weeks, festivals and long closures; some are closed for ever."""
    found: dict[str, Any] = {}
    if dice.random() < 0.7:
        found["weekdays"] = dice.sample(range(1, 8), dice.choice([0, 1, 2, 5, 6, 7]))
    first = dice.randrange(0, 40)
    length = dice.choice([0, 1, 3, 9, 59, 60, 61, 62, 130])
    days = [START + timedelta(days=first + n) for n in range(length)]
    found["closed_days"] = {day.isoformat(): NAME for day in days}
    worked = {START + timedelta(days=dice.randrange(0, 130)) for _ in range(dice.randrange(4))}
    found["makeup_days"] = {day.isoformat(): NAME for day in worked - set(days)}
    return found


def as_model(calendar: dict[str, Any]) -> StoreCalendar:
    """As the apps read it; no weekday at all is refused in a document."""
    if calendar.get("weekdays") != []:
        return StoreCalendar.model_validate(calendar)
    return StoreCalendar.model_construct(**{**calendar, "weekdays": ()})


@pytest.mark.parametrize("seed", range(3))
def test_both_find_the_same_days(db, seed):
    dice, cases = random.Random(seed), []
    for _ in range(1500):
        day = START + timedelta(days=dice.randrange(0, 130))
        first = None if dice.random() < 0.5 else day - timedelta(days=dice.randrange(0, 9))
        last = None if dice.random() < 0.4 else day + timedelta(days=dice.randrange(0, 70))
        cases.append((some_calendar(dice), day, first, last))
    asked = [[c, *(d and d.isoformat() for d in days)] for c, *days in cases]
    rows = db.execute(
        "select crm.is_working_day(c, d), crm.next_working_day(c, d), crm.last_working_day(c, d),"
        " crm.due_day(c, d, f, l) from (select x -> 0 as c, (x ->> 1)::date as d,"
        " (x ->> 2)::date as f, (x ->> 3)::date as l, n"
        " from jsonb_array_elements(%s) with ordinality as t (x, n)) q order by n",
        (Jsonb(asked),),
    ).fetchall()
    for (calendar, day, first, last), theirs in zip(cases, rows, strict=True):
        model = as_model(calendar)
        ours = (
            is_working_day(model, day),
            next_working_day(model, day),
            last_working_day(model, day),
            due_day(model, day, first, last),
        )
        assert ours == theirs, (calendar, day, first, last)
        moved = ours[3]
        assert moved == day or is_working_day(model, moved)
        assert last is None or moved <= last
    assert any(r[1] is None for r in rows)
    assert any(r[3] < c[1] for c, r in zip(cases, rows, strict=True))


def test_both_count_the_same_working_days(db):
    """By the closed days of a year, and one day after the other."""
    dice, cases = random.Random(7), []
    for _ in range(500):
        day = START + timedelta(days=dice.randrange(0, 130))
        since = day - timedelta(days=dice.choice([-3, 0, 1, 2, 9, 40, 366, 367, 368, 900]))
        cases.append((some_calendar(dice), since, day))
    rows = db.execute(
        "select crm.working_days_since(s, d, crm.closed_days_of_year(c, d)) from (select"
        " x -> 0 as c, (x ->> 1)::date as s, (x ->> 2)::date as d, n"
        " from jsonb_array_elements(%s) with ordinality as t (x, n)) q order by n",
        (Jsonb([[c, s.isoformat(), d.isoformat()] for c, s, d in cases]),),
    ).fetchall()
    for (calendar, since, day), (theirs,) in zip(cases, rows, strict=True):
        model = as_model(calendar)
        assert working_days_since(model, since, day) == theirs, (calendar, since, day)
        days = [day - timedelta(days=n) for n in range((day - since).days)]
        if 0 <= (day - since).days <= 366 and (
            next_working_day(model, day) is not None or last_working_day(model, day) is not None
        ):
            assert theirs == sum(is_working_day(model, d) for d in days)


BAD_DAYS = ["2026-02-30", "2026-2-3", "never", "1899-01-01", "2026-02-03\n", "", "２０２６-02-03"]


@pytest.mark.parametrize(
    "calendar",
    [
        {},
        {"weekdays": [1, 2, 3, 4, 5, 6]},
        {"weekdays": [7, 7]},
        {"closed_days": {"2027-02-06": NAME}, "makeup_days": {"2027-01-31": {}}},
        {"weekdays": []},
        {"weekdays": [0]},
        {"weekdays": [8]},
        {"weekdays": [1] * 8},
        {"weekdays": "all"},
        {"closed_days": ["2027-02-06"]},
        {"closed_days": {"2027-02-06": "春节"}},
        {"closed_days": {"2027-02-06": {"zh_CN": 1}}},
        {"closed_days": {"2027-02-06": NAME}, "makeup_days": {"2027-02-06": NAME}},
        {"holidays": {}},
        *({part: {day: NAME}} for day in BAD_DAYS for part in ("closed_days", "makeup_days")),
        {"closed_days": {(START + timedelta(days=n)).isoformat(): {} for n in range(401)}},
        {"closed_days": {(START + timedelta(days=n)).isoformat(): {} for n in range(400)}},
    ],
    ids=lambda c: str(c)[:60],
)
def test_both_refuse_the_same_calendars(db, calendar):
    document = {**json.loads(preset()), "calendar": calendar}
    errors = db.execute("select crm.config_errors(%s)", (Jsonb(document),)).fetchone()[0]
    try:
        StoreCalendar.model_validate(calendar)
    except ValidationError:
        assert errors[0]["kind"] == "invalid_config"
        assert errors[0]["subject"].startswith("calendar.")
    else:
        assert errors == []


def test_a_store_without_a_calendar_works_every_day(world):
    assert world.row("select crm.store_calendar(%s)", world.stores["east"]) is None
    assert plan(world, world.customer(level="near")) == 7


# What the rules plan -----------------------------------------------------------------------------


def test_a_plan_by_cadence_is_a_working_day(world):
    close(world, 7, 8, 9)
    assert plan(world, world.customer(level="near")) == 10


def test_a_makeup_day_is_worked(world):
    weekday = (today(world) + timedelta(days=7)).isoweekday()
    others = [d for d in range(1, 8) if d != weekday]
    publish(world, calendar_of(world, weekdays=others))
    assert plan(world, world.customer(level="near")) == 8
    publish(world, calendar_of(world, makeup=(7,), weekdays=others))
    assert plan(world, world.customer(level="near", phone="13900000001")) == 7


@pytest.mark.parametrize(("level", "days"), [("near", 7), ("intent", 30), ("potential", 90)])
def test_the_phone_plans_the_same_day(world, level, days):
    calendar = calendar_of(world, *range(days - 1, days + 3))
    publish(world, calendar)
    ours = cadence_day_after(StoreCalendar.model_validate(calendar), days, today(world))
    assert (ours - today(world)).days == plan(world, world.customer(level=level))


def test_a_plan_stays_within_what_the_level_allows(world):
    """Thirty days, as far as a day may be named without a contact: then the last day before."""
    close(world, *range(28, 40))
    customer = world.customer(level="intent")
    assert plan(world, customer) == 27


def test_a_plan_made_before_the_calendar_moves_when_its_day_comes(world):
    customer = world.customer(level="near")
    close(world, 7, 8)
    night(world, 7)
    assert due(world, customer) == [9]
    night(world, 8)
    night(world, 9)
    assert due(world, customer) == [9]


def test_a_day_that_a_person_named_is_kept(world):
    named = (today(world) + timedelta(days=5)).isoformat()
    new = world.customer(next_contact_on=named)
    old = world.customer(phone="13900000001")
    close(world, 5, 6)
    world.done(
        "lin",
        "save_customer",
        {"id": old, "set": {"next_contact_on": named}},
        base_version=world.row("select version from crm.customers where id = %s", old),
    )
    night(world, 5)
    assert due(world, new) == due(world, old) == [5]


def test_a_day_that_a_person_named_is_kept_by_a_merge(world):
    one = world.customer()
    other = world.customer("chen", next_contact_on=str(today(world) + timedelta(days=5)))
    merge(world, one, other, ["next_contact_on"])
    close(world, 5, 6)
    night(world, 5)
    assert due(world, one) == [5]


def test_a_day_agreed_in_a_conversation_is_kept(world):
    close(world, 5, 6)
    customer = world.customer()
    named = (today(world) + timedelta(days=5)).isoformat()
    world.log_conversation("lin", customer, next_contact_on=named)
    assert due(world, customer) == [5]


def test_a_day_nobody_named_in_a_conversation_is_a_working_day(world):
    close(world, 7, 8)
    customer = world.customer()
    world.log_conversation("lin", customer)
    assert due(world, customer) == [9]
    assert plan(world, customer) == 9


@pytest.mark.parametrize("ending", ["excused", "unreachable"])
def test_the_plan_after_the_last_try_is_a_working_day(world, ending):
    customer = world.customer()
    world.db.execute(
        "update crm.customers set next_contact_on = %s where id = %s", (today(world), customer)
    )
    task = world.task(customer)
    close(world, 7, 8)
    if ending == "excused":
        request = new_id()
        world.done(
            "lin", "request_cancellation", {"id": request, "task_id": task, "reason": "unreachable"}
        )
        world.done("he", "decide_approval", {"id": request, "decision": "approve"})
    else:
        world.db.execute("update crm.tasks set attempts = 9 where id = %s", (task,))
        world.log_conversation("lin", customer, "no_answer", notes=None, task_id=task)
    assert plan(world, customer) == 9


def test_a_window_moves_to_the_next_working_day(world):
    customer = world.customer(next_contact_on=str(today(world) + timedelta(days=29)))
    policy_of(world, customer, today(world) + timedelta(days=32))
    close(world, 2, 3)
    night(world, 1)
    first = due(world, customer, "policy_window")
    world.db.execute(
        "update crm.tasks set status = 'excused', closed_at = now() where customer_id = %s",
        (customer,),
    )
    night(world, 2)
    assert first == [-28]  # the window of 60 days, which was missed
    assert due(world, customer, "policy_window") == [4]


def windows(world: World, *days: int) -> list[dict]:
    rules = json.loads(preset())["rules"]
    return [{**r, "days": days} if r["kind"] == "policy_window" else r for r in rules]


def test_a_window_that_would_move_past_the_expiry_is_called_before(world):
    """The policy ends while the store is closed."""
    customer = world.customer(next_contact_on=str(today(world) + timedelta(days=29)))
    policy_of(world, customer, today(world) + timedelta(days=10))
    publish(world, calendar_of(world, *range(4, 15)), rules=windows(world, 3))
    night(world, 2)
    assert due(world, customer, "policy_window") == []
    night(world, 3)
    assert due(world, customer, "policy_window") == [3]
    night(world, 7)
    assert due(world, customer, "policy_window") == [3]


def test_a_night_that_was_missed_still_finds_that_window(world):
    customer = world.customer(next_contact_on=str(today(world) + timedelta(days=29)))
    policy_of(world, customer, today(world) + timedelta(days=10))
    publish(world, calendar_of(world, *range(4, 15)), rules=windows(world, 3))
    night(world, 5)
    assert due(world, customer, "policy_window") == [3]


def care(form: str, field: str, before: int) -> list[dict]:
    date_of = {"form": form, "field": field, "every_months": 12}
    rule = {"key": "care", "label": NAME, "kind": "care", "days": [before], "date": date_of}
    return [*(r for r in json.loads(preset())["rules"] if r["kind"] != "care"), rule]


def test_a_care_call_moves_to_the_next_working_day(world):
    customer = world.customer(next_contact_on=str(today(world) + timedelta(days=29)))
    starts = today(world) + timedelta(days=5)
    policy = policy_of(world, customer, today(world) + timedelta(days=900))
    world.db.execute(
        "update crm.policies set starts_on = %s where id = %s",
        (starts.replace(year=starts.year - 1), policy),
    )
    publish(world, calendar_of(world, 3, 4), rules=care("policy", "starts_on", 2))
    night(world, 2)
    assert due(world, customer, "care") == []
    night(world, 3)
    assert due(world, customer, "care") == [5]


def test_a_care_call_comes_before_the_policy_ends(world):
    customer = world.customer(next_contact_on=str(today(world) + timedelta(days=29)))
    starts = today(world) + timedelta(days=5)
    policy = policy_of(world, customer, today(world) + timedelta(days=6))
    world.db.execute(
        "update crm.policies set starts_on = %s where id = %s",
        (starts.replace(year=starts.year - 1), policy),
    )
    publish(world, calendar_of(world, *range(3, 50)), rules=care("policy", "starts_on", 2))
    night(world, 2)
    assert due(world, customer, "care") == [2]


# What people do ----------------------------------------------------------------------------------


def test_a_retry_is_on_a_working_day(world):
    close(world, 1, 2)
    customer = world.customer()
    document = json.loads(preset())
    assert next(o for o in document["outcomes"] if o["key"] == "no_answer")["retry_hours"] <= 24
    for outcome in document["outcomes"]:
        if outcome["key"] == "no_answer":
            outcome["retry_hours"] = 30
    publish(world, calendar_of(world, 1, 2), outcomes=document["outcomes"])
    world.log_conversation("lin", customer, "no_answer", notes=None, task_id=world.task(customer))
    assert due(world, customer, "retry") == [3]


def test_a_retry_is_made_before_the_policy_ends(world):
    """At once, where every day until then is closed."""
    day = datetime(2026, 12, 1, 10, tzinfo=HERE)
    closed = {(day.date() + timedelta(days=n)).isoformat(): {} for n in range(1, 9)}
    found = world.row(
        "select crm.earliest_retry(%s, 24, 'Asia/Shanghai', %s, %s)",
        day,
        Jsonb({"closed_days": closed}),
        day.date() + timedelta(days=5),
    )
    assert found == day


def test_what_is_due_today_is_due_on_the_next_working_day(world):
    """Who receives a customer or a task on a closed day finds it on the next working day."""
    close(world, 0, 1)
    lead = world.customer("he", pool="open", level="near")
    world.done("lin", "claim_customer", {"customer_id": lead})
    assert due(world, lead) == [2]
    assert plan(world, lead) == 2
    visitor = new_id()
    world.done(
        "lin",
        "record_visit",
        {
            "id": new_id(),
            "customer_id": visitor,
            "set": {"name": "客", "phone": "13900000009", "source": "walk_in", "level": "near"},
        },
    )
    assert due(world, visitor) == [2]
    refused = world.customer(phone="13900000008")
    task, request = world.task(refused), new_id()
    world.done(
        "lin", "request_cancellation", {"id": request, "task_id": task, "reason": "unreachable"}
    )
    world.done(
        "he", "decide_approval", {"id": request, "decision": "reject", "remark": "please call"}
    )
    assert due(world, refused) == [2]


def test_a_claim_is_not_given_back_while_the_store_is_closed(world):
    close(world, 1, 2, 3)
    lead = world.customer("he", pool="open", level="near")
    world.done("lin", "claim_customer", {"customer_id": lead})
    until = world.row("select contact_due_at from crm.transfers where customer_id = %s", lead)
    assert (until.astimezone(HERE).date() - today(world)).days == 4


def test_a_person_may_put_a_task_off_to_a_closed_day(world):
    close(world, 3)
    customer = world.customer()
    task = world.task(customer)
    world.done(
        "lin",
        "snooze_task",
        {"task_id": task, "until": (today(world) + timedelta(days=3)).isoformat()},
    )
    assert due(world, customer) == [3]


# Escalation --------------------------------------------------------------------------------------


def minutes(db, start: str, end: str, closed: list[str], quiet: bool = True) -> int:
    times = ("20:00", "09:00") if quiet else (None, None)
    return db.execute(
        "select crm.working_minutes(%s::timestamp, %s::timestamp, %s, %s, %s::date[])",
        (start, end, *times, closed),
    ).fetchone()[0]


@pytest.mark.parametrize(
    ("start", "end", "closed", "expected"),
    [
        ("2026-12-01 19:00", "2026-12-02 10:00", [], 120),
        ("2026-12-01 19:00", "2026-12-02 10:00", ["2026-12-02"], 60),
        ("2026-12-01 19:00", "2026-12-03 10:00", ["2026-12-02"], 120),
        ("2026-12-01 10:00", "2026-12-01 12:00", ["2026-12-01"], 0),
        ("2026-12-01 10:00", "2026-12-03 10:00", ["2026-12-01", "2026-12-02"], 60),
        ("2026-12-02 10:00", "2026-12-02 11:00", ["2026-12-01", "2026-12-03"], 60),
    ],
)
def test_minutes_stand_still_on_a_closed_day(db, start, end, closed, expected):
    assert minutes(db, start, end, closed) == expected


def test_minutes_are_counted_one_by_one(db):
    """The same as a clock that looks at every minute."""
    dice = random.Random(5)
    for _ in range(40):
        start = datetime(2026, 12, 1, tzinfo=UTC) + timedelta(minutes=dice.randrange(4000))
        end = start + timedelta(minutes=dice.randrange(6000))
        closed = {date(2026, 12, dice.randrange(1, 9)) for _ in range(dice.randrange(4))}
        quiet = dice.random() < 0.7
        expected, at = 0, start
        while at < end:
            expected += at.date() not in closed and (not quiet or 9 <= at.hour < 20)
            at += timedelta(minutes=1)
        found = minutes(
            db, f"{start:%F %T}", f"{end:%F %T}", [d.isoformat() for d in sorted(closed)], quiet
        )
        assert found == expected, (start, end, closed, quiet)


def test_nobody_is_reminded_on_a_closed_day(world):
    rules = json.loads(preset())["rules"]
    for rule in rules:
        if rule["key"] == "first_response":
            rule["active"] = True
            del rule["quiet_from"], rule["quiet_to"]
    lead = world.customer("he", owner_id=str(world.users["lin"]))
    midnight = datetime.combine(today(world), datetime.min.time(), HERE)
    world.db.execute(
        "update crm.customers set created_at = %s where id = %s",
        (midnight + timedelta(hours=10), lead),
    )
    publish(world, calendar_of(world, 0), rules=rules)
    first_response = "select crm.run_first_response_rules(%s, %s)"
    world.row(first_response, world.stores["east"], midnight + timedelta(hours=12))
    assert due(world, lead, "escalation") == []
    world.row(first_response, world.stores["east"], midnight + timedelta(days=1, minutes=40))
    assert due(world, lead, "escalation") == [1]


def test_nobody_is_escalated_on_a_closed_day(world):
    """Days of silence: the step waits for the next working day."""
    rules = json.loads(preset())["rules"]
    for rule in rules:
        rule["active"] = rule["kind"] == "no_contact"
    customer = world.customer()
    world.db.execute(
        "update crm.customers set created_at = created_at - interval '15 days' where id = %s",
        (customer,),
    )
    publish(world, calendar_of(world, 0), rules=rules)
    night(world)
    assert due(world, customer, "escalation") == []
    night(world, 1)
    assert due(world, customer, "escalation") != []


def silent_after(days: int) -> list[dict]:
    """Only one rule: after so many days without a contact the owner is reminded."""
    rule = {"key": "silent", "label": NAME, "kind": "no_contact"}
    return [{**rule, "steps": [{"after": days, "action": "remind"}]}]


def test_days_without_a_contact_are_working_days(world):
    """Two days of silence: the festival in between is none of them."""
    customer = world.customer(level="intent")
    publish(world, calendar_of(world, 1, 2, 3), rules=silent_after(2))
    night(world, 4)
    assert due(world, customer, "escalation") == []
    night(world, 5)
    assert due(world, customer, "escalation") == [5]


def test_without_a_calendar_every_day_of_silence_counts(world):
    customer = world.customer(level="intent")
    publish(world, {}, rules=silent_after(2))
    night(world, 1)
    assert due(world, customer, "escalation") == []
    night(world, 2)
    assert due(world, customer, "escalation") == [2]


def points_of(world: World) -> dict[str, int]:
    answer = world.ask("lin", "select api.today(%s)", world.stores["east"])[0][0]
    return {task["customer_id"]: task["points"] for task in answer["tasks"]}


def test_a_task_is_overdue_by_working_days(world):
    """Before and after the festival: it is late by the days somebody could have called."""
    old, new = world.customer(), world.customer(phone="13900000001")
    world.task(old, due="-9 days")
    world.task(new, due="-1 day")
    assert points_of(world) == {old: 90, new: 10}
    close(world, -1, -2, -3, -4, -5, -6)
    assert points_of(world) == {old: 30, new: 10}
    close(world, 0, -1, -2, -3, -4, -5, -6)
    assert points_of(world) == {old: 20, new: 0}


# The edges ---------------------------------------------------------------------------------------


def test_a_store_that_is_closed_for_ever_forgets_nobody(world):
    """The search ends, and every day is as before."""
    customer = world.customer(level="near")
    close(world, *range(-70, 200))
    other = world.customer(level="near", phone="13900000001")
    assert plan(world, other) == 7
    night(world, 7)
    assert due(world, customer) == due(world, other) == [7]


def test_tomorrows_tasks_are_counted_as_they_will_be_made(world):
    customer = world.customer(next_contact_on=str(today(world) + timedelta(days=2)))
    world.db.execute(
        "update crm.customers set next_contact_on = %s where id = %s",
        (today(world) + timedelta(days=1), customer),
    )
    count = "select count(*) from crm.next_day_tasks_on(%s, %s, %s)"
    asked = (world.stores["east"], today(world), today(world))
    assert world.row(count, *asked) == 1
    close(world, 1)
    assert world.row(count, *asked) == 0
