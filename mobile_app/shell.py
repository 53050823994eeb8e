"""The frame of the tabs: title, sync mark, navigation along the lower edge."""

from typing import Any

import flet as ft

from mobile_app.seeing import SeeingBanner
from mobile_app.session import Session, use_session
from mobile_app.watching import use_notices, use_sync
from shared.ui.feedback import ProblemBanner, act
from shared.ui.parts import icon_button
from shared.ui.text import Texts, use_text
from shared.ui.view import View, component

TABS = {
    "today": ("/", ft.Icons.CHECKLIST, ft.Icons.CHECKLIST_RTL),
    "customers": ("/customers", ft.Icons.PEOPLE_OUTLINE, ft.Icons.PEOPLE),
    "funnel": ("/funnel", ft.Icons.FILTER_ALT_OUTLINED, ft.Icons.FILTER_ALT),
    "team": ("/team", ft.Icons.GROUPS_OUTLINED, ft.Icons.GROUPS),
    "approvals": ("/approvals", ft.Icons.FACT_CHECK_OUTLINED, ft.Icons.FACT_CHECK),
    "me": ("/me", ft.Icons.PERSON_OUTLINE, ft.Icons.PERSON),
}


def tab_name(_: Texts, tab: str) -> str:
    return {
        "today": _("Today"),
        "customers": _("Customers"),
        "funnel": _("Funnel"),
        "team": _("My team"),
        "approvals": _("Approvals"),
        "me": _("Me"),
    }[tab]


def tabs_of(session: Session) -> list[str]:
    """The tabs this role has, in the order of the store's configuration; everyone has "me"."""
    screens = session.me.screens if session.me else ()
    return [t for t in screens if t in TABS and t != "me"] + ["me"]


def tab_view(
    tab: str,
    title: str,
    body: ft.Control,
    *,
    actions: list[ft.Control] | None = None,
    bottom: ft.Control | None = None,
    floating: ft.Control | None = None,
) -> ft.View:
    """A view with the navigation bar. All tabs share one key, so changing between them does not animate."""
    session, _ = use_session(), use_text()
    tabs = tabs_of(session)
    bar = (
        None
        if len(tabs) < 2
        else ft.NavigationBar(
            selected_index=tabs.index(tab) if tab in tabs else 0,
            on_change=lambda e: e.page.navigate(TABS[tabs[int(e.data or 0)]][0]),
            destinations=[ft.NavigationBarDestination(icon=TABS[t][1], selected_icon=TABS[t][2], label=tab_name(_, t)) for t in tabs],
        )
    )
    return View(
        key="tabs", route="/",
        appbar=ft.AppBar(title=ft.Text(title), automatically_imply_leading=False, actions=[*(actions or []), SyncMark()]),
        controls=[ft.SafeArea(expand=True, content=ft.Column([SeeingBanner(), TroubleBanner(), BookProgress(), body, NoticeBar(), *([bottom] if bottom else [])], expand=True, spacing=0, horizontal_alignment=ft.CrossAxisAlignment.STRETCH))],
        navigation_bar=bar, floating_action_button=floating,
    )  # fmt: skip


def page_view(
    route: str, title: str, *controls: ft.Control, bottom: ft.Control | None = None, actions: list[ft.Control] | None = None, **properties: Any
) -> ft.View:
    """A view above the tabs, with a way back."""
    body = [SeeingBanner(), *controls, NoticeBar(), *([bottom] if bottom else [])]
    return View(
        route=route, appbar=ft.AppBar(title=ft.Text(title), actions=actions or []),
        controls=[ft.SafeArea(expand=True, content=ft.Column(body, expand=True, spacing=0, horizontal_alignment=ft.CrossAxisAlignment.STRETCH))], **properties,
    )  # fmt: skip


@component
def SyncMark() -> ft.Control:
    """What is not sent yet, in one touch."""
    state, _ = use_sync(), use_text()
    if state.attention:
        name, icon, color = _("%(n)d need attention") % {"n": state.attention}, ft.Icons.ERROR_OUTLINE, ft.Colors.ERROR
    elif state.waiting:
        name, icon, color = _("%(n)d not sent yet") % {"n": state.waiting}, ft.Icons.CLOUD_UPLOAD_OUTLINED, ft.Colors.TERTIARY
    elif state.trouble:
        name, icon, color = _("Working offline"), ft.Icons.CLOUD_OFF, ft.Colors.ON_SURFACE_VARIANT
    else:
        name, icon, color = _("Everything is sent"), ft.Icons.CLOUD_DONE_OUTLINED, ft.Colors.ON_SURFACE_VARIANT
    return icon_button("sync-mark", icon, name, lambda e: e.page.navigate("/me/waiting"), icon_color=color)


@component
def BookProgress() -> ft.Control:
    """While a whole book comes for the first time: how far it is. What is here already can be worked with."""
    sync, _ = use_sync(), use_text()
    progress = sync.progress
    if sync.complete or progress is None:
        return ft.Container(height=0)
    here, total = progress
    text = _("Your customers are coming: %(here)d of %(total)d") % {"here": here, "total": total}
    return ft.Semantics(
        identifier="book-progress",
        label=text,
        content=ft.Container(
            ft.Column([ft.Text(text, size=12, color=ft.Colors.ON_SURFACE_VARIANT), ft.ProgressBar(value=here / max(total, 1))], spacing=4),
            padding=ft.Padding.symmetric(horizontal=16, vertical=8),
        ),
    )


@component
def NoticeBar() -> ft.Control:
    """What was just done, and the way back; it stands in the flow, so that it never covers the next button."""
    session, notice, _ = use_session(), use_notices().notice, use_text()
    if notice is None:
        return ft.Container(height=0)
    words: list[ft.Control] = [
        ft.Semantics(
            identifier="notice", live_region=True, expand=True, content=ft.Text(notice.text, color=ft.Colors.ON_INVERSE_SURFACE, max_lines=2)
        )
    ]
    if notice.undo:
        words.append(
            ft.Semantics(
                identifier="undo",
                content=ft.TextButton(_("Undo"), on_click=act(session.undo_notice), height=48, style=ft.ButtonStyle(color=ft.Colors.INVERSE_PRIMARY)),
            )
        )
    return ft.Container(
        ft.Row(words),
        padding=ft.Padding.only(left=16, right=8),
        margin=ft.Margin.symmetric(horizontal=12, vertical=4),
        border_radius=12,
        bgcolor=ft.Colors.INVERSE_SURFACE,
    )


@component
def TroubleBanner() -> ft.Control:
    """Only real trouble: being offline is the cloud's business, not a banner's."""
    session = use_session()
    if not session.problem or session.problem == "offline":
        return ft.Container(height=0)
    return ProblemBanner(session.problem, act(session.pull_now))
