"""Someone's standing changes while his phone is away: disabled, or the customer handed to a colleague. Nothing is lost, nothing is silent."""

import pytest

from shared.domain.problems import Refused
from shared.gateway import held
from tests.support.people import new_id


def hand_over(town, customer: str, to) -> None:
    town.db.execute("update crm.customers set owner_id = %s where id = %s", (to, customer))
    town.db.commit()


def disable(town, user) -> None:
    town.db.execute("update crm.members set active = false where user_id = %s", (user,))
    town.db.commit()


async def test_a_talk_about_a_customer_handed_over_meanwhile_is_kept_and_attributed(phone, town):
    """The issue's third picture: the note is kept under its author, the new owner sees it, the old phone drops the customer."""
    lin, chen = await phone("lin"), await phone("chen")
    customer = await lin.new_customer("王老板")
    await lin.sync.once()
    lin.network.down = True
    await lin.talk(customer, "明天带定金来", next_contact_on="2027-01-05")
    hand_over(town, customer, chen.user_id)
    lin.network.heal()
    await lin.sync.once()
    await chen.sync.once()
    [talk] = (await chen.holds())["conversations"].values()
    assert (talk.words, talk.author_id) == ("明天带定金来", lin.user_id)
    assert (await lin.holds())["customers"] == (await lin.holds())["conversations"] == {}
    assert lin.sync.state.waiting == lin.sync.state.attention == 0
    assert town.row("select next_contact_on::text from crm.customers where id = %s", customer) != "2027-01-05"  # the plan is the new owner's
    for device in (lin, chen):
        assert await device.holds() == device.should_hold()


async def test_other_work_on_a_customer_handed_over_waits_for_a_manager_who_applies_it(phone, town):
    lin, chen, he = await phone("lin"), await phone("chen"), await phone("he")
    customer = await lin.new_customer()
    await lin.sync.once()
    lin.network.down = True
    await lin.do("save_customer", {"id": customer, "set": {"need": "要七座,预算二十万"}}, 1)
    hand_over(town, customer, chen.user_id)
    lin.network.heal()
    await lin.sync.once()
    [mine] = await lin.outbox.unsettled()
    assert (mine.state, mine.code, mine.payload["set"]["need"]) == ("held", "held", "要七座,预算二十万")
    assert (await chen.outbox.unsettled(), lin.sync.state.attention) == ([], 0)
    [row] = await held.waiting(he.gateway, town.stores["east"])
    assert (row.author_name, row.customer_name, row.reason, row.verb, row.fields) == (
        "lin", "张三丰", "handed_over", "save_customer", {"need": "要七座,预算二十万"},
    )  # fmt: skip
    assert await held.waiting(chen.gateway, town.stores["east"]) == []  # a colleague does not see it
    with pytest.raises(Refused):
        await held.decide(chen.gateway, town.stores["east"], row.op_id, "apply")
    await held.decide(he.gateway, town.stores["east"], row.op_id, "apply")
    assert town.row("select need from crm.customers where id = %s", customer) == "要七座,预算二十万"
    assert await held.waiting(he.gateway, town.stores["east"]) == []
    with pytest.raises(Refused) as again:
        await held.decide(he.gateway, town.stores["east"], row.op_id, "dismiss")
    assert again.value.code == "already_decided"
    town.db.rollback()


async def test_a_disabled_members_work_is_kept_and_his_book_leaves_the_device(phone, town):
    lin, he = await phone("lin"), await phone("he")
    customer = await lin.new_customer("机密先生", "13912345678")
    await lin.talk(customer, words="")  # refused before: it goes to the manager too
    await lin.sync.once()
    disable(town, lin.user_id)
    await lin.talk(customer, "这句话不能丢")
    newcomer = str(new_id())
    await lin.do("save_customer", {"id": newcomer, "set": {"name": "新来的", "phone": "13912345679", "source": "walk_in", "level": "near"}})
    with pytest.raises(Refused):
        await lin.sync.once()
    assert lin.sync.state.lost
    assert all(rows == {} for rows in (await lin.holds()).values())
    assert await lin.outbox.counts() == (0, 0)
    for name in (lin.database.file.name, lin.database.file.name + "-wal"):  # while the file is open: the app may be ended before it closes it
        file = lin.database.file.with_name(name)
        assert not file.exists() or b"13912345678" not in file.read_bytes()  # not in free pages either
    await lin.database.close()
    rows = await held.waiting(he.gateway, town.stores["east"])
    assert sorted((r.verb, r.words or "", r.reason) for r in rows) == [
        ("log_conversation", "", "disabled"), ("log_conversation", "这句话不能丢", "disabled"), ("save_customer", "", "disabled"),
    ]  # fmt: skip
    talk = next(r for r in rows if r.words)
    await held.decide(he.gateway, town.stores["east"], talk.op_id, "apply")
    assert town.db.execute("select words, author_id from crm.conversations where customer_id = %s", (customer,)).fetchall() == [
        ("这句话不能丢", lin.user_id)
    ]
    with pytest.raises(Refused) as reason:  # the wordless one is still no valid talk: it stays, with its reason
        await held.decide(he.gateway, town.stores["east"], next(r.op_id for r in rows if r.verb == "log_conversation" and not r.words), "apply")
    assert reason.value.code == "invalid"
    await held.decide(he.gateway, town.stores["east"], next(r.op_id for r in rows if r.verb == "save_customer"), "dismiss")
    assert len(await held.waiting(he.gateway, town.stores["east"])) == 1
    town.db.rollback()


async def test_a_stranger_can_put_nothing_into_the_managers_list(phone, town):
    chen = await phone("chen")
    op = {
        "op_id": str(new_id()),
        "seq": 1,
        "verb": "log_conversation",
        "payload": {"store_id": str(town.stores["far"]), "id": str(new_id()), "customer_id": str(new_id())},
    }
    [answer] = await chen.gateway.call("sync_push", {"device_id": str(new_id()), "ops": [op]})
    assert (answer["status"], answer["code"]) == ("rejected", "forbidden")
    customer = await (await phone("lin")).new_customer()
    op |= {
        "op_id": str(new_id()),
        "payload": {"store_id": str(town.stores["east"]), "id": str(new_id()), "customer_id": customer, "outcome": "interested", "words": "抢客户"},
    }
    [answer] = await chen.gateway.call("sync_push", {"device_id": str(new_id()), "ops": [op]})
    assert (answer["status"], answer["code"]) == ("rejected", "not_found")  # never his: nothing is kept, nothing is told
    assert town.row("select count(*) from crm.held_operations where user_id = %s", chen.user_id) == 0
    town.db.rollback()
