"""Who makes a colleague's calls while they are away: above their tasks, on the team's screen."""

import flet as ft

from mobile_app.session import use_session
from mobile_app.team.loan_state import LONGEST, Lending
from shared.gateway.queue_loans import QueueLoan
from shared.gateway.transfers import TransferCandidate
from shared.ui.feedback import ProblemBanner, act
from shared.ui.text import use_text
from shared.ui.theme import EDGE
from shared.ui.view import component
from shared.ui.widgets import (
    DateChips,
    card,
    chips,
    identified,
    primary_button,
    secondary_button,
    section,
    text_button,
)


@component
def LoanOf(lending: Lending, lender: TransferCandidate, team: list[TransferCandidate]):
    """The loan there is, the one being filled in, or the way to one."""
    _ = use_text()
    if lender.loan is not None:
        content = CurrentLoan(lending, lender, lender.loan, team, key="loan")
    elif lending.lender == lender.user_id:
        content = NewLoan(lending, lender, team, key="new")
    else:
        label = _("On leave? Lend these calls to a colleague")
        begin = act(lending.begin, lender.user_id)
        content = text_button("lend", label, begin, icon=ft.Icons.EVENT_BUSY_OUTLINED)
    return ft.Container(content, padding=ft.Padding.symmetric(horizontal=EDGE, vertical=4))


@component
def CurrentLoan(
    lending: Lending, lender: TransferCandidate, loan: QueueLoan, team: list[TransferCandidate]
):
    session, _ = use_session(), use_text()
    borrower = next((m.name for m in team if m.user_id == loan.borrower_id), "—")
    words = _("%(name)s makes these calls, %(first)s to %(last)s") % {
        "name": borrower,
        "first": _.day(loan.first_on, session.clock.today),
        "last": _.day(loan.last_on, session.clock.today),
    }
    parts: list[ft.Control] = [
        identified("loan", ft.Text(words), label=words),
        secondary_button("end-loan", _("Return the calls now"), act(lending.end, lender)),
    ]
    if lending.problem:
        parts.insert(0, ProblemBanner(lending.problem))
    return card(*parts)


@component
def NewLoan(lending: Lending, lender: TransferCandidate, team: list[TransferCandidate]):
    session, _ = use_session(), use_text()
    # Who does the same work first: a seller can make any call, but cannot renew a policy.
    others = sorted(
        (m for m in team if m.user_id != lender.user_id and m.loan is None),
        key=lambda m: m.role != lender.role,
    )
    people = [(str(m.user_id), m.name) for m in others]
    today = session.clock.today
    parts: list[ft.Control] = [
        section(
            _("Who makes the calls?"),
            chips("borrower", people, lending.borrower, lambda k: act(lending.choose_borrower, k)),
        ),
        section(
            _("From"),
            DateChips("first-day", lending.first_on, today, lending.choose_first, suggested=today),
        ),
        section(
            _("To and including"),
            DateChips(
                "last-day",
                lending.last_on,
                today,
                lending.choose_last,
                suggested=lending.first_on or today,
                last=(lending.first_on or today) + LONGEST,
            ),
        ),
        ft.Text(
            _("The customers stay with their owner. Calls that are not made return by themselves."),
            size=13,
            color=ft.Colors.ON_SURFACE_VARIANT,
        ),
        primary_button(
            "confirm-loan",
            _("Lend"),
            act(lending.lend),
            disabled=lending.busy or not lending.complete,
        ),
        text_button("cancel-loan", _("Cancel"), act(lending.cancel)),
    ]
    if lending.problem:
        parts.insert(0, ProblemBanner(lending.problem))
    return card(*parts)
