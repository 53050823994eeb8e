"""A form drawn from its state: labels, hints, the right control for each type, problems by field.

Identifiers are the fields' keys in kebab-case (`phone`, `source-walk-in`), as tests and screen
readers use them.
"""

from collections.abc import Callable, Collection
from functools import partial

import flet as ft

from shared.domain.config import FieldDefinition, StoreConfig
from shared.domain.working_days import EVERY_DAY
from shared.ui.feedback import act, field_problem
from shared.ui.form.choices import FileField, ListField, YesNo, choice_chips
from shared.ui.form.inputs import DayField, TextBox, TimeField
from shared.ui.form.plate import PlateField
from shared.ui.form.state import FieldState, FormState
from shared.ui.text import Texts, use_text
from shared.ui.theme import GAP
from shared.ui.view import component
from shared.ui.widgets import identified

CONTACT_DAYS = {("customer", "next_contact_on")}  # somebody has to be there on these
MOST_CHIPS = 7  # more options become a list that can be searched
FIELD_GAP = 16


@component
def FormView(
    state: FormState,
    on_attach=None,
    keys: Collection[str] | None = None,
    show_file: Callable[[str], ft.Control] | None = None,
) -> ft.Control:
    """All fields that are to be seen now, under their sections; or those of `keys`, for a form that
    is folded.

    on_attach(key): take a photo or file for a field of type file; without it such a field only
    shows what it holds. show_file(id): draws what such a field holds, to be opened; without it
    there is only said that there is a file.
    """
    _ = use_text()
    parts: list[ft.Control] = []
    for label, fields in state.sections():
        if keys is not None:
            fields = [f for f in fields if f.key in keys]
        if label and fields:
            parts.append(ft.Text(_.label(label), theme_style=ft.TextThemeStyle.TITLE_MEDIUM))
        parts += [
            FieldView(state, field_state, on_attach, show_file=show_file, key=field_state.key)
            for field_state in fields
        ]
    return ft.Column(parts, spacing=FIELD_GAP, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@component
def FieldView(
    state: FormState, field_state: FieldState, on_attach=None, show_file=None
) -> ft.Control:
    """One field: drawn again when it changes, and only then."""
    _ = use_text()
    label = _.label(field_state.definition.label) or field_state.key
    kind, access = field_state.kind, field_state.access
    if access != "write" and not (kind == "file" and access == "read"):
        words = value_text(_, field_state.definition, state.form, field_state.value, state.config)
        return read_only(_, identifier_of(field_state), label, words, access == "masked")
    problem = (
        field_problem(_, {field_state.key: field_state.problem}, field_state.key)
        if field_state.problem
        else None
    )
    marked = f"{label} *" if field_state.required else label
    hint = _.label(field_state.definition.hint)
    if kind == "file":
        body = file_field(state, field_state, on_attach, show_file)
    elif kind in UNDER_TITLE:
        body = UNDER_TITLE[kind](_, state, field_state, marked)
    else:
        box = PlateField if kind == "plate" else TextBox
        return box(
            identifier_of(field_state),
            marked,
            field_state,
            partial(state.type, field_state.key),
            partial(state.leave, field_state.key),
            hint,
            problem,
        )
    return titled(marked, body, hint, problem)


def identifier_of(field_state: FieldState) -> str:
    return field_state.key.replace("_", "-")


def choice_field(_: Texts, state: FormState, field_state: FieldState, marked: str) -> ft.Control:
    """Chips, or a list where there are many."""
    choose = partial(state.toggle, field_state.key)
    if len(field_state.options) <= MOST_CHIPS:
        return choice_chips(
            identifier_of(field_state), field_state, lambda option: lambda e: choose(option), _
        )
    return ListField(identifier_of(field_state), marked, field_state, choose)


def yes_no_field(_: Texts, state: FormState, field_state: FieldState, marked: str) -> ft.Control:
    return YesNo(
        identifier_of(field_state),
        field_state,
        lambda value: lambda e: state.set_value(field_state.key, value),
    )


def day_field(_: Texts, state: FormState, field_state: FieldState, marked: str) -> ft.Control:
    return DayField(
        identifier_of(field_state),
        field_state,
        state.today,
        lambda day: state.set_value(field_state.key, day.isoformat() if day else None),
        state.config.calendar if (state.form, field_state.key) in CONTACT_DAYS else EVERY_DAY,
    )


def time_field(_: Texts, state: FormState, field_state: FieldState, marked: str) -> ft.Control:
    return TimeField(
        identifier_of(field_state), field_state, partial(state.set_value, field_state.key)
    )


# by type: controls without a label of their own; files stand apart, the other types are typed
UNDER_TITLE: dict[str, Callable[[Texts, FormState, FieldState, str], ft.Control]] = {
    "select": choice_field,
    "multi": choice_field,
    "level": choice_field,
    "person": choice_field,
    "bool": yes_no_field,
    "date": day_field,
    "time": time_field,
}


def file_field(
    state: FormState, field_state: FieldState, on_attach=None, show_file=None
) -> ft.Control:
    """What is attached; a file may be read where it may not be changed."""
    writes = field_state.access == "write" and on_attach is not None
    removes = writes and not field_state.required
    return FileField(
        identifier_of(field_state),
        field_state,
        partial(attach, on_attach, field_state.key) if writes else None,
        show_file,
        (lambda e: state.set_value(field_state.key, None)) if removes else None,
    )


async def attach(on_attach, key: str, event=None) -> None:
    """A picker answers when it likes: the handler waits for it, and no error of it ends the
    session."""
    await act(on_attach, key)(event)


def titled(label: str, body: ft.Control, hint: str = "", problem: str | None = None) -> ft.Control:
    """A label above a control that has none of its own; below it the problem, else the hint."""
    below = (
        ft.Text(problem, color=ft.Colors.ERROR, size=12)
        if problem
        else ft.Text(hint, color=ft.Colors.ON_SURFACE_VARIANT, size=12)
    )
    head = ft.Text(
        label,
        theme_style=ft.TextThemeStyle.TITLE_SMALL,
        color=ft.Colors.ERROR if problem else ft.Colors.ON_SURFACE_VARIANT,
    )
    return ft.Column(
        [head, body, *([below] if problem or hint else [])],
        spacing=GAP,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def read_only(_: Texts, identifier: str, label: str, words: str, masked: bool) -> ft.Control:
    """A value one may see and not change. A masked one says by a lock that there is more to it."""
    value: list[ft.Control] = [ft.Text(words or "—", expand=True)]
    if masked:
        value.append(ft.Icon(ft.Icons.LOCK_OUTLINE, size=16, color=ft.Colors.ON_SURFACE_VARIANT))
    name = f"{label} {words}" + (" " + _("partly hidden") if masked else "")
    head = ft.Text(label, size=12, color=ft.Colors.ON_SURFACE_VARIANT)
    return identified(
        identifier, ft.Column([head, ft.Row(value)], spacing=2), label=name, read_only=True
    )


def value_text(_: Texts, definition: FieldDefinition, form: str, value, config: StoreConfig) -> str:
    """A field's value in words: the option's label, also that of one that was removed since, 元, a
    day, yes or no; "" for nothing."""
    if value in (None, "", []):
        return ""
    kind = definition.type_in(form)
    if kind == "money" and isinstance(value, int | float):
        return _.money(int(value))
    if kind == "bool":
        return _("Yes") if value else _("No")
    if kind == "file":
        return _("One file is attached")
    if kind == "person":
        return _.people.get(str(value), "") or "—"
    labels = config.option_labels(form, definition.key)
    if isinstance(value, list):
        return _.comma.join(_.named(labels, str(x)) for x in value)
    return _.named(labels, value) if isinstance(value, str) else str(value)
