"""The panel takes a list from a file to customers: pick, look, check, import; the bad rows are
named; again nothing is new."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.browser import DESKTOP

pytestmark = pytest.mark.journey

LIST = "\n".join(
    [
        "客户编号,车主姓名,手机号,车牌号,保险公司,保费,保险到期日",
        'A1,导入一号,138 0000 9001,沪A·90001,人保财险,"3,500.50",2027-03-01',
        "A2,导入二号,139-0000-9002,沪A90002,平安产险,4200,2027/3/2",
        "A3,导入三号,问他太太,沪A90003,平安产险,4200,2027年3月3日",
        "A4,,13700009004,沪A90004,平安产险,4200,2027-03-04",
        "A1,导入一号,13800009001,沪A90001,人保财险,3500.5,2027-03-01",
    ]
)


def open_list(app, file):
    app.page.goto(app.base + "/admin/imports")
    app.ready()
    app.see_id("pick-file")
    with app.page.expect_file_chooser() as chooser:
        app.tap("pick-file")
    chooser.value.set_files(str(file))
    app.see("5 行")


def run(app):
    app.tap("preview")
    expect(app.id("import-facts")).to_have_text(re.compile("2"))
    app.see("前面的一行已经写过")  # row 6 says what row 2 said
    app.tap("commit")
    app.see_id("import-result")


def test_a_list_of_policies(visit, operator, tmp_path):
    file = tmp_path / "保单.csv"
    file.write_bytes(LIST.encode("gb18030"))
    app = visit("admin", "/admin/", **DESKTOP)
    app.see_id("invite")
    open_list(app, file)
    run(app)
    expect(app.id("import-result")).to_have_text(re.compile("新增 2|2 .*新"))
    rows = (
        "select c.name, c.phone, c.pool, v.plate, p.premium_fen, p.expires_on::text from "
        "crm.customers c join crm.vehicles v on v.store_id = c.store_id and v.customer_id = "
        "c.id join crm.policies p on p.store_id = c.store_id and p.customer_id = c.id where "
        "c.name like '导入%%号' order by 1"
    )
    taken = operator.execute(rows).fetchall()
    assert {(name, plate, expires) for name, _phone, _pool, plate, _premium, expires in taken} == {
        ("导入一号", "沪A90001", "2027-03-01"),
        ("导入二号", "沪A90002", "2027-03-02"),
    }
    assert {(phone, premium) for _name, phone, _pool, _plate, premium, _expires in taken} == {
        ("13800009001", 350050),
        ("13900009002", 420000),
    }
    app.tap("another")
    open_list(app, file)
    run(app)
    expect(app.id("import-result")).to_have_text(re.compile("新增 0|0 .*新"))
    assert operator.execute(rows).fetchall() == taken
