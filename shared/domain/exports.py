"""Rows as a file that no spreadsheet will run: columns, headings, cells (T13, F-82)."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo
from typing import Any, cast
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from shared.domain.config import StoreConfig
from shared.domain.labels import Label, label_text
from shared.domain.values.text import escape_formula

PLAIN: dict[str, tuple[str, ...]] = {
    "customer": ("owner_id", "pool", "renewal_owner_id", "last_contact_at", "created_at", "id"),
    "companion": ("customer_id", "created_at", "id"),
    "vehicle": ("customer_id", "created_at", "id"),
    "policy": ("status", "customer_id", "created_at", "id"),
    "deal": (
        "owner_id",
        "pipeline",
        "stage",
        "stage_at",
        "closed_at",
        "lost_reason",
        "customer_id",
        "created_at",
        "id",
    ),
    "conversation": (
        "author_id",
        "method",
        "outcome",
        "reached",
        "occurred_at",
        "customer_id",
        "created_at",
        "id",
    ),
}


class Column(BaseModel):
    """A column of the file: the key of a field (customer.… of the record's customer) and its
    heading, empty for the store's own word."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    key: str
    heading: str = ""


def offered(config: StoreConfig, form: str) -> list[str]:
    """The columns a reader may choose, by their own rights, in the order of the form."""
    rights, of_customer = config.rights(form), config.rights("customer")
    mine = {*rights.readable, *rights.masked}
    fields = (
        [f.key for f in config.forms[form].fields if f.key in mine] if form in config.forms else []
    )
    if form == "customer":
        return [*fields, *PLAIN[form]]
    theirs = {*of_customer.readable, *of_customer.masked}
    return [
        *fields,
        *(f"customer.{f.key}" for f in config.forms["customer"].fields if f.key in theirs),
        *PLAIN[form],
    ]


def reader(
    config: StoreConfig,
    form: str,
    names: Mapping[str, str],
    language: str,
    words: Mapping[str, str],
    *,
    has_dates: bool = False,
) -> Callable[[str, Any], Any]:
    """A function from (column, value) to what stands in the cell: labels for keys, yuan for 分,
    names for people. has_dates: whether the file has cells for days and moments, not only text."""
    zone = ZoneInfo(config.store.time_zone)

    def texts(labels: Mapping[str, Label]) -> dict[str, str]:
        return {key: label_text(label, language) for key, label in labels.items()}

    options: dict[str, dict[str, str]] = {}
    money: set[str] = set()
    days: set[str] = set()
    for prefix, of in {"": form, "customer.": "customer"}.items():
        for field in config.forms[of].fields if of in config.forms else ():
            key = f"{prefix}{field.key}"
            options[key] = texts(config.option_labels(of, field.key))
            if field.type_in(of) == "money":
                money.add(key)
            if field.type_in(of) == "date":
                days.add(key)
            if field.type_in(of) == "person":
                options[key] = dict(names)
    options |= {k: dict(names) for k in ("owner_id", "renewal_owner_id", "author_id")}
    options["pool"] = texts(config.labels("pools"))
    options["pipeline"] = texts(config.labels("pipelines"))
    options["stage"] = texts(config.stage_labels())
    options["outcome"] = texts(config.labels("outcomes"))
    options["lost_reason"] = texts(config.labels("reasons"))

    def cell(key: str, value: Any) -> Any:
        if value is None:
            return ""
        if key.endswith("_at") and isinstance(value, str):
            moment = _moment(value, zone)
            return moment if has_dates or isinstance(moment, str) else f"{moment:%Y-%m-%d %H:%M}"
        if has_dates and key in days and isinstance(value, str):
            return _day(value)
        if key in money and isinstance(value, int):
            return value / 100
        if isinstance(value, bool):
            return words["yes"] if value else words["no"]
        if isinstance(value, list):
            return "、".join(str(cell(key, v)) for v in cast("list[Any]", value))
        found = options.get(key, {})
        return found.get(str(value), value) if found else value

    return cell


def _moment(text: str, zone: tzinfo) -> datetime | str:
    """An instant as the store's clock showed it, to the minute: 2026-11-28 23:30."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if moment.tzinfo is None:
        return text
    return moment.astimezone(zone).replace(second=0, microsecond=0, tzinfo=None)


def _day(text: str) -> date | str:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return text


def cells(
    columns: Sequence[str], rows: Iterable[Mapping[str, Any]], cell: Callable[[str, Any], Any]
) -> Iterable[list[Any]]:
    """Each row as cells; text that a spreadsheet would run as a formula gets an apostrophe."""
    for row in rows:
        yield [
            escape_formula(v) if isinstance(v := cell(key, row.get(key)), str) else v
            for key in columns
        ]


def as_csv(headings: Sequence[str], table: Iterable[Sequence[Any]]) -> bytes:
    """UTF-8 with a mark, as Excel wants it."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([escape_formula(h) for h in headings])
    writer.writerows(table)
    return ("\ufeff" + out.getvalue()).encode("utf8")
