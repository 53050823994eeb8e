"""The form on the phone and the database judge alike: the same codes for thousands of generated
patches (F-89)."""

import json
import random
from decimal import Decimal

import pytest
from psycopg.types.json import Jsonb

from shared.domain import conditions, forms
from shared.domain.config import StoreConfig
from shared.domain.pinyin import pinyin_of
from tests.support.people import preset

VALUES = [
    None,
    "",
    " ",
    "x",
    "长" * 81,
    "长" * 2001,
    "138****8000",
    "13800138000",
    "+61752893484",
    "12",
    "沪A12345",
    "沪 A",
    "LSVAA4182E2184847",
    "no vin!",
    0,
    1,
    -1,
    1.5,
    10**14,
    True,
    False,
    [],
    ["x"],
    {},
    "walk_in",
    "near",
    "female",
    "2026-11-24",
    "2026-02-30",
    "2026-2-3",
    "24:00",
    "23:59",
    "spouse",
    "both",
    "diesel",
    ["diesel"],
    ["petrol", "diesel"],
    "visit",
]
PLAIN = [
    None,
    "",
    "a",
    "b",
    "2026-11-24",
    "2026-12-01",
    0,
    1,
    2,
    1.0,
    -3,
    0.1,
    0.2,
    10**15,
    True,
    False,
    [],
    ["a"],
    [1, "b"],
    "长",
]
KEYS = ["a", "b", "c", "d"]


def with_conditions() -> dict:
    """The preset and fields that look at each other."""
    document = json.loads(preset())
    label = {"zh_CN": "问"}
    document["forms"]["customer"]["fields"] += [
        {
            "key": "fuel",
            "type": "select",
            "label": label,
            "options": [{"key": k, "label": label} for k in ("petrol", "diesel", "electric")],
            "options_when": {"diesel": {"==": [{"var": "gender"}, "male"]}},
        },
        {
            "key": "range_km",
            "type": "number",
            "label": label,
            "show": {"==": [{"var": "fuel"}, "electric"]},
            "required": True,
            "max": 2000,
        },
        {"key": "trade_in", "type": "bool", "label": label},
        {
            "key": "old_car",
            "type": "text",
            "label": label,
            "require": {"and": [{"var": "trade_in"}, {"!": {"var": "do_not_call"}}]},
        },
        {
            "key": "seats",
            "type": "multi",
            "label": label,
            "options": [{"key": k, "label": label} for k in ("petrol", "diesel")],
            "options_when": {"diesel": {"in": [{"var": "level"}, ["near", "intent"]]}},
        },
        {
            "key": "share",
            "type": "formula",
            "label": label,
            "formula": {"/": [{"var": "range_km"}, 3]},
            "decimals": 2,
        },
    ]
    document["forms"]["conversation"]["fields"].append(
        {"key": "car_seen", "type": "text", "label": label, "required_methods": ["visit"]}
    )
    for role in document["roles"]:
        if "save_customer" in role["verbs"]:
            customer = role["rights"].setdefault("customer", {})
            for key in (
                "fuel",
                "range_km",
                "trade_in",
                "old_car",
                "seats",
                "share",
                "gender",
                "level",
                "do_not_call",
            ):
                customer[key] = "write"
            role["rights"].setdefault("conversation", {})["car_seen"] = "write"
        else:
            role["rights"].get("customer", {}).pop("fuel", None)
    return document


