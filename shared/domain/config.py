"""StoreConfig: everything a store shapes for itself, as one document (schema 1). Source: S-50,
S-55, S-56, F-65…F-79."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from shared.domain.conditions import Tree, holds
from shared.domain.instants import is_day
from shared.domain.labels import Key, Label

FieldType = Literal[
    "text",
    "long_text",
    "phone",
    "plate",
    "vin",
    "number",
    "money",
    "bool",
    "date",
    "time",
    "select",
    "multi",
    "level",
    "person",
    "file",
    "formula",
]
Whole = Annotated[int, Field(ge=-1_000_000_000, le=1_000_000_000)]
Amount = Annotated[float, Field(ge=-1e15, le=1e15)]
TIME_OF_DAY = r"^([01]\d|2[0-3]):[0-5]\d$"
# Known settings by type; the database also takes others, which nothing casts.
Settings = Annotated[
    dict[str, int | str | bool],
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                "cut_off": {"type": "string", "pattern": TIME_OF_DAY},
                "snooze_limit": {"type": "integer", "minimum": 0, "maximum": 100},
                "log_seconds": {"type": "integer", "minimum": 0, "maximum": 3600},
                "clear_seconds": {"type": "integer", "minimum": 0, "maximum": 3600},
                "duplicate_shows": {"type": "string", "maxLength": 40},
            },
            "additionalProperties": {
                "anyOf": [
                    {"type": "integer", "minimum": -1_000_000_000, "maximum": 1_000_000_000},
                    {"type": "boolean"},
                    {"type": "string", "maxLength": 200},
                ]
            },
        }
    ),
]
NamedDays = Annotated[
    dict[str, Label],  # "2027-02-06": {"zh_CN": "春节"}
    Field(max_length=400),
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": {"type": "object", "additionalProperties": {"type": "string"}},
        }
    ),
]
Access = Literal["hidden", "masked", "read", "write"]
StageType = Literal["open", "won", "lost"]
STAGE_COLORS = ("grey", "blue", "cyan", "teal", "green", "amber", "orange", "red", "purple")

BASE_TYPES: dict[str, dict[str, FieldType]] = {
    "customer": {
        "name": "text",
        "phone": "phone",
        "wechat": "text",
        "gender": "select",
        "source": "select",
        "level": "level",
        "next_contact_on": "date",
        "need": "long_text",
        "preferred_time": "select",
        "do_not_call": "bool",
    },
    "companion": {"name": "text", "relation": "select", "influence": "select", "phone": "phone"},
    "vehicle": {
        "plate": "plate",
        "vin": "vin",
        "brand": "text",
        "series": "text",
        "model_year": "number",
    },
    "policy": {
        "insurer": "text",
        "policy_number": "text",
        "kind": "select",
        "premium_fen": "money",
        "starts_on": "date",
        "expires_on": "date",
    },
    "deal": {"title": "text", "amount_fen": "money", "expected_close_on": "date"},
    "conversation": {"notes": "long_text"},
}  # crm.base_fields holds the same; a test compares them
BASE_RANGES = {("vehicle", "model_year"): (1950, 2100)} | {
    (form, key): (0, 10**13)
    for form, types in BASE_TYPES.items()
    for key, kind in types.items()
    if kind == "money"
}  # what the column of a base field holds; a document may ask for less
BASE_LENGTHS = {
    (form, key): 120 if key == "title" else 80 if kind == "text" else 2000
    for form, types in BASE_TYPES.items()
    for key, kind in types.items()
    if kind in ("text", "long_text")
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Option(_Part):
    key: Key
    label: Label


class Pool(Option):
    """Customers without an owner (S-22). Who may claim takes at most `claims_per_day` (0: nobody
    helps themselves), waits `ex_owner_days` for one they had before, and talks to them within
    `contact_hours`, else the customer goes back (F-24)."""

    claims_per_day: int = Field(default=0, ge=0, le=1000)
    ex_owner_days: int = Field(default=30, ge=0, le=3650)
    contact_hours: int = Field(default=24, ge=1, le=720)


class ConsentPurpose(Option):
    """What a consent is for (S-67); taken back for calls, one that is `needed_for_calls` stops
    every call task."""

    needed_for_calls: bool = False


class VisitForm(_Part):
    """What is asked of someone who walks in: fields of the customer form (S-14: at most six, three
    of them required)."""

    fields: tuple[Key, ...] = Field(
        default=("name", "phone", "need", "level", "source"), max_length=12
    )
    required: tuple[Key, ...] = Field(default=("name", "source", "level"), max_length=12)


class Ask(_Part):
    """When a field that has no value yet is asked for, once: on the way of a conversation or a move
    (S-14)."""

    levels: tuple[Key, ...] = ()
    stages: tuple[Key, ...] = ()


class FieldDefinition(_Part):
    """One field of a form. A base field (a column) leaves `type` to the database."""

    key: Key
    label: Label
    type: FieldType | None = None
    required: bool = False
    pattern: str | None = Field(default=None, max_length=200)
    min: Amount | None = None
    max: Amount | None = None
    max_length: int | None = Field(default=None, ge=1, le=2000)
    options: tuple[Option, ...] | None = None
    mask: Literal["phone", "plate", "tail4", "all"] | None = None
    searchable: bool = (
        False  # kept in an index: found and sorted by, on the server (crm.searchable_values)
    )
    hint: Label | None = None
    section: Key | None = None
    unique: bool = False
    on_list: bool = False  # shown on the phone's list of records
    ask: Ask | None = None
    required_methods: tuple[str, ...] = ()  # of the conversation form
    show: Tree = None
    require: Tree = None
    options_when: dict[str, Tree] = {}  # option key → when it may be chosen; no entry = always
    formula: Tree = None
    decimals: int = Field(default=0, ge=0, le=6)  # of a formula's number

    def type_in(self, form: str) -> FieldType:
        return BASE_TYPES.get(form, {}).get(self.key) or self.type or "text"

    def is_shown(self, record: Mapping[str, Any]) -> bool:
        return self.show is None or holds(self.show, record)

    def is_required(self, record: Mapping[str, Any]) -> bool:
        """Always, for the record's method, or under its condition; never while it is not shown. As
        crm.is_required."""
        wanted = (
            self.required
            or record.get("method") in self.required_methods
            or (self.require is not None and holds(self.require, record))
        )
        return wanted and self.is_shown(record)

    def open_options(self, record: Mapping[str, Any]) -> tuple[Option, ...]:
        """The options that may be chosen for this record."""
        return tuple(
            o
            for o in self.options or ()
            if o.key not in self.options_when or holds(self.options_when[o.key], record)
        )


class Section(_Part):
    key: Key
    label: Label


class Form(_Part):
    label: Label
    sections: tuple[Section, ...] = Field(default=(), max_length=30)
    fields: tuple[FieldDefinition, ...] = Field(max_length=200)

    def field(self, key: str) -> FieldDefinition | None:
        return next((f for f in self.fields if f.key == key), None)


class Role(_Part):
    key: Key
    label: Label
    scope: Literal["own", "team", "store", "group"] = "own"
    verbs: tuple[str, ...] = ()
    screens: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    pipeline: str | None = None
    rights: dict[str, dict[str, Access]] = {}


class RoleName(_Part):
    """Another role, as a document cut to its reader shows it."""

    key: Key
    label: Label


class CheckItem(_Part):
    key: Key
    label: Label


class Stage(_Part):
    key: Key
    label: Label
    type: StageType
    color: str = "blue"
    moves: tuple[str, ...] | None = None
    required: tuple[str, ...] = ()
    checklist: tuple[CheckItem, ...] = ()


class Pipeline(_Part):
    key: Key
    label: Label
    stages: tuple[Stage, ...] = Field(min_length=1, max_length=20)

    def stage(self, key: str) -> Stage | None:
        return next((s for s in self.stages if s.key == key), None)

    @model_validator(mode="after")
    def _stages_make_sense(self) -> "Pipeline":
        keys = [s.key for s in self.stages]
        if len(keys) != len(set(keys)):
            raise ValueError("two stages share a key")
        if not any(s.type == "open" for s in self.stages):
            raise ValueError("a pipeline needs an open stage to begin at")
        for stage in self.stages:
            if unknown := set(stage.moves or ()) - set(keys):
                raise ValueError(
                    f"stage {stage.key} may move to unknown stages: {', '.join(sorted(unknown))}"
                )
        return self


class Level(_Part):
    """A purchase-intent level (S-19): days of its horizon and cadence, the pool it belongs to. Days
    at it without a deal: past `reassign_after_days` on the manager's list (S-25, S-27), past
    `demote_after_days` it falls to `demote_to` (S-26)."""

    key: Key
    label: Label
    definition: Label = {}
    rank: Whole
    horizon_days: Whole | None = None
    cadence_days: int | None = Field(default=None, ge=1, le=365)
    reassign_after_days: int | None = Field(default=None, ge=1, le=3650)
    demote_after_days: int | None = Field(default=None, ge=1, le=3650)
    demote_to: Key | None = None
    pool: str | None = None


class Outcome(_Part):
    """What can come of a conversation, and what follows from it (F-03). Retry in hours; after the
    last try the manager hears of it, or a message text is offered. effect is what the customer
    becomes by it; level, stage and next_days are only proposed."""

    key: Key
    label: Label
    methods: tuple[str, ...]
    roles: tuple[Key, ...] = ()  # whose outcome it is; () = everybody's
    reached: bool
    notes_required: bool = False
    retry_hours: int | None = Field(default=None, ge=1, le=720)
    retry_max: int | None = Field(default=None, ge=1, le=20)
    after_last: Literal["manager", "message"] | None = None
    effect: Literal["complaint", "do_not_call", "lost", "test_drive", "won"] | None = None
    level: Key | None = None
    stage: Key | None = None  # of whichever pipeline the customer's open deal is in
    next_days: int | None = Field(default=None, ge=0, le=365)


class Reason(_Part):
    key: Key
    label: Label
    uses: tuple[Literal["cancel", "lost", "contact"], ...]
    parent: str | None = None
    returns: bool = True  # a renewal lost for it comes back before the next expiry


class Phrase(_Part):
    """Words of one tap. With promise_days it promises something within so many days (reserve
    15)."""

    outcome: str | None = None
    text: Label
    promise_days: int | None = Field(default=None, ge=0, le=365)


class Script(_Part):
    """What to say during the call (F-41). Every condition that is given must fit; text may hold
    {places} as a template does."""

    key: Key
    label: Label
    text: Label
    task_kinds: tuple[str, ...] = ()  # of the task: cadence, policy_window …
    levels: tuple[Key, ...] = ()
    outcomes: tuple[Key, ...] = ()  # once chosen
    within_days: int | None = Field(default=None, ge=0, le=365)  # before the policy ends


class Template(_Part):
    """A text to copy for WeChat or SMS (F-36). A line with a place that is unknown or hidden from
    the role is left out."""

    key: Key
    label: Label
    kind: Literal["quote", "message"]
    text: Label


class DayPart(_Part):
    """A part of the day in which people are called: store-local "HH:MM". Its key is also the option
    of a customer's best time."""

    key: Key
    start: str = Field(pattern=TIME_OF_DAY)
    end: str = Field(pattern=TIME_OF_DAY)


