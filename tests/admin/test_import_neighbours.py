"""More lists of the kinds of test_import_kinds: what stands in them is read, told or refused, and
nothing is changed without a word."""

import json
from decimal import Decimal
from uuid import UUID

import pytest

from admin.imports.labels import effect_text
from admin.imports.reader import ListFile
from forecourt.demo import PRESET
from shared.domain import imports
from shared.domain.config import StoreConfig
from shared.domain.imports import PreparedRows
from shared.domain.members import Member, names_apart
from shared.domain.problems import Rejected
from shared.domain.values.number import parse_money, unit_of, unit_of_list
from shared.gateway.imports import FieldChange
from shared.ui.text import Texts
from tests.admin.test_import_kinds import table, told, workbook

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


# Text files ---------------------------------------------------------------------------------------

PEOPLE = table("姓名,手机,需求", "张三,13800138001,七座", "李四,13800138002,一直用五座")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16", "gb18030", "utf-8-sig"])
def test_k5_an_encoding_without_its_mark(encoding):
    found = read_list("customers", PEOPLE.encode(encoding))
    assert names(found) == ["张三", "李四"] and not found.problems


@pytest.mark.parametrize(
    ("encoding", "damaged"), [("utf-8", b"\xe5\xbc"), ("utf-8-sig", b"\xe5\xbc"), ("gbk", b"\xff")]
)
def test_k5_a_damaged_byte_is_told_and_the_other_rows_are_read(encoding, damaged):
    data = PEOPLE.encode(encoding).replace("张".encode(encoding.removesuffix("-sig")), damaged)
    found = read_list("customers", data)
    assert names(found) == ["李四"] and told(found) == [(2, "customer.name", "garbled")]


@pytest.mark.parametrize("mark", ["；", "^", "~", "、", "\x01", "||", "，"])
def test_k5_cells_are_apart_whatever_stands_between_them(mark):
    rows = ["姓名,车牌,手机", "张三,沪A12345,13800138001", "李四,沪A12346,13800138002"]
    found = read_list("customers", "\n".join(rows).replace(",", mark))
    assert names(found) == ["张三", "李四"] and not found.problems


@pytest.mark.parametrize("quotes", ["''", "“”", "‘’", "「」", '""'])
def test_k5_cells_in_quotation_marks_of_any_kind(quotes):
    rows = [
        ["姓名", "手机", "需求"],
        ["张三", "13800138001", "七座,全景"],
        ["李四", "13800138002", "五座"],
    ]
    text = "\r\n".join(",".join(f"{quotes[0]}{c}{quotes[1]}" for c in row) for row in rows)
    found = read_list("customers", text)
    assert [r["customer"]["need"] for r in found.good] == ["七座,全景", "五座"]
    assert names(found) == ["张三", "李四"] and not found.problems


@pytest.mark.parametrize(
    "row",
    ["张三,13800138001,七座,全景,zs", "张三,13800138001,预算1,200元", "张三,丰,13800138001,七座"],
)
def test_k8_a_row_with_a_cell_too_many_is_told_and_not_moved(row):
    found = read_list("customers", table("姓名,手机,需求", row, "李四,13800138002,五座"))
    assert names(found) == ["李四"] and told(found) == [(2, "row", "extra_cells")]


def test_k8_empty_cells_too_many_and_a_column_without_heading_are_no_mistake():
    found = read_list("customers", table("姓名,手机", "张三,13800138001,,", "李四,13800138002,"))
    assert names(found) == ["张三", "李四"] and not found.problems
    found = read_list("customers", table("姓名,手机", "张三,13800138001,a", "李四,13800138002,b"))
    assert names(found) == ["张三", "李四"] and not found.problems


@pytest.mark.parametrize(
    "data",
    [
        b"BEGIN:VCARD\nVERSION:3.0\nFN:A;B\nTEL:13800138001\nEND:VCARD\n",
        b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\n",
        b"{\\rtf1\\ansi\n\\par a,b\n\\par c,d}",
        b"\x89PNG\r\n\x1a\nIHDR,IHDR\n,\n",
    ],
)
def test_k5_what_is_no_table_is_refused(data):
    with pytest.raises(Rejected, match="file_unreadable"):
        ListFile(data)


