"""Notes and to-dos of a daily meeting (S-23)."""

from datetime import date
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.domain.instants import Instant


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Todo(_Row):
    """What a meeting gave somebody to do. `day`: the meeting's; is_task: about a customer, so a
    conversation clears it; customer_name: None when the reader does not see the customer."""

    id: UUID
    day: date
    notes: str | None = None
    assignee_id: UUID
    assignee: str
    due_on: date
    is_task: bool = False
    customer_id: UUID | None = None
    customer_name: str | None = None
    is_done: bool = False

    def is_overdue(self, today: date) -> bool:
        return not self.is_done and self.due_on < today


class NewTodo(_Row):
    """`id`: made by the phone, so that sending it again adds nothing. customer_id: whom it is
    about."""

    id: UUID
    notes: str
    member_id: UUID
    due_on: date
    customer_id: UUID | None = None


class MeetingNotes(_Row):
    """`notes`: the text as it is now, empty for none; `revision`: which one it is; `frozen_notes`:
    as the frozen sheet keeps it, None when the sheet is not frozen. `todos`: of that day's meeting,
    of the one before, and what is open of earlier ones; the latest day first."""

    day: date
    may_write: bool = False
    notes: str = ""
    revision: int = 0
    written_at: Instant | None = None
    written_by: str | None = None
    frozen_notes: str | None = None
    todos: tuple[Todo, ...] = ()

    @property
    def own_todos(self) -> tuple[Todo, ...]:
        """Of that day's meeting."""
        return tuple(t for t in self.todos if t.day == self.day)

    @property
    def earlier_todos(self) -> tuple[Todo, ...]:
        """Of the meetings before; what is open first."""
        return tuple(sorted((t for t in self.todos if t.day < self.day), key=lambda t: t.is_done))

    @property
    def differs(self) -> bool:
        """Whether the notes were changed after the sheet was frozen."""
        return self.frozen_notes is not None and self.frozen_notes != self.notes
