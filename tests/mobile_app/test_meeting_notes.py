"""Notes and to-dos of the meeting on the phone: written on the sheet, ticked on Me (S-23)."""

from datetime import timedelta
from typing import Any

from tests.support.people import World, new_id
from tests.support.phone_screen import real_phone

SAVE = "select api.save_meeting_notes(%s, %s, %s)"
ADD = "select api.add_meeting_todo(%s, %s, %s, %s)"


def of_store(world: World, columns: str, table: str) -> Any:
    """The only row of this test's store: others have left theirs."""
    sql = f"select {columns} from crm.{table} where store_id = %s"
    return world.row(sql, world.stores["east"])


def todo(world: World, whose: str, words: str) -> str:
    """Given by he, committed."""
    item = new_id()
    world.ask("he", ADD, world.stores["east"], item, words, world.users[whose])
    world.db.commit()
    return item


async def test_notes_are_written_offline_said_and_kept(manager, network, tmp_path):
    gateway, world = manager
    async with real_phone(tmp_path, gateway, route="/team/meeting") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("notes"))
        network.down = True
        await s.type("notes", "上午交车三台")
        await s.tap("save-notes")
        await s.settle(until=lambda: s.sees("没有网络，内容没有保存。"))
        await s.go("/customers")  # what was typed stays
        network.heal()
        await s.go("/team/meeting")
        await s.settle(until=lambda: s.has("save-notes"))
        assert "上午交车三台" in s.texts("notes")
        await s.tap("save-notes")
        await s.settle(until=lambda: s.has("notes-saved"))
    assert of_store(world, "notes", "meeting_notes") == "上午交车三台"


async def test_a_colleagues_notes_are_read_before_they_are_replaced(manager, tmp_path):
    gateway, world = manager
    async with real_phone(tmp_path, gateway, route="/team/meeting") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("notes"))
        await s.type("notes", "上午交车三台")
        world.ask("he", SAVE, world.stores["east"], "下午盘点", 0)
        world.db.commit()
        await s.tap("save-notes")
        await s.settle(until=lambda: s.has("written-meanwhile"))
        assert "下午盘点" in s.texts("written-meanwhile")[0]
        assert "上午交车三台" in s.texts("notes")
        await s.tap("save-notes")
        await s.settle(until=lambda: s.has("notes-saved"))
    assert of_store(world, "notes", "meeting_notes") == "上午交车三台"


async def test_a_todo_is_given_to_a_colleague(manager, network, tmp_path):
    gateway, world = manager
    lin = world.users["lin"]
    before = todo(world, "lin", "整理展厅")
    world.db.execute(
        "update crm.meeting_todos set covers_on = covers_on - 1 where id = %s", (before,)
    )
    world.db.commit()
    async with real_phone(tmp_path, gateway, route="/team/meeting") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("add-todo") and s.has("todos-before"))
        await s.tap(f"tick-{before}")
        await s.settle(until=lambda: s.sees("· 完成"))
        await s.tap("add-todo")
        await s.type("todo-notes", "给展车打蜡")
        await s.tap(f"todo-for-{lin}")
        network.down = True
        await s.tap("save-todo")
        await s.settle(until=lambda: s.sees("没有网络，内容没有保存。"))
        network.heal()
        await s.tap("save-todo")
        await s.settle(until=lambda: s.has("todos"))
        assert "给展车打蜡" in s.texts("todos")
    sql = "select assignee_id, task_id from crm.meeting_todos where store_id = %s and id <> %s"
    assert world.row(sql, world.stores["east"], before) == (lin, None)


async def test_a_todo_about_a_customer_is_for_their_owner(manager, tmp_path):
    gateway, world = manager
    customer = world.customer("lin", name="孙先生")
    silent = world.customer("chen", name="孙女士", phone="13900000001")
    world.db.execute("update crm.customers set do_not_call = true where id = %s", (silent,))
    world.db.commit()
    async with real_phone(tmp_path, gateway, route="/team/meeting") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("add-todo"))
        await s.tap("add-todo")
        await s.type("todo-notes", "送去试驾")
        await s.type("todo-search", "孙")
        await s.settle(until=lambda: s.has(f"todo-about-{customer}"))
        assert len(s.all("todo-about-")) == 1  # who must not be called is not offered
        await s.tap(f"todo-about-{customer}")
        await s.tap("save-todo")
        await s.settle(until=lambda: s.has("todos"))
        assert s.sees("孙先生")
        item = of_store(world, "id", "meeting_todos")
        await s.tap(f"tick-{item}")
        await s.settle(until=lambda: s.session.page.route == f"/customers/{customer}")
    found = world.row("select kind, remark, assignee_id from crm.tasks where id = %s", item)
    assert found == ("manual", "送去试驾", world.users["lin"])


async def test_an_advisor_ticks_off_their_own(advisor, network, tmp_path):
    gateway, world = advisor
    item = todo(world, "me", "给展车打蜡")
    todo(world, "chen", "整理展厅")
    async with real_phone(tmp_path, gateway, route="/me") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("my-todos"))
        assert s.sees("给展车打蜡") and not s.sees("整理展厅")
        tomorrow = p.session.clock.today + timedelta(days=1)
        assert world.row("select due_on from crm.meeting_todos where id = %s", item) >= tomorrow
        network.down = True
        await s.tap(f"tick-{item}")
        await s.settle(until=lambda: s.sees("没有网络，内容没有保存。"))
        network.heal()
        await s.tap(f"tick-{item}")
        await s.settle(until=lambda: s.sees("· 完成"))
    assert world.row("select done_at is not null from crm.meeting_todos where id = %s", item)
