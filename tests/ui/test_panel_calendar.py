"""The store's calendar in the panel: weekdays, closed days and make-up days; what is wrong is told
at its field."""

import pytest

from tests.support.panel_screen import panel

FESTIVAL = {f"2027-02-{day:02d}": {"zh_CN": "春节"} for day in range(6, 9)}


@pytest.fixture
async def p(stack, people):
    async with panel(stack, people["admin"].email) as opened:
        await opened.screen.settle(until=lambda: opened.screen.has("invite"), seconds=60)
        await opened.go("settings", "weekday-1")
        yield opened
        while opened.session.draft.past:
            await opened.screen.tap("undo")
        await opened.screen.settle(until=lambda: opened.session.draft.saved == "")


def calendar(p) -> dict:
    return p.session.draft.document.get("calendar", {})


async def add(p, part: str, first: str, last: str = "", name: str = "春节") -> None:
    for key, text in (("first", first), ("last", last), ("name", name)):
        await p.screen.type(f"{part}-{key}", text)
    await p.screen.tap(f"{part}-add")


async def test_a_weekday_is_closed_and_the_last_one_stays(p):
    await p.screen.tap("weekday-7")
    assert calendar(p) == {"weekdays": [1, 2, 3, 4, 5, 6]}
    for day in range(2, 7):
        await p.screen.tap(f"weekday-{day}")
    await p.screen.tap("weekday-1")
    assert p.screen.has("weekday-problem")
    assert calendar(p) == {"weekdays": [1]}
    await p.screen.tap("weekday-7")
    assert not p.screen.has("weekday-problem")
    assert calendar(p) == {"weekdays": [1, 7]}


async def test_closed_and_makeup_days_are_added_and_removed(p):
    await add(p, "closed-days", "2027/2/6", "2027年2月8日")
    assert calendar(p) == {"closed_days": FESTIVAL}
    assert p.screen.sees("2027-02-06 – 2027-02-08")
    await add(p, "makeup-days", "2027-01-31", name="调休")
    assert calendar(p)["makeup_days"] == {"2027-01-31": {"zh_CN": "调休"}}
    assert p.session.draft.config is not None
    await p.screen.tap("closed-days-0-remove")
    assert "closed_days" not in calendar(p)


@pytest.mark.parametrize(
    ("first", "last", "name", "told"),
    [
        ("soon", "", "春节", "请填写 2027-02-06 这样的日期。"),
        ("2027-02-30", "", "春节", "请填写 2027-02-06 这样的日期。"),
        ("2027-02-06", "x", "春节", "请填写 2027-02-06 这样的日期。"),
        ("2027-02-06", "2027-02-05", "春节", "最后一天早于第一天。"),
        ("2027-02-06", "2027-05-01", "春节", "一次最多连续 60 天。"),
        ("2027-02-06", "", " ", "请填写名称。"),
        ("2027-01-30", "2027-02-01", "春节", "这一天已列为调休上班日。"),
    ],
)
async def test_what_is_wrong_is_told_at_its_field(p, first, last, name, told):
    await add(p, "makeup-days", "2027-01-31", name="调休")
    await add(p, "closed-days", first, last, name)
    assert p.screen.sees(told)
    assert "closed_days" not in calendar(p)
