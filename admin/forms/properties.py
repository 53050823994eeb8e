"""What one field is, who sees it and when."""

import re
from typing import Any

import flet as ft

from admin.attributes import PlainText
from admin.conditions import ConditionEditor, FormulaEditor
from admin.draft import use_draft
from admin.forms.state import CONVERTS, Forms
from admin.parts import NameField, NumberField, chip_of, choice, choices, mover, small_chip, titled, toggle
from admin.words import access_name, mask_name, method_name, type_name
from shared.domain.conversations import METHODS
from shared.domain.drafting import GONE
from shared.domain.rights import ACCESS
from shared.ui.feedback import act
from shared.ui.parts import card, icon_button, section, text_button
from shared.ui.text import use_text
from shared.ui.view import component


@component
def FieldProperties(state: Forms, **_key) -> ft.Control:
    draft, _ = use_draft(), use_text()
    field = state.chosen
    if not field:
        return ft.Container()
    path, kind, base = (*state.path, field["key"]), state.kind_of(field), state.is_base(field)
    types = [(k, type_name(_, k)) for k in (kind, *CONVERTS.get(kind, ()))]

    def retype(new: str | None) -> None:
        if new:
            state.put("type", new)

    what: list[ft.Control] = [NameField(draft, (*path, "label"), "field-name", _("Name"), many_languages=True, key=f"name-{field['key']}")]
    if not base and len(types) > 1:
        what.append(choice("field-type", _("Type"), types, kind, retype))
    else:
        what.append(ft.Text(type_name(_, kind) + (" · " + _("belongs to every store") if base else ""), size=12, color=ft.Colors.ON_SURFACE_VARIANT))
    what.append(NameField(draft, (*path, "hint"), "field-hint", _("Hint under the field"), multiline=True, optional=True, key=f"hint-{field['key']}"))
    parts: list[ft.Control] = [*what, WhoSees(state)]
    if kind in ("select", "multi"):
        parts.append(Options(state))
    if kind == "formula":
        parts.append(
            titled(
                _("Formula"),
                FormulaEditor(draft, state.form, (*path, "formula"), state.askable(numbers=True), "formula", key=f"formula-{field['key']}"),
            )
        )
        parts.append(NumberField(draft, (*path, "decimals"), "field-decimals", _("Decimals"), key=f"decimals-{field['key']}"))
    else:
        parts.append(Demands(state))
        if state.form == "customer":
            parts.append(AskOnce(state, key=f"ask-{field['key']}"))
    parts.append(ConditionEditor(draft, state.form, (*path, "show"), state.askable(), "show", _("Shown only when"), key=f"show-{field['key']}"))
    sections = [(s["key"], _.label(s["label"])) for s in state.body.get("sections", ())]
    if sections:
        parts.append(
            choice(
                "field-section",
                _("Section"),
                sections,
                field.get("section"),
                lambda k: state.put("section", k or GONE),
                nothing=_("Without a section"),
            )
        )
    parts.append(toggle("field-on-list", _("Shown in lists"), bool(field.get("on_list")), lambda yes: state.flag("on_list", yes)))
    remove = text_button("field-remove", _("Take off the form"), act(state.remove, field["key"]), icon=ft.Icons.DELETE_OUTLINE)
    return card(section(_.label(field["label"]) or _("No name yet"), *parts, remove), padding=12, identifier="field-properties")


PATTERNS = {  # what people mean; "" is anything, another one is their own
    "digits": r"^[0-9]+$", "letters": r"^[A-Za-z]+$", "code": r"^[A-Za-z0-9-]+$", "id_card": r"^[0-9]{17}[0-9Xx]$", "postcode": r"^[0-9]{6}$", "hanzi": r"^[\u4e00-\u9fff·]+$",
}  # fmt: skip


