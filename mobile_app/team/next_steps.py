"""What a manager sees of the promise that nobody is forgotten: customers without a next step, and
whether the rules run (S-78)."""

import flet as ft

from shared.gateway.next_steps import ForgottenCustomer, NextStepReport
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE
from shared.ui.view import component
from shared.ui.widgets import identified


@component
def NextSteps(report: NextStepReport) -> ft.Control:
    _ = use_text()
    rows: list[ft.Control] = [promise(_, report)]
    if report.is_late:
        rows.append(
            line(
                ft.Icons.ERROR_OUTLINE,
                _("Rules last ran: %(day)s") % {"day": _.day(report.last_night, report.today)},
                _("New calls are not being created. Tell whoever runs Forecourt for you."),
                ft.Colors.ERROR,
                "rules-late",
            )
        )
    rows += [forgotten_row(_, customer) for customer in report.customers]
    return ft.Column(rows, spacing=0, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def promise(_: Texts, report: NextStepReport) -> ft.Control:
    if report.without_next_step == 0:
        return line(
            ft.Icons.VERIFIED_OUTLINED,
            _("Every customer has a next step"),
            _("Rules last ran: %(day)s") % {"day": _.day(report.last_night, report.today)}
            if report.last_night and not report.is_late
            else "",
            ft.Colors.PRIMARY,
            "next-steps",
        )
    return line(
        ft.Icons.WARNING_AMBER,
        _("%(count)d customers without a next step") % {"count": report.without_next_step},
        _("Nobody would call them again. Open one to choose an owner or a day."),
        ft.Colors.ERROR,
        "next-steps",
    )


def line(icon: ft.IconData, title: str, text: str, colour: str, identifier: str) -> ft.Control:
    return identified(
        identifier,
        ft.ListTile(
            leading=ft.Icon(icon, color=colour),
            title=ft.Text(title),
            subtitle=ft.Text(text) if text else None,
        ),
    )


def forgotten_row(_: Texts, customer: ForgottenCustomer) -> ft.Control:
    reasons = {
        "nobody": _("Nobody looks after them"),
        "no_plan": _("No next contact planned"),
        "overdue": _("The planned day has passed without a task"),
        "too_far": _("The next contact is too far away"),
    }
    return identified(
        f"forgotten-{customer.id}",
        ft.ListTile(
            title=ft.Text(customer.name or "—", max_lines=1, overflow=ft.TextOverflow.ELLIPSIS),
            subtitle=ft.Text(reasons[customer.reason]),
            trailing=ft.Icon(ft.Icons.CHEVRON_RIGHT),
            content_padding=ft.Padding.symmetric(horizontal=EDGE),
            on_click=lambda e: e.page.navigate(f"/customers/{customer.id}"),
        ),
    )
