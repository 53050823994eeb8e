"""Working on a document, and two people's edits joined part by part."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import presets
from shared.domain.differences import differences
from shared.domain.draft_merge import GONE, MergeConflict, moved, part, rebase, set_path

DOCUMENT = presets.load("three_levels").document()
LEAD = ("pipelines", "new_car", "stages", "lead")


def test_a_part_is_found_by_keys_and_replaced_without_touching_the_rest():
    before = copy.deepcopy(DOCUMENT)
    changed = set_path(DOCUMENT, (*LEAD, "label", "zh_CN"), "线索池")
    assert before == DOCUMENT
    assert part(changed, (*LEAD, "label", "zh_CN")) == "线索池"
    assert [d.path for d in differences(DOCUMENT, changed)] == [(*LEAD, "label", "zh_CN")]
    assert part(DOCUMENT, ("pipelines", "nowhere", "stages")) is GONE


def test_a_part_goes_and_a_new_one_comes_last():
    without = set_path(DOCUMENT, LEAD, GONE)
    assert "lead" not in [s["key"] for s in part(without, LEAD[:-1])]
    back = set_path(without, LEAD, part(DOCUMENT, LEAD))
    assert [s["key"] for s in part(back, LEAD[:-1])][-1] == "lead"
    assert set_path(DOCUMENT, ("settings", "nothing"), GONE) == DOCUMENT
    assert part(
        set_path(DOCUMENT, ("phrases", "0", "text"), {"en": "x"}), ("phrases", "0", "text")
    ) == {"en": "x"}


@pytest.mark.parametrize(
    ("old", "new", "result"), [(0, 2, "bca"), (2, 0, "cab"), (1, 9, "acb"), (1, 1, "abc")]
)
def test_moving(old, new, result):
    assert "".join(moved("abc", old, new)) == result


def test_edits_of_different_parts_are_both_kept():
    mine = set_path(DOCUMENT, (*LEAD, "label", "zh_CN"), "我的")
    mine = set_path(
        mine,
        ("forms", "customer", "fields", "hobby"),
        {"key": "hobby", "label": {"zh_CN": "爱好"}, "type": "text"},
    )
    theirs = set_path(DOCUMENT, (*LEAD, "color"), "red")
    theirs = set_path(theirs, ("reasons", "price"), GONE)
    joined, conflicts = rebase(DOCUMENT, mine, theirs)
    assert conflicts == []
    assert (
        part(joined, (*LEAD, "label", "zh_CN")) == "我的"
        and part(joined, (*LEAD, "color")) == "red"
    )
    assert (
        part(joined, ("reasons", "price")) is GONE
        and part(joined, ("forms", "customer", "fields", "hobby", "type")) == "text"
    )


def test_the_same_part_keeps_mine_and_names_theirs():
    path = (*LEAD, "label", "zh_CN")
    joined, conflicts = rebase(
        DOCUMENT, set_path(DOCUMENT, path, "我的"), set_path(DOCUMENT, path, "他的")
    )
    assert part(joined, path) == "我的" and conflicts == [MergeConflict(path, "我的", "他的")]


def test_what_one_removes_and_the_other_changes_is_a_clash():
    joined, conflicts = rebase(
        DOCUMENT, set_path(DOCUMENT, LEAD, GONE), set_path(DOCUMENT, (*LEAD, "color"), "red")
    )
    assert part(joined, LEAD) is GONE and [c.path for c in conflicts] == [LEAD]


def test_his_order_stands_when_only_he_changed_it_and_my_new_stage_keeps_its_place():
    stages = LEAD[:-1]
    keys = [s["key"] for s in part(DOCUMENT, stages)]
    mine = set_path(
        DOCUMENT,
        stages,
        [
            *part(DOCUMENT, stages)[:1],
            {"key": "mine", "type": "open", "label": {}},
            *part(DOCUMENT, stages)[1:],
        ],
    )
    theirs = set_path(DOCUMENT, stages, moved(part(DOCUMENT, stages), 2, 1))
    joined, conflicts = rebase(DOCUMENT, mine, theirs)
    expected = moved(keys, 2, 1)
    assert [s["key"] for s in part(joined, stages)] == [
        expected[0],
        "mine",
        *expected[1:],
    ] and conflicts == []


VALUES = st.recursive(
    st.none() | st.integers(0, 3) | st.sampled_from("ab"),
    lambda x: st.dictionaries(st.sampled_from("pqr"), x, max_size=3),
    max_leaves=6,
)


@given(VALUES, VALUES, VALUES)
def test_joining_loses_nothing_of_mine(base, mine, theirs):
    """Where I changed nothing their document comes out; whatever I changed is there as I left it,
    or a clash stands at it."""
    assert rebase(base, base, theirs)[0] == theirs
    assert rebase(base, mine, base)[0] == mine
    joined, _clashes = rebase(base, mine, theirs)
    for d in differences(base, mine):
        if d.kind in ("added", "changed") and not isinstance(d.after, dict):
            assert part(joined, d.path) == d.after, json.dumps([base, mine, theirs])
