"""Finding customers, opening one, adding one."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import flet as ft

from mobile_app.customers.filter import Filter
from mobile_app.customers.known import KnownAlready, start_values
from mobile_app.files.attaching import Attaching
from mobile_app.offline.replica import PAGE, Card
from mobile_app.session import Session
from shared.domain.entry import money_of
from shared.domain.problems import Offline, Problem
from shared.domain.records import Customer, Handover
from shared.gateway import customers as remote
from shared.ui.form import FormState
from shared.ui.text import Texts

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
    handed: list[tuple[Handover, Customer]] = field(default_factory=list)
    refused: frozenset[UUID] = frozenset()
    filter: Filter | None = None
    filtering: bool = False
    _typed: int = 0

    def __post_init__(self) -> None:
        self.filter = Filter(self.session) if self.sees_store else None

    @property
    def sees_store(self) -> bool:
        return self.session.me is not None and self.session.me.scope != "own"

    async def load(self) -> None:
        """The first page for the words typed."""
        self.problem = ""
        words = self.words.strip()
        self.refused = await self.session.book.outbox.refused_customers()
        if self.session.me is not None:
            self.handed = await self.session.book.replica.handed_to(self.session.me.user_id)
        if self.sees_store:
            try:
                found = await self._on_server(words)
                self.rows, self.loaded = [(c, False) for c in found], True
                self.more = not words and len(found) == PAGE
                return
            except Offline:
                self.problem = "offline"
        replica = self.session.book.replica
        self.rows = await (replica.search(words) if words else replica.customers())
        self.more, self.loaded = not words and len(self.rows) == PAGE, True

    async def _on_server(self, words: str, offset: int = 0) -> list[Customer]:
        """Words find by name, number and plate; without them the filter and its order."""
        gateway, store_id = self.session.services.gateway, self.session.store_id
        if words or self.filter is None:
            return await remote.search(gateway, store_id, words, limit=PAGE)
        sort = self.filter.sort
        return await remote.find(gateway, store_id, self.filter.asked, sort=sort, descending=sort != "next_contact_on", limit=PAGE, offset=offset)

    def toggle_filter(self) -> None:
        self.filtering = not self.filtering

    async def show_filtered(self) -> None:
        """The panel gives way to what was found."""
        self.words, self.filtering = "", False
        await self.load()

    async def load_more(self) -> None:
        if self.more and self.sees_store:
            page = await self._on_server("", offset=len(self.rows))
            self.rows, self.more = [*self.rows, *((c, False) for c in page)], len(page) == PAGE and len(self.rows) < 200
        elif self.more:
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


async def card_of_server(session: Session, customer_id: UUID) -> tuple[Card, str | None]:
    """Of a customer who is not in one's own book: (card, owner's name); nothing of it is kept on this device. Raises Problem."""
    brief = await remote.brief(session.services.gateway, session.store_id, customer_id)
    card = Card(
        customer=brief.customer, waiting=False, companions=brief.companions, vehicles=brief.vehicles, policies=brief.policies, deals=brief.deals,
        tasks=brief.tasks, conversations=brief.conversations, attachments=brief.attachments, promises=brief.promises, handovers=brief.handovers,
        links=brief.links, consents=brief.consents, receptions=brief.receptions,
    )  # fmt: skip
    return card, brief.owner_name


@ft.observable
@dataclass(eq=False)
class OpenCustomer:
    """One customer's card: from this device when it is in the book, else from the server."""

    session: Session
    customer_id: UUID
    texts: Texts
    card: Card | None = None
    owner_name: str | None = None
    problem: str = ""
    loaded: bool = False
    noting_consent: bool = False
    purpose: str = ""
    linking: bool = False
    relation: str = ""
    other_words: str = ""
    found: list[Customer] = field(default_factory=list)
    losing: str = ""
    reason: str | None = None
    insurer: str = ""
    price: str = ""

    async def load(self) -> None:
        self.card = await self.session.book.replica.card(self.customer_id)
        if self.card is None:
            try:
                self.card, self.owner_name = await card_of_server(self.session, self.customer_id)
            except Problem as problem:
                self.problem, self.loaded = problem.code, True
                return
        self.problem, self.loaded = "", True

    async def open(self, customer_id: UUID) -> None:
        """Another customer in the same place: from one of the family to the next."""
        if customer_id != self.customer_id:
            self.customer_id, self.card, self.loaded, self.owner_name = customer_id, None, False, None
            self.noting_consent, self.linking, self.losing = False, False, ""
        await self.load()

    async def accept(self, handover_id: str) -> None:
        """The heir has read his card (First 3)."""
        await self.session.act("accept_handover", {"id": handover_id, "customer_id": str(self.customer_id)}, title=self._name)

    @property
    def _name(self) -> str:
        return (self.card.customer.name if self.card else "") or ""

    # consent (S-67) ------------------------------------------------------------------------------------------------------------

    def begin_consent(self) -> None:
        self.noting_consent = not self.noting_consent
        purposes = self.session.config.consents if self.session.config else ()
        self.purpose = purposes[0].key if purposes else ""

    def choose_purpose(self, key: str) -> None:
        self.purpose = key

    async def note_consent(self, given: bool) -> None:
        config, card = self.session.config, self.card
        if config is None or card is None or not self.purpose:
            return
        needed = {p.key for p in config.consents if p.needed_for_calls}
        last = {c.purpose: c.given for c in reversed(card.consents) if c.channel in ("any", "call")} | {self.purpose: given}
        payload = {
            "id": str(self.session.services.new_id()), "customer_id": str(self.customer_id), "purpose": self.purpose, "channel": "any", "given": given,
            "said_at": self.session.now().isoformat(), "stops": any(not ok for key, ok in last.items() if key in needed),
        }  # fmt: skip
        await self.session.act("save_consent", payload, title=self._name)
        self.noting_consent = False

    # family (S-64) -------------------------------------------------------------------------------------------------------------

    def begin_link(self) -> None:
        self.linking, self.relation, self.found = not self.linking, "", []

    def choose_relation(self, key: str) -> None:
        self.relation = key

    async def find_other(self, words: str) -> None:
        self.other_words = words
        rows = await self.session.book.replica.search(words, limit=6) if words.strip() else []
        self.found = [c for c, _waiting in rows if c.id != self.customer_id]

    async def link(self, other: Customer) -> None:
        if not self.relation:
            return
        payload = {
            "id": str(self.session.services.new_id()), "customer_id": str(self.customer_id), "other_id": str(other.id), "other_name": other.name,
            "relation": self.relation, "back": BACK.get(self.relation, self.relation),
        }  # fmt: skip
        await self.session.act("save_link", payload, title=self._name)
        self.linking, self.found, self.other_words = False, [], ""

    # the year (First 9) --------------------------------------------------------------------------------------------------------

    def begin_loss(self, policy_id: str) -> None:
        self.losing = "" if self.losing == policy_id else policy_id
        self.reason, self.insurer, self.price = None, "", ""

    def choose_reason(self, key: str) -> None:
        self.reason = key

    def set_insurer(self, text: str) -> None:
        self.insurer = text

    def set_price(self, text: str) -> None:
        self.price = text

    async def lose(self) -> None:
        """A renewal lost: why, to whom, at what price; it comes back by itself before the next expiry (F-35)."""
        config = self.session.config
        reason = next((r for r in config.reasons if r.key == self.reason), None) if config else None
        if reason is None or not self.losing:
            return
        payload: dict[str, Any] = {"id": self.losing, "customer_id": str(self.customer_id), "reason": reason.key, "next_id": str(self.session.services.new_id()), "returns": reason.returns}  # fmt: skip
        if self.insurer.strip():
            payload["insurer"] = self.insurer.strip()
        if (fen := money_of(self.price)) is not None:
            payload["price_fen"] = fen
        op_id = await self.session.act("lose_policy", payload, title=self._name)
        self.losing = ""
        _ = self.texts
        self.session.say(_("Noted. It comes back before the next expiry.") if reason.returns else _("Noted."), undo=op_id)


