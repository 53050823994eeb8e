"""The panel's tables call a choice that left the store's lists by its name, never by its key."""

import json
from datetime import UTC, datetime

import pytest

from admin.audit.screen import value_labels
from admin.imports.labels import choice_name, value_text
from shared.domain.config import StoreConfig
from shared.gateway.audit import AuditRow
from shared.gateway.imports import FieldChange
from shared.ui.text import Texts
from tests.support.people import preset

RETIRED = {
    "customer.source": "fair_2020",
    "levels": "cold",
    "reasons": "moved",
    "pools": "fair",
    "stages.new_car": "viewed",
    "outcomes": "asleep",
}
CONFIG = StoreConfig.model_validate(
    json.loads(preset())
    | {
        "retired": {
            listed: [{"key": key, "label": {"zh_CN": f"旧{key}"}}]
            for listed, key in RETIRED.items()
        }
    }
)


@pytest.mark.parametrize(
    ("form", "field", "value"),
    [
        ("customer", "source", "fair_2020"),
        ("customer", "level", "cold"),
        ("customer", "pool", "fair"),
        ("deal", "lost_reason", "moved"),
        ("approval", "reason", "moved"),
        ("deal", "stage", "viewed"),
    ],
)
def test_the_audit(form, field, value):
    row = AuditRow(
        id=1, created_at=datetime.now(UTC), kind="changed", form=form, field=field, old=value
    )
    assert value_labels(CONFIG, row)[value] == {"zh_CN": f"旧{value}"}


@pytest.mark.parametrize(("field", "value"), [("source", "fair_2020"), ("level", "cold")])
def test_what_an_import_changes(field, value):
    change = FieldChange(form="customer", field=field, old=value, new="x")
    assert value_text(Texts(), CONFIG, change, value) == f"旧{value}"
    assert choice_name(Texts(), CONFIG, (), f"customer.{field}", value) == f"旧{value}"
