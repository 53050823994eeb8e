"""Queues that are lent while a member is on leave (F-61)."""

from datetime import date
from uuid import UUID

from shared.gateway.client import Answer, Gateway


class QueueLoan(Answer):
    """A queue that is lent from its first to its last day, both included (store-local days)."""

    id: UUID
    borrower_id: UUID
    first_on: date
    last_on: date


async def lend_queue(
    gateway: Gateway,
    store_id: UUID,
    *,
    lender_id: UUID,
    borrower_id: UUID,
    first_on: date,
    last_on: date,
) -> None:
    """A member's due calls go to a colleague for some days. Raises Offline, SignedOut, Rejected
    ("forbidden", "range", "option", "already_lent")."""
    await gateway.call(
        "lend_queue",
        {
            "store_id": str(store_id),
            "lender_id": str(lender_id),
            "borrower_id": str(borrower_id),
            "first_on": first_on.isoformat(),
            "last_on": last_on.isoformat(),
        },
    )


async def end_loan(gateway: Gateway, store_id: UUID, loan_id: UUID) -> None:
    """What is not done goes back at once. Raises Offline, SignedOut, Rejected("forbidden",
    "not_found")."""
    await gateway.call("end_loan", {"store_id": str(store_id), "loan_id": str(loan_id)})
