"""The door of the panel."""

import flet as ft

from admin.session import use_admin
from admin.sign_in.state import SignIn
from admin.widgets import Trouble
from shared.ui.feedback import act, typed
from shared.ui.text import use_text
from shared.ui.view import View, screen
from shared.ui.widgets import primary_button, text_field


@screen
def SignInScreen() -> ft.View:
    session, _ = use_admin(), use_text()
    state, _set = ft.use_state(lambda: SignIn(session))
    box = ft.Container(
        width=420,
        padding=32,
        border_radius=16,
        bgcolor=ft.Colors.SURFACE_CONTAINER_LOW,
        border=ft.Border.all(1, ft.Colors.OUTLINE_VARIANT),
        content=ft.Column(
            spacing=16,
            tight=True,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
            controls=[
                ft.Icon(ft.Icons.DIRECTIONS_CAR_FILLED, size=48, color=ft.Colors.PRIMARY),
                ft.Text(
                    _("Admin panel"),
                    theme_style=ft.TextThemeStyle.HEADLINE_SMALL,
                    text_align=ft.TextAlign.CENTER,
                ),
                *([Trouble(state.problem)] if state.problem else []),
                text_field(
                    "identifier",
                    _("E-mail or phone number"),
                    state.identifier,
                    typed(state.set_identifier),
                ),
                text_field(
                    "password",
                    _("Password"),
                    state.password,
                    typed(state.set_password),
                    password=True,
                    can_reveal_password=True,
                    on_submit=act(state.enter),
                ),
                primary_button(
                    "sign-in",
                    _("Sign in") if not state.busy else _("One moment …"),
                    act(state.enter),
                    disabled=state.busy,
                ),
            ],
        ),
    )
    return View(
        route="/sign-in",
        vertical_alignment=ft.MainAxisAlignment.CENTER,
        horizontal_alignment=ft.CrossAxisAlignment.CENTER,
        controls=[box],
    )
