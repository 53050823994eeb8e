"""A manager finds in the whole store by a field of the store's own, and in its order."""

import pytest

from tests.support.phone_screen import real_phone, signed_in

WAN = 1_000_000  # 分


@pytest.fixture
async def gateway(stack):
    """The manager of a store with three customers of two advisors: budgets of 10, 30 and 20 万."""
    async with signed_in(stack, "manager") as (found, world):
        for who, name, budget, level in (
            ("lin", "十万", 10, "near"),
            ("chen", "三十万", 30, "near"),
            ("lin", "二十万", 20, "intent"),
        ):
            world.customer(who, name=name, budget_fen=budget * WAN, level=level)
        world.db.commit()
        yield found


def rows(screen) -> list[str]:
    names = ("十万", "二十万", "三十万")
    return [t for t in screen.texts() if t in names]


async def test_a_manager_filters_and_sorts_by_the_stores_own_field(gateway, tmp_path):
    async with real_phone(tmp_path, gateway) as phone:
        screen = phone.screen
        await screen.go("/customers")
        await screen.settle(until=lambda: len(rows(screen)) == 3 and screen.has("filter"))
        await screen.tap("filter")
        await screen.type("budget-fen", "200000")  # in 元
        await screen.tap("sort-budget-fen")
        await screen.tap("filter-show")
        await screen.settle(until=lambda: rows(screen) == ["三十万", "二十万"])
        await screen.tap("filter")
        await screen.tap("level-near")
        await screen.tap("filter-show")
        await screen.settle(until=lambda: rows(screen) == ["三十万"])
        await screen.tap("filter")
        await screen.tap("filter-clear")
        await screen.settle(until=lambda: len(rows(screen)) == 3)
        assert not screen.has("filter-show")
