"""What a number means, and the records it counts: each with its customer, one tap from the card
(S-110)."""

from datetime import datetime

import flet as ft

from mobile_app.session import Session, use_session
from shared.domain.metrics import Metric, MetricRow, MetricRows, number_text
from shared.ui.feedback import EmptyState
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE, GAP
from shared.ui.view import component
from shared.ui.widgets import MAX_ROWS, card, identified, text_button


def moment(session: Session, _: Texts, at: datetime) -> str:
    return f"{_.day(session.clock.day(at), session.clock.today)} {session.clock.time_text(at)}"


def counted(
    _: Texts, subject: str, found: MetricRows, names_member: bool, *first: ft.Control
) -> ft.Control:
    """The definition, whose number it is, and the rows; `first`: what stands above them."""
    blocks: list[ft.Control] = [*first, Definition(subject, found, key="definition")]
    notes = []
    if found.unseen:
        notes.append(_("%(n)d of customers you do not see.") % {"n": found.unseen})
    if found.total - found.unseen > len(found.rows):
        notes.append(
            _("The first %(n)d of %(total)d.") % {"n": len(found.rows), "total": found.total}
        )
    blocks += [ft.Text(n, size=13, color=ft.Colors.ON_SURFACE_VARIANT) for n in notes]
    if not found.total:
        blocks.append(EmptyState(ft.Icons.INBOX_OUTLINED, _("Nothing counted")))
    padded = [
        ft.Container(b, padding=ft.Padding.symmetric(horizontal=EDGE, vertical=GAP // 2))
        for b in blocks
    ]
    rows = [
        CountedRow(found.metric, r, names_member, key=str(r.record_id))
        for r in found.rows[:MAX_ROWS]
    ]
    return ft.ListView([*padded, *rows], expand=True)


@component
def Definition(subject: str, found: MetricRows) -> ft.Control:
    """What the number means, in words and, for who asks, as the SQL that finds its rows."""
    _ = use_text()
    is_open, set_open = ft.use_state(False)
    words = _.label(found.metric.definition)
    sql = [ft.Text(found.sql, size=12, font_family="monospace", selectable=True)] if is_open else []
    return card(
        ft.Text(subject, theme_style=ft.TextThemeStyle.TITLE_MEDIUM),
        identified("definition", ft.Text(words, size=13)),
        *sql,
        text_button("sql", _("Hide SQL") if is_open else "SQL", lambda e: set_open(not is_open)),
        identifier="metric",
    )


@component
def CountedRow(metric: Metric, row: MetricRow, names_member: bool) -> ft.Control:
    """Which customer, when, what, whose number; the card is one tap away."""
    session, _ = use_session(), use_text()
    if row.occurred_at:
        when = moment(session, _, row.occurred_at)
    else:
        when = _.day(row.due_on, session.clock.today) if row.due_on else ""
    note = " · ".join(
        x
        for x in (
            when,
            _.label(row.label),
            _.money(row.amount_fen) if row.amount_fen is not None else "",
            number_text(metric, row.amount, 1, _.language) if row.amount is not None else "",
            _.people.get(str(row.member_id), "") if names_member else "",
        )
        if x
    )
    box = ft.Container(
        ft.Column(
            [
                ft.Text(
                    row.customer_name or "—",
                    theme_style=ft.TextThemeStyle.TITLE_MEDIUM,
                    max_lines=1,
                    overflow=ft.TextOverflow.ELLIPSIS,
                ),
                ft.Text(note, size=13, color=ft.Colors.ON_SURFACE_VARIANT),
            ],
            spacing=4,
        ),
        padding=ft.Padding.symmetric(horizontal=EDGE, vertical=10),
        ink=True,
        on_click=lambda e: e.page.navigate(f"/customers/{row.customer_id}"),
        border=ft.Border.only(bottom=ft.BorderSide(1, ft.Colors.OUTLINE_VARIANT)),
    )
    return identified(f"row-{row.record_id}", box, button=True)
