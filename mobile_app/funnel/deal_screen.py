"""Moving a deal: choose the stage, fill in exactly what it asks for."""

from uuid import UUID

import flet as ft

from mobile_app.files.view import form_with_files
from mobile_app.funnel.state import MoveDeal
from mobile_app.session import use_book, use_session
from mobile_app.shell import page_view
from shared.domain.funnel import CHECK
from shared.ui.feedback import EmptyState, ProblemBanner, Skeleton, act, field_problem, typed
from shared.ui.parts import card, chips, docked, pill, primary_button, section, text_button, text_field, tick_box
from shared.ui.text import use_text
from shared.ui.theme import EDGE
from shared.ui.view import screen


@screen
def DealScreen() -> ft.View:
    session, _ = use_session(), use_text()
    page = ft.context.page
    deal_id = UUID(ft.use_route_params()["deal_id"])
    state, _set = ft.use_state(lambda: MoveDeal(session, _, deal_id))
    use_book(state.load)

    def leave() -> None:
        if state.moved:
            page.navigate("/funnel")

    ft.use_effect(leave, [state.moved])
    route, config, deal = ft.use_view_path(), session.config, state.deal
    if not state.loaded:
        return page_view(route, _("Deal"), Skeleton(3))
    if deal is None or config is None:
        return page_view(route, _("Deal"), EmptyState(ft.Icons.FILTER_ALT_OFF_OUTLINED, _("Not here"), _("This deal is not in your own book.")))
    stage = config.stage(deal.pipeline, deal.stage)
    name = state.customer.name if state.customer else ""
    head = card(
        ft.Text(name or "—", theme_style=ft.TextThemeStyle.TITLE_LARGE),
        ft.Text(
            " · ".join(
                x
                for x in (deal.title, _.money(deal.amount_fen) if deal.amount_fen is not None else None, _.label(stage.label) if stage else None)
                if x
            ),
            color=ft.Colors.ON_SURFACE_VARIANT,
        ),
        *([ft.Row([pill(_("With the manager"), tone="notice", icon=ft.Icons.HOURGLASS_EMPTY)])] if state.pending else []),
        ft.Row(
            [
                *([pill(_("%(n)d days here") % {"n": (session.now() - deal.stage_at).days})] if deal.stage_at else []),
                *([pill(_("Expected %(day)s") % {"day": _.day(deal.expected_close_on, session.today)})] if deal.expected_close_on else []),
            ],
            wrap=True,
            spacing=6,
        ),
        text_button("open-customer", _("Open the customer"), lambda e: page.navigate(f"/customers/{deal.customer_id}"), icon=ft.Icons.PERSON_OUTLINE),
    )
    blocks: list[ft.Control] = [*([ProblemBanner(state.problem)] if state.problem else []), head]
    options = [(s.key, _.label(s.label)) for s in state.targets]
    blocks.append(section(_("Move to"), chips("target", options, state.target.key if state.target else None, lambda key: act(state.choose, key))))
    if state.form is not None:
        blocks.append(form_with_files(state.form, state.attaching, key=f"asked-{state.target.key if state.target else ''}"))
    for label in state.out_of_reach:
        words = _("This stage asks for something your role may not fill in: %(field)s") % {"field": label}
        blocks.append(ft.Text(words, color=ft.Colors.ERROR))
    for item in state.target.checklist if state.target else ():
        problem = field_problem(_, state.problems, CHECK + item.key)
        blocks.append(tick_box(f"check-{item.key}", _.label(item.label), item.key in state.checked, act(state.tick, item.key), problem=problem))
    if state.target and state.target.type == "lost":
        reasons = [(r.key, _.label(r.label)) for r in config.reasons_for("lost")]
        blocks.append(
            section(
                _("Why was it lost?"),
                chips(
                    "lost-reason",
                    reasons,
                    state.lost_reason,
                    lambda key: act(state.choose_reason, key),
                    problem=field_problem(_, state.problems, "lost_reason"),
                ),
            )
        )
    if state.asks:
        blocks.append(text_field("lost-words", _("Remark for the manager"), state.words, typed(state.set_words), multiline=True, max_lines=3))
        blocks.append(ft.Text(_("The manager decides; until then the deal stays where it is."), size=13, color=ft.Colors.ON_SURFACE_VARIANT))
    if state.target and state.target.type == "won" and state.vehicles and deal.policy_id is None:
        blocks.append(
            section(_("Which car is handed over?"), chips("vehicle", state.vehicles, state.vehicle, lambda key: act(state.choose_vehicle, key)))
        )
    body = ft.ListView(
        [ft.Container(ft.Column(blocks, spacing=16, horizontal_alignment=ft.CrossAxisAlignment.STRETCH), padding=EDGE)],
        expand=True,
        build_controls_on_demand=False,
    )
    return page_view(
        route,
        _("Deal"),
        body,
        bottom=docked(
            primary_button(
                "move",
                _("Ask the manager") if state.asks else _("Move"),
                act(state.move),
                disabled=state.target is None or (state.pending and state.asks),
            )
        ),
    )
