"""The document in plain words: what its parts are called, what their values mean, what a change
says."""

from collections.abc import Mapping
from typing import Any

from shared.domain.condition_rows import rows_of
from shared.domain.conditions import variables
from shared.domain.differences import Difference
from shared.domain.draft_merge import GONE, part
from shared.domain.labels import label_text
from shared.ui.deferred import N_
from shared.ui.names import method_name, screen_name
from shared.ui.text import LANGUAGES, Texts

ATTRIBUTES = {
    "label": N_("Name"),
    "type": N_("Type"),
    "required": N_("Required"),
    "pattern": N_("Pattern"),
    "min": N_("Minimum value"),
    "max": N_("Maximum value"),
    "max_length": N_("Maximum length"),
    "options": N_("Options"),
    "mask": N_("Mask"),
    "slot": N_("Sortable"),
    "hint": N_("Hint"),
    "section": N_("Section"),
    "sections": N_("Sections"),
    "unique": N_("Unique"),
    "on_list": N_("Shown in lists"),
    "ask": N_("Ask once"),
    "required_methods": N_("Required when"),
    "show": N_("Shown when"),
    "require": N_("Required if"),
    "options_when": N_("Options by condition"),
    "formula": N_("Formula"),
    "decimals": N_("Decimals"),
    "scope": N_("Scope"),
    "verbs": N_("Permissions"),
    "screens": N_("Phone pages"),
    "pools": N_("Pools"),
    "pipeline": N_("Pipeline"),
    "rights": N_("Field rights"),
    "color": N_("Colour"),
    "moves": N_("Can move to"),
    "checklist": N_("Checklist"),
    "definition": N_("Description"),
    "rank": N_("Rank"),
    "horizon_days": N_("Expected to buy within (days)"),
    "cadence_days": N_("Call every (days)"),
    "pool": N_("Pool"),
    "methods": N_("For methods"),
    "reached": N_("Customer reached"),
    "notes_required": N_("Notes required"),
    "retry_hours": N_("Try again after (hours)"),
    "retry_max": N_("Maximum attempts"),
    "uses": N_("Used for"),
    "parent": N_("Parent"),
    "outcome": N_("Outcome"),
    "text": N_("Text"),
    "kind": N_("Kind"),
    "days": N_("Days"),
    "active": N_("Enabled"),
    "cut_off": N_("Day ends at"),
    "snooze_limit": N_("Postpone at most (times)"),
    "time_zone": N_("Time zone"),
    "languages": N_("Languages"),
    "fields": N_("Fields"),
    "stages": N_("Stages"),
    "forms": N_("Forms"),
    "roles": N_("Roles"),
    "pipelines": N_("Pipelines"),
    "levels": N_("Levels"),
    "outcomes": N_("Outcomes"),
    "reasons": N_("Reasons"),
    "phrases": N_("Phrases"),
    "scripts": N_("Scripts"),
    "templates": N_("Templates"),
    "rules": N_("Rules"),
    "settings": N_("Store settings"),
    "store": N_("Store"),
    "replacements": N_("Moved when published"),
    "log_seconds": N_("Seconds to log a conversation (maximum)"),
    "clear_seconds": N_("Seconds to complete a task (maximum)"),
    "after_last": N_("After the last attempt"),
    "next_days": N_("Next contact after (days)"),
    "promise_days": N_("Promised within (days)"),
    "task_kinds": N_("For kinds of task"),
    "within_days": N_("Days before the policy ends (maximum)"),
    "sent_back": N_("Sent back by the manager"),
    "complaint": N_("Complaint"),
    "test_drive": N_("Test drive asked for"),
    "promise": N_("Promise"),
    "expiry": N_("Policy ends"),
    "expiry_days": N_("Counts from (days before)"),
    "value": N_("Points per 10,000 yuan of premium"),
    "value_cap": N_("Points for premium (maximum)"),
    "overdue": N_("Points per working day overdue"),
    "overdue_cap": N_("Points for days overdue (maximum)"),
    "times": N_("Number of outcomes"),
    "seconds": N_("within (seconds)"),
    "queue": N_("Queue order"),
    "burst": N_("Outcomes without dialling"),
    "day_parts": N_("Times of day"),
    "calendar": N_("Working days"),
    "weekdays": N_("Open on"),
    "closed_days": N_("Closed days"),
    "makeup_days": N_("Make-up days"),
    "start": N_("From"),
    "end": N_("To"),
    "reassign_after_days": N_("Reassign after (days)"),
    "demote_after_days": N_("Demoted after (days)"),
    "demote_to": N_("Demoted to"),
    "claims_per_day": N_("Claims per person per day"),
    "ex_owner_days": N_("Previous owner must wait (days)"),
    "contact_hours": N_("Contact within (hours)"),
    "returns": N_("Returns before the next expiry"),
    "consents": N_("Consents"),
    "needed_for_calls": N_("Required for calls"),
    "visit": N_("Walk-in visit"),
    "searchable": N_("Filterable and sortable"),
    "sources": N_("Sources"),
    "steps": N_("Steps"),
    "quiet_from": N_("Quiet hours from"),
    "quiet_to": N_("Quiet hours until"),
    "date": N_("Date"),
    "role": N_("Role"),
    "field": N_("Field"),
    "form": N_("Form"),
    "after": N_("After"),
    "action": N_("Action taken"),
    "every_months": N_("Interval (months)"),
    "approve_lost": N_("Marking a deal as lost needs a manager's approval"),
    "approve_level_down": N_("Lowering a level needs a manager's approval"),
    "duplicate_shows": N_("Shown when someone adds a colleague's customer"),
    "script": N_("Script"),
    "roles_of": N_("For roles"),
    "effect": N_("Effect"),
    "level": N_("Level"),
    "stage": N_("Stage"),
    "purpose": N_("Purpose"),
}


