"""Configurations to begin with: a whole document, or what differs from another one.

A difference is a JSON merge patch (RFC 7396) whose lists of things with keys merge thing by thing:
{"key": k, "removed": true} takes one out, {"only": […]} replaces the whole list.
"""

import json
from pathlib import Path
from typing import Any

from shared.domain.config import StoreConfig
from shared.domain.json_values import is_array, is_object
from shared.domain.labels import Label

FOLDER = Path(__file__).parents[1] / "presets"
KEYS = ("three_levels", "four_levels", "renewal", "used_car")


def load(key: str) -> StoreConfig:
    """The preset as a document. Raises KeyError for an unknown one."""
    return StoreConfig.model_validate(_document(key))


def label(key: str) -> Label:
    """What a person reads before choosing it."""
    found = _file(key).get("preset")
    return (
        found["label"]
        if found
        else {"zh_CN": "三级意向", "zh_TW": "三級意向", "en": "Three levels"}
    )


def _document(key: str) -> dict[str, Any]:
    found = _file(key)
    if "preset" not in found:
        return found
    return merged(_document(found["preset"]["from"]), found["patch"])


def _file(key: str) -> dict[str, Any]:
    if key not in KEYS:
        raise KeyError(key)
    return json.loads((FOLDER / f"{key}.json").read_text(encoding="utf8"))


def merged(target: Any, patch: Any) -> Any:
    """The target with a difference applied."""
    if is_object(patch) and [*patch] == ["only"]:
        return patch["only"]
    if is_object(patch):
        found = dict(target) if is_object(target) else {}
        changed = found | {key: merged(found.get(key), value) for key, value in patch.items()}
        return {
            key: value
            for key, value in changed.items()
            if key not in patch or patch[key] is not None
        }
    if (
        is_array(patch)
        and is_array(target)
        and all(is_object(x) and "key" in x for x in [*patch, *target])
    ):
        things = {x["key"]: x for x in target}
        for x in patch:
            things[x["key"]] = merged(things.get(x["key"]), x)
        return [x for x in things.values() if not x.get("removed")]
    return patch
