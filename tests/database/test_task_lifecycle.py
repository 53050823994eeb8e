"""A task ends by a conversation or by another person's approval; silence suspends it; every entry
limits its dates."""

from datetime import UTC, date, datetime, timedelta

import pytest
from psycopg.types.json import Jsonb

from tests.support.people import new_id


def today(world) -> date:
    return world.row("select (now() at time zone 'Asia/Shanghai')::date")


def state(world, task):
    """Status, and whether the task is still there."""
    return world.row("select status, removed_at is null from crm.tasks where id = %s", task)


def night(world, days=0):
    return world.row(
        "select crm.run_rules(%s, %s)", world.stores["east"], today(world) + timedelta(days=days)
    )


def version(world, customer):
    return world.row("select version from crm.customers where id = %s", customer)


def edit(world, name, customer, **fields):
    return world.push(
        name,
        "save_customer",
        {"id": customer, "set": fields},
        base_version=version(world, customer),
    )


def consent(world, name, customer, granted, **more):
    return world.push(
        name,
        "save_consent",
        {
            "id": new_id(),
            "customer_id": customer,
            "purpose": "follow_up",
            "channel": "call",
            "granted": granted,
            **more,
        },
    )


def silence(world, kind, customer, name="lin"):
    answer = (
        edit(world, name, customer, do_not_call=True)
        if kind == "do_not_call"
        else consent(world, name, customer, False)
    )
    assert answer["status"] == "applied", answer


def lift(world, kind, customer, name):
    return (
        edit(world, name, customer, do_not_call=False)
        if kind == "do_not_call"
        else consent(world, name, customer, True)
    )


def sent_back(world, task):
    """The task after its manager refused to excuse it."""
    approval = new_id()
    world.done(
        "lin",
        "request_cancellation",
        {"id": approval, "task_id": task, "reason": "unreachable", "notes": "打了三次"},
    )
    world.done("he", "decide_approval", {"id": approval, "decision": "reject", "remark": "今天打"})


def queue(world, name="lin"):
    found = world.ask(name, "select api.today(%s)", world.stores["east"])[0][0]
    return [t["id"] for t in found["tasks"]]


# Silence ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["do_not_call", "consent"])
def test_silence_suspends_every_kind_of_task_and_a_decider_brings_them_back(world, kind):
    customer = world.customer()
    tasks = [
        world.task(customer, due="-3 days"),
        world.task(customer, kind="manual", due="5 days"),
        world.task(customer, kind="care"),
    ]
    silence(world, kind, customer)
    assert [state(world, t) for t in tasks] == [("suspended", True)] * 3
    assert not set(queue(world)) & set(tasks)
    assert lift(world, kind, customer, "lin")["code"] == "forbidden"
    assert [state(world, t) for t in tasks] == [("suspended", True)] * 3
    assert lift(world, kind, customer, "he")["status"] == "applied"
    assert [state(world, t) for t in tasks] == [("open", True)] * 3
    due = [world.row("select due_on from crm.tasks where id = %s", t) for t in tasks]
    assert due == [today(world), today(world) + timedelta(days=5), today(world)]
    plan = world.row("select next_contact_on from crm.customers where id = %s", customer)
    assert plan is not None and plan >= today(world)


@pytest.mark.parametrize("kind", ["do_not_call", "consent"])
def test_a_rule_made_task_comes_back_after_silence(world, kind):
    customer = world.customer()
    world.db.execute(
        "update crm.customers set next_contact_on = %s where id = %s",
        (today(world) - timedelta(days=2), customer),
    )
    night(world)
    task = world.row("select id from crm.tasks where customer_id = %s", customer)
    silence(world, kind, customer)
    night(world)
    assert state(world, task) == ("suspended", True)
    assert lift(world, kind, customer, "he")["status"] == "applied"
    assert state(world, task) == ("open", True)


