"""A year at full size: three stores in one database, 24 people, 1,500 customers, 365 nights.

Beside the random acts of a season, everybody works through their queue each working day. Days are
committed, so nights run on the indexes and statistics of a store that has lived for a year.
"""

import os
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from forecourt.migrate import migrate
from forecourt.stack import Stack
from tests.database.test_a_stores_year import ACTS_A_DAY, Season
from tests.database.test_tasks_never_vanish import ADVISORS, Act, ViewedMember
from tests.support.battery import Battery
from tests.support.people import World, new_id

CALLERS = (*ADVISORS, "zhou", "wu")
CALLS_A_DAY = 12  # of each caller
ZONES = ("Asia/Shanghai", "Asia/Shanghai", "Europe/Berlin")
CUSTOMERS = int(os.environ.get("FORECOURT_CUSTOMERS", "500"))  # of a store
FIRST_SEED = int(os.environ.get("FORECOURT_SEED", "201"))
SEEDS = int(os.environ.get("FORECOURT_SEEDS", "5"))
NIGHTS = int(os.environ.get("FORECOURT_NIGHTS", "365"))


@dataclass
class Year(Season):
    """A store whose people work. `seen`: its tasks as far as they have been read."""

    begun: date | None = None
    nights: int = 0
    calls: int = 0
    seen: dict[str, ViewedMember] = field(default_factory=dict)
    read_up_to: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.begun = self.today()

    def tasks(self) -> dict[str, ViewedMember]:
        """Only what the last transaction changed, or a later one, is read anew."""
        for row in self.world.db.execute(
            "select id::text, status, removed_at is not null, customer_id::text,"
            " assignee_id::text, rank, conversation_id::text, change_no"
            " from crm.tasks where store_id = %s and change_no >= %s",
            (self.store, self.read_up_to),
        ).fetchall():
            self.seen[row[0]] = ViewedMember(*row[1:7])
            self.read_up_to = max(self.read_up_to, row[7])
        return dict(self.seen)

    def do_call(self, name: str, task: str, customer: str, level: str) -> Act:
        self.calls += 1
        reached = self.dice.random() < 0.65
        outcomes = ("interested", "follow_up", "not_now") if reached else ("no_answer", "busy")
        act = self.push(
            name,
            "log_conversation",
            {
                "id": new_id(),
                "customer_id": customer,
                "task_id": task,
                "outcome": self.dice.choice(outcomes),
                "level": level,
                **({"notes": "聊过"} if reached else {}),
            },
            customer=customer,
        )
        assert act.applied, f"who has the task cannot do it: {act.trace}"
        return act

    def do_night(self) -> Act:
        self.nights += 1
        act = super().do_night()
        # the real day may have changed too since the year began
        self.passed = self.nights + (self.today() - (self.begun or self.today())).days
        return act

    # What must hold -------------------------------------------------------------------------------

    def policies_as_they_are(self, policies: list[str]) -> list[Any]:
        return self.world.db.execute(
            "select to_jsonb(p), to_jsonb(k) - 'custom', (select jsonb_agg(to_jsonb(t)) from"
            " crm.tasks t where t.subject_id = p.id) from crm.policies p join crm.customers k on"
            " k.store_id = p.store_id and k.id = p.customer_id where p.id = any (%s::uuid[])",
            (policies,),
        ).fetchall()

    def policies_that_ended(self) -> Counter:
        """How each policy that ended was cared for: contacts in the last 90 days of those that the
        store knew so long, or the reason."""
        found = self.world.db.execute(
            """
            select case
              when p.removed_at is not null or k.removed_at is not null then 'taken back'
              when p.status in ('lost', 'renewed', 'ended') then p.status
              when k.do_not_call or k.consent_withdrawn_at is not null then 'asked for silence'
              when p.expires_on - p.created_at::date < 60 then 'known less than 60 days before'
              when talks.n >= 2 then 'contacted twice or more'
              when work.excused > 0 then 'excused by a manager'
              when work.open > 0 then 'still open with somebody'
              when work.suspended > 0 then 'suspended: silence, or in a pool'
              when k.owner_id is null and k.renewal_owner_id is null then 'on the list of orphans'
              when talks.n + work.tried >= 2 then 'tried twice or more'
              else 'unexplained'
            end, p.id::text
            from crm.policies p
            join crm.customers k on k.store_id = p.store_id and k.id = p.customer_id
            cross join lateral (
              select count(*) as n from crm.conversations c
              where c.store_id = p.store_id and c.customer_id = p.customer_id and c.reached
                and c.removed_at is null
                and c.occurred_at::date between p.expires_on - 92 and p.expires_on + 1) talks
            cross join lateral (
              select count(*) filter (where t.status = 'excused') as excused,
                count(*) filter (where t.status in ('open', 'cancel_requested')) as open,
                count(*) filter (where t.status = 'suspended') as suspended,
                count(*) filter (where t.status = 'done') as tried
              from crm.tasks t
              where t.store_id = p.store_id and t.subject_id = p.id and t.removed_at is null) work
            where p.store_id = %s and p.expires_on < %s and p.expires_on >= %s
            """,
            (self.store, self.today(), self.today() - timedelta(days=self.nights - 90)),
        ).fetchall()
        unexplained = [policy for reason, policy in found if reason == "unexplained"]
        assert not unexplained, (
            f"policies nobody cared for: {self.policies_as_they_are(unexplained)}"
        )
        return Counter(reason for reason, _ in found)


