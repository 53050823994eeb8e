"""Comments on conversations: written by who leads the store, read by the author of the
conversation, gone from their phone once acknowledged, and counted nowhere (S-54)."""

import json
from typing import Any

import pytest

from tests.database.test_meeting_sheet import hide, sheet
from tests.support.people import World, new_id

ADD = "select api.add_comment(%s, %s, %s, %s)"
READ = "select api.comments(%s, %s)"
ACKNOWLEDGE = "select api.acknowledge_comment(%s, %s)"


@pytest.fixture
def talk(world: World) -> tuple[str, str]:
    """A customer of lin and a conversation with them."""
    customer = world.customer("lin", name="慕容雪村")
    log = world.log_conversation("lin", customer)
    assert log["status"] == "applied", log
    return customer, world.row("select id from crm.conversations where customer_id = %s", customer)


def add(world: World, conversation: str, notes: str = "先问预算") -> str:
    comment = new_id()
    world.ask("he", ADD, world.stores["east"], comment, conversation, notes)
    return comment


def read(world: World, who: str, customer: str | None = None) -> list[dict[str, Any]]:
    return world.ask(who, READ, world.stores["east"], customer)[0][0]


def ids(world: World, who: str, customer: str | None = None) -> list[str]:
    return [c["id"] for c in read(world, who, customer)]


def test_its_author_sees_it_until_they_acknowledge_it(world: World, talk: tuple[str, str]):
    customer, conversation = talk
    comment = add(world, conversation)
    assert ids(world, "lin") == [comment] and ids(world, "he") == []
    found = read(world, "lin")[0]
    assert (found["notes"], found["author"]) == ("先问预算", "he")
    assert found["customer_name"] == "慕容雪村"
    for _n in range(2):
        world.ask("lin", ACKNOWLEDGE, world.stores["east"], comment)
    assert ids(world, "lin") == []
    for who in ("lin", "he"):
        assert ids(world, who, customer) == [comment]
        assert read(world, who, customer)[0]["acknowledged_at"] is not None


def test_sent_again_it_is_one_and_another_text_under_its_id_is_told(
    world: World, talk: tuple[str, str]
):
    east, asked = world.stores["east"], (new_id(), talk[1])
    for _n in range(2):
        world.ask("he", ADD, east, *asked, "先问预算")
    assert len(ids(world, "lin")) == 1
    assert world.refused("he", ADD, east, *asked, "别的话") == "PT409 id_taken"
    assert world.refused("gao", ADD, east, *asked, "先问预算") == "PT409 id_taken"
    assert read(world, "lin")[0]["notes"] == "先问预算"


@pytest.mark.parametrize("who", ["chen", "zhou", "wu", "xu"])
def test_nobody_else_reads_or_acknowledges_it(world: World, talk: tuple[str, str], who: str):
    customer, conversation = talk
    comment = add(world, conversation)
    assert ids(world, who) == ids(world, who, customer) == []
    refused = world.refused(who, ACKNOWLEDGE, world.stores["east"], comment)
    assert refused == "PT404 not_found"


def test_who_wrote_it_cannot_acknowledge_it(world: World, talk: tuple[str, str]):
    comment = add(world, talk[1])
    refused = world.refused("he", ACKNOWLEDGE, world.stores["east"], comment)
    assert refused == "PT404 not_found"


@pytest.mark.parametrize("who", ["lin", "chen", "zhou", "wu", "xu", "qin", "ma", "stranger"])
def test_only_who_leads_the_store_writes(world: World, talk: tuple[str, str], who: str):
    asked = world.stores["east"], new_id(), talk[1], "x"
    assert world.refused(who, ADD, *asked) == "PT403 forbidden"
    assert world.count("comments") == 0


@pytest.mark.parametrize("who", ["qin", "ma", "yan", "stranger"])
def test_another_store_sees_nothing(world: World, talk: tuple[str, str], who: str):
    comment = add(world, talk[1])
    east = world.stores["east"]
    assert world.refused(who, READ, east, talk[0]) == "PT403 forbidden"
    assert world.refused(who, ACKNOWLEDGE, east, comment) == "PT403 forbidden"


def test_what_is_no_comment_is_refused(world: World, talk: tuple[str, str]):
    east, conversation = world.stores["east"], talk[1]
    own = world.customer("he", phone="13900000001")
    world.log_conversation("he", own)
    mine = world.row("select id from crm.conversations where customer_id = %s", own)
    cases: list[tuple[tuple[Any, ...], str]] = [
        ((east, new_id(), conversation, "  "), "PT422 required"),
        ((east, new_id(), conversation, "长" * 501), "PT422 length"),
        ((east, new_id(), new_id(), "x"), "PT404 not_found"),
        ((east, new_id(), mine, "x"), "PT404 not_found"),  # one's own
    ]
    for arguments, refusal in cases:
        assert world.refused("he", ADD, *arguments) == refusal, arguments
    comment = new_id()
    for _n in range(2):
        world.ask("he", ADD, east, comment, conversation, "先问预算")
    assert world.count("comments") == 1


def test_a_customer_who_left_is_not_named_any_more(world: World, talk: tuple[str, str]):
    customer, conversation = talk
    comment = add(world, conversation)
    world.done("he", "reassign", {"customer_id": customer, "owner_id": str(world.users["chen"])})
    found = read(world, "lin")
    assert [c["id"] for c in found] == [comment]
    assert "慕容雪村" not in json.dumps(found, ensure_ascii=False)
    assert ids(world, "chen", customer) == []


@pytest.mark.parametrize("access", ["hidden", "masked"])
def test_a_hidden_name_is_hidden(world: World, talk: tuple[str, str], access: str):
    add(world, talk[1])
    hide(world, "advisor", "customer", "name", access)
    assert "慕容雪村" not in json.dumps(read(world, "lin"), ensure_ascii=False)


def test_no_number_counts_it(world: World, talk: tuple[str, str]):
    east = world.stores["east"]
    before = sheet(world, "he", east)["numbers"]
    add(world, talk[1])
    assert sheet(world, "he", east)["numbers"] == before
