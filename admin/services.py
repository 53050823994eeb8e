"""What the panel works with, once per page session."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from shared.gateway.client import Gateway


@dataclass(frozen=True)
class Services:
    """The server, the folder uploads arrive in, clock, ids, where the phone app is."""

    gateway: Gateway
    uploads: Path
    now: Callable[[], datetime]
    new_id: Callable[[], UUID]
    phone_url: str = ""
