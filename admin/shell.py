"""The frame of the panel: the pages by plain words on the left, the draft always in sight above,
the page beside."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import flet as ft

from admin.browser import ask_before_leaving
from admin.draft import use_draft
from admin.session import use_admin
from admin.widgets import Trouble
from shared.domain.members import Membership
from shared.ui.feedback import Skeleton, act
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import icon_button, identified, pill, text_button

NARROW = 1100  # px: below it the pages stand as icons
State = TypeVar("State")


@dataclass(frozen=True)
class PanelPage:
    """Where a page is and who sees it."""

    route: str
    icon: ft.IconData
    verb: str  # "": for group administrators
    group: str = "people"  # people: members and data · shape: what the draft holds


PAGES = {
    "members": PanelPage("/", ft.Icons.PEOPLE_OUTLINE, "invite_member"),
    "group": PanelPage("/group", ft.Icons.CORPORATE_FARE, ""),
    "duplicates": PanelPage("/duplicates", ft.Icons.MERGE_TYPE, "merge_customers"),
    "erasure": PanelPage("/erasure", ft.Icons.PERSON_REMOVE_OUTLINED, "erase_customer"),
    "export": PanelPage("/export", ft.Icons.DOWNLOAD_OUTLINED, "export_rows"),
    "audit": PanelPage("/audit", ft.Icons.FACT_CHECK_OUTLINED, "read_audit"),
    "imports": PanelPage("/imports", ft.Icons.UPLOAD_FILE_OUTLINED, "import_rows"),
    "stages": PanelPage("/stages", ft.Icons.VIEW_COLUMN_OUTLINED, "publish_config", "shape"),
    "forms": PanelPage("/forms", ft.Icons.DYNAMIC_FORM_OUTLINED, "publish_config", "shape"),
    "rights": PanelPage("/rights", ft.Icons.LOCK_OPEN_OUTLINED, "publish_config", "shape"),
    "lists": PanelPage("/lists", ft.Icons.FORMAT_LIST_BULLETED, "publish_config", "shape"),
    "rules": PanelPage("/rules", ft.Icons.AUTO_MODE, "publish_config", "shape"),
    "settings": PanelPage("/settings", ft.Icons.TUNE, "publish_config", "shape"),
    "publish": PanelPage("/publish", ft.Icons.PUBLISH_OUTLINED, "publish_config", "shape"),
    "history": PanelPage("/history", ft.Icons.HISTORY, "publish_config", "shape"),
}


def may_open(me: Membership | None, page: PanelPage) -> bool:
    """Whether the signed-in person has the right a page is for."""
    if me is None:
        return False
    return me.may(page.verb) if page.verb else me.is_group_admin


def page_name(_: Texts, page: str) -> str:
    return {
        "rules": _("Rules"),
        "duplicates": _("Duplicates"),
        "erasure": _("Erase a person"),
        "export": _("Export"),
        "audit": _("Audit log"),
        "members": _("Members"),
        "group": _("Group"),
        "imports": _("Import"),
        "stages": _("Pipelines and stages"),
        "forms": _("Forms"),
        "rights": _("Roles and rights"),
        "lists": _("Lists and texts"),
        "settings": _("Store settings"),
        "publish": _("Check and publish"),
        "history": _("Versions"),
    }[page]


def group_name(_: Texts, group: str) -> str:
    return {"shape": _("Configure the store"), "people": _("People and data")}[group]


class Kept:
    """What is being done on the page that stands. Another page, or another store, begins fresh;
    only work that says `under_way` (an import) is there again when one comes back to its page."""

    def __init__(self) -> None:
        self._states: dict[tuple[Any, UUID | None], Any] = {}

    def state(
        self, make: Callable[..., State], store_id: UUID | None, *arguments: Any, **named: Any
    ) -> State:
        here = (make, store_id)
        if here not in self._states:
            self._states = {k: s for k, s in self._states.items() if getattr(s, "under_way", False)}
            self._states[here] = make(*arguments, **named)
        return self._states[here]


TabStateContext: Any = ft.create_context(None)


def use_tab_state(make: Callable[..., State], *arguments: Any, **named: Any) -> State:
    """The state of this page in the store one works on; the page is drawn when it changes."""
    session, kept = use_admin(), ft.use_context(TabStateContext)
    now = kept.state(make, session.me.store_id if session.me else None, *arguments, **named)
    shown, hold = ft.use_state(lambda: now)
    if shown is not now:
        hold(now)
    return now


def use_fetch(load: Callable[..., Any], *more: Any) -> None:
    """Ask the server when the page begins, and for another store."""
    ft.use_effect(act(load), [use_admin().me, *more])


def panel_page(
    title: str,
    *blocks: ft.Control,
    problem: str = "",
    again: Callable[..., Any] | None = None,
    actions: list[ft.Control] | None = None,
    body: ft.Control | None = None,
    note: str = "",
) -> ft.Control:
    """A page of the panel: blocks one below the other, or `body` to fill the room with columns that
    scroll by themselves. `again` asks the server once more after a problem."""
    words: list[ft.Control] = [
        ft.Text(title, theme_style=ft.TextThemeStyle.HEADLINE_SMALL),
        *([ft.Text(note, color=ft.Colors.ON_SURFACE_VARIANT)] if note else []),
    ]
    head: ft.Control = ft.Column(words, spacing=2)
    if actions:  # beside the title, or below it where they are many or long
        head = ft.Row(
            [head, *actions],
            wrap=True,
            alignment=ft.MainAxisAlignment.SPACE_BETWEEN,
            vertical_alignment=ft.CrossAxisAlignment.CENTER,
            spacing=12,
            run_spacing=8,
        )
    banner = [Trouble(problem, again)] if problem else []
    inside = body or ft.ListView(
        [*blocks, ft.Container(height=16)], expand=True, spacing=16, build_controls_on_demand=False
    )
    return ft.Container(
        ft.Column(
            [head, *banner, inside],
            expand=True,
            spacing=16,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        ),
        padding=ft.Padding.only(left=24, right=24, top=16),
    )


@component
def Frame() -> ft.Control:
    """What stays while the pages change: on a busy machine a page takes seconds to come, and a
    click on a navigation that is drawn again meanwhile would meet nothing."""
    session, page, path, window = (
        use_admin(),
        ft.use_route_outlet(),
        ft.use_route_location(),
        ft.context.page,
    )
    here = next((name for name, p in PAGES.items() if p.route == path), "members")
    allowed = [name for name, p in PAGES.items() if may_open(session.me, p)]

    def lead() -> None:
        """To the first page of those whose role has no right to this one."""
        if allowed and here not in allowed:
            window.navigate(PAGES[allowed[0]].route)

    ft.use_effect(lead, [here, session.me])
    stretch = ft.CrossAxisAlignment.STRETCH
    banner = [Trouble(session.problem)] if session.problem else []
    inside = ft.Container(page if here in allowed else Skeleton(), expand=True)
    beside = ft.Column(
        [TopBar(), ft.Divider(height=1), *banner, inside],
        expand=True,
        spacing=0,
        horizontal_alignment=stretch,
    )
    return ft.Row(
        [Navigation(here), ft.VerticalDivider(width=1), beside],
        expand=True,
        spacing=0,
        vertical_alignment=stretch,
    )


@component
def Navigation(here: str) -> ft.Control:
    session, _ = use_admin(), use_text()
    slim = (ft.context.page.width or 1280) < NARROW
    entries: list[ft.Control] = []
    for group in ("shape", "people"):
        pages = [(n, p) for n, p in PAGES.items() if p.group == group and may_open(session.me, p)]
        if pages and not slim:
            name = ft.Text(group_name(_, group), size=12, color=ft.Colors.ON_SURFACE_VARIANT)
            entries.append(ft.Container(name, padding=ft.Padding.only(left=14, top=12, bottom=4)))
        elif pages and entries:
            entries.append(ft.Divider(height=16))
        entries += [page_link(_, n, p, chosen=n == here, slim=slim) for n, p in pages]
    mark = ft.Row(
        [
            ft.Icon(ft.Icons.DIRECTIONS_CAR_FILLED, size=28, color=ft.Colors.PRIMARY),
            *([] if slim else [ft.Text("展厅助手", theme_style=ft.TextThemeStyle.TITLE_MEDIUM)]),
        ],
        spacing=10,
    )
    return ft.Container(
        ft.Column(
            [
                ft.Container(mark, padding=ft.Padding.only(left=12, top=14, bottom=6)),
                ft.ListView(entries, expand=True, spacing=2, build_controls_on_demand=False),
            ],
            spacing=0,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        ),
        width=68 if slim else 228,
        padding=ft.Padding.symmetric(horizontal=8),
        bgcolor=ft.Colors.SURFACE_CONTAINER_LOW,
    )


def page_link(_: Texts, name: str, page: PanelPage, *, chosen: bool, slim: bool) -> ft.Control:
    """An icon and, where there is room, the name of a page."""
    ink = ft.Colors.ON_SECONDARY_CONTAINER if chosen else ft.Colors.ON_SURFACE_VARIANT
    words = page_name(_, name)
    text = ft.Text(
        words,
        color=ink,
        weight=ft.FontWeight.W_600 if chosen else None,
        expand=True,
        max_lines=1,
    )
    return ft.Semantics(
        key=f"nav-{name}",
        identifier=f"nav-{name}",
        button=True,
        selected=chosen,
        label=words if slim else None,
        content=ft.Container(
            ft.Row([ft.Icon(page.icon, size=20, color=ink), *([] if slim else [text])], spacing=12),
            height=44,
            padding=ft.Padding.symmetric(horizontal=14),
            border_radius=22,
            ink=True,
            tooltip=words if slim else None,
            bgcolor=ft.Colors.SECONDARY_CONTAINER if chosen else None,
            on_click=lambda e: e.page.navigate(page.route),
        ),
    )


@component
def TopBar() -> ft.Control:
    """The store, the draft's state, the person."""
    session, _ = use_admin(), use_text()
    parts: list[ft.Control] = [ft.Container(StoreMenu(), expand=True)]
    if session.me and session.me.may("publish_config"):
        parts.append(DraftBar())
    parts.append(PersonMenu())
    return ft.Container(
        ft.Row(parts, spacing=12, vertical_alignment=ft.CrossAxisAlignment.CENTER),
        height=60,
        padding=ft.Padding.symmetric(horizontal=24),
    )


