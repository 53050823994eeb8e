"""Journey 1: sign in, clear a due call with outcome, words and next date; the next card comes; the
row is there exactly once."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.browser import until

pytestmark = pytest.mark.journey


def test_wrong_password_says_so_and_keeps_what_was_typed(visit, people):
    app = visit(None)
    app.type("identifier", people["lin"].email)
    app.type("password", "wrong-password")
    app.tap("sign-in")
    app.see("账号或密码不对")
    expect(app.field("identifier")).to_have_value(people["lin"].email)


def test_an_advisor_clears_a_due_call(visit, make_task, operator):
    customer, _ = make_task("lin", "甲先生")
    other, _ = make_task("lin", "乙女士")
    app = visit("lin")
    expect(app.id("card-name")).to_have_text(
        re.compile("甲先生|乙女士")
    )  # the first pull brings the local data in pages
    first = app.id("card-name").inner_text()
    customer, other = (customer, other) if "甲" in first else (other, customer)
    app.tap("outcome-interested")
    app.tap("save-conversation")
    app.see("请填写")  # reached needs words: said by the field, nothing sent
    assert operator.execute(
        "select count(*) from crm.conversations where customer_id = %s", (customer,)
    ).fetchone() == (0,)
    app.type("notes", "周末带家人来看车,关注七座")
    app.tap("level-near")
    app.tap("next-plus-3")
    app.tap("save-conversation")
    app.see("已保存")
    expect(app.id("card-name")).not_to_have_text(first)  # the next card opened by itself
    rows = until(
        lambda: operator.execute(
            "select notes, level_before, level_after, next_contact_on - (now() at time zone "
            "'Asia/Shanghai')::date from crm.conversations where customer_id = %s",
            (customer,),
        ).fetchall()
    )
    assert rows == [("周末带家人来看车,关注七座", "intent", "near", 3)]
    assert operator.execute(
        "select status from crm.tasks where customer_id = %s and kind = 'manual'", (customer,)
    ).fetchone() == ("done",)
    app.tap("undo")
    expect(app.id("card-name")).to_have_text(first)
    expect_undone(operator, customer)


def expect_undone(operator, customer):
    """The undo is an operation of its own."""
    until(
        lambda: operator.execute(
            "select 1 from crm.conversations where customer_id = %s having count(removed_at) = 1",
            (customer,),
        ).fetchone()
    )
    assert operator.execute(
        "select status from crm.tasks where customer_id = %s and kind = 'manual'", (customer,)
    ).fetchone() == ("open",)


def test_nobody_reached_costs_one_tap_after_the_dial(visit, make_task, operator):
    make_task("chen", "丙先生")
    make_task("chen", "丁女士")
    app = visit("chen")
    expect(app.id("card-name")).to_have_text(re.compile("丙先生|丁女士"))
    first = app.id("card-name").inner_text()
    app.tap("outcome-no-answer")
    expect(app.id("card-name")).not_to_have_text(first)
    customer = operator.execute(
        "select id from crm.customers where name = %s", (first,)
    ).fetchone()[0]
    conversations = until(
        lambda: operator.execute(
            "select outcome, reached from crm.conversations where customer_id = %s", (customer,)
        ).fetchall()
    )
    assert conversations == [("no_answer", False)]
    assert operator.execute(
        "select kind, attempts from crm.tasks where customer_id = %s and status = 'open'",
        (customer,),
    ).fetchall() == [("retry", 1)]


def test_a_new_walk_in_with_three_facts_and_the_duplicate_warning(visit, operator, people):
    app = visit("lin")
    app.see_id("progress")
    app.page.goto(app.base + "/customers/new")
    app.ready()
    app.type("name", "欧阳修远")
    app.type("phone", "139 1111 0000")
    app.tap("save-customer")
    app.see_id("customer-name")
    app.see("欧阳修远")
    app.page.goto(app.base + "/customers/new")
    app.ready()
    app.type("phone", "13911110000")
    app.see("已是您的客户：欧阳修远")
    colleague = visit("chen")
    colleague.see_id("progress")
    colleague.page.goto(colleague.base + "/customers/new")
    colleague.ready()
    colleague.type("phone", "13911110000")
    colleague.see("已由同事跟进")
    colleague.gone("欧阳修远")
    assert operator.execute(
        "select phone, source, owner_id from crm.customers where name = '欧阳修远'"
    ).fetchall() == [("13911110000", "walk_in", people["lin"].user_id)]
