"""Me: language, look, text size, stores, what is not sent yet, signing out."""

import flet as ft

from mobile_app.me.state import NotSent, Settings, words_of
from mobile_app.offline.outbox import Waiting
from mobile_app.session import use_session
from mobile_app.shell import page_view, tab_view
from shared.ui.feedback import EmptyState, Skeleton, act
from shared.ui.parts import card, chips, secondary_button, section, text_button
from shared.ui.text import LANGUAGES, Texts, problem_text, use_text
from shared.ui.theme import EDGE
from shared.ui.view import component, screen


@screen
def MeScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: Settings(session))
    me = session.me
    if me is None:
        return tab_view("me", _("Me"), Skeleton(3))
    sync = session.sync
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
    blocks.append(secondary_button("sign-out", _("Sign out"), act(session.sign_out), icon=ft.Icons.LOGOUT))
    body = ft.ListView([ft.Container(ft.Column(blocks, spacing=20, horizontal_alignment=ft.CrossAxisAlignment.STRETCH), padding=EDGE)], expand=True)
    return tab_view("me", _("Me"), body)


def verb_name(_: Texts, verb: str) -> str:
    return {
        "save_customer": _("Customer saved"), "save_companion": _("Companion saved"), "save_vehicle": _("Car saved"), "save_policy": _("Policy saved"), "save_deal": _("Deal saved"),
        "log_conversation": _("Conversation logged"), "request_cancel": _("Cancel request"), "decide_approval": _("Decision"), "move_deal": _("Deal moved"),
        "snooze_task": _("Task put off"), "undo": _("Undo"),
    }.get(verb, verb)  # fmt: skip


@screen
def WaitingScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: NotSent(session))
    ft.use_effect(act(state.load), [session.revision, session.sync])
    if not state.loaded:
        body: list[ft.Control] = [Skeleton(3)]
    elif not state.rows:
        body = [EmptyState(ft.Icons.CLOUD_DONE_OUTLINED, _("Everything is sent"))]
    else:
        body = [
            ft.Container(WaitingRow(state, row, key=str(row.op_id)), padding=ft.Padding.symmetric(horizontal=EDGE, vertical=6)) for row in state.rows
        ]
    return page_view(ft.use_view_path(), _("Not sent yet"), ft.ListView(body, expand=True))


@component
def WaitingRow(state: NotSent, row: Waiting) -> ft.Control:
    _ = use_text()
    head = " · ".join(x for x in (verb_name(_, row.verb), row.title) if x)
    parts: list[ft.Control] = [
        ft.Text(head, theme_style=ft.TextThemeStyle.TITLE_SMALL),
        ft.Text(words_of(row), max_lines=4, overflow=ft.TextOverflow.ELLIPSIS, size=13),
    ]
    if row.state == "attention":
        why = "; ".join(problem_text(_, code, field) for field, code in row.errors) or problem_text(_, row.code or "unexpected")
        parts.append(ft.Text(why, color=ft.Colors.ERROR))
        parts.append(
            ft.Row(
                [
                    text_button("retry", _("Try again"), act(state.retry, row)),
                    ft.Semantics(identifier="copy", content=ft.TextButton(_("Copy"), action=ft.CopyToClipboard(words_of(row)), height=48)),
                    text_button("discard", _("Give up"), act(state.discard, row)),
                ],
                wrap=True,
            )
        )
    else:
        parts.append(ft.Text(_("Waits for the network"), size=12, color=ft.Colors.ON_SURFACE_VARIANT))
    return card(*parts, identifier=f"op-{row.op_id}")
