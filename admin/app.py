"""The admin panel: providers, the guard, the pages. Served, never built: one process, many people, no module state."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import flet as ft
import uuid6

from admin.audit.screen import AuditScreen
from admin.draft import DraftContext
from admin.duplicates.screen import DuplicatesScreen
from admin.export.screen import ExportScreen
from admin.forms.screen import FormsScreen
from admin.history.screen import HistoryScreen
from admin.imports.screen import ImportsScreen
from admin.lists.screen import ListsScreen
from admin.members.screen import MembersScreen
from admin.publish.screen import PublishScreen
from admin.rights.screen import RightsScreen
from admin.rules.screen import RulesScreen
from admin.services import Services
from admin.session import AdminContext, AdminSession
from admin.settings.screen import SettingsScreen
from admin.sign_in.screen import SignInScreen
from admin.stages.screen import StagesScreen
from shared.gateway.client import Gateway, make_http
from shared.ui.feedback import Skeleton
from shared.ui.preferences import PagePreferences, PreferencesSessionStore
from shared.ui.text import TextContext, Texts, flutter_locale
from shared.ui.theme import apply_theme
from shared.ui.view import Connection, ConnectionContext, View, screen, watch_connection


@screen
def StartingScreen() -> ft.View:
    return View(route="/starting", controls=[Skeleton()])


@ft.component
def Panel(session: AdminSession, connection: Connection) -> Any:
    page = ft.context.page

    def look() -> None:
        page.locale_configuration = flutter_locale(session.language)
        page.update()

    ft.use_effect(look, [session.language])

    def inside() -> Any:
        if session.phase == "starting":
            return [StartingScreen()]
        if session.phase != "ready":
            return [SignInScreen()]
        return ft.Router(ROUTES, not_found=lambda: MembersScreen(), manage_views=True)

    return ConnectionContext(
        connection, lambda: TextContext(Texts(session.language), lambda: AdminContext(session, lambda: DraftContext(session.draft, inside)))
    )


ROUTES = [
    ft.Route(index=True, component=MembersScreen),
    ft.Route(path="stages", component=StagesScreen),
    ft.Route(path="imports", component=ImportsScreen),
    ft.Route(path="forms", component=FormsScreen),
    ft.Route(path="rights", component=RightsScreen),
    ft.Route(path="rules", component=RulesScreen),
    ft.Route(path="duplicates", component=DuplicatesScreen),
    ft.Route(path="export", component=ExportScreen),
    ft.Route(path="audit", component=AuditScreen),
    ft.Route(path="lists", component=ListsScreen),
    ft.Route(path="settings", component=SettingsScreen),
    ft.Route(path="publish", component=PublishScreen),
    ft.Route(path="history", component=HistoryScreen),
]


async def main(page: ft.Page) -> None:
    """One page session of the panel."""
    page.title = "展厅助手 · 管理后台"
    store = PreferencesSessionStore(PagePreferences(page, "admin"), "session")
    gateway = Gateway(os.environ["SUPABASE_URL"], os.environ["SUPABASE_PUBLISHABLE_KEY"], http=make_http(), store=store)
    services = Services(gateway, Path(os.environ.get("FORECOURT_UPLOADS", ".")), lambda: datetime.now(UTC), uuid6.uuid7)
    session, connection = AdminSession(services), Connection()
    watch_connection(page, connection)
    apply_theme(page)
    page.render_views(Panel, session, connection)
    await session.start()
