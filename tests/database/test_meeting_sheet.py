"""The meeting sheet: every number of every day is what an independent count says, whatever people,
lists, merges, undos and late phones did since; a frozen sheet stays as the meeting saw it (S-23).

The count below is in Python, from the tables as they are; levels and owners of days that are over
come from what was written down at the end of each day, not from history.
"""

import json
import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.database.test_a_stores_year import Season
from tests.database.test_tasks_never_vanish import ADVISORS, Act, given_up
from tests.support.days import pass_days
from tests.support.people import World, new_id

ZONE = ZoneInfo("Asia/Shanghai")
NOBODY = str(UUID(int=0))
SHEET = "select api.meeting_sheet(%s, %s)"
ROWS = "select api.metric_rows(%s, %s, %s, %s)"
FREEZE = "select api.freeze_meeting_sheet(%s, %s)"
Numbers = dict[tuple[str, str, str], tuple[int, int | None]]  # metric, member, level → value, of


def sheet(world: World, who: str, store: Any, day: date | None = None) -> dict[str, Any]:
    return world.ask(who, SHEET, store, day)[0][0]


def shown(found: dict[str, Any], value: str = "value", out_of: str = "out_of") -> Numbers:
    """The numbers of a sheet that are not zero."""
    return {
        (n["metric"], n["member_id"], n["dimension"]): (n[value], n[out_of])
        for n in found["numbers"]
        if n[value] or n[out_of]
    }


# An independent count ----------------------------------------------------------------------------


class Tables:
    """A store's rows as they are now, read by the operator."""

    def __init__(self, world: World, store: Any) -> None:
        def read(table: str) -> list[dict[str, Any]]:
            with world.db.cursor(row_factory=dict_row) as cursor:
                sql = f"select * from crm.{table} where store_id = %s"
                return cursor.execute(sql.encode(), (store,)).fetchall()

        self.customers = {c["id"]: c for c in read("customers") if not c["removed_at"]}

        def hanging(table: str) -> list[dict[str, Any]]:
            return [
                r for r in read(table) if not r["removed_at"] and r["customer_id"] in self.customers
            ]

        self.visits, self.deals = hanging("visits"), hanging("deals")
        self.tasks = hanging("tasks")
        self.conversations = {c["id"]: c for c in hanging("conversations")}
        self.levels = {x["key"]: x for x in read("levels")}
        self.types = {(s["pipeline"], s["key"]): s["type"] for s in read("stages")}
        self.members, self.roles = read("members"), {r["key"]: r for r in read("roles")}
        self.pools = {p["key"] for p in read("pools") if not p["retired"]}

    def callers(self) -> dict[str, UUID]:
        """Who calls the customers of a pool; of two the database chooses, so there is one."""
        found: dict[str, UUID] = {}
        for m in self.members:
            role = self.roles[m["role"]]
            is_caller = role["scope"] in ("own", "team") and "log_conversation" in role["verbs"]
            for pool in role["pools"] if m["active"] and is_caller else ():
                assert pool not in found
                found[pool] = m["user_id"]
        return {pool: user for pool, user in found.items() if pool in self.pools}


def local(at: datetime) -> date:
    return at.astimezone(ZONE).date()


def count(t: Tables, day: date, today: date, then: dict[UUID, tuple[str, UUID | None]]) -> Numbers:
    """Every number of a day. `then`: level and owner of each customer when it ended."""
    n: Counter[tuple[str, str, str]] = Counter()
    whole: Counter[tuple[str, str, str]] = Counter()

    def add(metric: str, member: UUID | None, level: str = "", by: int = 1) -> None:
        n[metric, str(member or NOBODY), level] += by

    for v in t.visits:
        if local(v["arrived_at"]) == day:
            add("visits", v["owner_id"] or v["received_by"])
    for c in t.customers.values():
        if local(c["created_at"]) == day:
            add("new_customers", c["owner_id"])
    for v in t.conversations.values():
        if local(v["occurred_at"]) == day:
            if v["reached"]:
                add("contacts", v["author_id"])
            before, after = t.levels.get(v["level_before"]), t.levels[v["level_after"]]
            if before and after["rank"] > before["rank"]:
                add("upgrades", v["author_id"])
    for task in t.tasks:
        by = t.conversations.get(task["conversation_id"])
        cleared = by["occurred_at"] if by else task["closed_at"]
        if by and local(by["occurred_at"]) == day:
            add("follow_ups_done", by["author_id"])
        if task["status"] == "suspended":
            continue
        is_due = task["due_on"] <= day and local(task["opened_at"]) <= day
        if is_due and (cleared is None or local(cleared) >= day):
            add("follow_ups_due", task["assignee_id"])
        if task["due_on"] == day + timedelta(1) and (cleared is None or local(cleared) > day):
            add("next_day_tasks", task["assignee_id"])
    if day == today:
        plan(t, day, add)
    for customer, (level, owner) in then.items():
        if customer in t.customers:
            is_potential = t.levels[level]["pool"] is not None
            add("potential" if is_potential else "prospects", owner, "" if is_potential else level)
    for d in t.deals:
        kind = t.types[d["pipeline"], d["stage"]]
        if d["closed_at"] is None or kind == "open":
            continue
        closed, won = local(d["closed_at"]), kind == "won"
        if closed == day and won:
            add("deals_won", d["owner_id"])
            add("amount_won", d["owner_id"], by=d["amount_fen"] or 0)
        if day - timedelta(30) < closed <= day:
            add("conversion", d["owner_id"], by=int(won))
            whole["conversion", str(d["owner_id"] or NOBODY), ""] += 1
    return {key: (n[key], whole.get(key)) for key in {*n, *whole} if n[key] or whole[key]}


