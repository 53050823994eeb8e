"""Pools, heirs, orphans, and a customer's whole story: what a phone asks the server for beyond its own book."""

from datetime import date
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.domain.instants import Instant
from shared.domain.labels import Label
from shared.domain.records import Conversation
from shared.gateway.client import Gateway, parsed


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class PoolCount(_Row):
    """`left`: how many the caller may still claim today; None when he may not."""

    key: str
    label: Label
    customers: int
    contact_hours: int
    left: int | None = None


class Pooled(_Row):
    """A customer of a pool, without his number."""

    id: UUID
    name: str | None = None
    level: str | None = None
    need: str | None = None
    source: str | None = None
    last_contact_at: Instant | None = None
    waiting_since: Instant


class PoolList(_Row):
    today: date
    pool: str | None = None
    pools: tuple[PoolCount, ...] = ()
    customers: tuple[Pooled, ...] = ()


class Heir(_Row):
    """Who could take a customer: deals won of those decided in half a year, customers he has."""

    user_id: UUID
    name: str
    role: str
    won: int
    decided: int
    customers: int

    @property
    def rate(self) -> float | None:
        return self.won / self.decided if self.decided else None


class LastTalk(_Row):
    occurred_at: Instant
    outcome: str
    words: str | None = None


class Waiting(_Row):
    """Past the days of his level without a deal (S-25, S-27); `demote_after_days`: when he falls by himself (S-26)."""

    id: UUID
    name: str | None = None
    level: str | None = None
    owner_id: UUID
    owner_name: str
    owner_role: str
    days: int
    demote_after_days: int | None = None
    need: str | None = None
    last: LastTalk | None = None


class ReassignList(_Row):
    today: date
    me: UUID
    customers: tuple[Waiting, ...] = ()
    members: tuple[Heir, ...] = ()


class Orphan(_Row):
    id: UUID
    customer_id: UUID
    name: str | None = None
    plate: str | None = None
    insurer: str | None = None
    premium_fen: int | None = None
    expires_on: date | None = None


class Orphans(_Row):
    today: date
    policies: tuple[Orphan, ...] = ()


class RenewalLine(_Row):
    """One person's policies ending within ninety days either way (F-33): contacted twice, at risk of fewer than two contacts."""

    user_id: UUID
    name: str
    coming: int
    coming_twice: int
    coming_at_risk: int
    ended: int
    ended_twice: int
    renewed: int
    lost: int


class RenewalReport(_Row):
    members: tuple[RenewalLine, ...] = ()


class VisitReport(_Row):
    """Visits of thirty days: without a plan must be 0 (S-63); seconds until they were written down (S-18)."""

    visits: int = 0
    nameless: int = 0
    named_since: int = 0
    without_plan: int = 0
    median_seconds: int | None = None


class StoryLine(_Row):
    """One event: a record made, or a value changed, old and new as the reader may see them."""

    id: int
    form: str
    subject_id: UUID
    kind: str
    field: str | None = None
    old: Any = None
    new: Any = None
    created_at: Instant
    actor_name: str | None = None
    by_system: bool = False
    conversation: Conversation | None = None


async def pool_list(gateway: Gateway, store_id: UUID, pool: str | None = None) -> PoolList:
    return parsed(TypeAdapter(PoolList), await gateway.call("pool_list", {"store_id": str(store_id), "pool": pool}))


async def reassign_list(gateway: Gateway, store_id: UUID) -> ReassignList:
    return parsed(TypeAdapter(ReassignList), await gateway.call("reassign_list", {"store_id": str(store_id)}))


async def heirs(gateway: Gateway, store_id: UUID) -> list[Heir]:
    return parsed(TypeAdapter(list[Heir]), await gateway.call("heirs", {"store_id": str(store_id)}))


async def renewals(gateway: Gateway, store_id: UUID) -> list[RenewalLine]:
    return list(parsed(TypeAdapter(RenewalReport), await gateway.call("renewal_report", {"store_id": str(store_id)})).members)


async def visits(gateway: Gateway, store_id: UUID) -> VisitReport:
    return parsed(TypeAdapter(VisitReport), await gateway.call("visit_report", {"store_id": str(store_id)}))


async def orphans(gateway: Gateway, store_id: UUID) -> Orphans:
    return parsed(TypeAdapter(Orphans), await gateway.call("orphan_policies", {"store_id": str(store_id)}))


async def story(gateway: Gateway, store_id: UUID, customer_id: UUID, *, before: int | None = None) -> list[StoryLine]:
    """A page of the history before an event, newest first. Raises Offline, SignedOut, Refused("not_found")."""
    arguments = {"store_id": str(store_id), "customer_id": str(customer_id), "before_id": before}
    return parsed(TypeAdapter(list[StoryLine]), await gateway.call("customer_timeline", arguments))
