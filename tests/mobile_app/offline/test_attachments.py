"""Voice memos and photos: a file each beside the local data, sent after their record, piece by
piece, whatever the network does."""

import asyncio
import base64
import random
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from mobile_app.offline.attachments import LARGEST, NewAttachment
from shared.domain.problems import Offline, Rejected
from shared.gateway import attachments as remote
from tests.support.files import png, wav
from tests.support.people import new_id
from tests.support.phones import AGREED


def memo(size: int = 450_000, seed: int = 1) -> NewAttachment:
    return NewAttachment(
        "voice", "audio/wav", wav(random.Random(seed).randbytes(size - len(wav()))), AGREED
    )


def puts(request) -> bool:
    return request.url.path.endswith("/upload_attachment")


async def log_with_files(
    device, customer: str, *files: NewAttachment, notes: str = "有录音"
) -> str:
    conversation = str(new_id())
    await device.do(
        "log_conversation",
        {
            "id": conversation,
            "customer_id": customer,
            "outcome": "interested",
            "level": "near",
            "notes": notes,
        },
        attachments=files,
    )
    return conversation


async def test_a_memo_arrives_whole_and_the_new_owner_hears_it(phone, dealers):
    lin, chen = await phone("lin"), await phone("chen")
    customer = await lin.new_customer()
    sound = memo()
    conversation = await log_with_files(lin, customer, sound)
    assert await lin.outbox.counts() == (3, 0)
    await lin.sync.once()
    assert await lin.outbox.counts() == (0, 0)
    await lin.sync.once()  # the local data tells it back
    [listed] = (await lin.holds())["attachments"].values()
    assert (str(listed.record_id), listed.kind, listed.bytes) == (
        conversation,
        "voice",
        len(sound.data),
    )
    assert await remote.download(lin.gateway, dealers.stores["east"], listed.id) == sound.data
    with pytest.raises(Rejected):
        await remote.download(chen.gateway, dealers.stores["east"], listed.id)
    dealers.db.execute(
        "update crm.customers set owner_id = %s where id = %s", (chen.user_id, customer)
    )
    dealers.db.commit()
    await chen.sync.once()
    assert list((await chen.holds())["attachments"]) == [str(listed.id)]
    assert await remote.download(chen.gateway, dealers.stores["east"], listed.id) == sound.data
    await lin.sync.once()
    await lin.sync.once()
    assert (await lin.holds())["attachments"] == {}
    assert not [*lin.attachments.folder.iterdir()]  # the sound left the old phone with the customer


async def test_a_memo_goes_on_where_it_was_cut(phone, dealers):
    lin = await phone("lin")
    await log_with_files(lin, await lin.new_customer(), memo(900_000))
    sent: list[int] = []
    lin.network.only = puts

    def cut(request) -> None:
        sent.append(len(request.content))
        lin.network.lose_reply = len(sent) == 2
        lin.network.down = len(sent) in (3, 5)

    lin.network.before = cut
    for _ in range(4):
        try:
            await lin.sync.once()
        except Offline:
            continue
    assert await lin.outbox.counts() == (0, 0)
    assert len(sent) <= 9  # five pieces, one doubled, two that never left
    assert (
        dealers.row("select received from crm.attachments where author_id = %s", lin.user_id)
        == 900_000
    )
    dealers.db.rollback()


async def test_words_never_wait_for_pictures_and_a_refused_picture_for_nobody(phone, dealers):
    lin = await phone("lin")
    customer = await lin.new_customer()
    refused = await log_with_files(
        lin, customer, memo(1000), notes=""
    )  # no words: the server refuses the conversation
    kept = await log_with_files(lin, customer, memo(2000, seed=2))
    await lin.sync.once()
    assert (lin.sync.state.pending, lin.sync.state.rejected) == (
        1,
        1,
    )  # the memo waits for its talk, the conversation for a person
    assert [
        str(r[0])
        for r in dealers.db.execute(
            "select record_id from crm.attachments where author_id = %s", (lin.user_id,)
        )
    ] == [kept]
    dealers.db.rollback()
    [rejected] = await lin.outbox.unacknowledged()
    assert (rejected.payload["id"], rejected.files) == (refused, 1)
    await lin.outbox.retry(rejected.op_id, now=lin.clock.now(), payload={"notes": "补上了"})
    await lin.sync.once()
    assert (lin.sync.state.pending, lin.sync.state.rejected) == (0, 0)
    assert (
        dealers.row(
            "select count(*) from crm.attachments where received = bytes and author_id = %s",
            lin.user_id,
        )
        == 2
    )
    dealers.db.rollback()


