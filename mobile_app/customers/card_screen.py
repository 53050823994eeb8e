"""A customer on one screen: what to know before dialling first, then all that hangs on them."""

from uuid import UUID

import flet as ft

from mobile_app.customers.brief import Brief, TransferCard
from mobile_app.customers.card_widgets import CarsByYear, Companions, Consents, Deals, Family, Known
from mobile_app.customers.edit_state import may_save
from mobile_app.customers.rejected import RejectedNotice
from mobile_app.customers.reveal import Masked
from mobile_app.customers.state import OpenCustomer
from mobile_app.customers.transfer_to_sales import TransferToSalesPanel
from mobile_app.customers.widgets import ConversationLine, block_text
from mobile_app.numbers import can_show_number, number_to_dial
from mobile_app.session import Session, use_local_data, use_session
from mobile_app.shell import page_view, scrolling
from shared.domain.card import Card
from shared.domain.records import Customer
from shared.ui.feedback import EmptyState, ProblemBanner, act, not_loaded
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE
from shared.ui.view import screen
from shared.ui.widgets import (
    bottom_bar,
    icon_button,
    primary_button,
    secondary_button,
    section,
    text_button,
)

LINES = 4  # of a conversation on the card; the timeline has all of them


@screen
def CustomerScreen() -> ft.View:
    session, _ = use_session(), use_text()
    customer_id = UUID(ft.use_route_params()["customer_id"])
    state, _set = ft.use_state(lambda: OpenCustomer(session, customer_id, _))
    use_local_data(state.open, customer_id)
    route = ft.use_view_path()
    found = state.card
    if found is None or session.config is None:
        body = (
            no_card(_, state, customer_id)
            if state.loaded
            else [not_loaded(state.problem, act(state.open, customer_id))]
        )
        return page_view(route, _("Customer"), ft.ListView(body, expand=True))
    customer, me = found.customer, session.me
    may_log = me is not None and me.may("log_conversation")
    actions: list[ft.Control] = []
    if may_save(session, "customer"):
        form = f"/customers/{customer.id}/edit/customer/{customer.id}"
        actions.append(
            icon_button(
                "edit-customer",
                ft.Icons.EDIT_OUTLINED,
                _("Edit customer"),
                lambda e: e.page.navigate(form),
            )
        )
    return page_view(
        route,
        customer.name or _("Customer"),
        scrolling(card_blocks(_, session, state, found), on_demand=True),
        bottom=thumb_bar(_, session, state, customer) if may_log else None,
        actions=actions,
    )


def no_card(_: Texts, state: OpenCustomer, customer_id: UUID) -> list[ft.Control]:
    """Somebody new whom the server refused is not in the local data; corrected here."""
    return [
        ProblemBanner(state.problem, act(state.load)),
        ft.Container(
            RejectedNotice(customer_id, key=f"refused {customer_id}"),
            padding=ft.Padding.symmetric(horizontal=EDGE, vertical=8),
        ),
        EmptyState(ft.Icons.PERSON_OFF_OUTLINED, _("Not found")),
    ]


def card_blocks(_: Texts, session: Session, state: OpenCustomer, found: Card) -> list[ft.Control]:
    """The card from top to bottom."""
    customer, me = found.customer, session.me
    pending = next(
        (h for h in found.transfers if me and h.to_id == me.user_id and h.accepted_at is None), None
    )
    head: list[ft.Control] = [
        RejectedNotice(customer.id, key=f"refused {customer.id}"),
        Brief(state, found, key="brief"),
    ]
    return [
        *([ProblemBanner(state.problem)] if state.problem else []),
        *([TransferCard(state, pending, key="transfer")] if pending is not None else []),
        ft.Column(head, spacing=0, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        last_conversations(_, found),
        TransferToSalesPanel(customer, key=f"hand-over {customer.id} {customer.version}"),
        Deals(state, found, key="deals"),
        CarsByYear(state, found, state.losing, key="cars"),
        Companions(state, found, key="companions"),
        Family(state, found, state.linking, key="family"),
        Known(state, found, key="known"),
        Masked(customer, key=f"masked {customer.id}"),
        Consents(state, found, state.noting_consent, key="consents"),
    ]


def last_conversations(_: Texts, found: Card) -> ft.Control:
    lines: list[ft.Control] = [
        ConversationLine(c, found.pending_ids, found.files_of(c.id), LINES, key=str(c.id))
        for c in found.conversations[:5]
    ] or [ft.Text(_("No conversations yet."), color=ft.Colors.ON_SURFACE_VARIANT)]
    timeline = text_button(
        "timeline",
        _("Full history"),
        lambda e: e.page.navigate(f"/customers/{found.customer.id}/timeline"),
        icon=ft.Icons.HISTORY,
    )
    return section(_("Conversations"), *lines, timeline)


def thumb_bar(_: Texts, session: Session, state: OpenCustomer, customer: Customer) -> ft.Control:
    """What the thumb does: log, and call or show the number."""
    log = secondary_button(
        "log",
        _("Log"),
        lambda e: e.page.navigate(f"/customers/{customer.id}/log"),
        icon=ft.Icons.EDIT_NOTE,
    )
    number = number_to_dial(customer, state.shown_phone)
    if not number and can_show_number(session, customer):
        call = primary_button(
            "show-number", _("Show the number"), act(state.show_number), icon=ft.Icons.VISIBILITY
        )
    else:
        call = call_button(_, state, customer, number)
    row = ft.Row([ft.Container(log, expand=1), ft.Container(call, expand=1)], spacing=12)
    return bottom_bar(row)


def call_button(_: Texts, state: OpenCustomer, customer: Customer, number: str) -> ft.Control:
    async def dial(event: ft.ControlEvent) -> None:
        """The press is kept as evidence of an attempt, and the sheet stands open when they come
        back."""
        await act(state.dial)(event)
        event.page.navigate(f"/customers/{customer.id}/log")  # type: ignore[union-attr]

    if number:
        label = _("Call")
    else:
        label = block_text(_, customer) if customer.call_block else _("No number to call")
    return primary_button(
        "call",
        label,
        dial,
        icon=ft.Icons.CALL,
        disabled=not number,
        action=ft.OpenUrl(f"tel:{number}") if number else None,
    )
