"""The check's answers in sentences that say what to do (F-75)."""

from collections.abc import Mapping
from typing import Any

from admin.words import access_name, attribute_name, value_text, where
from shared.domain.budget import OverBudget
from shared.domain.impact import Impact
from shared.domain.unfinished import Unfinished
from shared.ui.text import Texts, problem_text

Document = Mapping[str, Any]


def impact_text(_: Texts, x: Impact, now: Document, then: Document) -> str:
    """One consequence of publishing, for people."""

    def name(*path: str) -> str:
        return where(_, path, then, now)

    field = name("forms", x.form, "fields", x.key) if x.form and x.key else ""
    role = name("roles", x.role) if x.role else ""
    stage = name("pipelines", x.pipeline, "stages", x.key) if x.pipeline and x.key else ""
    n = x.count
    if x.kind == "field_removed":
        return (
            _("%(field)s leaves the form; %(n)d records hold a value. It is kept for 30 days and comes back with the field.")
            % {"field": field, "n": n}
            if n
            else _("%(field)s leaves the form; no record holds a value.") % {"field": field}
        )
    if x.kind == "option_removed":
        gone = "、".join(
            value_text(_, ("options", o), next((y for y in _options(now, x) if y["key"] == o), {"label": {"zh_CN": o}}), now) for o in x.options
        )
        return _("%(field)s: %(options)s can no longer be chosen; %(n)d records hold it and keep it.") % {"field": field, "options": gone, "n": n}
    if x.kind == "type_changed":
        kinds = {"before": value_text(_, ("type",), x.before, now), "after": value_text(_, ("type",), x.after, then), "field": field, "n": n}
        if n:
            return (
                _(
                    "%(field)s cannot change from %(before)s to %(after)s: %(n)d records hold values that do not fit. Correct them first, or keep the type."
                )
                % kinds
            )
        return _("%(field)s changes from %(before)s to %(after)s; every value fits.") % kinds
    if x.kind == "now_required":
        return _("%(field)s must be filled in from now on; %(n)d records have no value yet and are asked when someone edits them.") % {
            "field": field,
            "n": n,
        }
    if x.kind == "stage_removed":
        if x.level == "refused":
            return _("%(n)d deals stand at %(stage)s. Choose where they go:") % {"n": n, "stage": stage}
        return _("%(stage)s goes; no deal stands there.") % {"stage": stage}
    if x.kind == "stage_moved":
        return _("%(stage)s goes; its %(n)d deals move to %(to)s.") % {
            "stage": stage, "n": n, "to": name("pipelines", *_stage(str(x.after))) if x.after else "",
        }  # fmt: skip
    if x.kind in ("reason_merged", "level_merged", "pool_merged"):
        part_ = f"{x.kind.partition('_')[0]}s"
        return _("%(reason)s becomes %(to)s; %(n)d records follow.") % {"reason": name(part_, x.key or ""), "to": name(part_, str(x.after)), "n": n}
    if x.kind in ("level_removed", "pool_removed"):
        gone = name(f"{x.kind.partition('_')[0]}s", x.key or "")
        if x.level == "refused":
            return _("%(n)d customers are at %(what)s. Choose where they go:") % {"n": n, "what": gone}
        return _("%(what)s goes; no customer is there.") % {"what": gone}
    if x.kind == "moves_barred":
        return _("From %(stage)s fewer moves are possible; %(n)d deals stand there.") % {"stage": stage, "n": n}
    if x.kind == "role_removed":
        if x.level == "refused":
            return _("%(n)d members still have %(role)s. Give them another role first, on the page Members.") % {"n": n, "role": role}
        return _("%(role)s goes; no member has it.") % {"role": role}
    if x.kind == "role_changed":
        parts = [
            f"{attribute_name(_, c.what)}: {value_text(_, (c.what,), c.before, now)} → {value_text(_, (c.what,), c.after, then)}" for c in x.changes
        ]
        return _("%(role)s (%(n)d members): %(changes)s") % {"role": role, "n": n, "changes": ";".join(parts)}
    if x.kind == "rights_changed":
        gains = sum(_rank(c.after) > _rank(c.before) for c in x.changes)
        parts = [
            f"{name('forms', c.form, 'fields', c.key)} {access_name(_, c.before or 'hidden')} → {access_name(_, c.after or 'hidden')}"
            for c in x.changes[:6]
        ]
        more = len(x.changes) - len(parts)
        return _("%(role)s (%(n)d members) sees %(gains)d fields more and %(losses)d less: %(changes)s") % {
            "role": role, "n": n, "gains": gains, "losses": len(x.changes) - gains,
            "changes": ";".join(parts) + (_(" and %(n)d more") % {"n": more} if more > 0 else ""),
        }  # fmt: skip
    if x.kind == "cannot_fill":
        return _(
            "%(role)s may create records but not fill in %(field)s, which every record needs: each save on the phone would fail. Let the role write it, or take away its right to create."
        ) % {"role": role, "field": field}
    if x.kind == "bad_condition":
        return _("The condition of %(field)s names something this form does not have. Choose it anew.") % {"field": field}
    if x.kind == "reads_hidden":
        hidden = name("forms", x.form or "", "fields", x.hidden or "")
        return _("The condition of %(field)s looks at %(hidden)s, which %(role)s may not see; the form would give it away. Let the role read it, or hide both.") % {
            "field": field, "hidden": hidden, "role": role,
        }  # fmt: skip
    if x.kind == "needed_field":
        return _("%(field)s is missing from the form, but no record can be saved without it. Put it back.") % {"field": field}
    if x.kind == "tasks_today":
        before, after = (sum(v for v in (y or {}).values() if isinstance(v, int)) for y in (x.before, x.after))
        return _("Today's rules would make %(after)d tasks instead of %(before)d.") % {"before": before, "after": after}
    if x.kind == "values_not_unique":
        return _("%(field)s cannot forbid equal values yet: some records hold the same one. Correct them first.") % {
            "field": _subject(_, x, now, then)
        }
    if x.kind == "last_admin":
        return _("After this nobody could publish and invite any more. Leave both rights to a role that has an active member.")
    where_ = _subject(_, x, now, then)
    return f"{where_}: {problem_text(_, x.kind)}" if where_ else problem_text(_, x.kind)


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
    place = where(_, x.path, document)
    return {
        "no_name": _("%(what)s has no name yet."), "no_options": _("%(what)s has nothing to choose from. Add options."),
        "same_name": _("%(what)s is called like another one. People could not tell them apart."),
        "no_open_stage": _("%(what)s has no open stage. A deal must begin somewhere."), "invalid": _("%(what)s holds a value that is not possible here."),
    }[x.code] % {"what": place or x.path[-1] if x.path else ""}  # fmt: skip


def over_text(_: Texts, x: OverBudget, document: Document) -> str:
    """A role above the tap budget."""
    sentence = {
        "log": _("%(role)s: logging a conversation takes %(taps)d taps and %(seconds)s seconds; the store's limit is %(limit)d."),
        "clear": _("%(role)s: clearing a task takes %(taps)d taps and %(seconds)s seconds; the store's limit is %(limit)d."),
    }[x.act]
    return sentence % {"role": where(_, ("roles", x.role), document), "taps": x.price.taps, "seconds": f"{x.price.seconds:g}", "limit": x.limit}
