"""The meeting sheet of a day, and the rows of one of its numbers (S-23)."""

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

import flet as ft

from mobile_app.session import Session
from shared.domain.metrics import NOBODY, MeetingSheet, Metric, MetricRows
from shared.domain.problems import Problem
from shared.gateway import metrics as remote
from shared.ui.text import Texts

ALL = "all"  # in a route: of everybody, of every level


@dataclass(frozen=True)
class Column:
    """A metric, of one level or of all."""

    metric: Metric
    level: str | None
    title: str


@ft.observable
@dataclass(eq=False)
class Meeting:
    session: Session
    texts: Texts
    day: date
    sheet: MeetingSheet | None = None
    problem: str = ""

    async def load(self) -> None:
        gateway, store = self.session.services.gateway, self.session.store_id
        try:
            found = await remote.meeting_sheet(gateway, store, self.day)
            # another day may have been chosen meanwhile
            self.sheet = found if found.day == self.day else self.sheet
            self.problem = ""
        except Problem as problem:
            self.problem = problem.code

    async def choose_day(self, day: date) -> None:
        self.day, self.sheet = day, None
        await self.load()

    async def step(self, days: int) -> None:
        """From the day that is chosen by now, which the screen may not have drawn yet; tomorrow has
        no sheet."""
        day = self.day + timedelta(days=days)
        if day <= self.session.clock.today:
            await self.choose_day(day)

    async def freeze(self) -> None:
        gateway, store = self.session.services.gateway, self.session.store_id
        try:
            await remote.freeze(gateway, store, self.day)
        except Problem as problem:
            self.problem = problem.code
            return
        await self.load()

    @property
    def columns(self) -> list[Column]:
        """A metric that stands for each level has a column for every level that occurs."""
        sheet, config = self.sheet, self.session.config
        if sheet is None:
            return []
        # of a day before a level was removed, too
        levels = config.labels("levels") if config else {}
        found: list[Column] = []
        for metric in sheet.metrics:
            found.append(Column(metric, None, self.texts.label(metric.label)))
            if metric.by_level:
                found += [
                    Column(metric, key, self.texts.label(label))
                    for key, label in levels.items()
                    if key in sheet.levels
                ]
        return found

    @property
    def members(self) -> list[tuple[UUID, str]]:
        """Whose numbers are shown, by name; nobody's last."""
        _, sheet = self.texts, self.sheet
        found = [(m.id, m.name) for m in sheet.members] if sheet else []
        return [*found, (NOBODY, _("No owner"))] if sheet and sheet.has_unassigned else found

    def route(self, column: Column, member: UUID | None) -> str:
        return f"/team/meeting/{self.day}/{column.metric.key}/{member or ALL}/{column.level or ALL}"


@ft.observable
@dataclass(eq=False)
class Rows:
    """What a number counts."""

    session: Session
    day: date
    key: str
    member: UUID | None
    level: str | None
    found: MetricRows | None = None
    problem: str = ""

    async def load(self) -> None:
        gateway, store = self.session.services.gateway, self.session.store_id
        try:
            self.found = await remote.rows(
                gateway, store, self.key, self.day, member_id=self.member, level=self.level
            )
            self.problem = ""
        except Problem as problem:
            self.problem = problem.code
