"""Choosing: chips up to seven options, a list that can be searched beyond, yes or no, a photo or
file."""

from collections.abc import Callable
from typing import Any

import flet as ft

from shared.domain.pinyin import spelled
from shared.ui.feedback import typed
from shared.ui.form.state import FieldState
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE, GAP, TARGET
from shared.ui.view import component
from shared.ui.widgets import (
    chip,
    icon_button,
    identified,
    primary_button,
    secondary_button,
    text_field,
)

MOST_ROWS = 60  # of a long list; typing narrows it


def chosen_of(field_state: FieldState) -> list[str]:
    return (
        list(field_state.value or [])
        if field_state.kind == "multi"
        else [field_state.value]
        if field_state.value
        else []
    )


def choice_labels(_: Texts, field_state: FieldState) -> dict[str, str]:
    """What the values of a field are called where one chooses; of a retired one it is said."""
    return {
        **{o.key: _.label(o.label) for o in field_state.definition.options or ()},
        **{key: _.label(label) for key, label in field_state.options},
        **{
            key: _.label(label) + _.aside(_("no longer offered"))
            for key, label in field_state.retired
        },
    }


def choice_chips(
    identifier: str, field_state: FieldState, on_choose: Callable[[str], Any], _: Texts
) -> ft.Control:
    """One tap a choice; what is chosen stays visible though a condition has closed it since, or the
    list has it no more."""
    labels, chosen = choice_labels(_, field_state), chosen_of(field_state)
    open_keys = [key for key, _label in field_state.options]
    row = [
        chip(
            f"{identifier}-{key}".replace("_", "-"),
            labels.get(key) or key,
            selected=key in chosen,
            on_click=on_choose(key),
        )
        for key in [*open_keys, *(x for x in chosen if x not in open_keys)]
    ]
    if not row:
        return ft.Text(_("Nothing to choose from yet."), color=ft.Colors.ON_SURFACE_VARIANT)
    return ft.Row(row, wrap=True, spacing=GAP, run_spacing=GAP)


@component
def YesNo(
    identifier: str, field_state: FieldState, on_choose: Callable[[bool | None], Any]
) -> ft.Control:
    """Three states, since "no" is an answer and nothing is none; the chosen one tapped again is
    taken back."""
    _ = use_text()
    row = [
        chip(
            f"{identifier}-{key}",
            label,
            selected=field_state.value is value,
            on_click=on_choose(None if field_state.value is value else value),
        )
        for key, label, value in (("yes", _("Yes"), True), ("no", _("No"), False))
    ]
    return ft.Row(row, spacing=GAP)


@component
def ListField(
    identifier: str, label: str, field_state: FieldState, on_choose: Callable[[str], Any]
) -> ft.Control:
    """A field that opens a list with a search box: by label, or by the first letters of its
    pinyin."""
    _ = use_text()
    is_open, set_open = ft.use_state(False)
    several = field_state.kind == "multi"
    labels = choice_labels(_, field_state)
    shown = _.comma.join(labels.get(key) or key for key in chosen_of(field_state))

    def choose(key: str) -> None:
        on_choose(key)
        if not several:
            set_open(False)

    sheet = ft.BottomSheet(
        content=OptionList(identifier, label, field_state, choose, lambda e: set_open(False)),
        scrollable=True,
        show_drag_handle=True,
        use_safe_area=True,
        on_dismiss=lambda e: set_open(False),
    )
    ft.use_dialog(sheet if is_open else None)
    box = ft.Container(
        height=56,
        padding=ft.Padding.symmetric(horizontal=12),
        border_radius=12,
        border=ft.Border.all(1, ft.Colors.OUTLINE),
        ink=True,
        on_click=lambda e: set_open(True),
        content=ft.Row(
            [
                ft.Text(
                    shown or _("Choose"),
                    expand=True,
                    max_lines=1,
                    overflow=ft.TextOverflow.ELLIPSIS,
                    color=None if shown else ft.Colors.ON_SURFACE_VARIANT,
                ),
                ft.Icon(ft.Icons.ARROW_DROP_DOWN, color=ft.Colors.ON_SURFACE_VARIANT),
            ]
        ),
    )
    return identified(identifier, box, button=True, label=label, value=shown)


