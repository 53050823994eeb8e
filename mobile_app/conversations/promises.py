"""What was promised in a conversation, each by a day."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import flet as ft

from mobile_app.session import Session

LONGEST = 200  # characters


@dataclass(frozen=True)
class DraftPromise:
    """A promise that is written down with the conversation."""

    id: str
    notes: str
    due_on: date


@ft.observable
@dataclass(eq=False)
class DraftPromises:
    """`notes`: of the one being written; None when nobody is writing one."""

    session: Session
    made: tuple[DraftPromise, ...] = ()
    notes: str | None = None

    def start(self) -> None:
        self.notes = ""

    def set_notes(self, text: str) -> None:
        self.notes = text

    def add(self, days: int) -> None:
        """What is being written is promised within so many days."""
        if self.notes and self.notes.strip():
            self.promise(self.notes.strip()[:LONGEST], days)
            self.notes = None

    def promise(self, notes: str, days: int) -> None:
        promise_id = str(self.session.services.new_id())
        due_on = self.session.clock.today + timedelta(days=days)
        self.made = (*self.made, DraftPromise(promise_id, notes, due_on))

    def move(self, promise_id: str, due_on: date) -> None:
        self.made = tuple(replace(p, due_on=due_on) if p.id == promise_id else p for p in self.made)

    def drop(self, promise_id: str) -> None:
        self.made = tuple(p for p in self.made if p.id != promise_id)

    def payload(self) -> list[dict[str, Any]]:
        return [{"id": p.id, "notes": p.notes, "due_on": p.due_on.isoformat()} for p in self.made]
