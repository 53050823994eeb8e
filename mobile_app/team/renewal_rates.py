"""The renewal rates of a month, and the policies behind the number that is open (F-42)."""

from dataclasses import dataclass
from datetime import date, timedelta

import flet as ft

from mobile_app.session import Session
from shared.domain.problems import Problem
from shared.gateway import renewals as remote
from shared.gateway.renewals import RenewalNumber, RenewalRates, RenewalRows

NUMBERS = ("due", "contacted", "renewed", "lost")


@dataclass(frozen=True)
class OpenNumber:
    """A number somebody tapped: its heading and which of the four."""

    by: str
    key: str
    number: str


@ft.observable
@dataclass(eq=False)
class RatesOfMonth:
    session: Session
    month: date
    rates: RenewalRates | None = None
    opened: OpenNumber | None = None
    rows: RenewalRows | None = None
    problem: str = ""

    def __post_init__(self) -> None:
        self.month = self.month.replace(day=1)

    async def load(self) -> None:
        month, gateway = self.month, self.session.services.gateway
        try:
            found = await remote.renewal_rates(gateway, self.session.store_id, month)
            # another month may have been chosen meanwhile
            self.rates = found if month == self.month else self.rates
            self.problem = ""
        except Problem as problem:
            self.problem = problem.code

    async def previous_month(self) -> None:
        await self._go_to(self.month - timedelta(days=1))

    async def next_month(self) -> None:
        await self._go_to(self.month + timedelta(days=31))

    async def _go_to(self, day: date) -> None:
        self.month, self.rates, self.opened, self.rows = day.replace(day=1), None, None, None
        await self.load()

    async def open(self, heading: RenewalNumber, number: str) -> None:
        """The policies it counts; tapped again they are put away."""
        asked = OpenNumber(heading.by, heading.key, number)
        if asked == self.opened:
            self.opened, self.rows = None, None
            return
        self.opened, self.rows = asked, None
        gateway, store = self.session.services.gateway, self.session.store_id
        try:
            found = await remote.renewal_rate_rows(
                gateway, store, self.month, (heading.by, heading.key), number
            )
            self.rows = found if asked == self.opened else self.rows
            self.problem = ""
        except Problem as problem:
            self.problem = problem.code


def shows_renewal_rates(session: Session) -> bool:
    """Whether this person may read when a policy ends; else there is nothing to count."""
    config = session.config
    return config is not None and "expires_on" in config.rights("policy").readable
