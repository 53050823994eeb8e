"""The life of a document: draft, check, publish, restore; types, uniqueness and conditions; older
phones; the end of a field."""

import json

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.support.people import new_id, preset

LABEL = {"zh_CN": "预算", "zh_TW": "預算", "en": "Budget"}


def document(**changes) -> dict:
    return {**json.loads(preset()), **changes}


def with_field(field: dict, form: str = "customer", **rights: str) -> dict:
    """The preset with one more field; rights: role → access, others stay hidden."""
    found = document()
    found["forms"][form]["fields"].append({"label": LABEL, **field})
    for role in found["roles"]:
        if role["key"] in rights:
            role["rights"].setdefault(form, {})[field["key"]] = rights[role["key"]]
    return found


def publish(world, doc, base=1, name="liang"):
    return world.ask(
        name,
        "select api.publish_config(%s, %s, %s, 'test')",
        world.stores["east"],
        Jsonb(doc),
        base,
    )[0][0]["version"]


def refusal(world, doc, base=1):
    return world.refused(
        "liang",
        "select api.publish_config(%s, %s, %s, 'test')",
        world.stores["east"],
        Jsonb(doc),
        base,
    )


def check(world, doc, name="liang") -> list[dict]:
    before = world.digest()
    found = world.ask(name, "select api.check_config(%s, %s)", world.stores["east"], Jsonb(doc))[0][
        0
    ]
    assert world.digest() == before  # a check writes nothing
    return found


def of_kind(items, kind):
    return [x for x in items if x["kind"] == kind]


def save(world, who="lin", config_version=None, **values):
    op = {"id": new_id(), "set": {"name": "某", "source": "phone", "level": "near", **values}}
    return world.push(who, "save_customer", op, config_version=config_version)


# From nothing to a field with rights, and back (Must show 1) --------------------------------------


def test_a_required_money_field_from_nothing_and_back(world):
    before = world.ask("lin", "select document from api.config")[0][0]
    publish(
        world,
        with_field(
            {"key": "budget2", "type": "money", "required": True, "mask": "all"},
            advisor="write",
            renewal="masked",
        ),
    )
    assert save(world)["errors"] == [{"field": "budget2", "code": "required"}]
    saved = save(world, budget2=20000000)
    assert saved["status"] == "applied"
    mine = world.ask("lin", "select custom from api.customers where name = '某'")
    assert mine == [({"budget2": 20000000},)]
    world.db.execute(
        "update crm.customers set renewal_owner_id = %s where name = '某'", (world.users["zhou"],)
    )
    assert world.ask("zhou", "select custom from api.customers where name = '某'") == [
        ({"budget2": "****"},)
    ]
    assert world.ask("liang", "select api.restore_config(%s, 1, 2, '')", world.stores["east"])[0][
        0
    ] == {"version": 3}
    assert world.ask("lin", "select document from api.config")[0][0] == before
    assert save(world)["status"] == "applied"


# Draft --------------------------------------------------------------------------------------------


def test_a_draft_is_kept_for_its_author_until_it_is_published(world):
    draft = document(reasons=[])
    world.ask(
        "liang",
        "select api.save_config_draft(%s, %s, 1)",
        world.stores["east"],
        Jsonb({"half": "done"}),
    )
    world.ask(
        "liang", "select api.save_config_draft(%s, %s, 1)", world.stores["east"], Jsonb(draft)
    )
    assert world.ask("liang", "select document, base_version from api.config_drafts") == [
        (draft, 1)
    ]
    assert world.ask("xu", "select * from api.config_drafts") == []
    assert (
        world.refused(
            "xu", "select api.save_config_draft(%s, %s, 1)", world.stores["east"], Jsonb(draft)
        )
        == "PT403 forbidden"
    )
    publish(world, draft)
    assert world.ask("liang", "select * from api.config_drafts") == []


def test_a_draft_is_discarded(world):
    world.ask(
        "liang", "select api.save_config_draft(%s, %s, 1)", world.stores["east"], Jsonb(document())
    )
    world.ask("liang", "select api.save_config_draft(%s, null, 1)", world.stores["east"])
    assert world.ask("liang", "select * from api.config_drafts") == []


