"""The funnel, its board, and a deal on the move."""

from dataclasses import dataclass, field
from uuid import UUID
from zoneinfo import ZoneInfo

import flet as ft

from mobile_app.customers.state import card_of_server
from mobile_app.files.picker import AttachmentPicker
from mobile_app.session import Session
from shared.domain import funnel, recommendations
from shared.domain.card import Card
from shared.domain.config import Stage
from shared.domain.funnel import Funnel
from shared.domain.problems import Problem
from shared.domain.recommendations import Numbers, Recommendation
from shared.domain.records import Attachment, Customer, Deal
from shared.gateway import funnel as remote
from shared.gateway import team, transfers
from shared.ui.form import FormState
from shared.ui.text import Texts


@ft.observable
@dataclass(eq=False)
class FunnelBoard:
    """Own deals from this device. Whoever sees the store gets its deals and counts from the server,
    or those of one colleague (`member`)."""

    session: Session
    pipeline: str = ""
    member: str = ""
    colleagues: list[tuple[str, str]] = field(default_factory=list)
    stage: str = ""
    counted: Funnel | None = None
    deals: list[tuple[Deal, Customer]] = field(default_factory=list)
    view: str = "funnel"
    best: list[Recommendation] = field(default_factory=list)
    numbers: Numbers | None = None
    loaded: bool = False
    problem: str = ""

    def __post_init__(self) -> None:
        config = self.session.config
        if config and config.pipelines:
            role = next(
                (r for r in config.roles if self.session.me and r.key == self.session.me.role), None
            )
            self.pipeline = getattr(role, "pipeline", None) or config.pipelines[0].key

    async def load(self) -> None:
        me = self.session.me
        self.deals = [  # others' deals come with customers one renews or works for a colleague
            (d, c)
            for d, c in await self.session.local_store.replica.deals(self.pipeline)
            if me is None or d.owner_id == me.user_id
        ]
        await self._load_own_numbers()
        self.counted, self.problem = self._own(), ""
        if me and me.scope != "own":
            try:
                await self._load_from_server()
            except Problem as problem:
                self.problem = problem.code
                if self.member:  # one's own deals are not a colleague's
                    self.deals, self.counted = [], None
        if self.counted and not any(s.stage == self.stage for s in self.counted.stages):
            self.stage = next(
                (s.stage for s in self.counted.stages if s.deals), self.counted.stages[0].stage
            )
        self.loaded = True

    async def _load_from_server(self) -> None:
        gateway, store_id = self.session.services.gateway, self.session.store_id
        member_id = UUID(self.member) if self.member else None
        found = await remote.report(gateway, store_id, pipeline=self.pipeline, member_id=member_id)
        work = await team.member_work(
            gateway, store_id, member_id=member_id, pipeline=self.pipeline
        )
        self.deals = [(d, d.customer) for d in work.deals]
        self.counted = found[0] if found else self.counted
        if not self.colleagues and self.session.me and self.session.me.may("reassign"):
            new_owners = await transfers.new_owners(gateway, store_id)
            self.colleagues = [(str(h.user_id), h.name) for h in new_owners]

    async def _load_own_numbers(self) -> None:
        """My three best chances and my numbers, from this device: mine before the manager's
        (F-25)."""
        config, me = self.session.config, self.session.me
        if config is None or me is None:
            return
        conversations, deals = await self.session.local_store.replica.own_conversations_and_deals(
            me.user_id
        )
        mine = [(d, c) for d, c in deals if d.owner_id == me.user_id]
        self.best = recommendations.best(
            config, mine, conversations, self.session.clock.today, self.session.clock.now()
        )
        self.numbers = recommendations.numbers(
            config, mine, conversations, self.session.clock.today, ZoneInfo(me.time_zone)
        )

    def _own(self) -> Funnel | None:
        pipeline = self.session.config.pipeline(self.pipeline) if self.session.config else None
        return funnel.counted(pipeline, [d for d, _ in self.deals]) if pipeline else None

    def choose_view(self, key: str) -> None:
        self.view = key

    async def choose_pipeline(self, key: str) -> None:
        self.pipeline, self.stage = key, ""
        await self.load()

    async def choose_member(self, member: str) -> None:
        """One colleague's funnel and board; the same again: the store's."""
        self.member, self.stage = "" if self.member == member else member, ""
        await self.load()

    def choose_stage(self, key: str) -> None:
        self.stage = key


