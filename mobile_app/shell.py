"""The frame of the tabs: title, sync mark, navigation along the lower edge."""

from typing import Any

import flet as ft

from mobile_app.device import use_device
from mobile_app.observables import use_notices, use_sync
from mobile_app.offline.sync import SyncState
from mobile_app.session import Session, use_session
from mobile_app.view_as import ViewAsBanner
from shared.ui.feedback import ProblemBanner, act
from shared.ui.names import screen_name
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE
from shared.ui.view import View, component
from shared.ui.widgets import icon_button, identified

TABS = {
    "today": ("/", ft.Icons.CHECKLIST, ft.Icons.CHECKLIST_RTL),
    "customers": ("/customers", ft.Icons.PEOPLE_OUTLINE, ft.Icons.PEOPLE),
    "funnel": ("/funnel", ft.Icons.FILTER_ALT_OUTLINED, ft.Icons.FILTER_ALT),
    "team": ("/team", ft.Icons.GROUPS_OUTLINED, ft.Icons.GROUPS),
    "approvals": ("/approvals", ft.Icons.FACT_CHECK_OUTLINED, ft.Icons.FACT_CHECK),
    "me": ("/me", ft.Icons.PERSON_OUTLINE, ft.Icons.PERSON),
}


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
    """A view with the navigation bar. All tabs share one key, so changing between them does not
    animate."""
    session, _ = use_session(), use_text()
    tabs = tabs_of(session)
    bar = (
        None
        if len(tabs) < 2
        else ft.NavigationBar(
            selected_index=tabs.index(tab) if tab in tabs else 0,
            on_change=lambda e: e.page.navigate(TABS[tabs[int(e.data or 0)]][0]),
            destinations=[
                ft.NavigationBarDestination(
                    icon=TABS[t][1], selected_icon=TABS[t][2], label=screen_name(_, t)
                )
                for t in tabs
            ],
        )
    )
    return View(
        key="tabs",
        route="/",
        appbar=ft.AppBar(
            title=ft.Text(title),
            automatically_imply_leading=False,
            actions=[*(actions or []), SyncMark()],
        ),
        controls=[
            ft.SafeArea(
                expand=True,
                content=ft.Column(
                    [
                        ViewAsBanner(),
                        ErrorBanner(),
                        StorageWarning(),
                        InitialSyncProgress(),
                        body,
                        NoticeBar(),
                        *([bottom] if bottom else []),
                    ],
                    expand=True,
                    spacing=0,
                    horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
                ),
            )
        ],
        navigation_bar=bar,
        floating_action_button=floating,
    )


def page_view(
    route: str,
    title: str,
    *controls: ft.Control,
    bottom: ft.Control | None = None,
    actions: list[ft.Control] | None = None,
    **properties: Any,
) -> ft.View:
    """A view above the tabs, with a way back."""
    body = [ViewAsBanner(), *controls, NoticeBar(), *([bottom] if bottom else [])]
    return View(
        route=route,
        appbar=ft.AppBar(title=ft.Text(title), actions=actions or []),
        controls=[
            ft.SafeArea(
                expand=True,
                content=ft.Column(
                    body, expand=True, spacing=0, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
                ),
            )
        ],
        **properties,
    )