def attribute_name(_: Texts, name: str) -> str:
    """What an attribute of the document is called; one nobody named yet by its key."""
    return _(ATTRIBUTES[name]) if name in ATTRIBUTES else name.replace("_", " ")


def type_name(_: Texts, kind: str) -> str:
    return {
        "text": _("Short text"),
        "long_text": _("Long text"),
        "phone": _("Phone number"),
        "plate": _("Plate"),
        "vin": _("VIN"),
        "number": _("Number"),
        "money": _("Money"),
        "bool": _("Yes or no"),
        "date": _("Date"),
        "time": _("Time"),
        "select": _("Single choice"),
        "multi": _("Multiple choice"),
        "level": _("Level"),
        "person": _("Colleague"),
        "file": _("Photo or file"),
        "formula": _("Formula"),
    }.get(kind, kind)


def access_name(_: Texts, access: str) -> str:
    return {
        "hidden": _("Hidden"),
        "masked": _("Masked"),
        "read": _("Read"),
        "write": _("Write"),
    }.get(access, access)


def scope_name(_: Texts, scope: str) -> str:
    return {
        "own": _("Own"),
        "team": _("Own team"),
        "store": _("The whole store"),
        "group": _("The whole group"),
    }.get(scope, scope)


def stage_type_name(_: Texts, kind: str) -> str:
    return {"open": _("Open stage"), "won": _("Won"), "lost": _("Lost")}.get(kind, kind)


def verb_name(_: Texts, verb: str) -> str:
    return {
        "save_customer": _("Edit customers"),
        "save_vehicle": _("Edit vehicles"),
        "save_policy": _("Edit policies"),
        "save_deal": _("Edit deals"),
        "save_companion": _("Edit companions"),
        "log_conversation": _("Log conversations"),
        "request_cancellation": _("Request task cancellation"),
        "move_deal": _("Move deals"),
        "snooze_task": _("Postpone tasks"),
        "undo": _("Undo own actions"),
        "assign_customer": _("Assign customers"),
        "decide_approval": _("Decide requests"),
        "reassign": _("Transfer customers"),
        "import_rows": _("Import lists"),
        "export_rows": _("Export lists"),
        "invite_member": _("Invite and manage members"),
        "publish_config": _("Edit and publish the configuration"),
        "claim_customer": _("Claim from pools"),
        "merge_customers": _("Merge duplicates"),
        "erase_customer": _("Erase people for good"),
        "read_audit": _("View the audit log"),
        "add_customer": _("Create customers"),
        "claim_policy": _("Claim renewals"),
        "reveal_field": _("Reveal masked numbers"),
        "publish_group": _("Publish to the group's stores"),
    }.get(verb, verb.replace("_", " "))


