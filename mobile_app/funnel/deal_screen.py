"""Moving a deal: choose the stage, fill in exactly what it asks for."""

from uuid import UUID

import flet as ft

from mobile_app.files.widgets import form_with_files
from mobile_app.funnel.state import MoveDeal
from mobile_app.session import Session, use_local_data, use_session
from mobile_app.shell import page_view, scrolling
from shared.domain.config import StoreConfig
from shared.domain.funnel import CHECK
from shared.domain.records import Deal
from shared.ui.feedback import EmptyState, ProblemBanner, act, field_problem, not_loaded, typed
from shared.ui.text import Texts, use_text
from shared.ui.view import screen
from shared.ui.widgets import (
    bottom_bar,
    card,
    chips,
    pill,
    primary_button,
    section,
    text_button,
    text_field,
    tick_box,
)


@screen
def DealScreen() -> ft.View:
    session, _ = use_session(), use_text()
    page = ft.context.page
    deal_id = UUID(ft.use_route_params()["deal_id"])
    state, _set = ft.use_state(lambda: MoveDeal(session, _, deal_id))
    use_local_data(state.load)

    def leave() -> None:
        if state.moved:
            page.navigate("/funnel")

    ft.use_effect(leave, [state.moved])
    route, config, deal = ft.use_view_path(), session.config, state.deal
    if not state.loaded:
        return page_view(route, _("Deal"), not_loaded(state.problem, act(state.load), 3))
    if deal is None or config is None:
        return page_view(route, _("Deal"), *no_deal(_, state))
    blocks: list[ft.Control] = [
        *([ProblemBanner(state.problem)] if state.problem else []),
        deal_head(_, session, config, state, deal),
        target_choice(_, state),
        *stage_questions(_, state),
    ]
    if state.target and state.target.type == "lost":
        blocks.append(lost_reason_choice(_, config, state))
    if state.asks:
        blocks += manager_remark(_, state)
    if state.target and state.target.type == "won" and state.vehicles and deal.policy_id is None:
        blocks.append(handed_over_choice(_, state))
    move = primary_button(
        "move",
        _("Request approval") if state.asks else _("Move"),
        act(state.move),
        disabled=state.target is None or (state.pending and state.asks),
    )
    return page_view(route, _("Deal"), scrolling(blocks), bottom=bottom_bar(move))


def no_deal(_: Texts, state: MoveDeal) -> list[ft.Control]:
    """A colleague's deal without a network, or one that is not to be seen."""
    if state.problem == "offline":
        empty = EmptyState(
            ft.Icons.CLOUD_OFF,
            _("Needs a connection"),
            _("A colleague's data is available only online."),
        )
    else:
        empty = EmptyState(
            ft.Icons.FILTER_ALT_OFF_OUTLINED,
            _("Not found"),
            _("You cannot see this deal, or it was removed."),
        )
    return [*([ProblemBanner(state.problem, act(state.load))] if state.problem else []), empty]


def deal_head(
    _: Texts, session: Session, config: StoreConfig, state: MoveDeal, deal: Deal
) -> ft.Control:
    """Whose deal it is, for how much, where it stands and since when."""
    stage = config.stage(deal.pipeline, deal.stage)
    facts = (
        deal.title,
        _.money(deal.amount_fen) if deal.amount_fen is not None else None,
        _.label(stage.label) if stage else None,
        _("Owner: %(name)s") % {"name": state.owner_name} if state.owner_name else None,
    )
    dates = []
    if deal.stage_at:
        dates.append(pill(_("%(n)d days here") % {"n": (session.clock.now() - deal.stage_at).days}))
    if deal.expected_close_on:
        day = _.day(deal.expected_close_on, session.clock.today)
        dates.append(pill(_("Expected %(day)s") % {"day": day}))
    waits = pill(_("Waiting for approval"), tone="notice", icon=ft.Icons.HOURGLASS_EMPTY)
    return card(
        ft.Text(
            (state.customer.name if state.customer else "") or "—",
            theme_style=ft.TextThemeStyle.TITLE_LARGE,
        ),
        ft.Text(" · ".join(x for x in facts if x), color=ft.Colors.ON_SURFACE_VARIANT),
        *([ft.Row([waits])] if state.pending else []),
        ft.Row(dates, wrap=True, spacing=6),
        text_button(
            "open-customer",
            _("Open the customer"),
            lambda e: e.page.navigate(f"/customers/{deal.customer_id}"),
            icon=ft.Icons.PERSON_OUTLINE,
        ),
    )


def target_choice(_: Texts, state: MoveDeal) -> ft.Control:
    options = [(s.key, _.label(s.label)) for s in state.targets]
    chosen = state.target.key if state.target else None
    return section(
        _("Move to"), chips("target", options, chosen, lambda key: act(state.choose, key))
    )


def stage_questions(_: Texts, state: MoveDeal) -> list[ft.Control]:
    """What the chosen stage asks for: its fields, those this role may not fill in, its
    checklist."""
    found: list[ft.Control] = []
    if state.form is not None:
        key = f"asked-{state.target.key if state.target else ''}"
        found.append(form_with_files(state.form, state.attaching, key=key))
    for label in state.unfillable_fields:
        words = _("This stage requires a field your role cannot fill in: %(field)s") % {
            "field": label
        }
        found.append(ft.Text(words, color=ft.Colors.ERROR))
    for item in state.target.checklist if state.target else ():
        found.append(
            tick_box(
                f"check-{item.key}",
                _.label(item.label),
                item.key in state.checked,
                act(state.tick, item.key),
                problem=field_problem(_, state.problems, CHECK + item.key),
            )
        )
    return found


def lost_reason_choice(_: Texts, config: StoreConfig, state: MoveDeal) -> ft.Control:
    return section(
        _("Why was it lost?"),
        chips(
            "lost-reason",
            [(r.key, _.label(r.label)) for r in config.reasons_for("lost")],
            state.lost_reason,
            lambda key: act(state.choose_reason, key),
            problem=field_problem(_, state.problems, "lost_reason"),
        ),
    )


def manager_remark(_: Texts, state: MoveDeal) -> list[ft.Control]:
    return [
        text_field(
            "lost-words",
            _("Notes for the manager"),
            state.notes,
            typed(state.set_notes),
            multiline=True,
            max_lines=3,
        ),
        ft.Text(
            _("The manager decides; until then the deal stays in its stage."),
            size=13,
            color=ft.Colors.ON_SURFACE_VARIANT,
        ),
    ]


def handed_over_choice(_: Texts, state: MoveDeal) -> ft.Control:
    return section(
        _("Which vehicle is delivered?"),
        chips("vehicle", state.vehicles, state.vehicle, lambda key: act(state.choose_vehicle, key)),
    )
