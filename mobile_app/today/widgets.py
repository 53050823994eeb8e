"""The reason for a task as text; a row of the list; the card on top."""

import flet as ft

from mobile_app.session import Session, use_session
from shared.domain import tasks as queue
from shared.domain.records import Customer, Task
from shared.domain.working_days import EVERY_DAY
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE
from shared.ui.view import component
from shared.ui.widgets import pill


def why_pills(
    _: Texts,
    session: Session,
    task: Task,
    standing: queue.PriorityInputs = queue.NO_PRIORITY_INPUTS,
    missed: bool = False,
) -> list[ft.Control]:
    """Each reason as a pill, most pressing first; the order of the queue is made of them (F-38)."""
    words = {
        "sent_back": (lambda v: _("Sent back by the manager"), "urgent"),
        "complaint": (lambda v: _("Complaint open"), "urgent"),
        "promise": (
            lambda v: _("Promise due") if not v["days"] else _("Promise overdue %(days)d days") % v,
            "urgent",
        ),
        "policy_ends": (
            lambda v: (
                _("Policy ended")
                if v["days"] < 0
                else _("Policy ends today")
                if v["days"] == 0
                else _("Policy ends in %(days)d days") % v
            ),
            "notice",
        ),
        "test_drive": (lambda v: _("Wants a test drive"), "urgent"),
        "overdue": (lambda v: _("Overdue %(days)d days") % v, "urgent"),
        "retry": (lambda v: _("Attempt %(n)d") % {"n": v["attempts"] + 1}, "plain"),
        "cadence": (lambda v: _("Follow-up due"), "plain"),
        "first_contact": (lambda v: _("First contact"), "good"),
        "next_contact": (lambda v: _("Scheduled call"), "good"),
        "policy_window": (lambda v: _("Renewal"), "notice"),
        "manual": (lambda v: _("Task"), "plain"),
        "care": (lambda v: _("Care call"), "good"),
        "escalation": (lambda v: _("No follow-up"), "urgent"),
    }
    calendar = session.config.calendar if session.config else EVERY_DAY
    found = [
        pill(words[code][0](values), tone=words[code][1])
        for code, values in queue.reasons(task, session.clock.today, standing, calendar)
        if code in words
    ]
    return [
        *(
            [pill(_("Missed the cut-off"), tone="urgent", icon=ft.Icons.TIMER_OFF_OUTLINED)]
            if missed
            else []
        ),
        *found,
    ]


@component
def TaskRow(
    task: Task,
    customer: Customer,
    on_click,
    standing: queue.PriorityInputs = queue.NO_PRIORITY_INPUTS,
) -> ft.Control:
    session, _ = use_session(), use_text()
    return ft.Semantics(
        identifier=f"task-{task.id}",
        button=True,
        content=ft.Container(
            padding=ft.Padding.symmetric(horizontal=EDGE, vertical=12),
            ink=on_click is not None,
            on_click=on_click,
            border=ft.Border.only(bottom=ft.BorderSide(1, ft.Colors.OUTLINE_VARIANT)),
            content=ft.Column(
                spacing=6,
                controls=[
                    ft.Text(
                        customer.name or "—",
                        theme_style=ft.TextThemeStyle.TITLE_MEDIUM,
                        max_lines=1,
                        overflow=ft.TextOverflow.ELLIPSIS,
                    ),
                    ft.Row(
                        why_pills(_, session, task, standing),
                        wrap=True,
                        spacing=6,
                        run_spacing=6,
                    ),
                ],
            ),
        ),
    )
