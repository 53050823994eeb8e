"""What becomes of tasks and promises on this device before the server has heard of it."""

from datetime import date

from mobile_app.offline.optimistic.operation import Operation, Row
from shared.domain.working_days import due_day


def close_promise(op: Operation) -> None:
    op.write("promises", op.payload["id"], {"status": op.payload["status"]})


def request_cancellation(op: Operation) -> None:
    """A task that cannot be done waits with the manager."""
    asked = {"reason": op.payload["reason"]}
    _request(op, op.payload["id"], asked)


def snooze_task(op: Operation) -> None:
    """Beyond the limit the manager decides."""
    payload = op.payload
    if payload.get("approval_id"):
        asked = {"kind": "task_snooze", "asked": {"until": payload["until"]}}
        _request(op, payload["approval_id"], asked)
        return
    snoozes = op.row("tasks", payload["task_id"]).get("snoozes", 0) + 1
    op.write(
        "tasks",
        payload["task_id"],
        {"due_on": payload["until"], "due_at": None, "snoozes": snoozes},
    )


def _request(op: Operation, approval_id: str, asked: Row) -> None:
    task_id = op.payload["task_id"]
    customer_id = op.row("tasks", task_id).get("customer_id")
    op.write("tasks", task_id, {"status": "cancel_requested"})
    op.write(
        "approvals",
        approval_id,
        {
            "task_id": task_id,
            "customer_id": customer_id,
            "requester_id": op.user_id,
            "notes": op.payload.get("notes"),
            "status": "pending",
            "created_at": op.now,
            **asked,
        },
        creates=True,
    )


def open_tasks(op: Operation, customer_id: str) -> list[Row]:
    return [t for t in op.rows_of("tasks", customer_id) if t.get("status") == "open"]


def is_silent(customer: Row) -> bool:
    """Whether a customer must not be called, as crm.is_silent."""
    return bool(customer.get("do_not_call") or customer.get("consent_withdrawn_at"))


def follow_silence(op: Operation, customer_id: str, before: Row, after: Row) -> None:
    """When a customer may be called no more, or again, their tasks follow."""
    if is_silent(before) == is_silent(after):
        return
    if is_silent(after):
        suspend_tasks(op, customer_id)
    else:
        reopen_tasks(op, customer_id)


def suspend_tasks(op: Operation, customer_id: str) -> None:
    """As crm.tg_customers__do_not_call."""
    for task in open_tasks(op, customer_id):
        op.write("tasks", task["id"], {"status": "suspended"})


def reopen_tasks(op: Operation, customer_id: str) -> None:
    """Due today at the earliest, or on the next working day (crm.reopen_tasks)."""
    earliest = due_day(op.calendar, date.fromisoformat(op.today)).isoformat()
    for task in op.rows_of("tasks", customer_id):
        if task.get("status") == "suspended":
            due_on = str(task.get("due_on") or op.today)
            due_at = task.get("due_at") if due_on >= op.today else None
            changes = {
                "status": "open",
                "due_on": due_on if due_on >= op.today else earliest,
                "due_at": due_at,
            }
            op.write("tasks", task["id"], changes)