def open_store(world: World, seed: int, number: int) -> Year:
    zone = ZONES[number]
    world.db.execute(
        "update crm.stores set time_zone = %s where id = %s", (zone, world.stores["east"])
    )
    year = Year(world, random.Random(seed * 10 + number), zone=zone)
    for n in range(CUSTOMERS):
        level = year.dice.choice(["near", "intent", "intent", "potential"])
        customer = world.customer(
            year.dice.choice(ADVISORS), name=f"客{n}", phone=f"138{number}{n:07d}", level=level
        )
        if n % 3 == 0:
            world.db.execute(
                "update crm.customers set renewal_owner_id = %s where id = %s",
                (world.users["zhou"], customer),
            )
            world.done(
                "zhou",
                "save_policy",
                {
                    "id": new_id(),
                    "customer_id": customer,
                    "set": {
                        "expires_on": str(
                            year.today() + timedelta(days=year.dice.randrange(3, 380))
                        )
                    },
                },
            )
    year.find_customers()
    for task in year.tasks():
        year.born[task] = (0, None)
    return year


def live_a_day(year: Year, number: int) -> int:
    """Random acts, then everybody's queue, then the night; answers the number of the last step."""
    for _ in range(ACTS_A_DAY):
        number += 1
        year.step(number)
    for name in CALLERS if year.is_worked(year.passed) else ():
        for _ in range(CALLS_A_DAY if year.is_active(name) else 0):
            if not (due := year.due_of(name, 1)):  # one talk may clear more than one task
                break
            number += 1
            year.step(number, lambda name=name, call=due[0]: year.do_call(name, *call))
    number += 1
    year.step(number, year.do_night)
    year.judge_night()
    return number


def live_a_year(database: psycopg.Connection, seed: int) -> list[Year]:
    """Days are committed, so it is a database of its own; vacuum comes by as it does in a store."""
    years = [open_store(World(database), seed, number) for number in range(len(ZONES))]
    steps = [0] * len(years)
    for night in range(NIGHTS):
        for at, year in enumerate(years):
            try:
                steps[at] = live_a_day(year, steps[at])
            except AssertionError as error:
                told = "\n".join(year.history[-80:])
                raise AssertionError(
                    f"seed {seed}, store {at}, night {night}: {error}\n{told}"
                ) from None
        database.commit()
        if night % 10 == 9:
            database.set_autocommit(True)
            database.execute("vacuum (analyze, index_cleanup on)")
            database.set_autocommit(False)
    return years


@pytest.mark.long
def test_a_year_of_three_stores_forgets_nobody(stack: Stack):
    seeds = range(FIRST_SEED, FIRST_SEED + SEEDS)
    battery = Battery("year", "A year of three stores", seeds=f"{seeds[0]}…{seeds[-1]}")
    for seed in seeds:
        address = stack.create_database("a_year", "template1")
        migrate(address, lambda line: None)
        with psycopg.connect(address) as database:
            for number, year in enumerate(live_a_year(database, seed)):
                battery.row(seed=seed, **figures(year, number))
    battery.finish()


def figures(year: Year, number: int) -> dict[str, Any]:
    reasons = year.policies_that_ended()
    return {
        "store": f"{number + 1} ({year.zone})",
        "nights": year.nights,
        "customers": len(year.customers),
        "calls": year.calls,
        "tasks": len(year.seen),
        "without a next step": 0,
        "gone without talk or approval": 0,
        "unseen by their person": 0,
        "longest wait, days": ", ".join(f"{k} {v}" for k, v in sorted(year.worst_wait.items())),
        "policies that ended": "; ".join(f"{k}: {v}" for k, v in sorted(reasons.items())),
    }