@pytest.mark.parametrize("kind", ["do_not_call", "consent"])
def test_what_the_manager_sent_back_is_still_first_after_silence(world, kind):
    customer = world.customer()
    task = world.task(customer)
    sent_back(world, task)
    silence(world, kind, customer)
    assert state(world, task) == ("suspended", True)
    lift(world, kind, customer, "he")
    assert world.row("select status, rank, due_on from crm.tasks where id = %s", task) == (
        "open",
        0,
        today(world),
    )


def test_a_refused_request_about_a_silent_customer_stays_suspended(world):
    customer = world.customer()
    task, approval = world.task(customer), new_id()
    world.done(
        "lin", "request_cancellation", {"id": approval, "task_id": task, "reason": "unreachable"}
    )
    silence(world, "do_not_call", customer)
    world.done("he", "decide_approval", {"id": approval, "decision": "reject", "remark": "不行"})
    assert state(world, task) == ("suspended", True)
    lift(world, "do_not_call", customer, "he")
    assert world.row("select status, rank from crm.tasks where id = %s", task) == ("open", 0)


def test_silence_said_in_a_conversation_suspends_and_makes_no_call(world):
    customer = world.customer()
    task, other = world.task(customer), world.task(customer, kind="care")
    assert (
        world.log_conversation("lin", customer, "do_not_call", task_id=task)["status"] == "applied"
    )
    assert state(world, task) == ("done", True)
    assert state(world, other) == ("suspended", True)
    assert queue(world) == []


def test_both_wishes_must_end_before_a_call(world):
    customer = world.customer()
    task = world.task(customer)
    silence(world, "do_not_call", customer)
    silence(world, "consent", customer)
    lift(world, "do_not_call", customer, "he")
    assert state(world, task) == ("suspended", True)
    lift(world, "consent", customer, "he")
    assert state(world, task) == ("open", True)


@pytest.mark.parametrize(
    "way",
    ["facts", "record_visit", "reception_new_words", "import", "consent_backdated", "consent_any"],
)
def test_no_other_entry_lifts_a_wish(world, way):
    customer = world.customer()
    task = world.task(customer)
    kind = "consent" if way.startswith("consent") else "do_not_call"
    silence(world, kind, customer)
    if way == "facts":
        world.log_conversation("lin", customer, facts={"do_not_call": False})
    elif way == "record_visit":
        world.push(
            "lin",
            "record_visit",
            {"id": new_id(), "customer_id": customer, "set": {"do_not_call": False}},
        )
    elif way == "reception_new_words":
        world.push(
            "xu",
            "record_visit",
            {"id": new_id(), "customer_id": customer, "set": {"do_not_call": False}},
        )
    elif way == "import":
        world.db.execute(
            "update crm.roles set verbs = verbs || '{import_rows}' where key = 'assistant'"
        )
        world.ask(
            "xu",
            "select api.commit_import(%s, %s, 'customers', 'list.csv', %s, %s)",
            world.stores["east"],
            new_id(),
            Jsonb({"owner_id": str(world.users["lin"]), "level": "near", "source": "walk_in"}),
            Jsonb(
                [
                    {
                        "row": 2,
                        "key": "k",
                        "customer": {
                            "name": "张三丰",
                            "phone": "13800138000",
                            "do_not_call": False,
                        },
                    }
                ]
            ),
        )
    elif way == "consent_backdated":
        consent(world, "lin", customer, True, stated_at="9999-12-31T00:00:00Z")
        consent(world, "lin", customer, True, stated_at="infinity")
    else:
        consent(world, "lin", customer, True, channel="any")
    assert state(world, task) == ("suspended", True)
    assert world.row(
        "select do_not_call or consent_withdrawn_at is not null from crm.customers where id = %s",
        customer,
    )


def test_taking_a_slip_back_within_minutes_restores_the_tasks(world):
    customer = world.customer()
    task = world.task(customer)
    answer = edit(world, "lin", customer, do_not_call=True)
    world.done("lin", "undo", {"op_id": answer["op_id"]})
    assert state(world, task) == ("open", True)


