"""The renewal engine with memory (First 9): a year follows a year, a lost one returns at T-90, an
orphan is seen the same day."""

import json
import random
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from tests.support.people import World, new_id, preset

WINDOWS = (90, 60, 30, 15, 7)
SHANGHAI = ZoneInfo("Asia/Shanghai")


def next_policy(day: date) -> date:
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return day.replace(year=day.year + 1, day=28)


def holder(world, who: str | None = "zhou", phone="13800138000"):
    customer = world.customer("he", pool="retained", level="potential", phone=phone)
    if who:
        world.db.execute(
            "update crm.customers set renewal_owner_id = %s where id = %s",
            (world.users[who], customer),
        )
    return customer


def policy(world, customer, expires, who="he", **columns):
    found = new_id()
    world.done(
        who,
        "save_policy",
        {
            "id": found,
            "customer_id": customer,
            **columns,
            "set": {
                "insurer": "人保财险",
                "premium_fen": 420000,
                "expires_on": expires.isoformat(),
            },
        },
    )
    return found


def run(world, day):
    return world.row("select crm.run_rules(%s, %s)", world.stores["east"], day)


def today(world):
    return world.row("select (now() at time zone 'Asia/Shanghai')::date")


def test_a_lost_renewal_keeps_who_and_how_much_and_comes_back_at_t_90(world):
    customer = holder(world)
    expires = today(world) + timedelta(days=20)
    old = policy(world, customer, expires)
    run(world, today(world))
    assert (
        world.row("select count(*) from crm.tasks where subject_id = %s and status = 'open'", old)
        == 1
    )
    world.log_conversation(
        "zhou", customer, "not_now", level="near"
    )  # without a conversation the call would stay
    answer = world.done(
        "zhou",
        "mark_policy_lost",
        {"id": old, "reason": "insured_elsewhere", "insurer": "平安产险", "price_fen": 398000},
    )
    assert world.row("select status, lost_reason from crm.policies where id = %s", old) == (
        "lost",
        "insured_elsewhere",
    )
    assert (
        world.row(
            "select count(*) from crm.tasks where subject_id = %s and status = 'open' and "
            "removed_at is null",
            old,
        )
        == 0
    )
    back = next_policy(expires)
    assert world.ask(
        "zhou",
        "select insurer, premium_fen, expires_on, origin, renews_id::text from api.policies "
        "where id = %s",
        answer["next_id"],
    ) == [("平安产险", 398000, back, "elsewhere", old)]
    for n in range(95, 85, -1):
        run(world, back - timedelta(days=n))
        found = world.row("select count(*) from crm.tasks where subject_id = %s", answer["next_id"])
        assert found == (1 if n <= 90 else 0), n
    assert world.row(
        "select due_on from crm.tasks where subject_id = %s", answer["next_id"]
    ) == back - timedelta(days=90)
    assert (
        world.push("zhou", "mark_policy_lost", {"id": old, "reason": "price"})["code"]
        == "policy_closed"
    )


@pytest.mark.parametrize(
    ("payload", "code", "field"),
    [
        ({}, "required", "reason"),
        ({"reason": "unreachable"}, "option", "reason"),
        ({"reason": "price", "price_fen": "4000"}, "type", "price_fen"),
        ({"reason": "price", "price_fen": -1}, "type", "price_fen"),
        ({"reason": "price", "expires_on": "2020-01-01"}, "range", "expires_on"),
        ({"reason": "price", "expires_on": "2027-02-30"}, "date", "expires_on"),
    ],
)
def test_losing_one_says_what_is_wrong(world, payload, code, field):
    old = policy(world, holder(world), today(world) + timedelta(days=20))
    answer = world.push("zhou", "mark_policy_lost", {"id": old, **payload})
    assert (answer["code"], answer["field"]) == (code, field)


