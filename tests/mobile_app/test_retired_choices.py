"""A choice that left the store's lists is still called by its name, never by its key; where one
chooses, it is said that nobody can choose it any more."""

import json

from psycopg.types.json import Jsonb

from tests.support.people import World, preset
from tests.support.phone_screen import real_phone, signed_in


def publish_without(world: World, *, source: str, outcome: str) -> None:
    """The store takes an option of the source and an outcome off its lists."""
    document = json.loads(preset())
    fields = document["forms"]["customer"]["fields"]
    listed = next(f for f in fields if f["key"] == "source")
    listed["options"] = [o for o in listed["options"] if o["key"] != source]
    document["outcomes"] = [o for o in document["outcomes"] if o["key"] != outcome]
    world.ask(
        "liang",
        "select api.publish_config(%s, %s, 1, '')",
        world.stores["east"],
        Jsonb(document),
    )
    world.db.commit()


async def test_the_card_and_its_history_go_on_with_the_name_it_had(stack, tmp_path):
    async with signed_in(stack, "advisor") as (gateway, world):
        customer = world.customer("me", name="到店客", source="walk_in")
        assert world.log_conversation("me", customer, "busy")["status"] == "applied"
        publish_without(world, source="walk_in", outcome="busy")
        async with real_phone(tmp_path, gateway, route=f"/customers/{customer}") as phone:
            screen = phone.screen
            await screen.settle(until=lambda: screen.sees("到店客"))
            assert "到店" in screen.texts()
            assert "walk_in" not in screen.texts()
            assert screen.sees("挂断占线")
            assert not screen.sees("busy")

            await screen.go(f"/customers/{customer}/edit/customer/{customer}")
            await screen.settle(until=lambda: screen.has("source-walk-in"))
            assert "到店（已停用）" in screen.texts("source-walk-in")
            await screen.tap("source-phone")
            assert not screen.has("source-walk-in")
            await screen.tap("save-record")
            await screen.settle(until=lambda: not screen.has("source-phone"))
            await phone.session.sync_now()
            await screen.go(f"/customers/{customer}/timeline")
            await screen.settle(until=lambda: screen.sees("到店 →"))
            assert not screen.sees("walk_in")


async def test_a_manager_still_finds_whoever_has_it(stack, tmp_path):
    async with signed_in(stack, "manager") as (gateway, world):
        world.customer("lin", name="到店客", source="walk_in")
        world.customer("lin", name="来电客", source="phone", phone="13900000009")
        publish_without(world, source="walk_in", outcome="busy")
        async with real_phone(tmp_path, gateway) as phone:
            screen = phone.screen
            await screen.go("/customers")
            await screen.settle(until=lambda: screen.sees("来电客") and screen.has("filter"))
            await screen.tap("filter")
            assert "到店（已停用）" in screen.texts("source-walk-in")
            await screen.tap("source-walk-in")
            await screen.tap("filter-show")
            await screen.settle(until=lambda: not screen.sees("来电客"))
            assert screen.sees("到店客")
