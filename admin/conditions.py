"""Building a condition or a formula by choosing: no syntax, no typing but values (F-69)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import flet as ft

from admin.draft import Draft
from admin.labels import condition_text, operator_name, where
from admin.widgets import FIELD, choice, small_chip
from shared.domain.condition_rows import Operator, Row, operators_of, rows_of, tree_of
from shared.domain.config import FieldType
from shared.domain.conversations import METHODS
from shared.domain.draft_merge import GONE, Path
from shared.domain.formula_rows import Step, formula_of, steps_of
from shared.domain.values.number import money_of, money_typed, number_of
from shared.ui.feedback import typed
from shared.ui.names import method_name
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import icon_button, identified, text_button

Field = Mapping[str, Any]
Askable = Sequence[tuple[str, str]]  # fields that may be asked about: key, type


def field_name(_: Texts, draft: Draft, form: str, key: str) -> str:
    if key in ("method", "outcome", "level") and draft.at(("forms", form, "fields", key)) is GONE:
        return {"method": _("Method"), "outcome": _("Outcome"), "level": _("Level")}[key]
    return where(_, ("forms", form, "fields", key), draft.document).split("「", 2)[-1].rstrip("」")


def options_of(_: Texts, draft: Draft, form: str, key: str) -> list[tuple[str, str]]:
    """What a value of that field is chosen from."""
    if key == "method":
        return [(m, method_name(_, m)) for m in METHODS]
    if key in ("outcome", "level"):
        return [(x["key"], _.label(x["label"])) for x in draft.document.get(f"{key}s", ())]
    found = draft.at(("forms", form, "fields", key, "options"))
    return [] if found is GONE else [(o["key"], _.label(o["label"])) for o in found or ()]


@dataclass(frozen=True)
class Editor:
    """What a condition or formula may ask, and how its controls are called."""

    draft: Draft
    form: str
    askable: Askable
    identifier: str

    @property
    def kinds(self) -> dict[str, FieldType]:
        return dict(self.askable)  # type: ignore[arg-type]

    def names(self, _: Texts) -> list[tuple[str, str]]:
        return [(k, field_name(_, self.draft, self.form, k)) for k, _kind in self.askable]

    def new_row(self, key: str | None = None) -> Row:
        """A row without a value: of a field, or of the first."""
        key = key or self.askable[0][0]
        return Row(key, operators_of(self.kinds[key])[0])


@component
def ConditionEditor(
    draft: Draft,
    form: str,
    path: Path,
    askable: Askable,
    identifier: str,
    title: str,
    **_key,
) -> ft.Control:
    """Rows of field, relation, value; a row that is not complete yet waits here and not in the
    draft."""
    _ = use_text()
    editor = Editor(draft, form, askable, identifier)
    tree = draft.at(path)
    tree = None if tree is GONE else tree
    read = rows_of(tree)
    value_and_setter: Any = ft.use_state(([], True))
    (rows, every), set_held = value_and_setter
    if read is None:
        return unreadable_condition(_, editor, path, title, tree)
    if tree_of(rows, every=every) != tree:  # changed elsewhere: undo, another field
        rows, every = read

    def change_rows(after: list[Row], all_of: bool = every) -> None:
        set_held((after, all_of))
        found = tree_of(after, every=all_of)
        draft.set_value(path, GONE if found is None else found, topic=path)

    def change(index: int, row: Row | None) -> None:
        """Another row in its place; None removes it."""
        after = [*rows[:index], *([] if row is None else [row]), *rows[index + 1 :]]
        change_rows(after)

    head = ft.Row(
        [
            ft.Text(title, size=12, color=ft.Colors.ON_SURFACE_VARIANT, expand=True),
            text_button(
                f"{identifier}-add",
                _("Add a condition"),
                lambda e: change_rows([*rows, editor.new_row()]),
                icon=ft.Icons.ADD,
            ),
        ],
        spacing=0,
    )
    joint = [joint_choice(_, editor, every, partial(change_rows, rows))] if len(rows) > 1 else []
    lines = [condition_row(_, editor, i, row, partial(change, i)) for i, row in enumerate(rows)]
    return ft.Column(
        [head, *joint, *lines], spacing=6, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
    )


def unreadable_condition(_: Texts, editor: Editor, path: Path, title: str, tree: Any) -> ft.Control:
    """A condition that is no list of rows: shown in words, and removed as a whole."""
    fields: list[Field] = [
        {"key": key, "label": {_.language: name}} for key, name in editor.names(_)
    ]
    return ft.Column(
        [
            ft.Text(title, size=12, color=ft.Colors.ON_SURFACE_VARIANT),
            ft.Text(condition_text(_, tree, fields, editor.draft.document)),
            text_button(
                f"{editor.identifier}-clear",
                _("Remove the condition"),
                lambda e: editor.draft.set_value(path, GONE),
            ),
        ],
        spacing=4,
    )


def joint_choice(
    _: Texts, editor: Editor, every: bool, on_choose: Callable[[bool], None]
) -> ft.Control:
    """Whether all rows must hold or one of them."""
    ways = (("all", _("All of these"), True), ("any", _("Any of these"), False))
    return ft.Row(
        [
            small_chip(
                f"{editor.identifier}-{key}",
                name,
                selected=every is way,
                on_click=lambda e, way=way: on_choose(way),
            )
            for key, name, way in ways
        ],
        spacing=6,
    )


def condition_row(
    _: Texts, editor: Editor, i: int, row: Row, change: Callable[[Row | None], None]
) -> ft.Control:
    """Field, relation and value; change(None) removes the row."""
    kind: FieldType = editor.kinds.get(row.field, "text")

    def choose_field(key: str | None) -> None:
        if key:
            change(editor.new_row(key))

    def choose_operator(key: str | None) -> None:
        if key:
            change(with_operator(row, key))  # type: ignore[arg-type]

    relations = [(s, operator_name(_, s)) for s in operators_of(kind)]
    line = ft.Row(
        [
            ft.Container(
                choice(
                    f"{editor.identifier}-field-{i}",
                    _("Field"),
                    editor.names(_),
                    row.field,
                    choose_field,
                ),
                expand=3,
            ),
            ft.Container(
                choice(
                    f"{editor.identifier}-sign-{i}",
                    _("Relation"),
                    relations,
                    row.operator,
                    choose_operator,
                ),
                expand=2,
            ),
            remove_button(_, editor, i, lambda e: change(None)),
        ],
        spacing=4,
    )
    values = (
        []
        if row.operator in ("filled", "empty")
        else [value_editor(_, editor, f"{editor.identifier}-value-{i}", row, change)]
    )
    return ft.Column([line, *values], spacing=4, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def with_operator(row: Row, operator: Operator) -> Row:
    """The row with another relation; its value stays where the new one takes such a value."""
    drops = operator in ("filled", "empty") or (operator == "one_of") != (row.operator == "one_of")
    return replace(row, operator=operator, value=None if drops else row.value)


def remove_button(_: Texts, editor: Editor, i: int, on_click: Callable[[Any], None]) -> ft.Control:
    return icon_button(
        f"{editor.identifier}-remove-{i}",
        ft.Icons.CLOSE,
        _("Remove"),
        on_click,
        icon_size=16,
    )


def value_editor(
    _: Texts, editor: Editor, identifier: str, row: Row, change: Callable[[Row], None]
) -> ft.Control:
    """The value a row compares with: chosen where it can be, typed where it must."""
    kind = editor.kinds.get(row.field, "text")

    def on_value(value: Any) -> None:
        change(replace(row, value=value))

    if kind == "bool":
        return yes_or_no(_, identifier, row, on_value)
    if options := options_of(_, editor.draft, editor.form, row.field):
        return option_chips(identifier, row, options, on_value)
    return typed_value(_, identifier, row, kind, on_value)


def yes_or_no(_: Texts, identifier: str, row: Row, on_value: Callable[[bool], None]) -> ft.Control:
    return ft.Row(
        [
            small_chip(
                f"{identifier}-{k}",
                name,
                selected=row.value is (k == "yes"),
                on_click=lambda e, k=k: on_value(k == "yes"),
            )
            for k, name in (("yes", _("Yes")), ("no", _("No")))
        ],
        spacing=6,
    )


def option_chips(
    identifier: str, row: Row, options: list[tuple[str, str]], on_value: Callable[[Any], None]
) -> ft.Control:
    """One of the options, or several where the relation is "one of"."""
    chosen = (
        list(row.value) if isinstance(row.value, tuple | list) else [row.value] if row.value else []
    )

    def flip(key: str) -> Any:
        if row.operator == "one_of":
            return tuple(k for k, _name in options if (k in chosen) != (k == key))
        return key

    chips = [
        small_chip(
            f"{identifier}-{k}".replace("_", "-"),
            name,
            selected=k in chosen,
            on_click=lambda e, k=k: on_value(flip(k)),
        )
        for k, name in options
    ]
    return ft.Row(chips, wrap=True, spacing=6, run_spacing=6)


def typed_value(
    _: Texts, identifier: str, row: Row, kind: str, on_value: Callable[[Any], None]
) -> ft.Control:
    def read(text: str) -> Any:
        if kind == "money":
            return money_of(text)
        return number_of(text) if kind in ("number", "formula") else text

    shown = (
        ""
        if row.value is None
        else money_typed(row.value)
        if kind == "money" and isinstance(row.value, int)
        else str(row.value)
    )
    return TypedValue(
        identifier,
        shown,
        {"money": _("yuan"), "date": "2026-11-24", "time": "14:30"}.get(kind, _("Value")),
        read,
        on_value,
        key=f"{identifier}-{row.field}-{row.operator}",
    )


@component
def TypedValue(
    identifier: str, shown: str, hint: str, read: Any, on_value: Any, **_key
) -> ft.Control:
    """A value being typed: what cannot be read yet stays in the box."""
    text, set_text = ft.use_state(shown)

    def changed(words: str) -> None:
        set_text(words)
        on_value(read(words))

    return identified(
        identifier, ft.TextField(value=text, hint_text=hint, on_change=typed(changed), **FIELD)
    )


@component
def FormulaEditor(
    draft: Draft, form: str, path: Path, askable: Askable, identifier: str, **_key
) -> ft.Control:
    """field or number, sign, field or number …: reckoned from left to right."""
    _ = use_text()
    editor = Editor(draft, form, askable, identifier)
    tree = draft.at(path)
    steps = steps_of(None if tree is GONE else tree)
    if steps is None:
        return ft.Text(condition_text(_, tree, [], draft.document))
    value_and_setter: Any = ft.use_state(list(steps))
    mine, set_mine = value_and_setter
    if formula_of(mine) != (None if tree is GONE else tree):
        mine = list(steps)

    def change(index: int, step: Step | None) -> None:
        """Another step in its place; None removes it."""
        after = [*mine[:index], *([] if step is None else [step]), *mine[index + 1 :]]
        set_mine(after)
        found = formula_of(after)
        draft.set_value(path, GONE if found is None else found, topic=path)

    add = text_button(
        f"{identifier}-add",
        _("Add a term"),
        lambda e: set_mine([*mine, Step("+" if mine else "")]),
        icon=ft.Icons.ADD,
    )
    return ft.Column(
        [
            *(formula_step(_, editor, i, step, partial(change, i)) for i, step in enumerate(mine)),
            add,
        ],
        spacing=6,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def formula_step(
    _: Texts, editor: Editor, i: int, step: Step, change: Callable[[Step | None], None]
) -> ft.Control:
    """A sign, unless it is the first, and a field or a number; change(None) removes it."""
    chosen = step.operand if isinstance(step.operand, str) else None

    def put(operand: Any) -> None:
        change(replace(step, operand=operand))

    field = choice(
        f"{editor.identifier}-field-{i}",
        _("Field"),
        editor.names(_),
        chosen,
        put,
        nothing=_("a number"),
    )
    number = "" if step.operand is None or isinstance(step.operand, str) else f"{step.operand:g}"
    typed_number = TypedValue(
        f"{editor.identifier}-number-{i}",
        number,
        _("Number"),
        number_of,
        put,
        key=f"number-{i}",
    )
    operand = ft.Row(
        [
            ft.Container(field, expand=3),
            *([] if chosen else [ft.Container(typed_number, expand=2)]),
            remove_button(_, editor, i, lambda e: change(None)),
        ],
        spacing=4,
    )
    signs = [sign_chips(editor, i, step, change)] if i else []
    return ft.Column([*signs, operand], spacing=4)


def sign_chips(editor: Editor, i: int, step: Step, change: Callable[[Step], None]) -> ft.Control:
    return ft.Row(
        [
            small_chip(
                f"{editor.identifier}-sign-{i}-{n}",
                shown,
                selected=step.sign == sign,
                on_click=lambda e, sign=sign: change(replace(step, sign=sign)),
            )
            for n, (sign, shown) in enumerate((("+", "+"), ("-", "-"), ("*", "×"), ("/", "÷")))
        ],
        spacing=4,
    )
