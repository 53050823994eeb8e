"""The one rule that is open: its days, steps, levels."""

from functools import partial
from typing import Any

import flet as ft

from admin.draft import use_draft
from admin.parts import FIELD, NameField, NumberField, choice, choices, small_chip, titled
from admin.rules.state import Rules, numbers
from admin.rules.words import kind_note
from shared.domain.config import BASE_TYPES
from shared.domain.drafting import GONE
from shared.ui.feedback import act, typed
from shared.ui.parts import icon_button, identified, text_button
from shared.ui.text import use_text
from shared.ui.view import component


@component
def RuleEditor(state: Rules, rule: dict[str, Any], **_key) -> ft.Control:
    draft, _ = use_draft(), use_text()
    key, kind = rule["key"], rule["kind"]
    slug = key.replace("_", "-")
    parts: list[ft.Control] = [
        ft.Text(kind_note(_, kind), size=13, color=ft.Colors.ON_SURFACE_VARIANT),
        ft.Container(NameField(draft, ("rules", key, "label"), f"rule-name-{slug}", _("Name"), key=key), width=360),
    ]
    if kind == "cadence":
        parts.append(Cadence())
    if kind in ("policy_window", "care"):
        parts.append(ft.Row([ft.Container(DaysField(state, key, rule.get("days", []), key=key), width=320), *([CareFields(state, key, rule.get("date") or {})] if kind == "care" else [])], spacing=12, wrap=True))  # fmt: skip
    if kind in ("first_response", "no_contact"):
        parts += [StepRow(state, key, kind, i, step, key=f"{key}-{i}") for i, step in enumerate(rule.get("steps", []))]
        quiet = [
            ft.Container(identified(f"rule-{name.replace('_', '-')}-{slug}", ft.TextField(label=label, value=rule.get(name) or "", hint_text="20:00", on_change=typed(partial(_put_text, state, key, name)), **FIELD)), width=130)
            for name, label in (("quiet_from", _("Quiet from")), ("quiet_to", _("Quiet until")))
        ]  # fmt: skip
        more = (
            [text_button(f"add-step-{slug}", _("Another step"), act(state.add_step, key), icon=ft.Icons.ADD)]
            if len(rule.get("steps", [])) < 5
            else []
        )
        parts.append(ft.Row([*more, *(quiet if kind == "first_response" else [])], spacing=12))
    if kind != "cadence" and kind != "policy_window":
        levels = [(x["key"], _.label(x["label"])) for x in draft.document.get("levels", []) if not x.get("pool")]
        parts.append(titled(_("Only customers of these levels (none chosen: all)"), choices(f"rule-levels-{slug}", levels, rule.get("levels", []), lambda found: state.put(key, "levels", found or GONE))))  # fmt: skip
    if kind != "cadence":
        parts.append(text_button(f"rule-remove-{slug}", _("Remove"), act(state.remove, key), icon=ft.Icons.DELETE_OUTLINE))
    return ft.Container(
        ft.Column(parts, spacing=12, horizontal_alignment=ft.CrossAxisAlignment.STRETCH), padding=ft.Padding.only(left=72, right=12, bottom=12)
    )


@component
def Cadence() -> ft.Control:
    """How many days each level waits."""
    draft, _ = use_draft(), use_text()
    fields: list[ft.Control] = [
        ft.Container(NumberField(draft, ("levels", x["key"], "cadence_days"), f"cadence-{x['key']}".replace("_", "-"), _("%(level)s: every so many days") % {"level": _.label(x["label"])}, key=x["key"]), width=240)
        for x in draft.document.get("levels", []) if not x.get("pool")
    ]  # fmt: skip
    return ft.Row(fields, spacing=12, run_spacing=12, wrap=True)


@component
def Retries(**_key) -> ft.Control:
    """How often and after how long an outcome that reached nobody is tried again."""
    draft, _ = use_draft(), use_text()
    rows: list[ft.Control] = [
        ft.Row([
            ft.Text(_.label(x["label"]), expand=True, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS),
            ft.Container(NumberField(draft, ("outcomes", x["key"], "retry_hours"), f"retry-hours-{x['key']}".replace("_", "-"), _("Again after hours"), key=x["key"]), width=170),
            ft.Container(NumberField(draft, ("outcomes", x["key"], "retry_max"), f"retry-max-{x['key']}".replace("_", "-"), _("Tries at most"), key=x["key"]), width=150),
        ], spacing=12) for x in draft.document.get("outcomes", []) if not x.get("reached")
    ]  # fmt: skip
    return ft.Container(ft.Column(rows, spacing=8), padding=ft.Padding.only(left=72, right=12, bottom=12))


