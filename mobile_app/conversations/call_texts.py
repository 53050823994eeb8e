"""What to say in a call and what to send: the store's texts, filled in with what is known of the
customer (F-36, F-41)."""

from dataclasses import dataclass

import flet as ft

from mobile_app.session import Session
from shared.domain import templates
from shared.domain.card import Card
from shared.domain.config import Script
from shared.domain.records import Policy, Task, Vehicle
from shared.ui.text import Texts


@ft.observable
@dataclass(eq=False)
class CallTexts:
    session: Session
    texts: Texts
    task: Task | None
    card: Card | None
    script_is_shown: bool = False

    def filled(self, text: dict[str, str]) -> str:
        """A text of the store with what is known of this customer; "" without a card."""
        config, me, card = self.session.config, self.session.me, self.card
        if config is None or me is None or card is None:
            return ""
        policy, vehicle = self._subject(card)
        known = templates.placeholders(
            config,
            card.customer,
            vehicle=vehicle,
            policy=policy,
            me=me.name,
            store=me.store_name,
            language=self.texts.language,
        )
        return templates.filled(text, known, self.texts.language)

    def _subject(self, card: Card) -> tuple[Policy | None, Vehicle | None]:
        """The policy the task is about, else the first one; and its car."""
        subject = self.task.subject_id if self.task is not None else None
        policy = next(
            (p for p in card.policies if p.id == subject),
            card.policies[0] if card.policies else None,
        )
        vehicle = next(
            (v for v in card.vehicles if policy is not None and v.id == policy.vehicle_id),
            card.vehicles[0] if card.vehicles else None,
        )
        return policy, vehicle

    def scripts(self, outcome: str | None) -> list[tuple[Script, str]]:
        """What fits this call, filled in; the most fitting first."""
        config, card = self.session.config, self.card
        if config is None or card is None:
            return []
        fitting = templates.scripts_for(
            config,
            task=self.task,
            level=card.customer.level,
            outcome=outcome,
            today=self.session.clock.today,
        )
        return [(s, text) for s in fitting if (text := self.filled(s.text))]

    @property
    def quote(self) -> str:
        """The quote text of this customer, to copy; "" when the store has none or nothing of it may
        be said."""
        config = self.session.config
        if config is None or self.card is None or not self.card.policies:
            return ""
        template = next(iter(templates.templates_of(config, "quote")), None)
        return self.filled(template.text) if template else ""

    def toggle_script(self) -> None:
        self.script_is_shown = not self.script_is_shown

    def say_copied(self) -> None:
        _ = self.texts
        self.session.notices.say(_("Copied. Paste it into WeChat."))
