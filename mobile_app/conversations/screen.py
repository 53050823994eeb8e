"""记一笔 from a customer's card."""

from typing import Any
from uuid import UUID

import flet as ft

from mobile_app.conversations.parts import LogPanel
from mobile_app.conversations.state import LogConversation
from mobile_app.session import use_session
from mobile_app.shell import page_view
from shared.domain.records import Customer
from shared.ui.feedback import ProblemBanner, Skeleton, act
from shared.ui.parts import docked, primary_button
from shared.ui.text import use_text
from shared.ui.theme import EDGE
from shared.ui.view import screen


@screen
def LogConversationScreen() -> ft.View:
    session, _ = use_session(), use_text()
    page = ft.context.page
    customer_id = UUID(ft.use_route_params()["customer_id"])
    held: Any = ft.use_state(None)
    state, set_state = held
    route = ft.use_view_path()

    async def load() -> None:
        card = await session.book.replica.card(customer_id)
        customer = card.customer if card else Customer(id=customer_id)
        set_state(
            LogConversation(
                session,
                customer,
                _,
                method="visit" if card and not card.conversations else "call",
                done=lambda: page.navigate(f"/customers/{customer_id}"),
            )
        )

    ft.on_mounted(load)
    if state is None:
        return page_view(route, _("Log a conversation"), Skeleton(3))
    return page_view(
        route, f"{_('Log a conversation')} · {state.customer.name or ''}",
        ft.ListView(
            expand=True, padding=EDGE, build_controls_on_demand=False,
            controls=[*([ProblemBanner(state.problem)] if state.problem else []), LogPanel(state, with_methods=True)],
        ),
        bottom=docked(primary_button("save-conversation", _("Save"), act(state.save), icon=ft.Icons.CHECK)),
    )  # fmt: skip
