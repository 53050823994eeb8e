"""Reports: every number of a day, week or month, and of the period before, is what an independent
count says, whatever happened since; and who is shown which of them (S-28, S-29, S-112).

The count is in Python, from the tables as they are. What the meeting sheet counts too is added up
from the days as tests/database/test_meeting_sheet.py counts them.
"""

import json
import os
import random
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from statistics import median_low
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.database.test_meeting_sheet import (
    NOBODY,
    ZONE,
    Days,
    Tables,
    called,  # noqa: F401 - a fixture
    count,
    dealers,  # noqa: F401 - a fixture
    hide,
    local,
)
from tests.database.test_tasks_never_vanish import ADVISORS, Act, given_up
from tests.support.people import World, new_id

REPORT = "select api.report(%s, %s, %s)"
TREND = "select api.metric_trend(%s, %s, %s, %s, %s)"
SET = "select api.set_target(%s, %s, %s, %s, %s)"
ROWS = "select api.metric_rows(%s, %s, %s, %s, %s, %s)"
KINDS = ("day", "week", "month")
DAILY = {  # what a period of is the sum of its days
    "visits",
    "new_customers",
    "contacts",
    "follow_ups_done",
    "upgrades",
    "deals_won",
    "amount_won",
}
SHEET = DAILY | {  # what the meeting sheet shows; its own test judges the rest of it
    "follow_ups_due",
    "prospects",
    "potential",
    "conversion",
    "next_day_tasks",
}
VALID = re.compile(r"(\+?86)?1[3-9]\d{9}|0\d{8,11}|\+(?!86)[1-9]\d{6,13}")
Facts = dict[str, list[tuple[str, str, float]]]  # metric → member, dimension, amount


def report(
    world: World, who: str, kind: str = "day", day: date | None = None, store: str = "east"
) -> dict[str, Any]:
    return world.ask(who, REPORT, world.stores[store], kind, day)[0][0]


def today(world: World) -> date:
    return world.row("select (now() at time zone 'Asia/Shanghai')::date")


def period(kind: str, day: date, now: date) -> tuple[date, date, date, date]:
    """First and last day, and those of what it is compared with."""
    first = {"day": day, "week": day - timedelta(day.weekday()), "month": day.replace(day=1)}[kind]
    before = {
        "day": first - timedelta(1),
        "week": first - timedelta(7),
        "month": (first - timedelta(1)).replace(day=1),
    }[kind]
    end = {
        "day": first,
        "week": first + timedelta(6),
        "month": (first + timedelta(31)).replace(day=1) - timedelta(1),
    }[kind]
    if end <= now:
        return first, end, before, first - timedelta(1)
    return first, now, before, min(before + (now - first), first - timedelta(1))


# An independent count ----------------------------------------------------------------------------


class Ledger(Tables):
    """The same tables with history and the fields of the customer form."""

    def __init__(self, world: World, store: Any) -> None:
        super().__init__(world, store)
        with world.db.cursor(row_factory=dict_row) as cursor:
            self.events = cursor.execute(
                "select * from crm.events where store_id = %s and form = 'customer' order by id",
                (store,),
            ).fetchall()
            self.fields = cursor.execute(
                "select key, type, logic from crm.fields where store_id = %s and form = 'customer'"
                " and not retired",
                (store,),
            ).fetchall()
        self.by_hand, self.first_values = set[UUID](), defaultdict[UUID, dict[str, Any]](dict)
        for e in self.events:
            if e["kind"] == "created" and e["subject_id"] == e["customer_id"]:
                if e["origin"] is None:
                    self.by_hand.add(e["subject_id"])
            elif e["field"] in ("name", "phone", "source"):
                self.first_values[e["subject_id"]].setdefault(e["field"], e["old"])

    def is_correct(self, customer: dict[str, Any]) -> bool:
        phone = customer["phone"]
        return (phone is None or bool(VALID.fullmatch(phone))) and not any(
            first and first != customer[key]
            for key, first in self.first_values[customer["id"]].items()
        )

    def filled(self, customer: dict[str, Any]) -> int:
        """Per cent; the shipped document shows every field always."""
        values = {**{k: str(v) if v else v for k, v in customer.items()}, **customer["custom"]}
        assert not any("show" in f["logic"] for f in self.fields)
        keys = [
            f["key"]
            for f in self.fields
            if f["type"] not in ("bool", "formula", "file")
            and f["key"] not in ("level", "next_contact_on")
        ]
        filled = sum(values.get(k) not in (None, "", []) for k in keys)
        return int(100 * filled / len(keys) + 0.5)

    def is_without_plan(self, customer: dict[str, Any], since: datetime) -> bool:
        silent = customer["do_not_call"] or customer["consent_withdrawn_at"]
        waits = any(
            t["customer_id"] == customer["id"] and t["status"] in ("open", "cancel_requested")
            for t in self.tasks
        )
        bought = any(
            d["customer_id"] == customer["id"]
            and self.types[d["pipeline"], d["stage"]] == "won"
            and d["closed_at"] >= since
            for d in self.deals
        )
        planned = customer["next_contact_on"]
        return bool(customer["owner_id"]) and not (silent or planned or waits or bought)


