"""A dry run of the rules says what really came to pass, day by day, and leaves nothing behind
(F-77)."""

import json
import random
from collections import Counter
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from psycopg.types.json import Jsonb

from forecourt.demo import PRESET
from tests.support.people import World, new_id

ZONE = ZoneInfo("Asia/Shanghai")
LADDER = {
    "key": "quiet_ones",
    "label": {"zh_CN": "久未联系", "en": "Silence"},
    "kind": "no_contact",
    "steps": [
        {"after": 12, "action": "remind"},
        {"after": 20, "action": "manager", "role": "manager"},
        {"after": 45, "action": "pool", "pool": "market"},
    ],
}
CARE = {
    "key": "delivered",
    "label": {"zh_CN": "交车纪念", "en": "Delivery"},
    "kind": "care",
    "days": [2],
    "date": {"form": "deal", "field": "closed_at", "every_months": 1},
}
RESPONSE = {
    "key": "first_word",
    "label": {"zh_CN": "首次响应", "en": "First"},
    "kind": "first_response",
    "quiet_from": "20:00",
    "quiet_to": "09:00",
    "steps": [
        {"after": 60, "action": "remind"},
        {"after": 240, "action": "manager", "role": "manager"},
    ],
}


def document(*more, **windows) -> dict:
    found = json.loads(PRESET.read_text(encoding="utf8"))
    found["rules"] = [*found["rules"], *more]
    for rule in found["rules"]:
        rule["days"] = windows.get(rule["key"], rule.get("days", []))
    return found


