"""The queue: its order, and the reasons for a task's position (S-03, S-09, F-16, F-38)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache

from shared.domain.config import QueueOrder, StoreCalendar, StoreConfig
from shared.domain.records import Task
from shared.domain.working_days import EVERY_DAY, working_days_since

Why = tuple[str, dict[str, object]]


@dataclass(frozen=True)
class PriorityInputs:
    """What orders the queue besides the task: the premium in 分 (None when hidden or unknown), an
    open complaint, a test drive that was asked for, the next promise."""

    value_fen: int | None = None
    complaint: bool = False
    promised_on: date | None = None
    test_drive: bool = False


NO_PRIORITY_INPUTS = PriorityInputs()


def points(
    order: QueueOrder, task: Task, inputs: PriorityInputs, today: date, days_late: int
) -> int:
    """The store's points for a task, as crm.queue_points adds them up. `days_late`: working days
    since it was due."""
    found = order.sent_back if task.rank == 0 else 0
    found += order.complaint if inputs.complaint else 0
    found += order.test_drive if inputs.test_drive else 0
    found += order.promise if inputs.promised_on is not None and inputs.promised_on <= today else 0
    if task.expires_on is not None:
        found += (
            order.expiry
            * max(order.expiry_days - max((task.expires_on - today).days, 0), 0)
            // order.expiry_days
        )
    if inputs.value_fen is not None:
        found += min(order.value * inputs.value_fen // 1_000_000, order.value_cap)
    return found + min(order.overdue * max(days_late, 0), order.overdue_cap)


def due(
    rows: Iterable[tuple[Task, PriorityInputs]],
    today: date,
    now: datetime,
    order: QueueOrder,
    calendar: StoreCalendar = EVERY_DAY,
) -> list[Task]:
    """Open tasks that are due, in the order of crm.today: by points, then by day, then by hour."""

    @cache
    def days_late(due_on: date) -> int:
        return working_days_since(calendar, due_on, today)

    ready = [
        (t, s)
        for t, s in rows
        if t.status == "open"
        and t.due_on <= today
        and (t.due_at is None or t.due_at <= now or t.due_on < today)
    ]
    ready.sort(
        key=lambda r: (
            -points(order, r[0], r[1], today, days_late(r[0].due_on)),
            r[0].due_on,
            r[0].due_at is not None,
            r[0].due_at or now,
            str(r[0].id),
        )
    )
    return [t for t, _ in ready]


def reasons(
    task: Task,
    today: date,
    inputs: PriorityInputs = NO_PRIORITY_INPUTS,
    calendar: StoreCalendar = EVERY_DAY,
) -> list[Why]:
    """Why this task is here, most pressing first, as message codes with their numbers. It is
    overdue by working days; a promise and the end of a policy are so many days away."""
    found: list[Why] = []
    if task.rank == 0:
        found.append(("sent_back", {"remark": task.remark or ""}))
    if inputs.complaint:
        found.append(("complaint", {}))
    if inputs.test_drive:
        found.append(("test_drive", {}))
    if inputs.promised_on is not None and inputs.promised_on <= today:
        found.append(("promise", {"days": (today - inputs.promised_on).days}))
    if task.expires_on is not None:
        found.append(("policy_ends", {"days": (task.expires_on - today).days}))
    if (late := working_days_since(calendar, task.due_on, today)) > 0:
        found.append(("overdue", {"days": late}))
    if task.kind == "retry":
        found.append(("retry", {"attempts": task.attempts}))
    elif task.kind != "policy_window" or not found:
        found.append((task.kind, {}))
    return found


def is_missed(task: Task, today: date, clock: time, config: StoreConfig | None) -> bool:
    """Sent back by the manager and not done by the store's cut-off hour of its day (default f):
    first tomorrow, and counted as missed."""
    if task.rank != 0 or task.status != "open":
        return False
    cut_off = str(config.settings.get("cut_off", "20:00")) if config else "20:00"
    return task.due_on < today or (task.due_on == today and clock > time.fromisoformat(cut_off))
