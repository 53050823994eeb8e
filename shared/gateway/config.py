"""A store's configuration document."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.domain.config import StoreConfig
from shared.domain.instants import Instant
from shared.domain.problems import Refused
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


class Published(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    version: int


async def get(gateway: Gateway, store_id: UUID) -> PublishedConfig:
    """The document cut to the caller. Raises Refused("not_found") for a store he does not belong to."""
    rows = await gateway.rows("config", PublishedConfig, store_id=str(store_id))
    if not rows:
        raise Refused("not_found")
    return rows[0]


async def publish(gateway: Gateway, store_id: UUID, document: StoreConfig, *, base_version: int, note: str = "") -> int:
    """Publish; answers the new version. Raises Refused: version_conflict, stage_in_use, role_in_use, last_admin, invalid_config, forbidden."""
    data = await gateway.call(
        "publish_config", {"store_id": str(store_id), "document": document.document(), "base_version": base_version, "note": note}
    )
    return parsed(TypeAdapter(Published), data).version


async def versions(gateway: Gateway, store_id: UUID) -> list[ConfigVersion]:
    return await gateway.rows("config_versions", ConfigVersion, store_id=str(store_id), order="-version", limit=50)
