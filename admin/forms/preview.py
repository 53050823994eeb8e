"""The phone's own form at phone width, as a role sees it, in any language, light or dark; and what
the daily acts cost."""

from typing import Any

import flet as ft

from admin.draft import use_draft
from admin.forms.state import Forms
from admin.session import use_admin
from admin.widgets import choice, small_chip
from shared.domain.config import Role, StoreConfig
from shared.domain.effort_budget import costs, limit_of, over_budget
from shared.domain.impact import Cost
from shared.ui.feedback import act
from shared.ui.form import FormState, FormView
from shared.ui.text import LANGUAGES, TextContext, Texts, use_text
from shared.ui.theme import EDGE, themes
from shared.ui.view import component
from shared.ui.widgets import card, icon_button, identified, primary_button

PHONE = 360  # dp: the width most phones have


@component
def Budget(state: Forms) -> ft.Control:
    """Taps and seconds of logging and clearing for each role that does it, against the store's
    limit."""
    draft, _ = use_draft(), use_text()
    config = draft.config or state._good
    if config is None:
        return ft.Container()
    rows: list[ft.Control] = []
    over = {x.role for x in over_budget(config)}
    for role in config.roles:  # the one who is looked at, and everyone above the limit
        if (
            isinstance(role, Role)
            and "log_conversation" in role.verbs
            and (role.key == state.seen_by or role.key in over)
        ):
            cost = costs(config, role.key)
            log, clear = (meter(_, config, role.key, act_, cost[act_]) for act_ in ("log", "clear"))
            rows.append(
                ft.Row(
                    [
                        ft.Text(
                            _.label(role.label),
                            size=12,
                            expand=True,
                            max_lines=1,
                            overflow=ft.TextOverflow.ELLIPSIS,
                        ),
                        log,
                        clear,
                    ],
                    spacing=8,
                    key=role.key,
                )
            )
    head = ft.Row(
        [
            ft.Text(_("Effort budget"), size=12, color=ft.Colors.ON_SURFACE_VARIANT, expand=True),
            *(
                ft.Text(x, size=12, width=112, color=ft.Colors.ON_SURFACE_VARIANT)
                for x in (_("Log a conversation"), _("Complete a task"))
            ),
        ],
        spacing=8,
    )
    return card(head, *rows, padding=12, identifier="budget")


def meter(_: Texts, config: StoreConfig, role: str, act_: Any, cost: Cost) -> ft.Control:
    limit = limit_of(config, act_)
    over = cost.seconds > limit
    words = _("%(taps)d taps %(seconds)s/%(limit)d s") % {
        "taps": cost.taps,
        "seconds": f"{cost.seconds:g}",
        "limit": limit,
    }
    bar = ft.ProgressBar(
        value=min(1.0, cost.seconds / limit),
        height=4,
        border_radius=2,
        color=ft.Colors.ERROR if over else ft.Colors.PRIMARY,
    )
    text = ft.Text(words, size=11, color=ft.Colors.ERROR if over else None)
    return identified(
        f"budget-{act_}-{role}".replace("_", "-"),
        ft.Container(ft.Column([text, bar], spacing=2), width=112),
        label=words,
    )


@component
def PhonePreview(state: Forms) -> ft.Control:
    draft, _ = use_draft(), use_text()
    config = state.preview()
    roles = [(r["key"], _.label(r["label"])) for r in state.roles]
    controls = ft.Row(
        [
            ft.Container(
                choice(
                    "preview-role",
                    _("Role"),
                    roles,
                    state.seen_by,
                    lambda k: state.start_view_as(k) if k else None,
                ),
                expand=True,
            ),
            *(
                small_chip(
                    f"preview-{k.replace('_', '-').lower()}",
                    {"zh_CN": "简", "zh_TW": "繁", "en": "EN"}[k],
                    selected=state.language == k,
                    on_click=act(state.see_in, k),
                )
                for k in LANGUAGES
            ),
            icon_button(
                "preview-dark",
                ft.Icons.LIGHT_MODE if state.dark else ft.Icons.DARK_MODE,
                _("Light or dark"),
                act(state.see_dark),
            ),
        ],
        spacing=4,
    )
    if config is None:
        return card(controls, ft.Text(_("Not finished yet")), padding=12)
    light, dark = themes()
    screen = ft.Container(
        TextContext(
            Texts(state.language),
            lambda: Phone(state, config, len(draft.past), key=f"{state.form}-{state.seen_by}"),
        ),
        width=PHONE,
        height=500,
        bgcolor=ft.Colors.SURFACE,
        border_radius=24,
        clip_behavior=ft.ClipBehavior.ANTI_ALIAS,
        theme=light,
        dark_theme=dark,
        theme_mode=ft.ThemeMode.DARK if state.dark else ft.ThemeMode.LIGHT,
    )
    frame = ft.Container(screen, padding=7, border_radius=30, bgcolor=ft.Colors.OUTLINE)
    return ft.Column([controls, identified("phone-preview", frame)], spacing=8)


@component
def Phone(state: Forms, config: StoreConfig, step: int, **_key) -> ft.Control:
    """The form as the phone draws it: what is typed here goes nowhere, but its conditions live."""
    session, _ = use_admin(), use_text()
    kept: Any = ft.use_ref(None)
    today = session.me.today if session.me else session.services.now().date()

    def fresh() -> FormState:
        people = (("me", session.me.name if session.me else ""),)
        beside = {"method": "call"} if state.form == "conversation" else {}
        made = FormState(config, state.form, today, beside=beside, people=people)
        if isinstance(kept.current, FormState):
            keep_values(kept.current, made)
        kept.current = made
        return made

    form = ft.use_memo(fresh, [config, state.form])
    title = (
        _("New customer") if state.form == "customer" else _.label(config.forms[state.form].label)
    )
    body = (
        FormView(form, key="form")
        if form.shown
        else ft.Text(_("This role cannot see this form."), color=ft.Colors.ON_SURFACE_VARIANT)
    )
    save = ft.Container(
        primary_button("preview-save", _("Save"), act(_Saved(form).try_it), icon=ft.Icons.CHECK),
        padding=EDGE,
    )
    return ft.Column(
        [
            app_bar(title),
            ft.ListView(
                [ft.Container(body, padding=EDGE)], expand=True, build_controls_on_demand=False
            ),
            save,
        ],
        spacing=0,
        expand=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def keep_values(before: FormState, now: FormState) -> None:
    """What was typed into the form stays when it is made again for another configuration."""
    for key, value in before.values().items():
        field_state = now.field(key)
        if value in (None, "", []) or field_state is None or field_state.access != "write":
            continue
        now.set_value(key, value)


def app_bar(title: str) -> ft.Control:
    words = ft.Text(title, theme_style=ft.TextThemeStyle.TITLE_LARGE, color=ft.Colors.ON_SURFACE)
    return ft.Container(
        ft.Row([ft.Icon(ft.Icons.ARROW_BACK, color=ft.Colors.ON_SURFACE), words], spacing=16),
        height=56,
        padding=ft.Padding.symmetric(horizontal=EDGE),
    )


class _Saved:
    """Saving in the preview shows what the phone would say, and saves nothing."""

    def __init__(self, form: FormState) -> None:
        self.form = form

    def try_it(self) -> None:
        self.form.check()
