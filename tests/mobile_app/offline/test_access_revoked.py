"""Someone's standing changes while their phone is away: disabled, or the customer handed to a
colleague. Nothing is lost, nothing is silent."""

import pytest

from shared.domain.problems import Rejected
from shared.gateway import quarantine
from tests.support.people import new_id


def hand_over(dealers, customer: str, to) -> None:
    dealers.db.execute("update crm.customers set owner_id = %s where id = %s", (to, customer))
    dealers.db.commit()


def disable(dealers, user) -> None:
    dealers.db.execute("update crm.members set active = false where user_id = %s", (user,))
    dealers.db.commit()


async def test_a_talk_about_a_customer_handed_over_meanwhile_is_kept_and_attributed(phone, dealers):
    """The issue's third picture: the note is kept under its author, the new owner sees it, the old
    phone drops the customer."""
    lin, chen = await phone("lin"), await phone("chen")
    customer = await lin.new_customer("王老板")
    await lin.sync.once()
    lin.network.down = True
    await lin.log_conversation(customer, "明天带定金来", next_contact_on="2027-01-05")
    hand_over(dealers, customer, chen.user_id)
    lin.network.heal()
    await lin.sync.once()
    await chen.sync.once()
    [conversation] = (await chen.holds())["conversations"].values()
    assert (conversation.notes, conversation.author_id) == ("明天带定金来", lin.user_id)
    assert (await lin.holds())["customers"] == (await lin.holds())["conversations"] == {}
    assert lin.sync.state.pending == lin.sync.state.rejected == 0
    assert (
        dealers.row("select next_contact_on::text from crm.customers where id = %s", customer)
        != "2027-01-05"
    )  # the plan is the new owner's
    for device in (lin, chen):
        assert await device.holds() == device.should_hold()


async def test_other_work_on_a_customer_handed_over_waits_for_a_manager_who_applies_it(
    phone, dealers
):
    lin, chen, he = await phone("lin"), await phone("chen"), await phone("he")
    customer = await lin.new_customer()
    await lin.sync.once()
    lin.network.down = True
    await lin.do("save_customer", {"id": customer, "set": {"need": "要七座,预算二十万"}}, 1)
    hand_over(dealers, customer, chen.user_id)
    lin.network.heal()
    await lin.sync.once()
    [mine] = await lin.outbox.unacknowledged()
    assert (mine.state, mine.code, mine.payload["set"]["need"]) == (
        "quarantined",
        "quarantined",
        "要七座,预算二十万",
    )
    assert (await chen.outbox.unacknowledged(), lin.sync.state.rejected) == ([], 0)
    [row] = await quarantine.quarantined(he.gateway, dealers.stores["east"])
    assert (row.author_name, row.customer_name, row.reason, row.verb, row.fields) == (
        "lin",
        "张三丰",
        "transferred",
        "save_customer",
        {"need": "要七座,预算二十万"},
    )
    assert (
        await quarantine.quarantined(chen.gateway, dealers.stores["east"]) == []
    )  # a colleague does not see it
    with pytest.raises(Rejected):
        await quarantine.decide(chen.gateway, dealers.stores["east"], row.op_id, "apply")
    await quarantine.decide(he.gateway, dealers.stores["east"], row.op_id, "apply")
    assert (
        dealers.row("select need from crm.customers where id = %s", customer) == "要七座,预算二十万"
    )
    assert await quarantine.quarantined(he.gateway, dealers.stores["east"]) == []
    with pytest.raises(Rejected) as again:
        await quarantine.decide(he.gateway, dealers.stores["east"], row.op_id, "dismiss")
    assert again.value.code == "already_decided"
    dealers.db.rollback()


async def test_a_disabled_members_work_is_kept_and_his_book_leaves_the_device(phone, dealers):
    lin, he = await phone("lin"), await phone("he")
    customer = await lin.new_customer("机密先生", "13912345678")
    await lin.log_conversation(customer, notes="")  # refused before: it goes to the manager too
    await lin.sync.once()
    disable(dealers, lin.user_id)
    await lin.log_conversation(customer, "这句话不能丢")
    new_companion = str(new_id())
    await lin.do(
        "save_customer",
        {
            "id": new_companion,
            "set": {"name": "新来的", "phone": "13912345679", "source": "walk_in", "level": "near"},
        },
    )
    with pytest.raises(Rejected):
        await lin.sync.once()
    assert lin.sync.state.access_revoked
    assert all(rows == {} for rows in (await lin.holds()).values())
    assert await lin.outbox.counts() == (0, 0)
    for name in (
        lin.database.file.name,
        lin.database.file.name + "-wal",
    ):  # while the file is open: the app may be ended before it closes it
        file = lin.database.file.with_name(name)
        assert (
            not file.exists() or b"13912345678" not in file.read_bytes()
        )  # not in free pages either
    await lin.database.close()
    rows = await quarantine.quarantined(he.gateway, dealers.stores["east"])
    assert sorted((r.verb, r.notes or "", r.reason) for r in rows) == [
        ("log_conversation", "", "disabled"),
        ("log_conversation", "这句话不能丢", "disabled"),
        ("save_customer", "", "disabled"),
    ]
    conversation = next(r for r in rows if r.notes)
    await quarantine.decide(he.gateway, dealers.stores["east"], conversation.op_id, "apply")
    assert dealers.db.execute(
        "select notes, author_id from crm.conversations where customer_id = %s", (customer,)
    ).fetchall() == [("这句话不能丢", lin.user_id)]
    with pytest.raises(
        Rejected
    ) as reason:  # the wordless one is still no valid talk: it stays, with its reason
        await quarantine.decide(
            he.gateway,
            dealers.stores["east"],
            next(r.op_id for r in rows if r.verb == "log_conversation" and not r.notes),
            "apply",
        )
    assert reason.value.code == "invalid"
    await quarantine.decide(
        he.gateway,
        dealers.stores["east"],
        next(r.op_id for r in rows if r.verb == "save_customer"),
        "dismiss",
    )
    assert len(await quarantine.quarantined(he.gateway, dealers.stores["east"])) == 1
    dealers.db.rollback()


async def test_a_stranger_can_put_nothing_into_the_managers_list(phone, dealers):
    chen = await phone("chen")
    op = {
        "op_id": str(new_id()),
        "seq": 1,
        "verb": "log_conversation",
        "payload": {
            "store_id": str(dealers.stores["far"]),
            "id": str(new_id()),
            "customer_id": str(new_id()),
        },
    }
    [answer] = await chen.gateway.call(
        "sync_push", {"device_id": str(new_id()), "operations": [op]}
    )
    assert (answer["status"], answer["code"]) == ("rejected", "forbidden")
    customer = await (await phone("lin")).new_customer()
    op |= {
        "op_id": str(new_id()),
        "payload": {
            "store_id": str(dealers.stores["east"]),
            "id": str(new_id()),
            "customer_id": customer,
            "outcome": "interested",
            "notes": "抢客户",
        },
    }
    [answer] = await chen.gateway.call(
        "sync_push", {"device_id": str(new_id()), "operations": [op]}
    )
    assert (answer["status"], answer["code"]) == (
        "rejected",
        "not_found",
    )  # never their: nothing is kept, nothing is told
    assert (
        dealers.row(
            "select count(*) from crm.quarantined_operations where user_id = %s", chen.user_id
        )
        == 0
    )
    dealers.db.rollback()
