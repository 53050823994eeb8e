"""The one place for what is not sent: reasons in words, mending in place, both versions of a
conflict, a manager's list."""

from contextlib import asynccontextmanager

import flet as ft
import pytest
from psycopg.types.json import Jsonb

from mobile_app.app import App
from tests.support.flet_screen import Screen
from tests.support.people import new_id

NEW = {"name": "张三丰", "phone": "13800138000", "source": "walk_in", "level": "near"}


@asynccontextmanager
async def showing(device, route: str):
    """The app is opened on that device: a new process on what the last one left on its disk."""
    session = await device.leave()
    screen = await Screen.open(App, session, route=route)
    await session.start()
    try:
        yield screen
    finally:
        screen.close()


async def settled(device) -> None:
    await device.until(lambda session: not session.sync.running and session.sync.pending == 0)


async def accepted(device) -> None:
    """What was refused is sent again and done: `settled` alone holds before it is queued."""
    await device.until(
        lambda session: (
            not session.sync.running and session.sync.pending == session.sync.rejected == 0
        )
    )


async def act(device, verb: str, payload: dict, **more):
    op_id = await device.session.act(verb, payload, **more)
    await settled(device)
    return op_id


async def conflict(device, dealers, mine: dict, theirs: dict) -> str:
    """A customer of that person, changed by them and by the manager at once; the operation that
    lost."""
    customer = new_id()
    await act(device, "save_customer", {"id": customer, "set": NEW})
    device.network.down = True
    op_id = await device.session.act(
        "save_customer", {"id": customer, "set": mine}, base_version=1, title="张三丰"
    )
    op = {
        "op_id": new_id(),
        "seq": 1,
        "verb": "save_customer",
        "base_version": 1,
        "payload": {"store_id": str(dealers.stores["east"]), "id": customer, "set": theirs},
    }
    assert (
        dealers.ask("he", "select api.sync_push(%s, %s)", new_id(), Jsonb([op]))[0][0][0]["status"]
        == "applied"
    )
    dealers.db.commit()
    device.network.heal()
    device.session.local_store.sync.wake()
    await device.until(lambda session: session.sync.pending == 0 and not session.sync.running)
    return str(op_id)


async def test_two_people_change_different_fields_and_both_stay(app_device, dealers):
    lin = await app_device()
    await conflict(lin, dealers, {"need": "我的话"}, {"preferred_time": "noon"})
    assert lin.session.sync.rejected == 0
    assert (
        dealers.row(
            "select need || preferred_time from crm.customers where owner_id = %s",
            dealers.users["lin"],
        )
        == "我的话noon"
    )


@pytest.mark.parametrize(
    ("choice", "kept"),
    [
        ("mine", "要七座,下周来"),
        ("theirs", "经理写的需求"),
        ("both", "经理写的需求\n要七座,下周来"),
    ],
)
async def test_a_conflict_shows_both_versions_and_keeps_what_the_person_chooses(
    app_device, dealers, choice, kept
):
    lin = await app_device()
    op = await conflict(lin, dealers, {"need": "要七座,下周来"}, {"need": "经理写的需求"})
    async with showing(lin, "/me/pending") as screen:
        await screen.settle(lambda: screen.has(f"op-{op}"))
        assert screen.sees("别人也改了同一项")
        await screen.tap(f"mend-{op}")
        await screen.settle(lambda: screen.has("mine-need"))
        assert screen.texts("mine-need") == ["要七座,下周来"]
        assert screen.texts("theirs-need") == ["经理写的需求"]
        await screen.tap(f"keep-need-{choice}")
        await screen.tap("send-mended")
        await accepted(lin)
    assert (
        dealers.row("select need from crm.customers where owner_id = %s", dealers.users["lin"])
        == kept
    )
    await lin.until(lambda session: session.sync.rejected == 0)


async def test_a_refused_talk_is_mended_where_it_stands_with_every_word_kept(app_device, dealers):
    lin = await app_device()
    customer = new_id()
    await act(lin, "save_customer", {"id": customer, "set": NEW})
    conversation = {
        "id": new_id(),
        "customer_id": customer,
        "outcome": "interested",
        "level": "no_such_level",
        "notes": "客户要先看车",
    }
    op = await act(lin, "log_conversation", conversation, title="张三丰")
    async with showing(lin, "/me/pending") as screen:
        await screen.settle(lambda: screen.has(f"op-{op}"))
        assert screen.sees("请从列表中选择")
        await screen.tap(f"mend-{op}")
        await screen.settle(lambda: screen.has("level-near"))
        assert screen.inside("notes", ft.TextField).value == "客户要先看车"
        await screen.tap("level-near")
        await screen.tap("send-mended")
        await accepted(lin)
        assert screen.taps == 3
    assert dealers.db.execute(
        "select notes, level_after from crm.conversations where customer_id = %s", (customer,)
    ).fetchall() == [("客户要先看车", "near")]
    dealers.db.rollback()