@component
def Pattern(state: Forms, **_key) -> ft.Control:
    """What a text must look like: chosen by name; who knows how writes his own."""
    draft, _ = use_draft(), use_text()
    path = (*state.path, state.chosen["key"], "pattern")
    now = state.chosen.get("pattern") or ""
    chosen = next((k for k, p in PATTERNS.items() if p == now), "own" if now else "any")
    opened, set_opened = ft.use_state(chosen == "own")
    names = [
        ("any", _("Anything")), ("digits", _("Digits")), ("letters", _("Letters")), ("code", _("Letters and digits")), ("hanzi", _("Chinese characters")),
        ("id_card", _("ID card number")), ("postcode", _("Postcode")), ("own", _("A pattern of one's own")),
    ]  # fmt: skip

    def choose(key: str) -> None:
        set_opened(key == "own")
        if key != "own":
            draft.put(path, PATTERNS.get(key) or GONE)

    parts = [chip_of("field-pattern", names, "own" if opened else chosen, choose)]
    if opened:
        parts.append(PlainText(draft, path, "field-pattern-text", _("Regular expression")))
        try:
            re.compile(now)
        except re.error:
            parts.append(ft.Text(_("This pattern cannot be read."), color=ft.Colors.ERROR, size=12))
    return titled(_("Must look like"), *parts)


@component
def AskOnce(state: Forms, **_key) -> ft.Control:
    """A fact that is asked for once, on the way of a talk or a move, as long as it is empty (S-14)."""
    draft, _ = use_draft(), use_text()
    path, held = (*state.path, state.chosen["key"], "ask"), state.chosen.get("ask")
    switch = toggle("field-ask", _("Asked once, in a talk with a customer"), held is not None, lambda yes: draft.put(path, {} if yes else GONE))
    if held is None:
        return switch
    levels = [(x["key"], _.label(x["label"])) for x in draft.document.get("levels", ())]
    stages = list({s["key"]: _.label(s["label"]) for p in draft.document.get("pipelines", ()) for s in p["stages"]}.items())

    def put(part: str):
        return lambda keys: draft.put(path, {k: v for k, v in {**held, part: keys}.items() if v})

    return ft.Column(
        [
            switch,
            titled(_("Only at these levels (none chosen: at any)"), choices("ask-level", levels, held.get("levels", ()), put("levels"))),
            titled(_("Only when his deal is at these stages (none chosen: at any)"), choices("ask-stage", stages, held.get("stages", ()), put("stages"))),
        ],
        spacing=8, horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )  # fmt: skip


@component
def WhoSees(state: Forms) -> ft.Control:
    """Every role's right on the open field; closed until somebody opens it."""
    _ = use_text()
    field = state.chosen
    maskable = bool(state.mask_of(field))
    levels = [a for a in ACCESS if a != "masked" or maskable]
    rows = []
    for role in state.roles:
        name, now = _.label(role["label"]), state.right(role)
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
        rows.append(
            ft.Row(
                [ft.Text(name, size=13, width=66, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS), *picks],
                spacing=4,
                run_spacing=4,
                wrap=True,
                vertical_alignment=ft.CrossAxisAlignment.CENTER,
                key=role["key"],
            )
        )
    others = [(f["key"], _.label(f["label"])) for f in state.fields if f["key"] != field["key"]]
    nobody = all(state.right(r) == "hidden" for r in state.roles)
    warning = [ft.Text(_("Nobody sees it yet"), color=ft.Colors.ERROR, size=12)] if nobody else []
    return titled(
        _("Who sees it"), *warning,
        choice("same-as", _("Same as the field"), others, None, lambda k: state.same_as(k) if k else None),
        ft.Row([small_chip(f"all-{a}", _("All: %(right)s") % {"right": access_name(_, a)}, selected=False, tick=False, on_click=act(state.grant_all, a)) for a in ("write", "read", "hidden")], wrap=True, spacing=4),
        *rows,
    )  # fmt: skip


