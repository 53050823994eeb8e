"""Lists of the kinds that went wrong in public bug reports of this trade, from the file to rows
that are ready or refused: every cell is a value, nothing, or named with row and reason.

K1 numbers out of whatever digits are left · K2 days · K3 sums and long codes · K4 layout of a sheet
· K5 formats and encodings · K6 headings · K7 spellings of nothing and of one thing · K8 silent loss
"""

import io
import json
from datetime import date, datetime, time
from pathlib import Path

import pytest
import xlsxwriter

from admin.imports.reader import ListFile, Sheet
from forecourt.demo import PRESET
from shared.domain import exports, imports
from shared.domain.config import StoreConfig
from shared.domain.imports import ImportMapping, PreparedRows
from shared.domain.problems import Rejected

CONFIG = StoreConfig.model_validate(json.loads(PRESET.read_text(encoding="utf8")))
LISTS = Path(__file__).parent / "lists"


def opened(folder: Path, data: str | bytes, name: str = "list.csv") -> Sheet:
    file = folder / name
    file.write_bytes(data if isinstance(data, bytes) else data.encode("utf8"))
    return ListFile(file.read_bytes()).read()


def read_list(
    folder: Path, kind, data: str | bytes, name: str = "list.csv", **mapping
) -> PreparedRows:
    """The rows of a list under the mapping that is guessed for it."""
    sheet = opened(folder, data, name)
    guessed = imports.fit_mapping(imports.guess(kind, sheet.headings, CONFIG), sheet.rows)
    return imports.prepare_all(
        kind,
        guessed.model_copy(update=mapping),
        CONFIG,
        sheet.numbered(),
        {"林晓": "u1"},
        sheet.broken,
    )


def table(headings: str, *rows: str) -> str:
    return "\n".join([headings, *rows]) + "\n"


def workbook(sheets: dict[str, list[list]], prepare=None) -> bytes:
    out = io.BytesIO()
    workbook = xlsxwriter.Workbook(out, {"in_memory": True})
    for name, rows in sheets.items():
        sheet = workbook.add_worksheet(name)
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                if isinstance(cell, date):
                    sheet.write_datetime(
                        number,
                        column,
                        datetime.combine(cell, time()),
                        workbook.add_format({"num_format": "yyyy-mm-dd"}),
                    )
                elif cell is not None:
                    sheet.write(number, column, cell)
        if prepare:
            prepare(workbook, sheet)
    workbook.close()
    return out.getvalue()


def told(found: PreparedRows) -> list[tuple[int, str, str]]:
    return [(p.row, p.field, p.code) for p in found.problems]


# K1 -----------------------------------------------------------------------------------------------


def test_k1_what_is_no_number_is_reported_and_never_stored(tmp_path):
    text = table(
        "姓名,手机",
        "科学一,1.38E+10",
        "科学二,1.38001E+10",
        "星号三,138****1111",
        "字母四,138XXXX1111",
        "字母O五,13800002O34",
        "小数六,13800002037.0",
        "全零七,00000000000",
        '公式八,"=""13800002036"""',
    )
    found = read_list(tmp_path, "customers", text)
    assert {r["customer"]["name"]: r["customer"]["phone"] for r in found.good} == {
        "小数六": "13800002037",
        "公式八": "13800002036",
    }
    assert told(found) == [
        (2, "customer.phone", "scientific"),
        (3, "customer.phone", "scientific"),
        (4, "customer.phone", "masked"),
        (5, "customer.phone", "masked"),
        (6, "customer.phone", "format"),
        (8, "customer.phone", "format"),
    ]


def test_k1_a_landline_keeps_its_zero(tmp_path):
    text = table(
        "姓名,电话",
        "座机一,021-58881234",
        "座机二,010 62221234",
        "座机三,0755-26001234",
        "座机四,0512 65551234",
    )
    found = read_list(tmp_path, "customers", text)
    assert [r["customer"]["phone"] for r in found.good] == [
        "02158881234",
        "01062221234",
        "075526001234",
        "051265551234",
    ]


