"""Whoever has an open task with a customer has the customer on the phone: the queue of a pool, an
escalation. It comes with the task and leaves with it, by name, and only as far as rights reach."""

import random
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.database.test_sync import commit_world, pull_all
from tests.support.people import World
from tests.support.present import present


@pytest.fixture
def dealers(stack):
    world = commit_world(stack)
    yield world
    world.db.rollback()
    world.db.close()


def pooled(world: World, phone: str = "13900000001", pool: str = "market") -> str:
    customer = world.customer("he", phone=phone, level="potential", pool=pool)
    assert world.row("select pool from crm.customers where id = %s", customer) == pool
    return customer


def close(world: World, task: str) -> None:
    """Somebody else's talk ended it."""
    customer = str(world.row("select customer_id from crm.tasks where id = %s", task))
    conversation = world.log_conversation(
        "he", customer, "follow_up", level="potential", task_id=task
    )
    assert conversation["status"] == "applied", conversation


class Device:
    """What a phone holds: rows come, named ones leave, a full round leaves only what it brought."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name, self.cursor = world, name, None
        self.rows: dict[str, dict[str, Any]] = {}
        self.told: list[str] = []

    def pull(self, page: int = 50) -> "Device":
        self.world.db.commit()
        rows, removed, self.cursor, reset = pull_all(
            self.world, self.name, cursor=self.cursor, page=page
        )
        self.world.db.commit()
        if reset:
            self.rows = {}
        for form, found in rows.items():
            self.rows.setdefault(form, {}).update(found)
        for form, ids in removed.items():
            for gone in ids:
                self.rows.get(form, {}).pop(gone, None)
                if form == "customers":
                    for other in set(self.rows) - {"tasks", "approvals", "customers"}:
                        self.rows[other] = {
                            k: v for k, v in self.rows[other].items() if v["customer_id"] != gone
                        }
        self.told = sorted(removed.get("customers", ()))
        return self

    @property
    def customers(self) -> set[str]:
        return set(self.rows.get("customers", {}))


def test_the_market_team_gets_the_customers_of_its_tasks(dealers):
    """34 tasks were delivered to the market team's phone and none was shown."""
    queued, idle = pooled(dealers), pooled(dealers, "13900000002")
    dealers.log_conversation("he", queued, "follow_up", level="potential", notes="想看看七座")
    dealers.task(queued, "wu")
    device = Device(dealers, "wu").pull()
    assert device.customers == {queued}
    assert len(device.rows["conversations"]) == 1
    assert idle not in str(device.rows)


def test_a_customer_comes_with_the_task_and_leaves_with_it(dealers):
    customer = pooled(dealers)
    dealers.log_conversation("he", customer, "follow_up", level="potential", notes="老客户介绍")
    device = Device(dealers, "wu").pull()
    assert device.customers == set()
    task = dealers.task(customer, "wu")
    device.pull()
    assert device.customers == {customer}
    assert len(device.rows["conversations"]) == 1  # its older rows too
    close(dealers, task)
    device.pull()
    assert device.told == [customer]
    assert device.customers == set() and not device.rows["conversations"]
    assert device.pull().told == []  # told once


def test_the_managers_escalation_comes_with_its_customer(dealers):
    customer = dealers.customer("lin")
    device = Device(dealers, "he").pull()
    assert device.customers == set()
    task = dealers.task(customer, "he", kind="escalation")
    assert device.pull().customers == {customer}
    assert dealers.log_conversation("he", customer, task_id=task)["status"] == "applied"
    # the conversation planned the next one for the manager
    assert device.pull().customers == {customer}
    dealers.db.execute(
        "update crm.tasks set assignee_id = %s where assignee_id = %s",
        (dealers.users["lin"], dealers.users["he"]),
    )
    assert device.pull().told == [customer] and device.customers == set()


def test_a_task_gives_nobody_sight_of_a_customer(dealers):
    """Another owner's, a pool of others, another store's: the task alone opens nothing."""
    of_chen = dealers.customer("chen", phone="13900000003")
    retained = pooled(dealers, "13900000004", "retained")
    dealers.task(of_chen, "lin")
    dealers.task(of_chen, "wu")
    dealers.task(retained, "wu")
    for name in ("lin", "wu"):
        rows = Device(dealers, name).pull().rows
        assert "customers" not in rows and "conversations" not in rows


def test_a_customer_that_leaves_the_pool_leaves_the_phone(dealers):
    """The task stays with whom it had, the sight of the customer does not."""
    customer = pooled(dealers)
    dealers.task(customer, "wu")
    device = Device(dealers, "wu").pull()
    assert device.customers == {customer}
    dealers.db.execute("update crm.customers set pool = 'retained' where id = %s", (customer,))
    assert device.pull().told == [customer]
    dealers.db.execute("update crm.customers set pool = 'market' where id = %s", (customer,))
    assert device.pull().customers == {customer}
    dealers.done(
        "he", "reassign", {"customer_ids": [customer], "owner_id": str(dealers.users["lin"])}
    )
    assert device.pull().told == [customer]


