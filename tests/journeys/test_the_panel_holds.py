"""The panel's frame: it stands still while its pages change, follows the address bar, comes back
from a reload where it was, and goes on when the network is back.

Before: the navigation was another one for every page.
"""

import pytest
from playwright.sync_api import expect

from tests.support.browser import DESKTOP, App
from tests.support.present import present

pytestmark = pytest.mark.journey

MARK = (
    "names => names.forEach(n => "
    "document.querySelector(`[flt-semantics-identifier='${n}']`).marked = true)"
)
MARKED = (
    "names => names.filter(n => "
    "document.querySelector(`[flt-semantics-identifier='${n}']`)?.marked)"
)
LIST = "\n".join(
    # no heading of another journey's list holds all of these: a mapping is remembered, and used
    # for every list that has its columns
    ["客户编号,姓名,手机号,备注", *(f"P{n},面板{n}号,1366001{n:04d},看车" for n in range(1, 4))]
)


def open_panel(visit, path: str = "") -> App:
    app = visit("admin", "/admin/", **DESKTOP)
    app.see_id("sign-out")
    if path:
        app.page.goto(f"{app.base}/admin/{path}")
        app.ready()
    return app


def reload(app: App) -> None:
    app.page.reload()
    app.ready()


def asks_before_leaving(app: App) -> bool:
    """Whether the browser would ask before it closes the page."""
    return app.page.evaluate(
        "() => !dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    )


def stands(app: App, page: str, sign: str) -> None:
    """That page is the chosen one, and what only it has is there."""
    expect(
        app.page.locator(f"[flt-semantics-identifier='nav-{page}'][aria-current=true]")
    ).to_be_attached()
    app.see_id(sign)


def test_the_navigation_stands_still_and_the_last_of_two_quick_clicks_counts(visit):
    app = open_panel(visit)
    names = [
        "nav-rules",
        "nav-forms",
        "nav-stages",
        "nav-audit",
        "nav-lists",
        "to-publish",
        "sign-out",
    ]
    app.page.evaluate(MARK, names)
    at = {n: present(app.id(n).bounding_box()) for n in names}
    for first, second, sign in (
        ("rules", "forms", "phone-preview"),
        ("audit", "stages", "stage-name-0"),
        ("rules", "lists", "add-entry"),
    ):
        for page in (
            first,
            second,
        ):  # no waiting between the two: the first page is still being drawn
            box = at[f"nav-{page}"]
            app.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        stands(app, second, sign)
        app.page.wait_for_url(f"**/admin/{second}")
    assert app.page.evaluate(MARKED, names) == names  # the very same nodes, never drawn again


def test_back_forward_a_deep_link_and_an_address_nobody_knows(visit):
    app = open_panel(visit, "rules")
    stands(app, "rules", "dry-run")
    app.tap("nav-stages")
    stands(app, "stages", "stage-name-0")
    app.tap("nav-members")
    stands(app, "members", "invite")
    app.page.go_back()
    stands(app, "stages", "stage-name-0")
    app.page.go_back()
    stands(app, "rules", "dry-run")
    app.page.go_forward()
    stands(app, "stages", "stage-name-0")
    app.page.goto(f"{app.base}/admin/no/such/page")
    app.ready()
    stands(app, "members", "invite")
    app.tap("nav-rules")
    stands(app, "rules", "dry-run")


def test_a_reload_answers_where_one_was_and_keeps_what_was_changed(visit, operator):
    operator.execute("delete from crm.config_drafts")  # of an earlier journey
    app = open_panel(visit, "lists")
    stands(app, "lists", "add-entry")
    reload(app)
    stands(app, "lists", "add-entry")
    app.tap("language")
    app.see("登出")
    app.tap("language")
    app.see("Sign out")
    app.tap("language")
    app.see("退出登录")
    app.tap("nav-settings")
    app.type("setting-cut-off", "19:30")
    app.see("1 项修改未发布")
    app.see("草稿已保存")
    reload(app)
    stands(app, "settings", "setting-cut-off")
    # a field says its words to the semantics only while it has the focus
    app.field("setting-cut-off").click()
    expect(app.field("setting-cut-off")).to_have_value("19:30")
    app.type("setting-cut-off", "20:00")
    app.see("已全部发布")


def test_an_import_under_way_survives_the_network_and_a_look_at_another_page(visit, tmp_path):
    file = tmp_path / "展会.csv"
    file.write_text(LIST, encoding="utf8")
    app = open_panel(visit, "imports")
    app.tap("kind-customers")
    with app.page.expect_file_chooser() as chooser:
        app.tap("pick-file")
    chooser.value.set_files(str(file))
    app.see("3 行")
    assert asks_before_leaving(app)
    app.tap("nav-lists")
    app.see_id("add-entry")
    app.tap("nav-imports")
    app.see("3 行")
    app.tap("preview")
    app.see("可导入 3 行")
    app.context.set_offline(True)
    app.tap("commit")
    app.see("服务器没有响应")
    app.context.set_offline(False)
    app.tap("nav-members")
    app.see_id("invite")
    app.tap("nav-imports")
    app.tap("commit")
    app.see_id("import-result")
    app.tap("another")
    app.gone("3 行，")
    assert not asks_before_leaving(app)
    app.tap("revert-0")
    app.tap("revert-yes")
    app.see_id("revert-result")