def facts(t: Ledger, first: date, last: date, now: date) -> Facts:
    """The rows of every metric that only reports show."""
    found: Facts = defaultdict(list)

    def add(metric: str, member: UUID | None, amount: float = 1, dimension: str = "") -> None:
        found[metric].append((str(member or NOBODY), dimension, amount))

    def within(at: datetime | date | None) -> bool:
        day = local(at) if isinstance(at, datetime) else at
        return day is not None and first <= day <= last

    for c in t.customers.values():
        if not within(c["created_at"]):
            continue
        add("sources", c["owner_id"], dimension=c["source"])
        if c["id"] in t.by_hand:
            writer = c["created_by"] or c["owner_id"]
            add("completeness", writer, t.filled(c))
            add("correctness", writer, t.is_correct(c))
    for v in t.visits:
        if within(v["arrived_at"]):
            customer, whose = t.customers[v["customer_id"]], v["owner_id"] or v["received_by"]
            seconds = (v["recorded_at"] - v["arrived_at"]).total_seconds()
            add("record_time", v["received_by"], int(seconds + 0.5))
            add("capture", whose, not v["anonymous"] or customer["phone"] is not None)
            if t.is_without_plan(customer, v["arrived_at"]):
                add("visits_without_plan", whose)
    for v in t.conversations.values():
        if within(v["occurred_at"]):
            if local(v["created_at"]) > local(v["occurred_at"]):
                add("late_entries", v["author_id"])
            if v["method"] == "call":
                hour = v["occurred_at"].astimezone(ZONE).strftime("%H")
                add("calls", v["author_id"], dimension=hour)
                add("calls_reached", v["author_id"], v["reached"])
    for task in t.tasks:
        if task["status"] == "excused" and within(task["closed_at"]):
            add("excused", task["assignee_id"])
        if task["status"] == "suspended" or not within(task["due_on"]) or task["due_on"] >= now:
            continue
        by = t.conversations.get(task["conversation_id"])
        cleared = by["occurred_at"] if by else task["closed_at"]
        if local(task["opened_at"]) <= task["due_on"] and (
            cleared is None or local(cleared) > task["due_on"]
        ):
            add("missed", task["assignee_id"])
    for d in t.deals:
        kind = t.types[d["pipeline"], d["stage"]]
        if kind != "open" and within(d["closed_at"]):
            source = t.customers[d["customer_id"]]["source"]
            add("win_rate", d["owner_id"], kind == "won", source)
            if kind == "lost":
                add("deals_lost", d["owner_id"], dimension=d["lost_reason"] or "")
    return found


def number(unit: str, amounts: list[float]) -> tuple[float, int | None]:
    if unit == "count":
        return len(amounts), None
    value = median_low(amounts) if unit == "seconds" and amounts else sum(amounts)
    return value, (len(amounts) or None) if unit != "money" else None


