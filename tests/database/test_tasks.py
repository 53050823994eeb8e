"""Cannot be done → the manager → excused, or back and due today (S-07…S-09); snoozing; undo."""

import threading

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.health_checks import EVERY_CHECK
from tests.support.people import World, new_id


def request(world, task, name="lin", **changes):
    approval = new_id()
    answer = world.push(
        name,
        "request_cancellation",
        {"id": approval, "task_id": task, "reason": "unreachable", "notes": "打了三次", **changes},
    )
    return approval, answer


def test_a_request_leaves_the_task_visible_as_pending(world):
    task = world.task(world.customer())
    _, answer = request(world, task)
    assert answer["status"] == "applied"
    assert world.row("select status, closed_at from crm.tasks where id = %s", task) == (
        "cancel_requested",
        None,
    )
    today = world.ask("lin", "select api.today(%s)", world.stores["east"])[0][0]
    assert (today["open"], today["pending"], today["done"]) == (0, 1, 0)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"reason": None}, "required"),
        ({"reason": "price"}, "option"),
        ({"task_id": new_id()}, "not_found"),
    ],
)
def test_a_request_needs_a_reason_of_the_store(world, changes, code):
    task = world.task(world.customer())
    payload = {"id": new_id(), "task_id": task, "reason": "unreachable", **changes}
    assert (
        world.push("lin", "request_cancellation", {k: v for k, v in payload.items() if v})["code"]
        == code
    )
    assert world.row("select status from crm.tasks where id = %s", task) == "open"


def test_approval_excuses_and_is_never_a_call(world):
    task = world.task(world.customer())
    approval, _ = request(world, task)
    world.done("he", "decide_approval", {"id": approval, "decision": "approve"})
    assert world.row("select status, conversation_id from crm.tasks where id = %s", task) == (
        "excused",
        None,
    )
    today = world.ask("lin", "select api.today(%s)", world.stores["east"])[0][0]
    assert (today["open"], today["done"], today["excused"]) == (0, 0, 1)


def test_rejection_puts_it_first_today_with_the_remark(world):
    customer = world.customer()
    older = world.task(world.customer(phone="13900000001"), due="-5 days")
    task = world.task(customer, due="0 days")
    approval, _ = request(world, task)
    assert (
        world.push("he", "decide_approval", {"id": approval, "decision": "reject"})["code"]
        == "required"
    )
    world.done(
        "he", "decide_approval", {"id": approval, "decision": "reject", "remark": "微信也联系一下"}
    )
    queue = world.ask("lin", "select api.today(%s)", world.stores["east"])[0][0]["tasks"]
    assert [t["id"] for t in queue] == [task, older]
    assert queue[0]["remark"] == "微信也联系一下"
    assert (
        world.push("lin", "snooze_task", {"task_id": task, "until": "2099-01-01"})["code"]
        == "due_today"
    )


def test_nobody_decides_his_own_request(world):
    customer = world.customer("he")
    task = world.task(customer, "he")
    approval, _ = request(world, task, "he")
    before = world.digest()
    answer = world.push("he", "decide_approval", {"id": approval, "decision": "approve"})
    assert answer["code"] == "own_request"
    world.db.execute("delete from crm.operations where op_id = %s", (answer["op_id"],))
    assert world.digest() == before
    world.done("gao", "decide_approval", {"id": approval, "decision": "approve"})


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("chen", "forbidden"),
        ("lin", "forbidden"),
        ("wu", "forbidden"),
        ("yan", "not_found"),
        ("qin", "not_found"),
    ],
)
def test_only_an_approver_of_the_store_decides(world, name, code):
    task = world.task(world.customer())
    approval, _ = request(world, task)
    answer = world.push(name, "decide_approval", {"id": approval, "decision": "approve"})
    assert answer["code"] == code
    assert world.row("select status from crm.tasks where id = %s", task) == "cancel_requested"