def test_a_pool_offers_nobody_who_asked_for_silence(world):
    customer = world.customer("gao", pool="open", owner_id=None)
    silence(world, "do_not_call", customer, "gao")
    shown = world.ask("lin", "select api.pool_list(%s, 'open')", world.stores["east"])[0][0]
    assert shown["customers"] == []
    assert world.push("lin", "claim_customer", {"customer_id": customer})["code"] == "not_found"


@pytest.mark.parametrize("silent", ["winner", "loser"])
@pytest.mark.parametrize("kind", ["do_not_call", "consent"])
def test_a_merge_keeps_the_wish_of_either_customer(world, silent, kind):
    winner, loser = world.customer(), world.customer(phone="13900000001")
    tasks = [world.task(winner), world.task(loser)]
    silence(world, kind, winner if silent == "winner" else loser)
    merge = new_id()
    world.ask(
        "he",
        "select api.merge_customers(%s, %s, %s, %s, %s)",
        world.stores["east"],
        merge,
        winner,
        loser,
        Jsonb(["do_not_call"]),
    )
    assert [state(world, t) for t in tasks] == [("suspended", True)] * 2
    world.ask("he", "select api.unmerge_customers(%s, %s)", world.stores["east"], merge)
    expected = [("suspended", True), ("open", True)]
    assert [state(world, t) for t in tasks] == (expected if silent == "winner" else expected[::-1])


# Dates --------------------------------------------------------------------------------------------

WRONG_DAYS = [
    "tomorrow",
    "infinity",
    "-infinity",
    "0001-01-01",
    "9999-12-31",
    "2026-02-30",
    20260101,
]


@pytest.mark.parametrize("day", WRONG_DAYS)
@pytest.mark.parametrize(
    "entry", ["talk", "miss", "form", "new", "snooze", "promise", "facts", "import"]
)
def test_every_entry_refuses_a_day_nobody_can_mean(world, entry, day):
    if entry == "new":
        answer = world.push(
            "lin",
            "save_customer",
            {
                "id": new_id(),
                "set": {
                    "name": "李",
                    "phone": "13911110000",
                    "source": "walk_in",
                    "level": "near",
                    "next_contact_on": day,
                },
            },
        )
    elif entry == "import":
        [answer] = world.ask(
            "liang",
            "select api.commit_import(%s, %s, 'customers', 'list.csv', %s, %s)",
            world.stores["east"],
            new_id(),
            Jsonb({"owner_id": str(world.users["lin"]), "level": "near", "source": "walk_in"}),
            Jsonb([{"row": 2, "key": "k", "customer": {"name": "李", "next_contact_on": day}}]),
        )[0][0]
        assert answer["status"] == "refused"
        assert {e["field"] for e in answer["errors"]} == {"next_contact_on"}
        return
    else:
        customer = world.customer()
        task = world.task(customer)
        answer = {
            "talk": lambda: world.log_conversation(
                "lin", customer, task_id=task, next_contact_on=day
            ),
            "miss": lambda: world.log_conversation(
                "lin", customer, "no_answer", notes=None, task_id=task, next_contact_on=day
            ),
            "form": lambda: edit(world, "lin", customer, next_contact_on=day),
            "snooze": lambda: world.push("lin", "snooze_task", {"task_id": task, "until": day}),
            "promise": lambda: world.log_conversation(
                "lin",
                customer,
                task_id=task,
                promises=[{"id": new_id(), "notes": "报价", "due_on": day}],
            ),
            "facts": lambda: world.log_conversation(
                "lin", customer, task_id=task, facts={"next_contact_on": day}
            ),
        }[entry]()
        assert state(world, task) == ("open", True)
    assert answer["status"] == "rejected"
    fields = {e["field"] for e in answer.get("errors") or [{"field": answer["field"]}]}
    assert fields <= {"next_contact_on", "until", "promises"}, answer


