"""What to know before dialling, on one screen and without scrolling (S-15, S-38, S-72, F-09,
F-10)."""

from datetime import date

import flet as ft

from mobile_app.customers.state import OpenCustomer
from mobile_app.customers.widgets import block_text
from mobile_app.session import Session, use_session
from shared.domain import conversations
from shared.domain.card import Card
from shared.domain.config import StoreConfig
from shared.domain.records import Conversation, Task, Transfer
from shared.ui.feedback import act
from shared.ui.form.view import value_text
from shared.ui.text import Texts, use_text
from shared.ui.theme import GAP
from shared.ui.view import component
from shared.ui.widgets import card, identified, pending_icon, pill, primary_button

MOST_LINES = 8  # more would not be read while the phone rings


@component
def Brief(state: OpenCustomer, found: Card) -> ft.Control:
    session, _ = use_session(), use_text()
    customer, config = found.customer, session.config
    if config is None:
        return ft.Container()
    level = config.level(customer.level)
    pills = [pill(_.label(level.label), tone="good")] if level else []
    if customer.next_contact_on:
        late = customer.next_contact_on < session.clock.today
        pills.append(
            pill(
                _("Next: %(day)s") % {"day": _.day(customer.next_contact_on, session.clock.today)},
                tone="urgent" if late else "plain",
            )
        )
    if customer.call_block:
        pills.append(pill(block_text(_, customer), tone="urgent", icon=ft.Icons.PHONE_DISABLED))
    if any(a.status == "pending" for a in found.approvals):
        pills.append(pill(_("Waiting for approval"), tone="notice", icon=ft.Icons.HOURGLASS_EMPTY))
    name = ft.Text(
        customer.name or "—",
        theme_style=ft.TextThemeStyle.HEADLINE_SMALL,
        max_lines=2,
        overflow=ft.TextOverflow.ELLIPSIS,
    )
    head = ft.Row(
        [
            ft.Semantics(identifier="customer-name", expand=True, content=name),
            *([pending_icon(_("Not sent yet"))] if found.pending else []),
        ]
    )
    under = " · ".join(
        x
        for x in (
            state.shown_phone or customer.phone or _("No phone number"),
            _("Owner: %(name)s") % {"name": found.owner_name} if found.owner_name else None,
        )
        if x
    )
    return card(
        head,
        ft.Text(under, color=ft.Colors.ON_SURFACE_VARIANT),
        ft.Row(pills, wrap=True, spacing=6, run_spacing=6),
        *([ft.Divider(height=1), BriefLines(found)] if lines(_, session, found) else []),
        identifier="brief",
    )


@component
def BriefLines(found: Card, task: Task | None = None) -> ft.Control:
    """What to know before the call, the same on Today's card and on the customer's (S-38). `task`:
    the call to make; its promises have buttons of their own there."""
    session, _ = use_session(), use_text()
    return ft.Column(
        spacing=GAP,
        controls=[
            ft.Row(
                [
                    ft.Icon(icon, size=18, color=color or ft.Colors.ON_SURFACE_VARIANT),
                    ft.Text(
                        text,
                        expand=True,
                        color=color,
                        max_lines=3,
                        overflow=ft.TextOverflow.ELLIPSIS,
                    ),
                ],
                vertical_alignment=ft.CrossAxisAlignment.START,
            )
            for icon, text, color in lines(_, session, found, task)[:MOST_LINES]
        ],
    )


Line = tuple[ft.IconData, str, str | None]


def lines(_: Texts, session: Session, found: Card, task: Task | None = None) -> list[Line]:
    """Most pressing first: remark, complaint, promises, last words, need, policy, deal, who comes
    along, what is not known yet, what is."""
    config = session.config
    if config is None:
        return []
    complaint = _complaint(config, found)
    return [
        *([(ft.Icons.CAMPAIGN, task.remark, ft.Colors.ERROR)] if task and task.remark else []),
        *_complaint_lines(_, session, complaint),
        *([] if task else _promise_lines(_, session, found)),
        *_last_words(_, session, config, found, complaint),
        *([(ft.Icons.STAR_OUTLINE, found.customer.need, None)] if found.customer.need else []),
        *_car_lines(_, session, found, task),
        *_deal_lines(_, session, config, found),
        *_companion_lines(_, config, found),
        *_missing_lines(_, config, found),
        *(_fact_lines(_, session, config, found) if task else []),
    ]


def _complaint(config: StoreConfig, found: Card) -> Conversation | None:
    """The last complaint, answered or not: nobody should ask about it twice."""
    return next(
        (
            c
            for c in found.conversations
            if (o := config.outcome(c.outcome)) and o.effect == "complaint"
        ),
        None,
    )


def _complaint_lines(_: Texts, session: Session, complaint: Conversation | None) -> list[Line]:
    if complaint is None:
        return []
    day = _.day(session.clock.day(complaint.occurred_at), session.clock.today)
    words = _("Complaint: %(notes)s") % {"notes": f"{day} · {complaint.notes or ''}"}
    return [(ft.Icons.REPORT_GMAILERRORRED, words, ft.Colors.ERROR)]


def _promise_lines(_: Texts, session: Session, found: Card) -> list[Line]:
    return [
        (
            ft.Icons.HANDSHAKE_OUTLINED,
            f"{_.day(p.due_on, session.clock.today)} · {p.notes or ''}",
            ft.Colors.ERROR if p.due_on < session.clock.today else None,
        )
        for p in found.promises[:2]
    ]


