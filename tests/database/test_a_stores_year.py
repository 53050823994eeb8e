"""A store's season, played with real verbs and real nights: after every night each customer has a
next step, no task has vanished, and nobody waits longer than their level allows (G18).

What a next step is, is said here once more in Python, from the tables alone: the SQL that repairs
does not judge itself.
"""

import json
import os
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.database.test_tasks_never_vanish import ADVISORS, Act, Life, given_up
from tests.support.days import pass_days
from tests.support.people import World, new_id, preset

SLOWEST = 90  # days: the cadence of a level that names none
LONGEST = {"near": 7, "intent": 45, "potential": SLOWEST}  # the longest any document here says
ACTS_A_DAY = 4
OFF = (4, 6)  # days of a season's week on which the store is closed


@dataclass
class Season(Life):
    """A store day by day. `passed`: how many days are over. The season's days are numbered; of each
    week two are off, holidays are closed, and some days that are off are worked instead (调休)."""

    passed: int = 0
    closed: set[int] = field(default_factory=set)
    makeup: set[int] = field(default_factory=set)
    agreed: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    late: int = 0
    worst_wait: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def __post_init__(self) -> None:
        super().__post_init__()
        at = 0
        while at < 800:
            at += self.dice.randrange(3, 25)
            length = self.dice.choice([1, 1, 3, 8, 16])
            self.closed |= set(range(at, at + length))
            self.makeup |= {
                n for n in range(at - 7, at) if n % 7 in OFF and self.dice.random() < 0.5
            }
            at += length
        self.makeup -= self.closed
        self.turn_calendar()

    def is_worked(self, number: int) -> bool:
        return number in self.makeup or (number % 7 not in OFF and number not in self.closed)

    def calendar(self) -> dict[str, Any]:
        """The season's calendar in days of today, from which time never moves on."""
        first = self.today() - timedelta(days=self.passed)
        off = {(first + timedelta(days=n)).isoweekday() for n in OFF}
        named = {
            part: {(first + timedelta(days=n)).isoformat(): {} for n in days if self.near(n)}
            for part, days in (("closed_days", self.closed), ("makeup_days", self.makeup))
        }
        return {**named, "weekdays": [day for day in range(1, 8) if day not in off]}

    def near(self, number: int) -> bool:
        return -70 < number - self.passed < 320

    def turn_calendar(self) -> None:
        self.world.db.execute(
            "update crm.stores set settings = settings || jsonb_build_object('calendar', %s::jsonb)"
            " where id = %s",
            (Jsonb(self.calendar()), self.store),
        )

    # What is done ---------------------------------------------------------------------------------

    def choose(self) -> Callable[[], Act]:
        return self.dice.choices(
            [
                self.log_one,
                self.do_unanswered,
                self.do_edit,
                self.do_consent,
                self.do_request,
                self.do_decide,
                self.do_snooze,
                self.do_reassign,
                self.do_claim,
                self.do_policy,
                self.do_receive,
                self.do_undo,
                self.do_import,
                self.do_merge,
                self.do_publish,
                self.do_people,
                self.do_new_customer,
                self.do_renewal_owner,
                self.do_lend,
            ],
            weights=[10, 8, 5, 2, 4, 5, 2, 2, 2, 2, 2, 3, 0.5, 1, 0.6, 1, 2, 1, 1],
        )[0]

    def do_unanswered(self) -> Act:
        """The owner of a task calls in vain, as often as the outcome allows."""
        found = self.a_task()
        if not found:
            return self.do_new_customer()
        task, seen = found
        who = next((n for n, u in self.world.users.items() if str(u) == seen.assignee), "lin")
        return self.push(
            who,
            "log_conversation",
            {
                "id": new_id(),
                "customer_id": seen.customer,
                "task_id": task,
                "outcome": self.dice.choice(["no_answer", "busy", "wrong_number"]),
                "level": self.world.row(
                    "select level from crm.customers where id = %s", seen.customer
                ),
            },
            customer=seen.customer,
        )

    def do_new_customer(self) -> Act:
        customer = new_id()
        where = self.dice.choice([{}, {}, {"pool": "market"}, {"pool": "open"}])
        return self.push(
            "he" if where else self.dice.choice(ADVISORS),
            "save_customer",
            {
                "id": customer,
                **where,
                "set": {
                    "name": "新客",
                    "phone": f"136{self.dice.randrange(10**8):08d}",
                    "source": "walk_in",
                    "level": self.dice.choice(["near", "intent", "potential"]),
                },
            },
            customer=customer,
        )

    def do_renewal_owner(self) -> Act:
        return self.push(
            "he",
            "set_renewal_owner",
            {
                "customer_id": self.a_customer(),
                "user_id": self.dice.choice([None, str(self.world.users["zhou"])]),
            },
        )

    def do_publish(self) -> Act:
        document = {**json.loads(preset()), "calendar": self.calendar()}
        document["store"]["time_zone"] = self.zone
        for rule in document["rules"]:
            if rule["key"] in ("silence", "first_response", "cadence"):
                rule["active"] = self.dice.random() < 0.6
        for level in document["levels"]:
            if level["key"] == "intent":
                level["cadence_days"] = self.dice.choice([10, 30, 45])
                if self.dice.random() < 0.2:
                    level["pool"] = "open"
        return self.call(
            self.dice.choice(("liang", "he")),
            "publish",
            "select api.publish_config(%s, %s, %s, '')",
            self.store,
            Jsonb(document),
            self.world.row("select config_version from crm.stores where id = %s", self.store),
        )

    def do_night(self) -> Act:
        pass_days(self.world, self.store, 1)
        self.passed += 1
        self.turn_calendar()
        self.world.db.execute("select crm.run_nightly(%s, %s)", (self.store, self.today()))
        return Act(None, "night", applied=True, trace="night")

    def push(self, who: str, verb: str, payload: dict, **more: Any) -> Act:
        act = super().push(who, verb, payload, **more)
        said = [payload.get("next_contact_on"), (payload.get("set") or {}).get("next_contact_on")]
        for day in filter(None, said):
            self.agree(payload.get("customer_id") or payload["id"], date.fromisoformat(day))
        return act

    def agree(self, customer: str, day: date) -> None:
        self.agreed[customer].add((day - self.today()).days + self.passed)

    def day(self) -> str:
        days = self.dice.choice([-1, 0, 1, 3, 7, 29, 30, 60, 399, 401])
        return (self.today() + timedelta(days=days)).isoformat()

    # What must hold -------------------------------------------------------------------------------

    def step(self, number: int, do: Callable[[], Act] | None = None) -> None:
        super().step(number, do)
        if self.history[-1].split(" ")[1:2] == ["import"]:  # a list brings days of its own
            for customer, plan in self.rows("select id::text, next_contact_on from crm.customers"):
                if plan:
                    self.agree(customer, plan)

    def rows(self, sql: str) -> list[tuple]:
        return self.world.db.execute(
            f"{sql} where store_id = %s".encode(), (self.store,)
        ).fetchall()

    def judge_night(self) -> None:
        today = self.today()
        working = {
            str(user): role
            for user, role, active in self.rows("select user_id, role, active from crm.members")
            if active
        }
        roles = {
            key: (verbs, pools, scope)
            for key, verbs, pools, scope in self.rows(
                "select key, verbs, pools, scope from crm.roles"
            )
        }
        works, sees = set(), set()
        for role in working.values():
            verbs, pools, scope = roles[role]
            sees |= {*pools} | ({"open"} if "claim_customer" in verbs else set())
            works |= {*pools} if scope == "own" and "log_conversation" in verbs else set()
        busy = {
            customer
            for customer, assignee, status, removed in self.rows(
                "select customer_id::text, assignee_id::text, status, removed_at from crm.tasks"
            )
            if status in ("open", "cancel_requested") and not removed and assignee in working
        } | {
            customer
            for customer, status, removed in self.rows(
                "select customer_id::text, status, removed_at from crm.approvals"
            )
            if status == "pending" and not removed
        }
        for customer, owner, pool, level, plan, silent in self.rows(
            "select id::text, owner_id::text, pool, level, next_contact_on,"
            " removed_at is not null or do_not_call or consent_withdrawn_at is not null"
            " from crm.customers"
        ):
            if silent or customer in busy:
                continue
            assert owner in working if owner else pool in sees, f"nobody has {customer}"
            if pool and pool not in works:
                continue
            assert plan is not None, f"no plan: {customer}"
            assert plan > today, f"due, and nobody is told: {customer} {plan}"
            self.judge_wait(customer, level, (plan - today).days)
        astray = self.world.row(
            "select count(*) from crm.tasks t join crm.queue_loans l on l.store_id = t.store_id "
            "where t.store_id = %s and t.removed_at is null and (t.loan_id = l.id and t.status in "
            "('open', 'cancel_requested') and l.ended_at is not null or t.status = 'open' and "
            "t.assignee_id = l.lender_id and t.due_on <= l.last_on and l.began_at is not null and "
            "l.ended_at is null)",
            self.store,
        )
        assert astray == 0, f"{astray} tasks of a loan are with the wrong person"
        left = self.world.row(
            "select count(*) from crm.customers_without_next_step(%s, %s)", self.store, today
        )
        assert left == 0, f"{left} without a next step"
        self.judge_working_days()
        self.judge_queues()

    def judge_queues(self) -> None:
        """Each open task that is due stands in the queue of an active member, who can read it. What
        a leaver still owns alone waits until a decider, who is told, names the next owner."""
        due: dict[Any, set[str]] = defaultdict(set)
        for user, task in self.world.db.execute(
            "select assignee_id, id::text from crm.tasks where store_id = %s"
            " and status = 'open' and removed_at is null and due_on <= %s"
            " and (due_at is null or due_at <= now() or due_on < %s)",
            (self.store, self.today(), self.today()),
        ).fetchall():
            due[user].add(task)
        names = {user: name for name, user in self.world.users.items()}
        for user, tasks in due.items():
            if not self.is_active(names[user]):
                untold = {task for task in tasks if not self.is_told(task)}
                assert not untold, f"{names[user]} has left: {self.about(untold)}"
                continue
            shown = {task for task, _, _ in self.due_of(names[user], 200)}
            if len(tasks) <= 200:
                unseen = {task for task in tasks - shown if not self.is_told(task)}
                assert not unseen, f"{names[user]} does not see {self.about(unseen)}"

    def is_told(self, task: str) -> bool:
        """Whether somebody who works here has another task with the same customer."""
        return self.world.row(
            "select exists (select from crm.tasks t join crm.tasks other using (store_id)"
            " join crm.members m on m.store_id = t.store_id and m.user_id = other.assignee_id"
            " where t.id = %s and other.customer_id = t.customer_id and m.active"
            " and other.status in ('open', 'cancel_requested') and other.removed_at is null)",
            task,
        )

    def about(self, tasks: set[str]) -> list[Any]:
        return self.world.db.execute(
            "select to_jsonb(t), jsonb_build_object('owner', k.owner_id, 'renewal_owner',"
            " k.renewal_owner_id, 'pool', k.pool, 'removed_at', k.removed_at)"
            " from crm.tasks t join crm.customers k using (store_id)"
            " where t.id = any (%s::uuid[]) and k.id = t.customer_id",
            (list(tasks),),
        ).fetchall()

    def due_of(self, name: str, limit: int) -> list[tuple[str, str, str]]:
        """What their phone shows them: (task, customer, level)."""
        page = self.world.ask(
            name,
            "select api.today(store_id => %s, page_size => %s)",
            self.store,
            limit,
        )[0][0]
        return [(t["id"], t["customer_id"], t["level"]) for t in page["tasks"]]

    def is_active(self, name: str) -> bool:
        return self.world.row(
            "select active from crm.members where store_id = %s and user_id = %s",
            self.store,
            self.world.users[name],
        )

    def judge_working_days(self) -> None:
        """What no person named is due on a day that is worked."""
        for customer, due, expires, kind in self.rows(
            "select customer_id::text, due_on, expires_on, kind from crm.tasks"
            " join crm.stores store on store.id = tasks.store_id"
            " and status = 'open' and removed_at is null"
            " and due_on >= (now() at time zone store.time_zone)::date"
            " and snoozes = 0 and kind <> 'manual'"
        ):
            number = (due - self.today()).days + self.passed
            same = self.joined.get(customer, set()) | {customer}
            if self.is_worked(number) or any(number in self.agreed[one] for one in same):
                continue
            ends = (expires - due).days if expires else 60
            ahead = any(self.is_worked(number + n) for n in range(1, ends + 1))
            assert not ahead, f"a {kind} call of {customer} on a closed day"

    def judge_wait(self, customer: str, level: str, wait: int) -> None:
        """The longest way to the next call: the level's, or a day somebody named."""
        same = self.joined.get(customer, set()) | {customer}
        if any(wait + self.passed in self.agreed[one] for one in same):
            assert wait <= 400, f"{customer} waits {wait} days"
            return
        self.worst_wait[level] = max(self.worst_wait[level], wait)
        allowed = LONGEST[level]
        while not self.is_worked(self.passed + allowed):
            allowed += 1
        assert wait <= allowed, f"{customer} ({level}) waits {wait} days, not {allowed}"


