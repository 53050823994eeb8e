"""The one rule that is open: its days, steps, levels."""

from collections.abc import Callable
from functools import partial
from typing import Any

import flet as ft

from admin.draft import Draft, use_draft
from admin.rules.labels import kind_note
from admin.rules.state import Rules, numbers
from admin.widgets import FIELD, NameField, NumberField, choice, choices, small_chip, titled
from shared.domain.config import BASE_TYPES
from shared.domain.draft_merge import GONE
from shared.ui.feedback import act, typed
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import icon_button, identified, text_button

MOST_STEPS = 5


@component
def RuleEditor(state: Rules, rule: dict[str, Any], **_key) -> ft.Control:
    draft, _ = use_draft(), use_text()
    key, kind = rule["key"], rule["kind"]
    name = NameField(
        draft, ("rules", key, "label"), f"rule-name-{slug_of(key)}", _("Name"), key=key
    )
    remove = text_button(
        f"rule-remove-{slug_of(key)}",
        _("Remove"),
        act(state.remove, key),
        icon=ft.Icons.DELETE_OUTLINE,
    )
    parts: list[ft.Control] = [
        ft.Text(kind_note(_, kind), size=13, color=ft.Colors.ON_SURFACE_VARIANT),
        ft.Container(name, width=360),
        *when_parts(_, state, rule),
        *([rule_levels(_, state, rule, draft)] if kind not in ("cadence", "policy_window") else []),
        *([remove] if kind != "cadence" else []),
    ]
    return ft.Container(
        ft.Column(parts, spacing=12, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        padding=ft.Padding.only(left=72, right=12, bottom=12),
    )


def slug_of(key: str) -> str:
    return key.replace("_", "-")


def when_parts(_: Texts, state: Rules, rule: dict[str, Any]) -> list[ft.Control]:
    """What makes the rule's tasks: levels, days or steps, by its kind."""
    key, kind = rule["key"], rule["kind"]
    if kind == "cadence":
        return [Cadence()]
    if kind in ("policy_window", "care"):
        care = [CareFields(state, key, rule.get("date") or {})] if kind == "care" else []
        days = ft.Container(DaysField(state, key, rule.get("days", []), key=key), width=320)
        return [ft.Row([days, *care], spacing=12, wrap=True)]
    if kind in ("first_response", "no_contact"):
        return rule_steps(_, state, rule)
    return []


def rule_steps(_: Texts, state: Rules, rule: dict[str, Any]) -> list[ft.Control]:
    """The steps, another one, and the hours in which nobody is reminded."""
    key, kind, steps = rule["key"], rule["kind"], rule.get("steps", [])
    add = text_button(
        f"add-step-{slug_of(key)}", _("Add a step"), act(state.add_step, key), icon=ft.Icons.ADD
    )
    more = [
        *([add] if len(steps) < MOST_STEPS else []),
        *(quiet_hours(_, state, rule) if kind == "first_response" else []),
    ]
    return [
        *(StepRow(state, key, kind, i, s, key=f"{key}-{i}") for i, s in enumerate(steps)),
        ft.Row(more, spacing=12),
    ]


def quiet_hours(_: Texts, state: Rules, rule: dict[str, Any]) -> list[ft.Control]:
    return [
        ft.Container(
            identified(
                f"rule-{slug_of(name)}-{slug_of(rule['key'])}",
                ft.TextField(
                    label=label,
                    value=rule.get(name) or "",
                    hint_text="20:00",
                    on_change=typed(partial(_put_text, state, rule["key"], name)),
                    **FIELD,
                ),
            ),
            width=130,
        )
        for name, label in (
            ("quiet_from", _("Quiet hours from")),
            ("quiet_to", _("Quiet hours until")),
        )
    ]


def rule_levels(_: Texts, state: Rules, rule: dict[str, Any], draft: Draft) -> ft.Control:
    levels = [
        (x["key"], _.label(x["label"]))
        for x in draft.document.get("levels", [])
        if not x.get("pool")
    ]
    return titled(
        _("Only customers at these levels (none selected: all)"),
        choices(
            f"rule-levels-{slug_of(rule['key'])}",
            levels,
            rule.get("levels", []),
            lambda found: state.set_value(rule["key"], "levels", found or GONE),
        ),
    )


@component
def Cadence() -> ft.Control:
    """How many days each level waits."""
    draft, _ = use_draft(), use_text()
    fields: list[ft.Control] = [
        ft.Container(
            NumberField(
                draft,
                ("levels", x["key"], "cadence_days"),
                f"cadence-{x['key']}".replace("_", "-"),
                _("%(level)s: days between contacts") % {"level": _.label(x["label"])},
                key=x["key"],
            ),
            width=240,
        )
        for x in draft.document.get("levels", [])
        if not x.get("pool")
    ]
    return ft.Row(fields, spacing=12, run_spacing=12, wrap=True)


@component
def Retries(**_key) -> ft.Control:
    """How often and after how long an outcome that reached nobody is tried again."""
    draft, _ = use_draft(), use_text()
    rows: list[ft.Control] = [
        ft.Row(
            [
                ft.Text(
                    _.label(x["label"]), expand=True, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS
                ),
                ft.Container(
                    NumberField(
                        draft,
                        ("outcomes", x["key"], "retry_hours"),
                        f"retry-hours-{x['key']}".replace("_", "-"),
                        _("Retry after (hours)"),
                        key=x["key"],
                    ),
                    width=170,
                ),
                ft.Container(
                    NumberField(
                        draft,
                        ("outcomes", x["key"], "retry_max"),
                        f"retry-max-{x['key']}".replace("_", "-"),
                        _("Maximum attempts"),
                        key=x["key"],
                    ),
                    width=150,
                ),
            ],
            spacing=12,
        )
        for x in draft.document.get("outcomes", [])
        if not x.get("reached")
    ]
    return ft.Container(
        ft.Column(rows, spacing=8), padding=ft.Padding.only(left=72, right=12, bottom=12)
    )


def _put_text(state: Rules, key: str, name: str, text: str) -> None:
    state.set_value(key, name, text.strip() or GONE)


@component
def DaysField(state: Rules, key: str, days: list[int], **_key) -> ft.Control:
    """Days as a person writes them: 90, 60, 30. What is no list of days stays on the screen and is
    told."""
    _ = use_text()
    written, set_written = ft.use_state(_.comma.join(str(d) for d in days))
    shown = (
        written
        if numbers(written) in (None, sorted(days, reverse=True))
        else _.comma.join(str(d) for d in days)
    )

    def changed(text: str) -> None:
        set_written(text)
        if (found := numbers(text)) is not None:
            state.set_value(key, "days", found)

    problem = _("Days, like 90, 60, 30.") if numbers(shown) is None else None
    return identified(
        f"rule-days-{key.replace('_', '-')}",
        ft.TextField(
            label=_("Days before"), value=shown, error=problem, on_change=typed(changed), **FIELD
        ),
    )


@component
def CareFields(state: Rules, key: str, date: dict[str, Any]) -> ft.Control:
    """Which day: a date of a form, or the day a deal was won; every so many months."""
    draft, _ = use_draft(), use_text()
    options: list[tuple[str, str]] = [("deal.closed_at", _("Day a deal was won (delivery)"))]
    for form in ("customer", "vehicle", "policy", "deal"):
        for field in draft.document.get("forms", {}).get(form, {}).get("fields", []):
            if (BASE_TYPES.get(form, {}).get(field["key"]) or field.get("type")) == "date":
                options.append(
                    (
                        f"{form}.{field['key']}",
                        f"{_.label(draft.document['forms'][form]['label'])} · "
                        f"{_.label(field['label'])}",
                    )
                )
    slug = key.replace("_", "-")

    def chosen(value: str | None) -> None:
        form, _dot, field = (value or "deal.closed_at").partition(".")
        state.set_value(key, "date", {**date, "form": form, "field": field})

    return ft.Row(
        [
            ft.Container(
                choice(
                    f"care-date-{slug}",
                    _("Date field"),
                    options,
                    f"{date.get('form', '')}.{date.get('field', '')}",
                    chosen,
                ),
                width=300,
            ),
            ft.Container(
                NumberField(
                    draft,
                    ("rules", key, "date", "every_months"),
                    f"care-months-{slug}",
                    _("Interval (months)"),
                    hint="12",
                    key=key,
                ),
                width=170,
            ),
        ],
        spacing=12,
        tight=True,
    )


@component
def StepRow(
    state: Rules, key: str, kind: str, index: int, step: dict[str, Any], **_key
) -> ft.Control:
    draft, _ = use_draft(), use_text()
    slug = f"{slug_of(key)}-{index}"
    written, set_written = ft.use_state(str(step["after"]))
    shown = (
        written if not written.isdigit() or int(written) == step["after"] else str(step["after"])
    )

    def changed(text: str) -> None:
        set_written(text)
        if text.isdigit() and int(text) > 0:
            state.set_step(key, index, after=int(text))

    after = ft.TextField(
        value=shown,
        on_change=typed(changed),
        error=None if shown.isdigit() and int(shown) else _("Enter a number."),
        **FIELD,
    )
    actions = [
        ("remind", _("Remind the owner")),
        ("manager", _("Notify the manager")),
        ("pool", _("Move to a pool")),
    ]
    parts: list[ft.Control] = [
        ft.Text(_("After")),
        ft.Container(identified(f"step-after-{slug}", after), width=90),
        ft.Text(_("working minutes") if kind == "first_response" else _("working days")),
        *[
            small_chip(
                f"step-{slug}-{a}",
                name,
                selected=step["action"] == a,
                on_click=lambda e, a=a: state.set_step(key, index, action=a),
            )
            for a, name in actions
        ],
        *step_target(_, draft, slug, step, partial(state.set_step, key, index)),
        icon_button(
            f"step-remove-{slug}",
            ft.Icons.CLOSE,
            _("Remove the step"),
            act(state.drop_step, key, index),
            icon_size=18,
        ),
    ]
    return ft.Row(parts, spacing=8, wrap=True, vertical_alignment=ft.CrossAxisAlignment.CENTER)


def step_target(
    _: Texts, draft: Draft, slug: str, step: dict[str, Any], change: Callable[..., None]
) -> list[ft.Control]:
    """The role that is notified, or the pool the customer goes to."""
    targets = {"manager": ("role", _("Role"), "roles"), "pool": ("pool", _("Pool"), "pools")}
    if step["action"] not in targets:
        return []
    attribute, title, listed = targets[step["action"]]
    options = [(x["key"], _.label(x["label"])) for x in draft.document.get(listed, [])]
    box = choice(
        f"step-{attribute}-{slug}",
        title,
        options,
        step.get(attribute),
        lambda key: change(**{attribute: key}),
    )
    return [ft.Container(box, width=180)]
