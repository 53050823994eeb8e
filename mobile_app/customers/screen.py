"""Customers: search by name, pinyin, phone tail or plate; who waits longest stands first."""

import flet as ft

from mobile_app.customers.filter import FilterPanel
from mobile_app.customers.parts import CustomerRow, HandedRow
from mobile_app.customers.state import CustomerList
from mobile_app.session import use_book, use_session
from mobile_app.shell import tab_view
from shared.ui.feedback import EmptyState, ProblemBanner, Skeleton, act, typed
from shared.ui.parts import MAX_ROWS, icon_button, identified, text_button
from shared.ui.text import use_text
from shared.ui.theme import EDGE
from shared.ui.view import screen


@screen
def CustomersScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: CustomerList(session))
    use_book(state.load)

    search = ft.Container(
        padding=ft.Padding.symmetric(horizontal=EDGE, vertical=8),
        content=identified(
            "search",
            ft.TextField(
                label=_("Name, pinyin, phone or plate"),
                value=state.words,
                on_change=typed(state.type),
                prefix_icon=ft.Icons.SEARCH,
                border_radius=28,
                border_color=ft.Colors.OUTLINE,
                dense=True,
            ),
        ),
    )
    if not state.loaded:
        rows: list[ft.Control] = [Skeleton(5)]
    elif not state.rows:
        empty = (
            (_("Nobody found"), _("Try the last four digits, the plate, or the initials."))
            if state.words
            else (_("No customers yet"), _("Add the first one with the button below."))
        )
        rows = [EmptyState(ft.Icons.PERSON_SEARCH, *empty)]
    else:
        rows = [
            CustomerRow(c, waiting, lambda e, c=c: e.page.navigate(f"/customers/{c.id}"), c.id in state.refused, key=str(c.id))
            for c, waiting in state.rows[:MAX_ROWS]
        ]
        if state.more:
            rows.append(text_button("more", _("Show more"), act(state.load_more)))
    if state.handed and not state.words:
        rows = [*[HandedRow(h, c, key=str(h.id)) for h, c in state.handed[:20]], *rows]
    add, actions = None, []
    if state.filter is not None and state.filter.form is not None:
        icon = ft.Icons.FILTER_ALT if state.filter.active else ft.Icons.FILTER_ALT_OUTLINED
        actions.append(icon_button("filter", icon, _("Filter"), act(state.toggle_filter)))
    if session.me and (session.me.may("claim_customer") or session.me.may("claim_policy")):
        actions.append(icon_button("pool", ft.Icons.INBOX_OUTLINED, _("To claim"), lambda e: e.page.navigate("/customers/pool")))
    if session.me and session.me.may("add_customer"):
        actions.append(icon_button("receive", ft.Icons.STOREFRONT, _("Reception"), lambda e: e.page.navigate("/customers/receive")))
        button = ft.FloatingActionButton(
            content=_("New customer"), icon=ft.Icons.PERSON_ADD_ALT_1, on_click=lambda e: e.page.navigate("/customers/new")
        )
        add = identified("new-customer", button)
    banner = [ProblemBanner(state.problem, act(state.load))] if state.problem else []
    if state.filter is not None and state.filtering:
        return tab_view("customers", _("Customers"), ft.ListView([FilterPanel(state.filter, state.show_filtered)], expand=True), actions=actions)
    body = ft.Column(
        [search, *banner, ft.ListView(rows, expand=True, padding=ft.Padding.only(bottom=88))],
        expand=True,
        spacing=0,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    return tab_view("customers", _("Customers"), body, floating=add, actions=actions)