# Check --------------------------------------------------------------------------------------------


def test_the_published_document_has_no_impact(world):
    world.customer()
    assert check(world, document()) == []


def test_a_check_counts_what_holds_a_removed_option_and_field(world):
    world.customer(gender="female", budget_fen=100)
    doc = document()
    fields = doc["forms"]["customer"]["fields"]
    gender = next(f for f in fields if f["key"] == "gender")
    gender["options"] = [o for o in gender["options"] if o["key"] != "female"]
    doc["forms"]["customer"]["fields"] = [f for f in fields if f["key"] != "budget_fen"]
    found = check(world, doc)
    assert [
        (x["key"], x["options"], x["count"], len(x["ids"]))
        for x in of_kind(found, "option_removed")
    ] == [("gender", ["female"], 1, 1)]
    assert [(x["key"], x["count"], x["level"]) for x in of_kind(found, "field_removed")] == [
        ("budget_fen", 1, "warning")
    ]


def test_a_check_names_what_publishing_refuses(world):
    world.done(
        "lin",
        "save_deal",
        {"id": new_id(), "customer_id": world.customer(), "pipeline": "new_car", "set": {}},
    )
    doc = document()
    doc["pipelines"][0]["stages"] = [s for s in doc["pipelines"][0]["stages"] if s["key"] != "lead"]
    doc["roles"] = [r for r in doc["roles"] if r["key"] != "advisor"]
    found = check(world, doc)
    assert [(x["key"], x["count"], x["level"]) for x in of_kind(found, "stage_removed")] == [
        ("lead", 1, "refused")
    ]
    assert of_kind(found, "role_removed")[0]["level"] == "refused"
    assert refusal(world, doc).startswith("PT422")
    doc = document()
    for role in doc["roles"]:
        role["verbs"] = [v for v in role["verbs"] if v != "publish_config"]
    assert "last_admin" in [x["kind"] for x in check(world, doc) if x["level"] == "refused"]


def test_a_check_says_who_gains_and_who_loses(world):
    doc = document()
    renewal = next(r for r in doc["roles"] if r["key"] == "renewal")
    renewal["scope"] = "store"
    advisor = next(r for r in doc["roles"] if r["key"] == "advisor")
    advisor["rights"]["customer"]["phone"] = "masked"
    advisor["rights"]["customer"]["name"] = "read"
    found = check(world, doc)
    assert of_kind(found, "role_changed") == [
        {
            "kind": "role_changed",
            "level": "warning",
            "role": "renewal",
            "count": 1,
            "changes": [{"what": "scope", "before": "own", "after": "store"}],
        }
    ]
    assert of_kind(found, "rights_changed")[0]["changes"] == [
        {"form": "customer", "key": "name", "before": "write", "after": "read"},
        {"form": "customer", "key": "phone", "before": "write", "after": "masked"},
    ]
    assert of_kind(found, "role_cannot_write") == [
        {
            "kind": "role_cannot_write",
            "level": "refused",
            "role": "advisor",
            "form": "customer",
            "key": "name",
        }
    ]
    assert refusal(world, doc) == "PT422 role_cannot_write"  # who must fill it may not


def test_a_check_tells_moves_barred_and_todays_tasks(world):
    customer = world.customer(next_contact_on="2026-01-01")
    world.done(
        "lin",
        "save_deal",
        {"id": new_id(), "customer_id": customer, "pipeline": "new_car", "set": {}},
    )
    doc = document()
    doc["pipelines"][0]["stages"][0]["moves"] = ["lost"]
    doc["rules"][0]["active"] = False
    found = check(world, doc)
    assert [(x["key"], x["count"]) for x in of_kind(found, "moves_barred")] == [("lead", 1)]
    tasks = of_kind(found, "tasks_today")[0]
    assert tasks["before"]["cadence"] == 1 and tasks["after"]["cadence"] == 0


def too_many_fields(doc):
    doc["forms"]["vehicle"]["fields"] += [
        {"key": f"x{n}", "type": "text", "label": LABEL} for n in range(200)
    ]


def too_many_roles(doc):
    doc["roles"] += [{**doc["roles"][0], "key": f"r{n}"} for n in range(30)]


