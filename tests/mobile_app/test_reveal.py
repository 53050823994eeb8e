"""Who sees numbers masked and may ask for one says why, and the audit keeps it; the number never
reaches the device's disk."""

import pytest

from tests.support.phone_screen import real_phone, signed_in

NUMBER = "13911112222"


@pytest.fixture
async def market(stack):
    """(gateway, world, customer): the market team's one customer in its pool, whose number it sees
    masked."""
    async with signed_in(stack, "market") as (gateway, world):
        customer = world.customer(
            "he", pool="market", level="potential", name="赵先生", phone=NUMBER
        )
        world.db.commit()
        yield gateway, world, customer


async def test_a_masked_number_is_shown_for_a_reason(market, tmp_path):
    gateway, world, customer = market
    world.db.execute(
        "update crm.roles set verbs = array_remove(verbs, 'reveal_field') where store_id = %s",
        (world.stores["east"],),
    )
    world.db.commit()
    async with real_phone(tmp_path / "before", gateway) as phone:
        await phone.screen.go(f"/customers/{customer}")
        await phone.screen.settle(until=lambda: phone.screen.sees("赵先生"))
        assert not phone.screen.has("masked-phone")  # the verb is not theirs
    world.db.execute(
        "update crm.roles set verbs = verbs || 'reveal_field'::text where store_id = %s and "
        "key = 'market'",
        (world.stores["east"],),
    )
    world.db.commit()
    async with real_phone(tmp_path / "after", gateway) as phone:
        screen = phone.screen
        await screen.go(f"/customers/{customer}")
        await screen.settle(until=lambda: screen.has("masked-phone"))
        assert screen.sees("139****2222")
        await screen.tap("masked-phone")
        await screen.tap("reveal")
        assert screen.sees("请填写")
        await screen.type("reveal-reason", "客户要求回电")
        await screen.tap("reveal")
        await screen.settle(until=lambda: screen.sees(NUMBER))
        assert not screen.has("reveal-reason")
    kept = world.row(
        "select detail from crm.audit_events where store_id = %s and kind = 'revealed'",
        world.stores["east"],
    )
    assert (kept["field"], kept["reason"]) == ("phone", "客户要求回电")
    assert all(
        NUMBER.encode() not in file.read_bytes()
        for file in (tmp_path / "after").rglob("*")
        if file.is_file()
    )
