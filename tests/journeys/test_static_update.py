"""A new build of the phone app: fetched beside the present one, taken at the next start, undone by
pointing back."""

import json

import pytest
from playwright.sync_api import expect

from tests.support.builds import next_build
from tests.support.device import Device
from tests.support.proxy import ThreadedProxy, clear
from tests.support.static_server import static_host

pytestmark = pytest.mark.journey
LOOK = (
    "navigator.serviceWorker.getRegistration()"
    ".then((found) => found.update()).then(() => null, () => null)"
)
WAITS = "async () => Boolean((await navigator.serviceWorker.getRegistration()).waiting)"


def build_id(device) -> str:
    return json.loads(device.page.locator("#build").text_content())["id"]


def publish(device, host, root) -> None:
    """The host has another build; the phone looks for one, and has it whole."""
    host.publish(root)
    device.page.evaluate(LOOK)
    device.wait_for(WAITS)


def test_the_next_build_sends_what_the_one_before_it_saved(
    chromium, phone_files, stack, people, make_task, operator, tmp_path
):
    lin = people["lin"]
    make_task("lin", "换版本")
    since = operator.execute("select clock_timestamp()").fetchone()[0]
    second = next_build(phone_files, tmp_path / "second")
    with (
        ThreadedProxy(stack.supabase_url) as proxy,
        static_host(phone_files, proxy.url, stack.publishable_key) as host,
    ):
        device = Device(chromium, host.url, tmp_path / "profile")
        try:
            device.open("/")
            device.sign_in(lin.email, lin.password)
            device.see_id("card-name")
            device.see("已全部上传")
            old = build_id(device)
            proxy.weather = lambda path: ("refused",)
            card = device.id("card-name").inner_text()
            device.tap("outcome-no-answer")
            expect(device.id("card-name")).not_to_have_text(card)
            device.see("1 条待上传")
            asked = len(host.requests)
            publish(device, host, second)
            fetched = host.requests[asked:]
            assert any(path.endswith("/app.zip") for path in fetched)
            assert not any(path.endswith((".wasm", "lib.zip")) for path in fetched)  # unchanged
            assert build_id(device) == old  # nobody is interrupted
            device.see("新版本已下载")
            device.page.goto(host.url)
            device.ready()
            new = build_id(device)
            assert new != old
            device.see("1 条待上传")
            device.page.goto(host.url)  # the old build is gone for good
            device.ready()
            assert build_id(device) == new
            proxy.weather = clear
            device.see("已全部上传")
            publish(device, host, phone_files)
            device.page.goto(host.url)
            device.ready()
            assert build_id(device) == old
            device.see_id("card-name")  # still signed in
        finally:
            device.close()
    done = operator.execute(
        "select verb, result ->> 'status' from crm.operations where user_id = %s and applied_at >= "
        "%s",
        (lin.user_id, since),
    ).fetchall()
    assert done == [("log_conversation", "applied")]


def test_a_build_with_other_scripts_starts_without_any_network(
    chromium, phone_files, stack, tmp_path
):
    """The page named scripts that nobody had fetched: a white screen until the network was back."""
    second = next_build(phone_files, tmp_path / "second", scripts=True)
    with static_host(phone_files, stack.supabase_url, stack.publishable_key) as host:
        device = Device(chromium, host.url, tmp_path / "profile")
        try:
            device.open("/")
            old = build_id(device)
            publish(device, host, second)
            host.stop()
            device.context.set_offline(True)
            device.page.goto(host.url)
            device.ready()
            assert build_id(device) != old
            device.see_id("sign-in")
        finally:
            device.close()


def test_a_log_in_page_of_a_hotel_never_becomes_the_app(
    chromium, phone_files, stack, people, tmp_path
):
    """While the phone looks for a build, every file is answered by a page of the hotel's."""
    second = next_build(phone_files, tmp_path / "second", "hotel")
    with static_host(phone_files, stack.supabase_url, stack.publishable_key) as host:
        device = Device(chromium, host.url, tmp_path / "profile")
        try:
            device.open("/")
            old = build_id(device)
            host.publish(second)
            host.broken = {"index.html": 1000}  # the page's address, for as long as one stays there
            device.page.evaluate(LOOK)
            device.wait_for(
                "async () => { const found = await navigator.serviceWorker.getRegistration();"
                " return !found.installing && !found.waiting; }"
            )
            assert host.broken["index.html"] < 1000
            device.open("/")
            assert build_id(device) == old
            device.see_id("sign-in")
            host.broken = {"app.zip": 1}
            device.page.evaluate(LOOK)
            device.wait_for(
                "async () => !(await navigator.serviceWorker.getRegistration()).installing"
            )
            publish(device, host, second)
            device.open("/")
            assert build_id(device) != old
        finally:
            device.close()