# Web pages ----------------------------------------------------------------------------------------

CELLS = (
    "<tr><td>姓名</td><td>手机</td></tr><tr><td>张三</td><td>13800138001</td></tr>"
    "<tr><td>李四</td><td>13800138002</td></tr>"
)


@pytest.mark.parametrize(
    "page",
    [
        f"<table>{CELLS}</table>",
        f"<table>{CELLS.replace('</td>', '').replace('</tr>', '')}</table>",
        f"<html><table><tr><td>客户表<table>{CELLS}</table></td></tr></table></html>",
        f"<html><script>var t='<table><tr><td>x</td></tr></table>'</script><table>{CELLS}</table>",
        f"<table>{CELLS.replace('8001</td>', '8001<script>f()</script></td>')}</table>",
        "MIME-Version: 1.0\nContent-Type: multipart/related; boundary=x\n\n--x\n"
        f"Content-Type: text/html; charset=utf-8\n\n<html><table>{CELLS}</table></html>\n--x--\n",
    ],
)
def test_k5_a_table_of_a_web_page(page):
    found = read_list("customers", page)
    assert [r["customer"] for r in found.good] == [
        {"name": "张三", "phone": "13800138001"},
        {"name": "李四", "phone": "13800138002"},
    ]


# Rows that are no records -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        *(
            "合　计,,3",
            "合计金额：,,3",
            "合计人数,2",
            "总计 2 人,,",
            "平均值,,1.5",
            "Sum,,3",
            "合计：2人",
        ),
        *(
            "第 1 页 共 3 页",
            "第1页，共3页",
            "Page 1 of 3",
            "——以下无正文——",
            "（以下空白）",
            "共2位客户",
        ),
        *(
            "生成时间：2026-11-03 09:00",
            "数据来源：DMS",
            "填报人：张三",
            "总经理签字：",
            "审核：,李四",
        ),
        *(
            "制表人：张三　　审核人：李四",
            "注：红色为重点客户",
            "※ 仅供内部使用",
            "*以上信息请保密",
        ),
        *("以上数据截至2026年11月", "数据截止2026-11-03", "Generated by DMS", "Total records: 2"),
        *(
            "End of report",
            "备注：1、按月更新",
            "联系人：王经理 电话：13800138009",
            "Grand Total,,9",
        ),
    ],
)
def test_k4_totals_and_notes_below_the_rows_are_no_customers(line):
    text = PEOPLE + line + "\n"
    assert names(read_list("customers", text)) == ["张三", "李四"]
    [left] = ListFile(text.encode("utf8")).read().left
    assert left.number == 4 and left.kind in ("total", "signature")


@pytest.mark.parametrize(
    "row",
    ["共产,13800138003,七座", "总计,13800138003,七座", "平均,13800138003,七座", "注册,,", "单位,,"],
)
def test_k4_a_person_of_such_a_name_stays(row):
    assert len(read_list("customers", PEOPLE + row + "\n").good) == 3


@pytest.mark.parametrize(
    "below",
    [
        ["", "车牌号,保险公司,到期日", "沪A12345,平安,2027-03-05"],
        ["二、保险客户,,", "被保险人,联系电话,保险公司", "王五,13800138003,平安"],
        ["", "手机,姓名,需求", "13800138003,王五,七座"],
    ],
)
def test_k4_another_table_below_is_told_and_not_read_as_this_one(below):
    text = PEOPLE + "\n".join(below) + "\n"
    assert names(read_list("customers", text)) == ["张三", "李四"]
    left = ListFile(text.encode("utf8")).read().left
    assert [line.kind for line in left] == ["table"] * len([line for line in below if line])


def test_k4_headings_merged_over_two_lines():
    rows = [
        ["姓名", "手机", "车辆", None],
        [None, None, "车牌", "品牌"],
        ["张三", "13800138001", "沪A12345", "宝马"],
    ]

    def merge(_book, sheet):
        for cells in ("A1:A2", "B1:B2"):
            sheet.merge_range(cells, rows[0][ord(cells[0]) - ord("A")])
        sheet.merge_range("C1:D1", "车辆")

    data = workbook({"S": rows}, merge)
    assert ListFile(data).read().headings == ["姓名", "手机", "车牌", "品牌"]
    assert ListFile(data).read(heading_row=2).headings == ["姓名", "手机", "车牌", "品牌"]
    [row] = read_list("customers", data).good
    assert row["customer"] == {"name": "张三", "phone": "13800138001"}
    assert row["vehicle"] == {"plate": "沪A12345", "brand": "宝马"}


