"""A store came back from its file, in another project and some minutes older: every phone shows it
whole, and what they had sent since is there once (T18)."""

import random
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from forecourt.backup.accounts import AccountTaken
from forecourt.backup.restore import restore
from forecourt.backup.save import back_up
from forecourt.demo import sign_up
from forecourt.stack import Stack
from mobile_app.offline.attachments import NewAttachment
from shared.domain.problems import Problem
from tests.support.phones import AGREED, Phone
from tests.support.present import one
from tests.support.stack import embedded_only

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00" + b"\x01\x00" * 2000


@pytest.fixture(scope="module")
def second(stack, tmp_path_factory) -> Iterator[Stack]:
    """Another project with nothing in it."""
    embedded_only(stack)
    with Stack(tmp_path_factory.mktemp("second"), usual_ports=False) as running:
        yield running


@pytest.fixture
def there(dealers, second):
    """The people of `dealers` as the second project has them."""
    world = copy(dealers)
    with psycopg.connect(second.db_url) as world.db:
        yield world
        world.db.rollback()


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "store.zip"


def save(stack, dealers, file: Path, **more) -> None:
    back_up(stack.db_url, str(dealers.stores["east"]), file, **more)


async def moved(phone, device: Phone, second, there) -> Phone:
    """The same device, with the app on it pointed at the second project."""
    await device.database.close()
    new = await phone(device.name, file=device.database.file, project=second)
    new.world = there
    return new


def counted(there, table: str, **fields) -> int:
    """Rows of a table of the second project, as the operator sees them."""
    there.db.rollback()
    where = " and ".join(f"{name} = %({name})s" for name in fields)
    return one(
        there.db.execute(f"select count(*) from crm.{table} where {where}".encode(), fields)
    )[0]


async def test_the_lost_minutes_are_told_again_once(stack, second, phone, dealers, there, file):
    lin = await phone("lin")
    old = await lin.new_customer("老客户")
    await lin.log_conversation(old, "备份之前")
    await lin.sync.once()
    save(stack, dealers, file, with_passwords=True)

    new = await lin.new_customer("新客户", "13900000001")
    memo = NewAttachment("voice", "audio/wav", WAV, consented_at=AGREED)
    talk = {"id": str(uuid4()), "customer_id": new, "outcome": "interested", "level": "near"}
    await lin.do("log_conversation", {**talk, "notes": "备份之后"}, attachments=(memo,))
    await lin.do("save_customer", {"id": old, "set": {"need": "七座"}}, 2)
    await lin.sync.once()
    await lin.sync.once()  # files go after the words
    assert lin.sync.state.pending == lin.sync.state.rejected == 0
    held = {form: set(rows) for form, rows in (await lin.holds()).items()}

    restore(second.db_url, file)
    assert counted(there, "customers", id=new) == 0
    lin = await moved(phone, lin, second, there)
    await lin.sync.once()
    await lin.sync.once()
    assert lin.sync.state.pending == lin.sync.state.rejected == 0
    holds = await lin.holds()
    assert holds == lin.should_hold()
    assert {f: set(r) for f, r in holds.items() if f != "tasks"} == {
        f: r for f, r in held.items() if f != "tasks"
    }
    assert holds["customers"][old].need == "七座"
    for customer in (old, new):
        assert counted(there, "conversations", customer_id=customer) == 1
    [attachment] = holds["attachments"].values()
    assert counted(there, "attachments", id=attachment.id, received=len(WAV)) == 1
    assert await lin.outbox.tells_again() is False  # nothing is told a third time


async def test_what_waited_about_a_lost_customer_arrives_too(
    stack, second, phone, dealers, there, file
):
    """It is sent before the phone has heard of the restore, and refused: the server does not know
    the customer yet."""
    lin = await phone("lin")
    await lin.sync.once()
    save(stack, dealers, file, with_passwords=True)
    customer = await lin.new_customer()
    await lin.sync.once()
    lin.network.down = True
    await lin.log_conversation(customer, "没有网络时写的")
    restore(second.db_url, file)
    lin = await moved(phone, lin, second, there)
    await lin.sync.once()
    assert lin.sync.state.pending == lin.sync.state.rejected == 0
    assert counted(there, "conversations", customer_id=customer) == 1
    assert await lin.holds() == lin.should_hold()


async def test_what_was_taken_back_stays_so(stack, second, phone, dealers, there, file):
    lin = await phone("lin")
    customer = await lin.new_customer()
    before = await lin.log_conversation(customer, "备份之前")
    await lin.sync.once()
    save(stack, dealers, file, with_passwords=True)
    await lin.outbox.undo(before, now=lin.clock.now())
    after = await lin.log_conversation(customer, "备份之后")
    await lin.sync.once()
    await lin.outbox.undo(after, now=lin.clock.now())
    await lin.sync.once()
    restore(second.db_url, file)
    lin = await moved(phone, lin, second, there)
    await lin.sync.once()
    assert (await lin.holds())["conversations"] == {}
    assert await lin.holds() == lin.should_hold()
    assert lin.sync.state.pending == lin.sync.state.rejected == 0


