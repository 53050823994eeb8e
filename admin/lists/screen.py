"""Lists and texts: one list at a time, its entries in order, the open entry beside it."""

from typing import Any

import flet as ft

from admin.attributes import attributes
from admin.draft import Draft, use_draft
from admin.labels import attribute_name
from admin.lists.state import MODELS, SUCCEEDED, Lists
from admin.session import use_admin
from admin.shell import panel_page, use_tab_state
from admin.widgets import NameField, handle, ordered, small_chip
from shared.domain.labels import label_text
from shared.ui.feedback import EmptyState, Skeleton, act
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import card, icon_button, identified, section, text_button

ROW = 52


@component
def ListsScreen() -> ft.Control:
    session, draft, _ = use_admin(), use_draft(), use_text()
    state = use_tab_state(Lists, session)
    if not draft.loaded:
        return panel_page(_("Lists and texts"), Skeleton(5))
    tabs = ft.Row(
        [
            small_chip(
                f"list-{x}",
                attribute_name(_, x),
                selected=x == state.kind,
                on_click=act(state.open, x),
            )
            for x in MODELS
        ],
        spacing=6,
        run_spacing=6,
        wrap=True,
    )
    scroll: dict[str, Any] = {"build_controls_on_demand": False, "spacing": 12}
    body = ft.Row(
        [
            ft.Container(
                ft.ListView([Entries(state), ft.Container(height=16)], **scroll), expand=5
            ),
            ft.Container(ft.ListView([Entry(state), ft.Container(height=16)], **scroll), expand=6),
        ],
        expand=True,
        spacing=16,
        vertical_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    return panel_page(_("Lists and texts"), body=body, actions=[tabs])


def name_of(_, thing: dict[str, Any]) -> str:
    return label_text(thing.get("label") or thing.get("text"), _.language)


@component
def Entries(state: Lists) -> ft.Control:
    draft, _ = use_draft(), use_text()
    things = state.things
    rows = [entry_row(_, state, draft, i, thing) for i, thing in enumerate(things)]
    listing = (
        ordered(draft, (state.kind,), rows, ROW)
        if rows
        else EmptyState(ft.Icons.FORMAT_LIST_BULLETED, _("Nothing here yet"))
    )
    add = text_button(
        "add-entry",
        _("Add an entry"),
        lambda e: state.add(_("New entry"), _.language),
        icon=ft.Icons.ADD,
    )
    return card(
        section(_.many("%(n)d entry", "%(n)d entries", len(things)), listing, add), padding=12
    )


def entry_row(_: Texts, state: Lists, draft: Draft, i: int, thing: dict[str, Any]) -> ft.Control:
    key, name = thing.get("key") or str(i), name_of(_, thing)
    is_text = state.kind == "phrases"
    field = NameField(
        draft,
        (state.kind, key, "text" if is_text else "label"),
        f"entry-{i}",
        _("Text") if is_text else _("Name"),
        bare=True,
        key=f"{state.kind}-{key}",
    )
    return ft.Container(
        ft.Row(
            [
                handle(i),
                ft.Container(field, expand=True),
                icon_button(
                    f"entry-up-{i}",
                    ft.Icons.ARROW_UPWARD,
                    f"{name}: {_('Up')}",
                    act(state.move, i, -1),
                    disabled=i == 0,
                    icon_size=18,
                ),
                icon_button(
                    f"entry-down-{i}",
                    ft.Icons.ARROW_DOWNWARD,
                    f"{name}: {_('Down')}",
                    act(state.move, i, 1),
                    disabled=i == len(state.things) - 1,
                    icon_size=18,
                ),
                icon_button(
                    f"entry-details-{i}",
                    ft.Icons.CHEVRON_RIGHT,
                    name + ": " + _("Details"),
                    act(state.choose, i),
                    icon_size=18,
                ),
            ],
            spacing=2,
        ),
        height=ROW,
        border_radius=10,
        padding=ft.Padding.symmetric(horizontal=4),
        bgcolor=ft.Colors.SECONDARY_CONTAINER if thing is state.chosen else None,
        on_click=act(state.choose, i),
        key=f"{state.kind}-{key}",
    )


@component
def Entry(state: Lists) -> ft.Control:
    draft, _ = use_draft(), use_text()
    thing = state.chosen
    if not thing:
        return ft.Container()
    editors = list(attributes(_, draft, state.path, MODELS[state.kind], "entry-is"))
    actions: list[ft.Control] = [
        text_button("entry-remove", _("Remove"), act(state.remove), icon=ft.Icons.DELETE_OUTLINE)
    ]
    asking: list[ft.Control] = []
    if state.kind in SUCCEEDED and len(state.things) > 1:
        actions.insert(
            0,
            text_button(
                "entry-merge",
                _("Merge into another"),
                act(state.ask_merge),
                icon=ft.Icons.CALL_MERGE,
            ),
        )
    if state.merging:
        replacements = [
            small_chip(
                f"target-{x['key']}".replace("_", "-"),
                name_of(_, x),
                selected=False,
                on_click=act(state.merge, x["key"]),
            )
            for x in state.things
            if x["key"] != thing["key"]
        ]
        words = _("Which entry should %(what)s merge into? Its records move when you publish.") % {
            "what": f"「{name_of(_, thing)}」"
        }
        box = ft.Container(
            ft.Column([ft.Text(words), ft.Row(replacements, wrap=True, spacing=6, run_spacing=6)]),
            padding=12,
            border_radius=12,
            bgcolor=ft.Colors.TERTIARY_CONTAINER,
        )
        asking = [identified("replacements", box, live_region=True)]
    return card(
        section(name_of(_, thing), *editors),
        *asking,
        ft.Row(actions, wrap=True),
        identifier="entry",
        padding=12,
    )
