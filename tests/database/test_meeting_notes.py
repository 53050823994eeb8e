"""Notes and to-dos of the daily meeting: who writes and reads them, that a customer's to-do is a
task like any other, and that nothing of it moves a plan or counts (S-23)."""

import json
from datetime import date, timedelta
from typing import Any

import pytest

from tests.database.test_meeting_sheet import FREEZE, hide, sheet
from tests.support.days import pass_days
from tests.support.people import World, new_id

NOTES = "select api.meeting_notes(%s, %s)"
SAVE = "select api.save_meeting_notes(%s, %s, %s, %s)"
ADD = "select api.add_meeting_todo(%s, %s, %s, %s, %s, %s, %s)"
TICK = "select api.tick_meeting_todo(%s, %s, %s)"
MINE = "select api.my_todos(%s)"
WORDS = "给展车打蜡"


def today(world: World) -> date:
    return world.row("select (now() at time zone 'Asia/Shanghai')::date")


def notes(world: World, who: str, day: date | None = None) -> dict[str, Any]:
    return world.ask(who, NOTES, world.stores["east"], day)[0][0]


def save(world: World, text: str, revision: int = 0, by: str = "he") -> int:
    return world.ask(by, SAVE, world.stores["east"], text, revision, None)[0][0]["revision"]


def todo(
    world: World,
    whose: str = "lin",
    *,
    words: str = WORDS,
    due: date | None = None,
    customer: str | None = None,
    day: date | None = None,
) -> tuple[Any, ...]:
    return world.stores["east"], new_id(), words, world.users[whose], due, customer, day


def add(world: World, *what: Any, **more: Any) -> str:
    asked = todo(world, *what, **more)
    world.ask("he", ADD, *asked)
    return str(asked[1])


def mine(world: World, who: str) -> list[tuple[str, bool]]:
    return [(t["id"], t["is_done"]) for t in world.ask(who, MINE, world.store_of(who))[0][0]]


def shown(world: World, who: str, day: date | None = None) -> dict[str, bool]:
    return {t["id"]: t["is_done"] for t in notes(world, who, day)["todos"]}


def held_before(world: World, days: int, *todos: str) -> None:
    """These were given at a meeting so many days ago."""
    sql = "update crm.meeting_todos set covers_on = covers_on - %s where id = any (%s::uuid[])"
    world.db.execute(sql, (days, list(todos)))


# Notes --------------------------------------------------------------------------------------------


def test_nobody_overwrites_what_they_have_not_read(world: World):
    first = save(world, "上午交车三台")
    assert save(world, "上午交车四台", first, by="gao") == first + 1
    asked = world.stores["east"], "下午盘点", first, None
    assert world.refused("he", SAVE, *asked) == "PT409 conflict"
    found = notes(world, "he")
    assert (found["notes"], found["written_by"]) == ("上午交车四台", "gao")
    # the same text again: the first answer was lost
    assert save(world, "上午交车四台", 0, by="gao") == first + 2
    save(world, "", first + 2)
    assert notes(world, "he")["notes"] == ""


def test_a_frozen_sheet_keeps_the_notes_the_meeting_saw(world: World):
    east = world.stores["east"]
    first = save(world, "上午交车三台")
    assert notes(world, "he")["frozen_notes"] is None
    world.ask("he", FREEZE, east, None)
    save(world, "改到下午", first)
    world.ask("he", FREEZE, east, None)
    found = notes(world, "he")
    assert (found["notes"], found["frozen_notes"]) == ("改到下午", "上午交车三台")


@pytest.mark.parametrize("days", [-1, 32])
def test_other_days_are_not_written(world: World, days: int):
    day = today(world) - timedelta(days=days)
    asked = world.stores["east"], "x", 0, day
    assert world.refused("he", SAVE, *asked) == "PT422 invalid"
    assert world.refused("he", ADD, *todo(world, day=day)) == "PT422 invalid"
    if days > 0:
        assert not notes(world, "he", day)["may_write"]


def test_notes_have_a_limit(world: World):
    asked = world.stores["east"], "长" * 4001, 0, None
    assert world.refused("he", SAVE, *asked) == "PT422 length"


# Who ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["lin", "zhou", "wu", "xu", "qin", "ma", "yan", "stranger"])
def test_only_who_leads_the_meeting_writes(world: World, who: str):
    assert world.refused(who, SAVE, world.stores["east"], "x", 0, None) == "PT403 forbidden"
    assert world.refused(who, ADD, *todo(world)) == "PT403 forbidden"
    assert world.count("meeting_notes") == 0
    assert world.count("meeting_todos") == 0


