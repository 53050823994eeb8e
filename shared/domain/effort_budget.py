"""The store's own limit on what a daily act may cost, and who is above it (first 6, F-76)."""

from dataclasses import dataclass
from typing import Literal

from shared.domain.config import Role, StoreConfig
from shared.domain.impact import Cost, cost_of_clearing, cost_of_logging

Act = Literal["log", "clear"]
LIMITS: dict[Act, tuple[str, int]] = {
    "log": ("log_seconds", 20),
    "clear": ("clear_seconds", 15),
}  # setting and default, seconds


@dataclass(frozen=True)
class OverBudget:
    role: str
    act: Act
    cost: Cost
    limit: int


def limit_of(config: StoreConfig, act: Act) -> int:
    """Seconds one act may take at most, as the store set it."""
    setting, default = LIMITS[act]
    found = config.settings.get(setting, default)
    return found if isinstance(found, int) and not isinstance(found, bool) else default


def costs(config: StoreConfig, role: str) -> dict[Act, Cost]:
    """What the daily acts cost someone of a role."""
    return {"log": cost_of_logging(config, role), "clear": cost_of_clearing(config, role)}


def over_budget(config: StoreConfig) -> list[OverBudget]:
    """Every role that may log and pays more than the store allows."""
    found: list[OverBudget] = []
    for role in config.roles:
        if isinstance(role, Role) and "log_conversation" in role.verbs:
            for act, cost in costs(config, role.key).items():
                if cost.seconds > limit_of(config, act):
                    found.append(OverBudget(role.key, act, cost, limit_of(config, act)))
    return found
