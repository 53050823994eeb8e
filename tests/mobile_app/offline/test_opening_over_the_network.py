"""A file that lies on the server, opened on a screen: with how far it is, kept where the book names it, and nowhere else."""

import flet as ft

from mobile_app.offline.attachments import NewAttachment
from tests.mobile_app.me.test_waiting import NEW, act, settled, showing
from tests.support.people import new_id

PICTURE = b"\x89PNG" + bytes(range(256)) * 2000  # three pieces


async def a_talk_with_a_photo(device) -> tuple[str, str]:
    customer, talk = new_id(), new_id()
    await act(device, "save_customer", {"id": customer, "set": NEW})
    told = {"id": talk, "customer_id": customer, "outcome": "interested", "level": "near", "words": "拍了照"}
    await act(device, "log_conversation", told, attachments=[NewAttachment("photo", "image/png", PICTURE)])
    await settled(device)
    return customer, talk


def files_on(device) -> list:
    return [f for f in device.folder.rglob("*.files/*")]


async def test_a_manager_sees_it_and_nothing_stays_on_his_device(hand, town):
    lin, he = await hand("lin"), await hand("he")
    customer, _talk = await a_talk_with_a_photo(lin)
    [(file,)] = town.db.execute("select id from crm.attachments where customer_id = %s", (customer,)).fetchall()
    town.db.rollback()
    async with showing(he, f"/customers/{customer}") as screen:
        await screen.settle(lambda: screen.has(f"file-{file}"))
        await screen.tap(f"file-{file}")
        await screen.settle(lambda: screen.has("picture"))
        assert screen.inside("picture", ft.Image).src == PICTURE
        await screen.tap("close-file")
        await screen.go(f"/customers/{customer}/story")
        await screen.settle(lambda: screen.has(f"file-{file}"))
    assert files_on(he) == []


async def test_the_heir_opens_it_once_and_has_it_without_a_network(hand, town):
    lin, chen = await hand("lin"), await hand("chen")
    customer, _talk = await a_talk_with_a_photo(lin)
    town.db.execute("update crm.customers set owner_id = %s where id = %s", (town.users["chen"], customer))
    [(file,)] = town.db.execute("select id from crm.attachments where customer_id = %s", (customer,)).fetchall()
    town.db.commit()
    chen.session.book.sync.wake()
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
        await screen.go(f"/customers/{customer}/story")
        await screen.settle(lambda: screen.has(f"file-{file}"))
        await screen.tap(f"file-{file}")
        await screen.settle(lambda: screen.has("picture"))
        assert screen.inside("picture", ft.Image).src == PICTURE
    assert [f.read_bytes() for f in files_on(chen)] == [PICTURE]


async def test_a_right_that_was_lost_meanwhile_is_said_in_the_viewer(hand, town):
    lin, he = await hand("lin"), await hand("he")
    customer, _talk = await a_talk_with_a_photo(lin)
    [(file,)] = town.db.execute("select id from crm.attachments where customer_id = %s", (customer,)).fetchall()
    town.db.rollback()
    async with showing(he, f"/customers/{customer}") as screen:
        await screen.settle(lambda: screen.has(f"file-{file}"))
        town.db.execute("update crm.attachments set removed_at = now() where id = %s", (file,))
        town.db.commit()
        await screen.tap(f"file-{file}")
        await screen.settle(lambda: screen.has("file-problem"))
        assert screen.texts("file-problem") == ["记录已不存在,或属于其他同事。"]
