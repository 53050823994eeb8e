"""Lists from outside: mapping their columns, turning a row into records or into problems (S-02,
S-69, F-40, F-81).

An import never changes what it does not understand: a cell becomes a value, or nothing, or a
problem of its row; a value that was read with a doubt is told as a warning; a word of a choice that
the store does not have waits until somebody says what it means.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from hashlib import sha256
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from shared.domain.config import BASE_LENGTHS, BASE_RANGES, FieldDefinition, StoreConfig
from shared.domain.import_headings import (
    ASSIGNED,
    FORMS,
    REQUIRED_TARGETS,
    TARGETS,
    Kind,
    guess_columns,
    targets,
)
from shared.domain.values.blank import is_blank, is_ditto
from shared.domain.values.clock import parse_time
from shared.domain.values.day import Order, order_of, parse_day
from shared.domain.values.number import (
    is_foreign,
    parse_money,
    parse_number,
    parse_year,
    unit_of,
    unit_of_list,
)
from shared.domain.values.parsed import Parsed, is_error_cell, is_scientific, plain
from shared.domain.values.phone import parse_phone, region_of_most
from shared.domain.values.plate import parse_plate
from shared.domain.values.text import (
    GARBLED,
    full_name,
    parse_name,
    parse_text,
    search_name,
    unescape_formula,
)
from shared.domain.values.vin import parse_vin

__all__ = ["REQUIRED_TARGETS", "TARGETS", "Kind", "targets"]

DATES = ("policy.starts_on", "policy.expires_on", "deal.stage_on", "deal.expected_close_on")
EARLIEST, LATEST = date(1970, 1, 1), date(2100, 12, 31)  # of policies and deals
GENDERS = {
    **dict.fromkeys(("m", "男", "男性", "男士", "male", "先生", "mr", "mr."), "male"),
    **dict.fromkeys(
        ("f", "女", "女性", "female", "女士", "小姐", "太太", "mrs", "mrs.", "ms", "ms."), "female"
    ),
}
YES = {"是", "有", "yes", "y", "true", "1", "√", "✓", "✔", "☑", "对", "已", "t"}
NO = {"否", "不", "不是", "no", "n", "false", "0", "×", "✗", "✘", "☒", "错", "f"} | {
    *("无", "無", "没有", "沒有", "未")  # beside 有 and 已 they say no, and not nothing
}


_OWN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class ImportMapping(BaseModel):
    """Which column fills what, what its values mean, and how this list writes phones, days and
    money. Saved per store and kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    columns: dict[str, str] = {}  # target → heading
    headings: tuple[str, ...] = ()  # of the list: one that fills nothing was left out on purpose
    # target → {text in the list: key of ours, or "" for a text that is left out}
    values: dict[str, dict[str, str]] = {}
    others: dict[str, str] = {}  # target → the same for all texts that values does not name
    defaults: dict[str, str] = {}  # target → what an empty cell stands for
    phone_region: str = "CN"
    date_order: Order = ""
    amount_in_fen: bool = False
    money_unit: str = ""  # of all sums, as this list says above its headings: 万元
    pipeline: str = ""
    # where the numbers of the key column come from; "" for a list of nobody's in particular
    source_system: str = ""


class RowProblem(BaseModel):
    """A row that cannot be taken, or a doubt about one that can: `row` counts as the person's
    spreadsheet does, the first line being row 1. `rest`: what was left out of the value."""

    model_config = ConfigDict(frozen=True)
    row: int
    field: str
    code: str
    value: str = ""
    rest: str = ""


class PreparedRows(NamedTuple):
    """Rows as `commit_import` takes them, why the others cannot be taken, and what was read with a
    doubt."""

    good: list[dict[str, Any]]
    problems: list[RowProblem]
    warnings: list[RowProblem]


class PreparedRow(NamedTuple):
    """One row; none when it has problems."""

    row: dict[str, Any] | None
    problems: list[RowProblem]
    warnings: list[RowProblem]


