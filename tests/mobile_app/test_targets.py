"""Targets on the phone: set from the meeting sheet in a few taps, and shown to the advisor (S-31,
F-60)."""

from datetime import timedelta

import pytest

from tests.support.people import World
from tests.support.phone_screen import real_phone

SET = "select api.set_target(%s, %s, %s, null, %s)"


def talk(world: World, who: str, times: int) -> None:
    """Committed; the calendar closes no day, so that something is expected on every one."""
    for n in range(times):
        customer = world.customer(who, phone=f"1390000{n:04d}", name=f"客{n}")
        world.log_conversation(who, customer)
    world.db.commit()


def target(world: World, metric: str, value: int, whose: str | None = None) -> None:
    member = world.users[whose] if whose else None
    world.ask("he", SET, world.stores["east"], metric, value, member)
    world.db.commit()


async def test_a_target_is_set_from_the_sheet(manager, tmp_path):
    gateway, world = manager
    talk(world, "lin", 2)
    lin = world.users["lin"]
    async with real_phone(tmp_path, gateway, route="/team/meeting") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("no-targets"))
        await s.tap(f"number-contacts-all-{lin}")
        await s.settle(until=lambda: s.has("month"))
        await s.tap("month")
        await s.settle(until=lambda: s.has("target-value"))
        assert s.sees("客0") and s.sees("客1")  # the rows of the month
        await s.type("target-value", "一")
        assert s.sees("请填写大于零的整数。")
        await s.type("target-value", "2")
        await s.tap("save-target")
        await s.settle(until=lambda: s.has("target-saved") and s.has(f"target-contacts-{lin}"))
        assert s.taps == 3
        assert s.texts(f"target-contacts-{lin}")[:2] == ["lin", "已达成"]
        await s.type("target-value", "40000")
        await s.tap("save-target")
        await s.settle(until=lambda: s.sees("落后"))
        await s.back()
        await s.settle(until=lambda: s.has(f"weakest-{lin}"))
        assert s.texts("targets")[:2] == ["有效沟通", "落后"]
        assert "2 / 40000" in s.texts(f"weakest-{lin}")[0]
    rows = "select metric, value, member_id from crm.targets where store_id = %s"
    assert world.row(rows, world.stores["east"]) == ("contacts", 40000, lin)


async def test_a_target_is_removed(manager, tmp_path):
    gateway, world = manager
    target(world, "amount_won", 50_000_000)
    day = world.row("select (now() at time zone 'Asia/Shanghai')::date")
    async with real_phone(tmp_path, gateway, route=f"/team/meeting/{day}/amount_won/all") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("remove-target"))
        assert "500000" in s.texts("target-value")  # 元
        await s.tap("remove-target")
        await s.settle(until=lambda: s.has("target-saved") and not s.has("remove-target"))
    assert (
        world.row("select count(*) from crm.targets where store_id = %s", world.stores["east"]) == 0
    )


async def test_without_a_network_nothing_is_set(manager, network, tmp_path):
    gateway, world = manager
    day = world.row("select (now() at time zone 'Asia/Shanghai')::date")
    async with real_phone(tmp_path, gateway, route=f"/team/meeting/{day}/visits/all") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("target-value"))
        network.down = True
        await s.type("target-value", "30")
        await s.tap("save-target")
        await s.settle(until=lambda: s.sees("没有网络，目标没有保存。"))
        assert "30" in s.texts("target-value")
        network.heal()
        await s.tap("save-target")
        await s.settle(until=lambda: s.has("target-saved"))
    assert (
        world.row("select value from crm.targets where store_id = %s", world.stores["east"]) == 30
    )


async def test_an_advisor_sees_their_progress_and_its_rows(advisor, network, tmp_path):
    gateway, world = advisor
    me = world.users["me"]
    talk(world, "me", 2)
    target(world, "contacts", 1, "me")
    target(world, "visits", 40_000, "me")
    target(world, "contacts", 77)
    target(world, "contacts", 99, "chen")
    async with real_phone(tmp_path, gateway, route="/me") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("my-targets"))
        assert s.texts(f"target-contacts-{me}") == ["有效沟通", "已达成", "2 / 1"]
        assert s.texts(f"target-visits-{me}")[:2] == ["接待", "落后"]
        assert "应完成" in s.texts(f"target-visits-{me}")[2]
        assert s.texts("target-contacts-all") == ["有效沟通（门店）", "目标 77"]
        assert not s.sees("99")
        await s.tap(f"target-contacts-{me}")
        await s.settle(until=lambda: s.has("definition"))
        assert s.sees("客0") and s.sees("客1") and not s.has("target-value")
        network.down = True
        await s.go("/customers")
        await s.go("/me")
        await s.settle(until=lambda: s.sees("现在没有网络"))


async def test_the_sheet_steps_from_day_to_day(manager, tmp_path):
    gateway, _world = manager
    async with real_phone(tmp_path, gateway, route="/team/meeting") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("totals"))
        with pytest.raises(AssertionError, match="disabled"):
            await s.tap("day-after")  # tomorrow has no sheet
        for _n in range(3):
            await s.tap("day-before")
        day = p.session.clock.today - timedelta(days=3)
        await s.settle(until=lambda: s.has("totals") and s.sees(f"{day.month}月{day.day}日"))
        await s.tap("total-contacts")
        await s.settle(until=lambda: f"/{day}/contacts" in s.session.page.route)
