"""Patterns in the database: the same verdict as in Python, at once, and nothing else is
published."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from shared.domain import patterns
from tests.support.patterns import (
    BAD_PATTERNS,
    WORST_PATTERNS,
    WORST_TEXTS,
    any_patterns,
    subset_patterns,
    texts,
)
from tests.support.people import new_id, preset

AT_ONCE = 0.05  # seconds
STORABLE = [p for p in BAD_PATTERNS if "\x00" not in p and "\ud800" not in p]


def document_with(pattern, **more):
    """The preset with one more text field of the customer form, and that pattern."""
    document = json.loads(preset())
    field = {"key": "code", "label": {"en": "Code"}, "type": "text", "pattern": pattern, **more}
    document["forms"]["customer"]["fields"].append(field)
    for role in document["roles"]:
        role["rights"].setdefault("customer", {})["code"] = "write"
    return document


def publish(world, document):
    arguments = (world.stores["east"], Jsonb(document), 1)
    return world.ask("liang", "select api.publish_config(%s, %s, %s)", *arguments)


def seconds(db, pattern, text):
    took = []
    for _ in range(3):
        began = time.perf_counter()
        db.execute("select crm.fits_pattern(%s, %s)", (text, pattern)).fetchone()
        took.append(time.perf_counter() - began)
    return min(took)


def test_a_pattern_that_could_run_away_is_not_published(world):
    statement = "select api.publish_config(%s, %s, %s)"
    for pattern in STORABLE:
        arguments = (world.stores["east"], Jsonb(document_with(pattern)), 1)
        assert world.refused("liang", statement, *arguments) == "PT422 bad_pattern", pattern


def test_neither_the_worst_nor_the_refused_takes_long(stack_db):
    for pattern in (*STORABLE, *WORST_PATTERNS):
        for text in WORST_TEXTS:
            assert seconds(stack_db, pattern, text) < AT_ONCE, (pattern, text[:10])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(any_patterns, texts), min_size=30, max_size=30))
def test_both_sides_refuse_the_same_patterns(stack_db, drawn):
    asked = [p for p, _ in drawn]
    theirs = stack_db.execute(
        "select array(select crm.pattern_problem(p)"
        " from unnest(%s::text[]) with ordinality as t (p, n) order by n)",
        (asked,),
    ).fetchone()[0]
    assert theirs == [patterns.problem(p) for p in asked]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(subset_patterns, texts), min_size=30, max_size=30))
def test_both_sides_say_the_same_of_a_text(stack_db, drawn):
    theirs = stack_db.execute(
        "select array(select crm.fits_pattern(t, p)"
        " from unnest(%s::text[], %s::text[]) with ordinality as x (p, t, n) order by n)",
        ([p for p, _ in drawn], [t for _, t in drawn]),
    ).fetchone()[0]
    assert theirs == [patterns.matches(p, t) for p, t in drawn]


def test_a_pattern_that_is_no_text_is_refused(world):
    statement = "select api.publish_config(%s, %s, %s)"
    for pattern in (7, True, ["a"], {"a": 1}):
        arguments = (world.stores["east"], Jsonb(document_with(pattern)), 1)
        refused = world.refused("liang", statement, *arguments)
        assert refused in ("PT422 bad_pattern", "PT422 invalid_config")


@pytest.mark.parametrize(
    ("more", "accepted"),
    [
        ({"type": "long_text"}, False),
        ({"type": "long_text", "max_length": 201}, False),
        ({"type": "long_text", "max_length": 200}, True),
        ({"max_length": 500}, False),
        ({}, True),
    ],
)
def test_a_text_with_a_pattern_is_short(world, more, accepted):
    document = document_with("^[a-z]+$", **more)
    if accepted:
        publish(world, document)
        return
    statement = "select api.publish_config(%s, %s, %s)"
    arguments = (world.stores["east"], Jsonb(document), 1)
    assert world.refused("liang", statement, *arguments) == "PT422 bad_pattern"
    found = world.ask("liang", "select api.check_config(%s, %s)", *arguments[:2])[0][0]
    assert [(x["key"], x["problem"]) for x in found if x["kind"] == "bad_pattern"] == [
        ("code", "long_text")
    ]


def test_a_pattern_judges_what_is_saved(world):
    publish(world, document_with(r"^[A-Z]{2}\d{4}$"))
    good = world.push("lin", "save_customer", payload("AB1234"))
    bad = world.push("lin", "save_customer", payload("AB١٢٣٤"))
    assert good["status"] == "applied"
    assert bad["errors"] == [{"field": "code", "code": "format"}]


def test_a_bad_pattern_that_is_there_already_holds_nobody_up(world):
    """Of a store configured before patterns were checked: the field is refused, the server does not
    stand still."""
    publish(world, document_with("^[a-z]+$"))
    world.db.execute(
        "update crm.forms set fields = jsonb_set(fields, '{code,pattern}', %s)"
        " where store_id = %s and form = 'customer'",
        (Jsonb(r"^(.+)(.+)(.+)(.+)\4\3\2\1$"), world.stores["east"]),
    )
    began = time.perf_counter()
    answer = world.push("lin", "save_customer", payload("ab" * 40))
    assert time.perf_counter() - began < 1
    assert answer["errors"] == [{"field": "code", "code": "format"}]


def payload(code):
    known = {"name": "张三丰", "source": "walk_in", "level": "near", "code": code}
    return {"id": new_id(), "set": known}
