"""Renewals: the report by person, and policies that nobody renews."""

from datetime import date
from uuid import UUID

from pydantic import TypeAdapter

from shared.gateway.client import Answer, Gateway, parsed


class UnassignedPolicy(Answer):
    id: UUID
    customer_id: UUID
    name: str | None = None
    plate: str | None = None
    insurer: str | None = None
    premium_fen: int | None = None
    expires_on: date | None = None


class UnassignedPolicies(Answer):
    today: date
    policies: tuple[UnassignedPolicy, ...] = ()


class RenewalLine(Answer):
    """One person's policies ending within ninety days either way (F-33): contacted twice, at risk
    of fewer than two contacts."""

    user_id: UUID
    name: str
    coming: int
    coming_twice: int
    coming_at_risk: int
    ended: int
    ended_twice: int
    renewed: int
    lost: int


class RenewalReport(Answer):
    members: tuple[RenewalLine, ...] = ()


async def renewals(gateway: Gateway, store_id: UUID) -> list[RenewalLine]:
    return list(
        parsed(
            TypeAdapter(RenewalReport),
            await gateway.call("renewal_report", {"store_id": str(store_id)}),
        ).members
    )


async def unassigned_policies(gateway: Gateway, store_id: UUID) -> UnassignedPolicies:
    return parsed(
        TypeAdapter(UnassignedPolicies),
        await gateway.call("unassigned_policies", {"store_id": str(store_id)}),
    )
