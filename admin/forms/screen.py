"""The form designer: fields on the left, properties beside, the phone's own form at phone width on
the right."""

from collections.abc import Callable
from typing import Any

import flet as ft

from admin.draft import use_draft
from admin.forms.preview import Budget, PhonePreview
from admin.forms.properties import FieldProperties
from admin.forms.state import PALETTE, Forms
from admin.labels import type_name
from admin.session import use_admin
from admin.shell import panel_page, use_tab_state
from admin.widgets import NameField, handle, mover, ordered, small_chip
from shared.ui.feedback import Skeleton, act
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import card, icon_button, section, text_button

ROW = 44  # px
ICONS = {
    "text": ft.Icons.SHORT_TEXT,
    "long_text": ft.Icons.NOTES,
    "number": ft.Icons.TAG,
    "money": ft.Icons.PAYMENTS_OUTLINED,
    "date": ft.Icons.CALENDAR_TODAY,
    "time": ft.Icons.SCHEDULE,
    "bool": ft.Icons.TOGGLE_ON_OUTLINED,
    "select": ft.Icons.RADIO_BUTTON_CHECKED,
    "multi": ft.Icons.CHECK_BOX_OUTLINED,
    "phone": ft.Icons.PHONE_OUTLINED,
    "plate": ft.Icons.PIN_OUTLINED,
    "vin": ft.Icons.QR_CODE_2,
    "person": ft.Icons.PERSON_OUTLINE,
    "file": ft.Icons.ATTACH_FILE,
    "formula": ft.Icons.FUNCTIONS,
    "level": ft.Icons.SIGNAL_CELLULAR_ALT,
}


