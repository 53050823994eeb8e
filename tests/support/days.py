"""Lets days go by in a store, so that real verbs and real nights can play a season in seconds."""

from typing import Any

SHIFTED = {  # what moves into the past when a day goes by
    "customers": (
        "next_contact_on",
        "level_at",
        "last_contact_at",
        "complaint_at",
        "test_drive_asked_at",
        "agreed_contact_on",
        "created_at",
        "consent_withdrawn_at",
    ),
    "tasks": ("due_on", "rule_on", "due_at", "expires_on", "opened_at", "created_at", "closed_at"),
    "policies": ("starts_on", "expires_on", "created_at"),
    "deals": ("stage_at", "closed_at", "created_at"),
    "conversations": ("occurred_at", "dialled_at", "created_at"),
    "approvals": ("created_at", "decided_at"),
    "queue_loans": ("first_on", "last_on", "began_at", "ended_at", "created_at"),
    "transfers": ("created_at", "contact_due_at"),
    "consents": ("stated_at", "created_at"),
    "promises": ("due_on", "created_at"),
    "visits": ("arrived_at", "recorded_at", "created_at"),
    "operations": ("applied_at",),
    "events": ("created_at",),
}


FAR = 100_000  # days: where no other row is


def pass_days(world: Any, store: Any, days: int) -> None:
    """Move everything into the past, unseen by triggers and history."""
    for table, columns in SHIFTED.items():
        moved = ", ".join(
            f"{c} = {c} - {days if c.endswith('_on') else f'make_interval(days => {days})'}"
            for c in columns
        )
        world.db.execute(f"alter table crm.{table} disable trigger user".encode())
        if table == "tasks":  # two of a rule on days in a row: neither may meet the other's day
            world.db.execute(
                "update crm.tasks set rule_on = rule_on - %s"
                " where store_id = %s and rule_on is not null",
                (FAR, store),
            )
            moved = moved.replace("rule_on = rule_on", f"rule_on = rule_on + {FAR}")
        world.db.execute(f"update crm.{table} set {moved} where store_id = %s".encode(), (store,))
        world.db.execute(f"alter table crm.{table} enable trigger user".encode())
