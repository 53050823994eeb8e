"""Formulas as a chain a person chooses (a field or a number, a sign, the next one …), and back to
the tree; reckoned from left to right."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.conditions import ARITHMETIC, Tree
from shared.domain.json_values import is_object

Operand = str | int | float  # a field's key, or a number


@dataclass(frozen=True)
class Step:
    """the first operand has the sign ""."""

    sign: str
    operand: Operand | None = None


def formula_of(steps: Sequence[Step]) -> Tree:
    """The tree of the steps that have an operand; None when there is none."""
    tree: Tree = None
    for step in steps:
        if step.operand is None or step.operand == "":
            continue
        operand: Tree = {"var": step.operand} if isinstance(step.operand, str) else step.operand
        tree = operand if tree is None else {step.sign or "+": [tree, operand]}
    return tree


def steps_of(tree: Tree) -> list[Step] | None:
    """The chain; None for a tree no chain can say."""
    if tree is None:
        return []
    if isinstance(tree, int | float) and not isinstance(tree, bool):
        return [Step("", tree)]
    if not is_object(tree) or len(tree) != 1:
        return None
    sign, arguments = next(iter(tree.items()))
    if sign == "var" and isinstance(arguments, str):
        return [Step("", arguments)]
    if sign not in ARITHMETIC or len(arguments) != 2:
        return None
    first, last = steps_of(arguments[0]), steps_of(arguments[1])
    if first is None or last is None or len(last) != 1:
        return None
    return [*first, Step(sign, last[0].operand)]