@component
def FormsScreen() -> ft.Control:
    session, draft, _ = use_admin(), use_draft(), use_text()
    state = use_tab_state(Forms, session, language=session.language)
    if not draft.loaded:
        return panel_page(_("Forms"), Skeleton(5))
    scroll: dict[str, Any] = {"spacing": 12, "build_controls_on_demand": False}
    left = ft.Container(
        ft.ListView([FieldList(state), Sections(state), ft.Container(height=16)], **scroll),
        expand=10,
    )
    middle = ft.Container(
        ft.ListView(
            [
                FieldProperties(state, key=f"{state.form}.{state.chosen.get('key')}"),
                ft.Container(height=16),
            ],
            **scroll,
        ),
        expand=10,
    )
    right = ft.Container(
        ft.ListView([Budget(state), PhonePreview(state), ft.Container(height=16)], **scroll),
        width=376,
    )
    body = ft.Row(
        [left, middle, right],
        expand=True,
        spacing=12,
        vertical_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    forms = [
        small_chip(
            f"form-{f}",
            _.label(draft.document["forms"][f]["label"]),
            selected=f == state.form,
            on_click=act(state.choose_form, f),
        )
        for f in state.names
    ]
    return panel_page(
        _("Forms"), body=body, actions=[ft.Row(forms, spacing=6, run_spacing=6, wrap=True)]
    )


@component
def FieldList(state: Forms) -> ft.Control:
    draft, _ = use_draft(), use_text()
    fields = state.fields

    def add(kind: str, index: int | None = None) -> None:
        state.add(kind, type_name(_, kind), _.language, index)

    rows: list[ft.Control] = [
        FieldRow(state, i, f, len(fields), key=f["key"]) for i, f in enumerate(fields)
    ]
    listing = ordered(draft, state.path, rows, ROW)
    end = end_of_list(_, lambda e: add(e.src.data, len(fields)))
    back = [
        text_button(
            f"put-back-{k}".replace("_", "-"),
            _("Add back: %(field)s") % {"field": k},
            act(state.put_back, k),
            icon=ft.Icons.UNDO,
        )
        for k in state.missing()
    ]
    palette = ft.Row([new_field(_, k, add) for k in PALETTE], wrap=True, spacing=4, run_spacing=4)
    return card(
        section(_("Add a field"), palette),
        section(_.many("%(n)d field", "%(n)d fields", len(fields)), listing, end, *back),
        padding=12,
    )


def new_field(_: Texts, kind: str, on_add: Callable[[str], None]) -> ft.Control:
    """A type of field, to tap or to drag into the list."""
    name = type_name(_, kind)
    chip = small_chip(
        f"add-{kind}".replace("_", "-"), name, selected=False, on_click=lambda e: on_add(kind)
    )
    return ft.Draggable(
        group="field",
        data=kind,
        content=chip,
        content_feedback=ft.Container(
            ft.Text(name, size=13),
            padding=10,
            border_radius=18,
            bgcolor=ft.Colors.PRIMARY_CONTAINER,
        ),
    )


def end_of_list(_: Texts, on_accept: Callable[[Any], None]) -> ft.Control:
    words = _("Drag a field type here, or tap it")
    return ft.DragTarget(
        group="field",
        on_accept=on_accept,
        content=ft.Container(
            ft.Text(words, size=12, color=ft.Colors.ON_SURFACE_VARIANT),
            height=36,
            alignment=ft.Alignment.CENTER,
            border_radius=10,
            border=ft.Border.all(1, ft.Colors.OUTLINE_VARIANT),
        ),
    )


@component
def FieldRow(state: Forms, index: int, field: dict[str, Any], count: int, **_key) -> ft.Control:
    draft, _ = use_draft(), use_text()
    key, name = field["key"], _.label(field["label"]) or _("No name yet")
    chosen = state.chosen.get("key") == key
    nobody = not any(
        r.get("rights", {}).get(state.form, {}).get(key, "hidden") != "hidden" for r in state.roles
    )
    marks: list[ft.Control] = []
    if field.get("required"):
        marks.append(ft.Text("*", color=ft.Colors.ERROR, tooltip=_("Required")))
    if field.get("show") or field.get("require"):
        marks.append(
            ft.Icon(ft.Icons.CALL_SPLIT, size=14, color=ft.Colors.OUTLINE, tooltip=_("Conditional"))
        )
    if nobody:
        marks.append(
            ft.Icon(
                ft.Icons.VISIBILITY_OFF_OUTLINED,
                size=14,
                color=ft.Colors.ERROR,
                tooltip=_("Not visible to any role yet"),
            )
        )
    words = ft.Semantics(
        key=f"field-{index}",
        identifier=f"field-{index}",
        button=True,
        selected=chosen,
        label=name + (f" · {_('Not visible to any role yet')}" if nobody else ""),
        content=ft.Container(
            ft.Row(
                [
                    ft.Icon(
                        ICONS.get(state.kind_of(field), ft.Icons.SHORT_TEXT),
                        size=16,
                        color=ft.Colors.ON_SURFACE_VARIANT,
                    ),
                    ft.Text(name, expand=True, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS),
                    *marks,
                ],
                spacing=6,
            ),
            height=ROW,
            on_click=act(state.choose, key),
        ),
        expand=True,
    )
    row = ft.Row(
        [
            handle(index),
            words,
            *mover(draft, state.path, index, count, "field", name, (_("Up"), _("Down"))),
        ],
        spacing=2,
    )
    return ft.Container(
        row, height=ROW, border_radius=8, bgcolor=ft.Colors.SECONDARY_CONTAINER if chosen else None
    )


@component
def Sections(state: Forms) -> ft.Control:
    draft, _ = use_draft(), use_text()
    sections = list(state.body.get("sections", ()))
    path = ("forms", state.form, "sections")
    rows = [
        ft.Row(
            [
                ft.Container(
                    NameField(
                        draft,
                        (*path, s["key"], "label"),
                        f"section-name-{i}",
                        _("Section"),
                        bare=True,
                        key=s["key"],
                    ),
                    expand=True,
                ),
                *mover(
                    draft,
                    path,
                    i,
                    len(sections),
                    "section",
                    _.label(s["label"]),
                    (_("Up"), _("Down")),
                ),
                icon_button(
                    f"section-remove-{i}",
                    ft.Icons.DELETE_OUTLINE,
                    _("Remove"),
                    act(state.remove_section, s["key"]),
                    icon_size=18,
                ),
            ],
            spacing=0,
            key=s["key"],
        )
        for i, s in enumerate(sections)
    ]
    add = text_button(
        "add-section",
        _("Add a section"),
        lambda e: state.add_section(_("New section"), _.language),
        icon=ft.Icons.ADD,
    )
    return card(section(_("Sections"), *rows, add), padding=12)
