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


class RenewalNumber(Answer):
    """Policies that end in a month under a heading. by: all, window (key 90, 60 or 30: the days
    before the end from which it counts), insurer, member or reason; the key is empty where none was
    entered."""

    by: str
    key: str
    due: int
    contacted: int
    renewed: int
    lost: int

    def count(self, number: str) -> int:
        """number: due, contacted, renewed or lost."""
        return {
            "due": self.due,
            "contacted": self.contacted,
            "renewed": self.renewed,
            "lost": self.lost,
        }[number]

    @property
    def rate(self) -> str:
        """Renewed of due; a dash for a share of nothing."""
        return f"{100 * self.renewed / self.due:.0f}%" if self.due else "—"


class RenewalRates(Answer):
    month: date
    today: date
    scope: str
    numbers: tuple[RenewalNumber, ...] = ()

    def under(self, by: str) -> list[RenewalNumber]:
        """The headings of one kind, the largest first; the windows in the order they pass."""
        found = [n for n in self.numbers if n.by == by]
        return sorted(found, key=lambda n: (-int(n.key) if by == "window" else -n.due, n.key))


class RenewalRow(Answer):
    policy_id: UUID
    customer_id: UUID
    customer_name: str | None = None
    member_id: UUID
    expires_on: date
    insurer: str | None = None
    status: str
    reason: str | None = None


class RenewalRows(Answer):
    """`unseen`: how many of `total` belong to customers the caller does not see."""

    total: int
    unseen: int
    rows: tuple[RenewalRow, ...] = ()


async def renewal_rates(gateway: Gateway, store_id: UUID, month: date) -> RenewalRates:
    """Of the month of that day. Raises Offline, SignedOut, Refused("forbidden")."""
    asked = {"store_id": str(store_id), "month": month.isoformat()}
    return parsed(TypeAdapter(RenewalRates), await gateway.call("renewal_rates", asked))


async def renewal_rate_rows(
    gateway: Gateway, store_id: UUID, month: date, heading: tuple[str, str], number: str
) -> RenewalRows:
    """What a number counts, at most 200. heading: by and key of a RenewalNumber; number: due,
    contacted, renewed or lost. Raises as `renewal_rates`."""
    by, key = heading
    asked = {
        "store_id": str(store_id),
        "month": month.isoformat(),
        "by": by,
        "key": key,
        "number": number,
    }
    return parsed(TypeAdapter(RenewalRows), await gateway.call("renewal_rate_rows", asked))