def mask_name(_: Texts, mask: str) -> str:
    return {"phone": "138****5678", "plate": "沪A***88", "tail4": "****1234", "all": "****"}.get(
        mask, mask
    )


def use_name(_: Texts, use: str) -> str:
    return {
        "cancel": _("Cancelling a task"),
        "lost": _("Marking a deal as lost"),
        "contact": _("Reason for contact"),
    }.get(use, use)


def color_name(_: Texts, color: str) -> str:
    return {
        "grey": _("Grey"),
        "blue": _("Blue"),
        "cyan": _("Cyan"),
        "teal": _("Teal"),
        "green": _("Green"),
        "amber": _("Amber"),
        "orange": _("Orange"),
        "red": _("Red"),
        "purple": _("Purple"),
    }.get(color, color)


LISTS = {
    "fields",
    "options",
    "stages",
    "sections",
    "checklist",
    "roles",
    "pipelines",
    "levels",
    "outcomes",
    "reasons",
    "rules",
    "pools",
    "scripts",
    "templates",
}


def _label(value: Any) -> dict[str, str]:
    return dict(value) if isinstance(value, Mapping) else {}


def _thing(_: Texts, thing: Any, fallback: str) -> str:
    if isinstance(thing, Mapping):
        return label_text(_label(thing.get("label") or thing.get("text")), _.language) or fallback
    return fallback


def where(_: Texts, path: tuple[str, ...], *documents: Mapping[str, Any]) -> str:
    """A path in words: 表单「客户」·「预算」.

    Names come from the first document that knows the part.
    """
    words: list[str] = []
    for i, step in enumerate(path):
        above = path[i - 1] if i else ""
        if above == "rights" or (len(path) > 3 and i == 4 and path[2] == "rights"):
            found = ("forms", step) if above == "rights" else ("forms", above, "fields", step)
        elif above in LISTS or above == "forms":
            found = path[: i + 1]
        elif step in LANGUAGES:  # the reader's own language goes without saying
            words += [LANGUAGES[step]] if step != _.language else []
            continue
        else:
            name = attribute_name(_, step)
            if (step not in LISTS and step not in ("forms", "rights")) or i + 1 == len(path):
                words.append(name)
            elif i == 0:
                words.append(_part_name(_, step))
            continue
        thing = next((t for d in documents if (t := part(d, found)) is not GONE), None)
        words.append(f"「{_thing(_, thing, step)}」")
    return _join(words)


def _part_name(_: Texts, part_: str) -> str:
    """One thing of a list: 表单, not 表单们."""
    return {
        "forms": _("Form"),
        "roles": _("Role"),
        "pipelines": _("Pipeline"),
        "levels": _("Level"),
        "outcomes": _("Outcome"),
        "reasons": _("Reason"),
        "rules": _("Rule"),
        "pools": _("Pool"),
        "scripts": _("Script"),
        "templates": _("Template"),
    }.get(part_, attribute_name(_, part_))


def _join(words: list[str]) -> str:
    text = ""
    for word in words:
        text += word if not text or word.startswith("「") else f" · {word}"
    return text


