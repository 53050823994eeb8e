"""What a logged conversation leaves behind: promises, complaints, facts told once, tries at other
hours, flags, the order of the queue."""

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from psycopg.types.json import Jsonb
from uuid6 import uuid7

from shared.domain import presets, retries
from shared.domain import tasks as queue
from shared.domain.config import DayPart, QueueOrder, StoreCalendar
from shared.domain.records import Conversation, Task
from tests.support.people import new_id

ZONE = ZoneInfo("Asia/Shanghai")


def in_days(world, n: int) -> str:
    return (
        world.row("select (now() at time zone 'Asia/Shanghai')::date") + timedelta(days=n)
    ).isoformat()


def promise(world, n: int = 2, notes: str = "答应发配置单") -> dict:
    return {"id": new_id(), "notes": notes, "due_on": in_days(world, n)}


def config_with(world, **changes):
    document = presets.load("three_levels").document() | changes
    world.db.execute("select crm.apply_config(%s, %s)", (world.stores["east"], Jsonb(document)))


def test_a_promise_is_an_open_item_until_it_is_kept(world):
    customer, given = world.customer(), promise(world)
    assert (
        world.log_conversation(
            "lin", customer, promises=[given], next_contact_on=in_days(world, 7)
        )["status"]
        == "applied"
    )
    assert world.ask("lin", "select notes, due_on::text, status from api.promises") == [
        ("答应发配置单", in_days(world, 2), "open")
    ]
    # it comes up on its day, though the next contact was set later
    assert world.row(
        "select next_contact_on::text from crm.customers where id = %s", customer
    ) == in_days(world, 2)
    assert world.ask("chen", "select 1 from api.promises") == []
    assert (
        world.push("chen", "close_promise", {"id": given["id"], "status": "kept"})["code"]
        == "not_found"
    )
    assert (
        world.push("lin", "close_promise", {"id": given["id"], "status": "forgotten"})["code"]
        == "option"
    )
    world.done("lin", "close_promise", {"id": given["id"], "status": "kept"})
    assert (
        world.push("lin", "close_promise", {"id": given["id"], "status": "dropped"})["code"]
        == "task_closed"
    )
    assert world.row("select status from crm.promises where id = %s", given["id"]) == "kept"
    assert ("promise", "status") in world.ask(
        "lin", "select form, field from api.timeline where customer_id = %s", customer
    )


@pytest.mark.parametrize(("right", "seen"), [("read", "答应发配置单"), ("hidden", None)])
def test_what_was_promised_in_a_talk_is_read_by_who_may_read_the_talk(world, right, seen):
    customer = world.customer()
    world.log_conversation("lin", customer, promises=[promise(world)])
    roles = presets.load("three_levels").document()["roles"]
    config_with(
        world,
        roles=[
            role
            | {
                "rights": role["rights"]
                | {"conversation": role["rights"].get("conversation", {}) | {"notes": right}}
            }
            if role["key"] == "manager"
            else role
            for role in roles
        ],
    )
    assert world.ask("he", "select notes, due_on::text from api.promises") == [
        (seen, in_days(world, 2))
    ]
    assert [
        p["notes"]
        for p in world.ask(
            "he", "select api.customer_brief(%s, %s)", world.store_of("he"), customer
        )[0][0]["promises"]
    ] == [seen]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"notes": " "}, "required"),
        ({"due_on": "2020-01-01"}, "range"),
        ({"due_on": "soon"}, "date"),
        ({"id": "x"}, "required"),
    ],
)
def test_a_promise_without_words_or_a_day_ahead_is_refused_with_everything_else(
    world, change, code
):
    customer = world.customer()
    answer = world.log_conversation("lin", customer, promises=[promise(world) | change])
    assert answer["errors"] == [{"field": "promises", "code": code}]
    assert world.row("select count(*) from crm.conversations where customer_id = %s", customer) == 0


def test_an_undo_takes_the_promise_back(world):
    customer = world.customer()
    answer = world.log_conversation("lin", customer, promises=[promise(world)])
    assert (
        world.ask("lin", "select api.customer_brief(%s, %s)", world.store_of("lin"), customer)[0][
            0
        ]["promises"][0]["notes"]
        == "答应发配置单"
    )
    world.done("lin", "undo", {"op_id": answer["op_id"]})
    assert world.ask("lin", "select 1 from api.promises") == []


