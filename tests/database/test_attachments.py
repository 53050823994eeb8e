"""Who may open a photo, a memo, a paper: whoever may see what it belongs to, to the field; everyone
else hears that it is not there."""

import base64
import hashlib
import json

import pytest
from psycopg.types.json import Jsonb

from tests.support.files import png
from tests.support.people import new_id, preset

DATA = png(b"a driving licence")


def put(world, who: str, form: str, record: str, **more) -> str:
    """A complete file of that record, sent in one piece."""
    file = more.pop("id", None) or new_id()
    about = {
        "id": file,
        "form": form,
        "record_id": record,
        "kind": "photo",
        "mime": "image/png",
        "bytes": len(DATA),
        "sha256": hashlib.sha256(DATA).hexdigest(),
        **more,
    }
    answer = world.ask(
        who,
        "select api.upload_attachment(%s, %s, 0, %s)",
        world.stores["east"],
        Jsonb(about),
        base64.b64encode(DATA).decode(),
    )
    assert answer[0][0]["complete"]
    return file


def opens(world, who: str, file: str) -> bool:
    """Every way to it, for this person: the list, the card, the story's brief and the bytes
    themselves; they must agree."""
    store = world.stores["east"]
    listed = world.ask(who, "select count(*) from api.attachments where id = %s", file)[0][0] == 1
    for filtered in ("kind = 'photo'", "bytes > 0", "record_id is not null", "true order by mime"):
        assert (
            world.ask(who, f"select id from api.attachments where id = %s and {filtered}", file)
            != []
        ) == listed
    if listed:
        assert (
            base64.b64decode(
                world.ask(who, "select api.download_attachment(%s, %s)", store, file)[0][0]["data"]
            )
            == DATA
        )
    else:
        assert (
            world.refused(who, "select api.download_attachment(%s, %s)", store, file)
            == "PT404 not_found"
        )
        assert (
            world.refused(who, "select api.download_attachment(%s, %s, 4)", store, file)
            == "PT404 not_found"
        )
    customer = world.row("select customer_id from crm.attachments where id = %s", file)
    seen = world.ask(who, "select count(*) from api.customers where id = %s", customer)[0][0]
    if seen:
        brief = world.ask(who, "select api.customer_brief(%s, %s)", store, customer)[0][0]
        assert (file in [a["id"] for a in brief["attachments"]]) == listed
    return listed


def publish(world, change) -> None:
    document = json.loads(preset())
    change(document)
    world.ask(
        "liang",
        "select api.publish_config(%s, %s, 1, 'test')",
        world.stores["east"],
        Jsonb(document),
    )


def rights(document, role: str, form: str) -> dict:
    return next(r for r in document["roles"] if r["key"] == role)["rights"][form]


def without_words(document, role: str) -> None:
    """Whoever logs conversations has to fill in their words: the role stops logging too."""
    found = next(r for r in document["roles"] if r["key"] == role)
    found["verbs"].remove("log_conversation")
    del found["rights"]["conversation"]["notes"]


def test_a_photo_of_a_talk_is_seen_by_those_who_read_its_words(world):
    customer = world.customer()
    conversation = new_id()
    world.done(
        "lin",
        "log_conversation",
        {
            "id": conversation,
            "customer_id": customer,
            "outcome": "interested",
            "level": "near",
            "notes": "拍了照",
        },
    )
    file = put(world, "lin", "conversation", conversation)
    who = {
        name: opens(world, name, file)
        for name in ("lin", "he", "liang", "chen", "zhou", "xu", "ma", "yan", "stranger")
    }
    assert who == {
        "lin": True,
        "he": True,
        "liang": True,
        "chen": False,
        "zhou": False,
        "xu": False,
        "ma": False,
        "yan": False,
        "stranger": False,
    }
    assert world.refused(
        None, "select api.download_attachment(%s, %s)", world.stores["east"], file
    ).startswith("42501")
    assert (
        world.refused("lin", "select api.download_attachment(%s, %s)", world.stores["west"], file)
        == "PT404 not_found"
    )

    publish(
        world, lambda document: without_words(document, "manager")
    )  # hidden from now on: not seen either
    assert (opens(world, "he", file), opens(world, "lin", file)) == (False, True)


