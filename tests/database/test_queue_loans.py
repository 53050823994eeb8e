"""A queue that is lent (F-61): a colleague makes the calls of somebody who is away, and what is
left goes back by itself."""

from datetime import date, timedelta
from uuid import UUID

import pytest

from tests.database.test_assigned_customers import Device
from tests.database.test_sync import commit_world
from tests.support.people import World, new_id

LEND = "select api.lend_queue(%s, %s, %s, %s, %s)"


class Loans:
    """lin is away, chen makes the calls, the manager he decides."""

    def __init__(self, world: World) -> None:
        self.world, self.store = world, world.stores["east"]
        self.today: date = world.row("select (now() at time zone 'Asia/Shanghai')::date")

    def lend(
        self, lender="lin", borrower="chen", first: int = 0, last: int = 3, who: str = "he"
    ) -> UUID:
        return self.world.ask(who, LEND, *self.arguments(lender, borrower, first, last))[0][0]

    def refused(self, lender="lin", borrower="chen", first=0, last=3, who="he") -> str:
        return self.world.refused(who, LEND, *self.arguments(lender, borrower, first, last))

    def arguments(self, lender: str, borrower: str, first: int, last: int) -> tuple:
        users, day = self.world.users, lambda n: self.today + timedelta(days=n)
        return self.store, users[lender], users[borrower], day(first), day(last)

    def end(self, loan: UUID, who: str = "he") -> int:
        return self.world.ask(who, "select api.end_loan(%s, %s)", self.store, loan)[0][0]

    def night(self, n: int) -> dict:
        return self.world.row(
            "select crm.run_nightly(%s, %s)", self.store, self.today + timedelta(days=n)
        )

    def with_whom(self, task: str) -> str:
        user = self.world.row("select assignee_id from crm.tasks where id = %s", task)
        return next(name for name, known in self.world.users.items() if known == user)

    def open_tasks(self, customer: str) -> set[tuple[str, int]]:
        """Whose they are, and in how many days they are due."""
        found = self.world.db.execute(
            "select id::text, due_on from crm.tasks where customer_id = %s and status = 'open' and"
            " removed_at is null",
            (customer,),
        ).fetchall()
        return {(self.with_whom(task), (due - self.today).days) for task, due in found}


@pytest.fixture
def loans(world) -> Loans:
    return Loans(world)


def test_what_is_due_is_lent_and_what_is_left_goes_back_the_night_after(loans):
    world = loans.world
    overdue = world.task(world.customer(phone="13800000001"), due="-2 days")
    soon = world.task(world.customer(phone="13800000002"), due="3 days")
    later = world.task(world.customer(phone="13800000003"), due="4 days")
    others = world.task(world.customer(phone="13800000004"), "zhou")
    loans.lend()
    assert [loans.with_whom(t) for t in (overdue, soon, later, others)] == [
        "chen",
        "chen",
        "lin",
        "zhou",
    ]
    loans.night(3)
    assert loans.with_whom(soon) == "chen"
    loans.night(4)
    assert [loans.with_whom(t) for t in (overdue, soon, later)] == ["lin"] * 3


def test_a_loan_begins_on_its_day(loans):
    task = loans.world.task(loans.world.customer(), due="2 days")
    loans.lend(first=2, last=5)
    assert loans.with_whom(task) == "lin"
    loans.night(1)
    assert loans.with_whom(task) == "lin"
    loans.night(2)
    assert loans.with_whom(task) == "chen"


def test_the_customer_keeps_the_owner_and_what_happened_is_there(loans):
    world = loans.world
    customer = world.customer()
    task = world.task(customer)
    loan = loans.lend()
    answer = world.log_conversation("chen", customer, notes="周六来看车", task_id=task)
    assert answer["status"] == "applied", answer
    assert (
        world.row("select owner_id from crm.customers where id = %s", customer)
        == (world.users["lin"])
    )
    loans.end(loan)
    assert loans.with_whom(task) == "chen"  # who made the call
    [[brief]] = world.ask("lin", "select api.customer_brief(%s, %s)", loans.store, customer)
    assert "周六来看车" in str(brief)


