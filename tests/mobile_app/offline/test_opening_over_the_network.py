"""A file that lies on the server, opened on a screen: with how far it is, kept where the local data
names it, and nowhere else."""

import flet as ft

from mobile_app.offline.attachments import NewAttachment
from tests.mobile_app.me.test_sync_inbox import NEW, act, settled, showing
from tests.support.files import png
from tests.support.people import new_id

PICTURE = png(bytes(range(256)) * 2000)  # three pieces


async def conversation_with_a_photo(device) -> tuple[str, str]:
    customer, conversation = new_id(), new_id()
    await act(device, "save_customer", {"id": customer, "set": NEW})
    told = {
        "id": conversation,
        "customer_id": customer,
        "outcome": "interested",
        "level": "near",
        "notes": "拍了照",
    }
    await act(
        device, "log_conversation", told, attachments=[NewAttachment("photo", "image/png", PICTURE)]
    )
    await settled(device)
    return customer, conversation


def files_on(device) -> list:
    return [f for f in device.folder.rglob("*.files/*")]


async def test_a_manager_sees_it_and_nothing_stays_on_his_device(app_device, dealers):
    lin, he = await app_device("lin"), await app_device("he")
    customer, _conversation = await conversation_with_a_photo(lin)
    [(file,)] = dealers.db.execute(
        "select id from crm.attachments where customer_id = %s", (customer,)
    ).fetchall()
    dealers.db.rollback()
    async with showing(he, f"/customers/{customer}") as screen:
        await screen.settle(lambda: screen.has(f"file-{file}"))
        await screen.tap(f"file-{file}")
        await screen.settle(lambda: screen.has("picture"))
        assert screen.inside("picture", ft.Image).src == PICTURE
        await screen.tap("close-file")
        await screen.go(f"/customers/{customer}/timeline")
        await screen.settle(lambda: screen.has(f"file-{file}"))
    assert files_on(he) == []


async def test_the_heir_opens_it_once_and_has_it_without_a_network(app_device, dealers):
    lin, chen = await app_device("lin"), await app_device("chen")
    customer, _conversation = await conversation_with_a_photo(lin)
    dealers.db.execute(
        "update crm.customers set owner_id = %s where id = %s", (dealers.users["chen"], customer)
    )
    [(file,)] = dealers.db.execute(
        "select id from crm.attachments where customer_id = %s", (customer,)
    ).fetchall()
    dealers.db.commit()
    chen.session.local_store.sync.wake()
    async with showing(chen, f"/customers/{customer}") as screen:
        await screen.settle(lambda: screen.has(f"file-{file}"), seconds=30)
        chen.network.down = True
        await screen.tap(f"file-{file}")
        await screen.settle(lambda: screen.has("file-problem"))
        chen.network.heal()
        await screen.tap("retry-file")
        await screen.settle(lambda: screen.has("picture"))
        await screen.tap("close-file")
        chen.network.down = True
        await screen.go(f"/customers/{customer}/timeline")
        await screen.settle(lambda: screen.has(f"file-{file}"))
        await screen.tap(f"file-{file}")
        await screen.settle(lambda: screen.has("picture"))
        assert screen.inside("picture", ft.Image).src == PICTURE
    assert [f.read_bytes() for f in files_on(chen)] == [PICTURE]


async def test_a_right_that_was_lost_meanwhile_is_said_in_the_viewer(app_device, dealers):
    lin, he = await app_device("lin"), await app_device("he")
    customer, _conversation = await conversation_with_a_photo(lin)
    [(file,)] = dealers.db.execute(
        "select id from crm.attachments where customer_id = %s", (customer,)
    ).fetchall()
    dealers.db.rollback()
    async with showing(he, f"/customers/{customer}") as screen:
        await screen.settle(lambda: screen.has(f"file-{file}"))
        dealers.db.execute("update crm.attachments set removed_at = now() where id = %s", (file,))
        dealers.db.commit()
        await screen.tap(f"file-{file}")
        await screen.settle(lambda: screen.has("file-problem"))
        assert screen.texts("file-problem") == ["记录已不存在，或属于其他同事。"]
