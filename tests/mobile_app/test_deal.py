"""Moving a deal asks exactly what the stage wants, in the store's own form (S-86)."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import flet_charts as fc
import pytest

from shared.domain import presets
from shared.domain.config import StoreConfig
from tests.support.phone_screen import ME, LocalData, phone

TODAY = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()
COLORS = [
    {"key": key, "label": {"zh_CN": text}} for key, text in (("white", "白"), ("black", "黑"))
]


def demanding(can_write_field: bool = True) -> StoreConfig:
    """The last open stage wants an amount and a colour, which the store invented."""
    document = json.loads(json.dumps(presets.load("three_levels").document()))
    document["forms"]["deal"]["fields"].append(
        {"key": "color", "label": {"zh_CN": "车色"}, "type": "select", "options": COLORS}
    )
    for role in document["roles"]:
        if can_write_field and "deal" in role.get("rights", {}):
            role["rights"]["deal"]["color"] = "write"
    open_stages = [s for s in document["pipelines"][0]["stages"] if s["type"] == "open"]
    open_stages[0].pop("moves", None)
    open_stages[-1] |= {"required": ["amount_fen", "color"], "checklist": []}
    return StoreConfig.model_validate(document)


@pytest.fixture
def deal():
    def make(config: StoreConfig) -> tuple[LocalData, str, str]:
        local_data, pipeline = LocalData(TODAY), config.pipelines[0]
        customer = local_data.customer("王先生")
        stages = [s.key for s in pipeline.stages if s.type == "open"]
        found = local_data.insert(
            "deals",
            "deal",
            customer_id=customer,
            pipeline=pipeline.key,
            stage=stages[0],
            title="朗逸",
            owner_id=str(ME),
        )
        return local_data, found, stages[-1]

    return make


async def test_a_stage_asks_for_what_is_missing_with_the_right_control_for_each(tmp_path, deal):
    config = demanding()
    local_data, found, last = deal(config)
    async with phone(tmp_path, config, "advisor", local_data, route=f"/funnel/{found}") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("move"))
        await s.tap(f"target-{last}".replace("_", "-"))
        assert s.has("color-white") and s.has("amount-fen")
        await s.tap("move")
        assert await p.sent() == [] and any("*" in t for t in s.texts())  # said by its field
        await s.type("amount-fen", "12.8万")
        await s.tap("color-white")
        await s.tap("move")
        [op] = await p.sent()
        assert (
            op["verb"] == "move_deal"
            and op["payload"]["set"] == {"amount_fen": 12_800_000, "color": "white"}
            and op["payload"]["stage"] == last
        )


async def test_what_the_role_may_not_fill_in_is_named_and_nothing_is_sent(tmp_path, deal):
    config = demanding(can_write_field=False)
    local_data, found, last = deal(config)
    async with phone(tmp_path, config, "advisor", local_data, route=f"/funnel/{found}") as p:
        s = p.screen
        await s.settle(until=lambda: s.has("move"))
        await s.tap(f"target-{last}".replace("_", "-"))
        await s.type("amount-fen", "12.8万")
        await s.tap("move")
        assert await p.sent() == [] and s.has("amount-fen") and not s.has("color-white")
        assert any("color" in t for t in s.texts())


async def test_the_funnel_is_a_chart_that_chooses_its_stage_and_says_the_same_in_words(tmp_path):
    config = presets.load("three_levels")
    pipeline, local_data = config.pipelines[0], LocalData(TODAY)
    stages = [s.key for s in pipeline.stages if s.type != "lost"]
    for n, stage in enumerate((stages[0], stages[0], stages[0], stages[1])):
        local_data.insert(
            "deals",
            f"deal{n}",
            customer_id=local_data.customer(f"客户{n}"),
            pipeline=pipeline.key,
            stage=stage,
            title="朗逸",
            owner_id=str(ME),
        )
    async with phone(tmp_path, config, "advisor", local_data, route="/funnel") as p:
        s = p.screen
        await s.tap("view-funnel") if not s.has("funnel-chart") else None
        chart = s.inside("funnel-chart", fc.BarChart)
        rods = [group.rods[0] for group in chart.groups]
        assert [rod.to_y - rod.from_y for rod in rods[:3]] == [1, 0.25, 0.04] and all(
            rod.to_y == -rod.from_y for rod in rods
        )
        assert " 4、" in s.label("funnel-chart")
        assert s.label(f"stage-{stages[0]}".replace("_", "-")).endswith("25% 进入下一阶段")
        assert s.all("deal-") and len(s.all("deal-")) == 3
        await s.session.dispatch_event(chart._i, "event", {"type": "tapUp", "group_index": 1})
        await s.settle(until=lambda: len(s.all("deal-")) == 1)
        assert s.find(f"stage-{stages[1]}".replace("_", "-")).selected