def expected(t: Ledger, units: dict[str, str], first: date, last: date, now: date) -> dict:
    """(metric, member or None, dimension or None) → value and out of, where there is any."""
    rows = facts(t, first, last, now)
    found = {}
    for metric, all_of_it in rows.items():
        unit = units[metric]
        keys = [(None, None), *((m, None) for m, _d, _a in all_of_it)]
        keys += [(None, d) for _m, d, _a in all_of_it if d]
        for member, dimension in {*keys}:
            amounts = [a for m, d, a in all_of_it if member in (None, m) and dimension in (None, d)]
            found[metric, member, dimension] = number(unit, amounts)
    days = [first + timedelta(n) for n in range((last - first).days + 1)]
    for day in days:
        for (metric, member, _level), (value, _of) in count(t, day, now, {}).items():
            if metric in DAILY:
                for whose in (member, None):
                    key = (metric, whose, None)
                    found[key] = (found.get(key, (0, None))[0] + value, None)
    return {key: n for key, n in found.items() if n[0] or n[1]}


def shown(found: dict[str, Any], keys: set[str], value: str, out_of: str) -> dict:
    """As `expected`, of these metrics."""
    return {
        (n["metric"], n["member_id"], n["dimension"]): (n[value], n[out_of])
        for n in found["numbers"]
        if n["metric"] in keys and (n[value] or n[out_of])
    }


# A store, day by day -----------------------------------------------------------------------------


@dataclass
class Reported(Days):
    """The days of the meeting sheet, with forms that are corrected and visitors who leave
    nothing."""

    kinds: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def choose(self) -> Callable[[], Act]:
        own = [self.do_correct, self.do_anonymous, self.do_close, self.do_request, self.do_decide]
        return self.dice.choice([*own, *[super().choose()] * 6])

    def do_correct(self) -> Act:
        """A phone number or a name that was wrong, or is now."""
        customer = self.a_customer()
        change = self.dice.choice(
            [{"phone": f"135{self.dice.randrange(10**8):08d}"}, {"phone": "12345"}, {"name": "王"}]
        )
        version = self.world.row("select version from crm.customers where id = %s", customer)
        payload = {"id": customer, "set": change}
        return self.push("he", "save_customer", payload, base_version=version, customer=customer)

    def do_anonymous(self) -> Act:
        customer = new_id()
        values = {"name": "访客", "source": "walk_in", "level": "near"}
        at = datetime.now(UTC) - timedelta(minutes=self.dice.choice([0, 7, 45, 2000]))
        return self.push(
            self.dice.choice(("xu", *ADVISORS)),
            "record_visit",
            {
                "id": new_id(),
                "customer_id": customer,
                "arrived_at": at.isoformat(),
                "anonymous": True,
                "set": values,
            },
        )

    def judge_report(self, units: dict[str, str]) -> None:
        now = self.today()
        ledger = Ledger(self.world, self.store)
        kind = self.dice.choice(KINDS)
        day = now - timedelta(self.dice.choice([0, 0, 1, 2, self.passed]))
        found = report(self.world, "he", kind, day)
        days = period(kind, day, now)
        names = ("first", "last", "before_first", "before_last")
        assert tuple(found[n] for n in names) == tuple(d.isoformat() for d in days)
        keys = {*units} - SHEET | DAILY
        told = (kind, day)
        this = expected(ledger, units, days[0], days[1], now)
        assert shown(found, keys, "value", "out_of") == this, told
        before = expected(ledger, units, days[2], days[3], now)
        assert shown(found, keys, "before", "before_out_of") == before, told
        for metric, _member, _dimension in this:
            self.kinds[metric] += 1
        self.judge_numbers_rows(units, days, this)

    def judge_numbers_rows(self, units: dict[str, str], days: tuple[date, ...], this: dict) -> None:
        if not this:
            return
        metric, member, dimension = self.dice.choice(sorted(this, key=str))
        value, out_of = this[metric, member, dimension]
        if units[metric] == "money":
            return
        found = self.world.ask("he", ROWS, self.store, metric, days[1], member, dimension, days[0])[
            0
        ][0]
        assert found["total"] == (value if out_of is None else out_of), metric


