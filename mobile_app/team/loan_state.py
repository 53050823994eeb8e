"""Lending a colleague's queue while they are away (F-61)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

import flet as ft

from mobile_app.session import Session
from shared.gateway import queue_loans
from shared.gateway.transfers import TransferCandidate

LONGEST = timedelta(days=60)  # as the server has it: crm.require_loan


@ft.observable
@dataclass(eq=False)
class Lending:
    """What is being filled in, for one lender at a time; `changed` reads the team again."""

    session: Session
    changed: Callable[[], Awaitable[None]]
    lender: UUID | None = None
    borrower: str = ""
    first_on: date | None = None
    last_on: date | None = None
    problem: str = ""
    busy: bool = False

    def begin(self, lender: UUID) -> None:
        """Most who are away are away today, and called this morning."""
        self.lender, self.borrower, self.problem = lender, "", ""
        self.first_on = self.last_on = self.session.clock.today

    def cancel(self) -> None:
        self.lender, self.problem = None, ""

    def choose_borrower(self, member: str) -> None:
        self.borrower = member

    def choose_first(self, day: date | None) -> None:
        self.first_on = day
        if day is not None and (self.last_on is None or self.last_on < day):
            self.last_on = day

    def choose_last(self, day: date | None) -> None:
        self.last_on = day

    @property
    def complete(self) -> bool:
        first, last = self.first_on, self.last_on
        return bool(self.borrower and first and last and first <= last)

    async def lend(self) -> None:
        lender, first, last = self.lender, self.first_on, self.last_on
        # A second tap would be refused as "already lent", beside the loan that was just made.
        if self.busy or lender is None or first is None or last is None or not self.complete:
            return
        self.busy = True
        try:
            await queue_loans.lend_queue(
                self.session.services.gateway,
                self.session.store_id,
                lender_id=lender,
                borrower_id=UUID(self.borrower),
                first_on=first,
                last_on=last,
            )
        finally:
            self.busy = False
        self.cancel()
        await self.changed()

    async def end(self, lender: TransferCandidate) -> None:
        if lender.loan is not None:
            await queue_loans.end_loan(
                self.session.services.gateway, self.session.store_id, lender.loan.id
            )
            self.problem = ""
            await self.changed()
