"""An admin sees the phone as an advisor does: their book, read only, marked, in the audit, and it
ends."""

import pytest
from playwright.sync_api import expect

from tests.journeys.shops import Shop, panel
from tests.support.browser import App
from tests.support.device import READ_POOL

pytestmark = pytest.mark.journey


def files_in(phone: App) -> list[str]:
    """The paths in the private folder of this browser."""
    return [path for path, _content in phone.page.evaluate(READ_POOL)]


@pytest.fixture
def shop(operator, stack) -> Shop:
    found = Shop(operator, (stack.supabase_url, stack.publishable_key))
    found.create("城南展厅")
    return found


def test_the_phone_of_an_advisor_is_seen_and_nothing_is_done(visit, shop, operator):
    admin, _advisor = shop.person("沈佳", "store_admin"), shop.person("顾问小陆", "advisor")
    shop.person("顾问小郑", "advisor")
    shop.customer("顾问小陆", "赵敏")
    shop.customer("顾问小郑", "周芷若")
    app = panel(visit, admin)
    app.tap("nav-members")
    app.tap(app.text("顾问小陆").first)
    app.scroll_to("see-as")
    app.tap("see-as")
    phone = app.follow("open-seeing")
    expect(phone.id("seeing-banner").first).to_contain_text("顾问小陆")
    phone.page.goto(f"{phone.base}/customers")
    phone.ready()
    phone.see("赵敏")
    phone.gone("周芷若")
    phone.tap(phone.starting("customer-"))
    phone.see_id("seeing-banner")  # on the card too
    customers = operator.execute(
        "select count(*), sum(version) from crm.customers where store_id = %s", (shop.id,)
    ).fetchone()
    phone.page.goto(f"{phone.base}/customers/new")
    phone.ready()
    phone.type("name", "不该存在")
    phone.type("phone", "13900001234")
    phone.tap("save-customer")
    phone.see("不能做任何修改")
    assert files_in(phone) == []  # shown from memory
    phone.tap("stop-seeing")
    phone.see("已停止查看")
    assert (
        operator.execute(
            "select count(*), sum(version) from crm.customers where store_id = %s", (shop.id,)
        ).fetchone()
        == customers
    )
    assert files_in(phone) == []
    kinds = operator.execute(
        "select kind from crm.audit_events where store_id = %s order by id", (shop.id,)
    ).fetchall()
    assert kinds == [("view_as_started",), ("view_as_stopped",)]