def test_both_evaluators_agree(world):
    world.ask(
        "liang",
        "select api.publish_config(%s, %s, 1, '')",
        world.stores["east"],
        Jsonb(with_conditions()),
    )
    document = world.ask("lin", "select document from api.config")[0][0]
    config = StoreConfig.model_validate(document)
    compiled = {
        form: fields
        for form, fields in world.db.execute(
            "select form, fields from crm.forms where store_id = %s", (world.stores["east"],)
        ).fetchall()
    }
    dice, cases = random.Random(1), []
    for _ in range(10_000):
        form = dice.choice([*config.forms, "customer", "customer"])
        keys = [f.key for f in config.forms[form].fields] + ["no_such_field", "owner_id"]
        if form == "customer" and dice.random() < 0.6:
            keys = [
                "fuel",
                "range_km",
                "trade_in",
                "old_car",
                "seats",
                "share",
                "gender",
                "level",
                "do_not_call",
            ]
        patch = {dice.choice(keys): dice.choice(VALUES) for _ in range(dice.randrange(1, 4))}
        record = {dice.choice(keys): dice.choice(VALUES) for _ in range(dice.randrange(0, 5))} | (
            {"method": dice.choice(["visit", "call"])} if form == "conversation" else {}
        )
        cases.append((form, patch, record, dice.random() < 0.5))
    rights = {form: config.rights(form) for form in config.forms}
    asked = [{"form": f, "patch": p, "record": r, "create": c} for f, p, r, c in cases]
    for case, (form, *_) in zip(asked, cases, strict=True):
        case |= {"writable": list(rights[form].writable), "required": list(rights[form].required)}
    answers = world.db.execute(
        "select crm.field_errors(%s, %s::jsonb -> (x ->> 'form'), x -> 'patch', x -> 'record', "
        "array(select jsonb_array_elements_text(x -> 'writable')), array(select "
        "jsonb_array_elements_text(x -> 'required')), (x ->> 'create')::bool)"
        " from jsonb_array_elements(%s) with ordinality as t (x, n) order by n",
        (world.stores["east"], Jsonb(compiled), Jsonb(asked)),
    ).fetchall()
    different, codes = [], set()
    for (form, patch, record, creating), (answer,) in zip(cases, answers, strict=True):
        ours = {
            (p.field, p.code)
            for p in forms.problems(config, form, patch, creating=creating, record=record)
        }
        theirs = {(p["field"], p["code"]) for p in answer}
        codes |= {code for _, code in theirs}
        if ours != theirs:
            different.append((form, patch, record, creating, ours ^ theirs))
    assert different == [], json.dumps(
        [str(d) for d in different[:8]], ensure_ascii=False, indent=1
    )
    assert codes == {
        "forbidden",
        "required",
        "masked",
        "type",
        "range",
        "option",
        "date",
        "length",
        "format",
        "field_not_shown",
    }


def some_tree(dice: random.Random, depth: int = 0):
    if depth > 4 or dice.random() < 0.2:
        return {"var": dice.choice(KEYS)} if dice.random() < 0.6 else dice.choice(PLAIN)
    operator = dice.choice(conditions.OPERATORS)
    if operator in ("!", "!!"):
        inner = some_tree(dice, depth + 1)
        return {operator: [inner] if isinstance(inner, list) or dice.random() < 0.5 else inner}
    many = dice.randrange(1, 4) if operator in ("and", "or") else 2
    return {operator: [some_tree(dice, depth + 1) for _ in range(many)]}


@pytest.mark.parametrize("seed", range(3))
def test_both_judge_trees_alike(db, seed):
    dice = random.Random(seed)
    cases = [
        (some_tree(dice), {k: dice.choice(PLAIN) for k in KEYS if dice.random() < 0.8})
        for _ in range(4000)
    ]
    rows = db.execute(
        "select crm.evaluate_condition(x -> 0, x -> 1), crm.condition_error(x -> 0, array['a', "
        "'b', 'c']) from "
        "jsonb_array_elements(%s) with ordinality as t (x, n) order by n",
        (Jsonb([list(case) for case in cases]),),
    ).fetchall()
    different = []
    for (tree, record), (theirs, their_problem) in zip(cases, rows, strict=True):
        ours = conditions.answer(tree, record)
        same = (
            type(ours) is type(theirs) and ours == theirs
            if isinstance(ours, bool)
            or isinstance(theirs, bool)
            or ours is None
            or theirs is None
            or isinstance(ours, str | list)
            else Decimal(str(ours)) == Decimal(str(theirs))
        )
        if not same or conditions.problem(tree, {"a", "b", "c"}) != their_problem:
            different.append(
                (
                    tree,
                    record,
                    ours,
                    theirs,
                    conditions.problem(tree, {"a", "b", "c"}),
                    their_problem,
                )
            )
    assert different == [], json.dumps(
        [str(d) for d in different[:6]], ensure_ascii=False, indent=1
    )
    assert {their_problem for _, their_problem in rows} >= {None, "unknown_field"}


def test_a_name_is_spelled_alike_on_the_phone_and_in_the_database(db):
    """Every hanzi of the basic block, first in a name and later in it; and what else stands in
    names."""
    names = [r[0] for r in db.execute("select hanzi from crm.pinyin order by hanzi").fetchall()]
    assert len(names) > 20_000
    names = [
        *names,
        *("王" + hanzi for hanzi in names),
        "曾国藩",
        "Tom 李",
        "阿卜杜拉·买买提",
        "重庆长安",
        " 曾",
        "李3",
        "单",
        "",
        "(单)",
        "张" * 30,
    ]
    theirs = db.execute(
        "select (p).full_text, (p).initials from (select crm.pinyin_of(x) as p, n from "
        "unnest(%s::text[]) with ordinality u (x, n)) q order by n",
        (names,),
    )
    wrong = {
        name: (pinyin_of(name), (a or "", b or ""))
        for name, (a, b) in zip(names, theirs, strict=True)
        if pinyin_of(name) != (a or "", b or "")
    }
    assert wrong == {}, f"{len(wrong)}: {list(wrong.items())[:20]}"
