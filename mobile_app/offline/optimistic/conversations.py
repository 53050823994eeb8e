"""What a logged conversation will do, shown at once: the conversation, its task, the customer,
promises, the next task (crm.log_conversation)."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from mobile_app.offline.optimistic.operation import Operation, Row, split_fields
from mobile_app.offline.optimistic.tasks import is_silent, open_tasks, suspend_tasks
from shared.domain import retries
from shared.domain.config import DAY_PARTS, DayPart
from shared.domain.records import Conversation
from shared.domain.working_days import cadence_day_after, due_day

FOLLOW_UPS = ("cadence", "next_contact", "retry", "first_contact")


@dataclass(frozen=True)
class _Logged:
    """A logged conversation and what it was about, before it changes anything."""

    op: Operation
    outcome: Row  # of the store's document
    customer: Row
    task: Row
    next_on: str | None  # the day that was agreed, the day of a promise if that is sooner

    @property
    def payload(self) -> dict[str, Any]:
        return self.op.payload

    @property
    def customer_id(self) -> str:
        return self.op.payload["customer_id"]

    @property
    def reached(self) -> bool:
        return bool(self.outcome.get("reached"))

    @property
    def effect(self) -> str | None:
        return self.outcome.get("effect")


def log_conversation(op: Operation) -> None:
    payload = op.payload
    outcomes = op.config.get("outcomes", [])
    logged = _Logged(
        op,
        outcome=next((o for o in outcomes if o["key"] == payload["outcome"]), {}),
        customer=op.row("customers", payload["customer_id"]),
        task=op.row("tasks", payload["task_id"]) if payload.get("task_id") else {},
        next_on=_next_on(op),
    )
    _write_conversation(logged)
    _close_tasks(logged)
    if logged.effect == "do_not_call":
        suspend_tasks(op, logged.customer_id)
    if logged.customer:
        _write_customer(logged)
        if not is_silent(logged.customer) and logged.effect != "do_not_call":
            _write_next_task(logged)


def _next_on(op: Operation) -> str | None:
    """At the earliest today, or on the next working day: the day may have passed while this phone
    was offline."""
    promised = [p["due_on"] for p in op.payload.get("promises") or []]
    days = [d for d in (op.payload.get("next_contact_on"), *promised) if d]
    if not days or min(days) >= op.today:
        return min(days, default=None)
    return due_day(op.calendar, date.fromisoformat(op.today)).isoformat()


def _write_conversation(logged: _Logged) -> None:
    """The conversation itself, and what was promised in it."""
    op, payload = logged.op, logged.payload
    level = logged.customer.get("level")
    op.write(
        "conversations",
        payload["id"],
        {
            "customer_id": logged.customer_id,
            "author_id": op.user_id,
            "task_id": payload.get("task_id"),
            "method": payload.get("method", "call"),
            "outcome": payload["outcome"],
            "reached": logged.reached,
            "notes": payload.get("notes"),
            "level_before": level,
            "level_after": payload.get("level") or level,
            "next_contact_on": logged.next_on,
            "occurred_at": payload.get("occurred_at", op.now),
            "dialled_at": payload.get("dialled_at"),
            "away_seconds": payload.get("away_seconds"),
            "reason": payload.get("reason"),
            "companions": payload.get("companions") or [],
            "custom": payload.get("set") or {},
        },
        creates=True,
    )
    for promise in payload.get("promises") or []:
        made = {
            "customer_id": logged.customer_id,
            "conversation_id": payload["id"],
            "status": "open",
        }
        op.write("promises", promise["id"], {**promise, **made}, creates=True)


def _close_tasks(logged: _Logged) -> None:
    """Its own task; all tasks of a policy that is settled by it; and once the customer was reached,
    their other follow-ups. Next year's policy comes with the next pull."""
    op, payload, task = logged.op, logged.payload, logged.task
    closed = {"status": "done", "closed_at": op.now}
    if payload.get("task_id"):
        op.write("tasks", payload["task_id"], closed)
    if logged.effect in ("lost", "won") and task.get("subject_form") == "policy":
        status = "lost" if logged.effect == "lost" else "renewed"
        settled = {"status": status, "lost_reason": payload.get("reason")}
        op.write("policies", task["subject_id"], settled)
        for other in open_tasks(op, logged.customer_id):
            if other.get("subject_id") == task["subject_id"] and other["id"] != payload["task_id"]:
                op.write("tasks", other["id"], closed)
    if logged.reached:
        for other in open_tasks(op, logged.customer_id):
            if (
                other["id"] != payload.get("task_id")
                and other.get("kind") in FOLLOW_UPS
                and other.get("subject_form", "customer") == "customer"
            ):
                op.write("tasks", other["id"], closed)


