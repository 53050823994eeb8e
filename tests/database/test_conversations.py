"""A call task clears only by a conversation with an outcome; reached needs words (S-04, S-20,
S-21)."""

from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.support.people import new_id


def task_state(world, task):
    return world.row(
        "select status, conversation_id is not null, attempts from crm.tasks where id = %s", task
    )


def test_an_advisor_clears_a_task_and_the_next_one_is_planned(world):
    customer = world.customer()
    task = world.task(customer)
    answer = world.log_conversation("lin", customer, task_id=task)
    assert answer["status"] == "applied"
    assert task_state(world, task) == ("done", True, 1)
    level, due, today = world.row(
        "select level, next_contact_on, (now() at time zone 'Asia/Shanghai')::date from "
        "crm.customers where id = %s",
        customer,
    )
    assert (level, (due - today).days) == (
        "near",
        7,
    )  # the level's cadence, since nothing else was said
    assert world.row("select kind, due_on from crm.tasks where id = %s", answer["task_id"]) == (
        "next_contact",
        due,
    )


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        pytest.param({"outcome": None}, "outcome", "required", id="no outcome"),
        pytest.param(
            {"outcome": "nonsense"}, "outcome", "option", id="an outcome the store does not have"
        ),
        pytest.param({"notes": None}, "notes", "required", id="reached without words"),
        pytest.param({"notes": "   "}, "notes", "required", id="reached with blanks"),
        pytest.param({"level": None}, "level", "required", id="no level"),
        pytest.param({"level": "platinum"}, "level", "option", id="an unknown level"),
        pytest.param(
            {"method": "visit", "outcome": "no_answer"},
            "method",
            "option",
            id="an outcome of another method",
        ),
        pytest.param(
            {"next_contact_on": "2026-02-30"}, "next_contact_on", "date", id="no such day"
        ),
        pytest.param(
            {"next_contact_on": "2020-01-01"}, "next_contact_on", "range", id="a day in the past"
        ),
        pytest.param({"task_id": new_id()}, "task_id", None, id="a task that is not there"),
        pytest.param(
            {"customer_id": new_id()}, "customer_id", None, id="a customer that is not there"
        ),
        pytest.param({"set": {"secret": 1}}, "secret", "forbidden", id="an unknown field"),
    ],
)
def test_what_is_refused_changes_nothing(world, changes, field, code):
    customer = world.customer()
    task = world.task(customer)
    payload = {
        "id": new_id(),
        "customer_id": customer,
        "task_id": task,
        "outcome": "interested",
        "notes": "好",
        "level": "near",
        **changes,
    }
    payload = {k: v for k, v in payload.items() if v is not None}
    before = world.digest()
    answer = world.push("lin", "log_conversation", payload)
    assert answer["status"] == "rejected"
    assert answer["field"] == field
    if code:
        assert {"field": field, "code": code} in answer["errors"]
    world.db.execute(
        "delete from crm.operations where op_id = %s", (answer["op_id"],)
    )  # the refusal itself is remembered
    assert world.digest() == before


def test_nobody_reached_plans_another_try_and_counts_no_contact(world):
    customer = world.customer()
    task = world.task(customer)
    answer = world.log_conversation("lin", customer, "no_answer", notes=None, task_id=task)
    assert answer["status"] == "applied"
    kind, attempts, due_at = world.row(
        "select kind, attempts, due_at from crm.tasks where id = %s", answer["task_id"]
    )
    assert (kind, attempts) == ("retry", 1)
    assert due_at is not None
    assert world.row("select last_contact_at from crm.customers where id = %s", customer) is None


def test_tries_end(world):
    customer = world.customer()
    task = world.task(customer)
    answer: dict = {"task_id": task}
    for _ in range(3):
        task = answer["task_id"]
        answer = world.log_conversation("lin", customer, "no_answer", notes=None, task_id=task)
    assert "task_id" not in answer  # the outcome allows three
    assert (
        world.row(
            "select count(*) from crm.tasks where customer_id = %s and status = 'open'", customer
        )
        == 0
    )


def test_a_replay_is_a_duplicate_and_nothing_is_doubled(world):
    customer = world.customer()
    payload = {
        "id": new_id(),
        "customer_id": customer,
        "outcome": "interested",
        "notes": "好",
        "level": "near",
    }
    op_id = new_id()
    first = world.push("lin", "log_conversation", payload, op_id=op_id)
    again = world.push("lin", "log_conversation", payload, op_id=op_id)
    assert again["status"] == "duplicate"
    assert again["first"] == {k: v for k, v in first.items() if k != "op_id"}
    assert world.row("select count(*) from crm.conversations where customer_id = %s", customer) == 1


