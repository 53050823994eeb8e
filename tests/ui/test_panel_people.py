"""The panel's people: only roles one may give are offered, and the group's list is for its
administrators."""

import flet as ft
import psycopg
import pytest

from tests.support.panel_screen import panel


@pytest.fixture
async def p(stack, people):
    async with panel(stack, people["admin"].email) as opened:
        await opened.screen.settle(until=lambda: opened.screen.has("invite"))
        yield opened


@pytest.fixture
def on_the_list(stack, people):
    """The demo's admin administers the demo's group for the length of a test."""
    with psycopg.connect(stack.db_url, autocommit=True) as operator:
        user = people["admin"].user_id
        row = operator.execute(
            "select s.group_id from crm.members m join crm.stores s on s.id = m.store_id"
            " where m.user_id = %s",
            (user,),
        ).fetchone()
        assert row
        operator.execute(
            "select crm.upsert_group_member(%s, %s, 'group_admin', '集团', true, null)",
            (row[0], user),
        )
        yield operator
        operator.execute("delete from crm.group_members where group_id = %s", (row[0],))


async def test_only_roles_one_may_give_are_offered(p):
    assert p.screen.has("role-advisor")
    assert p.screen.has("role-store-admin")
    assert not p.screen.has("role-group-admin")
    assert not p.screen.has("nav-group")


async def test_a_group_administrator_gives_and_takes_a_role(stack, people, on_the_list):
    async with panel(stack, people["admin"].email) as p:
        await p.screen.settle(until=lambda: p.screen.has("nav-group"))
        await p.go("group", "group-grant")
        state_of = "select is_admin from crm.group_members where user_id = %s"
        lin = people["lin"].user_id
        await p.screen.tap("group-grant")
        await p.screen.settle(until=lambda: p.screen.sees("请填写"))
        box = p.screen.inside("group-user", ft.Dropdown)
        assert str(lin) in {o.key for o in box.options}
        p.screen.session.apply_patch(box._i, {"value": str(lin)})
        await p.screen.press(box, "select")
        await p.screen.settle()
        await p.screen.tap("group-admin-yes")
        await p.screen.tap("group-grant")
        await p.screen.settle(until=lambda: p.screen.has(f"group-person-{lin}"))
        assert on_the_list.execute(state_of, (lin,)).fetchone() == (True,)
        await p.screen.tap(f"group-remove-{lin}")
        await p.screen.settle(until=lambda: not p.screen.has(f"group-person-{lin}"))
        assert on_the_list.execute(state_of, (lin,)).fetchone() is None
        await p.screen.tap(f"group-remove-{people['admin'].user_id}")
        await p.screen.settle(until=lambda: p.screen.sees("集团不能没有管理员"))
