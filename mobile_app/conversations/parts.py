"""The panel in which a conversation is logged: outcome, words, level, next date."""

import flet as ft

from mobile_app.conversations.state import LogConversation
from mobile_app.session import use_session
from shared.domain import conversations
from shared.ui.feedback import act, field_problem, typed
from shared.ui.parts import DateChips, chip, chips, section, text_field
from shared.ui.text import Texts, use_text
from shared.ui.view import component


def method_name(_: Texts, method: str) -> str:
    return {
        "call": _("Call"), "visit": _("Visit"), "wechat": _("WeChat"), "sms": _("SMS"), "test_drive": _("Test drive"), "quote": _("Quote"),
        "order": _("Order"), "delivery": _("Delivery"),
    }[method]  # fmt: skip


@component
def LogPanel(state: LogConversation, with_methods: bool = False) -> ft.Control:
    """Outcome chips drive what follows: not reached is saved by the chip itself; reached opens words, level and date."""
    session, _ = use_session(), use_text()
    config = session.config
    if config is None:
        return ft.Container()
    parts: list[ft.Control] = []
    if with_methods:
        methods = [m for m in conversations.METHODS if conversations.outcomes_for(config, m)]
        parts.append(
            section(_("How"), chips("method", [(m, method_name(_, m)) for m in methods], state.method, lambda key: act(state.choose_method, key)))
        )
    outcomes = [(o.key, _.label(o.label)) for o in conversations.outcomes_for(config, state.method)]
    parts.append(
        section(
            _("Outcome"),
            chips(
                "outcome", outcomes, state.outcome, lambda key: act(state.choose_outcome, key), problem=field_problem(_, state.problems, "outcome")
            ),
        )
    )
    chosen = state.chosen
    if chosen is not None:
        phrases = conversations.phrases_for(config, state.outcome)
        words = text_field(
            "words", _("What was said"), state.words, typed(state.set_words), problem=field_problem(_, state.problems, "words"), multiline=True, min_lines=2, max_lines=6, autofocus=not phrases,
        )  # fmt: skip
        if phrases:
            row = ft.Row(
                [
                    chip(f"phrase-{n}", _.label(p.text), selected=False, on_click=act(state.add_phrase, _.label(p.text)))
                    for n, p in enumerate(phrases[:4])
                ],
                scroll=ft.ScrollMode.HIDDEN,
                spacing=8,
            )
            parts.append(section(_("Words"), words, row))
        else:
            parts.append(section(_("Words"), words))
    if chosen is not None and chosen.reached:
        if "level" in config.rights("customer").writable:
            levels = [(level.key, _.label(level.label)) for level in config.levels]
            here = config.level(state.level)
            note = ft.Text(_.label(here.definition), size=12, color=ft.Colors.ON_SURFACE_VARIANT) if here else ft.Container()
            parts.append(
                section(
                    _("Level"),
                    chips("level", levels, state.level, lambda key: act(state.choose_level, key), problem=field_problem(_, state.problems, "level")),
                    note,
                )
            )
        parts.append(section(_("Next contact"), DateChips("next", state.next_on, session.today, state.choose_next, state.suggested)))
    return ft.Column(parts, spacing=16, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