def _write_customer(logged: _Logged) -> None:
    op, payload, customer = logged.op, logged.payload, logged.customer
    changes: Row = {}
    if payload.get("level"):
        changes["level"] = payload["level"]
    if logged.reached:
        level = payload.get("level") or customer["level"]
        plan = logged.next_on or _cadence_day(op, level)
        changes |= {"last_contact_at": op.now, "next_contact_on": plan}
        changes |= {"complaint_at": None, "test_drive_asked_at": None}
    if logged.effect == "complaint":
        changes["complaint_at"] = customer.get("complaint_at") or op.now
    if logged.effect == "test_drive":
        changes["test_drive_asked_at"] = customer.get("test_drive_asked_at") or op.now
    if logged.effect == "do_not_call":
        changes["do_not_call"] = True
    if facts := payload.get("facts"):
        base, custom = split_fields("customer", facts)
        changes |= base
        changes["custom"] = customer.get("custom", {}) | custom
    if changes:
        op.write("customers", logged.customer_id, changes)


def _cadence_day(op: Operation, level: str | None) -> str:
    """The day a customer of that level is called again, as crm.cadence_day."""
    known = next((x for x in op.config.get("levels", []) if x["key"] == level), {})
    today = date.fromisoformat(op.today)
    return cadence_day_after(op.calendar, known.get("cadence_days"), today).isoformat()


def _write_next_task(logged: _Logged) -> None:
    """The next task as the server will make it, under an id of this device until then."""
    op = logged.op
    planned = _next_contact(logged) if logged.next_on is not None else _retry(logged)
    if planned is None:
        return
    made = {
        "customer_id": logged.customer_id,
        "assignee_id": op.user_id,
        "rank": 5,
        "status": "open",
        "snoozes": 0,
        "expires_on": logged.task.get("expires_on"),
        "subject_form": "customer",
        "subject_id": logged.customer_id,
        **planned,
    }
    op.write("tasks", str(uuid.uuid5(uuid.UUID(op.op_id), "next")), made, creates=True)


def _next_contact(logged: _Logged) -> Row:
    """On the agreed day, in the part of it the customer prefers."""
    op, day = logged.op, logged.next_on or logged.op.today
    preferred = logged.customer.get("preferred_time")
    part = next((p for p in _day_parts(op) if p.key == preferred), None)
    at = None
    if part is not None:
        start = time.fromisoformat(part.start)
        at = datetime.combine(date.fromisoformat(day), start, op.zone).isoformat()
    return {"kind": "next_contact", "due_on": day, "due_at": at, "attempts": 0}


def _retry(logged: _Logged) -> Row | None:
    """Another attempt at another time of day; None after the last one."""
    op, task, outcome = logged.op, logged.task, logged.outcome
    attempts = int(task.get("attempts") or 0) + 1
    if (
        logged.reached
        or not outcome.get("retry_hours")
        or attempts >= (outcome.get("retry_max") or 3)
    ):
        return None
    parts, moment = _day_parts(op), datetime.fromisoformat(op.now)
    conversations = [
        Conversation.model_validate(row) for row in op.rows_of("conversations", logged.customer_id)
    ]
    ends, hours = task.get("expires_on"), outcome["retry_hours"]
    last = date.fromisoformat(ends) if ends else None
    at = retries.next_attempt_at(
        retries.earliest_retry(moment, hours, op.zone.key, op.calendar, last),
        op.zone.key,
        parts,
        retries.attempted_day_parts(parts, conversations, op.zone.key, moment),
        logged.customer.get("preferred_time"),
        op.calendar,
        last,
    )
    if at is None:
        return None
    return {
        "kind": "retry",
        "due_on": at.astimezone(op.zone).date().isoformat(),
        "due_at": at.isoformat(),
        "attempts": attempts,
        "subject_form": task.get("subject_form", "customer"),
        "subject_id": task.get("subject_id", logged.customer_id),
    }


def _day_parts(op: Operation) -> tuple[DayPart, ...]:
    return tuple(DayPart(**p) for p in op.config.get("day_parts") or ()) or DAY_PARTS