async def test_giving_up_and_undoing_take_the_files_along(phone, dealers):
    lin = await phone("lin")
    customer = await lin.new_customer()
    await log_with_files(lin, customer, memo(1000), notes="")
    await lin.sync.once()
    [rejected] = await lin.outbox.unacknowledged()
    await lin.outbox.discard(rejected.op_id)
    conversation = await lin.do(
        "log_conversation",
        {
            "id": str(new_id()),
            "customer_id": customer,
            "outcome": "interested",
            "level": "near",
            "notes": "x",
        },
        attachments=(memo(1000),),
    )
    await lin.outbox.undo(conversation, now=lin.clock.now())
    await lin.sync.once()
    assert await lin.outbox.counts() == (0, 0)
    assert not [*lin.attachments.folder.iterdir()]
    assert (
        dealers.row("select count(*) from crm.attachments where author_id = %s", lin.user_id) == 0
    )
    dealers.db.rollback()


async def test_a_file_without_its_row_goes_and_an_impossible_one_is_refused_at_once(phone):
    lin = await phone("lin")
    await lin.attachments.store(memo(1000))  # killed before the operation was written
    await lin.attachments.sweep()
    assert not [*lin.attachments.folder.iterdir()]
    for data in (b"", b"x" * (LARGEST + 1)):
        with pytest.raises(ValueError, match="20 MB"):
            await lin.attachments.store(NewAttachment("photo", "image/jpeg", data))


async def test_nobody_adds_to_a_file_that_is_not_his(phone, dealers):
    lin, chen = await phone("lin"), await phone("chen")
    customer = await lin.new_customer()
    conversation = await log_with_files(lin, customer)
    await lin.sync.once()
    about = {
        "id": str(new_id()),
        "form": "conversation",
        "record_id": conversation,
        "kind": "photo",
        "mime": "image/png",
        "bytes": len(png(b"good")),
        "sha256": "0" * 64,
    }
    with pytest.raises(Rejected) as refused:
        await remote.upload(
            chen.gateway,
            dealers.stores["east"],
            about,
            at=0,
            data=png(b"evil"),
            user_id=chen.user_id,
        )
    assert refused.value.code == "not_found"
    answer = await remote.upload(
        lin.gateway, dealers.stores["east"], about, at=0, data=png(b"good"), user_id=lin.user_id
    )
    assert (answer.received, answer.complete) == (
        0,
        False,
    )  # its sum does not match: once more from the beginning, and never shown
    await lin.sync.once()
    assert (await lin.holds())["attachments"] == {}
    for change in (
        {"bytes": 3 * 10**7},
        {"mime": "text/html; x"},
        {"mime": "text/html"},
        {"mime": "image/svg+xml"},
        {"mime": "image/jpeg"},
        {"kind": "exe"},
        {"form": "members"},
        {"sha256": "x"},
    ):
        with pytest.raises(Rejected):
            await remote.upload(
                lin.gateway,
                dealers.stores["east"],
                about | {"id": str(new_id())} | change,
                at=0,
                data=png(b"good"),
                user_id=lin.user_id,
            )


async def test_the_server_takes_no_recording_without_consent_and_tells_who_asked_and_when(dealers):
    """A phone of our own refuses to store one; a client of somebody else's making hears
    `required`."""
    customer = dealers.customer()
    about = {
        "id": new_id(),
        "form": "customer",
        "record_id": customer,
        "kind": "voice",
        "mime": "audio/wav",
        "bytes": len(wav()),
        "sha256": "0" * 64,
    }
    dealers.db.commit()
    ask = f"select api.upload_attachment(%s, %s, 0, '{base64.b64encode(wav()).decode()}')"
    with pytest.raises(psycopg.Error, match="required"), dealers.db.transaction():
        dealers.ask("lin", ask, dealers.stores["east"], Jsonb(about))
    with pytest.raises(psycopg.Error, match="required"), dealers.db.transaction():
        dealers.ask("lin", ask, dealers.stores["east"], Jsonb(about | {"consented_at": "soon"}))
    dealers.ask(
        "lin", ask, dealers.stores["east"], Jsonb(about | {"consented_at": "2099-01-01T00:00:00Z"})
    )  # not from the future
    assert dealers.row(
        "select author_id = %s and consented_at <= now() from crm.attachments where id = %s",
        dealers.users["lin"],
        about["id"],
    )


