"""The phone app as static files in a real browser: nothing but files is asked of its web host."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.journey
API = "/rest/v1/", "/auth/v1/"


def first_card(device, people, who="lin"):
    device.open("/")
    device.sign_in(people[who].email, people[who].password)
    device.see_id("card-name")


def test_it_starts_and_starts_again_without_any_network(device, host, people):
    words = []
    device.page.on("console", lambda message: words.append(message.text))
    device.page.goto(host.url)
    expect(device.page.locator("#start h1")).to_have_text("展厅助手")
    device.ready()
    device.sign_in(people["lin"].email, people["lin"].password)
    device.see_id("card-name")
    device.see("已全部上传")
    assert [path for path in host.requests if path.startswith(API)] == []
    foreign = {url for url in device.blocked if not url.startswith(host.url)}
    assert foreign == set()  # no CDN, no other origin
    card = device.id("card-name").inner_text()
    host.stop()
    device.context.set_offline(True)
    device.page.goto(host.url)
    device.ready()
    device.see_id("card-name")
    assert device.id("card-name").inner_text() == card
    device.see("离线中")
    device.gone("已全部上传")
    device.page.goto(f"{host.url}/me")
    device.ready()
    expect(device.id("sync-status")).to_contain_text("离线中")
    device.gone("已全部上传")


def test_the_cloud_knows_at_once_that_the_network_went(device, people):
    first_card(device, people)
    device.see("已全部上传")
    device.context.set_offline(True)
    device.see("离线中")
    device.gone("已全部上传")
    device.context.set_offline(False)
    device.see("已全部上传")


def test_what_was_said_to_be_saved_survives_a_kill_and_arrives_once(
    device, host, people, make_task, operator
):
    lin = people["lin"]
    names = [f"断电{n}" for n in range(2)]
    for name in names:
        make_task("lin", name)
    since = operator.execute("select clock_timestamp()").fetchone()[0]
    first_card(device, people)
    device.kill()  # a moment after signing in: the session is on disk
    device.start()
    device.open("/")
    device.context.set_offline(True)
    device.see("离线中")
    for _ in names:
        card = device.id("card-name").inner_text()
        device.tap("outcome-no-answer")
        expect(device.id("card-name")).not_to_have_text(card)
        device.kill()
        device.start()
        device.context.set_offline(True)
        device.open("/")
    device.see("2 条待上传")
    device.context.set_offline(False)
    device.see("已全部上传")
    done = operator.execute(
        "select verb, result ->> 'status' from crm.operations where user_id = %s and applied_at >= "
        "%s",
        (lin.user_id, since),
    ).fetchall()
    assert done == [("log_conversation", "applied")] * 2


def test_one_tab_works_and_another_can_take_over(device, people):
    first_card(device, people)
    second = device.another_tab()
    second.page.wait_for_selector("#start[data-problem=elsewhere]")
    expect(second.page.locator("#start-message")).to_contain_text("另一个标签页")
    second.page.click("#start-action")
    second.ready()
    second.see_id("card-name")
    expect(device.page.locator("#start[data-problem=moved] #start-message")).to_contain_text("转到")
    assert second.errors == []
    third = device.another_tab()
    third.page.wait_for_selector("#start[data-problem=elsewhere]")
    second.page.close()
    third.ready()  # by itself, as soon as the other tab is gone
    third.see_id("card-name")
    third.page.close()
    device.page.click("#start-action")
    device.ready()
    device.see_id("card-name")


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        (
            "navigator.storage.getDirectory = () => Promise.reject(new DOMException('', "
            "'SecurityError'))",
            "storage_blocked",
        ),
        ("delete StorageManager.prototype.getDirectory", "old_browser"),
        ("Object.defineProperty(window, 'WebAssembly', {value: undefined})", "old_browser"),
    ],
)
@pytest.mark.parametrize(
    ("language", "what_to_do"),
    [("zh-CN", "浏览器"), ("zh-TW", "瀏覽器"), ("en-GB", "browser")],
)
def test_a_browser_that_cannot_says_what_to_do(
    chromium, host, script, problem, language, what_to_do
):
    context = chromium.new_context(locale=language)
    context.add_init_script(script)
    page = context.new_page()
    page.goto(host.url)
    page.wait_for_selector(f"#start[data-problem={problem}]")
    expect(page.locator("#start-message")).to_contain_text(what_to_do)
    expect(page.locator("#start-action")).to_be_visible()
    context.close()


def test_a_full_disk_is_said_and_the_start_goes_on_when_there_is_room(device, host):
    session = device.context.new_cdp_session(device.page)
    quota = {"origin": host.url, "quotaSize": 3_000_000}
    session.send("Storage.overrideQuotaForOrigin", quota)
    device.page.goto(host.url)
    assert device.problem() == "disk_full"
    expect(device.page.locator("#start-message")).to_contain_text("存储空间不足")
    session.send("Storage.overrideQuotaForOrigin", {"origin": host.url})
    device.page.click("#start-action")
    device.ready()
    device.see_id("sign-in")


def test_what_a_full_phone_cannot_save_is_said_and_nothing_before_it_is_lost(
    device, host, people, make_task
):
    make_task("lin", "存满")
    first_card(device, people)
    device.see("已全部上传")
    device.context.set_offline(True)
    card = device.id("card-name").inner_text()
    device.tap("outcome-no-answer")
    expect(device.id("card-name")).not_to_have_text(card)
    device.see("1 条待上传")
    card = device.id("card-name").inner_text()
    session = device.context.new_cdp_session(device.page)
    session.send("Storage.overrideQuotaForOrigin", {"origin": host.url, "quotaSize": 1})
    device.tap("start-cancel")
    device.tap("reason-unreachable")
    device.type("cancel-words", "没地方写" * 400)
    device.tap("send-cancel")
    device.see("未能保存")
    assert device.id("card-name").inner_text() == card
    device.page.goto(host.url + "/me/pending")  # still full: what it holds is shown all the same
    device.ready()
    device.see("已存本机，待上传")
    device.page.goto(host.url)
    device.ready()
    assert device.id("card-name").inner_text() == card
    session.send("Storage.overrideQuotaForOrigin", {"origin": host.url})
    device.tap("start-cancel")
    device.tap("reason-unreachable")
    device.type("cancel-words", "没地方写")
    device.tap("send-cancel")
    device.see("2 条待上传")


def test_the_kept_page_and_worker_carry_the_policy_of_the_host(device, host, stack):
    device.open("/")
    device.wait_for("async () => Boolean(navigator.serviceWorker.controller)")
    host.stop()
    worker = device.page.evaluate("JSON.parse(document.getElementById('build').textContent)")
    addresses = ["/index.html", worker["folders"]["client"] + "python_worker.js"]
    for address in addresses:
        policy = device.page.evaluate(
            "async (path) => (await fetch(path)).headers.get('content-security-policy')", address
        )
        assert stack.supabase_url in policy, address
        assert "frame-ancestors 'none'" in policy


def test_a_download_goes_on_where_it_stopped_and_keeps_no_wrong_file(device, host):
    """A hotel's log-in page answers 200 for everything; then the page is left in the middle."""
    host.broken = {"lib.zip": 1, "main.dart.wasm": 2}
    device.page.goto(host.url)
    device.wait_for("async () => (await (await caches.open('forecourt-files')).keys()).length > 8")
    device.page.goto("about:blank")
    there = device.context.new_page()
    there.goto(f"{host.url}/manifest.json")
    kept = there.evaluate(
        "async () => (await (await caches.open('forecourt-files')).keys())"
        ".map((request) => new URL(request.url).pathname)"
    )
    there.close()
    before = len(host.requests)
    device.open("/")
    device.see_id("sign-in")
    assert len(kept) > 8
    assert set(kept) & set(host.requests[before:]) == set()


def test_a_host_without_config_says_so(device, host):
    host._app._config = b"{}"
    device.page.goto(host.url)
    assert device.problem() == "not_set_up"
