"""A new customer gets a first contact, by whatever door they come in: what is due by when, and for
whom (S-24, S-53, S-63, S-67)."""

from datetime import date, timedelta
from typing import Any

from tests.database.test_calendar import close, due, night, plan
from tests.database.test_duplicates import merge
from tests.database.test_imports import commit
from tests.support.people import World, new_id


def first_contact(world: World, customer: str, nights: int = 0) -> list[tuple[str, int]]:
    """Who makes the first contact, and in how many days; `nights`: when the rules have run."""
    night(world, nights)
    rows = world.db.execute(
        "select m.name, t.due_on - (now() at time zone 'Asia/Shanghai')::date from crm.tasks t"
        " join crm.members m on m.store_id = t.store_id and m.user_id = t.assignee_id"
        " where t.customer_id = %s and t.kind = 'first_contact' and t.status = 'open'"
        " and t.removed_at is null",
        (customer,),
    ).fetchall()
    return [(name, days) for name, days in rows]


def received(world: World, who: str = "xu", **payload: Any) -> str:
    visitor = new_id()
    fields = {"name": "客", "phone": "13900000009", "source": "walk_in", "level": "near"}
    world.done(
        who,
        "record_visit",
        {"id": new_id(), "customer_id": visitor, "set": fields, **payload},
    )
    return visitor


def imported(world: World, phone: str = "13700000001", **options: Any) -> str:
    rows = [{"row": 2, "key": phone, "customer": {"name": "名单", "phone": phone}}]
    answers = commit(world, rows, level="near", **options)
    assert [a["status"] for a in answers] == ["created"]
    return world.row("select id::text from crm.customers where phone = %s", phone)


def test_entered_on_the_phone_by_their_advisor(world):
    """Who enters them has just spoken to them: the level's cadence, from that day."""
    customer = world.customer("lin", level="near")
    assert plan(world, customer) == 7
    assert first_contact(world, customer) == []
    assert first_contact(world, customer, 7) == [("lin", 7)]


def test_entered_for_a_colleague(world):
    """Somebody else's lead is new to its owner: called today, as one that is assigned (S-24)."""
    customer = world.customer("he", owner_id=str(world.users["lin"]))
    assert first_contact(world, customer) == [("lin", 0)]
    assert plan(world, customer) == 0


def test_entered_for_a_colleague_and_taken_back(world):
    customer, entered = new_id(), new_id()
    fields = {"name": "客", "phone": "13900000009", "source": "walk_in", "level": "near"}
    world.done(
        "he",
        "save_customer",
        {"id": customer, "owner_id": str(world.users["lin"]), "set": fields},
        op_id=entered,
    )
    assert world.row("select version from crm.customers where id = %s", customer) == 1
    world.done("he", "undo", {"op_id": entered})
    assert first_contact(world, customer) == []


def test_entered_for_a_colleague_on_a_closed_day(world):
    close(world, 0, 1)
    customer = world.customer("he", owner_id=str(world.users["lin"]))
    assert first_contact(world, customer) == [("lin", 2)]


def test_entered_for_a_colleague_with_a_day(world):
    """The day that was agreed with the customer stays."""
    agreed = str(date.fromisoformat(str(world.row("select current_date"))) + timedelta(days=4))
    customer = world.customer("he", owner_id=str(world.users["lin"]), next_contact_on=agreed)
    assert first_contact(world, customer) == []
    assert first_contact(world, customer, plan(world, customer)) == [("lin", plan(world, customer))]


def test_entered_for_a_colleague_who_must_not_be_called(world):
    customer = world.customer("he", owner_id=str(world.users["lin"]), do_not_call=True)
    assert first_contact(world, customer) == []


def test_received_at_the_door(world):
    """Within a day of the visit, by the owner."""
    visitor = received(world, owner_id=str(world.users["lin"]))
    assert first_contact(world, visitor) == [("lin", 1)]


def test_received_at_the_door_before_a_holiday(world):
    close(world, 1, 2, 3)
    visitor = received(world, owner_id=str(world.users["lin"]))
    assert first_contact(world, visitor) == [("lin", 4)]


def test_received_once_more(world):
    """A call that is planned already is not made a second time."""
    visitor = received(world, owner_id=str(world.users["lin"]))
    world.done("xu", "record_visit", {"id": new_id(), "customer_id": visitor, "set": {}})
    assert first_contact(world, visitor) == [("lin", 1)]


def test_from_a_list_to_an_advisor(world):
    """A list of thousands is called by the level's cadence."""
    customer = imported(world, pool=None, owner_id=str(world.users["lin"]))
    assert plan(world, customer) == 7
    assert first_contact(world, customer, 7) == [("lin", 7)]


def test_from_a_list_to_a_pool_that_somebody_calls(world):
    customer = imported(world, pool="market", owner_id=None)
    assert first_contact(world, customer, plan(world, customer)) == [("wu", plan(world, customer))]


def test_from_a_list_to_a_pool_to_claim_from(world):
    """Nobody calls there; whoever claims them does, the same day."""
    customer = imported(world, pool="open", owner_id=None)
    assert first_contact(world, customer, 90) == []
    world.done("lin", "claim_customer", {"customer_id": customer})
    assert first_contact(world, customer) == [("lin", 0)]


def test_assigned_from_a_pool(world):
    customer = world.customer("he", pool="market", level="near")
    world.done("he", "reassign", {"customer_id": customer, "owner_id": str(world.users["chen"])})
    assert first_contact(world, customer) == [("chen", 0)]
    assert plan(world, customer) == 0


def test_merged_into_another(world):
    """The first contact of the one that is given up is made with the one that stays."""
    one = world.customer("lin", name="张三")
    other = received(world, owner_id=str(world.users["chen"]))
    merge(world, one, other)
    assert first_contact(world, one) == [("lin", 1)]
    assert due(world, other) == []


def test_merged_without_a_task(world):
    one, other = world.customer("lin"), world.customer("chen", name="张三 丰")
    merge(world, one, other)
    assert plan(world, one) == 7
    assert first_contact(world, one, 7) == [("lin", 7)]
