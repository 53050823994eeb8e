"""T21: any sequence of edits, taken back, leaves the store as it was; a document moved to another
store means the same there."""

import copy
import json
import random
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from shared.domain import presets
from shared.domain.config import StoreConfig
from tests.support.people import PEOPLE, World
from tests.support.present import present

MATERIALISED = {
    "fields": "form, key, label, is_base, type, required, pattern, min, max, max_length, options, "
    "mask, is_searchable, is_unique, logic, position",
    "roles": "key, label, scope, verbs, screens, pools, position",
    "pipelines": "key, label, position",
    "stages": "pipeline, key, label, type, color, moves, required, checklist, position",
    "levels": "key, label, definition, rank, cadence_days, pool, position",
    "outcomes": "key, label, methods, reached, notes_required, retry_hours, retry_max, position",
    "reasons": "key, label, uses, parent, position",
    "pools": "key, label, position",
}


def meaning(world, store) -> str:
    """What a store's document means to the database: everything that is not retired, the rights,
    the rules."""
    parts = []
    for table, columns in MATERIALISED.items():
        parts.append(
            world.row(
                "select coalesce(string_agg(x::text, '|' order by x::text), '') from (select "
                f"{columns} from crm.{table} where store_id = %s and not retired) x",
                store,
            )
        )
    parts.append(
        world.row(
            "select string_agg(x::text, '|' order by x::text) from (select role, form, key, "
            "access from crm.field_rights where store_id = %s) x",
            store,
        )
    )
    # by sorted keys: the order of arrays is the order in which rows came
    parts.append(
        world.row(
            "select string_agg(x::text, '|' order by x::text) from (select a.role, form, "
            "array(select unnest(readable) order by 1), array(select unnest(masked) order by 1), "
            "array(select unnest(writable) order by 1), array(select unnest(required) order by 1) "
            "from crm.access a join crm.roles r on r.store_id = a.store_id and r.key = a.role and "
            "not r.retired where a.store_id = %s) x",
            store,
        )
    )
    parts.append(
        world.row(
            "select string_agg(x::text, '|' order by x::text) from (select key, label, kind, "
            "days, active from crm.rules where store_id = %s and active) x",
            store,
        )
    )
    parts.append(world.row("select settings::text from crm.stores where id = %s", store))
    return "\n".join(str(p) for p in parts)


def edited(document: dict, dice: random.Random) -> dict:
    """The document after one thing an admin could do."""
    d = copy.deepcopy(document)
    label = {"zh_CN": f"改{dice.randrange(1000)}"}
    form = dice.choice(["customer", "vehicle", "policy", "deal", "conversation", "companion"])
    fields, role, pipeline = (
        d["forms"][form]["fields"],
        dice.choice(d["roles"]),
        dice.choice(d["pipelines"]),
    )
    match dice.randrange(11):
        case 0:
            kind = dice.choice(
                ["text", "number", "money", "date", "bool", "select", "multi", "formula"]
            )
            field = {"key": f"x{uuid4().hex[:8]}", "label": label, "type": kind}
            if kind in ("select", "multi"):
                field["options"] = [{"key": k, "label": label} for k in ("a", "b", "c")]
            if kind == "formula":
                field["formula"] = {"+": [1, 2]}
            fields.insert(dice.randrange(len(fields) + 1), field)
            role["rights"].setdefault(form, {})[field["key"]] = dice.choice(["read", "write"])
        case 1 if fields:
            gone = dice.choice(fields)
            if gone["key"] not in (
                "name",
                "source",
                "level",
                "expires_on",
                "amount_fen",
                "expected_close_on",
            ):  # the last two: unknown_field
                fields.remove(gone)
        case 2 if fields:
            dice.choice(fields)["label"] = label
        case 3:
            dice.shuffle(fields)
        case 4 if fields:
            key = dice.choice(fields)["key"]
            if key not in (
                "name",
                "source",
                "level",
                "expires_on",
                "notes",
                "amount_fen",
                "expected_close_on",
            ):  # needed: role_cannot_write, role_cannot_read
                role["rights"].setdefault(form, {})[key] = dice.choice(["hidden", "read", "write"])
        case 5:
            pipeline["stages"].insert(
                1,
                {
                    "key": f"s{uuid4().hex[:8]}",
                    "label": label,
                    "type": "open",
                    "color": dice.choice(["red", "teal"]),
                },
            )
        case 6:
            dice.shuffle(pipeline["stages"])
        case 7:
            d["levels"][0]["cadence_days"] = dice.randrange(1, 60)
        case 8:
            d["reasons"] = d["reasons"][: dice.randrange(len(d["reasons"]) + 1)]
        case 9:
            d["rules"][0]["active"] = not d["rules"][0].get("active", True)
        case 10:
            role["label"] = label
    return d


