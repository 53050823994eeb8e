"""Reports on the phone: a manager goes from the team to the customer behind a number, looks back,
saves the file; an advisor sees their own (S-28, S-29, S-110, S-111)."""

import csv
import io

import pytest

from mobile_app.reports.chart import top_of
from shared.domain.metrics import Metric
from tests.mobile_app.test_meeting_sheet import work
from tests.support.people import World
from tests.support.phone_screen import real_phone


def long_ago(world: World, customer: str, days: int) -> None:
    world.db.execute(
        "update crm.conversations set occurred_at = occurred_at - make_interval(days => %s)"
        " where customer_id = %s",
        (days, customer),
    )


async def test_from_the_team_to_the_customer_behind_a_number(manager, tmp_path):
    gateway, world = manager
    called, waiting = work(world)
    world.log_conversation("chen", world.customer("chen", phone="13900000009", name="吴先生"))
    world.db.commit()
    lin = world.users["lin"]
    async with real_phone(tmp_path, gateway, route="/team") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("report"))
        await s.tap("report")
        await s.settle(until=lambda: s.has("report-contacts"))
        assert s.texts("report-contacts") == ["有效沟通", "上期 0", "2"]
        assert s.texts("report-calls-reached")[:1] == ["电话接通率"]
        await s.tap(f"whose-{lin}")
        assert s.texts("report-contacts") == ["有效沟通", "上期 0", "1"]
        await s.tap("report-contacts")
        await s.settle(until=lambda: s.has("trend") and s.has("definition"))
        assert s.label("trend").startswith("有效沟通：") and s.label("trend").endswith(" 1")
        assert s.label("trend").count("、") == 11
        assert s.sees("孙先生") and not s.sees("吴先生")
        [row] = s.all("row-")
        await s.tap(row)
        await s.settle(until=lambda: s.session.page.route == f"/customers/{called}")
        assert waiting not in s.session.page.route
        assert s.taps == 4


async def test_a_number_is_divided_and_a_part_opens_its_rows(manager, tmp_path):
    gateway, world = manager
    work(world)
    world.customer("chen", phone="13900000009", name="吴先生", source="online")
    world.db.commit()
    async with real_phone(tmp_path, gateway, route="/team/report") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("report-sources"))
        await s.tap("report-sources")
        await s.settle(until=lambda: s.has("part-online"))
        assert s.texts("part-online") == ["网络 1"] and s.texts("part-walk-in") == ["到店 2"]
        assert len(s.all("row-")) == 3
        await s.tap("part-online")
        await s.settle(until=lambda: len(s.all("row-")) == 1)
        assert s.sees("吴先生") and not s.sees("孙先生")


async def test_the_week_before_and_what_fell(manager, tmp_path):
    gateway, world = manager
    for n in range(6):
        customer = world.customer("lin", phone=f"139000001{n:02d}", name=f"客户{n}")
        world.log_conversation("lin", customer)
        long_ago(world, customer, 40)
    world.db.commit()
    async with real_phone(tmp_path, gateway, route="/team/report") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("report-contacts"))
        for _n in range(6):  # the week of forty days ago, and the one after it
            if s.texts("report-contacts")[-1] == "6":
                break
            await s.tap("period-before")
            await s.settle(until=lambda: s.has("report-contacts"))
        assert s.texts("report-contacts")[-1] == "6"
        await s.tap("period-after")
        await s.settle(until=lambda: s.has("report-contacts") and s.has("attention"))
        assert s.texts("report-contacts") == ["有效沟通", "上期 6", "−100%", "0"]
        assert s.sees("有效沟通 −100%") and s.sees("lin：有效沟通 −100%")


async def test_the_report_is_saved_as_a_file(manager, tmp_path):
    gateway, world = manager
    work(world)
    world.db.commit()
    async with real_phone(tmp_path, gateway, route="/team/report") as p:
        s = p.screen
        s.client.replies["save_file"] = None
        await s.settle(until=lambda: s.has("save-report"))
        await s.tap("save-report")
        await s.settle(until=lambda: any(name == "save_file" for name, _a in s.client.invoked))
        [saved] = [args for name, args in s.client.invoked if name == "save_file"]
        rows = list(csv.DictReader(io.StringIO(saved["src_bytes"].decode("utf-8-sig"))))
        of_all = next(r for r in rows if (r["指标"], r["归属"]) == ("有效沟通", "全部"))
        assert (of_all["数值"], of_all["上期"]) == ("1", "0")
        assert any((r["指标"], r["归属"], r["数值"]) == ("有效沟通", "lin", "1") for r in rows)


async def test_an_advisor_sees_their_own_from_me(advisor, tmp_path):
    gateway, world = advisor
    work(world)
    world.log_conversation("me", world.customer("me", phone="13900000008", name="郑先生"))
    world.db.commit()
    async with real_phone(tmp_path, gateway, route="/me") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("my-report"))
        await s.tap("my-report")
        await s.settle(until=lambda: s.has("report-contacts"))
        assert s.texts("report-contacts")[-1] == "1"
        assert not s.all("whose-") and not s.all("weakest-")
        await s.tap("report-contacts")
        await s.settle(until=lambda: s.has("definition"))
        assert s.sees("郑先生") and not s.sees("孙先生")


async def test_without_a_network_it_says_so(manager, network, tmp_path):
    gateway, world = manager
    work(world)
    world.db.commit()
    async with real_phone(tmp_path, gateway, route="/team") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("report"))
        network.down = True
        await s.tap("report")
        await s.settle(until=lambda: s.sees("需要网络"))
        assert not s.has("save-report")
        network.heal()
        await s.tap("try-again")
        await s.settle(until=lambda: s.has("report-contacts"))


@pytest.mark.parametrize(
    ("highest", "end"), [(0, 4), (4, 4), (5, 6), (9, 10), (85, 90), (100, 100), (101, 150)]
)
def test_an_axis_ends_above_the_highest_bar_and_its_half_is_whole(highest, end):
    metric = Metric.model_construct(unit="count")
    assert top_of(metric, highest) == end
