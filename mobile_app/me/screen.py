"""Me: language, look, text size, stores, signing out; the way to what is not sent yet."""

import flet as ft

from mobile_app.me.state import Settings
from mobile_app.session import use_session
from mobile_app.shell import tab_view
from mobile_app.watching import use_sync
from shared.ui.feedback import Skeleton, act
from shared.ui.parts import card, chips, secondary_button, section, text_button
from shared.ui.text import LANGUAGES, problem_text, use_text
from shared.ui.theme import EDGE
from shared.ui.view import screen


@screen
def MeScreen() -> ft.View:
    session, sync, _ = use_session(), use_sync(), use_text()
    state, _set = ft.use_state(lambda: Settings(session))
    me = session.me
    if me is None:
        return tab_view("me", _("Me"), Skeleton(3))
    status = (
        _("%(n)d need attention") % {"n": sync.attention}
        if sync.attention
        else _("%(n)d not sent yet") % {"n": sync.waiting}
        if sync.waiting
        else _("Everything is sent")
    )
    if sync.trouble:
        status += " · " + problem_text(_, sync.trouble)
    blocks = [
        card(
            ft.Text(me.name, theme_style=ft.TextThemeStyle.TITLE_LARGE),
            ft.Text(f"{_.label(me.role_label)} · {me.store_name}", color=ft.Colors.ON_SURFACE_VARIANT),
        ),
        section(
            _("Sync"),
            ft.Semantics(identifier="sync-status", content=ft.Text(status)),
            text_button("open-waiting", _("What is not sent yet"), lambda e: e.page.navigate("/me/waiting"), icon=ft.Icons.CLOUD_UPLOAD_OUTLINED),
            *(
                [text_button("open-held", _("Kept for you to decide"), lambda e: e.page.navigate("/me/held"), icon=ft.Icons.INBOX_OUTLINED)]
                if "decide_approval" in me.verbs
                else []
            ),
        ),
        section(_("Language"), chips("language", list(LANGUAGES.items()), session.language, lambda key: act(state.choose_language, key))),
        section(
            _("Look"),
            chips(
                "theme",
                [("system", _("As the phone")), ("light", _("Light")), ("dark", _("Dark"))],
                session.theme,
                lambda key: act(state.choose_theme, key),
            ),
        ),
        section(
            _("Text size"),
            chips(
                "scale",
                [("1.0", _("Normal")), ("1.3", _("Large")), ("1.6", _("Very large"))],
                str(session.text_scale),
                lambda key: act(state.choose_scale, key),
            ),
        ),
    ]
    if len(session.memberships) > 1:
        stores = [(str(m.store_id), m.store_name) for m in session.memberships]
        blocks.append(section(_("Store"), chips("store", stores, str(me.store_id), lambda key: act(session.choose_store, key))))
    if unsent := sync.waiting + sync.attention:
        sealed = _("%(n)d not sent: they stay sealed on this device until you sign in again.") % {"n": unsent}
        blocks.append(ft.Semantics(identifier="sealed", content=ft.Text(sealed, color=ft.Colors.ON_SURFACE_VARIANT)))
    blocks.append(secondary_button("sign-out", _("Sign out"), act(session.sign_out), icon=ft.Icons.LOGOUT))
    body = ft.ListView([ft.Container(ft.Column(blocks, spacing=20, horizontal_alignment=ft.CrossAxisAlignment.STRETCH), padding=EDGE)], expand=True)
    return tab_view("me", _("Me"), body)
