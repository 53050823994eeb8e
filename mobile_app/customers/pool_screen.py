"""Helping oneself: customers of a pool (F-24), policies nobody renews (F-34)."""

from dataclasses import dataclass, field

import flet as ft

from mobile_app.customers.widgets import waiting_pills
from mobile_app.session import Session, use_local_data, use_session
from mobile_app.shell import page_view
from shared.domain.problems import Problem
from shared.gateway import transfers
from shared.gateway.renewals import UnassignedPolicy, unassigned_policies
from shared.gateway.transfers import Pooled, PoolList
from shared.ui.feedback import EmptyState, ProblemBanner, Skeleton, act
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE, GAP
from shared.ui.view import component, screen
from shared.ui.widgets import MAX_ROWS, card, chips, pill, secondary_button


@ft.observable
@dataclass(eq=False)
class Pool:
    session: Session
    texts: Texts
    found: PoolList | None = None
    policies: list[UnassignedPolicy] = field(default_factory=list)
    loaded: bool = False
    problem: str = ""
    _taken: set[str] = field(default_factory=set)

    @property
    def customers(self) -> list[Pooled]:
        return (
            [c for c in self.found.customers if str(c.id) not in self._taken] if self.found else []
        )

    @property
    def left(self) -> int | None:
        """How many may still be claimed today; those on their way count."""
        mine = (
            next((p for p in self.found.pools if p.key == self.found.pool), None)
            if self.found
            else None
        )
        if self.found is None or mine is None or mine.left is None:
            return None
        taken = sum(str(customer.id) in self._taken for customer in self.found.customers)
        return max(mine.left - taken, 0)

    async def load(self) -> None:
        me, gateway, store = self.session.me, self.session.services.gateway, self.session.store_id
        try:
            if me and me.may("claim_customer"):
                self.found = await transfers.pool_list(
                    gateway, store, self.found.pool if self.found else None
                )
            if me and me.may("claim_policy"):
                self.policies = [
                    p
                    for p in (await unassigned_policies(gateway, store)).policies
                    if str(p.customer_id) not in self._taken
                ]
            self.problem = ""
        except Problem as problem:
            self.problem = problem.code
        self.loaded = True

    async def choose(self, pool: str) -> None:
        if self.found:
            self.found = self.found.model_copy(update={"pool": pool})
        await self.load()

    async def claim(self, row: Pooled) -> None:
        """Mine, if the server agrees; a refusal waits under "needs attention" with its reason."""
        await self.session.act("claim_customer", {"customer_id": str(row.id)}, title=row.name or "")
        self._taken |= {str(row.id)}
        _ = self.texts
        self.session.notices.say(
            _("Claimed: %(name)s. Call soon, or the customer returns to the pool.")
            % {"name": row.name or "—"}
        )

    async def claim_policy(self, row: UnassignedPolicy) -> None:
        await self.session.act(
            "claim_policy", {"customer_id": str(row.customer_id)}, title=row.name or ""
        )
        self._taken |= {str(row.customer_id)}
        self.policies = [p for p in self.policies if p.customer_id != row.customer_id]
        _ = self.texts
        self.session.notices.say(
            _("You are now the renewal owner: %(name)s") % {"name": row.name or "—"}
        )


@screen
def PoolScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: Pool(session, _))
    use_local_data(state.load)
    blocks: list[ft.Control] = (
        [ProblemBanner(state.problem, act(state.load))] if state.problem else []
    )
    if not state.loaded:
        return page_view(ft.use_view_path(), _("To claim"), Skeleton(4))
    if state.found and len(state.found.pools) > 1:
        blocks.append(
            chips(
                "pool",
                [(p.key, _.label(p.label)) for p in state.found.pools],
                state.found.pool,
                lambda key: act(state.choose, key),
            )
        )
    if state.left is not None:
        words = (
            _("You can claim %(n)d more today.") % {"n": state.left}
            if state.left
            else _("You have reached today's limit for claiming customers.")
        )
        blocks.append(ft.Text(words, color=ft.Colors.ON_SURFACE_VARIANT))
    if not state.customers and not state.policies and not state.problem:
        blocks.append(
            EmptyState(
                ft.Icons.INBOX_OUTLINED,
                _("No customers here"),
                _("Customers without an owner and unassigned policies appear here."),
            )
        )
    blocks += [
        PoolCustomerCard(state, row, state.left != 0, key=str(row.id))
        for row in state.customers[:MAX_ROWS]
    ]
    blocks += [
        UnassignedPolicyCard(state, row, key=str(row.id)) for row in state.policies[:MAX_ROWS]
    ]
    body = ft.Column(blocks, spacing=12, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
    return page_view(
        ft.use_view_path(),
        _("To claim"),
        ft.ListView([ft.Container(body, padding=EDGE)], expand=True),
    )


@component
def PoolCustomerCard(state: Pool, row: Pooled, may: bool) -> ft.Control:
    session, _ = use_session(), use_text()
    pills = waiting_pills(_, session, row)
    return card(
        ft.Text(
            row.name or "—",
            theme_style=ft.TextThemeStyle.TITLE_MEDIUM,
            max_lines=1,
            overflow=ft.TextOverflow.ELLIPSIS,
        ),
        *([ft.Text(row.need, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS)] if row.need else []),
        ft.Row(pills, wrap=True, spacing=6, run_spacing=6),
        secondary_button(
            f"claim-{row.id}",
            _("Claim"),
            act(state.claim, row),
            icon=ft.Icons.BACK_HAND_OUTLINED,
            disabled=not may,
        ),
    )


@component
def UnassignedPolicyCard(state: Pool, row: UnassignedPolicy) -> ft.Control:
    session, _ = use_session(), use_text()
    car = " · ".join(
        x
        for x in (
            row.plate,
            row.insurer,
            _.money(row.premium_fen) if row.premium_fen is not None else None,
        )
        if x
    )
    return card(
        ft.Text(
            row.name or "—",
            theme_style=ft.TextThemeStyle.TITLE_MEDIUM,
            max_lines=1,
            overflow=ft.TextOverflow.ELLIPSIS,
        ),
        ft.Row(
            [
                pill(
                    _("Policy ends %(day)s") % {"day": _.day(row.expires_on, session.clock.today)},
                    tone="urgent",
                )
            ],
            spacing=GAP,
        ),
        *([ft.Text(car, color=ft.Colors.ON_SURFACE_VARIANT)] if car else []),
        secondary_button(
            f"take-{row.id}",
            _("Renew it myself"),
            act(state.claim_policy, row),
            icon=ft.Icons.SHIELD_OUTLINED,
        ),
    )