@component
def DraftBar() -> ft.Control:
    """How many changes nobody has yet, whether they are kept, and the way on."""
    draft, _ = use_draft(), use_text()
    count = len(draft.changes)
    unsaved = draft.saved in ("waiting", "saving", "failed")
    ft.use_effect(lambda: ask_before_leaving("draft", unsaved=unsaved), [unsaved])
    state = {
        "waiting": _("Saving…"),
        "saving": _("Saving…"),
        "failed": _("Not saved yet: the server does not answer"),
        "kept": _("Draft saved"),
    }.get(draft.saved, "")
    words = (
        _.many("%(n)d unpublished change", "%(n)d unpublished changes", count)
        if count
        else _("All published (version %(n)d)") % {"n": draft.base_version}
    )
    return ft.Row(
        [
            ft.Text(
                state,
                size=12,
                color=ft.Colors.ERROR if draft.saved == "failed" else ft.Colors.ON_SURFACE_VARIANT,
            ),
            identified(
                "draft-state",
                pill(words, tone="notice" if count else "plain"),
                live_region=True,
            ),
            icon_button("undo", ft.Icons.UNDO, _("Undo"), act(draft.undo), disabled=not draft.past),
            icon_button(
                "redo", ft.Icons.REDO, _("Redo"), act(draft.redo), disabled=not draft.future
            ),
            identified(
                "to-publish",
                ft.FilledButton(
                    _("Check and publish"),
                    icon=ft.Icons.PUBLISH,
                    height=44,
                    disabled=not count,
                    on_click=lambda e: e.page.navigate("/publish"),
                ),
            ),
        ],
        tight=True,
        spacing=6,
    )