def test_a_complaint_jumps_the_queue_and_reaches_the_manager(world):
    calm, angry = world.customer(name="静"), world.customer(name="怒", phone="13800138001")
    world.task(calm, due="-20 days")
    world.log_conversation("lin", angry, "complaint", notes="空调异响,没人管")
    world.task(angry)
    tasks = world.ask("lin", "select api.today(%s)", world.store_of("lin"))[0][0]["tasks"]
    assert [t["name"] for t in tasks] == ["怒", "静"]
    assert world.ask("he", "select kind, name, member_name from api.alerts") == [
        ("complaint", "怒", "lin")
    ]
    assert world.ask("lin", "select 1 from api.alerts") == []
    world.log_conversation("lin", angry, notes="已解决")
    assert world.row("select complaint_at from crm.customers where id = %s", angry) is None


def test_do_not_call_is_final_for_the_queue(world):
    customer = world.customer()
    world.task(customer)
    other = world.task(customer, kind="manual")
    answer = world.log_conversation(
        "lin", customer, "do_not_call", notes="别再打了", next_contact_on=in_days(world, 3)
    )
    assert answer["status"] == "applied" and "task_id" not in answer
    assert world.row("select do_not_call from crm.customers where id = %s", customer)
    assert (
        world.row(
            "select count(*) from crm.tasks where customer_id = %s and status = 'open' and "
            "removed_at is null",
            customer,
        )
        == 0
    )
    assert world.row("select status from crm.tasks where id = %s", other) == "suspended"
    world.done("lin", "undo", {"op_id": answer["op_id"]})
    assert not world.row("select do_not_call from crm.customers where id = %s", customer)
    assert (
        world.row(
            "select count(*) from crm.tasks where customer_id = %s and status = 'open' and "
            "removed_at is null",
            customer,
        )
        == 2
    )


def test_facts_are_told_once_and_say_by_whom(world):
    customer = world.customer()
    world.log_conversation(
        "lin", customer, facts={"budget_fen": 20_000_000, "preferred_time": "evening"}
    )
    seen = world.ask(
        "lin", "select custom, preferred_time, facts from api.customers where id = %s", customer
    )[0]
    assert seen[0] == {"budget_fen": 20_000_000} and seen[1] == "evening"
    assert (
        seen[2]["budget_fen"] == {"on": in_days(world, 0), "by": "lin"}
        and seen[2]["name"]["by"] == "lin"
    )
    # a colleague of another role gets no hint of what is hidden from them
    world.db.execute(
        "update crm.customers set renewal_owner_id = %s where id = %s",
        (world.users["zhou"], customer),
    )
    theirs = world.ask("zhou", "select facts from api.customers where id = %s", customer)[0][0]
    assert "budget_fen" not in theirs and "name" in theirs
    answer = world.log_conversation("zhou", customer, facts={"budget_fen": 1})
    assert (
        answer["code"] == "invalid"
        and {"field": "budget_fen", "code": "forbidden"} in answer["errors"]
    )
    assert (
        world.row(
            "select count(*) from crm.conversations where author_id = %s", world.users["zhou"]
        )
        == 0
    )


def test_companions_present_must_be_his(world):
    mine, others = world.customer(), world.customer(name="别人", phone="13800138001")
    wife, stranger = new_id(), new_id()
    world.done(
        "lin", "save_companion", {"id": wife, "customer_id": mine, "set": {"name": "王太太"}}
    )
    world.done(
        "lin", "save_companion", {"id": stranger, "customer_id": others, "set": {"name": "路人"}}
    )
    assert (
        world.log_conversation("lin", mine, "received", method="visit", companions=[wife])["status"]
        == "applied"
    )
    assert world.log_conversation("lin", mine, "received", method="visit", companions=[stranger])[
        "errors"
    ] == [{"field": "companions", "code": "option"}]


def test_an_outcome_that_ends_a_renewal_needs_a_reason_and_belongs_to_its_role(world):
    customer = world.customer()
    world.db.execute(
        "update crm.customers set renewal_owner_id = %s where id = %s",
        (world.users["zhou"], customer),
    )
    assert world.log_conversation("zhou", customer, "renewal_lost")["errors"] == [
        {"field": "reason", "code": "required"}
    ]
    assert world.log_conversation("zhou", customer, "renewal_lost", reason="unreachable")[
        "errors"
    ] == [{"field": "reason", "code": "option"}]
    assert (
        world.log_conversation("zhou", customer, "renewal_lost", reason="insured_online")["status"]
        == "applied"
    )
    assert (
        world.row("select reason from crm.conversations where customer_id = %s", customer)
        == "insured_online"
    )
    assert world.log_conversation("lin", customer, "renewal_lost", reason="price")["errors"] == [
        {"field": "outcome", "code": "option"}
    ]


