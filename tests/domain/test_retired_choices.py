"""What left a list goes on being read by its name: in an exported file and in a text to copy."""

import json
from uuid import UUID

from shared.domain.config import FieldRights, StoreConfig
from shared.domain.exports import reader
from shared.domain.records import Customer
from shared.domain.templates import placeholders
from tests.support.people import preset

DOCUMENT = json.loads(preset())


def config_without(**lists: str) -> StoreConfig:
    """The preset without one choice of each list, as the server serves it afterwards."""
    document = json.loads(json.dumps(DOCUMENT))
    retired: dict[str, list] = {}
    fields = document["forms"]["customer"]["fields"]
    listed = {
        **{name: document[name] for name in ("outcomes", "levels", "reasons")},
        "customer.source": next(f for f in fields if f["key"] == "source")["options"],
        "stages.new_car": document["pipelines"][0]["stages"],
    }
    for name, key in {k.replace("__", "."): v for k, v in lists.items()}.items():
        gone = next(c for c in listed[name] if c["key"] == key)
        listed[name].remove(gone)
        retired[name] = [{"key": key, "label": gone["label"]}]
    return StoreConfig.model_validate(
        {
            **document,
            "retired": retired,
            "access": {"customer": FieldRights(readable=("source", "level"))},
        }
    )


def test_an_export_writes_the_names_and_no_keys():
    config = config_without(
        customer__source="walk_in",
        levels="near",
        outcomes="busy",
        reasons="price",
        stages__new_car="test_drive",
    )

    def cell(form: str, key: str, value: str) -> str:
        return reader(config, form, {}, "zh_CN", {"yes": "是", "no": "否"})(key, value)

    was = StoreConfig.model_validate(DOCUMENT)
    assert cell("customer", "source", "walk_in") == "到店"
    assert cell("deal", "customer.source", "walk_in") == "到店"
    assert cell("customer", "level", "near") == was.labels("levels")["near"]["zh_CN"]
    assert cell("conversation", "outcome", "busy") == was.labels("outcomes")["busy"]["zh_CN"]
    assert cell("deal", "lost_reason", "price") == was.labels("reasons")["price"]["zh_CN"]
    assert cell("deal", "stage", "test_drive") == was.stage_labels()["test_drive"]["zh_CN"]


def test_a_text_to_copy_says_the_name():
    customer = Customer(id=UUID(int=1), source="walk_in", level="near")
    said = placeholders(config_without(customer__source="walk_in"), customer)
    assert said["customer.source"] == "到店"


def test_the_document_that_is_published_has_no_retired_choices():
    assert "retired" not in config_without(customer__source="walk_in").document()
