"""What the doctor found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One fault: its code, what is wrong, why it matters, and what to do."""

    code: str
    what: str
    why: str
    todo: str


def listed(items: list[str], most: int = 8) -> str:
    """Some of them by name, and how many more."""
    rest = len(items) - most
    return ", ".join(items[:most]) + (f" and {rest} more" if rest > 0 else "")
