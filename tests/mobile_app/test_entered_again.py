"""A number that a colleague's customer has: the app asks before there are two of them, and the
manager is told."""

import pytest

from mobile_app.approvals.alerts import alert_text
from shared.gateway.tasks import Alert
from shared.ui.text import Texts
from tests.support.people import World
from tests.support.phone_screen import real_phone, signed_in


async def test_a_colleagues_customer_is_not_entered_again_without_a_question(stack, tmp_path):
    async with signed_in(stack, "advisor") as (gateway, world):
        world.customer("chen", name="张先生", phone="13812345678")
        world.db.commit()
        async with real_phone(tmp_path, gateway, route="/customers/new") as phone:
            s = phone.screen
            await s.type("name", "又一位")
            await s.type("phone", "138 1234 5678", leave=False)
            await s.settle(until=lambda: s.has("ask-to-take-over"))
            await s.tap("save-customer")
            assert s.has("create-anyway") and await phone.sent() == []
            assert s.sees("将通知经理")

            await s.type("phone", "13812345670", leave=False)  # another one: nothing to ask
            await s.settle(until=lambda: not s.has("create-anyway"))
            assert s.has("save-customer")
            await s.type("phone", "13812345678", leave=False)
            await s.settle(until=lambda: s.has("create-anyway"))
            await s.tap("create-anyway")
            await s.settle(until=lambda: s.has("customer-name"))
            await phone.session.sync_now()
            assert await phone.sent() == []
            world.db.rollback()
            [row] = world.ask(
                "he",
                "select id, kind, member_id, member_name, name, times, last_at from api.alerts",
            )
            keys = ("id", "kind", "member_id", "member_name", "name", "times", "last_at")
            alert = Alert.model_validate(dict(zip(keys, row, strict=True)))
            assert alert_text(Texts(), alert) == "me 录入的 又一位 与同事的客户号码相同"


@pytest.mark.parametrize("way", ["save-reception", "anonymous"])
async def test_a_visit_of_a_colleagues_customer_is_asked_about_too(stack, tmp_path, way):
    async with signed_in(stack, "advisor") as (gateway, world):
        world.customer("chen", name="张先生", phone="13812345678")
        world.db.commit()
        async with real_phone(tmp_path, gateway, route="/customers/visit") as phone:
            s = phone.screen
            await s.type("name", "来的客人")
            await s.type("phone", "13812345678", leave=False)
            await s.settle(until=lambda: s.has("ask-to-take-over"))
            await s.tap(way)
            assert s.has("create-anyway") and await phone.sent() == []
            await s.tap("create-anyway")
            await phone.session.sync_now()
            assert await phone.sent() == []
            world.db.rollback()
            assert entered(world) == [("chen", "张先生"), ("me", "来的客人")]
            anonymous = world.row(
                "select anonymous from crm.visits where store_id = %s", world.stores["east"]
            )
            assert anonymous == (way == "anonymous")
            assert [name for (name,) in world.ask("he", "select name from api.alerts")]


async def test_a_reception_for_a_colleagues_customer_makes_no_second_one(stack, tmp_path):
    """Who sees the whole store records the visit with the customer they find."""
    async with signed_in(stack, "assistant") as (gateway, world):
        world.customer("chen", name="张先生", phone="13812345678")
        world.db.commit()
        async with real_phone(tmp_path, gateway, route="/customers/visit") as phone:
            s = phone.screen
            await s.settle(until=lambda: bool(s.all("owner-")))
            names = ("lin", "chen", "he", "gao", "liang")  # no market, renewal or assistant
            assert s.all("owner-") == [f"owner-{world.users[name]}" for name in names]
            await s.type("phone", "13812345678", leave=False)
            await s.settle(until=lambda: s.has("open-duplicate"))
            assert not s.all("owner-")  # they have their advisor
            await s.tap("save-reception")
            await phone.session.sync_now()
            world.db.rollback()
            assert entered(world) == [("chen", "张先生")]
            assert (
                world.row(
                    "select count(*) from crm.visits where store_id = %s", world.stores["east"]
                )
                == 1
            )


def entered(world: World) -> list[tuple[str, str]]:
    """Whose customers have the number."""
    names = {str(user): name for name, user in world.users.items()}
    rows = world.db.execute(
        "select owner_id, name from crm.customers where store_id = %s and phone = '13812345678'"
        " order by created_at, id",
        (world.stores["east"],),
    ).fetchall()
    return [(names[str(owner)], name) for owner, name in rows]
