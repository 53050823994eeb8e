"""Why a task is here, in words; a row of the list; the card on top."""

from datetime import date

import flet as ft

from mobile_app.offline.replica import Card
from mobile_app.session import use_session
from shared.domain import conversations
from shared.domain import tasks as queue
from shared.domain.records import Customer, Task
from shared.ui.form.view import value_text
from shared.ui.parts import pill
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE, GAP
from shared.ui.view import component


def why_pills(_: Texts, task: Task, today, standing: queue.Standing = queue.NOTHING, missed: bool = False) -> list[ft.Control]:
    """Each reason as a pill, most pressing first; the order of the queue is made of them (F-38)."""
    words = {
        "sent_back": (lambda v: _("Sent back by the manager"), "urgent"),
        "complaint": (lambda v: _("Complaint open"), "urgent"),
        "promise": (lambda v: _("Promise due") if not v["days"] else _("Promise overdue %(days)d days") % v, "urgent"),
        "policy_ends": (
            lambda v: _("Policy ended") if v["days"] < 0 else _("Policy ends today") if v["days"] == 0 else _("Policy ends in %(days)d days") % v,
            "notice",
        ),
        "overdue": (lambda v: _("Overdue %(days)d days") % v, "urgent"),
        "retry": (lambda v: _("Try no. %(n)d") % {"n": v["tries"] + 1}, "neutral"),
        "cadence": (lambda v: _("Follow-up due"), "neutral"),
        "first_contact": (lambda v: _("First call"), "good"),
        "next_contact": (lambda v: _("Agreed contact"), "good"),
        "policy_window": (lambda v: _("Renewal"), "notice"),
        "manual": (lambda v: _("Task"), "neutral"),
        "care": (lambda v: _("Care call"), "good"),
        "escalation": (lambda v: _("Nobody has answered"), "urgent"),
    }
    found = [pill(words[code][0](values), tone=words[code][1]) for code, values in queue.reasons(task, today, standing) if code in words]
    return [*([pill(_("Missed the cut-off"), tone="urgent", icon=ft.Icons.TIMER_OFF_OUTLINED)] if missed else []), *found]


@component
def TaskRow(task: Task, customer: Customer, on_click, standing: queue.Standing = queue.NOTHING) -> ft.Control:
    session, _ = use_session(), use_text()
    return ft.Semantics(
        identifier=f"task-{task.id}", button=True,
        content=ft.Container(
            padding=ft.Padding.symmetric(horizontal=EDGE, vertical=12), ink=on_click is not None, on_click=on_click,
            border=ft.Border.only(bottom=ft.BorderSide(1, ft.Colors.OUTLINE_VARIANT)),
            content=ft.Column(
                spacing=6,
                controls=[
                    ft.Text(customer.name or "—", theme_style=ft.TextThemeStyle.TITLE_MEDIUM, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS),
                    ft.Row(why_pills(_, task, session.today, standing), wrap=True, spacing=6, run_spacing=6),
                ],
            ),
        ),
    )  # fmt: skip


@component
def BriefLines(card: Card, task: Task) -> ft.Control:
    """What to know before the call, without scrolling: remark, last words, need, car and policy, who comes along (S-38)."""
    session, _ = use_session(), use_text()
    config = session.config
    lines: list[tuple[ft.IconData, str, str | None]] = []
    if task.remark:
        lines.append((ft.Icons.CAMPAIGN, task.remark, ft.Colors.ERROR))
    if card.conversations:
        last = card.conversations[0]
        outcome = config.outcome(last.outcome) if config else None
        said = f"{_.day(session.day(last.occurred_at), session.today)} · {_.label(outcome.label) if outcome else last.outcome}"
        lines.append((ft.Icons.HISTORY, f"{said}:{last.words}" if last.words else said, None))
    if card.customer.need:
        lines.append((ft.Icons.STAR_OUTLINE, card.customer.need, None))
    subject = next(
        (p for p in card.policies if p.id == task.subject_id), card.policies[0] if card.policies and task.subject_form == "policy" else None
    )
    if subject is not None:
        vehicle = next((v for v in card.vehicles if v.id == subject.vehicle_id), None)
        car = " ".join(x for x in ((vehicle.brand, vehicle.series, vehicle.plate) if vehicle else ()) if x)
        policy = " · ".join(
            x
            for x in (
                subject.insurer,
                _.money(subject.premium_fen) if subject.premium_fen is not None else None,
                _.day(subject.expires_on, session.today),
            )
            if x
        )
        lines += [(ft.Icons.DIRECTIONS_CAR_OUTLINED, car, None)] if car else []
        lines.append((ft.Icons.SHIELD_OUTLINED, policy, None))
    elif card.vehicles:
        v = card.vehicles[0]
        lines.append((ft.Icons.DIRECTIONS_CAR_OUTLINED, " ".join(x for x in (v.brand, v.series, v.plate) if x), None))
    if card.companions:
        lines.append((ft.Icons.GROUP_OUTLINED, "、".join(c.name or "" for c in card.companions[:4]), None))
    facts = conversations.known_facts(config, card.customer.model_dump(mode="json") | card.customer.custom, card.customer.facts) if config else []
    for definition, value, day, by in facts[:3]:
        told = " · ".join(x for x in (_.day(date.fromisoformat(day), session.today) if day else None, by) if x)
        words = f"{_.label(definition.label)}:{value_text(_, definition, 'customer', value)}"
        lines.append((ft.Icons.CHECK_CIRCLE_OUTLINE, f"{words}({told})" if told else words, None))
    return ft.Column(
        spacing=GAP,
        controls=[
            ft.Row([ft.Icon(icon, size=18, color=color or ft.Colors.ON_SURFACE_VARIANT), ft.Text(text, expand=True, color=color, max_lines=3, overflow=ft.TextOverflow.ELLIPSIS)], vertical_alignment=ft.CrossAxisAlignment.START)
            for icon, text, color in lines[:8]
        ],
    )  # fmt: skip
