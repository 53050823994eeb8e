"""Finding customers, opening one, adding one."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import flet as ft

from mobile_app.customers.duplicate_check import DuplicateCheck, start_values
from mobile_app.customers.filter import Filter
from mobile_app.files.picker import AttachmentPicker
from mobile_app.numbers import shown_number
from mobile_app.offline.replica import PAGE
from mobile_app.session import Session
from shared.domain.card import Card
from shared.domain.config import Pool
from shared.domain.problems import Offline, Problem
from shared.domain.records import Customer, Transfer
from shared.domain.values.number import money_of
from shared.gateway import customers as remote
from shared.ui.form import FormState
from shared.ui.text import Texts

SEARCH_PAUSE = 0.3  # seconds without a key before searching


@ft.observable
@dataclass(eq=False)
class CustomerList:
    """My book from this device; someone whose role sees the whole store also finds what is not in
    it."""

    session: Session
    query: str = ""
    rows: list[tuple[Customer, bool]] = field(default_factory=list)
    loaded: bool = False
    more: bool = False
    problem: str = ""
    handed: list[tuple[Transfer, Customer]] = field(default_factory=list)
    refused: frozenset[UUID] = frozenset()
    filter: Filter | None = None
    filtering: bool = False
    pool: str = ""  # a pool looked at; "": one's own list
    picked: list[str] | None = None  # customers chosen for one act; None: nobody is choosing
    _typed: int = 0

    def __post_init__(self) -> None:
        self.filter = Filter(self.session) if self.sees_store else None

    @property
    def pools(self) -> list[Pool]:
        """Pools one works without owning their customers; who sees the store has a filter."""
        config, me = self.session.config, self.session.me
        if config is None or me is None or me.scope != "own":
            return []
        return [p for p in config.pools if p.key in me.pools]

    @property
    def can_grade(self) -> bool:
        config, me = self.session.config, self.session.me
        allowed = me is not None and me.may("save_customer")
        return allowed and config is not None and "level" in config.rights("customer").writable

    async def choose_pool(self, key: str) -> None:
        self.pool, self.picked, self.rows, self.loaded = key, None, [], False
        await self.load()

    def toggle_picking(self) -> None:
        self.picked = [] if self.picked is None else None

    def pick(self, customer_id: str) -> None:
        if self.picked is not None:
            self.picked = (
                [x for x in self.picked if x != customer_id]
                if customer_id in self.picked
                else [*self.picked, customer_id]
            )

    async def grade_picked(self, level: str) -> None:
        """One level for all that were picked, each as an operation of its own."""
        picked, rows = set(self.picked or ()), []
        for customer, pending in self.rows:
            if str(customer.id) not in picked or customer.level == level:
                rows.append((customer, pending))
                continue
            await self.session.act(
                "save_customer",
                {"id": str(customer.id), "set": {"level": level}},
                base_version=customer.version,
                title=customer.name or "",
            )
            rows.append((customer.model_copy(update={"level": level}), True))
        self.rows, self.picked = rows, None

    @property
    def sees_store(self) -> bool:
        return self.session.me is not None and self.session.me.scope != "own"

    async def load(self) -> None:
        """The first page for the search text."""
        self.problem = ""
        query = self.query.strip()
        self.refused = await self.session.local_store.outbox.customers_with_rejections()
        if self.session.me is not None:
            self.handed = await self.session.local_store.replica.transfers_to(
                self.session.me.user_id
            )
        if self.sees_store or self.pool:
            try:
                found = await self._on_server(query)
                self.rows, self.loaded = [(c, False) for c in found], True
                self.more = not query and len(found) == PAGE
                return
            except Offline:
                self.problem = "offline"
            if self.pool:  # nothing of it is on this device but one's own list
                self.rows, self.more, self.loaded = [], False, True
                return
        replica = self.session.local_store.replica
        self.rows = await (replica.search(query) if query else replica.customers())
        self.more, self.loaded = not query and len(self.rows) == PAGE, True

    async def _on_server(self, query: str, offset: int = 0) -> list[Customer]:
        """Words find by name, number and plate; without them the filter and its order."""
        gateway, store_id = self.session.services.gateway, self.session.store_id
        if self.pool and not query:  # who was not called for longest first
            asked = [{"key": "pool", "op": "eq", "value": self.pool}]
            return await remote.find(
                gateway,
                store_id,
                asked,
                sort="last_contact_at",
                descending=False,
                limit=PAGE,
                offset=offset,
            )
        if query or self.filter is None:
            return await remote.search(gateway, store_id, query, limit=PAGE)
        sort = self.filter.sort
        return await remote.find(
            gateway,
            store_id,
            self.filter.asked,
            sort=sort,
            descending=sort != "next_contact_on",
            limit=PAGE,
            offset=offset,
        )

    def toggle_filter(self) -> None:
        self.filtering = not self.filtering

    async def show_filtered(self) -> None:
        """The filter panel closes and shows the results."""
        self.query, self.filtering = "", False
        await self.load()

    async def load_more(self) -> None:
        if self.more and (self.sees_store or self.pool):
            page = await self._on_server("", offset=len(self.rows))
            self.rows, self.more = (
                [*self.rows, *((c, False) for c in page)],
                len(page) == PAGE and len(self.rows) < 200,
            )
        elif self.more:
            page = await self.session.local_store.replica.customers(offset=len(self.rows))
            self.rows, self.more = [*self.rows, *page], len(page) == PAGE and len(self.rows) < 200

    async def type(self, query: str) -> None:
        """Search after a pause, so that a word being composed is left alone."""
        self.query = query
        self._typed += 1
        mine = self._typed
        await asyncio.sleep(SEARCH_PAUSE)
        if mine == self._typed:
            await self.load()


async def card_of_server(session: Session, customer_id: UUID) -> Card:
    """Of a customer who is not in one's own data; nothing of it is kept on this device. Raises
    Problem."""
    return await remote.brief(session.services.gateway, session.store_id, customer_id)


@ft.observable
@dataclass(eq=False)
class OpenCustomer:
    """One customer's card: from this device when it is in the local data, else from the server."""

    session: Session
    customer_id: UUID
    texts: Texts
    card: Card | None = None
    problem: str = ""
    loaded: bool = False
    shown_phone: str = ""  # a masked number, shown for this call
    noting_consent: bool = False
    purpose: str = ""
    linking: bool = False
    relation: str = ""
    other_query: str = ""
    found: list[Customer] = field(default_factory=list)
    losing: str = ""
    reason: str | None = None
    insurer: str = ""
    price: str = ""

    async def load(self) -> None:
        self.card = await self.session.local_store.replica.card(self.customer_id)
        if self.card is None:
            try:
                self.card = await card_of_server(self.session, self.customer_id)
            except Problem as problem:
                self.problem, self.loaded = problem.code, True
                return
        self.problem, self.loaded = "", True

    async def open(self, customer_id: UUID) -> None:
        """Another customer in the same place: from one of the family to the next."""
        if customer_id != self.customer_id:
            self.customer_id, self.card, self.loaded, self.shown_phone = (
                customer_id,
                None,
                False,
                "",
            )
            self.noting_consent, self.linking, self.losing = False, False, ""
        await self.load()

    async def accept(self, transfer_id: str) -> None:
        """The new owner has read their card (First 3)."""
        await self.session.act(
            "acknowledge_transfer",
            {"id": transfer_id, "customer_id": str(self.customer_id)},
            title=self._name,
        )

    @property
    def _name(self) -> str:
        return (self.card.customer.name if self.card else "") or ""

    async def dial(self) -> None:
        await self.session.calls.dial(self.customer_id)

    async def show_number(self) -> None:
        if self.card is None:
            return
        _ = self.texts
        try:
            self.shown_phone = await shown_number(self.session, self.card.customer, _("To call"))
            self.problem = ""
        except Problem as problem:
            self.problem = problem.code

    # consent (S-67) -------------------------------------------------------------------------------

    def begin_consent(self) -> None:
        self.noting_consent = not self.noting_consent
        purposes = self.session.config.consents if self.session.config else ()
        self.purpose = purposes[0].key if purposes else ""

    def choose_purpose(self, key: str) -> None:
        self.purpose = key

    async def note_consent(self, granted: bool) -> None:
        config, card = self.session.config, self.card
        if config is None or card is None or not self.purpose:
            return
        needed = {p.key for p in config.consents if p.needed_for_calls}
        last = {
            c.purpose: c.granted for c in reversed(card.consents) if c.channel in ("any", "call")
        } | {self.purpose: granted}
        payload = {
            "id": str(self.session.services.new_id()),
            "customer_id": str(self.customer_id),
            "purpose": self.purpose,
            "channel": "any",
            "granted": granted,
            "stated_at": self.session.clock.now().isoformat(),
            "stops": any(not ok for key, ok in last.items() if key in needed),
        }
        await self.session.act("save_consent", payload, title=self._name)
        self.noting_consent = False

    # family (S-64) --------------------------------------------------------------------------------

    def begin_link(self) -> None:
        self.linking, self.relation, self.found = not self.linking, "", []

    def choose_relation(self, key: str) -> None:
        self.relation = key

    async def find_colleagues_customer(self, query: str) -> None:
        self.other_query = query
        rows = (
            await self.session.local_store.replica.search(query, limit=6) if query.strip() else []
        )
        self.found = [c for c, _pending_operation in rows if c.id != self.customer_id]

    async def link(self, other: Customer) -> None:
        if not self.relation:
            return
        payload = {
            "id": str(self.session.services.new_id()),
            "customer_id": str(self.customer_id),
            "other_id": str(other.id),
            "other_name": other.name,
            "relation": self.relation,
            "back": BACK.get(self.relation, self.relation),
        }
        await self.session.act("save_relationship", payload, title=self._name)
        self.linking, self.found, self.other_query = False, [], ""

    # the year (First 9) ---------------------------------------------------------------------------

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
        """A renewal lost: why, to whom, at what price; it comes back by itself before the next
        expiry (F-35)."""
        config = self.session.config
        reason = next((r for r in config.reasons if r.key == self.reason), None) if config else None
        if reason is None or not self.losing:
            return
        payload: dict[str, Any] = {
            "id": self.losing,
            "customer_id": str(self.customer_id),
            "reason": reason.key,
            "next_id": str(self.session.services.new_id()),
            "returns": reason.returns,
        }
        if self.insurer.strip():
            payload["insurer"] = self.insurer.strip()
        if (fen := money_of(self.price)) is not None:
            payload["price_fen"] = fen
        op_id = await self.session.act("mark_policy_lost", payload, title=self._name)
        self.losing = ""
        _ = self.texts
        self.session.notices.say(
            _("Noted. It returns before the next expiry.") if reason.returns else _("Noted."),
            undo=op_id,
        )