@component
def StoreMenu() -> ft.Control:
    """The store one works on."""
    session, _ = use_admin(), use_text()
    if session.me is None:
        return ft.Container()
    icon = ft.Icon(ft.Icons.STOREFRONT, color=ft.Colors.ON_SURFACE_VARIANT)
    if len(session.memberships) < 2:
        name = session.me.store_name
        return ft.Row(
            [
                icon,
                ft.Text(
                    name, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS, tooltip=name, expand=True
                ),
            ]
        )
    options = [
        ft.DropdownOption(key=str(m.store_id), text=m.store_name) for m in session.memberships
    ]
    stores = ft.Dropdown(
        value=str(session.me.store_id),
        options=options,
        dense=True,
        expand=True,
        on_select=lambda e: e.page.run_task(act(session.choose_store, e.control.value or "")),
    )
    return ft.Row(
        [
            icon,
            ft.Container(
                identified(
                    "store", ft.Row([stores]), label=_("Store"), value=session.me.store_name
                ),
                width=260,
            ),
        ]
    )


@component
def PersonMenu() -> ft.Control:
    """Who works here, the language, the way out."""
    session, _ = use_admin(), use_text()
    if session.me is None:
        return ft.Container()

    name = session.me.name

    def language() -> None:
        order = ["zh_CN", "zh_TW", "en"]
        session.language = order[(order.index(session.language) + 1) % 3]

    return ft.Row(
        [
            ft.Container(
                ft.Text(
                    name,
                    color=ft.Colors.ON_SURFACE_VARIANT,
                    max_lines=1,
                    overflow=ft.TextOverflow.ELLIPSIS,
                    tooltip=name,
                ),
                width=min(
                    112, 4 + sum(15 if ord(x) > 0xFF else 9 for x in name)
                ),  # px: nobody's name may push the way out off the window
            ),
            text_button(
                "language",
                {"zh_CN": "繁體", "zh_TW": "EN", "en": "简体"}[session.language],
                lambda e: language(),
            ),
            text_button("sign-out", _("Sign out"), act(session.sign_out)),
        ],
        tight=True,
        spacing=4,
    )