def test_a_lost_renewal_as_the_phone_sends_it_comes_back_next_year_and_one_undo_takes_it_back(
    world,
):
    """One operation: the conversation with its reason, who has the policy now and at what price
    (F-35, F-37)."""
    customer = world.customer("lin")
    world.db.execute(
        "update crm.customers set renewal_owner_id = %s where id = %s",
        (world.users["zhou"], customer),
    )
    policy = new_id()
    world.db.execute(
        "insert into crm.policies (store_id, id, customer_id, insurer, premium_fen, "
        "expires_on) values (%s, %s, %s, '人保', 320000, current_date + 20)",
        (world.stores["east"], policy, customer),
    )
    task = world.task(customer, "zhou", kind="policy_window", subject=policy)
    world.db.execute("update crm.tasks set subject_form = 'policy' where id = %s", (task,))
    conversation = world.log_conversation(
        "zhou",
        customer,
        "renewal_lost",
        reason="insured_agent",
        task_id=task,
        insurer="平安",
        price_fen=298000,
    )
    assert conversation["status"] == "applied"
    assert world.row("select status, lost_reason from crm.policies where id = %s", policy) == (
        "lost",
        "insured_agent",
    )
    assert world.row(
        "select insurer, premium_fen, origin from crm.policies where renews_id = %s", policy
    ) == ("平安", 298000, "elsewhere")
    world.done("zhou", "undo", {"op_id": conversation["op_id"]})
    assert world.row("select status from crm.policies where id = %s", policy) == "active"
    assert (
        world.row(
            "select count(*) from crm.policies where renews_id = %s and removed_at is null", policy
        )
        == 0
    )
    assert world.row("select status from crm.tasks where id = %s", task) == "open"


def test_retries_come_at_other_hours_and_end_with_the_manager(world):
    document = presets.load("three_levels").document()
    document["outcomes"] = [
        o | {"after_last": "manager"} if o["key"] == "no_answer" else o
        for o in document["outcomes"]
    ]
    world.db.execute("select crm.apply_config(%s, %s)", (world.stores["east"], Jsonb(document)))
    customer = world.customer()
    task, parts = world.task(customer), []
    for _ in range(3):
        answer = world.log_conversation(
            "lin",
            customer,
            "no_answer",
            notes=None,
            task_id=task,
            dialled_at=datetime.now(UTC).isoformat(),
        )
        task = answer.get("task_id")
        if task:
            parts.append(
                world.row(
                    "select q.key from crm.tasks t, crm.day_parts(null) q where t.id = %s and "
                    "(t.due_at at time zone 'Asia/Shanghai')::time >= q.start and (t.due_at at "
                    "time zone 'Asia/Shanghai')::time < q.\"end\"",
                    task,
                )
            )
            # the next attempt is made in that part of the day: told to the database by moving this
            # one there
            world.db.execute(
                "update crm.conversations set occurred_at = (select due_at from crm.tasks where "
                "id = %s) - interval '1 day' where customer_id = %s and occurred_at = (select "
                "max(occurred_at) from crm.conversations where customer_id = %s)",
                (task, customer, customer),
            )
    assert task is None and len(parts) == 2
    assert world.ask("he", "select kind, name from api.alerts") == [("unreachable", "张三丰")]


def test_thirty_outcomes_in_five_minutes_without_a_dial_are_thirty_flagged_and_one_line(world):
    """First 1."""
    customers = [world.customer(name=f"客{n}", phone=f"138001380{n:02}") for n in range(30)]
    start = datetime.now(UTC) - timedelta(minutes=10)
    for n, customer in enumerate(customers):
        world.log_conversation(
            "lin",
            customer,
            "no_answer",
            notes=None,
            occurred_at=(start + timedelta(seconds=10 * n)).isoformat(),
        )
    assert world.row(
        "select count(*), count(*) filter (where burst) from crm.conversations where author_id "
        "= %s",
        world.users["lin"],
    ) == (30, 30)
    assert world.ask("he", "select kind, member_name, times from api.alerts") == [
        ("burst", "lin", 30)
    ]
    alert = world.ask("he", "select id from api.alerts")[0][0]
    assert world.push("lin", "acknowledge_alert", {"id": str(alert)})["code"] == "forbidden"
    world.done("he", "acknowledge_alert", {"id": str(alert)})
    assert world.ask("he", "select seen_by from api.alerts") == [(world.users["he"],)]


