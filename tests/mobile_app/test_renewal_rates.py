"""The renewal rates of a month on the phone: the manager's from the team, the specialist's own from
Me (F-42)."""

from datetime import date, timedelta

import pytest

from tests.support.faults import Network
from tests.support.people import World, new_id
from tests.support.phone_screen import real_phone, signed_in


def insured(world: World, name: str, owner: str, insurer: str = "人保") -> tuple[str, str]:
    """A customer of that renewal owner whose policy ends today; answers both."""
    count = world.row("select count(*) from crm.customers")
    customer = world.customer("he", phone=f"136{count:08d}", name=name)
    world.db.execute(
        "update crm.customers set renewal_owner_id = %s where id = %s",
        (world.users[owner], customer),
    )
    policy = new_id()
    today = world.row("select (now() at time zone 'Asia/Shanghai')::date")
    fields = {"insurer": insurer, "expires_on": today.isoformat()}
    world.done("he", "save_policy", {"id": policy, "customer_id": customer, "set": fields})
    return customer, policy


async def test_a_manager_opens_who_was_lost(stack, tmp_path):
    async with signed_in(stack, "manager") as (gateway, world):
        lost, policy = insured(world, "孙先生", "zhou")
        insured(world, "周女士", "zhou", "平安")
        world.done("he", "mark_policy_lost", {"id": policy, "reason": "price"})
        world.db.commit()
        async with real_phone(tmp_path, gateway, route="/team") as p:
            s = p.screen
            await s.settle(until=lambda: s.has("renewal-rates"))
            await s.tap("renewal-rates")
            await s.settle(until=lambda: s.has("all--due"))
            shown = [s.texts(f"all--{n}")[-1] for n in ("due", "contacted", "renewed", "lost")]
            assert shown == ["2", "0", "0", "1"]
            assert s.texts("insurer-平安-rate") == ["0%"]
            assert s.has("reason-price-lost") and s.has(f"member-{world.users['zhou']}-due")
            await s.tap("insurer-人保-lost")
            await s.settle(until=lambda: s.has(f"row-{policy}"))
            assert s.sees("孙先生") and not s.sees("周女士")
            await s.tap(f"row-{policy}")
            await s.settle(until=lambda: s.session.page.route == f"/customers/{lost}")
            assert s.taps == 3


async def test_another_month_has_numbers_of_its_own(stack, tmp_path):
    async with signed_in(stack, "manager") as (gateway, world):
        insured(world, "孙先生", "zhou")
        world.db.commit()
        async with real_phone(tmp_path, gateway, route="/team/renewals") as p:
            s = p.screen
            await s.settle(until=lambda: s.has("all--due"))
            await s.tap("month-before")
            await s.settle(until=lambda: s.sees("本月没有到期的保单"))
            today: date = p.session.clock.today
            before = today.replace(day=1) - timedelta(days=1)
            assert s.texts("month") == [f"{before.year}年{before.month}月"]
            await s.tap("month-after")
            await s.settle(until=lambda: s.has("all--due"))


async def test_a_specialist_sees_their_own(stack, tmp_path):
    async with signed_in(stack, "renewal") as (gateway, world):
        insured(world, "孙先生", "me")
        insured(world, "周女士", "zhou")
        world.db.commit()
        async with real_phone(tmp_path, gateway, route="/me") as p:
            s = p.screen
            await s.settle(until=lambda: s.has("renewal-rates"))
            await s.tap("renewal-rates")
            await s.settle(until=lambda: s.has("all--due"))
            assert s.texts("all--due")[-1] == "1"
            assert not s.all("member-")
            await s.tap("window-30-due")
            await s.settle(until=lambda: s.sees("孙先生"))
            assert not s.sees("周女士")


@pytest.mark.parametrize("role", ["assistant", "market"])
async def test_who_reads_no_policy_is_shown_no_way_to_them(stack, tmp_path, role):
    async with (
        signed_in(stack, role) as (gateway, _world),
        real_phone(tmp_path, gateway, route="/me") as p,
    ):
        await p.screen.settle(until=lambda: p.screen.has("sign-out"))
        assert not p.screen.has("renewal-rates")


async def test_without_a_network_the_screen_says_so(stack, tmp_path):
    network = Network()
    async with signed_in(stack, "manager", network) as (gateway, world):
        insured(world, "孙先生", "zhou")
        world.db.commit()
        async with real_phone(tmp_path, gateway, route="/team") as p:
            s = p.screen
            await s.settle(until=lambda: s.has("renewal-rates"))
            network.down = True
            await s.tap("renewal-rates")
            await s.settle(until=lambda: s.sees("需要网络"))
            network.heal()
            await s.tap("try-again")
            await s.settle(until=lambda: s.has("all--due"))
