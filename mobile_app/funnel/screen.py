"""The funnel with counts and amounts, and the deals of one stage below it."""

import flet as ft

from mobile_app.funnel.board import Board
from mobile_app.funnel.chart import FunnelChart
from mobile_app.funnel.my_numbers import Scoreboard
from mobile_app.funnel.state import FunnelBoard
from mobile_app.session import use_local_data, use_session
from mobile_app.shell import tab_view
from shared.domain.config import StoreConfig
from shared.domain.funnel import Funnel, StageCount
from shared.ui.feedback import EmptyState, ProblemBanner, act, not_loaded
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE, is_dark, stage_color
from shared.ui.view import component, screen
from shared.ui.widgets import MAX_ROWS, chips, section


@screen
def FunnelScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: FunnelBoard(session))
    use_local_data(state.load)
    if not state.loaded or session.config is None:
        return tab_view(
            "funnel",
            _("Funnel"),
            ft.Container(not_loaded(state.problem, act(state.load), 5), expand=True),
        )
    heads = [
        *([ProblemBanner(state.problem, act(state.load))] if state.problem else []),
        *view_choices(_, session.config, state),
    ]
    counted = state.counted
    if state.view == "mine":
        blocks: list[ft.Control] = [ft.Container(Scoreboard(state, key="mine"), padding=EDGE)]
    elif counted is None or not has_deals(state, counted):
        blocks = [no_deals(_, state)]
    elif state.view == "board":
        body = ft.Column(
            [*heads, Board(state, key="board")],
            expand=True,
            spacing=0,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        )
        return tab_view("funnel", _("Funnel"), body)
    else:
        blocks = [stage_rows(state, counted), stage_deals(_, state, counted)]
    return tab_view("funnel", _("Funnel"), ft.ListView([*heads, *blocks], expand=True))


def view_choices(_: Texts, config: StoreConfig, state: FunnelBoard) -> list[ft.Control]:
    """Which pipeline, which view of it, and whose deals."""
    pipelines = [(p.key, _.label(p.label)) for p in config.pipelines]
    found: list[ft.Control] = []
    if len(pipelines) > 1:
        choice = chips(
            "pipeline", pipelines, state.pipeline, lambda key: act(state.choose_pipeline, key)
        )
        found.append(ft.Container(choice, padding=EDGE))
    views = [("mine", _("My numbers")), ("funnel", _("Funnel")), ("board", _("Board"))]
    found.append(
        ft.Container(
            chips("view", views, state.view, lambda key: act(state.choose_view, key)),
            padding=ft.Padding.only(left=EDGE, right=EDGE, bottom=8, top=0 if found else 8),
        )
    )
    if state.colleagues and state.view != "mine":
        choice = chips(
            "member",
            state.colleagues,
            state.member,
            lambda key: act(state.choose_member, key),
            scrolls=True,
        )
        found.append(ft.Container(choice, padding=ft.Padding.only(left=EDGE, right=EDGE, bottom=8)))
    return found


def has_deals(state: FunnelBoard, counted: Funnel) -> bool:
    """Whether the view has anything to draw: a picture of nothing says nothing."""
    return bool(state.deals) if state.view == "board" else any(s.deals for s in counted.stages)


def no_deals(_: Texts, state: FunnelBoard) -> ft.Control:
    if state.counted is None:
        return EmptyState(
            ft.Icons.CLOUD_OFF,
            _("Needs a connection"),
            _("A colleague's data is available only online."),
        )
    if state.view == "board":
        return EmptyState(
            ft.Icons.VIEW_KANBAN_OUTLINED,
            _("No open deals yet"),
            _("Add one on a customer's card."),
        )
    return EmptyState(
        ft.Icons.FILTER_ALT_OUTLINED, _("No deals yet"), _("Add one on a customer's card.")
    )


