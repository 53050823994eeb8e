"""`forecourt backup` and `forecourt restore`: one store as one file, and back, equal or not at
all."""

import hashlib
import json
import os
import random
import stat
import subprocess
import sys
import threading
import tracemalloc
import zipfile
from copy import copy
from pathlib import Path
from typing import Any

import psycopg
import pytest

from forecourt.backup import tables
from forecourt.backup.archive import Backup, BadFile
from forecourt.backup.restore import NotRestored, restore
from forecourt.backup.save import NoSuchStore, back_up
from forecourt.migrate import migrate
from forecourt.settings import ROOT
from tests.database.test_sync import pull_all
from tests.support.people import World, new_id
from tests.support.present import dynamic
from tests.support.stack import embedded_only

AWKWARD = "张三丰\t\\N\n\\.\n'\"\u3000🚗"


@pytest.fixture(scope="module")
def other(stack) -> str:
    """The database of another project."""
    embedded_only(stack)
    address = stack.create_database("other_project", "template1")
    migrate(address, lambda line: None)
    return address


@pytest.fixture
def lived(stack):
    """A committed world whose store east has something of most kinds; `ready` names customers and
    operations."""
    embedded_only(stack)
    with psycopg.connect(stack.db_url) as connection:
        world = World(connection)
        mine = world.customer(need=AWKWARD)
        vehicle, policy = new_id(), new_id()
        about = {"customer_id": mine}
        world.done("lin", "save_vehicle", {"id": vehicle, **about, "set": {"plate": "沪A00001"}})
        world.done(
            "he",
            "save_policy",
            {"id": policy, **about, "vehicle_id": vehicle, "set": {"expires_on": "2027-03-01"}},
        )
        talk = world.log_conversation("lin", mine)
        given = world.customer(phone="13900000001")
        world.done(
            "he", "reassign", {"customer_ids": [given], "owner_id": str(world.users["chen"])}
        )
        undone = world.log_conversation("lin", world.customer(phone="13900000002"))
        world.done("lin", "undo", {"op_id": undone["op_id"]})
        world.db.execute(
            "insert into crm.attachments (store_id, id, customer_id, form, record_id, kind, mime, "
            "bytes, sha256, received, author_id) values (%s, %s, %s, 'customer', %s, 'photo', "
            "'image/png', 4, %s, 4, %s)",
            (world.stores["east"], vehicle, mine, mine, "0" * 64, world.users["lin"]),
        )
        world.db.execute(
            "insert into crm.attachment_chunks values (%s, %s, 0, %s)",
            (world.stores["east"], vehicle, b"\x00\\\n\xff"),
        )
        world.customer("ma", name="西店客户")
        world.ready = {"mine": mine, "given": given, "talk": talk}
        world.db.commit()
        yield world


@pytest.fixture
def saved(stack, lived, tmp_path) -> Path:
    file = tmp_path / "east.zip"
    back_up(stack.db_url, str(lived.stores["east"]), file)
    return file


def moved(world: World, address: str) -> World:
    """The same people, in another database."""
    there = copy(world)
    there.db = psycopg.connect(address)
    return there


def everything(connection: psycopg.Connection, store) -> dict[str, list[Any]]:
    """Every row of a store in whole, generated columns too; written apart from the backup."""
    found = {}
    names = connection.execute(
        "select c.relname, exists (select from pg_attribute a where a.attrelid = c.oid and "
        "a.attname = 'store_id') from pg_class c where c.relnamespace = 'crm'::regnamespace and "
        "c.relkind = 'r'"
    ).fetchall()
    for name, has_store in names:
        if (has_store or name == "stores") and name not in tables.EXCEPTIONS:
            result = " #- '{result,change_no}'" if name == "operations" else ""
            rows = connection.execute(
                dynamic(
                    f"select (to_jsonb(x) - 'change_no' - 'epoch'{result})::text from crm.{name} x"
                    f" where {'store_id' if has_store else 'id'} = %s"
                ),
                (store,),
            ).fetchall()
            found[name] = sorted(text for (text,) in rows)
    connection.rollback()
    return found


def rewrite(file: Path, change) -> None:
    """Write the archive again: `change` gets its members by name."""
    with zipfile.ZipFile(file) as old:
        members = {info.filename: old.read(info) for info in old.infolist()}
    change(members)
    with zipfile.ZipFile(file, "w") as new:
        for name, data in members.items():
            new.writestr(name, data)


