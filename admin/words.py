"""The document in plain words: what its parts are called, what their values mean, what a change says."""

from collections.abc import Mapping
from typing import Any

from shared.domain.condition_rows import rows_of
from shared.domain.conditions import variables
from shared.domain.differences import Difference
from shared.domain.drafting import GONE, part
from shared.domain.labels import label_text
from shared.ui.text import LANGUAGES, Texts


def attribute_name(_: Texts, name: str) -> str:
    """What an attribute of the document is called; one nobody named yet by its key."""
    return {
        "label": _("Name"), "type": _("Type"), "required": _("Required"), "pattern": _("Pattern"), "min": _("Smallest value"), "max": _("Largest value"),
        "max_length": _("Longest text"), "options": _("Options"), "mask": _("Mask"), "slot": _("Sortable place"), "hint": _("Hint"), "section": _("Section"),
        "sections": _("Sections"), "unique": _("No two alike"), "on_list": _("Shown in lists"), "ask": _("Asked once"), "required_methods": _("Required when"),
        "show": _("Shown when"), "require": _("Required if"), "options_when": _("Options by condition"), "formula": _("Formula"), "decimals": _("Decimals"),
        "scope": _("Sees the records of"), "verbs": _("May do"), "screens": _("Pages on the phone"), "pools": _("Pools"), "pipeline": _("Pipeline"),
        "rights": _("Field rights"), "color": _("Colour"), "moves": _("May move to"), "checklist": _("Checklist"), "definition": _("Meaning"), "rank": _("Rank"),
        "horizon_days": _("Buys within (days)"), "cadence_days": _("Call every (days)"), "pool": _("Pool"), "methods": _("For"), "reached": _("Someone was reached"),
        "needs_words": _("Words required"), "retry_hours": _("Try again after (hours)"), "retry_max": _("Tries at most"), "uses": _("Used for"), "parent": _("Belongs to"),
        "outcome": _("Outcome"), "text": _("Text"), "kind": _("Kind"), "days": _("Days"), "active": _("Switched on"), "cut_off": _("Day ends at"),
        "snooze_limit": _("Put off at most (times)"), "time_zone": _("Time zone"), "languages": _("Languages"), "fields": _("Fields"), "stages": _("Stages"),
        "forms": _("Forms"), "roles": _("Roles"), "pipelines": _("Pipelines"), "levels": _("Levels"), "outcomes": _("Outcomes"), "reasons": _("Reasons"),
        "phrases": _("Phrases"), "scripts": _("Scripts"), "templates": _("Templates"), "rules": _("Rules"), "settings": _("Store settings"), "store": _("Store"),
        "successors": _("Moved when published"), "log_seconds": _("Seconds to log a conversation, at most"), "clear_seconds": _("Seconds to clear a task, at most"),
        "after_last": _("After the last try"), "next_days": _("Next contact after (days)"), "promise_days": _("Promised within (days)"), "why": _("For tasks because of"),
        "within_days": _("Days before the policy ends, at most"), "sent_back": _("Sent back by the manager"), "complaint": _("Complaint"), "promise": _("Promise"),
        "expiry": _("Policy ends"), "expiry_days": _("Counted from (days before)"), "value": _("For each 10,000 yuan of premium"), "value_most": _("For premium, at most"),
        "overdue": _("For each day overdue"), "overdue_most": _("For days overdue, at most"), "times": _("So many outcomes"), "seconds": _("within seconds"),
        "queue": _("Order of the queue"), "burst": _("Outcomes without dialling"), "day_parts": _("Parts of the day"), "start": _("From"), "end": _("To"),
        "reassign_after_days": _("Reassign after (days)"), "demote_after_days": _("Falls after (days)"), "demote_to": _("Falls to"),
        "claims_per_day": _("Each may claim a day"), "ex_owner_days": _("Who had him waits (days)"), "contact_hours": _("To be contacted within (hours)"),
        "returns": _("Comes back before the next expiry"), "consents": _("Consents"), "needed_for_calls": _("Without it nobody calls"), "reception": _("At the door"),
        "searchable": _("Can be filtered and sorted by"), "sources": _("Sources"), "steps": _("Steps"), "quiet_from": _("Quiet from"), "quiet_to": _("Quiet until"),
        "date": _("Date"), "role": _("Role"), "field": _("Field"), "form": _("Form"), "after": _("After"), "action": _("What happens"), "every_months": _("Every so many months"),
        "approve_lost": _("A manager must agree before a deal is lost"), "approve_level_down": _("A manager must agree before a level is lowered"),
        "duplicate_shows": _("Who enters a colleague's customer is told"),
        "script": _("Script"), "roles_of": _("For roles"), "effect": _("Effect"), "level": _("Level"), "stage": _("Stage"), "purpose": _("Why it exists"),
    }.get(name, name.replace("_", " "))  # fmt: skip


