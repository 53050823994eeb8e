"""A disk that cannot be read is told on the screen, with a way to try again: grey shapes that stay
for good tell nobody anything."""

import sqlite3
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from shared.domain import presets
from shared.domain.config import StoreConfig
from tests.support.phone_screen import LocalData, phone

CUSTOMER = UUID("01a00000-0000-7000-8000-000000000001")


@pytest.mark.parametrize(
    "route",
    [
        "/customers",
        "/funnel",
        "/me/pending",
        "/log",
        f"/customers/{CUSTOMER}",
    ],
)
async def test_a_read_that_fails_is_told_and_tried_again(tmp_path, monkeypatch, route):
    config = StoreConfig.model_validate(presets.load("three_levels").document())
    local_data = LocalData(datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date())
    async with phone(tmp_path, config, "advisor", local_data) as p:
        database = p.session.local_store.database
        whole = database.read

        async def broken(query):
            raise sqlite3.OperationalError("disk I/O error")

        monkeypatch.setattr(database, "read", broken)
        await p.screen.go(route)
        await p.screen.settle(until=lambda: p.screen.has("problem"))
        told = p.screen.texts("problem")
        monkeypatch.setattr(database, "read", whole)
        await p.screen.tap("try-again")
        # of a record that is not on this phone, what follows is that it needs a network
        await p.screen.settle(
            until=lambda: not p.screen.has("problem") or p.screen.texts("problem") != told
        )
