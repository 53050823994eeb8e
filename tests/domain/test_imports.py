"""Rows of foreign lists become records or problems, and nothing in between (S-02, S-69, F-81)."""

import json

import pytest

from forecourt.demo import PRESET
from shared.domain import imports
from shared.domain.config import StoreConfig
from shared.domain.imports import ImportMapping
from shared.domain.values.text import escape_formula, full_name

CONFIG = StoreConfig.model_validate(json.loads(PRESET.read_text(encoding="utf8")))


def one(kind, columns, row, **more):
    found = imports.prepare(
        kind, ImportMapping(columns=columns, **more), CONFIG, 2, row, {"林晓": "u1"}
    )
    return found.row, found.problems


@pytest.mark.parametrize(
    ("heading", "target"),
    [
        ("客户姓名", "customer.name"),
        ("车主", "customer.name"),
        ("手机号码", "customer.phone"),
        ("联系电话", "customer.phone"),
        ("车牌号", "vehicle.plate"),
        ("车架号", "vehicle.vin"),
        ("VIN", "vehicle.vin"),
        ("保险到期日", "policy.expires_on"),
        ("Expiry Date", "policy.expires_on"),
        ("保费", "policy.premium_fen"),
        ("Net_Premium", "policy.premium_fen"),
        ("起保日期", "policy.starts_on"),
        ("保单号码", "policy.policy_number"),
        ("phone-number", "customer.phone"),
        ("承保公司", "policy.insurer"),
    ],
)
def test_headings_are_recognised(heading, target):
    assert imports.guess("policies", ["#1", heading, "别的"]).columns == {target: heading}


def test_a_column_is_used_once_and_what_is_missing_is_named():
    mapping = imports.guess("deals", ["account", "product", "status"])
    assert mapping.columns == {
        "customer.name": "account",
        "deal.title": "product",
        "deal.stage": "status",
    }
    assert imports.missing_targets("policies", mapping) == ("policy.expires_on",)


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("3500", 350000),
        ("¥3,500.50", 350050),
        ("1.25万", 1250000),
        ("902.0", 90200),
        ("3500元", 350000),
        ("902.4567", 90246),
    ],
)
def test_money_becomes_fen(text, fen):
    row, problems = one(
        "policies",
        {"customer.name": "n", "policy.expires_on": "d", "policy.premium_fen": "p"},
        {"n": "张三", "d": "2026-12-01", "p": text},
    )
    assert not problems
    assert row and row["policy"]["premium_fen"] == fen


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        ({"n": "", "d": "2026-12-01"}, "customer.name", "required"),
        ({"n": "张三", "d": ""}, "policy.expires_on", "required"),
        ({"n": "张三", "d": "2026-13-01"}, "policy.expires_on", "date"),
        ({"n": "张三", "d": "2026-12-01", "p": "一千"}, "policy.premium_fen", "type"),
        ({"n": "张三", "d": "2026-12-01", "t": "问太太"}, "customer.phone", "format"),
    ],
)
def test_what_cannot_be_taken_says_where_and_why(row, field, code):
    columns = {
        "customer.name": "n",
        "policy.expires_on": "d",
        "policy.premium_fen": "p",
        "customer.phone": "t",
    }
    prepared, problems = one("policies", columns, row)
    assert prepared is None
    assert [(p.row, p.field, p.code) for p in problems] == [(2, field, code)]


def test_values_are_mapped_and_agents_become_members():
    columns = {"customer.name": "n", "deal.stage": "s", "deal.owner": "o", "customer.gender": "g"}
    row, problems = one(
        "deals",
        columns,
        {"n": "Acme", "s": "Won", "o": "林晓"},
        values={"deal.stage": {"Won": "delivered"}},
        pipeline="new_car",
    )
    assert not problems
    assert row and row["deal"] == {"pipeline": "new_car", "stage": "delivered", "owner_id": "u1"}
    _row, problems = one("deals", columns, {"n": "Acme", "s": "Nowhere"}, pipeline="new_car")
    assert [(p.field, p.code, p.value) for p in problems] == [("deal.stage", "option", "Nowhere")]
    row, _problems = one(
        "deals",
        columns,
        {"n": "Acme", "s": "交车", "o": "Moses"},
        values={"deal.owner": {"Moses": "林晓"}},
        pipeline="new_car",
    )
    assert row and row["deal"]["owner_id"] == "u1"


def test_an_empty_cell_may_stand_for_something_and_strangers_stay_apart():
    columns = {"customer.name": "n", "deal.stage": "s", "deal.key": "k"}
    rows = [
        (2, {"n": "", "s": "lead", "k": "d1"}),
        (3, {"n": "", "s": "lead", "k": "d2"}),
        (4, {"n": "Acme", "s": "lead", "k": "d3"}),
    ]
    mapping = ImportMapping(columns=columns, pipeline="new_car")
    assert [p.row for p in imports.prepare_all("deals", mapping, CONFIG, rows, {}).problems] == [
        2,
        3,
    ]
    good, bad, _warnings = imports.prepare_all(
        "deals",
        mapping.model_copy(update={"defaults": {"customer.name": "未具名"}}),
        CONFIG,
        rows,
        {},
    )
    assert not bad
    assert [(r["customer"]["name"], r["key"]) for r in good] == [
        ("未具名", "d1"),
        ("未具名", "d2"),
        ("Acme", "Acme/"),
    ]


def test_a_row_that_repeats_another_is_named_with_the_first():
    columns = {"customer.name": "n", "policy.expires_on": "d", "vehicle.plate": "p"}
    rows = [
        (2, {"n": "张三", "d": "2026-12-01", "p": "沪A00001"}),
        (5, {"n": "张三", "d": "2026-12-01", "p": "沪a 00001"}),
        (6, {"n": "张三", "d": "2026-12-01", "p": "沪A00002"}),
    ]
    good, bad, _warnings = imports.prepare_all(
        "policies", ImportMapping(columns=columns), CONFIG, rows, {}
    )
    assert [r["row"] for r in good] == [2, 6]
    assert [(p.row, p.code, p.value) for p in bad] == [(5, "duplicate_in_file", "2")]


def test_two_columns_of_a_name_become_one():
    assert full_name("三丰", "张") == "张三丰"
    assert full_name("Jose", "Fritz") == "Jose Fritz"
    assert full_name("Inaaya", "") == "Inaaya"


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "＝1",
        "＋1",
        "－1",
        "＠x",
        '=HYPERLINK("http://x")',
    ],
)
def test_no_cell_of_an_error_file_is_a_formula(cell):
    assert escape_formula(cell) == f"'{cell}"
    assert escape_formula("张三") == "张三"
