"""What a metric is to reach in a month, and how far it is (S-31): the server counts and breaks
down, and nothing here counts again."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.domain.metrics import Metric, SheetMember, number_text
from shared.domain.values.number import money_of, number_of, parse_percent

Standing = Literal["reached", "on_track", "behind"]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Target(_Row):
    """Of a member, or (None) of the whole store. `target`, `expected`: so many, of money 分, of a
    share percent. `value`: None where the caller does not see the number; of a share, how many of
    `out_of`."""

    metric: str
    member_id: UUID | None = None
    target: int
    expected: int
    value: int | None = None
    out_of: int | None = None

    def reached(self, metric: Metric) -> int | None:
        """What `target` and `expected` are compared with; None for a share of nothing, too."""
        if metric.unit != "share" or self.value is None:
            return self.value
        return round(100 * self.value / self.out_of) if self.out_of else None

    def standing(self, metric: Metric) -> Standing | None:
        reached = self.reached(metric)
        if reached is None:
            return None
        if reached >= self.target:
            return "reached"
        return "on_track" if reached >= self.expected else "behind"

    def shortfall(self, metric: Metric) -> float:
        """The part of what is expected by now that is missing, from 0 to 1."""
        reached = self.reached(metric)
        if reached is None or reached >= self.expected:
            return 0.0
        return (self.expected - reached) / self.expected


class TargetProgress(_Row):
    """The targets of a month as they stand when `day` ends. `metrics`: all that may have one."""

    day: date
    month: date
    working_days: int
    working_days_passed: int
    may_set: bool = False
    metrics: tuple[Metric, ...] = ()
    members: tuple[SheetMember, ...] = ()
    targets: tuple[Target, ...] = ()

    def metric(self, key: str) -> Metric | None:
        return next((m for m in self.metrics if m.key == key), None)

    def target(self, metric: str, member_id: UUID | None) -> Target | None:
        return next(
            (t for t in self.targets if (t.metric, t.member_id) == (metric, member_id)), None
        )

    def of(self, member_id: UUID | None) -> list[tuple[Metric, Target]]:
        """The targets of a member or of the store, in the order of the catalogue."""
        return [
            (metric, target)
            for metric in self.metrics
            if (target := self.target(metric.key, member_id)) is not None
        ]

    def weakest(self, member_id: UUID) -> tuple[Metric, Target] | None:
        """Where most of what is expected by now is missing; None when nothing is."""
        found = max(self.of(member_id), key=lambda x: x[1].shortfall(x[0]), default=None)
        return found if found is not None and found[1].shortfall(found[0]) > 0 else None


def target_text(metric: Metric, value: int, language: str) -> str:
    """A target or a part of it: 30, ¥12,500, 40%; a part of a month's money in whole 元."""
    if metric.unit == "share":
        return f"{value}%"
    if metric.unit == "money":
        value = round(value, -2)
    return number_text(metric, value, None, language)


def typed_target(metric: Metric, text: str) -> int | None:
    """What was typed: a whole number, 分 from 元, or percent; None when it is none or not above
    zero."""
    found: float | int | None
    if metric.unit == "money":
        found = money_of(text)
    elif metric.unit == "share":
        percent = parse_percent(text).value
        found = None if percent is None or percent > 100 else float(percent)
    else:
        found = number_of(text)
    if found is None or found != int(found) or not 0 < found <= 10**13:
        return None
    return int(found)
