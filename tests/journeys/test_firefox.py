"""The airplane journey in Firefox, where one is installed: sign-in, start and work without network,
SIGKILL, start again, and everything arrives once."""

import time

import pytest

from tests.support.battery import Battery
from tests.support.browser import until
from tests.support.firefox import Firefox, firefox_path

pytestmark = [pytest.mark.journey, pytest.mark.long]
CALLS = 5


def tap_away(phone: Firefox) -> None:
    """One outcome on the open card; the next card says that it is saved."""
    name = phone.said("card-name")
    phone.tap("outcome-no-answer")
    phone.until(lambda: phone.said("card-name") != name)


@pytest.mark.skipif(firefox_path() is None, reason="no Firefox here (FIREFOX names one)")
def test_a_day_without_network_in_firefox(host, people, operator, tmp_path):
    battery = Battery("firefox", "The airplane journey in Firefox")
    since = operator.execute("select clock_timestamp()").fetchone()[0]
    count = (
        "select count(*), count(distinct conversation.task_id) from crm.conversations conversation"
        " where author_id = %s and outcome = 'no_answer' and created_at >= %s"
    )
    about = (people["lin"].user_id, since)
    phone = Firefox(host.url, tmp_path / "firefox")
    began = time.monotonic()
    phone.start()
    phone.see_id("identifier")
    form = time.monotonic() - began
    phone.type("identifier", people["lin"].email)
    phone.type("password", people["lin"].password)
    phone.tap("sign-in")
    phone.see_id("card-name")
    phone.see("已全部上传")
    phone.kill()
    began = time.monotonic()
    phone.start(offline=True)
    phone.see_id("card-name")
    again = time.monotonic() - began
    for _ in range(CALLS):
        tap_away(phone)
    assert operator.execute(count, about).fetchone() == (0, 0)
    phone.kill()
    phone.start(offline=True)
    phone.see(f"{CALLS} 条待上传")
    began = time.monotonic()
    phone.cut(False)
    phone.see("已全部上传")
    drained = time.monotonic() - began
    until(lambda: operator.execute(count, about).fetchone() == (CALLS, CALLS))
    phone.kill()
    battery.row(
        **{"said saved offline": CALLS, "arrived": CALLS, "lost": 0, "doubled": 0, "stuck": 0},
        **{"sign-in form after, s": round(form, 1), "later start offline, s": round(again, 1)},
        **{"all sent after, s": round(drained, 1)},
    )
    battery.finish()
