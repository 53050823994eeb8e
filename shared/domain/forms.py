"""The same field rules as crm.field_errors, so that a form can say what is wrong before anything is
sent (F-89)."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shared.domain import patterns
from shared.domain.conditions import answer, rounded
from shared.domain.config import BASE_LENGTHS, BASE_RANGES, BASE_TYPES, FieldDefinition, StoreConfig
from shared.domain.instants import is_day
from shared.domain.json_values import is_array
from shared.domain.problems import FieldProblem

DEFAULT_LENGTH = 80  # characters of a text field that says nothing else
MOST_DAYS_SNOOZED = 30  # at once, and for a day planned without a contact
MOST_DAYS_WITH_CONTACT = 400  # a year and its reminders
TEXT_LENGTH = {"long_text": 2000}
FORMATS = {
    "phone": r"\+?[0-9]{5,15}",
    "plate": r"[^\s]{4,12}",
    "vin": r"[A-Za-z0-9]{6,20}",
    "time": r"([01][0-9]|2[0-3]):[0-5][0-9]",
}

UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def problems(
    config: StoreConfig,
    form: str,
    values: Mapping[str, Any],
    *,
    creating: bool,
    record: Mapping[str, Any] | None = None,
    today: date | None = None,
    may_decide: bool = False,
) -> list[FieldProblem]:
    """Every problem of the given values, by field: forbidden, required, masked, type, range,
    option, date, length, format, field_not_shown.

    record: the values before the change (custom ones flat among them), and what conditions look
    at beside, like a
    conversation's method. today: the store's day, by default the clock's. may_decide: whether this
    person decides requests.
    """
    rights = config.rights(form)
    definition = config.forms.get(form)
    before = record or {}
    after = {**before, **values}
    found: list[FieldProblem] = []
    for key, value in values.items():
        known = definition.field(key) if definition else None
        if known is None or key not in rights.writable:
            found.append(FieldProblem(key, "forbidden"))
        elif (
            (form, key) == ("customer", "do_not_call")
            and value is False
            and before.get(key) is True
            and not may_decide
        ):
            found.append(FieldProblem(key, "forbidden"))  # the customer's wish
        elif (
            code := _problem(
                config,
                form,
                known,
                value,
                before.get(key),
                required=key in rights.required and known.is_required(after),
            )
            or _day_problem(config, form, key, value, before, after, today)
            or _unmet(known, value, after)
        ):
            found.append(FieldProblem(key, code))
    for key in rights.required:
        known = definition.field(key) if definition else None
        if key in values or known is None or not known.is_required(after):
            continue
        if creating or (
            before.get(key) in (None, "") and not known.is_required(before)
        ):  # a change answers for what it made required
            found.append(FieldProblem(key, "required"))
    return list(dict.fromkeys(found))


def computed(config: StoreConfig, form: str, record: Mapping[str, Any]) -> dict[str, int | float]:
    """The values of a form's formula fields, as the database will store them."""
    definition = config.forms.get(form)
    fields = definition.fields if definition else ()
    found = {
        f.key: rounded(answer(f.formula, record), f.decimals)
        for f in fields
        if f.formula is not None
    }
    return {key: value for key, value in found.items() if value is not None}


def _unmet(field: FieldDefinition, value: Any, record: Mapping[str, Any]) -> str | None:
    """The problem of a value that is valid by itself but breaks a condition."""
    if value is None or value == "":
        return None
    if not field.is_shown(record):
        return "field_not_shown"
    chosen = value if is_array(value) else [value]
    closed = {o.key for o in field.options or ()} - {o.key for o in field.open_options(record)}
    return "option" if closed & {x for x in chosen if isinstance(x, str)} else None


def _problem(
    config: StoreConfig,
    form: str,
    field: FieldDefinition,
    value: Any,
    before: Any,
    *,
    required: bool,
) -> str | None:
    """An option that was removed since the record was given it may stay where it is."""
    kind = field.type_in(form)
    if value is None or (isinstance(value, str) and not value.strip(" ")):
        return "required" if required else None
    masked = (
        field.mask
        or (kind in ("phone", "plate", "vin") and kind)
        or (field.key in ("wechat", "policy_number") and field.key)
    )
    if masked and "****" in str(value):
        return "masked"
    if kind in ("number", "money"):
        return _number_problem(form, kind, field, value)
    if kind == "bool":
        return None if isinstance(value, bool) else "type"
    keys = {o.key for o in field.options or ()}
    keys |= {x for x in (before if is_array(before) else [before]) if isinstance(x, str)}
    if kind == "multi":
        return (
            "type"
            if not is_array(value)
            else None
            if all(isinstance(x, str) and x in keys for x in value)
            else "option"
        )
    if not isinstance(value, str):
        return "type"
    if kind == "select":
        return None if value in keys else "option"
    if kind == "level":
        return None if config.level(value) or value == before else "option"
    if kind == "person":
        return (
            None if UUID_TEXT.fullmatch(value) else "option"
        )  # whether they belong to the store, the server knows
    if kind == "date":
        return None if is_day(value) else "date"
    longest = field.max_length or TEXT_LENGTH.get(kind, DEFAULT_LENGTH)
    if kind != "time" and len(value) > min(longest, BASE_LENGTHS.get((form, field.key), longest)):
        return "length"
    if kind in FORMATS and not re.fullmatch(FORMATS[kind], value):
        return "format"
    if kind == "time" or not field.pattern:
        return None
    return None if patterns.matches(field.pattern, value) else "format"


def last_next_contact_on(
    config: StoreConfig, level: object, today: date, *, is_contact: bool
) -> date:
    """The last day a next contact may be planned for, as crm.last_next_contact_on."""
    known = config.level(level) if isinstance(level, str) else None
    days = MOST_DAYS_WITH_CONTACT if is_contact else MOST_DAYS_SNOOZED
    return today + timedelta(days=max(days, (known and known.cadence_days) or 0))


def _day_problem(
    config: StoreConfig,
    form: str,
    key: str,
    value: Any,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    today: date | None,
) -> str | None:
    if (
        (form, key) != ("customer", "next_contact_on")
        or not isinstance(value, str)
        or not is_day(value)
    ):
        return None
    here = today or datetime.now(ZoneInfo(config.store.time_zone)).date()
    last = last_next_contact_on(config, after.get("level"), here, is_contact=False)
    planned = before.get(key)
    if isinstance(planned, str) and is_day(planned):
        last = max(last, date.fromisoformat(planned))
    return None if here <= date.fromisoformat(value) <= last else "range"


def _number_problem(form: str, kind: str, field: FieldDefinition, value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "type"
    if not _is_number(value):
        return "range"
    low, high = (0, 1e13) if kind == "money" else (-1e15, 1e15)
    least, most = BASE_RANGES.get((form, field.key), (None, None))
    low = max(low if field.min is None else field.min, low if least is None else least)
    high = min(high if field.max is None else field.max, high if most is None else most)
    if not low <= value <= high:
        return "range"
    is_whole = kind == "money" or field.key in BASE_TYPES.get(form, {})
    return "type" if is_whole and not isinstance(value, int) else None  # nor is 10.0 whole in JSON


def _is_number(value: int | float) -> bool:
    """As crm.is_number: what a float can hold, and nothing so small that it is a joke."""
    return value == 0 or 1e-15 <= abs(value) <= 1e15
