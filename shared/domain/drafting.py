"""Working on a document: looking at a part, putting another in its place, and joining two people's edits (F-74).

A path names a part by keys from the top, as a Difference does: ("pipelines", "new_car", "stages", "lead", "label"). A step into a
list of things with keys is a thing's key; into another list, its number. Documents are plain JSON and never changed in place.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Path = tuple[str, ...]
GONE: Any = object()  # no such part


def part(document: Any, path: Path) -> Any:
    """The part at a path, or GONE."""
    for step in path:
        if isinstance(document, Mapping):
            document = document.get(step, GONE)
        elif _is_list(document):
            document = next((x for i, x in enumerate(document) if _name(x, i) == step), GONE)
        else:
            return GONE
    return document


def with_part(document: Any, path: Path, value: Any) -> Any:
    """A document with another value at a path; GONE takes the part out. What is missing on the way is made; a new thing comes last."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if _is_list(document):
        names = [_name(x, i) for i, x in enumerate(document)]
        inner = with_part(document[names.index(step)] if step in names else {}, rest, value) if step in names or value is not GONE else GONE
        if step not in names:
            return document if inner is GONE else [*document, inner]
        return [y for x, name in zip(document, names, strict=True) if (y := inner if name == step else x) is not GONE]
    found = dict(document) if isinstance(document, Mapping) else {}
    inner = with_part(found.get(step, {}), rest, value)
    if inner is GONE:
        found.pop(step, None)
        return found
    return {**found, step: inner}


def moved(things: Sequence[Any], old: int, new: int) -> list[Any]:
    """A list with one thing at another place; a place beyond the ends is the end."""
    rest = [x for i, x in enumerate(things) if i != old]
    place = max(0, min(new, len(rest)))
    return [*rest[:place], things[old], *rest[place:]]


@dataclass(frozen=True)
class Clash:
    """Both touched the same part; `mine` stands in the joined document. GONE = taken out."""

    path: Path
    mine: Any
    theirs: Any


def rebased(base: Any, mine: Any, theirs: Any) -> tuple[Any, list[Clash]]:
    """My edits of `base` on top of someone else's: what only one of us touched is taken from him, where both did mine stands and is named."""
    clashes: list[Clash] = []
    return _joined(base, mine, theirs, (), clashes), clashes


def _joined(base: Any, mine: Any, theirs: Any, path: Path, clashes: list[Clash]) -> Any:
    if mine == theirs or theirs == base:
        return mine
    if mine == base:
        return theirs
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        before = base if isinstance(base, Mapping) else {}
        return _joined_things(before, mine, theirs, [*theirs, *(k for k in mine if k not in theirs)], path, clashes)
    if _are_things(mine) and _are_things(theirs) and (mine or theirs):
        b, m, t = ({x["key"]: x for x in y} if _are_things(y) else {} for y in (base, mine, theirs))
        order = _joined_order([*b], [*m], [*t])
        return list(_joined_things(b, m, t, order, path, clashes).values())
    clashes.append(Clash(path, mine, theirs))
    return mine


def _joined_things(base: Mapping, mine: Mapping, theirs: Mapping, order: Iterable[str], path: Path, clashes: list[Clash]) -> dict[str, Any]:
    found = {}
    for key in order:
        value = _joined(base.get(key, GONE), mine.get(key, GONE), theirs.get(key, GONE), (*path, key), clashes)
        if value is not GONE:
            found[key] = value
    return found


def _joined_order(base: list[str], mine: list[str], theirs: list[str]) -> list[str]:
    """His order when only he changed it, else mine; what the other added follows the one it stood behind."""
    i_moved = [k for k in mine if k in base] != [k for k in base if k in mine]
    first, second = (mine, theirs) if i_moved else (theirs, mine)
    order = list(first)
    for place, key in enumerate(second):
        if key not in order:
            before = next((k for k in reversed(second[:place]) if k in order), None)
            order.insert(order.index(before) + 1 if before is not None else 0, key)
    return order


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _name(thing: Any, place: int) -> str:
    return thing["key"] if isinstance(thing, Mapping) and "key" in thing else str(place)


def _are_things(value: Any) -> bool:
    return _is_list(value) and all(isinstance(x, Mapping) and "key" in x for x in value)
