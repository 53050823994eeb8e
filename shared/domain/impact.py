"""What publishing a document would do: the list of api.check_config and the price of a form in taps
and seconds (F-73, F-75)."""

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.domain.config import FieldDefinition, Role, StoreConfig

TAP, CHARACTER, THOUGHT = (
    1.1,
    0.28,
    1.35,
    # seconds: pointing, one keystroke, one decision (Card, Moran & Newell 1983, keystroke-level
    # model)
)
TYPED = {
    "text": 6,
    "long_text": 12,
    "number": 4,
    "money": 6,
    "phone": 11,
    "plate": 7,
    "vin": 17,
}  # characters of an ordinary answer
CHIPS = 7  # up to so many options stand as chips, more open a list


class RightChange(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    form: str = ""
    key: str = ""
    what: str = ""
    before: Any = None
    after: Any = None


class Impact(BaseModel):
    """One consequence. refused: publishing will say no; ids: the first 20 records or deals it is
    about."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    kind: str
    level: Literal["refused", "warning", "info"]
    form: str | None = None
    key: str | None = None
    pipeline: str | None = None
    role: str | None = None
    hidden: str | None = None
    subject: str | None = None
    problem: str | None = None
    options: tuple[str, ...] = ()
    count: int = 0
    ids: tuple[UUID, ...] = ()
    rows: tuple[dict[str, Any], ...] = ()
    changes: tuple[RightChange, ...] = ()
    before: Any = None
    after: Any = None


@dataclass(frozen=True)
class Cost:
    """What one act costs a person of a role, from the home screen: taps and seconds."""

    taps: int
    seconds: float


def cost_of_logging(config: StoreConfig, role: str, method: str = "call") -> Cost:
    """Logging a conversation that reached someone: customer, outcome, a phrase, what the form
    demands of this role, save."""
    found = next((r for r in config.roles if isinstance(r, Role) and r.key == role), None)
    rights = found.rights.get("conversation", {}) if found else {}
    taps, seconds = 5, 5 * TAP + 2 * THOUGHT  # the floor: open, customer, outcome, phrase, save
    for field in config.forms["conversation"].fields if "conversation" in config.forms else ():
        if (
            field.key != "notes"
            and rights.get(field.key) == "write"
            and (field.required or method in field.required_methods)
        ):
            cost = _cost_of(field)
            taps, seconds = taps + cost.taps, seconds + cost.seconds
    return Cost(taps, round(seconds, 1))


def cost_of_clearing(config: StoreConfig, role: str) -> Cost:
    """Clearing a call task that reached someone, from its card: outcome, a phrase, what the form
    demands of this role, save.

    The card is open already, and so is the customer: two taps and a thought less than logging from
    the home screen.
    """
    logged = cost_of_logging(config, role)
    return Cost(logged.taps - 2, round(logged.seconds - 2 * TAP - THOUGHT, 1))


def _cost_of(field: FieldDefinition) -> Cost:
    kind = field.type_in("conversation")
    many = len(field.options or ()) > CHIPS
    taps = 2 if kind in ("date", "time", "person", "file") or many else 1
    return Cost(taps, THOUGHT + taps * TAP + TYPED.get(kind, 0) * CHARACTER)


def costs_changed(old: StoreConfig, new: StoreConfig) -> list[tuple[str, Cost, Cost]]:
    """Roles that may log a conversation and whose price changes: (role, now, then)."""
    roles = [r.key for r in new.roles if isinstance(r, Role) and "log_conversation" in r.verbs]
    pairs = [(role, cost_of_logging(old, role), cost_of_logging(new, role)) for role in roles]
    return [pair for pair in pairs if pair[1] != pair[2]]
