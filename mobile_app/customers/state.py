"""Finding customers, opening one, adding one."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import flet as ft

from mobile_app.offline.replica import PAGE, Card
from mobile_app.session import Session
from shared.domain import forms
from shared.domain.labels import phone_digits
from shared.domain.problems import Offline, Problem
from shared.domain.records import Customer
from shared.gateway import customers as remote

SEARCH_PAUSE = 0.3  # seconds without a key before searching


@ft.observable
@dataclass(eq=False)
class CustomerList:
    """My book from this device; someone whose role sees the whole store also finds what is not in it."""

    session: Session
    words: str = ""
    rows: list[tuple[Customer, bool]] = field(default_factory=list)
    loaded: bool = False
    more: bool = False
    problem: str = ""
    _typed: int = 0

    @property
    def sees_store(self) -> bool:
        return self.session.me is not None and self.session.me.scope != "own"

    async def load(self) -> None:
        """The first page for the words typed."""
        self.problem = ""
        words = self.words.strip()
        if self.sees_store:
            try:
                found = await remote.search(self.session.services.gateway, self.session.store_id, words, limit=PAGE)
                self.rows, self.more, self.loaded = [(c, False) for c in found], False, True
                return
            except Offline:
                self.problem = "offline"
        replica = self.session.book.replica
        self.rows = await (replica.search(words) if words else replica.customers())
        self.more, self.loaded = not words and len(self.rows) == PAGE, True

    async def load_more(self) -> None:
        if self.more:
            page = await self.session.book.replica.customers(offset=len(self.rows))
            self.rows, self.more = [*self.rows, *page], len(page) == PAGE and len(self.rows) < 200

    async def type(self, words: str) -> None:
        """Search after a pause, so that a word being composed is left alone."""
        self.words = words
        self._typed += 1
        mine = self._typed
        await asyncio.sleep(SEARCH_PAUSE)
        if mine == self._typed:
            await self.load()


@ft.observable
@dataclass(eq=False)
class OpenCustomer:
    """One customer's card: from this device when it is in the book, else from the server."""

    session: Session
    customer_id: UUID
    card: Card | None = None
    owner_name: str | None = None
    problem: str = ""
    loaded: bool = False

    async def load(self) -> None:
        self.card = await self.session.book.replica.card(self.customer_id)
        if self.card is None:
            try:
                brief = await remote.brief(self.session.services.gateway, self.session.store_id, self.customer_id)
            except Problem as problem:
                self.problem, self.loaded = problem.code, True
                return
            self.owner_name = brief.owner_name
            self.card = Card(
                customer=brief.customer, waiting=False, companions=brief.companions, vehicles=brief.vehicles, policies=brief.policies, deals=brief.deals,
                tasks=brief.tasks, conversations=brief.conversations,
            )  # fmt: skip
        self.problem, self.loaded = "", True


@ft.observable
@dataclass(eq=False)
class NewCustomer:
    """Someone walked in: three things are required, the rest can wait (S-14, F-11)."""

    session: Session
    values: dict[str, Any] = field(default_factory=lambda: {"source": "walk_in"})
    problems: dict[str, str] = field(default_factory=dict)
    mine: tuple[UUID, str] | None = None
    elsewhere_days: int | None = None
    problem: str = ""
    saved: UUID | None = None
    _asked: int = 0

    def __post_init__(self) -> None:
        if self.session.config and self.session.config.levels:
            ranked = sorted(self.session.config.levels, key=lambda level: level.rank)
            self.values = {**self.values, "level": next((x.key for x in ranked if not x.pool), ranked[0].key)}

    def put(self, key: str, value: Any) -> None:
        self.values = {**self.values, key: value}
        if key in self.problems:
            self.problems = {k: v for k, v in self.problems.items() if k != key}

    async def type_phone(self, text: str) -> None:
        """The duplicate check while typing: my own by name, a colleague's only as days (F-15)."""
        self.put("phone", text)
        self.mine, self.elsewhere_days = None, None
        digits = phone_digits(text)
        if digits is None or len(digits) < 7:
            return
        self._asked += 1
        asked = self._asked
        for customer, _waiting in await self.session.book.replica.search(digits):
            if customer.phone == digits:
                self.mine = (customer.id, customer.name or "")
                return
        await asyncio.sleep(SEARCH_PAUSE)
        if asked != self._asked:
            return
        try:
            found = await remote.duplicates(self.session.services.gateway, self.session.store_id, phone=digits)
        except Problem:
            return  # offline or not allowed: the server warns nobody, and saving is not blocked by it
        if asked == self._asked:
            if found.mine:
                self.mine = (found.mine[0].id, found.mine[0].name or "")
            elif found.elsewhere:
                self.elsewhere_days = int(found.elsewhere["days"] or 0)

    async def save(self) -> None:
        config = self.session.config
        if config is None or self.saved is not None:
            return
        values = {k: v.strip() if isinstance(v, str) else v for k, v in self.values.items() if v not in (None, "")}
        if typed_phone := values.get("phone"):
            digits = phone_digits(typed_phone)
            if digits is None:
                self.problems = {"phone": "format"}
                return
            values["phone"] = digits
        values = {k: v for k, v in values.items() if k in config.rights("customer").writable}
        found = forms.problems(config, "customer", values, creating=True)
        self.problems = {p.field: p.code for p in found}
        if found:
            return
        customer_id = self.session.services.new_id()
        await self.session.act("save_customer", {"id": str(customer_id), "set": values}, title=str(values.get("name", "")))
        self.saved = customer_id
