"""Numbers of a store's day, each with its definition (S-23, S-110): the server counts, and nothing
here counts again."""

from collections.abc import Iterable
from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.domain.instants import Instant
from shared.domain.labels import Label, money_text

NOBODY = UUID(int=0)  # whose number is nobody's, e.g. of customers in a pool


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Metric(_Row):
    """A number's definition. count: rows; money: 分; share: `value` of `out_of` rows; percent: the
    mean of `out_of` rows whose sum is `value`; seconds: the median of `out_of` rows. direction:
    which way is better, None where neither is; fall_limit: how many per cent worse from one period
    to the next are no warning. split_by: what it is divided by."""

    key: str
    label: Label
    definition: Label
    unit: Literal["count", "money", "share", "percent", "seconds"]
    direction: Literal["up", "down"] | None = None
    split_by: Literal["level", "source", "hour", "reason"] | None = None
    fall_limit: int = 30

    @property
    def by_level(self) -> bool:
        return self.split_by == "level"


class Amount(_Row):
    """A number as it is counted now, and as it was frozen (0 when it was not)."""

    value: int = 0
    out_of: int | None = None
    frozen: int = 0
    frozen_out_of: int | None = None

    @property
    def differs(self) -> bool:
        return (self.value, self.out_of or 0) != (self.frozen, self.frozen_out_of or 0)


class MemberNumber(Amount):
    """`dimension`: the level's key where a metric stands for each level, else empty."""

    metric: str
    member_id: UUID
    dimension: str = ""


class SheetMember(_Row):
    id: UUID
    name: str


class MeetingSheet(_Row):
    """A day of everybody whose numbers the caller sees."""

    day: date
    today: date
    scope: str
    may_freeze: bool = False
    frozen_at: Instant | None = None
    frozen_by: str | None = None
    metrics: tuple[Metric, ...] = ()
    members: tuple[SheetMember, ...] = ()
    numbers: tuple[MemberNumber, ...] = ()

    def amount(
        self, metric: str, member_id: UUID | None = None, level: str | None = None
    ) -> Amount:
        """Of one member, or of all; of one level, or of all."""
        return total(
            n
            for n in self.numbers
            if n.metric == metric
            and (member_id is None or n.member_id == member_id)
            and (level is None or n.dimension == level)
        )

    @property
    def levels(self) -> frozenset[str]:
        """That occur among the numbers."""
        return frozenset(n.dimension for n in self.numbers if n.dimension)

    @property
    def has_unassigned(self) -> bool:
        return any(n.member_id == NOBODY for n in self.numbers)

    @property
    def differences(self) -> int:
        """How many numbers of a frozen sheet are counted otherwise by now."""
        return sum(n.differs for n in self.numbers) if self.frozen_at else 0


def total(numbers: Iterable[Amount]) -> Amount:
    value = out_of = frozen = frozen_out_of = 0
    is_share = False
    for n in numbers:
        is_share = is_share or n.out_of is not None or n.frozen_out_of is not None
        value, out_of = value + n.value, out_of + (n.out_of or 0)
        frozen, frozen_out_of = frozen + n.frozen, frozen_out_of + (n.frozen_out_of or 0)
    return Amount(
        value=value,
        out_of=out_of if is_share else None,
        frozen=frozen,
        frozen_out_of=frozen_out_of if is_share else None,
    )


class MetricRow(_Row):
    """A record that a number counts, with its customer."""

    record_id: UUID
    customer_id: UUID
    customer_name: str | None = None
    member_id: UUID
    occurred_at: Instant | None = None
    due_on: date | None = None
    label: Label | None = None
    amount_fen: int | None = None
    amount: int | None = None  # per cent or seconds, where that is the metric's unit


class MetricRows(_Row):
    """`sql`: what finds them. `unseen`: how many of `total` belong to customers the caller does not
    see."""

    metric: Metric
    sql: str
    total: int
    unseen: int
    rows: tuple[MetricRow, ...] = ()


def number_text(metric: Metric, value: int, out_of: int | None, language: str) -> str:
    """12, ¥12,500, 40%, 8 min; a dash for a share, mean or median of nothing."""
    if metric.unit == "money":
        return money_text(value, language)
    if metric.unit == "count":
        return str(value)
    if not out_of:
        return "—"
    if metric.unit == "seconds":
        return duration_text(value, language)
    return f"{(100 if metric.unit == 'share' else 1) * value / out_of:.0f}%"


DURATIONS = {  # a minute, an hour, a day
    "zh_CN": ("{}分钟", "{}小时", "{}天"),
    "zh_TW": ("{}分鐘", "{}小時", "{}天"),
    "en": ("{} min", "{} h", "{} d"),
}


def duration_text(seconds: float, language: str) -> str:
    """8 min, 1.5 h, 2 d: one unit, with one decimal above minutes."""
    minutes, hours, days = DURATIONS[language]
    if seconds < 3570:  # below an hour as it would be rounded
        return minutes.format(round(seconds / 60))
    if seconds < 48 * 3600:
        return hours.format(f"{seconds / 3600:.1f}".removesuffix(".0"))
    return days.format(f"{seconds / 86400:.1f}".removesuffix(".0"))
