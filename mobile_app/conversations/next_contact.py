"""What a conversation does to the customer's level, and when the next one is."""

from dataclasses import dataclass
from datetime import date

import flet as ft

from mobile_app.conversations.promises import DraftPromises
from mobile_app.session import Session
from shared.domain import conversations
from shared.domain.card import Card
from shared.domain.config import Outcome
from shared.domain.forms import last_next_contact_on
from shared.domain.records import Customer


@ft.observable
@dataclass(eq=False)
class NextContactPlan:
    """Level and day as the store's rules propose them for the outcome, until somebody chooses."""

    session: Session
    customer: Customer
    card: Card | None
    promises: DraftPromises
    outcome: Outcome | None = None
    chosen_level: str | None = None
    chosen_day: date | None = None
    day_is_chosen: bool = False  # "no day" is a choice too

    @property
    def level(self) -> str | None:
        if self.chosen_level is not None:
            return self.chosen_level
        config, proposed = self.session.config, self.outcome.level if self.outcome else None
        return proposed if config and config.level(proposed) else self.customer.level

    @property
    def day(self) -> date | None:
        return self.chosen_day if self.day_is_chosen else self.suggested.on

    @property
    def suggested(self) -> conversations.NextDate:
        """The day that is proposed, and why."""
        session = self.session
        if session.config is None:
            return conversations.NextDate(None)
        open_promises = self.card.promises if self.card else ()
        promised = [p.due_on for p in self.promises.made]
        promised += [p.due_on for p in open_promises if p.due_on >= session.clock.today]
        return conversations.next_date(
            session.config,
            self.outcome,
            self.level,
            session.clock.today,
            do_not_call=bool(self.customer.do_not_call),
            promised=min(promised, default=None),
        )

    @property
    def last_day(self) -> date | None:
        """The last day the calendar offers: without a contact, as far as a task may be put off."""
        session = self.session
        if session.config is None:
            return None
        reached = self.outcome is None or self.outcome.reached
        return last_next_contact_on(
            session.config, self.level, session.clock.today, is_contact=reached
        )

    def choose_day(self, day: date | None) -> None:
        self.chosen_day, self.day_is_chosen = (None if day == self.day else day), True
