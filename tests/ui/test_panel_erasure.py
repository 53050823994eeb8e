"""An admin erases a person in the panel: looked up, read, a reason, asked twice."""

import pytest

from tests.support.panel_screen import panel
from tests.support.people import new_id


async def test_a_person_is_looked_up_read_about_and_erased_after_two_questions(stack, people, db):
    store, owner = db.execute(
        "select store_id, user_id from crm.members where user_id = %s",
        (people["lin"].user_id,),
    ).fetchone()
    customer = new_id()
    db.execute(
        "insert into crm.customers (store_id, id, owner_id, name, source, level, phone) values"
        " (%s, %s, %s, '忘忧草', 'walk_in', 'near', '13912340000')",
        (store, customer, owner),
    )
    db.commit()
    look = "select name, erased_at is not null from crm.customers where id = %s"
    async with panel(stack, people["admin"].email) as p:
        await p.go("erasure", "customer-words")
        await p.screen.type("customer-words", "忘忧草")
        await p.screen.tap("search")
        await p.screen.settle(until=lambda: p.screen.has("customer-0"))
        await p.screen.tap("customer-0")
        await p.screen.settle(until=lambda: p.screen.has("erasure-goes"))
        with pytest.raises(AssertionError, match="disabled"):  # not without a reason
            p.screen.target("ask-erase")
        await p.screen.tap("erasure-reason-asked")
        await p.screen.tap("ask-erase")
        await p.screen.settle(until=lambda: p.screen.has("erase"))
        assert db.execute(look, (customer,)).fetchone() == ("忘忧草", False)
        db.commit()
        await p.screen.tap("erase")
        await p.screen.settle(until=lambda: p.screen.has("erased"))
        assert not p.screen.sees("忘忧草")
        assert db.execute(look, (customer,)).fetchone() == ("—", True)
        db.commit()
        await p.go("audit", "audit-what-audit-events")
        await p.screen.tap("audit-what-audit-events")
        await p.screen.settle(until=lambda: p.screen.sees("客户本人要求"))


async def test_who_lacks_the_right_has_no_such_page(stack, people):
    async with panel(stack, people["he"].email) as p:
        assert not p.screen.has("nav-erasure")