def too_many_stages(doc):
    doc["pipelines"][0]["stages"] += [
        {"key": f"s{n}", "type": "open", "label": LABEL} for n in range(20)
    ]


def nowhere_to_begin(doc):
    for stage in doc["pipelines"][1]["stages"]:
        stage["type"] = "won" if stage["type"] == "open" else stage["type"]


def no_such_field(doc):
    doc["pipelines"][0]["stages"][1]["required"] = ["no_such"]


def blind_mover(doc):
    next(r for r in doc["roles"] if r["key"] == "advisor")["rights"]["deal"].pop("amount_fen")


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (blind_mover, "role_cannot_read"),
        (too_many_fields, "too_many"),
        (too_many_roles, "too_many"),
        (too_many_stages, "too_many"),
        (nowhere_to_begin, "no_open_stage"),
        (no_such_field, "unknown_field"),
    ],
)
def test_what_no_phone_could_work_with_is_refused(world, damage, code):
    doc = document()
    damage(doc)
    assert refusal(world, doc) == f"PT422 {code}"
    assert of_kind(check(world, doc), code)[0]["level"] == "refused"


@pytest.mark.parametrize("name", ["lin", "zhou", "wu", "xu", "he", "qin", "yan"])
def test_only_this_stores_admin_checks_and_restores(world, name):
    assert (
        world.refused(
            name, "select api.check_config(%s, %s)", world.stores["east"], Jsonb(document())
        )
        == "PT403 forbidden"
    )
    assert (
        world.refused(name, "select api.restore_config(%s, 1, 1, '')", world.stores["east"])
        == "PT403 forbidden"
    )


@pytest.mark.parametrize(
    "damage",
    [
        {},
        {"roles": 5},
        {"forms": []},
        {"forms": {"customer": 7}},
        {"pipelines": "x"},
        {"roles": [7]},
    ],
)
def test_a_damaged_document_is_checked_in_our_own_words(world, damage):
    doc = {**document(), **damage} if damage else {}
    impacts, message = [], ""
    try:
        with world.db.transaction():
            impacts = check(world, doc)
    except psycopg.Error as error:
        message = str(error)
    if message:
        assert "invalid_config" in message
    else:
        assert [x for x in impacts if x["level"] == "refused"]


# Types and uniqueness -----------------------------------------------------------------------------


def test_a_type_changes_when_every_value_converts(world):
    publish(world, with_field({"key": "seats", "type": "text"}, advisor="write"))
    first, second = world.customer(seats="5"), world.customer(seats=" 7 ")
    doc = with_field({"key": "seats", "type": "number"}, advisor="write")
    assert [
        (x["before"], x["after"], x["count"]) for x in of_kind(check(world, doc), "type_changed")
    ] == [("text", "number", 0)]
    publish(world, doc, base=2)
    values = world.db.execute(
        "select custom -> 'seats' from crm.customers where id = any (%s) order by 1",
        ([first, second],),
    ).fetchall()
    assert values == [(5,), (7,)]


def test_a_type_that_does_not_convert_is_refused_with_its_rows(world):
    """Counted for every admin, named to the one who may read the field."""
    publish(world, with_field({"key": "seats", "type": "text"}, advisor="write"))
    world.customer(seats="5")
    bad = world.customer(seats="five")
    doc = with_field({"key": "seats", "type": "number"}, advisor="write")
    item = of_kind(check(world, doc), "type_changed")[0]
    assert (item["level"], item["count"], item["rows"]) == ("refused", 1, [])
    publish(
        world,
        with_field({"key": "seats", "type": "text"}, advisor="write", store_admin="read"),
        base=2,
    )
    assert of_kind(check(world, doc), "type_changed")[0]["rows"] == [{"id": bad, "value": "five"}]
    assert refusal(world, doc, base=3) == "PT422 values_do_not_convert"


def test_a_base_field_keeps_its_type(world):
    doc = document()
    next(f for f in doc["forms"]["customer"]["fields"] if f["key"] == "phone")["type"] = "number"
    publish(world, doc)
    assert (
        world.row(
            "select type from crm.fields where store_id = %s and form = 'customer' and key = "
            "'phone'",
            world.stores["east"],
        )
        == "phone"
    )


