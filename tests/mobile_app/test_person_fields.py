"""A field that names a colleague: chosen and read without a network."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from shared.domain import presets
from shared.domain.config import StoreConfig
from tests.support.phone_screen import LocalData, ident, phone

TODAY = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()


def with_a_test_driver() -> StoreConfig:
    document = json.loads(json.dumps(presets.load("three_levels").document()))
    document["forms"]["customer"]["fields"].append(
        {"key": "driver", "label": {"zh_CN": "陪驾同事"}, "type": "person", "on_list": True}
    )
    for role in document["roles"]:
        if role.get("rights", {}).get("customer", {}).get("name") == "write":
            role["rights"]["customer"]["driver"] = "write"
    return StoreConfig.model_validate(document)


async def test_active_colleagues_are_offered_and_one_who_left_stays_where_he_is_named(tmp_path):
    local_data = LocalData(TODAY)
    chen, gone = local_data.colleague("陈晓"), local_data.colleague("离职者", active=False)
    fresh, old = local_data.customer("新客"), local_data.customer("老客", custom={"driver": gone})
    async with phone(tmp_path, with_a_test_driver(), "advisor", local_data) as p:
        s = p.screen
        await s.go(f"/customers/{fresh}/edit/customer/{fresh}")
        await s.settle(until=lambda: s.has("save-record"))
        assert s.all("driver-") == [f"driver-{chen}"] and s.sees("陈晓") and not s.sees("离职者")
        await s.tap(f"driver-{chen}")
        await s.tap("save-record")
        [op] = await p.sent()
        assert op["payload"]["set"] == {"driver": ident("陈晓")}
        await s.settle(
            until=lambda: s.has("customer-name") and s.sees("陈晓")
        )  # on the card by name, not as an id
        await s.go(f"/customers/{old}/edit/customer/{old}")
        await s.settle(until=lambda: s.has(f"driver-{gone}"))
        assert s.find(f"driver-{gone}").selected and s.sees("离职者")
