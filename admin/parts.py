"""Parts the pages of the draft share: names in the store's languages, lists in an order, numbers, choices."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flet as ft

from admin.draft import Draft
from shared.domain.drafting import GONE, Path
from shared.domain.labels import label_text
from shared.ui.feedback import ProblemBanner, act, typed
from shared.ui.parts import icon_button, identified
from shared.ui.text import LANGUAGES, use_text
from shared.ui.view import component

FIELD: dict[str, Any] = {"dense": True, "border_radius": 10, "border_color": ft.Colors.OUTLINE}


@component
def Trouble(code: str, again: Callable[..., Any] | None = None) -> ft.Control:
    """A problem of a page. The panel keeps nothing on a device as the phone does: what was typed stays on the page until the server answers."""
    _ = use_text()
    if code != "offline":
        return ProblemBanner(code)
    return ProblemBanner(code, again, _("The server does not answer. What you typed stays here; try again in a moment."))


@component
def NameField(
    draft: Draft,
    path: Path,
    identifier: str,
    title: str,
    *,
    many_languages: bool = False,
    multiline: bool = False,
    optional: bool = False,
    bare: bool = False,
    **_key,
) -> ft.Control:
    """What something is called in the reader's language; with a button, in every language of the store."""
    _ = use_text()
    is_open, set_open = ft.use_state(False)
    label = draft.at(path)
    label = label if isinstance(label, Mapping) else {}

    def write(language: str) -> Callable[[Any], None]:
        def changed(text: str) -> None:
            rest = {k: v for k, v in label.items() if k != language}
            empty = optional and not text.strip() and not any(v.strip() for v in rest.values())
            draft.put(path, GONE if empty else {**rest, language: text}, topic=(path, language))

        return typed(changed)

    def field(language: str, name: str, mark: str) -> ft.Control:
        shown = label[language] if language in label else label_text(dict(label), language)
        return identified(
            mark,
            ft.TextField(
                value=shown,
                label=None if bare else name,
                multiline=multiline,
                min_lines=1,
                max_lines=4 if multiline else 1,
                on_change=write(language),
                **FIELD,
            ),
            expand=True,
            label=name if bare else None,
        )

    first = field(_.language, title, identifier)
    if not many_languages:
        return first
    button = icon_button(f"{identifier}-languages", ft.Icons.TRANSLATE, _("Other languages"), lambda e: set_open(not is_open))
    others = (
        [field(x, f"{title} · {name}", f"{identifier}-{x.replace('_', '-').lower()}") for x, name in LANGUAGES.items() if x != _.language]
        if is_open
        else []
    )
    return ft.Column([ft.Row([first, button], spacing=4), *others], spacing=8, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@component
def NumberField(draft: Draft, path: Path, identifier: str, title: str, *, decimals: bool = False, hint: str = "", **_key) -> ft.Control:
    """A number or nothing. What is no number stays on the screen and is told, the draft keeps the last good one."""
    _ = use_text()
    value = draft.at(path)
    stored = "" if value in (GONE, None) else f"{value:g}" if isinstance(value, float) else str(value)
    written, set_written = ft.use_state(stored)
    shown, problem = (
        (written, None) if _number(written, decimals) == (None if value is GONE else value) or _number(written, decimals) is GONE else (stored, None)
    )
    if _number(shown, decimals) is GONE:
        problem = _("A number, please.")

    def changed(text: str) -> None:
        set_written(text)
        found = _number(text, decimals)
        if found is not GONE:
            draft.put(path, GONE if found is None else found, topic=path)

    return identified(
        identifier,
        ft.TextField(value=shown, label=f"{title}({hint})" if hint and not shown else title, error=problem, on_change=typed(changed), **FIELD),
    )


def _number(text: str, decimals: bool) -> Any:
    """The number, None for nothing, GONE for what is none."""
    text = text.strip()
    if not text:
        return None
    try:
        return float(text) if decimals and "." in text else int(text)
    except ValueError:
        return GONE


def toggle(identifier: str, title: str, value: bool, on_change: Callable[[bool], Any], *, disabled: bool = False) -> ft.Control:
    """Yes or no, with its name as the label."""
    box = ft.Switch(value=value, label=title, on_change=lambda e: on_change(bool(e.control.value)), disabled=disabled)
    return identified(identifier, box)


def put_flag(draft: Draft, path: Path) -> Callable[[bool], None]:
    return lambda yes: draft.put(path, True if yes else GONE)


def choice(
    identifier: str,
    title: str,
    options: Sequence[tuple[str, str]],
    value: str | None,
    on_choose: Callable[[str | None], Any],
    *,
    nothing: str | None = None,
) -> ft.Control:
    """One of several by name; `nothing` is the words for none."""
    names = dict(options)
    entries = [ft.DropdownOption(key=k, text=t) for k, t in ([("", nothing)] if nothing is not None else []) + list(options)]
    box = ft.Dropdown(
        value=value or ("" if nothing is not None else None),
        label=title,
        options=entries,
        dense=True,
        border_radius=10,
        expand=True,
        on_select=lambda e: on_choose(e.control.value or None),
    )
    return identified(identifier, ft.Row([box]), label=title, value=names.get(value or "", nothing or ""))


def small_chip(identifier: str, label: str, *, selected: bool, on_click: Any, tick: bool = True) -> ft.Control:
    """A choice among many, 36 px high: the panel has a mouse or a stylus."""
    ink = ft.Colors.ON_PRIMARY_CONTAINER if selected else ft.Colors.ON_SURFACE_VARIANT
    mark = [ft.Icon(ft.Icons.CHECK, size=16, color=ink)] if selected and tick else []
    return ft.Semantics(
        key=identifier, identifier=identifier, button=True, selected=selected,
        content=ft.Container(
            ft.Row([*mark, ft.Text(label, color=ink, size=13, weight=ft.FontWeight.W_600 if selected else None, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS, expand=True, expand_loose=True)], tight=True, spacing=4),
            height=36, padding=ft.Padding.symmetric(horizontal=12 if tick else 9), border_radius=18, ink=True, on_click=on_click,
            bgcolor=ft.Colors.PRIMARY_CONTAINER if selected else ft.Colors.SURFACE, border=ft.Border.all(1, ft.Colors.PRIMARY if selected else ft.Colors.OUTLINE_VARIANT),
        ),
    )  # fmt: skip


def choices(identifier: str, options: Sequence[tuple[str, str]], chosen: Sequence[str], on_choose: Callable[[list[str]], Any]) -> ft.Control:
    """Several of a list; the order of the list is kept."""

    def flip(key: str) -> Callable[[Any], None]:
        after = [k for k, _name in options if (k in chosen) != (k == key)]
        return lambda e: on_choose(after)

    return ft.Row(
        [small_chip(f"{identifier}-{k}".replace("_", "-"), name, selected=k in chosen, on_click=flip(k)) for k, name in options],
        wrap=True,
        spacing=6,
        run_spacing=6,
    )


def chip_of(identifier: str, options: Sequence[tuple[str, str]], chosen: str | None, on_choose: Callable[[str], Any]) -> ft.Control:
    """One of a few, side by side."""
    return ft.Row(
        [small_chip(f"{identifier}-{k}".replace("_", "-"), name, selected=k == chosen, on_click=lambda e, k=k: on_choose(k)) for k, name in options],
        wrap=True, spacing=6, run_spacing=6,
    )  # fmt: skip


def titled(title: str, *controls: ft.Control, note: str = "") -> ft.Control:
    """A group of properties under a small heading."""
    head: list[ft.Control] = [ft.Text(title, size=12, color=ft.Colors.ON_SURFACE_VARIANT)]
    if note:
        head.append(ft.Text(note, size=12, color=ft.Colors.OUTLINE))
    return ft.Column([*head, *controls], spacing=6, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def ordered(draft: Draft, path: Path, rows: Sequence[ft.Control], row_height: int) -> ft.Control:
    """Rows a person drags into an order; each brings its own arrows for the keyboard (mover).

    Its key is the order: Flutter's list throws when its rows change places by other means than dragging, so another order is another list.
    """
    things = draft.at(path)
    order = [t.get("key") or str(sorted(t.get("text", {}).items())) for t in things] if things is not GONE else []
    return ft.ReorderableListView(
        list(rows), key=f"{'.'.join(path)}:{','.join(order)}", height=row_height * len(rows) + 4, show_default_drag_handles=False, build_controls_on_demand=False,
        on_reorder=lambda e: draft.move(path, e.old_index or 0, e.new_index or 0),
    )  # fmt: skip


def mover(draft: Draft, path: Path, place: int, count: int, identifier: str, name: str, words: tuple[str, str]) -> list[ft.Control]:
    """The handle to drag by, and up and down for those who do not drag."""
    size: dict[str, Any] = {"icon_size": 18}
    up = icon_button(
        f"{identifier}-up-{place}", ft.Icons.ARROW_UPWARD, f"{name}: {words[0]}", act(_Move(draft, path, place, -1).go), disabled=place == 0, **size
    )
    down = icon_button(
        f"{identifier}-down-{place}",
        ft.Icons.ARROW_DOWNWARD,
        f"{name}: {words[1]}",
        act(_Move(draft, path, place, 1).go),
        disabled=place == count - 1,
        **size,
    )
    return [up, down]


def handle(place: int) -> ft.Control:
    return ft.ReorderableDragHandle(content=ft.Icon(ft.Icons.DRAG_INDICATOR, color=ft.Colors.OUTLINE), mouse_cursor=ft.MouseCursor.GRAB)


class _Move:
    def __init__(self, draft: Draft, path: Path, place: int, step: int) -> None:
        self.draft, self.path, self.place, self.step = draft, path, place, step

    def go(self) -> None:
        self.draft.move(self.path, self.place, self.place + self.step)
