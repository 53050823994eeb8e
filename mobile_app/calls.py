"""A press of the dial button: evidence of an attempt, never proof of a call. Kept on disk, since
the phone may end the app meanwhile."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from mobile_app.offline.replica import Replica

FORGOTTEN = timedelta(hours=12)  # then nobody remembers what was said
LONGEST = 86_400  # seconds away that still say something


@dataclass(frozen=True)
class CallAttempt:
    """Whom, for which task, when; when the app was left for the dialler, and how long it was away
    (None: it never was, or not back yet)."""

    customer_id: UUID
    task_id: UUID | None
    at: datetime
    left_at: datetime | None = None
    away_seconds: int | None = None

    def returned(self, now: datetime) -> "CallAttempt":
        seconds = int((now - (self.left_at or self.at)).total_seconds())
        return replace(self, away_seconds=seconds if 0 <= seconds <= LONGEST else None)

    def written(self) -> str:
        return json.dumps(
            [
                str(self.customer_id),
                str(self.task_id) if self.task_id else None,
                self.at.isoformat(),
                self.left_at.isoformat() if self.left_at else None,
            ]
        )

    @staticmethod
    def read(text: str | None, now: datetime) -> "CallAttempt | None":
        """What was on disk when the app started: if it is recent, the app was away from the dial
        (or from leaving) until now."""
        if not text:
            return None
        customer, task, at, left = json.loads(text)
        found = CallAttempt(
            UUID(customer),
            UUID(task) if task else None,
            datetime.fromisoformat(at),
            datetime.fromisoformat(left) if left else None,
        )
        return found.returned(now) if timedelta(0) <= now - found.at <= FORGOTTEN else None


class CallAttempts:
    """The last press of a dial button, until it is logged or forgotten. The sheet opens on return,
    also when the app was killed meanwhile (F-02). Nobody draws it."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._replica: Replica | None = None
        self.last: CallAttempt | None = None

    async def open(self, replica: Replica) -> None:
        """What the local data of a store says."""
        self._replica = replica
        self.last = CallAttempt.read(await replica.recall("dialled"), self._now())

    def close(self) -> None:
        """The local data is closed; what was dialled stays known until it is forgotten."""
        self._replica = None

    def forget(self) -> None:
        self._replica, self.last = None, None

    async def dial(self, customer_id: UUID, task_id: UUID | None = None) -> None:
        """The dial button was pressed: on disk before the dialler covers the app."""
        await self._save(CallAttempt(customer_id, task_id, self._now()))

    async def app_left(self) -> None:
        if self.last is not None and self.last.left_at is None:
            await self._save(replace(self.last, left_at=self._now()))

    async def app_returned(self) -> None:
        last = self.last
        if last is not None and last.left_at is not None and last.away_seconds is None:
            await self._save(last.returned(self._now()))

    async def clear(self) -> None:
        """It was logged."""
        if self.last is not None:
            await self._save(None)

    async def _save(self, attempt: CallAttempt | None) -> None:
        self.last = attempt
        if self._replica is not None:
            await self._replica.remember("dialled", attempt.written() if attempt else None)
