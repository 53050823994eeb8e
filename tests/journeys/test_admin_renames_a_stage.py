"""Journey 3: the admin renames a stage in the panel, the phone shows it at its next sync."""

import pytest
from playwright.sync_api import expect

from forecourt import demo
from tests.support.browser import DESKTOP

pytestmark = pytest.mark.journey


def test_a_renamed_stage_reaches_the_phone(visit, operator):
    phone = visit("lin")
    phone.see_id("progress")
    panel = visit("admin", "/admin/", **DESKTOP)
    panel.see_id("invite")
    panel.page.goto(panel.base + "/admin/stages")
    panel.ready()
    panel.type("stage-name-2", "试乘试驾")
    panel.see("1 项修改未发布")
    panel.tap("to-publish")
    panel.see_id("impacts")
    panel.tap("publish")
    panel.see("已发布为第")
    phone.tap("refresh")
    phone.see("已全部上传")
    phone.page.goto(phone.base + "/funnel")
    phone.ready()
    phone.see("试乘试驾")
    named = operator.execute(
        "select s.name, x.label ->> 'zh_CN' from crm.stages x join crm.stores s on s.id = "
        "x.store_id where x.key = 'test_drive' and s.name = any(%s)",
        (demo.STORES,),
    ).fetchall()
    assert dict(named) == {
        demo.STORES[0]: "试乘试驾",
        demo.STORES[1]: "试驾",
    }  # the other store keeps its own word


def test_an_advisor_is_not_let_into_the_panel(visit):
    panel = visit("lin", "/admin/", **DESKTOP)
    panel.see("您的角色没有这个权限")


def test_an_invited_person_comes_in_by_the_code(visit, operator):
    panel = visit("admin", "/admin/", **DESKTOP)
    panel.see_id("invite")
    panel.type("invite-name", "新人小林")
    panel.type("invite-contact", "13600001234")
    panel.tap("role-advisor")
    panel.tap("invite")
    panel.see_id("invitation-code")
    code = panel.id("invitation-code").inner_text().strip()
    phone = visit(None)
    phone.tap("switch-join")
    phone.type("identifier", "136 0000 1234")
    phone.type("password", "my-first-password")
    phone.type("invitation-code", code)
    phone.tap("sign-in")
    phone.see("今天没有待办任务")
    assert operator.execute("select role from crm.members where name = '新人小林'").fetchall() == [
        ("advisor",)
    ]
    expect(phone.id("sync-mark").first).to_be_attached()
