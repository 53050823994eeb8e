"""What the log sheet and Today do beyond the tap budgets, played on the whole app without a
network."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import flet as ft
import pytest

from shared.domain import presets
from shared.domain.config import StoreConfig
from shared.domain.problems import Offline
from shared.gateway.sync import Page
from shared.ui.text import Texts
from tests.support.phone_screen import LocalData, ident, phone
from tests.support.present import present

ZONE = ZoneInfo("Asia/Shanghai")
TODAY = datetime.now(UTC).astimezone(ZONE).date()


def three_levels(**changes) -> StoreConfig:
    return StoreConfig.model_validate(presets.load("three_levels").document() | changes)


def day(n: int) -> str:
    return (TODAY + timedelta(days=n)).isoformat()


@pytest.fixture
async def advisor(tmp_path):
    local_data = LocalData(TODAY)
    one = local_data.customer(
        "王先生",
        level="intent",
        preferred_time="evening",
        facts={"budget_fen": {"on": day(-3), "by": "陈静"}},
        custom={"budget_fen": 20_000_000},
    )
    local_data.task(one, "王先生", due=-1)
    local_data.log_conversation(one, "王先生")
    local_data.insert(
        "deals", "deal", customer_id=one, pipeline="new_car", stage="lead", owner_id=ident("me")
    )
    two = local_data.customer("李女士", level="near")
    local_data.task(two, "李女士")
    async with phone(tmp_path, three_levels(), "advisor", local_data) as p:
        yield p


async def test_the_date_is_chosen_by_the_cadence_and_says_why(advisor):
    s = advisor.screen
    await s.tap("outcome-interested")
    assert (
        s.find("next-plus-30").selected
        and "意向：每 30 天" in " ".join(s.texts("next-why"))
        and "晚上" in " ".join(s.texts("next-why"))
    )
    await s.tap("level-near")  # up: every week
    assert s.find("next-plus-7").selected and "准购买：每 7 天" in " ".join(s.texts("next-why"))
    await s.tap("next-plus-1")
    await s.tap("level-intent")
    assert s.find("next-plus-1").selected  # what a person chose stays
    assert "半年内购买" in s.texts("level-intent")
    await s.tap("phrase-0")
    await s.tap("save-conversation")
    [op] = await advisor.sent()
    assert op["payload"]["next_contact_on"] == day(1) and op["payload"]["level"] == "intent"
    task = next(t for t in await advisor.shown("tasks") if t["kind"] == "next_contact")
    assert (
        task["due_on"] == day(1)
        and datetime.fromisoformat(task["due_at"]).astimezone(ZONE).hour == 18
    )  # the evening they prefer


async def test_the_proposed_day_is_a_working_day_and_a_closed_one_is_told(tmp_path):
    festival = {"zh_CN": "春节"}
    closed = {day(1): {}, day(3): festival, day(7): festival, day(8): festival}
    local_data = LocalData(TODAY)
    local_data.task(local_data.customer("李女士", level="near"), "李女士")
    config = three_levels(calendar={"closed_days": closed})
    async with phone(tmp_path, config, "advisor", local_data) as p:
        s = p.screen
        await s.tap("snooze")
        assert s.all("snooze-") == ["snooze-2", "snooze-4", "snooze-9"]
        await s.tap("outcome-interested")
        assert s.find("next-plus-9").selected
        assert not s.has("next-closed")
        await s.tap("next-plus-3")
        assert "春节" in " ".join(s.texts("next-closed"))
        await s.tap("next-plus-1")
        assert s.texts("next-closed") == ["门店当天休息。"]
        await s.tap("next-working-day")
        assert s.find("next-other").selected
        assert not s.has("next-closed")


async def test_a_closed_day_may_stay_the_next_contact(tmp_path):
    """Agreed with the customer: it is told, and sent as it was chosen."""
    local_data = LocalData(TODAY)
    local_data.task(local_data.customer("李女士", level="near"), "李女士")
    config = three_levels(calendar={"closed_days": {day(3): {}}})
    async with phone(tmp_path, config, "advisor", local_data) as p:
        s = p.screen
        await s.tap("outcome-interested")
        await s.type("notes", "约好那天")
        await s.tap("next-plus-3")
        assert s.has("next-closed")
        await s.tap("save-conversation")
        assert (await p.sent())[0]["payload"]["next_contact_on"] == day(3)


async def test_a_promise_for_a_closed_day_is_told_and_moves_in_one_tap(tmp_path):
    local_data = LocalData(TODAY)
    local_data.task(local_data.customer("李女士", level="near"), "李女士")
    config = three_levels(calendar={"closed_days": {day(n): {"zh_CN": "春节"} for n in (3, 4)}})
    async with phone(tmp_path, config, "advisor", local_data) as p:
        s = p.screen
        await s.tap("outcome-interested")
        await s.tap("start-promise")
        await s.type("promise-words", "送合同")
        await s.tap("promise-in-3")
        assert "春节" in " ".join(s.texts("promise-0-closed"))
        await s.tap("promise-0-working-day")
        assert not s.has("promise-0-closed")
        await s.type("notes", "下周送合同")
        await s.tap("save-conversation")
        promised = (await p.sent())[0]["payload"]["promises"]
        assert [x["due_on"] for x in promised] == [day(5)]


async def test_a_task_is_overdue_by_the_days_that_were_worked(tmp_path):
    local_data = LocalData(TODAY)
    local_data.task(local_data.customer("李女士", level="near"), "李女士", due=-9)
    closed = {day(n): {"zh_CN": "春节"} for n in range(-7, 0)}
    config = three_levels(calendar={"closed_days": closed})
    async with phone(tmp_path, config, "advisor", local_data) as p:
        assert "逾期 2 天" in " ".join(p.screen.texts())


async def test_a_retry_is_planned_on_a_working_day_on_the_phone_too(tmp_path):
    local_data = LocalData(TODAY)
    local_data.task(local_data.customer("李女士", level="near"), "李女士")
    closed = {day(n): {} for n in range(6)}
    config = three_levels(calendar={"closed_days": closed})
    async with phone(tmp_path, config, "advisor", local_data) as p:
        await p.screen.tap("outcome-no-answer")
        retry = next(t for t in await p.shown("tasks") if t["kind"] == "retry")
        assert retry["due_on"] == day(6)


async def test_a_phrase_never_overwrites_typed_words_and_the_one_used_most_comes_first(advisor):
    s = advisor.screen
    await s.tap("outcome-interested")
    await s.type("notes", "要七座")
    second = s.texts("phrase-1")[-1]
    await s.tap("phrase-1")
    await s.tap("save-conversation")
    assert (await advisor.sent())[0]["payload"]["notes"] == f"要七座,{second}"
    await s.settle(until=lambda: "李女士" in s.texts("card-name"))
    await s.tap("outcome-interested")
    assert s.texts("phrase-0")[-1] == second


async def test_a_promise_by_phrase_and_by_hand_becomes_an_open_item_that_is_kept(advisor):
    s = advisor.screen
    await s.tap("outcome-interested")
    await s.tap("phrase-2")  # 答应发配置单, within a day
    assert s.find("next-plus-1").selected and "承诺" in " ".join(s.texts("next-why"))
    await s.tap("start-promise")
    await s.type("promise-words", "送脚垫", leave=False)
    await s.tap("promise-in-7")
    await s.tap("save-conversation")
    promises = (await advisor.sent())[0]["payload"]["promises"]
    assert [(p["notes"], p["due_on"]) for p in promises] == [
        ("答应发配置单", day(1)),
        ("送脚垫", day(7)),
    ]
    assert {p["status"] for p in await advisor.shown("promises")} == {"open"}
    await s.settle(until=lambda: "李女士" in s.texts("card-name"))
    await s.tap("undo")
    await s.settle(until=lambda: "王先生" in s.texts("card-name"))
    assert await advisor.shown("promises") == []  # taken back with the conversation


async def test_facts_are_asked_once_and_known_ones_say_who_was_told(advisor):
    s = advisor.screen
    assert any("20万" in t and "陈静" in t for t in s.texts())  # in the brief, before the call
    await s.tap("outcome-interested")
    assert not s.has("budget-fen") and not s.has(
        "preferred-time-evening"
    )  # known: never asked again
    await s.type("interested-series", "问界 M7")
    await s.tap("phrase-0")
    await s.tap("save-conversation")
    assert (await advisor.sent())[0]["payload"]["facts"] == {"interested_series": "问界 M7"}
    assert (
        next(c for c in await advisor.shown("customers") if c["name"] == "王先生")["custom"][
            "interested_series"
        ]
        == "问界 M7"
    )
    await s.settle(until=lambda: "李女士" in s.texts("card-name"))
    await s.tap("outcome-interested")
    asked = [i for i in ("interested-series", "budget-fen", "preferred-time-morning") if s.has(i)]
    assert len(asked) == 2  # at most two, in the form's order


async def test_an_outcome_moves_the_deal_with_the_talk_and_one_undo_takes_both_back(advisor):
    s = advisor.screen
    await s.go(f"/customers/{ident('王先生')}/log")
    await s.settle(until=lambda: s.has("method-visit"))
    await s.tap("method-visit")
    await s.tap("outcome-received")
    assert s.find("move-deal").selected
    await s.tap("phrase-0")
    await s.tap("new-companion")
    await s.type("name", "王太太")
    await s.tap("relation-spouse")
    await s.tap("add-companion")
    await s.tap("save-conversation")
    operations = await advisor.sent()
    assert [op["verb"] for op in operations] == ["save_companion", "log_conversation", "move_deal"]
    assert (
        operations[1]["payload"]["companions"] == [operations[0]["payload"]["id"]]
        and operations[2]["payload"]["stage"] == "visited"
    )
    assert (await advisor.shown("deals"))[0]["stage"] == "visited"
    await s.settle(until=lambda: s.has("undo"))
    await s.tap("undo")
    assert (await advisor.shown("deals"))[0]["stage"] == "lead"
    assert [c["outcome"] for c in await advisor.shown("conversations")] == ["interested"]


async def test_do_not_call_plans_nothing_and_empties_the_queue_of_him(advisor):
    s = advisor.screen
    await s.tap("outcome-do-not-call")
    assert not s.all("next-plus") and s.sees("不再安排致电")
    await s.tap("phrase-0")
    await s.tap("save-conversation")
    await s.settle(until=lambda: "李女士" in s.texts("card-name"))
    tasks = [t for t in await advisor.shown("tasks") if t["customer_id"] == ident("王先生")]
    assert {t["status"] for t in tasks} == {"done"}


async def test_a_complaint_comes_back_first(advisor):
    s = advisor.screen
    await s.tap("outcome-complaint")
    assert s.find("next-plus-1").selected
    await s.tap("phrase-0")
    await s.tap("save-conversation")
    assert next(c for c in await advisor.shown("customers") if c["name"] == "王先生")[
        "complaint_at"
    ]


async def test_what_was_done_in_the_last_ten_minutes_can_be_taken_back_one_by_one(advisor):
    s = advisor.screen
    await s.tap("outcome-no-answer")
    await s.settle(until=lambda: "李女士" in s.texts("card-name"))
    await s.tap("outcome-no-answer")
    await s.settle(until=lambda: not s.has("card-name"))
    await s.tap("toggle-list")
    assert [i for i in s.all("undo-")] == ["undo-0", "undo-1"] and s.sees("王先生")
    await s.tap("undo-1")
    await s.settle(until=lambda: s.all("undo-") == ["undo-0"])
    assert (
        len(
            [
                t
                for t in await advisor.shown("tasks")
                if t["status"] == "open" and t["kind"] == "cadence"
            ]
        )
        == 1
    )
    assert [op["verb"] for op in await advisor.sent()] == [
        "log_conversation",
        "log_conversation",
        "undo",
    ]


async def test_a_retry_is_planned_on_the_phone_too_at_another_hour(advisor):
    await advisor.screen.tap("outcome-no-answer")
    retry = next(t for t in await advisor.shown("tasks") if t["kind"] == "retry")
    assert retry["attempts"] == 1 and datetime.fromisoformat(retry["due_at"]) > datetime.now(
        UTC
    ) + timedelta(hours=3)


async def test_the_notice_says_what_came_of_it_and_what_is_planned(advisor):
    s, retry = advisor.screen, None
    await s.tap("outcome-no-answer")
    for task in await advisor.shown("tasks"):
        retry = task if task["kind"] == "retry" else retry
    planned = Texts().day(date.fromisoformat(present(retry)["due_on"]), TODAY)
    assert notice_of(advisor) == f"已保存：王先生 · 无人接听 · 下次 {planned}"
    await s.settle(until=lambda: s.sees("李女士"))
    await s.tap("outcome-interested")
    await s.type("notes", "要七座")
    await s.tap("next-plus-1")
    await s.tap("save-conversation")
    assert notice_of(advisor) == "已保存：李女士 · 有意向 · 下次 明天"


async def test_who_may_not_be_called_has_nothing_planned(advisor):
    s = advisor.screen
    await s.tap("outcome-do-not-call")
    await s.type("notes", "别再打了")
    await s.tap("save-conversation")
    assert notice_of(advisor) == "已保存：王先生 · 要求勿扰"


def notice_of(p) -> str:
    return present(p.session.notices.notice).text


async def test_an_excused_task_is_not_counted_as_done(tmp_path):
    local_data, now = LocalData(TODAY), datetime.now(UTC)
    customer = local_data.customer("王先生")
    local_data.task(customer, "open")
    for name, status in (("one", "done"), ("two", "excused"), ("three", "excused")):
        local_data.task(customer, name, status=status, closed_at=now)
    async with phone(tmp_path, three_levels(), "advisor", local_data) as p:
        assert present(p.session.kept("today zh_CN", lambda: None)).done == 1


async def test_snoozing_has_a_limit_that_is_said(tmp_path):
    local_data = LocalData(TODAY)
    local_data.task(local_data.customer("甲"), "甲", snoozes=2)
    local_data.task(local_data.customer("乙"), "乙", snoozes=3, due=1)
    async with phone(tmp_path, three_levels(), "advisor", local_data) as p:
        await p.screen.tap("snooze")
        assert p.screen.sees("还可推迟 1 次")
        await p.screen.tap("snooze-3")
        [op] = await p.sent()
        assert op["verb"] == "snooze_task" and op["payload"]["until"] == day(3)
        assert p.screen.sees("已推迟")


async def test_beyond_the_limit_the_same_tap_asks_the_manager_offline_too(tmp_path):
    local_data = LocalData(TODAY)
    local_data.task(local_data.customer("乙"), "乙", snoozes=3)
    async with phone(tmp_path, three_levels(), "advisor", local_data) as p:
        await p.screen.tap("snooze")
        assert p.screen.sees("由经理决定")
        await p.screen.type("snooze-words", "客户出差到周五")
        await p.screen.tap("snooze-3")
        [op] = await p.sent()
        assert (
            op["verb"] == "snooze_task"
            and op["payload"]["approval_id"]
            and op["payload"]["notes"] == "客户出差到周五"
            and op["payload"]["until"] == day(3)
        )
        await p.screen.settle(until=lambda: not p.screen.has("card-name"))
        assert p.screen.sees("待经理审批") and p.screen.sees("乙")  # pending and visible, not done
        [request] = await p.shown("approvals")
        assert (request["kind"], request["asked"], request["status"]) == (
            "task_snooze",
            {"until": day(3)},
            "pending",
        )
        await p.screen.tap("undo")
        await p.screen.settle(until=lambda: p.screen.has("card-name"))


async def test_sent_back_is_first_with_the_remark_cannot_be_put_off_and_says_when_it_was_missed(
    tmp_path,
):
    local_data = LocalData(TODAY)
    local_data.task(local_data.customer("急"), "急", due=-30)
    local_data.task(local_data.customer("驳"), "驳", due=-1, rank=0, remark="今天一定要打")
    async with phone(tmp_path, three_levels(), "advisor", local_data) as p:
        assert (
            "驳" in p.screen.texts("card-name")
            and p.screen.sees("今天一定要打")
            and p.screen.sees("超时未完成")
        )
        assert not p.screen.has("snooze") and "1 个超时未完成" in p.screen.label("progress")


async def test_what_a_pull_brings_never_takes_the_open_card_from_under_the_thumb(tmp_path):
    """A card being read was replaced by a more pressing one, and the tap was for somebody else."""
    local_data, more = LocalData(TODAY), LocalData(TODAY)
    local_data.task(local_data.customer("甲"), "甲")
    more.task(more.customer("驳"), "驳", rank=0, remark="今天一定要打")
    async with phone(tmp_path, three_levels(), "advisor", local_data) as p:
        page = Page(
            user_id=present(p.session.me).user_id,
            store_id=present(p.session.me).store_id,
            today=TODAY,
            reset=False,
            more=False,
            rows=more.rows,
            removed={},
            config_version=1,
            config=None,
            cursor={"since": 2},
            complete_to=2,
        )
        with pytest.raises(Offline):
            await p.session.local_store.sync.once()  # the app has been open for a while
        assert await p.session.local_store.replica.apply_page(page, after={"since": 1})
        await p.session.refresh()
        await p.screen.settle(until=lambda: "2" in p.screen.label("progress"))
        assert "甲" in p.screen.texts("card-name")
        await p.screen.tap("refresh")
        await p.screen.settle(until=lambda: "驳" in p.screen.texts("card-name"))


async def test_the_sheet_is_open_again_after_the_app_was_ended_while_dialling(tmp_path):
    local_data = LocalData(TODAY)
    for name in ("甲", "乙", "丙"):
        local_data.task(local_data.customer(name), name)
    async with phone(tmp_path, three_levels(), "advisor", local_data) as p:
        await p.screen.tap("toggle-list")
        await p.screen.tap(p.screen.all("task-")[1])  # not the one that would be first anyway
        name = p.screen.texts("card-name")[0]
        await p.screen.tap("dial")
        await p.session.calls.app_left()
    async with phone(
        tmp_path, three_levels(), "advisor", local_data
    ) as again:  # the phone ended the app; it starts again
        assert again.screen.texts("card-name") == [name]
        await again.screen.tap("outcome-no-answer")
        [op] = await again.sent()
        assert op["payload"]["dialled_at"] and op["payload"]["away_seconds"] >= 0
        await again.screen.settle(until=lambda: again.screen.texts("card-name") != [name])


async def test_a_device_that_never_left_the_app_says_nothing_about_time_away(advisor):
    await advisor.screen.tap("dial")
    await advisor.screen.tap("outcome-no-answer")
    payload = (await advisor.sent())[0]["payload"]
    assert payload["dialled_at"] and "away_seconds" not in payload


@pytest.fixture
async def specialist(tmp_path):
    local_data = LocalData(TODAY)
    for name, left, premium in (("近", 5, 300_000), ("贵", 40, 9_000_000), ("远", 80, 100_000)):
        customer = local_data.customer(name, renewal_owner_id=ident("me"))
        car = local_data.insert(
            "vehicles",
            f"car {name}",
            customer_id=customer,
            plate="沪A12345",
            brand="大众",
            series="朗逸",
        )
        policy = local_data.insert(
            "policies",
            f"policy {name}",
            customer_id=customer,
            vehicle_id=car,
            insurer="人保财险",
            expires_on=TODAY + timedelta(days=left),
            premium_fen=premium,
        )
        local_data.task(
            customer,
            name,
            kind="policy_window",
            subject_form="policy",
            subject_id=policy,
            expires_on=TODAY + timedelta(days=left),
            attempts=2,
        )
    async with phone(tmp_path, three_levels(), "renewal", local_data) as p:
        yield p


async def test_the_queue_is_ordered_by_the_stores_points_and_each_row_says_why(specialist):
    await specialist.screen.tap("toggle-list")
    rows = [specialist.screen.texts(i) for i in specialist.screen.all("task-")]
    assert [r[0] for r in rows] == ["贵", "近", "远"]  # 111 + 100 · 188 + 6 · 22 + 2
    assert "保单还有 5 天到期" in rows[1]


async def test_the_script_and_the_quote_are_there_and_hold_only_what_the_role_may_see(tmp_path):
    document = presets.load("three_levels").document()
    role = next(r for r in document["roles"] if r["key"] == "renewal")
    local_data = LocalData(TODAY)
    customer = local_data.customer("赵先生")
    car = local_data.insert("vehicles", "car", customer_id=customer, plate="沪A12345")
    policy = local_data.insert(
        "policies",
        "policy",
        customer_id=customer,
        vehicle_id=car,
        insurer="人保财险",
        expires_on=TODAY + timedelta(days=5),
        premium_fen=320_000,
    )
    local_data.task(
        customer,
        "赵",
        kind="policy_window",
        subject_form="policy",
        subject_id=policy,
        expires_on=TODAY + timedelta(days=5),
    )
    async with phone(
        tmp_path / "sees", StoreConfig.model_validate(document), "renewal", local_data
    ) as p:
        text = p.screen.inside("copy-quote", ft.Container).action.args["data"]
        assert "赵先生您好" in text and "沪A12345" in text and "¥3,200" in text and "林晓" in text
        await p.screen.tap("script")
        assert p.screen.sees("脱保一天都有风险")
    del role["rights"]["policy"]["premium_fen"]
    role["rights"]["vehicle"]["plate"] = "masked"
    for row in (
        *local_data.rows["policies"],
        *local_data.rows["vehicles"],
    ):  # as the server sends it to this role
        row.pop("premium_fen", None)
        if "plate" in row:
            row["plate"] = "沪A****5"
    async with phone(
        tmp_path / "blind", StoreConfig.model_validate(document), "renewal", local_data
    ) as p:
        text = p.screen.inside("copy-quote", ft.Container).action.args["data"]
        assert (
            "人保财险" in text
            and "¥" not in text
            and "去年保费" not in text
            and "****" not in text
            and "{" not in text
        )


async def test_a_lost_renewal_asks_for_the_closer_reason_and_who_has_it(specialist):
    s = specialist.screen
    await s.tap("outcome-renewal-lost")
    await s.tap("phrase-0")
    await s.tap("save-conversation")
    assert "请填写。" in s.texts()  # the reason is missing; nothing was lost
    await s.tap("reason-insured-elsewhere")
    await s.tap("reason-insured-agent")
    await s.type("lost-insurer", "平安")
    await s.type("lost-price", "三千")
    await s.tap("save-conversation")
    assert await specialist.sent() == [] and "内容类型不对。" in s.texts("lost-price")
    await s.type("lost-price", "2980")
    await s.tap("save-conversation")
    [op] = await specialist.sent()
    assert (
        op["verb"],
        op["payload"]["reason"],
        op["payload"]["insurer"],
        op["payload"]["price_fen"],
    ) == (
        "log_conversation",
        "insured_agent",
        "平安",
        298_000,
    )
    assert sorted(y.get("status", "active") for y in await specialist.shown("policies")) == [
        "active",
        "active",
        "lost",
    ]


async def test_after_the_last_try_a_message_is_offered(specialist):
    s = specialist.screen
    name = s.texts("card-name")[0]
    await s.tap("outcome-no-answer")  # the third
    await s.settle(until=lambda: s.has("copy-message"))
    assert s.sees(f"{name} 3 次未接通") and s.sees("给您打过几次电话没有接通")
    assert not [t for t in await specialist.shown("tasks") if t["kind"] == "retry"]
    await s.tap("copy-message")
    assert not s.has("copy-message")


async def test_half_a_sentence_outlives_the_app(tmp_path):
    local_data = LocalData(TODAY)
    for name in ("甲", "乙"):
        local_data.task(local_data.customer(name), name)
    async with phone(tmp_path, three_levels(), "advisor", local_data) as p:
        await p.screen.tap("toggle-list")
        await p.screen.tap(p.screen.all("task-")[1])
        name = p.screen.texts("card-name")
        await p.screen.tap("outcome-interested")
        await p.screen.type("notes", "客户说下周", leave=False)
        async with asyncio.timeout(5):
            # written half a second after the last letter
            await present(p.session.kept("today zh_CN", lambda: None)).log.notes._writing
    async with phone(tmp_path, three_levels(), "advisor", local_data) as again:
        await again.screen.settle(until=lambda: again.screen.has("notes"))
        assert again.screen.texts("card-name") == name
        assert again.screen.inside("notes", ft.TextField).value == "客户说下周"
        await again.screen.tap("save-conversation")
        assert (await again.sent())[0]["payload"]["notes"] == "客户说下周"
        assert await again.session.local_store.replica.recall("draft") is None


async def test_going_back_from_a_customers_sheet_loses_no_words(advisor, monkeypatch):
    monkeypatch.setattr("mobile_app.conversations.notes_draft.PAUSE", 0)
    s, route = advisor.screen, f"/customers/{ident('王先生')}"
    await s.go(f"{route}/log")
    await s.settle(until=lambda: s.has("method-visit"))
    await s.tap("method-visit")
    await s.tap("outcome-received")
    await s.type("notes", "想周六再来", leave=False)
    await s.settle()
    await s.go(route)
    await s.go(f"{route}/log")
    await s.settle(until=lambda: s.has("notes"))
    assert s.inside("notes", ft.TextField).value == "想周六再来"
    await s.tap("save-conversation")
    await s.settle(until=lambda: s.has("customer-name"))
    await s.go(f"{route}/log")
    await s.settle(until=lambda: s.has("method-visit"))
    assert not s.has("notes")


@pytest.mark.parametrize("since_closed", [True, False])
async def test_a_next_contact_is_late_by_the_stores_working_days(tmp_path, since_closed):
    """Nobody could call while the store was closed: the card of Today counts the same way."""
    local_data = LocalData(TODAY)
    local_data.customer("李女士", level="near", next_contact_on=day(-2))
    closed = {day(n): {} for n in (-1, 0)} if since_closed else {}
    config = three_levels(calendar={"closed_days": closed})
    async with phone(tmp_path, config, "advisor", local_data, route="/customers") as p:
        await p.screen.settle(until=lambda: p.screen.sees("李女士"))
        [shown] = [
            c
            for c in p.screen.controls()
            if isinstance(c, ft.Text) and str(c.value).startswith("下次")
        ]
        is_red = shown.color == ft.Colors.ON_ERROR_CONTAINER
        assert is_red == (not since_closed)


async def test_taking_a_conversation_back_brings_its_words_back(advisor):
    s = advisor.screen
    await s.tap("outcome-interested")
    await s.type("notes", "想换七座，周末带家人来看", leave=False)
    await s.tap("save-conversation")
    await s.settle(until=lambda: "李女士" in s.texts("card-name"))
    await s.tap("undo")
    await s.settle(until=lambda: "王先生" in s.texts("card-name") and s.has("notes"))
    await s.settle(until=lambda: s.sees("想换七座，周末带家人来看"))
    await s.tap("save-conversation")
    assert (await advisor.sent())[-1]["payload"]["notes"] == "想换七座，周末带家人来看"
    await s.settle(until=lambda: "李女士" in s.texts("card-name"))
    await s.tap("outcome-interested")
    assert not s.sees("想换七座，周末带家人来看")
