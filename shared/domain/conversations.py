"""What the log sheet knows: which outcomes fit, what they ask for, which date comes next (S-04, S-20, S-21)."""

from datetime import date, timedelta

from shared.domain.config import Outcome, Phrase, StoreConfig
from shared.domain.problems import FieldProblem

METHODS = ("call", "visit", "wechat", "sms", "test_drive", "quote", "order", "delivery")


def outcomes_for(config: StoreConfig, method: str) -> tuple[Outcome, ...]:
    return tuple(o for o in config.outcomes if method in o.methods)


def next_date(config: StoreConfig, outcome: Outcome | None, level: str | None, today: date) -> date | None:
    """The day the level's cadence proposes after a contact; none when nobody was reached (the retry rule plans that)."""
    found = config.level(level)
    if outcome is None or not outcome.reached or found is None or found.cadence_days is None:
        return None
    return today + timedelta(days=found.cadence_days)


def phrases_for(config: StoreConfig, outcome: str | None) -> tuple[Phrase, ...]:
    return tuple(p for p in config.phrases if p.outcome in (None, outcome))


def log_problems(config: StoreConfig, *, method: str, outcome: str | None, level: str | None, words: str) -> list[FieldProblem]:
    """What crm.log_conversation would refuse, so that the sheet can say it before anything is sent."""
    chosen = config.outcome(outcome)
    found: list[FieldProblem] = []
    if outcome is None:
        found.append(FieldProblem("outcome", "required"))
    elif chosen is None:
        found.append(FieldProblem("outcome", "option"))
    elif method not in chosen.methods:
        found.append(FieldProblem("method", "option"))
    elif (chosen.needs_words or chosen.reached) and not words.strip():
        found.append(FieldProblem("words", "required"))
    if "level" in config.rights("customer").writable and level is None:
        found.append(FieldProblem("level", "required"))
    return found
