"""The panel lets someone in by a code and out with a new owner: two minutes to the first screen,
and nothing is lost (S-35, S-49)."""

import time

import pytest
from playwright.sync_api import expect

from tests.support.browser import DESKTOP, PHONE

pytestmark = pytest.mark.journey


def test_a_new_colleague_comes_in_and_leaves_again(visit, operator, people):
    admin = visit("admin", "/admin/", **DESKTOP)
    admin.see_id("invite")
    began = time.monotonic()
    admin.type("invite-name", "来去一号")
    admin.type("invite-contact", "13700001234")
    admin.tap("role-advisor")
    admin.tap("invite")
    admin.see_id("invitation-code")
    code = admin.id("invitation-code").inner_text()

    phone = visit(None, "/", **PHONE)
    phone.tap("switch-join")
    phone.type("identifier", "13700001234")
    phone.type("password", "laiqu-2026")
    phone.type("invitation-code", code)
    phone.tap("sign-in")
    phone.see_id("sync-mark")  # their own first screen
    assert time.monotonic() - began < 120

    store, user = operator.execute(
        "select store_id, user_id from crm.members where name = '来去一号'"
    ).fetchone()
    customer = operator.execute(
        "insert into crm.customers (store_id, id, owner_id, name, phone, source, level) values "
        "(%s, gen_random_uuid(), %s, '接手客户', '13811110000', 'walk_in', 'near') returning id",
        (store, user),
    ).fetchone()[0]
    operator.execute(
        "insert into crm.tasks (store_id, customer_id, assignee_id, kind, subject_id, due_on) "
        "values (%s, %s, %s, 'manual', %s, current_date)",
        (store, customer, user, customer),
    )

    admin.page.reload()
    admin.ready()
    admin.tap(f"person-{user}")
    admin.see("1 位客户")
    admin.tap("leave-person")
    admin.see_id("disable-person")
    chen = people["chen"].user_id
    admin.tap(f"new-owner-{chen}")
    admin.tap("disable-person")
    expect(admin.id("transfer")).to_contain_text("1 位客户")
    assert operator.execute(
        "select owner_id from crm.customers where id = %s", (customer,)
    ).fetchone() == (chen,)
    assert operator.execute(
        "select assignee_id from crm.tasks where customer_id = %s", (customer,)
    ).fetchone() == (chen,)
    assert operator.execute(
        "select active from crm.members where user_id = %s", (user,)
    ).fetchone() == (False,)

    admin.tap("enable-person")
    admin.see_id("person-done")
    assert operator.execute(
        "select active from crm.members where user_id = %s", (user,)
    ).fetchone() == (True,)
    admin.tap("sign-out-person")
    expect(admin.id("person-done")).to_contain_text("退出")
    assert operator.execute(
        "select role from crm.members where user_id = %s", (user,)
    ).fetchone() == ("advisor",)
