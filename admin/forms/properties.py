"""What one field is, who sees it and when."""

from collections.abc import Callable
from functools import partial
from typing import Any

import flet as ft

from admin.attributes import PlainText
from admin.conditions import ConditionEditor, FormulaEditor
from admin.draft import Draft, use_draft
from admin.forms.state import CONVERTS, Forms
from admin.labels import access_name, mask_name, pattern_words, type_name
from admin.widgets import (
    NameField,
    NameInLanguages,
    NumberField,
    chip_of,
    choice,
    choices,
    mover,
    small_chip,
    titled,
    toggle,
)
from shared.domain import patterns
from shared.domain.conversations import METHODS
from shared.domain.draft_merge import GONE
from shared.domain.forms import DEFAULT_LENGTH, TEXT_LENGTH
from shared.domain.rights import ACCESS, ALWAYS_READABLE
from shared.ui.feedback import act
from shared.ui.names import method_name
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import card, icon_button, identified, section, text_button


@component
def FieldProperties(state: Forms, **_key) -> ft.Control:
    draft, _ = use_draft(), use_text()
    field = state.chosen
    if not field:
        return ft.Container()
    kind = state.kind_of(field)
    asked = formula_parts(_, state, draft) if kind == "formula" else required_parts(state)
    remove = text_button(
        "field-remove",
        _("Remove from the form"),
        act(state.remove, field["key"]),
        icon=ft.Icons.DELETE_OUTLINE,
    )
    return card(
        section(
            _.label(field["label"]) or _("No name yet"),
            *name_and_type(_, state, draft),
            WhoSees(state),
            *([Options(state)] if kind in ("select", "multi") else []),
            *asked,
            *where_shown(_, state, draft),
            remove,
        ),
        padding=12,
        identifier="field-properties",
    )


def name_and_type(_: Texts, state: Forms, draft: Draft) -> list[ft.Control]:
    field = state.chosen
    path, key = (*state.path, field["key"]), field["key"]
    return [
        NameInLanguages(
            draft,
            (*path, "label"),
            "field-name",
            _("Name"),
            key=f"name-{key}",
        ),
        type_choice(_, state),
        NameField(
            draft,
            (*path, "hint"),
            "field-hint",
            _("Hint under the field"),
            multiline=True,
            optional=True,
            key=f"hint-{key}",
        ),
    ]


def type_choice(_: Texts, state: Forms) -> ft.Control:
    """The types a field may still change to; in words where there is no choice."""
    kind, base = state.kind_of(state.chosen), state.is_base(state.chosen)
    types = [(k, type_name(_, k)) for k in (kind, *CONVERTS.get(kind, ()))]
    if base or len(types) < 2:
        words = type_name(_, kind) + (" · " + _("built in") if base else "")
        return ft.Text(words, size=12, color=ft.Colors.ON_SURFACE_VARIANT)
    return choice(
        "field-type",
        _("Type"),
        types,
        kind,
        lambda new: state.set_value("type", new) if new else None,
    )


def formula_parts(_: Texts, state: Forms, draft: Draft) -> list[ft.Control]:
    key = state.chosen["key"]
    editor = FormulaEditor(
        draft,
        state.form,
        (*state.path, key, "formula"),
        state.askable(numbers=True),
        "formula",
        key=f"formula-{key}",
    )
    decimals = NumberField(
        draft,
        (*state.path, key, "decimals"),
        "field-decimals",
        _("Decimals"),
        key=f"decimals-{key}",
    )
    return [titled(_("Formula"), editor), decimals]


def required_parts(state: Forms) -> list[ft.Control]:
    """What a field that is filled in asks for."""
    ask = [AskOnce(state, key=f"ask-{state.chosen['key']}")] if state.form == "customer" else []
    return [Demands(state), *ask]