def type_name(_: Texts, kind: str) -> str:
    return {
        "text": _("Short text"), "long_text": _("Long text"), "phone": _("Phone number"), "plate": _("Plate"), "vin": _("VIN"), "number": _("Number"), "money": _("Money"),
        "bool": _("Yes or no"), "date": _("Date"), "time": _("Time"), "select": _("One of a list"), "multi": _("Several of a list"), "level": _("Level"),
        "person": _("Colleague"), "file": _("Photo or file"), "formula": _("Formula"),
    }.get(kind, kind)  # fmt: skip


def access_name(_: Texts, access: str) -> str:
    return {"hidden": _("Hidden"), "masked": _("Masked"), "read": _("Read"), "write": _("Write")}.get(access, access)


def scope_name(_: Texts, scope: str) -> str:
    return {"own": _("His own"), "team": _("His team"), "store": _("The whole store"), "group": _("The whole group")}.get(scope, scope)


def stage_type_name(_: Texts, kind: str) -> str:
    return {"open": _("Open stage"), "won": _("Won"), "lost": _("Lost")}.get(kind, kind)


def method_name(_: Texts, method: str) -> str:
    return {
        "call": _("Call"), "visit": _("Visit"), "wechat": _("WeChat"), "sms": _("SMS"), "test_drive": _("Test drive"), "quote": _("Quote"),
        "order": _("Car order"), "delivery": _("Delivery"),
    }.get(method, method)  # fmt: skip


def verb_name(_: Texts, verb: str) -> str:
    return {
        "save_customer": _("Edit customers"), "save_vehicle": _("Edit vehicles"), "save_policy": _("Edit policies"), "save_deal": _("Edit deals"),
        "save_companion": _("Edit companions"), "log_conversation": _("Log conversations"), "request_cancel": _("Ask to cancel a task"), "move_deal": _("Move deals"),
        "snooze_task": _("Put off tasks"), "undo": _("Undo own acts"), "assign_customer": _("Assign customers"), "decide_approval": _("Decide requests"),
        "reassign": _("Hand over customers"), "import_rows": _("Import lists"), "export_rows": _("Export lists"), "invite_member": _("Invite and manage members"),
        "publish_config": _("Shape and publish the store"), "claim_customer": _("Claim from pools"), "merge_customers": _("Merge duplicates"), "read_audit": _("Read the audit"),
        "add_customer": _("Create customers"), "claim_policy": _("Claim renewals"), "reveal_field": _("Reveal masked numbers"), "publish_group": _("Publish to the group's stores"),
    }.get(verb, verb.replace("_", " "))  # fmt: skip


def screen_name(_: Texts, screen: str) -> str:
    return {
        "today": _("Today"),
        "customers": _("Customers"),
        "funnel": _("Funnel"),
        "team": _("My team"),
        "approvals": _("Approvals"),
        "me": _("Me"),
    }.get(screen, screen.replace("_", " "))


def mask_name(_: Texts, mask: str) -> str:
    return {"phone": "138****5678", "plate": "沪A***88", "tail4": "****1234", "all": "****"}.get(mask, mask)


def use_name(_: Texts, use: str) -> str:
    return {"cancel": _("Cancelling a task"), "lost": _("Losing a deal"), "contact": _("Why they contact us")}.get(use, use)


def color_name(_: Texts, color: str) -> str:
    return {
        "grey": _("Grey"), "blue": _("Blue"), "cyan": _("Cyan"), "teal": _("Teal"), "green": _("Green"), "amber": _("Amber"), "orange": _("Orange"), "red": _("Red"), "purple": _("Purple"),
    }.get(color, color)  # fmt: skip


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
    """A path in words: 表单「客户」·「预算」. Names come from the first document that knows the part."""
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
        "forms": _("Form"), "roles": _("Role"), "pipelines": _("Pipeline"), "levels": _("Level"), "outcomes": _("Outcome"), "reasons": _("Reason"), "rules": _("Rule"),
        "pools": _("Pool"), "scripts": _("Script"), "templates": _("Template"),
    }.get(part_, attribute_name(_, part_))  # fmt: skip


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
        return "、".join(_thing(_, x, "") if isinstance(x, Mapping) else value_text(_, (*path, ""), x, document) for x in value)
    return word_of(_, path, str(value), document)


