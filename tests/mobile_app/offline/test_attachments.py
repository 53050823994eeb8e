"""Voice memos and photos: a file each beside the book, sent after their record, piece by piece, whatever the network does."""

import asyncio
import random
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from mobile_app.offline.attachments import LARGEST, NewAttachment
from shared.domain.problems import Offline, Refused
from shared.gateway import attachments as remote
from tests.support.people import new_id
from tests.support.phones import AGREED


def memo(size: int = 450_000, seed: int = 1) -> NewAttachment:
    return NewAttachment("voice", "audio/wav", random.Random(seed).randbytes(size), AGREED)


def puts(request) -> bool:
    return request.url.path.endswith("/put_attachment")


async def talk_with(device, customer: str, *files: NewAttachment, words: str = "有录音") -> str:
    talk = str(new_id())
    await device.do(
        "log_conversation", {"id": talk, "customer_id": customer, "outcome": "interested", "level": "near", "words": words}, attachments=files
    )
    return talk


async def test_a_memo_arrives_whole_and_the_new_owner_hears_it(phone, town):
    lin, chen = await phone("lin"), await phone("chen")
    customer = await lin.new_customer()
    sound = memo()
    talk = await talk_with(lin, customer, sound)
    assert await lin.outbox.counts() == (3, 0)
    await lin.sync.once()
    assert await lin.outbox.counts() == (0, 0)
    await lin.sync.once()  # the book tells it back
    [listed] = (await lin.holds())["attachments"].values()
    assert (str(listed.record_id), listed.kind, listed.bytes) == (talk, "voice", len(sound.data))
    assert await remote.get(lin.gateway, town.stores["east"], listed.id) == sound.data
    with pytest.raises(Refused):
        await remote.get(chen.gateway, town.stores["east"], listed.id)
    town.db.execute("update crm.customers set owner_id = %s where id = %s", (chen.user_id, customer))
    town.db.commit()
    await chen.sync.once()
    assert list((await chen.holds())["attachments"]) == [str(listed.id)]
    assert await remote.get(chen.gateway, town.stores["east"], listed.id) == sound.data
    await lin.sync.once()
    await lin.sync.once()
    assert (await lin.holds())["attachments"] == {}
    assert not [*lin.attachments.folder.iterdir()]  # the sound left the old phone with the customer


async def test_a_memo_goes_on_where_it_was_cut(phone, town):
    lin = await phone("lin")
    await talk_with(lin, await lin.new_customer(), memo(900_000))
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
    assert town.row("select received from crm.attachments where author_id = %s", lin.user_id) == 900_000
    town.db.rollback()


async def test_words_never_wait_for_pictures_and_a_refused_picture_for_nobody(phone, town):
    lin = await phone("lin")
    customer = await lin.new_customer()
    refused = await talk_with(lin, customer, memo(1000), words="")  # no words: the server refuses the talk
    kept = await talk_with(lin, customer, memo(2000, seed=2))
    await lin.sync.once()
    assert (lin.sync.state.waiting, lin.sync.state.attention) == (1, 1)  # the memo waits for its talk, the talk for a person
    assert [str(r[0]) for r in town.db.execute("select record_id from crm.attachments where author_id = %s", (lin.user_id,))] == [kept]
    town.db.rollback()
    [parked] = await lin.outbox.unsettled()
    assert (parked.payload["id"], parked.files) == (refused, 1)
    await lin.outbox.retry(parked.op_id, now=lin.clock.now(), payload={"words": "补上了"})
    await lin.sync.once()
    assert (lin.sync.state.waiting, lin.sync.state.attention) == (0, 0)
    assert town.row("select count(*) from crm.attachments where received = bytes and author_id = %s", lin.user_id) == 2
    town.db.rollback()


async def test_giving_up_and_undoing_take_the_files_along(phone, town):
    lin = await phone("lin")
    customer = await lin.new_customer()
    await talk_with(lin, customer, memo(1000), words="")
    await lin.sync.once()
    [parked] = await lin.outbox.unsettled()
    await lin.outbox.discard(parked.op_id)
    talk = await lin.do(
        "log_conversation",
        {"id": str(new_id()), "customer_id": customer, "outcome": "interested", "level": "near", "words": "x"},
        attachments=(memo(1000),),
    )
    await lin.outbox.undo(talk, now=lin.clock.now())
    await lin.sync.once()
    assert await lin.outbox.counts() == (0, 0)
    assert not [*lin.attachments.folder.iterdir()]
    assert town.row("select count(*) from crm.attachments where author_id = %s", lin.user_id) == 0
    town.db.rollback()


async def test_a_file_without_its_row_goes_and_an_impossible_one_is_refused_at_once(phone):
    lin = await phone("lin")
    await lin.attachments.store(memo(1000))  # killed before the operation was written
    await lin.attachments.sweep()
    assert not [*lin.attachments.folder.iterdir()]
    for data in (b"", b"x" * (LARGEST + 1)):
        with pytest.raises(ValueError, match="20 MB"):
            await lin.attachments.store(NewAttachment("photo", "image/jpeg", data))


async def test_nobody_adds_to_a_file_that_is_not_his(phone, town):
    lin, chen = await phone("lin"), await phone("chen")
    customer = await lin.new_customer()
    talk = await talk_with(lin, customer)
    await lin.sync.once()
    about = {"id": str(new_id()), "form": "conversation", "record_id": talk, "kind": "photo", "mime": "image/png", "bytes": 4, "sha256": "0" * 64}
    with pytest.raises(Refused) as refused:
        await remote.put(chen.gateway, town.stores["east"], about, at=0, data=b"evil")
    assert refused.value.code == "not_found"
    answer = await remote.put(lin.gateway, town.stores["east"], about, at=0, data=b"good")
    assert (answer.received, answer.complete) == (0, False)  # its sum does not match: once more from the beginning, and never shown
    await lin.sync.once()
    assert (await lin.holds())["attachments"] == {}
    for change in ({"bytes": 3 * 10**7}, {"mime": "text/html; x"}, {"kind": "exe"}, {"form": "members"}, {"sha256": "x"}):
        with pytest.raises(Refused):
            await remote.put(lin.gateway, town.stores["east"], about | {"id": str(new_id())} | change, at=0, data=b"x")


