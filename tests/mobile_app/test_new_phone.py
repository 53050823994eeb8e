"""A phone that was just signed in: whoever opens a screen before the store's document has come is
given its fields when it has."""

import pytest

from tests.support.phone_screen import real_phone, signed_in


@pytest.mark.parametrize(
    ("route", "mark"),
    [
        ("/customers", "filter"),
        ("/customers/new", "phone"),
        ("/customers/visit", "need"),
        ("/funnel", "view-board"),
        ("/team", "part-queues"),
        ("/approvals", "refresh"),
        ("/me", "sync-status"),
    ],
)
async def test_a_screen_that_was_open_first_is_the_screen_that_is_opened_later(
    stack, tmp_path, route, mark
):
    async with (
        signed_in(stack, "manager") as (gateway, _world),
        real_phone(tmp_path, gateway, route=route) as phone,
    ):  # their role has every screen
        screen = phone.screen
        await screen.settle(
            until=lambda: phone.session.config is not None and not screen.has("loading")
        )
        first = screen.all("")
        assert mark in first
        await screen.go("/")
        await screen.go(route)
        await screen.settle(until=lambda: screen.all("") == first)