def where_shown(_: Texts, state: Forms, draft: Draft) -> list[ft.Control]:
    """When the field is on the form, in which section, and whether on lists."""
    field = state.chosen
    condition = ConditionEditor(
        draft,
        state.form,
        (*state.path, field["key"], "show"),
        state.askable(),
        "show",
        _("Shown only when"),
        key=f"show-{field['key']}",
    )
    sections = [(s["key"], _.label(s["label"])) for s in state.body.get("sections", ())]
    section_choice = choice(
        "field-section",
        _("Section"),
        sections,
        field.get("section"),
        lambda k: state.set_value("section", k or GONE),
        nothing=_("No section"),
    )
    on_list = toggle(
        "field-on-list",
        _("Shown in lists"),
        bool(field.get("on_list")),
        lambda yes: state.flag("on_list", yes),
    )
    return [condition, *([section_choice] if sections else []), on_list]


PATTERNS = {  # what people mean; "" is anything, another one is their own
    "digits": r"^[0-9]+$",
    "letters": r"^[A-Za-z]+$",
    "code": r"^[A-Za-z0-9-]+$",
    "id_card": r"^[0-9]{17}[0-9Xx]$",
    "postcode": r"^[0-9]{6}$",
    "hanzi": r"^[\u4e00-\u9fff·]+$",
}


@component
def Pattern(state: Forms, **_key) -> ft.Control:
    """What a text must look like: chosen by name; who knows how writes their own."""
    draft, _ = use_draft(), use_text()
    path = (*state.path, state.chosen["key"], "pattern")
    now = state.chosen.get("pattern") or ""
    chosen = next((k for k, p in PATTERNS.items() if p == now), "own" if now else "any")
    opened, set_opened = ft.use_state(chosen == "own")
    names = [
        ("any", _("Anything")),
        ("digits", _("Digits")),
        ("letters", _("Letters")),
        ("code", _("Letters and digits")),
        ("hanzi", _("Chinese characters")),
        ("id_card", _("ID card number")),
        ("postcode", _("Postcode")),
        ("own", _("Custom pattern")),
    ]

    def choose(key: str) -> None:
        set_opened(key == "own")
        if key != "own":
            draft.set_value(path, PATTERNS.get(key) or GONE)

    parts = [chip_of("field-pattern", names, "own" if opened else chosen, choose)]
    if opened:
        parts.append(PlainText(draft, path, "field-pattern-text", _("Regular expression")))
        if found := _pattern_problem(state, now):
            words = _("This pattern is invalid: %(why)s") % {"why": pattern_words(found, _)}
            text = ft.Text(words, color=ft.Colors.ERROR, size=12)
            parts.append(identified("field-pattern-problem", text))
    return titled(_("Format"), *parts)


def _pattern_problem(state: Forms, pattern: str) -> str | None:
    """What publishing would say of the pattern; None of one that is not there."""
    if not pattern:
        return None
    longest = TEXT_LENGTH.get(state.kind_of(state.chosen), DEFAULT_LENGTH)
    longest = state.chosen.get("max_length") or longest
    return patterns.problem(pattern) or ("long_text" if longest > patterns.MAX_TEXT else None)


