"""Customers: search by name, pinyin, phone tail or plate; the longest waiting come first."""

from typing import Any

import flet as ft

from mobile_app.customers.filter import FilterPanel
from mobile_app.customers.state import CustomerList
from mobile_app.customers.widgets import CustomerRow, TransferRow
from mobile_app.session import Session, use_local_data, use_session
from mobile_app.shell import tab_view
from shared.domain.records import Customer
from shared.ui.feedback import EmptyState, ProblemBanner, act, not_loaded, typed
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE
from shared.ui.view import component, screen
from shared.ui.widgets import (
    MAX_ROWS,
    bottom_bar,
    chips,
    icon_button,
    identified,
    text_button,
)


@screen
def CustomersScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: CustomerList(session))
    use_local_data(state.load)
    actions = list_actions(_, session, state)
    if state.filter is not None and state.filtering:
        return tab_view(
            "customers",
            _("Customers"),
            ft.ListView([FilterPanel(state.filter, state.show_filtered)], expand=True),
            actions=actions,
        )
    body = ft.Column(
        [
            search_field(_, state),
            *([list_choice(_, state)] if state.pools else []),
            *([ProblemBanner(state.problem, act(state.load))] if state.problem else []),
            ft.ListView(
                [*transfer_rows(state), *customer_rows(_, session, state)],
                expand=True,
                padding=ft.Padding.only(bottom=88),
            ),
        ],
        expand=True,
        spacing=0,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    return tab_view(
        "customers",
        _("Customers"),
        body,
        floating=new_customer_button(_, session),
        actions=actions,
        bottom=GradePanel(state, state.picked) if state.picked else None,
    )


def search_field(_: Texts, state: CustomerList) -> ft.Control:
    return ft.Container(
        padding=ft.Padding.symmetric(horizontal=EDGE, vertical=8),
        content=identified(
            "search",
            ft.TextField(
                label=_("Name, pinyin, phone or plate"),
                value=state.query,
                on_change=typed(state.type),
                prefix_icon=ft.Icons.SEARCH,
                border_radius=28,
                border_color=ft.Colors.OUTLINE,
                dense=True,
            ),
        ),
    )


def list_choice(_: Texts, state: CustomerList) -> ft.Control:
    """Their own customers, or one of the pools."""
    options = [("mine", _("My tasks")), *((p.key, _.label(p.label)) for p in state.pools)]
    return ft.Container(
        chips(
            "list",
            options,
            state.pool or "mine",
            lambda key: act(state.choose_pool, "" if key == "mine" else key),
        ),
        padding=ft.Padding.only(left=EDGE, right=EDGE, bottom=8),
    )


def customer_rows(_: Texts, session: Session, state: CustomerList) -> list[ft.Control]:
    if not state.loaded:
        return [not_loaded(state.problem, act(state.load), 5)]
    if not state.rows:
        return [EmptyState(ft.Icons.PERSON_SEARCH, *why_empty(_, session, state))]

    def on_click(customer: Customer) -> Any:
        if state.picked is not None:
            return act(state.pick, str(customer.id))
        return lambda e: e.page.navigate(f"/customers/{customer.id}")

    rows: list[ft.Control] = [
        CustomerRow(
            c,
            pending,
            on_click(c),
            c.id in state.refused,
            None if state.picked is None else str(c.id) in state.picked,
            key=str(c.id),
        )
        for c, pending in state.rows[:MAX_ROWS]
    ]
    if state.more:
        rows.append(text_button("more", _("Show more"), act(state.load_more)))
    return rows


def why_empty(_: Texts, session: Session, state: CustomerList) -> tuple[str, str]:
    """Title and text of a list without customers."""
    if state.problem and state.pool:
        return _("Needs a connection"), _("The pool is available only online.")
    if state.query:
        return _("No results"), _("Try the last four digits, the plate, or the initials.")
    if state.pool:
        return _("No customers here"), _("Leads without an owner appear in their pool.")
    if session.me is not None and session.me.may("add_customer"):
        return _("No customers yet"), _("Add the first one with the button below.")
    return _("No customers yet"), _("Customers appear here while you have a task for them.")


def transfer_rows(state: CustomerList) -> list[ft.Control]:
    """Customers transferred to them and not read yet; a search is not disturbed."""
    if state.query:
        return []
    return [TransferRow(h, c, key=str(h.id)) for h, c in state.handed[:20]]


def list_actions(_: Texts, session: Session, state: CustomerList) -> list[ft.Control]:
    """The icons of the title bar."""
    actions: list[ft.Control] = []
    if state.filter is not None and state.filter.form is not None:
        icon = ft.Icons.FILTER_ALT if state.filter.active else ft.Icons.FILTER_ALT_OUTLINED
        actions.append(icon_button("filter", icon, _("Filter"), act(state.toggle_filter)))
    if state.pools and state.can_grade and state.rows:
        icon = ft.Icons.CLOSE if state.picked is not None else ft.Icons.CHECKLIST
        name = _("Cancel") if state.picked is not None else _("Select several")
        actions.append(icon_button("pick", icon, name, act(state.toggle_picking)))
    if session.me and (session.me.may("claim_customer") or session.me.may("claim_policy")):
        actions.append(
            icon_button(
                "pool",
                ft.Icons.INBOX_OUTLINED,
                _("To claim"),
                lambda e: e.page.navigate("/customers/pool"),
            )
        )
    if session.me and session.me.may("add_customer"):
        actions.append(
            icon_button(
                "record-visit",
                ft.Icons.STOREFRONT,
                _("Walk-in visit"),
                lambda e: e.page.navigate("/customers/visit"),
            )
        )
    return actions


def new_customer_button(_: Texts, session: Session) -> ft.Control | None:
    if session.me is None or not session.me.may("add_customer"):
        return None
    return identified(
        "new-customer",
        ft.FloatingActionButton(
            content=_("New customer"),
            icon=ft.Icons.PERSON_ADD_ALT_1,
            on_click=lambda e: e.page.navigate("/customers/new"),
        ),
    )


@component
def GradePanel(state: CustomerList, picked: list[str]) -> ft.Control:
    """One level for those that were picked."""
    session, _ = use_session(), use_text()
    levels = session.config.levels if session.config else ()
    return bottom_bar(
        ft.Text(
            _("%(n)d selected. Which level?") % {"n": len(picked)},
            size=13,
            color=ft.Colors.ON_SURFACE_VARIANT,
        ),
        chips(
            "grade",
            [(x.key, _.label(x.label)) for x in levels],
            None,
            lambda key: act(state.grade_picked, key),
        ),
    )