@pytest.mark.parametrize(
    ("day", "with_whom"), [(2, "chen"), (3, "chen"), (4, "lin")], ids=["in it", "last day", "after"]
)
def test_the_next_call_is_with_who_is_there_on_that_day(loans, day, with_whom):
    world = loans.world
    customer = world.customer()
    task = world.task(customer)
    loans.lend()
    on = str(loans.today + timedelta(days=day))
    answer = world.log_conversation("chen", customer, task_id=task, next_contact_on=on)
    assert answer["status"] == "applied", answer
    assert loans.open_tasks(customer) == {(with_whom, day)}


def test_a_retry_of_a_lent_call_is_lent_too_and_goes_back(loans):
    world = loans.world
    customer = world.customer()
    task = world.task(customer)
    loan = loans.lend()
    world.log_conversation("chen", customer, "no_answer", notes=None, task_id=task)
    [(whose, _day)] = loans.open_tasks(customer)
    assert whose == "chen"
    loans.end(loan)
    [(whose, _day)] = loans.open_tasks(customer)
    assert whose == "lin"


@pytest.mark.parametrize("outcome", ["no_answer", "interested"])
def test_a_lent_call_to_a_colleagues_customer_goes_back_too(loans, outcome):
    """zhou renews what chen owns: what lin's call for zhou leaves behind must not stay with lin,
    who sees nothing of the customer after the loan."""
    world = loans.world
    customer = world.customer("chen", phone="13800000010")
    world.db.execute(
        "update crm.customers set renewal_owner_id = %s where id = %s",
        (world.users["zhou"], customer),
    )
    task = world.task(customer, "zhou")
    loan = loans.lend("zhou", "lin")
    answer = world.log_conversation(
        "lin",
        customer,
        outcome,
        task_id=task,
        **(
            {"next_contact_on": str(loans.today + timedelta(days=1))}
            if outcome != "no_answer"
            else {}
        ),
    )
    assert answer["status"] == "applied", answer
    assert {whose for whose, _day in loans.open_tasks(customer)} == {"lin"}
    loans.end(loan)
    assert {whose for whose, _day in loans.open_tasks(customer)} == {"zhou"}


def test_the_borrowers_own_customers_stay_theirs(loans):
    world = loans.world
    customer = world.customer("chen", phone="13800000009")
    task = world.task(customer, "chen")
    loan = loans.lend()
    world.log_conversation("chen", customer, "no_answer", notes=None, task_id=task)
    loans.end(loan)
    [(whose, _day)] = loans.open_tasks(customer)
    assert whose == "chen"


def test_what_a_manager_sends_back_meanwhile_follows(loans):
    world = loans.world
    customer = world.customer()
    task = world.task(customer)
    request = new_id()
    world.done(
        "lin", "request_cancellation", {"id": request, "task_id": task, "reason": "unreachable"}
    )
    loans.lend()
    assert loans.with_whom(task) == "lin"  # it waits for a decision
    world.done("he", "decide_approval", {"id": request, "decision": "reject", "remark": "再打"})
    world.row("select crm.run_hourly(%s, now())", loans.store)
    assert loans.with_whom(task) == "chen"


def test_a_customer_who_changes_hands_takes_the_lent_task_along(loans):
    world = loans.world
    customer = world.customer()
    task = world.task(customer)
    loan = loans.lend()
    world.done("he", "reassign", {"customer_ids": [customer], "owner_id": str(world.users["zhou"])})
    assert loans.with_whom(task) == "zhou"
    loans.end(loan)
    assert loans.with_whom(task) == "zhou"


def test_a_customer_who_goes_to_a_pool_is_called_by_nobody_meanwhile(loans):
    world = loans.world
    customer = world.customer()
    task = world.task(customer)
    loans.lend()
    world.done("he", "reassign", {"customer_ids": [customer], "pool": "market"})
    assert world.row("select status, suspended_reason from crm.tasks where id = %s", task) == (
        "suspended",
        "pool",
    )


def test_a_loan_ends_with_who_leaves(loans):
    world = loans.world
    task = world.task(world.customer())
    loans.lend()
    world.db.execute(
        "update crm.members set active = false where user_id = %s", (world.users["chen"],)
    )
    loans.night(1)
    assert loans.with_whom(task) == "lin"


