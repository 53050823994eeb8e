"""Parts the pages of the draft share: names in the store's languages, lists in an order, numbers,
choices."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import flet as ft

from admin.draft import Draft
from shared.domain.draft_merge import GONE, Path
from shared.domain.labels import label_text
from shared.ui.feedback import ProblemBanner, act, typed
from shared.ui.text import LANGUAGES, use_text
from shared.ui.view import component
from shared.ui.widgets import icon_button, identified

FIELD: dict[str, Any] = {"dense": True, "border_radius": 10, "border_color": ft.Colors.OUTLINE}


@component
def Trouble(code: str, again: Callable[..., Any] | None = None) -> ft.Control:
    """A problem of a page. The panel keeps nothing on a device as the phone does: what was typed
    stays on the page until the server answers."""
    _ = use_text()
    if code != "offline":
        return ProblemBanner(code)
    return ProblemBanner(
        code,
        again,
        _("The server does not answer. What you typed stays here; try again in a moment."),
    )


@dataclass(frozen=True)
class _Label:
    """A label of the draft, written one language at a time; an optional one that is empty in every
    language is gone."""

    draft: Draft
    path: Path
    optional: bool

    @property
    def texts(self) -> dict[str, str]:
        label = self.draft.at(self.path)
        return dict(label) if isinstance(label, Mapping) else {}

    def shown(self, language: str) -> str:
        texts = self.texts
        return texts[language] if language in texts else label_text(texts, language)

    def write(self, language: str, text: str) -> None:
        rest = {k: v for k, v in self.texts.items() if k != language}
        empty = self.optional and not text.strip() and not any(v.strip() for v in rest.values())
        after = GONE if empty else {**rest, language: text}
        self.draft.set_value(self.path, after, topic=(self.path, language))


def _label_box(
    label: _Label,
    language: str,
    identifier: str,
    title: str,
    *,
    multiline: bool,
    bare: bool = False,
) -> ft.Control:
    box = ft.TextField(
        value=label.shown(language),
        label=None if bare else title,
        multiline=multiline,
        min_lines=1,
        max_lines=4 if multiline else 1,
        on_change=typed(partial(label.write, language)),
        **FIELD,
    )
    return identified(identifier, box, expand=True, label=title if bare else None)


@component
def NameField(
    draft: Draft,
    path: Path,
    identifier: str,
    title: str,
    *,
    multiline: bool = False,
    optional: bool = False,
    bare: bool = False,
    **_key,
) -> ft.Control:
    """What something is called in the reader's language."""
    _ = use_text()
    label = _Label(draft, path, optional)
    return _label_box(label, _.language, identifier, title, multiline=multiline, bare=bare)


