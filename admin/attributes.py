"""An editor for any attribute of the document's models, by its type: what a colleague adds to a
model appears on its page."""

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

import flet as ft
from pydantic import BaseModel

from admin.draft import Draft
from admin.labels import attribute_name, word_of
from admin.widgets import (
    FIELD,
    NameInLanguages,
    NumberField,
    chip_of,
    choice,
    choices,
    titled,
    toggle,
)
from shared.domain.conversations import METHODS
from shared.domain.draft_merge import GONE, Path
from shared.domain.labels import Key, Label
from shared.ui.feedback import typed
from shared.ui.names import method_name
from shared.ui.text import Texts
from shared.ui.view import component
from shared.ui.widgets import identified

LISTED = {  # attribute → the list of the document its keys come from
    "pool": "pools",
    "pools": "pools",
    "level": "levels",
    "demote_to": "levels",
    "levels": "levels",
    "outcome": "outcomes",
    "outcomes": "outcomes",
    "roles": "roles",
    "role": "roles",
    "parent": "reasons",
    "pipeline": "pipelines",
}
WHYS = ("cadence", "policy_window", "care", "first_response", "no_contact", "manual")
LONG = ("text", "definition")
WIDE = 420


def attributes(
    _: Texts,
    draft: Draft,
    path: Path,
    model: type[BaseModel],
    identifier: str,
    skip: tuple[str, ...] = ("key",),
) -> Iterator[ft.Control]:
    """Editors for every attribute of a thing at a path, in the order of its model."""
    for name, field in model.model_fields.items():
        if name not in skip:
            slug = f"{identifier}-{name}".replace("_", "-")
            one = Attribute(draft, (*path, name), slug, field.default)
            editor = attribute(_, one, field.annotation)
            if editor is not None:
                yield editor


@dataclass(frozen=True)
class Attribute:
    """One attribute of a thing in the draft; default: what its model takes where nothing stands."""

    draft: Draft
    path: Path
    identifier: str
    default: Any = None

    @property
    def name(self) -> str:
        return self.path[-1]

    @property
    def key(self) -> str:
        return ".".join(self.path)

    @property
    def value(self) -> Any:
        """What stands there; None for nothing."""
        value = self.draft.at(self.path)
        return None if value is GONE else value

    def set_value(self, value: Any) -> None:
        self.draft.set_value(self.path, value)


def attribute(_: Texts, a: Attribute, kind: Any) -> ft.Control | None:
    """An editor for one attribute by its type; None for a shape that has a page of its own."""
    inner = [x for x in get_args(kind) if x is not type(None)]
    if get_origin(kind) in (Union, types.UnionType) and len(inner) == 1:
        return attribute(_, a, inner[0])
    if kind == Label:
        return label_editor(_, a)
    if kind is bool:
        return flag_editor(_, a)
    if kind in (int, float):
        return number_editor(_, a, decimals=kind is float)
    if get_origin(kind) is Literal:
        return word_editor(_, a, get_args(kind))
    if get_origin(kind) is tuple and get_args(kind):
        return list_editor(_, a, get_args(kind)[0])
    if kind is str or kind == Key:  # a word of the document
        return text_editor(_, a)
    return None


def label_editor(_: Texts, a: Attribute) -> ft.Control:
    return NameInLanguages(
        a.draft,
        a.path,
        a.identifier,
        attribute_name(_, a.name),
        multiline=a.name in LONG,
        optional=a.name == "definition",
        key=a.key,
    )


def flag_editor(_: Texts, a: Attribute) -> ft.Control:
    default = a.default is True
    return toggle(
        a.identifier,
        attribute_name(_, a.name),
        default if a.value is None else bool(a.value),
        lambda yes: a.set_value(GONE if yes == default else yes),
    )