def edit_manifest(members: dict[str, bytes], **changes: Any) -> None:
    members["manifest.json"] = json.dumps(json.loads(members["manifest.json"]) | changes).encode()


def reseal(members: dict[str, bytes]) -> None:
    """A manifest that says what the members are."""
    manifest = json.loads(members["manifest.json"])
    contents = {}
    for name, about in manifest["store_tables"].items():
        data = members[f"store/{name}.copy"]
        about |= {"rows": data.count(b"\n"), "sha256": hashlib.sha256(data).hexdigest()}
        contents[name] = tables.Content(about["rows"], about["sha256"])
    edit_manifest(
        members,
        store_tables=manifest["store_tables"],
        digest=tables.store_digest(contents),
    )


# What is in the file ------------------------------------------------------------------------------


def undecided(connection: psycopg.Connection) -> set[str]:
    """Tables of which nobody has said whether a backup holds them."""
    names = {
        name
        for (name,) in connection.execute(
            "select relname from pg_class where relnamespace = 'crm'::regnamespace and relkind in "
            "('r', 'p')"
        )
    }
    held = {t.name for t in tables.store_tables(connection)} | {
        t.name for t in tables.group_tables(connection)
    }
    assert not held & set(tables.EXCEPTIONS)
    assert set(tables.EXCEPTIONS) <= names  # no reason for what is gone
    return names - held - set(tables.EXCEPTIONS)


def test_every_table_is_in_the_file_or_says_why(db):
    assert undecided(db) == set()
    db.execute("create table crm.planted (id int primary key)")
    assert undecided(db) == {"planted"}
    db.execute("create table crm.of_a_store (store_id uuid, id int, primary key (store_id, id))")
    assert undecided(db) == {"planted"}
    db.execute("create table crm.keyless (store_id uuid)")
    assert undecided(db) == {"planted", "keyless"}  # its rows would have no order


def test_a_column_that_is_not_in_the_file_is_made_by_the_restore(db):
    kept_out = db.execute(
        "select c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid"
        " where c.relnamespace = 'crm'::regnamespace and c.relkind = 'r' and a.attname = any (%s)"
        " and not (c.relname = any (%s)) and not exists (select from pg_trigger t join pg_proc p"
        " on p.oid = t.tgfoid where t.tgrelid = c.oid and p.proname = 'tg_record__stamp')",
        (list(tables.RENEWED), list(tables.EXCEPTIONS)),
    ).fetchall()
    assert kept_out == [("stores", "epoch")]


def test_only_triggers_that_write_history_rest(db):
    found = db.execute(
        "select p.proname, pg_get_triggerdef(t.oid) like '%%crm.restoring%%' from pg_trigger t"
        " join pg_class c on c.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid"
        " where c.relnamespace = 'crm'::regnamespace and not t.tgisinternal and t.tgtype & 4 > 0"
    ).fetchall()
    assert {name for name, rests in found if not rests} == {
        "tg_record__stamp",
        "tg_visibility_changes__stamp",
    }


def test_a_verb_never_has_them_rest(world):
    world.db.execute("set local crm.restoring = 'on'")
    customer = world.customer()
    assert world.row("select count(*) from crm.events where subject_id = %s", customer) == 1


def test_the_file_is_private_and_of_one_store(stack, lived, saved):
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    with zipfile.ZipFile(saved) as held:
        text = b"".join(held.read(info) for info in held.infolist()).decode()
    assert "张三丰" in text
    assert "西店客户" not in text
    assert str(lived.stores["west"]) not in text


# There and back -----------------------------------------------------------------------------------


def test_a_store_comes_back_equal(stack, lived, other, saved):
    before = everything(lived.db, lived.stores["east"])
    done = restore(other, saved)
    assert done.digest == Backup(saved).digest
    with psycopg.connect(other) as there:
        assert everything(there, lived.stores["east"]) == before
        assert tables.digest_of(there, lived.stores["east"])[0] == done.digest
        numbers = there.execute(
            "select distinct change_no from crm.customers where store_id = %s",
            (lived.stores["east"],),
        ).fetchall()
        assert len(numbers) == 1  # one transaction
        assert numbers[0][0] > 0
    assert len(before["events"]) > 10
    assert before["attachment_chunks"]


