"""An editor for any attribute of the document's models, by its type: what a colleague adds to a model appears on its page."""

import types
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Union, get_args, get_origin

import flet as ft
from pydantic import BaseModel

from admin.draft import Draft
from admin.parts import FIELD, NameField, NumberField, chip_of, choice, choices, titled, toggle
from admin.words import attribute_name, method_name, word_of
from shared.domain.conversations import METHODS
from shared.domain.drafting import GONE, Path
from shared.domain.labels import Key, Label
from shared.ui.feedback import typed
from shared.ui.parts import identified
from shared.ui.text import Texts
from shared.ui.view import component

LISTED = {  # attribute → the list of the document its keys come from
    "pool": "pools", "pools": "pools", "level": "levels", "demote_to": "levels", "levels": "levels", "outcome": "outcomes", "outcomes": "outcomes", "roles": "roles", "role": "roles",
    "parent": "reasons", "pipeline": "pipelines",
}  # fmt: skip
WHYS = ("cadence", "policy_window", "care", "first_response", "no_contact", "manual")
LONG = ("text", "definition")
WIDE = 420


def attributes(_: Texts, draft: Draft, path: Path, model: type[BaseModel], identifier: str, skip: tuple[str, ...] = ("key",)) -> Iterator[ft.Control]:
    """Editors for every attribute of a thing at a path, in the order of its model."""
    for name, field in model.model_fields.items():
        if name not in skip:
            editor = attribute(_, draft, (*path, name), name, field.annotation, f"{identifier}-{name}".replace("_", "-"), field.default)
            if editor is not None:
                yield editor


def attribute(_: Texts, draft: Draft, path: Path, name: str, kind: Any, identifier: str, default: Any = None) -> ft.Control | None:
    """An editor for one attribute; None for a shape that has a page of its own."""
    title, key, value = attribute_name(_, name), ".".join(path), draft.at(path)
    inner = [a for a in get_args(kind) if a is not type(None)]
    if get_origin(kind) in (Union, types.UnionType) and len(inner) == 1:
        return attribute(_, draft, path, name, inner[0], identifier, default)
    if kind == Key:  # a word of the document
        kind = str
    if kind is Label or kind == Label:
        return NameField(draft, path, identifier, title, many_languages=True, multiline=name in LONG, optional=name in ("definition",), key=key)
    if kind is bool:
        now = default is True if value is GONE else bool(value)
        return toggle(identifier, title, now, lambda yes: draft.put(path, GONE if yes == (default is True) else yes))
    if kind in (int, float):
        shown = f"{default:g}" if isinstance(default, int | float) and not isinstance(default, bool) else ""
        return ft.Container(NumberField(draft, path, identifier, title, decimals=kind is float, hint=shown, key=key), width=WIDE // 2)
    if get_origin(kind) is Literal:
        options = [(x, literal(_, path, str(x), draft)) for x in get_args(kind)]
        now = None if value in (GONE, None) else str(value)
        if (default is None and now is None) or default is not None:
            options = [("", _("None")), *options] if default is None else options
        return titled(
            title, chip_of(identifier, options, now or (str(default) if isinstance(default, str) else ""), lambda x: draft.put(path, x or GONE))
        )
    if get_origin(kind) is tuple and get_args(kind):
        options = options_of(_, draft, path, name, get_args(kind)[0])
        return titled(title, choices(identifier, options, () if value is GONE else value, lambda x: draft.put(path, x))) if options else None
    if kind is str:
        options = options_of(_, draft, path, name, str)
        if options:
            return ft.Container(
                choice(identifier, title, options, None if value is GONE else value, lambda x: draft.put(path, x or GONE), nothing=_("None")),
                width=WIDE,
            )
        return ft.Container(PlainText(draft, path, identifier, title, key=key), width=WIDE)
    return None


def options_of(_: Texts, draft: Draft, path: Path, name: str, kind: Any) -> list[tuple[str, str]]:
    """What an attribute that holds keys may name."""
    if get_origin(kind) is Literal:
        return [(x, literal(_, path, str(x), draft)) for x in get_args(kind)]
    if name == "methods":
        return [(m, method_name(_, m)) for m in METHODS]
    if name == "why":
        return [(w, literal(_, path, w, draft)) for w in WHYS]
    if name == "stage":
        found = {s["key"]: _.label(s["label"]) for p in draft.document.get("pipelines", ()) for s in p["stages"]}
        return list(found.items())
    things = draft.document.get(LISTED.get(name, ""), ())
    own = path[-2] if name == "parent" and len(path) > 1 else ""
    return [(x["key"], _.label(x["label"])) for x in things if isinstance(x, Mapping) and x.get("key") != own]


def literal(_: Texts, path: Path, value: str, draft: Draft) -> str:
    """A word of a model in the reader's language."""
    return {
        "manager": _("The manager hears of it"), "message": _("A message text is offered"), "complaint": _("The customer complains"), "do_not_call": _("Do not call any more"),
        "quote": _("Offer"), "cadence": _("Follow-up by level"), "policy_window": _("Policy windows"), "care": _("Care date"), "first_response": _("First response"),
        "no_contact": _("Nobody called"), "manual": _("Made by hand"),
    }.get(value) or (({"won": _("Won"), "lost": _("Lost")}.get(value)) if path[-1] == "effect" else None) or word_of(_, path, value, draft.document)  # fmt: skip


@component
def PlainText(draft: Draft, path: Path, identifier: str, title: str, **_key) -> ft.Control:
    value = draft.at(path)
    return identified(
        identifier,
        ft.TextField(
            value="" if value in (GONE, None) else str(value),
            label=title,
            on_change=typed(lambda text: draft.put(path, text or GONE, topic=path)),
            **FIELD,
        ),
    )
