"""The report that is shown, and one number of it with its past and its rows (S-28)."""

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

import flet as ft

from mobile_app.session import Session
from shared.domain.metrics import MetricRows
from shared.domain.problems import Problem
from shared.domain.reports import Kind, Report, ReportNumber, Trend
from shared.gateway import metrics as remote_metrics
from shared.gateway import reports as remote

KINDS: tuple[Kind, ...] = ("day", "week", "month")
KIND_OF: dict[str, Kind] = {kind: kind for kind in KINDS}


@ft.observable
@dataclass(eq=False)
class ReportOfPeriod:
    """`day`: any of the period; `whose`: whose numbers are shown; None: of all together."""

    session: Session
    day: date
    kind: Kind = "week"
    whose: UUID | None = None
    report: Report | None = None
    problem: str = ""

    async def load(self) -> None:
        asked = self.kind, self.day
        gateway, store = self.session.services.gateway, self.session.store_id
        try:
            found = await remote.report(gateway, store, *asked)
            # another period may have been chosen meanwhile
            self.report = found if asked == (self.kind, self.day) else self.report
            self.problem = ""
        except Problem as problem:
            self.problem = problem.code

    async def choose_kind(self, kind: Kind) -> None:
        self.kind, self.report = kind, None
        await self.load()

    async def previous(self) -> None:
        if self.report is not None:
            await self._go_to(self.report.first - timedelta(days=1))

    async def next(self) -> None:
        if self.report is not None and self.report.last < self.report.today:
            await self._go_to(self.report.last + timedelta(days=1))

    async def _go_to(self, day: date) -> None:
        self.day, self.report = day, None
        await self.load()

    def choose(self, whose: UUID | None) -> None:
        self.whose = whose


@ft.observable
@dataclass(eq=False)
class NumberOfReport:
    """A metric of a member, or (None) of all, in a period. `part`: of which dimension the rows are
    shown; None: all of them."""

    session: Session
    kind: Kind
    day: date
    key: str
    member: UUID | None
    part: str | None = None
    report: Report | None = None
    trend: Trend | None = None
    rows: MetricRows | None = None
    problem: str = ""

    async def load(self) -> None:
        gateway, store = self.session.services.gateway, self.session.store_id
        try:
            self.trend = await remote.trend(
                gateway, store, self.key, self.kind, self.day, member_id=self.member
            )
            self.report = await remote.report(gateway, store, self.kind, self.day)
            await self._load_rows()
            self.problem = ""
        except Problem as problem:
            self.problem = problem.code

    async def _load_rows(self) -> None:
        if self.trend is None:
            return
        part, period = self.part, self.trend.periods[-1]
        found = await remote_metrics.rows(
            self.session.services.gateway,
            self.session.store_id,
            self.key,
            period.last,
            member_id=self.member,
            level=part,
            since=period.first,
        )
        self.rows = found if part == self.part else self.rows

    @property
    def parts(self) -> list[ReportNumber]:
        """What the number is divided into; only of all together."""
        return self.report.parts(self.key) if self.report and self.member is None else []

    async def choose_part(self, part: str | None) -> None:
        self.part = part
        try:
            await self._load_rows()
        except Problem as problem:
            self.problem = problem.code