def test_k1_a_country_is_never_guessed(tmp_path):
    local = ["58881234", "58885678", "64381234", "62471111", "54651234"]
    text = table("姓名,电话", *(f"本地{n},{x}" for n, x in enumerate(local)), "手机六,13800009991")
    found = read_list(tmp_path, "customers", text)
    assert [r["customer"]["phone"] for r in found.good] == [*local, "13800009991"]
    text = table("姓名,电话", "甲,1380000999", "乙,1390000888", "丙,1360000777")
    found = read_list(tmp_path, "customers", text)
    assert found.good == [] and [p.code for p in found.problems] == ["format"] * 3


@pytest.mark.parametrize(
    ("cell", "stored", "code"),
    [
        ("2027-03-05", None, "format"),
        ("46451", None, "format"),
        ("330102199003078515", None, "format"),
        ("沪A12345", None, "format"),
        ("138 1234", None, "format"),
        ("138-0000-1111-22", None, "format"),
        ("13800001111/13900002222", "13800001111", "phone_several"),
        ("13800001111;021-58881234", "13800001111", "phone_several"),
        ("021-58881234转8001", "02158881234", "phone_extension"),
        ("13800001111(太太)", "13800001111", "phone_words"),
        ("2158881234", "02158881234", "phone_zero"),
        ("+86 138 0000 1111", "13800001111", ""),
        ("(0086)13800001111", "13800001111", ""),
        ("１３８－００００－１１１１", "13800001111", ""),
        ("+852 9123 4567", "+85291234567", ""),
    ],
)
def test_k1_neighbours(tmp_path, cell, stored, code):
    found = read_list(tmp_path, "customers", table("姓名,手机", f'甲,"{cell}"'))
    assert [r["customer"].get("phone") for r in found.good] == ([stored] if stored else [])
    assert [p.code for p in (*found.problems, *found.warnings)] == ([code] if code else [])


def test_k1_a_number_cell_is_its_digits_or_refused(tmp_path):
    data = workbook(
        {"S": [["姓名", "手机"], ["甲", 13800002036], ["乙", 2158881234], ["丙", 1.38e10 + 0.5]]}
    )
    found = read_list(tmp_path, "customers", data)
    assert [r["customer"]["phone"] for r in found.good] == ["13800002036", "02158881234"]
    assert [(w.row, w.code) for w in found.warnings] == [(3, "phone_zero")]
    assert told(found) == [(4, "customer.phone", "format")]


# K2 -----------------------------------------------------------------------------------------------

SAME_DAY = [
    "46451",
    "27-3-5",
    "27/3/5",
    "2027-03-05 24时",
    "2027年03月05日24时止",
    "05-Mar-27",
    '"Mar 5, 2027"',
    "２０２７－０３－０５",
    "2027－3－5",
    "2027。3。5",
    "2027/03/05 上午12:00:00",
    "2027-03-04T16:00:00.000Z",
    "二〇二七年三月五日",
    "民國116年3月5日",
    "2027-3-5 星期五",
]


def policies(*days: str, headings="车主姓名,手机号,车牌号,保单号,保险到期日") -> str:
    return table(
        headings,
        *(f"日{n},139{n:08},沪D{n:05},PD{n:02},{day}" for n, day in enumerate(days, 1)),
    )


def test_k2_every_spelling_of_a_day_and_none_that_cannot_be(tmp_path):
    found = read_list(tmp_path, "policies", policies(*SAME_DAY, "3027-03-05", "1927-03-05"))
    assert {r["policy"]["expires_on"] for r in found.good} == {"2027-03-05"}
    assert len(found.good) == len(SAME_DAY)
    last = len(SAME_DAY) + 2
    assert told(found) == [
        (last, "policy.expires_on", "range"),
        (last + 1, "policy.expires_on", "range"),
    ]


@pytest.mark.parametrize(
    ("day", "code"),
    [
        ("03/05/2027", "date_order"),
        ("3/5/27", "date_order"),
        ("2027年3月", "date_no_day"),
        ("3月5日", "date_no_year"),
        ("2027-02-29", "date"),
        ("2027-13-01", "date"),
        ("长期", "date"),
        ("13900000001", "date"),
        ("99999", "range"),
    ],
)
def test_k2_neighbours_are_asked_about(tmp_path, day, code):
    found = read_list(tmp_path, "policies", policies(day))
    assert found.good == [] and [p.code for p in found.problems] == [code]