def test_work_goes_on_where_it_was(lived, other, saved):
    """The same operation again is answered by its first result; numbers of new rows are above."""
    restore(other, saved)
    there = moved(lived, other)
    events = "select coalesce(max(id), 0) from crm.events where store_id = %s"
    last = there.row(events, there.stores["east"])
    talk = there.ready["talk"]
    again = there.push("lin", "log_conversation", {"id": new_id()}, op_id=talk["op_id"])
    assert (again["status"], again["first"]["status"]) == ("duplicate", "applied")
    assert (
        there.row(
            "select count(*) from crm.conversations where customer_id = %s", there.ready["mine"]
        )
        == 1
    )
    there.done("lin", "undo", {"op_id": talk["op_id"]})
    assert there.row(events, there.stores["east"]) > last
    there.customer("chen", phone="13900000009")
    there.db.commit()
    there.db.close()


@pytest.mark.parametrize("numbers", ["lower", "higher"])
def test_an_old_cursor_never_skips_a_row(stack, lived, other, saved, numbers):
    """Whether the other database counts lower or is far beyond: the cursor is of another epoch."""
    rows, _, cursor, _ = pull_all(lived)
    lived.db.rollback()
    restore(other, saved)
    there = moved(lived, other)
    if numbers == "higher":
        there.db.execute(
            "select setval('crm.change_numbers', greatest(last_value, %s)) from crm.change_numbers",
            (cursor["since"] + 1000,),
        )
        there.customer(phone="13900000008")
    else:
        cursor["since"] += 1_000_000
    there.db.commit()
    back, _, _, reset = pull_all(there, cursor=cursor)
    assert reset
    assert set(back["customers"]) >= set(rows["customers"])
    assert len(back["customers"]) == len(rows["customers"]) + (numbers == "higher")
    assert {f: len(r) for f, r in back.items()} | {"customers": 0, "tasks": 0} == {
        f: len(r) for f, r in rows.items()
    } | {"customers": 0, "tasks": 0}
    there.db.close()


def test_a_new_epoch_starts_every_cursor_over(lived):
    rows, _, cursor, _ = pull_all(lived)
    assert pull_all(lived, cursor=cursor)[3] is False
    lived.row("select crm.begin_epoch(%s)", lived.stores["east"])
    lived.db.commit()
    back, _, after, reset = pull_all(lived, cursor=cursor)
    assert (reset, back) == (True, rows)
    assert pull_all(lived, cursor=after)[3] is False


# Refused ------------------------------------------------------------------------------------------


def test_a_second_restore_is_refused(lived, other, saved):
    restore(other, saved)
    with pytest.raises(NotRestored, match=r"east .* in this project already: a restore never"):
        restore(other, saved)


def test_of_two_at_once_one_is_refused(lived, other, saved):
    together = threading.Barrier(2)
    said: list[Any] = []

    def run() -> None:
        together.wait(timeout=30)
        try:
            said.append(restore(other, saved).digest)
        except NotRestored as problem:
            said.append(problem)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    refused = [x for x in said if isinstance(x, NotRestored)]
    assert [x for x in said if x not in refused] == [Backup(saved).digest]
    assert "a restore never overwrites" in str(refused[0])


def of_another_schema(version: str):
    return lambda members: edit_manifest(members, schema_version=version)


def without_a_row(members: dict[str, bytes]) -> None:
    members["store/events.copy"] = members["store/events.copy"].split(b"\n", 1)[1]


def with_a_column_more(members: dict[str, bytes]) -> None:
    manifest = json.loads(members["manifest.json"])
    manifest["store_tables"]["customers"]["columns"].append("zodiac")
    edit_manifest(members, store_tables=manifest["store_tables"])


def with_a_row_of_another_store(members: dict[str, bytes]) -> None:
    """Sealed again: every digest of the file is right."""
    levels = members["store/levels.copy"]
    first = levels.split(b"\n", 1)[0].split(b"\t")
    manifest = json.loads(members["manifest.json"])
    place = manifest["store_tables"]["levels"]["columns"].index("store_id")
    key = manifest["store_tables"]["levels"]["columns"].index("key")
    first[place], first[key] = OTHERS_STORE, b"planted"
    members["store/levels.copy"] = levels + b"\t".join(first) + b"\n"
    reseal(members)


