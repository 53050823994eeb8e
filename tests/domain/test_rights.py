"""Rights as publishing compiles them, conditions and formulas as people choose them, the store's
tap budget."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import presets
from shared.domain.condition_rows import Row, rows_of, tree_of
from shared.domain.config import BASE_TYPES, FieldDefinition, StoreConfig
from shared.domain.draft_merge import set_path
from shared.domain.effort_budget import over_budget
from shared.domain.formula_rows import Step, formula_of, steps_of
from shared.domain.incomplete import unfinished
from shared.domain.rights import as_role, effective, same_rights

DOCUMENT = presets.load("three_levels").document()


def test_a_role_is_served_only_what_it_may_see():
    seen = as_role(StoreConfig.model_validate(DOCUMENT), "market")
    keys = [f.key for f in seen.forms["customer"].fields]
    assert "budget_fen" not in keys and "phone" in keys
    assert (
        "phone" in seen.rights("customer").masked
        and "phone" not in seen.rights("customer").readable
    )
    assert (
        "level" in seen.rights("customer").required
        and "name" not in seen.rights("customer").required
    )  # only who may write is asked


@pytest.mark.parametrize(
    ("field", "granted", "comes_to"),
    [
        ({"type": "text"}, None, "hidden"),
        ({"type": "text"}, "masked", "hidden"),
        ({"type": "text", "mask": "all"}, "masked", "masked"),
        ({"type": "formula"}, "write", "read"),
    ],
)
def test_what_a_right_comes_to(field, granted, comes_to):
    assert effective("customer", FieldDefinition(key="x", label={}, **field), granted) == comes_to


def test_a_field_gets_the_rights_of_another():
    document = set_path(
        DOCUMENT,
        ("forms", "customer", "fields", "hobby"),
        {"key": "hobby", "label": {"zh_CN": "爱好"}, "type": "text"},
    )
    found = same_rights(document, "customer", "hobby", "budget_fen")
    for role in found["roles"]:
        rights = role.get("rights", {}).get("customer", {})
        assert rights.get("hobby") == rights.get("budget_fen")


ROWS = st.builds(
    Row,
    st.sampled_from(["source", "level", "budget_fen"]),
    st.sampled_from(["is", "is_not", "at_least", "at_most", "more", "less", "has"]),
    st.sampled_from(["walk_in", 5, True, "near"]),
)
OTHERS = st.builds(Row, st.just("gender"), st.sampled_from(["filled", "empty"])) | st.builds(
    Row, st.just("source"), st.just("one_of"), st.tuples(st.just("phone"), st.just("online"))
)


@given(st.lists(ROWS | OTHERS, max_size=4), st.booleans())
def test_a_condition_comes_back_as_it_was_chosen(rows, every):
    found = rows_of(tree_of(rows, every=every))
    assert found is not None
    assert found[0] == rows
    assert found[1] == every or len(rows) < 2


def test_a_row_without_a_value_says_nothing_yet():
    assert tree_of([Row("source", "is"), Row("budget_fen", "at_least", None)]) is None
    assert rows_of({"+": [1, 2]}) is None and rows_of({"and": [{"or": [{"var": "x"}]}]}) is None


@given(
    st.lists(
        st.builds(Step, st.sampled_from("+-*/"), st.sampled_from(["budget_fen", 36, 2.5])),
        max_size=5,
    )
)
def test_a_formula_comes_back_as_it_was_chosen(steps):
    first = [Step("", s.operand) for s in steps[:1]]
    assert steps_of(formula_of([*first, *steps[1:]])) == [*first, *steps[1:]]


def test_two_required_fields_raise_the_estimate_and_break_a_tight_budget():
    tight = {**DOCUMENT, "settings": {**DOCUMENT["settings"], "log_seconds": 10}}
    assert over_budget(StoreConfig.model_validate(tight)) == []
    for key in ("one", "two"):
        tight = set_path(
            tight,
            ("forms", "conversation", "fields", key),
            {"key": key, "label": {"zh_CN": key}, "type": "text", "required": True},
        )
        tight = set_path(tight, ("roles", "advisor", "rights", "conversation", key), "write")
    assert [(x.role, x.act, x.limit) for x in over_budget(StoreConfig.model_validate(tight))] == [
        ("advisor", "log", 10)
    ]


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        (("levels", "near", "label"), {"zh_CN": " "}, "no_name"),
        (
            ("forms", "customer", "fields", "gender", "options"),
            [],
            None,
        ),  # a base field may be left without options
        (
            ("forms", "customer", "fields", "kind"),
            {"key": "kind", "label": {"zh_CN": "类"}, "type": "select"},
            "no_options",
        ),
        (
            ("forms", "customer", "fields", "twin"),
            {"key": "twin", "label": {"zh_CN": "姓名"}, "type": "text"},
            "same_name",
        ),
        (
            ("pipelines", "renewal", "stages"),
            [{"key": "w", "label": {"zh_CN": "赢"}, "type": "won"}],
            "no_open_stage",
        ),
        (("levels", "near", "cadence_days"), 900, "invalid"),
    ],
)
def test_what_is_not_finished_is_named(path, value, code):
    found = unfinished(set_path(DOCUMENT, path, value))
    assert [x.code for x in found] == ([code] if code else [])


def test_every_preset_is_finished():
    for key in presets.KEYS:
        assert unfinished(presets.load(key).document()) == []


@pytest.mark.parametrize(
    ("granted", "comes_to"), [(None, "read"), ("hidden", "read"), ("masked", "read")]
)
def test_the_wish_not_to_be_called_is_hidden_from_nobody(granted, comes_to):
    field = FieldDefinition(key="do_not_call", label={})
    assert effective("customer", field, granted) == comes_to
    assert effective("customer", field, "write") == "write"


def test_base_masks_and_what_cannot_be_hidden_are_the_databases(db):
    from shared.domain.rights import ALWAYS_READABLE, BASE_MASKS

    assert (
        set(db.execute("select form, key from crm.base_fields where always_readable").fetchall())
        == ALWAYS_READABLE
    )
    rows = db.execute(
        "select form, key, mask from crm.base_fields where mask is not null"
    ).fetchall()
    assert {(f, k): m for f, k, m in rows} == {
        (f, k): m for f, keys in BASE_MASKS.items() for k, m in keys.items()
    }
    assert set(BASE_MASKS) <= set(BASE_TYPES)
