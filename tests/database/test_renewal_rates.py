"""Renewal rates of a month: by window, insurer, member and reason, each number with its policies
(F-42)."""

import random
from collections import Counter
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from tests.database.test_meeting_sheet import hide
from tests.database.test_renewal_memory import holder, policy, today
from tests.support.people import World

NUMBERS = ("due", "contacted", "renewed", "lost")
RATES = "select api.renewal_rates(%s, %s)"
ROWS = "select api.renewal_rate_rows(%s, %s, %s, %s, %s)"


def rates(world: World, month: date, who: str = "he") -> dict[tuple[str, str], tuple[int, ...]]:
    """Each heading with due, contacted, renewed and lost."""
    answer = world.ask(who, RATES, world.stores["east"], month)[0][0]
    return {(n["by"], n["key"]): tuple(n[x] for x in NUMBERS) for n in answer["numbers"]}


def rows(
    world: World, month: date, by: str, key: str, number: str, who: str = "he"
) -> dict[str, Any]:
    return world.ask(who, ROWS, world.stores["east"], month, by, key, number)[0][0]


def ids(found: dict[str, Any]) -> list[str]:
    return sorted(row["policy_id"] for row in found["rows"])


def insured(world: World, days: int, insurer: str = "人保", who: str = "zhou", **columns) -> str:
    """A policy of that renewal owner that ends in so many days; answers its id."""
    number = world.row("select count(*) from crm.customers")
    customer = holder(world, who, phone=f"137{number:08d}")
    found = policy(world, customer, today(world) + timedelta(days=days), **columns)
    world.db.execute("update crm.policies set insurer = %s where id = %s", (insurer, found))
    return found


def customer_of(world: World, found: str) -> str:
    return str(world.row("select customer_id from crm.policies where id = %s", found))


def decide(world: World, found: str, status: str, before: int, reason: str | None = None) -> None:
    """So many days before its end it was renewed or lost."""
    world.db.execute(
        "update crm.policies set status = %s, lost_reason = %s where id = %s",
        (status, reason, found),
    )
    world.db.execute(
        "update crm.events e set created_at = ((p.expires_on - %s) + time '12:00')"
        " at time zone 'Asia/Shanghai' from crm.policies p where p.id = %s"
        " and e.subject_id = p.id and e.field = 'status'",
        (before, found),
    )


def talked(world: World, found: str, before: int) -> None:
    """So many days before its end somebody reached the customer."""
    customer = customer_of(world, found)
    talk = world.log_conversation("he", customer)
    world.db.execute(
        "update crm.conversations set occurred_at = (select ((p.expires_on - %s) + time '12:00')"
        " at time zone 'Asia/Shanghai' from crm.policies p where p.id = %s) where id ="
        " (select subject_id from crm.events where op_id = %s and form = 'conversation' limit 1)",
        (before, found, talk["op_id"]),
    )


def month_of(world: World, found: str) -> date:
    return world.row("select expires_on from crm.policies where id = %s", found).replace(day=1)


def test_a_policy_counts_in_the_windows_it_came_through(world):
    found = insured(world, -10)
    month = month_of(world, found)
    talked(world, found, 70)
    talked(world, found, 20)
    decide(world, found, "renewed", 45)
    assert rates(world, month) == {
        ("all", ""): (1, 1, 1, 0),
        ("window", "90"): (1, 1, 0, 0),
        ("window", "60"): (1, 0, 1, 0),  # it was decided in this one, and no later one counts it
        ("insurer", "人保"): (1, 1, 1, 0),
        ("member", str(world.users["zhou"])): (1, 1, 1, 0),
    }


def test_a_lost_one_has_its_reason_and_counts_after_its_end_in_the_last_window(world):
    found = insured(world, -40)
    month = month_of(world, found)
    decide(world, found, "lost", -5, "price")
    counted = rates(world, month)
    assert counted[("window", "30")] == counted[("all", "")] == (1, 0, 0, 1)
    assert counted[("reason", "price")] == (1, 0, 0, 1)
    assert ids(rows(world, month, "window", "30", "lost")) == [found]
    assert rows(world, month, "window", "60", "lost")["total"] == 0


def test_a_window_that_has_not_begun_counts_nothing(world):
    found = insured(world, 75)
    counted = rates(world, month_of(world, found))
    assert counted[("window", "90")] == (1, 0, 0, 0)
    assert ("window", "60") not in counted and ("window", "30") not in counted


