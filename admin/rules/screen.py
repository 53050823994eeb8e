"""The rules, a line each that says what it does and opens to be changed; and what they would have
done on the days that were."""

from functools import partial
from typing import Any

import flet as ft

from admin.draft import use_draft
from admin.rules.dry_run import DryRunCard
from admin.rules.editor import Retries, RuleEditor
from admin.rules.labels import kind_name, rule_text
from admin.rules.state import KINDS, RETRIES, Rules
from admin.session import use_admin
from admin.shell import panel_page, use_fetch, use_tab_state
from shared.ui.feedback import Skeleton, act
from shared.ui.text import use_text
from shared.ui.view import component
from shared.ui.widgets import card, identified, section, text_button


@component
def RulesScreen() -> ft.Control:
    session, draft, _ = use_admin(), use_draft(), use_text()
    state = use_tab_state(Rules, session, draft)
    use_fetch(state.load)
    if not draft.loaded:
        return panel_page(_("Rules"), Skeleton(4))
    add = ft.Row(
        [
            text_button(
                f"add-rule-{k}".replace("_", "-"),
                kind_name(_, k),
                partial(_add, state, k, kind_name(_, k), _.language),
                icon=ft.Icons.ADD,
            )
            for k in KINDS
            if k != "cadence"
        ],
        wrap=True,
        spacing=4,
    )
    rows = [RuleLine(state, rule, key=rule["key"]) for rule in state.rows]
    return panel_page(
        _("Rules"),
        DryRunCard(state),
        card(*rows, RetryLine(state), padding=8),
        card(section(_("Add a rule"), add)),
        problem=state.problem,
        again=act(state.load),
        note=_("Rules that create tasks each night, and who is notified when nobody acts."),
    )


def _add(state: Rules, kind: str, name: str, language: str, _event: Any) -> None:
    state.add(kind, name, language)


@component
def RuleLine(state: Rules, rule: dict[str, Any], **_key) -> ft.Control:
    """One rule; only the one that is open has its fields on the page."""
    draft, _ = use_draft(), use_text()
    key, on = rule["key"], rule.get("active", True)
    slug = key.replace("_", "-")
    switch = ft.Switch(
        value=on, on_change=lambda e: state.set_value(key, "active", bool(e.control.value))
    )
    phrase = _("On") if on else _("Off")
    box = identified(f"rule-active-{slug}", switch, label=f"{_.label(rule['label'])}: {phrase}")
    editor = [RuleEditor(state, rule, key=f"edit-{key}")] if state.opened == key else []
    return identified(
        f"rule-{slug}",
        ft.Column(
            [
                line(
                    state,
                    key,
                    _.label(rule["label"]),
                    rule_text(_, draft.document, rule),
                    box,
                    faint=not on,
                ),
                *editor,
            ],
            spacing=4,
        ),
    )


@component
def RetryLine(state: Rules) -> ft.Control:
    draft, _ = use_draft(), use_text()
    tried = [
        x
        for x in draft.document.get("outcomes", ())
        if not x.get("reached") and x.get("retry_hours")
    ]
    phrase = _("%(outcome)s: after %(hours)d hours")
    words = " · ".join(
        phrase % {"outcome": _.label(x["label"]), "hours": x["retry_hours"]} for x in tried
    ) or _("never")
    editor = [Retries(key="edit-retries")] if state.opened == RETRIES else []
    return ft.Column(
        [
            line(
                state,
                RETRIES,
                _("Retry when not reached"),
                words,
                ft.Icon(ft.Icons.REPLAY, color=ft.Colors.ON_SURFACE_VARIANT),
            ),
            *editor,
        ],
        spacing=4,
    )


def line(
    state: Rules, key: str, name: str, words: str, first: ft.Control, *, faint: bool = False
) -> ft.Control:
    opened = state.opened == key
    texts: list[ft.Control] = [
        ft.Text(
            name,
            weight=ft.FontWeight.W_600,
            color=ft.Colors.ON_SURFACE_VARIANT if faint else None,
            max_lines=2,
            overflow=ft.TextOverflow.ELLIPSIS,
        ),
        ft.Text(
            words,
            size=13,
            color=ft.Colors.ON_SURFACE_VARIANT,
            max_lines=2,
            overflow=ft.TextOverflow.ELLIPSIS,
        ),
    ]
    opener = ft.Semantics(
        key=f"rule-open-{key}",
        identifier=f"rule-open-{key}".replace("_", "-"),
        button=True,
        expanded=opened,
        label=f"{name}: {words}",
        expand=True,
        content=ft.Container(
            ft.Row(
                [
                    ft.Column(texts, spacing=2, expand=True),
                    ft.Icon(
                        ft.Icons.EXPAND_LESS if opened else ft.Icons.EXPAND_MORE,
                        color=ft.Colors.ON_SURFACE_VARIANT,
                    ),
                ],
                spacing=12,
            ),
            padding=ft.Padding.symmetric(horizontal=8, vertical=8),
            border_radius=12,
            ink=True,
            on_click=act(state.open, key),
        ),
    )
    return ft.Row(
        [ft.Container(first, width=56, alignment=ft.Alignment.CENTER), opener],
        spacing=4,
        vertical_alignment=ft.CrossAxisAlignment.CENTER,
    )
