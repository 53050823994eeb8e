"""Someone walks in: a few answers, who came along, and they are in the local data (S-13…S-15, S-18,
F-11, F-12, F-15)."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import flet as ft

from mobile_app.customers.duplicate_check import DuplicateCheck, start_values
from mobile_app.files.picker import AttachmentPicker
from mobile_app.session import Session
from shared.domain import conversations
from shared.domain.problems import Problem
from shared.domain.records import Customer
from shared.gateway import members as remote_members
from shared.ui.form import FormState
from shared.ui.text import Texts

MOST_FIELDS = 6  # of a first screen (S-14)


@ft.observable
@dataclass(eq=False)
class RecordVisit:
    """One visit of somebody new, or of one who is `already` known."""

    session: Session
    texts: Texts
    form: FormState | None = None
    people: FormState | None = None
    attaching: AttachmentPicker | None = None
    people_files: AttachmentPicker | None = None
    facts: FormState | None = None
    fact_files: AttachmentPicker | None = None
    arrived_at: datetime | None = None
    ago: str = "0"
    advisors: list[tuple[str, str]] = field(default_factory=list)
    owner: str | None = None
    already: DuplicateCheck | None = None
    with_companion: bool = False
    problem: str = ""
    saved: UUID | None = None
    asks_anonymous: bool = False  # which of the two ways to save was tapped before the question

    def __post_init__(self) -> None:
        config = self.session.config
        self.arrived_at = self.session.clock.now()
        if config is None:
            return
        asked, demanded = config.visit.fields[:MOST_FIELDS], config.visit.required
        defaults = start_values(config)
        self.form = self.session.form(
            "customer", defaults=defaults, only=asked, demanded=[k for k in demanded if k in asked]
        )
        self.already = DuplicateCheck(self.session, self.texts, self.form) if self.form else None
        self.people = self.session.form("companion")
        self.attaching = AttachmentPicker(self.session, self.form) if self.form else None
        self.people_files = AttachmentPicker(self.session, self.people) if self.people else None

    @property
    def known(self) -> Customer | None:
        return self.already.known if self.already else None

    @property
    def asked_of_known(self) -> list[str]:
        """Of one who is known: their number, so that a slip of it can be seen, what they want
        today, and papers."""
        return (
            [f.key for f in self.form.fields() if f.key in ("phone", "need") or f.kind == "file"]
            if self.form
            else []
        )

    async def look_who_it_is(self) -> None:
        """Somebody known: at most two facts worth asking now, as on the sheet of a conversation
        (First 8). Of a customer who is not on this device it is not known what is known, and
        nothing is asked."""
        config, found, asked = self.session.config, self.known, self.form
        card = await self.session.local_store.replica.card(found.id) if found is not None else None
        if config is None or card is None or asked is None or found is not self.known:
            self.facts = self.fact_files = None
            return
        values, here = card.customer.flat(), {f.key for f in asked.fields()} - {"level", "source"}
        missing = conversations.questions(
            config, values, level=card.customer.level, stages=tuple(d.stage for d in card.deals)
        )
        keys = [f.key for f in missing if f.key not in self.asked_of_known]
        self.facts = (
            self.session.form("customer", record=values, creating=False, only=keys)
            if keys
            else None
        )
        self.fact_files = (
            AttachmentPicker(self.session, self.facts, card.attachments) if self.facts else None
        )
        for key in here & set(keys):  # entered before their number identified them
            if self.facts is not None and (value := asked.value(key)) not in (None, "", []):
                self.facts.set_value(key, value)

    @property
    def may_name_an_advisor(self) -> bool:
        return self.session.me is not None and self.session.me.may("assign_customer")

    async def load(self) -> None:
        """Who could be named as the advisor; offline the visitor is the writer's own."""
        if not self.may_name_an_advisor or self.advisors:
            return
        try:
            found = await remote_members.members(
                self.session.services.gateway, self.session.store_id
            )
        except Problem:
            return
        me = self.session.me
        self.advisors = [
            (str(m.user_id), m.name)
            for m in found
            if m.active and m.takes_visitors and (me is None or m.user_id != me.user_id)
        ]

    def choose_owner(self, user_id: str) -> None:
        self.owner = None if self.owner == user_id else user_id

    def choose_ago(self, minutes: str) -> None:
        self.ago = minutes

    def add_companion(self) -> None:
        self.with_companion = not self.with_companion

    # saving ---------------------------------------------------------------------------------------

    async def save(self) -> None:
        await self._save(anonymous=False)

    async def save_anonymous(self) -> None:
        """They left nothing: counted, and the same row becomes the customer when they do."""
        await self._save(anonymous=True)

    async def save_anyway(self) -> None:
        """A colleague's customer is entered a second time; the manager is told."""
        await self._save(anonymous=self.asks_anonymous, anyway=True)

    def _is_filled_in(self, form: FormState, anonymous: bool) -> bool:
        """What is missing is marked in its form."""
        if not anonymous and self.known is None and not form.check():
            return False
        if self.known is not None and self.facts is not None and not self.facts.check():
            return False
        return not self.with_companion or self.people is None or self.people.check()

    async def _save(self, *, anonymous: bool, anyway: bool = False) -> None:
        form, session = self.form, self.session
        if form is None or self.saved is not None or not self._is_filled_in(form, anonymous):
            return
        if self.already is not None and not anyway and self.already.must_ask():
            self.asks_anonymous = anonymous
            return
        _, now = self.texts, session.clock.now()
        values = form.changes()
        if anonymous:
            here = session.clock.local(now)
            values.setdefault(
                "name", _("No name given, %(when)s") % {"when": f"{here:%m-%d %H:%M}"}
            )
        if self.known is not None:
            taken = {f.key for f in form.fields() if f.kind == "file"}
            facts = self.facts.changes() if self.facts else {}
            values = {
                k: v for k, v in values.items() if k == "need" or k in taken
            } | facts  # what they want and brings today; the rest is known
        customer_id = self.known.id if self.known else session.services.new_id()
        papers = [
            a for a in (self.attaching, self.fact_files if self.known else None) if a is not None
        ]
        files = tuple(
            f
            for a in papers
            for f in a.attachments_for(values.values(), of=("customer", customer_id))
        )
        arrived = (self.arrived_at or now) - timedelta(minutes=int(self.ago))
        payload: dict[str, Any] = {
            "id": str(session.services.new_id()),
            "customer_id": str(customer_id),
            "set": values,
            "anonymous": anonymous,
            "arrived_at": arrived.isoformat(),
            "recorded_at": now.isoformat(),
            "party": 2 if self.with_companion else 1,
        }
        if self.owner and self.known is None:
            payload["owner_id"] = self.owner
        if values.get("need"):
            payload["notes"] = values["need"]
        if self.with_companion and self.people is not None and self.people.changes():
            companion_id, who = session.services.new_id(), self.people.changes()
            payload["companions"] = [{"id": str(companion_id), "set": who}]
            files += (
                self.people_files.attachments_for(who.values(), of=("companion", companion_id))
                if self.people_files
                else ()
            )
        title = str(values.get("name") or (self.known.name if self.known else "") or "")
        op_id = await session.act("record_visit", payload, title=title, attachments=files)
        session.notices.say(_("Visit recorded: %(name)s") % {"name": title or "—"}, undo=op_id)
        self.saved = customer_id
