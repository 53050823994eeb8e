"""A report's numbers beside those of the period before: what changed, what fell beyond its limit,
and where each member is weakest (S-28, S-29, S-112). The server counts; nothing here counts again.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.domain.exports import as_csv, cells
from shared.domain.labels import Label
from shared.domain.metrics import Metric
from shared.domain.targets import Target

Kind = Literal["day", "week", "month"]
LEAST = 5  # counted before: of fewer, one more or less is no trend
SETTLED_DAYS = 3  # of a period that is not over: before, half a day decides
WEAK = 0.8  # of what colleagues of the same role have


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ReportMember(_Row):
    id: UUID
    name: str
    role: str


class ReportNumber(_Row):
    """Of a member, or (None) of all who are shown; of one dimension, or (None) whole; `label`: what
    the dimension is called. `before`: the same of the period before."""

    metric: str
    member_id: UUID | None = None
    dimension: str | None = None
    label: Label | None = None
    value: int = 0
    out_of: int | None = None
    before: int = 0
    before_out_of: int | None = None


class Report(_Row):
    """A day, week or month, and the period it is compared with."""

    kind: Kind
    today: date
    scope: str
    first: date
    last: date
    before_first: date
    before_last: date
    metrics: tuple[Metric, ...] = ()
    members: tuple[ReportMember, ...] = ()
    numbers: tuple[ReportNumber, ...] = ()
    targets: tuple[Target, ...] = ()

    def number(self, metric: str, member_id: UUID | None = None) -> ReportNumber:
        """The whole of a metric; zero where nothing was counted."""
        return next(
            (
                n
                for n in self.numbers
                if n.metric == metric and n.member_id == member_id and n.dimension is None
            ),
            ReportNumber(metric=metric, member_id=member_id),
        )

    def parts(self, metric: str) -> list[ReportNumber]:
        """A metric by its dimension, of all who are shown."""
        return [n for n in self.numbers if n.metric == metric and n.dimension is not None]

    def target(self, metric: str, member_id: UUID | None) -> Target | None:
        return next(
            (t for t in self.targets if (t.metric, t.member_id) == (metric, member_id)), None
        )

    @property
    def is_settled(self) -> bool:
        """Whether so much of the period is over that a fall means something."""
        return self.last < self.today or (self.last - self.first).days >= SETTLED_DAYS

    def falls(self, member_id: UUID | None = None) -> list[tuple[Metric, ReportNumber]]:
        """What became worse than its limit allows, in the order of the catalogue."""
        if not self.is_settled:
            return []
        found = [(m, self.number(m.key, member_id)) for m in self.metrics]
        return [(m, n) for m, n in found if fell(m, n)]

    def weakest(self, member_id: UUID) -> tuple[Metric, ReportNumber] | None:
        """Where a member is furthest behind the colleagues of the same role; None when nowhere, or
        when there are none to compare with."""
        role = next((m.role for m in self.members if m.id == member_id), None)
        peers = [m.id for m in self.members if m.role == role]
        if len(peers) < 2:
            return None
        compared = [
            (share, metric)
            for metric in self.metrics
            if metric.direction
            and (share := self._share_of_peers(metric, member_id, peers)) is not None
        ]
        share, metric = min(compared, key=lambda x: x[0], default=(1.0, None))
        return (metric, self.number(metric.key, member_id)) if metric and share < WEAK else None

    def _share_of_peers(
        self, metric: Metric, member_id: UUID, peers: Sequence[UUID]
    ) -> float | None:
        """What a member has of what the peers have on average, 1 is as much; None when unknown. The
        lower, the worse, whichever way is better."""
        numbers = {p: self.number(metric.key, p) for p in peers}
        known = [(n, r) for n in numbers.values() if (r := rate(metric, n)) is not None]
        mine = rate(metric, numbers[member_id])
        if mine is None or sum(weight(metric, n) for n, _r in known) < LEAST:
            return None
        mean = sum(r for _n, r in known) / len(known)
        if not mean:
            return None
        if metric.direction == "up":
            return mine / mean
        return mean / mine if mine else None


def weight(metric: Metric, number: ReportNumber, *, before: bool = False) -> int:
    """How many records a number rests on; of money the sum."""
    value, out_of = (
        (number.before, number.before_out_of) if before else (number.value, number.out_of)
    )
    return value if metric.unit in ("count", "money") else out_of or 0


def rate_of(metric: Metric, value: int, out_of: int | None) -> float | None:
    """What is compared: so many, 分, per cent, seconds; None for a share or mean of nothing."""
    if metric.unit in ("count", "money"):
        return float(value)
    if not out_of:
        return None
    if metric.unit == "seconds":
        return float(value)
    return (100 if metric.unit == "share" else 1) * value / out_of


def rate(metric: Metric, number: ReportNumber) -> float | None:
    return rate_of(metric, number.value, number.out_of)


def change(metric: Metric, number: ReportNumber) -> float | None:
    """By how many per cent a number is another one than before; None where nothing was before."""
    now = rate_of(metric, number.value, number.out_of)
    before = rate_of(metric, number.before, number.before_out_of)
    if now is None or not before:
        return None
    return 100 * (now - before) / before


def fell(metric: Metric, number: ReportNumber) -> bool:
    """Whether it became worse by more than its limit, on a base that is no accident."""
    changed = change(metric, number)
    if changed is None or metric.direction is None:
        return False
    worse = -changed if metric.direction == "up" else changed
    return worse > metric.fall_limit and weight(metric, number, before=True) >= LEAST


class TrendPeriod(_Row):
    first: date
    last: date
    value: int = 0
    out_of: int | None = None


class Trend(_Row):
    """A metric in twelve periods, oldest first."""

    metric: Metric
    periods: tuple[TrendPeriod, ...] = ()


COLUMNS = (
    "metric",
    "whose",
    "part",
    "value",
    "out_of",
    "before",
    "before_out_of",
    "change",
    "target",
)


def report_csv(
    report: Report, headings: Sequence[str], names: dict[str, str], language: str
) -> bytes:
    """The report as a file no spreadsheet runs: one row per number, money in 元. headings: of
    COLUMNS; names: of members by id, and of the whole under ""."""
    return as_csv(headings, cells(COLUMNS, _lines(report, names, language), lambda _key, v: v))


def _lines(report: Report, names: dict[str, str], language: str) -> Iterable[dict[str, Any]]:
    def text(label: Label | None) -> str:
        return (label or {}).get(language) or (label or {}).get("zh_CN", "")

    for metric in report.metrics:
        scale = 100 if metric.unit == "money" else 1
        for n in report.numbers:
            if n.metric != metric.key:
                continue
            target = report.target(metric.key, n.member_id) if n.dimension is None else None
            changed = change(metric, n)
            yield {
                "metric": text(metric.label),
                "whose": names.get(str(n.member_id or ""), ""),
                "part": text(n.label) or n.dimension or "",
                "value": n.value / scale if scale > 1 else n.value,
                "out_of": "" if n.out_of is None else n.out_of,
                "before": n.before / scale if scale > 1 else n.before,
                "before_out_of": "" if n.before_out_of is None else n.before_out_of,
                "change": "" if changed is None else round(changed, 1),
                "target": "" if target is None else target.target / scale,
            }