def test_k2_an_ambiguous_day_is_read_as_the_list_or_the_person_says(tmp_path):
    found = read_list(tmp_path, "policies", policies("03/05/2027", "25/12/2027"))
    assert [r["policy"]["expires_on"] for r in found.good] == ["2027-05-03", "2027-12-25"]
    found = read_list(tmp_path, "policies", policies("03/05/2027"), date_order="mdy")
    assert [r["policy"]["expires_on"] for r in found.good] == ["2027-03-05"]


def test_k2_a_policy_does_not_end_before_it_starts(tmp_path):
    text = table("车主姓名,车牌号,起保日期,到期日", "甲,沪A00001,2027-03-05,2026-03-05")
    assert [p.code for p in read_list(tmp_path, "policies", text).problems] == ["ends_before_start"]


def test_k2_days_of_a_workbook(tmp_path):
    rows = [["车主姓名", "车牌号", "到期日"]]
    rows += [["甲", "沪A00001", date(2027, 3, 5)], ["乙", "沪A00002", 46451]]
    rows += [["丙", "沪A00003", datetime(2027, 3, 5, 23, 59, 59)]]  # noqa: DTZ001
    found = read_list(tmp_path, "policies", workbook({"S": rows}))
    assert [r["policy"]["expires_on"] for r in found.good] == ["2027-03-05"] * 3
    assert [(w.row, w.code) for w in found.warnings] == [(3, "date_serial")]


# K3 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "fen", "code"),
    [
        ("3500", 350000, ""),
        ("nan", None, ""),
        ("inf", None, "type"),
        ("1e400", None, "scientific"),
        ('"3,500.50"', 350050, ""),
        ("￥3500元", 350000, ""),
        ("0.35万", 350000, ""),
        ("（3500）", None, "range"),
        ("-3500", None, "range"),
        ("3500左右", None, "type"),
        ('"3,5"', None, "separators"),
        ("$500", None, "currency"),
        ("#DIV/0!", None, "error_cell"),
        ("99999999999999999", None, "range"),
        ("3500.005", 350000, "money_rounded"),
    ],
)
def test_k3_sums(tmp_path, cell, fen, code):
    text = table(
        "车主姓名,手机号,车牌号,保单号,到期日,保费",
        f"空值一,13670000001,沪N00001,PN001,2027-03-02,{cell}",
    )
    found = read_list(tmp_path, "policies", text)
    taken = not code or code == "money_rounded"
    assert [r["policy"].get("premium_fen") for r in found.good] == ([fen] if taken else [])
    assert [(p.row, p.code) for p in (*found.problems, *found.warnings)] == (
        [(2, code)] if code else []
    )


@pytest.mark.parametrize("number", ["1.23457E+17", 1.2345678901234568e18])
def test_k3_a_long_number_that_lost_its_digits_is_none(tmp_path, number):
    rows = [["车主姓名", "车牌号", "保单号", "到期日"], ["甲", "沪A00001", number, "2027-03-02"]]
    found = read_list(tmp_path, "policies", workbook({"S": rows}))
    assert told(found) == [(2, "policy.policy_number", "scientific")]


@pytest.mark.parametrize(
    ("vin", "code", "taken"),
    [
        ("LSVAA4182E2123456", "vin_check", True),
        ("LSVAA4182E212345O", "vin_letters", False),
        ("1.23E+16", "scientific", False),
        ("LSVAA4182E21234567", "vin_length", False),
        ("1M8GDM9AXKP042788", "", True),
    ],
)
def test_k3_frame_numbers(tmp_path, vin, code, taken):
    found = read_list(tmp_path, "customers", table("姓名,手机,车架号", f"甲,13800000001,{vin}"))
    assert len(found.good) == taken
    assert [p.code for p in (*found.problems, *found.warnings)] == ([code] if code else [])


# K4 -----------------------------------------------------------------------------------------------

LEDGER = [
    ["某某汽车续保客户台账"],
    ["制表日期:2026-11-01", None, None, None, "制表人:小李"],
    ["车主姓名", "手机号", "车牌号", "保单号", "保险到期日", "保费"],
    ["版一", "13933330001", "沪G00001", "PG001", "2027-03-05", 3500],
    ["版二", "13933330002", "沪G00002", "PG002", "2027-03-06", 4200],
    ["合计", None, None, None, None, 7700],
    ["制表:小李", None, "审核:老王"],
]


