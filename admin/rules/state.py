"""Editing the rules of the draft, and trying them on the days that were (F-77)."""

import re
from dataclasses import dataclass, field
from typing import Any

import flet as ft

from admin.draft import Draft
from admin.session import AdminSession
from shared.domain.draft_merge import GONE
from shared.domain.dry_run import DryRun
from shared.domain.problems import Problem
from shared.gateway import members as remote_members
from shared.gateway import rules as remote

DAYS = 90
RETRIES = "-retries"  # the line of the page that is no rule of the document
KINDS = ("cadence", "policy_window", "care", "first_response", "no_contact")


def new_rule(kind: str, key: str, label: dict[str, str], pool: str, role: str) -> dict[str, Any]:
    """A rule that says enough to be published at once."""
    rule: dict[str, Any] = {"key": key, "label": label, "kind": kind, "active": True}
    if kind == "policy_window":
        rule["days"] = [90, 60, 30, 15, 7]
    elif kind == "care":
        rule |= {"days": [3], "date": {"form": "deal", "field": "closed_at", "every_months": 12}}
    elif kind in ("first_response", "no_contact"):
        after = (30, 120) if kind == "first_response" else (14, 30)
        rule["steps"] = [
            {"after": after[0], "action": "remind"},
            {"after": after[1], "action": "manager", "role": role},
        ]
        if kind == "first_response":
            rule |= {"quiet_from": "20:00", "quiet_to": "09:00"}
    return rule


def numbers(text: str) -> list[int] | None:
    """90, 60、30 → [90, 60, 30]; None if an entry is not a number of days."""
    parts = [p for p in re.split(r"[\s,,、;;/]+", text.strip()) if p]
    return (
        sorted({int(p) for p in parts}, reverse=True)
        if parts and all(p.isdigit() and 0 <= int(p) <= 400 for p in parts)
        else None
    )


@ft.observable
@dataclass(eq=False)
class Rules:
    session: AdminSession
    draft: Draft
    run: DryRun | None = None
    run_of: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    limit: int = 30
    opened: str = ""  # key of the one rule whose fields are on the page
    busy: bool = False
    problem: str = ""

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.draft.document.get("rules", [])

    @property
    def is_stale(self) -> bool:
        """The rules were edited since the dry run."""
        return self.run is not None and self.run_of != self.draft.document

    async def load(self) -> None:
        try:
            found = await remote_members.members(
                self.session.services.gateway, self.session.store_id
            )
            self.names = {str(m.user_id): m.name for m in found}
            self.problem = ""
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code

    def open(self, key: str) -> None:
        self.opened = "" if self.opened == key else key

    def set_value(self, key: str, name: str, value: Any) -> None:
        self.draft.set_value(("rules", key, name), value, topic=(key, name))

    def add(self, kind: str, name: str, language: str) -> None:
        document = self.draft.document
        key = self.draft.new_key("rule")
        role = next(
            (
                r["key"]
                for r in document.get("roles", [])
                if "decide_approval" in r.get("verbs", [])
            ),
            "",
        )
        pool = next((p["key"] for p in document.get("pools", [])), "")
        self.draft.set_value(("rules", key), new_rule(kind, key, {language: name}, pool, role))
        self.opened = key

    def remove(self, key: str) -> None:
        self.draft.set_value(("rules", key), GONE)

    def set_step(self, key: str, index: int, **changes: Any) -> None:
        steps = [dict(s) for s in next(r for r in self.rows if r["key"] == key).get("steps", [])]
        step = {**steps[index], **changes}
        if step["action"] != "manager":
            step.pop("role", None)
        elif not step.get("role"):
            step["role"] = next(
                (
                    r["key"]
                    for r in self.draft.document.get("roles", [])
                    if "decide_approval" in r.get("verbs", [])
                ),
                "",
            )
        if step["action"] != "pool":
            step.pop("pool", None)
        elif not step.get("pool"):
            step["pool"] = next((p["key"] for p in self.draft.document.get("pools", [])), "")
        steps[index] = step
        self.set_value(key, "steps", steps)

    def add_step(self, key: str) -> None:
        steps = next(r for r in self.rows if r["key"] == key).get("steps", [])
        self.set_value(
            key,
            "steps",
            [*steps, {"after": (steps[-1]["after"] if steps else 0) + 30, "action": "remind"}],
        )

    def drop_step(self, key: str, index: int) -> None:
        steps = next(r for r in self.rows if r["key"] == key).get("steps", [])
        self.set_value(key, "steps", [s for i, s in enumerate(steps) if i != index])

    def set_limit(self, text: str) -> None:
        if text.isdigit() and 0 < int(text) < 1000:
            self.limit = int(text)

    async def try_out(self) -> None:
        """The draft's rules on the last 90 days, by the generator itself; nothing is written."""
        if self.busy:
            return
        self.busy, self.problem = True, ""
        try:
            document = self.draft.document
            self.run = await remote.preview(
                self.session.services.gateway, self.session.store_id, document, days=DAYS
            )
            self.run_of = document
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
        finally:
            self.busy = False
