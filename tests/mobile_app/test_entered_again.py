"""A number that a colleague's customer has: the app asks before there are two of them, and the
manager is told."""

from mobile_app.approvals.alerts import alert_text
from shared.gateway.tasks import Alert
from shared.ui.text import Texts
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