@pytest.mark.parametrize(
    ("entry", "most"), [("talk", 400), ("promise", 400), ("miss", 30), ("form", 30), ("snooze", 30)]
)
def test_the_last_day_of_each_entry(world, entry, most):
    """Without a contact: as far as a task may be put off. With one: 400 days."""
    for days, code in ((most + 1, "range"), (most, None)):
        customer = world.customer(phone=f"1390000{days:04d}")
        task, day = world.task(customer), (today(world) + timedelta(days=days)).isoformat()
        answer = {
            "talk": lambda c=customer, t=task, d=day: world.log_conversation(
                "lin", c, task_id=t, next_contact_on=d
            ),
            "promise": lambda c=customer, t=task, d=day: world.log_conversation(
                "lin",
                c,
                task_id=t,
                promises=[{"id": new_id(), "notes": "报价", "due_on": d}],
            ),
            "miss": lambda c=customer, t=task, d=day: world.log_conversation(
                "lin", c, "no_answer", notes=None, task_id=t, next_contact_on=d
            ),
            "form": lambda c=customer, d=day: edit(world, "lin", c, next_contact_on=d),
            "snooze": lambda t=task, d=day: world.push(
                "lin", "snooze_task", {"task_id": t, "until": d}
            ),
        }[entry]()
        errors = [e["code"] for e in answer.get("errors", [])] or [answer.get("code")]
        assert errors == [code], answer


def test_a_day_that_passed_while_the_phone_was_offline_is_today(world):
    customer = world.customer()
    task = world.task(customer)
    world.db.execute(
        "update crm.tasks set opened_at = now() - interval '9 days' where id = %s", (task,)
    )
    answer = world.log_conversation(
        "lin",
        customer,
        task_id=task,
        occurred_at=(datetime.now(UTC) - timedelta(days=5)).isoformat(),
        next_contact_on=(today(world) - timedelta(days=2)).isoformat(),
    )
    assert world.row("select due_on from crm.tasks where id = %s", answer["task_id"]) == today(
        world
    )


@pytest.mark.parametrize("cleared", ["form", "talk", "promise_only"])
def test_an_open_customer_always_has_a_plan(world, cleared):
    customer = world.customer()
    if cleared == "form":
        assert edit(world, "lin", customer, next_contact_on=None)["status"] == "applied"
    else:
        world.log_conversation("lin", customer, next_contact_on=None)
    assert world.row("select next_contact_on from crm.customers where id = %s", customer)


# Evidence -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [3, 40, 365, 500, 20000])
@pytest.mark.parametrize("named", [True, False])
def test_a_conversation_from_before_the_task_does_not_clear_it(world, days, named):
    customer = world.customer()
    task = world.task(customer)
    plan = world.row("select next_contact_on from crm.customers where id = %s", customer)
    world.log_conversation(
        "lin",
        customer,
        occurred_at=(datetime.now(UTC) - timedelta(days=days)).isoformat(),
        next_contact_on=None,
        **({"task_id": task} if named else {}),
    )
    assert state(world, task) == ("open", True)
    assert world.row("select next_contact_on from crm.customers where id = %s", customer) == plan


def test_no_time_lies_in_the_future(world):
    customer = world.customer()
    ahead = (datetime.now(UTC) + timedelta(minutes=9)).isoformat()
    for granted in (ahead, "infinity", "9999-12-31T00:00:00Z", "tomorrow"):
        answer = world.log_conversation("lin", customer, occurred_at=granted, dialled_at=granted)
        assert answer["status"] == "applied"
    assert world.row(
        "select bool_and(occurred_at <= now() and coalesce(dialled_at <= occurred_at, true))"
        " from crm.conversations where customer_id = %s",
        customer,
    )


@pytest.mark.parametrize("granted", ["-infinity", "infinity", "yesterday", "1066-10-14T00:00:00Z"])
def test_a_visit_and_a_consent_are_dated_by_the_server_when_the_phone_says_nonsense(world, granted):
    customer = world.customer()
    world.push(
        "lin",
        "record_visit",
        {"id": new_id(), "customer_id": customer, "arrived_at": granted, "recorded_at": granted},
    )
    consent(world, "lin", customer, False, stated_at=granted)
    for table, column in (
        ("visits", "arrived_at"),
        ("visits", "recorded_at"),
        ("consents", "stated_at"),
    ):
        for (at,) in world.db.execute(
            f"select {column} > now() - interval '32 days' and {column} <= now()"
            f" from crm.{table} where customer_id = %s",
            (customer,),
        ).fetchall():
            assert at


