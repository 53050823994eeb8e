"""Someone walks in: a few answers, who came along, and he is in the book (S-13…S-15, S-18, F-11, F-12, F-15)."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import flet as ft

from mobile_app.session import Session
from shared.domain.problems import Problem
from shared.domain.records import Customer
from shared.gateway import customers as remote
from shared.gateway import members as remote_members
from shared.ui.form import FormState
from shared.ui.text import Texts

SEARCH_PAUSE = 0.3  # seconds without a key before the server is asked
MOST_FIELDS = 6  # of a first screen (S-14)


@dataclass(frozen=True)
class Elsewhere:
    """A colleague's customer, as much as the store lets one know."""

    days: int
    who: str | None = None
    pooled: bool = False


@ft.observable
@dataclass(eq=False)
class ReceiveVisitor:
    """One visit. `known`: he is in the book already; `elsewhere`: a colleague looks after him."""

    session: Session
    texts: Texts
    form: FormState | None = None
    people: FormState | None = None
    arrived_at: datetime | None = None
    ago: str = "0"
    advisors: list[tuple[str, str]] = field(default_factory=list)
    owner: str | None = None
    known: Customer | None = None
    elsewhere: Elsewhere | None = None
    with_companion: bool = False
    asked: bool = False
    problem: str = ""
    saved: UUID | None = None
    _typed: int = 0
    _looking: asyncio.Future | None = None

    def __post_init__(self) -> None:
        config = self.session.config
        self.arrived_at = self.session.now()
        if config is None:
            return
        ranked = sorted(config.levels, key=lambda level: level.rank)
        level = next((x.key for x in ranked if not x.pool), ranked[0].key if ranked else None)
        source = config.forms["customer"].field("source")
        options = [o.key for o in source.options or ()] if source else []
        defaults = {k: v for k, v in {"level": level, "source": options[0] if options else None}.items() if v}
        asked, demanded = config.reception.fields[:MOST_FIELDS], config.reception.required
        self.form = FormState(config, "customer", self.session.today, defaults=defaults, only=asked, demanded=[k for k in demanded if k in asked])
        self.people = FormState(config, "companion", self.session.today)
        self.form.watch(self._changed)

    @property
    def may_name_an_advisor(self) -> bool:
        return self.session.me is not None and self.session.me.may("assign_customer")

    async def load(self) -> None:
        """Who could be named as the advisor; offline the visitor is the writer's own."""
        if not self.may_name_an_advisor or self.advisors:
            return
        try:
            found = await remote_members.members(self.session.services.gateway, self.session.store_id)
        except Problem:
            return
        config = self.session.config
        sellers = (
            {r.key for r in config.roles if getattr(r, "verbs", None) is None or "log_conversation" in getattr(r, "verbs", ())} if config else set()
        )
        me = self.session.me
        self.advisors = [(str(m.user_id), m.name) for m in found if m.active and m.role in sellers and (me is None or m.user_id != me.user_id)]

    def choose_owner(self, user_id: str) -> None:
        self.owner = None if self.owner == user_id else user_id

    def choose_ago(self, minutes: str) -> None:
        self.ago = minutes

    def add_companion(self) -> None:
        self.with_companion = not self.with_companion

    # the duplicate check while typing ---------------------------------------------------------------------------------------

    def _changed(self, key: str) -> None:
        if key == "phone" and self.form:
            self._typed += 1
            self.known, self.elsewhere, self.asked = None, None, False
            self._looking = asyncio.ensure_future(self._look(self.form.value("phone"), self._typed))

    async def _look(self, digits: str | None, typed: int) -> None:
        """My own book at once, without a network; a colleague's from the server, if it answers."""
        if not digits or len(digits) < 7:
            return
        mine = await self.session.book.replica.duplicates(phone=digits)
        if typed != self._typed:
            return
        if mine:
            self.known = mine[0]
            return
        await asyncio.sleep(SEARCH_PAUSE)
        if typed != self._typed:
            return
        try:
            found = await remote.duplicates(self.session.services.gateway, self.session.store_id, phone=digits)
        except Problem:
            return  # offline: the server warns when it hears of it, and nothing is blocked by it
        if typed == self._typed:
            if found.mine:
                self.known = Customer(id=found.mine[0].id, name=found.mine[0].name)
            elif found.elsewhere:
                self.elsewhere = Elsewhere(int(found.elsewhere.get("days") or 0), found.elsewhere.get("who"), bool(found.elsewhere.get("pooled")))

    async def ask_for_him(self) -> None:
        """Join instead of a block: the manager hears that he is here, with what was said; the colleague keeps him until then."""
        if self.form is None or self.asked:
            return
        words = str(self.form.value("need") or "")
        payload = {"id": str(self.session.services.new_id()), "phone": self.form.value("phone"), **({"words": words} if words else {})}
        await self.session.act("request_customer", payload, title=str(self.form.value("name") or ""))
        self.asked = True
        _ = self.texts
        self.session.say(_("The manager has been asked."))

    # saving -----------------------------------------------------------------------------------------------------------------

    async def save(self) -> None:
        await self._save(nameless=False)

    async def save_nameless(self) -> None:
        """He left nothing: counted, and the same row becomes the customer when he does."""
        await self._save(nameless=True)

    async def _save(self, *, nameless: bool) -> None:
        form, session = self.form, self.session
        if form is None or self.saved is not None:
            return
        if not nameless and self.known is None and not form.check():
            return
        if self.with_companion and self.people is not None and not self.people.check():
            return
        _, now = self.texts, session.now()
        values = form.changes()
        if nameless:
            here = now.astimezone(ZoneInfo(session.me.time_zone if session.me else "Asia/Shanghai"))
            values.setdefault("name", _("No name yet %(when)s") % {"when": f"{here:%m-%d %H:%M}"})
        if self.known is not None:
            values = {k: v for k, v in values.items() if k in ("need",)}  # what he wants today; the rest is known
        customer_id = self.known.id if self.known else session.services.new_id()
        arrived = (self.arrived_at or now) - timedelta(minutes=int(self.ago))
        payload: dict[str, Any] = {
            "id": str(session.services.new_id()), "customer_id": str(customer_id), "set": values, "nameless": nameless,
            "arrived_at": arrived.isoformat(), "recorded_at": now.isoformat(), "party": 2 if self.with_companion else 1,
        }  # fmt: skip
        if self.owner and self.known is None:
            payload["owner_id"] = self.owner
        if values.get("need"):
            payload["words"] = values["need"]
        if self.with_companion and self.people is not None and self.people.changes():
            payload["companions"] = [{"id": str(session.services.new_id()), "set": self.people.changes()}]
        title = str(values.get("name") or (self.known.name if self.known else "") or "")
        op_id = await session.act("receive", payload, title=title)
        session.say(_("Received: %(name)s") % {"name": title or "—"}, undo=op_id)
        self.saved = customer_id