def test_others_cannot_touch_it(world):
    old = policy(world, holder(world), today(world) + timedelta(days=20))
    assert (
        world.push("lin", "mark_policy_lost", {"id": old, "reason": "price"})["code"] == "forbidden"
    )  # no right to policies
    assert (
        world.push("qin", "mark_policy_lost", {"id": old, "reason": "price"})["code"] == "not_found"
    )  # another store
    assert (
        world.push("qin", "mark_policy_lost", {"id": old, "reason": "price"}, store="east")["code"]
        == "forbidden"
    )
    world.join("sun", "east", "renewal")
    world.push("sun", "mark_policy_lost", {"id": old, "reason": "price"})
    assert world.row("select status from crm.policies where id = %s", old) == "active"


def test_a_sold_car_never_comes_back(world):
    old = policy(world, holder(world), today(world) + timedelta(days=20))
    answer = world.done("zhou", "mark_policy_lost", {"id": old, "reason": "sold_car"})
    assert "next_id" not in answer
    assert world.row("select count(*) from crm.policies where renews_id = %s", old) == 0


def test_undo_takes_the_memory_back(world):
    old = policy(world, holder(world), today(world) + timedelta(days=20))
    answer = world.done("zhou", "mark_policy_lost", {"id": old, "reason": "price"})
    world.done("zhou", "undo", {"op_id": answer["op_id"]})
    assert world.row("select status from crm.policies where id = %s", old) == "active"
    assert (
        world.row(
            "select count(*) from crm.policies where renews_id = %s and removed_at is null", old
        )
        == 0
    )
    world.done(
        "zhou",
        "renew_policy",
        {
            "id": new_id(),
            "policy_id": old,
            "set": {
                "insurer": "人保财险",
                "expires_on": (today(world) + timedelta(days=385)).isoformat(),
            },
        },
    )


def test_renewed_is_the_next_year_once(world):
    old = policy(world, holder(world), today(world) + timedelta(days=20))
    following = new_id()
    fields = {
        "insurer": "人保财险",
        "premium_fen": 430000,
        "expires_on": (today(world) + timedelta(days=385)).isoformat(),
    }
    assert world.push(
        "zhou", "renew_policy", {"id": new_id(), "policy_id": old, "set": {"insurer": "人保财险"}}
    )["errors"] == [{"field": "expires_on", "code": "required"}]
    world.done("zhou", "renew_policy", {"id": following, "policy_id": old, "set": fields})
    assert world.row("select status from crm.policies where id = %s", old) == "renewed"
    assert world.row(
        "select origin, renews_id::text from crm.policies where id = %s", following
    ) == ("store", old)
    assert (
        world.push("zhou", "renew_policy", {"id": new_id(), "policy_id": old, "set": fields})[
            "code"
        ]
        == "policy_closed"
    )


def test_a_delivered_car_begins_its_insurance_story(world):
    customer = world.customer()
    vehicle, deal = new_id(), new_id()
    world.done(
        "lin",
        "save_vehicle",
        {"id": vehicle, "customer_id": customer, "set": {"plate": "沪A12345", "brand": "比亚迪"}},
    )
    world.done(
        "lin",
        "save_deal",
        {
            "id": deal,
            "customer_id": customer,
            "pipeline": "new_car",
            "set": {"title": "汉", "amount_fen": 100},
        },
    )
    world.done("lin", "move_deal", {"id": deal, "stage": "delivered", "vehicle_id": vehicle})
    first = world.row(
        "select id, starts_on, expires_on, origin from crm.policies where vehicle_id = %s", vehicle
    )
    ends = next_policy(today(world)) - timedelta(days=1)
    assert first[1:] == (today(world), ends, "delivery")
    run(world, ends - timedelta(days=91))
    assert world.row("select count(*) from crm.tasks where subject_id = %s", first[0]) == 0
    run(world, ends - timedelta(days=90))
    assert world.row(
        "select due_on, assignee_id from crm.tasks where subject_id = %s", first[0]
    ) == (ends - timedelta(days=90), world.users["zhou"])  # the seller may write no policy
    world.done(
        "lin",
        "move_deal",
        {
            "id": deal,
            "stage": "ordered",
            "set": {"expected_close_on": "2027-01-01"},
            "checked": ["deposit"],
        },
    )
    world.done("lin", "move_deal", {"id": deal, "stage": "delivered"})
    assert (
        world.row("select count(*) from crm.policies where vehicle_id = %s", vehicle) == 1
    )  # not a second one


