"""The days being added to the store's calendar, and what is wrong with them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import flet as ft

from admin.draft import Draft
from shared.domain.draft_merge import GONE
from shared.domain.labels import Label
from shared.domain.values.day import parse_day
from shared.domain.working_days import LONGEST_CLOSURE

PARTS = ("closed_days", "makeup_days")


@dataclass(frozen=True)
class Period:
    """Days in a row with the same name."""

    first: date
    last: date
    name: Label

    @property
    def days(self) -> list[str]:
        length = (self.last - self.first).days
        return [(self.first + timedelta(days=n)).isoformat() for n in range(length + 1)]


def periods(days: Mapping[str, Label]) -> list[Period]:
    """The days of a document in their order, those in a row as one; what is no day is left out."""
    found: list[Period] = []
    for text, name in sorted(days.items()):
        day = parse_day(text).value
        if day is None:
            continue
        previous = found[-1] if found else None
        if previous and previous.name == name and previous.last + timedelta(days=1) == day:
            found[-1] = Period(previous.first, day, name)
        else:
            found.append(Period(day, day, name))
    return found


@ft.observable
@dataclass(eq=False)
class NewDays:
    """A period as it is typed: its days and its name; problems: field → code, told at the field."""

    draft: Draft
    part: str
    language: str
    first: str = ""
    last: str = ""
    name: str = ""
    problems: dict[str, str] = field(default_factory=dict)

    def put(self, key: str, text: str) -> None:
        setattr(self, key, text)
        self.problems = {k: code for k, code in self.problems.items() if k != key}

    def days_of(self, part: str) -> dict[str, Label]:
        found = self.draft.at(("calendar", part))
        return {} if found is GONE else dict(found)

    def add(self) -> None:
        first, last = (parse_day(x).value for x in (self.first, self.last or self.first))
        self.problems = dict(self._problems(first, last))
        if self.problems or first is None or last is None:
            return
        added = Period(first, last, {self.language: self.name.strip()})
        self._write(self.days_of(self.part) | dict.fromkeys(added.days, added.name))
        self.first = self.last = self.name = ""

    def _problems(self, first: date | None, last: date | None) -> Iterable[tuple[str, str]]:
        if first is None:
            yield "first", "date"
        elif last is None:
            yield "last", "date"
        elif last < first:
            yield "last", "order"
        elif (last - first).days >= LONGEST_CLOSURE:
            yield "last", "long"
        else:
            other = next(part for part in PARTS if part != self.part)
            if set(Period(first, last, {}).days) & set(self.days_of(other)):
                yield "first", other
        if not self.name.strip():
            yield "name", "required"

    def remove(self, period: Period) -> None:
        self._write({k: v for k, v in self.days_of(self.part).items() if k not in period.days})

    def _write(self, days: dict[str, Any]) -> None:
        self.draft.set_value(("calendar", self.part), dict(sorted(days.items())) or GONE)
