"""Every open customer has a next step: an open task, a planned day, a pending approval, or a pool
whose people see them (S-20, S-53, S-62, S-63, S-76, S-78)."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.support.days import pass_days
from tests.support.people import World, new_id, preset

LONGEST_SILENCE = 91  # days: nobody waits longer than the slowest cadence


def today(world: World) -> date:
    return world.row("select (now() at time zone 'Asia/Shanghai')::date")


def night(world: World, days: int = 1) -> Any:
    pass_days(world, world.stores["east"], days)
    return world.row("select crm.run_rules(%s, %s)", world.stores["east"], today(world))


def open_tasks(world: World, customer: str) -> list[tuple[str, str]]:
    return world.db.execute(
        "select t.id::text, m.name from crm.tasks t"
        " join crm.members m on m.store_id = t.store_id and m.user_id = t.assignee_id"
        " where t.customer_id = %s and t.status = 'open' and t.removed_at is null"
        " order by t.due_on, t.id",
        (customer,),
    ).fetchall()


def plan(world: World, customer: str) -> date | None:
    return world.row("select next_contact_on from crm.customers where id = %s", customer)


def nights_until_a_task(world: World, customer: str, most: int = 120) -> int:
    """How many nights from now on until somebody is told to call."""
    for n in range(1, most + 1):
        day = today(world) + timedelta(days=n)
        world.row("select crm.run_rules(%s, %s)", world.stores["east"], day)
        if open_tasks(world, customer):
            return n
    raise AssertionError(f"no task in {most} nights")


def due_customer(world: World, who: str = "lin", **fields: Any) -> tuple[str, str]:
    """A customer whose plan has come, and the task the night made for it."""
    customer = world.customer(who, **fields)
    planned = plan(world, customer)
    assert planned
    night(world, (planned - today(world)).days)
    return customer, open_tasks(world, customer)[0][0]


def test_a_hot_customer_who_never_answers_is_called_again(world):
    customer, task = due_customer(world)
    attempts = 0
    while task:
        attempts += 1
        assert world.log_conversation("lin", customer, "no_answer", notes=None, task_id=task)[
            "status"
        ] == ("applied")
        found = open_tasks(world, customer)
        task = found[0][0] if found else ""
    assert attempts == 3
    assert plan(world, customer) == today(world) + timedelta(days=7)
    assert nights_until_a_task(world, customer) == 7


def test_a_hot_customer_who_has_no_day_to_move_is_called_again(world):
    """The last try of a call that no plan stands behind."""
    customer = world.customer(next_contact_on=str(today(world) + timedelta(days=30)))
    task = world.task(customer, kind="manual")
    for _ in range(3):
        world.log_conversation("lin", customer, "no_answer", notes=None, task_id=task)
        task = next((t for t, _ in open_tasks(world, customer)), "")
    assert nights_until_a_task(world, customer) <= 31


def test_an_approved_cancel_is_followed_by_the_next_call(world):
    customer, task = due_customer(world)
    request = new_id()
    world.done(
        "lin", "request_cancellation", {"id": request, "task_id": task, "reason": "unreachable"}
    )
    world.done("he", "decide_approval", {"id": request, "decision": "approve"})
    assert open_tasks(world, customer) == []
    assert nights_until_a_task(world, customer) == 7


@pytest.mark.parametrize("level", ["near", "intent", "potential"])
def test_a_plan_taken_away_is_planned_again(world, level):
    customer = world.customer(level=level)
    world.done(
        "lin",
        "save_customer",
        {"id": customer, "set": {"next_contact_on": None}},
        base_version=world.row("select version from crm.customers where id = %s", customer),
    )
    assert plan(world, customer) is not None
    assert nights_until_a_task(world, customer) <= LONGEST_SILENCE


@pytest.mark.parametrize("level", ["near", "intent", "potential"])
@pytest.mark.parametrize("outcome", ["received", "not_now"])
def test_a_visit_logged_without_a_day_is_followed_up(world, level, outcome):
    """S-63: an advisor who clears the day gets the level's."""
    customer = world.customer()
    answer = world.log_conversation(
        "lin", customer, outcome, method="visit", level=level, next_contact_on=None
    )
    assert answer["status"] == "applied"
    assert plan(world, customer) is not None
    assert nights_until_a_task(world, customer) <= LONGEST_SILENCE