@component
def Options(state: Forms) -> ft.Control:
    """What may be chosen, in order; each option with its own condition if it needs one."""
    draft, _ = use_draft(), use_text()
    field = state.chosen
    path = (*state.path, field["key"], "options")
    options = field.get("options") or []
    opened: Any = ft.use_state("")
    (open_key, set_open) = opened
    rows: list[ft.Control] = []
    for i, option in enumerate(options):
        key, name = option["key"], _.label(option["label"])
        has = key in field.get("options_when", {})
        rows.append(
            ft.Row(
                [
                    ft.Container(NameField(draft, (*path, key, "label"), f"option-{i}", _("Option"), bare=True, key=f"{field['key']}-{key}"), expand=True),
                    icon_button(f"option-when-{i}", ft.Icons.CALL_SPLIT, f"{name}: {_('Only when')}", lambda e, key=key: set_open("" if open_key == key else key), icon_size=16, icon_color=ft.Colors.PRIMARY if has else None),
                    *mover(draft, path, i, len(options), "option", name, (_("Up"), _("Down"))),
                    icon_button(f"option-remove-{i}", ft.Icons.DELETE_OUTLINE, f"{name}: {_('Remove')}", act(state.remove_option, key), icon_size=16),
                ],
                spacing=0, key=key,
            )
        )  # fmt: skip
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
    add = text_button("add-option", _("Add an option"), lambda e: state.add_option(_("New option"), _.language), icon=ft.Icons.ADD)
    return titled(_("Options"), *rows, add)


@component
def Demands(state: Forms) -> ft.Control:
    """What has to be filled in, and what may be."""
    draft, _ = use_draft(), use_text()
    field = state.chosen
    path, kind = (*state.path, field["key"]), state.kind_of(field)
    parts: list[ft.Control] = [toggle("field-required", _("Required"), bool(field.get("required")), lambda yes: state.flag("required", yes))]
    if state.form == "conversation":
        methods = [(m, method_name(_, m)) for m in METHODS]
        parts.append(
            titled(
                _("Required when the conversation was a"),
                choices("required-methods", methods, field.get("required_methods", ()), lambda c: state.put("required_methods", c or GONE)),
            )
        )
    parts.append(
        ConditionEditor(draft, state.form, (*path, "require"), state.askable(), "require", _("Required only when"), key=f"require-{field['key']}")
    )
    if not state.is_base(field):
        if kind in ("text", "phone", "plate", "vin", "number"):
            parts.append(
                toggle("field-unique", _("No two records may hold the same"), bool(field.get("unique")), lambda yes: state.flag("unique", yes))
            )
        if kind not in ("long_text", "file"):
            parts.append(
                toggle(
                    "field-searchable", _("Can be filtered and sorted by"), bool(field.get("searchable")), lambda yes: state.flag("searchable", yes)
                )
            )
        if kind not in ("bool", "file", "level"):
            masks = [(m, mask_name(_, m)) for m in ("all", "tail4", "phone", "plate")]
            parts.append(
                titled(
                    _("Masked as"),
                    chip_of(
                        "field-mask",
                        [*masks, ("none", _("Not masked"))],
                        field.get("mask", "none"),
                        lambda m: state.put("mask", GONE if m == "none" else m),
                    ),
                )
            )
        if kind in ("number", "money"):
            pair = [
                NumberField(draft, (*path, a), f"field-{a}", title, decimals=kind == "number", key=f"{a}-{field['key']}")
                for a, title in (("min", _("Smallest value")), ("max", _("Largest value")))
            ]
            parts.append(ft.Row([ft.Container(x, expand=True) for x in pair], spacing=8))
        if kind == "text":
            parts.append(Pattern(state, key=f"pattern-{field['key']}"))
        if kind in ("text", "long_text"):
            parts.append(NumberField(draft, (*path, "max_length"), "field-max-length", _("Longest text"), key=f"length-{field['key']}"))
    return ft.Column(parts, spacing=8, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