async def test_what_was_fetched_once_stays_with_its_record_and_leaves_with_it(phone, dealers):
    """The new owner opens the memo once, then hears it in a basement; with the customer it leaves
    their phone too."""
    lin, chen = await phone("lin"), await phone("chen")
    customer = await lin.new_customer()
    sound = memo(200_000)
    await log_with_files(lin, customer, sound)
    await lin.sync.once()
    dealers.db.execute(
        "update crm.customers set owner_id = %s where id = %s", (chen.user_id, customer)
    )
    dealers.db.commit()
    await chen.sync.once()
    card = await chen.replica.card(UUID(customer))
    assert card is not None
    [file] = card.attachments
    assert await chen.attachments.here(file.id) is None
    told: list[int] = []
    await chen.attachments.keep(
        file,
        await remote.download(
            chen.gateway,
            dealers.stores["east"],
            file.id,
            on_progress=lambda here, _all: told.append(here),
        ),
    )
    assert told == [192 * 1024, 200_000]
    await chen.sync.once()  # swept: the local data names it
    chen.network.down = True
    assert await chen.attachments.here(file.id) == sound.data
    chen.network.heal()
    dealers.db.execute(
        "update crm.customers set owner_id = %s where id = %s", (lin.user_id, customer)
    )
    dealers.db.commit()
    await chen.sync.once()
    assert await chen.attachments.here(file.id) is None and not [*chen.attachments.folder.iterdir()]
    await chen.attachments.keep(
        file, sound.data
    )  # fetched a moment before: of somebody who is not in the local data nothing is kept
    assert not [*chen.attachments.folder.iterdir()]


async def test_a_right_that_is_lost_takes_the_sound_along(phone, dealers):
    """Words hidden from the role: made here or fetched, nothing of the conversation is heard any
    more."""
    lin, chen = await phone("lin"), await phone("chen")
    mine, his = await lin.new_customer(), await chen.new_customer()
    await log_with_files(lin, mine, memo(1000))
    await log_with_files(chen, his, memo(2000, seed=2))
    for device in (lin, chen):
        await device.sync.once()
        await device.sync.once()
    dealers.db.execute("update crm.customers set owner_id = %s where id = %s", (lin.user_id, his))
    dealers.db.commit()
    await lin.sync.once()
    fetched = next(a for a in (await lin.holds())["attachments"].values() if a.bytes == 2000)
    await lin.attachments.keep(
        fetched, await remote.download(lin.gateway, dealers.stores["east"], fetched.id)
    )
    assert len([*lin.attachments.folder.iterdir()]) == 2
    document = dealers.row(
        "select document from crm.config_versions v join crm.stores s on s.id = v.store_id and "
        "s.config_version = v.version where s.id = %s",
        dealers.stores["east"],
    )
    version = dealers.row(
        "select config_version from crm.stores where id = %s", dealers.stores["east"]
    )
    role = next(r for r in document["roles"] if r["key"] == "advisor")
    del role["rights"]["conversation"]["notes"]
    role["verbs"].remove("log_conversation")  # who logs has to fill them in
    dealers.ask(
        "liang",
        "select api.publish_config(%s, %s, %s, 'test')",
        dealers.stores["east"],
        Jsonb(document),
        version,
    )
    dealers.db.commit()
    await lin.sync.once()
    assert (await lin.holds())["attachments"] == {} and not [*lin.attachments.folder.iterdir()]
    with pytest.raises(Rejected):
        await remote.download(lin.gateway, dealers.stores["east"], fetched.id)


async def test_fetched_files_take_no_more_than_their_share(phone, dealers, monkeypatch):
    lin = await phone("lin")
    customer = await lin.new_customer()
    await log_with_files(lin, customer, *(memo(1000, seed=n) for n in range(3)))
    await lin.sync.once()
    await lin.sync.once()
    await lin.database.write(
        lambda c: c.execute("delete from attachments")
    )  # forgotten after 35 days: fetched ones like any other
    files = [*(await lin.holds())["attachments"].values()]
    for file in files:
        await lin.attachments.here(file.id)
        await asyncio.sleep(0.02)  # so that the file system's clock moves on
    monkeypatch.setattr("mobile_app.offline.attachments.FETCHED", 2000)
    await lin.attachments.sweep()
    assert [await lin.attachments.here(file.id) is not None for file in files] == [
        False,
        True,
        True,
    ]