async def test_a_move_refused_for_what_was_not_ticked_is_ticked_where_it_stands(
    app_device, dealers
):
    """Their phone knew the stage without its checklist; the store had asked for it since."""
    lin = await app_device()
    customer, deal = new_id(), new_id()
    await act(lin, "save_customer", {"id": customer, "set": NEW})
    await act(
        lin,
        "save_deal",
        {"id": deal, "customer_id": customer, "pipeline": "new_car", "set": {"title": "朗逸"}},
    )
    ordered = {
        "id": deal,
        "customer_id": customer,
        "stage": "ordered",
        "set": {"amount_fen": 19980000, "expected_close_on": "2026-12-24"},
    }
    op = await act(lin, "move_deal", {**ordered, "checked": []}, title="朗逸")
    async with showing(lin, "/me/pending") as screen:
        await screen.settle(lambda: screen.has(f"mend-{op}"))
        assert screen.sees("已收订金：请勾选")
        await screen.tap(f"mend-{op}")
        await screen.settle(lambda: screen.has("check-deposit"))
        await screen.tap("send-mended")
        assert (
            "请勾选。" in screen.texts()
            and len(await lin.session.local_store.outbox.unacknowledged()) == 1
        )
        await screen.tap("check-deposit")
        await screen.tap("send-mended")
        await accepted(lin)
    assert dealers.row("select stage, checked, amount_fen from crm.deals where id = %s", deal) == (
        "ordered",
        ["deposit"],
        19980000,
    )
    dealers.db.rollback()


async def test_mending_a_new_customer_brings_what_hung_on_him_along(app_device, dealers):
    lin = await app_device()
    customer = new_id()
    op = await lin.session.act(
        "save_customer", {"id": customer, "set": {**NEW, "source": ""}}, title="张三丰"
    )
    await lin.session.act(
        "log_conversation",
        {
            "id": new_id(),
            "customer_id": customer,
            "outcome": "interested",
            "level": "near",
            "notes": "第一句",
        },
    )
    await lin.session.act(
        "log_conversation",
        {
            "id": new_id(),
            "customer_id": customer,
            "outcome": "interested",
            "level": "near",
            "notes": "第二句",
        },
    )
    await settled(lin)
    assert lin.session.sync.rejected == 3
    async with showing(lin, f"/me/pending/{op}") as screen:
        await screen.settle(lambda: screen.has("source-walk-in"))
        await screen.tap("source-walk-in")
        await screen.tap("send-mended")
        await accepted(lin)
    assert lin.session.sync.rejected == 0
    told = dealers.db.execute(
        "select notes from crm.conversations where customer_id = %s order by created_at, change_no",
        (customer,),
    ).fetchall()
    assert sorted(told) == [("第一句",), ("第二句",)]
    dealers.db.rollback()


async def test_giving_up_asks_once_and_copying_keeps_the_words(app_device, dealers):
    lin = await app_device()
    customer = new_id()
    await act(lin, "save_customer", {"id": customer, "set": NEW})
    op = await act(
        lin,
        "request_cancellation",
        {"id": new_id(), "task_id": new_id(), "reason": "price", "notes": "客户说不买了"},
    )
    async with showing(lin, "/me/pending") as screen:
        await screen.settle(lambda: screen.has(f"copy-{op}"))
        assert "客户说不买了" in str(screen.inside(f"copy-{op}", ft.TextButton).action.args)
        await screen.tap(f"discard-{op}")
        assert screen.inside(f"discard-{op}", ft.TextButton).content == "确定放弃？"
        assert len(await lin.session.local_store.outbox.unacknowledged()) == 1
        await screen.tap(f"discard-{op}")
        await screen.settle(lambda: screen.sees("已全部上传"))


async def test_a_manager_decides_what_a_colleague_sent_too_late(app_device, dealers):
    lin, he = await app_device("lin"), await app_device("he")
    customer = new_id()
    await act(lin, "save_customer", {"id": customer, "set": NEW})
    lin.network.down = True
    await lin.session.act(
        "save_customer", {"id": customer, "set": {"need": "要七座"}}, base_version=1, title="张三丰"
    )
    dealers.db.execute(
        "update crm.customers set owner_id = %s where id = %s", (dealers.users["chen"], customer)
    )
    dealers.db.commit()
    lin.network.heal()
    lin.session.local_store.sync.wake()
    await settled(lin)
    async with showing(lin, "/me/pending") as screen:
        await screen.settle(lambda: screen.sees("已交给经理处理"))
    async with showing(he, "/me/quarantine") as screen:
        await screen.settle(lambda: screen.sees("期间客户已转给同事"))
        [apply] = screen.all("apply-")
        await screen.tap(apply)
        await screen.settle(lambda: screen.sees("没有待处理的"))
    assert dealers.row("select need from crm.customers where id = %s", customer) == "要七座"
    dealers.db.rollback()


async def test_who_was_disabled_reads_so_and_finds_an_empty_phone(app_device, dealers):
    lin = await app_device()
    await act(lin, "save_customer", {"id": new_id(), "set": NEW})
    async with showing(lin, "/me") as screen:
        dealers.db.execute(
            "update crm.members set active = false where user_id = %s", (dealers.users["lin"],)
        )
        dealers.db.commit()
        lin.session.local_store.sync.wake()
        await screen.settle(lambda: screen.sees("您已不在这家门店"))
        assert lin.session.phase == "not_invited"
    [file] = [f for f in lin.folder.rglob("*.sqlite")]
    assert b"13800138000" not in file.read_bytes()
