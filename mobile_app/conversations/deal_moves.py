"""What a conversation does to the customer's deals: one goes on to the outcome's stage, or all are
lost."""

from dataclasses import dataclass
from uuid import UUID

import flet as ft

from mobile_app.session import Session
from shared.domain import funnel
from shared.domain.card import Card
from shared.domain.config import Outcome, Stage, StoreConfig
from shared.domain.records import Customer, Deal


@ft.observable
@dataclass(eq=False)
class DealMoves:
    """`wanted`: the deal goes on, as the outcome proposes."""

    session: Session
    customer: Customer
    card: Card | None
    wanted: bool = False

    def proposed(self, outcome: Outcome | None) -> tuple[Deal, Stage] | None:
        """The open deal that would go on to the outcome's stage, when nothing is missing for it."""
        config = self.session.config
        if config is None or outcome is None or outcome.stage is None or not self._may_move:
            return None
        for deal in self._open_deals(config):
            stage = config.stage(deal.pipeline, outcome.stage)
            if (
                stage
                and stage in funnel.targets(config, deal)
                and not funnel.missing(deal, stage, {}, frozenset(), None)
            ):
                return deal, stage
        return None

    def toggle(self) -> None:
        self.wanted = not self.wanted

    async def carry_out(
        self, outcome: Outcome | None, lost_reason: str | None, *, about_policy: bool
    ) -> list[UUID]:
        """A verb of its own for each deal, undone together with the conversation. A conversation
        about a policy says itself what becomes of that."""
        done: list[UUID] = []
        config, proposed = self.session.config, self.proposed(outcome)
        if self.wanted and proposed is not None:
            deal, stage = proposed
            done.append(await self._move(deal, {"stage": stage.key}))
        is_lost = outcome is not None and outcome.effect == "lost"
        if config is None or not is_lost or about_policy or not self._may_move:
            return done
        for deal in self._open_deals(config):
            pipeline = config.pipeline(deal.pipeline)
            stages = pipeline.stages if pipeline else ()
            end = next((s for s in stages if s.type == "lost"), None)
            if end and end in funnel.targets(config, deal):
                done.append(await self._move(deal, {"stage": end.key, "lost_reason": lost_reason}))
        return done

    async def _move(self, deal: Deal, changes: dict[str, str | None]) -> UUID:
        return await self.session.act(
            "move_deal",
            {"id": str(deal.id), "customer_id": str(self.customer.id), **changes},
            base_version=deal.version,
            title=self.customer.name or "",
        )

    @property
    def _may_move(self) -> bool:
        return self.session.me is not None and self.session.me.may("move_deal")

    def _open_deals(self, config: StoreConfig) -> list[Deal]:
        deals = self.card.deals if self.card else ()
        stages = ((d, config.stage(d.pipeline, d.stage)) for d in deals)
        return [d for d, stage in stages if stage is not None and stage.type == "open"]