class StoreCalendar(_Part):
    """The days on which the store works: its weekdays (1 is Monday), except for closed days such as
    春节, and make-up days (调休) that are worked although their weekday is off. Every day has a
    name."""

    weekdays: tuple[Annotated[int, Field(ge=1, le=7)], ...] = Field(
        default=(1, 2, 3, 4, 5, 6, 7), min_length=1, max_length=7
    )
    closed_days: NamedDays = {}
    makeup_days: NamedDays = {}

    @model_validator(mode="after")
    def _has_days(self) -> "StoreCalendar":
        for name, days in (("closed_days", self.closed_days), ("makeup_days", self.makeup_days)):
            for day in days:
                if not is_day(day):
                    raise ValueError(f"{name}: {day} is no day")
        if both := set(self.closed_days) & set(self.makeup_days):
            raise ValueError(f"closed and a make-up day at once: {', '.join(sorted(both))}")
        return self


class QueueOrder(_Part):
    """Points that put a task where it stands (F-38), added up; the highest sum comes first. As
    crm.queue_points."""

    sent_back: int = Field(default=1000, ge=0, le=100_000)
    # these two before all that follows added up
    complaint: int = Field(default=900, ge=0, le=100_000)
    test_drive: int = Field(default=850, ge=0, le=100_000)  # the customer asks for one
    promise: int = Field(default=400, ge=0, le=100_000)
    expiry: int = Field(
        default=200, ge=0, le=100_000
    )  # on the last day of a policy, falling evenly to 0 …
    expiry_days: int = Field(default=90, ge=1, le=365)  # … so many days before
    value: int = Field(default=20, ge=0, le=1000)  # for each 万元 of premium
    value_cap: int = Field(default=100, ge=0, le=100_000)
    overdue: int = Field(default=10, ge=0, le=1000)  # for each working day
    overdue_cap: int = Field(default=100, ge=0, le=100_000)