def test_every_number_is_an_independent_count(dealers: tuple[psycopg.Connection, World]):  # noqa: F811
    """FORECOURT_SEED begins elsewhere."""
    connection, world = dealers
    units = dict(connection.execute("select key, unit from crm.metrics").fetchall())
    kinds: dict[str, int] = defaultdict(int)
    first = int(os.environ.get("FORECOURT_SEED", "1"))
    for seed in (first, first + 1):
        with given_up(connection):
            life = Reported(world, random.Random(seed))
            for n in range(8):
                who = life.dice.choice(ADVISORS)
                world.task(world.customer(who, phone=f"138{seed:04d}{n:04d}", level="intent"), who)
            life.find_customers()
            for number in range(9):
                for act in range(8):
                    life.step(8 * number + act)
                try:
                    life.judge_report(units)
                except AssertionError as error:
                    told = "\n".join(life.history[-60:])
                    raise AssertionError(f"seed {seed}, day {number}: {error}\n{told}") from None
                life.step(0, life.do_night)
            for metric, n in life.kinds.items():
                kinds[metric] += n
    rare = {"upgrades", "visits_without_plan", "deals_lost", "excused"}
    assert {*kinds} >= ({*units} - SHEET | DAILY) - rare


def test_periods_are_as_the_calendar_says(db: psycopg.Connection):
    dice = random.Random(3)
    for _n in range(200):
        now = date(2024, 1, 1) + timedelta(dice.randrange(1200))
        day = now - timedelta(dice.choice([0, 0, 1, 6, 30, 365]))
        kind = dice.choice(KINDS)
        found = db.execute("select * from crm.report_period(%s, %s, %s)", (kind, day, now))
        assert found.fetchone() == period(kind, day, now), (kind, day, now)


# Who sees what ------------------------------------------------------------------------------------


def numbers(found: dict[str, Any], metric: str) -> dict[tuple[str | None, str | None], int]:
    return {
        (n["member_id"], n["dimension"]): n["value"]
        for n in found["numbers"]
        if n["metric"] == metric and n["value"]
    }


def test_a_manager_sees_everybody_and_where_they_come_from(world: World, called: str):  # noqa: F811
    lin, chen = str(world.users["lin"]), str(world.users["chen"])
    found = report(world, "he", "month")
    assert numbers(found, "sources") == {
        (None, None): 3,
        (None, "walk_in"): 3,
        (lin, None): 2,
        (chen, None): 1,
    }
    source = next(n for n in found["numbers"] if n["dimension"] == "walk_in")
    assert source["label"]["zh_CN"] == "到店"
    assert numbers(found, "amount_won")[None, None] == 12_345_600
    roles = {m["name"]: m["role"] for m in found["members"]}
    assert roles["lin"] == roles["chen"] == "advisor"


def test_an_advisor_sees_their_own(world: World, called: str):  # noqa: F811
    lin = str(world.users["lin"])
    found = report(world, "lin", "month")
    assert {n["member_id"] for n in found["numbers"]} == {lin, None}
    assert numbers(found, "sources") == {(None, None): 2, (None, "walk_in"): 2, (lin, None): 2}
    assert [m["name"] for m in found["members"]] == ["lin"]
    east = world.stores["east"]
    of_chen = world.ask("lin", TREND, east, "sources", "day", None, world.users["chen"])[0][0]
    assert not any(p["value"] for p in of_chen["periods"])
    own = world.ask("lin", TREND, east, "sources", "day", None, None)[0][0]
    assert own["periods"][-1]["value"] == 2