def guess(kind: Kind, headings: Sequence[str], config: StoreConfig | None = None) -> ImportMapping:
    """A first mapping by the headings; each column is used once."""
    columns = guess_columns(kind, headings, config)
    return ImportMapping(columns=columns, headings=tuple(headings))


def extend_mapping(saved: ImportMapping, guessed: ImportMapping) -> ImportMapping:
    """A saved mapping for a list that has more columns: those it has never seen are guessed.
    Without this, the mapping of a short list silently left out columns of a longer one."""
    seen = {*saved.headings, *saved.columns.values()}
    added = {
        target: heading
        for target, heading in guessed.columns.items()
        if target not in saved.columns and heading not in seen
    }
    return saved.model_copy(
        update={
            "columns": {**saved.columns, **added},
            "headings": guessed.headings,
            "date_order": saved.date_order or guessed.date_order,
            "money_unit": guessed.money_unit,  # the saved one was of another file
        }
    )


def fit_mapping(
    mapping: ImportMapping, rows: Sequence[Mapping[str, Any]], above: Iterable[str] = ()
) -> ImportMapping:
    """The mapping with the order of days taken from the list, as far as its days tell, the unit of
    its sums as the lines above its headings name it, and without a key column that only counts the
    rows."""
    columns = dict(mapping.columns)
    if "key" in columns and _only_counts([cell_text(r.get(columns["key"])) for r in rows[:1000]]):
        del columns["key"]
    days = (
        cell_text(row.get(columns[target])) for target in columns if target in DATES for row in rows
    )
    fitted = {"columns": columns, "date_order": order_of(days), "money_unit": unit_of_list(above)}
    return mapping.model_copy(update=fitted)


def _only_counts(texts: Sequence[str]) -> bool:
    """1, 2, 3 …: such a number identifies a row of this list, not a person."""
    numbers = [int(t) for t in texts if t.isdigit() and len(t) <= 7]
    if not numbers or len(numbers) < len([t for t in texts if t]):
        return False
    return numbers == list(range(numbers[0], numbers[0] + len(numbers))) and numbers[0] in (0, 1)


def region_to_ask(mapping: ImportMapping, rows: Sequence[Mapping[str, Any]]) -> str:
    """The country most numbers of the list seem to be of, when it is not the chosen one; empty
    when there is nothing to ask."""
    heading = mapping.columns.get("customer.phone")
    if not heading:
        return ""
    region = region_of_most([cell_text(row.get(heading)) for row in rows[:1000]])
    return "" if region == mapping.phone_region else region


def missing_targets(kind: Kind, mapping: ImportMapping) -> tuple[str, ...]:
    return tuple(t for t in REQUIRED_TARGETS[kind] if t not in mapping.columns)


def unmatched(headings: Sequence[str], mapping: ImportMapping) -> list[str]:
    """The columns that fill nothing."""
    return [h for h in headings if h not in mapping.columns.values()]


def distinct_values(rows: Iterable[Mapping[str, Any]], heading: str) -> dict[str, int]:
    """The distinct texts of a column, and in how many rows each occurs."""
    found: dict[str, int] = {}
    for row in rows:
        text = cell_text(row.get(heading))
        if text and not is_error_cell(text):
            found[text] = found.get(text, 0) + 1
    return found


def unknown_words(
    config: StoreConfig,
    mapping: ImportMapping,
    rows: Sequence[Mapping[str, Any]],
    owners: Mapping[str, str],
    target: str,
) -> dict[str, int]:
    """The texts of a mapped choice that mean nothing to the store, and in how many rows each
    stands; empty for a column that is no choice."""
    heading = mapping.columns.get(target)
    words = choices(config, mapping, owners, target)
    if heading is None or words is None:
        return {}
    definition = _definition(config, target)
    several = definition is not None and definition.type == "multi"
    unknown: dict[str, int] = {}
    retired = retired_words(config, target)
    if retired and (key := mapping.columns.get("key")):
        rows = [
            row
            for row in rows
            if not (is_own_id(row.get(key)) and _word(cell_text(row.get(heading))) in retired)
        ]
    for text, count in distinct_values(rows, heading).items():
        for part in _parts(text) if several else [text]:
            if not is_blank(part) and _word(part) not in words:
                unknown[part] = unknown.get(part, 0) + count
    return unknown