class Life:
    """A store that lives through some days: nights make tasks, people work. Every day's traces are
    put back to that day."""

    def __init__(self, world: World, seed: int, days: int, *, hourly: bool = False) -> None:
        self.world, self.dice, self.hourly = world, random.Random(seed), hourly
        self.store = world.stores["east"]
        self.now, self.today = (
            world.row("select now()"),
            world.row("select (now() at time zone 'Asia/Shanghai')::date"),
        )
        self.first = self.today - timedelta(days=days - 1)
        self.count = 0

    def stamp(self, at: datetime) -> None:
        """What was made now was made then; history tells of it too."""
        db, store = self.world.db, self.store
        if not self.world.row(
            "select exists (select from crm.events where store_id = %s and created_at = now())",
            store,
        ):
            # altering the tables plans every statement again: not in an hour in which nothing
            # happened
            return
        for table in (
            "customers",
            "companions",
            "vehicles",
            "policies",
            "deals",
            "conversations",
            "tasks",
        ):
            db.execute(f"alter table crm.{table} disable trigger user".encode())
            db.execute(
                f"update crm.{table} set created_at = %s where store_id = %s and created_at = "
                "now()".encode(),
                (at, store),
            )
        db.execute(
            "update crm.customers set level_at = %s where store_id = %s and level_at = now()",
            (at, store),
        )
        db.execute(
            "update crm.deals set stage_at = %s where store_id = %s and stage_at = now()",
            (at, store),
        )
        db.execute(
            "update crm.deals set closed_at = %s where store_id = %s and closed_at = now()",
            (at, store),
        )
        db.execute(
            "update crm.tasks set closed_at = %s where store_id = %s and closed_at = now()",
            (at, store),
        )
        db.execute(
            "update crm.tasks set removed_at = %s where store_id = %s and removed_at = now()",
            (at, store),
        )
        db.execute(
            "update crm.events set created_at = %(at)s, new = case when field in ('level_at', "
            "'stage_at', 'closed_at', 'removed_at') and new <> 'null' then "
            "to_jsonb(%(at)s::timestamptz) else new end"
            " where store_id = %(store)s and created_at = now()",
            {"at": at, "store": store},
        )
        for table in (
            "customers",
            "companions",
            "vehicles",
            "policies",
            "deals",
            "conversations",
            "tasks",
        ):
            db.execute(f"alter table crm.{table} enable trigger user".encode())

    def at(self, day: date, hour: int, minute: int = 0) -> datetime:
        return datetime.combine(day, time(hour, minute), ZONE)

    def live(self, days: int) -> None:
        self.before()
        for n in range(days):
            day = self.first + timedelta(days=n)
            self.world.db.execute("select crm.run_rules(%s, %s)", (self.store, day))
            self.stamp(self.at(day, 0))
            for hour in range(1, 24) if self.hourly else (12,):
                if day == self.today and (not self.hourly or self.at(day, hour) > self.now):
                    return  # today as far as it has come, and nobody has worked yet
                if self.hourly:
                    self.world.db.execute(
                        "select crm.run_first_response_rules(%s, %s)",
                        (self.store, self.at(day, hour)),
                    )
                    self.stamp(self.at(day, hour))
                if hour in (9, 12, 17) and day != self.today:
                    self.work(day, hour)
                    self.stamp(self.at(day, hour, 30))

    def before(self) -> None:
        """What stood there on the first morning, tasks of earlier nights among it."""
        day = self.first - timedelta(days=40)
        for _ in range(30):
            self.meet(day)
        for n in range(12):
            self.policy(self.first + timedelta(days=n * 11))
        self.stamp(self.at(day, 10))
        for back in (20, 3):
            self.world.db.execute(
                "select crm.run_rules(%s, %s)", (self.store, self.first - timedelta(days=back))
            )
            self.stamp(self.at(self.first - timedelta(days=back), 0))

    def meet(self, day: date) -> None:
        self.count += 1
        who = self.dice.choice(["lin", "chen"])
        fields = {"phone": f"139{self.count:08d}", "level": self.dice.choice(["near", "intent"])}
        if self.dice.random() < 0.8:
            fields["next_contact_on"] = (
                day + timedelta(days=self.dice.randrange(1, 9))
            ).isoformat()
        customer = self.world.customer(who, **fields)
        if self.dice.random() < 0.4:
            deal = new_id()
            self.world.done(
                who,
                "save_deal",
                {
                    "id": deal,
                    "customer_id": customer,
                    "pipeline": "new_car",
                    "set": {"title": "汉"},
                },
            )

    def policy(self, expires: date) -> None:
        self.count += 1
        customer = self.world.customer(
            "he", pool="retained", level="potential", phone=f"137{self.count:08d}"
        )
        self.world.db.execute(
            "update crm.customers set renewal_owner_id = %s where id = %s",
            (self.world.users["zhou"], customer),
        )
        self.world.done(
            "zhou",
            "save_policy",
            {
                "id": new_id(),
                "customer_id": customer,
                "set": {"expires_on": expires.isoformat(), "insurer": "人保"},
            },
        )

    def work(self, day: date, hour: int) -> None:
        dice, world = self.dice, self.world
        for _ in range(1 + dice.randrange(4)):
            self.meet(day)
        tasks = world.db.execute(
            "select t.id::text, t.customer_id::text, m.user_id, k.level, t.rank from crm.tasks t "
            "join crm.members m on m.store_id = t.store_id and m.user_id = t.assignee_id"
            " join crm.customers k on k.store_id = t.store_id and k.id = t.customer_id"
            " where t.store_id = %s and t.status = 'open' and t.removed_at is null and t.due_on "
            "<= %s order by t.due_on, t.id",
            (self.store, day),
        ).fetchall()
        names = {user: name for name, user in world.users.items()}
        for task, customer, user, level, rank in tasks:
            chance, name = dice.random(), names[user]
            if chance < 0.35:
                conversation = {
                    "outcome": dice.choice(["interested", "no_answer", "not_now"]),
                    "level": dice.choice([level, level, level, "intent"])
                    if level != "potential"
                    else level,
                    "task_id": task,
                    "occurred_at": self.at(day, hour).isoformat(),
                    "next_contact_on": (day + timedelta(days=dice.randrange(1, 12))).isoformat()
                    if dice.random() < 0.7
                    else None,
                }
                assert world.log_conversation(name, customer, **conversation)["status"] in (
                    "applied",
                    "rejected",
                )
            elif chance < 0.45 and name in ("lin", "chen", "zhou"):
                request = new_id()
                if (
                    world.push(
                        name,
                        "request_cancellation",
                        {"id": request, "task_id": task, "reason": "unreachable"},
                    )["status"]
                    == "applied"
                    and dice.random() < 0.8
                ):
                    world.push(
                        "he",
                        "decide_approval",
                        {
                            "id": request,
                            "decision": dice.choice(["approve", "reject"]),
                            "remark": "再试",
                        },
                    )
            elif chance < 0.55 and rank:
                world.push(
                    name,
                    "snooze_task",
                    {"task_id": task, "until": (self.today + timedelta(days=1)).isoformat()},
                )
        mine = world.db.execute(
            "select id::text, owner_id, version from crm.customers where store_id = %s and "
            "owner_id is not null and removed_at is null order by id",
            (self.store,),
        ).fetchall()
        for customer, owner, version in dice.sample(mine, min(2, len(mine))):
            name, change = (
                names[owner],
                dice.choice(
                    [
                        {"level": "potential"},
                        {"do_not_call": True},
                        {"next_contact_on": (day + timedelta(days=4)).isoformat()},
                        {"need": "七座"},
                    ]
                ),
            )
            world.push(name, "save_customer", {"id": customer, "set": change}, base_version=version)
        deals = world.db.execute(
            "select id::text, owner_id from crm.deals where store_id = %s and stage <> "
            "'delivered' and removed_at is null order by id",
            (self.store,),
        ).fetchall()
        owned = [d for d in deals if d[1] is not None]  # deals of a pooled customer rest
        for deal, owner in dice.sample(owned, min(1, len(owned))):
            world.push(
                names[owner],
                "move_deal",
                {
                    "id": deal,
                    "stage": dice.choice(["visited", "ordered", "delivered"]),
                    "checked": ["deposit", "contract", "keys"],
                    "set": {"amount_fen": 9_000_000, "expected_close_on": day.isoformat()},
                },
            )


