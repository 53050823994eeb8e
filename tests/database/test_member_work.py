"""A manager reads any advisor's deals and conversations; nobody else gains a row or a field
(S-06)."""

import pytest

from tests.support.people import World, new_id

ASK = "select api.member_work(%s, %s)"


@pytest.fixture
def worked(world: World) -> World:
    """lin has a deal and a conversation with a customer; chen has others."""
    for name, phone in (("lin", "13800000001"), ("chen", "13800000002")):
        customer = world.customer(name, phone=phone, name=f"{name}的客户")
        values = {"title": "朗逸", "amount_fen": 12_345_600}
        payload = {"id": new_id(), "customer_id": customer, "pipeline": "new_car", "set": values}
        world.done(name, "save_deal", payload)
        world.log_conversation(name, customer, notes=f"{name}说过")
    return world


def work(world: World, who: str, whose: str | None) -> tuple[list, list]:
    member = world.users[whose] if whose else None
    found = world.ask(who, ASK, world.stores["east"], member)[0][0]
    return (
        [d["customer_name"] for d in found["deals"]],
        [c["notes"] for c in found["conversations"]],
    )


def test_a_manager_reads_any_advisors_work(worked):
    assert work(worked, "he", "lin") == (["lin的客户"], ["lin说过"])
    assert work(worked, "he", "chen") == (["chen的客户"], ["chen说过"])
    everybody, said = work(worked, "he", None)
    assert (sorted(everybody), said) == (["chen的客户", "lin的客户"], [])


@pytest.mark.parametrize("who", ["chen", "wu", "zhou"])
def test_a_colleague_reads_nothing_of_it(worked, who):
    assert work(worked, who, "lin") == ([], [])
    deals, _said = work(worked, who, None)
    assert "lin的客户" not in deals


@pytest.mark.parametrize("who", ["qin", "ma", "yan", "stranger"])
def test_another_store_is_refused(worked, who):
    refused = worked.refused(who, ASK, worked.stores["east"], worked.users["lin"])
    assert refused == "PT403 forbidden"


def test_a_hidden_field_is_absent(worked):
    """The assistant sees the store's customers, and neither words nor amounts."""
    found = worked.ask("xu", ASK, worked.stores["east"], worked.users["lin"])[0][0]
    assert "lin说过" not in str(found) and "12345600" not in str(found)
    assert len(found["deals"]) == len(found["conversations"]) == 1


def test_what_was_closed_long_ago_is_left_out(worked):
    worked.db.execute(
        "update crm.deals set closed_at = now() - interval '91 days' where store_id = %s",
        (worked.stores["east"],),
    )
    assert work(worked, "he", "lin")[0] == []
