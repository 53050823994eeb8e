"""The phone's own browser as a device: what it keeps, for whom, and what leaves it."""

import io
import json
import sqlite3
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.browser import until
from tests.support.device import Device
from tests.support.phone_screen import unsigned_token
from tests.support.proxy import ThreadedProxy, clear
from tests.support.static_server import static_host

pytestmark = pytest.mark.journey
DURABLE = {"permission": {"name": "persistent-storage"}, "setting": "granted"}
SENT = "已全部上传"


def signed_in(device: Device, people, who: str = "lin") -> None:
    device.sign_in(people[who].email, people[who].password)
    device.see_id("card-name")
    device.see(SENT)


def save_one(device: Device) -> None:
    """One operation: nobody answered."""
    card = device.id("card-name").inner_text()
    device.tap("outcome-no-answer")
    expect(device.id("card-name")).not_to_have_text(card)


def go(device: Device, path: str) -> None:
    device.page.goto(device.base + path)
    device.ready()


def operations(operator, since) -> list[tuple]:
    return operator.execute(
        "select op_id::text, user_id, result ->> 'status' from crm.operations where applied_at >= "
        "%s "
        "order by applied_at",
        (since,),
    ).fetchall()


def contents(device: Device, into: Path) -> dict[str, bytes]:
    """Everything in the app's private folder, by path; the app is closed by it."""
    files = device.copy_files(into)
    return {str(file.relative_to(into)): file.read_bytes() for file in files}


@pytest.fixture
def now(operator):
    return operator.execute("select clock_timestamp()").fetchone()[0]


def test_the_browser_is_asked_to_keep_the_data_and_little_room_is_said(device, host, people):
    device.open("/")
    signed_in(device, people)
    go(device, "/me/device")
    expect(device.id("kept-data")).to_contain_text("可能会删除")
    session = device.context.new_cdp_session(device.page)
    session.send("Browser.setPermission", {**DURABLE, "origin": host.url})
    device.tap("keep-data")
    expect(device.id("kept-data")).to_contain_text("一直保留")
    expect(device.id("space")).to_contain_text("空间充足")
    used = device.page.evaluate("navigator.storage.estimate().then((found) => found.usage)")
    quota = {"origin": host.url, "quotaSize": used + 30_000_000}
    session.send("Storage.overrideQuotaForOrigin", quota)
    device.page.reload()
    device.ready()
    expect(device.id("space")).to_contain_text("几乎没有剩余")
    go(device, "/me")
    expect(device.id("storage-warning")).to_be_attached()
    assert device.errors == []


def test_unsent_work_is_saved_as_a_file_and_read_in_on_another_device(
    chromium, device, host, people, make_task, operator, now, tmp_path
):
    """Both devices send it in the end: it is applied once."""
    make_task("lin", "导出文件")
    device.open("/")
    signed_in(device, people)
    device.context.set_offline(True)
    name = device.id("card-name").inner_text()
    save_one(device)
    go(device, "/me/device")
    with device.page.expect_download() as download:
        device.tap("export-unsent")
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert file.suffix == ".zip"
    with zipfile.ZipFile(io.BytesIO(file.read_bytes())) as archive:
        document = json.loads(archive.read("unsent.json"))
        assert name in archive.read("unsent.txt").decode()
    [op] = document["operations"]
    assert op["verb"] == "log_conversation"

    other = Device(chromium, host.url, tmp_path / "other")
    try:
        other.open("/me/device")
        other.sign_in(people["lin"].email, people["lin"].password)
        other.see_id("read-unsent")
        with other.page.expect_file_chooser() as chooser:
            other.tap("read-unsent")
        chooser.value.set_files(file)
        other.see("已读入 1 条")
        until(lambda: operations(operator, now))
    finally:
        other.close()
    device.context.set_offline(False)
    go(device, "/me")
    expect(device.id("sync-status")).to_contain_text(SENT)
    assert operations(operator, now) == [(op["op_id"], people["lin"].user_id, "applied")]


def test_people_who_share_a_phone_are_sealed_from_each_other(
    chromium, phone_files, stack, people, make_task, operator, now, tmp_path
):
    """lin's session ends by the server's word with work unsent; chen signs in while the server
    cannot say who that is. Nothing of lin's is drawn or sent in chen's name."""
    secret = "封存的客户"
    make_task("lin", secret)
    lin, chen = people["lin"], people["chen"]
    with (
        ThreadedProxy(stack.supabase_url) as proxy,
        static_host(phone_files, proxy.url, stack.publishable_key) as host,
    ):
        device = Device(chromium, host.url, tmp_path / "profile")
        try:
            device.open("/")
            signed_in(device, people)
            # By the proxy too: a closed page's worker outlived the emulated network once, and sent
            # lin's work before lin's session was ended.
            proxy.weather = lambda path: ("reset",)
            device.context.set_offline(True)
            save_one(device)
            device.see("1 条待上传")
            files = contents(device, tmp_path / "lin")
            identity = end_session(tmp_path / "lin" / "preferences.sqlite")
            device.write_file("preferences.sqlite", identity)
            proxy.weather = clear
            device.context.set_offline(False)
            go(device, "/")
            device.see_id("sign-in")  # refused: the server knows no such session
            proxy.weather = lambda path: ("500",) if "whoami" in path else ()
            device.sign_in(chen.email, chen.password)
            device.see_id("problem")
            device.see_id("sign-in")
            proxy.weather = clear
            go(device, "/")
            if not device.id("card-name").count() and device.id("sign-in").count():
                device.sign_in(chen.email, chen.password)
            device.see(SENT)
            device.gone(secret)
            assert operations(operator, now) == []
            go(device, "/me")
            device.tap("sign-out")
            device.see_id("sign-in")
            device.sign_in(lin.email, lin.password)
            until(lambda: operations(operator, now), 40)
            device.see(SENT)
        finally:
            device.close()
    assert any(str(lin.user_id) in path for path in files)
    assert [(user, status) for _, user, status in operations(operator, now)] == [
        (lin.user_id, "applied")
    ]


