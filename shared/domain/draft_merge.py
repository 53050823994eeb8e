"""Working on a document: looking at a part, putting another in its place, and joining two people's
edits (F-74).

A path names a part by keys from the top, as a Difference does: ("pipelines", "new_car", "stages",
"lead", "label"). A step into a list of things with keys is a thing's key; into another list, its
number. Documents are plain JSON and never changed in place.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from shared.domain.json_values import is_array, is_object

Path = tuple[str, ...]
GONE: Any = object()  # no such part


def part(document: Any, path: Path) -> Any:
    """The part at a path, or GONE."""
    for step in path:
        if is_object(document):
            document = document.get(step, GONE)
        elif is_array(document):
            document = next((x for i, x in enumerate(document) if _name(x, i) == step), GONE)
        else:
            return GONE
    return document


def set_path(document: Any, path: Path, value: Any) -> Any:
    """A document with another value at a path; GONE takes the part out. What is missing on the way
    is made; a new thing comes last."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if is_array(document):
        names = [_name(x, i) for i, x in enumerate(document)]
        inner = (
            set_path(document[names.index(step)] if step in names else {}, rest, value)
            if step in names or value is not GONE
            else GONE
        )
        if step not in names:
            return document if inner is GONE else [*document, inner]
        return [
            y
            for x, name in zip(document, names, strict=True)
            if (y := inner if name == step else x) is not GONE
        ]
    found = dict(document) if is_object(document) else {}
    inner = set_path(found.get(step, {}), rest, value)
    if inner is GONE:
        found.pop(step, None)
        return found
    return {**found, step: inner}


def moved(things: Sequence[Any], old: int, new: int) -> list[Any]:
    """A list with one thing at another place; a place beyond the ends is the end."""
    rest = [x for i, x in enumerate(things) if i != old]
    index = max(0, min(new, len(rest)))
    return [*rest[:index], things[old], *rest[index:]]


@dataclass(frozen=True)
class MergeConflict:
    """Both touched the same part; `mine` stands in the joined document. GONE = taken out."""

    path: Path
    mine: Any
    theirs: Any


def rebase(base: Any, mine: Any, theirs: Any) -> tuple[Any, list[MergeConflict]]:
    """My edits of `base` on top of someone else's: what only one of us touched is taken from them,
    where both did mine stands and is named."""
    conflicts: list[MergeConflict] = []
    return _joined(base, mine, theirs, (), conflicts), conflicts


def _joined(base: Any, mine: Any, theirs: Any, path: Path, conflicts: list[MergeConflict]) -> Any:
    if mine == theirs or theirs == base:
        return mine
    if mine == base:
        return theirs
    if is_object(mine) and is_object(theirs):
        before: Mapping[str, Any] = base if is_object(base) else {}
        return _joined_things(
            before, mine, theirs, [*theirs, *(k for k in mine if k not in theirs)], path, conflicts
        )
    if _are_things(mine) and _are_things(theirs) and (mine or theirs):
        b, m, t = ({x["key"]: x for x in y} if _are_things(y) else {} for y in (base, mine, theirs))
        order = _joined_order([*b], [*m], [*t])
        return list(_joined_things(b, m, t, order, path, conflicts).values())
    conflicts.append(MergeConflict(path, mine, theirs))
    return mine


def _joined_things(
    base: Mapping[str, Any],
    mine: Mapping[str, Any],
    theirs: Mapping[str, Any],
    order: Iterable[str],
    path: Path,
    conflicts: list[MergeConflict],
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in order:
        value = _joined(
            base.get(key, GONE), mine.get(key, GONE), theirs.get(key, GONE), (*path, key), conflicts
        )
        if value is not GONE:
            found[key] = value
    return found


def _joined_order(base: list[str], mine: list[str], theirs: list[str]) -> list[str]:
    """Their order when only they changed it, else mine; what the other added follows the one it
    stood behind."""
    i_moved = [k for k in mine if k in base] != [k for k in base if k in mine]
    first, second = (mine, theirs) if i_moved else (theirs, mine)
    order = list(first)
    for index, key in enumerate(second):
        if key not in order:
            before = next((k for k in reversed(second[:index]) if k in order), None)
            order.insert(order.index(before) + 1 if before is not None else 0, key)
    return order


def _name(thing: Any, index: int) -> str:
    return thing["key"] if is_object(thing) and "key" in thing else str(index)


def _are_things(value: Any) -> TypeGuard[Sequence[Mapping[str, Any]]]:
    return is_array(value) and all(is_object(x) and "key" in x for x in value)
