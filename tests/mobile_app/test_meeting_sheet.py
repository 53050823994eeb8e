"""A manager's meeting sheet on the phone: the day's numbers, what a number counts, and what the
meeting saw (S-23, S-44)."""

from datetime import timedelta

from tests.support.people import World
from tests.support.phone_screen import real_phone


def work(world: World) -> tuple[str, str]:
    """lin has talked with one of two customers; answers both."""
    customers = [
        world.customer("lin", phone=f"1390000000{n}", name=name, level="intent")
        for n, name in enumerate(("孙先生", "周女士"))
    ]
    world.task(customers[0], "lin")
    world.task(customers[1], "lin")
    world.log_conversation("lin", customers[0], level="near")
    return customers[0], customers[1]


async def test_from_the_team_to_the_customer_behind_a_number(manager, tmp_path):
    gateway, world = manager
    called, _waiting = work(world)
    world.db.commit()
    lin, chen = world.users["lin"], world.users["chen"]
    async with real_phone(tmp_path, gateway, route="/team") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("meeting"))
        await s.tap("meeting")
        await s.settle(until=lambda: s.has("totals"))
        assert s.texts("total-follow-ups-due") == ["应回访", "2"]
        assert s.texts("total-follow-ups-done") == ["已回访", "1"]
        assert s.texts("total-prospects-near") == ["准购买", "1"]
        assert s.texts(f"number-upgrades-all-{lin}") == ["lin 级别提升", "1"]
        assert s.texts(f"number-upgrades-all-{chen}") == ["chen 级别提升", "0"]
        await s.tap(f"number-upgrades-all-{lin}")
        await s.settle(until=lambda: s.has("definition"))
        assert s.sees("级别比之前高") and s.sees("孙先生") and not s.sees("周女士")
        await s.tap("sql")
        assert s.sees("a.rank > b.rank")
        row = s.all("row-")
        assert len(row) == 1
        await s.tap(row[0])
        await s.settle(until=lambda: s.session.page.route == f"/customers/{called}")
        assert s.taps == 4


async def test_what_the_meeting_saw_stays(manager, tmp_path):
    gateway, world = manager
    _called, waiting = work(world)
    world.db.commit()
    async with real_phone(tmp_path, gateway, route="/team/meeting") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("freeze"))
        await s.tap("freeze")
        await s.settle(until=lambda: s.has("frozen"))
        assert "之后没有变化" in s.texts("frozen")[0]
        world.log_conversation("lin", waiting, level="near")
        world.db.commit()
        today = p.session.clock.today.isoformat()
        await s.tap(f"day-{today}")
        await s.settle(until=lambda: s.has("total-contacts") and s.sees("现为 2"))
        assert s.texts("total-contacts") == ["有效沟通", "1", "现为 2"]
        assert "之后没有变化" not in s.texts("frozen")[0]


async def test_without_a_network_it_says_so(manager, network, tmp_path):
    gateway, world = manager
    work(world)
    world.db.commit()
    async with real_phone(tmp_path, gateway, route="/team") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("meeting"))
        network.down = True
        await s.tap("meeting")
        await s.settle(until=lambda: s.sees("需要网络"))
        assert not s.has("totals")
        network.heal()
        await s.tap("try-again")
        await s.settle(until=lambda: s.has("totals"))


async def test_yesterday_has_a_sheet_of_its_own(manager, tmp_path):
    gateway, world = manager
    called, _waiting = work(world)
    world.db.execute(
        "update crm.conversations set occurred_at = occurred_at - interval '1 day' where "
        "customer_id = %s",
        (called,),
    )
    world.db.commit()
    async with real_phone(tmp_path, gateway, route="/team/meeting") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("totals"))
        assert s.texts("total-contacts") == ["有效沟通", "0"]
        yesterday = p.session.clock.today - timedelta(days=1)
        await s.tap(f"day-{yesterday}")
        await s.settle(
            until=lambda: s.has("totals") and s.texts("total-contacts") != ["有效沟通", "0"]
        )
        assert s.texts("total-contacts") == ["有效沟通", "1"]
        assert s.texts("total-prospects") == ["意向客户", "0"]  # nobody had been entered
        await s.tap("total-contacts")
        await s.settle(until=lambda: s.has("definition"))
        assert s.sees("孙先生") and s.sees("昨天")