OTHERS_STORE = b"0198b1c0-0000-7000-8000-000000000001"
BROKEN = {
    "a row is missing": (without_a_row, BadFile, "damaged: events"),
    "a table is missing": (lambda m: m.pop("store/tasks.copy"), BadFile, "damaged"),
    "a part too many": (lambda m: m.update(x=b""), BadFile, "other parts"),
    "no manifest": (lambda m: m.pop("manifest.json"), BadFile, "damaged, or no backup"),
    "a manifest of nothing": (lambda m: m.update({"manifest.json": b"[]"}), BadFile, "no backup"),
    "other accounts": (lambda m: m.update({"accounts.json": b"[{}]"}), BadFile, "its digest"),
    "another digest": (lambda m: edit_manifest(m, digest="0"), BadFile, "its digest"),
    "another program's": (lambda m: edit_manifest(m, format="x"), BadFile, "no backup of a store"),
    "a newer format": (lambda m: edit_manifest(m, format_version=2), BadFile, "newer version"),
    "a newer schema": (of_another_schema("20991231000000"), NotRestored, "a newer schema"),
    "an older schema": (of_another_schema("20200101000000"), NotRestored, "an older schema"),
    "another column": (with_a_column_more, NotRestored, "another schema"),
    "another store's row": (with_a_row_of_another_store, NotRestored, "taken back: levels"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_not_sound_changes_nothing(lived, other, saved, case):
    change, problem, sentence = BROKEN[case]
    rewrite(saved, change)
    with psycopg.connect(other, autocommit=True) as there:
        group = there.execute("insert into crm.groups (name) values ('g') returning id").fetchone()
        there.execute(
            "insert into crm.stores (id, group_id, name) values (%s, %s, 'other') on conflict (id)"
            " do nothing",
            (OTHERS_STORE.decode(), group[0] if group else None),
        )
        before = World.digest(stands_in(there))
        with pytest.raises(problem, match=sentence):
            restore(other, saved)
        assert World.digest(stands_in(there)) == before


def stands_in(connection: psycopg.Connection) -> World:
    world = object.__new__(World)
    world.db = connection
    return world


@pytest.mark.parametrize("left", [0, 1, 1000, -1000, -1])
def test_a_file_cut_short_is_refused_before_anything_is_asked(saved, left):
    saved.write_bytes(saved.read_bytes()[:left])
    with pytest.raises(BadFile, match="damaged or cut short"):
        restore("postgresql://nobody@127.0.0.1:1/nothing", saved)


def test_a_changed_byte_is_refused_or_changes_nothing(saved):
    """A zip has bytes that mean nothing, such as the time of day of a part; all others are seen."""
    whole, digest, dice = saved.read_bytes(), Backup(saved).digest, random.Random(17)
    harmless = 0
    for _ in range(300):
        place = dice.randrange(len(whole))
        changed = bytearray(whole)
        changed[place] ^= dice.randrange(1, 256)
        saved.write_bytes(changed)
        try:
            assert Backup(saved).digest == digest
            harmless += 1
        except BadFile:
            continue
    assert harmless < 60


def test_a_backup_is_never_overwritten_and_never_half(stack, lived, saved, monkeypatch, tmp_path):
    with pytest.raises(BadFile, match="never overwritten"):
        back_up(stack.db_url, str(lived.stores["east"]), saved)
    with pytest.raises(NoSuchStore, match="no store called none"):
        back_up(stack.db_url, "none", tmp_path / "none.zip")

    def full(*_: Any) -> str:
        raise OSError("no space left on device")

    monkeypatch.setattr(tables, "store_digest", full)
    with pytest.raises(OSError, match="no space"):
        back_up(stack.db_url, str(lived.stores["east"]), tmp_path / "half.zip")
    assert [file.name for file in tmp_path.iterdir()] == [saved.name]


# While people work --------------------------------------------------------------------------------


def test_what_is_written_meanwhile_is_not_in_it(stack, lived, other, tmp_path, monkeypatch):
    """Between every two tables somebody's phone commits; the file is of the moment it began."""
    before = everything(lived.db, lived.stores["east"])
    read, written = tables.read, []

    def after_somebody_wrote(*arguments: Any, **more: Any) -> tables.Content:
        written.append(lived.customer("chen", phone=f"139{len(written):08d}"))
        lived.log_conversation("chen", written[-1])
        lived.db.commit()
        return read(*arguments, **more)

    monkeypatch.setattr(tables, "read", after_somebody_wrote)
    file = tmp_path / "east.zip"
    back_up(stack.db_url, str(lived.stores["east"]), file)
    monkeypatch.undo()
    assert len(written) > 40
    restore(other, file)
    with psycopg.connect(other) as there:
        assert everything(there, lived.stores["east"]) == before


def test_other_stores_go_on_while_one_is_restored(stack, lived, other, saved, monkeypatch):
    """No table is locked against writers, and their pulls miss nothing."""
    with psycopg.connect(other) as connection:
        there = World(connection)
        connection.commit()
        pulled: dict[str, set[str]] = {"cursor": set()}
        send, made, cursor = Backup.send, [], None

        def after_somebody_wrote(*arguments: Any) -> None:
            nonlocal cursor
            connection.execute("set local lock_timeout = '5s'")
            made.append(there.customer("ma", phone=f"138{len(made):08d}"))
            connection.commit()
            rows, _, cursor, _ = pull_all(there, "ma", cursor=cursor, store="west")
            connection.rollback()
            pulled["cursor"] |= set(rows.get("customers", {}))
            send(*arguments)

        monkeypatch.setattr(Backup, "send", after_somebody_wrote)
        restore(other, saved)
        assert pulled["cursor"] == set(made)
        assert len(made) > 40


def test_memory_does_not_grow_with_the_store(stack, lived, other, tmp_path):
    store = lived.stores["east"]
    photo = new_id()
    lived.db.execute(
        "insert into crm.attachments (store_id, id, customer_id, form, record_id, kind, mime, "
        "bytes, sha256, received, author_id) values (%s, %s, %s, 'customer', %s, 'photo', "
        "'image/png', 20971520, %s, 20971520, %s)",
        (store, photo, lived.ready["mine"], lived.ready["mine"], "0" * 64, lived.users["lin"]),
    )
    for at in range(80):
        lived.db.execute(
            "insert into crm.attachment_chunks values (%s, %s, %s, %s)",
            (store, photo, at * 262144, os.urandom(262144)),
        )
    lived.db.commit()
    file = tmp_path / "east.zip"
    tracemalloc.start()
    back_up(stack.db_url, str(store), file)
    restore(other, file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert file.stat().st_size > 20_000_000
    assert peak < 8_000_000


# The commands -------------------------------------------------------------------------------------


def run(*words: str, database: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "forecourt.cli", *words],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_the_commands(stack, lived, other, tmp_path):
    store, file = str(lived.stores["east"]), str(tmp_path / "east.zip")
    code, said = run("backup", store, file, database=stack.db_url)
    assert (code, "digest" in said) == (0, True)
    digest = Backup(Path(file)).digest
    code, said = run("restore", file, "--check", database=other)
    assert (code, digest in said) == (0, True)
    assert run("restore", file, "--database", other, database=stack.db_url)[0] == 0
    code, said = run("restore", file, database=other)
    assert (code, "never overwrites" in said) == (1, True)
    code, said = run("backup", "none", file, database=other)
    assert (code, "no store called none" in said) == (1, True)
    code, said = run("restore", file + "x", database=other)
    assert (code, "it does not work" in said) == (1, True)
    with psycopg.connect(other) as there:
        before = there.execute("select id, epoch from crm.stores order by id").fetchall()
    assert run("epoch", database=other)[0] == 0
    with psycopg.connect(other) as there:
        after = there.execute("select id, epoch from crm.stores order by id").fetchall()
    assert [x[0] for x in after] == [x[0] for x in before]
    assert not {x[1] for x in after} & {x[1] for x in before}


def test_an_empty_database_says_so(stack, saved):
    empty = stack.create_database("holds_nothing", "template1")
    assert "forecourt migrate" in run("restore", str(saved), database=empty)[1]
    assert "forecourt migrate" in run("backup", "east", "x.zip", database=empty)[1]
