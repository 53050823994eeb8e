"""A dropped websocket, a locked phone, a restarted server: never a frozen or a blank screen; and
nothing leaves this machine."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.journey


def test_three_drops_in_a_row_and_taps_still_show(visit, make_task):
    make_task("chen", "戊先生")
    app = visit("chen")
    app.see_id("progress")
    for _ in range(3):
        app.drop_connection()
        app.tap("start-cancel")
        app.see_id("send-cancel")
        app.drop_connection()
        app.tap("stop-cancel")
        app.see_id("dial")


def test_a_drop_while_typing_keeps_the_words(visit, make_task):
    make_task("chen", "己先生")
    app = visit("chen")
    app.see_id("progress")
    app.tap("outcome-interested")
    app.type("notes", "正在输入的内容")
    app.drop_connection()
    app.field(
        "notes"
    ).click()  # a long text says its words to the semantics only while it has the focus
    expect(app.field("notes")).to_have_value("正在输入的内容")
    app.tap("save-conversation")
    app.see("已保存")


def test_a_server_restart_brings_the_same_person_back(visit, server, make_task):
    make_task("chen", "庚先生")
    app = visit("chen")
    app.see_id("progress")
    app.page.goto(app.base + "/customers")
    app.ready()
    app.see("客户")
    server.stop()
    server.start()
    app.ready()
    app.see_id("new-customer")  # the client came back by itself, at the same place, still signed in
    app.tap("new-customer")
    app.see_id("save-customer")
    app.errors.clear()  # the browser's own words while nobody answered


def test_a_reload_stays_signed_in_and_a_sign_out_ends_it(visit):
    app = visit("lin")
    app.see_id("progress")
    app.page.reload()
    app.ready()
    app.see_id("progress")
    app.page.goto(app.base + "/me")
    app.ready()
    app.tap("sign-out")
    app.see_id("identifier")
    app.page.reload()
    app.ready()
    app.see_id("identifier")


def test_chinese_is_drawn_from_our_own_origin(visit):
    """Font slices come from us, each answered; the only address outside that anything asks for is
    Rive's, and it is refused."""
    app = visit(None)
    answered: list[tuple[str, int]] = []
    app.page.on("response", lambda r: answered.append((r.url, r.status)))
    app.page.reload()
    app.ready()
    app.see("登录您的门店")
    app.page.wait_for_function(
        "() => performance.getEntriesByType('resource').some(r => r.name.includes('notosanssc'))"
    )
    slices = [(url, status) for url, status in answered if "notosanssc" in url]
    assert slices
    assert {status for _, status in slices} <= {200, 304}
    assert all(
        url.startswith(app.base) or url.startswith(("data:", "blob:")) for url, _ in answered
    )
    assert {url for url in app.blocked if "rive" not in url} == set()


def test_large_text_and_traditional_chinese_and_dark(visit):
    app = visit("lin")
    app.see_id("progress")
    app.page.goto(app.base + "/me")
    app.ready()
    app.tap("scale-1.6")
    app.tap("theme-dark")
    app.tap("language-zh-TW")
    app.see("語言")
    app.page.goto(app.base + "/")
    app.ready()
    app.see("撥打")
    app.page.goto(app.base + "/me")
    app.ready()
    app.tap("language-zh-CN")
    app.tap("scale-1.0")
    app.tap("theme-system")
    app.see("语言")
