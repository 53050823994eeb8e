"""Conditions and formulas of a document, judged as crm.evaluate_condition judges them in the
database (S-55).

A tree has the JSONLogic form, of which it knows: var, and, or, !, !!, ==, !=, <, <=, >, >=, in, +,
-, *, /. It is stricter than
JSONLogic: values of different types are never equal, numbers compare with numbers and texts with
texts only.
"""

from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from shared.domain.json_values import is_array, is_object

Tree = Any  # a plain value, a list of plain values, or {operator: arguments}

COMPARISONS = ("<", "<=", ">", ">=")
ARITHMETIC = ("+", "-", "*", "/")
OPERATORS = ("and", "or", "!", "!!", "==", "!=", "in", *COMPARISONS, *ARITHMETIC)
MAX_DEPTH = 8

_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)
_LIMIT = Decimal(10) ** 15


def is_true(value: Any) -> bool:
    """False for nothing, false, 0, "" and []; everything else is true."""
    return not (
        value is None
        or value is False
        or value == ""
        or value == []
        or (_is_number(value) and value == 0)
    )


def holds(tree: Tree, record: Mapping[str, Any]) -> bool:
    """Whether a condition is true of a record."""
    return is_true(answer(tree, record))


def answer(tree: Tree, record: Mapping[str, Any]) -> Any:
    """What a tree answers for a record's values; None where there is nothing to say."""
    if not is_object(tree):
        return tree
    operator, arguments = next(iter(tree.items()))
    if operator == "var":
        found = record.get(arguments)
        return None if found == "" else found
    if operator == "and":
        return all(holds(x, record) for x in arguments)
    if operator == "or":
        return any(holds(x, record) for x in arguments)
    if operator in ("!", "!!"):
        inner = arguments[0] if is_array(arguments) else arguments
        return holds(inner, record) == (operator == "!!")
    left, right = (answer(x, record) for x in arguments)
    if operator in ("==", "!="):
        return _same(left, right) == (operator == "==")
    if operator == "in":
        return is_array(right) and not is_array(left) and any(_same(left, x) for x in right)
    if operator in COMPARISONS:
        return _compare(operator, left, right)
    return _calculate(operator, left, right) if operator in ARITHMETIC else None


def rounded(value: Any, decimals: int) -> int | float | None:
    """A formula's number as it is stored: rounded half up; None when there is none."""
    if not _is_number(value):
        return None
    return _plain(Decimal(str(value)).quantize(Decimal(1).scaleb(-decimals), context=_EXACT))


def variables(tree: Tree) -> set[str]:
    """The fields a tree looks at."""
    return {
        part["var"] for part in _parts(tree) if is_object(part) and isinstance(part.get("var"), str)
    }


def problem(tree: Tree, known: set[str], depth: int = 0) -> str | None:
    """Why a tree cannot be published: too_deep, number, shape, list, unknown_field,
    unknown_operator; None when it can."""
    if depth > MAX_DEPTH:
        return "too_deep"
    if _is_number(tree) and not _fits(tree):
        return "number"
    if is_array(tree):
        return (
            "list"
            if len(tree) > 200
            or any(is_object(x) or is_array(x) for x in tree)
            or any(_is_number(x) and not _fits(x) for x in tree)
            else None
        )
    if not is_object(tree):
        return None
    if len(tree) != 1:
        return "shape"
    operator, arguments = next(iter(tree.items()))
    if operator == "var":
        return None if isinstance(arguments, str) and arguments in known else "unknown_field"
    if operator not in OPERATORS:
        return "unknown_operator"
    if operator in ("!", "!!") and not is_array(arguments):
        return problem(arguments, known, depth + 1)
    wanted = {"!": (1, 1), "!!": (1, 1), "and": (1, 20), "or": (1, 20)}.get(operator, (2, 2))
    if not is_array(arguments) or not wanted[0] <= len(arguments) <= wanted[1]:
        return "shape"
    return next((found for x in arguments if (found := problem(x, known, depth + 1))), None)


def _parts(tree: Tree) -> Iterator[Any]:
    yield tree
    inner = tree.values() if is_object(tree) else tree if is_array(tree) else ()
    for part in inner:
        yield from _parts(part)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _fits(value: int | float | Decimal) -> bool:
    """As crm.is_number."""
    return value == 0 or Decimal("1e-15") <= abs(Decimal(str(value))) <= _LIMIT


def _same(left: Any, right: Any) -> bool:
    if _is_number(left) and _is_number(right):
        return Decimal(str(left)) == Decimal(str(right))
    if is_array(left) and is_array(right):
        return len(left) == len(right) and all(
            _same(a, b) for a, b in zip(left, right, strict=True)
        )
    return type(left) is type(right) and left == right


def _compare(operator: str, left: Any, right: Any) -> bool:
    if _is_number(left) and _is_number(right):
        a, b = Decimal(str(left)), Decimal(str(right))
    elif isinstance(left, str) and isinstance(right, str):
        a, b = left.encode(), right.encode()  # by code point, as the database's collation "C"
    else:
        return False
    return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[operator]  # type: ignore[operator]


def _calculate(operator: str, left: Any, right: Any) -> int | float | None:
    if not _is_number(left) or not _is_number(right):
        return None
    a, b = Decimal(str(left)), Decimal(str(right))
    if operator == "/" and b == 0:
        return None
    found = {"+": _EXACT.add, "-": _EXACT.subtract, "*": _EXACT.multiply, "/": _EXACT.divide}[
        operator
    ](a, b)
    found = found.quantize(Decimal("0.000001"), context=_EXACT)
    return _plain(found) if abs(found) <= _LIMIT else None


def _plain(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)