def stage_rows(state: FunnelBoard, counted: Funnel) -> ft.Control:
    """The funnel as a picture and stage by stage."""
    steps = counted.steps()
    goes_on = {s.count.stage: s.goes_on for s in steps}
    rows: list[ft.Control] = (
        [FunnelChart(steps, state.stage, state.choose_stage, key="chart")] if len(steps) > 1 else []
    )
    rows += [
        StageRow(
            s,
            goes_on.get(s.stage),
            s.stage == state.stage,
            lambda e, s=s: state.choose_stage(s.stage),
            key=s.stage,
        )
        for s in counted.stages
    ]
    return ft.Container(
        ft.Column(rows, spacing=6, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        padding=ft.Padding.only(left=EDGE, right=EDGE, top=8),
    )


def stage_deals(_: Texts, state: FunnelBoard, counted: Funnel) -> ft.Control:
    """The deals of the chosen stage."""
    here = [(d, c) for d, c in state.deals if d.stage == state.stage]
    stage = next((s for s in counted.stages if s.stage == state.stage), None)
    rows: list[ft.Control] = [DealRow(d, c, key=str(d.id)) for d, c in here[:MAX_ROWS]]
    if not rows:
        rows = [EmptyState(ft.Icons.FILTER_ALT_OFF_OUTLINED, _("No deals here"))]
    return ft.Container(section(_.label(stage.label) if stage else "", *rows), padding=EDGE)


@component
def StageRow(count: StageCount, goes_on: float | None, selected: bool, on_click) -> ft.Control:
    """One stage: name, count, amount, and the share of deals that advanced."""
    _ = use_text()
    color = stage_color(count.color, dark=is_dark(ft.context.page))
    name = _.label(count.label)
    amount = _.money(count.amount_fen) if count.amount_fen else ""
    share = (
        _("%(share)d%% advance") % {"share": round(goes_on * 100)} if goes_on is not None else ""
    )
    note = " · ".join(x for x in (amount, share) if x)
    words: list[ft.Control] = [
        ft.Text(
            name,
            max_lines=2,
            overflow=ft.TextOverflow.ELLIPSIS,
            weight=ft.FontWeight.W_600 if selected else None,
        )
    ]
    if note:
        words.append(ft.Text(note, color=ft.Colors.ON_SURFACE_VARIANT, size=13))
    row = [
        ft.Container(width=10, height=28, border_radius=4, bgcolor=color),
        ft.Column(words, expand=True, spacing=2),
        ft.Text(str(count.deals), theme_style=ft.TextThemeStyle.TITLE_MEDIUM),
    ]
    return ft.Semantics(
        identifier=f"stage-{count.stage}".replace("_", "-"),
        button=True,
        selected=selected,
        label=f"{name} {count.deals} {note}",
        content=ft.Container(
            padding=ft.Padding.symmetric(horizontal=12, vertical=10),
            border_radius=12,
            ink=True,
            on_click=on_click,
            bgcolor=ft.Colors.SECONDARY_CONTAINER if selected else ft.Colors.SURFACE_CONTAINER_LOW,
            content=ft.Row(row, spacing=12),
        ),
    )


@component
def DealRow(deal, customer) -> ft.Control:
    session, _ = use_session(), use_text()
    age = (session.clock.now() - deal.stage_at).days if deal.stage_at else 0
    note = " · ".join(
        x
        for x in (
            deal.title,
            _.money(deal.amount_fen) if deal.amount_fen is not None else None,
            _("%(n)d days here") % {"n": age},
            _("Expected %(day)s") % {"day": _.day(deal.expected_close_on, session.clock.today)}
            if deal.expected_close_on
            else None,
        )
        if x
    )
    return ft.Semantics(
        identifier=f"deal-{deal.id}",
        button=True,
        content=ft.Container(
            padding=ft.Padding.symmetric(vertical=10),
            ink=True,
            on_click=lambda e: e.page.navigate(f"/funnel/{deal.id}"),
            border=ft.Border.only(bottom=ft.BorderSide(1, ft.Colors.OUTLINE_VARIANT)),
            content=ft.Row(
                [
                    ft.Column(
                        [
                            ft.Text(
                                customer.name or "—",
                                theme_style=ft.TextThemeStyle.TITLE_MEDIUM,
                                max_lines=1,
                                overflow=ft.TextOverflow.ELLIPSIS,
                            ),
                            ft.Text(
                                note,
                                size=13,
                                color=ft.Colors.ON_SURFACE_VARIANT,
                                max_lines=2,
                                overflow=ft.TextOverflow.ELLIPSIS,
                            ),
                        ],
                        spacing=2,
                        expand=True,
                    ),
                    ft.Icon(ft.Icons.CHEVRON_RIGHT, color=ft.Colors.OUTLINE),
                ]
            ),
        ),
    )
