"""Giving leads out, passing customers on, looking over a shoulder (S-06, S-24…S-27, F-47, F-50,
F-52)."""

from dataclasses import dataclass, field
from uuid import UUID

import flet as ft

from mobile_app.offline.replica import PAGE
from mobile_app.session import Session
from mobile_app.team.loan_state import Lending
from shared.domain.problems import Problem
from shared.domain.records import Customer
from shared.gateway import tasks as queues
from shared.gateway import team, transfers
from shared.gateway.next_steps import NextStepReport, next_step_report
from shared.gateway.renewals import RenewalLine, renewals
from shared.gateway.tasks import Queue
from shared.gateway.team import MemberDeal, MemberWork
from shared.gateway.transfers import (
    OverdueCustomer,
    Pooled,
    PoolList,
    TransferCandidate,
)
from shared.gateway.visits import VisitReport, visits
from shared.ui.text import Texts


@dataclass(frozen=True)
class GivenLead:
    """A lead that was just assigned, and the pool it came from."""

    lead: Pooled
    pool: str


@ft.observable
@dataclass(eq=False)
class Team:
    session: Session
    texts: Texts
    part: str = "leads"
    pools: PoolList | None = None
    overdue: list[OverdueCustomer] = field(default_factory=list)
    next_steps: NextStepReport | None = None
    new_owners: list[TransferCandidate] = field(default_factory=list)
    chosen: list[str] = field(default_factory=list)
    receiver: str = ""  # who gets each lead that is tapped
    last_given: GivenLead | None = None
    open_row: str = ""
    member: str = ""
    view: str = "tasks"  # of the member: tasks, customers, deals, conversations
    queue: Queue | None = None
    customers: list[Customer] = field(default_factory=list)
    more: bool = False
    work: MemberWork | None = None
    visits: VisitReport | None = None
    renewals: list[RenewalLine] = field(default_factory=list)
    loaded: bool = False
    problem: str = ""
    lending: Lending = field(init=False)
    _gone: set[str] = field(default_factory=set)
    _taken_back: dict[str, GivenLead] = field(default_factory=dict)  # until the server lists them

    def __post_init__(self) -> None:
        self.lending = Lending(self.session, self.load)

    @property
    def leads(self) -> list[Pooled]:
        if self.pools is None:
            return []
        listed = [c for c in self.pools.customers if str(c.id) not in self._gone]
        known = {c.id for c in self.pools.customers}
        returning = [
            given.lead
            for given in self._taken_back.values()
            if given.pool == self.pools.pool and given.lead.id not in known
        ]
        return [*returning, *listed]

    @property
    def receivers(self) -> list[TransferCandidate]:
        """Who has customers first, of them who has the fewest; oneself after the others."""
        me = self.session.me.user_id if self.session.me else None
        return sorted(
            self.new_owners, key=lambda h: (h.customers == 0, h.user_id == me, h.customers)
        )

    async def load(self) -> None:
        """What waits, without what was just assigned and is still being sent."""
        gateway, store = self.session.services.gateway, self.session.store_id
        try:
            if self.part == "leads":
                self.pools = await transfers.pool_list(
                    gateway, store, self.pools.pool if self.pools else None
                )
                self.new_owners = await transfers.new_owners(gateway, store)
                self.visits = await visits(gateway, store)
            elif self.part == "pending":
                found = await transfers.reassign_list(gateway, store)
                self.overdue, self.new_owners = (
                    [c for c in found.customers if str(c.id) not in self._gone],
                    list(found.members),
                )
                await self._load_next_steps()
            else:
                self.new_owners = await transfers.new_owners(gateway, store)
                self.renewals = await renewals(gateway, store)
                await self._load_member()
            self.problem = ""
        except Problem as problem:
            self.problem = problem.code
        self.loaded = True

    async def _load_next_steps(self) -> None:
        """For members who decide; the others who reassign do without."""
        me = self.session.me
        if me is not None and me.may("decide_approval"):
            self.next_steps = await next_step_report(
                self.session.services.gateway, self.session.store_id
            )

    async def _load_member(self) -> None:
        """What is looked at of the chosen colleague."""
        gateway, store = self.session.services.gateway, self.session.store_id
        if not self.member:
            return
        member = UUID(self.member)
        if self.view == "tasks":
            self.queue = await queues.today(gateway, store, member_id=member)
        elif self.view == "customers":
            self.customers = await team.member_customers(gateway, store, member, limit=PAGE)
            self.more = len(self.customers) == PAGE
        else:
            self.work = await team.member_work(gateway, store, member_id=member)

    @property
    def deals(self) -> list[MemberDeal]:
        """Open ones first, who has stood longest in a stage before the others."""
        found = self.work.deals if self.work else ()
        return sorted(found, key=lambda d: d.closed_at is not None)

    async def choose_view(self, view: str) -> None:
        self.view = view
        await self.load()

    async def load_more(self) -> None:
        gateway, store = self.session.services.gateway, self.session.store_id
        try:
            page = await team.member_customers(
                gateway, store, UUID(self.member), limit=PAGE, offset=len(self.customers)
            )
        except Problem as problem:
            self.problem = problem.code
            return
        self.customers, self.more = [*self.customers, *page], len(page) == PAGE

    async def choose_part(self, part: str) -> None:
        self.part, self.loaded, self.chosen, self.open_row = part, False, [], ""
        self.receiver, self.last_given = "", None
        await self.load()

    async def choose_pool(self, key: str) -> None:
        self.chosen = []
        if self.pools:
            self.pools = self.pools.model_copy(update={"pool": key})
        await self.load()

    async def watch(self, member: str) -> None:
        """Someone's work as it is now, to read (S-06). What was another's is gone first."""
        self.member, self.queue, self.customers, self.work = member, None, [], None
        await self.load()

    def tick(self, customer: str) -> None:
        self.chosen = (
            [c for c in self.chosen if c != customer]
            if customer in self.chosen
            else [*self.chosen, customer]
        )

    def open(self, customer: str) -> None:
        self.open_row = "" if self.open_row == customer else customer

    async def tap_lead(self, customer: str) -> None:
        """To the receiver at once; without one, the lead is selected."""
        if self.receiver:
            await self._give([customer], self.receiver)
        else:
            self.tick(customer)

    async def hand_out(self, owner: str) -> None:
        """The selected leads to one person, in one act; without any, that person receives each lead
        that is tapped from now on."""
        if self.chosen:
            await self._give(self.chosen, owner)
        else:
            self.receiver = "" if owner == self.receiver else owner

    async def undo_last(self) -> None:
        """The last lead returns to its pool: a transfer of its own, since the first one may have
        been read by its receiver already."""
        given = self.last_given
        if given is None:
            return
        self.last_given = None
        customer = str(given.lead.id)
        await self.session.act(
            "reassign",
            {"customer_ids": [customer], "pool": given.pool},
            title=given.lead.name or "",
        )
        self._gone.discard(customer)
        self._taken_back[customer] = given
        _ = self.texts
        self.session.notices.say(_("Back in the pool: %(name)s") % {"name": given.lead.name or "—"})

    async def pass_on(self, customer: str, owner: str) -> None:
        await self._give([customer], owner)

    async def _give(self, customers: list[str], owner: str) -> None:
        new_owner = next((h for h in self.new_owners if str(h.user_id) == owner), None)
        lead = next((c for c in self.leads if str(c.id) == customers[-1]), None)
        pool = self.pools.pool if self.pools else None
        await self.session.act(
            "reassign",
            {"customer_ids": customers, "owner_id": owner},
            title=new_owner.name if new_owner else "",
        )
        self._gone |= {*customers}
        for customer in customers:
            self._taken_back.pop(customer, None)
        self.last_given = GivenLead(lead, pool) if lead and pool and len(customers) == 1 else None
        self.overdue, self.chosen, self.open_row = (
            [c for c in self.overdue if str(c.id) not in self._gone],
            [],
            "",
        )
        _ = self.texts
        self.session.notices.say(
            _("%(n)d transferred to %(name)s")
            % {"n": len(customers), "name": new_owner.name if new_owner else "—"}
        )

    def suggested(self, row: OverdueCustomer) -> TransferCandidate | None:
        """The one of the owner's own role with the best share of deals won; two decided at least,
        so that luck is no rate."""
        able = [
            h
            for h in self.new_owners
            if h.role == row.owner_role and h.user_id != row.owner_id and h.decided >= 2
        ]
        return max(able, key=lambda h: (h.rate or 0, h.won, -h.customers), default=None)

    def others(self, row: OverdueCustomer) -> list[TransferCandidate]:
        best, me = self.suggested(row), self.session.me
        first = (
            {row.owner_id} | ({best.user_id} if best else set()) | ({me.user_id} if me else set())
        )
        return [h for h in self.new_owners if h.user_id not in first and h.role == row.owner_role]
