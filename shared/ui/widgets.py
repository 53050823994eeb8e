"""The few parts every screen is made of. Each touchable one has an identifier (kebab-case) that
tests and screen readers hold on to."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import flet as ft

from shared.domain.config import StoreCalendar
from shared.domain.working_days import EVERY_DAY, closed_day_name, day_instead
from shared.ui.dates import from_picker, to_picker
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE, GAP, TARGET
from shared.ui.view import component

MAX_ROWS = (
    200  # controls of a list that the server keeps and compares; more belong on the next page
)


def identified(identifier: str, control: ft.Control, **semantics: Any) -> ft.Control:
    """A name for tests and screen readers. It is the key too: Flutter keeps the old identifier of a
    node that is only changed."""
    return ft.Semantics(key=identifier, identifier=identifier, content=control, **semantics)


def same_height(height: int, sides: int = 16) -> ft.ButtonStyle:
    """That high with its 20 dp of words, and higher with larger ones or a second line: a fixed
    height would clip them."""
    return ft.ButtonStyle(
        padding=ft.Padding.symmetric(horizontal=sides, vertical=(height - 20) // 2)
    )


def primary_button(
    identifier: str,
    label: str,
    on_click: Any,
    *,
    icon: ft.IconData | None = None,
    disabled: bool = False,
    action: Any = None,
) -> ft.Control:
    """The one thing to do here, full width."""
    extra = {"action": action} if action is not None else {}
    button = ft.FilledButton(
        label,
        icon=icon,
        on_click=on_click,
        disabled=disabled,
        expand=True,
        style=same_height(52),
        **extra,
    )
    return identified(identifier, ft.Row([button]))


def secondary_button(
    identifier: str,
    label: str,
    on_click: Any,
    *,
    icon: ft.IconData | None = None,
    disabled: bool = False,
) -> ft.Control:
    button = ft.OutlinedButton(
        label,
        icon=icon,
        on_click=on_click,
        disabled=disabled,
        expand=True,
        style=same_height(TARGET),
    )
    return identified(identifier, ft.Row([button]))


def text_button(
    identifier: str,
    label: str,
    on_click: Any,
    *,
    icon: ft.IconData | None = None,
    narrow: bool = False,
) -> ft.Control:
    """`narrow`: where three stand side by side on a small phone."""
    button = ft.TextButton(
        label, icon=icon, on_click=on_click, style=same_height(TARGET, 8 if narrow else 12)
    )
    return ft.Row([identified(identifier, button)], tight=True)


def icon_button(
    identifier: str, icon: ft.IconData, name: str, on_click: Any, **properties: Any
) -> ft.Control:
    """A bare icon with a name for those who cannot see it."""
    return ft.Semantics(
        key=identifier,
        identifier=identifier,
        label=name,
        button=True,
        content=ft.IconButton(icon, tooltip=name, on_click=on_click, **properties),
    )


def bottom_bar(*controls: ft.Control) -> ft.Control:
    """The lower edge of a screen, where the thumb is."""
    return ft.Container(
        padding=ft.Padding.only(left=EDGE, right=EDGE, top=12, bottom=EDGE),
        bgcolor=ft.Colors.SURFACE,
        border=ft.Border.only(top=ft.BorderSide(1, ft.Colors.OUTLINE_VARIANT)),
        content=ft.Column(
            list(controls),
            spacing=GAP,
            tight=True,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        ),
    )


def section(title: str, *controls: ft.Control, trailing: ft.Control | None = None) -> ft.Control:
    head = [
        ft.Text(
            title,
            theme_style=ft.TextThemeStyle.TITLE_SMALL,
            color=ft.Colors.ON_SURFACE_VARIANT,
            expand=True,
        ),
        *([trailing] if trailing else []),
    ]
    line = (
        ft.Row(head)
        if trailing
        else ft.Container(ft.Row(head), padding=ft.Padding.symmetric(vertical=6))
    )
    return ft.Column(
        [line, *controls], spacing=GAP, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
    )


def card(*controls: ft.Control, identifier: str | None = None, padding: int = EDGE) -> ft.Control:
    box = ft.Container(
        padding=padding,
        border_radius=16,
        bgcolor=ft.Colors.SURFACE_CONTAINER_LOW,
        border=ft.Border.all(1, ft.Colors.OUTLINE_VARIANT),
        content=ft.Column(
            list(controls), spacing=GAP, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
        ),
    )
    return identified(identifier, box) if identifier else box


# nine parameters: each is one independent look of the control, as Flet's own have dozens
def chip(
    identifier: str,
    label: str,
    *,
    selected: bool,
    on_click: Any,
    icon: ft.IconData | None = None,
    color: str | None = None,
    note: str = "",
    action: Any = None,
    in_scroll: bool = False,
) -> ft.Control:
    """A choice of one tap, at least 48 dp high; it grows with larger words and with a note under
    its label. `in_scroll`: in a row that scrolls, where nothing can fill the width."""
    ink = ft.Colors.ON_PRIMARY if selected else color or ft.Colors.ON_SURFACE
    inside: list[ft.Control] = [ft.Icon(icon, size=18, color=ink)] if icon else []
    words = ft.Text(
        label,
        color=ink,
        weight=ft.FontWeight.W_600 if selected else None,
        expand=None if in_scroll else True,
        expand_loose=not in_scroll,
    )
    if note:
        words.expand = None
        inside.append(
            ft.Column(
                [words, ft.Text(note, size=12, color=ink)],
                spacing=0,
                tight=True,
                expand=True,
                expand_loose=True,
            )
        )
    else:
        inside.append(words)
    return ft.Semantics(
        key=identifier,
        identifier=identifier,
        button=True,
        selected=selected,
        content=ft.Container(
            padding=ft.Padding.symmetric(
                horizontal=17, vertical=6 if note else 14
            ),  # round 20 dp of words that is 48; no fixed height, it would clip larger words
            border_radius=TARGET // 2,
            ink=True,
            on_click=on_click,
            **({"action": action} if action is not None else {}),
            bgcolor=ft.Colors.PRIMARY if selected else ft.Colors.SURFACE,
            border=ft.Border.all(1, ft.Colors.PRIMARY if selected else ft.Colors.OUTLINE_VARIANT),
            content=ft.Row(inside, tight=True, spacing=6, alignment=ft.MainAxisAlignment.CENTER),
        ),
    )


def chips(
    identifier: str,
    options: Sequence[tuple[str, str]],
    chosen: str | None,
    on_choose: Callable[[str], Any],
    *,
    problem: str | None = None,
    scrolls: bool = False,
) -> ft.Control:
    """Up to seven choices side by side; one tap, no confirmation. `scrolls`: in one line, however
    many there are."""
    row = ft.Row(
        [
            chip(
                f"{identifier}-{key}".replace("_", "-"),
                label,
                selected=key == chosen,
                on_click=on_choose(key),
                in_scroll=scrolls,
            )
            for key, label in options
        ],
        wrap=not scrolls,
        scroll=ft.ScrollMode.HIDDEN if scrolls else None,
        spacing=GAP,
        run_spacing=GAP,
    )
    return ft.Column(
        [row, *([ft.Text(problem, color=ft.Colors.ERROR, size=12)] if problem else [])], spacing=4
    )


def text_field(
    identifier: str,
    label: str,
    value: str,
    on_change: Callable[[Any], Any],
    *,
    problem: str | None = None,
    **properties: Any,
) -> ft.Control:
    """A field under control: what it shows is always what we hold, so a render never wipes typed
    words."""
    return identified(
        identifier,
        ft.TextField(
            label=label,
            value=value,
            on_change=on_change,
            error=problem,
            border_radius=12,
            border_color=ft.Colors.OUTLINE,
            **properties,
        ),
    )


def tick_box(
    identifier: str, label: str, ticked: bool, on_tick: Any, *, problem: str | None = None
) -> ft.Control:
    """One item of a checklist, its problem below."""
    box = identified(identifier, ft.Checkbox(label=label, value=ticked, on_change=on_tick))
    return ft.Column(
        [box, *([ft.Text(problem, color=ft.Colors.ERROR, size=12)] if problem else [])], spacing=0
    )


@component
def DateField(
    identifier: str,
    label: str,
    value: date | None,
    today: date,
    on_choose: Callable[[date], Any],
    problem: str | None = None,
) -> ft.Control:
    """A day: the field shows it in words and opens the calendar."""
    _ = use_text()
    is_open, set_open = ft.use_state(False)

    def picked(event: Any) -> None:
        set_open(False)
        if event.control.value is not None:
            on_choose(from_picker(event.control.value))

    picker = ft.DatePicker(
        value=to_picker(value or today),
        current_date=to_picker(today),
        first_date=to_picker(today - timedelta(days=3650)),
        last_date=to_picker(today + timedelta(days=3650)),
        on_change=picked,
        on_dismiss=lambda e: set_open(False),
    )
    ft.use_dialog(picker if is_open else None)
    return identified(
        identifier,
        ft.TextField(
            label=label,
            value=_.day(value, today) if value else "",
            read_only=True,
            border_radius=12,
            error=problem,
            suffix_icon=ft.Icons.CALENDAR_MONTH,
            on_click=lambda e: set_open(True),
        ),
    )


def closed_day_hint(
    _: Texts,
    identifier: str,
    calendar: StoreCalendar,
    value: date | None,
    today: date,
    on_choose: Callable[[date], Any],
    last: date | None = None,
) -> list[ft.Control]:
    """Said under a day on which the store is closed, with the next working day in one tap; nothing
    for a working day. The day may stay: it may be agreed with the customer."""
    name = closed_day_name(calendar, value) if value else None
    if value is None or name is None:
        return []
    words = _("The store is closed on this day.")
    if label := _.label(name):
        words = _("The store is closed on this day: %(name)s.") % {"name": label}
    row: list[ft.Control] = [
        identified(
            f"{identifier}-closed",
            ft.Row(
                [
                    ft.Icon(ft.Icons.EVENT_BUSY, size=16, color=ft.Colors.ON_SURFACE_VARIANT),
                    ft.Text(words, size=12, color=ft.Colors.ON_SURFACE_VARIANT),
                ],
                spacing=6,
                tight=True,
            ),
        )
    ]
    if other := day_instead(calendar, value, today, last):
        row.append(
            chip(
                f"{identifier}-working-day",
                _("Change to %(day)s") % {"day": _.day(other, today)},
                selected=False,
                on_click=lambda e: on_choose(other),
            )
        )
    return [ft.Row(row, wrap=True, spacing=GAP, run_spacing=GAP)]


@component
def DateChips(
    identifier: str,
    value: date | None,
    today: date,
    on_choose: Callable[[date | None], Any],
    suggested: date | None = None,
    last: date | None = None,
    calendar: StoreCalendar = EVERY_DAY,
) -> ft.Control:
    """The next date in one tap: tomorrow, +3, +7, the level's own, or the calendar up to `last`
    (400 days when not given). A day that is closed in `calendar` is told."""
    _ = use_text()
    is_open, set_open = ft.use_state(False)
    days = sorted(
        {today + timedelta(days=n) for n in (1, 3, 7)} | ({suggested} if suggested else set())
    )

    def picked(event: Any) -> None:
        set_open(False)
        if event.control.value is not None:
            on_choose(from_picker(event.control.value))

    picker = ft.DatePicker(
        value=to_picker(value or suggested or today),
        current_date=to_picker(today),
        first_date=to_picker(today),
        last_date=to_picker(last or today + timedelta(days=400)),
        on_change=picked,
        on_dismiss=lambda e: set_open(False),
    )
    ft.use_dialog(picker if is_open else None)
    other = value is not None and value not in days
    row = [
        chip(
            f"{identifier}-plus-{(d - today).days}",
            _.day(d, today),
            selected=d == value,
            on_click=lambda e, d=d: on_choose(d),
        )
        for d in days
    ]
    row.append(
        chip(
            f"{identifier}-other",
            _.day(value, today) if other and value else _("Another day"),
            selected=other,
            icon=ft.Icons.CALENDAR_MONTH,
            on_click=lambda e: set_open(True),
        )
    )
    hint = closed_day_hint(_, identifier, calendar, value, today, on_choose, last)
    return ft.Column([ft.Row(row, wrap=True, spacing=GAP, run_spacing=GAP), *hint], spacing=GAP)


def pending_icon(name: str) -> ft.Control:
    """Not sent yet: on this device only."""
    return ft.Semantics(
        label=name,
        content=ft.Icon(
            ft.Icons.CLOUD_UPLOAD_OUTLINED, size=16, color=ft.Colors.TERTIARY, tooltip=name
        ),
    )


def pill(text: str, *, tone: str = "plain", icon: ft.IconData | None = None) -> ft.Control:
    """A small remark on a row: why it is here."""
    back, ink = {
        "plain": (ft.Colors.SURFACE_CONTAINER_HIGHEST, ft.Colors.ON_SURFACE_VARIANT),
        "urgent": (ft.Colors.ERROR_CONTAINER, ft.Colors.ON_ERROR_CONTAINER),
        "notice": (ft.Colors.TERTIARY_CONTAINER, ft.Colors.ON_TERTIARY_CONTAINER),
        "good": (ft.Colors.PRIMARY_CONTAINER, ft.Colors.ON_PRIMARY_CONTAINER),
    }[tone]
    inside: list[ft.Control] = [ft.Icon(icon, size=14, color=ink)] if icon else []
    return ft.Container(
        padding=ft.Padding.symmetric(horizontal=10, vertical=4),
        border_radius=8,
        bgcolor=back,
        content=ft.Row(
            [*inside, ft.Text(text, size=12, color=ink, expand=True, expand_loose=True)],
            tight=True,
            spacing=4,
        ),
    )
