"""A rule in one line, as a person would say it."""

from collections.abc import Mapping
from typing import Any

from shared.ui.text import Texts

Document = Mapping[str, Any]


def kind_name(_: Texts, kind: str) -> str:
    return {
        "cadence": _("Follow-up by level"),
        "policy_window": _("Before a policy ends"),
        "care": _("Care date"),
        "first_response": _("First response"),
        "no_contact": _("No recent contact"),
    }.get(kind, kind)


def kind_note(_: Texts, kind: str) -> str:
    return {
        "cadence": _(
            "Creates a task on the next contact date. The cadence of each level is below."
        ),
        "policy_window": _("Creates a task some days before the policy ends."),
        "care": _("Creates a task some days before each anniversary of a date."),
        "first_response": _(
            "Working minutes since a new customer was entered and not yet contacted."
        ),
        "no_contact": _("Working days since the last contact."),
    }.get(kind, "")


def rule_text(_: Texts, document: Document, rule: Mapping[str, Any]) -> str:
    """What the rule does, with its numbers.

    "90、60、30 days before", "after 30 open minutes: remind the owner → …".
    """
    kind = rule["kind"]
    if kind == "cadence":
        levels = [
            x for x in document.get("levels", ()) if not x.get("pool") and x.get("cadence_days")
        ]
        return " · ".join(
            _("%(level)s every %(n)d days") % {"level": _.label(x["label"]), "n": x["cadence_days"]}
            for x in levels
        )
    days = _.comma.join(str(d) for d in rule.get("days", ()))
    if kind == "policy_window":
        return _("%(days)s days before the policy ends") % {"days": days}
    if kind == "care":
        date = rule.get("date") or {}
        return _("every %(n)s months after %(what)s, %(days)s days ahead") % {
            "days": days,
            "what": day_name(_, document, date),
            "n": date.get("every_months") or 12,
        }
    phrase = (
        _("after %(n)d working minutes, %(what)s")
        if kind == "first_response"
        else _("after %(n)d working days, %(what)s")
    )
    return " → ".join(
        phrase % {"n": s["after"], "what": step_text(_, document, s)} for s in rule.get("steps", ())
    )


def step_text(_: Texts, document: Document, step: Mapping[str, Any]) -> str:
    """Who is notified, or where the customer goes."""

    def name(part: str, key: str | None) -> str:
        return next((_.label(x["label"]) for x in document.get(part, ()) if x["key"] == key), "–")

    if step["action"] == "manager":
        return _("notify %(role)s") % {"role": name("roles", step.get("role"))}
    if step["action"] == "pool":
        return _("move to %(pool)s") % {"pool": name("pools", step.get("pool"))}
    return _("remind the owner")


def day_name(_: Texts, document: Document, date: Mapping[str, Any]) -> str:
    """The day a care rule counts from."""
    form, key = date.get("form", ""), date.get("field", "")
    if (form, key) == ("deal", "closed_at"):
        return _("Day a deal was won (delivery)")
    fields = document.get("forms", {}).get(form, {}).get("fields", ())
    return next((_.label(f["label"]) for f in fields if f["key"] == key), "–")
