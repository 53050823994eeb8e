"""A customer on one screen: what to know before dialling first, then all that hangs on him."""

from uuid import UUID

import flet as ft

from mobile_app.customers.brief import Brief, HandoverCard
from mobile_app.customers.card_parts import CarsByYear, Companions, Consents, Deals, Family, Known
from mobile_app.customers.edit_state import may_save
from mobile_app.customers.parts import ConversationLine, block_text
from mobile_app.customers.refused import NotTaken
from mobile_app.customers.reveal import Masked
from mobile_app.customers.state import OpenCustomer
from mobile_app.session import use_book, use_session
from mobile_app.shell import page_view
from shared.ui.feedback import EmptyState, ProblemBanner, Skeleton, act
from shared.ui.parts import docked, icon_button, primary_button, secondary_button, section, text_button
from shared.ui.text import use_text
from shared.ui.theme import EDGE
from shared.ui.view import screen

LINES = 4  # of a talk on the card; the whole story has all of it


@screen
def CustomerScreen() -> ft.View:
    session, _ = use_session(), use_text()
    customer_id = UUID(ft.use_route_params()["customer_id"])
    state, _set = ft.use_state(lambda: OpenCustomer(session, customer_id, _))
    use_book(state.open, customer_id)
    route = ft.use_view_path()
    found, config = state.card, session.config
    if found is None or config is None:
        body = (
            [Skeleton(4)]
            if not state.loaded
            else [
                ProblemBanner(state.problem, act(state.load)),
                ft.Container(NotTaken(customer_id, key=f"refused {customer_id}"), padding=ft.Padding.symmetric(horizontal=EDGE, vertical=8)),
                EmptyState(ft.Icons.PERSON_OFF_OUTLINED, _("Not here")),
            ]  # somebody new whom the server refused is not in the book, and mended here
        )
        return page_view(route, _("Customer"), ft.ListView(body, expand=True))
    customer = found.customer
    blocks: list[ft.Control] = [ProblemBanner(state.problem)] if state.problem else []
    me = session.me
    waiting = next((h for h in found.handovers if me and h.to_id == me.user_id and h.accepted_at is None), None)
    if waiting is not None:
        blocks.append(HandoverCard(state, waiting, key="handover"))
    head = [NotTaken(customer.id, key=f"refused {customer.id}"), Brief(state, found, key="brief")]
    blocks.append(ft.Column(head, spacing=0, horizontal_alignment=ft.CrossAxisAlignment.STRETCH))
    talks = [ConversationLine(c, found.waiting_ids, found.files_of(c.id), LINES, key=str(c.id)) for c in found.conversations[:5]]
    story = text_button("story", _("Whole story"), lambda e: e.page.navigate(f"/customers/{customer.id}/story"), icon=ft.Icons.HISTORY)
    blocks.append(section(_("Conversations"), *(talks or [ft.Text(_("Nothing logged yet."), color=ft.Colors.ON_SURFACE_VARIANT)]), story))
    blocks += [
        Deals(state, found, key="deals"),
        CarsByYear(state, found, state.losing, key="cars"),
        Companions(state, found, key="companions"),
        Family(state, found, state.linking, key="family"),
        Known(state, found, key="known"),
        Masked(customer, key=f"masked {customer.id}"),
        Consents(state, found, state.noting_consent, key="consents"),
    ]
    may_log = me is not None and me.may("log_conversation")
    may_dial = bool(customer.phone) and "*" not in (customer.phone or "") and not customer.call_block

    async def dial(event: ft.ControlEvent) -> None:
        """The press is kept as evidence of an attempt, and the sheet stands open when he comes back."""
        await act(session.dial, customer.id)(event)
        event.page.navigate(f"/customers/{customer.id}/log")  # type: ignore[union-attr]

    call = primary_button(
        "call", _("Call") if may_dial else block_text(_, customer) if customer.call_block else _("No number to call"), dial, icon=ft.Icons.CALL,
        disabled=not may_dial, action=ft.OpenUrl(f"tel:{customer.phone}") if may_dial else None,
    )  # fmt: skip
    log = secondary_button("log", _("Log"), lambda e: e.page.navigate(f"/customers/{customer.id}/log"), icon=ft.Icons.EDIT_NOTE)
    thumb = ft.Row([ft.Container(log, expand=1), ft.Container(call, expand=1)], spacing=12)
    actions = []
    if may_save(session, "customer"):
        edit = lambda e: e.page.navigate(f"/customers/{customer.id}/edit/customer/{customer.id}")  # noqa: E731
        actions.append(icon_button("edit-customer", ft.Icons.EDIT_OUTLINED, _("Edit customer"), edit))
    return page_view(
        route, customer.name or _("Customer"), ft.ListView([ft.Container(ft.Column(blocks, spacing=16, horizontal_alignment=ft.CrossAxisAlignment.STRETCH), padding=EDGE)], expand=True),
        bottom=docked(thumb) if may_log else None, actions=actions,
    )  # fmt: skip
