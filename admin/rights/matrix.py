"""Fields × roles: choose cells, rows or columns, then one right for all of them."""

import flet as ft

from admin.draft import use_draft
from admin.parts import choice, small_chip
from admin.rights.state import Rights
from admin.words import access_name
from shared.domain.rights import ACCESS
from shared.ui.feedback import act
from shared.ui.parts import card, identified, text_button
from shared.ui.text import use_text
from shared.ui.view import component

HEIGHT = 38
LOOK = {  # ground, ink, icon: never by colour alone
    "hidden": (None, ft.Colors.OUTLINE, ft.Icons.VISIBILITY_OFF_OUTLINED),
    "masked": (ft.Colors.TERTIARY_CONTAINER, ft.Colors.ON_TERTIARY_CONTAINER, ft.Icons.PASSWORD),
    "read": (ft.Colors.SURFACE_CONTAINER_HIGHEST, ft.Colors.ON_SURFACE, ft.Icons.VISIBILITY_OUTLINED),
    "write": (ft.Colors.PRIMARY_CONTAINER, ft.Colors.ON_PRIMARY_CONTAINER, ft.Icons.EDIT_OUTLINED),
}


@component
def FieldMatrix(state: Rights) -> ft.Control:
    draft, _ = use_draft(), use_text()
    roles, fields = state.roles, state.fields
    width = max(84, min(124, 860 // max(1, len(roles))))
    forms = ft.Row(
        [
            small_chip(f"form-{f}", _.label(draft.document["forms"][f]["label"]), selected=f == state.form, on_click=act(state.choose_form, f))
            for f in state.forms
        ],
        spacing=6,
        run_spacing=6,
        wrap=True,
    )

    def head(role) -> ft.Control:
        name = _.label(role["label"])
        key = f"column-{role['key']}".replace("_", "-")
        words = ft.Text(name, size=12, weight=ft.FontWeight.W_600, text_align=ft.TextAlign.CENTER, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS)
        box = ft.Container(
            words, width=width, height=HEIGHT, alignment=ft.Alignment.CENTER, ink=True, border_radius=8, on_click=act(state.flip_role, role["key"])
        )
        return ft.Semantics(key=key, identifier=key, button=True, label=_("Choose all of %(role)s") % {"role": name}, content=box)

    def cell(i: int, item, role) -> ft.Control:
        access = state.right(item["key"], role)
        chosen = (item["key"], role["key"]) in state.cells
        ground, ink, icon = LOOK[access]
        useless = access == "masked" and not state.can_mask(item)
        key = f"cell-{i}-{role['key']}".replace("_", "-")
        words = access_name(_, access) + (" ⚠" if useless else "")
        inside = ft.Row([ft.Icon(icon, size=14, color=ink), ft.Text(words, size=12, color=ink)], spacing=3, alignment=ft.MainAxisAlignment.CENTER)
        box = ft.Container(
            inside, width=width - 4, height=HEIGHT - 4, border_radius=8, bgcolor=ground, ink=True, on_click=act(state.flip, (item["key"], role["key"])),
            border=ft.Border.all(2, ft.Colors.PRIMARY) if chosen else None, tooltip=_("Without a way to mask it, masked means hidden") if useless else None,
        )  # fmt: skip
        label = f"{_.label(item['label'])} · {_.label(role['label'])}: {access_name(_, access)}"
        return ft.Semantics(key=key, identifier=key, button=True, selected=chosen, label=label, content=ft.Container(box, padding=2))

    def row(i: int, item) -> ft.Control:
        name = _.label(item["label"])
        box = ft.Container(
            ft.Text(name, size=13, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS),
            width=128,
            height=HEIGHT,
            alignment=ft.Alignment.CENTER_LEFT,
            ink=True,
            border_radius=8,
            on_click=act(state.flip_field, item["key"]),
        )
        first = ft.Semantics(key=f"row-{i}", identifier=f"row-{i}", button=True, label=_("Choose all of %(role)s") % {"role": name}, content=box)
        return ft.Row([first, *(cell(i, item, r) for r in roles)], spacing=0, key=item["key"])

    n = len(state.cells)
    if n:
        others = [(f["key"], _.label(f["label"])) for f in fields]
        bar = ft.Row(
            [
                identified("chosen", ft.Text(_.many("%(n)d cell chosen", "%(n)d cells chosen", n), weight=ft.FontWeight.W_600), live_region=True),
                *(small_chip(f"grant-{a}", access_name(_, a), selected=False, on_click=act(state.grant, a)) for a in ACCESS),
                ft.Container(choice("same-as", _("Same as the field"), others, None, lambda k: state.same_as(k) if k else None), width=220),
                text_button("clear", _("Choose none"), act(state.clear)),
            ],
            wrap=True, spacing=6, vertical_alignment=ft.CrossAxisAlignment.CENTER,
        )  # fmt: skip
    else:
        bar = ft.Text(
            _("Tap cells, a field or a role, then choose the right for all of them. A new field is hidden from everyone until you open it."),
            color=ft.Colors.ON_SURFACE_VARIANT,
        )
    corner = ft.Container(width=128)
    table = ft.Column([ft.Row([corner, *(head(r) for r in roles)], spacing=0), *(row(i, f) for i, f in enumerate(fields))], spacing=0)
    return card(forms, ft.Container(bar, height=60, alignment=ft.Alignment.CENTER_LEFT), ft.Row([table], scroll=ft.ScrollMode.AUTO))