@ft.observable
@dataclass(eq=False)
class MoveDeal:
    """A deal, the stage it goes to, and exactly what that stage asks for (S-86)."""

    session: Session
    texts: Texts
    deal_id: UUID
    deal: Deal | None = None
    customer: Customer | None = None
    owner_name: str | None = None
    target: Stage | None = None
    form: FormState | None = None
    checked: list[str] = field(default_factory=list)
    lost_reason: str | None = None
    problems: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    loaded: bool = False
    moved: bool = False
    pending: bool = False
    notes: str = ""
    vehicles: list[tuple[str, str]] = field(default_factory=list)
    vehicle: str | None = None
    attaching: AttachmentPicker | None = None
    files: tuple[Attachment, ...] = ()

    async def load(self) -> None:
        config = self.session.config
        if not self.loaded:
            self.problem = ""
        for pipeline in config.pipelines if config else ():
            for deal, customer in await self.session.local_store.replica.deals(pipeline.key):
                if deal.id == self.deal_id:
                    self.deal, self.customer = deal, customer
        card = (
            await self.session.local_store.replica.card(self.customer.id)
            if self.customer is not None
            else await self._load_from_server()
        )
        if card is not None:
            self.vehicles = [
                (str(v.id), v.plate or " ".join(x for x in (v.brand, v.series) if x) or "—")
                for v in card.vehicles
            ]
            self.files = card.attachments
            self.pending = any(
                a.kind == "lost" and a.deal_id == self.deal_id and a.status == "pending"
                for a in card.approvals
            )
            if len(self.vehicles) == 1 and self.vehicle is None:
                self.vehicle = self.vehicles[0][0]
        self.loaded = True

    async def _load_from_server(self) -> Card | None:
        """A colleague's deal: a manager opens it, without a copy on this device."""
        me = self.session.me
        if self.target is not None or me is None or me.scope == "own":
            return None  # what is being filled in stays
        try:
            self.deal = await team.deal(
                self.session.services.gateway, self.session.store_id, self.deal_id
            )
            if self.deal is None:
                return None
            card = await card_of_server(self.session, self.deal.customer_id)
        except Problem as problem:
            self.problem = problem.code
            return None
        self.customer, self.owner_name, self.problem = card.customer, card.owner_name, ""
        return card

    @property
    def targets(self) -> tuple[Stage, ...]:
        return (
            funnel.targets(self.session.config, self.deal)
            if self.session.config and self.deal
            else ()
        )

    def choose(self, key: str) -> None:
        """Another stage asks other things; what was typed for the last one stays in the fields both
        ask."""
        self.target = next((s for s in self.targets if s.key == key), None)
        self.problems = {}
        config, asked = self.session.config, self.asked
        if config is None or self.deal is None:
            return
        typed, attaching = self.form.changes() if self.form else {}, self.attaching
        self.form = (
            self.session.form(
                "deal", record=self.deal.flat(), creating=False, only=asked, demanded=asked
            )
            if asked
            else None
        )
        for key, value in typed.items():
            if self.form is not None and self.form.field(key) is not None:
                self.form.set_value(key, value)
        self.attaching = (
            AttachmentPicker.after(attaching, self.session, self.form, self.files)
            if self.form
            else None
        )

    def tick(self, key: str) -> None:
        self.checked = (
            [k for k in self.checked if k != key] if key in self.checked else [*self.checked, key]
        )

    def choose_vehicle(self, key: str) -> None:
        self.vehicle = None if self.vehicle == key else key

    def set_notes(self, text: str) -> None:
        self.notes = text

    @property
    def asks(self) -> bool:
        """Whether the manager has to agree that this deal is lost (F-45)."""
        config, me = self.session.config, self.session.me
        must = bool(
            config
            and config.settings.get("approve_lost") is True
            and me
            and not me.may("decide_approval")
        )
        return must and self.target is not None and self.target.type == "lost"

    def choose_reason(self, key: str) -> None:
        self.lost_reason = key

    @property
    def asked(self) -> list[str]:
        """Fields the stage demands and the deal does not have."""
        return (
            [
                key
                for key in self.target.required
                if self.deal is None or self.deal.value(key) in (None, "")
            ]
            if self.target
            else []
        )

    @property
    def unfillable_fields(self) -> list[str]:
        """Labels of what the stage demands and this role cannot fill in: somebody else has to move
        the deal."""
        config, here = (
            self.session.config,
            {f.key for f in self.form.fields() if f.access == "write"} if self.form else set(),
        )
        if config is None:
            return []
        known = {f.key: self.texts.label(f.label) for f in config.forms["deal"].fields}
        return [known.get(key) or key for key in self.asked if key not in here]

    async def move(self) -> None:
        config, deal, target = self.session.config, self.deal, self.target
        if config is None or deal is None or target is None:
            return
        values = self.form.changes() if self.form else {}
        fine = self.form is None or self.form.check()
        asked_here = {f.key for f in self.form.fields()} if self.form else set()
        found = [
            p
            for p in funnel.missing(deal, target, values, frozenset(self.checked), self.lost_reason)
            if p.field not in asked_here
        ]
        self.problems = {p.field: p.code for p in found}
        if found or not fine:
            return
        payload = {
            "id": str(deal.id),
            "customer_id": str(deal.customer_id),
            "stage": target.key,
            "set": values,
            "checked": self.checked,
        }
        if target.type == "lost":
            payload["lost_reason"] = self.lost_reason
        if target.type == "won" and self.vehicle:
            payload["vehicle_id"] = (
                self.vehicle
            )  # the car that is handed over begins its insurance story
        if self.asks:
            payload |= {
                "asks": True,
                "approval_id": str(self.session.services.new_id()),
                **({"notes": self.notes.strip()} if self.notes.strip() else {}),
            }
        files = self.attaching.attachments_for(values.values()) if self.attaching else ()
        await self.session.act(
            "move_deal",
            payload,
            base_version=deal.version,
            title=deal.title or "",
            attachments=files,
        )
        self.moved = True