def calls(world, n, *, apart, dialled=False, start=None):
    """n calls in one message to the server, claimed to be `apart` from each other."""
    begin = start or datetime.now(UTC) - n * apart
    operations = []
    for i in range(n):
        customer = world.customer(phone=f"1370000{i:04d}")
        at = begin + i * apart
        operations.append(
            {
                "op_id": new_id(),
                "seq": 1000 + i,
                "verb": "log_conversation",
                "payload": {
                    "store_id": str(world.stores["east"]),
                    "id": new_id(),
                    "customer_id": customer,
                    "outcome": "interested",
                    "level": "near",
                    "notes": "聊过",
                    "occurred_at": (at + timedelta(minutes=2)).isoformat(),
                    **({"dialled_at": at.isoformat(), "away_seconds": 100} if dialled else {}),
                },
            }
        )
    world.db.execute(
        "update crm.operations set applied_at = %s where user_id = %s",
        (begin - timedelta(hours=1), world.users["lin"]),
    )
    answers = world.ask("lin", "select api.sync_push(%s, %s)", new_id(), Jsonb(operations))[0][0]
    assert {a["status"] for a in answers} == {"applied"}, answers
    return world.count("alerts", "kind = 'burst'")


def test_twelve_calls_in_one_message_are_a_burst_whatever_times_they_claim(world):
    assert calls(world, 12, apart=timedelta(minutes=11)) == 1


def test_a_morning_in_the_basement_with_dial_presses_is_no_burst(world):
    assert calls(world, 12, apart=timedelta(minutes=11), dialled=True) == 0


def test_dial_presses_seconds_apart_are_no_evidence(world):
    assert calls(world, 12, apart=timedelta(seconds=3), dialled=True) == 1


def test_a_phone_that_reached_us_meanwhile_was_not_offline(world):
    start = datetime.now(UTC) - timedelta(hours=3)
    for n in range(12):
        world.customer(phone=f"1360000{n:04d}")
    assert calls(world, 12, apart=timedelta(minutes=11), dialled=True, start=start) == 0
    world.db.execute("delete from crm.alerts")
    customer = world.customer(phone="13512345678")
    world.log_conversation("lin", customer)  # the phone has reached the server since
    world.db.execute(
        "update crm.operations set applied_at = now() - interval '20 minutes' where user_id = %s",
        (world.users["lin"],),
    )
    world.db.execute(
        "update crm.conversations set created_at = now() - interval '1 day',"
        " occurred_at = occurred_at - interval '1 day'"
    )
    for n in range(12):
        at = start + n * timedelta(minutes=11)
        world.log_conversation(
            "lin",
            customer,
            dialled_at=at.isoformat(),
            occurred_at=(at + timedelta(minutes=2)).isoformat(),
        )
        world.db.execute(
            "update crm.operations set applied_at = now() - interval '20 minutes' where user_id = "
            "%s",
            (world.users["lin"],),
        )
    assert world.count("alerts", "kind = 'burst'") == 1


# Requests -----------------------------------------------------------------------------------------


def ask(world, task, name="lin"):
    approval = new_id()
    return approval, world.push(
        name, "request_cancellation", {"id": approval, "task_id": task, "reason": "unreachable"}
    )


