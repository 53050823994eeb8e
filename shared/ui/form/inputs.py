"""Boxes with words in them: text, numbers, money, phones, frame numbers; days and times as chips
with a picker beside."""

from collections.abc import Callable
from datetime import date, time, timedelta
from typing import Any

import flet as ft

from shared.domain.config import StoreCalendar
from shared.domain.values.vin import vin_problem
from shared.domain.working_days import EVERY_DAY
from shared.ui.dates import from_picker, to_picker
from shared.ui.feedback import typed
from shared.ui.form.state import FieldState
from shared.ui.text import Texts, use_text
from shared.ui.theme import GAP
from shared.ui.view import component
from shared.ui.widgets import chip, closed_day_hint, identified

KEYBOARDS = {
    "phone": ft.KeyboardType.PHONE,
    "number": ft.KeyboardType.NUMBER,
    "vin": ft.KeyboardType.VISIBLE_PASSWORD,
}
NEAR_DAYS = (0, 1, 7, 30)
USUAL_TIMES = ("09:30", "11:00", "14:00", "16:00", "19:00")


@component
def TextBox(
    identifier: str,
    label: str,
    field_state: FieldState,
    on_text: Callable,
    on_leave: Callable,
    hint: str,
    problem: str | None,
) -> ft.Control:
    """Text of any kind, under control: what it shows is what we hold, so no render wipes what is
    being composed."""
    _ = use_text()
    several = field_state.kind == "long_text"
    longest = field_state.definition.max_length or (2000 if several else None)
    box = ft.TextField(
        label=label,
        value=field_state.text,
        on_change=typed(on_text),
        on_blur=lambda e: on_leave(),
        error=problem,
        helper=meaning(_, field_state) or hint or None,
        helper_max_lines=3,
        suffix=_("yuan") if field_state.kind == "money" else None,
        keyboard_type=KEYBOARDS.get(
            field_state.kind, ft.KeyboardType.MULTILINE if several else ft.KeyboardType.TEXT
        ),  # money too: 万 is typed
        capitalization=ft.TextCapitalization.CHARACTERS if field_state.kind == "vin" else None,
        autocorrect=field_state.kind in ("text", "long_text"),
        multiline=several,
        min_lines=2 if several else None,
        max_lines=6 if several else 1,
        max_length=longest
        if longest and len(field_state.text) > longest * 0.8
        else None,  # counted only when it gets tight
        border_radius=12,
        border_color=ft.Colors.OUTLINE,
    )
    return identified(identifier, box)


def meaning(_: Texts, field_state: FieldState) -> str:
    """How a typed text is understood, where that is worth saying while it is typed."""
    if (
        field_state.kind == "money"
        and isinstance(field_state.value, int)
        and field_state.value >= 1_000_000
    ):
        return _.money(field_state.value)
    if field_state.kind == "vin" and field_state.text:
        code = vin_problem(field_state.text)
        return {
            "vin_letters": _("A VIN never contains I, O or Q."),
            "vin_length": _("%(n)d of 17 characters") % {"n": len(field_state.text.strip())},
            "vin_check": _("The ninth character does not match. Please check the VIN."),
        }.get(code or "", "")
    return ""


@component
def DayField(
    identifier: str,
    field_state: FieldState,
    today: date,
    on_day: Callable[[date | None], Any],
    calendar: StoreCalendar = EVERY_DAY,
) -> ft.Control:
    """Today, tomorrow, in a week, in thirty days, or the calendar; the chosen one tapped again is
    taken back. A day that is closed in `calendar` is told."""
    _ = use_text()
    is_open, set_open = ft.use_state(False)
    value = _day(field_state.value)

    def picked(event: Any) -> None:
        set_open(False)
        if event.control.value is not None:
            on_day(from_picker(event.control.value))

    picker = ft.DatePicker(
        value=to_picker(value or today),
        current_date=to_picker(today),
        first_date=to_picker(today - timedelta(days=36525)),  # births and first registrations too
        last_date=to_picker(today + timedelta(days=3650)),
        on_change=picked,
        on_dismiss=lambda e: set_open(False),
    )
    ft.use_dialog(picker if is_open else None)
    days = [today + timedelta(days=n) for n in NEAR_DAYS]
    other = value is not None and value not in days
    row = [
        chip(
            f"{identifier}-plus-{(d - today).days}",
            _.day(d, today),
            selected=d == value,
            on_click=lambda e, d=d: on_day(None if d == value else d),
        )
        for d in days
    ]
    row.append(
        chip(
            f"{identifier}-other",
            _.day(value, today) if other else _("Another day"),
            selected=other,
            icon=ft.Icons.CALENDAR_MONTH,
            on_click=lambda e: set_open(True),
        )
    )
    hint = closed_day_hint(_, identifier, calendar, value, today, on_day)
    return ft.Column([ft.Row(row, wrap=True, spacing=GAP, run_spacing=GAP), *hint], spacing=GAP)


@component
def TimeField(
    identifier: str, field_state: FieldState, on_time: Callable[[str | None], Any]
) -> ft.Control:
    """The usual hours as chips, any other by the clock."""
    _ = use_text()
    is_open, set_open = ft.use_state(False)

    def picked(event: Any) -> None:
        set_open(False)
        if event.control.value is not None:
            on_time(f"{event.control.value:%H:%M}")

    picker = ft.TimePicker(
        value=_clock(field_state.value) or time(9, 0),
        hour_format=ft.TimePickerHourFormat.H24,
        on_change=picked,
        on_dismiss=lambda e: set_open(False),
    )
    ft.use_dialog(picker if is_open else None)
    other = bool(field_state.value) and field_state.value not in USUAL_TIMES
    row = [
        chip(
            f"{identifier}-{t.replace(':', '')}",
            t,
            selected=t == field_state.value,
            on_click=lambda e, t=t: on_time(None if t == field_state.value else t),
        )
        for t in USUAL_TIMES
    ]
    row.append(
        chip(
            f"{identifier}-other",
            field_state.value if other else _("Another time"),
            selected=other,
            icon=ft.Icons.SCHEDULE,
            on_click=lambda e: set_open(True),
        )
    )
    return ft.Row(row, wrap=True, spacing=GAP, run_spacing=GAP)


def _clock(text: Any) -> time | None:
    try:
        return time.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _day(value: Any) -> date | None:
    try:
        return (
            value
            if isinstance(value, date)
            else date.fromisoformat(value)
            if isinstance(value, str)
            else None
        )
    except ValueError:
        return None