def test_each_sees_their_own_and_the_notes_are_of_who_sees_the_store(world: World):
    save(world, "上午交车三台")
    of_lin, of_chen = add(world, "lin"), add(world, "chen")
    assert (shown(world, "lin"), shown(world, "chen")) == ({of_lin: False}, {of_chen: False})
    assert [t for t, _done in mine(world, "lin")] == [of_lin]
    for who in ("lin", "chen"):
        found = notes(world, who)
        assert (found["notes"], found["written_by"], found["may_write"]) == ("", None, False)
    for who in ("he", "xu"):
        assert {*shown(world, who)} == {of_lin, of_chen}
        assert notes(world, who)["notes"] == "上午交车三台"
    assert mine(world, "he") == []


@pytest.mark.parametrize("who", ["qin", "ma", "yan", "stranger"])
def test_another_store_sees_nothing(world: World, who: str):
    item = add(world, "lin")
    east = world.stores["east"]
    assert world.refused(who, NOTES, east, None) == "PT403 forbidden"
    assert world.refused(who, MINE, east) == "PT403 forbidden"
    assert world.refused(who, TICK, east, item, True) == "PT403 forbidden"


@pytest.mark.parametrize("access", ["hidden", "masked"])
def test_a_customer_is_named_as_the_reader_sees_them(world: World, access: str):
    customer = world.customer("lin", name="慕容雪村")
    add(world, "lin", customer=customer)
    assert notes(world, "he")["todos"][0]["customer_name"] == "慕容雪村"
    hide(world, "manager", "customer", "name", access)
    assert "慕容雪村" not in json.dumps(notes(world, "he"), ensure_ascii=False)


# To-dos -------------------------------------------------------------------------------------------


def test_what_is_no_todo_is_refused(world: World):
    day = today(world)
    cases: list[tuple[tuple[Any, ...], str]] = [
        (todo(world, words="  "), "PT422 required"),
        (todo(world, words="长" * 501), "PT422 length"),
        (todo(world, "ma"), "PT422 option"),  # of another store
        (todo(world, due=day - timedelta(days=1)), "PT422 range"),
        (todo(world, due=day + timedelta(days=31)), "PT422 range"),
        (todo(world, customer=new_id()), "PT404 not_found"),
        (todo(world, customer=world.customer("ma")), "PT404 not_found"),
    ]
    for arguments, refusal in cases:
        assert world.refused("he", ADD, *arguments) == refusal, arguments
    world.db.execute("update crm.members set active = false where name = 'chen'")
    assert world.refused("he", ADD, *todo(world, "chen")) == "PT422 option"
    assert world.count("meeting_todos") == 0


def test_a_todo_is_ticked_off_and_taken_back(world: World):
    east = world.stores["east"]
    item = add(world, "lin")
    assert world.refused("chen", TICK, east, item, True) == "PT404 not_found"
    for who, done in (("lin", True), ("lin", True), ("lin", False), ("he", True)):
        world.ask(who, TICK, east, item, done)
        assert mine(world, "lin") == [(item, done)]
        assert shown(world, "he") == {item: done}
    # what was done on another day has left one's list
    world.db.execute("update crm.meeting_todos set done_at = done_at - interval '2 days'")
    assert mine(world, "lin") == []


def test_the_same_todo_twice_is_one(world: World):
    for customer in (None, world.customer("lin")):
        asked = todo(world, customer=customer)
        for _n in range(2):
            world.ask("he", ADD, *asked)
        assert world.row("select count(*) from crm.meeting_todos where id = %s", asked[1]) == 1
    assert world.count("tasks", "kind = 'manual'") == 1


def test_the_next_meeting_sees_what_became_of_the_last(world: World):
    last, left, settled = add(world, "lin"), add(world, "chen"), add(world, "chen")
    for item in (last, settled):
        world.ask("he", TICK, world.stores["east"], item, True)
    held_before(world, 1, last)
    held_before(world, 5, left, settled)
    now = add(world, "chen")
    assert shown(world, "he") == {now: False, last: True, left: False}
    # as that day's sheet, without what came later
    assert {*shown(world, "he", today(world) - timedelta(days=1))} == {last, left, settled}


def test_by_default_it_is_due_on_the_next_working_day(world: World):
    item = add(world, "lin")
    expected = world.row(
        "select crm.due_day(crm.store_calendar(%s), %s)",
        world.stores["east"],
        today(world) + timedelta(days=1),
    )
    assert world.row("select due_on from crm.meeting_todos where id = %s", item) == expected


# About a customer ---------------------------------------------------------------------------------