async def test_the_server_takes_no_recording_without_consent_and_tells_who_asked_and_when(town):
    """A phone of our own refuses to store one; a client of somebody else's making hears `required`."""
    customer = town.customer()
    about = {"id": new_id(), "form": "customer", "record_id": customer, "kind": "voice", "mime": "audio/wav", "bytes": 4, "sha256": "0" * 64}
    town.db.commit()
    ask = "select api.put_attachment(%s, %s, 0, 'eHh4eA==')"
    with pytest.raises(psycopg.Error, match="required"), town.db.transaction():
        town.ask("lin", ask, town.stores["east"], Jsonb(about))
    with pytest.raises(psycopg.Error, match="required"), town.db.transaction():
        town.ask("lin", ask, town.stores["east"], Jsonb(about | {"consented_at": "soon"}))
    town.ask("lin", ask, town.stores["east"], Jsonb(about | {"consented_at": "2999-01-01T00:00:00Z"}))  # not from the future
    assert town.row("select author_id = %s and consented_at <= now() from crm.attachments where id = %s", town.users["lin"], about["id"])


async def test_what_was_fetched_once_stays_with_its_record_and_leaves_with_it(phone, town):
    """The heir opens the memo once, then hears it in a basement; with the customer it leaves his phone too."""
    lin, chen = await phone("lin"), await phone("chen")
    customer = await lin.new_customer()
    sound = memo(200_000)
    await talk_with(lin, customer, sound)
    await lin.sync.once()
    town.db.execute("update crm.customers set owner_id = %s where id = %s", (chen.user_id, customer))
    town.db.commit()
    await chen.sync.once()
    card = await chen.replica.card(UUID(customer))
    assert card is not None
    [file] = card.attachments
    assert await chen.attachments.here(file.id) is None
    told: list[int] = []
    await chen.attachments.keep(file, await remote.get(chen.gateway, town.stores["east"], file.id, told=lambda here, _all: told.append(here)))
    assert told == [192 * 1024, 200_000]
    await chen.sync.once()  # swept: the book names it
    chen.network.down = True
    assert await chen.attachments.here(file.id) == sound.data
    chen.network.heal()
    town.db.execute("update crm.customers set owner_id = %s where id = %s", (lin.user_id, customer))
    town.db.commit()
    await chen.sync.once()
    assert await chen.attachments.here(file.id) is None and not [*chen.attachments.folder.iterdir()]
    await chen.attachments.keep(file, sound.data)  # fetched a moment before: of somebody who is not in the book nothing is kept
    assert not [*chen.attachments.folder.iterdir()]


async def test_a_right_that_is_lost_takes_the_sound_along(phone, town):
    """Words hidden from the role: made here or fetched, nothing of the talk is heard any more."""
    lin, chen = await phone("lin"), await phone("chen")
    mine, his = await lin.new_customer(), await chen.new_customer()
    await talk_with(lin, mine, memo(1000))
    await talk_with(chen, his, memo(2000, seed=2))
    for device in (lin, chen):
        await device.sync.once()
        await device.sync.once()
    town.db.execute("update crm.customers set owner_id = %s where id = %s", (lin.user_id, his))
    town.db.commit()
    await lin.sync.once()
    fetched = next(a for a in (await lin.holds())["attachments"].values() if a.bytes == 2000)
    await lin.attachments.keep(fetched, await remote.get(lin.gateway, town.stores["east"], fetched.id))
    assert len([*lin.attachments.folder.iterdir()]) == 2
    document = town.row("select document from crm.config_versions v join crm.stores s on s.id = v.store_id and s.config_version = v.version where s.id = %s", town.stores["east"])  # fmt: skip
    version = town.row("select config_version from crm.stores where id = %s", town.stores["east"])
    role = next(r for r in document["roles"] if r["key"] == "advisor")
    del role["rights"]["conversation"]["words"]
    role["verbs"].remove("log_conversation")  # who logs has to fill them in
    town.ask("liang", "select api.publish_config(%s, %s, %s, 'test')", town.stores["east"], Jsonb(document), version)
    town.db.commit()
    await lin.sync.once()
    assert (await lin.holds())["attachments"] == {} and not [*lin.attachments.folder.iterdir()]
    with pytest.raises(Refused):
        await remote.get(lin.gateway, town.stores["east"], fetched.id)


async def test_fetched_files_take_no_more_than_their_share(phone, town, monkeypatch):
    lin = await phone("lin")
    customer = await lin.new_customer()
    await talk_with(lin, customer, *(memo(1000, seed=n) for n in range(3)))
    await lin.sync.once()
    await lin.sync.once()
    await lin.database.write(lambda c: c.execute("delete from attachments"))  # forgotten after 35 days: fetched ones like any other
    files = [*(await lin.holds())["attachments"].values()]
    for file in files:
        await lin.attachments.here(file.id)
        await asyncio.sleep(0.02)  # so that the file system's clock moves on
    monkeypatch.setattr("mobile_app.offline.attachments.FETCHED", 2000)
    await lin.attachments.sweep()
    assert [await lin.attachments.here(file.id) is not None for file in files] == [False, True, True]