def test_one_request_a_day_and_after_two_refusals_a_conversation(world):
    customer = world.customer()
    task = world.task(customer)
    sent_back(world, task)
    assert ask(world, task)[1]["code"] == "asked_today"
    for expected in ("applied", "rejected"):
        world.db.execute(
            "update crm.approvals set created_at = created_at - interval '1 day',"
            " decided_at = decided_at - interval '1 day' where task_id = %s",
            (task,),
        )
        approval, answer = ask(world, task)
        assert answer["status"] == expected, answer
        if expected == "applied":
            world.done(
                "he", "decide_approval", {"id": approval, "decision": "reject", "remark": "打"}
            )
    assert answer["code"] == "call_first"
    assert world.row("select status, rank from crm.tasks where id = %s", task) == ("open", 0)
    assert world.log_conversation("lin", customer, task_id=task)["status"] == "applied"


def test_nobody_excuses_a_task_of_their_own_that_a_colleague_asked_about(world):
    task = world.task(world.customer("he"), "he")
    approval, answer = ask(world, task, "gao")
    assert answer["status"] == "applied"
    decided = world.push("he", "decide_approval", {"id": approval, "decision": "approve"})
    assert decided["code"] == "own_request"
    assert state(world, task) == ("cancel_requested", True)


def test_an_excused_customer_still_has_a_next_step(world):
    customer = world.customer()
    world.db.execute(
        "update crm.customers set next_contact_on = %s where id = %s", (today(world), customer)
    )
    night(world)
    task = world.row("select id::text from crm.tasks where customer_id = %s", customer)
    approval, _ = ask(world, task)
    world.done("he", "decide_approval", {"id": approval, "decision": "approve"})
    night(world, 10)
    assert world.row(
        "select count(*) from crm.tasks where customer_id = %s and status = 'open'", customer
    )


def test_a_customer_who_never_answers_comes_back(world):
    customer = world.customer()
    world.db.execute(
        "update crm.customers set next_contact_on = %s where id = %s", (today(world), customer)
    )
    night(world)
    task = None
    for _ in range(6):
        task = world.row(
            "select id::text from crm.tasks where customer_id = %s and status = 'open'", customer
        )
        if task is None:
            break
        world.log_conversation("lin", customer, "no_answer", notes=None, task_id=task)
    assert task is None
    night(world, 10)
    assert world.row(
        "select count(*) from crm.tasks where customer_id = %s and status = 'open'", customer
    )


# Other ways out -----------------------------------------------------------------------------------


@pytest.fixture
def renewal(world):
    """zhou's policy with a call in its window."""
    customer, policy = world.customer("he"), new_id()
    world.db.execute(
        "update crm.customers set renewal_owner_id = %s where id = %s",
        (world.users["zhou"], customer),
    )
    world.done(
        "zhou",
        "save_policy",
        {
            "id": policy,
            "customer_id": customer,
            "set": {"expires_on": (today(world) + timedelta(days=20)).isoformat()},
        },
    )
    night(world)
    task = world.row("select id::text from crm.tasks where subject_id = %s", policy)
    assert task
    return customer, policy, task


def test_a_lost_policy_leaves_its_call_open_until_somebody_talked(world, renewal):
    customer, policy, task = renewal
    world.done("zhou", "mark_policy_lost", {"id": policy, "reason": "price"})
    assert state(world, task) == ("open", True)
    world.log_conversation("zhou", customer, "interested", level="near", task_id=task)
    assert state(world, task) == ("done", True)


def test_a_renewed_policy_leaves_its_call_open_until_somebody_talked(world, renewal):
    _, policy, task = renewal
    world.done(
        "zhou",
        "renew_policy",
        {
            "id": new_id(),
            "policy_id": policy,
            "set": {"expires_on": (today(world) + timedelta(days=385)).isoformat()},
        },
    )
    assert state(world, task) == ("open", True)


def test_a_policy_ended_after_a_conversation_is_answered_by_it(world, renewal):
    customer, policy, task = renewal
    said = world.log_conversation("zhou", customer, "interested", level="near")
    world.done("zhou", "mark_policy_lost", {"id": policy, "reason": "price"})
    assert state(world, task) == ("done", True)
    assert world.row("select conversation_id from crm.tasks where id = %s", task) == world.row(
        "select id from crm.conversations where customer_id = %s", customer
    )
    assert said["status"] == "applied"


