"""What receptions, handovers, families, consents and renewals show on this device before the server has heard of them."""

import sqlite3
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from shared.domain.config import BASE_TYPES

VERBS = {"receive", "accept_handover", "reassign", "save_link", "save_consent", "renew_policy", "lose_policy"}
Put = Callable[..., None]


def put_effect(connection: sqlite3.Connection, put: Put, verb: str, payload: dict[str, Any], now: str, user_id: str) -> None:
    from mobile_app.offline.effects import shown

    customer_id = payload.get("customer_id")
    if verb == "receive":
        known = shown(connection, "customers", str(customer_id))
        base, custom = _split("customer", payload.get("set") or {})
        links = {} if known else {"owner_id": payload.get("owner_id") or user_id, "pool": None}
        put("customers", customer_id, {**links, **base, "custom": {**(known or {}).get("custom", {}), **custom}}, creates=True)
        for companion in payload.get("companions") or ():
            base, custom = _split("companion", companion.get("set") or {})
            put("companions", companion["id"], {"customer_id": customer_id, **base, "custom": custom}, creates=True)
        visit = {k: payload.get(k) for k in ("customer_id", "words", "nameless", "party")} | {"arrived_at": payload.get("arrived_at") or now}
        put("receptions", payload["id"], {k: v for k, v in visit.items() if v is not None}, creates=True)
    elif verb == "accept_handover":
        put("handovers", payload["id"], {"accepted_at": now})
    elif verb == "reassign":
        for one in payload.get("customer_ids") or [customer_id]:
            put("customers", one, {"owner_id": payload.get("owner_id"), "pool": payload.get("pool")})
    elif verb == "save_link" and payload.get("relation"):
        put("links", payload["id"], {k: payload.get(k) for k in ("customer_id", "other_id", "other_name", "relation")}, creates=True)
    elif verb == "save_consent":
        said = {k: payload.get(k) for k in ("customer_id", "purpose", "channel", "given", "source")} | {"said_at": payload.get("said_at") or now}
        put("consents", payload["id"], said, creates=True)
        if payload.get("stops") is not None:
            put("customers", customer_id, {"consent_withdrawn_at": now if payload["stops"] else None})
    elif verb == "renew_policy":
        old = shown(connection, "policies", payload["policy_id"]) or {}
        base, custom = _split("policy", payload.get("set") or {})
        links = {k: old.get(k) for k in ("customer_id", "vehicle_id")} | {"renews_id": payload["policy_id"]}
        put("policies", payload["policy_id"], {"status": "renewed"})
        if links["customer_id"]:
            put("policies", payload["id"], {**links, **base, "custom": custom}, creates=True)
    elif verb == "lose_policy":
        old = shown(connection, "policies", payload["id"]) or {}
        put("policies", payload["id"], {"status": "lost", "lost_reason": payload.get("reason")})
        if payload.get("next_id") and payload.get("returns", True) and old.get("expires_on"):
            ends = payload.get("expires_on") or year_after(date.fromisoformat(old["expires_on"])).isoformat()
            begins = (date.fromisoformat(old["expires_on"]) + timedelta(days=1)).isoformat()
            following = {k: old.get(k) for k in ("customer_id", "vehicle_id", "kind")} | {
                "insurer": payload.get("insurer"), "premium_fen": payload.get("price_fen"), "starts_on": begins, "expires_on": ends, "origin": "elsewhere", "renews_id": payload["id"],
            }  # fmt: skip
            put("policies", payload["next_id"], following, creates=True)


def put_request(put: Put, payload: dict[str, Any], now: str, user_id: str) -> None:
    """A deal that may be lost only when the manager agrees: the request, and the deal where it was."""
    request = {
        "kind": "lost",
        "deal_id": payload["id"],
        "requester_id": user_id,
        "status": "pending",
        "created_at": now,
        "reason": payload.get("lost_reason"),
    }
    put("approvals", payload["approval_id"], request | {"customer_id": payload.get("customer_id"), "words": payload.get("words")}, creates=True)


def put_task_request(put: Put, payload: dict[str, Any], task: dict[str, Any], now: str, user_id: str) -> None:
    """A task that cannot be done, or is to be put off beyond the limit: it waits with the manager."""
    put("tasks", payload["task_id"], {"status": "cancel_requested"})
    request = {"task_id": payload["task_id"], "customer_id": task.get("customer_id"), "requester_id": user_id, "words": payload.get("words"), "status": "pending", "created_at": now}  # fmt: skip
    if payload.get("until"):
        put("approvals", payload["approval_id"], request | {"kind": "task_snooze", "asked": {"until": payload["until"]}}, creates=True)
    else:
        put("approvals", payload["id"], request | {"reason": payload["reason"]}, creates=True)


def year_after(day: date) -> date:
    """The same day next year; 29 February becomes 28, as in Postgres."""
    return day.replace(year=day.year + 1, day=28) if (day.month, day.day) == (2, 29) else day.replace(year=day.year + 1)


def _split(form: str, given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    return {k: v for k, v in given.items() if k in BASE_TYPES[form]}, {k: v for k, v in given.items() if k not in BASE_TYPES[form]}
