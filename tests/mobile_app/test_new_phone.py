"""A phone that was just signed in: whoever opens a screen before the store's document has come is given its fields when it has."""

from uuid import UUID

import psycopg
import pytest

from forecourt.demo import PASSWORD, sign_up
from shared.gateway.client import Gateway, make_http
from tests.support.people import World, new_id
from tests.support.phone_screen import real_phone


@pytest.fixture
async def gateway(stack):
    """A manager of an empty store, for his roles stand in every screen."""
    email = f"{new_id()}@forecourt.example"
    user = sign_up(stack.supabase_url, stack.publishable_key, email)
    with psycopg.connect(stack.db_url) as connection:
        world = World(connection)
        world.users["boss"] = UUID(str(user))
        world.join("boss", "east", "manager")
        connection.commit()
    async with make_http() as http:
        found = Gateway(stack.supabase_url, stack.publishable_key, http=http)
        await found.keeper.sign_in(email, PASSWORD)
        yield found


@pytest.mark.parametrize("route", ["/customers", "/customers/new", "/customers/receive", "/funnel", "/team", "/approvals", "/me"])
async def test_a_screen_that_was_open_first_is_the_screen_that_is_opened_later(gateway, tmp_path, route):
    async with real_phone(tmp_path, gateway, route=route) as phone:
        screen = phone.screen
        await screen.settle(until=lambda: phone.session.config is not None and not screen.has("loading"))
        first = screen.all("")
        await screen.go("/")
        await screen.go(route)
        await screen.settle(until=lambda: screen.all("") == first)