def _last_words(
    _: Texts, session: Session, config: StoreConfig, found: Card, complaint: Conversation | None
) -> list[Line]:
    """The latest notes, even if later attempts failed; without notes, the outcome."""

    def detail(conversation: Conversation) -> str:
        day = _.day(session.clock.day(conversation.occurred_at), session.clock.today)
        return f"{day} · {_.named(config.labels('outcomes'), conversation.outcome)}"

    spoken = next((c for c in found.conversations if c.notes and c is not complaint), None)
    rows: list[Line] = []
    newest = found.conversations[0] if found.conversations else None
    if newest is not None and newest is not spoken and newest is not complaint:
        rows.append((ft.Icons.PHONE_MISSED, detail(newest), None))
    if spoken is not None:
        rows.append((ft.Icons.HISTORY, f"{detail(spoken)}{_.colon}{spoken.notes}", None))
    elif newest is None and found.visits:
        came = found.visits[0]
        words = f"{_('Arrival')} {_.day(session.clock.day(came.arrived_at), session.clock.today)}"
        rows.append((ft.Icons.STOREFRONT, f"{words} · {came.notes}" if came.notes else words, None))
    return rows


def _car_lines(_: Texts, session: Session, found: Card, task: Task | None) -> list[Line]:
    """The car, and the policy the call is about."""
    if task is None:
        return []  # the card has them with all their years
    policy = next((p for p in found.policies if p.id == task.subject_id), None)
    if policy is None and task.subject_form == "policy" and found.policies:
        policy = found.policies[0]
    vehicle = next((v for v in found.vehicles if policy is None or v.id == policy.vehicle_id), None)
    rows: list[Line] = []
    if vehicle is not None and (
        car := " ".join(x for x in (vehicle.brand, vehicle.series, vehicle.plate) if x)
    ):
        rows.append((ft.Icons.DIRECTIONS_CAR_OUTLINED, car, None))
    if policy is not None:
        premium = _.money(policy.premium_fen) if policy.premium_fen is not None else None
        until = _.day(policy.expires_on, session.clock.today)
        words = " · ".join(x for x in (policy.insurer, premium, until) if x)
        rows.append((ft.Icons.SHIELD_OUTLINED, words, None))
    return rows


def _deal_lines(_: Texts, session: Session, config: StoreConfig, found: Card) -> list[Line]:
    """The open deal: its stage, and for how long it has been there."""
    rows: list[Line] = []
    for deal in found.deals:
        stage = config.stage(deal.pipeline, deal.stage)
        if stage is None or stage.type != "open":
            continue
        days = (session.clock.now() - deal.stage_at).days if deal.stage_at else None
        age = _("%(n)d days here") % {"n": days} if days else None
        words = " · ".join(x for x in (deal.title, _.label(stage.label), age) if x)
        rows.append((ft.Icons.FILTER_ALT_OUTLINED, words, None))
    return rows[:1]


def _companion_lines(_: Texts, config: StoreConfig, found: Card) -> list[Line]:
    form = config.forms.get("companion")
    people = []
    for one in found.companions[:4]:
        roles = [
            value_text(_, d, "companion", one.value(k), config)
            for k in ("relation", "influence")
            if form and (d := form.field(k)) and one.value(k)
        ]
        people.append(
            (one.name or "—") + _.aside(_.comma.join(roles)) if roles else one.name or "—"
        )
    return [(ft.Icons.GROUP_OUTLINED, _.comma.join(people), None)] if people else []


def _missing_lines(_: Texts, config: StoreConfig, found: Card) -> list[Line]:
    missing = conversations.questions(
        config,
        found.customer.flat(),
        level=found.customer.level,
        stages=tuple(d.stage for d in found.deals),
    )
    if not missing:
        return []
    words = _("Not known yet: %(facts)s") % {
        "facts": _.comma.join(_.label(f.label) for f in missing)
    }
    return [(ft.Icons.HELP_OUTLINE, words, None)]


def _fact_lines(_: Texts, session: Session, config: StoreConfig, found: Card) -> list[Line]:
    """The known answers to the facts that are asked for, with who learned them."""
    known = conversations.known_facts(config, found.customer.flat(), found.customer.facts)
    rows: list[Line] = []
    for definition, value, day, by in known[:3]:
        detail = " · ".join(
            x
            for x in (_.day(date.fromisoformat(day), session.clock.today) if day else None, by)
            if x
        )
        said = value_text(_, definition, "customer", value, config)
        words = f"{_.label(definition.label)}{_.colon}{said}"
        rows.append(
            (ft.Icons.CHECK_CIRCLE_OUTLINE, words + _.aside(detail) if detail else words, None)
        )
    return rows


@component
def TransferCard(state: OpenCustomer, transfer: Transfer) -> ft.Control:
    """Transferred to me: from whom and with which notes; acknowledged here (First 3)."""
    session, _ = use_session(), use_text()
    who = transfer.from_name or transfer.by_name or _("the pool")
    parts: list[ft.Control] = [
        ft.Text(
            _("Transferred to you by %(name)s") % {"name": transfer.by_name or who},
            theme_style=ft.TextThemeStyle.TITLE_MEDIUM,
        ),
        ft.Text(_("Previous owner: %(name)s") % {"name": who}, color=ft.Colors.ON_SURFACE_VARIANT),
        *([ft.Text(f"“{transfer.notes}”")] if transfer.notes else []),
    ]
    if transfer.contact_due_at is not None:
        parts.append(
            ft.Text(
                _("Contact by %(day)s")
                % {"day": _.day(session.clock.day(transfer.contact_due_at), session.clock.today)},
                color=ft.Colors.ERROR,
            )
        )
    parts.append(
        primary_button(
            "accept", _("Acknowledge"), act(state.accept, str(transfer.id)), icon=ft.Icons.CHECK
        )
    )
    return identified("handed", card(*parts))
