"""A store's configuration document."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.domain.access_check import AccessCheck
from shared.domain.catalogue import FORM_TABLES
from shared.domain.config import Access, StoreConfig
from shared.domain.impact import Impact
from shared.domain.instants import Instant
from shared.domain.problems import Rejected
from shared.gateway.client import Gateway, parsed


class PublishedConfig(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    store_id: UUID
    version: int
    document: StoreConfig


class ConfigVersion(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    version: int
    author_name: str | None = None
    note: str = ""
    published_at: Instant
    document: dict[str, Any] = {}


class Draft(BaseModel):
    """What the caller is working on; a half-finished document is no StoreConfig yet."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    document: dict[str, Any]
    base_version: int
    saved_at: Instant


class FieldAccess(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    access: Access
    because: str


class EffectiveAccess(BaseModel):
    """A member's rights, each with the rule behind it; row_rule: why they see the record that was
    asked about."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    name: str
    role: str
    active: bool
    scope: str
    verbs: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    row_rule: str | None = None
    fields: dict[str, dict[str, FieldAccess]] = {}


class Published(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    version: int


async def get(gateway: Gateway, store_id: UUID) -> PublishedConfig:
    """The document cut to the caller. Raises Refused("not_found") for a store they do not belong
    to."""
    rows = await gateway.rows("config", PublishedConfig, store_id=str(store_id))
    if not rows:
        raise Rejected("not_found")
    return rows[0]


async def publish(
    gateway: Gateway,
    store_id: UUID,
    document: StoreConfig,
    *,
    base_version: int,
    note: str = "",
    over_budget: bool = False,
) -> int:
    """Publish; answers the new version. over_budget: the tap budget is exceeded on purpose. Raises
    Refused: over_budget, version_conflict, stage_in_use, role_in_use, last_admin, invalid_config,
    forbidden."""
    data = await gateway.call(
        "publish_config",
        {
            "store_id": str(store_id),
            "document": document.document(),
            "base_version": base_version,
            "note": note,
            "over_budget": over_budget,
        },
    )
    return parsed(TypeAdapter(Published), data).version


async def check(gateway: Gateway, store_id: UUID, document: dict[str, Any]) -> list[Impact]:
    """What publishing would do; nothing is written. Raises Refused: forbidden, invalid_config."""
    return parsed(
        TypeAdapter(list[Impact]),
        await gateway.call("check_config", {"store_id": str(store_id), "document": document}),
    )


async def restore(
    gateway: Gateway, store_id: UUID, version: int, *, base_version: int, note: str = ""
) -> int:
    """Publish an earlier version again; answers the new version. Raises Rejected like publish, and
    not_found."""
    data = await gateway.call(
        "restore_config",
        {"store_id": str(store_id), "version": version, "base_version": base_version, "note": note},
    )
    return parsed(TypeAdapter(Published), data).version


async def draft(gateway: Gateway, store_id: UUID) -> Draft | None:
    rows = await gateway.rows("config_drafts", Draft, store_id=str(store_id))
    return rows[0] if rows else None


async def save_draft(
    gateway: Gateway, store_id: UUID, document: dict[str, Any] | None, *, base_version: int
) -> None:
    """Keep the caller's draft; None discards it. Raises Refused: forbidden, invalid_config."""
    await gateway.call(
        "save_config_draft",
        {"store_id": str(store_id), "document": document, "base_version": base_version},
    )


async def effective_access(
    gateway: Gateway, store_id: UUID, user_id: UUID, customer_id: UUID | None = None
) -> EffectiveAccess:
    """Why a member can or cannot. Raises Refused: forbidden, not_found."""
    asked = {
        "store_id": str(store_id),
        "user_id": str(user_id),
        "customer_id": str(customer_id) if customer_id else None,
    }
    return parsed(TypeAdapter(EffectiveAccess), await gateway.call("effective_access", asked))


async def check_access(
    gateway: Gateway, store_id: UUID, *, roles: list[str] | None = None
) -> AccessCheck:
    """Ask every endpoint for what these roles (None: all) may not see. Raises Refused:
    forbidden."""
    return parsed(
        TypeAdapter(AccessCheck),
        await gateway.call("check_access", {"store_id": str(store_id), "roles": roles}),
    )


async def versions(gateway: Gateway, store_id: UUID) -> list[ConfigVersion]:
    return await gateway.rows(
        "config_versions", ConfigVersion, store_id=str(store_id), order="-version", limit=50
    )


class RecordName(BaseModel):
    """A record behind a count, as far as the caller may know it."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: UUID
    customer_id: UUID | None = None
    name: str | None = None
    title: str | None = None
    plate: str | None = None
    policy_number: str | None = None
    notes: str | None = None

    @property
    def text(self) -> str:
        return (
            self.name
            or self.title
            or self.plate
            or self.policy_number
            or (self.notes or "")[:30]
            or str(self.id)[-8:]
        )


async def record_names(
    gateway: Gateway, store_id: UUID, form: str, ids: Sequence[UUID]
) -> list[RecordName]:
    """The first 20 records of a list of ids, under the caller's own rights."""
    return (
        await gateway.rows(FORM_TABLES[form], RecordName, store_id=str(store_id), ids=ids[:20])
        if ids
        else []
    )