def choices(
    config: StoreConfig, mapping: ImportMapping, owners: Mapping[str, str], target: str
) -> dict[str, str] | None:
    """The words of a choice and what they mean: keys and labels in every language, the usual words
    for gender, the names of members. None for a column that is no choice."""
    form, _dot, key = target.partition(".")
    if key in ("owner", "renewal_owner"):
        return {_word(name): member for name, member in owners.items()}
    if target == "customer.pool":
        return _labelled(config.pools)
    if target == "deal.stage":
        return _labelled((config.pipeline(mapping.pipeline) or config.pipelines[0]).stages)
    definition = _definition(config, target)
    if definition is None:
        return None
    kind = definition.type_in(form)
    if kind == "level":
        return _labelled(config.levels)
    if kind == "bool":
        return {**dict.fromkeys(YES, "yes"), **dict.fromkeys(NO, "no")}
    if kind not in ("select", "multi"):
        return None
    words = _labelled(definition.options or ())
    if key == "gender":
        keys = set(words.values())
        words = {**{w: k for w, k in GENDERS.items() if k in keys}, **words}
    return words


def retired_words(config: StoreConfig, target: str) -> dict[str, str]:
    """The words of what a field could be once. Our own export still says them, and what a record
    has may stay; nobody new is given it."""
    form, _dot, _key = target.partition(".")
    definition = _definition(config, target)
    is_level = definition is not None and definition.type_in(form) == "level"
    return _labelled(config.retired.get("levels" if is_level else target, ()))


def is_own_id(key: Any) -> bool:
    """Whether the number of a row is the id of a record of ours, as our export writes it."""
    return _OWN_ID.fullmatch(cell_text(key)) is not None


def _labelled(options: Iterable[Any]) -> dict[str, str]:
    words: dict[str, str] = {}
    for option in options:
        words |= {_word(text): option.key for text in (*option.label.values(), option.key) if text}
    return words


def _word(text: str) -> str:
    return re.sub(r"\s+", "", plain(text)).lower()


def _parts(text: str) -> list[str]:
    return [p.strip() for p in re.split(r"[、,，;；/|\n]+", text) if p.strip()]


def _definition(config: StoreConfig, target: str) -> FieldDefinition | None:
    """The field a target fills; none for the parts of a name, people and stages."""
    form, _dot, key = target.partition(".")
    return config.forms[form].field(key) if form in config.forms else None


def _kind(target: str, definition: FieldDefinition | None) -> str:
    form, _dot, key = target.partition(".")
    if definition is not None:
        return definition.type_in(form)
    if key in (*ASSIGNED, "stage"):
        return "select"
    return "date" if key == "stage_on" else "text"


