"""The lists of a store in the draft: order, words, attributes; merging, and where customers go when
an entry goes (F-78, S-81)."""

from dataclasses import dataclass
from typing import Any

import flet as ft
from pydantic import BaseModel

from admin.draft import Draft
from admin.session import AdminSession
from shared.domain.config import (
    ConsentPurpose,
    Level,
    Outcome,
    Phrase,
    Pool,
    Reason,
    Script,
    Template,
)
from shared.domain.draft_merge import GONE, Path, set_path

MODELS: dict[str, type[BaseModel]] = {
    "levels": Level,
    "outcomes": Outcome,
    "reasons": Reason,
    "phrases": Phrase,
    "scripts": Script,
    "templates": Template,
    "pools": Pool,
    "consents": ConsentPurpose,
}
NEW: dict[str, dict[str, Any]] = {
    "levels": {"rank": 0},
    "outcomes": {"methods": ["call"], "reached": True},
    "reasons": {"uses": ["cancel"]},
    "phrases": {},
    "scripts": {},
    "templates": {"kind": "message"},
    "pools": {},
    "consents": {},
}
SUCCEEDED = ("levels", "pools", "reasons")  # whose records may go over to another entry


@ft.observable
@dataclass(eq=False)
class Lists:
    session: AdminSession
    kind: str = "levels"
    index: int = 0
    merging: bool = False

    @property
    def draft(self) -> Draft:
        return self.session.draft

    @property
    def things(self) -> list[dict[str, Any]]:
        return list(self.draft.document.get(self.kind, ()))

    @property
    def chosen(self) -> dict[str, Any]:
        things = self.things
        return things[min(self.index, len(things) - 1)] if things else {}

    @property
    def path(self) -> Path:
        """Where the open entry is: by key, a phrase by its number."""
        return (self.kind, self.chosen.get("key") or str(min(self.index, len(self.things) - 1)))

    def open(self, name: str) -> None:
        self.kind, self.index, self.merging = name, 0, False

    def choose(self, index: int) -> None:
        self.index, self.merging = index, False

    def move(self, index: int, step: int) -> None:
        if 0 <= index + step < len(self.things):
            self.draft.move((self.kind,), index, index + step)
            self.index = index + step

    def add(self, name: str, language: str) -> None:
        """A new last entry. A level is nearest to buying when it is new: its rank is above the
        others."""
        new = dict(NEW[self.kind])
        if self.kind == "phrases":
            new["text"] = {language: name}
        else:
            new |= {"key": self.draft.new_key(self.kind.rstrip("s")), "label": {language: name}}
        if self.kind in ("scripts", "templates"):
            new["text"] = {language: ""}
        if self.kind == "levels":
            new["rank"] = 1 + max((x["rank"] for x in self.things), default=0)
        self.draft.set_value((self.kind,), [*self.things, new])
        self.index = len(self.things) - 1

    def ask_merge(self) -> None:
        self.merging = not self.merging

    def remove(self) -> None:
        """Without anybody to follow it; the check says whether records stand there."""
        self._remove(None)

    def merge(self, replacement: str) -> None:
        """The open entry becomes another one: its records follow when it is published, and come
        back by restoring."""
        self._remove(replacement)

    def _remove(self, replacement: str | None) -> None:
        gone, path = self.chosen.get("key", ""), self.path
        document = set_path(self.draft.document, path, GONE)
        if self.kind == "reasons":
            for reason in document.get("reasons", ()):
                if reason.get("parent") == gone:
                    document = set_path(
                        document,
                        ("reasons", reason["key"], "parent"),
                        GONE
                        if replacement is None or replacement == reason["key"]
                        else replacement,
                    )
        if replacement:
            before = dict((document.get("replacements") or {}).get(self.kind) or {})
            after = {old: replacement if new == gone else new for old, new in before.items()} | {
                gone: replacement
            }
            document = set_path(document, ("replacements", self.kind), after)
        self.index, self.merging = 0, False
        self.draft.edit(document)