def plan(t: Tables, day: date, add: Callable[..., None]) -> None:
    """Calls of tomorrow that the night has not made tasks of."""
    busy = {
        x["subject_id"]
        for x in t.tasks
        if x["status"] in ("open", "cancel_requested") and x["kind"] != "escalation"
    }
    callers = t.callers()
    for c in t.customers.values():
        who = c["owner_id"] or callers.get(c["pool"])
        silent = c["do_not_call"] or c["consent_withdrawn_at"]
        is_due = c["next_contact_on"] == day + timedelta(1)
        if is_due and who and not silent and c["id"] not in busy:
            add("next_day_tasks", who)


# Two stores, day by day ---------------------------------------------------------------------------


@dataclass
class Days(Season):
    """Random real verbs in two stores; what a day was is kept under the number of the day."""

    then: dict[tuple[str, int], dict[UUID, tuple[str, UUID | None]]] = field(default_factory=dict)
    frozen: dict[int, Numbers] = field(default_factory=dict)
    deals: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)

    def choose(self) -> Callable[[], Act]:
        often = [self.do_undo, self.do_merge, self.do_import, self.do_visit]
        own = [self.do_deal, self.do_close, self.do_late, self.do_regret, self.do_west]
        return self.dice.choice([*often, *own, *[super().choose()] * 6])

    def step(self, number: int, do: Callable[[], Act] | None = None) -> None:
        act = (do or self.choose())()
        self.history.append(act.trace)
        self.seen[act.verb] += act.applied
        self.find_customers()

    def do_deal(self) -> Act:
        deal, customer = new_id(), self.a_customer()
        act = self.push(
            self.dice.choice(("he", *ADVISORS)),
            "save_deal",
            {
                "id": deal,
                "customer_id": customer,
                "pipeline": "new_car",
                "set": {"title": "朗逸", "amount_fen": self.dice.randrange(1, 10**7)},
            },
            customer=customer,
        )
        if act.applied:
            self.deals.append(deal)
        return act

    def do_close(self) -> Act:
        if not self.deals:
            return self.do_deal()
        won, lost, open_again = (
            {"stage": "delivered"},
            {"stage": "lost", "lost_reason": "price"},
            {"stage": "lead"},
        )
        to = self.dice.choice([won, won, lost, open_again])
        return self.push("he", "move_deal", {"id": self.dice.choice(self.deals), **to})

    def do_late(self) -> Act:
        """A phone that was offline for days sends what was said and done then."""
        found = self.a_task()
        if not found:
            return self.do_new_customer()
        task, seen = found
        who = next((n for n, u in self.world.users.items() if str(u) == seen.assignee), "lin")
        at = datetime.now(UTC) - timedelta(days=self.dice.choice([0, 1, 2, 3]))
        return self.push(
            who,
            "log_conversation",
            {
                "id": new_id(),
                "customer_id": seen.customer,
                "task_id": task,
                "outcome": "interested",
                "level": self.dice.choice(["near", "intent", "potential"]),
                "notes": "离线时聊过",
                "occurred_at": at.isoformat(),
            },
            customer=seen.customer,
        )

    def do_visit(self) -> Act:
        """Written down when there was time, at times a day later."""
        at = datetime.now(UTC) - timedelta(days=self.dice.choice([0, 0, 1]))
        return self.push(
            self.dice.choice(("xu", *ADVISORS)),
            "record_visit",
            {"id": new_id(), "customer_id": self.a_customer(), "arrived_at": at.isoformat()},
        )

    def do_regret(self) -> Act:
        """A conversation, and its undo."""
        customer = self.a_customer()
        talk = {"id": new_id(), "customer_id": customer, "outcome": "interested", "notes": "聊过"}
        act = self.push("he", "log_conversation", talk | {"level": "near"}, customer=customer)
        op = act.op_id or new_id()
        regret = self.push("he", "undo", {"op_id": op}, undone=op)
        self.seen["undone conversation"] += act.applied and regret.applied
        return regret

    def do_west(self) -> Act:
        customer = new_id()
        values = {"name": "西店客", "source": "walk_in", "level": "near"}
        act = self.push("ma", "save_customer", {"id": customer, "set": values})
        self.world.task(customer, "ma")
        self.world.log_conversation("ma", customer, level="intent")
        return act

    def end_day(self) -> None:
        for name in ("east", "west"):
            rows = self.world.db.execute(
                "select id, level, owner_id from crm.customers where store_id = %s",
                (self.world.stores[name],),
            ).fetchall()
            self.then[name, self.passed] = {c: (level, owner) for c, level, owner in rows}

    def do_night(self) -> Act:
        self.end_day()
        self.world.db.execute("alter table crm.meeting_sheets disable trigger user")
        for days in (-1000, 1001):  # one by one two sheets would meet
            self.world.db.execute(
                "update crm.meeting_sheets set covers_on = covers_on - %s::int", (days,)
            )
        self.world.db.execute("alter table crm.meeting_sheets enable trigger user")
        pass_days(self.world, self.world.stores["west"], 1)
        self.world.db.execute(
            "select crm.run_nightly(%s, %s)", (self.world.stores["west"], self.today())
        )
        return super().do_night()

    def judge_days(self, days: int) -> None:
        """The last days of both stores, and the rows of one number of each."""
        self.end_day()
        for name, who in (("east", "he"), ("west", "qin")):
            tables = Tables(self.world, self.world.stores[name])
            for ago in range(min(days, self.passed + 1)):
                number, day = self.passed - ago, self.today() - timedelta(ago)
                found = sheet(self.world, who, self.world.stores[name], day)
                counted = count(tables, day, self.today(), self.then[name, number])
                assert shown(found) == counted, (name, ago)
                self.seen.update(metric for metric, _member, _level in counted)
                named = {m["id"] for m in found["members"]} | {NOBODY}
                assert {member for _metric, member, _level in counted} <= named
                self.judge_rows(who, name, day, counted)
                if name == "east":
                    self.judge_frozen(found, number)

    def judge_rows(self, who: str, name: str, day: date, counted: Numbers) -> None:
        if not counted:
            return
        metric, member, _level = self.dice.choice(sorted(counted))
        found = self.world.ask(who, ROWS, self.world.stores[name], metric, day, member)[0][0]
        values = [v for k, v in counted.items() if k[:2] == (metric, member)]
        if metric == "amount_won":
            assert sum(r["amount_fen"] or 0 for r in found["rows"]) == values[0][0]
        else:
            rows = sum(value if out_of is None else out_of for value, out_of in values)
            assert found["total"] == len(found["rows"]) == rows
        assert found["unseen"] == 0

    def judge_frozen(self, found: dict[str, Any], number: int) -> None:
        if number not in self.frozen:
            assert found["frozen_at"] is None
            return
        assert found["frozen_at"] is not None and not found["may_freeze"]
        assert shown(found, "frozen", "frozen_out_of") == self.frozen[number]

    def freeze(self) -> None:
        """What is counted at this moment of the day."""
        self.end_day()
        tables = Tables(self.world, self.store)
        now = count(tables, self.today(), self.today(), self.then["east", self.passed])
        self.world.ask("he", FREEZE, self.store, self.today())
        self.frozen.setdefault(self.passed, now)