def test_a_year_that_was_followed_is_not_due(world):
    found = insured(world, -3)
    world.db.execute("update crm.policies set status = 'ended' where id = %s", (found,))
    assert rates(world, month_of(world, found)) == {}


def test_a_number_opens_the_customers_the_caller_sees(world):
    found = insured(world, -1)
    world.db.execute(
        "update crm.customers set name = '孙先生' where id = %s", (customer_of(world, found),)
    )
    answer = rows(world, month_of(world, found), "insurer", "人保", "due")
    assert (answer["total"], answer["unseen"]) == (1, 0)
    [row] = answer["rows"]
    assert (row["customer_name"], row["insurer"], row["status"]) == ("孙先生", "人保", "active")


def test_the_specialist_sees_their_own_and_another_store_nothing(world):
    mine, other = insured(world, -1), insured(world, -1, who="he")
    month = month_of(world, mine)
    assert rates(world, month, "he")[("all", "")][0] == 2
    assert rates(world, month, "zhou")[("all", "")] == (1, 0, 0, 0)
    assert ids(rows(world, month, "all", "", "due", "zhou")) == [mine]
    assert rows(world, month, "member", str(world.users["he"]), "due", "zhou")["total"] == 0
    assert ids(rows(world, month, "member", str(world.users["he"]), "due")) == [other]
    for sql, more in ((RATES, ()), (ROWS, ("all", "", "due"))):
        refused = world.refused("ma", sql, world.stores["east"], month, *more)
        assert refused.startswith("PT403")


@pytest.mark.parametrize("field", ["expires_on", "insurer"])
def test_a_number_rests_on_no_hidden_field(world, field):
    found = insured(world, -1)
    month = month_of(world, found)
    hide(world, "manager", "policy", field)
    counted = rates(world, month)
    assert ("insurer", "人保") not in counted
    assert ids(rows(world, month, "insurer", "人保", "due")) == []
    if field == "expires_on":
        assert counted == {} and rows(world, month, "all", "", "due")["total"] == 0
    else:
        assert rows(world, month, "all", "", "due")["rows"][0]["insurer"] is None


@pytest.mark.parametrize("seed", range(2))
def test_every_number_is_the_one_counted_by_hand(world, seed):
    """Policies of a few months with talks and decisions of any day, counted again in Python; each
    number has as many rows."""
    dice, expected = random.Random(seed), {}
    for _ in range(14):
        ends, insurer = dice.randrange(-40, 95), dice.choice(["人保", "平安"])
        who = dice.choice(["zhou", "he"])
        found = insured(world, ends, insurer, who)
        talks = {d for d in dice.sample(range(91), 2) if d >= ends}
        for before in talks:
            talked(world, found, before)
        status, decided = "active", None
        if dice.random() < 0.6:
            status, decided = dice.choice(["renewed", "lost"]), max(ends, dice.randrange(-20, 100))
            decide(world, found, status, decided, "price" if status == "lost" else None)
        parts = expected.setdefault(month_of(world, found), {})
        headings = [("all", ""), ("insurer", insurer), ("member", str(world.users[who]))]
        headings += [("reason", "price")] if status == "lost" else []
        for heading in headings:
            parts.setdefault(heading, Counter()).update(due=1, contacted=bool(talks), **{status: 1})
        for begins, last in ((90, 61), (60, 31), (30, -999)):
            gone_by = decided is not None and decided > begins and begins < 90
            if ends <= begins and not gone_by:
                here = decided is not None and decided >= last
                parts.setdefault(("window", str(begins)), Counter()).update(
                    due=1,
                    contacted=any(last <= d <= begins for d in talks),
                    **({status: 1} if here else {}),
                )
    for month, parts in expected.items():
        counted = rates(world, month)
        assert counted == {h: tuple(int(n[x]) for x in NUMBERS) for h, n in parts.items()}
        for (by, key), numbers in counted.items():
            for number, value in zip(NUMBERS, numbers, strict=True):
                assert rows(world, month, by, key, number)["total"] == value


@pytest.mark.parametrize("month", ["infinity", "-infinity"])
def test_a_month_that_never_ends_is_refused(world, month):
    for call in ("renewal_rates(%s, %s)", "renewal_rate_rows(%s, %s, 'all', '', 'due')"):
        with pytest.raises(psycopg.Error) as refused, world.db.transaction():
            world.ask("he", f"select api.{call}", world.stores["east"], month)
        assert refused.value.sqlstate == "PT422"
