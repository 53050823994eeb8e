"""The first screen."""

import flet as ft

from mobile_app.device import use_device
from mobile_app.session import use_session
from mobile_app.sign_in.state import SignIn
from shared.ui.feedback import ProblemBanner, act, typed
from shared.ui.text import Texts, use_text
from shared.ui.view import View, screen
from shared.ui.widgets import primary_button, text_button, text_field


@screen
def SignInScreen() -> ft.View:
    session, device, _ = use_session(), use_device(), use_text()
    state, _set = ft.use_state(lambda: SignIn(session))
    ft.use_effect(lambda: state.invite(device.invitation), [device.invitation])
    problem = state.problem or (session.problem if session.phase == "not_invited" else "")
    form = ft.Column(
        spacing=16,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        controls=[
            *greeting(_, state),
            *([ProblemBanner(problem)] if problem else []),
            *account_fields(_, state),
            *([invitation_field(_, state)] if state.joining else []),
            *ways_in(_, state),
        ],
    )
    return View(
        route="/sign-in",
        controls=[
            ft.SafeArea(
                expand=True,
                content=ft.Column(
                    expand=True,
                    scroll=ft.ScrollMode.AUTO,
                    alignment=ft.MainAxisAlignment.CENTER,
                    horizontal_alignment=ft.CrossAxisAlignment.CENTER,
                    controls=[ft.Container(width=420, padding=24, content=ft.AutofillGroup(form))],
                ),
            )
        ],
    )


def greeting(_: Texts, state: SignIn) -> list[ft.Control]:
    return [
        ft.Icon(ft.Icons.DIRECTIONS_CAR_FILLED, size=56, color=ft.Colors.PRIMARY),
        ft.Text(
            _("Forecourt"),
            theme_style=ft.TextThemeStyle.HEADLINE_SMALL,
            text_align=ft.TextAlign.CENTER,
        ),
        ft.Text(
            _("Join your store") if state.joining else _("Sign in to your store"),
            color=ft.Colors.ON_SURFACE_VARIANT,
            text_align=ft.TextAlign.CENTER,
        ),
    ]


def account_fields(_: Texts, state: SignIn) -> list[ft.Control]:
    return [
        text_field(
            "identifier",
            _("E-mail or phone number"),
            state.identifier,
            typed(state.set_identifier),
            autofill_hints=[ft.AutofillHint.USERNAME],
        ),
        text_field(
            "password",
            _("Password"),
            state.password,
            typed(state.set_password),
            password=True,
            can_reveal_password=True,
            autofill_hints=[ft.AutofillHint.PASSWORD],
            on_submit=act(state.enter),
        ),
    ]


def invitation_field(_: Texts, state: SignIn) -> ft.Control:
    return text_field(
        "invitation-code",
        _("Invitation code"),
        state.code,
        typed(state.set_code),
        capitalization=ft.TextCapitalization.CHARACTERS,
    )


def ways_in(_: Texts, state: SignIn) -> list[ft.Control]:
    """Sign in or join; and the way to the other of the two."""
    enter = _("Join") if state.joining else _("Sign in")
    other = _("I have an account") if state.joining else _("I have an invitation code")
    return [
        primary_button(
            "sign-in",
            _("One moment …") if state.busy else enter,
            act(state.enter),
            disabled=state.busy,
        ),
        text_button("switch-join", other, act(state.switch)),
    ]
