"""The phone app: providers, the guard, the routes, the tabs."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import flet as ft
import uuid6

from mobile_app.approvals.screen import ApprovalsScreen
from mobile_app.conversations.screen import ChooseCustomerScreen, LogConversationScreen
from mobile_app.customers.card_screen import CustomerScreen
from mobile_app.customers.edit_screen import EditScreen
from mobile_app.customers.new_screen import NewCustomerScreen
from mobile_app.customers.pool_screen import PoolScreen
from mobile_app.customers.reception_screen import ReceptionScreen
from mobile_app.customers.screen import CustomersScreen
from mobile_app.customers.story_screen import StoryScreen
from mobile_app.funnel.deal_screen import DealScreen
from mobile_app.funnel.screen import FunnelScreen
from mobile_app.me.screen import MeScreen
from mobile_app.me.waiting_screen import HeldScreen, MendScreen, WaitingScreen
from mobile_app.seeing import Look, MemoryPreferences, Seeing, SeeingOverScreen, book_folder
from mobile_app.services import Services
from mobile_app.session import Session, SessionContext, use_session
from mobile_app.shell import TABS, tab_name, tab_view, tabs_of
from mobile_app.sign_in.screen import SignInScreen
from mobile_app.team.screen import TeamScreen
from mobile_app.today.screen import TodayScreen
from mobile_app.watching import NoticesContext, SendingContext
from shared.gateway.client import Gateway, make_http
from shared.gateway.seeing import SeeingGateway
from shared.ui.feedback import Skeleton
from shared.ui.preferences import PagePreferences, PreferencesSessionStore
from shared.ui.text import TextContext, Texts, flutter_locale, use_text
from shared.ui.theme import apply_text_scale, apply_theme
from shared.ui.view import Connection, ConnectionContext, View, draw_parents_first, screen, watch_connection


@screen
def StartingScreen() -> ft.View:
    return View(route="/starting", controls=[ft.SafeArea(Skeleton())])


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
    return tab_view(tab, tab_name(_, tab), ft.Container(Skeleton(4), expand=True))


@ft.component
def App(session: Session, connection: Connection) -> Any:
    page = ft.context.page

    def look() -> None:
        apply_theme(page, session.theme)
        apply_text_scale(page, session.text_scale)
        page.locale_configuration = flutter_locale(session.language)
        page.update()

    ft.on_mounted(lambda: draw_parents_first(page))
    ft.use_effect(look, [session.theme, session.language, session.text_scale])

    def begin_again() -> None:
        if connection.epoch and session.phase == "starting":  # a drop while it started: what was asked before is never answered
            page.run_task(session.start)

    ft.use_effect(begin_again, [connection.epoch])

    def inside() -> Any:
        if session.phase in ("starting", "leaving"):
            return [StartingScreen()]
        if session.phase == "seeing_over":
            return [SeeingOverScreen()]
        if session.phase != "ready":
            return [SignInScreen()]
        # a new phone may stand on any screen before the store's document comes: all of them begin anew with it, nothing could be typed before
        return ft.Router(ROUTES, not_found=lambda: HomeScreen(), manage_views=True, key=f"config-{session.config is not None}")  # pyright: ignore[reportCallIssue]: every component takes it

    def watched() -> Any:
        return SendingContext(session.sending, lambda: NoticesContext(session.notices, inside))

    return ConnectionContext(
        connection,
        lambda: TextContext(Texts(session.language, {str(p.id): p.name for p in session.people}), lambda: SessionContext(session, watched)),
    )


ROUTES = [
    ft.Route(path="/", component=HomeScreen, children=[ft.Route(path="log", component=ChooseCustomerScreen)]),
    ft.Route(path="customers", component=CustomersScreen, children=[
        ft.Route(path="new", component=NewCustomerScreen),
        ft.Route(path="receive", component=ReceptionScreen),
        ft.Route(path="pool", component=PoolScreen),
        ft.Route(path=":customer_id", component=CustomerScreen, children=[
            ft.Route(path="log", component=LogConversationScreen),
            ft.Route(path="story", component=StoryScreen),
            ft.Route(path="mend/:op_id", component=MendScreen),
            ft.Route(path="edit/:form/:record_id", component=EditScreen),
        ]),
    ]),
    ft.Route(path="funnel", component=FunnelScreen, children=[ft.Route(path=":deal_id", component=DealScreen)]),
    ft.Route(path="team", component=TeamScreen),
    ft.Route(path="approvals", component=ApprovalsScreen),
    ft.Route(path="me", component=MeScreen, children=[
        ft.Route(path="waiting", component=WaitingScreen, children=[ft.Route(path=":op_id", component=MendScreen)]),
        ft.Route(path="held", component=HeldScreen),
    ]),
]  # fmt: skip


def devices_folder() -> Path:
    return Path(os.environ.get("FLET_APP_STORAGE_DATA") or os.environ.get("FORECOURT_DEVICES") or Path.home() / ".forecourt-phone")


def make_services(page: ft.Page) -> Services:
    """The real world of one page session; where Supabase is, the environment says."""
    preferences = PagePreferences(page, "phone")
    gateway = Gateway(
        os.environ["SUPABASE_URL"], os.environ["SUPABASE_PUBLISHABLE_KEY"], http=make_http(), store=PreferencesSessionStore(preferences, "session")
    )
    return Services(gateway, devices_folder(), preferences, lambda: datetime.now(UTC), uuid6.uuid7)


def make_look(page: ft.Page, look: Look) -> Session:
    """A phone that shows another's book: the session is the panel's, the folder and the settings are its own."""
    store = PreferencesSessionStore(PagePreferences(page, "admin"), "session")
    gateway = SeeingGateway(os.environ["SUPABASE_URL"], os.environ["SUPABASE_PUBLISHABLE_KEY"], http=make_http(), store=store)
    gateway.look_as(look.store_id, look.seeing_id)
    folder = book_folder(devices_folder(), look)
    session = Session(Services(gateway, folder, MemoryPreferences(), lambda: datetime.now(UTC), uuid6.uuid7))
    session.seeing = Seeing(session, gateway, folder)
    return session


async def main(page: ft.Page) -> None:
    """One page session: a phone, or a browser tab."""
    page.title = "展厅助手"
    look, connection = Look.read(page.route), Connection()
    session = make_look(page, look) if look else Session(make_services(page))

    async def closed(_: object) -> None:
        await (session.seeing.leave("") if session.seeing else session.close())

    async def lived(event: ft.AppLifecycleStateChangeEvent) -> None:
        if event.state in (ft.AppLifecycleState.HIDE, ft.AppLifecycleState.PAUSE):
            await session.went_away()
        elif event.state in (ft.AppLifecycleState.SHOW, ft.AppLifecycleState.RESUME):
            await session.came_back()

    page.on_close = closed
    page.on_app_lifecycle_state_change = lived
    watch_connection(page, connection)
    apply_theme(page)
    page.render_views(App, session, connection)
    if session.seeing is not None:
        page.navigate("/")
        await session.services.gateway.keeper.restore()
        await session.seeing.begin()
    else:
        await session.start()