def word_of(_: Texts, path: tuple[str, ...], value: str, document: Mapping[str, Any]) -> str:
    """A key or a word of the model, said in words."""
    names = [p for p in path if p]
    name = names[-1] if names else ""
    if "rights" in names:
        return access_name(_, value)
    words = {
        "type": stage_type_name if "stages" in names else type_name, "scope": scope_name, "verbs": verb_name, "screens": screen_name, "methods": method_name,
        "required_methods": method_name, "uses": use_name, "color": color_name, "mask": mask_name,
    }.get(name)  # fmt: skip
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
    if name in ("moves", "successors") and len(path) > 2:
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


def condition_text(_: Texts, tree: Any, fields: list[Mapping[str, Any]], document: Mapping[str, Any]) -> str:
    """A condition as a sentence; one built elsewhere by the fields it looks at."""
    names = {f["key"]: _thing(_, f, f["key"]) for f in fields}
    found = rows_of(tree)
    if found is None:
        return _("a formula of %(fields)s") % {"fields": "、".join(names.get(v, v) for v in sorted(variables(tree)))}
    rows, every = found
    parts = [
        f"{names.get(r.field, r.field)} {operator_name(_, r.operator)} {condition_value(_, r.field, r.value, fields, document)}".strip() for r in rows
    ]
    return (_(" and ") if every else _(" or ")).join(parts)


def operator_name(_: Texts, operator: str) -> str:
    return {
        "is": _("is"), "is_not": _("is not"), "one_of": _("is one of"), "filled": _("is filled in"), "empty": _("is empty"), "at_least": _("is at least"),
        "at_most": _("is at most"), "more": _("is more than"), "less": _("is less than"), "has": _("contains"),
    }[operator]  # fmt: skip


def condition_value(_: Texts, field: str, value: Any, fields: list[Mapping[str, Any]], document: Mapping[str, Any]) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return "、".join(condition_value(_, field, x, fields, document) for x in value)
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


def change_text(_: Texts, change: Difference, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """One change as a sentence."""
    place = where(_, change.path, new, old)
    if change.path[:1] == ("successors",):
        return successor_text(_, change, old, new)
    if change.kind == "moved":
        return _("%(what)s: put in another place") % {"what": place}
    if change.kind == "added" and not _is_part(change.path):
        return _("%(what)s: %(now)s") % {"what": place, "now": value_text(_, change.path, change.after, new)}
    if change.kind == "removed" and not _is_part(change.path):
        return _("%(what)s: no longer %(before)s") % {"what": place, "before": value_text(_, change.path, change.before, old)}
    if change.kind == "added":
        return _("%(what)s: new") % {"what": place}
    if change.kind == "removed":
        return _("%(what)s: removed") % {"what": place}
    return _("%(what)s: %(before)s → %(now)s") % {
        "what": place, "before": value_text(_, change.path, change.before, old), "now": value_text(_, change.path, change.after, new),
    }  # fmt: skip


def successor_text(_: Texts, change: Difference, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Where what is removed goes."""
    moves = change.after if isinstance(change.after, Mapping) else {}
    if len(change.path) == 3:
        moves = {change.path[2]: change.after}
    elif len(change.path) == 1:
        moves = {k: v for x in moves.values() for k, v in x.items()}
    named = [(stage_or_reason(_, k, old, new), stage_or_reason(_, str(v), new, old)) for k, v in moves.items() if v]
    if not named:
        return _("What was removed goes nowhere any more")
    return ";".join(_("What is at %(old)s goes to %(new)s") % {"old": f"「{a}」", "new": f"「{b}」"} for a, b in named)


def stage_or_reason(_: Texts, key: str, *documents: Mapping[str, Any]) -> str:
    pipeline, dot, stage = key.partition(".")
    paths = [("pipelines", pipeline, "stages", stage)] if dot else [(x, key) for x in ("reasons", "levels", "pools")]
    return _thing(_, next((t for d in documents for path in paths if (t := part(d, path)) is not GONE), None), key)


def _is_part(path: tuple[str, ...]) -> bool:
    """Whether a path names a thing (a field, a stage), not one of its attributes."""
    return len(path) > 1 and (path[-2] in LISTS or path[-2] == "forms") and "rights" not in path