def test_dialled_calls_at_any_pace_are_no_burst_and_nobody_waves_through_his_own(world):
    customers = [world.customer(name=f"客{n}", phone=f"138001380{n:02}") for n in range(12)]
    start = datetime.now(UTC) - timedelta(minutes=5)
    for n, customer in enumerate(customers):
        at = (start + timedelta(seconds=20 * n)).isoformat()
        world.log_conversation(
            "lin", customer, "no_answer", notes=None, dialled_at=at, occurred_at=at
        )
    assert (
        world.row(
            "select count(*) from crm.conversations where burst and author_id = %s",
            world.users["lin"],
        )
        == 0
    )
    world.db.execute(
        "insert into crm.alerts (store_id, kind, member_id) values (%s, 'burst', %s)",
        (world.store_of("he"), world.users["he"]),
    )
    alert = world.ask("gao", "select id from api.alerts")[0][0]
    assert world.push("he", "acknowledge_alert", {"id": str(alert)})["code"] == "own_request"
    world.done("gao", "acknowledge_alert", {"id": str(alert)})
    assert (
        world.push("qin", "acknowledge_alert", {"id": str(alert)}, store="west")["code"]
        == "not_found"
    )


def test_what_was_sent_back_and_not_done_by_the_cut_off_is_missed(world):
    customer = world.customer()
    task = world.task(customer, due="-1 days")
    world.db.execute("update crm.tasks set rank = 0, remark = '今天必须打' where id = %s", (task,))
    answer = world.ask("lin", "select api.today(%s)", world.store_of("lin"))[0][0]
    assert answer["missed"] == 1 and answer["tasks"][0]["id"] == task


@pytest.mark.parametrize("effect", ["complaint", "test_drive"])
def test_a_complaint_and_a_test_drive_go_before_everything_else(world, effect):
    """Before a promise that is due, a policy that ends today and the longest delay together."""
    outcomes = presets.load("three_levels").document()["outcomes"]
    asked = {"key": "asked", "label": {"zh_CN": "要试驾"}, "methods": ["call"], "reached": True}
    config_with(world, outcomes=[*outcomes, {**asked, "effect": effect}])
    today = in_days(world, 0)
    promised, asking = world.customer(), world.customer(phone="13900000001")
    world.log_conversation("lin", asking, "asked", next_contact_on=today)
    world.log_conversation(
        "lin",
        promised,
        promises=[{"id": new_id(), "notes": "送资料", "due_on": today}],
    )
    world.db.execute(
        "update crm.tasks set expires_on = %s, due_on = %s where customer_id = %s",
        (today, in_days(world, -99), promised),
    )

    def queue_now() -> list[str]:
        answer = world.ask("lin", "select api.today(%s)", world.store_of("lin"))[0][0]
        return [task["customer_id"] for task in answer["tasks"]]

    assert queue_now() == [asking, promised]
    world.log_conversation("lin", asking, next_contact_on=today)
    assert queue_now() == [promised, asking]  # what was asked for is answered


@pytest.mark.parametrize("name", ["complaint", "test_drive"])
def test_no_sum_of_the_others_comes_before(name):
    order = QueueOrder()
    others = order.promise + order.expiry + order.value_cap + order.overdue_cap
    assert getattr(order, name) > others


ORDERS = [
    QueueOrder(),
    QueueOrder(
        sent_back=0,
        complaint=1,
        test_drive=2,
        promise=7,
        expiry=333,
        expiry_days=45,
        value=77,
        value_cap=1234,
        overdue=3,
        overdue_cap=50,
    ),
    QueueOrder(expiry=0, value=1000, value_cap=100_000),
]