@dataclass(frozen=True)
class Reader:
    """What every row of a list is read with, worked out once."""

    kind: Kind
    mapping: ImportMapping
    config: StoreConfig
    owners: Mapping[str, str]  # a name of the list → a member's id
    wanted: tuple[str, ...] = ()
    words: Mapping[str, Mapping[str, str] | None] = field(
        default_factory=dict[str, Mapping[str, str] | None]
    )
    definitions: Mapping[str, FieldDefinition | None] = field(
        default_factory=dict[str, FieldDefinition | None]
    )
    retired: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    zone: Any = UTC

    @classmethod
    def of(
        cls, kind: Kind, mapping: ImportMapping, config: StoreConfig, owners: Mapping[str, str]
    ) -> "Reader":
        filled = {*mapping.columns, *(t for t, text in mapping.defaults.items() if text)}
        wanted = tuple(t for t in targets(kind, config) if t in filled)
        words = {t: choices(config, mapping, owners, t) for t in wanted}
        definitions = {t: _definition(config, t) for t in wanted}
        zone = ZoneInfo(config.store.time_zone)
        retired = {t: found for t in wanted if (found := retired_words(config, t))}
        return cls(kind, mapping, config, owners, wanted, words, definitions, retired, zone)

    # one cell -------------------------------------------------------------------------------------

    def value(self, target: str, raw: Any) -> Parsed[Any]:
        """A cell as its field wants it."""
        text = cell_text(raw)
        named = self.mapping.values.get(target, {}).get(text)
        words = self.words.get(target)
        if words is None and named is not None:
            return Parsed(named or None)
        if is_error_cell(text):
            return Parsed(code="error_cell")
        if GARBLED in text:
            return Parsed(code="garbled")
        if is_ditto(text) and named is None:
            return Parsed(code="ditto")
        form, _dot, key = target.partition(".")
        kind = _kind(target, self.definitions.get(target))
        if words is not None:
            return self._choice(target, kind, text, words)
        return self._typed(kind, form, key, text, raw)

    def _choice(self, target: str, kind: str, text: str, words: Mapping[str, str]) -> Parsed[Any]:
        named, others = self.mapping.values.get(target, {}), self.mapping.others.get(target)

        def meant(word: str) -> Parsed[str]:
            if (said := named.get(word)) is not None:
                return Parsed(words.get(_word(said), said) or None)
            if known := words.get(_word(word)):
                return Parsed(known)
            if is_blank(word):
                return Parsed()
            return Parsed(code="option") if others is None else Parsed(others or None)

        if kind == "multi" and text not in named:
            found = [meant(part) for part in _parts(text)]
            if any(part.code for part in found):
                return Parsed(code="option")
            chosen = list(dict.fromkeys(part.value for part in found if part.value))
            return Parsed(chosen or None)
        found = meant(text)
        if kind == "bool" and found.value is not None:
            return Parsed(found.value == "yes")
        return Parsed([found.value]) if kind == "multi" and found.value else found

    def _typed(self, kind: str, form: str, key: str, text: str, raw: Any) -> Parsed[Any]:
        if kind == "phone":
            return parse_phone(text, self.mapping.phone_region)
        if kind == "plate":
            return parse_plate(text)
        if kind == "vin":
            return parse_vin(text)
        if kind == "date":
            return self._day(form, text, raw)
        if kind == "time":
            return _time(text, raw)
        if key == "model_year":
            return parse_year(text)
        if kind == "money":
            return self._sum(f"{form}.{key}", _decimal_text(raw, text))
        if kind == "number":
            return self._number(f"{form}.{key}", _decimal_text(raw, text))
        return _text(key, text, raw)

    def _sum(self, target: str, text: str) -> Parsed[int]:
        heading = self.mapping.columns.get(target, "")
        if is_foreign(heading) and not is_blank(text):
            return Parsed(code="currency")
        unit = unit_of(heading)
        above = self.mapping.money_unit if unit == 1 else ""
        found = parse_money(
            text, in_fen=self.mapping.amount_in_fen, unit=unit_of(above) if above else unit
        )
        if found.value and above not in ("", "元") and not found.warning:
            return Parsed(found.value, warning="money_unit", rest=above)
        return found

    def _number(self, target: str, text: str) -> Parsed[int | float]:
        number = parse_number(text)
        definition = self.definitions.get(target)
        labels = definition.label.values() if definition else ()
        unit = unit_of(self.mapping.columns.get(target, ""))
        if number.value is not None and unit not in [unit_of(label) for label in labels]:
            # 32000 below 万公里 is hardly meant
            doubt = "money_unit" if unit >= 1000 and abs(number.value) >= 1000 else number.warning
            number = Parsed(number.value * unit, warning=doubt)
        return Parsed(_plain_number(number.value), number.code, number.warning)

    def _day(self, form: str, text: str, raw: Any) -> Parsed[str]:
        limits = {} if form == "customer" else {"earliest": EARLIEST, "latest": LATEST}
        day = parse_day(
            raw if isinstance(raw, date) else text,
            order=self.mapping.date_order,
            zone=self.zone,
            **limits,
        )
        return Parsed(day.value.isoformat() if day.value else None, day.code, day.warning)