@pytest.fixture
def dealers(stack):
    with psycopg.connect(stack.db_url) as connection:
        yield connection, World(connection)
        connection.rollback()


def play(connection: psycopg.Connection, world: World, seed: int, days: int) -> Days:
    with given_up(connection):
        life = Days(world, random.Random(seed))
        for n in range(8):
            who = life.dice.choice(ADVISORS)
            world.task(world.customer(who, phone=f"138{seed:04d}{n:04d}", level="intent"), who)
        life.find_customers()
        for number in range(days):
            for act in range(5):
                life.step(5 * number + act)
                if life.dice.random() < 0.2:
                    life.freeze()
            try:
                life.judge_days(4)
                life.step(0, life.do_night)
                life.judge_days(2)
            except AssertionError as error:
                told = "\n".join(life.history[-60:])
                raise AssertionError(f"seed {seed}, day {number}: {error}\n{told}") from None
        life.judge_days(days)
        return life


def test_every_number_is_an_independent_count(dealers: tuple[psycopg.Connection, World]):
    """FORECOURT_SEED begins elsewhere."""
    first = int(os.environ.get("FORECOURT_SEED", "1"))
    seen: Counter[str] = Counter()
    for seed in range(first, first + 3):
        life = play(*dealers, seed, days=10)
        assert life.frozen
        seen += life.seen
    catalogue = {
        r[0] for r in dealers[0].execute("select key from crm.metrics where on_sheet").fetchall()
    }
    played = {"undone conversation", "merge", "import", "revert_import", "reassign", "record_visit"}
    assert {k for k in seen if seen[k]} >= catalogue | played