def test_not_now_in_the_market_pool_is_asked_again_by_the_market_team(world):
    customer = world.customer()
    world.log_conversation("lin", customer, "not_now", level="potential")
    night(world)
    assert world.row("select pool from crm.customers where id = %s", customer) == "market"
    assert nights_until_a_task(world, customer) <= LONGEST_SILENCE
    task, who = open_tasks(world, customer)[0]
    assert who == "wu"
    answer = world.log_conversation(
        "wu", customer, "not_now", level="potential", task_id=task, next_contact_on=None
    )
    assert answer["status"] == "applied"
    assert answer["next_contact_on"] == str(plan(world, customer))  # the day nobody said
    assert nights_until_a_task(world, customer) <= LONGEST_SILENCE


def test_the_preferred_hour_is_kept_by_calls_the_rules_make(world):
    """S-76: whatever made the call, it waits for the part of the day the customer named."""
    customer, task = due_customer(world, preferred_time="evening")
    assert (
        world.row(
            "select (due_at at time zone 'Asia/Shanghai')::time::text from crm.tasks where id = %s",
            task,
        )
        == "18:00:00"
    )
    assert customer


def first_response(world: World, minutes: int) -> Any:
    document = json.loads(preset())
    next(r for r in document["rules"] if r["key"] == "first_response")["active"] = True
    for rule in document["rules"]:
        if rule["key"] == "first_response":
            del rule["quiet_from"], rule["quiet_to"]
    world.ask(
        "liang", "select api.publish_config(%s, %s, 1, '')", world.stores["east"], Jsonb(document)
    )
    world.db.execute(
        "update crm.customers set created_at = created_at - make_interval(mins => %s)"
        " where store_id = %s",
        (minutes, world.stores["east"]),
    )
    return world.row("select crm.run_first_response_rules(%s, now())", world.stores["east"])


def test_a_lead_that_waits_in_a_pool_escalates_too(world):
    """S-97: nobody's lead is the first to be forgotten."""
    lead = world.customer("he", pool="market", level="near")
    first_response(world, 40)
    assert [who for _, who in open_tasks(world, lead)] == ["wu"]
    first = world.row("select crm.run_first_response_rules(%s, now())", world.stores["east"])
    assert not any(first.values())
    world.db.execute(
        "update crm.customers set created_at = created_at - interval '2 hours' where id = %s",
        (lead,),
    )
    world.row("select crm.run_first_response_rules(%s, now())", world.stores["east"])
    assert {who for _, who in open_tasks(world, lead)} & {"he", "gao"}


@pytest.mark.parametrize(
    ("start", "every", "before", "expected"),
    [
        ("2026-08-31", 6, 7, "2027-02-28"),
        ("2026-08-31", 1, 0, "2026-09-30"),
        ("1992-02-29", 12, 0, "2027-02-28"),
        ("2024-02-29", 12, 3, "2025-02-28"),
        ("2024-02-29", 48, 0, "2028-02-29"),
        ("2026-01-30", 1, 0, "2026-02-28"),
    ],
)
def test_a_care_date_is_told_on_its_day(world, start, every, before, expected):
    """31st, 30th and 29 February: made so many days before, never born overdue."""
    due = date.fromisoformat(expected)
    first = due - timedelta(days=before)
    for day, found in ((first - timedelta(days=1), None), (first, due), (due, due)):
        assert world.row(
            "select crm.next_care_date(%s, %s, null, %s, %s)", start, every, before, day
        ) in ((found,) if found else (None, *_earlier(start, every, due))), day


def _earlier(start: str, every: int, due: date) -> list[date]:
    """Returns before the one asked for: a reminder of these may still be told."""
    first = date.fromisoformat(start)
    found = []
    for n in range(1, 600):
        month = first.month - 1 + n * every
        year, month = first.year + month // 12, month % 12 + 1
        last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day
        day = date(year, month, min(first.day, last))
        if day >= due:
            return found
        found.append(day)
    return found


def delivered(world: World) -> str:
    """A car lin sold and handed over."""
    customer = world.customer()
    vehicle, deal = new_id(), new_id()
    world.done(
        "lin",
        "save_vehicle",
        {"id": vehicle, "customer_id": customer, "set": {"plate": "沪A12345"}},
    )
    world.db.execute(
        "insert into crm.deals (store_id, id, customer_id, owner_id, vehicle_id, pipeline, stage,"
        " amount_fen) values (%s, %s, %s, %s, %s, 'new_car', 'ordered', 100)",
        (world.stores["east"], deal, customer, world.users["lin"], vehicle),
    )
    stage = world.row(
        "select key from crm.stages where store_id = %s and pipeline = 'new_car' and type = 'won'",
        world.stores["east"],
    )
    checks = world.row(
        "select array(select x ->> 'key' from jsonb_array_elements(checklist) x) from crm.stages"
        " where store_id = %s and pipeline = 'new_car' and key = %s",
        world.stores["east"],
        stage,
    )
    world.done("he", "move_deal", {"id": deal, "stage": stage, "checked": checks})
    return customer


