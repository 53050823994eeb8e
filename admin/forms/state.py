"""Shaping a form in the draft: which fields, in which order, who may see them, under which
conditions (F-67…F-71, F-76, F-86)."""

from dataclasses import dataclass
from typing import Any, get_args

import flet as ft

from admin.draft import Draft
from admin.session import AdminSession
from shared.domain.config import BASE_TYPES, FieldType, StoreConfig
from shared.domain.draft_merge import GONE, Path, set_path
from shared.domain.rights import BASE_MASKS, as_role, at_least_readable, same_rights

PALETTE: tuple[FieldType, ...] = (
    "text",
    "long_text",
    "number",
    "money",
    "date",
    "time",
    "bool",
    "select",
    "multi",
    "phone",
    "plate",
    "vin",
    "person",
    "file",
    "formula",
)
CONVERTS = {
    "text": ("long_text", "number", "money", "date", "select"),
    "long_text": ("text",),
    "number": ("text", "money"),
    "money": ("number", "text"),
    "date": ("text",),
    "select": ("text", "multi"),
    "multi": ("text",),
    "phone": ("text",),
    "plate": ("text",),
    "vin": ("text",),
}  # what a type may become; whether every value fits, the check says
BESIDE = {
    "conversation": ("method", "outcome", "level")
}  # what conditions may look at besides fields