@component
def NameInLanguages(
    draft: Draft,
    path: Path,
    identifier: str,
    title: str,
    *,
    multiline: bool = False,
    optional: bool = False,
    **_key,
) -> ft.Control:
    """What something is called in the reader's language; with a button, in every language of the
    store."""
    _ = use_text()
    is_open, set_open = ft.use_state(False)
    label = _Label(draft, path, optional)
    first = _label_box(label, _.language, identifier, title, multiline=multiline)
    button = icon_button(
        f"{identifier}-languages",
        ft.Icons.TRANSLATE,
        _("Other languages"),
        lambda e: set_open(not is_open),
    )
    others = [
        _label_box(
            label,
            language,
            f"{identifier}-{language.replace('_', '-').lower()}",
            f"{title} · {name}",
            multiline=multiline,
        )
        for language, name in LANGUAGES.items()
        if is_open and language != _.language
    ]
    return ft.Column(
        [ft.Row([first, button], spacing=4), *others],
        spacing=8,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@component
def NumberField(
    draft: Draft,
    path: Path,
    identifier: str,
    title: str,
    *,
    decimals: bool = False,
    hint: str = "",
    **_key,
) -> ft.Control:
    """A number or nothing. What is no number stays on the screen and is told, the draft keeps the
    last good one."""
    _ = use_text()
    value = draft.at(path)
    stored = (
        "" if value in (GONE, None) else f"{value:g}" if isinstance(value, float) else str(value)
    )
    written, set_written = ft.use_state(stored)
    shown, problem = (
        (written, None)
        if _number(written, decimals) == (None if value is GONE else value)
        or _number(written, decimals) is GONE
        else (stored, None)
    )
    if _number(shown, decimals) is GONE:
        problem = _("Enter a number.")

    def changed(text: str) -> None:
        set_written(text)
        found = _number(text, decimals)
        if found is not GONE:
            draft.set_value(path, GONE if found is None else found, topic=path)

    return identified(
        identifier,
        ft.TextField(
            value=shown,
            label=title + _.aside(hint) if hint and not shown else title,
            error=problem,
            on_change=typed(changed),
            **FIELD,
        ),
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


def toggle(
    identifier: str,
    title: str,
    value: bool,
    on_change: Callable[[bool], Any],
    *,
    disabled: bool = False,
) -> ft.Control:
    """Yes or no, with its name as the label."""
    box = ft.Switch(
        value=value,
        label=title,
        on_change=lambda e: on_change(bool(e.control.value)),
        disabled=disabled,
    )
    return identified(identifier, box)


def choice(
    identifier: str,
    title: str,
    options: Sequence[tuple[str, str]],
    value: str | None,
    on_choose: Callable[[str | None], Any],
    *,
    nothing: str | None = None,
) -> ft.Control:
    """Choose one by name; `nothing` is the label for none."""
    names = dict(options)
    entries = [
        ft.DropdownOption(key=k, text=t)
        for k, t in ([("", nothing)] if nothing is not None else []) + list(options)
    ]
    box = ft.Dropdown(
        value=value or ("" if nothing is not None else None),
        label=title,
        options=entries,
        dense=True,
        border_radius=10,
        expand=True,
        on_select=lambda e: on_choose(e.control.value or None),
    )
    return identified(
        identifier, ft.Row([box]), label=title, value=names.get(value or "", nothing or "")
    )


def small_chip(
    identifier: str, label: str, *, selected: bool, on_click: Any, tick: bool = True
) -> ft.Control:
    """A choice among many, 36 px high: the panel has a mouse or a stylus."""
    ink = ft.Colors.ON_PRIMARY_CONTAINER if selected else ft.Colors.ON_SURFACE_VARIANT
    mark = [ft.Icon(ft.Icons.CHECK, size=16, color=ink)] if selected and tick else []
    return ft.Semantics(
        key=identifier,
        identifier=identifier,
        button=True,
        selected=selected,
        content=ft.Container(
            ft.Row(
                [
                    *mark,
                    ft.Text(
                        label,
                        color=ink,
                        size=13,
                        weight=ft.FontWeight.W_600 if selected else None,
                        max_lines=1,
                        overflow=ft.TextOverflow.ELLIPSIS,
                        expand=True,
                        expand_loose=True,
                    ),
                ],
                tight=True,
                spacing=4,
            ),
            height=36,
            padding=ft.Padding.symmetric(horizontal=12 if tick else 9),
            border_radius=18,
            ink=True,
            on_click=on_click,
            bgcolor=ft.Colors.PRIMARY_CONTAINER if selected else ft.Colors.SURFACE,
            border=ft.Border.all(1, ft.Colors.PRIMARY if selected else ft.Colors.OUTLINE_VARIANT),
        ),
    )


def choices(
    identifier: str,
    options: Sequence[tuple[str, str]],
    chosen: Sequence[str],
    on_choose: Callable[[list[str]], Any],
) -> ft.Control:
    """Several of a list; the order of the list is kept."""

    def flip(key: str) -> Callable[[Any], None]:
        after = [k for k, _name in options if (k in chosen) != (k == key)]
        return lambda e: on_choose(after)

    return ft.Row(
        [
            small_chip(
                f"{identifier}-{k}".replace("_", "-"), name, selected=k in chosen, on_click=flip(k)
            )
            for k, name in options
        ],
        wrap=True,
        spacing=6,
        run_spacing=6,
    )


def chip_of(
    identifier: str,
    options: Sequence[tuple[str, str]],
    chosen: str | None,
    on_choose: Callable[[str], Any],
) -> ft.Control:
    """One of a few, side by side."""
    return ft.Row(
        [
            small_chip(
                f"{identifier}-{k}".replace("_", "-"),
                name,
                selected=k == chosen,
                on_click=lambda e, k=k: on_choose(k),
            )
            for k, name in options
        ],
        wrap=True,
        spacing=6,
        run_spacing=6,
    )


def titled(title: str, *controls: ft.Control, note: str = "") -> ft.Control:
    """A group of properties under a small heading."""
    head: list[ft.Control] = [ft.Text(title, size=12, color=ft.Colors.ON_SURFACE_VARIANT)]
    if note:
        head.append(ft.Text(note, size=12, color=ft.Colors.OUTLINE))
    return ft.Column(
        [*head, *controls], spacing=6, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
    )


def ordered(draft: Draft, path: Path, rows: Sequence[ft.Control], row_height: int) -> ft.Control:
    """Rows a person drags into an order; each brings its own arrows for the keyboard (mover).

    Its key is the order: Flutter's list throws when its rows change places by other means than
    dragging, so another order is another list.
    """
    things = draft.at(path)
    order = (
        [t.get("key") or str(sorted(t.get("text", {}).items())) for t in things]
        if things is not GONE
        else []
    )
    return ft.ReorderableListView(
        list(rows),
        key=f"{'.'.join(path)}:{','.join(order)}",
        height=row_height * len(rows) + 4,
        show_default_drag_handles=False,
        build_controls_on_demand=False,
        on_reorder=lambda e: draft.move(path, e.old_index or 0, e.new_index or 0),
    )


def mover(
    draft: Draft,
    path: Path,
    index: int,
    count: int,
    identifier: str,
    name: str,
    words: tuple[str, str],
) -> list[ft.Control]:
    """The handle to drag by, and up and down for those who do not drag."""
    size: dict[str, Any] = {"icon_size": 18}
    up = icon_button(
        f"{identifier}-up-{index}",
        ft.Icons.ARROW_UPWARD,
        f"{name}: {words[0]}",
        act(_Move(draft, path, index, -1).go),
        disabled=index == 0,
        **size,
    )
    down = icon_button(
        f"{identifier}-down-{index}",
        ft.Icons.ARROW_DOWNWARD,
        f"{name}: {words[1]}",
        act(_Move(draft, path, index, 1).go),
        disabled=index == count - 1,
        **size,
    )
    return [up, down]


def handle(index: int) -> ft.Control:
    return ft.ReorderableDragHandle(
        content=ft.Icon(ft.Icons.DRAG_INDICATOR, color=ft.Colors.OUTLINE),
        mouse_cursor=ft.MouseCursor.GRAB,
    )


class _Move:
    def __init__(self, draft: Draft, path: Path, index: int, step: int) -> None:
        self.draft, self.path, self.index, self.step = draft, path, index, step

    def go(self) -> None:
        self.draft.move(self.path, self.index, self.index + self.step)
