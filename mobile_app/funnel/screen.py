"""The funnel with counts and amounts, and the deals of one stage below it."""

import flet as ft

from mobile_app.funnel.board import Board
from mobile_app.funnel.chart import FunnelChart
from mobile_app.funnel.scoreboard import Scoreboard
from mobile_app.funnel.state import FunnelBoard
from mobile_app.session import use_book, use_session
from mobile_app.shell import tab_view
from shared.domain.funnel import StageCount
from shared.ui.feedback import EmptyState, ProblemBanner, Skeleton, act
from shared.ui.parts import MAX_ROWS, chips, section
from shared.ui.text import use_text
from shared.ui.theme import EDGE, is_dark, stage_color
from shared.ui.view import component, screen


@screen
def FunnelScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: FunnelBoard(session))
    use_book(state.load)
    if not state.loaded or state.counted is None or session.config is None:
        return tab_view("funnel", _("Funnel"), ft.Container(Skeleton(5), expand=True))
    pipelines = [(p.key, _.label(p.label)) for p in session.config.pipelines]
    blocks: list[ft.Control] = [ProblemBanner(state.problem, act(state.load))] if state.problem else []
    if len(pipelines) > 1:
        blocks.append(ft.Container(chips("pipeline", pipelines, state.pipeline, lambda key: act(state.choose_pipeline, key)), padding=EDGE))
    views = [("mine", _("My numbers")), ("funnel", _("Funnel")), ("board", _("Board"))]
    blocks.append(
        ft.Container(chips("view", views, state.view, lambda key: act(state.choose_view, key)), padding=ft.Padding.only(left=EDGE, right=EDGE, bottom=8, top=0 if len(pipelines) > 1 else 8))
    )  # fmt: skip
    if state.view == "mine":
        blocks.append(ft.Container(Scoreboard(state, key="mine"), padding=EDGE))
        return tab_view("funnel", _("Funnel"), ft.ListView(blocks, expand=True))
    if state.view == "board" and not state.deals:
        blocks.append(EmptyState(ft.Icons.VIEW_KANBAN_OUTLINED, _("No open deals yet"), _("Add one on a customer's card.")))
        return tab_view("funnel", _("Funnel"), ft.ListView(blocks, expand=True))
    if state.view == "board":
        return tab_view(
            "funnel",
            _("Funnel"),
            ft.Column([*blocks, Board(state, key="board")], expand=True, spacing=0, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        )
    steps = state.counted.steps()
    if not any(s.deals for s in state.counted.stages):  # a picture of nothing says nothing
        blocks.append(EmptyState(ft.Icons.FILTER_ALT_OUTLINED, _("No deals yet"), _("Add one on a customer's card.")))
        return tab_view("funnel", _("Funnel"), ft.ListView(blocks, expand=True))
    goes_on = {s.count.stage: s.goes_on for s in steps}
    rows: list[ft.Control] = [FunnelChart(steps, state.stage, state.choose_stage, key="chart")] if len(steps) > 1 else []
    rows += [
        StageRow(s, goes_on.get(s.stage), s.stage == state.stage, lambda e, s=s: state.choose_stage(s.stage), key=s.stage)
        for s in state.counted.stages
    ]
    blocks.append(
        ft.Container(
            ft.Column(rows, spacing=6, horizontal_alignment=ft.CrossAxisAlignment.STRETCH), padding=ft.Padding.only(left=EDGE, right=EDGE, top=8)
        )
    )
    here = [(d, c) for d, c in state.deals if d.stage == state.stage]
    stage = next((s for s in state.counted.stages if s.stage == state.stage), None)
    rows = [DealRow(d, c, key=str(d.id)) for d, c in here[:MAX_ROWS]]
    if not rows:
        rows = [EmptyState(ft.Icons.FILTER_ALT_OFF_OUTLINED, _("No deals of yours here"))]
    blocks.append(ft.Container(section(_.label(stage.label) if stage else "", *rows), padding=EDGE))
    return tab_view("funnel", _("Funnel"), ft.ListView(blocks, expand=True))


@component
def StageRow(count: StageCount, goes_on: float | None, selected: bool, on_click) -> ft.Control:
    """One stage: name, number, amount, and how many of those who came so far went on."""
    _ = use_text()
    color = stage_color(count.color, dark=is_dark(ft.context.page))
    name = _.label(count.label)
    amount = _.money(count.amount_fen) if count.amount_fen else ""
    share = _("%(share)d%% go on") % {"share": round(goes_on * 100)} if goes_on is not None else ""
    note = " · ".join(x for x in (amount, share) if x)
    words: list[ft.Control] = [ft.Text(name, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS, weight=ft.FontWeight.W_600 if selected else None)]
    if note:
        words.append(ft.Text(note, color=ft.Colors.ON_SURFACE_VARIANT, size=13))
    row = [
        ft.Container(width=10, height=28, border_radius=4, bgcolor=color),
        ft.Column(words, expand=True, spacing=2),
        ft.Text(str(count.deals), theme_style=ft.TextThemeStyle.TITLE_MEDIUM),
    ]
    return ft.Semantics(
        identifier=f"stage-{count.stage}".replace("_", "-"), button=True, selected=selected, label=f"{name} {count.deals} {note}",
        content=ft.Container(
            padding=ft.Padding.symmetric(horizontal=12, vertical=10), border_radius=12, ink=True, on_click=on_click,
            bgcolor=ft.Colors.SECONDARY_CONTAINER if selected else ft.Colors.SURFACE_CONTAINER_LOW, content=ft.Row(row, spacing=12),
        ),
    )  # fmt: skip


@component
def DealRow(deal, customer) -> ft.Control:
    session, _ = use_session(), use_text()
    age = (session.now() - deal.stage_at).days if deal.stage_at else 0
    note = " · ".join(
        x
        for x in (
            deal.title,
            _.money(deal.amount_fen) if deal.amount_fen is not None else None,
            _("%(n)d days here") % {"n": age},
            _("Expected %(day)s") % {"day": _.day(deal.expected_close_on, session.today)} if deal.expected_close_on else None,
        )
        if x
    )
    return ft.Semantics(
        identifier=f"deal-{deal.id}", button=True,
        content=ft.Container(
            padding=ft.Padding.symmetric(vertical=10), ink=True, on_click=lambda e: e.page.navigate(f"/funnel/{deal.id}"), border=ft.Border.only(bottom=ft.BorderSide(1, ft.Colors.OUTLINE_VARIANT)),
            content=ft.Row([ft.Column([ft.Text(customer.name or "—", theme_style=ft.TextThemeStyle.TITLE_MEDIUM, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS), ft.Text(note, size=13, color=ft.Colors.ON_SURFACE_VARIANT, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS)], spacing=2, expand=True), ft.Icon(ft.Icons.CHEVRON_RIGHT, color=ft.Colors.OUTLINE)]),
        ),
    )  # fmt: skip
