"""A field of type file: the photo or paper waits on the device with the form that names it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tests.mobile_app.test_opening_files import picked, with_papers
from tests.support.files import png
from tests.support.phone_screen import LocalData, phone

TODAY = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()


PAPERS = (("customer", "name"), ("conversation", "notes"))


async def test_a_new_customers_paper_is_named_by_its_field_and_waits_for_the_network(tmp_path):
    async with phone(
        tmp_path, with_papers(*PAPERS), "advisor", LocalData(TODAY), route="/customers/new"
    ) as p:
        s = p.screen
        await s.type("name", "王先生")
        await s.tap("more-fields")
        s.client.replies |= picked("驾驶证.jpg", b"\xff\xd8\xfffirst")
        await s.tap("papers-attach")
        await s.settle(until=lambda: bool(s.all("file-")))
        s.client.replies |= picked("合同.pdf", b"%PDF-1.7 second")
        await s.tap("papers-attach")  # another one in its place
        await s.tap("save-customer")
        [op] = await p.sent()
        [file] = await p.session.local_store.attachments.unacknowledged()
        assert (
            op["payload"]["set"]["papers"] == str(file.id)
            and str(file.record_id) == op["payload"]["id"]
        )
        assert (file.form, file.kind, file.mime, file.path.read_bytes()) == (
            "customer",
            "file",
            "application/pdf",
            b"%PDF-1.7 second",
        )


async def test_a_file_that_is_too_large_is_said_by_its_field(tmp_path, monkeypatch):
    monkeypatch.setattr("mobile_app.files.picker.LARGEST", 10)
    async with phone(
        tmp_path, with_papers(*PAPERS), "advisor", LocalData(TODAY), route="/customers/new"
    ) as p:
        s = p.screen
        await s.tap("more-fields")
        s.client.replies |= picked("大.jpg", b"x" * 11)
        await s.tap("papers-attach")
        await s.settle(until=lambda: s.sees("文件不能超过 20 MB"))
        await s.type("name", "王先生")
        await s.tap("save-customer")
        assert (
            "papers" not in (await p.sent())[0]["payload"]["set"]
            and await p.session.local_store.attachments.unacknowledged() == []
        )


async def test_the_sheet_of_a_talk_takes_a_file_too(tmp_path):
    local_data = LocalData(TODAY)
    local_data.task(local_data.customer("王先生"), "王")
    async with phone(tmp_path, with_papers(*PAPERS), "advisor", local_data) as p:
        s = p.screen
        await s.tap("outcome-interested")
        await s.type("notes", "签了意向书", leave=False)
        s.client.replies |= picked("意向书.png", png())
        await s.tap("papers-attach")
        await s.tap("save-conversation")
        [op] = await p.sent()
        [file] = await p.session.local_store.attachments.unacknowledged()
        assert (file.form, file.kind, str(file.id), str(file.record_id)) == (
            "conversation",
            "photo",
            op["payload"]["set"]["papers"],
            op["payload"]["id"],
        )
