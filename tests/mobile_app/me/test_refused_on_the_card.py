"""What was refused stands on its customer's own card, with the reason, and is mended from there."""

from tests.mobile_app.me.test_waiting import NEW, act, conflict, settled, showing
from tests.support.people import new_id


async def test_a_refused_talk_is_mended_from_the_customers_card_and_one_is_back_there(hand, town):
    lin = await hand()
    customer = new_id()
    await act(lin, "save_customer", {"id": customer, "set": NEW})
    talk = {"id": new_id(), "customer_id": customer, "outcome": "interested", "level": "no_such_level", "words": "客户要先看车"}
    op = await act(lin, "log_conversation", talk, title="张三丰")
    async with showing(lin, f"/customers/{customer}") as screen:
        await screen.settle(lambda: screen.has(f"refused-{op}"))
        told = screen.texts(f"refused-{op}")
        assert told[0] == "未被接受:沟通记录" and any("请从列表中选择" in t for t in told) and "客户要先看车" in told
        await screen.tap(f"mend-{op}")
        await screen.settle(lambda: screen.has("level-near"))
        await screen.tap("level-near")
        await screen.tap("send-mended")
        await screen.settle(lambda: screen.has("customer-name") and not screen.has(f"refused-{op}"))
        assert screen.taps == 3 and screen.session.page.route == f"/customers/{customer}"
        await settled(lin)
    assert town.row("select words from crm.conversations where customer_id = %s", customer) == "客户要先看车"
    town.db.rollback()


async def test_somebody_new_whom_the_server_refused_is_mended_where_he_would_stand(hand, town):
    lin = await hand()
    customer = new_id()
    op = await lin.session.act("save_customer", {"id": customer, "set": {**NEW, "source": ""}}, title="张三丰")
    for words in ("第一句", "第二句"):
        await lin.session.act("log_conversation", {"id": new_id(), "customer_id": customer, "outcome": "interested", "level": "near", "words": words})
    await settled(lin)
    async with showing(lin, f"/customers/{customer}") as screen:
        await screen.settle(lambda: screen.has(f"refused-{op}"))
        assert len(screen.all("refused-")) == 1  # the talks were refused only because he was
        assert screen.sees("修改后,后面 2 条会一并上传")
        await screen.tap(f"mend-{op}")
        await screen.settle(lambda: screen.has("source-walk-in"))
        await screen.tap("source-walk-in")
        await screen.tap("send-mended")
        await screen.settle(lambda: screen.has("customer-name"))
        await settled(lin)
    assert town.row("select count(*) from crm.conversations where customer_id = %s", customer) == 2
    town.db.rollback()


async def test_a_conflict_is_compared_from_the_card_and_another_customers_card_is_silent(hand, town):
    lin = await hand()
    op = await conflict(lin, town, {"need": "要七座"}, {"need": "经理写的"})
    customer = str(town.row("select id from crm.customers where owner_id = %s", town.users["lin"]))
    town.db.rollback()
    other = new_id()
    await act(lin, "save_customer", {"id": other, "set": {**NEW, "name": "别人", "phone": "13900000000"}})
    async with showing(lin, f"/customers/{other}") as screen:
        await screen.settle(lambda: screen.has("customer-name"))
        assert screen.all("refused-") == []
        await screen.go("/customers")
        await screen.settle(lambda: screen.has(f"customer-{customer}"))
        assert "需要您处理" in screen.texts(f"customer-{customer}") and "需要您处理" not in screen.texts(f"customer-{other}")
        await screen.go(f"/customers/{customer}")
        await screen.settle(lambda: screen.has(f"mend-{op}"))
        assert screen.sees("对比")
        await screen.tap(f"mend-{op}")
        await screen.settle(lambda: screen.has("keep-need-theirs"))


async def test_what_waits_with_the_manager_is_said_on_the_card_without_a_button(hand, town):
    """A reception of somebody known, kept for the manager, is not the writer's to mend."""
    lin = await hand()
    customer = new_id()
    await act(lin, "save_customer", {"id": customer, "set": NEW})
    await lin.session.book.database.write(
        lambda c: (
            c.execute(
                "insert into outbox (op_id, verb, payload, customer_id, made_at, state, answer) values (?, 'save_customer', ?, ?, '2026-11-25T00:00:00+00:00', 'sent', ?)",
                (op := new_id(), '{"set": {"need": "七座"}}', customer, '{"status": "held", "code": "held"}'),
            )
            and op
        )
    )
    async with showing(lin, f"/customers/{customer}") as screen:
        await screen.settle(lambda: bool(screen.all("held-")))
        assert screen.sees("已转交经理:客户资料") or screen.sees("已转交经理")
        assert screen.all("mend-") == [] and screen.all("retry-") == []


async def test_a_refused_reception_and_a_refused_fact_can_be_mended(hand, town):
    lin = await hand()
    visitor = new_id()
    visit = await act(lin, "receive", {"id": new_id(), "customer_id": visitor, "set": {**NEW, "source": ""}}, title="张三丰")
    async with showing(lin, f"/customers/{visitor}") as screen:
        await screen.settle(lambda: screen.has(f"refused-{visit}"))
        assert screen.sees("未被接受:到店登记")
        await screen.tap(f"mend-{visit}")
        await screen.settle(lambda: screen.has("source-walk-in"))
        await screen.tap("source-walk-in")
        await screen.tap("send-mended")
        await settled(lin)
    assert town.row("select count(*) from crm.receptions where customer_id = %s", visitor) == 1
    town.db.rollback()
    talk = {
        "id": new_id(),
        "customer_id": visitor,
        "outcome": "interested",
        "level": "near",
        "words": "中午有空",
        "facts": {"preferred_time": "midnight"},
    }
    op = await act(lin, "log_conversation", talk, title="张三丰")
    async with showing(lin, f"/customers/{visitor}/mend/{op}") as screen:
        await screen.settle(lambda: screen.has("preferred-time-noon"))
        await screen.tap("preferred-time-noon")
        await screen.tap("send-mended")
        await settled(lin)
    assert town.row("select preferred_time from crm.customers where id = %s", visitor) == "noon"
    town.db.rollback()


async def test_a_field_that_is_gone_no_longer_holds_the_words_back(hand, town):
    """Refused as unknown: sent again it would be refused for ever, so the mended one goes without it."""
    lin = await hand()
    customer = new_id()
    await act(lin, "save_customer", {"id": customer, "set": NEW})
    op = await act(lin, "save_customer", {"id": customer, "set": {"need": "七座", "no_such_field": "x"}}, base_version=1, title="张三丰")
    async with showing(lin, f"/customers/{customer}") as screen:
        await screen.settle(lambda: screen.has(f"mend-{op}"))
        await screen.tap(f"mend-{op}")
        await screen.settle(lambda: screen.has("need"))
        await screen.tap("send-mended")
        await settled(lin)
        assert lin.session.sync.attention == 0
    assert town.row("select need from crm.customers where id = %s", customer) == "七座"
    town.db.rollback()
