"""The number of a customer, masked for some roles: shown in full for one call, and never kept on
the disk."""

from dataclasses import dataclass

import flet as ft

from mobile_app.session import Session
from shared.domain.problems import Problem
from shared.domain.records import Customer
from shared.gateway import customers as remote
from shared.ui.text import Texts


def number_to_dial(customer: Customer, shown: str = "") -> str:
    """ "" when the number is hidden or masked, or must not be called. `shown`: what `shown_number`
    answered."""
    found = shown or customer.phone or ""
    return "" if "*" in found or customer.call_block else found


def can_show_number(session: Session, customer: Customer) -> bool:
    """Whether the number is masked here, may be shown, and the customer may be called."""
    me = session.me
    is_masked = "*" in (customer.phone or "")
    return is_masked and not customer.call_block and me is not None and me.may("reveal_field")


async def shown_number(session: Session, customer: Customer, reason: str) -> str:
    """The number in full; the audit keeps who asked and why. Raises Offline, SignedOut,
    Rejected."""
    value = await remote.reveal(
        session.services.gateway, session.store_id, "customer", customer.id, "phone", reason
    )
    return str(value or "")


@ft.observable
@dataclass(eq=False)
class CustomerPhone:
    """The number of the customer of one open card. `shown`: a masked one, in full; kept while the
    card is open, never on the disk."""

    session: Session
    customer: Customer
    texts: Texts
    shown: str = ""
    problem: str = ""

    @property
    def number(self) -> str:
        """The number to dial; "" when it is hidden, masked or must not be called."""
        return number_to_dial(self.customer, self.shown)

    @property
    def can_show(self) -> bool:
        return not self.number and can_show_number(self.session, self.customer)

    async def show(self) -> None:
        _ = self.texts
        try:
            self.shown = await shown_number(self.session, self.customer, _("To call"))
            self.problem = ""
        except Problem as problem:
            self.problem = problem.code
