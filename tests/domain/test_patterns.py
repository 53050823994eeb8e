"""Patterns of fields: what is no pattern of the subset is refused, and nothing takes long
(docs/admins/patterns.md)."""

import re
import time

import pytest
from hypothesis import given, settings

from shared.domain import patterns
from shared.domain.config import FieldDefinition, FieldRights, StoreConfig
from shared.domain.forms import problems
from tests.support.patterns import (
    BAD_PATTERNS,
    GOOD_PATTERNS,
    WORST_PATTERNS,
    WORST_TEXTS,
    subset_patterns,
    texts,
)
from tests.support.people import preset

AT_ONCE = 0.05  # seconds


def seconds(pattern: str, text: str) -> float:
    """The shortest of three: other work on the machine is not the pattern's doing."""
    took = []
    for _ in range(3):
        patterns._machines.cache_clear()
        began = time.perf_counter()
        patterns.matches(pattern, text)
        took.append(time.perf_counter() - began)
    return min(took)


@pytest.mark.parametrize("pattern", BAD_PATTERNS, ids=lambda p: ascii(p)[:40])
def test_a_pattern_that_could_run_away_is_refused_and_fits_nothing(pattern):
    assert patterns.problem(pattern) is not None
    for text in WORST_TEXTS:
        assert not patterns.matches(pattern, text)
        assert seconds(pattern, text) < AT_ONCE


@pytest.mark.parametrize("pattern", WORST_PATTERNS, ids=lambda p: p[:40])
def test_the_worst_of_the_subset_is_answered_at_once(pattern):
    assert patterns.problem(pattern) is None
    for text in WORST_TEXTS:
        assert seconds(pattern, text) < AT_ONCE


@pytest.mark.parametrize(("pattern", "fits", "not_so"), GOOD_PATTERNS)
def test_what_stores_ask_for_can_be_said(pattern, fits, not_so):
    assert patterns.problem(pattern) is None
    assert patterns.matches(pattern, fits)
    assert not patterns.matches(pattern, not_so)


@settings(max_examples=400, deadline=None)
@given(pattern=subset_patterns, text=texts)
def test_the_subset_means_what_regular_expressions_mean(pattern, text):
    assert patterns.problem(pattern) in (None, "too_large")
    if patterns.problem(pattern) is None:
        plain = pattern.replace("$", r"\Z")
        assert patterns.matches(pattern, text) == bool(re.search(plain, text, re.S | re.A))


def test_a_form_asks_no_backtracking_engine():
    """Not even of a document that was published before patterns were checked."""
    config = StoreConfig.model_validate_json(preset())
    field = FieldDefinition(key="code", label={"en": "Code"}, type="text", pattern="^(a+)+$")
    form = config.forms["customer"].model_copy(update={"fields": (field,)})
    config = config.model_copy(
        update={
            "forms": {"customer": form},
            "access": {"customer": FieldRights(readable=("code",), writable=("code",))},
        }
    )
    began = time.perf_counter()
    found = problems(config, "customer", {"code": "a" * 28 + "!"}, creating=False)
    assert time.perf_counter() - began < AT_ONCE
    assert [(p.field, p.code) for p in found] == [("code", "format")]