def dry_run(world, document=None, days=90, who="liang"):
    return world.ask(
        who,
        "select api.preview_rules(%s, %s, %s)",
        world.stores["east"],
        Jsonb(document) if document else None,
        days,
    )[0][0]


def counted(rows) -> Counter:
    total = Counter()
    for row in rows:
        total[row["day"], row["user_id"], row["kind"]] += row["n"]
    return total


@pytest.mark.parametrize(
    ("seed", "days", "hourly"),
    [
        (1, 25, False),
        (2, 8, True),
        pytest.param(3, 90, False, marks=pytest.mark.long),
        pytest.param(4, 90, True, marks=pytest.mark.long),
    ],
)
def test_a_dry_run_equals_the_recorded_days(world, seed, days, hourly):
    rules = document(LADDER, CARE, *([RESPONSE] if hourly else []))
    world.ask("liang", "select api.publish_config(%s, %s, 1)", world.stores["east"], Jsonb(rules))
    life = Life(world, seed, days, hourly=hourly)
    life.live(days)
    before = world.digest()
    answer = dry_run(world, days=days)
    assert world.digest() == before
    made, recorded = counted(answer["tasks"]), counted(answer["recorded"])
    really = Counter()
    for day, user, kind, n in world.db.execute(
        "select (created_at at time zone 'Asia/Shanghai')::date::text, assignee_id::text, kind, "
        "count(*)::int from crm.tasks where store_id = %s and rule is not null"
        " and (created_at at time zone 'Asia/Shanghai')::date >= %s group by 1, 2, 3",
        (world.stores["east"], life.first),
    ):
        really[day, user, kind] = n
    assert recorded == really
    assert {k: (made[k], really[k]) for k in made | really if made[k] != really[k]} == {}
    kinds = {kind for *_, kind in really}
    print(days, Counter(kind for *_, kind in really.elements()))
    assert {"first_contact", "policy_window", "escalation"} <= kinds
    assert sum(really.values()) > 2 * days
    moved = world.row(
        "select count(*) from crm.events where store_id = %s and form = 'customer' and field = "
        "'owner_id' and actor_id is null and old <> 'null' and created_at >= %s",
        world.stores["east"],
        life.at(life.first, 0),
    )
    assert sum(m["n"] for m in answer["moves"] if m["field"] == "owner_id") == moved > 0