@ft.observable
@dataclass(eq=False)
class Forms:
    """form and field: what is open; role, language, dark: how the preview is shown."""

    session: AdminSession
    form: str = "customer"
    field: str = ""
    role: str = ""
    language: str = "zh_CN"
    dark: bool = False
    whole: bool = False  # every field of the form, or what a role sees
    _good: StoreConfig | None = None

    @property
    def draft(self) -> Draft:
        return self.session.draft

    @property
    def names(self) -> list[str]:
        """The forms in the order of the work: a document keeps none."""
        return [f for f in BASE_TYPES if f in self.draft.document.get("forms", {})]

    @property
    def body(self) -> dict[str, Any]:
        return dict(self.draft.document.get("forms", {}).get(self.form, {}))

    @property
    def path(self) -> Path:
        return ("forms", self.form, "fields")

    @property
    def fields(self) -> list[dict[str, Any]]:
        return list(self.body.get("fields", ()))

    @property
    def chosen(self) -> dict[str, Any]:
        return next(
            (f for f in self.fields if f["key"] == self.field),
            self.fields[0] if self.fields else {},
        )

    @property
    def roles(self) -> list[dict[str, Any]]:
        return list(self.draft.document.get("roles", ()))

    @property
    def seen_by(self) -> str:
        """The role of the preview."""
        keys = [r["key"] for r in self.roles]
        return self.role if self.role in keys else keys[0] if keys else ""

    def preview(self) -> StoreConfig | None:
        """The document as that role's phone would have it; while the draft is half-finished, the
        last whole one."""
        self._good = self.draft.config or self._good
        if self._good is None or self.seen_by not in [r.key for r in self._good.roles]:
            return None
        return as_role(self._good, self.seen_by)

    # looking --------------------------------------------------------------------------------------

    def choose_form(self, form: str) -> None:
        self.form, self.field = form, ""

    def choose(self, field: str) -> None:
        self.field = field

    def start_view_as(self, role: str) -> None:
        self.role = role

    def see_in(self, language: str) -> None:
        self.language = language

    def see_dark(self) -> None:
        self.dark = not self.dark

    # fields ---------------------------------------------------------------------------------------

    def kind_of(self, field: dict[str, Any]) -> str:
        return BASE_TYPES.get(self.form, {}).get(field["key"]) or field.get("type", "text")

    def is_base(self, field: dict[str, Any]) -> bool:
        return field["key"] in BASE_TYPES.get(self.form, {})

    def mask_of(self, field: dict[str, Any]) -> str:
        return BASE_MASKS.get(self.form, {}).get(field["key"]) or field.get("mask", "")

    def missing(self) -> list[str]:
        """Base fields that are not on the form: they can be put back."""
        here = {f["key"] for f in self.fields}
        return [k for k in BASE_TYPES.get(self.form, {}) if k not in here]

    def add(self, kind: str, name: str, language: str, index: int | None = None) -> None:
        """A new field, seen by nobody until a role is chosen (F-71). Its key was never used in this
        store."""
        fields = self.fields
        key = self.draft.new_key(kind)
        new: dict[str, Any] = {"key": key, "label": {language: name}, "type": kind}
        if kind in ("select", "multi"):
            new["options"] = []
        at = len(fields) if index is None else index
        self.draft.set_value(self.path, [*fields[:at], new, *fields[at:]])
        self.field = key

    def put_back(self, key: str) -> None:
        """A base field onto the form again, called as it was when it is known."""
        old = next(
            (
                f
                for f in self.draft.base.get("forms", {}).get(self.form, {}).get("fields", ())
                if f["key"] == key
            ),
            None,
        )
        self.draft.set_value(
            self.path, [*self.fields, old or {"key": key, "label": {"zh_CN": key, "en": key}}]
        )
        self.field = key

    def remove(self, key: str) -> None:
        """Off the form; who may see it goes with it, and so does what asks for it when a deal
        moves."""
        document = set_path(self.draft.document, (*self.path, key), GONE)
        for role in document.get("roles", ()):
            document = (
                set_path(document, ("roles", role["key"], "rights", self.form, key), GONE)
                if self.form in role.get("rights", {})
                else document
            )
        if self.form == "deal":
            for pipeline in document.get("pipelines", ()):
                for stage in pipeline["stages"]:
                    if key in stage.get("required", ()):
                        path = ("pipelines", pipeline["key"], "stages", stage["key"], "required")
                        document = set_path(
                            document, path, [k for k in stage["required"] if k != key]
                        )
        self.field = ""
        self.draft.edit(document)

    def set_value(self, attribute: str, value: Any, *, topic: Any = None) -> None:
        self.draft.set_value((*self.path, self.chosen["key"], attribute), value, topic=topic)

    def flag(self, attribute: str, yes: bool) -> None:
        self.set_value(attribute, True if yes else GONE)

    # options --------------------------------------------------------------------------------------

    def add_option(self, name: str, language: str) -> None:
        options = self.chosen.get("options") or []
        self.set_value(
            "options", [*options, {"key": self.draft.new_key("option"), "label": {language: name}}]
        )

    def remove_option(self, key: str) -> None:
        field = self.chosen
        document = set_path(self.draft.document, (*self.path, field["key"], "options", key), GONE)
        if key in field.get("options_when", {}):
            document = set_path(document, (*self.path, field["key"], "options_when", key), GONE)
        self.draft.edit(document)

    # sections -------------------------------------------------------------------------------------

    def add_section(self, name: str, language: str) -> None:
        sections = list(self.body.get("sections", ()))
        key = self.draft.new_key("section")
        self.draft.set_value(
            ("forms", self.form, "sections"), [*sections, {"key": key, "label": {language: name}}]
        )

    def remove_section(self, key: str) -> None:
        document = set_path(self.draft.document, ("forms", self.form, "sections", key), GONE)
        for field in self.fields:
            if field.get("section") == key:
                document = set_path(document, (*self.path, field["key"], "section"), GONE)
        self.draft.edit(document)

    # who sees it ----------------------------------------------------------------------------------

    def right(self, role: dict[str, Any]) -> str:
        key = self.chosen.get("key", "")
        granted = role.get("rights", {}).get(self.form, {}).get(key)
        return at_least_readable(self.form, key, granted) or "hidden"

    def grant(self, role: str, access: str) -> None:
        self.draft.set_value(
            ("roles", role, "rights", self.form, self.chosen["key"]),
            GONE if access == "hidden" else access,
        )

    def grant_all(self, access: str) -> None:
        document = self.draft.document
        for role in self.roles:
            document = set_path(
                document,
                ("roles", role["key"], "rights", self.form, self.chosen["key"]),
                GONE if access == "hidden" else access,
            )
        self.draft.edit(document)

    def same_as(self, model: str) -> None:
        self.draft.edit(same_rights(self.draft.document, self.form, self.chosen["key"], model))

    # conditions -----------------------------------------------------------------------------------

    def askable(self, *, numbers: bool = False) -> list[tuple[str, str]]:
        """(key, type) of what a condition or formula of the open field may look at."""
        found = [
            (f["key"], self.kind_of(f))
            for f in self.fields
            if f["key"] != self.chosen.get("key") and self.kind_of(f) not in ("formula", "file")
        ]
        if numbers:
            return [(k, t) for k, t in found if t in ("number", "money")]
        return [
            *((k, "level" if k == "level" else "select") for k in BESIDE.get(self.form, ())),
            *found,
        ]


assert set(PALETTE) < set(get_args(FieldType))
