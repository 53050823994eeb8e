"""What a report's numbers say: change, falls, the weakest number, the file (S-29, S-111, S-112)."""

import csv
import io
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from shared.domain.metrics import Metric, duration_text, number_text
from shared.domain.reports import COLUMNS, Report, ReportMember, ReportNumber, report_csv

LIN, CHEN, ZHOU = UUID(int=1), UUID(int=2), UUID(int=3)
LABEL = {"zh_CN": "数", "en": "Number"}


def metric(key: str = "contacts", unit: str = "count", **more: Any) -> Metric:
    values = {"key": key, "label": LABEL, "definition": LABEL, "unit": unit, "direction": "up"}
    return Metric.model_validate({**values, **more})


def report(metrics: list[Metric], numbers: list[ReportNumber], **more: Any) -> Report:
    values = {
        "kind": "week",
        "today": date(2026, 12, 1),
        "scope": "store",
        "first": date(2026, 11, 23),
        "last": date(2026, 11, 29),
        "before_first": date(2026, 11, 16),
        "before_last": date(2026, 11, 22),
        "metrics": metrics,
        "numbers": numbers,
        "members": [
            ReportMember(id=LIN, name="lin", role="advisor"),
            ReportMember(id=CHEN, name="chen", role="advisor"),
            ReportMember(id=ZHOU, name="=zhou()", role="renewal"),
        ],
    }
    return Report.model_validate({**values, **more})


def fallen(m: Metric, value: int, before: int, of: int = 0, before_of: int = 0, **more: Any):
    n = ReportNumber(
        metric=m.key,
        value=value,
        before=before,
        out_of=of or None,
        before_out_of=before_of or None,
    )
    return bool(report([m], [n], **more).falls())


@pytest.mark.parametrize(
    ("unit", "direction", "value", "of", "before", "before_of", "falls"),
    [
        ("count", "up", 6, 0, 10, 0, True),  # by 40, beyond 30
        ("count", "up", 7, 0, 10, 0, False),  # by 30
        ("count", "up", 14, 0, 10, 0, False),
        ("count", "down", 14, 0, 10, 0, True),
        ("count", "down", 6, 0, 10, 0, False),
        ("count", None, 0, 0, 10, 0, False),
        ("count", "up", 0, 0, 4, 0, False),  # of too few
        ("count", "up", 0, 0, 0, 0, False),
        ("share", "up", 3, 10, 5, 10, True),
        ("share", "up", 30, 100, 4, 10, False),
        ("share", "up", 0, 0, 5, 10, False),  # of nothing there is no share
        ("percent", "up", 300, 10, 500, 10, True),
        ("seconds", "down", 900, 10, 600, 10, True),
        ("seconds", "down", 900, 10, 600, 4, False),
    ],
)
def test_a_fall_beyond_the_limit_is_told(unit, direction, value, of, before, before_of, falls):
    assert fallen(metric("x", unit, direction=direction), value, before, of, before_of) is falls


def test_a_limit_is_the_metrics_own():
    assert not fallen(metric(fall_limit=50), 6, 10)


def test_a_period_that_has_just_begun_has_fallen_nowhere():
    first = date(2026, 11, 30)
    assert not fallen(metric(), 0, 10, first=first, last=date(2026, 12, 1))
    assert fallen(metric(), 0, 10, first=first, last=date(2026, 12, 3), today=date(2026, 12, 3))


def test_the_weakest_number_is_compared_with_the_same_role():
    contacts, share = metric("contacts"), metric("share", "share")
    numbers = [
        ReportNumber(metric="contacts", member_id=LIN, value=8),
        ReportNumber(metric="contacts", member_id=CHEN, value=12),
        ReportNumber(metric="contacts", member_id=ZHOU, value=100),
        ReportNumber(metric="share", member_id=LIN, value=1, out_of=10),
        ReportNumber(metric="share", member_id=CHEN, value=6, out_of=10),
    ]
    found = report([contacts, share], numbers)
    weakest = found.weakest(LIN)
    assert weakest is not None and weakest[0].key == "share"
    assert found.weakest(CHEN) is None
    assert found.weakest(ZHOU) is None  # nobody to compare with
    few = report([contacts], [ReportNumber(metric="contacts", member_id=LIN, value=0)])
    assert few.weakest(LIN) is None


def test_where_less_is_better_the_most_is_weakest():
    missed = metric("missed", direction="down")
    numbers = [
        ReportNumber(metric="missed", member_id=LIN, value=9),
        ReportNumber(metric="missed", member_id=CHEN, value=1),
    ]
    found = report([missed], numbers)
    weakest = found.weakest(LIN)
    assert weakest is not None and weakest[1].value == 9
    assert found.weakest(CHEN) is None


def test_the_file_holds_every_number_and_no_formula():
    money = metric("amount_won", "money", label={"zh_CN": "+金额", "en": "Amount"})
    numbers = [
        ReportNumber(metric="amount_won", value=12_345_600, before=10_000_000),
        ReportNumber(metric="amount_won", member_id=ZHOU, value=100),
        ReportNumber(metric="amount_won", dimension="x", label={"zh_CN": "@甲"}, value=1),
    ]
    found = report([money], numbers)
    names = {"": "全部", str(ZHOU): "=zhou()"}
    data = report_csv(found, COLUMNS, names, "zh_CN")
    assert data.startswith(b"\xef\xbb\xbf")
    head, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig")))
    assert tuple(head) == COLUMNS
    assert rows[0][:4] == ["'+金额", "全部", "", "123456.0"] and rows[0][7] == "23.5"
    assert rows[1][1] == "'=zhou()" and rows[2][2] == "'@甲"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 min"),
        (89, "1 min"),
        (3569, "59 min"),
        (3570, "1 h"),
        (5400, "1.5 h"),
        (172800, "2 d"),
    ],
)
def test_a_duration_is_said_in_one_unit(seconds: int, text: str):
    assert duration_text(seconds, "en") == text


def test_numbers_are_written_in_their_unit():
    assert number_text(metric(unit="percent"), 170, 2, "en") == "85%"
    assert number_text(metric(unit="percent"), 0, None, "en") == "—"
    assert number_text(metric(unit="seconds"), 600, 3, "zh_CN") == "10分钟"
