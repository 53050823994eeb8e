"""Mending what the server refused: the same fields with what was typed, or both versions side by
side after a conflict."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import flet as ft

from mobile_app.files.picker import AttachmentPicker
from mobile_app.offline.outbox import PendingOperation
from mobile_app.session import Session
from shared.domain.catalogue import FORM_OF_VERB, form_of
from shared.domain.funnel import CHECK
from shared.domain.labels import Label
from shared.domain.problems import FieldProblem
from shared.ui.form import FormState
from shared.ui.form.state import EMPTY

BESIDE = (
    "outcome",
    "level",
    "reason",
    "lost_reason",
)  # what a payload holds beside form fields, chosen from the document's lists
DAYS = ("next_contact_on", "until")


@ft.observable
@dataclass(eq=False)
class ResolveConflict:
    """One refused operation. `form` holds its fields, `facts` those of the customer that a
    conversation asked for on the way, `beside` and `days` the rest that was refused, `ticks` the
    items of a stage's checklist, `keeps` the choice per field of a conflict: mine, theirs or
    both."""

    session: Session
    op_id: UUID
    row: PendingOperation | None = None
    form: FormState | None = None
    facts: FormState | None = None
    attaching: AttachmentPicker | None = None
    beside: dict[str, str | None] = field(default_factory=dict)
    days: dict[str, date | None] = field(default_factory=dict)
    ticks: dict[str, bool] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    keeps: dict[str, str] = field(default_factory=dict)
    loaded: bool = False
    problem: str = ""
    done: Callable[[], Any] | None = None

    async def open(self, op_id: UUID) -> None:
        """Another operation on the same screen begins from nothing."""
        if op_id != self.op_id:
            self.op_id, self.row, self.form, self.facts, self.attaching, self.loaded = (
                op_id,
                None,
                None,
                None,
                None,
                False,
            )
            self.beside, self.days, self.ticks, self.problems, self.keeps, self.problem = (
                {},
                {},
                {},
                {},
                {},
                "",
            )
        await self.load()

    async def load(self) -> None:
        if self.loaded:
            return
        rows = await self.session.local_store.outbox.unacknowledged()
        self.row = next((r for r in rows if r.op_id == self.op_id and r.state == "rejected"), None)
        if self.row is not None:
            self._take(self.row)
        if self.form is not None:
            self.attaching = AttachmentPicker(
                self.session, self.form, await self.session.local_store.replica.files_of(self.op_id)
            )
        self.loaded = True

    @property
    def form_key(self) -> str:
        return form_of(self.row.verb) if self.row else ""

    def _take(self, row: PendingOperation) -> None:
        config = self.session.config
        found = dict(row.errors) or ({row.field: row.code or "unexpected"} if row.field else {})
        if config is None:
            return
        if row.theirs:
            self.keeps = dict.fromkeys(row.theirs, "mine")
            return
        fields, facts = dict(row.payload.get("set") or {}), row.payload.get("facts") or {}
        if row.verb == "log_conversation":
            fields["notes"] = row.payload.get("notes") or ""
        if any(k in facts for k in found):
            self.facts = self.session.form(
                "customer", defaults=facts, only=list(facts), complete=False
            )
            if self.facts is not None:
                self.facts.reject(FieldProblem(k, code) for k, code in found.items())
            found = {k: code for k, code in found.items() if k not in facts}
        self.ticks = {k: False for k in found if k.startswith(CHECK)}
        found = {k: code for k, code in found.items() if k not in self.ticks}
        if row.verb in FORM_OF_VERB:
            only = [
                k
                for k in dict.fromkeys([*fields, *found])
                if k not in (*BESIDE, *DAYS) or row.verb != "log_conversation"
            ]
            self.form = self.session.form(
                self.form_key,
                creating=True,
                defaults=fields,
                only=only,
                complete=False,
                demanded=[k for k, code in found.items() if code == "required"],
            )
            if self.form is not None:
                self.form.reject(FieldProblem(k, code) for k, code in found.items())
        self.problems = {
            k: code
            for k, code in found.items()
            if k in (*BESIDE, *DAYS) and (self.form is None or self.form.field(k) is None)
        }
        self.beside = {k: row.payload.get(k) for k in self.problems if k in BESIDE}
        self.days = {k: _day(row.payload.get(k)) for k in self.problems if k in DAYS}

    def options(self, key: str) -> list[tuple[str, Label]]:
        """The document's list behind a refused choice."""
        config, row = self.session.config, self.row
        if config is None or row is None:
            return []
        if key == "outcome":
            method = row.payload.get("method", "call")
            return [(o.key, o.label) for o in config.outcomes if method in o.methods]
        if key == "level":
            return [(x.key, x.label) for x in config.levels]
        use = "lost" if key == "lost_reason" else "cancel"
        return [(r.key, r.label) for r in config.reasons if use in r.uses]

    def choose(self, key: str, value: str) -> None:
        self.beside = {**self.beside, key: value}
        self.problems = {k: v for k, v in self.problems.items() if k != key}

    def choose_day(self, key: str, day: date | None) -> None:
        self.days = {**self.days, key: day}
        self.problems = {k: v for k, v in self.problems.items() if k != key}

    def tick(self, key: str) -> None:
        self.ticks = {**self.ticks, key: not self.ticks[key]}
        self.problems = {k: v for k, v in self.problems.items() if k != key}

    def keep(self, key: str, whose: str) -> None:
        self.keeps = {**self.keeps, key: whose}

    def mine(self, key: str) -> Any:
        return (
            (self.row.payload.get("set") or {}).get(key, self.row.payload.get(key))
            if self.row
            else None
        )

    def can_keep_both(self, key: str) -> bool:
        return (
            bool(self.row)
            and all(isinstance(x, str) and x for x in (self.mine(key), self.row.theirs.get(key)))
            and self.kind(key) == "long_text"
        )

    def kind(self, key: str) -> str:
        config = self.session.config
        definition = config.forms.get(self.form_key) if config else None
        known = definition.field(key) if definition else None
        return known.type_in(self.form_key) if known else ""

    async def send(self) -> None:
        """As a new operation; the rejected one stays until that is on disk."""
        row = self.row
        fine = [form.check() for form in (self.form, self.facts) if form is not None]
        unticked = {key: "item_unchecked" for key, ticked in self.ticks.items() if not ticked}
        self.problems = {**self.problems, **unticked}
        if row is None or unticked or not all(fine):
            return
        payload: dict[str, Any] = {}
        if self.keeps:
            fields = {
                k: self._kept(k)
                for k in row.payload.get("set") or {}
                if self.keeps.get(k) != "theirs"
            }
            if not fields and self.keeps.get("stage") in (None, "theirs"):
                await self.session.local_store.outbox.discard(
                    row.op_id
                )  # all theirs: nothing is left to send
                self._leave()
                return
            payload["set"] = fields
        elif self.form is not None:
            values = {f.key: f.value for f in self.form.fields() if f.access == "write"}
            if row.verb == "log_conversation" and "notes" in values:
                payload["notes"] = values.pop("notes") or None
            if values or row.payload.get("set"):
                payload["set"] = {**self._still(row.payload.get("set") or {}, self.form), **values}
        if self.facts is not None:
            payload["facts"] = {
                f.key: f.value
                for f in self.facts.fields()
                if f.access == "write" and f.value not in EMPTY
            }
        payload |= {k: v for k, v in self.beside.items() if v}
        if self.ticks:
            payload["checked"] = [
                *(row.payload.get("checked") or []),
                *(key.removeprefix(CHECK) for key in self.ticks),
            ]
        payload |= {k: d.isoformat() if d else None for k, d in self.days.items()}
        visitor = (
            ("customer", UUID(row.payload["customer_id"])) if row.verb == "record_visit" else None
        )  # their papers are theirs, not the visit's
        files = (
            self.attaching.attachments_for((payload.get("set") or {}).values(), of=visitor)
            if self.attaching
            else ()
        )
        stored = [await self.session.local_store.attachments.store(new) for new in files]
        await self.session.local_store.outbox.retry(
            row.op_id, now=self.session.clock.now(), payload=payload, files=stored
        )
        self._leave()

    def _still(self, fields: dict[str, Any], form: FormState) -> dict[str, Any]:
        """Without what was refused and is no field of their any more: the server would never
        take it."""
        refused = dict(self.row.errors) if self.row else {}
        return {k: v for k, v in fields.items() if k not in refused or form.field(k) is not None}

    def _kept(self, key: str) -> Any:
        mine, theirs = self.mine(key), self.row.theirs.get(key) if self.row else None
        return f"{theirs}\n{mine}" if self.keeps.get(key) == "both" else mine

    def _leave(self) -> None:
        self.session.changes.tell()
        self.session.local_store.sync.wake()
        if self.done:
            self.done()


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return None
