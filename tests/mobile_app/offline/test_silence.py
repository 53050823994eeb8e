"""A wish not to be called without a network: the phone suspends and brings back what the server
will."""

import pytest

from tests.support.people import new_id


async def statuses(device, dealers, customer):
    """Status of the customer's tasks on the device, then at the server."""
    holds = await device.holds()
    here = {str(i): t.status for i, t in holds["tasks"].items() if str(t.customer_id) == customer}
    there = dict(
        dealers.db.execute(
            "select id::text, status from crm.tasks where customer_id = %s and removed_at is null",
            (customer,),
        ).fetchall()
    )
    dealers.db.rollback()
    return here, there


@pytest.mark.parametrize("kind", ["form", "consent", "conversation"])
async def test_silence_and_its_end_look_the_same_before_and_after_the_server_heard(
    phone, dealers, kind
):
    he = await phone("he")
    customer = await he.new_customer()
    await he.sync.once()
    for task_kind in ("manual", "care"):
        dealers.db.execute(
            "insert into crm.tasks (store_id, customer_id, assignee_id, kind, subject_id, due_on)"
            " values (%s, %s, %s, %s, %s, current_date - 2)",
            (dealers.stores["east"], customer, he.user_id, task_kind, customer),
        )
    dealers.db.commit()
    await he.sync.once()
    he.network.down = True

    async def silence(on: bool):
        if kind == "consent":
            await he.do(
                "save_consent",
                {
                    "id": new_id(),
                    "customer_id": customer,
                    "purpose": "follow_up",
                    "channel": "any",
                    "granted": not on,
                    "stops": on,
                },
            )
        elif kind == "conversation" and on:
            await he.log_conversation(customer, outcome="do_not_call")
        else:
            await he.do(
                "save_customer",
                {"id": customer, "set": {"do_not_call": on}},
                base_version=1 if on else 2,
            )

    for on, expected in ((True, "suspended"), (False, "open")):
        await silence(on)
        here, _ = await statuses(he, dealers, customer)
        assert set(here.values()) == {expected}
    he.network.heal()
    await he.sync.once()
    await he.sync.once()
    here, there = await statuses(he, dealers, customer)
    assert here == there and set(there.values()) == {"open"}
