"""What changed between two documents, part by part: for the publish page, the history and the
command (F-74)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

from shared.domain.json_values import is_array, is_object


@dataclass(frozen=True)
class Difference:
    """One change. path: keys from the top, e.g. ("forms", "customer", "fields", "budget",
    "required")."""

    path: tuple[str, ...]
    kind: Literal["added", "removed", "changed", "moved"]
    before: Any = None
    after: Any = None


def differences(old: Any, new: Any, path: tuple[str, ...] = ()) -> Iterator[Difference]:
    """Every difference, in the order of the new document. Lists of things with keys are compared
    thing by thing."""
    if is_object(old) and is_object(new):
        for key in [*new, *(k for k in old if k not in new)]:
            yield from _of_part(old, new, key, (*path, key))
    elif _has_keys(old) and _has_keys(new):
        before, after = {x["key"]: x for x in old}, {x["key"]: x for x in new}
        for key in [*after, *(k for k in before if k not in after)]:
            yield from _of_part(before, after, key, (*path, key))
        for key in _moved([k for k in before if k in after], [k for k in after if k in before]):
            yield Difference((*path, key), "moved")
    elif old != new:
        yield Difference(path, "changed", old, new)


def _of_part(
    old: Mapping[str, Any], new: Mapping[str, Any], key: str, path: tuple[str, ...]
) -> Iterator[Difference]:
    if key not in old:
        yield Difference(path, "added", after=new[key])
    elif key not in new:
        yield Difference(path, "removed", before=old[key])
    else:
        yield from differences(old[key], new[key], path)


def _has_keys(value: Any) -> TypeGuard[Sequence[Mapping[str, Any]]]:
    return is_array(value) and bool(value) and all(is_object(x) and "key" in x for x in value)


def _moved(old: list[str], new: list[str]) -> list[str]:
    """The fewest things that changed place: those outside the longest run that kept its order."""
    index = {key: n for n, key in enumerate(old)}
    none: list[str] = []
    best: list[list[str]] = []  # best[i]: the longest kept run that ends with new[i]
    for i, key in enumerate(new):
        kept = max((best[j] for j in range(i) if index[new[j]] < index[key]), key=len, default=none)
        best.append([*kept, key])
    longest = set(max(best, key=len, default=none))
    return [key for key in new if key not in longest]
