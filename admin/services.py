"""What the panel works with, once per page session."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.gateway.client import Gateway


@dataclass(frozen=True)
class Services:
    """The server, clock, ids, where the phone app is."""

    gateway: Gateway
    now: Callable[[], datetime]
    new_id: Callable[[], UUID]
    phone_url: str = ""
