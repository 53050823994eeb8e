"""A manager finds in the whole store by a field of the store's own, and in its order."""

from uuid import UUID

import psycopg
import pytest

from forecourt.demo import PASSWORD, sign_up
from shared.gateway.client import Gateway, make_http
from tests.support.people import World, new_id
from tests.support.phone_screen import real_phone

WAN = 1_000_000  # 分


@pytest.fixture
async def gateway(stack):
    """The manager of a store with three customers of two advisors: budgets of 10, 30 and 20 万."""
    email = f"{new_id()}@forecourt.example"
    user = sign_up(stack.supabase_url, stack.publishable_key, email)
    with psycopg.connect(stack.db_url) as connection:
        world = World(connection)
        world.users["boss"] = UUID(str(user))
        world.join("boss", "east", "manager")
        for who, name, budget, level in (("lin", "十万", 10, "near"), ("chen", "三十万", 30, "near"), ("lin", "二十万", 20, "intent")):
            world.customer(who, name=name, budget_fen=budget * WAN, level=level)
        connection.commit()
    async with make_http() as http:
        found = Gateway(stack.supabase_url, stack.publishable_key, http=http)
        await found.keeper.sign_in(email, PASSWORD)
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