def test_k4_headings_below_a_title_and_totals_below_the_rows(tmp_path):
    sheet = opened(tmp_path, workbook({"台账": LEDGER}))
    assert (sheet.heading_row, sheet.numbers) == (3, [4, 5])
    assert [(x.number, x.kind) for x in sheet.left] == [
        (1, "above"),
        (2, "above"),
        (6, "total"),
        (7, "signature"),
    ]
    found = read_list(tmp_path, "policies", workbook({"台账": LEDGER}))
    assert len(found.good) == 2 and found.problems == []


def test_k4_the_same_in_a_text_file(tmp_path):
    text = "\n".join(",".join("" if c is None else str(c) for c in row) for row in LEDGER)
    sheet = opened(tmp_path, text)
    assert (sheet.heading_row, sheet.numbers) == (3, [4, 5])


def test_k4_another_row_can_be_chosen(tmp_path):
    file = tmp_path / "x.csv"
    file.write_text("a,b\n姓名,手机\n甲,13800000001\n", encoding="utf8")
    opened_file = ListFile(file.read_bytes())
    assert opened_file.read().heading_row == 2
    assert opened_file.read("", 1).headings == ["a", "b"]
    assert opened_file.first_rows("")[0] == (1, "a b")


def test_k4_a_merged_cell_stands_for_all_its_rows(tmp_path):
    def merge(workbook, sheet):
        sheet.merge_range(1, 0, 2, 0, "并一")
        sheet.merge_range(1, 1, 2, 1, "13933350001")

    rows = [["车主姓名", "手机号", "车牌号", "保单号", "保险到期日"]]
    rows += [[None, None, "沪H00001", "PH001", "2027-03-05"]]
    rows += [[None, None, "沪H00002", "PH002", "2027-04-05"]]
    found = read_list(tmp_path, "policies", workbook({"S": rows}, merge))
    assert [r["customer"]["name"] for r in found.good] == ["并一", "并一"] and not found.problems


def test_k4_hidden_rows_and_sheets_are_told(tmp_path):
    def hide(workbook, sheet):
        if sheet.name == "旧":
            sheet.hide()
        else:
            sheet.set_row(2, None, None, {"hidden": True})

    rows = [["姓名", "手机"], ["甲", "13800000001"], ["乙", "13800000002"]]
    file = tmp_path / "x.xlsx"
    file.write_bytes(workbook({"说明": [["请填写"]], "旧": rows * 3, "名单": rows}, hide))
    found = ListFile(file.read_bytes())
    assert found.sheets == [("说明", True), ("旧", False), ("名单", True)]
    assert found.best_sheet() == "名单"
    assert found.read().hidden == {3}


def test_k4_a_million_formatted_rows_are_no_rows(tmp_path):
    def colour(workbook, sheet):
        blue = workbook.add_format({"bg_color": "blue"})
        for row in range(2, 150_000):
            sheet.write_blank(row, 0, None, blue)

    sheet = opened(tmp_path, workbook({"S": [["姓名", "手机"], ["甲", "13800000001"]]}, colour))
    assert sheet.numbers == [2]
    sheet = opened(tmp_path, "姓名,手机\n甲,13800000001\n" + ",\n" * 150_000)
    assert sheet.numbers == [2]


def test_k4_headings_that_come_again_are_no_customers(tmp_path):
    sheet = opened(tmp_path, "姓名,手机\n甲,13800000001\n姓名,手机\n乙,13800000002\n")
    assert (sheet.numbers, [(x.number, x.kind) for x in sheet.left]) == ([2, 4], [(3, "heading")])


def test_k4_a_person_is_never_a_total(tmp_path):
    sheet = opened(tmp_path, "姓名,手机\n总计平,13800000001\n合计,13800000002\n签字:王,\n")
    assert sheet.numbers[:1] == [2]
    assert {x.number for x in sheet.left} | set(sheet.numbers) == {2, 3, 4}


def test_k4_cells_with_an_error_are_told(tmp_path):
    def fail(workbook, sheet):
        sheet.write_formula(1, 1, "=1/0", None, "#DIV/0!")
        sheet.write_formula(2, 2, "=NA()", None, "#N/A")

    rows = [["姓名", "手机", "备注"], ["错一"], ["错二", "13800000002"]]
    found = read_list(tmp_path, "customers", workbook({"S": rows}, fail))
    assert told(found) == [
        (2, "customer.phone", "error_cell"),
        (3, "customer.need", "error_cell"),
    ]
    text = table("姓名,手机", "甲,#N/A", "#REF!,13800000001")
    assert told(read_list(tmp_path, "customers", text)) == [
        (2, "customer.phone", "error_cell"),
        (3, "customer.name", "error_cell"),
    ]


