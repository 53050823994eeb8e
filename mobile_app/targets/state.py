"""The targets of a month, and one number of them with the rows it counts (S-31)."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

import flet as ft

from mobile_app.session import Session
from shared.domain.metrics import MetricRows
from shared.domain.problems import Problem
from shared.domain.targets import Metric, Target, TargetProgress, typed_target
from shared.gateway import metrics as remote_metrics
from shared.gateway import targets as remote


@ft.observable
@dataclass(eq=False)
class MonthTargets:
    """Of the month of `day`, as they stand when it ends. `whose`: whose lines are shown; None: the
    store's."""

    session: Session
    day: date
    whose: UUID | None = None
    progress: TargetProgress | None = None
    problem: str = ""

    async def load(self) -> None:
        gateway, store = self.session.services.gateway, self.session.store_id
        try:
            self.progress = await remote.target_progress(gateway, store, self.day)
            self.problem = ""
        except Problem as problem:
            self.problem = problem.code

    def choose(self, whose: UUID | None) -> None:
        self.whose = whose


@ft.observable
@dataclass(eq=False)
class MonthNumber:
    """A metric of a member, or (None) of the whole store, from the first of the month to `day`."""

    session: Session
    day: date
    key: str
    member: UUID | None
    progress: TargetProgress | None = None
    rows: MetricRows | None = None
    typed: str | None = None  # None: nothing was typed yet
    saved: bool = False
    refused: str = ""  # why the target was not saved
    problem: str = ""

    async def load(self) -> None:
        gateway, store = self.session.services.gateway, self.session.store_id
        try:
            self.progress = await remote.target_progress(gateway, store, self.day)
            self.rows = await remote_metrics.rows(
                gateway,
                store,
                self.key,
                self.day,
                member_id=self.member,
                since=self.day.replace(day=1),
            )
            self.problem = ""
        except Problem as problem:
            self.problem = problem.code

    @property
    def metric(self) -> Metric | None:
        return self.progress.metric(self.key) if self.progress else None

    @property
    def target(self) -> Target | None:
        return self.progress.target(self.key, self.member) if self.progress else None

    @property
    def value(self) -> int | None:
        """What was typed, where it is a target."""
        metric = self.metric
        return typed_target(metric, self.typed) if metric and self.typed else None

    def type(self, words: str) -> None:
        self.typed, self.saved, self.refused = words, False, ""

    async def save(self) -> None:
        if self.value is not None:
            await self._set(self.value)

    async def remove(self) -> None:
        await self._set(None)

    async def _set(self, value: int | None) -> None:
        gateway, store = self.session.services.gateway, self.session.store_id
        try:
            await remote.set_target(gateway, store, self.key, value, member_id=self.member)
        except Problem as problem:
            self.refused = problem.code
            return
        self.typed, self.saved, self.refused = None, True, ""
        self.session.changes.tell()  # the sheet below and one's own targets are counted again