@pytest.mark.long
@pytest.mark.parametrize("seed", range(201, 204))
def test_ninety_days(dealers: tuple[psycopg.Connection, World], seed: int):
    play(*dealers, seed, days=90)


# Who sees what ------------------------------------------------------------------------------------


@pytest.fixture
def called(world: World) -> str:
    """Of lin's two customers, one was called, raised a level and has bought; chen has a third."""
    bought = world.customer("lin", name="孙先生", phone="13900000001", level="intent")
    for customer, who in (
        (bought, "lin"),
        (world.customer("lin", name="周女士", phone="13900000002", level="intent"), "lin"),
        (world.customer("chen", name="吴先生", phone="13900000003", level="intent"), "chen"),
    ):
        world.task(customer, who)
    world.log_conversation("lin", bought, level="near")
    deal = new_id()
    values = {"title": "朗逸", "amount_fen": 12_345_600}
    payload = {"id": deal, "customer_id": bought, "pipeline": "new_car", "set": values}
    world.done("lin", "save_deal", payload)
    world.done("lin", "move_deal", {"id": deal, "stage": "delivered"})
    return bought


def of(world: World, who: str, metric: str, whose: str, *, day: date | None = None) -> int:
    """A number of east's sheet, 0 when it is not shown."""
    numbers = shown(sheet(world, who, world.stores["east"], day))
    member = str(world.users[whose])
    return sum(
        value for (m, user, _), (value, _of) in numbers.items() if (m, user) == (metric, member)
    )


def rows(world: World, who: str, metric: str, whose: str | None = None) -> dict[str, Any]:
    member = world.users[whose] if whose else None
    return world.ask(who, ROWS, world.stores["east"], metric, None, member)[0][0]


def test_a_manager_sees_everybody(world: World, called: str):
    assert of(world, "he", "follow_ups_due", "lin") == 2
    assert of(world, "he", "follow_ups_due", "chen") == 1
    assert of(world, "he", "upgrades", "lin") == 1
    assert of(world, "he", "amount_won", "lin") == 12_345_600
    assert [r["customer_name"] for r in rows(world, "he", "follow_ups_done")["rows"]] == ["孙先生"]


def test_an_advisor_sees_their_own(world: World, called: str):
    found = sheet(world, "lin", world.stores["east"])
    assert [m["name"] for m in found["members"]] == ["lin"]
    assert {n["member_id"] for n in found["numbers"]} == {str(world.users["lin"])}
    assert rows(world, "lin", "follow_ups_due", "chen")["total"] == 0
    assert rows(world, "lin", "follow_ups_due")["total"] == 2


@pytest.mark.parametrize("who", ["qin", "ma", "yan", "stranger"])
def test_another_store_is_refused(world: World, called: str, who: str):
    east = world.stores["east"]
    asked = (
        (SHEET, (east, None)),
        (ROWS, (east, "deals_won", None, None)),
        (FREEZE, (east, None)),
    )
    for sql, arguments in asked:
        assert world.refused(who, sql, *arguments) == "PT403 forbidden"


@pytest.mark.parametrize("who", ["lin", "zhou", "wu", "xu"])
def test_only_a_decider_of_the_store_freezes(world: World, called: str, who: str):
    assert world.refused(who, FREEZE, world.stores["east"], None) == "PT403 forbidden"
    assert not sheet(world, who, world.stores["east"])["may_freeze"]


def hide(world: World, role: str, form: str, field: str, access: str = "hidden") -> None:
    """The rights as publishing compiles them."""
    world.db.execute(
        "update crm.access set readable = array_remove(readable, %(f)s), writable = "
        "array_remove(writable, %(f)s), required = array_remove(required, %(f)s), masked = case "
        "when %(a)s = 'masked' then masked || %(f)s::text else masked end"
        " where store_id = %(s)s and role = %(r)s and form = %(form)s",
        {"f": field, "a": access, "s": world.stores["east"], "r": role, "form": form},
    )