def test_a_hidden_field_enters_no_number(world: World, called: str):  # noqa: F811
    rests_on = {
        ("deal", "amount_fen"): {"amount_won"},
        ("customer", "source"): {"sources", "win_rate"},
        ("customer", "phone"): {"correctness"},
        ("customer", "next_contact_on"): {"next_day_tasks", "visits_without_plan"},
    }
    whole = {m["key"] for m in report(world, "he")["metrics"]}
    gone: set[str] = set()
    for (form, key), metrics in rests_on.items():
        hide(world, "manager", form, key)
        gone |= metrics
        found = report(world, "he", "month")
        assert {m["key"] for m in found["metrics"]} == whole - gone
        assert not {n["metric"] for n in found["numbers"]} & gone
        for metric in metrics:
            asked = (world.stores["east"], metric, "month", None, None)
            assert world.refused("he", TREND, *asked) == "PT404 not_found"
    assert "12345600" not in json.dumps(report(world, "he", "month"))


@pytest.mark.parametrize("who", ["qin", "ma", "yan", "stranger"])
def test_another_store_is_refused(world: World, called: str, who: str):  # noqa: F811
    east = world.stores["east"]
    assert world.refused(who, REPORT, east, "month", None) == "PT403 forbidden"
    assert world.refused(who, TREND, east, "visits", "day", None, None) == "PT403 forbidden"


@pytest.mark.parametrize(
    ("kind", "day"),
    [
        ("year", None),
        (None, None),
        ("day; drop", None),
        ("day", "infinity"),
        ("month", "-infinity"),
        ("week", "1999-12-31"),
        ("day", "tomorrow"),
    ],
)
def test_what_nobody_can_mean_is_refused(world: World, kind: str | None, day: str | None):
    east = world.stores["east"]
    if day == "tomorrow":
        day = (today(world) + timedelta(1)).isoformat()
    assert world.refused("he", REPORT, east, kind, day) == "PT422 invalid"
    assert world.refused("he", TREND, east, "visits", kind, day, None) == "PT422 invalid"


# A trend, a target, a visit without a plan --------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_trend_is_the_reports_of_its_periods(world: World, called: str, kind: str):  # noqa: F811
    east, lin = world.stores["east"], world.users["lin"]
    for at in (20, 40, 75):
        world.log_conversation("lin", called)
        world.db.execute(
            "update crm.conversations set occurred_at = occurred_at - make_interval(days => %s)"
            " where id = (select id from crm.conversations order by id desc limit 1)",
            (at,),
        )
    for metric in ("contacts", "calls_reached"):
        found = world.ask("he", TREND, east, metric, kind, None, lin)[0][0]["periods"]
        assert len(found) == 12
        for p in found:
            same = report(world, "he", kind, date.fromisoformat(p["first"]))
            assert (same["first"], same["last"]) == (p["first"], p["last"])
            assert numbers(same, metric).get((str(lin), None), 0) == p["value"]


def test_a_months_report_brings_its_targets(world: World, called: str):  # noqa: F811
    world.ask("he", SET, world.stores["east"], "contacts", 30, None, world.users["lin"])
    found = report(world, "he", "month")["targets"]
    assert [(t["metric"], t["member_id"], t["target"]) for t in found] == [
        ("contacts", str(world.users["lin"]), 30)
    ]
    assert report(world, "chen", "month")["targets"] == []
    assert report(world, "he", "week")["targets"] == []


def test_a_visit_without_a_next_step_counts(world: World):
    customer = new_id()
    values = {"name": "访客", "source": "walk_in", "level": "near"}
    payload = {"id": new_id(), "customer_id": customer, "set": values}
    world.done("lin", "record_visit", payload)
    assert numbers(report(world, "he"), "visits_without_plan") == {}
    world.db.execute("alter table crm.customers disable trigger user")
    world.db.execute("update crm.customers set next_contact_on = null where id = %s", (customer,))
    world.db.execute("alter table crm.customers enable trigger user")
    world.db.execute("update crm.tasks set removed_at = now() where customer_id = %s", (customer,))
    assert numbers(report(world, "he"), "visits_without_plan")[None, None] == 1
    told = world.ask("he", "select api.visit_report(%s)", world.stores["east"])[0][0]
    assert told["without_plan"] == 1
