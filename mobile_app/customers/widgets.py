"""A customer as a row; a conversation, a policy, a deal as lines of the card."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import flet as ft

from mobile_app.customers.duplicate_check import DuplicateCheck
from mobile_app.files.widgets import FileChips
from mobile_app.session import Session, use_session
from shared.domain.records import (
    Attachment,
    Conversation,
    Customer,
    Deal,
    Policy,
    Transfer,
    Vehicle,
)
from shared.domain.working_days import EVERY_DAY, is_overdue
from shared.gateway.transfers import Pooled
from shared.ui.feedback import act
from shared.ui.names import method_name
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE
from shared.ui.view import component
from shared.ui.widgets import identified, pending_icon, pill, secondary_button, text_button


def block_text(_: Texts, customer: Customer) -> str:
    """Why they must not be called."""
    return _("Consent withdrawn") if customer.call_block == "consent" else _("Do not call")


@component
def CustomerRow(
    customer: Customer,
    pending: bool,
    on_click: Any,
    refused: bool = False,
    chosen: bool | None = None,
) -> ft.Control:
    """`refused`: something about them was refused; their card says what, and how to correct it.
    `chosen`: the row is a tick; None when nobody is choosing."""
    session, _ = use_session(), use_text()
    marks: list[ft.Control] = []
    if chosen is not None:
        icon = ft.Icons.CHECK_CIRCLE if chosen else ft.Icons.RADIO_BUTTON_UNCHECKED
        color = ft.Colors.PRIMARY if chosen else ft.Colors.OUTLINE
        marks.append(ft.Icon(icon, size=20, color=color))
    name = ft.Text(
        customer.name or "—",
        theme_style=ft.TextThemeStyle.TITLE_MEDIUM,
        max_lines=1,
        overflow=ft.TextOverflow.ELLIPSIS,
        expand=True,
    )
    phone = ft.Text(customer.phone or "", color=ft.Colors.ON_SURFACE_VARIANT, size=13)
    head = [*marks, name, *([pending_icon(_("Not sent yet"))] if pending else []), phone]
    pills = customer_pills(_, session, customer, refused)
    return ft.Semantics(
        identifier=f"customer-{customer.id}",
        button=True,
        selected=chosen,
        content=ft.Container(
            padding=ft.Padding.symmetric(horizontal=EDGE, vertical=12),
            ink=True,
            on_click=on_click,
            bgcolor=ft.Colors.SECONDARY_CONTAINER if chosen else None,
            border=ft.Border.only(bottom=ft.BorderSide(1, ft.Colors.OUTLINE_VARIANT)),
            content=ft.Column(
                [ft.Row(head), ft.Row(pills, wrap=True, spacing=6, run_spacing=6)], spacing=6
            ),
        ),
    )


def customer_pills(
    _: Texts, session: Session, customer: Customer, refused: bool
) -> list[ft.Control]:
    """What needs attention first, then level, next day and whether they may be called."""
    level = session.config.level(customer.level) if session.config else None
    pills: list[ft.Control] = []
    if refused:
        pills.append(pill(_("Needs attention"), tone="urgent", icon=ft.Icons.ERROR_OUTLINE))
    if level:
        pills.append(pill(_.label(level.label), tone="good" if level.rank >= 3 else "plain"))
    if customer.next_contact_on:
        calendar = session.config.calendar if session.config else EVERY_DAY
        overdue = is_overdue(calendar, customer.next_contact_on, session.clock.today)
        day = _.day(customer.next_contact_on, session.clock.today)
        pills.append(pill(_("Next: %(day)s") % {"day": day}, tone="urgent" if overdue else "plain"))
    if customer.call_block:
        pills.append(pill(block_text(_, customer), tone="urgent", icon=ft.Icons.PHONE_DISABLED))
    return pills


@component
def TransferRow(transfer: Transfer, customer: Customer) -> ft.Control:
    """Transferred to me and not acknowledged yet: comes first."""
    _ = use_text()
    note = _("Transferred to you by %(name)s") % {
        "name": transfer.by_name or transfer.from_name or "—"
    }
    box = ft.Container(
        ft.Row(
            [
                ft.Icon(ft.Icons.MOVE_TO_INBOX, color=ft.Colors.ON_TERTIARY_CONTAINER),
                ft.Column(
                    [
                        ft.Text(
                            customer.name or "—",
                            theme_style=ft.TextThemeStyle.TITLE_MEDIUM,
                            color=ft.Colors.ON_TERTIARY_CONTAINER,
                            max_lines=2,
                            overflow=ft.TextOverflow.ELLIPSIS,
                        ),
                        ft.Text(note, size=13, color=ft.Colors.ON_TERTIARY_CONTAINER),
                    ],
                    spacing=2,
                    expand=True,
                ),
                ft.Icon(ft.Icons.CHEVRON_RIGHT, color=ft.Colors.ON_TERTIARY_CONTAINER),
            ]
        ),
        padding=ft.Padding.symmetric(horizontal=EDGE, vertical=12),
        bgcolor=ft.Colors.TERTIARY_CONTAINER,
        ink=True,
        on_click=lambda e: e.page.navigate(f"/customers/{customer.id}"),
    )
    return ft.Semantics(identifier=f"handed-{customer.id}", button=True, content=box)


def line(
    icon: ft.IconData,
    title: str,
    note: str = "",
    *,
    pending: str | None = None,
    on_click: Any = None,
    identifier: str | None = None,
    lines: int | None = None,
) -> ft.Control:
    """One fact of the card; `lines` limits long text that is one tap away."""
    cut = ft.TextOverflow.ELLIPSIS if lines else ft.TextOverflow.CLIP
    words: list[ft.Control] = [ft.Text(title, max_lines=lines, overflow=cut)]
    if note:
        words.append(ft.Text(note, size=12, color=ft.Colors.ON_SURFACE_VARIANT))
    row = ft.Row(
        [
            ft.Icon(icon, size=20, color=ft.Colors.ON_SURFACE_VARIANT),
            ft.Column(words, spacing=2, expand=True),
            *([pending_icon(pending)] if pending else []),
            *([ft.Icon(ft.Icons.CHEVRON_RIGHT, color=ft.Colors.OUTLINE)] if on_click else []),
        ],
        vertical_alignment=ft.CrossAxisAlignment.START,
    )
    box = ft.Container(
        row, padding=ft.Padding.symmetric(vertical=8), ink=on_click is not None, on_click=on_click
    )
    return (
        ft.Semantics(identifier=identifier, button=on_click is not None, content=box)
        if identifier
        else box
    )


@component
def ConversationLine(
    conversation: Conversation,
    pending: Collection[UUID],
    files: Sequence[Attachment] = (),
    lines: int | None = None,
) -> ft.Control:
    """One conversation and its `files`; `waiting`: ids of records on this device only."""
    session, _ = use_session(), use_text()
    config = session.config
    outcomes = config.labels("outcomes") if config else {}
    levels = config.labels("levels") if config else {}
    head = f"{method_name(_, conversation.method)} · {_.named(outcomes, conversation.outcome)}"
    if conversation.level_before != conversation.level_after and conversation.level_after in levels:
        head += f" → {_.named(levels, conversation.level_after)}"
    when = " · ".join(
        x
        for x in (
            _.day(session.clock.day(conversation.occurred_at), session.clock.today),
            conversation.author_name,
        )
        if x
    )
    icon = {
        "call": ft.Icons.CALL_OUTLINED,
        "visit": ft.Icons.STOREFRONT,
        "test_drive": ft.Icons.DIRECTIONS_CAR_OUTLINED,
        "wechat": ft.Icons.CHAT_BUBBLE_OUTLINE,
        "sms": ft.Icons.SMS_OUTLINED,
    }.get(conversation.method, ft.Icons.NOTES)
    unsent = _("Not sent yet") if conversation.id in pending else None
    row = line(
        icon,
        f"{head}\n{conversation.notes}" if conversation.notes else head,
        when,
        pending=unsent,
        lines=lines,
    )
    if not files:
        return row
    return ft.Column(
        [row, ft.Container(FileChips(files, pending), padding=ft.Padding.only(left=30, bottom=8))],
        spacing=0,
    )


@component
def PolicyLine(policy: Policy, on_click: Any = None) -> ft.Control:
    """One year: who holds it, at what price, and what became of it."""
    session, _ = use_session(), use_text()
    config = session.config
    reasons = config.labels("reasons") if config else {}
    became = {"renewed": _("Renewed"), "lost": _("Not renewed"), "ended": _("Ended")}.get(
        policy.status, ""
    )
    title = " · ".join(
        x
        for x in (
            policy.insurer,
            _.money(policy.premium_fen) if policy.premium_fen is not None else None,
        )
        if x
    ) or _("Policy")
    return line(
        ft.Icons.SHIELD_OUTLINED,
        title,
        " · ".join(
            x
            for x in (
                _("Ends %(day)s") % {"day": _.day(policy.expires_on, session.clock.today)},
                became,
                _.named(reasons, policy.lost_reason),
                _("Insured elsewhere") if policy.origin == "elsewhere" else None,
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
    return line(
        ft.Icons.DIRECTIONS_CAR_OUTLINED,
        title,
        " · ".join(str(x) for x in (vehicle.plate, vehicle.model_year, vehicle.vin) if x),
        on_click=on_click,
        identifier=f"vehicle-{vehicle.id}" if on_click else None,
    )


@component
def DealLine(deal: Deal, pending: bool) -> ft.Control:
    session, _ = use_session(), use_text()
    stages = session.config.labels(f"stages.{deal.pipeline}") if session.config else {}
    title = f"{deal.title or _('Deal')} · {_.named(stages, deal.stage)}"
    return line(
        ft.Icons.FILTER_ALT_OUTLINED,
        title,
        _.money(deal.amount_fen) if deal.amount_fen is not None else "",
        pending=_("Not sent yet") if pending else None,
        identifier=f"deal-{deal.id}",
        on_click=lambda e: e.page.navigate(f"/funnel/{deal.id}"),
    )


@component
def DuplicateNotice(state: DuplicateCheck) -> ft.Control:
    """They are known: here, or to a colleague. Joining, never a block. It brings its own gap, so
    that its absence leaves none."""
    _ = use_text()
    ink = ft.Colors.ON_TERTIARY_CONTAINER
    if state.known is not None:
        known = state.known
        words = _("Already your customer: %(name)s") % {"name": known.name or "—"}
        row: list[ft.Control] = [
            ft.Text(words, expand=True, color=ink),
            text_button(
                "open-duplicate", _("Open"), lambda e: e.page.navigate(f"/customers/{known.id}")
            ),
        ]
    elif state.elsewhere is not None:
        there = state.elsewhere
        if there.pooled:
            words = _("Known, without an owner at the moment.")
        elif there.who:
            words = _("Already a customer of %(name)s, last contact %(days)d days ago.") % {
                "name": there.who,
                "days": there.days,
            }
        elif there.days == 0:
            words = _("Already a colleague's customer, last contact today.")
        else:
            words = _("Already a colleague's customer, last contact %(days)d days ago.") % {
                "days": there.days
            }
        ask = text_button(
            "ask-to-take-over",
            _("Requested") if state.asked else _("Request transfer"),
            None if state.asked else act(state.ask_for_him),
        )
        row = [ft.Text(words, expand=True, color=ink), ask]
    else:
        return ft.Container(height=0)
    box = ft.Container(
        ft.Row(row),
        padding=ft.Padding.only(left=12),
        margin=ft.Margin.only(bottom=16),
        border_radius=12,
        bgcolor=ft.Colors.TERTIARY_CONTAINER,
    )
    return identified("duplicate", box, live_region=True)


def waiting_pills(_: Texts, session: Session, row: Pooled) -> list[ft.Control]:
    """A customer of a pool: their level, and since when they wait."""
    level = session.config.level(row.level) if session.config else None
    waiting = session.clock.day(row.waiting_since)
    since = _("Waiting since %(day)s") % {"day": _.day(waiting, session.clock.today)}
    return [*([pill(_.label(level.label), tone="good")] if level else []), pill(since)]


@component
def SaveUnlessKnown(already: DuplicateCheck | None, save: ft.Control, on_anyway: Any) -> ft.Control:
    """`save`; or, instead of it, whether a colleague's customer shall be entered a second time."""
    _ = use_text()
    if already is None or not already.is_asking:
        return save
    question = ft.Text(
        _("This number is a colleague's customer. Add them again? The manager will be told.")
    )
    return ft.Column(
        [question, secondary_button("create-anyway", _("Add again"), on_anyway)],
        tight=True,
        spacing=8,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