@component
def AskOnce(state: Forms, **_key) -> ft.Control:
    """A fact that is asked for once, on the way of a conversation or a move, as long as it is empty
    (S-14)."""
    draft, _ = use_draft(), use_text()
    path, asked = (*state.path, state.chosen["key"], "ask"), state.chosen.get("ask")
    switch = toggle(
        "field-ask",
        _("Ask once, during a conversation"),
        asked is not None,
        lambda yes: draft.set_value(path, {} if yes else GONE),
    )
    if asked is None:
        return switch
    levels = [(x["key"], _.label(x["label"])) for x in draft.document.get("levels", ())]
    stages = list(
        {
            s["key"]: _.label(s["label"])
            for p in draft.document.get("pipelines", ())
            for s in p["stages"]
        }.items()
    )

    def put(part: str):
        return lambda keys: draft.set_value(
            path, {k: v for k, v in {**asked, part: keys}.items() if v}
        )

    return ft.Column(
        [
            switch,
            titled(
                _("Only at these levels (none selected: any)"),
                choices("ask-level", levels, asked.get("levels", ()), put("levels")),
            ),
            titled(
                _("Only when the deal is at these stages (none selected: any)"),
                choices("ask-stage", stages, asked.get("stages", ()), put("stages")),
            ),
        ],
        spacing=8,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@component
def WhoSees(state: Forms) -> ft.Control:
    """Every role's right on the open field; closed until somebody opens it."""
    _ = use_text()
    field = state.chosen
    others = [(f["key"], _.label(f["label"])) for f in state.fields if f["key"] != field["key"]]
    nobody = all(state.right(r) == "hidden" for r in state.roles)
    warning = (
        [ft.Text(_("Not visible to any role yet"), color=ft.Colors.ERROR, size=12)]
        if nobody
        else []
    )
    for_all: list[ft.Control] = [
        small_chip(
            f"all-{a}",
            _("All: %(right)s") % {"right": access_name(_, a)},
            selected=False,
            tick=False,
            on_click=act(state.grant_all, a),
        )
        for a in ("write", "read", "hidden")
    ]
    return titled(
        _("Visible to"),
        *warning,
        choice(
            "same-as",
            _("Same as the field"),
            others,
            None,
            lambda k: state.same_as(k) if k else None,
        ),
        ft.Row(for_all, wrap=True, spacing=4),
        *(right_of_role(_, state, role) for role in state.roles),
    )


def right_of_role(_: Texts, state: Forms, role: dict[str, Any]) -> ft.Control:
    field = state.chosen
    maskable = bool(state.mask_of(field))
    levels = [a for a in ACCESS if a != "masked" or maskable]
    if (state.form, field["key"]) in ALWAYS_READABLE:
        levels = ["read", "write"]
    now = state.right(role)
    picks = [
        small_chip(
            f"right-{role['key']}-{a}".replace("_", "-"),
            access_name(_, a),
            selected=a == now,
            on_click=act(state.grant, role["key"], a),
            tick=False,
        )
        for a in levels
    ]
    name = ft.Text(
        _.label(role["label"]), size=13, width=66, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS
    )
    return ft.Row(
        [name, *picks],
        spacing=4,
        run_spacing=4,
        wrap=True,
        vertical_alignment=ft.CrossAxisAlignment.CENTER,
        key=role["key"],
    )


@component
def Options(state: Forms) -> ft.Control:
    """What may be chosen, in order; each option with its own condition if it needs one."""
    draft, _ = use_draft(), use_text()
    field = state.chosen
    opened: Any = ft.use_state("")
    (open_key, set_open) = opened
    rows: list[ft.Control] = []
    for i, option in enumerate(field.get("options") or []):
        key = option["key"]
        flip = partial(set_open, "" if open_key == key else key)
        rows.append(option_row(_, state, draft, i, option, flip))
        if open_key == key:
            rows.append(
                ConditionEditor(
                    draft,
                    state.form,
                    (*state.path, field["key"], "options_when", key),
                    state.askable(),
                    f"option-when-{i}",
                    _("Only when"),
                    key=f"when-{field['key']}-{key}",
                )
            )
    add = text_button(
        "add-option",
        _("Add an option"),
        lambda e: state.add_option(_("New option"), _.language),
        icon=ft.Icons.ADD,
    )
    return titled(_("Options"), *rows, add)


def option_row(
    _: Texts,
    state: Forms,
    draft: Draft,
    i: int,
    option: dict[str, Any],
    flip_condition: Callable[[], None],
) -> ft.Control:
    field, key, name = state.chosen, option["key"], _.label(option["label"])
    path, count = (*state.path, field["key"], "options"), len(field.get("options") or [])
    has_condition = key in field.get("options_when", {})
    return ft.Row(
        [
            ft.Container(
                NameField(
                    draft,
                    (*path, key, "label"),
                    f"option-{i}",
                    _("Option"),
                    bare=True,
                    key=f"{field['key']}-{key}",
                ),
                expand=True,
            ),
            icon_button(
                f"option-when-{i}",
                ft.Icons.CALL_SPLIT,
                f"{name}: {_('Only when')}",
                lambda e: flip_condition(),
                icon_size=16,
                icon_color=ft.Colors.PRIMARY if has_condition else None,
            ),
            *mover(draft, path, i, count, "option", name, (_("Up"), _("Down"))),
            icon_button(
                f"option-remove-{i}",
                ft.Icons.DELETE_OUTLINE,
                f"{name}: {_('Remove')}",
                act(state.remove_option, key),
                icon_size=16,
            ),
        ],
        spacing=0,
        key=key,
    )


@component
def Demands(state: Forms) -> ft.Control:
    """What has to be filled in, and what may be."""
    draft, _ = use_draft(), use_text()
    field = state.chosen
    required = toggle(
        "field-required",
        _("Required"),
        bool(field.get("required")),
        lambda yes: state.flag("required", yes),
    )
    condition = ConditionEditor(
        draft,
        state.form,
        (*state.path, field["key"], "require"),
        state.askable(),
        "require",
        _("Required if"),
        key=f"require-{field['key']}",
    )
    own = [] if state.is_base(field) else [*flags(_, state), *limits(_, state, draft)]
    return ft.Column(
        [
            required,
            *([required_methods(_, state)] if state.form == "conversation" else []),
            condition,
            *own,
        ],
        spacing=8,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def required_methods(_: Texts, state: Forms) -> ft.Control:
    return titled(
        _("Required for these methods"),
        choices(
            "required-methods",
            [(m, method_name(_, m)) for m in METHODS],
            state.chosen.get("required_methods", ()),
            lambda c: state.set_value("required_methods", c or GONE),
        ),
    )


def flags(_: Texts, state: Forms) -> list[ft.Control]:
    """Of the store's own fields: no two alike, searchable, masked."""
    field, kind = state.chosen, state.kind_of(state.chosen)
    parts: list[ft.Control] = []
    if kind in ("text", "phone", "plate", "vin", "number"):
        parts.append(
            toggle(
                "field-unique",
                _("Unique: no two records share a value"),
                bool(field.get("unique")),
                lambda yes: state.flag("unique", yes),
            )
        )
    if kind not in ("long_text", "file"):
        parts.append(
            toggle(
                "field-searchable",
                _("Filterable and sortable"),
                bool(field.get("searchable")),
                lambda yes: state.flag("searchable", yes),
            )
        )
    if kind not in ("bool", "file", "level"):
        masks = [(m, mask_name(_, m)) for m in ("all", "tail4", "phone", "plate")]
        mask = chip_of(
            "field-mask",
            [*masks, ("none", _("Not masked"))],
            field.get("mask", "none"),
            lambda m: state.set_value("mask", GONE if m == "none" else m),
        )
        parts.append(titled(_("Masked as"), mask))
    return parts


def limits(_: Texts, state: Forms, draft: Draft) -> list[ft.Control]:
    """Of the store's own fields: smallest and largest, pattern, length."""
    kind, key = state.kind_of(state.chosen), state.chosen["key"]

    def number(attribute: str, identifier: str, title: str, slug: str) -> ft.Control:
        return NumberField(
            draft,
            (*state.path, key, attribute),
            identifier,
            title,
            decimals=kind == "number",
            key=f"{slug}-{key}",
        )

    if kind in ("number", "money"):
        pair = (
            number("min", "field-min", _("Minimum value"), "min"),
            number("max", "field-max", _("Maximum value"), "max"),
        )
        return [ft.Row([ft.Container(x, expand=True) for x in pair], spacing=8)]
    if kind not in ("text", "long_text"):
        return []
    pattern = [Pattern(state, key=f"pattern-{key}")] if kind == "text" else []
    return [*pattern, number("max_length", "field-max-length", _("Maximum length"), "length")]
