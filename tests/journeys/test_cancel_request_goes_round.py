"""Journey 2: a specialist asks to cancel; rejected with a remark it is first and due today; another
is approved: excused, no call."""

import pytest
from playwright.sync_api import expect

from tests.support.browser import until

pytestmark = pytest.mark.journey


def ask_to_cancel(app, reason="unreachable"):
    name = app.id("card-name").inner_text()
    app.tap("start-cancel")
    app.tap(f"reason-{reason}")
    app.type("cancel-words", "打了三次都没人接")
    app.tap("send-cancel")
    app.see("已提交经理")
    expect(app.id("card-name")).not_to_have_text(name)
    return name


def test_the_cancel_loop_on_two_phones(visit, make_task, operator):
    make_task("zhou", "续保一号")
    make_task("zhou", "续保二号")
    specialist = visit("zhou")
    specialist.see_id("progress")
    rejected, approved = ask_to_cancel(specialist), ask_to_cancel(specialist)

    def request_of(name):
        row = until(
            lambda: operator.execute(
                "select a.id from crm.approvals a join crm.customers c on c.id = a.customer_id "
                "where c.name = %s and a.status = 'pending'",
                (name,),
            ).fetchone()
        )
        return str(row[0])

    first, second = request_of(rejected), request_of(approved)
    manager = visit("he")
    manager.see_id("sync-mark")
    manager.page.goto(manager.base + "/approvals")
    manager.ready()
    manager.scroll_to(f"reject-{first}")  # other journeys ask too
    manager.see("打了三次都没人接")
    manager.tap(f"reject-{first}")
    manager.tap("send-reject")
    manager.see("请填写")
    manager.type("remark", "换个时间,今天再打一次")
    manager.tap("send-reject")
    manager.see("已驳回")
    manager.scroll_to(f"approve-{second}")
    manager.tap(f"approve-{second}")
    manager.see("已同意")
    until(
        lambda: operator.execute(
            "select 1 from crm.approvals where id = %s and status = 'approved'", (second,)
        ).fetchone()
    )
    specialist.tap("refresh")
    expect(specialist.id("card-name")).to_have_text(rejected)  # first in the queue
    specialist.see("经理驳回")
    specialist.see("换个时间,今天再打一次")
    status = dict(
        operator.execute(
            "select c.name, t.status from crm.tasks t join crm.customers c on c.id = "
            "t.customer_id where c.name = any(%s)",
            ([rejected, approved],),
        ).fetchall()
    )
    assert status == {rejected: "open", approved: "excused"}
    due = operator.execute(
        "select t.due_on = (now() at time zone 'Asia/Shanghai')::date, t.rank from crm.tasks t "
        "join crm.customers c on c.id = t.customer_id where c.name = %s",
        (rejected,),
    ).fetchone()
    assert due == (True, 0)
    assert operator.execute(
        "select count(*) from crm.conversations v join crm.customers c on c.id = v.customer_id "
        "where c.name = %s",
        (approved,),
    ).fetchone() == (0,)
