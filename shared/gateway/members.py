"""Who I am, who else is here, and inviting."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.domain.members import Invitation, Member, Membership
from shared.gateway.client import Gateway, parsed


class InvitationCode(BaseModel):
    """Shown once; only its hash is stored."""

    model_config = ConfigDict(frozen=True)
    id: UUID
    code: str


class Joined(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    store_id: UUID


async def whoami(gateway: Gateway) -> list[Membership]:
    """One membership per store; an empty list means an account nobody invited."""
    return await gateway.rows("whoami", Membership)


async def members(gateway: Gateway, store_id: UUID) -> list[Member]:
    return await gateway.rows("members", Member, store_id=str(store_id), order="joined_at")


async def invitations(gateway: Gateway, store_id: UUID) -> list[Invitation]:
    return await gateway.rows("invitations", Invitation, store_id=str(store_id), order="-created_at")


async def invite(gateway: Gateway, store_id: UUID, *, name: str, contact: str, role: str) -> InvitationCode:
    data = await gateway.call("invite_member", {"store_id": str(store_id), "name": name, "contact": contact, "role": role})
    return parsed(TypeAdapter(InvitationCode), data)


async def accept(gateway: Gateway, code: str) -> UUID:
    """Become a member by the code; answers the store's id. Raises Refused("invitation_unknown")."""
    data = await gateway.call("accept_invitation", {"code": code})
    return parsed(TypeAdapter(Joined), data).store_id
