"""Who someone is in a store."""

from collections import Counter
from collections.abc import Iterable
from datetime import date
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.domain.instants import Instant
from shared.domain.labels import Label


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Membership(_Row):
    """The caller in one store."""

    store_id: UUID
    store_name: str
    user_id: UUID
    name: str
    role: str
    role_label: Label
    scope: str
    verbs: tuple[str, ...]
    screens: tuple[str, ...]
    pools: tuple[str, ...] = ()
    time_zone: str
    today: date
    config_version: int
    group_id: UUID | None = None
    is_group_admin: bool = False

    def may(self, verb: str) -> bool:
        return verb in self.verbs


class Colleague(_Row):
    """A member of the same store, as everyone there may know them; one who left keeps their name on
    what is old. `sells`: may make customers and move deals, so a customer can be handed to them."""

    id: UUID
    name: str
    active: bool = True
    sells: bool = False


class Member(_Row):
    store_id: UUID
    user_id: UUID
    role: str
    name: str
    team: str | None = None
    active: bool = True
    joined_at: Instant | None = None
    takes_visitors: bool = True  # somebody who walks in can be given to them


def names_apart(members: Iterable[Member]) -> list[tuple[str, str]]:
    """(id, name) of each. Namesakes are told apart by their teams, or by who was there first, so
    that a list which says only the name means neither."""
    listed = list(members)
    names = Counter(m.name for m in listed)
    teams = Counter((m.name, m.team) for m in listed)
    found: list[tuple[str, str]] = []
    for member in listed:
        name = member.name
        if names[name] > 1 and member.team and teams[name, member.team] == 1:
            name = f"{name}（{member.team}）"
        elif names[name] > 1:
            same = [m for m in listed if (m.name, m.team) == (member.name, member.team)]
            same.sort(key=lambda m: (str(m.joined_at or ""), str(m.user_id)))
            name = f"{name}（{'·'.join(filter(None, (member.team, str(same.index(member) + 1))))}）"
        found.append((str(member.user_id), name))
    return found


class Person(_Row):
    """A member as their admin sees them: what they hold, when they were last here (None: never, or
    the server cannot tell)."""

    user_id: UUID
    role: str
    name: str
    team: str = ""
    active: bool = True
    joined_at: Instant
    disabled_at: Instant | None = None
    last_sign_in_at: Instant | None = None
    last_seen_at: Instant | None = None
    sessions: int | None = None
    customers: int = 0
    renewals: int = 0
    deals: int = 0
    tasks: int = 0
    can_manage: bool = True

    @property
    def holds(self) -> int:
        return self.customers + self.renewals + self.deals + self.tasks


class GroupPerson(_Row):
    """Somebody who works for a whole dealer group; an administrator says who else does."""

    user_id: UUID
    name: str
    role: str
    is_admin: bool = False


class GroupRole(_Row):
    """A role of scope "group", under the label one of the group's stores gave it."""

    key: str
    label: Label


class GroupList(_Row):
    people: tuple[GroupPerson, ...] = ()
    roles: tuple[GroupRole, ...] = ()


class Invitation(_Row):
    id: UUID
    name: str
    contact: str
    role: str
    expires_at: Instant
    accepted_at: Instant | None = None
