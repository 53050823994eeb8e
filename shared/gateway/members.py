"""Who I am, who else is here, and inviting."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.domain.members import GroupList, Invitation, Member, Membership, Person
from shared.domain.problems import Rejected
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
    return await gateway.rows(
        "invitations", Invitation, store_id=str(store_id), order="-created_at"
    )


def _storable(**texts: str) -> None:
    """Raise Refused("format", field) for what no database text can hold: the API would answer
    without naming a field."""
    for field, text in texts.items():
        if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text):
            raise Rejected("format", field)


async def invite(
    gateway: Gateway, store_id: UUID, *, name: str, contact: str, role: str
) -> InvitationCode:
    _storable(name=name, contact=contact, role=role)
    data = await gateway.call(
        "invite_member", {"store_id": str(store_id), "name": name, "contact": contact, "role": role}
    )
    return parsed(TypeAdapter(InvitationCode), data)


async def accept(gateway: Gateway, code: str) -> UUID:
    """Become a member by the code; answers the store's id.

    Raises Refused: invitation_unknown, invitation_for_another, ask_an_admin (a disabled member).
    """
    _storable(code=code)
    data = await gateway.call("accept_invitation", {"code": code})
    return parsed(TypeAdapter(Joined), data).store_id


async def people(gateway: Gateway, store_id: UUID) -> list[Person]:
    """Members with what each holds and when they were last here. Raises Refused("forbidden")."""
    return parsed(
        TypeAdapter(list[Person]), await gateway.call("people", {"store_id": str(store_id)})
    )


async def grantable_roles(gateway: Gateway, store_id: UUID) -> list[str]:
    """Keys of the roles the caller may give to others. Raises Refused("forbidden")."""
    return parsed(
        TypeAdapter(list[str]), await gateway.call("grantable_roles", {"store_id": str(store_id)})
    )


async def group_people(gateway: Gateway, group_id: UUID) -> GroupList:
    """Who works for the whole group. Raises Refused("forbidden") unless a group administrator
    asks."""
    return parsed(
        TypeAdapter(GroupList), await gateway.call("group_people", {"group_id": str(group_id)})
    )


async def grant_group_role(
    gateway: Gateway, group_id: UUID, user_id: UUID, *, role: str, is_admin: bool
) -> None:
    """Give a member of one of the group's stores a role in all of them, or change it.

    Raises Refused: forbidden, own_access, not_found, option.
    """
    await gateway.call(
        "grant_group_role",
        {
            "group_id": str(group_id),
            "user_id": str(user_id),
            "role": role,
            "is_admin": is_admin,
        },
    )


async def revoke_group_role(gateway: Gateway, group_id: UUID, user_id: UUID) -> None:
    """Take it away; it counts at once. Raises Refused: forbidden, not_found, last_group_admin."""
    await gateway.call("revoke_group_role", {"group_id": str(group_id), "user_id": str(user_id)})


async def set_member(
    gateway: Gateway, store_id: UUID, user_id: UUID, *, name: str, role: str, team: str
) -> None:
    """Another role counts at the member's next request. Raises Refused: own_access, required,
    length, format, option, last_admin, group_role, forbidden."""
    _storable(name=name, role=role, team=team)
    await gateway.call(
        "set_member",
        {
            "store_id": str(store_id),
            "user_id": str(user_id),
            "name": name,
            "role": role,
            "team": team or None,
        },
    )


class TransferredWork(BaseModel):
    """How much went to the new owner."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    customers: int
    renewals: int
    deals: int
    tasks: int


async def disable(
    gateway: Gateway, store_id: UUID, user_id: UUID, *, new_owner_id: str = "", pool: str = ""
) -> TransferredWork:
    """Ends their access and moves what they hold. Raises Refused: new_owner_required,
    new_owner_cannot_see, own_access, option, last_admin, forbidden."""
    asked = {
        "store_id": str(store_id),
        "user_id": str(user_id),
        "new_owner_id": new_owner_id or None,
        "pool": pool or None,
    }
    return parsed(
        TypeAdapter(TransferredWork), await gateway.call("disable_member", asked, patience=120)
    )


async def enable(gateway: Gateway, store_id: UUID, user_id: UUID, *, role: str = "") -> None:
    await gateway.call(
        "enable_member", {"store_id": str(store_id), "user_id": str(user_id), "role": role or None}
    )


async def sign_out_everywhere(gateway: Gateway, store_id: UUID, user_id: UUID) -> int:
    """Answers how many devices were signed in. Raises Refused: sessions_unreachable, forbidden,
    not_found."""
    return int(
        (
            await gateway.call(
                "sign_out_member", {"store_id": str(store_id), "user_id": str(user_id)}
            )
        )["sessions"]
    )


async def revoke_invitation(gateway: Gateway, store_id: UUID, invitation_id: UUID) -> None:
    await gateway.call("revoke_invitation", {"store_id": str(store_id), "id": str(invitation_id)})


async def publishable_stores(gateway: Gateway) -> list[tuple[UUID, str]]:
    """(id, name) of every store whose document the caller may publish, by name."""
    return sorted(
        ((m.store_id, m.store_name) for m in await whoami(gateway) if m.may("publish_config")),
        key=lambda s: s[1],
    )
