"""Conditions as rows a person chooses from (field, operator, value), and back to the tree that the
document holds (F-69)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

from shared.domain.conditions import Tree
from shared.domain.config import FieldType
from shared.domain.json_values import is_array, is_object

Operator = Literal[
    "is", "is_not", "one_of", "filled", "empty", "at_least", "at_most", "more", "less", "has"
]
SAID = {"is": "==", "is_not": "!=", "at_least": ">=", "at_most": "<=", "more": ">", "less": "<"}
MEANT = {sign: word for word, sign in SAID.items()}


@dataclass(frozen=True)
class Row:
    """One line of a condition; `filled` and `empty` need no value, `one_of` a list."""

    field: str
    operator: Operator
    value: Any = None

    @property
    def complete(self) -> bool:
        return self.operator in ("filled", "empty") or self.value not in (None, "", [], ())


def operators_of(kind: FieldType) -> tuple[Operator, ...]:
    """What may be asked of a field of a type."""
    if kind in ("select", "level"):
        return ("is", "is_not", "one_of", "filled", "empty")
    if kind in ("number", "money", "date", "time", "formula"):
        return ("at_least", "at_most", "more", "less", "is", "filled", "empty")
    if kind == "bool":
        return ("is", "filled", "empty")
    if kind == "multi":
        return ("has", "filled", "empty")
    return ("filled", "empty", "is", "is_not")


def tree_of(rows: Sequence[Row], *, every: bool = True) -> Tree:
    """The tree of the complete rows; None when there is none."""
    parts = [_one(row) for row in rows if row.complete]
    if len(parts) < 2:
        return parts[0] if parts else None
    return {"and" if every else "or": parts}


def rows_of(tree: Tree) -> tuple[list[Row], bool] | None:
    """(rows, whether all must hold); None for a tree that no rows can say."""
    if tree is None:
        return [], True
    joint = next((k for k in ("and", "or") if is_object(tree) and [*tree] == [k]), None)
    parts = tree[joint] if joint else [tree]
    rows = [_row(x) for x in parts]
    return ([r for r in rows if r], joint != "or") if all(rows) else None


def _one(row: Row) -> Tree:
    looked: Tree = {"var": row.field}
    if row.operator == "filled":
        return {"!!": [looked]}
    if row.operator == "empty":
        return {"!": [looked]}
    if row.operator == "one_of":
        return {"in": [looked, list(row.value)]}
    if row.operator == "has":
        return {"in": [row.value, looked]}
    return {SAID[row.operator]: [looked, row.value]}


def _row(tree: Tree) -> Row | None:
    if not is_object(tree) or len(tree) != 1:
        return None
    sign, arguments = next(iter(tree.items()))
    if sign in ("!", "!!"):
        inner = arguments[0] if is_array(arguments) and len(arguments) == 1 else arguments
        return (
            Row(inner["var"], "filled" if sign == "!!" else "empty") if _is_field(inner) else None
        )
    if not is_array(arguments) or len(arguments) != 2:
        return None
    left, right = arguments
    if sign == "in" and _is_field(right) and not is_object(left) and not is_array(left):
        return Row(right["var"], "has", left)
    if sign == "in" and _is_field(left) and is_array(right):
        return Row(left["var"], "one_of", tuple(right))
    if sign in MEANT and _is_field(left) and not is_object(right) and not is_array(right):
        return Row(left["var"], MEANT[sign], right)  # type: ignore[arg-type]
    return None


def _is_field(tree: Any) -> TypeGuard[Mapping[str, Any]]:
    return is_object(tree) and [*tree] == ["var"] and isinstance(tree["var"], str)