class BurstThreshold(_Part):
    """So many outcomes of calls within so many seconds, and not one dial press: the manager is told
    (First 1)."""

    times: int = Field(default=10, ge=2, le=1000)
    seconds: int = Field(default=300, ge=10, le=86_400)


class EscalationStep(_Part):
    """A step of an escalation (S-97, F-51): after so many open minutes (first_response) or working
    days (no_contact) remind the owner, notify a manager, or move to a pool."""

    after: int = Field(ge=1, le=100_000)
    action: Literal["remind", "manager", "pool"]
    role: Key | None = None  # of the manager: the least busy active member of that role
    pool: Key | None = None


class CareDate(_Part):
    """The day a care call looks at (S-62, S-70): a date of a record, or `closed_at` of a won deal,
    again every so many months."""

    form: Literal["customer", "vehicle", "policy", "deal"]
    field: Key
    every_months: int = Field(default=12, ge=1, le=120)
    times: int | None = Field(default=None, ge=1, le=50)  # None: for ever


class Rule(_Part):
    """What makes tasks: `days` are days before a policy ends or a care date comes; `steps` those of
    an escalation, in order."""

    key: Key
    label: Label
    kind: Literal["cadence", "policy_window", "care", "first_response", "no_contact"]
    days: tuple[Annotated[int, Field(ge=-3650, le=3650)], ...] = ()
    active: bool = True
    levels: tuple[Key, ...] = ()  # only customers of these levels; empty: all
    sources: tuple[Key, ...] = ()
    date: CareDate | None = None
    steps: tuple[EscalationStep, ...] = Field(default=(), max_length=5)
    quiet_from: str | None = Field(
        default=None, pattern=TIME_OF_DAY
    )  # store-local; nobody is reminded and no minute counts
    quiet_to: str | None = Field(default=None, pattern=TIME_OF_DAY)

    @model_validator(mode="after")
    def _says_enough(self) -> "Rule":
        if self.kind == "care" and self.date is None:
            raise ValueError(f"rule {self.key} needs a date to look at")
        if self.kind in ("first_response", "no_contact") and not self.steps:
            raise ValueError(f"rule {self.key} needs a step")
        if any(
            (s.action == "manager" and s.role is None) or (s.action == "pool" and s.pool is None)
            for s in self.steps
        ):
            raise ValueError(f"rule {self.key}: a manager needs a role, a pool its name")
        if list(self.steps) != sorted(self.steps, key=lambda s: s.after) or len(
            {s.after for s in self.steps}
        ) < len(self.steps):
            raise ValueError(f"rule {self.key}: steps go up")
        return self


