"""Receptions, families, consents, renewals and transfers without a network: shown at once, the same
as the server's once it has heard (S-43, budget 9)."""

from datetime import date, timedelta
from uuid import UUID

import uuid6

from tests.support.people import new_id


async def round_trip(device):
    """Send and take until nothing is under way; then the phone holds exactly what SQL shows this
    person."""
    device.network.heal()
    await device.sync.once()
    await device.sync.once()
    assert device.sync.state.rejected == 0, await device.outbox.unacknowledged()
    holds, should = await device.holds(), device.should_hold()
    for form in (
        "customers",
        "companions",
        "policies",
        "relationships",
        "consents",
        "visits",
        "transfers",
        "deals",
        "approvals",
    ):
        assert {k: v.model_dump(exclude={"version"}) for k, v in holds[form].items()} == {
            k: v.model_dump(exclude={"version"}) for k, v in should[form].items()
        }, form


async def test_a_day_on_the_floor_in_the_basement(phone):
    lin = await phone("lin")
    await lin.sync.once()
    lin.network.down = True
    son, father = (
        await lin.new_customer("张小山", "13900000011"),
        await lin.new_customer("张大山", "13900000012"),
    )
    visitor, wife = new_id(), new_id()
    await lin.do(
        "record_visit",
        {
            "id": new_id(),
            "customer_id": visitor,
            "set": {"name": "王小明", "source": "walk_in", "level": "near", "need": "七座"},
            "party": 2,
            "notes": "看汉",
            "arrived_at": lin.clock.now().isoformat(),
            "companions": [{"id": wife, "set": {"name": "爱人", "relation": "spouse"}}],
        },
    )
    await lin.do(
        "save_relationship",
        {
            "id": new_id(),
            "customer_id": son,
            "other_id": father,
            "other_name": "张大山",
            "relation": "parent",
            "back": "child",
        },
    )
    await lin.do(
        "save_consent",
        {
            "id": new_id(),
            "customer_id": father,
            "purpose": "follow_up",
            "channel": "any",
            "granted": False,
            "stops": True,
            "stated_at": lin.clock.now().isoformat(),
        },
    )
    card = await lin.replica.card(UUID(visitor))
    assert (card.customer.name, card.companions[0].name, card.visits[0].notes) == (
        "王小明",
        "爱人",
        "看汉",
    )
    assert [link.other_name for link in (await lin.replica.card(UUID(son))).relationships] == [
        "张大山"
    ]
    assert (await lin.replica.card(UUID(father))).customer.call_block == "consent"
    assert [c.name for c in await lin.replica.duplicates(phone="13900000012")] == ["张大山"]
    await round_trip(lin)


async def test_a_handed_customer_comes_and_is_accepted_offline(phone, dealers):
    lin, chen = await phone("lin"), await phone("chen")
    customer = await lin.new_customer()
    await lin.sync.once()
    await chen.sync.once()
    dealers.done(
        "he",
        "reassign",
        {"customer_ids": [customer], "owner_id": str(dealers.users["chen"]), "notes": "请接手"},
    )
    dealers.db.commit()
    await lin.sync.once()
    await chen.sync.once()
    assert await lin.replica.card(UUID(customer)) is None  # the old owner's rows leave their device
    [(transfer, handed)] = await chen.replica.transfers_to(chen.user_id)
    assert (transfer.notes, handed.name) == ("请接手", "张三丰")
    chen.network.down = True
    await chen.do("acknowledge_transfer", {"id": str(transfer.id), "customer_id": customer})
    assert await chen.replica.transfers_to(chen.user_id) == []
    await round_trip(chen)


async def test_a_lost_year_is_remembered_offline(phone, dealers):
    lin = await phone("lin")
    customer = await lin.new_customer()
    await lin.sync.once()
    old, expires = new_id(), date(2028, 2, 29)
    dealers.done(
        "he",
        "save_policy",
        {
            "id": old,
            "customer_id": customer,
            "set": {"insurer": "人保财险", "expires_on": expires.isoformat()},
        },
    )
    dealers.db.execute(
        "update crm.roles set verbs = array_append(verbs, 'save_policy') where store_id = %s "
        "and key = 'advisor'",
        (dealers.stores["east"],),
    )
    dealers.db.commit()
    await lin.sync.once()
    lin.network.down = True
    following = str(uuid6.uuid7())
    await lin.do(
        "mark_policy_lost",
        {
            "id": old,
            "customer_id": customer,
            "reason": "price",
            "insurer": "平安产险",
            "price_fen": 398000,
            "next_id": following,
        },
    )
    policies = {p.id: p for p in (await lin.replica.card(UUID(customer))).policies}
    assert policies[UUID(old)].status == "lost"
    assert (policies[UUID(following)].expires_on, policies[UUID(following)].origin) == (
        date(2029, 2, 28),
        "elsewhere",
    )
    await round_trip(lin)
    assert policies[UUID(following)].starts_on == expires + timedelta(days=1)


async def test_a_deal_the_manager_must_give_up_waits_on_the_phone_too(phone, dealers):
    lin = await phone("lin")
    customer, deal = await lin.new_customer(), new_id()
    await lin.do(
        "save_deal",
        {"id": deal, "customer_id": customer, "pipeline": "new_car", "set": {"title": "汉"}},
    )
    await lin.sync.once()
    dealers.db.execute(
        "update crm.stores set settings = settings || '{\"approve_lost\": true}' where id = %s",
        (dealers.stores["east"],),
    )
    dealers.db.commit()
    lin.network.down = True
    payload = {
        "id": deal,
        "customer_id": customer,
        "stage": "lost",
        "lost_reason": "price",
        "asks": True,
        "approval_id": new_id(),
        "notes": "比对手贵",
    }
    await lin.do("move_deal", payload)
    card = await lin.replica.card(UUID(customer))
    assert ([d.stage for d in card.deals], [a.status for a in card.approvals]) == (
        ["lead"],
        ["pending"],
    )
    await round_trip(lin)