def number_editor(_: Texts, a: Attribute, *, decimals: bool) -> ft.Control:
    given = isinstance(a.default, int | float) and not isinstance(a.default, bool)
    field = NumberField(
        a.draft,
        a.path,
        a.identifier,
        attribute_name(_, a.name),
        decimals=decimals,
        hint=f"{a.default:g}" if given else "",
        key=a.key,
    )
    return ft.Container(field, width=WIDE // 2)


def word_editor(_: Texts, a: Attribute, words: tuple[str, ...]) -> ft.Control:
    """One of a few words of the model."""
    nothing = [("", _("None"))] if a.default is None and a.value is None else []
    options = [*nothing, *((x, literal(_, a.path, str(x), a.draft)) for x in words)]
    now = "" if a.value is None else str(a.value)
    default = a.default if isinstance(a.default, str) else ""
    return titled(
        attribute_name(_, a.name),
        chip_of(a.identifier, options, now or default, lambda x: a.set_value(x or GONE)),
    )


def list_editor(_: Texts, a: Attribute, kind: Any) -> ft.Control | None:
    """Several of a list of the document."""
    options = options_of(_, a.draft, a.path, a.name, kind)
    if not options:
        return None
    box = choices(a.identifier, options, () if a.value is None else a.value, a.set_value)
    return titled(attribute_name(_, a.name), box)


def text_editor(_: Texts, a: Attribute) -> ft.Control:
    """A key of a list of the document, else words as they are typed."""
    title = attribute_name(_, a.name)
    options = options_of(_, a.draft, a.path, a.name, str)
    box = (
        choice(
            a.identifier,
            title,
            options,
            a.value,
            lambda x: a.set_value(x or GONE),
            nothing=_("None"),
        )
        if options
        else PlainText(a.draft, a.path, a.identifier, title, key=a.key)
    )
    return ft.Container(box, width=WIDE)


def options_of(_: Texts, draft: Draft, path: Path, name: str, kind: Any) -> list[tuple[str, str]]:
    """What an attribute that holds keys may name."""
    if get_origin(kind) is Literal:
        return [(x, literal(_, path, str(x), draft)) for x in get_args(kind)]
    if name == "methods":
        return [(m, method_name(_, m)) for m in METHODS]
    if name == "task_kinds":
        return [(w, literal(_, path, w, draft)) for w in WHYS]
    if name == "stage":
        found = {
            s["key"]: _.label(s["label"])
            for p in draft.document.get("pipelines", ())
            for s in p["stages"]
        }
        return list(found.items())
    things = draft.document.get(LISTED.get(name, ""), ())
    own = path[-2] if name == "parent" and len(path) > 1 else ""
    return [
        (x["key"], _.label(x["label"]))
        for x in things
        if isinstance(x, Mapping) and x.get("key") != own
    ]


def literal(_: Texts, path: Path, value: str, draft: Draft) -> str:
    """A word of a model in the reader's language."""
    return (
        {
            "manager": _("The manager is notified"),
            "message": _("Suggest a text message"),
            "complaint": _("The customer complains"),
            "do_not_call": _("Do not call again"),
            "test_drive": _("The customer asks for a test drive"),
            "quote": _("Quote"),
            "cadence": _("Follow-up by level"),
            "policy_window": _("Policy windows"),
            "care": _("Care date"),
            "first_response": _("First response"),
            "no_contact": _("Not contacted"),
            "manual": _("Created manually"),
        }.get(value)
        or (({"won": _("Won"), "lost": _("Lost")}.get(value)) if path[-1] == "effect" else None)
        or word_of(_, path, value, draft.document)
    )


@component
def PlainText(draft: Draft, path: Path, identifier: str, title: str, **_key) -> ft.Control:
    value = draft.at(path)
    return identified(
        identifier,
        ft.TextField(
            value="" if value in (GONE, None) else str(value),
            label=title,
            on_change=typed(lambda text: draft.set_value(path, text or GONE, topic=path)),
            **FIELD,
        ),
    )