def test_a_forged_store_does_not_help(world):
    task = world.task(world.customer())
    approval, _ = request(world, task)
    assert (
        world.push("yan", "decide_approval", {"id": approval, "decision": "approve"}, store="east")[
            "code"
        ]
        == "forbidden"
    )


def test_the_second_decision_is_told_who_was_first(world):
    task = world.task(world.customer())
    approval, _ = request(world, task)
    world.done("he", "decide_approval", {"id": approval, "decision": "approve"})
    late = world.push(
        "gao", "decide_approval", {"id": approval, "decision": "reject", "remark": "再打"}
    )
    assert (late["code"], late["decision"], late["decided_by"]) == (
        "already_decided",
        "approved",
        str(world.users["he"]),
    )


def test_reaching_the_customer_after_all_withdraws_the_request(world):
    customer = world.customer()
    task = world.task(customer)
    approval, _ = request(world, task)
    assert world.log_conversation("lin", customer, task_id=task)["status"] == "applied"
    assert world.row("select status from crm.approvals where id = %s", approval) == "withdrawn"
    assert (
        world.push("he", "decide_approval", {"id": approval, "decision": "approve"})["code"]
        == "already_decided"
    )


def test_two_managers_at_once_one_wins(stack):
    """Real threads on real connections; what they leave behind is their own store."""
    with psycopg.connect(stack.db_url) as setup:
        world = World(setup)
        tasks = [world.task(world.customer(phone=f"1380013{n:04d}")) for n in range(20)]
        approvals = [request(world, t)[0] for t in tasks]
        setup.commit()
        results: dict[str, list[str]] = {a: [] for a in approvals}
        barrier = threading.Barrier(2)

        def decide(name: str, decision: str) -> None:
            with psycopg.connect(stack.db_url) as connection:
                mine = World.__new__(World)
                mine.db, mine.stores, mine.users, mine._seq = (
                    connection,
                    world.stores,
                    world.users,
                    0,
                )
                for approval in approvals:
                    barrier.wait(timeout=20)
                    answer = mine.push(
                        name,
                        "decide_approval",
                        {"id": approval, "decision": decision, "remark": "请继续"},
                    )
                    connection.commit()
                    results[approval].append(answer.get("code") or answer["status"])

        threads = [
            threading.Thread(target=decide, args=x) for x in (("he", "approve"), ("gao", "reject"))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert all(sorted(r) == ["already_decided", "applied"] for r in results.values())


def test_snoozing_has_a_limit(world):
    task = world.task(world.customer())
    day = world.row("select (now() at time zone 'Asia/Shanghai')::date")
    for n in range(1, 4):
        world.done(
            "lin",
            "snooze_task",
            {
                "task_id": task,
                "until": day.replace(year=day.year).isoformat()
                if n == 0
                else str(day.fromordinal(day.toordinal() + n)),
            },
        )
    assert (
        world.push(
            "lin",
            "snooze_task",
            {"task_id": task, "until": str(day.fromordinal(day.toordinal() + 5))},
        )["code"]
        == "snooze_limit"
    )
    assert (
        world.push(
            "lin",
            "snooze_task",
            {"task_id": world.task(world.customer(phone="13811112222")), "until": str(day)},
        )["code"]
        == "range"
    )


def snoozed_to_the_limit(world, task):
    for n in range(1, 4):
        world.done(
            "lin",
            "snooze_task",
            {
                "task_id": task,
                "until": world.row(
                    "select ((now() at time zone 'Asia/Shanghai')::date + %s)::text", n
                ),
            },
        )
    return world.row("select ((now() at time zone 'Asia/Shanghai')::date + 5)::text")


def ask_for_more(world, task, until, **changes):
    approval = new_id()
    return approval, world.push(
        "lin",
        "snooze_task",
        {
            "task_id": task,
            "until": until,
            "approval_id": approval,
            "notes": "客户出差到周五",
            **changes,
        },
    )


def test_beyond_the_limit_the_manager_decides_on_the_day(world):
    """F-39 in the loop of S-07…S-09: visible and pending, then the day that was asked for."""
    task = world.task(world.customer())
    until = snoozed_to_the_limit(world, task)
    approval, answer = ask_for_more(world, task, until)
    assert (answer["status"], answer["asked"]) == ("applied", "task_snooze")
    [card] = world.ask("he", "select api.pending_approvals(%s)", world.stores["east"])[0][0]
    assert (card["id"], card["kind"], card["asked"], card["notes"], card["snoozes"]) == (
        approval,
        "task_snooze",
        {"until": until},
        "客户出差到周五",
        3,
    )
    assert ask_for_more(world, task, until)[1]["code"] == "task_closed"  # asked once
    assert world.push("lin", "decide_approval", {"id": approval, "decision": "approve"})[
        "code"
    ] in ("own_request", "forbidden")
    world.done("he", "decide_approval", {"id": approval, "decision": "approve"})
    assert world.row(
        "select status, due_on::text, snoozes, closed_at from crm.tasks where id = %s", task
    ) == ("open", until, 4, None)
    assert (
        ask_for_more(world, task, until)[1]["status"] == "applied"
    )  # and the next time they are asked again


def test_a_refused_delay_is_due_today_and_first_with_the_remark(world):
    task = world.task(world.customer())
    approval, _ = ask_for_more(world, task, snoozed_to_the_limit(world, task))
    world.done(
        "he", "decide_approval", {"id": approval, "decision": "reject", "remark": "今天先发微信"}
    )
    today = world.row("select (now() at time zone 'Asia/Shanghai')::date")
    assert world.row(
        "select status, due_on, rank, remark, snoozes from crm.tasks where id = %s", task
    ) == ("open", today, 0, "今天先发微信", 3)


def test_a_delay_asked_for_is_judged_like_any_other(world):
    task = world.task(world.customer())
    until = snoozed_to_the_limit(world, task)
    assert ask_for_more(world, task, "2099-01-01")[1]["code"] == "range"
    assert ask_for_more(world, task, until, approval_id="no id")[1]["code"] == "snooze_limit"
    other = world.task(world.customer("chen", phone="13900000009"), "chen")
    assert ask_for_more(world, other, until)[1]["code"] in ("forbidden", "not_found")
    within = world.task(world.customer(phone="13900000010"))
    assert (
        "asked" not in ask_for_more(world, within, until)[1]
    )  # the limit is not reached: nobody needs to be asked
    assert world.row("select status, due_on::text from crm.tasks where id = %s", within) == (
        "open",
        until,
    )
    approval, _ = ask_for_more(world, task, until)
    world.log_conversation(
        "lin",
        world.row("select customer_id::text from crm.tasks where id = %s", task),
        task_id=task,
    )  # he called after all
    assert world.row("select status from crm.approvals where id = %s", approval) == "withdrawn"
    assert (
        world.push("he", "decide_approval", {"id": approval, "decision": "approve"})["code"]
        == "already_decided"
    )


def test_a_delay_asked_for_can_be_taken_back(world):
    task = world.task(world.customer())
    _, answer = ask_for_more(world, task, snoozed_to_the_limit(world, task))
    world.done("lin", "undo", {"op_id": answer["op_id"]})
    assert world.row("select status from crm.tasks where id = %s", task) == "open"
    assert world.ask("he", "select api.pending_approvals(%s)", world.stores["east"])[0][0] == []


def test_undo_puts_everything_back(world):
    customer = world.customer(level="intent")
    task = world.task(customer)
    before = world.row(
        "select level, level_at, next_contact_on, last_contact_at from crm.customers where id = %s",
        customer,
    )
    answer = world.log_conversation("lin", customer, task_id=task, level="near")
    assert world.row("select level from crm.customers where id = %s", customer) == "near"
    world.done("lin", "undo", {"op_id": answer["op_id"]})
    assert (
        world.row(
            "select level, level_at, next_contact_on, last_contact_at from crm.customers where id "
            "= %s",
            customer,
        )
        == before
    )
    assert world.row(
        "select status, attempts, conversation_id from crm.tasks where id = %s", task
    ) == ("open", 0, None)
    assert world.ask(
        "lin", "select count(*) from api.conversations where customer_id = %s", customer
    )[0] == (0,)
    assert (
        world.row(
            "select count(*) from crm.tasks where customer_id = %s and status = 'open' and "
            "removed_at is null",
            customer,
        )
        == 1
    )


def test_undo_is_for_ones_own_recent_acts_that_nobody_built_upon(world):
    customer = world.customer()
    task = world.task(customer)
    answer = world.log_conversation("lin", customer, task_id=task)
    assert world.push("chen", "undo", {"op_id": answer["op_id"]})["code"] == "not_found"
    world.log_conversation("lin", customer, task_id=answer["task_id"])
    assert world.push("lin", "undo", {"op_id": answer["op_id"]})["code"] == "changed_since"
    late = world.log_conversation("lin", customer)
    world.db.execute(
        "update crm.operations set applied_at = now() - interval '11 minutes' where op_id = %s",
        (late["op_id"],),
    )
    assert world.push("lin", "undo", {"op_id": late["op_id"]})["code"] == "too_late"


@settings(max_examples=40, deadline=None, suppress_health_check=EVERY_CHECK)
@given(
    steps=st.lists(
        st.sampled_from(
            ["ask", "delay", "approve", "reject", "talk", "miss", "snooze", "undo", "self", "other"]
        ),
        min_size=1,
        max_size=9,
    )
)
def test_whatever_happens_a_task_is_excused_only_by_another_person(stack, steps):
    """First 2: no path from cancel requested to closed except an approver's act or a real
    conversation."""
    with psycopg.connect(stack.db_url) as connection:
        world = World(connection)
        customer = world.customer()
        task, approval, last = world.task(customer), None, None
        for step in steps:
            if step == "ask":
                approval, answer = request(world, task)
                last = answer
            elif step == "delay":
                world.db.execute("update crm.tasks set snoozes = 3 where id = %s", (task,))
                asked, last = ask_for_more(
                    world,
                    task,
                    world.row("select ((now() at time zone 'Asia/Shanghai')::date + 2)::text"),
                )
                approval = asked if last["status"] == "applied" else approval
            elif step in ("approve", "reject") and approval:
                world.push(
                    "he", "decide_approval", {"id": approval, "decision": step, "remark": "x"}
                )
            elif step == "self" and approval:
                assert (
                    world.push("lin", "decide_approval", {"id": approval, "decision": "approve"})[
                        "status"
                    ]
                    == "rejected"
                )
            elif step == "other" and approval:
                assert (
                    world.push(
                        "yan",
                        "decide_approval",
                        {"id": approval, "decision": "approve"},
                        store="east",
                    )["status"]
                    == "rejected"
                )
            elif step == "talk":
                last = world.log_conversation("lin", customer, task_id=task)
            elif step == "miss":
                last = world.log_conversation(
                    "lin", customer, "no_answer", notes=None, task_id=task
                )
            elif step == "snooze":
                last = world.push("lin", "snooze_task", {"task_id": task, "until": "2026-12-01"})
            elif step == "undo" and last:
                world.push("lin", "undo", {"op_id": last["op_id"]})
            status, conversation, closed = world.row(
                "select status, conversation_id, closed_at from crm.tasks where id = %s", task
            )
            assert (status == "done") == (conversation is not None)
            assert (closed is not None) == (status in ("done", "excused"))
            if status == "excused":
                decider = world.row(
                    "select decided_by from crm.approvals where task_id = %s and status = "
                    "'approved'",
                    task,
                )
                assert decider == world.users["he"]
            if status == "cancel_requested":
                assert (
                    world.row(
                        "select count(*) from crm.approvals where task_id = %s and status = "
                        "'pending' and removed_at is null",
                        task,
                    )
                    == 1
                )
        connection.rollback()