# K5 -----------------------------------------------------------------------------------------------


def test_k5_an_old_workbook(tmp_path):
    sheet = ListFile((LISTS / "old_excel.xls").read_bytes()).read()
    assert sheet.encoding == "xls" and [r["车主姓名"] for r in sheet.rows] == ["旧表1", "旧表2"]


BIG5 = (
    "客戶姓名,手機,備註,保險到期日\n"
    "王大明,0912345601,貸款續保車險,2027-03-05\n"
    "陳俊傑,0912345602,想看休旅車,2027-03-06\n"
)
GBK = "客户姓名,手机,备注\n王大明,13800000001,贷款续保车险\n陈俊杰,13800000002,想看休旅车\n"
LATIN = "Name;Telefon\nJürgen Müller;13800000001\nFrançois Lefèvre;13800000002\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (BIG5, "big5"),
        (GBK, "gb18030"),
        (LATIN, "cp1252"),
        (GBK, "utf-16"),
        (GBK, "utf-16-le"),
        (GBK, "utf-16-be"),
        (GBK, "utf-8-sig"),
        (BIG5, "utf-8"),
        ("姓名,手机\n李雷,1\n", "gb18030"),
        ("姓名,手機\n李雷,1\n", "big5"),
    ],
)
def test_k5_encodings(tmp_path, text, encoding):
    sheet = opened(tmp_path, text.encode(encoding))
    assert sheet.headings == text.split("\n")[0].replace(";", ",").split(",")
    assert list(sheet.rows[0].values()) == text.split("\n")[1].replace(";", ",").split(",")


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;", "\ufeffsep=;"])
def test_k5_a_line_that_names_the_separator_is_no_data(tmp_path, first):
    sheet = opened(tmp_path, f"{first}\n姓名;手机\n分号;13944480001\n")
    assert (sheet.headings, sheet.numbers) == (["姓名", "手机"], [3])


WEB_PAGE = (
    "<html><head><meta charset='gbk'></head><body><table><tr><td colspan=2>台账</td></tr>"
    "<tr><th>姓名</th><th>手机</th></tr><tr><td rowspan=2>甲&amp;乙</td><td>13800000001</td></tr>"
    "<tr><td>13800000002</td></tr></table></body></html>"
)
XML = (
    '<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" '
    'xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet ss:Name="客户"><Table>'
    "<Row><Cell><Data>姓名</Data></Cell><Cell><Data>手机</Data></Cell></Row>"
    "<Row ss:Index='4'><Cell><Data>甲</Data></Cell><Cell><Data>13800000001</Data></Cell></Row>"
    "</Table></Worksheet></Workbook>"
)


def test_k5_a_web_page_that_calls_itself_xls(tmp_path):
    sheet = opened(tmp_path, WEB_PAGE.encode("gbk"), "x.xls")
    assert sheet.rows == [
        {"姓名": "甲&乙", "手机": "13800000001"},
        {"姓名": "甲&乙", "手机": "13800000002"},
    ]
    sheet = opened(tmp_path, XML, "x.xls")
    assert (sheet.headings, sheet.numbers) == (["姓名", "手机"], [4])


@pytest.mark.parametrize(
    "data",
    [b"<html><p>login</p></html>", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)],
)
def test_k5_what_is_no_list_is_refused(tmp_path, data):
    with pytest.raises(Rejected, match="file_unreadable"):
        opened(tmp_path, data, "x.xls")