def test_a_unique_value_is_taken_once_and_given_back(world):
    publish(world, with_field({"key": "card_no", "type": "text", "unique": True}, advisor="write"))
    assert save(world, card_no="A1")["status"] == "applied"
    assert save(world, card_no="a1")["errors"] == [{"field": "card_no", "code": "taken"}]
    assert save(world, who="chen", card_no="A1")["errors"] == [
        {"field": "card_no", "code": "taken"}
    ]
    other = save(world, card_no="A2")
    assert other["status"] == "applied"
    world.db.execute("update crm.customers set custom = '{}' where custom ->> 'card_no' = 'A2'")
    assert save(world, card_no="A2")["status"] == "applied"
    world.db.execute(
        "update crm.customers set removed_at = now() where custom ->> 'card_no' = 'A1'"
    )
    assert save(world, card_no="A1")["status"] == "applied"


def test_a_field_becomes_unique_only_when_its_values_are(world):
    publish(world, with_field({"key": "card_no", "type": "text"}, advisor="write"))
    world.customer(card_no="A1")
    world.customer(card_no="a1")
    doc = with_field({"key": "card_no", "type": "text", "unique": True}, advisor="write")
    assert [x["subject"] for x in of_kind(check(world, doc), "values_not_unique")] == [
        "customer.card_no"
    ]
    assert refusal(world, doc, base=2) == "PT422 values_not_unique"


# Conditions and formulas --------------------------------------------------------------------------


def test_a_condition_that_reads_what_a_role_may_not_is_refused(world):
    doc = with_field(
        {"key": "proof", "type": "text", "require": {">": [{"var": "budget_fen"}, 100]}},
        advisor="write",
        assistant="write",
    )
    next(r for r in doc["roles"] if r["key"] == "assistant")["rights"]["customer"].pop(
        "budget_fen", None
    )
    item = of_kind(check(world, doc), "condition_reads_hidden")[0]
    assert (item["role"], item["key"], item["hidden"]) == ("assistant", "proof", "budget_fen")
    assert refusal(world, doc) == "PT422 condition_reads_hidden"


@pytest.mark.parametrize(
    "tree",
    [
        {"var": "nothing"},
        {"var": 7},
        {"run": [1, 2]},
        {"==": [1]},
        {"==": 1},
        {},
        {"and": []},
        {"==": [1, 2], "!=": [1, 2]},
        {"in": [1, [[1]]]},
        {"!": {"!": {"!": {"!": {"!": {"!": {"!": {"!": {"!": {"!": 1}}}}}}}}}},
    ],
)
def test_a_condition_that_cannot_be_judged_is_refused(world, tree):
    doc = with_field({"key": "proof", "type": "text", "show": tree}, advisor="write")
    assert refusal(world, doc) == "PT422 invalid_condition"
    assert of_kind(check(world, doc), "invalid_condition")[0]["key"] == "proof"


def care(form: str, field: str, **more) -> dict:
    """A document with a care rule on that date."""
    doc = with_field({"key": "birthday", "type": "date", "label": {"zh_CN": "生日"}})
    rule = {
        "key": "care",
        "label": {"zh_CN": "生日关怀"},
        "kind": "care",
        "days": [0],
        "date": {"form": form, "field": field},
    }
    doc["rules"].append(rule | more)
    return doc


def test_a_rule_whose_date_goes_is_refused_and_named(world):
    """It was published, the rule stayed active and never fired again."""
    doc = care("customer", "birthday")
    publish(world, doc)
    fields = doc["forms"]["customer"]["fields"]
    doc["forms"]["customer"]["fields"] = [f for f in fields if f["key"] != "birthday"]
    assert refusal(world, doc, base=2) == "PT422 rule_field_missing"
    item = of_kind(check(world, doc), "rule_field_missing")[0]
    assert (item["subject"], item["form"], item["key"]) == ("care", "customer", "birthday")
    doc["rules"][-1]["active"] = False
    assert of_kind(check(world, doc), "rule_field_missing") == []