def test_the_same_talk_under_another_operation_is_refused(world):
    customer = world.customer()
    payload = {
        "id": new_id(),
        "customer_id": customer,
        "outcome": "interested",
        "notes": "好",
        "level": "near",
    }
    world.done("lin", "log_conversation", payload)
    assert world.push("lin", "log_conversation", payload)["code"] == "id_taken"


def test_a_reached_talk_answers_the_customers_other_follow_ups_of_mine(world):
    customer = world.customer()
    first, second = world.task(customer), world.task(customer, kind="retry", due="1 day")
    policy = world.task(customer, kind="policy_window", subject=new_id())
    world.db.execute("update crm.tasks set subject_form = 'policy' where id = %s", (policy,))
    world.log_conversation("lin", customer, task_id=first)
    assert task_state(world, second)[0] == "done"
    assert task_state(world, policy)[0] == "open"


def test_another_customers_task_cannot_be_cleared_with_this_talk(world):
    one, other = world.customer(), world.customer(phone="13900139000")
    task = world.task(other)
    assert world.log_conversation("lin", one, task_id=task)["code"] == "not_found"
    assert task_state(world, task)[0] == "open"


def test_a_colleagues_task_cannot_be_cleared(world):
    customer = world.customer()
    world.db.execute(
        "update crm.customers set renewal_owner_id = %s where id = %s",
        (world.users["zhou"], customer),
    )
    task = world.task(customer, "zhou")
    assert world.log_conversation("lin", customer, task_id=task)["code"] == "forbidden"


def test_bulk_clearing_does_not_exist(world):
    customer = world.customer()
    tasks = [world.task(customer, due=f"{n} days") for n in range(5)]
    assert world.refused("lin", "update api.tasks set status = 'done'").startswith("42501")
    assert world.refused("he", "delete from api.tasks").startswith("42501")
    assert {task_state(world, t)[0] for t in tasks} == {"open"}
    with (  # even the operator needs a conversation
        world.db.transaction(force_rollback=True),
        pytest.raises(psycopg.errors.CheckViolation, match="done_by_conversation"),
    ):
        world.db.execute(
            "update crm.tasks set status = 'done', closed_at = now() where customer_id = %s",
            (customer,),
        )
    world.db.execute("select 1")


def test_who_may_not_grade_keeps_the_level_explicitly(world):
    customer = world.customer("he", pool="retained", level="potential")
    world.db.execute(
        "update crm.customers set renewal_owner_id = %s where id = %s",
        (world.users["zhou"], customer),
    )
    payload = {
        "id": new_id(),
        "customer_id": customer,
        "outcome": "interested",
        "notes": "续保报价",
        "level": "near",
    }
    world.done("zhou", "log_conversation", payload)
    assert world.row(
        "select level_before, level_after from crm.conversations where customer_id = %s", customer
    ) == ("potential", "potential")


def test_operations_that_are_no_list_are_refused_whole(world):
    assert world.refused(
        "lin", "select api.sync_push(%s, %s)", UUID(int=1), Jsonb({"op_id": 1})
    ).startswith("PT400")
    assert world.refused(
        "lin", "select api.sync_push(%s, %s)", UUID(int=1), Jsonb([{}] * 201)
    ).startswith("PT413")
    assert world.refused("lin", "select api.sync_push(%s, %s)", None, Jsonb([])).startswith("PT400")


@pytest.mark.parametrize(
    "op",
    [
        1,
        "x",
        None,
        [],
        {},
        {"op_id": "x"},
        {"op_id": new_id(), "seq": "1; drop table"},
        {"op_id": new_id(), "seq": 1, "payload": []},
        {"op_id": new_id(), "seq": 1, "verb": {}, "payload": {"store_id": 7}},
    ],
)
def test_a_malformed_operation_is_refused_alone(world, op):
    customer = world.customer()
    good = {
        "op_id": new_id(),
        "seq": 1,
        "verb": "log_conversation",
        "payload": {
            "store_id": str(world.stores["east"]),
            "id": new_id(),
            "customer_id": customer,
            "outcome": "no_answer",
            "level": "near",
        },
    }
    answers = world.ask("lin", "select api.sync_push(%s, %s)", UUID(int=1), Jsonb([op, good]))[0][0]
    assert [a["status"] for a in answers] == ["rejected", "applied"]
