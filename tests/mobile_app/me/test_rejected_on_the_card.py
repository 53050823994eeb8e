"""What was refused stands on its customer's own card, with the reason, and is mended from there."""

from tests.mobile_app.me.test_sync_inbox import NEW, act, conflict, settled, showing
from tests.support.people import new_id


async def test_a_refused_talk_is_mended_from_the_customers_card_and_one_is_back_there(
    app_device, dealers
):
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
    async with showing(lin, f"/customers/{customer}") as screen:
        await screen.settle(lambda: screen.has(f"refused-{op}"))
        told = screen.texts(f"refused-{op}")
        assert (
            told[0] == "未被接受：沟通记录"
            and any("请从列表中选择" in t for t in told)
            and "客户要先看车" in told
        )
        await screen.tap(f"mend-{op}")
        await screen.settle(lambda: screen.has("level-near"))
        await screen.tap("level-near")
        await screen.tap("send-mended")
        await screen.settle(lambda: screen.has("customer-name") and not screen.has(f"refused-{op}"))
        assert screen.taps == 3 and screen.session.page.route == f"/customers/{customer}"
        await settled(lin)
    assert (
        dealers.row("select notes from crm.conversations where customer_id = %s", customer)
        == "客户要先看车"
    )
    dealers.db.rollback()


async def test_somebody_new_whom_the_server_refused_is_mended_where_he_would_stand(
    app_device, dealers
):
    lin = await app_device()
    customer = new_id()
    op = await lin.session.act(
        "save_customer", {"id": customer, "set": {**NEW, "source": ""}}, title="张三丰"
    )
    for notes in ("第一句", "第二句"):
        await lin.session.act(
            "log_conversation",
            {
                "id": new_id(),
                "customer_id": customer,
                "outcome": "interested",
                "level": "near",
                "notes": notes,
            },
        )
    await settled(lin)
    async with showing(lin, f"/customers/{customer}") as screen:
        await screen.settle(lambda: screen.has(f"refused-{op}"))
        assert (
            len(screen.all("refused-")) == 1
        )  # the conversations were refused only because they were
        assert screen.sees("修改后，后面 2 条会一并上传")
        await screen.tap(f"mend-{op}")
        await screen.settle(lambda: screen.has("source-walk-in"))
        await screen.tap("source-walk-in")
        await screen.tap("send-mended")
        await screen.settle(lambda: screen.has("customer-name"))
        await settled(lin)
    assert (
        dealers.row("select count(*) from crm.conversations where customer_id = %s", customer) == 2
    )
    dealers.db.rollback()


async def test_a_conflict_is_compared_from_the_card_and_another_customers_card_is_silent(
    app_device, dealers
):
    lin = await app_device()
    op = await conflict(lin, dealers, {"need": "要七座"}, {"need": "经理写的"})
    customer = str(
        dealers.row("select id from crm.customers where owner_id = %s", dealers.users["lin"])
    )
    dealers.db.rollback()
    other = new_id()
    await act(
        lin, "save_customer", {"id": other, "set": {**NEW, "name": "别人", "phone": "13900000000"}}
    )
    async with showing(lin, f"/customers/{other}") as screen:
        await screen.settle(lambda: screen.has("customer-name"))
        assert screen.all("refused-") == []
        await screen.go("/customers")
        await screen.settle(lambda: screen.has(f"customer-{customer}"))
        assert "需要您处理" in screen.texts(
            f"customer-{customer}"
        ) and "需要您处理" not in screen.texts(f"customer-{other}")
        await screen.go(f"/customers/{customer}")
        await screen.settle(lambda: screen.has(f"mend-{op}"))
        assert screen.sees("对比")
        await screen.tap(f"mend-{op}")
        await screen.settle(lambda: screen.has("keep-need-theirs"))


async def test_what_waits_with_the_manager_is_said_on_the_card_without_a_button(
    app_device, dealers
):
    """A visit of somebody known, kept for the manager, is not the writer's to mend."""
    lin = await app_device()
    customer = new_id()
    await act(lin, "save_customer", {"id": customer, "set": NEW})
    await lin.session.local_store.database.write(
        lambda c: (
            c.execute(
                "insert into outbox (op_id, verb, payload, customer_id, made_at, state, answer) "
                "values (?, 'save_customer', ?, ?, '2026-11-25T00:00:00+00:00', 'sent', ?)",
                (
                    op := new_id(),
                    '{"set": {"need": "七座"}}',
                    customer,
                    '{"status": "quarantined", "code": "quarantined"}',
                ),
            )
            and op
        )
    )
    async with showing(lin, f"/customers/{customer}") as screen:
        await screen.settle(lambda: bool(screen.all("quarantined-")))
        assert screen.sees("已转交经理：客户资料") or screen.sees("已转交经理")
        assert screen.all("mend-") == [] and screen.all("retry-") == []


async def test_a_refused_reception_and_a_refused_fact_can_be_mended(app_device, dealers):
    lin = await app_device()
    visitor = new_id()
    visit = await act(
        lin,
        "record_visit",
        {"id": new_id(), "customer_id": visitor, "set": {**NEW, "source": ""}},
        title="张三丰",
    )
    async with showing(lin, f"/customers/{visitor}") as screen:
        await screen.settle(lambda: screen.has(f"refused-{visit}"))
        assert screen.sees("未被接受：到店登记")
        await screen.tap(f"mend-{visit}")
        await screen.settle(lambda: screen.has("source-walk-in"))
        await screen.tap("source-walk-in")
        await screen.tap("send-mended")
        await screen.settle(lambda: not screen.has("send-mended"))  # it is on its way
        await settled(lin)
    assert dealers.row("select count(*) from crm.visits where customer_id = %s", visitor) == 1
    dealers.db.rollback()
    conversation = {
        "id": new_id(),
        "customer_id": visitor,
        "outcome": "interested",
        "level": "near",
        "notes": "中午有空",
        "facts": {"preferred_time": "midnight"},
    }
    op = await act(lin, "log_conversation", conversation, title="张三丰")
    async with showing(lin, f"/customers/{visitor}/resolve/{op}") as screen:
        await screen.settle(lambda: screen.has("preferred-time-noon"))
        await screen.tap("preferred-time-noon")
        await screen.tap("send-mended")
        await screen.settle(lambda: not screen.has("send-mended"))
        await settled(lin)
    assert dealers.row("select preferred_time from crm.customers where id = %s", visitor) == "noon"
    dealers.db.rollback()


async def test_a_field_that_is_gone_no_longer_holds_the_words_back(app_device, dealers):
    """Rejected as unknown: sent again it would be refused for ever, so the mended one goes without
    it."""
    lin = await app_device()
    customer = new_id()
    await act(lin, "save_customer", {"id": customer, "set": NEW})
    op = await act(
        lin,
        "save_customer",
        {"id": customer, "set": {"need": "七座", "no_such_field": "x"}},
        base_version=1,
        title="张三丰",
    )
    async with showing(lin, f"/customers/{customer}") as screen:
        await screen.settle(lambda: screen.has(f"mend-{op}"))
        await screen.tap(f"mend-{op}")
        await screen.settle(lambda: screen.has("need"))
        await screen.tap("send-mended")
        await settled(lin)
        assert lin.session.sync.rejected == 0
    assert dealers.row("select need from crm.customers where id = %s", customer) == "七座"
    dealers.db.rollback()
