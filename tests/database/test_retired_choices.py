"""A choice that left the document keeps its name: whoever could see it goes on reading it, and
nobody can choose it anew."""

import pytest

from shared.domain.config import StoreConfig
from tests.database.test_config_life import document, publish, save


def options_of(doc: dict, form: str, key: str) -> list[dict]:
    return next(f for f in doc["forms"][form]["fields"] if f["key"] == key)["options"]


def without(listed: str, key: str) -> dict:
    """The preset without one choice of a list, wherever the document speaks of it."""
    doc = document()
    name, _dot, field = listed.partition(".")
    if name == "stages":
        choices = next(p for p in doc["pipelines"] if p["key"] == field)["stages"]
        doc["replacements"] = {"stages": {f"{field}.{key}": f"{field}.visited"}}
    elif name in doc["forms"]:
        choices = options_of(doc, name, field)
    else:
        choices = doc[name]
    gone = next(c for c in choices if c["key"] == key)
    choices.remove(gone)
    return doc


def label_in(doc: dict, listed: str, key: str) -> dict | None:
    found = doc["retired"].get(listed, ())
    return next((c["label"] for c in found if c["key"] == key), None)


def config_of(world, name: str) -> dict:
    return world.ask(
        name, "select document from api.config where store_id = %s", world.stores["east"]
    )[0][0]


def change(world, customer: str, **values) -> dict:
    version = world.row("select version from crm.customers where id = %s", customer)
    patch = {"id": customer, "set": values}
    return world.push("lin", "save_customer", patch, base_version=version)


@pytest.mark.parametrize(
    ("listed", "key"),
    [
        ("customer.source", "walk_in"),
        ("companion.relation", "friend"),
        ("outcomes", "busy"),
        ("reasons", "price"),
        ("stages.new_car", "test_drive"),
    ],
)
def test_what_left_a_list_keeps_the_name_it_had(world, listed, key):
    before = StoreConfig.model_validate(document())
    name, _dot, field = listed.partition(".")
    was = (before.option_labels(name, field) if name in before.forms else before.labels(listed))[
        key
    ]
    assert config_of(world, "lin")["retired"] == {}
    publish(world, without(listed, key))
    for reader in ("lin", "liang"):
        served = config_of(world, reader)
        assert label_in(served, listed, key) == was
        config = StoreConfig.model_validate(served)
        known = config.option_labels(name, field) if name in config.forms else config.labels(listed)
        assert known[key] == was
    world.ask("liang", "select api.restore_config(%s, 1, 2, '')", world.stores["east"])
    assert config_of(world, "lin")["retired"] == {}


def test_a_name_stays_over_later_documents(world):
    publish(world, without("customer.source", "walk_in"))
    doc = without("customer.source", "walk_in")
    options = options_of(doc, "customer", "source")
    options[:] = [o for o in options if o["key"] != "phone"]
    publish(world, doc, base=2)
    retired = config_of(world, "lin")["retired"]["customer.source"]
    assert [c["key"] for c in retired] == ["phone", "walk_in"]


def test_the_options_of_a_hidden_field_stay_hidden(world):
    doc = without("customer.source", "walk_in")
    role = next(r for r in doc["roles"] if r["key"] == "renewal")
    role["rights"]["customer"].pop("source", None)
    publish(world, doc)
    assert "customer.source" not in config_of(world, "zhou")["retired"]
    assert "customer.source" in config_of(world, "lin")["retired"]


def test_an_option_that_is_gone_is_kept_and_not_chosen(world):
    customer = world.customer(source="walk_in")
    publish(world, without("customer.source", "walk_in"))
    assert save(world, source="walk_in")["errors"] == [{"field": "source", "code": "option"}]
    assert change(world, customer, source="walk_in", need="七座")["status"] == "applied"
    assert change(world, customer, source="phone")["status"] == "applied"
    assert change(world, customer, source="walk_in")["errors"] == [
        {"field": "source", "code": "option"}
    ]


def test_one_option_of_several_that_is_gone_stays_beside_the_others(world):
    doc = document()
    colours = [{"key": k, "label": {"zh_CN": k}} for k in ("white", "black", "red")]
    field = {"key": "colours", "type": "multi", "label": {"zh_CN": "颜色"}, "options": colours}
    doc["forms"]["customer"]["fields"].append(field)
    for role in doc["roles"]:
        role["rights"].setdefault("customer", {})["colours"] = "write"
    publish(world, doc)
    customer = world.customer(colours=["white", "red"])
    field["options"] = colours[1:]
    publish(world, doc, base=2)
    chosen = change(world, customer, colours=["white", "red", "black"])
    assert chosen["status"] == "applied"
    assert change(world, customer, colours=["black"])["status"] == "applied"
    assert change(world, customer, colours=["white", "black"])["errors"] == [
        {"field": "colours", "code": "option"}
    ]


def test_a_filter_still_finds_by_it(world):
    customer = world.customer(source="walk_in")
    publish(world, without("customer.source", "walk_in"))
    found = world.ask(
        "he",
        "select id from api.find_customers(%s, "
        '\'[{"key": "source", "op": "eq", "value": "walk_in"}]\')',
        world.stores["east"],
    )
    assert [str(r[0]) for r in found] == [customer]