# What the other one is to him, when he is this to the other.
BACK = {"parent": "child", "child": "parent"}


@ft.observable
@dataclass(eq=False)
class NewCustomer:
    """Somebody new, in the store's own form: first what it requires and what it asks at the reception, the rest folded away (S-14, F-11)."""

    session: Session
    texts: Texts
    form: FormState | None = None
    already: KnownAlready | None = None
    attaching: Attaching | None = None
    first: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()
    unfolded: bool = False
    problem: str = ""
    saved: UUID | None = None

    def __post_init__(self) -> None:
        config = self.session.config
        if config is None:
            return
        fields, required = config.forms["customer"].fields, config.rights("customer").required
        demanded = [f.key for f in fields if f.key in required or f.required or f.require is not None]
        self.first = tuple(dict.fromkeys([*config.reception.fields, *demanded]))
        self.rest = tuple(f.key for f in fields if f.key not in self.first)
        self.form = self.session.form("customer", defaults=start_values(config), only=[*self.first, *self.rest])
        if self.form is not None:
            self.already, self.attaching = KnownAlready(self.session, self.texts, self.form), Attaching(self.session, self.form)

    def unfold(self) -> None:
        self.unfolded = True

    async def save(self) -> None:
        """On disk, then his card; what is wrong in the folded part unfolds it."""
        form = self.form
        if form is None or self.saved is not None:
            return
        if not form.check():
            self.unfolded = self.unfolded or any(p.field in self.rest for p in form.problems())
            return
        customer_id, values = self.session.services.new_id(), form.changes()
        files = self.attaching.going_with(values.values()) if self.attaching else ()
        await self.session.act("save_customer", {"id": str(customer_id), "set": values}, title=str(values.get("name", "")), attachments=files)
        self.saved = customer_id
