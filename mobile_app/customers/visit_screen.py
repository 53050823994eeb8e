"""The visit record: one screen, three answers at least."""

import flet as ft

from mobile_app.customers.duplicate_check import DuplicateCheck
from mobile_app.customers.visit_state import RecordVisit
from mobile_app.customers.widgets import DuplicateNotice, SaveUnlessKnown
from mobile_app.files.widgets import form_with_files
from mobile_app.session import use_session
from mobile_app.shell import page_view, scrolling
from shared.ui.feedback import ProblemBanner, act
from shared.ui.text import use_text
from shared.ui.view import component, screen
from shared.ui.widgets import bottom_bar, chips, primary_button, section, text_button


@screen
def VisitScreen() -> ft.View:
    session, _ = use_session(), use_text()
    page = ft.context.page
    state, _set = ft.use_state(lambda: RecordVisit(session, _))
    ft.on_mounted(act(state.load))

    def leave() -> None:
        if state.saved:
            mine = state.known is not None or state.owner is None
            page.navigate(f"/customers/{state.saved}" if mine else "/customers")

    ft.use_effect(leave, [state.saved])
    blocks: list[ft.Control] = [ProblemBanner(state.problem)] if state.problem else []
    if state.form is not None and state.already is not None:
        first = [DuplicateNotice(state.already), VisitorForm(state, state.already)]
        blocks.append(
            ft.Column(first, spacing=0, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
        )
        blocks.append(AboutTheVisit(state, state.already))
    if state.with_companion and state.people is not None:
        blocks.append(form_with_files(state.people, state.people_files, key="people"))
    save = primary_button("save-reception", _("Save"), act(state.save), icon=ft.Icons.CHECK)
    anonymous = text_button("anonymous", _("No name given"), act(state.save_anonymous))
    buttons = ft.Row([anonymous, ft.Container(save, expand=True)], spacing=8)
    dock = bottom_bar(SaveUnlessKnown(state.already, buttons, act(state.save_anyway)))
    return page_view(
        ft.use_view_path(), _("Walk-in visit"), scrolling(blocks, spacing=12), bottom=dock
    )


@component
def AboutTheVisit(state: RecordVisit, already: DuplicateCheck) -> ft.Control:
    """For whom, since when, and whether anybody came along. Who is known has their advisor: for
    them nobody is named."""
    _ = use_text()
    minutes = [("0", _("Now")), ("10", _("10 minutes ago")), ("30", _("30 minutes ago"))]
    arrival = row_of(
        _("Arrival"), chips("ago", minutes, state.ago, lambda key: act(state.choose_ago, key))
    )
    accompanied = text_button(
        "add-companion",
        _("Remove companion") if state.with_companion else _("Add companion"),
        act(state.add_companion),
        icon=ft.Icons.GROUP_ADD_OUTLINED,
    )
    rows: list[ft.Control] = [arrival, accompanied]
    if state.advisors and already.known is None:
        owner = chips(
            "owner", state.advisors[:12], state.owner, lambda key: act(state.choose_owner, key)
        )
        rows.insert(0, row_of(_("Which advisor?"), owner))
    return ft.Column(rows, spacing=12, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@component
def VisitorForm(state: RecordVisit, already: DuplicateCheck) -> ft.Control:
    """Who is known is not asked again: their number stays to be corrected, beside what they want
    and brings today, and two facts nobody knows yet."""
    _ = use_text()
    ft.use_effect(act(state.look_who_it_is), [already.known])
    if state.form is None:
        return ft.Container(height=0)
    if already.known is None:
        return form_with_files(state.form, state.attaching, key="visitor")
    parts: list[ft.Control] = [
        form_with_files(state.form, state.attaching, keys=state.asked_of_known, key="known")
    ]
    if state.facts is not None:
        parts.append(section(_("Ask now"), form_with_files(state.facts, state.fact_files)))
    return ft.Column(parts, spacing=16, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def row_of(title: str, control: ft.Control) -> ft.Control:
    return ft.Column(
        [
            ft.Text(
                title, theme_style=ft.TextThemeStyle.TITLE_SMALL, color=ft.Colors.ON_SURFACE_VARIANT
            ),
            control,
        ],
        spacing=6,
    )
