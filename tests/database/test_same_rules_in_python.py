"""The form on the phone and the database judge alike: the same codes for thousands of generated patches (F-89)."""

import json
import random

from psycopg.types.json import Jsonb

from shared.domain import forms
from shared.domain.config import StoreConfig

VALUES = [None, "", " ", "x", "长" * 81, "长" * 2001, "138****8000", "13800138000", "+61752893484", "12", "沪A12345", "沪 A", "LSVAA4182E2184847", "no vin!", 0, 1, -1, 1.5, 10**14, True, False, [], ["x"], {}, "walk_in", "near", "female",
          "2026-11-24", "2026-02-30", "2026-2-3", "24:00", "23:59", "spouse", "both"]  # fmt: skip


def test_both_evaluators_agree(world):
    document = world.ask("lin", "select document from api.config")[0][0]
    config = StoreConfig.model_validate(document)
    compiled = {
        form: fields
        for form, fields in world.db.execute("select form, fields from crm.forms where store_id = %s", (world.stores["east"],)).fetchall()
    }
    dice, cases = random.Random(1), []
    for _ in range(2500):
        form = dice.choice(list(config.forms))
        keys = [f.key for f in config.forms[form].fields] + ["no_such_field", "owner_id"]
        cases.append((form, {dice.choice(keys): dice.choice(VALUES) for _ in range(dice.randrange(1, 4))}, dice.random() < 0.5))
    rights = {form: config.rights(form) for form in config.forms}
    asked = [{"form": f, "patch": p, "create": c} for f, p, c in cases]
    for case, (form, *_) in zip(asked, cases, strict=True):
        case |= {"fields": compiled[form], "writable": list(rights[form].writable), "required": list(rights[form].required)}
    answers = world.db.execute(
        "select crm.problems(%s, x -> 'fields', x -> 'patch', array(select jsonb_array_elements_text(x -> 'writable')), array(select jsonb_array_elements_text(x -> 'required')), (x ->> 'create')::bool)"
        " from jsonb_array_elements(%s) with ordinality as t (x, n) order by n", (world.stores["east"], Jsonb(asked)),
    ).fetchall()  # fmt: skip
    different = []
    for (form, patch, creating), (answer,) in zip(cases, answers, strict=True):
        ours = {(p.field, p.code) for p in forms.problems(config, form, patch, creating=creating)}
        theirs = {(p["field"], p["code"]) for p in answer}
        if ours != theirs:
            different.append((form, patch, creating, ours ^ theirs))
    assert different == [], json.dumps([str(d) for d in different[:8]], ensure_ascii=False, indent=1)
