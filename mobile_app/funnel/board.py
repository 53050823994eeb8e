"""The pipeline from left to right: a column a stage, a card a deal (S-87)."""

import flet as ft

from mobile_app.funnel.state import FunnelBoard
from mobile_app.session import use_session
from shared.domain.records import Customer, Deal
from shared.ui.text import use_text
from shared.ui.theme import EDGE, is_dark, stage_color
from shared.ui.view import component
from shared.ui.widgets import identified

COLUMN = 232  # dp: one and a half columns on a phone, so that one sees there is more
MOST_CARDS = 30  # of a column


@component
def Board(state: FunnelBoard) -> ft.Control:
    session, _ = use_session(), use_text()
    pipeline = session.config.pipeline(state.pipeline) if session.config else None
    columns: list[ft.Control] = []
    # all of them, as the funnel counts: the cards are those that came down
    counted = {s.stage: s for s in state.counted.stages} if state.counted else {}
    for stage in pipeline.stages if pipeline else ():
        deals = sorted(
            ((d, c) for d, c in state.deals if d.stage == stage.key),
            key=lambda x: x[0].stage_at or session.clock.now(),
        )
        total = counted.get(stage.key)
        number = total.deals if total else len(deals)
        fen = total.amount_fen if total else sum(d.amount_fen or 0 for d, _c in deals)
        color = stage_color(stage.color, dark=is_dark(ft.context.page))
        head = ft.Column(
            [
                ft.Row(
                    [
                        ft.Text(
                            _.label(stage.label),
                            theme_style=ft.TextThemeStyle.TITLE_SMALL,
                            expand=True,
                            max_lines=1,
                        ),
                        ft.Text(str(number)),
                    ]
                ),
                ft.Container(height=4, border_radius=2, bgcolor=color),
                ft.Text(_.money(fen) if fen else " ", size=12, color=ft.Colors.ON_SURFACE_VARIANT),
            ],
            spacing=4,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        )
        cards = [BoardCard(d, c, key=str(d.id)) for d, c in deals[:MOST_CARDS]]
        inside = ft.Column(
            [head, ft.ListView(cards, expand=True, spacing=8)],
            expand=True,
            spacing=8,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        )
        columns.append(
            identified(
                f"column-{stage.key}".replace("_", "-"),
                ft.Container(inside, width=COLUMN),
                label=f"{_.label(stage.label)} {number}",
            )
        )
    return ft.Container(
        ft.Row(
            columns,
            scroll=ft.ScrollMode.AUTO,
            spacing=12,
            expand=True,
            vertical_alignment=ft.CrossAxisAlignment.STRETCH,
        ),
        padding=ft.Padding.symmetric(horizontal=EDGE),
        expand=True,
    )


@component
def BoardCard(deal: Deal, customer: Customer) -> ft.Control:
    session, _ = use_session(), use_text()
    days = (session.clock.now() - deal.stage_at).days if deal.stage_at else 0
    late = deal.expected_close_on is not None and deal.expected_close_on < session.clock.today
    parts: list[ft.Control] = [
        ft.Text(
            customer.name or "—",
            weight=ft.FontWeight.W_600,
            max_lines=1,
            overflow=ft.TextOverflow.ELLIPSIS,
        )
    ]
    note = " · ".join(
        x
        for x in (deal.title, _.money(deal.amount_fen) if deal.amount_fen is not None else None)
        if x
    )
    if note:
        parts.append(
            ft.Text(
                note,
                size=12,
                color=ft.Colors.ON_SURFACE_VARIANT,
                max_lines=1,
                overflow=ft.TextOverflow.ELLIPSIS,
            )
        )
    parts.append(
        ft.Text(_("%(n)d days here") % {"n": days}, size=12, color=ft.Colors.ON_SURFACE_VARIANT)
    )
    if deal.expected_close_on:
        expected = _("Expected %(day)s") % {
            "day": _.day(deal.expected_close_on, session.clock.today)
        }
        parts.append(
            ft.Text(
                expected, size=12, color=ft.Colors.ERROR if late else ft.Colors.ON_SURFACE_VARIANT
            )
        )
    box = ft.Container(
        ft.Column(parts, spacing=2),
        padding=12,
        border_radius=12,
        bgcolor=ft.Colors.SURFACE_CONTAINER_LOW,
        border=ft.Border.all(1, ft.Colors.OUTLINE_VARIANT),
        ink=True,
        on_click=lambda e: e.page.navigate(f"/funnel/{deal.id}"),
    )
    return identified(f"board-{deal.id}", box, button=True)