def test_a_delivered_car_is_renewed_by_who_can_renew(world):
    customer = delivered(world)
    assert (
        world.row(
            "select m.name from crm.customers k join crm.members m"
            " on m.store_id = k.store_id and m.user_id = k.renewal_owner_id where k.id = %s",
            customer,
        )
        == "zhou"
    )
    night(world, 276)
    windows = world.db.execute(
        "select m.name from crm.tasks t join crm.members m on m.store_id = t.store_id"
        " and m.user_id = t.assignee_id where t.customer_id = %s and t.kind = 'policy_window'",
        (customer,),
    ).fetchall()
    assert windows == [("zhou",)]


def with_policy(world: World, days: int) -> str:
    """A customer lin sold to long ago, whose policy ends in so many days."""
    customer = world.customer()
    world.done(
        "he",
        "save_policy",
        {
            "id": new_id(),
            "customer_id": customer,
            "set": {"expires_on": str(today(world) + timedelta(days=days))},
        },
    )
    return customer


def test_a_policy_of_a_seller_who_cannot_renew_reaches_who_can(world):
    """Not delivered here, so nobody was named: the night names a specialist before the window."""
    customer = with_policy(world, 20)
    night(world)
    found = world.row(
        "select m.name, t.expires_on - t.due_on from crm.tasks t join crm.members m"
        " on m.store_id = t.store_id and m.user_id = t.assignee_id"
        " where t.customer_id = %s and t.kind = 'policy_window'",
        customer,
    )
    assert found == ("zhou", 30)


def test_a_decider_names_who_renews_and_the_calls_go_along(world):
    customer = with_policy(world, 20)
    night(world)
    task = open_tasks(world, customer)[0][0]
    move = {"customer_id": customer, "user_id": str(world.users["he"])}
    assert world.push("lin", "set_renewal_owner", move)["code"] == "forbidden"
    assert (
        world.push("he", "set_renewal_owner", {**move, "user_id": str(world.users["lin"])})["code"]
        == "option"  # a seller may write no policy
    )
    world.done("he", "set_renewal_owner", move)
    assert (task, "he") in open_tasks(world, customer)
    world.done("he", "set_renewal_owner", {**move, "user_id": None})
    orphans = world.ask("zhou", "select api.unassigned_policies(%s)", world.stores["east"])[0][0]
    assert [o["customer_id"] for o in orphans["policies"]] == [customer]


def test_a_plan_that_was_missed_is_told_late(world):
    customer = world.customer(next_contact_on=str(today(world) - timedelta(days=9)))
    night(world)
    assert len(open_tasks(world, customer)) == 1


def test_a_closed_task_never_blocks_the_next_one(world):
    """Whatever closed it left the plan where it was: the customer is due again tomorrow."""
    customer, task = due_customer(world)
    world.db.execute(
        "update crm.tasks set status = 'excused', closed_at = now() where id = %s", (task,)
    )
    assert nights_until_a_task(world, customer) == 1
    again = open_tasks(world, customer)[0][0]
    assert world.row("select rule from crm.tasks where id = %s", again) == "cadence"


def test_the_managers_reminder_does_not_stand_for_the_call(world):
    customer = world.customer(next_contact_on=str(today(world) - timedelta(days=1)))
    world.task(customer, "he", kind="escalation")
    night(world)
    assert sorted(who for _, who in open_tasks(world, customer)) == ["he", "lin"]


def test_a_hotter_customer_is_called_sooner(world):
    customer = world.customer(level="intent")
    world.done(
        "lin",
        "save_customer",
        {"id": customer, "set": {"level": "near"}},
        base_version=world.row("select version from crm.customers where id = %s", customer),
    )
    assert plan(world, customer) == today(world) + timedelta(days=7)


def test_who_is_taken_out_of_a_pool_is_called_today(world):
    customer = world.customer("he", pool="open", level="near")
    world.done("lin", "claim_customer", {"customer_id": customer})
    assert [who for _, who in open_tasks(world, customer)] == ["lin"]
    assert plan(world, customer) == today(world)


