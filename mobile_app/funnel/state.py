"""The funnel, its board, and a deal on the move."""

from dataclasses import dataclass, field
from uuid import UUID
from zoneinfo import ZoneInfo

import flet as ft

from mobile_app.files.attaching import Attaching
from mobile_app.session import Session
from shared.domain import chances, funnel
from shared.domain.chances import Chance, Numbers
from shared.domain.config import Stage
from shared.domain.funnel import Funnel, StageCount
from shared.domain.problems import Offline
from shared.domain.records import Attachment, Customer, Deal
from shared.gateway import funnel as remote
from shared.ui.form import FormState
from shared.ui.text import Texts


@ft.observable
@dataclass(eq=False)
class FunnelBoard:
    """Own deals from this device; whoever sees the store gets the store's counts from the server."""

    session: Session
    pipeline: str = ""
    stage: str = ""
    counted: Funnel | None = None
    deals: list[tuple[Deal, Customer]] = field(default_factory=list)
    view: str = "funnel"
    best: list[Chance] = field(default_factory=list)
    numbers: Numbers | None = None
    loaded: bool = False
    problem: str = ""

    def __post_init__(self) -> None:
        config = self.session.config
        if config and config.pipelines:
            role = next((r for r in config.roles if self.session.me and r.key == self.session.me.role), None)
            self.pipeline = getattr(role, "pipeline", None) or config.pipelines[0].key

    async def load(self) -> None:
        self.deals = await self.session.book.replica.deals(self.pipeline)
        await self._look_at_oneself()
        self.counted, self.problem = self._own(), ""
        if self.session.me and self.session.me.scope != "own":
            try:
                found = await remote.report(self.session.services.gateway, self.session.store_id, pipeline=self.pipeline)
                self.counted = found[0] if found else self.counted
            except Offline:
                self.problem = "offline"
        if self.counted and not any(s.stage == self.stage for s in self.counted.stages):
            self.stage = next((s.stage for s in self.counted.stages if s.deals), self.counted.stages[0].stage)
        self.loaded = True

    async def _look_at_oneself(self) -> None:
        """My three best chances and my numbers, from this device: mine before the manager's (F-25)."""
        config, me = self.session.config, self.session.me
        if config is None or me is None:
            return
        talks, deals = await self.session.book.replica.own_work(me.user_id)
        mine = [(d, c) for d, c in deals if d.owner_id == me.user_id]
        self.best = chances.best(config, mine, talks, self.session.today, self.session.now())
        self.numbers = chances.numbers(config, mine, talks, self.session.today, ZoneInfo(me.time_zone))

    def _own(self) -> Funnel | None:
        pipeline = self.session.config.pipeline(self.pipeline) if self.session.config else None
        if pipeline is None:
            return None
        counts = []
        for stage in pipeline.stages:
            here = [d for d, _ in self.deals if d.stage == stage.key]
            counts.append(
                StageCount(
                    stage=stage.key,
                    label=stage.label,
                    type=stage.type,
                    color=stage.color,
                    deals=len(here),
                    amount_fen=sum(d.amount_fen or 0 for d in here),
                )
            )
        return Funnel(pipeline=pipeline.key, label=pipeline.label, stages=tuple(counts))

    def choose_view(self, key: str) -> None:
        self.view = key

    async def choose_pipeline(self, key: str) -> None:
        self.pipeline, self.stage = key, ""
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
    target: Stage | None = None
    form: FormState | None = None
    checked: list[str] = field(default_factory=list)
    lost_reason: str | None = None
    problems: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    loaded: bool = False
    moved: bool = False
    asked_manager: bool = False
    pending: bool = False
    words: str = ""
    vehicles: list[tuple[str, str]] = field(default_factory=list)
    vehicle: str | None = None
    attaching: Attaching | None = None
    files: tuple[Attachment, ...] = ()

    async def load(self) -> None:
        config = self.session.config
        for pipeline in config.pipelines if config else ():
            for deal, customer in await self.session.book.replica.deals(pipeline.key):
                if deal.id == self.deal_id:
                    self.deal, self.customer = deal, customer
        if self.customer is not None and (card := await self.session.book.replica.card(self.customer.id)) is not None:
            self.vehicles = [(str(v.id), v.plate or " ".join(x for x in (v.brand, v.series) if x) or "—") for v in card.vehicles]
            self.files = card.attachments
            self.pending = any(a.kind == "lost" and a.deal_id == self.deal_id and a.status == "pending" for a in card.approvals)
            if len(self.vehicles) == 1 and self.vehicle is None:
                self.vehicle = self.vehicles[0][0]
        self.loaded = True

    @property
    def targets(self) -> tuple[Stage, ...]:
        return funnel.targets(self.session.config, self.deal) if self.session.config and self.deal else ()

    def choose(self, key: str) -> None:
        """Another stage asks other things; what was typed for the last one stays in the fields both ask."""
        self.target = next((s for s in self.targets if s.key == key), None)
        self.problems = {}
        config, asked = self.session.config, self.asked
        if config is None or self.deal is None:
            return
        typed, held = self.form.changes() if self.form else {}, self.attaching
        self.form = self.session.form("deal", record=self.deal.flat(), creating=False, only=asked, demanded=asked) if asked else None
        for key, value in typed.items():
            if self.form is not None and self.form.field(key) is not None:
                self.form.put(key, value)
        self.attaching = Attaching.after(held, self.session, self.form, self.files) if self.form else None

    def tick(self, key: str) -> None:
        self.checked = [k for k in self.checked if k != key] if key in self.checked else [*self.checked, key]

    def choose_vehicle(self, key: str) -> None:
        self.vehicle = None if self.vehicle == key else key

    def set_words(self, text: str) -> None:
        self.words = text

    @property
    def asks(self) -> bool:
        """Whether the manager has to agree that this deal is lost (F-45)."""
        config, me = self.session.config, self.session.me
        must = bool(config and config.settings.get("approve_lost") is True and me and not me.may("decide_approval"))
        return must and self.target is not None and self.target.type == "lost"

    def choose_reason(self, key: str) -> None:
        self.lost_reason = key

    @property
    def asked(self) -> list[str]:
        """Fields the stage demands and the deal does not have."""
        return [key for key in self.target.required if self.deal is None or self.deal.value(key) in (None, "")] if self.target else []

    @property
    def out_of_reach(self) -> list[str]:
        """Labels of what the stage demands and this role cannot fill in: somebody else has to move the deal."""
        config, here = self.session.config, {f.key for f in self.form.fields() if f.access == "write"} if self.form else set()
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
        found = [p for p in funnel.missing(deal, target, values, frozenset(self.checked), self.lost_reason) if p.field not in asked_here]
        self.problems = {p.field: p.code for p in found}
        if found or not fine:
            return
        payload = {"id": str(deal.id), "customer_id": str(deal.customer_id), "stage": target.key, "set": values, "checked": self.checked}
        if target.type == "lost":
            payload["lost_reason"] = self.lost_reason
        if target.type == "won" and self.vehicle:
            payload["vehicle_id"] = self.vehicle  # the car that is handed over begins its insurance story
        if self.asks:
            payload |= {
                "asks": True,
                "approval_id": str(self.session.services.new_id()),
                **({"words": self.words.strip()} if self.words.strip() else {}),
            }
            self.asked_manager = True
        files = self.attaching.going_with(values.values()) if self.attaching else ()
        await self.session.act("move_deal", payload, base_version=deal.version, title=deal.title or "", attachments=files)
        self.moved = True
