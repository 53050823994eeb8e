"""Customers nobody would ever call again (S-78), and when the rules last ran."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import TypeAdapter

from shared.gateway.client import Answer, Gateway, parsed


class ForgottenCustomer(Answer):
    """A customer without a next step; `reason` as in crm.customers_without_next_step."""

    id: UUID
    name: str | None = None
    owner_id: UUID | None = None
    reason: Literal["nobody", "no_plan", "overdue", "too_far"]


class NextStepReport(Answer):
    """`without_next_step` counts them all; `customers` are at most 200 that the caller sees.
    `last_night`: the store-local day of the last nightly run that went well."""

    today: date
    last_night: date | None = None
    without_next_step: int
    customers: tuple[ForgottenCustomer, ...] = ()

    @property
    def is_late(self) -> bool:
        """No nightly run today or yesterday. A store that has had none yet is not late."""
        return self.last_night is not None and (self.today - self.last_night).days > 1


async def next_step_report(gateway: Gateway, store_id: UUID) -> NextStepReport:
    """Raises Problem `forbidden` for members who do not decide."""
    return parsed(
        TypeAdapter(NextStepReport),
        await gateway.call("next_step_report", {"store_id": str(store_id)}),
    )