# K6 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "headings", "expected"),
    [
        (
            "customers",
            "名字,姓氏,显示名称,工作电话,家庭电话,移动电话号码,城市,注释",
            {
                "customer.name": "名字",
                "customer.family_name": "姓氏",
                "customer.phone": "移动电话号码",
                "customer.need": "注释",
            },
        ),
        (
            "policies",
            "序号,车主姓名,车牌号码,联系号码,保险公司",
            {
                "customer.name": "车主姓名",
                "customer.phone": "联系号码",
                "vehicle.plate": "车牌号码",
                "policy.insurer": "保险公司",
            },
        ),
        (
            "policies",
            "被保险人名称,被保险人电话,投保人姓名,保险终期",
            {
                "customer.name": "被保险人名称",
                "customer.phone": "被保险人电话",
                "policy.expires_on": "保险终期",
            },
        ),
        (
            "policies",
            "車主,電話,車牌號碼,保險公司,到期日,保費",
            {
                "customer.name": "車主",
                "customer.phone": "電話",
                "vehicle.plate": "車牌號碼",
                "policy.insurer": "保險公司",
                "policy.premium_fen": "保費",
                "policy.expires_on": "到期日",
            },
        ),
        (
            "customers",
            "姓 名,手 机 号,备　注",
            {"customer.name": "姓 名", "customer.phone": "手 机 号", "customer.need": "备　注"},
        ),
        (
            "customers",
            "姓名,手机,意向车型",
            {
                "customer.name": "姓名",
                "customer.phone": "手机",
                "customer.interested_series": "意向车型",
            },
        ),
        (
            "customers",
            "Name,Given Name,Family Name,Phone 1 - Type,Phone 1 - Value,Notes",
            {
                "customer.name": "Name",
                "customer.phone": "Phone 1 - Value",
                "customer.need": "Notes",
            },
        ),
        (
            "customers",
            "First Name,Last Name,Home Phone,Business Phone,Mobile Phone,E-mail Address",
            {
                "customer.name": "First Name",
                "customer.family_name": "Last Name",
                "customer.phone": "Mobile Phone",
            },
        ),
        (
            "customers",
            "姓,名,商务电话,移动电话",
            {"customer.name": "名", "customer.family_name": "姓", "customer.phone": "移动电话"},
        ),
        (
            "customers",
            "*客户名称(必填),联系电话1,销售顾问,车架号（VIN）",
            {
                "customer.name": "*客户名称(必填)",
                "customer.phone": "联系电话1",
                "customer.owner": "销售顾问",
                "vehicle.vin": "车架号（VIN）",
            },
        ),
        (
            "customers",
            "客户,销售顾问电话,紧急联系人,紧急联系人电话,手机",
            {"customer.name": "客户", "customer.phone": "手机"},
        ),
        (
            "policies",
            "客户姓名,驾照到期日,商业险到期日,年检到期",
            {"customer.name": "客户姓名", "policy.expires_on": "商业险到期日"},
        ),
        (
            "customers",
            "產品名稱,客戶姓名,行動電話",
            {"customer.name": "客戶姓名", "customer.phone": "行動電話"},
        ),
    ],
)
def test_k6_headings_people_and_programs_write(kind, headings, expected):
    assert imports.guess(kind, headings.split(","), CONFIG).columns == expected


def test_k6_what_fills_nothing_is_shown():
    mapping = imports.guess("customers", ["姓名", "手机", "星座", "#4"], CONFIG)
    assert imports.unmatched(["姓名", "手机", "星座", "#4"], mapping) == ["星座", "#4"]


# K7 -----------------------------------------------------------------------------------------------


def test_k7_one_plate_in_many_spellings_and_no_plate_yet(tmp_path):
    spelled = [
        "沪A12345",
        "沪A•12345",
        "沪A・12345",
        "沪A‧12345",
        "沪Ａ１２３４５",
        "沪A_12345",
        "沪A12345(蓝)",
    ]
    text = table(
        "姓名,手机,车牌号",
        *(
            f"牌{n:02},135{n:08},{p}"
            for n, p in enumerate([*spelled, "未上牌", "临牌", "浙苏H6F681"], 1)
        ),
    )
    found = read_list(tmp_path, "customers", text)
    assert [r.get("vehicle", {}).get("plate") for r in found.good] == ["沪A12345"] * 7 + [None] * 2
    assert told(found) == [(11, "vehicle.plate", "plate_shape")]
    # seven people with one car: told, and not made one person
    assert [(w.row, w.code, w.rest) for w in found.warnings] == [
        (n, "plate_of_another", "2") for n in range(3, 9)
    ]


