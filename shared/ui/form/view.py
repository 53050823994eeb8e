"""A form drawn from its state: labels, hints, the right control for each type, problems by field.

Identifiers are the fields' keys in kebab-case (`phone`, `source-walk-in`), as tests and screen readers use them.
"""

from collections.abc import Callable, Collection
from functools import partial

import flet as ft

from shared.domain.config import FieldDefinition
from shared.ui.feedback import act, field_problem
from shared.ui.form.boxes import DayField, TextBox, TimeField
from shared.ui.form.choices import FileField, ListField, YesNo, choice_chips
from shared.ui.form.plate import PlateField
from shared.ui.form.state import FieldState, FormState
from shared.ui.parts import identified
from shared.ui.text import Texts, use_text
from shared.ui.theme import GAP
from shared.ui.view import component

MOST_CHIPS = 7  # more options become a list that can be searched
FIELD_GAP = 16


@component
def FormView(
    state: FormState, on_attach=None, keys: Collection[str] | None = None, show_file: Callable[[str], ft.Control] | None = None
) -> ft.Control:
    """All fields that are to be seen now, under their sections; or those of `keys`, for a form that is folded.

    on_attach(key): take a photo or file for a field of type file; without it such a field only shows what it holds.
    show_file(id): draws what such a field holds, to be opened; without it there is only said that there is a file.
    """
    _ = use_text()
    parts: list[ft.Control] = []
    for label, fields in state.sections():
        if keys is not None:
            fields = [f for f in fields if f.key in keys]
        if label and fields:
            parts.append(ft.Text(_.label(label), theme_style=ft.TextThemeStyle.TITLE_MEDIUM))
        parts += [FieldView(state, held, on_attach, show_file=show_file, key=held.key) for held in fields]
    return ft.Column(parts, spacing=FIELD_GAP, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@component
def FieldView(state: FormState, held: FieldState, on_attach=None, autofocus: bool = False, show_file=None) -> ft.Control:
    """One field: drawn again when it changes, and only then."""
    _ = use_text()
    label = _.label(held.definition.label) or held.key
    identifier = held.key.replace("_", "-")
    problem = field_problem(_, {held.key: held.problem}, held.key) if held.problem else None
    if held.access != "write" and not (held.kind == "file" and held.access == "read"):
        return read_only(_, identifier, label, value_text(_, held.definition, state.form, held.value, held.options), held.access == "masked")
    marked = f"{label} *" if held.required else label
    hint = _.label(held.definition.hint)
    if held.kind in ("select", "multi", "level", "person"):
        body = (
            choice_chips(identifier, held, lambda option: lambda e: state.toggle(held.key, option), _)
            if len(held.options) <= MOST_CHIPS
            else ListField(identifier, marked, held, lambda option: state.toggle(held.key, option))
        )
    elif held.kind == "bool":
        body = YesNo(identifier, held, lambda value: lambda e: state.put(held.key, value))
    elif held.kind == "date":
        body = DayField(identifier, held, state.today, lambda day: state.put(held.key, day.isoformat() if day else None))
    elif held.kind == "time":
        body = TimeField(identifier, held, lambda text: state.put(held.key, text))
    elif held.kind == "file":
        writes = held.access == "write"
        on_remove = (lambda e: state.put(held.key, None)) if writes and on_attach and not held.required else None
        body = FileField(identifier, held, partial(attach, on_attach, held.key) if on_attach and writes else None, show_file, on_remove)
    elif held.kind == "plate":
        return PlateField(identifier, marked, held, lambda text: state.type(held.key, text), lambda: state.leave(held.key), hint, problem)
    else:
        return TextBox(identifier, marked, held, lambda text: state.type(held.key, text), lambda: state.leave(held.key), hint, problem, autofocus)
    return titled(marked, body, hint, problem)


async def attach(on_attach, key: str, event=None) -> None:
    """A picker answers when it likes: the handler waits for it, and no error of it ends the session."""
    await act(on_attach, key)(event)


def titled(label: str, body: ft.Control, hint: str = "", problem: str | None = None) -> ft.Control:
    """A label above a control that has none of its own; below it the problem, else the hint."""
    below = ft.Text(problem, color=ft.Colors.ERROR, size=12) if problem else ft.Text(hint, color=ft.Colors.ON_SURFACE_VARIANT, size=12)
    head = ft.Text(label, theme_style=ft.TextThemeStyle.TITLE_SMALL, color=ft.Colors.ERROR if problem else ft.Colors.ON_SURFACE_VARIANT)
    return ft.Column([head, body, *([below] if problem or hint else [])], spacing=GAP, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def read_only(_: Texts, identifier: str, label: str, words: str, masked: bool) -> ft.Control:
    """A value one may see and not change. A masked one says by a lock that there is more to it."""
    value: list[ft.Control] = [ft.Text(words or "—", expand=True)]
    if masked:
        value.append(ft.Icon(ft.Icons.LOCK_OUTLINE, size=16, color=ft.Colors.ON_SURFACE_VARIANT))
    name = f"{label} {words}" + (" " + _("partly hidden") if masked else "")
    head = ft.Text(label, size=12, color=ft.Colors.ON_SURFACE_VARIANT)
    return identified(identifier, ft.Column([head, ft.Row(value)], spacing=2), label=name, read_only=True)


def value_text(_: Texts, definition: FieldDefinition, form: str, value, options=None) -> str:
    """A field's value in words: the option's label, 元, a day, yes or no; "" for nothing."""
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
    labels = {o.key: _.label(o.label) for o in definition.options or ()} | {key: _.label(label) for key, label in options or ()}
    if isinstance(value, list):
        return "、".join(labels.get(x, str(x)) for x in value)
    return labels.get(value, str(value)) if isinstance(value, str) else str(value)
