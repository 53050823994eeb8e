"""The first screen."""

import flet as ft

from mobile_app.session import use_session
from mobile_app.sign_in.state import SignIn
from shared.ui.feedback import ProblemBanner, act, typed
from shared.ui.parts import primary_button, text_button, text_field
from shared.ui.text import use_text
from shared.ui.view import View, screen


@screen
def SignInScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: SignIn(session))
    problem = state.problem or (session.problem if session.phase == "not_invited" else "")
    code = (
        [text_field("invitation-code", _("Invitation code"), state.code, typed(state.set_code), capitalization=ft.TextCapitalization.CHARACTERS)]
        if state.joining
        else []
    )
    return View(
        route="/sign-in",
        controls=[
            ft.SafeArea(
                expand=True,
                content=ft.Column(
                    expand=True, scroll=ft.ScrollMode.AUTO, alignment=ft.MainAxisAlignment.CENTER, horizontal_alignment=ft.CrossAxisAlignment.CENTER,
                    controls=[
                        ft.Container(
                            width=420, padding=24,
                            content=ft.AutofillGroup(
                                ft.Column(
                                    spacing=16, horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
                                    controls=[
                                        ft.Icon(ft.Icons.DIRECTIONS_CAR_FILLED, size=56, color=ft.Colors.PRIMARY),
                                        ft.Text(_("Forecourt"), theme_style=ft.TextThemeStyle.HEADLINE_SMALL, text_align=ft.TextAlign.CENTER),
                                        ft.Text(_("Join your store") if state.joining else _("Sign in to your store"), color=ft.Colors.ON_SURFACE_VARIANT, text_align=ft.TextAlign.CENTER),
                                        *([ProblemBanner(problem)] if problem else []),
                                        text_field("identifier", _("E-mail or phone number"), state.identifier, typed(state.set_identifier), autofill_hints=[ft.AutofillHint.USERNAME]),
                                        text_field("password", _("Password"), state.password, typed(state.set_password), password=True, can_reveal_password=True, autofill_hints=[ft.AutofillHint.PASSWORD], on_submit=act(state.enter)),
                                        *code,
                                        primary_button("sign-in", (_("Join") if state.joining else _("Sign in")) if not state.busy else _("One moment …"), act(state.enter), disabled=state.busy),
                                        text_button("switch-join", _("I have an account") if state.joining else _("I have an invitation code"), act(state.switch)),
                                    ],
                                )
                            ),
                        )
                    ],
                ),
            )
        ],
    )  # fmt: skip
