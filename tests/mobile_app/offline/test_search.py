"""A customer on the device is found by any spelling of number, plate, name and WeChat id, without a
network (S-39)."""

from datetime import date
from uuid import uuid4

from mobile_app.offline.database import Database
from mobile_app.offline.replica import Replica
from shared.gateway.sync import Page
from tests.support.spellings import FOUND_BY, NOT_FOUND


async def test_every_spelling_finds(tmp_path):
    database = Database(tmp_path / "device.sqlite", user_id=uuid4(), store_id=uuid4())
    replica = Replica(database)
    customers, vehicles = [], []
    for name, phone, plate, wechat, _words in FOUND_BY:
        customer = str(uuid4())
        customers.append({"id": customer, "name": name, "phone": phone, "wechat": wechat})
        if plate:
            vehicles.append({"id": str(uuid4()), "customer_id": customer, "plate": plate})
    page = Page(
        user_id=database.user_id,
        store_id=database.store_id,
        today=date(2026, 11, 24),
        reset=True,
        more=False,
        rows={"customers": customers, "vehicles": vehicles},
        removed={},
        config_version=1,
        cursor={"since": 1, "stamp": "a"},
        complete_to=1,
    )
    await replica.apply_page(page, after=None)

    async def found(notes):
        return [c.name for c, _waiting in await replica.search(notes)]

    wrong = {
        notes: await found(notes)
        for name, *_rest, spellings in FOUND_BY
        for notes in spellings
        if await found(notes) != [name]
    }
    missed = {notes: names for notes, names in wrong.items() if len(notes) > 2}
    assert missed == {}
    assert {notes: await found(notes) for notes in NOT_FOUND if await found(notes)} == {}
    await database.close()