# Words --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["同上", "〃", "（同上）", "ditto"])
@pytest.mark.parametrize("column", [0, 1, 2, 3])
def test_k7_a_cell_that_points_at_the_one_above_is_told(word, column):
    cells = ["李四", "13800138002", "五座", "到店"]
    cells[column] = word
    text = table("姓名,手机,需求,来源", "张三,13800138001,七座,到店", ",".join(cells))
    found = read_list("customers", text)
    assert names(found) == ["张三"] and (3, "ditto") in [(p.row, p.code) for p in found.problems]


def test_k7_no_beside_yes_is_no_and_not_nothing():
    found = read_list("customers", table("姓名,请勿致电", "张三,无", "李四,有", "王五,未", "赵六,"))
    assert [r["customer"].get("do_not_call") for r in found.good] == [False, True, False, None]


def test_k7_two_rows_of_one_person_that_only_look_different():
    text = table(
        "姓名,手机", "张三,13800138001", "张\u200b三,138-0013-8001", "\ufeff张三,13800138001"
    )
    found = read_list("customers", text)
    assert [(p.row, p.code) for p in found.problems] == [
        (3, "duplicate_in_file"),
        (4, "duplicate_in_file"),
    ]


def test_k6_columns_that_were_swapped_are_told():
    found = read_list("customers", table("姓名,手机", "13800138001,张三", "13800138002,李四"))
    assert not found.good
    found = read_list("customers", table("姓名,需求", "13800138001,张三"))
    assert [(p.field, p.code) for p in found.warnings] == [("customer.name", "name_odd")]


