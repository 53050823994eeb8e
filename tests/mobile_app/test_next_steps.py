"""The manager's phone says whether anybody is forgotten, and whether the rules run (S-78)."""

from tests.support.people import World
from tests.support.phone_screen import real_phone, signed_in

CHOOSE = "part-pending"


def forgotten(world: World) -> str:
    """A customer whose owner has left, as an operator's hand on the tables could leave them."""
    customer = world.customer("chen", name="孙先生", phone="13600000001")
    world.db.execute(
        "update crm.members set active = false where user_id = %s", (world.users["chen"],)
    )
    return customer


async def test_a_manager_sees_that_nobody_is_forgotten(stack, tmp_path):
    async with signed_in(stack, "manager") as (gateway, world):
        world.customer("lin", phone="13600000002")
        world.db.execute("select crm.run_due(%s)", (world.stores["east"],))
        world.db.commit()
        async with real_phone(tmp_path, gateway, route="/team") as p:
            s = p.screen
            await s.settle(until=lambda: s.has(CHOOSE))
            await s.tap(CHOOSE)
            await s.settle(until=lambda: s.has("next-steps"))
            assert s.sees("每位客户都有下一步")
            assert s.texts("next-steps") == ["每位客户都有下一步", "跟进规则最近运行：今天"]
            assert not s.has("rules-late")


async def test_a_manager_opens_a_customer_whom_nobody_looks_after(stack, tmp_path):
    async with signed_in(stack, "manager") as (gateway, world):
        customer = forgotten(world)
        world.db.commit()
        async with real_phone(tmp_path, gateway, route="/team") as p:
            s = p.screen
            await s.settle(until=lambda: s.has(CHOOSE))
            await s.tap(CHOOSE)
            await s.settle(until=lambda: s.has(f"forgotten-{customer}"))
            assert s.sees("1 位客户没有下一步") and s.sees("没有人负责")
            await s.tap(f"forgotten-{customer}")
            await s.settle(until=lambda: s.session.page.route == f"/customers/{customer}")


async def test_rules_that_stopped_are_told(stack, tmp_path):
    async with signed_in(stack, "manager") as (gateway, world):
        world.db.execute("select crm.run_due(%s)", (world.stores["east"],))
        world.db.execute("update crm.runs set due_at = due_at - interval '5 days'")
        world.db.commit()
        async with real_phone(tmp_path, gateway, route="/team") as p:
            s = p.screen
            await s.settle(until=lambda: s.has(CHOOSE))
            await s.tap(CHOOSE)
            await s.settle(until=lambda: s.has("rules-late"))
            assert s.sees("请联系系统管理员")
