"""What saving a record and moving a deal show on this device before the server has heard of
them."""

from mobile_app.offline.optimistic.operation import Operation, Row, split_fields
from mobile_app.offline.optimistic.tasks import follow_silence
from shared.domain.catalogue import FORM_TABLES, form_of
from shared.domain.funnel import furthest

PARENTS = ("customer_id", "vehicle_id", "policy_id", "pipeline")  # what a record belongs to


def save_customer(op: Operation) -> None:
    """A changed "do not call" moves the customer's tasks too."""
    if op.base_version is not None:
        customer = op.row("customers", op.payload["id"])
        follow_silence(op, op.payload["id"], customer, customer | (op.payload.get("set") or {}))
    save_record(op)


def save_record(op: Operation) -> None:
    creates = op.base_version is None
    _write_fields(op, _new_columns(op) if creates else {}, creates=creates)


def move_deal(op: Operation) -> None:
    payload = op.payload
    if payload.get("asks"):  # the manager decides; what was filled in is there already
        _request_loss(op)
        if payload.get("set"):
            _write_fields(op, {}, creates=False)
        return
    deal = op.row("deals", payload["id"])
    base, custom = split_fields("deal", payload.get("set") or {})
    op.write(
        "deals",
        payload["id"],
        {
            **base,
            "custom": {**deal.get("custom", {}), **custom},
            "stage": payload["stage"],
            "furthest_stage": furthest(
                _stages(op, deal.get("pipeline")), payload["stage"], deal.get("furthest_stage")
            ),
            "stage_at": op.now,
            "checked": sorted({*deal.get("checked", ()), *payload.get("checked", ())}),
            "lost_reason": payload.get("lost_reason"),
        },
    )


def _write_fields(op: Operation, columns: Row, *, creates: bool) -> None:
    payload, form = op.payload, form_of(op.verb)
    table = FORM_TABLES[form]
    base, custom = split_fields(form, payload.get("set") or {})
    both = {**op.row(table, payload["id"]).get("custom", {}), **custom}
    op.write(
        table,
        payload["id"],
        {
            **{k: payload[k] for k in PARENTS if payload.get(k)},
            **columns,
            **base,
            "custom": {k: v for k, v in both.items() if v is not None},
        },
        creates=creates,
    )


def _new_columns(op: Operation) -> Row:
    """Whose a new record is, and where a new deal stands."""
    payload = op.payload
    if op.verb == "save_customer":
        owner = None if payload.get("pool") else payload.get("owner_id") or op.user_id
        return {"owner_id": owner, "pool": payload.get("pool")}
    if op.verb == "save_deal":
        first = furthest(_stages(op, payload.get("pipeline")), "", None)
        return {"owner_id": op.user_id, "stage": first, "furthest_stage": first}
    return {}


def _stages(op: Operation, pipeline: str | None) -> list[tuple[str, str]]:
    """The stages of a pipeline: (key, type)."""
    pipelines = op.config.get("pipelines", [])
    found = next((p["stages"] for p in pipelines if p["key"] == pipeline), [])
    return [(s["key"], s["type"]) for s in found]


def _request_loss(op: Operation) -> None:
    """A deal that may be lost only when the manager agrees: the request, and the deal where it
    was."""
    payload = op.payload
    op.write(
        "approvals",
        payload["approval_id"],
        {
            "kind": "lost",
            "deal_id": payload["id"],
            "customer_id": payload.get("customer_id"),
            "requester_id": op.user_id,
            "reason": payload.get("lost_reason"),
            "notes": payload.get("notes"),
            "status": "pending",
            "created_at": op.now,
        },
        creates=True,
    )
