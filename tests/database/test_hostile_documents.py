"""A document that is published cannot make a verb fail: every leaf with every kind of value is
refused, or does no harm (R25)."""

import copy
import json
import random
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from shared.domain import presets
from tests.database.test_hostile_operations import HOSTILE as VALUES
from tests.database.test_hostile_operations import Scene, operation, send
from tests.support.people import preset

HOSTILE = [v for v in VALUES if len(json.dumps(v)) < 10_000] + [
    "25:00",
    "9:00",
    "Mars/Olympus",
    2**31,
    -(2**31),
    10**12,
    {"var": "nothing"},
    {"+": [10**300, 1]},
]


def leaves(document: Any, path: tuple = ()):
    """The path of every value, containers too; of a list the first and the last."""
    if path:
        yield path
    if isinstance(document, dict):
        for key, value in document.items():
            yield from leaves(value, (*path, key))
    elif isinstance(document, list):
        for n in sorted({0, len(document) - 1} if document else set()):
            yield from leaves(document[n], (*path, n))


def changed(document: dict, path: tuple, value: Any) -> dict:
    found = copy.deepcopy(document)
    inner = found
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return found


def full_document() -> dict:
    """The preset with everything a document may hold."""
    found = json.loads(preset())
    found["burst"] = {"times": 10, "seconds": 300}
    found["day_parts"] = [{"key": "morning", "start": "09:00", "end": "12:00"}]
    found["queue"] = {"sent_back": 1000, "expiry_days": 90}
    found["visit"] = {"fields": ["name"], "required": ["name"]}
    found["replacements"] = {"stages": {}, "levels": {}, "pools": {}, "reasons": {}}
    found["settings"] |= {"approve_lost": False, "duplicate_shows": "owner", "log_seconds": 20}
    field = {"key": "code", "label": {"en": "Code"}, "type": "text", "pattern": "^[a-z]+$"}
    number = {"key": "size", "label": {"en": "Size"}, "type": "number", "min": 0, "max": 9}
    total = {"key": "total", "label": {"en": "Total"}, "type": "formula", "decimals": 2}
    total["formula"] = {"+": [{"var": "size"}, 1]}
    shown = {"show": {"==": [{"var": "level"}, "near"]}, "max_length": 20, "searchable": True}
    for more in (field | shown, number, total):
        found["forms"]["customer"]["fields"].append(more)
        for role in found["roles"]:
            access = "read" if more is total else "write"
            role["rights"].setdefault("customer", {})[more["key"]] = access
    return found


def distinct(document: dict) -> list[tuple]:
    """One path for each place of the schema: what stands in one element of a list stands in all."""
    found = {}
    for path in leaves(document):
        place = tuple("*" if isinstance(step, int) else step for step in path)
        if "rights" in place:
            place = place[: place.index("rights") + 3]
        found.setdefault(place, path)
    return list(found.values())


def kinds(world, document) -> list[str]:
    refusals = world.db.execute("select crm.config_errors(%s)", (Jsonb(document),)).fetchone()[0]
    return [x["kind"] for x in refusals]


def test_every_preset_fits_the_schema(db):
    for key in presets.KEYS:
        problem = db.execute(
            "select crm.document_problem(%s)", (Jsonb(presets.load(key).document()),)
        ).fetchone()[0]
        assert problem is None, (key, problem)
    assert db.execute("select crm.document_problem(%s)", (Jsonb(full_document()),)).fetchone() == (
        None,
    )


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("burst",), {"times": "x"}, "burst.times"),
        (("burst",), {"times": 10, "seconds": 1e9}, "burst.seconds"),
        (("settings", "burst"), {"times": "x"}, "settings.burst"),
        (("day_parts",), [{"key": "m", "start": "25:00", "end": "12:00"}], "day_parts.0.start"),
        (("day_parts",), "x", "day_parts"),
        (("settings", "cut_off"), "99:99", "settings.cut_off"),
        (("settings", "snooze_limit"), -1, "settings.snooze_limit"),
        (("settings", "snooze_limit"), "3", "settings.snooze_limit"),
        (("levels", 0, "rank"), 1.5, "levels.0.rank"),
        (
            ("forms", "customer", "fields", 0, "max_length"),
            -1,
            "forms.customer.fields.0.max_length",
        ),
        (("forms", "customer", "fields", 0, "min"), 1e300, "forms.customer.fields.0.min"),
        (("forms", "customer", "fields", 0, "decimals"), 99, "forms.customer.fields.0.decimals"),
        (("forms", "orders"), {"label": {}, "fields": []}, "forms.orders"),
        (("store", "time_zone"), "Mars/Olympus", "store.time_zone"),
        (("zzz",), 1, "zzz"),
    ],
)
def test_junk_is_refused_by_its_path(world, path, value, said):
    document = changed(full_document(), path, value)
    arguments = (world.stores["east"], Jsonb(document), 1)
    refused = world.refused("liang", "select api.publish_config(%s, %s, %s)", *arguments)
    assert refused == "PT422 invalid_config"
    found = world.ask("liang", "select api.check_config(%s, %s)", *arguments[:2])[0][0]
    assert found == [{"kind": "invalid_config", "level": "refused", "subject": said}]


def test_a_check_of_junk_answers_and_never_fails(world):
    """Each leaf of the document with each kind of value."""
    document = full_document()
    dice = random.Random(25)
    for path in distinct(document):
        for value in dice.sample(HOSTILE, 2):
            kinds(world, changed(document, path, value))


@pytest.mark.parametrize("seed", range(2))
def test_what_is_accepted_makes_no_verb_fail(world, seed):
    """A few accepted changes at once, published past the access check, then every verb."""
    scene = Scene(world)
    operations = scene.operations()
    document, dice = full_document(), random.Random(seed)
    paths = distinct(document)
    tried = 0
    while tried < 4:
        hostile = document
        for path in dice.sample(paths, 40):
            candidate = changed_if_there(hostile, path, dice.choice(HOSTILE))
            if candidate and kinds(world, candidate) == []:
                hostile = candidate
        with world.db.transaction(force_rollback=True):
            try:
                with world.db.transaction():
                    world.db.execute(
                        "select crm.apply_config(%s, %s)", (world.stores["east"], Jsonb(hostile))
                    )
            except Exception:
                tried += 1  # publishing says invalid_config: refused as well
                continue
            for verb, (name, payload, base) in operations.items():
                for answer in send(world, name, operation(world, verb, payload, base)):
                    assert answer.get("code") != "unexpected", (
                        verb,
                        differences(document, hostile),
                    )
            world.db.execute(
                "select crm.run_rules(%s, (now() + interval '1 day')::date)",
                (world.stores["east"],),
            )
            world.ask("lin", "select api.today(%s)", world.stores["east"])
        tried += 1


def changed_if_there(document, path, value):
    try:
        return changed(document, path, value)
    except (KeyError, IndexError, TypeError):
        return None


def differences(before, after, path=()):
    if type(before) is type(after) and isinstance(before, dict) and before.keys() == after.keys():
        return [d for k in before for d in differences(before[k], after[k], (*path, k))]
    if type(before) is type(after) and isinstance(before, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [d for n, (a, b) in pairs for d in differences(a, b, (*path, n))]
    return [] if before == after else [(path, after)]
