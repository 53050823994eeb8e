"""What a dry run of the rules says: tasks per person per day, whose days would be too full, what
would move (F-77)."""

from collections import defaultdict
from datetime import date
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class MadeTasks(_Row):
    """So many new tasks for one person on one store-local day."""

    day: date
    user_id: UUID
    kind: str
    n: int


class Move(_Row):
    """Customers that leave an owner (field owner_id) or change level (field level), by the rules
    alone."""

    day: date
    field: str
    user_id: UUID | None = None
    before: str | None = None
    to: str | None = None
    n: int


class Load(_Row):
    """One person's days: tasks in all, the fullest day, and how many days went over the limit."""

    user_id: UUID
    total: int
    peak: int
    peak_on: date
    over: int


class DryRun(_Row):
    first: date = Field(alias="from")
    last: date = Field(alias="to")
    tasks: tuple[MadeTasks, ...] = ()
    moves: tuple[Move, ...] = ()
    recorded: tuple[MadeTasks, ...] = ()

    @property
    def per_day(self) -> dict[date, int]:
        return _per_day(self.tasks)

    @property
    def recorded_per_day(self) -> dict[date, int]:
        return _per_day(self.recorded)

    def loads(self, limit: int) -> list[Load]:
        """The busiest first; `limit` is how many new tasks a day a person can clear."""
        days: dict[UUID, dict[date, int]] = defaultdict(lambda: defaultdict(int))
        for made in self.tasks:
            days[made.user_id][made.day] += made.n
        found: list[Load] = []
        for user, of_day in days.items():
            peak_on = min(of_day, key=lambda d: (-of_day[d], d))
            found.append(
                Load(
                    user_id=user,
                    total=sum(of_day.values()),
                    peak=of_day[peak_on],
                    peak_on=peak_on,
                    over=sum(n > limit for n in of_day.values()),
                )
            )
        return sorted(found, key=lambda load: (-load.peak, -load.total, str(load.user_id)))

    def moved(self) -> dict[tuple[str, UUID | None, str | None, str | None], int]:
        """How many customers would move in all: (field, from whom, from level, to pool or
        level)."""
        total: dict[tuple[str, UUID | None, str | None, str | None], int] = defaultdict(int)
        for move in self.moves:
            total[move.field, move.user_id, move.before, move.to] += move.n
        return dict(total)


def _per_day(tasks: tuple[MadeTasks, ...]) -> dict[date, int]:
    total: dict[date, int] = defaultdict(int)
    for made in tasks:
        total[made.day] += made.n
    return dict(total)