def test_k7_words_for_nothing_are_nothing(tmp_path):
    text = table(
        "姓名,手机,车牌号,年款,微信,备注",
        "空标一,-,未上牌,-,-,x",
        "空标二,暂无,无,无,无,x",
        "空标三,13660002003,待上牌,2024款,,x",
        "空标四,13660002004,沪A66666,2024年,,x",
    )
    found = read_list(tmp_path, "customers", text)
    assert found.problems == [] and [r.get("vehicle") for r in found.good] == [
        None,
        None,
        {"model_year": 2024},
        {"plate": "沪A66666", "model_year": 2024},
    ]
    assert all(set(r["customer"]) <= {"name", "phone", "need"} for r in found.good)


@pytest.mark.parametrize(
    "word", ["N/A", "null", "未知", "（空）", "/", "——", "無", "待补", "?", "nan"]
)
def test_k7_neighbours(tmp_path, word):
    headings = "姓名,手机,性别,来源,级别,车牌号,车架号,年款,预算,下次联系,备注"
    found = read_list(tmp_path, "customers", table(headings, "甲," + ",".join([word] * 10)))
    assert found.problems == [] and found.good[0]["customer"] == {"name": "甲"}
    assert told(read_list(tmp_path, "customers", table("姓名,手机", f"{word},13800000001"))) in (
        [(2, "customer.name", "required")],
        [],
    )


# K8 -----------------------------------------------------------------------------------------------


def test_k8_a_quote_that_is_never_closed_swallows_no_row(tmp_path):
    text = table(
        "姓名,手机,备注",
        "单引一,13944480008,好",
        '单引二,13944480009,"未闭合的引号',
        "单引三,13944480010,z",
        "单引四,13944480011,z",
    )
    found = read_list(tmp_path, "customers", text)
    assert [r["customer"]["name"] for r in found.good] == ["单引一", "单引三", "单引四"]
    assert told(found) == [(3, "row", "unclosed_quote")]


def test_k8_nor_when_another_quote_closes_it_later(tmp_path):
    text = table(
        "姓名,手机,备注",
        '引一,13944480008,"没有闭合',
        "引二,13944480009,x",
        '引三,13944480010,"闭合了"',
        '引四,13944480011,"两\n行"',
        '"引, 五",13944480012,他说"好"',
    )
    found = read_list(tmp_path, "customers", text)
    assert [r["customer"]["name"] for r in found.good] == ["引二", "引三", "引四", "引, 五"]
    assert found.good[2]["customer"]["need"] == "两\n行"
    assert told(found) == [(2, "row", "unclosed_quote")]


def test_k8_words_of_a_choice_the_store_does_not_have_are_told(tmp_path):
    text = table("姓名,手机,来源", *(f"选试{n:02},1366{n:07},抖音直播{n}" for n in range(1, 31)))
    sheet = opened(tmp_path, text)
    mapping = imports.guess("customers", sheet.headings, CONFIG)
    unknown = imports.unknown_words(CONFIG, mapping, sheet.rows, {}, "customer.source")
    assert len(unknown) == 30 and set(unknown.values()) == {1}
    found = read_list(tmp_path, "customers", text)
    assert found.good == [] and [(p.row, p.code) for p in found.problems] == [
        (n, "option") for n in range(2, 32)
    ]
    decided: dict = {
        "values": {"customer.source": {"抖音直播1": "online"}},
        "others": {"customer.source": ""},
    }
    found = read_list(tmp_path, "customers", text, **decided)
    assert [r["customer"].get("source") for r in found.good] == ["online", *[None] * 29]


def test_k8_long_values_are_told_and_never_cut(tmp_path):
    text = table("姓名,手机,备注", f"{'长' * 81},13800000001,x", f"甲,13800000002,{'长' * 2001}")
    assert told(read_list(tmp_path, "customers", text)) == [
        (2, "customer.name", "length"),
        (3, "customer.need", "length"),
    ]


def test_k8_names_and_remarks_come_back_from_an_export_as_they_were(tmp_path):
    found = read_list(
        tmp_path, "customers", table("姓名,手机,备注", "'-往返三,13800000001,'=要白色")
    )
    assert found.good[0]["customer"] == {
        "name": "-往返三",
        "phone": "13800000001",
        "need": "=要白色",
    }


def test_k8_signs_no_database_keeps_are_dropped(tmp_path):
    found = read_list(tmp_path, "customers", table("姓名,手机,备注", "甲,13800000001,前\x01后"))
    assert found.good[0]["customer"]["need"] == "前后"


# K9 -----------------------------------------------------------------------------------------------


