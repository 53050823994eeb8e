"""My best chances are plain arithmetic with reasons; my numbers are of this week and month, in the
store's zone."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from shared.domain import presets, recommendations
from shared.domain.records import Conversation, Customer, Deal

CONFIG = presets.load("three_levels")
TODAY = date(2026, 11, 24)  # a Tuesday
NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)


def deal(stage="lead", level="intent", **more):
    customer = Customer(
        id=uuid4(),
        name="张三",
        level=level,
        **{k: more.pop(k) for k in ("do_not_call",) if k in more},
    )
    return Deal(
        id=uuid4(),
        customer_id=customer.id,
        pipeline="new_car",
        stage=stage,
        stage_at=more.pop("stage_at", NOW),
        **more,
    ), customer


def conversation(customer, days=0, **more):
    return Conversation(
        id=uuid4(),
        customer_id=customer.id,
        outcome="interested",
        occurred_at=NOW - timedelta(days=days),
        **{"reached": True, **more},
    )


def test_further_along_and_nearer_to_buying_comes_first():
    early, late, sure = deal(), deal("ordered"), deal("ordered", "near")
    found = recommendations.best(CONFIG, [early, late, sure], [], TODAY, NOW)
    assert [c.deal.id for c in found] == [sure[0].id, late[0].id, early[0].id]
    assert found[0].reasons[0] == ("stage", 100)
    assert ("level", 30) in found[0].reasons


def test_a_close_date_and_a_fresh_talk_count_and_standing_still_costs():
    dated, plain, stuck = (
        deal(expected_close_on=TODAY + timedelta(days=3)),
        deal(),
        deal(stage_at=NOW - timedelta(days=30)),
    )
    found = recommendations.best(
        CONFIG, [stuck, plain, dated], [conversation(plain[1], 2)], TODAY, NOW
    )
    assert [(c.deal.id, c.points) for c in found] == [
        (dated[0].id, found[1].points + 10),
        (plain[0].id, found[1].points),
        (stuck[0].id, found[1].points - 10 - 16),
    ]
    assert ("closes", 3) in found[0].reasons
    assert ("talked", 2) in found[1].reasons
    assert ("stuck", 30) in found[2].reasons


def test_closed_deals_and_silent_customers_are_no_chances():
    assert (
        recommendations.best(
            CONFIG,
            [deal("delivered"), deal("lost"), deal("ordered", do_not_call=True)],
            [],
            TODAY,
            NOW,
        )
        == []
    )


def test_numbers_begin_on_monday_and_on_the_first():
    won, old, still = (
        deal("delivered", closed_at=NOW),
        deal("delivered", closed_at=NOW - timedelta(days=40)),
        deal(),
    )
    conversations = [
        conversation(still[1], 0, level_before="intent", level_after="near"),
        conversation(still[1], 1, reached=False),
        conversation(still[1], 2),
    ]  # Sunday is last week
    found = recommendations.numbers(
        CONFIG, [won, old, still], conversations, TODAY, ZoneInfo("Asia/Shanghai")
    )
    assert found == recommendations.Numbers(
        conversations=2, reached=1, level_increases=1, won=1, lost=0, open=1
    )
