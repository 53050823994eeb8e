"""What operations will do, shown at once. Overlay = what the server said + my operations it has not told me back yet, in order."""

import json
import sqlite3
from typing import Any

from mobile_app.offline import around, talks
from mobile_app.offline.database import get_about, set_about
from shared.domain.config import BASE_TYPES
from shared.domain.pinyin import pinyin_of
from shared.domain.records import FORM_TABLES

SAVES = {"save_customer": "customers", "save_companion": "companions", "save_vehicle": "vehicles", "save_policy": "policies", "save_deal": "deals"}
FIELDS_OF = {
    **SAVES,
    "receive": "customers",
    "renew_policy": "policies",
    "move_deal": "deals",
    "log_conversation": "conversations",
}  # whose fields `set` holds


def shown(connection: sqlite3.Connection, form: str, record_id: str) -> dict[str, Any] | None:
    found = connection.execute("select doc from shown where form = ? and id = ?", (form, record_id)).fetchone()
    return json.loads(found[0]) if found else None


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
    """Put the operation's effect into the overlays; answers what was there: [form, id, record as shown]."""
    before: list[list[Any]] = []

    def put(form: str, record_id: str, changes: dict[str, Any], *, creates: bool = False) -> None:
        now_shown = shown(connection, form, record_id)
        if now_shown is None and not creates:
            return  # it left the book meanwhile: the server will say what becomes of the operation
        before.append([form, record_id, now_shown])
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
        talks.put_talk(connection, put, op_id, payload, now, user_id, config)
    elif verb == "end_promise":
        put("promises", payload["id"], {"status": payload["status"]})
    elif verb == "request_cancel":
        task = shown(connection, "tasks", payload["task_id"]) or {}
        around.put_task_request(put, payload, task, now, user_id)
    elif verb == "snooze_task":
        task = shown(connection, "tasks", payload["task_id"]) or {}
        if payload.get("approval_id"):  # beyond the limit: the manager decides
            around.put_task_request(put, payload, task, now, user_id)
            return before
        put("tasks", payload["task_id"], {"due_on": payload["until"], "due_at": None, "snoozes": task.get("snoozes", 0) + 1})
    elif verb in around.VERBS:
        around.put_effect(connection, put, verb, payload, now, user_id)
    elif verb == "move_deal" and payload.get("asks"):  # the manager decides; what was filled in is there already
        around.put_request(put, payload, now, user_id)
        if payload.get("set"):
            _put_record(connection, put, "deals", payload, 1, user_id, config)
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


def replay(connection: sqlite3.Connection, user_id: str, confirmed: int | None = None) -> bool:
    """Lay the overlays anew: the server's rows, then every operation it has not told back (waiting, or applied from change number
    `confirmed` on), oldest first. So a refusal in the middle takes nothing else with it. Answers whether there was anything to lay."""
    if confirmed is None:
        confirmed = int(get_about(connection, "complete_to") or "0")
    else:
        set_about(connection, "complete_to", str(confirmed))
    overlaid = connection.execute("select form, id from rows where op_id is not null").fetchall()
    connection.execute("update rows set overlay = null, op_id = null where op_id is not null")
    for row in overlaid:
        connection.execute("delete from rows where form = ? and id = ? and doc is null", (row["form"], row["id"]))
        index(connection, row["form"], row["id"])
    open_ops = connection.execute(
        "select * from outbox where state = 'waiting' or (state = 'sent' and change_no >= ?) order by seq", (confirmed,)
    ).fetchall()
    config = json.loads(get_about(connection, "config") or "{}") if open_ops else {}
    known, undone = {op["op_id"] for op in open_ops}, {json.loads(op["payload"])["op_id"] for op in open_ops if op["verb"] == "undo"}
    for op in open_ops:
        payload = json.loads(op["payload"])
        if op["verb"] == "undo":
            if payload["op_id"] not in known:  # what it undoes is in the server's rows already
                target = connection.execute("select before from outbox where op_id = ?", (payload["op_id"],)).fetchone()
                take_back(connection, json.loads(target["before"]) if target else [], op["op_id"])
        elif op["op_id"] not in undone:
            before = apply(
                connection, op["op_id"], op["verb"], payload, base_version=op["base_version"], now=op["made_at"], user_id=user_id, config=config
            )
            connection.execute("update outbox set before = ? where op_id = ?", (json.dumps(before), op["op_id"]))
    return bool(overlaid or open_ops)


def take_back(connection: sqlite3.Connection, before: list[list[Any]], undo_id: str) -> None:
    """An undo: show the records as they were until the server has undone them too; a record it made is shown no more."""
    for form, record_id, *_, record in reversed(before):
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


def _split(table: str, given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
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
    put(
        table,
        payload["id"],
        {**links, **base, "custom": {k: v for k, v in {**old.get("custom", {}), **custom}.items() if v is not None}},
        creates=base_version is None,
    )