def value_text(_: Texts, path: tuple[str, ...], value: Any, document: Mapping[str, Any]) -> str:
    """A value of the document as a person reads it."""
    name = path[-1] if path else ""
    if value is None or value is GONE or value in ("", [], {}):
        return _("nothing")
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if name in ("label", "hint", "definition", "text", "script") and isinstance(value, Mapping):
        return label_text(_label(value), _.language)
    if isinstance(value, Mapping) and value.keys() <= {"zh_CN", "zh_TW", "en"}:
        return label_text(_label(value), _.language)
    if name in ("show", "require", "formula") or (len(path) > 1 and path[-2] == "options_when"):
        return condition_text(_, value, fields_of(document, path), document)
    if isinstance(value, Mapping):
        return _thing(_, value, _("%(n)d items") % {"n": len(value)})
    if isinstance(value, list | tuple):
        if len(value) > 6:
            return _("%(n)d items") % {"n": len(value)}
        return _.comma.join(
            _thing(_, x, "") if isinstance(x, Mapping) else value_text(_, (*path, ""), x, document)
            for x in value
        )
    return word_of(_, path, str(value), document)


def word_of(_: Texts, path: tuple[str, ...], value: str, document: Mapping[str, Any]) -> str:
    """The label of a key or value of the model."""
    names = [p for p in path if p]
    name = names[-1] if names else ""
    if "rights" in names:
        return access_name(_, value)
    words = {
        "type": stage_type_name if "stages" in names else type_name,
        "scope": scope_name,
        "verbs": verb_name,
        "screens": screen_name,
        "methods": method_name,
        "required_methods": method_name,
        "uses": use_name,
        "color": color_name,
        "mask": mask_name,
    }.get(name)
    if words:
        return words(_, value)
    lists = {
        "pool": "pools",
        "pools": "pools",
        "pipeline": "pipelines",
        "outcome": "outcomes",
        "level": "levels",
        "parent": "reasons",
        "levels": "levels",
    }
    if name in lists:
        return _thing(_, _get(document, (lists[name], value)), value)
    if name in ("moves", "replacements") and len(path) > 2:
        return _thing(_, _get(document, (*path[:3], value)), value)
    if name == "required" and "stages" in names:
        return _thing(_, _get(document, ("forms", "deal", "fields", value)), value)
    if name == "section" and len(path) > 2:
        return _thing(_, _get(document, (*path[:2], "sections", value)), value)
    return value


