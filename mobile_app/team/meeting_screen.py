"""The meeting sheet on a manager's phone: a day's numbers of the store and of each advisor. A
number opens its definition and the records it counts (S-23, S-110)."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import flet as ft

from mobile_app.session import use_local_data, use_session
from mobile_app.shell import page_view
from mobile_app.targets.screen import SheetTargets
from mobile_app.team.counted_rows import counted, moment
from mobile_app.team.meeting_notes import SheetNotes
from mobile_app.team.meeting_state import ALL, Column, Meeting, Rows
from shared.domain.metrics import NOBODY, Amount, MeetingSheet, number_text
from shared.ui.dates import from_picker, to_picker
from shared.ui.feedback import EmptyState, ProblemBanner, Skeleton, act
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE, GAP, TARGET
from shared.ui.view import component, screen
from shared.ui.widgets import (
    card,
    chip,
    icon_button,
    identified,
    secondary_button,
    section,
    text_button,
)

NAMES, CELL = 76, 68  # dp: four numbers beside the names on a phone 360 dp wide


@screen
def MeetingScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: Meeting(session, _, session.clock.today))
    use_local_data(state.load)
    blocks: list[ft.Control] = [DayStep(state, state.day), DayChoice(state, state.day)]
    if state.problem:
        blocks.append(ProblemBanner(state.problem, act(state.load)))
    if state.sheet is None:
        offline = state.problem == "offline"
        blocks.append(
            EmptyState(
                ft.Icons.CLOUD_OFF,
                _("Needs a connection"),
                _("The meeting sheet is counted on the server."),
            )
            if offline
            else Skeleton(4)
        )
    else:
        blocks += [
            Frozen(state, state.sheet),
            StoreCard(state, state.sheet),
            SheetTargets(state.sheet.day, key=f"targets-{state.sheet.day}"),
            MemberTable(state, state.sheet),
            SheetNotes(state.sheet.day, key=f"notes-{state.sheet.day}"),
        ]
    body = ft.ListView(
        [
            ft.Container(b, padding=ft.Padding.symmetric(horizontal=EDGE, vertical=GAP // 2))
            for b in blocks
        ],
        expand=True,
        padding=ft.Padding.symmetric(vertical=GAP),
    )
    return page_view(ft.use_view_path(), _("Meeting sheet"), body)


@component
def DayStep(state: Meeting, day: date) -> ft.Control:
    """The day that is shown, and the one before or after it in one tap."""
    session, _ = use_session(), use_text()
    today = session.clock.today
    title = ft.Text(
        _.day(day, today),
        theme_style=ft.TextThemeStyle.TITLE_MEDIUM,
        expand=True,
        text_align=ft.TextAlign.CENTER,
    )
    before, after = act(state.step, -1), act(state.step, 1)
    return ft.Row(
        [
            icon_button("day-before", ft.Icons.CHEVRON_LEFT, _("Previous day"), before),
            title,
            icon_button(
                "day-after", ft.Icons.CHEVRON_RIGHT, _("Next day"), after, disabled=day >= today
            ),
        ]
    )


@component
def DayChoice(state: Meeting, day: date) -> ft.Control:
    """Yesterday and today in one tap, the others from the calendar."""
    session, _ = use_session(), use_text()
    is_open, set_open = ft.use_state(False)
    near = [session.clock.today - timedelta(days=n) for n in (1, 0)]

    async def picked(event: Any) -> None:
        set_open(False)
        if event.control.value is not None:
            await act(state.choose_day, from_picker(event.control.value))(event)

    picker = ft.DatePicker(
        value=to_picker(day),
        current_date=to_picker(session.clock.today),
        first_date=to_picker(session.clock.today - timedelta(days=3650)),
        last_date=to_picker(session.clock.today),
        on_change=picked,
        on_dismiss=lambda e: set_open(False),
    )
    ft.use_dialog(picker if is_open else None)
    return ft.Row(
        [
            *(
                chip(
                    f"day-{d}",
                    _.day(d, session.clock.today),
                    selected=d == day,
                    on_click=act(state.choose_day, d),
                )
                for d in near
            ),
            chip(
                "day-other",
                _("Another day"),
                selected=day not in near,
                icon=ft.Icons.CALENDAR_MONTH,
                on_click=lambda e: set_open(True),
            ),
        ],
        wrap=True,
        spacing=GAP,
        run_spacing=GAP,
    )


@component
def Frozen(state: Meeting, sheet: MeetingSheet) -> ft.Control:
    """What the meeting saw stays; what is counted otherwise since is said."""
    session, _ = use_session(), use_text()
    if sheet.frozen_at is None:
        if not sheet.may_freeze:
            return ft.Container(height=0)
        return secondary_button(
            "freeze", _("Freeze for the meeting"), act(state.freeze), icon=ft.Icons.AC_UNIT
        )
    words = _("Frozen %(at)s by %(name)s") % {
        "at": moment(session, _, sheet.frozen_at),
        "name": sheet.frozen_by or "—",
    }
    n = sheet.differences
    words += " · " + (
        _.many("%(n)d number differs since", "%(n)d numbers differ since", n)
        if n
        else _("nothing differs since")
    )
    return identified(
        "frozen",
        ft.Text(words, size=13, color=ft.Colors.TERTIARY if n else ft.Colors.ON_SURFACE_VARIANT),
    )


def words_of(_: Texts, sheet: MeetingSheet, column: Column, amount: Amount) -> tuple[str, str, str]:
    """The number as the meeting saw it; of a share, how many of how many; and what it is by now,
    where that is another."""
    metric, frozen = column.metric, sheet.frozen_at is not None
    value, out_of = (
        (amount.frozen, amount.frozen_out_of) if frozen else (amount.value, amount.out_of)
    )
    now = ""
    if frozen and amount.differs:
        text = number_text(metric, amount.value, amount.out_of, _.language)
        now = _("now %(number)s") % {"number": text}
    parts = f"{value}/{out_of}" if metric.unit == "share" and out_of else ""
    return number_text(metric, value, out_of, _.language), parts, now


@component
def StoreCard(state: Meeting, sheet: MeetingSheet) -> ft.Control:
    session, _ = use_session(), use_text()
    title = session.me.store_name if session.me and sheet.scope != "own" else _("My numbers")
    tiles: list[ft.Control] = [
        NumberTile(
            state.route(c, None),
            f"total-{c.metric.key}{'-' + c.level if c.level else ''}".replace("_", "-"),
            c.title,
            words_of(_, sheet, c, sheet.amount(c.metric.key, None, c.level)),
            key=f"{c.metric.key}-{c.level}",
        )
        for c in state.columns
    ]
    return card(
        ft.Text(title, theme_style=ft.TextThemeStyle.TITLE_MEDIUM),
        ft.Row(
            tiles,
            wrap=True,
            spacing=GAP,
            run_spacing=GAP,
            vertical_alignment=ft.CrossAxisAlignment.START,
        ),
        identifier="totals",
    )


@component
def NumberTile(route: str, identifier: str, title: str, words: tuple[str, str, str]) -> ft.Control:
    number, parts, now = words
    note = " ".join(x for x in (parts, now) if x)
    lines: list[ft.Control] = [
        ft.Text(title, size=12, color=ft.Colors.ON_SURFACE_VARIANT),
        ft.Text(number, theme_style=ft.TextThemeStyle.TITLE_LARGE),
    ]
    if note:
        lines.append(ft.Text(note, size=12, color=ft.Colors.TERTIARY if now else None))
    box = ft.Container(
        ft.Column(lines, spacing=0, tight=True),
        width=92,
        padding=ft.Padding.symmetric(vertical=4),
        ink=True,
        border_radius=8,
        on_click=lambda e: e.page.navigate(route),
    )
    return identified(identifier, box, button=True)


@component
def MemberTable(state: Meeting, sheet: MeetingSheet) -> ft.Control:
    """Names stay, the numbers scroll beside them."""
    _ = use_text()
    members, columns = state.members, state.columns
    if not members:
        return EmptyState(ft.Icons.GROUPS_OUTLINED, _("Nobody to show"))
    names: list[ft.Control] = [
        _cell(ft.Text(""), NAMES, head=True),
        *(
            _cell(ft.Text(name, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS), NAMES, left=True)
            for _member, name in members
        ),
    ]
    numbers: list[ft.Control] = [
        ft.Column(
            [
                _cell(
                    ft.Text(c.title, size=12, max_lines=2, text_align=ft.TextAlign.CENTER),
                    CELL,
                    head=True,
                ),
                *(
                    MemberCell(
                        state.route(c, member),
                        f"number-{c.metric.key}-{c.level or ALL}-{member}".replace("_", "-"),
                        f"{name} {c.title}",
                        words_of(_, sheet, c, sheet.amount(c.metric.key, member, c.level)),
                        key=f"{c.metric.key}-{c.level}-{member}",
                    )
                    for member, name in members
                ),
            ],
            spacing=0,
        )
        for c in columns
    ]
    table = ft.Row(
        [
            ft.Column(names, spacing=0),
            ft.Row(numbers, spacing=0, scroll=ft.ScrollMode.AUTO, expand=True),
        ],
        spacing=0,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )
    return section(_("By advisor"), table)


def _cell(
    inside: ft.Control, width: int, *, head: bool = False, left: bool = False, **properties: Any
) -> ft.Container:
    return ft.Container(
        inside,
        width=width,
        height=56 if head else TARGET,
        alignment=ft.Alignment.CENTER_LEFT if left else ft.Alignment.CENTER,
        border=ft.Border.only(bottom=ft.BorderSide(1, ft.Colors.OUTLINE_VARIANT)),
        **properties,
    )


@component
def MemberCell(route: str, identifier: str, title: str, words: tuple[str, str, str]) -> ft.Control:
    number, parts, now = words
    note = now or parts
    lines: list[ft.Control] = [ft.Text(number, max_lines=1)]
    if note:
        lines.append(ft.Text(note, size=10, color=ft.Colors.TERTIARY if now else None))
    inside = ft.Column(
        lines,
        spacing=0,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.CENTER,
    )
    box = _cell(inside, CELL, ink=True, on_click=lambda e: e.page.navigate(route))
    return identified(identifier, box, button=True, label=title)


# The rows of a number -----------------------------------------------------------------------------


@screen
def MetricRowsScreen() -> ft.View:
    session, _ = use_session(), use_text()
    asked = ft.use_route_params()
    member = None if asked["member"] == ALL else UUID(asked["member"])
    level = None if asked["level"] == ALL else asked["level"]
    state, _set = ft.use_state(
        lambda: Rows(session, date.fromisoformat(asked["day"]), asked["metric"], member, level)
    )
    use_local_data(state.load)
    route, found = ft.use_view_path(), state.found
    if found is None:
        banner = [ProblemBanner(state.problem, act(state.load))] if state.problem else []
        return page_view(route, _("Meeting sheet"), *banner, *([] if banner else [Skeleton(4)]))
    subject = [_.day(state.day, session.clock.today)]
    if state.member and (name := _.people.get(str(state.member))):
        subject.append(name)
    if session.config and state.level:
        subject.append(_.named(session.config.labels("levels"), state.level))
    metric = found.metric
    month: list[ft.Control] = []
    if metric.direction and state.level is None and state.member != NOBODY:
        month.append(
            text_button(
                "month",
                _("Month and target"),
                lambda e: e.page.navigate(
                    f"/team/meeting/{state.day}/{metric.key}/{state.member or ALL}"
                ),
                icon=ft.Icons.FLAG_OUTLINED,
            )
        )
    body = counted(_, " · ".join(subject), found, state.member is None, *month)
    return page_view(route, _.label(metric.label), body)
