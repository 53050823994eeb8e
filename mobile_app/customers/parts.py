"""A customer as a row; a conversation, a policy, a deal as lines of the card."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import flet as ft

from mobile_app.conversations.parts import method_name
from mobile_app.customers.known import KnownAlready
from mobile_app.files.view import FileChips
from mobile_app.session import use_session
from shared.domain.records import Attachment, Conversation, Customer, Deal, Handover, Policy, Vehicle
from shared.ui.feedback import act
from shared.ui.parts import identified, mark_waiting, pill, text_button
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE
from shared.ui.view import component


def block_text(_: Texts, customer: Customer) -> str:
    """Why he must not be called."""
    return _("Took his consent back") if customer.call_block == "consent" else _("Do not call")


@component
def CustomerRow(customer: Customer, waiting: bool, on_click: Any, refused: bool = False) -> ft.Control:
    """`refused`: something about him was refused; his card says what and mends it."""
    session, _ = use_session(), use_text()
    level = session.config.level(customer.level) if session.config else None
    overdue = customer.next_contact_on is not None and customer.next_contact_on < session.today
    pills = [pill(_.label(level.label), tone="good" if level.rank >= 3 else "neutral")] if level else []
    if customer.next_contact_on:
        pills.append(pill(_("Next: %(day)s") % {"day": _.day(customer.next_contact_on, session.today)}, tone="urgent" if overdue else "neutral"))
    if customer.call_block:
        pills.append(pill(block_text(_, customer), tone="urgent", icon=ft.Icons.PHONE_DISABLED))
    if refused:
        pills.insert(0, pill(_("Needs you"), tone="urgent", icon=ft.Icons.ERROR_OUTLINE))
    return ft.Semantics(
        identifier=f"customer-{customer.id}", button=True,
        content=ft.Container(
            padding=ft.Padding.symmetric(horizontal=EDGE, vertical=12), ink=True, on_click=on_click, border=ft.Border.only(bottom=ft.BorderSide(1, ft.Colors.OUTLINE_VARIANT)),
            content=ft.Column(
                spacing=6,
                controls=[
                    ft.Row(
                        [
                            ft.Text(customer.name or "—", theme_style=ft.TextThemeStyle.TITLE_MEDIUM, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS, expand=True),
                            *([mark_waiting(_("Not sent yet"))] if waiting else []),
                            ft.Text(customer.phone or "", color=ft.Colors.ON_SURFACE_VARIANT, size=13),
                        ]
                    ),
                    ft.Row(pills, wrap=True, spacing=6, run_spacing=6),
                ],
            ),
        ),
    )  # fmt: skip


@component
def HandedRow(handover: Handover, customer: Customer) -> ft.Control:
    """Handed to me and not read yet: stands before everybody else."""
    _ = use_text()
    note = _("Handed to you by %(name)s") % {"name": handover.by_name or handover.from_name or "—"}
    box = ft.Container(
        ft.Row(
            [
                ft.Icon(ft.Icons.MOVE_TO_INBOX, color=ft.Colors.ON_TERTIARY_CONTAINER),
                ft.Column([ft.Text(customer.name or "—", theme_style=ft.TextThemeStyle.TITLE_MEDIUM, color=ft.Colors.ON_TERTIARY_CONTAINER, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS), ft.Text(note, size=13, color=ft.Colors.ON_TERTIARY_CONTAINER)], spacing=2, expand=True),
                ft.Icon(ft.Icons.CHEVRON_RIGHT, color=ft.Colors.ON_TERTIARY_CONTAINER),
            ]
        ),
        padding=ft.Padding.symmetric(horizontal=EDGE, vertical=12), bgcolor=ft.Colors.TERTIARY_CONTAINER, ink=True, on_click=lambda e: e.page.navigate(f"/customers/{customer.id}"),
    )  # fmt: skip
    return ft.Semantics(identifier=f"handed-{customer.id}", button=True, content=box)


def line(
    icon: ft.IconData,
    title: str,
    note: str = "",
    *,
    waiting: str | None = None,
    on_click: Any = None,
    identifier: str | None = None,
    lines: int | None = None,
) -> ft.Control:
    """One fact of the card; `lines` cuts long words where the whole is one tap away."""
    cut = ft.TextOverflow.ELLIPSIS if lines else ft.TextOverflow.CLIP
    words: list[ft.Control] = [ft.Text(title, max_lines=lines, overflow=cut)]
    if note:
        words.append(ft.Text(note, size=12, color=ft.Colors.ON_SURFACE_VARIANT))
    row = ft.Row(
        [ft.Icon(icon, size=20, color=ft.Colors.ON_SURFACE_VARIANT), ft.Column(words, spacing=2, expand=True), *([mark_waiting(waiting)] if waiting else []),
         *([ft.Icon(ft.Icons.CHEVRON_RIGHT, color=ft.Colors.OUTLINE)] if on_click else [])],
        vertical_alignment=ft.CrossAxisAlignment.START,
    )  # fmt: skip
    box = ft.Container(row, padding=ft.Padding.symmetric(vertical=8), ink=on_click is not None, on_click=on_click)
    return ft.Semantics(identifier=identifier, button=on_click is not None, content=box) if identifier else box


@component
def ConversationLine(conversation: Conversation, waiting: Collection[UUID], files: Sequence[Attachment] = (), lines: int | None = None) -> ft.Control:
    """One talk and its `files`; `waiting`: ids of what is on this device only."""
    session, _ = use_session(), use_text()
    outcome = session.config.outcome(conversation.outcome) if session.config else None
    level = session.config.level(conversation.level_after) if session.config and conversation.level_before != conversation.level_after else None
    head = f"{method_name(_, conversation.method)} · {_.label(outcome.label) if outcome else conversation.outcome}"
    if level:
        head += f" → {_.label(level.label)}"
    when = " · ".join(x for x in (_.day(session.day(conversation.occurred_at), session.today), conversation.author_name) if x)
    icon = {
        "call": ft.Icons.CALL_OUTLINED,
        "visit": ft.Icons.STOREFRONT,
        "test_drive": ft.Icons.DIRECTIONS_CAR_OUTLINED,
        "wechat": ft.Icons.CHAT_BUBBLE_OUTLINE,
        "sms": ft.Icons.SMS_OUTLINED,
    }.get(conversation.method, ft.Icons.NOTES)
    unsent = _("Not sent yet") if conversation.id in waiting else None
    told = line(icon, f"{head}\n{conversation.words}" if conversation.words else head, when, waiting=unsent, lines=lines)
    if not files:
        return told
    return ft.Column([told, ft.Container(FileChips(files, waiting), padding=ft.Padding.only(left=30, bottom=8))], spacing=0)


@component
def PolicyLine(policy: Policy, on_click: Any = None) -> ft.Control:
    """One year: who holds it, at what price, and what became of it."""
    session, _ = use_session(), use_text()
    config = session.config
    reason = next((r for r in config.reasons if r.key == policy.lost_reason), None) if config else None
    became = {"renewed": _("Renewed"), "lost": _("Not renewed"), "ended": _("Ended")}.get(policy.status, "")
    title = " · ".join(x for x in (policy.insurer, _.money(policy.premium_fen) if policy.premium_fen is not None else None) if x) or _("Policy")
    return line(
        ft.Icons.SHIELD_OUTLINED,
        title,
        " · ".join(
            x
            for x in (
                _("Ends %(day)s") % {"day": _.day(policy.expires_on, session.today)},
                became,
                _.label(reason.label) if reason else None,
                _("Elsewhere") if policy.origin == "elsewhere" else None,
                policy.policy_number,
            )
            if x
        ),
        on_click=on_click,
        identifier=f"policy-{policy.id}" if on_click else None,
    )


@component
def VehicleLine(vehicle: Vehicle, on_click: Any = None) -> ft.Control:
    title = " ".join(x for x in (vehicle.brand, vehicle.series) if x) or vehicle.plate or "—"
    return line(ft.Icons.DIRECTIONS_CAR_OUTLINED, title, " · ".join(str(x) for x in (vehicle.plate, vehicle.model_year, vehicle.vin) if x),
        on_click=on_click, identifier=f"vehicle-{vehicle.id}" if on_click else None)  # fmt: skip


@component
def DealLine(deal: Deal, waiting: bool) -> ft.Control:
    session, _ = use_session(), use_text()
    stage = session.config.stage(deal.pipeline, deal.stage) if session.config else None
    title = f"{deal.title or _('Deal')} · {_.label(stage.label) if stage else deal.stage}"
    return line(
        ft.Icons.FILTER_ALT_OUTLINED, title, _.money(deal.amount_fen) if deal.amount_fen is not None else "", waiting=_("Not sent yet") if waiting else None,
        identifier=f"deal-{deal.id}", on_click=lambda e: e.page.navigate(f"/funnel/{deal.id}"),
    )  # fmt: skip


@component
def DuplicateNotice(state: KnownAlready) -> ft.Control:
    """He is known: here, or to a colleague. Joining, never a block. It brings its own gap, so that its absence leaves none."""
    _ = use_text()
    ink = ft.Colors.ON_TERTIARY_CONTAINER
    if state.known is not None:
        known = state.known
        words = _("Already your customer: %(name)s") % {"name": known.name or "—"}
        row: list[ft.Control] = [ft.Text(words, expand=True, color=ink), text_button("open-duplicate", _("Open"), lambda e: e.page.navigate(f"/customers/{known.id}"))]  # fmt: skip
    elif state.elsewhere is not None:
        there = state.elsewhere
        if there.pooled:
            words = _("Known, without an owner at the moment.")
        elif there.who:
            words = _("Already with %(name)s, last contact %(days)d days ago.") % {"name": there.who, "days": there.days}
        elif there.days == 0:
            words = _("Already with a colleague, last contact today.")
        else:
            words = _("Already with a colleague, last contact %(days)d days ago.") % {"days": there.days}
        ask = text_button("ask-for-him", _("Asked") if state.asked else _("Ask to join"), None if state.asked else act(state.ask_for_him))
        row = [ft.Text(words, expand=True, color=ink), ask]
    else:
        return ft.Container(height=0)
    box = ft.Container(
        ft.Row(row), padding=ft.Padding.only(left=12), margin=ft.Margin.only(bottom=16), border_radius=12, bgcolor=ft.Colors.TERTIARY_CONTAINER
    )
    return identified("duplicate", box, live_region=True)