def test_every_night_of_a_loan_nobody_is_forgotten(loans):
    world = loans.world
    for n in range(6):
        world.task(world.customer(phone=f"1380000010{n}"), due=f"{n} days")
    loans.lend(first=1, last=4)
    for n in range(7):
        assert loans.night(n)["without_next_step"] == 0


def test_whoever_may_not_reassign_lends_nothing(loans):
    world = loans.world
    loan = loans.lend()
    for who in ("lin", "chen", "zhou", "wu", "xu"):
        assert loans.refused("zhou", "lin", who=who) == "PT403 forbidden"
        ending = "select api.end_loan(%s, %s)"
        assert world.refused(who, ending, loans.store, loan) == "PT403 forbidden"
    for who in ("qin", "yan", "stranger"):
        assert loans.refused("zhou", "lin", who=who) == "PT403 forbidden"
        assert world.refused(who, ending, loans.store, loan) == "PT403 forbidden"
    # their own store's right reaches no other store's people
    mine = world.stores["west"]
    days = (loans.today, loans.today)
    found = world.refused("qin", LEND, mine, world.users["lin"], world.users["ma"], *days)
    assert found == "PT422 option"
    found = world.refused("qin", LEND, mine, world.users["ma"], world.users["lin"], *days)
    assert found == "PT422 option"
    assert world.refused("qin", ending, mine, loan) == "PT404 not_found"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"borrower": "lin"}, "PT422 option"),
        ({"first": -1}, "PT422 range"),
        ({"first": 2, "last": 1}, "PT422 range"),
        ({"last": 61}, "PT422 range"),
        ({"lender": "stranger"}, "PT422 option"),
        ({"borrower": "stranger"}, "PT422 option"),
    ],
    ids=str,
)
def test_what_cannot_be_a_loan_is_refused(loans, changed, code):
    before = loans.world.digest()
    assert loans.refused(**changed) == code
    assert loans.world.digest() == before


def test_a_task_has_one_way_back(loans):
    loans.lend()
    for pair in (("lin", "zhou"), ("zhou", "lin"), ("chen", "zhou")):
        assert loans.refused(*pair) == "PT409 already_lent"
    loans.lend("zhou", "chen")  # two who are away, one who stays
    other = loans.world.ask("he", "select api.new_owners(%s)", loans.store)[0][0]
    lent = {row["name"]: row["loan"] for row in other if row["loan"]}
    assert {*lent} == {"lin", "zhou"}
    assert lent["lin"]["borrower_id"] == str(loans.world.users["chen"])


def test_lending_and_ending_stand_in_the_audit_log(loans):
    loan = loans.lend()
    loans.end(loan)
    found = loans.world.db.execute(
        "select kind, actor_id, subject_id, detail from crm.audit_events where store_id = %s"
        " order by id",
        (loans.store,),
    ).fetchall()
    he, lin = loans.world.users["he"], loans.world.users["lin"]
    assert [row[:3] for row in found] == [("queue_lent", he, lin), ("queue_returned", he, lin)]
    assert found[0][3]["borrower_id"] == str(loans.world.users["chen"])


def test_an_ended_loan_cannot_be_ended_again(loans):
    loan = loans.lend()
    loans.end(loan)
    refusal = loans.world.refused("he", "select api.end_loan(%s, %s)", loans.store, loan)
    assert refusal == "PT404 not_found"


def test_undo_of_the_borrowers_conversation_gives_the_lent_task_back(loans):
    world = loans.world
    customer = world.customer()
    task = world.task(customer)
    loan = loans.lend()
    done = world.log_conversation("chen", customer, task_id=task)
    world.done("chen", "undo", {"op_id": done["op_id"]})
    assert loans.with_whom(task) == "chen"
    loans.end(loan)
    assert loans.with_whom(task) == "lin"


def test_the_phones_follow(stack):
    world = commit_world(stack)
    try:
        loans = Loans(world)
        customer = world.customer()
        task = world.task(customer)
        device = Device(world, "chen").pull()
        assert device.customers == set()
        loan = loans.lend()
        device.pull()
        assert device.customers == {customer}
        assert task in device.rows["tasks"]
        loans.end(loan)
        device.pull()
        assert device.customers == set() and device.told == [customer]
        assert task not in device.rows["tasks"]
    finally:
        world.db.rollback()
        world.db.close()
