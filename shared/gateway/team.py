"""A member's work as the server shows it to whoever may see it (S-06): what a manager's phone does
not hold itself."""

from datetime import date
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.domain.records import Conversation, Customer, Deal
from shared.gateway import customers
from shared.gateway.client import Gateway, parsed


class MemberDeal(Deal):
    customer_name: str | None = None

    @property
    def customer(self) -> Customer:
        """As much of the customer as a row shows."""
        return Customer(id=self.customer_id, name=self.customer_name)


class MemberConversation(Conversation):
    customer_name: str | None = None


class MemberWork(BaseModel):
    """Deals that are open or closed lately, and the last conversations, newest first."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    today: date
    deals: tuple[MemberDeal, ...] = ()
    conversations: tuple[MemberConversation, ...] = ()


async def member_work(
    gateway: Gateway,
    store_id: UUID,
    *,
    member_id: UUID | None = None,
    pipeline: str | None = None,
) -> MemberWork:
    """Of one member; without one the deals of everybody the caller sees. Raises Offline, SignedOut,
    Refused("forbidden")."""
    asked = {
        "store_id": str(store_id),
        "member_id": str(member_id) if member_id else None,
        "pipeline": pipeline,
    }
    return parsed(TypeAdapter(MemberWork), await gateway.call("member_work", asked))


async def member_customers(
    gateway: Gateway, store_id: UUID, member_id: UUID, *, limit: int, offset: int = 0
) -> list[Customer]:
    """A member's customers, who was contacted last first. Raises as `member_work`."""
    owned = [{"key": "owner_id", "op": "eq", "value": str(member_id)}]
    return await customers.find(
        gateway,
        store_id,
        owned,
        sort="last_contact_at",
        descending=True,
        limit=limit,
        offset=offset,
    )


async def deal(gateway: Gateway, store_id: UUID, deal_id: UUID) -> Deal | None:
    """A deal the caller may see. Raises Offline, SignedOut, Rejected."""
    found = await gateway.rows("deals", Deal, store_id=str(store_id), ids=[deal_id])
    return found[0] if found else None
