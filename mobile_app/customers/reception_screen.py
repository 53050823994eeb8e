"""The reception record: one screen, three answers at least."""

import flet as ft

from mobile_app.customers.known import KnownAlready
from mobile_app.customers.parts import DuplicateNotice
from mobile_app.customers.reception_state import ReceiveVisitor
from mobile_app.files.view import form_with_files
from mobile_app.session import use_session
from mobile_app.shell import page_view
from shared.ui.feedback import ProblemBanner, act
from shared.ui.parts import chips, docked, primary_button, section, text_button
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
    if state.form is not None and state.already is not None:
        first = [DuplicateNotice(state.already), VisitorForm(state, state.already)]
        blocks.append(ft.Column(first, spacing=0, horizontal_alignment=ft.CrossAxisAlignment.STRETCH))
    if state.advisors:
        blocks.append(row_of(_("For which advisor?"), chips("owner", state.advisors[:12], state.owner, lambda key: act(state.choose_owner, key))))
    minutes = [("0", _("Now")), ("10", _("10 minutes ago")), ("30", _("30 minutes ago"))]
    blocks.append(row_of(_("Came in"), chips("ago", minutes, state.ago, lambda key: act(state.choose_ago, key))))
    blocks.append(
        text_button("add-companion", _("Nobody came along") if state.with_companion else _("Someone came along"), act(state.add_companion), icon=ft.Icons.GROUP_ADD_OUTLINED)
    )  # fmt: skip
    if state.with_companion and state.people is not None:
        blocks.append(form_with_files(state.people, state.people_files, key="people"))
    body = ft.ListView(
        [ft.Container(ft.Column(blocks, spacing=12, horizontal_alignment=ft.CrossAxisAlignment.STRETCH), padding=EDGE)],
        expand=True,
        build_controls_on_demand=False,
    )
    save = primary_button("save-reception", _("Save"), act(state.save), icon=ft.Icons.CHECK)
    dock = docked(ft.Row([text_button("nameless", _("Left no name"), act(state.save_nameless)), ft.Container(save, expand=True)], spacing=8))
    return page_view(ft.use_view_path(), _("Reception"), body, bottom=dock)


@component
def VisitorForm(state: ReceiveVisitor, already: KnownAlready) -> ft.Control:
    """Who is known is not asked again: his number stays to be corrected, beside what he wants and brings today, and two facts nobody knows yet."""
    _ = use_text()
    ft.use_effect(act(state.look_who_it_is), [already.known])
    if state.form is None:
        return ft.Container(height=0)
    if already.known is None:
        return form_with_files(state.form, state.attaching, key="visitor")
    parts: list[ft.Control] = [form_with_files(state.form, state.attaching, keys=state.asked_of_known, key="known")]
    if state.facts is not None:
        parts.append(section(_("Worth asking now"), form_with_files(state.facts, state.fact_files)))
    return ft.Column(parts, spacing=16, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def row_of(title: str, control: ft.Control) -> ft.Control:
    return ft.Column([ft.Text(title, theme_style=ft.TextThemeStyle.TITLE_SMALL, color=ft.Colors.ON_SURFACE_VARIANT), control], spacing=6)
