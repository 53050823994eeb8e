"""记一笔: from a customer's card, or from anywhere by choosing whom."""

import contextlib
from typing import Any
from uuid import UUID

import flet as ft

from mobile_app.conversations.call_aids import CallAids
from mobile_app.conversations.choose_customer import ChooseCustomer
from mobile_app.conversations.state import LogConversation
from mobile_app.conversations.widgets import LogPanel
from mobile_app.session import use_local_data, use_session
from mobile_app.shell import page_view
from shared.domain.problems import Problem
from shared.domain.records import Customer
from shared.gateway import customers as remote
from shared.ui.feedback import EmptyState, ProblemBanner, Skeleton, act, not_loaded, typed
from shared.ui.text import use_text
from shared.ui.theme import EDGE
from shared.ui.view import component, screen
from shared.ui.widgets import (
    MAX_ROWS,
    bottom_bar,
    identified,
    primary_button,
    text_button,
    text_field,
)


@screen
def LogConversationScreen() -> ft.View:
    session, _ = use_session(), use_text()
    page = ft.context.page
    customer_id = UUID(ft.use_route_params()["customer_id"])
    summary: Any = ft.use_state(None)
    state, set_state = summary
    route = ft.use_view_path()

    async def load() -> None:
        card = await session.local_store.replica.card(customer_id)
        if card is None:  # a colleague's, or of a pool: the server knows level and last words
            with contextlib.suppress(Problem):
                card = await remote.brief(session.services.gateway, session.store_id, customer_id)
        customer = card.customer if card else Customer(id=customer_id)
        dialled = session.calls.last is not None and session.calls.last.customer_id == customer_id
        task = (
            next(
                (
                    t
                    for t in card.tasks
                    if t.id == session.calls.last.task_id and t.status == "open"
                ),
                None,
            )
            if card and dialled and session.calls.last
            else None
        )
        method = "call" if dialled or (card and card.conversations) else "visit"
        made = LogConversation(
            session,
            customer,
            _,
            task=task,
            card=card,
            method=method,
            done=lambda state: page.navigate(f"/customers/{customer_id}"),
        )
        await made.restore_draft()
        set_state(made)

    ft.on_mounted(load)
    if state is None:
        return page_view(route, _("Log a conversation"), Skeleton(3))
    return page_view(
        route,
        f"{_('Log a conversation')} · {state.customer.name or ''}",
        ft.ListView(
            expand=True,
            padding=EDGE,
            build_controls_on_demand=False,
            controls=[
                *([ProblemBanner(state.problem)] if state.problem else []),
                CallAids(state.call_texts, state.outcome, key="aids"),
                LogPanel(state, state.plan, with_methods=True),
            ],
        ),
        bottom=SaveDock(state),
    )


@component
def SaveDock(state: LogConversation) -> ft.Control:
    _ = use_text()
    return bottom_bar(
        primary_button("save-conversation", _("Save"), act(state.save), icon=ft.Icons.CHECK)
    )


@screen
def ChooseCustomerScreen() -> ft.View:
    """Whom was it with? Those talked to last come first, anyone else by a few letters or digits."""
    session, _ = use_session(), use_text()
    page = ft.context.page
    state, _set = ft.use_state(lambda: ChooseCustomer(session))
    use_local_data(state.load)
    rows: list[ft.Control] = [
        identified(
            f"recent-{n}",
            ft.ListTile(
                title=ft.Text(c.name or "—", max_lines=1, overflow=ft.TextOverflow.ELLIPSIS),
                subtitle=ft.Text(c.phone or _("No phone number")),
                on_click=lambda e, c=c: page.navigate(f"/customers/{c.id}/log"),
                min_height=56,
            ),
            button=True,
            label=c.name,
        )
        for n, c in enumerate(state.rows[:MAX_ROWS])
    ]
    if state.loaded and not rows:
        if state.query.strip():
            rows = [
                EmptyState(
                    ft.Icons.PERSON_SEARCH,
                    _("Nothing found"),
                    _("Search by name, pinyin, plate or the last digits of the phone."),
                )
            ]
        else:
            rows = [EmptyState(ft.Icons.PERSON_SEARCH, _("No customers yet"))]
            if session.me is not None and session.me.may("add_customer"):
                add = text_button(
                    "new-customer",
                    _("New customer"),
                    lambda e: page.navigate("/customers/new"),
                    icon=ft.Icons.PERSON_ADD_ALT_1,
                )
                rows.append(ft.Row([add], alignment=ft.MainAxisAlignment.CENTER))
    search = text_field(
        "who",
        _("Name, pinyin, plate, last digits"),
        state.query,
        typed(state.type),
        prefix_icon=ft.Icons.SEARCH,
    )
    return page_view(
        ft.use_view_path(),
        _("Choose a customer"),
        ft.ListView(
            rows if state.loaded else [not_loaded(state.problem, act(state.load))],
            expand=True,
            reverse=False,
        ),
        bottom=bottom_bar(search),
    )