@component
def OptionList(
    identifier: str,
    label: str,
    field_state: FieldState,
    on_choose: Callable[[str], Any],
    on_close: Callable,
) -> ft.Control:
    """The open list."""
    _ = use_text()
    words, set_words = ft.use_state("")
    wanted = words.strip().lower()
    labels = choice_labels(_, field_state)
    found = [(key, labels[key]) for key, _label in field_state.options]
    if wanted:
        found = [
            (key, text) for key, text in found if wanted in text.lower() or spelled(text, wanted)
        ]
    chosen = chosen_of(field_state)
    # what is chosen and not offered any more: one can only take it away
    open_keys = {key for key, _label in field_state.options}
    gone = [(key, labels.get(key) or key) for key in chosen if key not in open_keys]
    found = [*gone, *found]
    rows = [
        option_row(f"{identifier}-{key}".replace("_", "-"), key, text, key in chosen, on_choose)
        for key, text in found[:MOST_ROWS]
    ] or [
        ft.Container(ft.Text(_("Nothing found"), color=ft.Colors.ON_SURFACE_VARIANT), padding=EDGE)
    ]
    head = ft.Row(
        [
            ft.Text(label, theme_style=ft.TextThemeStyle.TITLE_MEDIUM, expand=True),
            icon_button(f"{identifier}-close", ft.Icons.CLOSE, _("Close"), on_close),
        ]
    )
    search = text_field(
        f"{identifier}-search",
        _("Search"),
        words,
        typed(set_words),
        prefix_icon=ft.Icons.SEARCH,
    )
    parts: list[ft.Control] = [
        ft.Container(head, padding=ft.Padding.only(left=EDGE)),
        ft.Container(search, padding=ft.Padding.symmetric(horizontal=EDGE)),
        ft.ListView(rows, expand=True, height=360),
    ]
    if field_state.kind == "multi":
        done = primary_button(f"{identifier}-done", _("Done"), on_close)
        parts.append(ft.Container(done, padding=EDGE))
    return ft.Column(
        parts, tight=True, spacing=GAP, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
    )


def option_row(
    identifier: str, key: str, text: str, chosen: bool, on_choose: Callable[[str], Any]
) -> ft.Control:
    mark = [ft.Icon(ft.Icons.CHECK, color=ft.Colors.PRIMARY)] if chosen else []
    return ft.Semantics(
        key=key,
        identifier=identifier,
        button=True,
        selected=chosen,
        content=ft.Container(
            ft.Row([ft.Text(text, expand=True), *mark]),
            height=TARGET,
            padding=ft.Padding.symmetric(horizontal=EDGE),
            ink=True,
            on_click=lambda e: on_choose(key),
        ),
    )


@component
def FileField(
    identifier: str,
    field_state: FieldState,
    on_attach: Callable | None,
    show_file: Callable[[str], ft.Control] | None,
    on_remove: Callable | None,
) -> ft.Control:
    """What is attached, and a way to attach; the bytes are the screen's business (offline they wait
    in a queue of their own), and so is opening: `show_file(id)` draws what is attached."""
    _ = use_text()
    parts: list[ft.Control] = []
    if field_state.value:
        on_change = ft.Row(
            [
                ft.Icon(ft.Icons.ATTACH_FILE, color=ft.Colors.ON_SURFACE_VARIANT),
                ft.Text(_("One file is attached"), expand=True),
            ],
            spacing=GAP,
        )
        shown = show_file(field_state.value) if show_file is not None else on_change
        remove = (
            [icon_button(f"{identifier}-remove", ft.Icons.CLOSE, _("Remove the file"), on_remove)]
            if on_remove is not None
            else []
        )
        parts.append(ft.Row([ft.Container(shown, expand=True), *remove]))
    if on_attach is not None:
        parts.append(
            secondary_button(
                f"{identifier}-attach",
                _("Photo or file"),
                on_attach,
                icon=ft.Icons.PHOTO_CAMERA_OUTLINED,
            )
        )
    return ft.Column(parts, spacing=GAP) if parts else ft.Text("—")
