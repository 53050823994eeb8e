"""Renewal rates on the phone: the policies of a month by window, insurer, person and reason; a
number opens its customers (F-42)."""

import flet as ft

from mobile_app.session import Session, use_local_data, use_session
from mobile_app.shell import page_view
from mobile_app.team.renewal_rates import NUMBERS, OpenNumber, RatesOfMonth
from shared.domain.metrics import NOBODY
from shared.gateway.renewals import RenewalNumber, RenewalRates, RenewalRow, RenewalRows
from shared.ui.feedback import EmptyState, ProblemBanner, Skeleton, act
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE, GAP, TARGET
from shared.ui.view import component, screen
from shared.ui.widgets import MAX_ROWS, icon_button, identified, section

NAME, CELL = 78, 50  # dp: five numbers beside a name on a phone 360 dp wide


@screen
def RenewalRatesScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: RatesOfMonth(session, session.clock.today))
    use_local_data(state.load)
    blocks: list[ft.Control] = [month_choice(_, state)]
    if state.problem:
        blocks.append(ProblemBanner(state.problem, act(state.load)))
    rates = state.rates
    if rates is None:
        blocks.append(
            EmptyState(
                ft.Icons.CLOUD_OFF,
                _("Needs a connection"),
                _("The renewal rates are counted on the server."),
            )
            if state.problem == "offline"
            else Skeleton(4)
        )
    elif not rates.under("all"):
        blocks.append(EmptyState(ft.Icons.INBOX_OUTLINED, _("No policy ends in this month")))
    else:
        blocks += [
            RateTable(state, rates, by, state.opened, state.rows, key=by)
            for by in ("all", "window", "insurer", "member", "reason")
            if rates.under(by) and not (by == "member" and rates.scope == "own")
        ]
    body = ft.ListView(
        [
            ft.Container(b, padding=ft.Padding.symmetric(horizontal=EDGE, vertical=GAP // 2))
            for b in blocks
        ],
        expand=True,
        padding=ft.Padding.symmetric(vertical=GAP),
    )
    return page_view(ft.use_view_path(), _("Renewal rates"), body)


def month_choice(_: Texts, state: RatesOfMonth) -> ft.Control:
    return ft.Row(
        [
            icon_button(
                "month-before",
                ft.Icons.CHEVRON_LEFT,
                _("Previous month"),
                act(state.previous_month),
            ),
            identified(
                "month",
                ft.Text(_.month(state.month), theme_style=ft.TextThemeStyle.TITLE_MEDIUM),
            ),
            icon_button(
                "month-after", ft.Icons.CHEVRON_RIGHT, _("Next month"), act(state.next_month)
            ),
        ],
        alignment=ft.MainAxisAlignment.CENTER,
    )


def title_of(_: Texts, by: str) -> str:
    return {
        "all": _("Policies that end in this month"),
        "window": _("By days before the end"),
        "insurer": _("By insurer"),
        "member": _("By renewal owner"),
        "reason": _("Reasons of the lost ones"),
    }[by]


def name_of(_: Texts, session: Session, number: RenewalNumber) -> str:
    by, key = number.by, number.key
    if by == "all":
        return _("All")
    if by == "window":
        return {"90": _("61–90 days"), "60": _("31–60 days"), "30": _("30 days and less")}[key]
    if by == "member":
        return _("No owner") if key == str(NOBODY) else _.people.get(key, "—")
    if by == "reason" and session.config:
        return _.named(session.config.labels("reasons"), key) or _("No reason")
    return key or _("No insurer")


def number_name(_: Texts, number: str) -> str:
    return {
        "due": _("Due"),
        "contacted": _("Contacted"),
        "renewed": _("Renewed"),
        "lost": _("Not renewed"),
        "rate": _("Rate"),
    }[number]


@component
def RateTable(
    state: RatesOfMonth,
    rates: RenewalRates,
    by: str,
    opened: OpenNumber | None,
    rows: RenewalRows | None,
) -> ft.Control:
    """A heading a line; under it the customers of the number that is open."""
    session, _ = use_session(), use_text()
    shown = NUMBERS[-1:] if by == "reason" else (*NUMBERS, "rate")
    lines: list[ft.Control] = [
        ft.Row(
            [_cell(ft.Text(""), NAME), *(_cell(_head(number_name(_, n)), CELL) for n in shown)],
            spacing=0,
        )
    ]
    for heading in rates.under(by):
        name = name_of(_, session, heading)
        cells = [number_cell(_, state, heading, name, n, opened) for n in shown]
        words = ft.Text(name, size=13, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS)
        lines.append(ft.Row([_cell(words, NAME, left=True), *cells], spacing=0))
        if opened is not None and (opened.by, opened.key) == (heading.by, heading.key):
            lines.append(CountedPolicies(rows, key=f"{opened.by} {opened.key} {opened.number}"))
    return section(title_of(_, by), ft.Column(lines, spacing=0))


def _head(words: str) -> ft.Control:
    return ft.Text(
        words, size=12, color=ft.Colors.ON_SURFACE_VARIANT, text_align=ft.TextAlign.CENTER
    )


def _cell(inside: ft.Control, width: int, *, left: bool = False, **properties) -> ft.Container:
    return ft.Container(
        inside,
        width=width,
        height=TARGET,
        alignment=ft.Alignment.CENTER_LEFT if left else ft.Alignment.CENTER,
        **properties,
    )


def number_cell(
    _: Texts,
    state: RatesOfMonth,
    heading: RenewalNumber,
    name: str,
    number: str,
    opened: OpenNumber | None,
) -> ft.Control:
    """A number that can be tapped; the rate cannot, since it counts nothing of its own."""
    identifier = f"{heading.by}-{heading.key}-{number}"
    if number == "rate":
        return identified(identifier, _cell(ft.Text(heading.rate, max_lines=1), CELL))
    is_open = opened == OpenNumber(heading.by, heading.key, number)
    box = _cell(
        ft.Text(str(heading.count(number)), max_lines=1),
        CELL,
        ink=True,
        border_radius=8,
        bgcolor=ft.Colors.SECONDARY_CONTAINER if is_open else None,
        on_click=act(state.open, heading, number),
    )
    return identified(
        identifier, box, button=True, label=f"{name} {number_name(_, number)}", selected=is_open
    )


@component
def CountedPolicies(rows: RenewalRows | None) -> ft.Control:
    """Whose policy it is, when it ends and what became of it; the card is one tap away."""
    session, _ = use_session(), use_text()
    if rows is None:
        return Skeleton(1)
    notes = []
    if rows.unseen:
        notes.append(_("%(n)d of customers you do not see.") % {"n": rows.unseen})
    if rows.total - rows.unseen > len(rows.rows):
        notes.append(
            _("The first %(n)d of %(total)d.") % {"n": len(rows.rows), "total": rows.total}
        )
    if not rows.total:
        notes.append(_("Nothing counted"))
    lines: list[ft.Control] = [
        ft.Text(n, size=13, color=ft.Colors.ON_SURFACE_VARIANT) for n in notes
    ]
    lines += [policy_row(_, session, row) for row in rows.rows[:MAX_ROWS]]
    return ft.Column(lines, spacing=0, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def policy_row(_: Texts, session: Session, row: RenewalRow) -> ft.Control:
    reasons = session.config.labels("reasons") if session.config else {}
    status = {"renewed": _("Renewed"), "lost": _("Not renewed")}.get(row.status, "")
    note = " · ".join(
        x
        for x in (
            _("Ends %(day)s") % {"day": _.day(row.expires_on, session.clock.today)},
            row.insurer or "",
            status,
            _.named(reasons, row.reason) if row.reason else "",
            _.people.get(str(row.member_id), ""),
        )
        if x
    )
    tile = ft.ListTile(
        title=ft.Text(row.customer_name or "—", max_lines=1, overflow=ft.TextOverflow.ELLIPSIS),
        subtitle=ft.Text(note),
        min_height=56,
        on_click=lambda e: e.page.navigate(f"/customers/{row.customer_id}"),
    )
    return identified(f"row-{row.policy_id}", tile)
