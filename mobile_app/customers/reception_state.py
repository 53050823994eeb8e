"""Someone walks in: a few answers, who came along, and he is in the book (S-13…S-15, S-18, F-11, F-12, F-15)."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import flet as ft

from mobile_app.customers.known import KnownAlready, start_values
from mobile_app.session import Session
from shared.domain.problems import Problem
from shared.domain.records import Customer
from shared.gateway import members as remote_members
from shared.ui.form import FormState
from shared.ui.text import Texts

MOST_FIELDS = 6  # of a first screen (S-14)


@ft.observable
@dataclass(eq=False)
class ReceiveVisitor:
    """One visit of somebody new, or of one who is `already` known."""

    session: Session
    texts: Texts
    form: FormState | None = None
    people: FormState | None = None
    arrived_at: datetime | None = None
    ago: str = "0"
    advisors: list[tuple[str, str]] = field(default_factory=list)
    owner: str | None = None
    already: KnownAlready | None = None
    with_companion: bool = False
    problem: str = ""
    saved: UUID | None = None

    def __post_init__(self) -> None:
        config = self.session.config
        self.arrived_at = self.session.now()
        if config is None:
            return
        asked, demanded = config.reception.fields[:MOST_FIELDS], config.reception.required
        defaults = start_values(config)
        self.form = self.session.form("customer", defaults=defaults, only=asked, demanded=[k for k in demanded if k in asked])
        self.already = KnownAlready(self.session, self.texts, self.form) if self.form else None
        self.people = self.session.form("companion")

    @property
    def known(self) -> Customer | None:
        return self.already.known if self.already else None

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
