"""What a document still lacks before it can be checked: found here, at once, part by part, and told
in words by the panel."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from shared.domain.config import StoreConfig
from shared.domain.json_values import is_array, is_object

NAMED = ("pools", "roles", "levels", "outcomes", "reasons", "rules", "pipelines")


@dataclass(frozen=True)
class Unfinished:
    """A part that is not ready, by its path; code: no_name, no_options, same_name, no_open_stage,
    invalid."""

    path: tuple[str, ...]
    code: Literal["no_name", "no_options", "same_name", "no_open_stage", "invalid"]


def unfinished(document: Mapping[str, Any]) -> list[Unfinished]:
    """Everything a person must still do, in the order of the document; empty when it is whole."""
    if not document:
        return []
    found = [*_named(document), *_forms(document), *_pipelines(document)]
    if not found:
        try:
            StoreConfig.model_validate(document)
        except ValidationError as error:
            found = [Unfinished(_path(document, e["loc"]), "invalid") for e in error.errors()]
    return list(dict.fromkeys(found))


def _blank(label: Any) -> bool:
    return not is_object(label) or not any(str(text).strip() for text in label.values())


def _names(things: Any, path: tuple[str, ...]) -> Iterator[Unfinished]:
    """Things without a name, and the second of two that are called the same."""
    seen: set[str] = set()
    for thing in things or ():
        here = (*path, thing.get("key", ""))
        if _blank(thing.get("label")):
            yield Unfinished(here, "no_name")
            continue
        name = str(thing["label"].get("zh_CN") or next(iter(thing["label"].values()))).strip()
        if name in seen:
            yield Unfinished(here, "same_name")
        seen.add(name)


def _named(document: Mapping[str, Any]) -> Iterator[Unfinished]:
    for part in NAMED:
        if part != "reasons":
            yield from _names(document.get(part), (part,))
    for use in ("cancel", "lost", "contact"):  # one word may stand in two lists
        yield from _names(
            [r for r in document.get("reasons") or () if use in r.get("uses", ())], ("reasons",)
        )


def _forms(document: Mapping[str, Any]) -> Iterator[Unfinished]:
    forms: Mapping[str, Any] = document.get("forms") or {}
    for form, body in forms.items():
        path = ("forms", form, "fields")
        yield from _names(body.get("fields"), path)
        yield from _names(body.get("sections"), ("forms", form, "sections"))
        for field in body.get("fields") or ():
            if field.get("type") in ("select", "multi") and not field.get("options"):
                yield Unfinished((*path, field["key"]), "no_options")
            yield from _names(field.get("options"), (*path, field["key"], "options"))


def _pipelines(document: Mapping[str, Any]) -> Iterator[Unfinished]:
    for pipeline in document.get("pipelines") or ():
        path = ("pipelines", pipeline["key"], "stages")
        yield from _names(pipeline.get("stages"), path)
        for stage in pipeline.get("stages") or ():
            yield from _names(stage.get("checklist"), (*path, stage["key"], "checklist"))
        if not any(s.get("type") == "open" for s in pipeline.get("stages") or ()):
            yield Unfinished(("pipelines", pipeline["key"]), "no_open_stage")


def _path(document: Any, keys: tuple[int | str, ...]) -> tuple[str, ...]:
    """Where pydantic found it, by keys instead of numbers."""
    path: list[str] = []
    for key in keys:
        if is_object(document):
            document = document.get(str(key))
        elif is_array(document) and isinstance(key, int) and key < len(document):
            document = document[key]
            key = document.get("key", str(key)) if is_object(document) else str(key)
        else:
            break
        path.append(str(key))
    return tuple(path)