# Headings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "headings", "expected", "never"),
    [
        (
            "customers",
            "客户姓名/单位名称,移动电话1,移动电话2,销售顾问,意向级别,信息来源,意向车系",
            {
                "customer.name": "客户姓名/单位名称",
                "customer.phone": "移动电话1",
                "customer.owner": "销售顾问",
                "customer.level": "意向级别",
                "customer.source": "信息来源",
                "customer.interested_series": "意向车系",
            },
            set[str](),
        ),
        (
            "customers",
            "潜客编号,潜客姓名,联系手机,潜客级别,线索渠道,跟进顾问,下次跟进时间,最近跟进内容",
            {
                "key": "潜客编号",
                "customer.name": "潜客姓名",
                "customer.phone": "联系手机",
                "customer.level": "潜客级别",
                "customer.source": "线索渠道",
                "customer.owner": "跟进顾问",
                "customer.next_contact_on": "下次跟进时间",
            },
            set[str](),
        ),
        (
            "customers",
            "序号,客户全称,法人,经办人,经办人电话,公司电话,地址",
            {"customer.name": "客户全称", "customer.phone": "公司电话"},
            {"经办人", "法人", "经办人电话"},
        ),
        (
            "customers",
            "客户名称,备注,描述,备注企业,客户类型,性别,添加人,添加人账号,添加时间,来源,手机,标签",
            {
                "customer.name": "客户名称",
                "customer.phone": "手机",
                "customer.source": "来源",
                "customer.gender": "性别",
                "customer.need": "备注",
            },
            {"添加人", "添加时间", "客户类型"},
        ),
        (
            "customers",
            "微信昵称,备注名,备注手机,微信号,企业标签",
            {"customer.phone": "备注手机", "customer.wechat": "微信号", "customer.name": "备注名"},
            {"微信昵称"},
        ),
        (
            "customers",
            "创建时间,创建人,最后更新时间,客户姓名,联系方式,客户状态,负责人,备注",
            {
                "customer.name": "客户姓名",
                "customer.phone": "联系方式",
                "customer.owner": "负责人",
                "customer.need": "备注",
            },
            {"创建人"},
        ),
        (
            "customers",
            "First Name,Middle Name,Last Name,Phonetic First Name,Nickname,"
            "Organization Name,Notes,Labels,E-mail 1 - Value,Phone 1 - Label,"
            "Phone 1 - Value,Phone 2 - Value",
            {
                "customer.name": "First Name",
                "customer.family_name": "Last Name",
                "customer.phone": "Phone 1 - Value",
                "customer.need": "Notes",
            },
            {"Nickname", "Organization Name"},
        ),
        (
            "customers",
            "Title,First Name,Last Name,Company,Business Phone,Home Phone,Mobile Phone,"
            "Other Phone,Assistant's Phone,Gender,Notes",
            {
                "customer.name": "First Name",
                "customer.family_name": "Last Name",
                "customer.phone": "Mobile Phone",
                "customer.gender": "Gender",
            },
            {"Company", "Assistant's Phone"},
        ),
        (
            "customers",
            "称谓,名,中间名,姓,公司,商务电话,住宅电话,移动电话,其他电话,性别,附注",
            {
                "customer.name": "名",
                "customer.family_name": "姓",
                "customer.phone": "移动电话",
                "customer.gender": "性别",
            },
            {"公司"},
        ),
        (
            "customers",
            "名字,姓氏,显示名称,昵称,主要电子邮件,工作电话,家庭电话,传真号码,寻呼机号码,"
            "移动电话号码,注释",
            {
                "customer.name": "名字",
                "customer.family_name": "姓氏",
                "customer.phone": "移动电话号码",
            },
            {"寻呼机号码", "传真号码"},
        ),
        (
            "customers",
            "車主姓名,行動電話,性別,客戶來源,意向等級,業務員,備註,車牌號碼,引擎號碼,車身號碼",
            {
                "customer.name": "車主姓名",
                "customer.phone": "行動電話",
                "customer.gender": "性別",
                "customer.source": "客戶來源",
                "customer.level": "意向等級",
                "customer.need": "備註",
                "vehicle.plate": "車牌號碼",
            },
            {"引擎號碼"},
        ),
        (
            "customers",
            "姓名,性别,联系电话,联系电话2,身份证号,车牌号,车架号(VIN),发动机号,品牌型号,"
            "初登日期,备注",
            {
                "customer.name": "姓名",
                "customer.phone": "联系电话",
                "vehicle.plate": "车牌号",
                "vehicle.vin": "车架号(VIN)",
                "customer.need": "备注",
            },
            {"身份证号", "发动机号", "初登日期"},
        ),
        (
            "policies",
            "投保人,被保险人,被保险人手机号,车牌号,厂牌型号,车架号,交强险到期日期,"
            "商业险到期日期,承保公司,交强险保费,商业险保费,保费合计",
            {
                "customer.name": "被保险人",
                "customer.phone": "被保险人手机号",
                "vehicle.plate": "车牌号",
                "policy.insurer": "承保公司",
                "policy.expires_on": "商业险到期日期",
                "policy.premium_fen": "保费合计",
            },
            set[str](),
        ),
        (
            "policies",
            "车牌号码,车主,手机,上年投保公司,保险止期,上年保费,报价,跟进人",
            {
                "customer.name": "车主",
                "customer.phone": "手机",
                "vehicle.plate": "车牌号码",
                "policy.expires_on": "保险止期",
            },
            {"报价"},
        ),
        (
            "policies",
            "保单号,投保日期,起保日期,终保日期,险种名称,签单保费,保险公司名称,业务员,"
            "归属机构,客户名称,客户电话",
            {
                "policy.policy_number": "保单号",
                "policy.starts_on": "起保日期",
                "policy.expires_on": "终保日期",
                "policy.kind": "险种名称",
                "policy.premium_fen": "签单保费",
                "policy.insurer": "保险公司名称",
                "customer.name": "客户名称",
                "customer.phone": "客户电话",
            },
            {"业务员", "投保日期"},
        ),
        (
            "policies",
            "Policy No.,Insured Name,Mobile No.,Vehicle Reg No,Chassis No.,Insurer,"
            "Start Date,Expiry Date,Premium (RMB),Agent",
            {
                "policy.policy_number": "Policy No.",
                "customer.name": "Insured Name",
                "customer.phone": "Mobile No.",
                "vehicle.plate": "Vehicle Reg No",
                "vehicle.vin": "Chassis No.",
                "policy.insurer": "Insurer",
                "policy.starts_on": "Start Date",
                "policy.expires_on": "Expiry Date",
                "policy.premium_fen": "Premium (RMB)",
            },
            {"Agent"},
        ),
        (
            "policies",
            "姓名,电话,车牌,保险到期,年检到期,驾照到期,保养到期,合同到期日",
            {"customer.name": "姓名", "policy.expires_on": "保险到期"},
            {"年检到期", "驾照到期", "保养到期", "合同到期日"},
        ),
        (
            "policies",
            "姓名,电话,车牌,延保到期日,质保到期日",
            {"customer.name": "姓名"},
            {"延保到期日", "质保到期日"},
        ),
        (
            "policies",
            "姓名,电话,车牌,生日,驾照到期",
            {"customer.name": "姓名"},
            {"生日", "驾照到期"},
        ),
        (
            "deals",
            "订单编号,客户,车型,成交价(万元),订单状态,签约日期,预计交车日期,销售顾问",
            {
                "deal.key": "订单编号",
                "customer.name": "客户",
                "deal.amount_fen": "成交价(万元)",
                "deal.stage": "订单状态",
                "deal.owner": "销售顾问",
            },
            set[str](),
        ),
        (
            "customers",
            "姓名,手机,推荐人,推荐人电话,紧急联系人电话,接待人,试驾车型,对比车型,置换车型,现有车型",
            {"customer.name": "姓名", "customer.phone": "手机", "vehicle.series": "现有车型"},
            {
                "推荐人",
                "推荐人电话",
                "紧急联系人电话",
                "接待人",
                "试驾车型",
                "对比车型",
                "置换车型",
            },
        ),
        (
            "customers",
            "姓名拼音,姓名,手机号码归属地,手机号码,性别代码",
            {"customer.name": "姓名", "customer.phone": "手机号码"},
            {"姓名拼音", "手机号码归属地"},
        ),
        (
            "customers",
            "是否有手机,手机,有无车牌,姓名",
            {"customer.name": "姓名", "customer.phone": "手机"},
            {"是否有手机", "有无车牌"},
        ),
        (
            "customers",
            "电话类型,电话,姓名类型,姓名",
            {"customer.name": "姓名", "customer.phone": "电话"},
            {"电话类型"},
        ),
        (
            "customers",
            "姓名,电话,公海,客户等级,会员等级,会员卡号",
            {"customer.level": "客户等级", "customer.pool": "公海"},
            {"会员等级"},
        ),
        (
            "customers",
            "姓名,客服电话,门店电话,4S店电话,报案电话",
            {"customer.name": "姓名"},
            {"客服电话", "门店电话", "4S店电话", "报案电话"},
        ),
        (
            "customers",
            "ID,Full name,Phone number,Lead source,Lead status,Sales rep,"
            "Vehicle of interest,Comments",
            {
                "key": "ID",
                "customer.name": "Full name",
                "customer.phone": "Phone number",
                "customer.source": "Lead source",
                "customer.owner": "Sales rep",
                "customer.need": "Comments",
            },
            {"Lead status"},
        ),
        (
            "customers",
            "顾客名称,顾客电话,车源,渠道来源,二手车评估价",
            {
                "customer.name": "顾客名称",
                "customer.phone": "顾客电话",
                "customer.source": "渠道来源",
            },
            {"车源"},
        ),
        (
            "customers",
            "客户，姓名,Tel.,WeChat ID",
            {"customer.phone": "Tel.", "customer.wechat": "WeChat ID"},
            set[str](),
        ),
        (
            "customers",
            "车主姓名,车主电话,送修人,送修人电话,车牌,VIN码,车型,里程,上次保养日期,"
            "下次保养日期,保险到期日",
            {
                "customer.name": "车主姓名",
                "customer.phone": "车主电话",
                "vehicle.plate": "车牌",
                "vehicle.vin": "VIN码",
            },
            {"送修人", "送修人电话", "上次保养日期", "下次保养日期"},
        ),
        (
            "customers",
            "驾驶员姓名,车主姓名,车主手机,驾驶员手机",
            {"customer.name": "车主姓名", "customer.phone": "车主手机"},
            set[str](),
        ),
        (
            "customers",
            "所属公司,客户,手机号",
            {"customer.name": "客户", "customer.phone": "手机号"},
            {"所属公司"},
        ),
        (
            "customers",
            "公司名称,联系人,联系人手机",
            {"customer.phone": "联系人手机"},
            set[str](),
        ),
        (
            "policies",
            "客户姓名,手机,车牌,交强险到期,商业险到期日",
            {"policy.expires_on": "商业险到期日"},
            set[str](),
        ),
        (
            "customers",
            "手机,手机号(备用),姓名",
            {"customer.phone": "手机"},
            set[str](),
        ),
        (
            "customers",
            "備用電話,電話,姓名",
            {"customer.phone": "電話", "customer.name": "姓名"},
            set[str](),
        ),
        (
            "customers",
            "家长手机,手机,姓名,孩子姓名,配偶姓名,配偶电话",
            {"customer.phone": "手机", "customer.name": "姓名"},
            {"家长手机", "孩子姓名", "配偶姓名", "配偶电话"},
        ),
    ],
)
def test_k6_headings_of_more_programs(kind, headings, expected, never):
    columns = imports.guess(kind, headings.split(","), CONFIG).columns
    assert {target: columns.get(target) for target in expected} == expected
    assert not never & set(columns.values())


