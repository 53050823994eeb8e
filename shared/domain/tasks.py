"""The queue: its order, and why a task stands where it stands (S-03, S-09, F-16)."""

from collections.abc import Iterable
from datetime import date, datetime

from shared.domain.records import Task

Why = tuple[str, dict[str, object]]


def due(tasks: Iterable[Task], today: date, now: datetime) -> list[Task]:
    """Open tasks that are due, in the order of crm.today: sent back first, then by day, then by hour."""
    return sorted(
        (t for t in tasks if t.status == "open" and t.due_on <= today and (t.due_at is None or t.due_at <= now or t.due_on < today)),
        key=lambda t: (t.rank, t.due_on, t.due_at is not None, t.due_at or now, str(t.id)),
    )


def reasons(task: Task, today: date) -> list[Why]:
    """Why this task is here, most pressing first, as message codes with their numbers."""
    found: list[Why] = []
    if task.rank == 0:
        found.append(("sent_back", {"remark": task.remark or ""}))
    if task.expires_on is not None:
        found.append(("policy_ends", {"days": (task.expires_on - today).days}))
    if task.due_on < today:
        found.append(("overdue", {"days": (today - task.due_on).days}))
    if task.why == "retry":
        found.append(("retry", {"tries": task.tries}))
    elif task.why != "policy_window" or not found:
        found.append((task.why, {}))
    return found
