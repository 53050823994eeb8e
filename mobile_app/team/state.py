"""Giving leads out, passing customers on, looking over a shoulder (S-06, S-24…S-27, F-47, F-50, F-52)."""

from dataclasses import dataclass, field
from uuid import UUID

import flet as ft

from mobile_app.session import Session
from shared.domain.problems import Problem
from shared.gateway import handovers as remote
from shared.gateway import tasks as queues
from shared.gateway.handovers import Heir, Pooled, PoolList, RenewalLine, VisitReport, Waiting
from shared.gateway.tasks import Queue
from shared.ui.text import Texts

PARTS = ("leads", "waiting", "queues")


@ft.observable
@dataclass(eq=False)
class Team:
    session: Session
    texts: Texts
    part: str = "leads"
    pools: PoolList | None = None
    waiting: list[Waiting] = field(default_factory=list)
    heirs: list[Heir] = field(default_factory=list)
    chosen: list[str] = field(default_factory=list)
    open_row: str = ""
    member: str = ""
    queue: Queue | None = None
    visits: VisitReport | None = None
    renewals: list[RenewalLine] = field(default_factory=list)
    loaded: bool = False
    problem: str = ""
    _gone: set[str] = field(default_factory=set)

    @property
    def leads(self) -> list[Pooled]:
        return [c for c in self.pools.customers if str(c.id) not in self._gone] if self.pools else []

    async def load(self) -> None:
        """What waits; what was handed out a moment ago and is still on its way is left out."""
        gateway, store = self.session.services.gateway, self.session.store_id
        try:
            if self.part == "leads":
                self.pools = await remote.pool_list(gateway, store, self.pools.pool if self.pools else None)
                self.heirs = await remote.heirs(gateway, store)
                self.visits = await remote.visits(gateway, store)
            elif self.part == "waiting":
                found = await remote.reassign_list(gateway, store)
                self.waiting, self.heirs = [c for c in found.customers if str(c.id) not in self._gone], list(found.members)
            else:
                self.heirs = await remote.heirs(gateway, store)
                self.renewals = await remote.renewals(gateway, store)
                if self.member:
                    self.queue = await queues.today(gateway, store, member_id=UUID(self.member))
            self.problem = ""
        except Problem as problem:
            self.problem = problem.code
        self.loaded = True

    async def choose_part(self, part: str) -> None:
        self.part, self.loaded, self.chosen, self.open_row = part, False, [], ""
        await self.load()

    async def choose_pool(self, key: str) -> None:
        self.chosen = []
        if self.pools:
            self.pools = self.pools.model_copy(update={"pool": key})
        await self.load()

    async def watch(self, member: str) -> None:
        """Someone's queue as it is now, to read (S-06)."""
        self.member = member
        await self.load()

    def tick(self, customer: str) -> None:
        self.chosen = [c for c in self.chosen if c != customer] if customer in self.chosen else [*self.chosen, customer]

    def open(self, customer: str) -> None:
        self.open_row = "" if self.open_row == customer else customer

    async def hand_out(self, owner: str) -> None:
        """The chosen leads to one person, in one act."""
        if self.chosen:
            await self._give(self.chosen, owner)

    async def pass_on(self, customer: str, owner: str) -> None:
        await self._give([customer], owner)

    async def _give(self, customers: list[str], owner: str) -> None:
        heir = next((h for h in self.heirs if str(h.user_id) == owner), None)
        await self.session.act("reassign", {"customer_ids": customers, "owner_id": owner}, title=heir.name if heir else "")
        self._gone |= {*customers}
        self.waiting, self.chosen, self.open_row = [c for c in self.waiting if str(c.id) not in self._gone], [], ""
        _ = self.texts
        self.session.say(_("%(n)d handed to %(name)s") % {"n": len(customers), "name": heir.name if heir else "—"})

    def suggested(self, row: Waiting) -> Heir | None:
        """The one of the owner's own role with the best share of deals won; two decided at least, so that luck is no rate."""
        able = [h for h in self.heirs if h.role == row.owner_role and h.user_id != row.owner_id and h.decided >= 2]
        return max(able, key=lambda h: (h.rate or 0, h.won, -h.customers), default=None)

    def others(self, row: Waiting) -> list[Heir]:
        best, me = self.suggested(row), self.session.me
        first = {row.owner_id} | ({best.user_id} if best else set()) | ({me.user_id} if me else set())
        return [h for h in self.heirs if h.user_id not in first and h.role == row.owner_role]