def _put_text(state: Rules, key: str, name: str, text: str) -> None:
    state.put(key, name, text.strip() or GONE)


@component
def DaysField(state: Rules, key: str, days: list[int], **_key) -> ft.Control:
    """Days as a person writes them: 90, 60, 30. What is no list of days stays on the screen and is told."""
    _ = use_text()
    written, set_written = ft.use_state("、".join(str(d) for d in days))
    shown = written if numbers(written) in (None, sorted(days, reverse=True)) else "、".join(str(d) for d in days)

    def changed(text: str) -> None:
        set_written(text)
        if (found := numbers(text)) is not None:
            state.put(key, "days", found)

    problem = _("Days, like 90, 60, 30.") if numbers(shown) is None else None
    return identified(
        f"rule-days-{key.replace('_', '-')}", ft.TextField(label=_("Days before"), value=shown, error=problem, on_change=typed(changed), **FIELD)
    )


@component
def CareFields(state: Rules, key: str, date: dict[str, Any]) -> ft.Control:
    """Which day: a date of a form, or the day a deal was won; every so many months."""
    draft, _ = use_draft(), use_text()
    options: list[tuple[str, str]] = [("deal.closed_at", _("Day a deal was won (delivery)"))]
    for form in ("customer", "vehicle", "policy", "deal"):
        for field in draft.document.get("forms", {}).get(form, {}).get("fields", []):
            if (BASE_TYPES.get(form, {}).get(field["key"]) or field.get("type")) == "date":
                options.append((f"{form}.{field['key']}", f"{_.label(draft.document['forms'][form]['label'])} · {_.label(field['label'])}"))
    slug = key.replace("_", "-")

    def chosen(value: str | None) -> None:
        form, _dot, field = (value or "deal.closed_at").partition(".")
        state.put(key, "date", {**date, "form": form, "field": field})

    return ft.Row([
        ft.Container(choice(f"care-date-{slug}", _("The day"), options, f"{date.get('form', '')}.{date.get('field', '')}", chosen), width=300),
        ft.Container(NumberField(draft, ("rules", key, "date", "every_months"), f"care-months-{slug}", _("Every so many months"), hint="12", key=key), width=170),
    ], spacing=12, tight=True)  # fmt: skip


@component
def StepRow(state: Rules, key: str, kind: str, place: int, step: dict[str, Any], **_key) -> ft.Control:
    draft, _ = use_draft(), use_text()
    slug = f"{key.replace('_', '-')}-{place}"
    written, set_written = ft.use_state(str(step["after"]))
    shown = written if not written.isdigit() or int(written) == step["after"] else str(step["after"])

    def changed(text: str) -> None:
        set_written(text)
        if text.isdigit() and int(text) > 0:
            state.put_step(key, place, after=int(text))

    unit = _("open minutes") if kind == "first_response" else _("days")
    actions = [("remind", _("Remind the owner")), ("boss", _("Tell a boss")), ("pool", _("Give to a pool"))]
    parts: list[ft.Control] = [
        ft.Text(_("After")),
        ft.Container(identified(f"step-after-{slug}", ft.TextField(value=shown, on_change=typed(changed), error=None if shown.isdigit() and int(shown) else _("A number, please."), **FIELD)), width=90),
        ft.Text(unit),
        *[small_chip(f"step-{slug}-{a}", name, selected=step["action"] == a, on_click=lambda e, a=a: state.put_step(key, place, action=a)) for a, name in actions],
    ]  # fmt: skip
    if step["action"] == "boss":
        roles = [(r["key"], _.label(r["label"])) for r in draft.document.get("roles", [])]
        parts.append(
            ft.Container(choice(f"step-role-{slug}", _("Role"), roles, step.get("role"), lambda v: state.put_step(key, place, role=v)), width=180)
        )
    if step["action"] == "pool":
        pools = [(p["key"], _.label(p["label"])) for p in draft.document.get("pools", [])]
        parts.append(
            ft.Container(choice(f"step-pool-{slug}", _("Pool"), pools, step.get("pool"), lambda v: state.put_step(key, place, pool=v)), width=180)
        )
    parts.append(icon_button(f"step-remove-{slug}", ft.Icons.CLOSE, _("Remove the step"), act(state.drop_step, key, place), icon_size=18))
    return ft.Row(parts, spacing=8, wrap=True, vertical_alignment=ft.CrossAxisAlignment.CENTER)