def test_a_foreign_car_is_not_delivered(world):
    customer, other = world.customer(), world.customer(phone="13900000009")
    vehicle, deal = new_id(), new_id()
    world.done(
        "lin", "save_vehicle", {"id": vehicle, "customer_id": other, "set": {"plate": "沪A12345"}}
    )
    world.done(
        "lin",
        "save_deal",
        {
            "id": deal,
            "customer_id": customer,
            "pipeline": "new_car",
            "set": {"title": "汉", "amount_fen": 100},
        },
    )
    assert (
        world.push("lin", "move_deal", {"id": deal, "stage": "delivered", "vehicle_id": vehicle})[
            "code"
        ]
        == "not_found"
    )
    assert world.row("select stage, vehicle_id from crm.deals where id = %s", deal) == (
        "lead",
        None,
    )


def test_a_renewal_deal_writes_the_year_or_remembers_the_loss(world):
    for stage, more, status, origin in (
        ("renewed", {}, "renewed", "store"),
        (
            "lost",
            {"lost_reason": "price", "insurer": "平安产险", "price_fen": 380000},
            "lost",
            "elsewhere",
        ),
    ):
        customer = holder(world)
        old, deal = policy(world, customer, today(world) + timedelta(days=20)), new_id()
        world.done(
            "zhou",
            "save_deal",
            {
                "id": deal,
                "customer_id": customer,
                "policy_id": old,
                "pipeline": "renewal",
                "set": {"amount_fen": 410000},
            },
        )
        world.done("zhou", "move_deal", {"id": deal, "stage": stage, **more})
        assert world.row("select status from crm.policies where id = %s", old) == status
        assert world.row(
            "select origin, premium_fen, insurer from crm.policies where renews_id = %s", old
        ) == ((origin, 410000, "人保财险") if stage == "renewed" else (origin, 380000, "平安产险"))


def test_a_call_that_says_lost_remembers_too(world):
    customer = holder(world)
    old = policy(world, customer, today(world) + timedelta(days=20))
    run(world, today(world))
    task = world.row("select id::text from crm.tasks where subject_id = %s", old)
    outcome = next(o["key"] for o in json.loads(preset())["outcomes"] if o.get("effect") == "lost")
    answer = world.log_conversation(
        "zhou",
        customer,
        outcome,
        level="potential",
        task_id=task,
        reason="insured_elsewhere",
        insurer="平安产险",
        price_fen=388000,
    )
    assert answer["status"] == "applied", answer
    assert world.row("select status, lost_reason from crm.policies where id = %s", old) == (
        "lost",
        "insured_elsewhere",
    )
    assert world.row(
        "select origin, insurer, premium_fen from crm.policies where renews_id = %s", old
    ) == ("elsewhere", "平安产险", 388000)


