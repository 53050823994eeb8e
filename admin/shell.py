"""The frame of the panel: rail on the left, title and page beside it."""

import flet as ft

from admin.session import use_admin
from shared.ui.feedback import ProblemBanner, act
from shared.ui.parts import identified, text_button
from shared.ui.text import Texts, use_text
from shared.ui.view import View, component

PAGES = {
    "members": ("/", ft.Icons.PEOPLE_OUTLINE, ft.Icons.PEOPLE, "invite_member"),
    "stages": ("/stages", ft.Icons.VIEW_COLUMN_OUTLINED, ft.Icons.VIEW_COLUMN, "publish_config"),
    "imports": ("/imports", ft.Icons.UPLOAD_FILE_OUTLINED, ft.Icons.UPLOAD_FILE, "import_rows"),
}


def page_name(_: Texts, page: str) -> str:
    return {"members": _("Members"), "stages": _("Stages"), "imports": _("Import")}[page]


def panel_view(page: str, title: str, *blocks: ft.Control, problem: str = "", actions: list[ft.Control] | None = None) -> ft.View:
    """A page of the panel."""
    session, _ = use_admin(), use_text()
    pages = [p for p, (_route, _a, _b, verb) in PAGES.items() if session.me and session.me.may(verb)]
    rail = ft.Container() if len(pages) < 2 else ft.NavigationRail(
        selected_index=pages.index(page) if page in pages else 0, label_type=ft.NavigationRailLabelType.ALL, min_width=104, group_alignment=-1,
        leading=ft.Container(ft.Icon(ft.Icons.DIRECTIONS_CAR_FILLED, size=32, color=ft.Colors.PRIMARY), padding=12),
        on_change=lambda e: e.page.navigate(PAGES[pages[int(e.data or 0)]][0]),
        destinations=[ft.NavigationRailDestination(icon=PAGES[p][1], selected_icon=PAGES[p][2], label=page_name(_, p)) for p in pages],
    )  # fmt: skip
    head = ft.Row(
        [ft.Text(title, theme_style=ft.TextThemeStyle.HEADLINE_SMALL, expand=True), *(actions or []), StoreMenu()],
        vertical_alignment=ft.CrossAxisAlignment.CENTER,
    )
    body = ft.ListView([*([ProblemBanner(problem)] if problem else []), *blocks], expand=True, spacing=16, build_controls_on_demand=False)
    return View(
        key="panel", route="/",
        controls=[ft.Row([rail, ft.VerticalDivider(width=1), ft.Container(ft.Column([head, body], expand=True, spacing=16, horizontal_alignment=ft.CrossAxisAlignment.STRETCH), padding=24, expand=True)], expand=True, spacing=0, vertical_alignment=ft.CrossAxisAlignment.STRETCH)],
    )  # fmt: skip


@component
def StoreMenu() -> ft.Control:
    """The store one works on, the language, the way out."""
    session, _ = use_admin(), use_text()
    if session.me is None:
        return ft.Container()

    def language() -> None:
        order = ["zh_CN", "zh_TW", "en"]
        session.language = order[(order.index(session.language) + 1) % 3]

    parts: list[ft.Control] = [ft.Icon(ft.Icons.STOREFRONT, color=ft.Colors.ON_SURFACE_VARIANT)]
    if len(session.memberships) > 1:
        options = [ft.DropdownOption(key=str(m.store_id), text=m.store_name) for m in session.memberships]
        parts.append(
            identified(
                "store",
                ft.Dropdown(
                    value=str(session.me.store_id), options=options, on_select=lambda e: e.page.run_task(session.choose_store, e.control.value or "")
                ),
                label=_("Store"),
                value=session.me.store_name,
            )
        )
    else:
        parts.append(ft.Text(session.me.store_name))
    parts += [
        ft.Text(session.me.name, color=ft.Colors.ON_SURFACE_VARIANT),
        text_button("language", {"zh_CN": "繁體", "zh_TW": "EN", "en": "简体"}[session.language], lambda e: language()),
        text_button("sign-out", _("Sign out"), act(session.sign_out)),
    ]
    return ft.Row(parts, tight=True)
