"""What to know before dialling, on one screen and without scrolling (S-15, S-38, S-72, F-09, F-10)."""

import flet as ft

from mobile_app.customers.parts import block_text
from mobile_app.customers.state import OpenCustomer
from mobile_app.offline.replica import Card
from mobile_app.session import use_session
from shared.domain import conversations
from shared.domain.records import Handover
from shared.ui.feedback import act
from shared.ui.form.view import value_text
from shared.ui.parts import card, identified, mark_waiting, pill, primary_button
from shared.ui.text import use_text
from shared.ui.view import component

MOST_LINES = 7  # more would not be read while the phone rings


@component
def Brief(state: OpenCustomer, found: Card) -> ft.Control:
    session, _ = use_session(), use_text()
    customer, config = found.customer, session.config
    if config is None:
        return ft.Container()
    level = config.level(customer.level)
    pills = [pill(_.label(level.label), tone="good")] if level else []
    if customer.next_contact_on:
        late = customer.next_contact_on < session.today
        pills.append(pill(_("Next: %(day)s") % {"day": _.day(customer.next_contact_on, session.today)}, tone="urgent" if late else "neutral"))
    if customer.call_block:
        pills.append(pill(block_text(_, customer), tone="urgent", icon=ft.Icons.PHONE_DISABLED))
    if any(a.status == "pending" for a in found.approvals):
        pills.append(pill(_("With the manager"), tone="notice", icon=ft.Icons.HOURGLASS_EMPTY))
    name = ft.Text(customer.name or "—", theme_style=ft.TextThemeStyle.HEADLINE_SMALL, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS)
    head = ft.Row(
        [ft.Semantics(identifier="customer-name", expand=True, content=name), *([mark_waiting(_("Not sent yet"))] if found.waiting else [])]
    )
    under = " · ".join(
        x for x in (customer.phone or _("No phone number"), _("Owner: %(name)s") % {"name": state.owner_name} if state.owner_name else None) if x
    )
    rows = [
        ft.Row(
            [
                ft.Icon(icon, size=18, color=color or ft.Colors.ON_SURFACE_VARIANT),
                ft.Text(text, expand=True, color=color, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS),
            ],
            vertical_alignment=ft.CrossAxisAlignment.START,
        )
        for icon, text, color in lines(_, state, found)[:MOST_LINES]
    ]
    return card(
        head, ft.Text(under, color=ft.Colors.ON_SURFACE_VARIANT), ft.Row(pills, wrap=True, spacing=6, run_spacing=6),
        *([ft.Divider(height=1), *rows] if rows else []), identifier="brief",
    )  # fmt: skip


def lines(_, state: OpenCustomer, found: Card) -> list[tuple[ft.IconData, str, str | None]]:
    """Most pressing first: complaint, promises, need, last words, who decides, what is not known yet."""
    session, customer = state.session, found.customer
    config = session.config
    if config is None:
        return []
    rows: list[tuple[ft.IconData, str, str | None]] = []
    complaint = next((c for c in found.conversations if (o := config.outcome(c.outcome)) and o.effect == "complaint"), None)
    if complaint:
        told = f"{_.day(session.day(complaint.occurred_at), session.today)} · {complaint.words or ''}"
        rows.append((ft.Icons.REPORT_GMAILERRORRED, _("Complaint: %(words)s") % {"words": told}, ft.Colors.ERROR))
    for promise in found.promises[:2]:
        late = promise.due_on < session.today
        rows.append(
            (ft.Icons.HANDSHAKE_OUTLINED, f"{_.day(promise.due_on, session.today)} · {promise.words or ''}", ft.Colors.ERROR if late else None)
        )
    if customer.need:
        rows.append((ft.Icons.STAR_OUTLINE, customer.need, None))
    last = next((c for c in found.conversations if c.words and c is not complaint), None)
    if last:
        outcome = config.outcome(last.outcome)
        said = f"{_.day(session.day(last.occurred_at), session.today)} · {_.label(outcome.label) if outcome else last.outcome}"
        rows.append((ft.Icons.HISTORY, f"{said}:{last.words}", None))
    elif found.receptions:
        came = found.receptions[0]
        rows.append(
            (
                ft.Icons.STOREFRONT,
                f"{_('Came in')} {_.day(session.day(came.arrived_at), session.today)}" + (f" · {came.words}" if came.words else ""),
                None,
            )
        )
    if found.companions:
        form = config.forms.get("companion")
        people = []
        for one in found.companions[:3]:
            roles = [value_text(_, d, "companion", one.value(k)) for k in ("relation", "influence") if form and (d := form.field(k)) and one.value(k)]
            people.append(f"{one.name or '—'}({'、'.join(roles)})" if roles else one.name or "—")
        rows.append((ft.Icons.GROUP_OUTLINED, "、".join(people), None))
    stages = tuple(d.stage for d in found.deals)
    missing = conversations.questions(config, customer.model_dump(mode="json") | customer.custom, level=customer.level, stages=stages)
    if missing:
        rows.append((ft.Icons.HELP_OUTLINE, _("Not known yet: %(facts)s") % {"facts": "、".join(_.label(f.label) for f in missing)}, None))
    return rows


@component
def HandoverCard(state: OpenCustomer, handover: Handover) -> ft.Control:
    """Handed to me: from whom and with what words; accepted when read (First 3)."""
    session, _ = use_session(), use_text()
    who = handover.from_name or handover.by_name or _("the pool")
    parts: list[ft.Control] = [
        ft.Text(_("Handed to you by %(name)s") % {"name": handover.by_name or who}, theme_style=ft.TextThemeStyle.TITLE_MEDIUM),
        ft.Text(_("Before: %(name)s") % {"name": who}, color=ft.Colors.ON_SURFACE_VARIANT),
        *([ft.Text(f"“{handover.words}”")] if handover.words else []),
    ]
    if handover.contact_due_at is not None:
        parts.append(
            ft.Text(_("Talk to him by %(day)s") % {"day": _.day(session.day(handover.contact_due_at), session.today)}, color=ft.Colors.ERROR)
        )
    parts.append(primary_button("accept", _("I have read it"), act(state.accept, str(handover.id)), icon=ft.Icons.CHECK))
    return identified("handed", card(*parts))