@pytest.mark.parametrize(
    ("form", "field", "fits"),
    [
        ("customer", "birthday", True),
        ("deal", "closed_at", True),
        ("policy", "expires_on", True),
        ("customer", "name", False),  # a field, but no date
        ("deal", "birthday", False),  # of another form
        ("customer", "closed_at", False),
    ],
)
def test_a_care_rule_reads_a_date_of_its_form(world, form, field, fits):
    found = of_kind(check(world, care(form, field)), "rule_field_missing")
    assert (found == []) == fits


def test_a_change_that_makes_a_field_required_asks_for_it(world):
    publish(
        world,
        with_field(
            {"key": "old_car", "type": "text", "require": {"==": [{"var": "source"}, "online"]}},
            advisor="write",
        ),
    )
    customer = new_id()
    world.done(
        "lin",
        "save_customer",
        {"id": customer, "set": {"name": "某", "source": "phone", "level": "near"}},
    )
    asked = world.push(
        "lin", "save_customer", {"id": customer, "set": {"source": "online"}}, base_version=1
    )
    assert asked["errors"] == [{"field": "old_car", "code": "required"}]
    assert (
        world.push(
            "lin",
            "save_customer",
            {"id": customer, "set": {"source": "online", "old_car": "宝来"}},
            base_version=1,
        )["status"]
        == "applied"
    )


def test_a_formula_is_computed_by_the_server_and_written_by_nobody(world):
    doc = with_field(
        {"key": "monthly", "type": "formula", "formula": {"/": [{"var": "budget_fen"}, 36]}},
        advisor="write",
    )
    publish(world, doc)
    customer = world.customer(budget_fen=20000000)
    assert (
        world.row("select custom ->> 'monthly' from crm.customers where id = %s", customer)
        == "555556"
    )
    assert save(world, monthly=1)["errors"] == [{"field": "monthly", "code": "forbidden"}]
    doc["forms"]["customer"]["fields"][-1]["formula"] = {"/": [{"var": "budget_fen"}, 12]}
    publish(world, doc, base=2)
    assert (
        world.row("select custom ->> 'monthly' from crm.customers where id = %s", customer)
        == "1666667"
    )


# Older phones (T21) -------------------------------------------------------------------------------


def test_a_phone_one_or_two_versions_behind_still_saves(world):
    publish(
        world,
        with_field(
            {
                "key": "colour",
                "type": "select",
                "options": [{"key": "red", "label": LABEL}, {"key": "blue", "label": LABEL}],
            },
            advisor="write",
        ),
    )
    publish(
        world,
        with_field(
            {"key": "colour", "type": "select", "options": [{"key": "blue", "label": LABEL}]},
            advisor="write",
        ),
        base=2,
    )
    strict = document()
    strict["forms"]["customer"]["fields"].append(
        {"key": "now_needed", "type": "text", "required": True, "label": LABEL}
    )
    next(r for r in strict["roles"] if r["key"] == "advisor")["rights"]["customer"][
        "now_needed"
    ] = "write"
    publish(world, strict, base=3)  # colour is gone, now_needed is required
    assert save(world, colour="red")["status"] == "rejected"
    assert save(world, config_version=4, colour="red")["status"] == "rejected"
    assert (
        save(world, config_version=1, colour="red")["status"] == "rejected"
    )  # three behind: it must pull first
    kept = save(world, config_version=2, colour="red")
    assert kept["status"] == "applied"
    assert (
        save(world, config_version=3, colour="red")["status"] == "rejected"
    )  # its own form had no red
    assert (
        world.row(
            "select custom ->> 'colour' from crm.customers where name = '某' and store_id = %s",
            world.stores["east"],
        )
        == "red"
    )
    assert world.row(
        "select config_version from crm.operations order by applied_at desc, seq desc limit 1"
    ) in (2, 3)


def test_a_right_taken_away_acts_at_once_whatever_the_phone_remembers(world):
    doc = document()
    next(r for r in doc["roles"] if r["key"] == "advisor")["rights"]["customer"]["wechat"] = "read"
    publish(world, doc)
    assert save(world, config_version=1, wechat="abc")["errors"] == [
        {"field": "wechat", "code": "forbidden"}
    ]