def test_a_hidden_field_of_an_assigned_customer_stays_hidden(dealers):
    customer = dealers.customer(
        "he", phone="13911112222", level="potential", pool="market", budget_fen=25_000_000
    )
    dealers.task(customer, "wu")
    row = Device(dealers, "wu").pull().rows["customers"][customer]
    assert row["phone"] == "139****2222" and "budget_fen" not in row["custom"]
    assert "25000000" not in str(row) and "13911112222" not in str(row)


def test_who_is_disabled_gets_nothing_more(dealers):
    dealers.task(pooled(dealers), "wu")
    device = Device(dealers, "wu").pull()
    dealers.db.execute(
        "update crm.members set active = false where user_id = %s", (dealers.users["wu"],)
    )
    dealers.db.commit()
    answer = dealers.ask(
        "wu", "select api.sync_pull(%s, %s, 50)", dealers.stores["east"], Jsonb(device.cursor)
    )[0][0]
    assert answer["access_revoked"] and answer["rows"] == {}


@pytest.mark.parametrize(
    "last", ["x", [], ["a", "b", "c"], [5, "2026-13-45", "x"], {"0": 1}, [5, None, None], 7]
)
def test_a_forged_window_begins_anew(dealers, last):
    customer = pooled(dealers)
    dealers.task(customer, "wu")
    device = Device(dealers, "wu").pull()
    device.cursor = present(device.cursor) | {"last": last}
    assert device.pull().customers == {customer}


def test_a_large_pool_does_not_fill_a_phone(dealers):
    """The first of the queue only; as they are done, the next ones come."""
    dealers.db.execute("set crm.most_assigned_tasks = '3'")
    customers = [pooled(dealers, f"1390000{n:04d}") for n in range(6)]
    tasks = [dealers.task(c, "wu", due=f"{n} days") for n, c in enumerate(customers)]
    device = Device(dealers, "wu").pull()
    assert device.customers == set(customers[:3])
    assert set(device.rows["tasks"]) == set(tasks[:3])
    close(dealers, tasks[0])
    assert device.pull().customers == set(customers[1:4]) and device.told == [customers[0]]
    assert set(tasks[1:4]) <= set(device.rows["tasks"])
    early = pooled(dealers, "13900009999")
    dealers.task(early, "wu", due="-2 days")
    assert device.pull().customers == {early, *customers[1:3]} and device.told == [customers[3]]


def test_the_phone_holds_what_a_full_round_would_bring(dealers):
    """Tasks begin, end, move between people and days while pages of every size are pulled: after a
    round the phone holds what a new one would get (the window is small, so that it moves)."""
    dealers.db.execute("set crm.most_assigned_tasks = '4'")
    dice = random.Random(14)
    customers = [pooled(dealers, f"1390001{n:04d}") for n in range(8)]
    customers += [dealers.customer("lin", phone=f"1390002{n:04d}") for n in range(4)]
    devices = [Device(dealers, name) for name in ("wu", "he", "gao")]
    for _step in range(60):
        what = dice.choice(["task", "task", "close", "move", "later", "pool", "owner"])
        tasks = [
            r[0]
            for r in dealers.db.execute(
                "select id from crm.tasks where status = 'open' and store_id = %s order by id",
                (dealers.stores["east"],),
            )
        ]
        customer = dice.choice(customers)
        if what == "task":
            dealers.task(
                customer, dice.choice(["wu", "he", "gao"]), due=f"{dice.randrange(9)} days"
            )
        elif tasks and what == "close":
            close(dealers, str(dice.choice(tasks)))
        elif tasks and what == "move":
            dealers.db.execute(
                "update crm.tasks set assignee_id = %s where id = %s",
                (dealers.users[dice.choice(["wu", "he", "lin"])], dice.choice(tasks)),
            )
        elif tasks and what == "later":
            dealers.db.execute(
                "update crm.tasks set due_on = due_on + %s where id = %s",
                (dice.randrange(-3, 4), dice.choice(tasks)),
            )
        elif what == "pool":
            dealers.db.execute(
                "update crm.customers set owner_id = null, pool = %s where id = %s",
                (dice.choice(["market", "retained"]), customer),
            )
        else:
            dealers.db.execute(
                "update crm.customers set owner_id = %s, pool = null where id = %s",
                (dealers.users[dice.choice(["lin", "he"])], customer),
            )
        device = dice.choice(devices)
        device.pull(page=dice.choice([1, 3, 50]))
        fresh = Device(dealers, device.name).pull()
        for form in ("customers", "conversations"):
            assert set(device.rows.get(form, {})) == set(fresh.rows.get(form, {})), (
                _step,
                device.name,
                form,
            )
