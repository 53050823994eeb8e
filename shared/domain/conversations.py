"""What the log sheet knows: which outcomes fit, what follows from one, which facts are worth asking
(S-04, S-20, S-21, F-03, F-10)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from shared.domain.config import FieldDefinition, Outcome, Phrase, StoreConfig
from shared.domain.problems import FieldProblem
from shared.domain.working_days import cadence_day, due_day

METHODS = ("call", "visit", "wechat", "sms", "test_drive", "quote", "order", "delivery")
MAX_FACTS_TO_ASK = 2  # facts asked for on the way of one conversation


@dataclass(frozen=True)
class NextDate:
    """A proposed day and why it is proposed: "outcome", "cadence" (days), "promise", or "" for
    none."""

    on: date | None
    reason: str = ""
    days: int = 0


def outcomes_for(config: StoreConfig, method: str, role: str | None = None) -> tuple[Outcome, ...]:
    """The outcomes of a method; with a role, those that are its own or everybody's."""
    return tuple(
        o
        for o in config.outcomes
        if method in o.methods and (role is None or not o.roles or role in o.roles)
    )


def next_date(
    config: StoreConfig,
    outcome: Outcome | None,
    level: str | None,
    today: date,
    *,
    do_not_call: bool = False,
    promised: date | None = None,
) -> NextDate:
    """The day to propose after a contact, a working day: the outcome's own, else the level's
    cadence, but never after what was promised. None when nobody was reached (the retry rule plans
    that) or must not be called any more."""
    found = config.level(level)
    if outcome is None or not outcome.reached or do_not_call or outcome.effect == "do_not_call":
        return NextDate(None)
    if outcome.next_days is not None:
        day = due_day(config.calendar, today + timedelta(days=outcome.next_days), today)
        proposed = NextDate(day, "outcome", outcome.next_days)
    elif found is not None and found.cadence_days is not None:
        day = cadence_day(config, level, today)
        proposed = NextDate(day, "cadence", found.cadence_days)
    else:
        proposed = NextDate(None)
    if promised is not None and (proposed.on is None or promised < proposed.on):
        return NextDate(promised, "promise", (promised - today).days)
    return proposed


def phrases_for(
    config: StoreConfig, outcome: str | None, used: Mapping[str, int] | None = None
) -> tuple[Phrase, ...]:
    """The phrases for an outcome: what this person uses most comes first, the outcome's own before
    those for all."""
    fitting = [p for p in config.phrases if p.outcome in (None, outcome)]
    uses = used or {}
    return tuple(
        sorted(
            fitting,
            key=lambda p: (
                -uses.get(p.text.get("zh_CN") or next(iter(p.text.values()), ""), 0),
                p.outcome is None,
            ),
        )
    )


def questions(
    config: StoreConfig,
    customer: Mapping[str, Any],
    *,
    level: str | None,
    stages: tuple[str, ...] = (),
) -> tuple[FieldDefinition, ...]:
    """The facts worth asking now: at most two, in the form's order, not known yet, and of those
    this role may see and write (First 8)."""
    form, rights = config.forms.get("customer"), config.rights("customer")
    if form is None:
        return ()
    missing = [
        f
        for f in form.fields
        if f.ask is not None
        and f.key in rights.writable
        and customer.get(f.key) in (None, "", [])
        and (not f.ask.levels or level in f.ask.levels)
        and (not f.ask.stages or set(stages) & set(f.ask.stages))
        and f.is_shown(customer)
    ]
    return tuple(missing[:MAX_FACTS_TO_ASK])


def known_facts(
    config: StoreConfig, customer: Mapping[str, Any], facts: Mapping[str, Any]
) -> list[tuple[FieldDefinition, Any, str | None, str | None]]:
    """What is known of the facts that are asked for: (field, value, day, who was told); the newest
    first."""
    form, rights = config.forms.get("customer"), config.rights("customer")
    found: list[tuple[FieldDefinition, Any, str | None, str | None]] = []
    for f in form.fields if form else ():
        value = customer.get(f.key)
        if f.ask is not None and f.key in rights.readable and value not in (None, "", []):
            fact: Mapping[str, Any] = facts.get(f.key) or {}
            found.append((f, value, fact.get("on"), fact.get("by")))
    return sorted(found, key=lambda x: x[2] or "", reverse=True)


def log_problems(
    config: StoreConfig,
    *,
    method: str,
    outcome: str | None,
    level: str | None,
    notes: str,
    reason: str | None = None,
) -> list[FieldProblem]:
    """What crm.log_conversation would reject, so that the sheet can say it before anything is
    sent."""
    chosen = config.outcome(outcome)
    found: list[FieldProblem] = []
    if outcome is None:
        found.append(FieldProblem("outcome", "required"))
    elif chosen is None:
        found.append(FieldProblem("outcome", "option"))
    elif method not in chosen.methods:
        found.append(FieldProblem("method", "option"))
    elif (chosen.notes_required or chosen.reached) and not notes.strip():
        found.append(FieldProblem("notes", "required"))
    if (
        chosen is not None
        and chosen.effect == "lost"
        and reason not in {r.key for r in config.reasons if "lost" in r.uses}
    ):
        found.append(FieldProblem("reason", "required" if reason is None else "option"))
    if "level" in config.rights("customer").writable and level is None:
        found.append(FieldProblem("level", "required"))
    return found
