"""A file as it leaves the panel: moments of the store's clock, days that are days to a spreadsheet,
and our own records again when it comes back edited."""

import csv
import io
from datetime import UTC, date, datetime

import pytest
from python_calamine import CalamineWorkbook
from uuid6 import uuid7

from admin.duplicates.screen import since
from admin.export.state import Export
from admin.imports.state import ImportList
from admin.services import Services
from admin.session import AdminSession
from shared.domain.exports import Column
from tests.support.phone_screen import signed_in

NIGHT = datetime(2026, 11, 29, 17, 24, 39, tzinfo=UTC)  # the 30th at 01:24 in the store


@pytest.fixture
async def desk(stack, tmp_path):
    """A store admin before the panel, at night."""
    async with signed_in(stack, "store_admin") as (gateway, world):
        session = AdminSession(Services(gateway, lambda: NIGHT, uuid7))
        await session.find_memberships()
        yield session, world


async def exported(session: AdminSession, form: str, kind: str, *keys: str) -> Export:
    state = Export(session, kind=kind, reason="月度报表")
    await state.load()
    state.choose_form(form)
    state.columns = [Column(key=key) for key in keys]
    headings = {"id": "编号", "name": "姓名", "phone": "手机", "need": "需求", "level": "级别"}
    await state.make({**headings, "source": "来源"}, "是", "否", "客户")
    assert (state.problem, state.problems) == ("", {})
    return state


async def test_moments_are_those_of_the_stores_clock(desk):
    session, world = desk
    customer = world.customer("lin")
    world.log_conversation("lin", customer)
    world.db.execute(
        "update crm.conversations set occurred_at = '2026-11-28 15:30:12+00' where customer_id = "
        "%s",
        (customer,),
    )
    world.db.execute(
        "update crm.customers set created_at = %s, next_contact_on = '2027-03-05' where id = %s",
        (NIGHT, customer),
    )
    world.db.commit()

    file = await exported(session, "conversation", "csv", "occurred_at")
    [_heading, [moment]] = csv.reader(io.StringIO(file.file.decode("utf-8-sig")))
    assert (moment, file.file_name) == ("2026-11-28 23:30", "客户-20261130.csv")

    file = await exported(session, "conversation", "xlsx", "occurred_at")
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(file.file)).get_sheet_by_index(0)
    assert sheet.to_python()[1] == [datetime(2026, 11, 28, 23, 30)]  # noqa: DTZ001
    assert file.file_name == "客户-20261130.xlsx"

    file = await exported(session, "customer", "xlsx", "next_contact_on", "created_at")
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(file.file)).get_sheet_by_index(0)
    assert sheet.to_python()[1] == [
        date(2027, 3, 5),
        datetime(2026, 11, 30, 1, 24),  # noqa: DTZ001
    ]


async def test_the_page_of_duplicates_says_the_stores_day(desk):
    session, _world = desk
    assert since(session, {"created_at": NIGHT.isoformat()}) == "2026-11-30"
    assert since(session, {}) == ""


async def test_an_export_that_was_edited_updates_the_records_it_came_from(desk, tmp_path):
    session, world = desk
    world.customer("lin", name="-往返一", phone="13692250001")
    world.customer("lin", name="往返二", phone="13692250002")
    world.db.commit()
    keys = ("id", "name", "phone", "need", "level", "source")
    file = (await exported(session, "customer", "csv", *keys)).file.decode("utf-8-sig")
    edited = file.replace("13692250001", "13692250009").replace("往返二", "往返改名")
    assert edited.count("13692250009") == edited.count("往返改名") == 1
    (tmp_path / "back.csv").write_text(edited, encoding="utf-8-sig")
    state = ImportList(session)
    await state.load()
    state.choose_kind("customers")
    await state.open((tmp_path / "back.csv").read_bytes(), "back.csv")
    assert (state.problem, state.step) == ("", "map")
    await state.preview()
    assert (state.problem, state.step) == ("", "preview")
    await state.commit()
    assert (state.problem, state.step) == ("", "done")
    world.db.rollback()
    found = world.ask(
        "liang", "select name, phone from api.customers where store_id = %s", world.stores["east"]
    )
    assert sorted(found) == [("-往返一", "13692250009"), ("往返改名", "13692250002")]
