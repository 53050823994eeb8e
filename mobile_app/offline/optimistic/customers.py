"""What visits, transfers, families, consents and renewals show on this device before the server
has heard of them."""

from datetime import date, timedelta

from mobile_app.offline.optimistic.operation import Operation, split_fields
from mobile_app.offline.optimistic.tasks import follow_silence
from shared.domain.values.day import next_year


def record_visit(op: Operation) -> None:
    payload, customer_id = op.payload, op.payload["customer_id"]
    known = op.row("customers", customer_id)
    base, custom = split_fields("customer", payload.get("set") or {})
    columns = {} if known else {"owner_id": payload.get("owner_id") or op.user_id, "pool": None}
    op.write(
        "customers",
        customer_id,
        {**columns, **base, "custom": {**known.get("custom", {}), **custom}},
        creates=True,
    )
    for companion in payload.get("companions") or ():
        base, custom = split_fields("companion", companion.get("set") or {})
        op.write(
            "companions",
            companion["id"],
            {"customer_id": customer_id, **base, "custom": custom},
            creates=True,
        )
    visit = {k: payload.get(k) for k in ("customer_id", "notes", "anonymous", "party")}
    visit["arrived_at"] = payload.get("arrived_at") or op.now
    op.write(
        "visits", payload["id"], {k: v for k, v in visit.items() if v is not None}, creates=True
    )


def acknowledge_transfer(op: Operation) -> None:
    op.write("transfers", op.payload["id"], {"accepted_at": op.now})


def reassign(op: Operation) -> None:
    owner = {"owner_id": op.payload.get("owner_id"), "pool": op.payload.get("pool")}
    for customer_id in op.payload.get("customer_ids") or [op.payload["customer_id"]]:
        op.write("customers", customer_id, owner)


def save_relationship(op: Operation) -> None:
    if op.payload.get("relation"):
        columns = ("customer_id", "other_id", "other_name", "relation")
        op.write(
            "relationships",
            op.payload["id"],
            {k: op.payload.get(k) for k in columns},
            creates=True,
        )


def save_consent(op: Operation) -> None:
    """`stops`: whether it says that nobody may call them, or that they may be called again."""
    payload, customer_id = op.payload, op.payload.get("customer_id")
    columns = ("customer_id", "purpose", "channel", "granted", "source")
    consent = {k: payload.get(k) for k in columns}
    consent["stated_at"] = payload.get("stated_at") or op.now
    op.write("consents", payload["id"], consent, creates=True)
    if payload.get("stops") is not None and customer_id:
        customer = op.row("customers", customer_id)
        withdrawn = {"consent_withdrawn_at": op.now if payload["stops"] else None}
        follow_silence(op, customer_id, customer, customer | withdrawn)
        op.write("customers", customer_id, withdrawn)


def renew_policy(op: Operation) -> None:
    payload = op.payload
    old = op.row("policies", payload["policy_id"])
    base, custom = split_fields("policy", payload.get("set") or {})
    op.write("policies", payload["policy_id"], {"status": "renewed"})
    if old.get("customer_id"):
        following = {
            "customer_id": old["customer_id"],
            "vehicle_id": old.get("vehicle_id"),
            "renews_id": payload["policy_id"],
            **base,
            "custom": custom,
        }
        op.write("policies", payload["id"], following, creates=True)


def mark_policy_lost(op: Operation) -> None:
    """Next year's policy, bought elsewhere, is watched when they may come back."""
    payload = op.payload
    old = op.row("policies", payload["id"])
    op.write("policies", payload["id"], {"status": "lost", "lost_reason": payload.get("reason")})
    if payload.get("next_id") and payload.get("returns", True) and old.get("expires_on"):
        ended = date.fromisoformat(old["expires_on"])
        following = {k: old.get(k) for k in ("customer_id", "vehicle_id", "kind")} | {
            "insurer": payload.get("insurer"),
            "premium_fen": payload.get("price_fen"),
            "starts_on": (ended + timedelta(days=1)).isoformat(),
            "expires_on": payload.get("expires_on") or next_year(ended).isoformat(),
            "origin": "elsewhere",
            "renews_id": payload["id"],
        }
        op.write("policies", payload["next_id"], following, creates=True)