def test_an_orphan_is_seen_the_same_day_and_taken_once(world):
    customer = holder(world, None, phone="13866665555")
    orphan = policy(world, customer, today(world) + timedelta(days=20))
    listed = world.ask("zhou", "select api.unassigned_policies(%s)", world.stores["east"])[0][0][
        "policies"
    ]
    assert [p["id"] for p in listed] == [orphan]
    assert "13866665555" not in str(listed)
    assert world.refused(
        "lin", "select api.unassigned_policies(%s)", world.stores["east"]
    ).startswith("PT403")
    assert world.push("lin", "claim_policy", {"customer_id": customer})["code"] == "forbidden"
    world.done("zhou", "claim_policy", {"customer_id": customer})
    world.join("sun", "east", "renewal")
    world.db.execute(
        "update crm.members set role = 'renewal' where user_id = %s", (world.users["sun"],)
    )
    assert (
        world.ask("sun", "select api.unassigned_policies(%s)", world.stores["east"])[0][0][
            "policies"
        ]
        == []
    )
    assert (
        world.row("select renewal_owner_id from crm.customers where id = %s", customer)
        == world.users["zhou"]
    )
    assert run(world, today(world))["policy_window"] == 1
    world.db.execute(
        "update crm.members set active = false where user_id = %s", (world.users["zhou"],)
    )
    assert (
        len(
            world.ask("he", "select api.unassigned_policies(%s)", world.stores["east"])[0][0][
                "policies"
            ]
        )
        == 1
    )  # who left renews nothing


def test_two_contacts_are_planned_and_reported(world):
    customer = holder(world)
    policy(world, customer, today(world) + timedelta(days=20))

    def report():
        sql = "select api.renewal_report(%s)"
        members = world.ask("he", sql, world.stores["east"])[0][0]["members"]
        return next(m for m in members if m["name"] == "zhou")

    assert (report()["coming"], report()["coming_twice"], report()["coming_at_risk"]) == (
        1,
        0,
        0,
    )  # T-15 and T-7 are still to come
    late = policy(world, holder(world, phone="13900000008"), today(world) + timedelta(days=3))
    assert report()["coming_at_risk"] == 1
    world.done("zhou", "mark_policy_lost", {"id": late, "reason": "price"})
    assert (report()["ended"], report()["lost"]) == (1, 1)
    assert (
        world.ask("ma", "select api.renewal_report(%s)", world.stores["west"])[0][0]["members"]
        == []
    )


@pytest.mark.parametrize(
    ("first", "second", "twice"), [("07:30", "08:30", 0), ("07:30", "07:00 +1 day", 1)]
)
def test_two_calls_of_one_day_are_one_contact(world, first, second, twice):
    """Of the store's day: at eight in the morning in Shanghai the UTC day changes."""
    customer = holder(world)
    policy(world, customer, today(world) + timedelta(days=20))
    day = today(world) - timedelta(days=3)
    for at in (first, second):
        talk = world.log_conversation("zhou", customer)
        clock, _space, later = at.partition(" +1")
        moment = datetime.combine(
            day + timedelta(days=bool(later)), time.fromisoformat(clock), SHANGHAI
        )
        world.db.execute(
            "update crm.conversations set occurred_at = %s where id = "
            "(select subject_id from crm.events where op_id = %s and form = 'conversation' "
            "limit 1)",
            (moment, talk["op_id"]),
        )
    sql = "select api.renewal_report(%s)"
    members = world.ask("he", sql, world.stores["east"])[0][0]["members"]
    assert next(m for m in members if m["name"] == "zhou")["coming_twice"] == twice


