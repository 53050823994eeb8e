"""The same field rules as crm.problems, so that a form can say what is wrong before anything is sent (F-89)."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from shared.domain.conditions import answer, rounded
from shared.domain.config import FieldDefinition, StoreConfig
from shared.domain.problems import FieldProblem

TEXT_LENGTH = {"long_text": 2000}
FORMATS = {"phone": r"\+?[0-9]{5,15}", "plate": r"[^\s]{4,12}", "vin": r"[A-Za-z0-9]{6,20}", "time": r"([01][0-9]|2[0-3]):[0-5][0-9]"}

UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def problems(
    config: StoreConfig, form: str, values: Mapping[str, Any], *, creating: bool, record: Mapping[str, Any] | None = None
) -> list[FieldProblem]:
    """Every problem of the given values, by field: forbidden, required, masked, type, range, option, date, length, format, not_shown.

    record: the values before the change (custom ones flat among them), and what conditions look at beside, like a
    conversation's method.
    """
    rights = config.rights(form)
    definition = config.forms.get(form)
    before = record or {}
    after = {**before, **values}
    found = []
    for key, value in values.items():
        known = definition.field(key) if definition else None
        if known is None or key not in rights.writable:
            found.append(FieldProblem(key, "forbidden"))
        elif code := _problem(config, form, known, value, required=key in rights.required and known.is_required(after)) or _unmet(
            known, value, after
        ):
            found.append(FieldProblem(key, code))
    for key in rights.required:
        known = definition.field(key) if definition else None
        if key in values or known is None or not known.is_required(after):
            continue
        if creating or (before.get(key) in (None, "") and not known.is_required(before)):  # a change answers for what it made required
            found.append(FieldProblem(key, "required"))
    return list(dict.fromkeys(found))


def computed(config: StoreConfig, form: str, record: Mapping[str, Any]) -> dict[str, int | float]:
    """The values of a form's formula fields, as the database will store them."""
    definition = config.forms.get(form)
    fields = definition.fields if definition else ()
    found = {f.key: rounded(answer(f.formula, record), f.decimals) for f in fields if f.formula is not None}
    return {key: value for key, value in found.items() if value is not None}


def _unmet(field: FieldDefinition, value: Any, record: Mapping[str, Any]) -> str | None:
    """What a condition says against a value that is fine by itself."""
    if value is None or value == "":
        return None
    if not field.is_shown(record):
        return "not_shown"
    chosen = value if isinstance(value, list) else [value]
    closed = {o.key for o in field.options or ()} - {o.key for o in field.open_options(record)}
    return "option" if closed & {x for x in chosen if isinstance(x, str)} else None


def _problem(config: StoreConfig, form: str, field: FieldDefinition, value: Any, *, required: bool) -> str | None:
    kind = field.type_in(form)
    if value is None or (isinstance(value, str) and not value.strip(" ")):
        return "required" if required else None
    masked = field.mask or (kind in ("phone", "plate", "vin") and kind) or (field.key in ("wechat", "policy_number") and field.key)
    if masked and "****" in str(value):
        return "masked"
    if kind in ("number", "money"):
        return _number_problem(kind, field, value)
    if kind == "bool":
        return None if isinstance(value, bool) else "type"
    keys = {o.key for o in field.options or ()}
    if kind == "multi":
        return "type" if not isinstance(value, list) else None if all(isinstance(x, str) and x in keys for x in value) else "option"
    if not isinstance(value, str):
        return "type"
    if kind == "select":
        return None if value in keys else "option"
    if kind == "level":
        return None if config.level(value) else "option"
    if kind == "person":
        return None if UUID_TEXT.fullmatch(value) else "option"  # whether he belongs to the store, the server knows
    if kind == "date":
        return None if _is_day(value) else "date"
    if kind != "time" and len(value) > (field.max_length or TEXT_LENGTH.get(kind, 80)):
        return "length"
    if kind in FORMATS and not re.fullmatch(FORMATS[kind], value):
        return "format"
    return "format" if field.pattern and not re.search(field.pattern, value) else None


def _number_problem(kind: str, field: FieldDefinition, value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "type"
    low, high = (0, 1e13) if kind == "money" else (-1e15, 1e15)
    if value < (low if field.min is None else field.min) or value > (high if field.max is None else field.max):
        return "range"
    return "type" if kind == "money" and not isinstance(value, int) else None  # 10.0 is no whole number in JSON


def _is_day(text: str) -> bool:
    try:
        return bool(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text)) and date.fromisoformat(text).year > 0
    except ValueError:
        return False