# What the other one is to them, when they are this to the other.
BACK = {"parent": "child", "child": "parent"}


@ft.observable
@dataclass(eq=False)
class NewCustomer:
    """Somebody new, in the store's own form: first what it requires and what it asks at the
    visit, the rest folded away (S-14, F-11)."""

    session: Session
    texts: Texts
    form: FormState | None = None
    already: DuplicateCheck | None = None
    attaching: AttachmentPicker | None = None
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
        demanded = [
            f.key for f in fields if f.key in required or f.required or f.require is not None
        ]
        self.first = tuple(dict.fromkeys([*config.visit.fields, *demanded]))
        self.rest = tuple(f.key for f in fields if f.key not in self.first)
        self.form = self.session.form(
            "customer", defaults=start_values(config), only=[*self.first, *self.rest]
        )
        if self.form is not None:
            self.already, self.attaching = (
                DuplicateCheck(self.session, self.texts, self.form),
                AttachmentPicker(self.session, self.form),
            )

    def unfold(self) -> None:
        self.unfolded = True

    async def save_anyway(self) -> None:
        await self.save(anyway=True)

    async def save(self, *, anyway: bool = False) -> None:
        """On disk, then their card; what is wrong in the folded part unfolds it. A colleague's
        customer is asked about first."""
        form = self.form
        if form is None or self.saved is not None:
            return
        if not form.check():
            self.unfolded = self.unfolded or any(p.field in self.rest for p in form.problems())
            return
        if self.already is not None and not anyway and self.already.must_ask():
            return
        customer_id, values = self.session.services.new_id(), form.changes()
        files = self.attaching.attachments_for(values.values()) if self.attaching else ()
        await self.session.act(
            "save_customer",
            {"id": str(customer_id), "set": values},
            title=str(values.get("name", "")),
            attachments=files,
        )
        self.saved = customer_id
