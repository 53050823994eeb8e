"""Notes and to-dos of the daily meeting (S-23)."""

from datetime import date
from uuid import UUID

from pydantic import TypeAdapter

from shared.domain.meeting_notes import MeetingNotes, NewTodo, Todo
from shared.gateway.client import Gateway, parsed


async def meeting_notes(gateway: Gateway, store_id: UUID, day: date) -> MeetingNotes:
    """Of a day's meeting, with the to-dos the caller sees. Raises Offline, SignedOut,
    Rejected("forbidden")."""
    asked = {"store_id": str(store_id), "day": day.isoformat()}
    return parsed(TypeAdapter(MeetingNotes), await gateway.call("meeting_notes", asked))


async def save_notes(
    gateway: Gateway, store_id: UUID, day: date, notes: str, *, revision: int
) -> None:
    """`revision`: which one the writer has read. Raises Offline, SignedOut, Rejected("forbidden",
    "invalid", "length", "conflict": somebody saved another text meanwhile)."""
    await gateway.call(
        "save_meeting_notes",
        {
            "store_id": str(store_id),
            "day": day.isoformat(),
            "notes": notes,
            "revision": revision,
        },
    )


async def add_todo(gateway: Gateway, store_id: UUID, day: date, todo: NewTodo) -> None:
    """Of a day's meeting; about a customer it becomes a task. The same id again changes nothing.
    Raises Offline, SignedOut, Rejected("forbidden", "invalid", "required", "length", "range",
    "option", "not_found", "id_taken")."""
    asked = {"store_id": str(store_id), "day": day.isoformat(), **todo.model_dump(mode="json")}
    await gateway.call("add_meeting_todo", asked)


async def tick_todo(gateway: Gateway, store_id: UUID, todo_id: UUID, *, done: bool) -> None:
    """One without a customer. Raises Offline, SignedOut, Rejected("forbidden", "not_found",
    "task_stays")."""
    await gateway.call(
        "tick_meeting_todo", {"store_id": str(store_id), "id": str(todo_id), "done": done}
    )


async def my_todos(gateway: Gateway, store_id: UUID) -> tuple[Todo, ...]:
    """One's own without a customer: open ones, and those ticked off today. Raises Offline,
    SignedOut, Rejected("forbidden")."""
    found = await gateway.call("my_todos", {"store_id": str(store_id)})
    return parsed(TypeAdapter(tuple[Todo, ...]), found)