def test_a_dry_run_of_other_rules_says_what_would_be_and_writes_nothing(world):
    """A window more makes more calls; a rule switched off makes none; a ladder's pool moves the
    silent."""
    life = Life(world, 5, 20)
    life.live(20)
    before, now = world.digest(), counted(dry_run(world, days=20)["tasks"])
    fewer = document()
    fewer["rules"][0]["active"] = False
    assert {kind for *_, kind in counted(dry_run(world, fewer, 20)["tasks"])} == {"policy_window"}
    more = counted(
        dry_run(world, document(renewal_windows=[90, 75, 60, 45, 30, 15, 7]), 20)["tasks"]
    )
    assert sum(more.values()) >= sum(now.values())
    ladder = {**LADDER, "steps": [{"after": 3, "action": "pool", "pool": "market"}]}
    moved = [m for m in dry_run(world, document(ladder), 20)["moves"] if m.get("to") == "market"]
    assert {m["user_id"] for m in moved} <= {
        str(world.users["lin"]),
        str(world.users["chen"]),
    } and sum(m["n"] for m in moved) > 10
    assert world.digest() == before
    assert world.row("select count(*) from crm.stores where name = 'dry run'") == 0


@pytest.mark.parametrize("who", ["lin", "he", "wu", "xu", "qin", "yan", "stranger"])
def test_only_who_publishes_may_ask(world, who):
    assert (
        world.refused(who, "select api.preview_rules(%s)", world.stores["east"])
        == "PT403 forbidden"
    )


@pytest.mark.parametrize("broken", [{}, {"rules": 7}, {"roles": [], "forms": {}}, [], "x"])
def test_a_broken_document_is_refused_and_leaves_nothing(world, broken):
    before = world.digest()
    assert world.refused(
        "liang", "select api.preview_rules(%s, %s)", world.stores["east"], Jsonb(broken)
    ).startswith("PT422")
    assert world.digest() == before


# The rules themselves -----------------------------------------------------------------------------


def publish(world, *rules):
    world.ask(
        "liang",
        "select api.publish_config(%s, %s, 1)",
        world.stores["east"],
        Jsonb(document(*rules)),
    )


def run(world, day):
    return world.row("select crm.run_rules(%s, %s)", world.stores["east"], day)


def silent(world, days, **fields):
    customer = world.customer(**fields)
    world.db.execute(
        "update crm.customers set created_at = now() - make_interval(days => %s), "
        "next_contact_on = null where id = %s",
        (days, customer),
    )
    return customer


def test_a_ladder_reminds_then_tells_the_boss_then_gives_to_the_pool_each_once(world):
    publish(world, LADDER)
    today = world.row("select (now() at time zone 'Asia/Shanghai')::date")
    customer = silent(world, 12)
    assert (run(world, today).get("remind"), run(world, today).get("remind")) == (1, 0)
    assert world.row(
        "select assignee_id, kind, rank from crm.tasks where customer_id = %s", customer
    ) == (world.users["lin"], "escalation", 1)
    assert run(world, today + timedelta(days=8))["manager"] == 1
    assert run(world, today + timedelta(days=9))["manager"] == 0
    boss = world.row(
        "select assignee_id from crm.tasks where customer_id = %s and step = 2", customer
    )
    assert boss in (world.users["he"], world.users["gao"])
    assert run(world, today + timedelta(days=33))["pool"] == 1
    assert world.row("select owner_id, pool from crm.customers where id = %s", customer) == (
        None,
        "market",
    )
    assert (
        world.row(
            "select count(*) from crm.tasks where customer_id = %s and status = 'open' and "
            "removed_at is null and kind = 'escalation'",
            customer,
        )
        == 0
    )


