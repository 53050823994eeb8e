"""What an operation will do, shown at once: changes to the replica's overlays, and the way back."""

import json
import sqlite3
from typing import Any

from shared.domain.records import FORM_TABLES

SAVES = {"save_customer": "customers", "save_companion": "companions", "save_vehicle": "vehicles", "save_policy": "policies", "save_deal": "deals"}


def shown(connection: sqlite3.Connection, form: str, record_id: str) -> dict[str, Any] | None:
    found = connection.execute("select coalesce(overlay, doc) from rows where form = ? and id = ?", (form, record_id)).fetchone()
    return json.loads(found[0]) if found and found[0] else None


def apply(
    connection: sqlite3.Connection,
    op_id: str,
    verb: str,
    payload: dict[str, Any],
    *,
    base_version: int | None,
    now: str,
    user_id: str,
    config: dict[str, Any],
) -> list[list[Any]]:
    """Put the operation's effect into the overlays; answers what was there: [form, id, overlay, op_id, record as shown]."""
    before: list[list[Any]] = []

    def put(form: str, record_id: str, changes: dict[str, Any]) -> None:
        old = connection.execute("select overlay, op_id from rows where form = ? and id = ?", (form, record_id)).fetchone()
        now_shown = shown(connection, form, record_id)
        before.append([form, record_id, old["overlay"] if old else None, old["op_id"] if old else None, now_shown])
        record = {**(now_shown or {"id": record_id, "version": 1, "custom": {}}), **changes}
        customer_id = record_id if form == "customers" else record.get("customer_id")
        connection.execute(
            "insert into rows (form, id, customer_id, overlay, op_id) values (?, ?, ?, ?, ?)"
            " on conflict (form, id) do update set overlay = excluded.overlay, op_id = excluded.op_id, customer_id = excluded.customer_id",
            (form, record_id, customer_id, json.dumps(record), op_id),
        )
        index(connection, form, record_id)

    if verb in SAVES:
        _put_record(connection, put, SAVES[verb], payload, base_version, user_id, config)
    elif verb == "log_conversation":
        _put_conversation(connection, put, payload, now, user_id, config)
    elif verb == "request_cancel":
        task = shown(connection, "tasks", payload["task_id"]) or {}
        put("tasks", payload["task_id"], {"status": "cancel_requested"})
        put(
            "approvals",
            payload["id"],
            {
                "task_id": payload["task_id"],
                "customer_id": task.get("customer_id"),
                "requester_id": user_id,
                "reason": payload["reason"],
                "words": payload.get("words"),
                "status": "pending",
                "created_at": now,
            },
        )
    elif verb == "snooze_task":
        task = shown(connection, "tasks", payload["task_id"]) or {}
        put("tasks", payload["task_id"], {"due_on": payload["until"], "due_at": None, "snoozes": task.get("snoozes", 0) + 1})
    elif verb == "move_deal":
        deal = shown(connection, "deals", payload["id"]) or {}
        base, custom = _split("deals", payload.get("set") or {})
        put(
            "deals",
            payload["id"],
            {
                **base,
                "custom": {**deal.get("custom", {}), **custom},
                "stage": payload["stage"],
                "stage_at": now,
                "checked": sorted({*deal.get("checked", ()), *payload.get("checked", ())}),
                "lost_reason": payload.get("lost_reason"),
            },
        )
    return before


def restore(connection: sqlite3.Connection, before: list[list[Any]]) -> None:
    """A refusal: overlays as they were before the operation."""
    for form, record_id, overlay, op_id, _ in reversed(before):
        connection.execute("update rows set overlay = ?, op_id = ? where form = ? and id = ?", (overlay, op_id, form, record_id))
        connection.execute("delete from rows where form = ? and id = ? and doc is null and overlay is null", (form, record_id))
        index(connection, form, record_id)


def take_back(connection: sqlite3.Connection, before: list[list[Any]], undo_id: str) -> None:
    """An undo: show the records as they were until the server has undone them too."""
    for form, record_id, _, _, record in reversed(before):
        if record is None:
            connection.execute("delete from rows where form = ? and id = ?", (form, record_id))
        else:
            connection.execute("update rows set overlay = ?, op_id = ? where form = ? and id = ?", (json.dumps(record), undo_id, form, record_id))
        index(connection, form, record_id)