async def test_a_phone_that_was_gone_meanwhile_misses_nothing(
    stack, second, phone, dealers, there, file
):
    """Its cursor is of the first project; the second one's numbers have passed it before it looks
    again."""
    lin, chen = await phone("lin"), await phone("chen")
    await chen.new_customer("陈的客户", "13900000002")
    await chen.sync.once()
    gone = await chen.new_customer("备份之后的客户", "13900000003")
    await lin.new_customer()
    await lin.sync.once()
    save(stack, dealers, file, with_passwords=True)
    await chen.sync.once()
    restore(second.db_url, file)
    lin = await moved(phone, lin, second, there)
    for n in range(20):
        await lin.new_customer(f"客户{n}", f"1370000{n:04d}")
        await lin.sync.once()
    there.db.execute(
        "select setval('crm.change_numbers', last_value + 100000) from crm.change_numbers"
    )
    there.db.execute(
        "update crm.customers set owner_id = %s where owner_id = %s and name <> '客户0'",
        (chen.user_id, lin.user_id),
    )
    there.db.commit()
    chen = await moved(phone, chen, second, there)
    await chen.sync.once()
    assert gone in (await chen.holds())["customers"]
    for device in (lin, chen):
        await device.sync.once()
        assert await device.holds() == device.should_hold()


@pytest.mark.parametrize("seed", range(4))
async def test_any_days_work_is_there_once(stack, second, phone, dealers, there, file, seed):
    """Two phones act, sync and lose their network at random; the backup is taken in between."""
    dice = random.Random(seed)
    phones = [await phone("lin"), await phone("chen")]
    customers: dict[str, list[str]] = {"lin": [], "chen": []}
    written: list[UUID] = []

    async def act(device: Phone) -> None:
        own = customers[device.name]
        if not own or dice.random() < 0.3:
            own.append(await device.new_customer("客户", f"13{dice.randrange(10**9):09d}"))
        else:
            written.append(await device.log_conversation(dice.choice(own), f"第{len(written)}次"))
        device.network.down = dice.random() < 0.3
        if dice.random() < 0.6:
            try:
                await device.sync.once()
            except Problem:
                assert device.network.down

    backup_at = dice.randrange(10, 30)
    for step in range(40):
        if step == backup_at:
            save(stack, dealers, file, with_passwords=True)
        await act(dice.choice(phones))
    restore(second.db_url, file)
    phones = [await moved(phone, device, second, there) for device in phones]
    for device in phones:
        await device.sync.once()
    for device in phones:
        await device.sync.once()
        assert device.sync.state.pending == device.sync.state.rejected == 0
        assert await device.holds() == device.should_hold()
    store = there.stores["east"]
    assert counted(there, "customers", store_id=store) == sum(map(len, customers.values()))
    assert counted(there, "conversations", store_id=store) == len(written)
    assert {op for op in written if counted(there, "operations", op_id=op) == 1} == set(written)


# Accounts -----------------------------------------------------------------------------------------


async def test_without_passwords_nobody_signs_in_until_they_have_one(
    stack, second, phone, dealers, there, file
):
    save(stack, dealers, file)
    done = restore(second.db_url, file)
    assert done.accounts_made == done.accounts == 3
    assert counted(there, "members", user_id=dealers.users["lin"]) == 1
    with pytest.raises(Problem):
        await phone("lin", project=second)
    with psycopg.connect(stack.db_url) as here:
        [secret] = one(
            here.execute(
                "select encrypted_password from auth.users where id = %s", (dealers.users["lin"],)
            )
        )
    assert secret.encode() not in file.read_bytes()


def test_an_address_of_somebody_else_is_not_handed_over(stack, second, dealers, there, file):
    """Whoever signed up with it in the second project would become the member."""
    save(stack, dealers, file, with_passwords=True)
    sign_up(second.supabase_url, second.publishable_key, dealers.logins["lin"], "another-2026")
    with pytest.raises(AccountTaken, match="without-accounts"):
        restore(second.db_url, file)
    assert counted(there, "stores", id=dealers.stores["east"]) == 0
    assert restore(second.db_url, file, with_accounts=False).accounts_made == 0
    assert counted(there, "members", user_id=dealers.users["lin"]) == 1


def test_an_account_that_is_there_keeps_its_password(stack, second, dealers, there, file):
    save(stack, dealers, file, with_passwords=True)
    with psycopg.connect(second.db_url) as connection:
        connection.execute(
            "insert into auth.users (id, email, encrypted_password) values (%s, %s, 'own')",
            (dealers.users["lin"], f"{uuid4().hex}@forecourt.example"),
        )
    assert restore(second.db_url, file).accounts_made == 2
    assert counted(there, "members", user_id=dealers.users["lin"]) == 1
    there.db.rollback()
    assert one(
        there.db.execute(
            "select encrypted_password from auth.users where id = %s", (dealers.users["lin"],)
        )
    ) == ("own",)