def simulate(world, seed, policies, days):
    """The specification, told again: per policy its status and the window calls it makes, day by
    day; then compared with Postgres."""
    dice = random.Random(seed)
    start = date(2027, 1, 1)
    portfolio: dict[str, dict] = {}
    owners: dict[str, str | None] = {}
    for n in range(policies):
        who = dice.choice(["zhou", "zhou", "zhou", None])
        customer = holder(world, who, phone=f"139{n:08d}")
        owners[customer] = who
        expires = start + timedelta(days=dice.randrange(-20, 420))
        world.db.execute("alter table crm.policies disable trigger user")
        found = new_id()
        world.db.execute(
            "insert into crm.policies (store_id, id, customer_id, expires_on) values (%s, %s, %s, "
            "%s)",
            (world.stores["east"], found, customer, expires),
        )
        world.db.execute("alter table crm.policies enable trigger user")
        portfolio[found] = {
            "customer": customer,
            "expires": expires,
            "status": "active",
            "calls": set(),
            "open": None,
        }
    for offset in range(days):
        day = start + timedelta(days=offset)
        # what the specification says of this morning
        for key, y in list(portfolio.items()):
            if y["status"] == "active" and y["expires"] < day - timedelta(days=30):
                y["status"], y["open"] = "lost", None
                portfolio[f"after {key}"] = {
                    "customer": y["customer"],
                    "expires": next_policy(y["expires"]),
                    "status": "active",
                    "calls": set(),
                    "open": None,
                }
        for y in portfolio.values():
            reached = [w for w in WINDOWS if y["expires"] - timedelta(days=w) <= day]
            due = y["expires"] - timedelta(days=min(reached)) if reached else None
            if (
                y["status"] == "active"
                and owners[y["customer"]]
                and due
                and day <= y["expires"] <= day + timedelta(days=90)
                and y["open"] is None
                and due not in y["calls"]
            ):
                y["calls"].add(due)
                y["open"] = due
        run(world, day)
        if offset % 7 == 0:
            run(world, day)  # a second scheduler adds nothing
        # some calls are made that day; some renewals are lost in them
        real = world.db.execute(
            "select t.id, p.id, p.renews_id, t.due_on from crm.tasks t join crm.policies p on "
            "p.id = t.subject_id where t.store_id = %s and t.status = 'open' and t.removed_at is "
            "null order by p.expires_on, p.id",
            (world.stores["east"],),
        ).fetchall()
        keys = {v["real"]: k for k, v in portfolio.items() if "real" in v} | {
            k: k for k in portfolio if len(k) == 36
        }
        for pid, renews in world.db.execute(
            "select id::text, renews_id::text from crm.policies where store_id = %s and renews_id "
            "is not null",
            (world.stores["east"],),
        ).fetchall():
            if pid not in keys:
                key = f"after {keys[renews]}"
                portfolio[key]["real"], keys[pid] = pid, key
        assert {(keys[str(p)], d) for _, p, _, d in real} == {
            (k, y["open"]) for k, y in portfolio.items() if y["open"]
        }, day
        for task, p, _, _ in real:
            y = portfolio[keys[str(p)]]
            if dice.random() < 0.5:
                world.db.execute(
                    "update crm.tasks set status = 'excused', closed_at = now() where id = %s",
                    (task,),
                )
                y["open"] = None
                if dice.random() < 0.2:
                    following = new_id()
                    world.done(
                        "zhou",
                        "mark_policy_lost",
                        {
                            "id": str(p),
                            "reason": "price",
                            "insurer": "平安产险",
                            "price_fen": 1,
                            "next_id": following,
                        },
                    )
                    y["status"] = "lost"
                    portfolio[f"after {keys[str(p)]}"] = {
                        "customer": y["customer"],
                        "expires": next_policy(y["expires"]),
                        "status": "active",
                        "calls": set(),
                        "open": None,
                        "real": following,
                    }
    made = world.row(
        "select count(*) from crm.tasks where store_id = %s and kind = 'policy_window'",
        world.stores["east"],
    )
    assert made == sum(len(y["calls"]) for y in portfolio.values())
    twice = world.db.execute(
        "select subject_id, due_on from crm.tasks where store_id = %s group by 1, 2 having "
        "count(*) > 1",
        (world.stores["east"],),
    ).fetchall()
    assert twice == []


def test_simulated_days_equal_the_specification(stack):
    with psycopg.connect(stack.db_url) as connection:
        simulate(World(connection), 9, policies=30, days=140)
        connection.rollback()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_a_hundred_policies_over_two_years_equal_the_specification(stack, seed):
    with psycopg.connect(stack.db_url) as connection:
        simulate(World(connection), seed, policies=100, days=730)
        connection.rollback()
