"""Two customers of one household are linked from the card, without a network (S-64)."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from shared.domain import presets
from tests.support.phone_screen import LocalData, phone

TODAY = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()


async def test_a_relative_is_found_by_name_and_linked(tmp_path):
    local_data = LocalData(TODAY)
    son, father = local_data.customer("张小山"), local_data.customer("张大山")
    local_data.customer("李不相干")
    async with phone(tmp_path, presets.load("three_levels"), "advisor", local_data) as p:
        s = p.screen
        await s.go(f"/customers/{son}")
        await s.settle(until=lambda: s.has("add-link"))
        await s.tap("add-link")
        await s.tap("relation-parent")
        await s.type("other", "张")
        await s.settle(until=lambda: s.has(f"other-{father}"))
        assert s.all("other-") == [f"other-{father}"]  # not themselves, not a stranger
        await s.tap(f"other-{father}")
        [op] = await p.sent()
        assert (
            op["verb"],
            op["payload"]["customer_id"],
            op["payload"]["other_id"],
            op["payload"]["relation"],
        ) == (
            "save_relationship",
            son,
            father,
            "parent",
        )
        await s.settle(until=lambda: s.has(f"link-{father}"))