# Who is who ---------------------------------------------------------------------------------------


def member(name: str, number: int, team: str | None = None) -> Member:
    return Member(store_id=UUID(int=1), user_id=UUID(int=number), role="x", name=name, team=team)


def test_k9_a_name_that_two_colleagues_have_means_neither():
    listed = [member("王芳", 1, "一组"), member("王芳", 2, "二组"), member("林晓", 3)]
    owners = {name: key for key, name in names_apart(listed)}
    assert list(owners) == ["王芳（一组）", "王芳（二组）", "林晓"]
    text = table("姓名,销售顾问", "甲,王芳", "乙,林晓", "丙,王芳（二组）")
    found = read_list("customers", text, owners)
    assert told(found) == [(2, "customer.owner", "option")]
    assert [r["assignment"]["owner_id"] for r in found.good] == [
        owners["林晓"],
        owners["王芳（二组）"],
    ]
    same = [name for _key, name in names_apart([member("王芳", 1), member("王芳", 2)])]
    assert same == ["王芳（1）", "王芳（2）"]


def test_k9_our_own_export_may_say_what_a_field_could_be_once():
    retired = {
        "customer.source": [{"key": "fair", "label": {"zh_CN": "车展"}}],
        "levels": [{"key": "cold", "label": {"zh_CN": "冷"}}],
    }
    config = StoreConfig.model_validate(json.loads(PRESET.read_text("utf8")) | {"retired": retired})
    own = "01890000-0000-7000-8000-000000000001"
    text = table("编号,姓名,来源,级别", f"{own},甲,车展,冷", "7,乙,车展,潜在", ",丙,到店,冷")
    sheet = ListFile(text.encode("utf8")).read()
    mapping = imports.guess("customers", sheet.headings, config)
    found = imports.prepare_all("customers", mapping, config, sheet.numbered(), {})
    assert [r["customer"] for r in found.good] == [
        {"name": "甲", "source": "fair", "level": "cold"}
    ]
    assert told(found) == [(3, "customer.source", "option"), (4, "customer.level", "option")]
    for target, words in (("customer.source", {"车展": 1}), ("customer.level", {"冷": 1})):
        assert imports.unknown_words(config, mapping, sheet.rows, {}, target) == words


def test_k9_whose_a_known_customer_stays_is_said_in_words():
    def said(field: str, old: str | None, new: str) -> str:
        change = FieldChange(form="customer", field=field, old=old, new=new, kept=True)
        return effect_text(Texts("zh_CN"), CONFIG, change)

    assert said("owner", "林晓", "何建国") == "归属人 保持 林晓（名单中为 何建国）"
    assert "市场部" in said("pool", None, "market") and "market" not in said("pool", None, "market")
