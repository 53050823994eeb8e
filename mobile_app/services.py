"""What the screens work with; made once per page session and handed down."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

if TYPE_CHECKING:
    from mobile_app.identity import StoredIdentity
from shared.gateway.client import Gateway


class Preferences(Protocol):
    """Small settings of this device."""

    async def get(self, key: str) -> str | None: ...
    async def set(self, key: str, value: str | None) -> None: ...


@dataclass(frozen=True)
class Services:
    """The outside world: server, device folder, small settings, clock, ids.

    identity: who was signed in last on this device. None while viewing as another member: the
    session is the panel's, and only the server says who they are.
    """

    gateway: Gateway
    device_folder: Path
    preferences: Preferences
    now: Callable[[], datetime]
    new_id: Callable[[], UUID]
    identity: "StoredIdentity | None" = None