def test_the_end_of_silence_is_the_next_call(world):
    customer, task = due_customer(world)
    for on in (True, False):
        world.done(
            "he",
            "save_customer",
            {"id": customer, "set": {"do_not_call": on}},
            base_version=world.row("select version from crm.customers where id = %s", customer),
        )
        assert [t for t, _ in open_tasks(world, customer)] == ([] if on else [task])
        night(world, 3)
    assert plan(world, customer) is not None


def unseen(world: World, sql: str, *arguments: Any) -> None:
    """Data as an older version or a repair by hand may have left it."""
    world.db.execute("alter table crm.customers disable trigger user")
    world.db.execute(sql.encode(), arguments)
    world.db.execute("alter table crm.customers enable trigger user")


def report(world: World) -> dict[str, Any]:
    return world.ask("he", "select api.next_step_report(%s)", world.stores["east"])[0][0]


def test_the_night_repairs_what_has_no_next_step(world):
    lost = world.customer()
    pooled = world.customer("he", pool="market", phone="13900000001")
    far = world.customer(phone="13900000002")
    none = "update crm.customers set next_contact_on = null where id in (%s, %s)"
    unseen(world, none, lost, pooled)
    unseen(world, "update crm.customers set next_contact_on = '2099-01-01' where id = %s", far)
    found = {c["id"]: c["reason"] for c in report(world)["customers"]}
    assert found == {lost: "no_plan", pooled: "no_plan", far: "too_far"}
    assert night(world)["plans_repaired"] == 3
    assert report(world)["without_next_step"] == 0
    assert all(plan(world, c) for c in (lost, pooled, far))


def test_a_leavers_customers_and_tasks_reach_somebody(world):
    """However a member's access ended, nothing stays in the hands of nobody."""
    orphan = world.customer(next_contact_on=str(today(world) + timedelta(days=20)))
    colleagues = world.customer("chen", phone="13900000001")
    task = world.task(colleagues, "lin", kind="manual")
    world.db.execute(
        "update crm.members set active = false where user_id = %s", (world.users["lin"],)
    )
    found = {c["id"]: c["reason"] for c in report(world)["customers"]}
    assert found == {orphan: "nobody"}
    night(world)
    assert next(who for _, who in open_tasks(world, orphan)) in ("he", "gao", "liang")
    assert open_tasks(world, colleagues) == [(task, "chen")]
    assert report(world)["without_next_step"] == 0


def refused_after(world: World, **recipient: Any) -> tuple[str, str]:
    """lin wants to be let off a call; the customer is handed over; then the manager refuses."""
    customer, task = due_customer(world)
    request = new_id()
    world.done(
        "lin", "request_cancellation", {"id": request, "task_id": task, "reason": "unreachable"}
    )
    world.done("he", "reassign", {"customer_id": customer, **recipient})
    world.done("he", "decide_approval", {"id": request, "decision": "reject", "remark": "再打一次"})
    return customer, task


def test_a_refused_cancel_of_a_customer_in_a_pool_reaches_who_calls_there(world):
    customer, task = refused_after(world, pool="market")
    assert open_tasks(world, customer) == [(task, "wu")]


def test_a_refused_cancel_of_a_customer_anybody_may_claim_waits_for_the_claim(world):
    customer, task = refused_after(world, pool="open")
    assert open_tasks(world, customer) == []
    world.done("chen", "claim_customer", {"customer_id": customer})
    assert open_tasks(world, customer) == [(task, "chen")]


def test_a_task_of_somebody_who_no_longer_sees_the_customer_reaches_who_does(world):
    """However it came about; here by the role, which loses its pool."""
    customer = world.customer("he", pool="market", phone="13800000012")
    task = world.task(customer, "wu")
    stray = world.task(world.customer("chen", phone="13800000013"), "lin", kind="manual")
    world.db.execute(
        "update crm.roles set pools = '{}' where store_id = %s and key = 'market'",
        (world.stores["east"],),
    )
    night(world)
    status = world.row("select status, suspended_reason from crm.tasks where id = %s", task)
    assert status == ("suspended", "pool")
    with_whom = world.row("select assignee_id from crm.tasks where id = %s", stray)
    assert with_whom == world.users["chen"]


def test_the_report_is_for_deciders(world):
    for who in ("lin", "wu", "zhou", "xu", "qin", None):
        told = world.refused(who, "select api.next_step_report(%s)", world.stores["east"])
        assert told.split()[0] in ("PT403", "42501")