def _get(document: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    found = part(document, path)
    return None if found is GONE else found


def fields_of(document: Mapping[str, Any], path: tuple[str, ...]) -> list[Mapping[str, Any]]:
    """The fields of the form a path leads into."""
    found = part(document, (*path[:2], "fields")) if path[:1] == ("forms",) else GONE
    return [] if found is GONE else list(found)


def condition_text(
    _: Texts, tree: Any, fields: list[Mapping[str, Any]], document: Mapping[str, Any]
) -> str:
    """A condition as a sentence; one built elsewhere by the fields it looks at."""
    names = {f["key"]: _thing(_, f, f["key"]) for f in fields}
    found = rows_of(tree)
    if found is None:
        return _("a formula of %(fields)s") % {
            "fields": _.comma.join(names.get(v, v) for v in sorted(variables(tree)))
        }
    rows, every = found
    parts = [
        f"{names.get(r.field, r.field)} {operator_name(_, r.operator)} "
        f"{condition_value(_, r.field, r.value, fields, document)}".strip()
        for r in rows
    ]
    return (_(" and ") if every else _(" or ")).join(parts)


def operator_name(_: Texts, operator: str) -> str:
    return {
        "is": _("is"),
        "is_not": _("is not"),
        "one_of": _("is one of"),
        "filled": _("is filled in"),
        "empty": _("is empty"),
        "at_least": _("is at least"),
        "at_most": _("is at most"),
        "more": _("is more than"),
        "less": _("is less than"),
        "has": _("contains"),
    }[operator]


def condition_value(
    _: Texts, field: str, value: Any, fields: list[Mapping[str, Any]], document: Mapping[str, Any]
) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return _.comma.join(condition_value(_, field, x, fields, document) for x in value)
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    definition = next((f for f in fields if f["key"] == field), {})
    if field == "level":
        return _thing(_, _get(document, ("levels", str(value))), str(value))
    if field == "method":
        return method_name(_, str(value))
    if field == "outcome":
        return _thing(_, _get(document, ("outcomes", str(value))), str(value))
    option = next((o for o in definition.get("options") or () if o["key"] == value), None)
    if field.endswith("_fen") and isinstance(value, int | float):
        return f"¥{value / 100:,.0f}"
    return _thing(_, option, str(value))


def change_text(
    _: Texts, change: Difference, old: Mapping[str, Any], new: Mapping[str, Any]
) -> str:
    """One change as a sentence."""
    label = where(_, change.path, new, old)
    if change.path[:1] == ("replacements",):
        return replacement_text(_, change, old, new)
    if change.kind == "moved":
        return _("%(what)s: reordered") % {"what": label}
    if change.kind == "added" and not _is_part(change.path):
        return _("%(what)s: %(now)s") % {
            "what": label,
            "now": value_text(_, change.path, change.after, new),
        }
    if change.kind == "removed" and not _is_part(change.path):
        return _("%(what)s: no longer %(before)s") % {
            "what": label,
            "before": value_text(_, change.path, change.before, old),
        }
    if change.kind == "added":
        return _("%(what)s: new") % {"what": label}
    if change.kind == "removed":
        return _("%(what)s: removed") % {"what": label}
    return _("%(what)s: %(before)s → %(now)s") % {
        "what": label,
        "before": value_text(_, change.path, change.before, old),
        "now": value_text(_, change.path, change.after, new),
    }


def replacement_text(
    _: Texts, change: Difference, old: Mapping[str, Any], new: Mapping[str, Any]
) -> str:
    """Where what is removed goes."""
    moves = change.after if isinstance(change.after, Mapping) else {}
    if len(change.path) == 3:
        moves = {change.path[2]: change.after}
    elif len(change.path) == 1:
        moves = {k: v for x in moves.values() for k, v in x.items()}
    named = [
        (stage_or_reason(_, k, old, new), stage_or_reason(_, str(v), new, old))
        for k, v in moves.items()
        if v
    ]
    if not named:
        return _("Removed entries are no longer moved")
    return ";".join(
        _("Records at %(old)s move to %(new)s") % {"old": f"「{a}」", "new": f"「{b}」"}
        for a, b in named
    )


def stage_or_reason(_: Texts, key: str, *documents: Mapping[str, Any]) -> str:
    pipeline, dot, stage = key.partition(".")
    paths = (
        [("pipelines", pipeline, "stages", stage)]
        if dot
        else [(x, key) for x in ("reasons", "levels", "pools")]
    )
    return _thing(
        _,
        next((t for d in documents for path in paths if (t := part(d, path)) is not GONE), None),
        key,
    )


def _is_part(path: tuple[str, ...]) -> bool:
    """Whether a path names a thing (a field, a stage), not one of its attributes."""
    return len(path) > 1 and (path[-2] in LISTS or path[-2] == "forms") and "rights" not in path


def pattern_words(problem: str | None, _: Texts) -> str:
    """What is wrong with a field's pattern (shared/domain/patterns.py `problem`), and what to write
    instead."""
    return {
        "empty": _("Something is missing next to |, ^ or $."),
        "too_long": _("It is longer than 200 characters."),
        "character": _("It contains a control character."),
        "escape": _("After \\ only a symbol, d, w, s, or u with four digits is allowed."),
        "class": _("Invalid range in [ ]. Put \\ before [ ] - and \\ inside it."),
        "quantifier": _("Invalid repetition. Write ?, *, +, {3} or {2,5} after one character."),
        "group": _("A group ( ) must not be repeated, contain another group or begin with ?."),
        "too_large": _("It asks for too many characters or has more than four groups."),
        "long_text": _(
            "A field with a pattern can have at most 200 characters. Set its maximum length."
        ),
    }.get(problem or "", _("A character such as ( or + stands alone. Put \\ before it."))
