"""More lists of the kinds of test_import_kinds: what stands in them is read, told or refused, and
nothing is changed without a word."""

import json
from decimal import Decimal

import pytest

from admin.imports.reader import ListFile
from forecourt.demo import PRESET
from shared.domain import imports
from shared.domain.config import StoreConfig
from shared.domain.imports import PreparedRows
from shared.domain.values.number import parse_money, unit_of, unit_of_list
from tests.admin.test_import_kinds import table, told

CONFIG = StoreConfig.model_validate(json.loads(PRESET.read_text(encoding="utf8")))


def read_list(kind, data: str | bytes, owners=None, **mapping) -> PreparedRows:
    """The rows of a list under the mapping that is guessed for it."""
    sheet = ListFile(data if isinstance(data, bytes) else data.encode("utf8")).read()
    guessed = imports.fit_mapping(
        imports.guess(kind, sheet.headings, CONFIG),
        sheet.rows,
        [line.text for line in sheet.left if line.kind == "above"],
    )
    return imports.prepare_all(
        kind,
        guessed.model_copy(update=mapping),
        CONFIG,
        sheet.numbered(),
        {"林晓": "u1"} if owners is None else owners,
        sheet.broken,
    )


def names(found: PreparedRows) -> list[str]:
    return [row["customer"]["name"] for row in found.good]


# Sums in units of the column ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heading", "cells", "yuan"),
    [
        ("保费(万元)", ["1.28", "1.3"], [12_800, 13_000]),
        ("保费（千元）", ["12.8", "13"], [12_800, 13_000]),
        ("保费/万元", ["1.28", "1.3万"], [12_800, 13_000]),
        ("保费_万", ["1.28", "13000元"], [12_800, 13_000]),
        ("保费（单位：万元）", ["1.28", "¥1.3"], [12_800, 13_000]),
        ("保费（元）", ["12800", "1.3万"], [12_800, 13_000]),
        ("保费（分）", ["1280000", "1300000"], [12_800, 13_000]),
        ("保费", ["12800", "1.3万"], [12_800, 13_000]),
    ],
)
def test_k3_a_column_counts_in_the_unit_of_its_heading(heading, cells, yuan):
    rows = [f"客户{n},沪A1234{n},{x},2027-03-05" for n, x in enumerate(cells)]
    found = read_list("policies", table(f"姓名,车牌,{heading},到期日", *rows))
    assert [r["policy"]["premium_fen"] for r in found.good] == [100 * y for y in yuan]
    assert not found.warnings


def test_k3_a_line_above_names_the_unit_of_all_sums_and_each_is_told():
    text = table(
        "续保名单,,,单位：万元",
        "姓名,车牌,保费,到期日",
        "张三,沪A12345,1.28,2027-03-05",
        "李四,沪A12346,1.3万元,2027-03-05",
    )
    found = read_list("policies", text)
    assert [r["policy"]["premium_fen"] for r in found.good] == [1_280_000, 1_300_000]
    assert [(p.row, p.code, p.rest) for p in found.warnings] == [
        (3, "money_unit", "万元"),
        (4, "money_unit", "万元"),
    ]
    assert read_list("policies", text.replace("万元", "上海一店")).good[0]["policy"] == {
        "premium_fen": 128,
        "expires_on": "2027-03-05",
    }


def test_k3_a_budget_in_units_of_its_heading():
    found = read_list("customers", table("姓名,手机,预算（万元）", "张三,13800138001,20"))
    assert found.good[0]["customer"]["budget_fen"] == 20_000_000


def test_k3_another_currency_in_the_heading_is_told():
    rows = ("张三,沪A12345,3000,2027-03-05", "李四,沪A12346,,2027-03-05")
    found = read_list("policies", table("姓名,车牌,保费(美元),到期日", *rows))
    assert told(found) == [(2, "policy.premium_fen", "currency")] and names(found) == ["李四"]


def test_k3_so_much_in_such_a_unit_is_a_doubt():
    assert parse_money("128000", unit=Decimal(10_000)).warning == "money_unit"
    assert parse_money("128000元", unit=Decimal(10_000)).warning == ""


@pytest.mark.parametrize(
    "heading", ["保费", "部分", "积分", "得分", "里程(公里)", "Rank", "Book", "万一", "保费(元)"]
)
def test_k3_a_heading_without_a_unit_counts_by_ones(heading):
    assert unit_of(heading) == 1


def test_k3_the_unit_of_a_list_is_only_what_says_so():
    assert unit_of_list(["单位：上海宝马", "金额单位:万元"]) == "万元"
    assert unit_of_list(["单位：元宝汽车", "制表 2026"]) == ""
