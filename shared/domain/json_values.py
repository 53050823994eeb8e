"""The shapes of plain JSON for the type checker: `isinstance` alone leaves the parts unknown."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard


def is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    """A JSON object."""
    return isinstance(value, Mapping)


def is_array(value: object) -> TypeGuard[Sequence[Any]]:
    """A JSON array, as read (list) or as a model holds it (tuple); never a text."""
    return isinstance(value, list | tuple)