@pytest.mark.parametrize("access", ["hidden", "masked"])
@pytest.mark.parametrize("is_frozen", [False, True])
def test_a_hidden_field_enters_no_number(world: World, called: str, access: str, is_frozen: bool):
    if is_frozen:
        world.ask("liang", FREEZE, world.stores["east"], None)
    rests_on = {
        ("deal", "amount_fen"): {"amount_won"},
        ("customer", "level"): {"upgrades", "prospects", "potential"},
        ("customer", "next_contact_on"): {"next_day_tasks"},
    }
    whole = {m["key"] for m in sheet(world, "he", world.stores["east"])["metrics"]}
    gone: set[str] = set()
    told = [rows(world, "he", "deals_won"), rows(world, "he", "conversion")]
    for (form, key), metrics in rests_on.items():
        hide(world, "manager", form, key, access)
        gone |= metrics
        found = sheet(world, "he", world.stores["east"])
        told.append(found)
        assert {m["key"] for m in found["metrics"]} == whole - gone
        assert not {n["metric"] for n in found["numbers"]} & gone
        for metric in metrics:
            refused = world.refused("he", ROWS, world.stores["east"], metric, None, None)
            assert refused == "PT404 not_found"
    assert "12345600" not in json.dumps(told) and "intent" not in json.dumps(told[-1])
    assert {"amount_won", "prospects"} <= {
        m["key"] for m in sheet(world, "liang", world.stores["east"])["metrics"]
    }


def test_a_name_is_hidden_where_the_customer_is(world: World, called: str):
    """The number stays lin's; whose customer it was is not shown to lin any more."""
    new_owner = str(world.users["chen"])
    world.done("he", "reassign", {"customer_id": called, "owner_id": new_owner})
    assert of(world, "lin", "contacts", "lin") == of(world, "he", "contacts", "lin") == 1
    seen = rows(world, "lin", "contacts")
    assert (seen["total"], seen["unseen"], seen["rows"]) == (1, 1, [])
    assert rows(world, "he", "contacts", "lin")["unseen"] == 0


def test_what_is_undone_did_not_happen(world: World, called: str):
    before = shown(sheet(world, "he", world.stores["east"]))
    log = world.log_conversation("lin", called, level="near")
    assert of(world, "he", "contacts", "lin") == 2
    world.done("lin", "undo", {"op_id": log["op_id"]})
    assert shown(sheet(world, "he", world.stores["east"])) == before


# Frozen -------------------------------------------------------------------------------------------


def test_a_frozen_sheet_stays_and_says_what_differs(world: World, called: str):
    east = world.stores["east"]
    world.ask("he", FREEZE, east, None)
    before = sheet(world, "he", east)
    assert before["frozen_by"] == "he" and not before["may_freeze"]
    assert shown(before) == shown(before, "frozen", "frozen_out_of")
    world.log_conversation("lin", called, level="near")
    world.ask("gao", FREEZE, east, None)  # a second time
    after = sheet(world, "he", east)
    assert (after["frozen_at"], after["frozen_by"]) == (before["frozen_at"], "he")
    assert shown(after, "frozen", "frozen_out_of") == shown(before)
    contacts = next(n for n in after["numbers"] if n["metric"] == "contacts")
    assert (contacts["value"], contacts["frozen"]) == (2, 1)


def test_no_code_changes_a_frozen_sheet(world: World, called: str):
    world.ask("he", FREEZE, world.stores["east"], None)
    with pytest.raises(psycopg.Error) as error:
        world.db.execute("update crm.meeting_sheets set numbers = '[]'")
    assert error.value.sqlstate == "PT409"


def test_a_day_to_come_has_no_sheet(world: World):
    tomorrow = world.row("select (now() at time zone 'Asia/Shanghai')::date + 1")
    for sql in (SHEET, FREEZE):
        assert world.refused("he", sql, world.stores["east"], tomorrow) == "PT422 invalid"
    refused = world.refused("he", ROWS, world.stores["east"], "deals_won", tomorrow, None)
    assert refused == "PT422 invalid"


def test_every_metric_says_what_it_counts(db: psycopg.Connection):
    for key, label, definition in db.execute("select key, label, definition from crm.metrics"):
        assert {*label} == {*definition} == {"zh_CN", "zh_TW", "en"}, key
        assert all(text.strip() for text in (*label.values(), *definition.values())), key
