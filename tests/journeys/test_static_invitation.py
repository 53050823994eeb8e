"""An invitation is scanned: the panel's link opens the phone app with the code filled in."""

import time

import pytest
from playwright.sync_api import expect

from tests.support.browser import DESKTOP, App
from tests.support.device import Device

pytestmark = pytest.mark.journey


def filled_in(phone: Device, code: str) -> None:
    """The code stands in its field; Flutter tells the browser a field's text once it has focus."""
    phone.field("invitation-code").click()
    expect(phone.field("invitation-code")).to_have_value(code)


def test_a_scanned_invitation_leads_to_today_in_two_minutes(
    chromium, server, people, operator, tmp_path
):
    contact = "13700007788"
    admin = App(chromium, server.url, **DESKTOP).open("/admin/")
    phone = Device(chromium, server.url, tmp_path / "profile")
    asked: list[str] = []
    phone.page.on("request", lambda request: asked.append(request.url))
    try:
        admin.sign_in(people["admin"].email, people["admin"].password)
        admin.see_id("invite")
        admin.type("invite-name", "扫码入职")
        admin.type("invite-contact", contact)
        admin.tap("role-advisor")
        admin.tap("invite")
        admin.see_id("invitation-qr")
        link = admin.id("invitation-link").inner_text()
        code = admin.id("invitation-code").inner_text()
        admin.shot(str(tmp_path / "panel.png"))

        assert link == f"{server.url}/#invitation={code}"
        began = time.monotonic()
        phone.page.goto(link)
        phone.ready()
        filled_in(phone, code)
        assert "invitation" not in phone.page.evaluate(
            "location.href + JSON.stringify(history.state)"
        )
        phone.page.reload()  # an app that is being installed starts again
        phone.ready()
        filled_in(phone, code)
        phone.taps = phone.typed = 0
        phone.type("identifier", contact)
        phone.type("password", "saoma-2026")
        phone.tap("sign-in")
        phone.see_id("sync-mark")
        seconds = time.monotonic() - began
        assert (phone.taps, phone.typed) == (1, 2)
        assert seconds < 120
        print(f"1 tap, 2 fields, {seconds:.0f} s from the scan to the first screen")
        assert [url for url in asked if code in url.split("#")[0]] == []
        assert [url for url in asked if contact in url] == []
        phone.page.goto(f"{server.url}/me")
        phone.ready()
        phone.tap("sign-out")
        phone.see_id("sign-in")
        assert phone.id("invitation-code").count() == 0  # used up
    finally:
        admin.close()
        phone.close()
    assert operator.execute("select role from crm.members where name = '扫码入职'").fetchone() == (
        "advisor",
    )