def test_k9_a_column_that_only_counts_the_rows_is_no_key(tmp_path):
    for first in (0, 1):
        rows = [f"{first + n},人{n},1369222000{n}" for n in range(3)]
        sheet = opened(tmp_path, table("编号,姓名,手机", *rows))
        mapping = imports.fit_mapping(
            imports.guess("customers", sheet.headings, CONFIG), sheet.rows
        )
        assert "key" not in mapping.columns
        assert imports.unmatched(sheet.headings, mapping) == ["编号"]
    sheet = opened(tmp_path, table("编号,姓名,手机", "A7,甲,13692220001", "A9,乙,13692220002"))
    mapping = imports.fit_mapping(imports.guess("customers", sheet.headings, CONFIG), sheet.rows)
    assert mapping.columns["key"] == "编号"


def test_k9_one_number_of_the_list_for_two_people_is_told(tmp_path):
    text = table(
        "客户编号,姓名,手机", "A7,甲,13692220001", "A7,乙,13692220002", "A7,甲,13692220001"
    )
    assert told(read_list(tmp_path, "customers", text)) == [
        (3, "key", "key_of_another"),
        (4, "key", "duplicate_in_file"),
    ]


def test_k9_people_of_one_name_stay_apart(tmp_path):
    text = table(
        "姓名,手机,备注", "王伟,13692220001,", "王伟,13692220002,", "王伟,,要白色", "王伟,,要黑色"
    )
    found = read_list(tmp_path, "customers", text)
    assert len({r["key"] for r in found.good}) == 4 and not found.problems


def test_k9_a_row_may_name_owner_pool_and_fields_of_the_store(tmp_path):
    text = table(
        "姓名,手机,销售顾问,公海,预算,请勿致电",
        "甲,13692220001,林晓,,12万,是",
        "乙,13692220002,,市场部,,否",
        "丙,13692220003,走了的人,,,也许",
    )
    found = read_list(tmp_path, "customers", text)
    assert [(r.get("assignment"), r["customer"].get("budget_fen")) for r in found.good] == [
        ({"owner_id": "u1"}, 12_000_000),
        ({"pool": "market"}, None),
    ]
    assert [r["customer"].get("do_not_call") for r in found.good] == [True, False]
    assert told(found) == [
        (4, "customer.owner", "option"),
        (4, "customer.do_not_call", "option"),
    ] or sorted(told(found)) == [
        (4, "customer.do_not_call", "option"),
        (4, "customer.owner", "option"),
    ]


def test_the_mapping_keeps_what_was_decided():
    mapping = ImportMapping(others={"customer.source": ""}, source_system="DMS", date_order="dmy")
    assert ImportMapping.model_validate(mapping.model_dump(mode="json")) == mapping


def test_k2_an_export_tells_the_time_of_the_stores_clock():
    cell = exports.reader(CONFIG, "conversation", {}, "zh_CN", {"yes": "是", "no": "否"})
    assert cell("occurred_at", "2026-11-28T15:30:00+00:00") == "2026-11-28 23:30"
    assert cell("created_at", "2026-11-29T17:24:39.843279+00:00") == "2026-11-30 01:24"


def test_a_saved_mapping_guesses_columns_its_list_did_not_have(tmp_path):
    """A mapping of a short list left out the source and the level of a longer one."""
    short = imports.guess("customers", ("姓名", "手机号", "备注"), CONFIG)
    short = short.model_copy(
        update={"columns": {t: h for t, h in short.columns.items() if h != "备注"}}
    )
    headings = ("姓名", "手机号", "备注", "客户来源", "意向级别")
    longer = imports.extend_mapping(short, imports.guess("customers", headings, CONFIG))
    assert longer.columns == {
        **short.columns,
        "customer.source": "客户来源",
        "customer.level": "意向级别",
    }
    assert imports.unmatched(headings, longer) == ["备注"]  # left out on purpose before
    assert imports.extend_mapping(longer, imports.guess("customers", headings, CONFIG)) == longer


def test_a_mapping_saved_without_its_headings_keeps_its_choices():
    saved = ImportMapping(columns={"customer.name": "昵称", "customer.phone": "手机号"})
    headings = ("姓名", "昵称", "手机号", "客户来源")
    found = imports.extend_mapping(saved, imports.guess("customers", headings, CONFIG))
    assert found.columns == {**saved.columns, "customer.source": "客户来源"}
