"""T2: a field a role may not see is absent on every channel; hidden is unknown, masked is its mask, and no question is an oracle."""

import json
import random
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.rights.channels import CHANNELS, RELATIONS, Field
from tests.rights.permissions import IDENTITIES
from tests.rights.scene import EXTRA, File, Scene

# Who is restricted in what follows from the document alone: a right that is not there is "hidden".
PEOPLE = ("advisor", "renewal", "assistant", "market", "group_admin", "inspector", "team_lead")
READER = "store_admin"
# A channel that has to tell a reader of some field something, or it proves nothing; these carry no value to anyone.
SILENT = {"count", "returning", "search sort", "config", "effective access", "undo", "error by whether"}

SWAP = "translate({v}, '0123456789', '9876543210')"  # digits change places: other value, other order, same form
MASKS = {  # the same mask before and after
    "phone": "left({v}, 3) || " + SWAP.format(v="substr({v}, 4, length({v}) - 7)") + " || right({v}, 4)",
    "plate": "left({v}, 2) || " + SWAP.format(v="substr({v}, 3, length({v}) - 3)") + " || right({v}, 1)",
    "tail4": SWAP.format(v="left({v}, length({v}) - 4)") + " || right({v}, 4)",
}
OTHER = {"male": "female", "female": "male", "walk_in": "phone", "noon": "evening", "near": "intent", "friend": "spouse", "advises": "decides", "both": "commercial"}


@pytest.fixture(scope="module")
def scene(stack) -> Iterator[Scene]:
    with psycopg.connect(stack.db_url) as connection:
        found = Scene(connection, each=3)
        for relation in RELATIONS.values():  # a change of a value alone: no history, no new version, no new number
            for (trigger,) in connection.execute(
                "select tgname from pg_trigger where tgrelid = ('crm.' || %s)::regclass and not tgisinternal and tgname ~ '(a_stamp|losses|history|unique|zz_probe)$'", (relation,)
            ).fetchall():
                connection.execute(f"alter table crm.{relation} disable trigger {trigger}")
        yield found
        connection.rollback()


def fields(scene: Scene, file: File) -> list[Field]:
    """Every field of every form, with what that file holds."""
    found = []
    for form, key, type_, is_base in scene.db.execute(
        "select form, key, type, is_base from crm.fields where store_id = %s and not retired order by 1, is_base desc, position", (scene.stores[file.store],)
    ).fetchall():
        value = scene.row(f"select (to_jsonb(t) || t.custom) -> %s from crm.{RELATIONS[form]} t where t.store_id = %s and t.id = %s", key, scene.stores[file.store], getattr(file, form))
        assert value is not None, (form, key)
        found.append(Field(form, key, type_, is_base, value))
    return found


def right(scene: Scene, identity: str, field: Field) -> str:
    """What the document gives: write, read, masked or hidden."""
    role = next(r for r in scene.document["roles"] if r["key"] == IDENTITIES[identity][1])
    return role["rights"].get(field.form, {}).get(field.key, "hidden")


def change(scene: Scene, field: Field, mask: str | None) -> None:
    """Give every record another value of this field, of the same mask when one is given; copies in other records and old values follow."""
    v = f"t.{field.key}" if field.base else f"(t.custom ->> '{field.key}')"
    if isinstance(field.value, bool):
        new = f"not t.{field.key}"
    elif field.key == "model_year":
        new = f"4051 - t.{field.key}"
    elif field.type in ("number", "money"):
        new = f"20000000 - {v}::bigint"
    elif field.type == "date":
        new = f"'2060-01-01'::date - (t.{field.key} - '2000-01-01'::date)"
    elif field.type in ("select", "level"):
        new = "case " + " ".join(f"when {v} = '{a}' then '{b}'" for a, b in OTHER.items()) + " end"
    else:
        new = MASKS.get(mask or "", SWAP).format(v=v)
    relation = RELATIONS[field.form]
    scene.db.execute(f"update crm.{relation} t set {field.key} = {new}" if field.base else f"update crm.{relation} t set custom = jsonb_set(t.custom, '{{{field.key}}}', to_jsonb({new}))")
    for side in ("old", "new"):
        e = f"(t.{side} #>> '{{}}')"
        scene.db.execute(f"update crm.events t set {side} = to_jsonb({SWAP.format(v=e)}) where t.form = %s and t.field = %s and t.is_field and {e} is not null", (field.form, field.key))
    if field.form == "customer" and field.key == "level":  # what was graded in a talk is a copy of it
        scene.db.execute("update crm.conversations set level_after = 'intent', level_before = 'intent'")
    if field.form == "customer" and field.key == "next_contact_on":
        scene.db.execute("update crm.conversations set next_contact_on = '2044-04-04'")


def world_of(scene: Scene, identity: str, some: list[Field]) -> None:
    """The world in which all these fields, restricted for that person, hold something else."""
    masks = dict(scene.db.execute("select form || '.' || key, mask from crm.fields where store_id = %s and not retired", (scene.stores["east"],)).fetchall())
    for field in some:
        change(scene, field, masks[f"{field.form}.{field.key}"] if right(scene, identity, field) == "masked" else None)


def culprits(scene: Scene, identity: str, question: str, some: list[Field]) -> list[str]:
    """Which single field changes that answer."""
    (before,), found = scene.ask_many(identity, [question]), []
    for field in some:
        with scene.db.transaction(force_rollback=True):
            world_of(scene, identity, [field])
            (after,) = scene.ask_many(identity, [question])
            if after.heard != before.heard:
                found.append(f"{field.form}.{field.key} ({right(scene, identity, field)}): {before.everything[:100]} | {after.everything[:100]}")
    return found


def test_no_channel_tells_what_a_role_may_not_see(scene):
    """Noninterference: a person's questions in two worlds that differ in nothing but what is hidden or masked from him."""
    cells, leaks, alive = 0, [], set()
    start = scene.attempts
    for identity in (*PEOPLE, READER):
        file = scene.files[identity]
        known = fields(scene, file)
        some = known if identity == READER else [f for f in known if right(scene, identity, f) in ("hidden", "masked")]
        asked = [(name, field, q) for field in some for name, ask in CHANNELS.items() if (q := ask(scene, field, file)) is not None]
        questions = list(dict.fromkeys(q for *_, q in asked))  # some roads do not depend on the field asked about
        before = dict(zip(questions, scene.ask_many(identity, questions), strict=True))
        with scene.db.transaction(force_rollback=True):
            world_of(scene, identity, some)
            after = dict(zip(questions, scene.ask_many(identity, questions), strict=True))
        differ = {q for q in questions if before[q].heard != after[q].heard}
        if identity == READER:
            alive = {name for name, _, q in asked if q in differ}
            continue
        cells += len(asked)
        told = {q: culprits(scene, identity, q, some) for q in sorted(differ)[:8]}
        leaks += sorted({f"{identity}, {name}: {told.get(q, q)}" for name, _, q in asked if q in differ})
    print(f"\nT2 channels: {len(CHANNELS)} channels, {cells:,} cells, {scene.attempts - start:,} attempts, {len(leaks)} leaks")
    assert not leaks, "\n".join(leaks[:20])
    dead = set(CHANNELS) - SILENT - alive
    assert not dead, f"these told a reader nothing either, so they prove nothing: {dead}"
    assert cells >= 2000
    assert len(CHANNELS) >= 15
