"""Helping oneself: customers of a pool (F-24), policies nobody renews (F-34)."""

from dataclasses import dataclass, field

import flet as ft

from mobile_app.session import Session, use_book, use_session
from mobile_app.shell import page_view
from shared.domain.problems import Problem
from shared.gateway import handovers as remote
from shared.gateway.handovers import Orphan, Pooled, PoolList
from shared.ui.feedback import EmptyState, ProblemBanner, Skeleton, act
from shared.ui.parts import MAX_ROWS, card, chips, pill, secondary_button
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE, GAP
from shared.ui.view import component, screen


@ft.observable
@dataclass(eq=False)
class Pool:
    session: Session
    texts: Texts
    found: PoolList | None = None
    policies: list[Orphan] = field(default_factory=list)
    loaded: bool = False
    problem: str = ""
    _taken: set[str] = field(default_factory=set)

    @property
    def customers(self) -> list[Pooled]:
        return [c for c in self.found.customers if str(c.id) not in self._taken] if self.found else []

    @property
    def left(self) -> int | None:
        """How many may still be claimed today; those on their way count."""
        mine = next((p for p in self.found.pools if p.key == self.found.pool), None) if self.found else None
        return None if mine is None or mine.left is None else max(mine.left - sum(str(c.id) in self._taken for c in self.found.customers), 0)  # type: ignore[union-attr]

    async def load(self) -> None:
        me, gateway, store = self.session.me, self.session.services.gateway, self.session.store_id
        try:
            if me and me.may("claim_customer"):
                self.found = await remote.pool_list(gateway, store, self.found.pool if self.found else None)
            if me and me.may("claim_policy"):
                self.policies = [p for p in (await remote.orphans(gateway, store)).policies if str(p.customer_id) not in self._taken]
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
        self.session.say(_("Claimed: %(name)s. Call soon, or the customer goes back.") % {"name": row.name or "—"})

    async def claim_policy(self, row: Orphan) -> None:
        await self.session.act("claim_policy", {"customer_id": str(row.customer_id)}, title=row.name or "")
        self._taken |= {str(row.customer_id)}
        self.policies = [p for p in self.policies if p.customer_id != row.customer_id]
        _ = self.texts
        self.session.say(_("You renew this policy now: %(name)s") % {"name": row.name or "—"})


@screen
def PoolScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: Pool(session, _))
    use_book(state.load)
    blocks: list[ft.Control] = [ProblemBanner(state.problem, act(state.load))] if state.problem else []
    if not state.loaded:
        return page_view(ft.use_view_path(), _("To claim"), Skeleton(4))
    if state.found and len(state.found.pools) > 1:
        blocks.append(chips("pool", [(p.key, _.label(p.label)) for p in state.found.pools], state.found.pool, lambda key: act(state.choose, key)))
    if state.left is not None:
        words = (
            _("You may claim %(n)d more today.") % {"n": state.left} if state.left else _("You have claimed as many as the store allows for today.")
        )
        blocks.append(ft.Text(words, color=ft.Colors.ON_SURFACE_VARIANT))
    if not state.customers and not state.policies and not state.problem:
        blocks.append(
            EmptyState(ft.Icons.INBOX_OUTLINED, _("Nobody waits here"), _("Customers without an owner, and policies nobody renews, appear here."))
        )
    blocks += [PooledCard(state, row, state.left != 0, key=str(row.id)) for row in state.customers[:MAX_ROWS]]
    blocks += [OrphanCard(state, row, key=str(row.id)) for row in state.policies[:MAX_ROWS]]
    body = ft.Column(blocks, spacing=12, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
    return page_view(ft.use_view_path(), _("To claim"), ft.ListView([ft.Container(body, padding=EDGE)], expand=True))


@component
def PooledCard(state: Pool, row: Pooled, may: bool) -> ft.Control:
    session, _ = use_session(), use_text()
    level = session.config.level(row.level) if session.config else None
    pills = [pill(_.label(level.label), tone="good")] if level else []
    pills.append(pill(_("Waiting since %(day)s") % {"day": _.day(session.day(row.waiting_since), session.today)}))
    return card(
        ft.Text(row.name or "—", theme_style=ft.TextThemeStyle.TITLE_MEDIUM, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS),
        *([ft.Text(row.need, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS)] if row.need else []),
        ft.Row(pills, wrap=True, spacing=6, run_spacing=6),
        secondary_button(f"claim-{row.id}", _("Claim"), act(state.claim, row), icon=ft.Icons.BACK_HAND_OUTLINED, disabled=not may),
    )


@component
def OrphanCard(state: Pool, row: Orphan) -> ft.Control:
    session, _ = use_session(), use_text()
    car = " · ".join(x for x in (row.plate, row.insurer, _.money(row.premium_fen) if row.premium_fen is not None else None) if x)
    return card(
        ft.Text(row.name or "—", theme_style=ft.TextThemeStyle.TITLE_MEDIUM, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS),
        ft.Row([pill(_("Policy ends %(day)s") % {"day": _.day(row.expires_on, session.today)}, tone="urgent")], spacing=GAP),
        *([ft.Text(car, color=ft.Colors.ON_SURFACE_VARIANT)] if car else []),
        secondary_button(f"take-{row.id}", _("I renew it"), act(state.claim_policy, row), icon=ft.Icons.SHIELD_OUTLINED),
    )