def test_a_todo_about_a_customer_is_a_task_that_only_a_conversation_clears(world: World):
    customer = world.customer("lin")
    item = add(world, "lin", customer=customer)
    kind, remark, status = world.row(
        "select kind, remark, status from crm.tasks where id = %s", item
    )
    assert (kind, remark, status) == ("manual", WORDS, "open")
    assert mine(world, "lin") == []  # it is in their queue
    for who in ("lin", "he"):
        refused = world.refused(who, TICK, world.stores["east"], item, True)
        assert refused == "PT409 task_stays"
    assert shown(world, "he") == {item: False}
    log = world.log_conversation("lin", customer, task_id=item)
    assert log["status"] == "applied", log
    assert shown(world, "he") == shown(world, "lin") == {item: True}


def test_it_follows_the_customer_to_a_new_owner(world: World):
    customer = world.customer("lin")
    item = add(world, "lin", customer=customer)
    world.done("he", "reassign", {"customer_id": customer, "owner_id": str(world.users["chen"])})
    assert (shown(world, "lin"), shown(world, "chen")) == ({}, {item: False})
    assert notes(world, "he")["todos"][0]["assignee"] == "chen"


def test_only_who_can_clear_it_gets_it(world: World):
    customer = world.customer("lin")
    for who in ("chen", "xu"):  # does not see the customer; logs no conversation
        assert world.refused("he", ADD, *todo(world, who, customer=customer)) == "PT422 option"
    world.db.execute("update crm.customers set do_not_call = true where id = %s", (customer,))
    assert world.refused("he", ADD, *todo(world, "lin", customer=customer)) == "PT422 option"
    assert world.count("tasks", "kind = 'manual'") == 0


@pytest.mark.parametrize(("planned", "asked"), [(3, 10), (10, 3)])
def test_it_never_puts_off_the_planned_call(world: World, planned: int, asked: int):
    """An open task holds the place of the call that was planned, and is due no later."""
    day = today(world)
    plan = (day + timedelta(days=planned)).isoformat()
    customer = world.customer("lin", next_contact_on=plan)
    before = world.row("select next_contact_on from crm.customers where id = %s", customer)
    item = add(world, "lin", customer=customer, due=day + timedelta(days=asked))
    due = world.row("select due_on from crm.tasks where id = %s", item)
    assert due == min(before, day + timedelta(days=asked))
    assert world.row("select next_contact_on from crm.customers where id = %s", customer) == before
    east = world.stores["east"]
    for n in range(12):
        left = world.row(
            "select count(*) from crm.customers_without_next_step(%s, %s)",
            east,
            day + timedelta(days=n),
        )
        assert left == 0, n


def test_after_it_the_nights_go_on(world: World):
    """Nights with the open task, and after a conversation has cleared it."""
    east = world.stores["east"]
    customer = world.customer("lin")
    item = add(world, "lin", customer=customer, due=today(world) + timedelta(days=2))
    left = "select count(*) from crm.customers_without_next_step(%s, %s)"
    for n in range(12):
        if n == 4:
            log = world.log_conversation("lin", customer, task_id=item)
            assert log["status"] == "applied", log
            plan = world.row("select next_contact_on from crm.customers where id = %s", customer)
            assert plan is not None and plan > today(world)
        pass_days(world, east, 1)
        world.db.execute("select crm.run_rules(%s, %s)", (east, today(world)))
        assert world.row(left, east, today(world)) == 0, n
    open_kinds = "select kind from crm.tasks where customer_id = %s and status = 'open'"
    assert world.row(open_kinds, customer) in ("cadence", "next_contact")


# Numbers ------------------------------------------------------------------------------------------


def test_no_number_counts_notes_and_todos(world: World):
    """Of the day, of the next day, and of a report; a customer's to-do is counted as the task it
    is, and nothing else of it."""
    east, report = world.stores["east"], "select api.report(%s, 'day')"
    customer = world.customer("lin")
    world.log_conversation("lin", customer)

    def counted() -> tuple[Any, ...]:
        return sheet(world, "he", east)["numbers"], world.ask("he", report, east)[0][0]

    before = counted()
    save(world, "上午交车三台")
    item = add(world, "lin", due=today(world))
    add(world, "chen")
    world.ask("lin", TICK, east, item, True)
    assert counted() == before
    due = today(world)
    add(world, "lin", customer=customer, due=due)
    task = world.row("select count(*) from crm.follow_ups_due_on(%s, %s, %s)", east, due, due)
    changed = [n for n in sheet(world, "he", east)["numbers"] if n not in before[0]]
    assert {n["metric"] for n in changed} == {"follow_ups_due"}
    assert sum(n["value"] for n in changed) == task
