"""A reload, a sign-out, large text, another language: never a blank screen; and nothing leaves this
machine."""

import pytest

pytestmark = pytest.mark.journey


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
    """Fonts come from us, each answered, and nothing asks for an address outside."""
    app = visit(None)
    answered: list[tuple[str, int]] = []
    app.page.on("response", lambda r: answered.append((r.url, r.status)))
    app.page.reload()
    app.ready()
    app.see("登录您的门店")
    fonts = [(url, status) for url, status in answered if "/fonts" in url]
    assert fonts
    assert {status for _, status in fonts} <= {200, 304}
    assert all(
        url.startswith(app.base) or url.startswith(("data:", "blob:")) for url, _ in answered
    )
    assert [url for url in app.blocked if not url.startswith(app.base)] == []


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
