"""The reception record: one screen, three answers at least."""

import flet as ft

from mobile_app.customers.reception_state import ReceiveVisitor
from mobile_app.session import use_session
from mobile_app.shell import page_view
from shared.ui.feedback import ProblemBanner, act
from shared.ui.form import FormView
from shared.ui.parts import chips, docked, identified, primary_button, text_button
from shared.ui.text import use_text
from shared.ui.theme import EDGE
from shared.ui.view import component, screen


@screen
def ReceptionScreen() -> ft.View:
    session, _ = use_session(), use_text()
    page = ft.context.page
    state, _set = ft.use_state(lambda: ReceiveVisitor(session, _))
    ft.on_mounted(act(state.load))

    def leave() -> None:
        if state.saved:
            mine = state.known is not None or state.owner is None
            page.navigate(f"/customers/{state.saved}" if mine else "/customers")

    ft.use_effect(leave, [state.saved])
    blocks: list[ft.Control] = [ProblemBanner(state.problem)] if state.problem else []
    if state.form is not None:
        blocks.append(FormView(state.form))
    blocks.insert(1 if blocks and state.problem else 0, DuplicateNotice(state))
    if state.advisors:
        blocks.append(row_of(_("For which advisor?"), chips("owner", state.advisors[:12], state.owner, lambda key: act(state.choose_owner, key))))
    minutes = [("0", _("Now")), ("10", _("10 minutes ago")), ("30", _("30 minutes ago"))]
    blocks.append(row_of(_("Came in"), chips("ago", minutes, state.ago, lambda key: act(state.choose_ago, key))))
    blocks.append(
        text_button("add-companion", _("Nobody came along") if state.with_companion else _("Someone came along"), act(state.add_companion), icon=ft.Icons.GROUP_ADD_OUTLINED)
    )  # fmt: skip
    if state.with_companion and state.people is not None:
        blocks.append(FormView(state.people, key="people"))
    body = ft.ListView(
        [ft.Container(ft.Column(blocks, spacing=12, horizontal_alignment=ft.CrossAxisAlignment.STRETCH), padding=EDGE)],
        expand=True,
        build_controls_on_demand=False,
    )
    save = primary_button("save-reception", _("Save the visit"), act(state.save), icon=ft.Icons.CHECK)
    dock = docked(ft.Row([text_button("nameless", _("Left no name"), act(state.save_nameless)), ft.Container(save, expand=True)], spacing=8))
    return page_view(ft.use_view_path(), _("Reception"), body, bottom=dock)


def row_of(title: str, control: ft.Control) -> ft.Control:
    return ft.Column([ft.Text(title, theme_style=ft.TextThemeStyle.TITLE_SMALL, color=ft.Colors.ON_SURFACE_VARIANT), control], spacing=6)


@component
def DuplicateNotice(state: ReceiveVisitor) -> ft.Control:
    """He is known: here, or to a colleague. Joining, never a block."""
    _ = use_text()
    ink = ft.Colors.ON_TERTIARY_CONTAINER
    if state.known is not None:
        known = state.known
        words = _("Already your customer: %(name)s") % {"name": known.name or "—"}
        row: list[ft.Control] = [ft.Text(words, expand=True, color=ink), text_button("open-duplicate", _("Open"), lambda e: e.page.navigate(f"/customers/{known.id}"))]  # fmt: skip
    elif state.elsewhere is not None:
        there = state.elsewhere
        if there.pooled:
            words = _("Known, without an owner at the moment.")
        elif there.who:
            words = _("Already with %(name)s, last contact %(days)d days ago.") % {"name": there.who, "days": there.days}
        elif there.days == 0:
            words = _("Already with a colleague, last contact today.")
        else:
            words = _("Already with a colleague, last contact %(days)d days ago.") % {"days": there.days}
        ask = text_button("ask-for-him", _("Asked") if state.asked else _("Ask to join"), None if state.asked else act(state.ask_for_him))
        row = [ft.Text(words, expand=True, color=ink), ask]
    else:
        return ft.Container(height=0)
    box = ft.Container(ft.Row(row), padding=ft.Padding.only(left=12), border_radius=12, bgcolor=ft.Colors.TERTIARY_CONTAINER)
    return identified("duplicate", box, live_region=True)