def test_a_policy_nobody_answered_keeps_its_call(world, renewal):
    _, policy, task = renewal
    night(world, 60)
    assert world.row("select status from crm.policies where id = %s", policy) == "lost"
    assert state(world, task) == ("open", True)


def test_the_form_does_not_send_a_customer_to_the_pool(world):
    customer = world.customer()
    task = world.task(customer)
    assert edit(world, "lin", customer, level="potential")["code"] == "needs_approval"
    night(world)
    assert state(world, task) == ("open", True)


def test_a_pool_keeps_the_tasks_for_whoever_takes_the_customer(world):
    customer = world.customer()
    tasks = [world.task(customer, due="-2 days"), world.task(customer, kind="manual")]
    world.done("he", "reassign", {"customer_id": customer, "pool": "open"})
    assert [state(world, t) for t in tasks] == [("suspended", True)] * 2
    assert queue(world) == []
    world.done("chen", "claim_customer", {"customer_id": customer})
    assert [state(world, t) for t in tasks] == [("open", True)] * 2
    assert world.row("select due_on from crm.tasks where id = %s", tasks[0]) == today(world)
    assert set(queue(world, "chen")) == {str(t) for t in tasks}


def test_a_member_who_leaves_hands_suspended_tasks_over_too(world):
    customer = world.customer()
    task = world.task(customer)
    silence(world, "do_not_call", customer)
    world.ask(
        "liang",
        "select api.disable_member(%s, %s, %s)",
        world.stores["east"],
        world.users["lin"],
        world.users["chen"],
    )
    assert world.row("select status, assignee_id from crm.tasks where id = %s", task) == (
        "suspended",
        world.users["chen"],
    )
    lift(world, "do_not_call", customer, "he")
    assert str(task) in queue(world, "chen")


def test_a_removed_task_does_not_hold_the_rules_place(world):
    customer = world.customer()
    world.db.execute(
        "update crm.customers set next_contact_on = %s where id = %s", (today(world), customer)
    )
    night(world)
    world.db.execute("update crm.tasks set removed_at = now() where customer_id = %s", (customer,))
    night(world)
    assert world.row(
        "select count(*) from crm.tasks where customer_id = %s and removed_at is null", customer
    )


def test_a_reminder_is_ended_by_the_contact_that_answered_it(world):
    world.db.execute(
        "update crm.rules set active = true where store_id = %s and key = 'silence'",
        (world.stores["east"],),
    )
    customer = world.customer()
    world.db.execute(
        "update crm.customers set created_at = now() - interval '15 days' where id = %s",
        (customer,),
    )
    night(world)
    task = world.row(
        "select id from crm.tasks where customer_id = %s and kind = 'escalation'", customer
    )
    assert task
    world.db.execute("update crm.customers set last_contact_at = now() where id = %s", (customer,))
    night(world, 1)
    assert state(world, task) == ("open", True), "a date alone is no conversation"
    world.log_conversation("lin", customer)
    night(world, 1)
    assert state(world, task) == ("done", True)


@pytest.mark.parametrize("change", ["done", "excused", "removed", "suspended"])
def test_the_table_itself_refuses_every_other_way_out(world, change):
    """Whatever verb is written next: the transition needs its evidence."""
    task = world.task(world.customer())
    sql = {
        "done": "update crm.tasks set status = 'done', closed_at = now(),"
        " conversation_id = gen_random_uuid() where id = %s",
        "excused": "update crm.tasks set status = 'excused', closed_at = now() where id = %s",
        "removed": "update crm.tasks set removed_at = now() where id = %s",
        "suspended": "update crm.tasks set status = 'suspended' where id = %s",
    }[change]
    world.db.execute(
        "create function api.attempt(task uuid) returns void language sql security definer"
        f" as $f$ {sql.replace('%s', 'task')} $f$"
    )
    world.db.execute("grant execute on function api.attempt(uuid) to authenticated")
    refused = world.refused("lin", "select api.attempt(%s)", task)
    assert "task_stays" in refused