def _time(text: str, raw: Any) -> Parsed[str]:
    if isinstance(raw, time):
        return Parsed(f"{raw:%H:%M}")
    return parse_time(text)


def _text(key: str, text: str, raw: Any) -> Parsed[str]:
    """Words as they stand; a long number that lost its digits is none."""
    if is_scientific(plain(text)) and (isinstance(raw, float) or re.search(r"[eE]\+?\d{2}", text)):
        return Parsed(code="scientific")
    return parse_name(text) if key in ("name", "family_name") else parse_text(text)


def _decimal_text(raw: Any, text: str) -> str:
    """A number of a spreadsheet with all its digits, never 1e-05."""
    return f"{Decimal(repr(raw)):f}" if isinstance(raw, float) and abs(raw) < 1e300 else text


def _plain_number(number: Decimal | None) -> int | float | None:
    if number is None:
        return None
    return int(number) if number == number.to_integral_value() else float(number)


# one row ------------------------------------------------------------------------------------------


def prepare_all(
    kind: Kind,
    mapping: ImportMapping,
    config: StoreConfig,
    rows: Iterable[tuple[int, Mapping[str, Any]]],
    owners: Mapping[str, str],
    broken: Mapping[int, str] | None = None,
) -> PreparedRows:
    """Every row, read. A row that says again what an earlier one said is a problem, and so is one
    that could not be read from the file (`broken`: row → code)."""
    reader = Reader.of(kind, mapping, config, owners)
    done = PreparedRows([], [], [])
    seen = _Seen(kind)
    for number, row in rows:
        if broken and number in broken:
            told = " ".join(cell_text(v) for v in row.values())[:80]
            done.problems.append(
                RowProblem(row=number, field="row", code=broken[number], value=told)
            )
            continue
        found = _prepare(reader, number, row)
        done.problems.extend(found.problems)
        if found.row is None:
            continue
        if problem := seen.problem(found.row):
            done.problems.append(problem)
            continue
        done.good.append(found.row)
        done.warnings.extend((*found.warnings, *seen.warnings(found.row)))
    return done


class _Seen:
    """What the rows before said, to find what is said twice and what cannot be both."""

    def __init__(self, kind: Kind) -> None:
        self.kind: Kind = kind
        self._rows: dict[str, int] = {}
        self._people: dict[str, tuple[int, str, str]] = {}
        self._plates: dict[str, tuple[int, str, str]] = {}

    def problem(self, prepared: Mapping[str, Any]) -> RowProblem | None:
        number, identity = prepared["row"], _identity(self.kind, prepared)
        if identity in self._rows:
            code, first = "duplicate_in_file", self._rows[identity]
        elif first := self._another(self._people, prepared["key"], prepared):
            code = "key_of_another"
        else:
            self._rows[identity] = number
            return None
        return RowProblem(row=number, field="key", code=code, value=str(first))

    def warnings(self, prepared: Mapping[str, Any]) -> list[RowProblem]:
        plate = prepared.get("vehicle", {}).get("plate")
        first = self._another(self._plates, plate, prepared) if plate else 0
        if not first:
            return []
        told = {"code": "plate_of_another", "value": plate, "rest": str(first)}
        return [RowProblem(row=prepared["row"], field="vehicle.plate", **told)]

    @staticmethod
    def _another(
        known: dict[str, tuple[int, str, str]], key: str, prepared: Mapping[str, Any]
    ) -> int:
        """The row that used the same key for a person of another name and another number."""
        customer = prepared["customer"]
        name, phone = search_name(customer["name"]), customer.get("phone", "")
        number, first_name, first_phone = known.setdefault(key, (prepared["row"], name, phone))
        apart = first_name != name and phone != first_phone
        return number if apart and phone and first_phone else 0


