"""The check's answers in sentences that say what to do (F-75)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from admin.labels import access_name, attribute_name, pattern_words, value_text, where
from shared.domain.effort_budget import OverBudget
from shared.domain.impact import Impact
from shared.domain.incomplete import Unfinished
from shared.ui.text import Texts, problem_text

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Consequence:
    """One consequence of publishing, and the documents its words come from: the published one and
    the draft."""

    _: Texts
    impact: Impact
    now: Document
    then: Document

    def name(self, *path: str) -> str:
        return where(self._, path, self.then, self.now)

    @property
    def field(self) -> str:
        x = self.impact
        return self.name("forms", x.form, "fields", x.key) if x.form and x.key else ""

    @property
    def role(self) -> str:
        return self.name("roles", self.impact.role) if self.impact.role else ""

    @property
    def stage(self) -> str:
        x = self.impact
        return self.name("pipelines", x.pipeline, "stages", x.key) if x.pipeline and x.key else ""


def impact_text(_: Texts, x: Impact, now: Document, then: Document) -> str:
    """One consequence of publishing, for people."""
    consequence = Consequence(_, x, now, then)
    if x.kind in SENTENCES:
        return SENTENCES[x.kind](_, consequence)
    subject = _subject(_, x, now, then)
    return f"{subject}{_.colon}{problem_text(_, x.kind)}" if subject else problem_text(_, x.kind)


# Forms


def field_removed(_: Texts, c: Consequence) -> str:
    if not c.impact.count:
        return _("%(field)s is removed from the form; no record has a value.") % {"field": c.field}
    return _(
        "%(field)s is removed from the form; %(n)d records have a value. Values are "
        "kept for 30 days and return if you add the field back."
    ) % {"field": c.field, "n": c.impact.count}


def option_removed(_: Texts, c: Consequence) -> str:
    options = {o["key"]: o for o in _options(c.now, c.impact)}
    gone = _.comma.join(
        value_text(_, ("options", o), options.get(o, {"label": {"zh_CN": o}}), c.now)
        for o in c.impact.options
    )
    return _("%(field)s: %(options)s can no longer be chosen; %(n)d records keep the value.") % {
        "field": c.field,
        "options": gone,
        "n": c.impact.count,
    }


def type_changed(_: Texts, c: Consequence) -> str:
    kinds = {
        "before": value_text(_, ("type",), c.impact.before, c.now),
        "after": value_text(_, ("type",), c.impact.after, c.then),
        "field": c.field,
        "n": c.impact.count,
    }
    if not c.impact.count:
        return _("%(field)s changes from %(before)s to %(after)s; every value fits.") % kinds
    return (
        _(
            "%(field)s cannot change from %(before)s to %(after)s: %(n)d records "
            "have values that do not fit. Correct them first, or keep the type."
        )
        % kinds
    )


def now_required(_: Texts, c: Consequence) -> str:
    return _(
        "%(field)s becomes required; %(n)d records have no value yet and need one "
        "when they are next edited."
    ) % {"field": c.field, "n": c.impact.count}


def values_not_unique(_: Texts, c: Consequence) -> str:
    return _("%(field)s cannot be unique yet: some records share a value. Correct them first.") % {
        "field": _subject(_, c.impact, c.now, c.then)
    }


def bad_pattern(_: Texts, c: Consequence) -> str:
    return _("The pattern of %(field)s is invalid: %(why)s") % {
        "field": c.field,
        "why": pattern_words(c.impact.problem, _),
    }


def invalid_condition(_: Texts, c: Consequence) -> str:
    return _(
        "The condition of %(field)s uses something this form does not have. Choose it again."
    ) % {"field": c.field}


def condition_reads_hidden(_: Texts, c: Consequence) -> str:
    return _(
        "The condition of %(field)s uses %(hidden)s, which %(role)s cannot see, so "
        "the form would reveal it. Let the role read it, or hide both."
    ) % {
        "field": c.field,
        "hidden": c.name("forms", c.impact.form or "", "fields", c.impact.hidden or ""),
        "role": c.role,
    }


def base_field_missing(_: Texts, c: Consequence) -> str:
    return _(
        "%(field)s is missing from the form, but no record can be saved without it. Add it back."
    ) % {"field": c.field}


# Stages and lists


def stage_removed(_: Texts, c: Consequence) -> str:
    if c.impact.level != "refused":
        return _("%(stage)s is removed; it has no deals.") % {"stage": c.stage}
    return _("%(stage)s has %(n)d deals. Choose where to move them:") % {
        "n": c.impact.count,
        "stage": c.stage,
    }


def stage_moved(_: Texts, c: Consequence) -> str:
    return _("%(stage)s is removed; its %(n)d deals move to %(to)s.") % {
        "stage": c.stage,
        "n": c.impact.count,
        "to": c.name("pipelines", *_stage(str(c.impact.after))) if c.impact.after else "",
    }


def moves_barred(_: Texts, c: Consequence) -> str:
    return _("%(stage)s allows fewer moves; it has %(n)d deals.") % {
        "stage": c.stage,
        "n": c.impact.count,
    }


def entry_merged(_: Texts, c: Consequence) -> str:
    return _("%(reason)s merges into %(to)s; %(n)d records are updated.") % {
        "reason": c.name(_list_of(c.impact), c.impact.key or ""),
        "to": c.name(_list_of(c.impact), str(c.impact.after)),
        "n": c.impact.count,
    }


def entry_removed(_: Texts, c: Consequence) -> str:
    gone = c.name(_list_of(c.impact), c.impact.key or "")
    if c.impact.level != "refused":
        return _("%(what)s is removed; it has no customers.") % {"what": gone}
    return _("%(what)s has %(n)d customers. Choose where to move them:") % {
        "n": c.impact.count,
        "what": gone,
    }


def rule_field_missing(_: Texts, c: Consequence) -> str:
    return _(
        "The rule %(rule)s would create no more tasks: %(field)s is no longer a date on its form. "
        "Change the rule, turn it off, or add the field back."
    ) % {"rule": c.name("rules", c.impact.subject or ""), "field": c.field}


# Roles


def role_removed(_: Texts, c: Consequence) -> str:
    if c.impact.level != "refused":
        return _("%(role)s is removed; no member has it.") % {"role": c.role}
    return _(
        "%(n)d members still have %(role)s. Give them another role first, on the Members page."
    ) % {"n": c.impact.count, "role": c.role}


def role_changed(_: Texts, c: Consequence) -> str:
    parts = [
        f"{attribute_name(_, x.what)}{_.colon}{value_text(_, (x.what,), x.before, c.now)} → "
        f"{value_text(_, (x.what,), x.after, c.then)}"
        for x in c.impact.changes
    ]
    return _("%(role)s (%(n)d members): %(changes)s") % {
        "role": c.role,
        "n": c.impact.count,
        "changes": ";".join(parts),
    }


def rights_changed(_: Texts, c: Consequence) -> str:
    changes = c.impact.changes
    gains = sum(_rank(x.after) > _rank(x.before) for x in changes)
    parts = [
        f"{c.name('forms', x.form, 'fields', x.key)} {access_name(_, x.before or 'hidden')} → "
        f"{access_name(_, x.after or 'hidden')}"
        for x in changes[:6]
    ]
    more = len(changes) - len(parts)
    return _(
        "%(role)s (%(n)d members) gains access to %(gains)d fields and loses access "
        "to %(losses)d: %(changes)s"
    ) % {
        "role": c.role,
        "n": c.impact.count,
        "gains": gains,
        "losses": len(changes) - gains,
        "changes": ";".join(parts) + (_(" and %(n)d more") % {"n": more} if more > 0 else ""),
    }


def role_cannot_write(_: Texts, c: Consequence) -> str:
    return _(
        "%(role)s can create records but cannot fill in %(field)s, which every "
        "record requires, so every save on the phone would fail. Let the role write "
        "the field, or remove its permission to create records."
    ) % {"role": c.role, "field": c.field}


def last_admin(_: Texts, c: Consequence) -> str:
    return _(
        "Nobody could publish or invite after this. Keep both permissions in a role "
        "that has an active member."
    )


def group_role(_: Texts, c: Consequence) -> str:
    return f"{c.name('roles', c.impact.subject or '')}{_.colon}{problem_text(_, c.impact.kind)}"


# Rules


def tasks_today(_: Texts, c: Consequence) -> str:
    before, after = (
        sum(v for v in (counts or {}).values() if isinstance(v, int))
        for counts in (c.impact.before, c.impact.after)
    )
    return _("Today's rules would create %(after)d tasks instead of %(before)d.") % {
        "before": before,
        "after": after,
    }


# by kind of impact; any other is said by the sentence of its problem code
SENTENCES: dict[str, Callable[[Texts, Consequence], str]] = {
    "field_removed": field_removed,
    "option_removed": option_removed,
    "type_changed": type_changed,
    "now_required": now_required,
    "values_not_unique": values_not_unique,
    "bad_pattern": bad_pattern,
    "invalid_condition": invalid_condition,
    "condition_reads_hidden": condition_reads_hidden,
    "base_field_missing": base_field_missing,
    "rule_field_missing": rule_field_missing,
    "stage_removed": stage_removed,
    "stage_moved": stage_moved,
    "moves_barred": moves_barred,
    "reason_merged": entry_merged,
    "level_merged": entry_merged,
    "pool_merged": entry_merged,
    "level_removed": entry_removed,
    "pool_removed": entry_removed,
    "role_removed": role_removed,
    "role_changed": role_changed,
    "rights_changed": rights_changed,
    "role_cannot_write": role_cannot_write,
    "last_admin": last_admin,
    "group_role": group_role,
    "group_role_fixed": group_role,
    "tasks_today": tasks_today,
}


def _list_of(x: Impact) -> str:
    """level_removed → levels."""
    return f"{x.kind.partition('_')[0]}s"


def _options(document: Document, x: Impact) -> list[dict[str, Any]]:
    fields = document.get("forms", {}).get(x.form, {}).get("fields", [])
    return next((f.get("options") or [] for f in fields if f["key"] == x.key), [])


def _stage(text: str) -> tuple[str, ...]:
    pipeline, _dot, stage = text.partition(".")
    return (pipeline, "stages", stage)


def _rank(access: Any) -> int:
    return ("hidden", "masked", "read", "write").index(access or "hidden")


def _subject(_: Texts, x: Impact, now: Document, then: Document) -> str:
    form, dot, key = (x.subject or "").partition(".")
    return where(_, ("forms", form, "fields", key), then, now) if dot else ""


def unfinished_text(_: Texts, x: Unfinished, document: Document) -> str:
    """What is still to be done before a check."""
    label = where(_, x.path, document)
    return {
        "no_name": _("%(what)s has no name yet."),
        "no_options": _("%(what)s has no options yet. Add some."),
        "same_name": _("Another entry is already named %(what)s. Choose a different name."),
        "no_open_stage": _("%(what)s has no open stage for new deals. Add one."),
        "invalid": _("%(what)s has a value that is not allowed here."),
    }[x.code] % {"what": label or x.path[-1] if x.path else ""}


def over_text(_: Texts, x: OverBudget, document: Document) -> str:
    """A role above the tap budget."""
    sentence = {
        "log": _(
            "%(role)s: logging a conversation takes %(taps)d taps and %(seconds)s "
            "seconds; the store's limit is %(limit)d seconds."
        ),
        "clear": _(
            "%(role)s: completing a task takes %(taps)d taps and %(seconds)s "
            "seconds; the store's limit is %(limit)d seconds."
        ),
    }[x.act]
    return sentence % {
        "role": where(_, ("roles", x.role), document),
        "taps": x.cost.taps,
        "seconds": f"{x.cost.seconds:g}",
        "limit": x.limit,
    }
