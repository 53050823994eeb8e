"""Somebody who is signed in on a phone whose network a test may cut: (gateway, world)."""

from collections.abc import AsyncIterator

import pytest

from forecourt.stack import Stack
from shared.gateway.client import Gateway
from tests.support.faults import Network
from tests.support.people import World
from tests.support.phone_screen import signed_in

SignedIn = tuple[Gateway, World]


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
async def manager(stack: Stack, network: Network) -> AsyncIterator[SignedIn]:
    async with signed_in(stack, "manager", network) as (gateway, world):
        yield gateway, world


@pytest.fixture
async def advisor(stack: Stack, network: Network) -> AsyncIterator[SignedIn]:
    async with signed_in(stack, "advisor", network) as (gateway, world):
        yield gateway, world