def _identity(kind: Kind, prepared: Mapping[str, Any]) -> str:
    if kind == "deals":
        return prepared["deal_key"]
    car = prepared.get("vehicle", {})
    if kind == "customers":
        return "/".join(
            (
                prepared["key"],
                prepared["customer"]["name"],
                car.get("plate") or car.get("vin") or "",
            )
        )
    policy = prepared["policy"]
    return policy.get("policy_number") or "/".join(
        str(x)
        for x in (
            car.get("plate") or car.get("vin") or prepared["key"],
            car.get("brand"),
            car.get("series"),
            policy.get("kind"),
            policy["expires_on"][:4],
        )
    )


def prepare(
    kind: Kind,
    mapping: ImportMapping,
    config: StoreConfig,
    number: int,
    row: Mapping[str, Any],
    owners: Mapping[str, str],
) -> PreparedRow:
    """One row as `commit_import` takes it, or its problems. `owners` maps a name of the list to a
    member's id."""
    return _prepare(Reader.of(kind, mapping, config, owners), number, row)


def _prepare(reader: Reader, number: int, row: Mapping[str, Any]) -> PreparedRow:
    found = _Row(reader, number, row)
    for target in reader.wanted:
        found.read(target)
    found.name()
    if reader.kind == "policies":
        found.policy()
    if reader.kind == "deals":
        found.deal()
    if found.problems:
        return PreparedRow(None, found.problems, [])
    return PreparedRow(found.prepared(), [], found.warnings)


