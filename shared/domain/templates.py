"""Texts with {places}: quotes and messages to copy, scripts to read (F-36, F-41). Money as people
write it, days in words."""

import re
from collections.abc import Mapping
from datetime import date

from shared.domain.config import Script, StoreConfig, Template
from shared.domain.json_values import is_array
from shared.domain.labels import Label, label_text, money_text
from shared.domain.records import Customer, Policy, Task, Vehicle

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_.]*)\}")


def placeholders(
    config: StoreConfig,
    customer: Customer,
    *,
    vehicle: Vehicle | None = None,
    policy: Policy | None = None,
    me: str = "",
    store: str = "",
    language: str = "zh_CN",
) -> dict[str, str]:
    """What may stand in a text: customer.name, customer.budget_fen, vehicle.plate,
    policy.premium_fen, me, store … Only what the caller's role may see in full: hidden values never
    reached this device, masked ones are left out."""
    found = {"me": me, "store": store}
    for form, record in (("customer", customer), ("vehicle", vehicle), ("policy", policy)):
        if record is None:
            continue
        definition, readable = config.forms.get(form), config.rights(form).readable
        for field in definition.fields if definition else ():
            value = record.value(field.key)
            if field.key not in readable or value in (None, "", []) or "****" in str(value):
                continue
            kind = field.type_in(form)
            labels = {
                option: label_text(label, language)
                for option, label in config.option_labels(form, field.key).items()
            }
            if kind == "money" and isinstance(value, int | float):
                found[f"{form}.{field.key}"] = money_text(int(value), language)
            elif isinstance(value, date):
                found[f"{form}.{field.key}"] = (
                    f"{value.month}月{value.day}日" if language != "en" else f"{value:%d %b}"
                )
            elif is_array(value):
                found[f"{form}.{field.key}"] = "、".join(labels.get(x, str(x)) for x in value)
            elif kind in ("select", "level"):
                found[f"{form}.{field.key}"] = labels.get(value, str(value))
            elif not isinstance(value, bool):
                found[f"{form}.{field.key}"] = str(value)
    return {key: text for key, text in found.items() if text}


def filled(text: Label, known: Mapping[str, str], language: str = "zh_CN") -> str:
    """The text with its places filled in; a line with one that is not known is left out, so that
    nobody sends a text with holes."""
    lines: list[str] = []
    for line in label_text(text, language).splitlines():
        if all(index in known for index in PLACEHOLDER.findall(line)):
            lines.append(PLACEHOLDER.sub(lambda m: known[m[1]], line))
    return "\n".join(lines).strip()


def templates_of(config: StoreConfig, kind: str) -> tuple[Template, ...]:
    return tuple(t for t in config.templates if t.kind == kind)


def scripts_for(
    config: StoreConfig, *, task: Task | None, level: str | None, outcome: str | None, today: date
) -> tuple[Script, ...]:
    """The scripts that fit now; those that say most about when they fit come first."""
    left = (
        (task.expires_on - today).days if task is not None and task.expires_on is not None else None
    )
    fitting = [
        s
        for s in config.scripts
        if (not s.task_kinds or (task is not None and task.kind in s.task_kinds))
        and (not s.levels or level in s.levels)
        and (not s.outcomes or outcome in s.outcomes)
        and (s.within_days is None or (left is not None and left <= s.within_days))
    ]
    return tuple(
        sorted(
            fitting,
            key=lambda s: (
                -bool(s.outcomes),
                s.within_days if s.within_days is not None else 999,
                -bool(s.task_kinds) - bool(s.levels),
            ),
        )
    )