def run_sequences(world, seeds: range, version: int = 1) -> int:
    published, store = 0, world.stores["east"]
    for seed in seeds:
        dice = random.Random(seed)
        start, before, document = (
            version,
            meaning(world, store),
            world.row(
                "select document from crm.config_versions where store_id = %s and version = %s",
                store,
                version,
            ),
        )
        for _ in range(dice.randrange(1, 5)):
            document = edited(document, dice)
            version = world.ask(
                "liang",
                "select api.publish_config(%s, %s, %s, '')",
                store,
                Jsonb(document),
                version,
            )[0][0]["version"]
            published += 1
        version = world.ask(
            "liang", "select api.restore_config(%s, %s, %s, '')", store, start, version
        )[0][0]["version"]
        assert meaning(world, store) == before, f"seed {seed}"
    return published


def test_edits_taken_back_leave_the_store_as_it_was(world):
    assert run_sequences(world, range(10)) >= 10


@pytest.mark.long
def test_a_thousand_sequences_of_edits_taken_back(stack):
    """Each ten are committed: in one transaction the rows of 3,500 published documents could not be
    cleaned up, and every next one walked them."""
    with psycopg.connect(stack.db_url) as db:
        world, published = World(db), 0
        for first in range(1000, 2000, 10):
            version = world.row(
                "select config_version from crm.stores where id = %s", world.stores["east"]
            )
            published += run_sequences(world, range(first, first + 10), version)
            db.commit()
    print(f"T21: 1000 sequences, {published} publishes, 0 differences")


@pytest.mark.parametrize("key", presets.KEYS)
def test_every_preset_works_in_a_new_store_and_moves_to_another(world, key):
    """Export from one, import into the other: same digest, same meaning."""
    config = presets.load(key)
    one, other = (
        world.row(
            "select crm.create_store((select group_id from crm.stores where id = %s), "
            "gen_random_uuid(), 'new', %s)",
            world.stores["east"],
            Jsonb(config.document()),
        )
        for _ in range(2)
    )
    assert meaning(world, one) == meaning(world, other)
    world.db.execute(
        "insert into crm.members (store_id, user_id, role, name) values (%s, %s, "
        "'store_admin', 'liang')",
        (one, world.users["liang"]),
    )
    exported = world.ask("liang", "select document from api.config where store_id = %s", one)[0][0]
    read_back = StoreConfig.model_validate_json(json.dumps(exported, ensure_ascii=False))
    assert read_back.digest() == config.digest()
    world.db.execute(
        "insert into crm.members (store_id, user_id, role, name) values (%s, %s, "
        "'store_admin', 'liang')",
        (other, world.users["liang"]),
    )
    before = meaning(world, other)
    assert (
        world.ask("liang", "select api.check_config(%s, %s)", other, Jsonb(read_back.document()))[
            0
        ][0]
        == []
    )
    world.ask(
        "liang",
        "select api.publish_config(%s, %s, 1, 'from the other store')",
        other,
        Jsonb(read_back.document()),
    )
    assert meaning(world, other) == before


def test_two_versions_behind_nothing_is_lost(world):
    """Whatever two edits an admin makes, what an older form allowed is saved, or a right was taken
    from its role."""
    store, version = world.stores["east"], 1
    document = world.row(
        "select document from crm.config_versions where store_id = %s and version = 1", store
    )
    saved = refused = 0
    for seed in range(12):
        dice = random.Random(seed)
        config = StoreConfig.model_validate(
            world.ask("lin", "select document from api.config")[0][0]
        )
        writable = {
            f.key: f
            for f in config.forms["customer"].fields
            if f.key in config.rights("customer").writable and f.options and not f.options_when
        }
        behind = version
        for _ in range(2):
            document = edited(document, dice)
            version = world.ask(
                "liang",
                "select api.publish_config(%s, %s, %s, '')",
                store,
                Jsonb(document),
                version,
            )[0][0]["version"]
        values = {
            "name": "旧表单",
            "source": present(present(config.forms["customer"].field("source")).options)[0].key,
            "level": "near",
        }
        values |= {
            k: [present(f.options)[-1].key] if f.type == "multi" else present(f.options)[-1].key
            for k, f in writable.items()
            if k != "source"
        }
        answer = world.push(
            "lin", "save_customer", {"id": str(uuid4()), "set": values}, config_version=behind
        )
        rights = next(r for r in document["roles"] if r["key"] == PEOPLE["lin"][1])["rights"].get(
            "customer", {}
        )
        placed = {f["key"] for f in document["forms"]["customer"]["fields"]}
        taken = {k for k in values if k in placed and rights.get(k, "hidden") != "write"} | (
            {k for k in values if k not in placed and k in ("gender", "preferred_time")}
        )
        if taken:
            assert {e["field"] for e in answer["errors"]} <= taken, (seed, answer)
            refused += 1
        else:
            assert answer["status"] == "applied", (seed, answer, values)
            saved += 1
    assert saved >= 2, (saved, refused)
