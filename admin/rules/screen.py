"""The rules, one card each; below them how often an outcome is tried again and each level's cadence; and the dry run."""

from functools import partial
from typing import Any

import flet as ft

from admin.draft import use_draft
from admin.parts import FIELD, NameField, NumberField, choice, choices, small_chip, titled, toggle
from admin.rules.dry_run import DryRunCard
from admin.rules.state import KINDS, Rules, numbers
from admin.session import use_admin
from admin.shell import panel_view
from shared.domain.config import BASE_TYPES
from shared.domain.drafting import GONE
from shared.ui.feedback import Skeleton, act
from shared.ui.parts import card, icon_button, identified, section, text_button
from shared.ui.text import Texts, use_text
from shared.ui.view import ConnectionContext, component, screen


def kind_name(_: Texts, kind: str) -> str:
    return {
        "cadence": _("Follow-up by level"), "policy_window": _("Before a policy ends"), "care": _("Care on a date"), "first_response": _("First response"),
        "no_contact": _("Long silence"),
    }.get(kind, kind)  # fmt: skip


def kind_note(_: Texts, kind: str) -> str:
    return {
        "cadence": _("A call on the next contact day; the days of each level stand below."),
        "policy_window": _("A call so many days before the policy ends."),
        "care": _("A call so many days before a day comes round again."),
        "first_response": _("Open minutes since a new customer was entered and nobody has spoken to him."),
        "no_contact": _("Days since the last contact."),
    }.get(kind, "")  # fmt: skip


@screen
def RulesScreen() -> ft.View:
    session, draft, _ = use_admin(), use_draft(), use_text()
    epoch = ft.use_context(ConnectionContext).epoch
    state, _set = ft.use_state(lambda: Rules(session, draft))
    ft.use_effect(act(state.load), [session.me, epoch])
    if not draft.loaded:
        return panel_view("rules", _("Rules"), Skeleton(4))
    add = ft.Row(
        [text_button(f"add-rule-{k}".replace("_", "-"), kind_name(_, k), partial(_add, state, k, kind_name(_, k), _.language), icon=ft.Icons.ADD) for k in KINDS if k != "cadence"],
        wrap=True, spacing=4,
    )  # fmt: skip
    rows = [RuleCard(state, rule, key=rule["key"]) for rule in state.rows]
    return panel_view(
        "rules", _("Rules"), DryRunCard(state), *rows, card(section(_("Another rule"), add)), Cadences(), problem=state.problem,
        note=_("What makes tasks at night, and who is told when nobody acts."),
    )  # fmt: skip


def _add(state: Rules, kind: str, name: str, language: str, _event: Any) -> None:
    state.add(kind, name, language)


@component
def RuleCard(state: Rules, rule: dict[str, Any], **_key) -> ft.Control:
    draft, _ = use_draft(), use_text()
    key, kind = rule["key"], rule["kind"]
    slug = key.replace("_", "-")
    head = ft.Row(
        [
            toggle(f"rule-active-{slug}", _("On") if rule.get("active", True) else _("Off"), rule.get("active", True), lambda yes: state.put(key, "active", yes)),
            ft.Container(NameField(draft, ("rules", key, "label"), f"rule-name-{slug}", _("Name"), key=key), width=280),
            ft.Text(kind_note(_, kind), size=13, color=ft.Colors.ON_SURFACE_VARIANT, expand=True),
            *([icon_button(f"rule-remove-{slug}", ft.Icons.DELETE_OUTLINE, f"{_.label(rule['label'])}: {_('Remove')}", act(state.remove, key))] if kind != "cadence" else []),
        ],
        spacing=12, vertical_alignment=ft.CrossAxisAlignment.CENTER,
    )  # fmt: skip
    parts: list[ft.Control] = [head]
    if kind in ("policy_window", "care"):
        parts.append(ft.Row([ft.Container(DaysField(state, key, rule.get("days", []), key=key), width=320), *([CareFields(state, key, rule.get("date") or {})] if kind == "care" else [])], spacing=12, wrap=True))  # fmt: skip
    if kind in ("first_response", "no_contact"):
        parts += [StepRow(state, key, kind, i, step, key=f"{key}-{i}") for i, step in enumerate(rule.get("steps", []))]
        quiet = [
            ft.Container(identified(f"rule-{name.replace('_', '-')}-{slug}", ft.TextField(label=label, value=rule.get(name) or "", hint_text="20:00", on_change=partial(_put_text, state, key, name), **FIELD)), width=130)
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
    return card(*parts, identifier=f"rule-{slug}")


def _put_text(state: Rules, key: str, name: str, event: Any) -> None:
    state.put(key, name, event.control.value.strip() or GONE)


@component
def DaysField(state: Rules, key: str, days: list[int], **_key) -> ft.Control:
    """Days as a person writes them: 90, 60, 30. What is no list of days stays on the screen and is told."""
    _ = use_text()
    written, set_written = ft.use_state("、".join(str(d) for d in days))
    shown = written if numbers(written) in (None, sorted(days, reverse=True)) else "、".join(str(d) for d in days)

    def changed(event: Any) -> None:
        set_written(event.control.value)
        if (found := numbers(event.control.value)) is not None:
            state.put(key, "days", found)

    problem = _("Days, like 90, 60, 30.") if numbers(shown) is None else None
    return identified(
        f"rule-days-{key.replace('_', '-')}", ft.TextField(label=_("Days before"), value=shown, error=problem, on_change=changed, **FIELD)
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

    def changed(event: Any) -> None:
        set_written(event.control.value)
        if event.control.value.isdigit() and int(event.control.value) > 0:
            state.put_step(key, place, after=int(event.control.value))

    unit = _("open minutes") if kind == "first_response" else _("days")
    actions = [("remind", _("Remind the owner")), ("boss", _("Tell a boss")), ("pool", _("Give to a pool"))]
    parts: list[ft.Control] = [
        ft.Text(_("After")),
        ft.Container(identified(f"step-after-{slug}", ft.TextField(value=shown, on_change=changed, error=None if shown.isdigit() and int(shown) else _("A number, please."), **FIELD)), width=90),
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


@component
def Cadences() -> ft.Control:
    """Days of each level, and how often and after how long an outcome is tried again: the numbers the rules count with."""
    draft, _ = use_draft(), use_text()
    levels = [
        ft.Row([ft.Text(_.label(x["label"]), width=140), ft.Container(NumberField(draft, ("levels", x["key"], "cadence_days"), f"cadence-{x['key']}".replace("_", "-"), _("Every so many days"), key=x["key"]), width=170)])
        for x in draft.document.get("levels", []) if not x.get("pool")
    ]  # fmt: skip
    outcomes = [
        ft.Row([
            ft.Text(_.label(x["label"]), width=140),
            ft.Container(NumberField(draft, ("outcomes", x["key"], "retry_hours"), f"retry-hours-{x['key']}".replace("_", "-"), _("Again after hours"), key=x["key"]), width=170),
            ft.Container(NumberField(draft, ("outcomes", x["key"], "retry_max"), f"retry-max-{x['key']}".replace("_", "-"), _("Tries at most"), key=x["key"]), width=150),
        ]) for x in draft.document.get("outcomes", []) if not x.get("reached")
    ]  # fmt: skip
    return card(ft.Row([
        ft.Container(section(_("Cadence by level"), *levels), expand=2), ft.Container(section(_("Trying again when nobody was reached"), *outcomes), expand=3),
    ], spacing=24, vertical_alignment=ft.CrossAxisAlignment.START))  # fmt: skip
