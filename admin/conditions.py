"""Building a condition or a formula by choosing: no syntax, no typing but values (F-69)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import flet as ft

from admin.draft import Draft
from admin.parts import FIELD, choice, small_chip
from admin.words import condition_text, method_name, operator_name, where
from shared.domain.condition_rows import Operator, Row, operators_of, rows_of, tree_of
from shared.domain.config import FieldType
from shared.domain.conversations import METHODS
from shared.domain.drafting import GONE, Path
from shared.domain.entry import money_of, money_typed, number_of
from shared.domain.formula_rows import Step, formula_of, steps_of
from shared.ui.feedback import typed
from shared.ui.parts import icon_button, identified, text_button
from shared.ui.text import Texts, use_text
from shared.ui.view import component

Field = Mapping[str, Any]


def field_name(_: Texts, draft: Draft, form: str, key: str) -> str:
    if key in ("method", "outcome", "level") and draft.at(("forms", form, "fields", key)) is GONE:
        return {"method": _("How"), "outcome": _("Outcome"), "level": _("Level")}[key]
    return where(_, ("forms", form, "fields", key), draft.document).split("「", 2)[-1].rstrip("」")


def options_of(_: Texts, draft: Draft, form: str, key: str) -> list[tuple[str, str]]:
    """What a value of that field is chosen from."""
    if key == "method":
        return [(m, method_name(_, m)) for m in METHODS]
    if key in ("outcome", "level"):
        return [(x["key"], _.label(x["label"])) for x in draft.document.get(f"{key}s", ())]
    found = draft.at(("forms", form, "fields", key, "options"))
    return [] if found is GONE else [(o["key"], _.label(o["label"])) for o in found or ()]


@component
def ConditionEditor(draft: Draft, form: str, path: Path, askable: Sequence[tuple[str, str]], identifier: str, title: str, **_key) -> ft.Control:
    """Rows of field, relation, value; a row that is not complete yet waits here and not in the draft."""
    _ = use_text()
    tree = draft.at(path)
    tree = None if tree is GONE else tree
    read = rows_of(tree)
    held: Any = ft.use_state(([], True))
    (rows, every), set_held = held
    if read is None:
        fields: list[Field] = [{"key": k, "label": {_.language: field_name(_, draft, form, k)}} for k, _kind in askable]
        return ft.Column(
            [ft.Text(title, size=12, color=ft.Colors.ON_SURFACE_VARIANT), ft.Text(condition_text(_, tree, fields, draft.document)), text_button(f"{identifier}-clear", _("Remove the condition"), lambda e: draft.put(path, GONE))],
            spacing=4,
        )  # fmt: skip
    if tree_of(rows, every=every) != tree:  # changed elsewhere: undo, another field
        rows, every = read
    kinds = dict(askable)
    names = [(k, field_name(_, draft, form, k)) for k, _kind in askable]

    def take(after: list[Row], all_of: bool = every) -> None:
        set_held((after, all_of))
        found = tree_of(after, every=all_of)
        draft.put(path, GONE if found is None else found, topic=path)

    def add(_event: Any) -> None:
        first = askable[0]
        take([*rows, Row(first[0], operators_of(first[1])[0])])  # type: ignore[arg-type]

    def change(place: int, row: Row) -> None:
        take([row if i == place else r for i, r in enumerate(rows)])

    def line(i: int, row: Row) -> ft.Control:
        kind: FieldType = kinds.get(row.field, "text")  # type: ignore[assignment]
        signs = operators_of(kind)

        def field(key: str | None) -> None:
            if key:
                change(i, Row(key, operators_of(kinds[key])[0]))  # type: ignore[arg-type]

        def sign(key: str | None) -> None:
            if key:
                word: Operator = key  # type: ignore[assignment]
                change(
                    i,
                    replace(
                        row,
                        operator=word,
                        value=None if word in ("filled", "empty") or (word == "one_of") != (row.operator == "one_of") else row.value,
                    ),
                )

        parts: list[ft.Control] = [
            ft.Row(
                [
                    ft.Container(choice(f"{identifier}-field-{i}", _("Field"), names, row.field, field), expand=3),
                    ft.Container(choice(f"{identifier}-sign-{i}", _("Relation"), [(s, operator_name(_, s)) for s in signs], row.operator, sign), expand=2),
                    icon_button(f"{identifier}-remove-{i}", ft.Icons.CLOSE, _("Remove"), lambda e: take([r for n, r in enumerate(rows) if n != i]), icon_size=16),
                ],
                spacing=4,
            )
        ]  # fmt: skip
        if row.operator not in ("filled", "empty"):
            parts.append(value_editor(_, draft, form, f"{identifier}-value-{i}", row, kind, lambda value: change(i, replace(row, value=value))))
        return ft.Column(parts, spacing=4, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)

    joint = [
        ft.Row([small_chip(f"{identifier}-all", _("All of these"), selected=every, on_click=lambda e: take(rows, True)), small_chip(f"{identifier}-any", _("Any of these"), selected=not every, on_click=lambda e: take(rows, False))], spacing=6)
    ] if len(rows) > 1 else []  # fmt: skip
    head = ft.Row(
        [
            ft.Text(title, size=12, color=ft.Colors.ON_SURFACE_VARIANT, expand=True),
            text_button(f"{identifier}-add", _("Add a condition"), add, icon=ft.Icons.ADD),
        ],
        spacing=0,
    )
    return ft.Column([head, *joint, *(line(i, r) for i, r in enumerate(rows))], spacing=6, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def value_editor(_: Texts, draft: Draft, form: str, identifier: str, row: Row, kind: str, on_value: Any) -> ft.Control:
    """The value a row compares with: chosen where it can be, typed where it must."""
    options = options_of(_, draft, form, row.field)
    if kind == "bool":
        options = [("yes", _("Yes")), ("no", _("No"))]
        return ft.Row(
            [
                small_chip(f"{identifier}-{k}", name, selected=row.value is (k == "yes"), on_click=lambda e, k=k: on_value(k == "yes"))
                for k, name in options
            ],
            spacing=6,
        )
    if options:
        chosen = list(row.value) if isinstance(row.value, tuple | list) else [row.value] if row.value else []

        def flip(key: str) -> Any:
            if row.operator == "one_of":
                return tuple(k for k, _name in options if (k in chosen) != (k == key))
            return key

        chips = [
            small_chip(f"{identifier}-{k}".replace("_", "-"), name, selected=k in chosen, on_click=lambda e, k=k: on_value(flip(k)))
            for k, name in options
        ]
        return ft.Row(chips, wrap=True, spacing=6, run_spacing=6)

    def read(text: str) -> Any:
        if kind == "money":
            return money_of(text)
        return number_of(text) if kind in ("number", "formula") else text

    shown = "" if row.value is None else money_typed(row.value) if kind == "money" and isinstance(row.value, int) else str(row.value)
    return TypedValue(
        identifier,
        shown,
        {"money": _("yuan"), "date": "2026-11-24", "time": "14:30"}.get(kind, _("Value")),
        read,
        on_value,
        key=f"{identifier}-{row.field}-{row.operator}",
    )


@component
def TypedValue(identifier: str, shown: str, hint: str, read: Any, on_value: Any, **_key) -> ft.Control:
    """A value being typed: what cannot be read yet stays in the box."""
    text, set_text = ft.use_state(shown)

    def changed(words: str) -> None:
        set_text(words)
        on_value(read(words))

    return identified(identifier, ft.TextField(value=text, hint_text=hint, on_change=typed(changed), **FIELD))


@component
def FormulaEditor(draft: Draft, form: str, path: Path, askable: Sequence[tuple[str, str]], identifier: str, **_key) -> ft.Control:
    """field or number, sign, field or number …: reckoned from left to right."""
    _ = use_text()
    tree = draft.at(path)
    steps = steps_of(None if tree is GONE else tree)
    if steps is None:
        return ft.Text(condition_text(_, tree, [], draft.document))
    held: Any = ft.use_state(list(steps))
    mine, set_mine = held
    if formula_of(mine) != (None if tree is GONE else tree):
        mine = list(steps)
    names = [(k, field_name(_, draft, form, k)) for k, _kind in askable]

    def take(after: list[Step]) -> None:
        set_mine(after)
        found = formula_of(after)
        draft.put(path, GONE if found is None else found, topic=path)

    def line(i: int, step: Step) -> ft.Control:
        parts: list[ft.Control] = []
        if i:
            parts.append(ft.Row([small_chip(f"{identifier}-sign-{i}-{n}", s, selected=step.sign == x, on_click=lambda e, x=x: take([replace(y, sign=x) if k == i else y for k, y in enumerate(mine)])) for n, (x, s) in enumerate((("+", "+"), ("-", "-"), ("*", "×"), ("/", "÷")))], spacing=4))  # fmt: skip
        chosen = step.operand if isinstance(step.operand, str) else None

        def put(operand: Any) -> None:
            take([replace(y, operand=operand) if k == i else y for k, y in enumerate(mine)])

        number = "" if step.operand is None or isinstance(step.operand, str) else f"{step.operand:g}"
        parts.append(
            ft.Row(
                [
                    ft.Container(choice(f"{identifier}-field-{i}", _("Field"), names, chosen, put, nothing=_("a number")), expand=3),
                    *([] if chosen else [ft.Container(TypedValue(f"{identifier}-number-{i}", number, _("Number"), number_of, put, key=f"number-{i}"), expand=2)]),
                    icon_button(f"{identifier}-remove-{i}", ft.Icons.CLOSE, _("Remove"), lambda e: take([y for k, y in enumerate(mine) if k != i]), icon_size=16),
                ],
                spacing=4,
            )
        )  # fmt: skip
        return ft.Column(parts, spacing=4)

    add = text_button(f"{identifier}-add", _("Add a term"), lambda e: set_mine([*mine, Step("+" if mine else "")]), icon=ft.Icons.ADD)
    return ft.Column([*(line(i, s) for i, s in enumerate(mine)), add], spacing=6, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
