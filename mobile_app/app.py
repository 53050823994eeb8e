"""The phone app: providers, the guard, the routes, the tabs."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import flet as ft
import uuid6

from mobile_app import browser
from mobile_app.approvals.screen import ApprovalsScreen
from mobile_app.conversations.screen import ChooseCustomerScreen, LogConversationScreen
from mobile_app.customers.card_screen import CustomerScreen
from mobile_app.customers.edit_screen import EditScreen
from mobile_app.customers.new_screen import NewCustomerScreen
from mobile_app.customers.pool_screen import PoolScreen
from mobile_app.customers.screen import CustomersScreen
from mobile_app.customers.timeline_screen import TimelineScreen
from mobile_app.customers.visit_screen import VisitScreen
from mobile_app.device import DeviceContext
from mobile_app.funnel.deal_screen import DealScreen
from mobile_app.funnel.screen import FunnelScreen
from mobile_app.identity import StoredIdentity
from mobile_app.me.device_screen import DeviceScreen
from mobile_app.me.pending_screen import QuarantineScreen, ResolveScreen, SyncInboxScreen
from mobile_app.me.screen import MeScreen
from mobile_app.observables import NoticesContext, SendingContext
from mobile_app.reports.screen import ReportNumberScreen, ReportScreen
from mobile_app.services import Services
from mobile_app.session import Session, SessionContext, use_session
from mobile_app.shell import TABS, tab_view, tabs_of
from mobile_app.sign_in.screen import SignInScreen
from mobile_app.targets.screen import MonthNumberScreen
from mobile_app.team.meeting_screen import MeetingScreen, MetricRowsScreen
from mobile_app.team.renewal_rates_screen import RenewalRatesScreen
from mobile_app.team.screen import TeamScreen
from mobile_app.today.screen import TodayScreen
from mobile_app.view_as import (
    MemoryPreferences,
    ViewAs,
    ViewAsEndedScreen,
    ViewAsLink,
    view_as_folder,
)
from shared.gateway.client import Gateway, make_http
from shared.gateway.view_as import ViewAsGateway
from shared.ui.feedback import EmptyState, Skeleton, act
from shared.ui.names import screen_name
from shared.ui.preferences import PagePreferences, PreferencesSessionStore
from shared.ui.text import TextContext, Texts, flutter_locale, use_text
from shared.ui.theme import apply_text_scale, apply_theme
from shared.ui.view import View, draw_parents_first, screen
from shared.ui.widgets import primary_button


@screen
def StartingScreen() -> ft.View:
    return View(route="/starting", controls=[ft.SafeArea(Skeleton())])


@screen
def UnreachableScreen() -> ft.View:
    """It is not known yet whose page this is; the app continues by itself."""
    session, _ = use_session(), use_text()
    away = EmptyState(
        ft.Icons.CLOUD_OFF,
        _("The server does not answer"),
        _(
            "You are still signed in. Try again in a moment. If it continues, contact "
            "your server administrator."
        ),
    )
    again = ft.Container(
        primary_button("start-again", _("Try again"), act(session.start), icon=ft.Icons.REFRESH),
        padding=24,
    )
    return View(
        route="/away",
        vertical_alignment=ft.MainAxisAlignment.CENTER,
        controls=[ft.SafeArea(ft.Column([away, again], tight=True))],
    )


@screen
def HomeScreen() -> ft.View:
    """The address everybody starts from: the queue, for those who have one."""
    return TodayScreen() if tabs_of(use_session())[0] == "today" else FirstTabScreen()


@screen
def FirstTabScreen() -> ft.View:
    """On to the first tab of a role without a queue."""
    session, _, page = use_session(), use_text(), ft.context.page
    tab = tabs_of(session)[0]

    def leave() -> None:
        if page.route == "/":
            page.navigate(TABS[tab][0])

    ft.use_effect(leave, [tab])
    return tab_view(tab, screen_name(_, tab), ft.Container(Skeleton(4), expand=True))


@ft.component
def App(session: Session) -> Any:
    page = ft.context.page
    settings, _set = ft.use_state(session.settings)

    def apply_appearance() -> None:
        apply_theme(page, settings.theme)
        apply_text_scale(page, settings.text_scale)
        page.locale_configuration = flutter_locale(settings.language)
        page.update()

    ft.on_mounted(lambda: draw_parents_first(page))
    ft.use_effect(apply_appearance, [settings.theme, settings.language, settings.text_scale])

    def inside() -> Any:
        if session.phase in ("starting", "leaving"):
            return [StartingScreen()]
        if session.phase == "view_as_ended":
            return [ViewAsEndedScreen()]
        if session.phase == "unreachable":
            return [UnreachableScreen()]
        if session.phase != "ready":
            return [SignInScreen()]
        # a new phone may stand on any screen before the store's document comes: all of them begin
        # again with it, nothing could be typed before
        return ft.Router(
            ROUTES,
            not_found=lambda: HomeScreen(),
            manage_views=True,
            key=f"config-{session.config is not None}",  # pyright: ignore[reportCallIssue]
        )

    def watched() -> Any:
        return SendingContext(session.sending, with_device)

    def with_device() -> Any:
        return DeviceContext(session.device, lambda: NoticesContext(session.notices, inside))

    return TextContext(
        Texts(settings.language, {str(p.id): p.name for p in session.people}),
        lambda: SessionContext(session, watched),
    )


ROUTES = [
    ft.Route(
        path="/",
        component=HomeScreen,
        children=[ft.Route(path="log", component=ChooseCustomerScreen)],
    ),
    ft.Route(
        path="customers",
        component=CustomersScreen,
        children=[
            ft.Route(path="new", component=NewCustomerScreen),
            ft.Route(path="visit", component=VisitScreen),
            ft.Route(path="pool", component=PoolScreen),
            ft.Route(
                path=":customer_id",
                component=CustomerScreen,
                children=[
                    ft.Route(path="log", component=LogConversationScreen),
                    ft.Route(path="timeline", component=TimelineScreen),
                    ft.Route(path="resolve/:op_id", component=ResolveScreen),
                    ft.Route(path="edit/:form/:record_id", component=EditScreen),
                ],
            ),
        ],
    ),
    ft.Route(
        path="funnel",
        component=FunnelScreen,
        children=[ft.Route(path=":deal_id", component=DealScreen)],
    ),
    ft.Route(
        path="team",
        component=TeamScreen,
        children=[
            ft.Route(
                path="meeting",
                component=MeetingScreen,
                children=[
                    ft.Route(path=":day/:metric/:member/:level", component=MetricRowsScreen),
                    ft.Route(path=":day/:metric/:member", component=MonthNumberScreen),
                ],
            ),
            ft.Route(
                path="report",
                component=ReportScreen,
                children=[
                    ft.Route(path=":kind/:day/:metric/:member", component=ReportNumberScreen)
                ],
            ),
            ft.Route(path="renewals", component=RenewalRatesScreen),
        ],
    ),
    ft.Route(path="approvals", component=ApprovalsScreen),
    ft.Route(
        path="me",
        component=MeScreen,
        children=[
            ft.Route(
                path="pending",
                component=SyncInboxScreen,
                children=[ft.Route(path=":op_id", component=ResolveScreen)],
            ),
            ft.Route(path="quarantine", component=QuarantineScreen),
            ft.Route(path="device", component=DeviceScreen),
            ft.Route(
                path="report",
                component=ReportScreen,
                children=[
                    ft.Route(path=":kind/:day/:metric/:member", component=ReportNumberScreen)
                ],
            ),
            ft.Route(path="renewals", component=RenewalRatesScreen),
            ft.Route(path="month/:day/:metric/:member", component=MonthNumberScreen),
        ],
    ),
]


def devices_folder() -> Path:
    return Path(
        os.environ.get("FLET_APP_STORAGE_DATA")
        or os.environ.get("FORECOURT_DEVICES")
        or Path.home() / ".forecourt-phone"
    )


def make_services(page: ft.Page) -> Services:
    """The real world of one app; where Supabase is, the environment says."""
    preferences = browser.preferences(devices_folder()) or PagePreferences(page, "phone")
    identity = StoredIdentity(preferences)
    gateway = Gateway(
        os.environ["SUPABASE_URL"],
        os.environ["SUPABASE_PUBLISHABLE_KEY"],
        http=make_http(),
        store=identity,
    )
    return Services(
        gateway,
        devices_folder(),
        preferences,
        lambda: datetime.now(UTC),
        uuid6.uuid7,
        identity,
    )


def make_view_as(page: ft.Page, link: ViewAsLink) -> Session:
    """A phone that shows another's book: the session is the panel's, the folder and the settings
    are its own."""
    store = PreferencesSessionStore(PagePreferences(page, "admin"), "session")
    gateway = ViewAsGateway(
        os.environ["SUPABASE_URL"],
        os.environ["SUPABASE_PUBLISHABLE_KEY"],
        http=make_http(),
        store=store,
    )
    gateway.view_as(link.store_id, link.view_as_id)
    folder = view_as_folder(devices_folder())
    session = Session(
        Services(gateway, folder, MemoryPreferences(), lambda: datetime.now(UTC), uuid6.uuid7)
    )
    session.view_as = ViewAs(session, gateway, folder)
    return session


async def main(page: ft.Page) -> None:
    """One run of the app: a phone, or a browser tab."""
    page.title = "展厅助手"
    link = ViewAsLink.read(browser.view_as_route() or page.route)
    session = make_view_as(page, link) if link else Session(make_services(page))

    async def closed(_: object) -> None:
        await (session.view_as.leave("") if session.view_as else session.close())
        await session.services.gateway.close()

    async def lived(event: ft.AppLifecycleStateChangeEvent) -> None:
        if event.state in (ft.AppLifecycleState.HIDE, ft.AppLifecycleState.PAUSE):
            await session.calls.app_left()
        elif event.state in (ft.AppLifecycleState.SHOW, ft.AppLifecycleState.RESUME):
            await session.app_returned()

    page.on_close = closed
    page.on_app_lifecycle_state_change = lived
    apply_theme(page)
    page.render_views(App, session)
    if session.view_as is not None:
        if ViewAsLink.read(page.route):
            page.navigate("/")
        await session.services.gateway.auth_session.restore()
        await session.view_as.begin()
    else:
        await browser.read_invitation(session)
        await session.start()
    browser.started(page, session)
