"""Fields marked searchable are found and sorted by from an index, by whoever may read them, and by
nobody else (fields.md 2.2, 3.9)."""

import json

import pytest
from psycopg.types.json import Jsonb

from tests.support.people import new_id, preset

LABEL = {"zh_CN": "字段"}


def document(*fields: dict, rights: dict[str, str] | None = None) -> dict:
    found = json.loads(preset())
    found["forms"]["customer"]["fields"] += [{"label": LABEL, **f} for f in fields]
    for role in found["roles"]:
        for field in fields:
            if access := (rights or {"advisor": "write", "manager": "read"}).get(role["key"]):
                role["rights"]["customer"][field["key"]] = access
    return found


def publish(world, doc, base=1):
    world.ask(
        "liang", "select api.publish_config(%s, %s, %s, '')", world.stores["east"], Jsonb(doc), base
    )


def find(world, who, *filters, sort="created_at", descending=False, **more) -> list[str]:
    asked = [dict(zip(("key", "op", "value"), f, strict=True)) for f in filters]
    return [
        r[0]
        for r in world.ask(
            who,
            "select name from api.find_customers(%s, %s, %s, %s, %s, %s)",
            world.stores["east"],
            Jsonb(asked),
            sort,
            descending,
            more.get("size", 50),
            more.get("offset", 0),
        )
    ]


def refused(world, who, *filters, sort="created_at") -> str:
    asked = [dict(zip(("key", "op", "value"), f, strict=True)) for f in filters]
    return world.refused(
        who,
        "select * from api.find_customers(%s, %s, %s)",
        world.stores["east"],
        Jsonb(asked),
        sort,
    )


@pytest.fixture
def three(world):
    """Three customers of lin and one of chen, with a number, a day, a choice and several
    choices."""
    option = [{"key": k, "label": LABEL} for k in ("red", "blue", "green")]
    publish(
        world,
        document(
            {"key": "km", "type": "number", "searchable": True},
            {"key": "seen_on", "type": "date", "searchable": True},
            {"key": "colour", "type": "select", "options": option, "searchable": True},
            {"key": "colours", "type": "multi", "options": option, "searchable": True},
            {"key": "secret", "type": "text"},
        ),
    )
    for who, name, km, day, colour, colours in (
        ("lin", "甲", 30, "2026-03-01", "red", ["red", "blue"]),
        ("lin", "乙", 10.5, "2026-01-01", "blue", ["blue"]),
        ("lin", "丙", 200, "2026-02-01", "red", ["green"]),
        ("chen", "丁", 20, "2026-04-01", "red", ["red"]),
    ):
        world.customer(
            who, name=name, km=km, seen_on=day, colour=colour, colours=colours, secret="x"
        )
    return world


def test_filters_of_every_kind(three):
    assert find(three, "lin", ("km", "min", 20), sort="km") == ["甲", "丙"]
    assert find(three, "lin", ("km", "min", 10), ("km", "max", 30), sort="km", descending=True) == [
        "甲",
        "乙",
    ]
    assert find(three, "lin", ("seen_on", "max", "2026-02-01"), sort="seen_on") == ["乙", "丙"]
    assert find(three, "lin", ("colour", "in", ["red", "green"]), sort="km") == ["甲", "丙"]
    assert find(three, "lin", ("colours", "eq", "blue"), sort="km") == ["乙", "甲"]
    assert find(
        three, "lin", ("colour", "starts", "r"), ("colours", "contains", "ree"), sort="km"
    ) == ["丙"]
    assert find(three, "he", ("level", "eq", "near"), sort="km") == ["乙", "丁", "甲", "丙"]
    assert find(three, "he", sort="km", size=2, offset=1) == ["丁", "甲"]
    assert find(three, "he", ("owner_id", "eq", str(three.users["chen"]))) == ["丁"]


def test_an_advisor_finds_only_his_own_book(three):
    assert find(three, "lin", ("colour", "eq", "red"), sort="km") == ["甲", "丙"]
    assert find(three, "chen", ("colour", "eq", "red"), sort="km") == ["丁"]
    assert find(three, "lin", ("owner_id", "eq", str(three.users["chen"]))) == []
    assert refused(three, "ma", ("colour", "eq", "red")) == "PT403 forbidden"  # another store


