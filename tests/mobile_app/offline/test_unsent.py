"""Unsent work as a file: whole, readable by another device of the same person, by nobody else."""

import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from mobile_app.offline import unsent
from mobile_app.offline.attachments import Attachments, NewAttachment
from mobile_app.offline.cleanup import delete_sent_data
from mobile_app.offline.database import Database
from mobile_app.offline.outbox import Outbox
from shared.domain.problems import OtherUser, Rejected
from shared.gateway.sync import Answer
from tests.support.people import new_id

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)


class OneBook:
    """A book of one person on one device."""

    def __init__(self, folder: Path, user_id, store_id) -> None:
        file = folder / str(user_id) / f"{store_id}.sqlite"
        self.database = Database(file, user_id=user_id, store_id=store_id)
        self.attachments = Attachments(self.database, new_id)
        self.outbox = Outbox(self.database, new_id=new_id)

    async def export(self) -> bytes:
        return await unsent.export(
            self.database, self.attachments, lambda verb, title, payload: f"{verb} {title}"
        )

    async def take_over(self, data: bytes) -> unsent.TakenOver:
        return await unsent.take_over(self.database, self.attachments, self.outbox, data)


@pytest.fixture
async def opened(tmp_path):
    books: list[OneBook] = []

    def make(device: str, user_id, store_id) -> OneBook:
        books.append(OneBook(tmp_path / device, user_id, store_id))
        return books[-1]

    yield make
    for local_data in books:
        await local_data.database.close()


@pytest.fixture
async def full(opened):
    """Waiting with a photo, refused, sent: the first two are unsent."""
    local_data = opened("first", uuid4(), uuid4())
    customer = new_id()
    photo = await local_data.attachments.store(
        NewAttachment("photo", "image/png", b"\x89PNG" + b"1" * 9)
    )
    conversation = {
        "id": new_id(),
        "customer_id": customer,
        "outcome": "no_answer",
        "notes": "第一句",
    }
    await local_data.outbox.add(
        "log_conversation", conversation, now=NOW, title="张三", files=[photo]
    )
    refused = await local_data.outbox.add("acknowledge_alert", {"id": new_id()}, now=NOW)
    sent = await local_data.outbox.add("acknowledge_alert", {"id": new_id()}, now=NOW)
    await local_data.outbox.settle(
        Answer(op_id=refused, status="rejected", code="required", field="notes"),
        Answer(op_id=sent, status="applied"),
    )
    return local_data


async def test_another_device_takes_everything_over_once(full, opened):
    data = await full.export()
    other = opened("second", full.database.user_id, full.database.store_id)
    assert await other.take_over(data) == unsent.TakenOver(2, 0)
    assert await other.take_over(data) == unsent.TakenOver(0, 2)
    mine = {w.op_id: w for w in await full.outbox.unacknowledged()}
    theirs = {w.op_id: w for w in await other.outbox.unacknowledged()}
    assert theirs == mine
    assert {w.files for w in theirs.values()} == {0, 1}
    file = await other.attachments.next()
    assert file is None  # it waits for its operation, as on the first device
    [row] = await other.attachments.unacknowledged(None)
    assert row.path.read_bytes().startswith(b"\x89PNG")
    assert await other.outbox.counts() == await full.outbox.counts()


async def test_people_can_read_it(full):
    with zipfile.ZipFile(io.BytesIO(await full.export())) as archive:
        lines = archive.read("unsent.txt").decode().splitlines()
        assert lines[0] == "2026-11-30 09:00 +0000  log_conversation 张三"
        assert len(lines) == 2
        assert len([name for name in archive.namelist() if name.startswith("files/")]) == 1


async def test_another_person_or_store_is_refused(full, opened):
    data = await full.export()
    for user_id, store_id in (
        (uuid4(), full.database.store_id),
        (full.database.user_id, uuid4()),
    ):
        other = opened("second", user_id, store_id)
        with pytest.raises(OtherUser):
            await other.take_over(data)
        assert await other.outbox.counts() == (0, 0)


def _changed(data: bytes, change) -> bytes:
    """The same file with another unsent.json, or other entries."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(packed, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "unsent.json":
                document = json.loads(content)
                change(document)
                content = json.dumps(document).encode()
            new.writestr(name, content)
    return packed.getvalue()


BROKEN = {
    "of a later format": lambda d: d.update(format=2),
    "without operations": lambda d: d.pop("operations"),
    "a verb that is none": lambda d: d["operations"][0].update(verb="drop table"),
    "a moment without a zone": lambda d: d["operations"][0].update(made_at="2026-11-30T09:00:00"),
    "a state that is none": lambda d: d["operations"][0].update(state="sent"),
    "a file outside its folder": lambda d: d["files"][0].update(name="unsent.txt"),
    "a file that is not there": lambda d: d["files"][0].update(name="files/none.png"),
    "a file with other bytes": lambda d: d["files"][0].update(sha256="0" * 64),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_damaged_file_is_refused_and_nothing_of_it_is_stored(full, opened, name):
    other = opened("second", full.database.user_id, full.database.store_id)
    with pytest.raises(Rejected, match="unsent_file"):
        await other.take_over(_changed(await full.export(), BROKEN[name]))
    assert await other.outbox.counts() == (0, 0)


def encrypted() -> bytes:
    """A file whose only part is marked as encrypted."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("unsent.json", "{}")
    data = bytearray(out.getvalue())
    data[6] |= 1  # the flags of the part, there and in the directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


@pytest.mark.parametrize(
    "data", [b"", b"no zip", b"PK\x05\x06" + b"\0" * 18, pytest.param(encrypted(), id="encrypted")]
)
async def test_what_is_no_such_file_is_refused(full, data):
    with pytest.raises(Rejected, match="unsent_file"):
        await full.take_over(data)


async def test_a_sign_out_empties_a_book_only_when_nothing_waits(full, tmp_path):
    device, user_id = tmp_path / "first", full.database.user_id
    await delete_sent_data(device, user_id)
    assert await full.outbox.counts() == (2, 1)  # a photo counts as well
    for pending in await full.outbox.unacknowledged():
        await full.outbox.settle(Answer(op_id=pending.op_id, status="applied"))
        await full.outbox.discard(pending.op_id)
    [photo] = await full.attachments.unacknowledged(None)
    await full.attachments.received(photo.id, photo.bytes, complete=True)
    await delete_sent_data(device, user_id)
    assert "张三".encode() not in full.database.file.read_bytes()
    assert list(full.attachments.folder.glob("*")) == []