def scrolling(
    blocks: list[ft.Control], *, spacing: int = 16, on_demand: bool = False
) -> ft.Control:
    """The middle of a page. A form keeps its fields while they are out of sight; a long page to
    read may build them `on_demand`."""
    column = ft.Column(blocks, spacing=spacing, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
    return ft.ListView(
        [ft.Container(column, padding=EDGE)], expand=True, build_controls_on_demand=on_demand
    )


def sync_text(_: Texts, state: SyncState) -> str:
    """How far the sync is; "sent" only after the server has confirmed it."""
    if state.rejected:
        return _("%(n)d need attention") % {"n": state.rejected}
    if state.pending:
        return _("%(n)d not sent yet") % {"n": state.pending}
    if state.trouble:
        return _("Working offline")
    return _("Everything is sent") if state.answered else _("Checking with the server")


@component
def SyncMark() -> ft.Control:
    """What is not sent yet, in one touch."""
    state, _ = use_sync(), use_text()
    if state.rejected:
        icon, color = ft.Icons.ERROR_OUTLINE, ft.Colors.ERROR
    elif state.pending:
        icon, color = ft.Icons.CLOUD_UPLOAD_OUTLINED, ft.Colors.TERTIARY
    elif state.trouble:
        icon, color = ft.Icons.CLOUD_OFF, ft.Colors.ON_SURFACE_VARIANT
    elif not state.answered:
        icon, color = ft.Icons.CLOUD_QUEUE, ft.Colors.ON_SURFACE_VARIANT
    else:
        icon, color = ft.Icons.CLOUD_DONE_OUTLINED, ft.Colors.ON_SURFACE_VARIANT
    name = sync_text(_, state)
    return icon_button(
        "sync-mark", icon, name, lambda e: e.page.navigate("/me/pending"), icon_color=color
    )


@component
def InitialSyncProgress() -> ft.Control:
    """While a whole book comes for the first time: how far it is. What is here already can be
    worked with."""
    sync, _ = use_sync(), use_text()
    progress = sync.progress
    if sync.complete or progress is None:
        return ft.Container(height=0)
    here, total = progress
    text = _("Loading your customers: %(here)d of %(total)d") % {"here": here, "total": total}
    return ft.Semantics(
        identifier="book-progress",
        label=text,
        content=ft.Container(
            ft.Column(
                [
                    ft.Text(text, size=12, color=ft.Colors.ON_SURFACE_VARIANT),
                    ft.ProgressBar(value=here / max(total, 1)),
                ],
                spacing=4,
            ),
            padding=ft.Padding.symmetric(horizontal=16, vertical=8),
        ),
    )


@component
def StorageWarning() -> ft.Control:
    """Before nothing can be saved any more."""
    device, _ = use_device(), use_text()
    if not device.has_little_room:
        return ft.Container(height=0)
    return identified(
        "storage-warning",
        ft.Container(
            ft.Row(
                [
                    ft.Icon(
                        ft.Icons.SD_CARD_ALERT_OUTLINED, color=ft.Colors.ON_ERROR_CONTAINER, size=20
                    ),
                    ft.Text(
                        _("This phone's storage is almost full. Free up some space."),
                        color=ft.Colors.ON_ERROR_CONTAINER,
                        expand=True,
                    ),
                ],
                spacing=12,
            ),
            padding=ft.Padding.symmetric(horizontal=16, vertical=12),
            bgcolor=ft.Colors.ERROR_CONTAINER,
        ),
    )


@component
def NoticeBar() -> ft.Control:
    """What was just done, and the way back; it stands in the flow, so that it never covers the next
    button."""
    session, notice, _ = use_session(), use_notices().notice, use_text()
    if notice is None:
        return ft.Container(height=0)
    words: list[ft.Control] = [
        ft.Semantics(
            identifier="notice",
            live_region=True,
            expand=True,
            content=ft.Text(notice.text, color=ft.Colors.ON_INVERSE_SURFACE, max_lines=2),
        )
    ]
    if notice.undo:
        words.append(
            ft.Semantics(
                identifier="undo",
                content=ft.TextButton(
                    _("Undo"),
                    on_click=act(session.undo_notice),
                    height=48,
                    style=ft.ButtonStyle(color=ft.Colors.INVERSE_PRIMARY),
                ),
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
def ErrorBanner() -> ft.Control:
    """Only real trouble: being offline is the cloud's business, not a banner's."""
    session = use_session()
    if not session.problem or session.problem == "offline":
        return ft.Container(height=0)
    return ProblemBanner(session.problem, act(session.sync_now))
