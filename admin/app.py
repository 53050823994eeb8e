"""The admin panel: providers, the guard, the pages."""

import os
from datetime import UTC, datetime
from typing import Any

import flet as ft
import uuid6

from admin import browser
from admin.audit.screen import AuditScreen
from admin.draft import DraftContext
from admin.duplicates.screen import DuplicatesScreen
from admin.erasure.screen import ErasureScreen
from admin.export.screen import ExportScreen
from admin.forms.screen import FormsScreen
from admin.group.screen import GroupScreen
from admin.history.screen import HistoryScreen
from admin.imports.screen import ImportsScreen
from admin.lists.screen import ListsScreen
from admin.members.invitation import phone_address
from admin.members.screen import MembersScreen
from admin.publish.screen import PublishScreen
from admin.rights.screen import RightsScreen
from admin.rules.screen import RulesScreen
from admin.services import Services
from admin.session import AdminContext, AdminSession, use_admin
from admin.settings.screen import SettingsScreen
from admin.shell import PAGES, Frame, Kept, TabStateContext
from admin.sign_in.screen import SignInScreen
from admin.stages.screen import StagesScreen
from shared.gateway.client import Gateway, make_http
from shared.ui.feedback import EmptyState, Skeleton, act
from shared.ui.preferences import PagePreferences, PreferencesSessionStore
from shared.ui.text import TextContext, Texts, flutter_locale, use_text
from shared.ui.theme import apply_theme
from shared.ui.view import View, draw_parents_first, screen
from shared.ui.widgets import primary_button


@screen
def StartingScreen() -> ft.View:
    return View(route="/starting", controls=[Skeleton()])


@screen
def UnreachableScreen() -> ft.View:
    session, _ = use_admin(), use_text()
    away = EmptyState(
        ft.Icons.CLOUD_OFF,
        _("The server does not answer"),
        _(
            "You are still signed in. Try again in a moment. If it continues, contact "
            "your server administrator."
        ),
    )
    again = ft.Row(
        [
            ft.Container(
                primary_button(
                    "start-again", _("Try again"), act(session.start), icon=ft.Icons.REFRESH
                ),
                width=220,
            )
        ],
        alignment=ft.MainAxisAlignment.CENTER,
    )
    return View(
        route="/away", vertical_alignment=ft.MainAxisAlignment.CENTER, controls=[away, again]
    )


@screen
def PanelScreen() -> ft.View:
    kept = ft.use_memo(Kept, [])
    return TabStateContext(kept, lambda: View(key="panel", route="/", controls=[ft.Router(ROUTES)]))


@ft.component
def Panel(session: AdminSession) -> Any:
    page = ft.context.page

    def apply_language() -> None:
        page.locale_configuration = flutter_locale(session.language)
        page.update()

    ft.on_mounted(lambda: draw_parents_first(page))
    ft.use_effect(apply_language, [session.language])

    def inside() -> Any:
        if session.phase == "starting":
            return [StartingScreen()]
        if session.phase == "unreachable":
            return [UnreachableScreen()]
        if session.phase != "ready":
            return [SignInScreen()]
        return [PanelScreen()]

    return TextContext(
        Texts(session.language),
        lambda: AdminContext(session, lambda: DraftContext(session.draft, inside)),
    )


SCREENS = {
    "members": MembersScreen,
    "group": GroupScreen,
    "stages": StagesScreen,
    "forms": FormsScreen,
    "rights": RightsScreen,
    "rules": RulesScreen,
    "lists": ListsScreen,
    "settings": SettingsScreen,
    "publish": PublishScreen,
    "history": HistoryScreen,
    "imports": ImportsScreen,
    "duplicates": DuplicatesScreen,
    "erasure": ErasureScreen,
    "export": ExportScreen,
    "audit": AuditScreen,
}
PAGE_ROUTES = [
    ft.Route(
        path=PAGES[name].route.strip("/") or None, index=PAGES[name].route == "/", component=found
    )
    for name, found in SCREENS.items()
]
ROUTES = [
    ft.Route(
        component=Frame,
        children=[*PAGE_ROUTES, ft.Route(path=":elsewhere*", component=MembersScreen)],
    )
]


async def main(page: ft.Page) -> None:
    """One page session of the panel."""
    page.title = "展厅助手 · 管理后台"
    store = PreferencesSessionStore(PagePreferences(page, "admin"), "session")
    gateway = Gateway(
        os.environ["SUPABASE_URL"],
        os.environ["SUPABASE_PUBLISHABLE_KEY"],
        http=make_http(),
        store=store,
    )
    services = Services(
        gateway,
        lambda: datetime.now(UTC),
        uuid6.uuid7,
        phone_address(page.url or ""),
    )
    session = AdminSession(services)

    async def closed(_: object) -> None:
        await gateway.close()

    page.on_close = closed
    apply_theme(page)
    page.render_views(Panel, session)
    browser.started()
    await session.start()