def index(connection: sqlite3.Connection, form: str, record_id: str) -> None:
    """Keep the search columns of a customer or a plate in step with what is shown."""
    if form == "customers":
        record = shown(connection, form, record_id)
        connection.execute("delete from customer_words where id = ?", (record_id,))
        if record:
            name = record.get("name") or ""
            connection.execute(
                "insert into customer_words values (?, ?, ?, ?, ?, ?)",
                (record_id, name, *pinyin_of(name), record.get("phone") or "", record.get("next_contact_on") or "9999"),
            )
    elif form == "vehicles":
        record = shown(connection, form, record_id)
        connection.execute("delete from plates where id = ?", (record_id,))
        if record and record.get("plate") and record.get("customer_id"):
            connection.execute("insert into plates values (?, ?, ?)", (record_id, record["customer_id"], record["plate"]))


def pinyin_of(name: str) -> tuple[str, str]:
    """张三 → (zhangsan, zs), as crm.pinyin_of does on the server; surnames have their own reading."""
    from pypinyin import Style, lazy_pinyin
    from pypinyin.contrib.tone_convert import to_normal

    surnames = {
        "单": "shan",
        "曾": "zeng",
        "仇": "qiu",
        "区": "ou",
        "查": "zha",
        "解": "xie",
        "盖": "ge",
        "朴": "piao",
        "覃": "qin",
        "翟": "zhai",
        "缪": "miao",
        "乐": "yue",
    }
    readings = [to_normal(r) for r in lazy_pinyin(name[:24], style=Style.NORMAL)]
    if readings and name[0] in surnames:
        readings[0] = surnames[name[0]]
    words = [r.lower() for r in readings if r.strip()]
    return "".join(words), "".join(w[0] for w in words)


def _split(table: str, given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    from shared.domain.config import BASE_TYPES

    form = next(f for f, t in FORM_TABLES.items() if t == table)
    base = {k: v for k, v in given.items() if k in BASE_TYPES[form]}
    return base, {k: v for k, v in given.items() if k not in base}


def _put_record(connection, put, table, payload, base_version, user_id, config) -> None:
    base, custom = _split(table, payload.get("set") or {})
    old = shown(connection, table, payload["id"]) or {}
    links = {k: payload[k] for k in ("customer_id", "vehicle_id", "policy_id", "pipeline") if payload.get(k)}
    if base_version is None:
        if table == "customers":
            links |= {"owner_id": None if payload.get("pool") else payload.get("owner_id") or user_id, "pool": payload.get("pool")}
        elif table == "deals":
            pipeline = next((p for p in config.get("pipelines", []) if p["key"] == payload.get("pipeline")), {"stages": []})
            links |= {"owner_id": user_id, "stage": next((s["key"] for s in pipeline["stages"] if s["type"] == "open"), "")}
    put(table, payload["id"], {**links, **base, "custom": {k: v for k, v in {**old.get("custom", {}), **custom}.items() if v is not None}})


def _put_conversation(connection, put, payload, now, user_id, config) -> None:
    outcome = next((o for o in config.get("outcomes", []) if o["key"] == payload["outcome"]), {})
    customer = shown(connection, "customers", payload["customer_id"]) or {}
    put(
        "conversations",
        payload["id"],
        {
            "customer_id": payload["customer_id"],
            "author_id": user_id,
            "task_id": payload.get("task_id"),
            "method": payload.get("method", "call"),
            "outcome": payload["outcome"],
            "reached": bool(outcome.get("reached")),
            "words": payload.get("words"),
            "level_before": customer.get("level"),
            "level_after": payload.get("level") or customer.get("level"),
            "next_contact_on": payload.get("next_contact_on"),
            "occurred_at": payload.get("occurred_at", now),
        },
    )
    if payload.get("task_id"):
        put("tasks", payload["task_id"], {"status": "done", "closed_at": now})
    if outcome.get("reached"):  # a contact answers the customer's other follow-ups, as on the server
        others = connection.execute(
            "select id from rows where form = 'tasks' and customer_id = ? and json_extract(coalesce(overlay, doc), '$.status') = 'open'"
            " and json_extract(coalesce(overlay, doc), '$.why') in ('cadence', 'next_contact', 'retry', 'first_contact')"
            " and json_extract(coalesce(overlay, doc), '$.subject_form') = 'customer' and id <> ?",
            (payload["customer_id"], payload.get("task_id") or ""),
        ).fetchall()
        for other in others:
            put("tasks", other["id"], {"status": "done", "closed_at": now})
    changes: dict[str, Any] = {}
    if payload.get("level"):
        changes["level"] = payload["level"]
    if outcome.get("reached"):
        changes |= {"last_contact_at": now, "next_contact_on": payload.get("next_contact_on")}
    if customer and changes:
        put("customers", payload["customer_id"], changes)
