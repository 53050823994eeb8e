"""What the list does not say: whose new customers are, and what becomes of those who are there."""

from dataclasses import dataclass, field
from typing import Any

import flet as ft

from shared.domain.config import StoreConfig

MATCH = ("phone", "plate", "vin", "policy_number")
OVERWRITE = ("source", "level")


@ft.observable
@dataclass(eq=False)
class ImportOptions:
    owner: str = ""
    renewal_owner: str = ""
    pool: str = ""
    level: str = ""
    source: str = ""
    # what becomes of a customer who is there: update · join (fill what is empty) · skip
    duplicates: str = "update"
    match: list[str] = field(default_factory=lambda: list(MATCH))  # by what they are found
    # fields of a customer who is there that the file may change although the store set them
    overwrite: list[str] = field(default_factory=list)

    def begin(self, config: StoreConfig, members: list[tuple[str, str]]) -> None:
        """The usual choices of a store; what a person chose before stays."""
        if self.level:
            return
        self.level = min(config.levels, key=lambda level: level.rank).key
        source = config.forms["customer"].field("source")
        self.source = source.options[0].key if source and source.options else ""
        self.pool = config.pools[-1].key if config.pools else ""
        self.owner = "" if self.pool else members[0][0] if members else ""

    def set_value(self, key: str, value: str) -> None:
        """A customer is a member's or in a pool, never both."""
        setattr(self, key, value)
        if key == "pool" and value:
            self.owner = ""
        if key == "owner" and value:
            self.pool = ""

    def flip_match(self, key: str) -> None:
        self.match = [k for k in MATCH if (k in self.match) != (k == key)]

    def flip_overwrite(self, key: str) -> None:
        self.overwrite = [k for k in OVERWRITE if (k in self.overwrite) != (k == key)]

    def request(self, system: str) -> dict[str, Any]:
        """As the server takes them; system: where the numbers of the list come from."""
        return {
            "owner_id": self.owner or None,
            "pool": self.pool or None,
            "renewal_owner_id": self.renewal_owner or None,
            "level": self.level,
            "source": self.source,
            "duplicates": self.duplicates,
            "match": self.match,
            "overwrite": self.overwrite,
            "system": system.strip(),
        }
