"""Choosing whom a talk was with."""

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
    """Customers talked to last; with words, those that fit them. All from this device."""

    session: Session
    words: str = ""
    rows: list[Customer] = field(default_factory=list)
    loaded: bool = False
    problem: str = ""
    _typed: int = 0
    _searching: asyncio.Task | None = None

    async def load(self) -> None:
        replica = self.session.book.replica
        words = self.words.strip()
        self.rows = [c for c, _waiting in await replica.search(words, limit=SHOWN)] if words else await replica.recent(SHOWN)
        self.loaded = True

    def type(self, words: str) -> None:
        self.words = words
        self._typed += 1
        self._searching = asyncio.create_task(self._search_later(self._typed))

    async def _search_later(self, mine: int) -> None:
        await asyncio.sleep(SEARCH_PAUSE)
        if mine == self._typed:
            await self.load()
