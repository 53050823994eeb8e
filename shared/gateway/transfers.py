"""Transfers: what a pool holds, who could take a customer, whose time is over."""

from datetime import date
from uuid import UUID

from pydantic import TypeAdapter

from shared.domain.instants import Instant
from shared.domain.labels import Label
from shared.gateway.client import Answer, Gateway, parsed
from shared.gateway.queue_loans import QueueLoan


class PoolCount(Answer):
    """`left`: how many the caller may still claim today; None when they may not."""

    key: str
    label: Label
    customers: int
    contact_hours: int
    left: int | None = None


class Pooled(Answer):
    """A customer of a pool, without their number."""

    id: UUID
    name: str | None = None
    level: str | None = None
    need: str | None = None
    source: str | None = None
    last_contact_at: Instant | None = None
    waiting_since: Instant


class PoolList(Answer):
    today: date
    pool: str | None = None
    pools: tuple[PoolCount, ...] = ()
    customers: tuple[Pooled, ...] = ()


class TransferCandidate(Answer):
    """Who could take a customer: deals won of those decided in half a year, customers they have.
    `loan`: to whom their own queue is lent, now or soon."""

    user_id: UUID
    name: str
    role: str
    won: int
    decided: int
    customers: int
    loan: QueueLoan | None = None

    @property
    def rate(self) -> float | None:
        return self.won / self.decided if self.decided else None


class LastConversation(Answer):
    occurred_at: Instant
    outcome: str
    notes: str | None = None


class OverdueCustomer(Answer):
    """Past the days of their level without a deal (S-25, S-27); `demote_after_days`: when they fall
    by themselves (S-26)."""

    id: UUID
    name: str | None = None
    level: str | None = None
    owner_id: UUID
    owner_name: str
    owner_role: str
    days: int
    demote_after_days: int | None = None
    need: str | None = None
    last: LastConversation | None = None


class OverdueCustomers(Answer):
    today: date
    member_id: UUID
    customers: tuple[OverdueCustomer, ...] = ()
    members: tuple[TransferCandidate, ...] = ()


async def pool_list(gateway: Gateway, store_id: UUID, pool: str | None = None) -> PoolList:
    return parsed(
        TypeAdapter(PoolList),
        await gateway.call("pool_list", {"store_id": str(store_id), "pool": pool}),
    )


async def reassign_list(gateway: Gateway, store_id: UUID) -> OverdueCustomers:
    return parsed(
        TypeAdapter(OverdueCustomers),
        await gateway.call("reassign_list", {"store_id": str(store_id)}),
    )


async def new_owners(gateway: Gateway, store_id: UUID) -> list[TransferCandidate]:
    return parsed(
        TypeAdapter(list[TransferCandidate]),
        await gateway.call("new_owners", {"store_id": str(store_id)}),
    )