def test_who_was_spoken_to_meanwhile_leaves_the_ladder(world):
    publish(world, LADDER)
    today = world.row("select (now() at time zone 'Asia/Shanghai')::date")
    customer = silent(world, 20)
    assert run(world, today)["manager"] == 1
    assert world.log_conversation("lin", customer, next_contact_on=None)["status"] == "applied"
    run(world, today + timedelta(days=1))
    assert (
        world.row(
            "select count(*) from crm.tasks where customer_id = %s and status = 'open' and "
            "removed_at is null",
            customer,
        )
        == 0
    )
    assert run(world, today + timedelta(days=12))["remind"] == 1  # and the ladder begins again


def test_the_first_response_counts_open_minutes_only(world):
    publish(world, RESPONSE)
    customer = world.customer()
    evening = datetime(2026, 11, 20, 19, 30, tzinfo=ZONE)
    world.db.execute("update crm.customers set created_at = %s where id = %s", (evening, customer))

    def asked(hour, minute, day=20):
        return world.row(
            "select crm.run_first_response_rules(%s, %s)",
            world.stores["east"],
            datetime(2026, 11, day, hour, minute, tzinfo=ZONE),
        )

    assert asked(19, 59) == {}
    assert asked(23, 0) == {}  # quiet: nobody is reminded at night
    assert asked(9, 20, 21) == {}  # 30 minutes yesterday and 20 today
    assert asked(9, 31, 21) == {"remind": 1}
    assert asked(9, 40, 21) == {"remind": 0}
    assert asked(12, 31, 21) == {"manager": 1}


@pytest.mark.parametrize(
    ("day", "made"),
    [
        ("2026-02-26", 0),
        ("2026-02-27", 1),
        ("2026-03-01", 1),
        ("2026-03-29", 1),
        ("2026-04-15", 0),
        ("2027-02-27", 1),
        ("2024-02-28", 0),
    ],
)
def test_a_birthday_comes_every_year_and_no_leap_day_is_lost(world, day, made):
    found = document(
        {
            "key": "birthday",
            "label": {"en": "Birthday"},
            "kind": "care",
            "days": [2],
            "date": {"form": "customer", "field": "birthday"},
        }
    )
    found["forms"]["customer"]["fields"].append(
        {"key": "birthday", "label": {"en": "Birthday"}, "type": "date"}
    )
    found["roles"][0]["rights"]["customer"]["birthday"] = "write"
    world.ask("liang", "select api.publish_config(%s, %s, 1)", world.stores["east"], Jsonb(found))
    customer = world.customer(birthday="2024-03-01", next_contact_on=None)
    world.db.execute("update crm.customers set next_contact_on = null where id = %s", (customer,))
    assert run(world, date.fromisoformat(day))["care"] == made
    assert run(world, date.fromisoformat(day))["care"] == 0


@pytest.mark.parametrize(
    "field", ["x; drop table crm.customers", "phone", "'||(select 1)||'", "closed_at"]
)
def test_a_care_date_is_never_an_expression(world, field):
    world.db.execute(
        "insert into crm.rules (store_id, key, label, kind, options) values (%s, 'odd', '{}', "
        "'care', %s)",
        (world.stores["east"], Jsonb({"date": {"form": "customer", "field": field}})),
    )
    world.customer()
    assert run(world, date(2026, 11, 24))["care"] == 0