@pytest.mark.parametrize(
    "key",
    [
        "km",
        "no_such",
        "secret",
        "phone",
        "name",
        "custom",
        "f1",
        "pinyin",
        "version",
        "'; drop table crm.customers; --",
        "",
        None,
    ],
)
def test_what_one_may_not_look_at_is_not_searchable_like_what_is_not_there(three, key):
    """The market team sees no custom field: hidden, masked (phone), unmarked (secret) and unknown
    are one answer."""
    assert refused(three, "wu", (key, "eq", "x")) == "PT422 not_searchable"
    assert refused(three, "wu", sort=key) == "PT422 not_searchable"


@pytest.mark.parametrize(
    ("key", "op", "value"),
    [
        ("km", "eq", "x"),
        ("km", "min", None),
        ("seen_on", "eq", 5),
        ("colour", "eq", {}),
        ("km", "contains", "1"),
        ("colour", "drop", "x"),
        ("owner_id", "eq", "x"),
        ("created_at", "min", "nonsense"),
        ("colour", "in", [[1]]),
    ],
)
def test_a_value_of_another_kind_is_refused_in_our_words(three, key, op, value):
    assert refused(three, "lin", (key, op, value)) == "PT422 invalid"


def test_wildcards_are_letters(three):
    assert find(three, "lin", ("colour", "contains", "%")) == []
    assert find(three, "lin", ("colour", "contains", "_e")) == []


def test_the_index_follows_the_records(three):
    customer = three.row(
        "select id::text from crm.customers where store_id = %s and name = '甲'",
        three.stores["east"],
    )
    three.done(
        "lin", "save_customer", {"id": customer, "set": {"km": 999, "colours": []}}, base_version=1
    )
    assert (
        find(three, "lin", ("km", "eq", 999)) == ["甲"]
        and find(three, "lin", ("km", "eq", 30)) == []
    )
    assert find(three, "lin", ("colours", "eq", "red")) == []
    three.db.execute("update crm.customers set removed_at = now() where id = %s", (customer,))
    assert find(three, "lin", ("km", "eq", 999)) == []
    assert (
        three.row("select count(*) from crm.searchable_values where subject_id = %s", customer) == 0
    )


def test_marking_a_field_fills_the_index_and_unmarking_empties_it(world):
    publish(world, document({"key": "km", "type": "number"}))
    customers = [world.customer(name=f"客{n}", km=n) for n in range(5)]
    versions = world.row(
        "select max(version) from crm.customers where id::text = any (%s)", customers
    )
    assert refused(world, "lin", ("km", "eq", 3)) == "PT422 not_searchable"
    publish(world, document({"key": "km", "type": "number", "searchable": True}), 2)
    assert find(world, "lin", ("km", "min", 3), sort="km") == ["客3", "客4"]
    assert (
        world.row("select max(version) from crm.customers where id::text = any (%s)", customers)
        == versions
    )  # no phone pulls them again
    publish(world, document({"key": "km", "type": "number"}), 3)
    assert world.row("select count(*) from crm.searchable_values where key = 'km'") == 0
    publish(
        world, document({"key": "km", "type": "text", "searchable": True}), 4
    )  # numbers become texts
    assert find(world, "lin", ("km", "eq", "3")) == ["客3"]


def test_other_forms_keep_their_values_too(world):
    doc = json.loads(preset())
    doc["forms"]["vehicle"]["fields"].append(
        {"key": "km", "type": "number", "searchable": True, "label": LABEL}
    )
    next(r for r in doc["roles"] if r["key"] == "advisor")["rights"]["vehicle"]["km"] = "write"
    publish(world, doc)
    vehicle = new_id()
    world.done(
        "lin",
        "save_vehicle",
        {"id": vehicle, "customer_id": world.customer(), "set": {"plate": "沪A12345", "km": 77}},
    )
    assert world.row("select n from crm.searchable_values where subject_id = %s", vehicle) == 77
