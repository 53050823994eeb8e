"""A press of the dial button: evidence of an attempt, never proof of a call. Kept on disk, since the phone may end the app meanwhile."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

FORGOTTEN = timedelta(hours=12)  # then nobody remembers what was said
LONGEST = 86_400  # seconds away that still say something


@dataclass(frozen=True)
class Dialled:
    """Whom, for which task, when; when the app was left for the dialler, and how long it was away (None: it never was, or not back yet)."""

    customer_id: UUID
    task_id: UUID | None
    at: datetime
    left_at: datetime | None = None
    away_seconds: int | None = None

    def returned(self, now: datetime) -> "Dialled":
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
    def read(text: str | None, now: datetime) -> "Dialled | None":
        """What was on disk when the app started: if it is recent, the app was away from the dial (or from leaving) until now."""
        if not text:
            return None
        customer, task, at, left = json.loads(text)
        found = Dialled(UUID(customer), UUID(task) if task else None, datetime.fromisoformat(at), datetime.fromisoformat(left) if left else None)
        return found.returned(now) if timedelta(0) <= now - found.at <= FORGOTTEN else None
