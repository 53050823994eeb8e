"""On which days the store works: its weekdays, closed days, make-up days."""

from functools import partial

import flet as ft

from admin.draft import use_draft
from admin.settings.calendar_state import NewDays, Period, periods
from admin.widgets import FIELD, choices, titled
from shared.domain.config import StoreCalendar
from shared.domain.draft_merge import GONE
from shared.ui.feedback import act, typed
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import card, icon_button, identified, section, text_button

EVERY_DAY = StoreCalendar().weekdays


@component
def Calendar() -> ft.Control:
    _ = use_text()
    note = _(
        "What the rules plan for a day on which the store is closed is due on the next working "
        "day. A day agreed with the customer is kept."
    )
    return card(
        section(
            _("Working days"),
            ft.Text(note, size=12, color=ft.Colors.ON_SURFACE_VARIANT),
            Weekdays(),
            CalendarDays("closed_days", _("Closed days")),
            CalendarDays("makeup_days", _("Make-up days")),
        )
    )


@component
def Weekdays() -> ft.Control:
    draft, _ = use_draft(), use_text()
    is_refused, set_refused = ft.use_state(False)
    stored = draft.at(("calendar", "weekdays"))
    worked = EVERY_DAY if stored is GONE else stored
    names = weekday_names(_)

    def chosen(keys: list[str]) -> None:
        set_refused(not keys)
        days = [int(key) for key in keys]
        if days:
            draft.set_value(("calendar", "weekdays"), GONE if days == [*EVERY_DAY] else days)

    chips = choices("weekday", names, [str(day) for day in worked], chosen)
    problem = ft.Text(
        _("The store works on at least one day of the week."), color=ft.Colors.ERROR, size=12
    )
    shown = [chips, identified("weekday-problem", problem)] if is_refused else [chips]
    return titled(_("Open on"), *shown)


def weekday_names(_: Texts) -> list[tuple[str, str]]:
    names = (
        _("Monday"),
        _("Tuesday"),
        _("Wednesday"),
        _("Thursday"),
        _("Friday"),
        _("Saturday"),
        _("Sunday"),
    )
    return [(str(number), name) for number, name in enumerate(names, 1)]


@component
def CalendarDays(part: str, title: str) -> ft.Control:
    """The days of one list, and a line to add some."""
    draft, _ = use_draft(), use_text()
    state, _set = ft.use_state(lambda: NewDays(draft, part, _.language))
    slug = part.replace("_", "-")
    rows = [
        period_row(_, state, period, f"{slug}-{n}")
        for n, period in enumerate(periods(state.days_of(part)))
    ]
    boxes = [
        day_box(_, state, slug, "first", _("First day"), 180),
        day_box(_, state, slug, "last", _("Last day (optional)"), 180),
        day_box(_, state, slug, "name", _("Name"), 240),
    ]
    add = text_button(f"{slug}-add", _("Add"), act(state.add), icon=ft.Icons.ADD)
    return titled(title, *rows, ft.Row([*boxes, add], wrap=True, spacing=12, run_spacing=8))


def period_row(_: Texts, state: NewDays, period: Period, identifier: str) -> ft.Control:
    days = period.first.isoformat()
    if period.last != period.first:
        days = f"{days} – {period.last.isoformat()}"
    name = _.label(period.name)
    remove = icon_button(
        f"{identifier}-remove",
        ft.Icons.DELETE_OUTLINE,
        _("Remove %(name)s") % {"name": name or days},
        act(state.remove, period),
        icon_size=18,
    )
    return identified(
        identifier, ft.Row([ft.Text(days, width=230), ft.Text(name, expand=True), remove])
    )


def day_box(_: Texts, state: NewDays, slug: str, key: str, title: str, width: int) -> ft.Control:
    code = state.problems.get(key)
    box = ft.TextField(
        value=getattr(state, key),
        label=title,
        error=problem_text(_, code) if code else None,
        on_change=typed(partial(state.put, key)),
        on_submit=act(state.add),
        **FIELD,
    )
    return ft.Container(identified(f"{slug}-{key}", box), width=width)


def problem_text(_: Texts, code: str) -> str:
    return {
        "date": _("Enter a day such as 2027-02-06."),
        "order": _("The last day is before the first."),
        "long": _("At most 60 days in a row."),
        "required": _("Enter a name."),
        "closed_days": _("This day is among the closed days."),
        "makeup_days": _("This day is among the make-up days."),
    }[code]
