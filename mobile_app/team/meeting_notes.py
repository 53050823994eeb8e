"""Notes and to-dos on the meeting sheet, and one's own to-dos on Me (S-23)."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import flet as ft

from mobile_app.session import use_local_data, use_session
from mobile_app.team.counted_rows import moment
from mobile_app.team.meeting_notes_state import DayNotes, OwnTodos, TodoForm
from shared.domain.meeting_notes import MeetingNotes, Todo
from shared.domain.records import Customer
from shared.domain.working_days import EVERY_DAY
from shared.ui.feedback import ProblemBanner, Skeleton, act, typed
from shared.ui.text import Texts, use_text
from shared.ui.theme import GAP, TARGET
from shared.ui.view import component
from shared.ui.widgets import (
    MAX_ROWS,
    DateChips,
    card,
    chips,
    icon_button,
    identified,
    primary_button,
    secondary_button,
    section,
    text_button,
    text_field,
)

LONGEST_NOTES, LONGEST_TODO = 4000, 500  # letters, as the database has them


@component
def SheetNotes(day: date) -> ft.Control:
    """What the meeting writes down, and what became of what it wrote down before."""
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(
        lambda: session.kept(f"meeting notes {day}", lambda: DayNotes(session, day))
    )
    use_local_data(state.load)
    found = state.found
    if found is None:
        return ProblemBanner(state.problem, act(state.load)) if state.problem else Skeleton(1)
    blocks: list[ft.Control] = []
    if state.refused:
        offline = _("No connection. Nothing was saved.")
        words = offline if state.refused == "offline" else ""
        blocks.append(ProblemBanner(state.refused, words=words))
    blocks += notes_blocks(_, state, found)
    if state.form is not None:
        form = state.form
        blocks.append(NewTodoCard(state, form, form.notes, form.query, form.customer, key="new"))
    elif found.may_write:
        blocks.append(
            secondary_button("add-todo", _("Add a to-do"), act(state.begin_todo), icon=ft.Icons.ADD)
        )
    blocks += todo_blocks(_, state, found)
    return section(_("Meeting notes"), *blocks) if blocks else ft.Container(height=0)


def notes_blocks(_: Texts, state: DayNotes, found: MeetingNotes) -> list[ft.Control]:
    """The text, who wrote it, and what a frozen sheet keeps of it."""
    blocks: list[ft.Control] = []
    if found.may_write:
        blocks.append(NotesForm(state, found, state.typed, key="notes"))
    elif found.notes:
        blocks.append(identified("notes-text", ft.Text(found.notes)))
    if found.notes and found.written_at is not None:
        words = _("%(name)s, %(at)s") % {
            "name": found.written_by or "—",
            "at": moment(state.session, _, found.written_at),
        }
        blocks.append(ft.Text(words, size=12, color=ft.Colors.ON_SURFACE_VARIANT))
    if found.differs:
        head = _("When the sheet was frozen")
        blocks.append(
            identified(
                "frozen-notes",
                ft.Text(
                    f"{head}{_.colon}{found.frozen_notes or '—'}", size=13, color=ft.Colors.TERTIARY
                ),
            )
        )
    return blocks


@component
def NotesForm(state: DayNotes, found: MeetingNotes, words: str | None) -> ft.Control:
    """`words` is an argument so that each letter draws this again."""
    _ = use_text()
    parts: list[ft.Control] = [
        text_field(
            "notes",
            _("Notes of the day"),
            found.notes if words is None else words,
            typed(state.type),
            multiline=True,
            min_lines=2,
            max_lines=8,
            max_length=LONGEST_NOTES,
        )
    ]
    if other := state.written_meanwhile:
        head = _("Written by a colleague meanwhile")
        parts.append(identified("written-meanwhile", ft.Text(f"{head}{_.colon}{other}", size=13)))
    if words is not None:
        parts.append(primary_button("save-notes", _("Save the notes"), act(state.save)))
    elif state.saved:
        parts.append(identified("notes-saved", ft.Text(_("Saved."))))
    return ft.Column(parts, spacing=GAP, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@component
def NewTodoCard(
    state: DayNotes, form: TodoForm, words: str, query: str, customer: Customer | None
) -> ft.Control:
    """What, who, by when, and perhaps about whom. The words are arguments so that each letter draws
    this again."""
    session, _ = use_session(), use_text()
    people = [(str(p.id), p.name) for p in session.people if p.active]
    calendar = session.config.calendar if session.config else EVERY_DAY
    parts: list[ft.Control] = []
    if form.problem:
        offline = _("No connection. Nothing was saved.")
        parts.append(
            ProblemBanner(form.problem, words=offline if form.problem == "offline" else "")
        )
    parts += [
        text_field(
            "todo-notes",
            _("What is to be done?"),
            words,
            typed(form.set_notes),
            multiline=True,
            max_lines=3,
            max_length=LONGEST_TODO,
        ),
        section(_("About a customer (optional)"), *customer_choice(_, form, query, customer)),
        section(
            _("Who?"),
            chips(
                "todo-for",
                people[:MAX_ROWS],
                form.member,
                lambda key: act(form.choose_member, key),
                scrolls=True,
            ),
        ),
        section(
            _("By when?"),
            DateChips(
                "todo-day",
                form.due_on,
                session.clock.today,
                form.choose_day,
                suggested=form.due_on,
                last=form.last_day,
                calendar=calendar,
            ),
        ),
        primary_button("save-todo", _("Add"), act(state.add_todo), disabled=not form.complete),
        text_button("cancel-todo", _("Cancel"), act(state.cancel_todo)),
    ]
    return card(*parts)


def customer_choice(
    _: Texts, form: TodoForm, query: str, customer: Customer | None
) -> list[ft.Control]:
    """The customer that was chosen, or a search; about a customer it becomes a task."""
    if customer is not None:
        remove = icon_button(
            "todo-customer-remove",
            ft.Icons.CLOSE,
            _("Not about a customer"),
            act(form.choose_customer, None),
            width=TARGET,
            height=TARGET,
        )
        name = identified("todo-customer", ft.Text(customer.name or "—"))
        hint = _("It becomes a task. Only a conversation with the customer clears it.")
        return [
            ft.Row([ft.Container(name, expand=True), remove]),
            ft.Text(hint, size=12, color=ft.Colors.ON_SURFACE_VARIANT),
        ]
    field = text_field("todo-search", _("Name, number or plate"), query, typed(form.search))
    people = {str(c.id): c for c in form.found}
    names = [(key, c.name or "—") for key, c in people.items()]
    choice = chips("todo-about", names, None, lambda key: act(form.choose_customer, people[key]))
    return [field, *([choice] if names else [])]


def todo_blocks(_: Texts, state: DayNotes, found: MeetingNotes) -> list[ft.Control]:
    """Those of this meeting, then what became of those before."""
    heads = [
        (_("To-dos of this meeting"), found.own_todos, "todos"),
        (_("From earlier meetings"), found.earlier_todos, "todos-before"),
    ]
    return [
        section(title, card(*todo_rows(todos, state.tick), identifier=name))
        for title, todos, name in heads
        if todos
    ]


def todo_rows(todos: Sequence[Todo], tick: Callable[[Todo], Any]) -> list[ft.Control]:
    return [TodoRow(todo, tick, key=str(todo.id)) for todo in todos[:MAX_ROWS]]


@component
def TodoRow(todo: Todo, tick: Callable[[Todo], Any]) -> ft.Control:
    """A to-do of its own is ticked here; one about a customer opens the customer."""
    session, _ = use_session(), use_text()
    today = session.clock.today
    facts = [
        todo.assignee,
        _("by %(day)s") % {"day": _.day(todo.due_on, today)},
        *([todo.customer_name] if todo.customer_name else []),
        *([_("Done")] if todo.is_done else [_("Overdue")] if todo.is_overdue(today) else []),
    ]

    def open_customer(event: Any) -> None:
        event.page.navigate(f"/customers/{todo.customer_id}")

    color = ft.Colors.ERROR if todo.is_overdue(today) else ft.Colors.ON_SURFACE_VARIANT
    words = ft.Column(
        [ft.Text(todo.notes or "—"), ft.Text(" · ".join(facts), size=12, color=color)],
        spacing=2,
        expand=True,
    )
    if todo.is_task:
        icon = ft.Icons.CHECK_CIRCLE_OUTLINE if todo.is_done else ft.Icons.CALL
        name, press = _("Open the customer"), open_customer
    else:
        icon = ft.Icons.CHECK_BOX if todo.is_done else ft.Icons.CHECK_BOX_OUTLINE_BLANK
        name, press = (_("Not done yet") if todo.is_done else _("Done")), act(tick, todo)
    button = icon_button(f"tick-{todo.id}", icon, name, press, width=TARGET, height=TARGET)
    return identified(f"todo-{todo.id}", ft.Row([button, words]))


@component
def MyTodos() -> ft.Control:
    """What the meeting gave one to do. Nothing where there is nothing."""
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: OwnTodos(session))
    use_local_data(state.load)
    if not state.todos:
        return ft.Container(height=0)
    blocks: list[ft.Control] = []
    if state.refused:
        offline = _("No connection. Nothing was saved.")
        blocks.append(
            ProblemBanner(state.refused, words=offline if state.refused == "offline" else "")
        )
    blocks.append(card(*todo_rows(state.todos, state.tick), identifier="my-todos"))
    return section(_("To-dos from the meeting"), *blocks)