class StoreSettings(_Part):
    time_zone: str = "Asia/Shanghai"
    languages: tuple[str, ...] = ("zh_CN", "zh_TW", "en")


DAY_PARTS = tuple(
    DayPart(key=key, start=start, end=end)
    for key, start, end in (
        ("morning", "09:00", "12:00"),
        ("noon", "12:00", "14:00"),
        ("afternoon", "14:00", "18:00"),
        ("evening", "18:00", "20:00"),
    )
)


class FieldRights(_Part):
    """The caller's compiled rights on one form."""

    readable: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


class Replacements(_Part):
    """Where records go whose stage ("pipeline.stage"), level, pool or reason the document no longer
    names; publishing moves them."""

    stages: dict[str, str] = {}
    levels: dict[str, str] = {}
    pools: dict[str, str] = {}
    reasons: dict[str, str] = {}


class StoreConfig(_Part):
    """The document. As `api.config` serves it, roles and forms are cut to the caller, `access`
    holds their own rights and `retired` the choices that earlier documents had, by list."""

    schema_: Literal[1] = Field(alias="schema", default=1)
    store: StoreSettings = StoreSettings()
    settings: Settings = {}
    pools: tuple[Pool, ...] = ()
    consents: tuple[ConsentPurpose, ...] = ()
    visit: VisitForm = VisitForm()
    roles: tuple[Role | RoleName, ...] = Field(max_length=30)
    forms: dict[str, Form]
    pipelines: tuple[Pipeline, ...]
    levels: tuple[Level, ...]
    outcomes: tuple[Outcome, ...]
    reasons: tuple[Reason, ...] = ()
    phrases: tuple[Phrase, ...] = ()
    scripts: tuple[Script, ...] = ()
    templates: tuple[Template, ...] = ()
    queue: QueueOrder = QueueOrder()
    day_parts: tuple[DayPart, ...] = DAY_PARTS
    burst: BurstThreshold = BurstThreshold()
    calendar: StoreCalendar = StoreCalendar()
    rules: tuple[Rule, ...] = ()
    replacements: Replacements = Replacements()
    access: dict[str, FieldRights] = {}
    retired: dict[str, tuple[Option, ...]] = {}

    def pipeline(self, key: str) -> Pipeline | None:
        return next((p for p in self.pipelines if p.key == key), None)

    def stage(self, pipeline: str, stage: str) -> Stage | None:
        found = self.pipeline(pipeline)
        return found.stage(stage) if found else None

    def level(self, key: str | None) -> Level | None:
        return next((x for x in self.levels if x.key == key), None)

    def outcome(self, key: str | None) -> Outcome | None:
        return next((x for x in self.outcomes if x.key == key), None)

    def reasons_for(self, use: str, parent: str | None = None) -> tuple[Reason, ...]:
        """The reasons for a use on one level: the first, or those under a parent (F-37)."""
        return tuple(r for r in self.reasons if use in r.uses and r.parent == parent)

    def labels(self, listed: str) -> dict[str, Label]:
        """What the choices of a list are called, and those removed from it were: of "levels",
        "outcomes", "reasons", "pools", "roles", "consents", "pipelines" or "stages.new_car"."""
        name, _dot, pipeline = listed.partition(".")
        if name == "stages":
            found = self.pipeline(pipeline)
            choices: tuple[Any, ...] = found.stages if found else ()
        else:
            choices = getattr(self, name)
        return {choice.key: choice.label for choice in (*self.retired.get(listed, ()), *choices)}

    def stage_labels(self) -> dict[str, Label]:
        """Of the stages of all pipelines."""
        pipelines = (*self.retired.get("pipelines", ()), *self.pipelines)
        return {k: v for p in pipelines for k, v in self.labels(f"stages.{p.key}").items()}

    def option_labels(self, form: str, key: str) -> dict[str, Label]:
        """Of the values of a field: its options, or the levels."""
        definition = self.forms[form].field(key) if form in self.forms else None
        if definition is not None and definition.type_in(form) == "level":
            return self.labels("levels")
        options = (definition.options if definition else None) or ()
        return {o.key: o.label for o in (*self.retired_options(form, key), *options)}

    def retired_options(self, form: str, key: str) -> tuple[Option, ...]:
        """What a field could be once and cannot be chosen any more."""
        return self.retired.get(f"{form}.{key}", ())

    def setting(self, key: str, default: int) -> int:
        """A whole number among the settings."""
        found = self.settings.get(key, default)
        return found if isinstance(found, int) and not isinstance(found, bool) else default

    def rights(self, form: str) -> FieldRights:
        return self.access.get(form, FieldRights())

    def document(self) -> dict[str, Any]:
        """The document as it is published and exported: without the caller's own rights and without
        what is said by default."""
        parts = self.model_dump(
            mode="json", by_alias=True, exclude_defaults=True, exclude={"access", "retired"}
        )
        return {"schema": self.schema_, "store": self.store.model_dump(mode="json"), **parts}

    def digest(self) -> str:
        """A fingerprint: equal for documents that say the same."""
        return sha256(
            json.dumps(
                self.document(), sort_keys=True, ensure_ascii=False, separators=(",", ":")
            ).encode()
        ).hexdigest()
