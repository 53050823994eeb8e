"""Fields × roles: choose cells, rows or columns, then one right for all of them."""

from typing import Any

import flet as ft

from admin.draft import Draft, use_draft
from admin.labels import access_name
from admin.rights.state import Rights
from admin.widgets import choice, small_chip
from shared.domain.rights import ACCESS, ALWAYS_READABLE
from shared.ui.feedback import act
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import card, identified, text_button

HEIGHT = 38
FIELD_WIDTH = 128
LOOK = {  # ground, ink, icon: never by colour alone
    "hidden": (None, ft.Colors.OUTLINE, ft.Icons.VISIBILITY_OFF_OUTLINED),
    "masked": (ft.Colors.TERTIARY_CONTAINER, ft.Colors.ON_TERTIARY_CONTAINER, ft.Icons.PASSWORD),
    "read": (
        ft.Colors.SURFACE_CONTAINER_HIGHEST,
        ft.Colors.ON_SURFACE,
        ft.Icons.VISIBILITY_OUTLINED,
    ),
    "write": (ft.Colors.PRIMARY_CONTAINER, ft.Colors.ON_PRIMARY_CONTAINER, ft.Icons.EDIT_OUTLINED),
}


@component
def FieldMatrix(state: Rights) -> ft.Control:
    draft, _ = use_draft(), use_text()
    width = max(84, min(124, 860 // max(1, len(state.roles))))
    table = ft.Column(
        [
            ft.Row(
                [
                    ft.Container(width=FIELD_WIDTH),
                    *(role_head(_, state, role, width) for role in state.roles),
                ],
                spacing=0,
            ),
            *(field_row(_, state, i, item, width) for i, item in enumerate(state.fields)),
        ],
        spacing=0,
    )
    bar = grant_bar(_, state) if state.cells else how_to_choose(_)
    return card(
        form_choice(_, state, draft),
        ft.Container(bar, height=60, alignment=ft.Alignment.CENTER_LEFT),
        ft.Row([table], scroll=ft.ScrollMode.AUTO),
    )


def form_choice(_: Texts, state: Rights, draft: Draft) -> ft.Control:
    return ft.Row(
        [
            small_chip(
                f"form-{f}",
                _.label(draft.document["forms"][f]["label"]),
                selected=f == state.form,
                on_click=act(state.choose_form, f),
            )
            for f in state.forms
        ],
        spacing=6,
        run_spacing=6,
        wrap=True,
    )


def whole_line(_: Texts, identifier: str, name: str, box: ft.Control) -> ft.Control:
    """The head of a row or column: chooses all of its cells."""
    return ft.Semantics(
        key=identifier,
        identifier=identifier,
        button=True,
        label=_("Select all of %(role)s") % {"role": name},
        content=box,
    )


def role_head(_: Texts, state: Rights, role: dict[str, Any], width: int) -> ft.Control:
    name = _.label(role["label"])
    words = ft.Text(
        name,
        size=12,
        weight=ft.FontWeight.W_600,
        text_align=ft.TextAlign.CENTER,
        max_lines=2,
        overflow=ft.TextOverflow.ELLIPSIS,
    )
    box = ft.Container(
        words,
        width=width,
        height=HEIGHT,
        alignment=ft.Alignment.CENTER,
        ink=True,
        border_radius=8,
        on_click=act(state.flip_role, role["key"]),
    )
    return whole_line(_, f"column-{role['key']}".replace("_", "-"), name, box)


def field_row(_: Texts, state: Rights, i: int, item: dict[str, Any], width: int) -> ft.Control:
    name = _.label(item["label"])
    box = ft.Container(
        ft.Text(name, size=13, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS),
        width=FIELD_WIDTH,
        height=HEIGHT,
        alignment=ft.Alignment.CENTER_LEFT,
        ink=True,
        border_radius=8,
        on_click=act(state.flip_field, item["key"]),
    )
    cells = [right_cell(_, state, i, item, role, width) for role in state.roles]
    return ft.Row([whole_line(_, f"row-{i}", name, box), *cells], spacing=0, key=item["key"])


def right_cell(
    _: Texts, state: Rights, i: int, item: dict[str, Any], role: dict[str, Any], width: int
) -> ft.Control:
    """A role's right on a field."""
    access = state.right(item["key"], role)
    useless = access == "masked" and not state.can_mask(item)
    ground, ink, icon = LOOK[access]
    chosen = (item["key"], role["key"]) in state.cells
    words = access_name(_, access) + (" ⚠" if useless else "")
    inside = ft.Row(
        [ft.Icon(icon, size=14, color=ink), ft.Text(words, size=12, color=ink)],
        spacing=3,
        alignment=ft.MainAxisAlignment.CENTER,
    )
    box = ft.Container(
        inside,
        width=width - 4,
        height=HEIGHT - 4,
        border_radius=8,
        bgcolor=ground,
        ink=True,
        on_click=act(state.flip, (item["key"], role["key"])),
        border=ft.Border.all(2, ft.Colors.PRIMARY) if chosen else None,
        tooltip=hint_on_cell(_, state, item, useless),
    )
    key = f"cell-{i}-{role['key']}".replace("_", "-")
    return ft.Semantics(
        key=key,
        identifier=key,
        button=True,
        selected=chosen,
        label=f"{_.label(item['label'])} · {_.label(role['label'])}: {access_name(_, access)}",
        content=ft.Container(box, padding=2),
    )


def hint_on_cell(_: Texts, state: Rights, item: dict[str, Any], useless: bool) -> str | None:
    if (state.form, item["key"]) in ALWAYS_READABLE:
        return _("Never hidden: everyone who calls the customer must see this")
    return _("Without a mask, masked fields are hidden") if useless else None


def grant_bar(_: Texts, state: Rights) -> ft.Control:
    """One right for all chosen cells."""
    n = len(state.cells)
    count = ft.Text(
        _.many("%(n)d cell selected", "%(n)d cells selected", n), weight=ft.FontWeight.W_600
    )
    grants = [
        small_chip(f"grant-{a}", access_name(_, a), selected=False, on_click=act(state.grant, a))
        for a in ACCESS
    ]
    same_as = choice(
        "same-as",
        _("Same as the field"),
        [(f["key"], _.label(f["label"])) for f in state.fields],
        None,
        lambda k: state.same_as(k) if k else None,
    )
    return ft.Row(
        [
            identified("chosen", count, live_region=True),
            *grants,
            ft.Container(same_as, width=220),
            text_button("clear", _("Clear selection"), act(state.clear)),
        ],
        wrap=True,
        spacing=6,
        vertical_alignment=ft.CrossAxisAlignment.CENTER,
    )


def how_to_choose(_: Texts) -> ft.Control:
    return ft.Text(
        _(
            "Tap cells, a field or a role, then choose the right for all of them. A "
            "new field is hidden from every role until you grant access."
        ),
        color=ft.Colors.ON_SURFACE_VARIANT,
    )
