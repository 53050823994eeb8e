"""Who I am, who else is here, and inviting."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.domain.members import Invitation, Member, Membership, Person
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


async def people(gateway: Gateway, store_id: UUID) -> list[Person]:
    """Members with what each holds and when he was last here. Raises Refused("forbidden")."""
    return parsed(TypeAdapter(list[Person]), await gateway.call("people", {"store_id": str(store_id)}))


async def set_member(gateway: Gateway, store_id: UUID, user_id: UUID, *, name: str, role: str, team: str) -> None:
    """Another role counts at the member's next request. Raises Refused: own_access, required, length, option, last_admin, forbidden."""
    await gateway.call("set_member", {"store_id": str(store_id), "user_id": str(user_id), "name": name, "role": role, "team": team or None})


class Handover(BaseModel):
    """How much went to the heir."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    customers: int
    renewals: int
    deals: int
    tasks: int


async def disable(gateway: Gateway, store_id: UUID, user_id: UUID, *, heir_id: str = "", pool: str = "") -> Handover:
    """Ends his access and moves what he holds. Raises Refused: heir_needed, heir_cannot_see, own_access, option, last_admin, forbidden."""
    asked = {"store_id": str(store_id), "user_id": str(user_id), "heir_id": heir_id or None, "pool": pool or None}
    return parsed(TypeAdapter(Handover), await gateway.call("disable_member", asked, patience=120))


async def enable(gateway: Gateway, store_id: UUID, user_id: UUID, *, role: str = "") -> None:
    await gateway.call("enable_member", {"store_id": str(store_id), "user_id": str(user_id), "role": role or None})


async def sign_out_everywhere(gateway: Gateway, store_id: UUID, user_id: UUID) -> int:
    """Answers how many devices were signed in. Raises Refused: sessions_unreachable, forbidden, not_found."""
    return int((await gateway.call("sign_out_member", {"store_id": str(store_id), "user_id": str(user_id)}))["sessions"])


async def revoke_invitation(gateway: Gateway, store_id: UUID, invitation_id: UUID) -> None:
    await gateway.call("revoke_invitation", {"store_id": str(store_id), "id": str(invitation_id)})


async def publishable_stores(gateway: Gateway) -> list[tuple[UUID, str]]:
    """(id, name) of every store whose document the caller may publish, by name."""
    return sorted(((m.store_id, m.store_name) for m in await whoami(gateway) if m.may("publish_config")), key=lambda s: s[1])
