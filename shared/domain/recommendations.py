"""My three best chances now, each with its reasons, and my own numbers (F-25, S-41): plain
arithmetic a salesman can check."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from shared.domain.config import StoreConfig
from shared.domain.records import Conversation, Customer, Deal

Reason = tuple[str, int]


@dataclass(frozen=True)
class Recommendation:
    """A deal worth the next call. why: codes with a number (stage n of m as percent, days until it
    closes, days since the last conversation …)."""

    deal: Deal
    customer: Customer
    points: int
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Numbers:
    """Of this week and month, store-local: conversations, reached, level increases, deals won; and
    how many deals are open."""

    conversations: int
    reached: int
    level_increases: int
    won: int
    lost: int
    open: int


def best(
    config: StoreConfig,
    deals: Sequence[tuple[Deal, Customer]],
    conversations: Iterable[Conversation],
    today: date,
    now: datetime,
    most: int = 3,
) -> list[Recommendation]:
    """Open deals by points: how far along (0-40), how near the level is to buying (0-30), an
    expected close within two weeks (20), a conversation within a week (10), and minus one a day at
    the same stage beyond two weeks (at most 20)."""
    last: dict[object, datetime] = {}
    for conversation in conversations:
        if conversation.reached:
            last[conversation.customer_id] = max(
                conversation.occurred_at,
                last.get(conversation.customer_id, conversation.occurred_at),
            )
    ranks = sorted({level.rank for level in config.levels})
    found: list[Recommendation] = []
    for deal, customer in deals:
        pipeline = config.pipeline(deal.pipeline)
        stage = pipeline.stage(deal.stage) if pipeline else None
        if pipeline is None or stage is None or stage.type != "open" or customer.call_block:
            continue
        steps = [s.key for s in pipeline.stages if s.type == "open"]
        along = round(40 * (steps.index(stage.key) + 1) / len(steps))
        points, reasons = along, [("stage", along * 100 // 40)]
        level = config.level(customer.level)
        if level and len(ranks) > 1:
            near = round(30 * ranks.index(level.rank) / (len(ranks) - 1))
            points += near
            if level.rank == ranks[-1]:
                reasons.append(("level", near))
        if deal.expected_close_on and deal.expected_close_on <= today + timedelta(days=14):
            points += 20
            reasons.append(("closes", (deal.expected_close_on - today).days))
        if (heard := last.get(customer.id)) and (days := (now - heard).days) <= 7:
            points += 10
            reasons.append(("talked", days))
        if deal.stage_at and (stuck := (now - deal.stage_at).days - 14) > 0:
            points -= min(stuck, 20)
            reasons.append(("stuck", stuck + 14))
        found.append(Recommendation(deal, customer, points, tuple(reasons)))
    return sorted(found, key=lambda c: (-c.points, -(c.deal.amount_fen or 0), str(c.deal.id)))[
        :most
    ]


def numbers(
    config: StoreConfig,
    deals: Sequence[tuple[Deal, Customer]],
    conversations: Iterable[Conversation],
    today: date,
    zone: tzinfo,
) -> Numbers:
    """Talks since Monday, deals closed since the first of the month."""
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    ranks = {level.key: level.rank for level in config.levels}
    week = [t for t in conversations if t.occurred_at.astimezone(zone).date() >= monday]
    level_increases = sum(
        ranks.get(t.level_after or "", 0) > ranks.get(t.level_before or "", 0)
        for t in week
        if t.level_before
    )
    kinds = {(p.key, s.key): s.type for p in config.pipelines for s in p.stages}
    closed = [
        kinds.get((d.pipeline, d.stage))
        for d, _ in deals
        if (at := d.closed_at or d.stage_at) and at.astimezone(zone).date() >= first
    ]
    still = sum(kinds.get((d.pipeline, d.stage)) == "open" for d, _ in deals)
    return Numbers(
        len(week),
        sum(t.reached for t in week),
        level_increases,
        closed.count("won"),
        closed.count("lost"),
        still,
    )
