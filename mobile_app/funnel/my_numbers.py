"""My three best chances and my numbers: a scoreboard that helps (F-25)."""

import flet as ft

from mobile_app.funnel.state import FunnelBoard
from mobile_app.session import use_session
from shared.domain.recommendations import Recommendation
from shared.ui.feedback import EmptyState
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import card, identified, pill, section


def reason_text(_: Texts, code: str, n: int) -> str:
    return {
        "stage": _("%(n)d%% progress") % {"n": n},
        "level": _("Highest level"),
        "closes": _("Expected today")
        if n == 0
        else _("Expected in %(n)d days") % {"n": n}
        if n > 0
        else _("Expected %(n)d days ago") % {"n": -n},
        "talked": _("Contacted today") if n == 0 else _("Contacted %(n)d days ago") % {"n": n},
        "stuck": _("%(n)d days in this stage") % {"n": n},
    }[code]


@component
def Scoreboard(state: FunnelBoard) -> ft.Control:
    _ = use_text()
    parts: list[ft.Control] = []
    if state.best:
        parts.append(
            section(
                _("Your best opportunities now"),
                *[RecommendationCard(c, n, key=str(c.deal.id)) for n, c in enumerate(state.best)],
            )
        )
    else:
        parts.append(
            EmptyState(
                ft.Icons.EMOJI_EVENTS_OUTLINED,
                _("No open deals yet"),
                _("Add one on a customer's card."),
            )
        )
    if state.numbers:
        n = state.numbers
        week = [
            (_("Conversations logged"), n.conversations),
            (_("Reached"), n.reached),
            (_("Level up"), n.level_increases),
        ]
        month = [(_("Won"), n.won), (_("Lost deals"), n.lost), (_("Open deals"), n.open)]
        parts.append(section(_("This week"), tiles(week)))
        parts.append(section(_("This month"), tiles(month)))
    return ft.Column(parts, spacing=16, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def tiles(numbers: list[tuple[str, int]]) -> ft.Control:
    boxes: list[ft.Control] = [
        ft.Semantics(
            label=f"{name} {n}",
            expand=True,
            content=ft.Container(
                ft.Column(
                    [
                        ft.Text(str(n), theme_style=ft.TextThemeStyle.HEADLINE_SMALL),
                        ft.Text(name, size=12, color=ft.Colors.ON_SURFACE_VARIANT),
                    ],
                    spacing=2,
                    horizontal_alignment=ft.CrossAxisAlignment.CENTER,
                ),
                padding=12,
                border_radius=12,
                bgcolor=ft.Colors.SURFACE_CONTAINER_LOW,
                border=ft.Border.all(1, ft.Colors.OUTLINE_VARIANT),
            ),
        )
        for name, n in numbers
    ]
    return ft.Row(boxes, spacing=8)


@component
def RecommendationCard(chance: Recommendation, index: int) -> ft.Control:
    session, _ = use_session(), use_text()
    deal, customer = chance.deal, chance.customer
    stage = session.config.stage(deal.pipeline, deal.stage) if session.config else None
    note = " · ".join(
        x
        for x in (
            _.label(stage.label) if stage else None,
            deal.title,
            _.money(deal.amount_fen) if deal.amount_fen is not None else None,
        )
        if x
    )
    pills: list[ft.Control] = [
        pill(reason_text(_, code, n), tone="urgent" if code == "stuck" else "plain")
        for code, n in chance.reasons
    ]
    inside = card(
        ft.Row(
            [
                ft.Text(
                    f"{index + 1}",
                    theme_style=ft.TextThemeStyle.TITLE_LARGE,
                    color=ft.Colors.PRIMARY,
                ),
                ft.Text(
                    customer.name or "—",
                    theme_style=ft.TextThemeStyle.TITLE_MEDIUM,
                    expand=True,
                    max_lines=1,
                    overflow=ft.TextOverflow.ELLIPSIS,
                ),
                ft.Icon(ft.Icons.CHEVRON_RIGHT, color=ft.Colors.OUTLINE),
            ]
        ),
        ft.Text(
            note,
            size=13,
            color=ft.Colors.ON_SURFACE_VARIANT,
            max_lines=2,
            overflow=ft.TextOverflow.ELLIPSIS,
        ),
        ft.Row(pills, wrap=True, spacing=6, run_spacing=6),
    )
    return identified(
        f"chance-{index}",
        ft.Container(
            inside, ink=True, on_click=lambda e: e.page.navigate(f"/customers/{customer.id}")
        ),
        button=True,
    )