class _Row:
    """One row on its way to records."""

    def __init__(self, reader: Reader, number: int, row: Mapping[str, Any]) -> None:
        self.reader, self.number, self.row = reader, number, row
        self.problems: list[RowProblem] = []
        self.warnings: list[RowProblem] = []
        self.values: dict[str, Any] = {}
        self.is_ours = is_own_id(row.get(reader.mapping.columns.get("key", "")))
        self.written: set[str] = set()  # targets whose cell said something

    def read(self, target: str) -> None:
        mapping = self.reader.mapping
        raw = self.row.get(mapping.columns.get(target, ""))
        found = self.reader.value(target, raw)
        if found.code == "option" and self.is_ours:
            kept = self.reader.retired.get(target, {}).get(_word(cell_text(raw)))
            found = Parsed(kept) if kept else found
        if found.value is None and not found.code and (text := mapping.defaults.get(target)):
            raw, found = text, self.reader.value(target, text)
        elif found.value is not None:
            self.written.add(target)
        code = found.code or ("" if found.value is None else self._misfit(target, found.value))
        if code:
            self.say(target, code, cell_text(raw))
            return
        if found.value is not None:
            self.values[target] = found.value
        if found.warning:
            self.warnings.append(
                RowProblem(
                    row=self.number,
                    field=target,
                    code=found.warning,
                    value=cell_text(raw)[:80],
                    rest=found.rest,
                )
            )

    def _misfit(self, target: str, value: Any) -> str:
        """What the field does not take: nothing is cut or rounded into it."""
        form, _dot, key = target.partition(".")
        definition = self.reader.definitions.get(target)
        if definition is None:
            return "length" if isinstance(value, str) and len(value) > 200 else ""
        kind = definition.type_in(form)
        if kind in ("number", "money"):
            least, most = BASE_RANGES.get((form, key), (0 if kind == "money" else None, None))
            least = max((x for x in (least, definition.min) if x is not None), default=value)
            most = min((x for x in (most, definition.max) if x is not None), default=value)
            return "" if least <= value <= most else "range"
        if kind in ("text", "long_text"):
            usual = 2000 if kind == "long_text" else 80
            longest = definition.max_length or usual
            longest = min(longest, BASE_LENGTHS.get((form, key), longest))
            return "length" if len(value) > longest else ""
        return ""

    def say(self, target: str, code: str, value: str = "") -> None:
        self.problems.append(RowProblem(row=self.number, field=target, code=code, value=value[:80]))

    def name(self) -> None:
        first, family = (
            self.values.pop(target, "") for target in ("customer.name", "customer.family_name")
        )
        name = full_name(first, family)
        if not name and not any(p.field == "customer.name" for p in self.problems):
            self.say("customer.name", "required")
        if len(name) > BASE_LENGTHS["customer", "name"]:
            self.say("customer.name", "length", name)
        self.values["customer.name"] = name

    def policy(self) -> None:
        starts, expires = (
            self.values.get(target) for target in ("policy.starts_on", "policy.expires_on")
        )
        if not expires and not any(p.field == "policy.expires_on" for p in self.problems):
            self.say("policy.expires_on", "required")
        if starts and expires and starts > expires:
            self.say("policy.expires_on", "ends_before_start", f"{starts} – {expires}")

    def deal(self) -> None:
        config, mapping = self.reader.config, self.reader.mapping
        pipeline = config.pipeline(mapping.pipeline) or config.pipelines[0]
        self.values["deal.pipeline"] = pipeline.key
        if "deal.stage" not in self.values and not any(
            p.field == "deal.stage" for p in self.problems
        ):
            self.say("deal.stage", "required")
        if owner := self.values.pop("deal.owner", None):
            self.values["deal.owner_id"] = owner

    def prepared(self) -> dict[str, Any]:
        forms: dict[str, dict[str, Any]] = {form: {} for form in FORMS[self.reader.kind]}
        assignment: dict[str, Any] = {}
        for target, value in self.values.items():
            form, _dot, key = target.partition(".")
            if form == "customer" and key in ASSIGNED:
                assignment[key if key == "pool" else f"{key}_id"] = value
            elif target not in ("key", "deal.key"):
                forms[form][key] = value
        key = self._key()
        prepared: dict[str, Any] = {"row": self.number, "key": key, "customer": forms["customer"]}
        prepared |= {form: forms[form] for form in forms if form != "customer" and forms[form]}
        if assignment:
            prepared["assignment"] = assignment
        if self.reader.kind == "deals":
            deal = forms["deal"]
            said = self.values.get("deal.key")
            named = f"{key}/{deal.get('title', '')}/{deal.get('stage_on', '')}"
            prepared["deal_key"] = str(said or named)[:200]
        return prepared

    def _key(self) -> str:
        """What the row is called by: the list's own number, else what tells its person from
        others. Strangers without a name, and people of one name, stay apart."""
        values = self.values
        if key := values.get("key"):
            return str(key)[:200]
        phone, name = values.get("customer.phone"), values["customer.name"]
        unnamed = "customer.name" not in self.written and not phone
        car = values.get("vehicle.plate") or values.get("vehicle.vin")
        known = (
            (values.get("deal.key") if unnamed else None)
            or values.get("policy.policy_number")
            or (f"{car}/{name}" if car else None)
        )
        if known:
            return str(known)[:200]
        if phone or self.reader.kind != "customers":
            return f"{name}/{phone or ''}"[:200]
        rest = sorted((t, str(v)) for t, v in values.items() if t != "customer.name")
        return f"{name}/{sha256(repr(rest).encode()).hexdigest()[:12]}" if rest else f"{name}/"


def cell_text(value: Any) -> str:
    """A cell as text: whole numbers without .0, days as 2026-11-24; the apostrophe that an export
    puts before what looks like a formula is taken off again."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        if value.tzinfo is None and value.time() == time.min:
            return value.date().isoformat()
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return unescape_formula(str(value).strip())