def end_session(file: Path) -> bytes:
    """lin's stored session with a token that ended and a refresh token that is none."""

    def ended(identity: dict) -> dict:
        session = {**identity["session"], "expires_at": 1, "refresh_token": "nothing"}
        return {**identity, "session": session}

    return with_identity(file, ended)


def with_identity(file: Path, change) -> bytes:
    """The preferences with another identity in them."""
    with sqlite3.connect(file) as connection:
        connection.execute("pragma journal_mode = wal")
        row = connection.execute("select value from preferences where key = 'identity'").fetchone()
        value = json.dumps(change(json.loads(row[0]) if row else {}))
        connection.execute("insert or replace into preferences values ('identity', ?)", (value,))
        connection.commit()
        connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()
    return file.read_bytes()


def test_a_sign_out_takes_the_customers_off_the_phone(device, people, tmp_path, make_task):
    make_task("lin", "退出后不留")
    device.open("/")
    signed_in(device, people)
    names = {"退出后不留".encode()}
    before = contents(device, tmp_path / "before")
    assert any(name in data for data in before.values() for name in names)
    go(device, "/me")
    device.see("会删除本机上的客户数据")
    device.tap("sign-out")
    device.see_id("sign-in")
    after = contents(device, tmp_path / "after")
    assert [path for path, data in after.items() for name in names if name in data] == []


def test_a_disabled_members_phone_forgets_the_customers(
    device, people, operator, tmp_path, make_task
):
    who = "chen"
    make_task(who, "停用后不留")
    device.open("/")
    signed_in(device, people, who)
    before = contents(device, tmp_path / "before")
    assert any("停用后不留".encode() in data for data in before.values())
    update = "update crm.members set active = %s where user_id = %s"
    operator.execute(update, (False, people[who].user_id))
    try:
        device.page.goto(device.base)
        device.ready()
        device.see_id("sign-in")
        after = contents(device, tmp_path / "after")
    finally:
        operator.execute(update, (True, people[who].user_id))
    assert [path for path, data in after.items() if "停用后不留".encode() in data] == []


def test_forged_storage_of_another_person_opens_nothing(
    chromium, host, people, make_task, operator, now, tmp_path
):
    """The victim's ids and memberships, with tokens nobody signed, in the attacker's own browser:
    there is no book of the victim's here, and the server answers none of the requests."""
    secret = "别人的客户"
    make_task("lin", secret)
    victim = Device(chromium, host.url, tmp_path / "victim")
    victim.open("/")
    signed_in(victim, people)
    contents(victim, tmp_path / "of-victim")
    with sqlite3.connect(tmp_path / "of-victim" / "preferences.sqlite") as connection:
        [text] = connection.execute(
            "select value from preferences where key = 'identity'"
        ).fetchone()
    connection.close()
    victim.close()
    stolen = json.loads(text)
    lin = str(people["lin"].user_id)
    session = {"access_token": unsigned_token(lin), "refresh_token": "nothing", "user_id": lin}
    forged = {"session": {**session, "expires_at": 9e12}, "memberships": stolen["memberships"]}

    attacker = Device(chromium, host.url, tmp_path / "attacker")
    try:
        answers: list[tuple[str, int]] = []
        attacker.open("/")
        attacker.see_id("sign-in")
        attacker.page.evaluate(
            "(found) => { for (const key of ['identity', 'session', 'memberships']) {"
            " localStorage.setItem(`forecourt.phone.${key}`, JSON.stringify(found));"
            " localStorage.setItem(`flutter.forecourt.phone.${key}`, JSON.stringify(found)); } }",
            forged,
        )
        contents(attacker, tmp_path / "of-attacker")
        preferences = tmp_path / "of-attacker" / "preferences.sqlite"
        attacker.write_file("preferences.sqlite", with_identity(preferences, lambda _: forged))
        attacker.page.on("response", lambda found: answers.append((found.url, found.status)))
        attacker.page.goto(attacker.base)
        attacker.ready()
        attacker.see_id("sign-in")
        attacker.gone(secret)
        kept = contents(attacker, tmp_path / "after")
    finally:
        attacker.close()
    asked = [status for url, status in answers if "/rest/v1/" in url]
    assert asked
    assert [status for status in asked if status < 400] == []
    assert [path for path, data in kept.items() if secret.encode() in data] == []
    assert operations(operator, now) == []