@pytest.mark.parametrize("order", ORDERS, ids=["default", "odd", "value"])
def test_the_phone_adds_the_same_points_as_the_database(db, order):
    today, chance = date(2026, 11, 24), random.Random(4)
    for _ in range(300):
        task = Task(
            id=uuid7(),
            customer_id=uuid7(),
            subject_id=uuid7(),
            kind="cadence",
            rank=chance.choice([0, 5]),
            due_on=today - timedelta(days=chance.randint(-3, 40)),
            expires_on=chance.choice([None, today + timedelta(days=chance.randint(-40, 120))]),
        )
        standing = queue.PriorityInputs(
            chance.choice([None, chance.randint(0, 3_000_000)]),
            chance.random() < 0.3,
            chance.choice([None, today + timedelta(days=chance.randint(-3, 3))]),
            chance.random() < 0.3,
        )
        late = (today - task.due_on).days
        said = db.execute(
            "select crm.queue_points(%s, %s, %s, %s, %s, %s, %s, %s)",
            (
                Jsonb(order.model_dump()),
                today,
                task.rank == 0,
                late,
                task.expires_on,
                standing.value_fen,
                [
                    name
                    for name, is_open in (
                        ("complaint", standing.complaint),
                        ("test_drive", standing.test_drive),
                    )
                    if is_open
                ],
                standing.promised_on,
            ),
        ).fetchone()
        assert said == (queue.points(order, task, standing, today, late),)
    nothing = db.execute(
        "select crm.queue_points(null, %s, false, 0, null, null, '{}', null)", (today,)
    ).fetchone()
    assert nothing == (0,)


def test_the_phone_tries_again_at_the_same_moment_as_the_database(db):
    chance, parts = random.Random(11), presets.load("three_levels").day_parts
    for n in range(200):
        cut = chance.sample(parts, chance.randint(1, 4)) if n % 2 else parts
        cut = sorted(cut, key=lambda p: p.start)
        at = datetime(
            2026,
            11,
            chance.randint(1, 28),
            chance.randint(0, 23),
            chance.randint(0, 59),
            tzinfo=UTC,
        )
        tried = {p.key for p in parts if chance.random() < 0.4}
        preferred = chance.choice([None, *[p.key for p in parts]])
        days = {at.date() + timedelta(days=chance.randint(0, 9)) for _ in range(n % 9)}
        calendar = StoreCalendar(
            weekdays=tuple(chance.sample(range(1, 8), chance.randint(1, 7))),
            closed_days={day.isoformat(): {} for day in days},
        )
        last = at.date() + timedelta(days=chance.randint(0, 9)) if n % 3 else None
        hours, zone = chance.choice([1, 24, 48]), "Asia/Shanghai"
        said = db.execute(
            "select earliest, crm.next_attempt_at(earliest, %s, %s, %s, %s, %s, %s)"
            " from crm.earliest_retry(%s, %s, %s, %s, %s) earliest",
            (
                zone,
                Jsonb([p.model_dump() for p in cut]),
                sorted(tried),
                preferred,
                Jsonb(calendar.model_dump()),
                last,
                at,
                hours,
                zone,
                Jsonb(calendar.model_dump()),
                last,
            ),
        ).fetchone()
        earliest = retries.earliest_retry(at, hours, zone, calendar, last)
        found = retries.next_attempt_at(earliest, zone, cut, tried, preferred, calendar, last)
        assert said == (earliest, found)


def test_the_hours_tried_are_the_same_on_the_phone(world):
    customer = world.customer()
    for hours, outcome in (
        (30, "no_answer"),
        (5, "no_answer"),
        (90, "interested"),
        (100, "no_answer"),
        (24 * 20, "busy"),
    ):
        world.log_conversation(
            "lin",
            customer,
            outcome,
            occurred_at=(datetime.now(UTC) - timedelta(hours=hours)).isoformat(),
        )
    rows = [
        Conversation.model_validate(r[0])
        for r in world.ask("lin", "select to_jsonb(v) from api.conversations v")
    ]
    parts = (
        DayPart(key="all", start="00:00", end="12:00"),
        DayPart(key="late", start="12:00", end="23:59"),
    )
    said = world.row(
        "select crm.attempted_day_parts(%s, %s, 'Asia/Shanghai', %s)",
        world.store_of("lin"),
        customer,
        Jsonb([p.model_dump() for p in parts]),
    )
    assert set(said) == retries.attempted_day_parts(parts, rows, "Asia/Shanghai", datetime.now(UTC))
