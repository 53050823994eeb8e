"""Choosing: chips up to seven options, a list that can be searched beyond, yes or no, a photo or file."""

from collections.abc import Callable
from typing import Any

import flet as ft

from shared.domain.pinyin import spelled
from shared.ui.feedback import typed
from shared.ui.form.state import FieldState
from shared.ui.parts import chip, icon_button, identified, primary_button, secondary_button, text_field
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE, GAP, TARGET
from shared.ui.view import component

MOST_ROWS = 60  # of a long list; typing narrows it


def chosen_of(held: FieldState) -> list[str]:
    return list(held.value or []) if held.kind == "multi" else [held.value] if held.value else []


def choice_chips(identifier: str, held: FieldState, on_choose: Callable[[str], Any], _: Texts) -> ft.Control:
    """One tap a choice; what is chosen stays visible though a condition has closed it since."""
    open_keys = {key for key, _label in held.options}
    closed = [(o.key, o.label) for o in held.definition.options or () if o.key in chosen_of(held) and o.key not in open_keys]
    row = [
        chip(f"{identifier}-{key}".replace("_", "-"), _.label(label) or key, selected=key in chosen_of(held), on_click=on_choose(key))
        for key, label in [*held.options, *closed]
    ]
    if not row:
        return ft.Text(_("Nothing to choose from yet."), color=ft.Colors.ON_SURFACE_VARIANT)
    return ft.Row(row, wrap=True, spacing=GAP, run_spacing=GAP)


@component
def YesNo(identifier: str, held: FieldState, on_choose: Callable[[bool | None], Any]) -> ft.Control:
    """Three states, since "no" is an answer and nothing is none; the chosen one tapped again is taken back."""
    _ = use_text()
    row = [
        chip(f"{identifier}-{key}", label, selected=held.value is value, on_click=on_choose(None if held.value is value else value))
        for key, label, value in (("yes", _("Yes"), True), ("no", _("No"), False))
    ]
    return ft.Row(row, spacing=GAP)


@component
def ListField(identifier: str, label: str, held: FieldState, on_choose: Callable[[str], Any]) -> ft.Control:
    """A field that opens a list with a search box: by label, or by the first letters of its pinyin."""
    _ = use_text()
    is_open, set_open = ft.use_state(False)
    several = held.kind == "multi"
    labels = {o.key: _.label(o.label) for o in held.definition.options or ()} | {key: _.label(text) for key, text in held.options}
    shown = "、".join(labels.get(key, key) for key in chosen_of(held))

    def choose(key: str) -> None:
        on_choose(key)
        if not several:
            set_open(False)

    sheet = ft.BottomSheet(
        content=OptionList(identifier, label, held, choose, lambda e: set_open(False)),
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
                ft.Text(shown or _("Choose"), expand=True, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS, color=None if shown else ft.Colors.ON_SURFACE_VARIANT),
                ft.Icon(ft.Icons.ARROW_DROP_DOWN, color=ft.Colors.ON_SURFACE_VARIANT),
            ]
        ),
    )  # fmt: skip
    return identified(identifier, box, button=True, label=label, value=shown)


@component
def OptionList(identifier: str, label: str, held: FieldState, on_choose: Callable[[str], Any], on_close: Callable) -> ft.Control:
    """The open list."""
    _ = use_text()
    words, set_words = ft.use_state("")
    wanted = words.strip().lower()
    found = [(key, _.label(text)) for key, text in held.options]
    if wanted:
        found = [(key, text) for key, text in found if wanted in text.lower() or spelled(text, wanted)]
    chosen = chosen_of(held)
    rows: list[ft.Control] = [
        ft.Semantics(
            key=key, identifier=f"{identifier}-{key}".replace("_", "-"), button=True, selected=key in chosen,
            content=ft.Container(
                ft.Row([ft.Text(text, expand=True), *([ft.Icon(ft.Icons.CHECK, color=ft.Colors.PRIMARY)] if key in chosen else [])]),
                height=TARGET, padding=ft.Padding.symmetric(horizontal=EDGE), ink=True, on_click=lambda e, key=key: on_choose(key),
            ),
        )
        for key, text in found[:MOST_ROWS]
    ]  # fmt: skip
    if not rows:
        rows = [ft.Container(ft.Text(_("Nothing found"), color=ft.Colors.ON_SURFACE_VARIANT), padding=EDGE)]
    head = ft.Row(
        [
            ft.Text(label, theme_style=ft.TextThemeStyle.TITLE_MEDIUM, expand=True),
            icon_button(f"{identifier}-close", ft.Icons.CLOSE, _("Close"), on_close),
        ]
    )
    parts: list[ft.Control] = [
        ft.Container(head, padding=ft.Padding.only(left=EDGE)),
        ft.Container(
            text_field(f"{identifier}-search", _("Search"), words, typed(set_words), prefix_icon=ft.Icons.SEARCH),
            padding=ft.Padding.symmetric(horizontal=EDGE),
        ),
        ft.ListView(rows, expand=True, height=360),
    ]
    if held.kind == "multi":
        parts.append(ft.Container(primary_button(f"{identifier}-done", _("Done"), on_close), padding=EDGE))
    return ft.Column(parts, tight=True, spacing=GAP, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@component
def FileField(
    identifier: str, held: FieldState, on_attach: Callable | None, show_file: Callable[[str], ft.Control] | None, on_remove: Callable | None
) -> ft.Control:
    """What is attached, and a way to attach; the bytes are the screen's business (offline they wait in a queue of their own), and so is
    opening: `show_file(id)` draws what is attached."""
    _ = use_text()
    parts: list[ft.Control] = []
    if held.value:
        told = ft.Row(
            [ft.Icon(ft.Icons.ATTACH_FILE, color=ft.Colors.ON_SURFACE_VARIANT), ft.Text(_("One file is attached"), expand=True)], spacing=GAP
        )
        shown = show_file(held.value) if show_file is not None else told
        remove = [icon_button(f"{identifier}-remove", ft.Icons.CLOSE, _("Take the file out"), on_remove)] if on_remove is not None else []
        parts.append(ft.Row([ft.Container(shown, expand=True), *remove]))
    if on_attach is not None:
        parts.append(secondary_button(f"{identifier}-attach", _("Photo or file"), on_attach, icon=ft.Icons.PHOTO_CAMERA_OUTLINED))
    return ft.Column(parts, spacing=GAP) if parts else ft.Text("—")