def test_an_outcome_that_left_the_list_is_taken_from_an_older_phone(world):
    customer = world.customer()
    publish(
        world, document(outcomes=[o for o in document()["outcomes"] if o["key"] != "interested"])
    )
    conversation = {
        "id": new_id(),
        "customer_id": customer,
        "outcome": "interested",
        "notes": "有意向",
        "level": "near",
    }
    assert world.push("lin", "log_conversation", conversation)["errors"] == [
        {"field": "outcome", "code": "option"}
    ]
    assert (
        world.push("lin", "log_conversation", conversation, config_version=1)["status"] == "applied"
    )


# The end of a field -------------------------------------------------------------------------------


def test_a_removed_fields_values_go_after_thirty_days(world):
    customer = world.customer(budget_fen=500)
    world.db.execute(
        "update crm.customers set custom = '{\"budget_fen\": 600}' where id = %s", (customer,)
    )
    doc = document()
    doc["forms"]["customer"]["fields"] = [
        f for f in doc["forms"]["customer"]["fields"] if f["key"] != "budget_fen"
    ]
    publish(world, doc)
    purge = "select crm.purge_fields(%s, now() + %s::interval)"
    assert world.row(purge, world.stores["east"], "29 days") == 0
    assert (
        world.row("select custom ->> 'budget_fen' from crm.customers where id = %s", customer)
        == "600"
    )
    assert world.row(purge, world.stores["east"], "31 days") == 1
    assert world.row(purge, world.stores["east"], "31 days") == 0
    assert world.row("select custom from crm.customers where id = %s", customer) == {}
    assert (
        world.row(
            "select count(*) from crm.events where field = 'budget_fen' and (old is not null or "
            "new is not null) and store_id = %s",
            world.stores["east"],
        )
        == 0
    )


# Why can he see this? -----------------------------------------------------------------------------


def test_effective_access_names_the_rule(world):
    customer = world.customer()
    found = world.ask(
        "liang",
        "select api.effective_access(%s, %s, %s)",
        world.stores["east"],
        world.users["lin"],
        customer,
    )[0][0]
    assert found["row_rule"] == "owner" and found["scope"] == "own"
    assert found["fields"]["customer"]["phone"] == {"access": "write", "because": "role"}
    assert found["fields"]["customer"].get("next_contact_on", {}).get("because") == "role"
    other = world.ask(
        "liang",
        "select api.effective_access(%s, %s, %s)",
        world.stores["east"],
        world.users["chen"],
        customer,
    )[0][0]
    assert other["row_rule"] == "no_rule"
    masked = world.ask(
        "liang", "select api.effective_access(%s, %s)", world.stores["east"], world.users["wu"]
    )[0][0]
    assert masked["fields"]["customer"]["phone"]["access"] == "masked"
    assert world.ask(
        "lin",
        "select api.effective_access(%s, %s) ->> 'role'",
        world.stores["east"],
        world.users["lin"],
    ) == [("advisor",)]
    assert (
        world.refused(
            "lin", "select api.effective_access(%s, %s)", world.stores["east"], world.users["chen"]
        )
        == "PT403 forbidden"
    )
    assert (
        world.refused(
            "yan", "select api.effective_access(%s, %s)", world.stores["east"], world.users["lin"]
        )
        == "PT403 forbidden"
    )


def test_effective_access_is_what_the_views_do(world):
    """What the viewer says equals what the compiled rows, which the views read, say."""
    for name in ("lin", "zhou", "wu", "xu", "he", "liang"):
        said = world.ask(
            "liang", "select api.effective_access(%s, %s)", world.stores["east"], world.users[name]
        )[0][0]
        for form, readable, masked, writable in world.db.execute(
            "select a.form, a.readable, a.masked, a.writable from crm.access a join crm.members m "
            "on m.store_id = a.store_id and m.role = a.role where m.user_id = %s and m.store_id = "
            "%s",
            (world.users[name], world.stores["east"]),
        ).fetchall():
            by_access = {key: x["access"] for key, x in said["fields"].get(form, {}).items()}
            assert sorted(k for k, a in by_access.items() if a in ("read", "write")) == sorted(
                readable
            ), (name, form)
            assert sorted(k for k, a in by_access.items() if a == "masked") == sorted(masked), (
                name,
                form,
            )
            assert sorted(k for k, a in by_access.items() if a == "write") == sorted(writable), (
                name,
                form,
            )
