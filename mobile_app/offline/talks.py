"""What a logged conversation will do, shown at once: the talk, its task, the customer, promises, the next task (crm.log_conversation)."""

import json
import sqlite3
import uuid
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shared.domain import retries
from shared.domain.config import BASE_TYPES, DAY_PARTS, DayPart
from shared.domain.records import Conversation

FOLLOW_UPS = ("cadence", "next_contact", "retry", "first_contact")
Put = Callable[..., None]


def put_talk(connection: sqlite3.Connection, put: Put, op_id: str, payload: dict[str, Any], now: str, user_id: str, config: dict[str, Any]) -> None:
    outcome = next((o for o in config.get("outcomes", []) if o["key"] == payload["outcome"]), {})
    reached, effect = bool(outcome.get("reached")), outcome.get("effect")
    customer = _shown(connection, "customers", payload["customer_id"])
    task = _shown(connection, "tasks", payload["task_id"]) if payload.get("task_id") else {}
    promises = payload.get("promises") or []
    next_on = min([d for d in (payload.get("next_contact_on"), *(p["due_on"] for p in promises)) if d], default=None)
    put(
        "conversations",
        payload["id"],
        {
            "customer_id": payload["customer_id"], "author_id": user_id, "task_id": payload.get("task_id"), "method": payload.get("method", "call"),
            "outcome": payload["outcome"], "reached": reached, "words": payload.get("words"), "level_before": customer.get("level"),
            "level_after": payload.get("level") or customer.get("level"), "next_contact_on": next_on, "occurred_at": payload.get("occurred_at", now),
            "dialled_at": payload.get("dialled_at"), "away_seconds": payload.get("away_seconds"), "reason": payload.get("reason"),
            "companions": payload.get("companions") or [], "custom": payload.get("set") or {},
        },
        creates=True,
    )  # fmt: skip
    for promise in promises:
        put(
            "promises",
            promise["id"],
            {**promise, "customer_id": payload["customer_id"], "conversation_id": payload["id"], "status": "open"},
            creates=True,
        )
    if payload.get("task_id"):
        put("tasks", payload["task_id"], {"status": "done", "closed_at": now})
    if effect in ("lost", "won") and task.get("subject_form") == "policy":  # next year's policy comes with the next pull
        put("policies", task["subject_id"], {"status": "lost" if effect == "lost" else "renewed", "lost_reason": payload.get("reason")})
        for other in _open_tasks(connection, payload["customer_id"]):
            if other.get("subject_id") == task["subject_id"] and other["id"] != payload["task_id"]:
                put("tasks", other["id"], {"status": "dropped"})
    if reached:  # a contact answers the customer's other follow-ups
        for other in _open_tasks(connection, payload["customer_id"]):
            if other["id"] != payload.get("task_id") and other.get("why") in FOLLOW_UPS and other.get("subject_form", "customer") == "customer":
                put("tasks", other["id"], {"status": "done", "closed_at": now})
    if effect == "do_not_call":  # nobody calls him again; the rows go when the server says so
        for other in _open_tasks(connection, payload["customer_id"]):
            put("tasks", other["id"], {"status": "dropped"})
    if customer:
        _put_customer(put, customer, payload, reached=reached, effect=effect, next_on=next_on, now=now)
    if customer and not customer.get("do_not_call") and effect != "do_not_call":
        _put_next(connection, put, op_id, payload, outcome, customer, task, next_on, now=now, user_id=user_id, config=config)


def _put_customer(
    put: Put, customer: dict[str, Any], payload: dict[str, Any], *, reached: bool, effect: str | None, next_on: str | None, now: str
) -> None:
    changes: dict[str, Any] = {}
    if payload.get("level"):
        changes["level"] = payload["level"]
    if reached:
        changes |= {"last_contact_at": now, "next_contact_on": next_on, "complaint_at": None}
    if effect == "complaint":
        changes["complaint_at"] = customer.get("complaint_at") or now
    if effect == "do_not_call":
        changes["do_not_call"] = True
    if facts := payload.get("facts"):
        changes |= {k: v for k, v in facts.items() if k in BASE_TYPES["customer"]}
        changes["custom"] = customer.get("custom", {}) | {k: v for k, v in facts.items() if k not in BASE_TYPES["customer"]}
    if changes:
        put("customers", payload["customer_id"], changes)


def _put_next(
    connection: sqlite3.Connection, put: Put, op_id: str, payload: dict[str, Any], outcome: dict[str, Any], customer: dict[str, Any], task: dict[str, Any],
    next_on: str | None, *, now: str, user_id: str, config: dict[str, Any],
) -> None:  # fmt: skip
    """The next task as the server will make it, under an id of this device until then."""
    zone = ZoneInfo((config.get("store") or {}).get("time_zone", "Asia/Shanghai"))
    parts = tuple(DayPart(**p) for p in config.get("day_parts") or ()) or DAY_PARTS
    tries = int(task.get("tries") or 0) + 1
    made = {
        "customer_id": payload["customer_id"], "assignee_id": user_id, "rank": 5, "status": "open", "snoozes": 0, "expires_on": task.get("expires_on"),
        "subject_form": "customer", "subject_id": payload["customer_id"],
    }  # fmt: skip
    if next_on is not None:
        part = next((p for p in parts if p.key == customer.get("preferred_time")), None)
        at = datetime.combine(date.fromisoformat(next_on), time.fromisoformat(part.start), zone).isoformat() if part else None
        made |= {"why": "next_contact", "due_on": next_on, "due_at": at, "tries": 0}
    elif not outcome.get("reached") and outcome.get("retry_hours") and tries < (outcome.get("retry_max") or 3):
        talks = connection.execute("select doc from shown where form = 'conversations' and customer_id = ?", (payload["customer_id"],)).fetchall()
        moment = datetime.fromisoformat(now)
        tried = retries.parts_tried(parts, [Conversation.model_validate_json(t[0]) for t in talks], zone.key, moment)
        at = retries.next_try(moment + timedelta(hours=outcome["retry_hours"]), zone.key, parts, tried, customer.get("preferred_time"))
        if at is None:
            return
        made |= {"why": "retry", "due_on": at.astimezone(zone).date().isoformat(), "due_at": at.isoformat(), "tries": tries}
        made |= {"subject_form": task.get("subject_form", "customer"), "subject_id": task.get("subject_id", payload["customer_id"])}
    else:
        return
    put("tasks", str(uuid.uuid5(uuid.UUID(op_id), "next")), made, creates=True)


def _shown(connection: sqlite3.Connection, form: str, record_id: str) -> dict[str, Any]:
    found = connection.execute("select doc from shown where form = ? and id = ?", (form, record_id)).fetchone()
    return json.loads(found[0]) if found else {}


def _open_tasks(connection: sqlite3.Connection, customer_id: str) -> list[dict[str, Any]]:
    rows = connection.execute("select doc from shown where form = 'tasks' and customer_id = ?", (customer_id,)).fetchall()
    return [t for t in (json.loads(r[0]) for r in rows) if t.get("status") == "open"]
