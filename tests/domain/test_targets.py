"""Targets: what was typed, how far it is, and where most is missing (S-31)."""

from datetime import date
from uuid import UUID

import pytest

from shared.domain.metrics import Metric
from shared.domain.targets import Target, TargetProgress, target_text, typed_target

ME = UUID(int=1)


def metric(unit: str, key: str = "m") -> Metric:
    return Metric.model_validate(
        {"key": key, "label": {}, "definition": {}, "unit": unit, "direction": "up"}
    )


@pytest.mark.parametrize(
    ("unit", "text", "value"),
    [
        ("count", "30", 30),
        ("count", "３０", 30),
        ("count", "1,200", 1200),
        ("count", "0", None),
        ("count", "-3", None),
        ("count", "2.5", None),
        ("count", "", None),
        ("count", "三十", None),
        ("money", "50万", 50_000_000),
        ("money", "12,500.50", 1_250_050),
        ("money", "0", None),
        ("share", "40", 40),
        ("share", "40%", 40),
        ("share", "100", 100),
        ("share", "101", None),
        ("share", "12.5", None),
    ],
)
def test_what_was_typed(unit: str, text: str, value: int | None):
    assert typed_target(metric(unit), text) == value


@pytest.mark.parametrize(
    ("unit", "numbers", "standing"),
    [
        ("count", {"target": 30, "expected": 14, "value": 12}, "behind"),
        ("count", {"target": 30, "expected": 14, "value": 14}, "on_track"),
        ("count", {"target": 30, "expected": 14, "value": 30}, "reached"),
        ("count", {"target": 30, "expected": 0, "value": 0}, "on_track"),  # the month begins
        ("count", {"target": 30, "expected": 14, "value": None}, None),  # not shown
        ("share", {"target": 40, "expected": 40, "value": 0, "out_of": 0}, None),  # of nothing
        ("share", {"target": 40, "expected": 40, "value": 1, "out_of": 3}, "behind"),
        # 39.6 % is shown as 40 %: it must not stand beside "behind"
        ("share", {"target": 40, "expected": 40, "value": 19, "out_of": 48}, "reached"),
    ],
)
def test_how_far_it_is(unit: str, numbers: dict[str, int | None], standing: str | None):
    assert Target.model_validate({"metric": "m", **numbers}).standing(metric(unit)) == standing


def test_the_weakest_misses_most_of_what_is_expected():
    """Not the largest number that is missing: money is counted in 分."""
    found = TargetProgress.model_validate(
        {
            "day": date(2026, 11, 15),
            "month": date(2026, 11, 1),
            "working_days": 21,
            "working_days_passed": 10,
            "metrics": [metric("money", "amount"), metric("count", "calls")],
            "targets": [
                {"metric": "amount", "member_id": ME, "target": 9_000, "expected": 4_500}
                | {"value": 4_400},
                {"metric": "calls", "member_id": ME, "target": 30, "expected": 14, "value": 7},
                {"metric": "calls", "target": 90, "expected": 42, "value": 0},
            ],
        }
    )
    weakest = found.weakest(ME)
    assert weakest is not None and weakest[0].key == "calls"
    assert [m.key for m, _target in found.of(None)] == ["calls"]
    assert found.weakest(UUID(int=2)) is None


def test_a_target_in_words():
    assert target_text(metric("count"), 30, "zh_CN") == "30"
    assert target_text(metric("money"), 1_250_000, "zh_CN") == "¥12,500"
    assert target_text(metric("money"), 1_612_903, "zh_CN") == "¥16,129"
    assert target_text(metric("share"), 40, "zh_CN") == "40%"
