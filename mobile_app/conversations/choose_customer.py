"""Choosing whom a conversation was with."""

import asyncio
from dataclasses import dataclass, field

import flet as ft

from mobile_app.session import Session
from shared.domain.records import Customer

SEARCH_PAUSE = 0.2  # seconds without a key: a word being composed is left alone
SHOWN = 12


@ft.observable
@dataclass(eq=False)
class ChooseCustomer:
    """Recently contacted customers, or those matching the search. All from this device."""

    session: Session
    query: str = ""
    rows: list[Customer] = field(default_factory=list)
    loaded: bool = False
    problem: str = ""
    _typed: int = 0
    _searching: asyncio.Task | None = None

    async def load(self) -> None:
        replica = self.session.local_store.replica
        query = self.query.strip()
        self.rows = (
            [c for c, _pending_operation in await replica.search(query, limit=SHOWN)]
            if query
            else await replica.recent(SHOWN)
        )
        self.loaded = True

    def type(self, query: str) -> None:
        self.query = query
        self._typed += 1
        self._searching = asyncio.create_task(self._search_later(self._typed))

    async def _search_later(self, mine: int) -> None:
        await asyncio.sleep(SEARCH_PAUSE)
        if mine == self._typed:
            await self.load()