def test_a_paper_is_seen_by_those_who_see_the_field_that_names_it(world):
    def hide_from_managers(document):
        document["forms"]["customer"]["fields"].append(
            {"key": "papers", "label": {"zh_CN": "证件"}, "type": "file"}
        )
        rights(document, "advisor", "customer")["papers"] = "write"
        rights(document, "store_admin", "customer")["papers"] = "read"

    publish(world, hide_from_managers)
    customer, file = world.customer(), new_id()
    world.done("lin", "save_customer", {"id": customer, "set": {"papers": file}}, base_version=1)
    put(world, "lin", "customer", customer, id=file)
    assert {name: opens(world, name, file) for name in ("lin", "liang", "he", "xu")} == {
        "lin": True,
        "liang": True,
        "he": False,
        "xu": False,
    }
    # he cannot bring it into a field of their own: what he may not see he cannot name, and a name
    # alone opens nothing of another record
    other = world.customer("he")
    world.done("he", "save_customer", {"id": other, "set": {"need": file}}, base_version=1)
    assert not opens(world, "he", file)
    another = new_id()
    world.done("lin", "save_customer", {"id": customer, "set": {"papers": another}}, base_version=2)
    assert not opens(world, "lin", file)  # another took its place


def test_a_field_of_a_talk_hides_its_file_though_its_words_are_read(world):
    def a_field(document):
        document["forms"]["conversation"]["fields"].append(
            {"key": "papers", "label": {"zh_CN": "合同"}, "type": "file"}
        )
        rights(document, "advisor", "conversation")["papers"] = "write"

    publish(world, a_field)
    customer, conversation, file = world.customer(), new_id(), new_id()
    told = {
        "id": conversation,
        "customer_id": customer,
        "outcome": "interested",
        "level": "near",
        "notes": "签了",
        "set": {"papers": file},
    }
    world.done("lin", "log_conversation", told)
    put(world, "lin", "conversation", conversation, id=file)
    beside = put(
        world, "lin", "conversation", conversation
    )  # a photo of the conversation, named by no field
    assert (opens(world, "lin", file), opens(world, "he", file), opens(world, "he", beside)) == (
        True,
        False,
        True,
    )


@pytest.mark.parametrize(
    ("who", "form", "may"),
    [
        ("xu", "customer", True),
        ("xu", "conversation", False),
        ("xu", "policy", False),
        ("wu", "customer", False),
        ("chen", "customer", False),
        ("ma", "customer", False),
    ],
)
def test_who_may_write_such_a_record_may_send_its_files(world, who, form, may):
    """The assistant who receives visitors photographs a licence; he logs no conversations. wu, chen
    and ma do not see this customer."""
    customer = world.customer()
    record = {"customer": customer, "conversation": new_id(), "policy": new_id()}[form]
    if form == "conversation":
        world.done(
            "lin",
            "log_conversation",
            {
                "id": record,
                "customer_id": customer,
                "outcome": "interested",
                "level": "near",
                "notes": "x",
            },
        )
    about = {
        "id": new_id(),
        "form": form,
        "record_id": record,
        "kind": "photo",
        "mime": "image/png",
        "bytes": len(DATA),
        "sha256": hashlib.sha256(DATA).hexdigest(),
    }
    ask = (
        "select api.upload_attachment(%s, %s, 0, %s)",
        world.stores["east"],
        Jsonb(about),
        base64.b64encode(DATA).decode(),
    )
    if may:
        assert world.ask(who, *ask)[0][0]["complete"]
    else:
        assert world.refused(who, *ask) in ("PT403 forbidden", "PT404 not_found")