def play(connection: psycopg.Connection, world: World, seed: int, days: int, people: int) -> Season:
    with given_up(connection):
        season = Season(world, random.Random(seed))
        for n in range(people):
            who = season.dice.choice(ADVISORS)
            customer = world.customer(who, name=f"客{n}", phone=f"138{seed % 1000:04d}{n:04d}")
            if n % 3 == 0:
                world.db.execute(
                    "update crm.customers set renewal_owner_id = %s where id = %s",
                    (world.users["zhou"], customer),
                )
        season.find_customers()
        for task in season.tasks():
            season.born[task] = (0, None)
        number = 0
        for _ in range(days):
            for _ in range(ACTS_A_DAY):
                number += 1
                _judged(season, seed, lambda n=number: season.step(n))
            number += 1
            _judged(season, seed, lambda n=number: season.step(n, season.do_night))
            _judged(season, seed, season.judge_night)
        return season


def _judged(season: Season, seed: int, do: Callable[[], None]) -> None:
    try:
        do()
    except AssertionError as error:
        told = "\n".join(season.history[-60:])
        raise AssertionError(f"seed {seed}, day {season.passed}: {error}\n{told}") from None


@pytest.fixture
def dealers(stack):
    with psycopg.connect(stack.db_url) as connection:
        yield connection, World(connection)
        connection.rollback()


def test_a_season_forgets_nobody(dealers: tuple[psycopg.Connection, World]):
    """FORECOURT_SEED begins elsewhere."""
    first = int(os.environ.get("FORECOURT_SEED", "1"))
    for seed in range(first, first + 2):
        season = play(*dealers, seed, days=30, people=10)
        assert season.passed == 30


@pytest.mark.long
@pytest.mark.parametrize("seed", range(101, 107))
def test_a_year_forgets_nobody(dealers: tuple[psycopg.Connection, World], seed: int):
    season = play(*dealers, seed, days=365, people=60)
    print(f"seed {seed}: 365 nights, {len(season.customers)} customers, {dict(season.worst_wait)}")
