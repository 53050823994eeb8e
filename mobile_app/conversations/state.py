"""Logging a conversation: what the panel holds, and what happens when it is saved (S-04, S-20, S-21, F-01)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import flet as ft

from mobile_app.session import Session
from shared.domain import conversations
from shared.domain.config import Outcome
from shared.domain.records import Customer, Task
from shared.ui.text import Texts


@ft.observable
@dataclass(eq=False)
class LogConversation:
    """One talk with one customer; with a task it clears that task."""

    session: Session
    customer: Customer
    texts: Texts
    task: Task | None = None
    method: str = "call"
    outcome: str | None = None
    level: str | None = None
    words: str = ""
    next_on: date | None = None
    dialled_at: datetime | None = None
    problems: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    done: Callable[[], Any] | None = None
    _chosen_date: bool = False
    _saving: bool = False

    def __post_init__(self) -> None:
        self.level = self.customer.level

    @property
    def chosen(self) -> Outcome | None:
        return self.session.config.outcome(self.outcome) if self.session.config else None

    @property
    def suggested(self) -> date | None:
        """The day the level's cadence asks for."""
        return conversations.next_date(self.session.config, self.chosen, self.level, self.session.today).on if self.session.config else None

    def dial(self) -> None:
        """The dial press is evidence of an attempt, nothing more."""
        self.dialled_at = self.session.now()

    def choose_method(self, method: str) -> None:
        self.method, self.outcome, self.problems = method, None, {}

    async def choose_outcome(self, key: str) -> None:
        """Nobody reached and nothing to say: saved at once, undo instead of a question."""
        self.outcome, self.problems = key, {}
        if not self._chosen_date:
            self.next_on = self.suggested
        if self.chosen and not self.chosen.reached and not self.chosen.needs_words and not self.words.strip():
            await self.save()

    def choose_level(self, level: str) -> None:
        self.level = level
        if not self._chosen_date:
            self.next_on = self.suggested

    def choose_next(self, day: date | None) -> None:
        self.next_on, self._chosen_date = day, True

    def set_words(self, text: str) -> None:
        self.words = text
        if "words" in self.problems and text.strip():
            self.problems = {k: v for k, v in self.problems.items() if k != "words"}

    def add_phrase(self, text: str) -> None:
        """A phrase is added to what was typed, never put in its place."""
        typed = self.words.rstrip(",,。 ")
        self.set_words(f"{typed},{text}" if typed else text)

    async def save(self) -> None:
        """On disk, then the next card. Problems stay by their fields; nothing typed is lost."""
        if self._saving or self.session.config is None:
            return
        found = conversations.log_problems(self.session.config, method=self.method, outcome=self.outcome, level=self.level, words=self.words)
        self.problems = {p.field: p.code for p in found}
        if found:
            return
        self._saving = True
        try:
            now = self.session.now()
            payload: dict[str, Any] = {
                "id": str(self.session.services.new_id()), "customer_id": str(self.customer.id), "method": self.method, "outcome": self.outcome,
                "level": self.level, "occurred_at": now.isoformat(),
            }  # fmt: skip
            if self.task is not None:
                payload["task_id"] = str(self.task.id)
            if self.words.strip():
                payload["words"] = self.words.strip()
            if self.chosen and self.chosen.reached:
                payload["next_contact_on"] = self.next_on.isoformat() if self.next_on else None
            if self.dialled_at is not None:
                payload |= {"dialled_at": self.dialled_at.isoformat(), "away_seconds": min(int((now - self.dialled_at).total_seconds()), 86400)}
            op_id = await self.session.act("log_conversation", payload, title=self.customer.name or "")
        finally:
            self._saving = False
        _ = self.texts

        self.session.say(_("Saved: %(name)s") % {"name": self.customer.name or ""}, undo=op_id)
        if self.done:
            self.done()
