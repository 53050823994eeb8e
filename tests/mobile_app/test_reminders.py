"""A call that is due at a time of day is told once, without a name; the icon shows how many
wait."""

from datetime import timedelta

import pytest

from mobile_app.reminders import remind_of_due_calls
from tests.support.people import new_id
from tests.support.phones import app_device, dealers

__all__ = ["app_device", "dealers"]
NAME = "保密先生"


class Page:
    """What the page would have been asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict]] = []

    async def ask(self, question: str, **details) -> dict:
        self.asked.append((question, details))
        return {}

    def told(self, question: str) -> list[dict]:
        return [details for asked, details in self.asked if asked == question]


@pytest.fixture
async def lin(app_device, dealers):
    """One call due five minutes ago, one due in an hour, one of today without a time."""
    device = await app_device()
    session, customer = device.session, new_id()
    await session.act(
        "save_customer",
        {
            "id": customer,
            "set": {"name": NAME, "phone": "13912345678", "source": "walk_in", "level": "near"},
        },
    )
    await session.sync_now()
    dealers.db.execute("delete from crm.tasks where assignee_id = %s", (session.me.user_id,))
    for minutes in (-5, 60, None):
        at = None if minutes is None else session.clock.now() + timedelta(minutes=minutes)
        dealers.db.execute(
            "insert into crm.tasks (store_id, customer_id, assignee_id, kind, subject_id, due_on, "
            "due_at) values (%s, %s, %s, 'manual', %s, %s, %s)",
            (session.store_id, customer, session.me.user_id, new_id(), session.clock.today, at),
        )
    dealers.db.commit()
    await session.sync_now()
    return session


async def test_a_due_call_is_told_once_and_names_nobody(lin):
    page = Page()
    lin.device.reminders = "granted"
    for _ in range(2):
        await remind_of_due_calls(lin, page.ask)
    [told] = page.told("remind")
    assert told["title"].endswith("有电话要打")
    assert NAME not in str(page.asked)
    assert "1391234" not in str(page.asked)
    assert {details["count"] for details in page.told("badge")} == {2}


async def test_nobody_is_reminded_without_having_allowed_it(lin):
    page = Page()
    await remind_of_due_calls(lin, page.ask)
    assert page.told("remind") == []
    assert page.told("badge") == [{"count": 2}]


async def test_what_was_due_long_ago_is_not_told(lin):
    page, awake = Page(), lin.services.now()
    lin.device.reminders = "granted"
    lin.local_store.clock.start_at(awake + timedelta(minutes=30))
    await remind_of_due_calls(lin, page.ask)
    assert page.told("remind") == []


async def test_a_closed_book_is_left_alone(lin):
    page = Page()
    await lin.close()
    await remind_of_due_calls(lin, page.ask)
    assert page.asked == []
