"""What a form holds while somebody fills it in. No control is built here, nothing typed is ever
thrown away.

FormState   which fields are shown, in order; changes() is what may be sent
  FieldState, one a field: its value, the text being typed, its problem; only its own field is
  drawn again when it changes
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import flet as ft

from shared.domain import forms
from shared.domain.config import FieldDefinition, FieldType, StoreConfig
from shared.domain.labels import Label
from shared.domain.problems import FieldProblem
from shared.domain.values.number import money_of, money_typed, number_of
from shared.domain.values.phone import parse_phone, phone_digits
from shared.domain.values.plate import plate_text
from shared.domain.values.text import clean_text
from shared.domain.values.vin import vin_text

Option = tuple[str, Label]
EMPTY = (None, "", [])


@ft.observable
@dataclass(eq=False)
class FieldState:
    """One field. `text` is what stands in its box; `value` what it means; `options` those its
    conditions leave open; `retired` what a record may still hold and nobody can choose."""

    definition: FieldDefinition
    kind: FieldType
    access: Literal["write", "read", "masked"]
    value: Any = None
    text: str = ""
    required: bool = False
    options: tuple[Option, ...] = ()
    retired: tuple[Option, ...] = ()
    problem: str | None = None

    @property
    def key(self) -> str:
        return self.definition.key


@ft.observable
@dataclass(eq=False)
class FormState:
    """A form of the store's document for one record.

    record: the record's values as they were shown, custom ones flat among them; {} for a new one.
    beside: what conditions look at that is no field (a conversation's method, outcome, level).
    defaults: values of a new record that count as filled in.
    people: (member id, name) for fields of type person.
    only: these fields, in this order; else all that may be seen, in the document's order.
    demanded: fields that must be filled in here, whatever the form says (a stage's).
    may_decide: whether this person decides requests: only who does may end a customer's wish not
    to be called.
    complete: False while what is missing may be missing (a call that reached nobody).
    """

    config: StoreConfig
    form: str
    today: date
    record: Mapping[str, Any] = field(default_factory=dict)
    creating: bool = True
    beside: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    people: Sequence[tuple[str, str]] = ()
    only: Sequence[str] | None = None
    demanded: Sequence[str] = ()
    may_decide: bool = False
    complete: bool = True
    shown: tuple[str, ...] = ()
    _fields: dict[str, FieldState] = field(default_factory=dict)
    _touched: set[str] = field(default_factory=set)
    _watchers: list[Callable[[str], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        definition, rights = self.config.forms.get(self.form), self.config.rights(self.form)
        self.record, self.beside = dict(self.record), dict(self.beside)
        known = {f.key: f for f in definition.fields} if definition else {}
        for key in self.only if self.only is not None else known:
            if key not in known or key not in (*rights.readable, *rights.masked):
                continue  # no right to see it: as if it were not there
            kind = known[key].type_in(self.form)
            access = (
                "masked"
                if key in rights.masked
                else "write"
                if key in rights.writable and kind != "formula"
                else "read"
            )
            value = self.record.get(key)
            self._fields[key] = FieldState(
                known[key],
                kind,
                access,
                value,
                self._as_text(kind, value),
                retired=tuple(
                    (o.key, o.label) for o in self.config.retired_options(self.form, key)
                ),
            )
        for key, value in self.defaults.items():
            if key in self._fields and self._fields[key].access == "write":
                self._set_value(key, value)
        self._settle()

    # what a screen asks ---------------------------------------------------------------------------

    def field(self, key: str) -> FieldState | None:
        return self._fields.get(key)

    def fields(self) -> list[FieldState]:
        """The fields to draw now, in order."""
        return [self._fields[key] for key in self.shown]

    def sections(self) -> list[tuple[Label | None, list[FieldState]]]:
        """The fields to draw now under their sections' labels; first those without one."""
        definition = self.config.forms.get(self.form)
        found: list[tuple[Label | None, list[FieldState]]] = [
            (None, [f for f in self.fields() if f.definition.section is None])
        ]
        sections = definition.sections if definition else ()
        found += [
            (s.label, [f for f in self.fields() if f.definition.section == s.key]) for s in sections
        ]
        return [(label, fields) for label, fields in found if fields]

    def value(self, key: str) -> Any:
        found = self._fields.get(key)
        return found.value if found else None

    def values(self) -> dict[str, Any]:
        """The whole record as entered so far, the input of conditions and formulas."""
        field_state = {
            key: f.value
            for key, f in self._fields.items()
            if f.value not in EMPTY and f.access != "masked"
        }
        return {**self.record, **self.beside, **dict.fromkeys(self._fields), **field_state}

    def changes(self) -> dict[str, Any]:
        """What may be sent: changed values of writable fields that are shown. A masked value is not
        among them, nor what a condition hides (it stays in the form, should the condition turn). An
        emptied field is None."""
        found = {}
        for key in self.shown:
            field_state = self._fields[key]
            before = self.record.get(key)
            if (
                field_state.access == "write"
                and key in self._touched
                and not _same(before, field_state.value)
            ):
                found[key] = None if field_state.value in EMPTY else field_state.value
        return {k: v for k, v in found.items() if v is not None or not self.creating}

    @property
    def touched(self) -> bool:
        return bool(self.changes())

    # what a person does ---------------------------------------------------------------------------

    def type(self, key: str, text: str) -> None:
        """The text of a box changed; what cannot be read as its type stays as text, and is a
        problem only later."""
        field_state = self._fields[key]
        field_state.text = text
        self._take(key, self._read(field_state, text))

    def set_value(self, key: str, value: Any) -> None:
        """A choice was made."""
        field_state = self._fields[key]
        field_state.text = self._as_text(field_state.kind, value)
        self._take(key, value)

    def toggle(self, key: str, option: str) -> None:
        """A chip was tapped: the chosen one of a field that may stay empty is taken back; several
        may be chosen of a multi."""
        field_state = self._fields[key]
        if field_state.kind == "multi":
            chosen = list(field_state.value or [])
            self.set_value(
                key, [x for x in chosen if x != option] if option in chosen else [*chosen, option]
            )
        else:
            self.set_value(
                key, None if field_state.value == option and not field_state.required else option
            )

    def leave(self, key: str) -> None:
        """The person went on to another field: now what is wrong with this one may be said."""
        field_state = self._fields[key]
        if (
            field_state.kind == "phone"
            and isinstance(field_state.value, str)
            and phone_digits(field_state.text)
        ):
            field_state.text = field_state.value  # 139 1234-5678 → 13912345678
        if field_state.text.strip():
            field_state.problem = self._problem_of(key)

    def set_context(self, *, complete: bool = True, **beside: Any) -> None:
        """The other inputs of conditions have changed (the method, the outcome)."""
        self.beside, self.complete = {**self.beside, **beside}, complete
        self._settle()

    def watch(self, on_change: Callable[[str], None]) -> None:
        """Call `told(key)` after every change of a field."""
        self._watchers.append(on_change)

    # what is wrong --------------------------------------------------------------------------------

    def check(self) -> bool:
        """Say every problem by its field; True when there is none."""
        found = {p.field: p.code for p in self.problems()}
        for key, field_state in self._fields.items():
            field_state.problem = found.get(key)
        return not found

    def problems(self) -> list[FieldProblem]:
        """The problems of the fields this form draws, in their order."""
        changes = self.changes()
        found = forms.problems(
            self.config,
            self.form,
            changes,
            creating=self.creating,
            record={**self.record, **self.beside},
            today=self.today,
            may_decide=self.may_decide,
        )
        mine = {p.field: p for p in found if p.field in self._fields}
        for key in (
            self.shown
        ):  # a phone that is none, "zwei": no value to judge, and yet something was typed
            field_state = self._fields[key]
            if (
                field_state.access == "write"
                and key in self._touched
                and field_state.text.strip()
                and field_state.value in EMPTY
            ):
                mine[key] = FieldProblem(key, self._unread(field_state))
            elif key in self.demanded and field_state.value in EMPTY:
                mine[key] = FieldProblem(key, "required")
        return [
            mine[key]
            for key in self.shown
            if key in mine and (self.complete or mine[key].code != "required")
        ]

    def reject(self, errors: Iterable[FieldProblem]) -> None:
        """Show what the server refused, by field."""
        for problem in errors:
            if problem.field in self._fields:
                self._fields[problem.field].problem = problem.code

    # inside ---------------------------------------------------------------------------------------

    def _set_value(self, key: str, value: Any) -> None:
        field_state = self._fields[key]
        field_state.value, field_state.text = value, self._as_text(field_state.kind, value)
        self._touched.add(key)

    def _take(self, key: str, value: Any) -> None:
        field_state = self._fields[key]
        field_state.value = value
        self._touched.add(key)
        if field_state.problem is not None and self._problem_of(key) is None:
            field_state.problem = None
        self._settle()
        for on_change in self._watchers:
            on_change(key)

    def _problem_of(self, key: str) -> str | None:
        return next((p.code for p in self.problems() if p.field == key), None)

    def _settle(self) -> None:
        """Conditions and formulas again: what is shown, required, open. A field that is not shown
        counts as empty for the others, as it does for the server, which never receives it."""
        hidden: set[str] = set()
        while True:
            record = {k: v for k, v in self.values().items() if k not in hidden}
            now = {
                key
                for key, field_state in self._fields.items()
                if not field_state.definition.is_shown(record)
            }
            if now <= hidden:
                break
            hidden |= now
        record |= forms.computed(self.config, self.form, record)
        for key, field_state in self._fields.items():
            by_form = key in self.config.rights(
                self.form
            ).required and field_state.definition.is_required(record)
            field_state.required = (
                field_state.access == "write"
                and self.complete
                and (by_form or key in self.demanded)
            )
            field_state.options = self._options(field_state, record)
            if field_state.kind == "formula":
                field_state.value = record.get(key)
        self.shown = tuple(key for key in self._fields if key not in hidden)

    def _options(self, field_state: FieldState, record: Mapping[str, Any]) -> tuple[Option, ...]:
        if field_state.kind == "level":
            return tuple((level.key, level.label) for level in self.config.levels)
        if field_state.kind == "person":
            return tuple((key, {"zh_CN": name}) for key, name in self.people)
        return tuple((o.key, o.label) for o in field_state.definition.open_options(record))

    @staticmethod
    def _as_text(kind: str, value: Any) -> str:
        if value is None or isinstance(value, list | bool):
            return ""
        return money_typed(value) if kind == "money" and isinstance(value, int) else str(value)

    @staticmethod
    def _read(field_state: FieldState, text: str) -> Any:
        """The value of a text; None when it is empty or cannot be read."""
        if field_state.kind == "number":
            return number_of(text)
        if field_state.kind == "money":
            return money_of(text)
        if field_state.kind == "phone":
            return phone_digits(text)
        if field_state.kind == "plate":
            return plate_text(text) or None
        if field_state.kind == "vin":
            return vin_text(text) or None
        cleaned = clean_text(text)
        return cleaned if cleaned.strip() else None

    @staticmethod
    def _unread(field_state: FieldState) -> str:
        """Why what was typed is no value."""
        if field_state.kind in ("number", "money"):
            return "type"
        return (field_state.kind == "phone" and parse_phone(field_state.text).code) or "format"


def _same(before: Any, now: Any) -> bool:
    return (before in EMPTY and now in EMPTY) or (
        before == now and isinstance(before, bool) == isinstance(now, bool)
    )
