"""What operations will do, shown at once. Optimistic row = what the server said + my operations it
has not told me back yet, in order."""

import json
import sqlite3
from collections.abc import Callable
from typing import Any

from mobile_app.offline.database import get_meta, set_meta
from mobile_app.offline.optimistic import conversations, customers, records, tasks
from mobile_app.offline.optimistic.operation import Operation, config_of, index

EFFECTS: dict[str, Callable[[Operation], None]] = {
    "save_customer": records.save_customer,
    "save_companion": records.save_record,
    "save_vehicle": records.save_record,
    "save_policy": records.save_record,
    "save_deal": records.save_record,
    "move_deal": records.move_deal,
    "log_conversation": conversations.log_conversation,
    "close_promise": tasks.close_promise,
    "request_cancellation": tasks.request_cancellation,
    "snooze_task": tasks.snooze_task,
    "record_visit": customers.record_visit,
    "acknowledge_transfer": customers.acknowledge_transfer,
    "reassign": customers.reassign,
    "save_relationship": customers.save_relationship,
    "save_consent": customers.save_consent,
    "renew_policy": customers.renew_policy,
    "mark_policy_lost": customers.mark_policy_lost,
}  # a verb that is not here shows nothing before the server has answered


def apply(op: Operation) -> list[list[Any]]:
    """Put the operation's effect into the optimistic rows; answers what was there: [table, id,
    record as shown]."""
    if op.verb in EFFECTS:
        EFFECTS[op.verb](op)
    return op.before


def replay(connection: sqlite3.Connection, user_id: str, confirmed: int | None = None) -> bool:
    """Rebuild the optimistic rows: the server's rows, then every operation it has not told back
    (waiting, or applied from change number `confirmed` on), oldest first. So a refusal in the
    middle takes nothing else with it. Answers whether there was anything to lay."""
    if confirmed is None:
        confirmed = int(get_meta(connection, "complete_to") or "0")
    else:
        set_meta(connection, "complete_to", str(confirmed))
    had_any = _drop_optimistic_rows(connection)
    open_operations = connection.execute(
        "select * from outbox where state = 'pending' or (state = 'sent' and change_no >= ?) "
        "order by seq",
        (confirmed,),
    ).fetchall()
    config = config_of(connection) if open_operations else {}
    known = {row["op_id"] for row in open_operations}
    undone = {
        json.loads(row["payload"])["op_id"] for row in open_operations if row["verb"] == "undo"
    }
    for row in open_operations:
        payload = json.loads(row["payload"])
        if row["verb"] == "undo":
            if payload["op_id"] not in known:  # what it undoes is in the server's rows already
                target = connection.execute(
                    "select before from outbox where op_id = ?", (payload["op_id"],)
                ).fetchone()
                revert(connection, json.loads(target["before"]) if target else [], row["op_id"])
        elif row["op_id"] not in undone:
            before = apply(
                Operation(
                    connection,
                    row["op_id"],
                    row["verb"],
                    payload,
                    base_version=row["base_version"],
                    now=row["made_at"],
                    user_id=user_id,
                    config=config,
                )
            )
            connection.execute(
                "update outbox set before = ? where op_id = ?", (json.dumps(before), row["op_id"])
            )
    return bool(had_any or open_operations)


def _drop_optimistic_rows(connection: sqlite3.Connection) -> bool:
    """Show only what the server said. Answers whether anything else was shown."""
    overlaid = connection.execute("select form, id from rows where op_id is not null").fetchall()
    connection.execute(
        "update rows set optimistic_row = null, op_id = null where op_id is not null"
    )
    for row in overlaid:
        connection.execute(
            "delete from rows where form = ? and id = ? and server_row is null",
            (row["form"], row["id"]),
        )
        index(connection, row["form"], row["id"])
    return bool(overlaid)


def revert(connection: sqlite3.Connection, before: list[list[Any]], undo_id: str) -> None:
    """An undo: show the records as they were until the server has undone them too; a record it made
    is shown no more."""
    for table, record_id, *_, record in reversed(before):
        connection.execute(
            "update rows set optimistic_row = ?, op_id = ? where form = ? and id = ?",
            (json.dumps(record), undo_id, table, record_id),
        )
        index(connection, table, record_id)
