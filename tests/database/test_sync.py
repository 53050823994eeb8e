"""sync_pull: the caller's own book, whole, page by page; a late commit is never missed; nothing vanishes without a word."""

import random
import threading

import psycopg
import pytest
from psycopg.types.json import Jsonb

from forecourt.acting import acting_as
from tests.support.people import World, new_id


def pull_all(world, name="lin", cursor=None, page=50, store="east"):
    """Every page; answers rows by form and id, removed ids, the last cursor."""
    rows, removed, resets = {}, {}, False
    while True:
        answer = world.ask(name, "select api.sync_pull(%s, %s, %s)", world.stores[store], Jsonb(cursor) if cursor else None, page)[0][0]
        for form, found in answer["rows"].items():
            rows.setdefault(form, {}).update({r["id"]: r for r in found})
        for form, ids in answer["removed"].items():
            removed.setdefault(form, set()).update(ids)
        resets |= answer["reset"]
        cursor = answer["cursor"]
        if not answer["more"]:
            return rows, removed, cursor, resets


def commit_world(stack):
    connection = psycopg.connect(stack.db_url)
    world = World(connection)
    connection.commit()
    return world


def test_the_book_is_what_hangs_on_ones_own_customers(stack):
    world = commit_world(stack)
    mine, other = world.customer(), world.customer("chen", phone="13900000001")
    vehicle = new_id()
    world.done("lin", "save_vehicle", {"id": vehicle, "customer_id": mine, "set": {"plate": "沪A00001"}})
    world.talk("lin", mine)
    world.db.commit()
    rows, _, _, _ = pull_all(world)
    assert set(rows["customers"]) == {mine}
    assert set(rows["vehicles"]) == {vehicle}
    assert len(rows["conversations"]) == len(rows["tasks"]) == 1
    assert other not in str(rows)
    world.db.close()


def test_pages_of_any_size_give_the_same_book(stack):
    world = commit_world(stack)
    customers = {world.customer(phone=f"1390000{n:04d}") for n in range(23)}
    for c in list(customers)[:7]:
        world.talk("lin", c)
    world.db.commit()
    books = [pull_all(world, page=size)[0] for size in (1, 2, 7, 50, 500)]
    assert all({f: set(r) for f, r in book.items()} == {f: set(r) for f, r in books[0].items()} for book in books)
    assert set(books[0]["customers"]) == customers
    world.db.close()


def test_only_changes_come_the_second_time(stack):
    world = commit_world(stack)
    customers = [world.customer(phone=f"1390000{n:04d}") for n in range(5)]
    world.db.commit()
    _, _, cursor, reset = pull_all(world)
    assert reset
    assert pull_all(world, cursor=cursor)[0] == {}
    world.done("lin", "save_customer", {"id": customers[2], "set": {"need": "七座"}}, base_version=1)
    world.db.commit()
    rows, removed, _, reset = pull_all(world, cursor=cursor)
    assert (set(rows["customers"]), removed, reset) == ({customers[2]}, {}, False)
    world.db.close()


def test_what_is_undone_or_given_away_leaves_by_name(stack):
    world = commit_world(stack)
    kept, gone = world.customer(), world.customer(phone="13900000001")
    world.db.commit()
    _, _, cursor, _ = pull_all(world)
    talk = world.talk("lin", kept)
    world.db.commit()
    _, _, cursor, _ = pull_all(world, cursor=cursor)
    world.done("lin", "undo", {"op_id": talk["op_id"]})
    world.db.execute("update crm.customers set owner_id = %s where id = %s", (world.users["chen"], gone))
    world.db.commit()
    _, removed, _, _ = pull_all(world, cursor=cursor)
    assert removed["customers"] == {gone}
    assert len(removed["conversations"]) == 1
    assert gone in pull_all(world, "chen")[0]["customers"]
    world.db.close()


def test_a_new_role_or_configuration_starts_over(stack):
    world = commit_world(stack)
    world.customer()
    world.db.commit()
    _, _, cursor, _ = pull_all(world)
    world.db.execute("update crm.members set role = 'renewal' where user_id = %s", (world.users["lin"],))
    world.db.commit()
    assert pull_all(world, cursor=cursor)[3] is True
    world.db.close()


def test_late_commits_are_never_missed(stack):
    """A slow transaction begins first and commits last, while others come and go and the phone pulls in between (T11)."""
    world = commit_world(stack)
    store, lin = world.stores["east"], world.users["lin"]
    dice = random.Random(11)
    expected, seen, cursor = set(), set(), None

    def insert(connection):
        customer = new_id()
        connection.execute(
            "insert into crm.customers (store_id, id, owner_id, name, source, level) values (%s, %s, %s, 'x', 'phone', 'near')",
            (store, customer, lin),
        )
        expected.add(customer)

    for _round in range(60):
        open_ones = []
        for _ in range(dice.randrange(1, 4)):
            connection = psycopg.connect(stack.db_url)
            connection.execute("select pg_current_xact_id()")
            open_ones.append(connection)
        dice.shuffle(open_ones)
        for connection in open_ones:
            insert(connection)
            if dice.random() < 0.5:
                rows, _, cursor, _ = pull_all(world, cursor=cursor, page=dice.choice([1, 3, 50]))
                world.db.rollback()
                seen |= set(rows.get("customers", {}))
            connection.commit()
            connection.close()
        rows, _, cursor, _ = pull_all(world, cursor=cursor, page=7)
        world.db.rollback()
        seen |= set(rows.get("customers", {}))
    rows, _, cursor, _ = pull_all(world, cursor=cursor)
    assert expected == seen | set(rows.get("customers", {}))
    world.db.close()


def test_a_pull_while_others_write_misses_nothing(stack):
    """Two writers and one reader at the same time, for real."""
    world = commit_world(stack)
    store, lin = world.stores["east"], world.users["lin"]
    written: list[set[str]] = [set(), set()]

    def write(mine: set[str]) -> None:
        with psycopg.connect(stack.db_url) as connection:
            for n in range(60):
                customer = new_id()
                connection.execute(
                    "insert into crm.customers (store_id, id, owner_id, name, source, level) values (%s, %s, %s, 'x', 'phone', 'near')",
                    (store, customer, lin),
                )
                mine.add(customer)
                if n % 3 == 0:
                    connection.commit()

    threads = [threading.Thread(target=write, args=(w,)) for w in written]
    for thread in threads:
        thread.start()
    seen, cursor = set(), None
    while any(t.is_alive() for t in threads):
        rows, _, cursor, _ = pull_all(world, cursor=cursor, page=9)
        world.db.rollback()
        seen |= set(rows.get("customers", {}))
    for thread in threads:
        thread.join()
    rows, _, _, _ = pull_all(world, cursor=cursor)
    assert seen | set(rows.get("customers", {})) == written[0] | written[1]
    world.db.close()


@pytest.mark.parametrize(
    "cursor",
    [
        {"since": -5},
        {"since": 9e18},
        {"since": "x"},
        {"table": 99},
        {"since": 1, "stamp": "advisor:own:1", "table": "1; drop"},
        [],
        7,
        "x",
        {"since": 0, "stamp": "store_admin:store:1", "after": ["x", "y"]},
    ],
)
def test_a_forged_cursor_gives_nothing_but_ones_own(stack, cursor):
    world = commit_world(stack)
    world.customer("chen", phone="13900000001")
    world.db.commit()
    try:
        with world.db.transaction(), acting_as(world.db, world.users["lin"]):
            answer = world.db.execute("select api.sync_pull(%s, %s)", (world.stores["east"], Jsonb(cursor))).fetchone()[0]
            assert "customers" not in answer["rows"]
    except psycopg.Error as error:
        assert error.sqlstate.startswith("PT"), f"{error.sqlstate} {error}"
    world.db.close()


def test_the_stores_people_come_once_and_again_when_somebody_comes_or_goes(stack):
    """Names for fields of type person; of one's own store only, and not with every pull."""
    world = commit_world(stack)
    for n in range(5):
        world.customer(phone=f"1391111{n:04d}")
    world.db.commit()

    def people(cursor, page=2):
        found = []
        while True:
            answer = world.ask("lin", "select api.sync_pull(%s, %s, %s)", world.stores["east"], Jsonb(cursor) if cursor else None, page)[0][0]
            found += [answer["people"]] if "people" in answer else []
            cursor = answer["cursor"]
            if not answer["more"]:
                return found, cursor

    [all_of_them], cursor = people(None)
    here = world.db.execute("select user_id::text from crm.members where store_id = %s", (world.stores["east"],)).fetchall()
    assert {p["id"] for p in all_of_them} == {r[0] for r in here} and all(set(p) == {"id", "name", "active"} for p in all_of_them)
    again, cursor = people(cursor)
    assert again == []
    world.db.execute("update crm.members set active = false where store_id = %s and user_id = %s", (world.stores["east"], world.users["chen"]))
    world.db.commit()
    [now], cursor = people(cursor)
    assert [p["active"] for p in now if p["id"] == str(world.users["chen"])] == [False]
    assert people(cursor)[0] == []
    assert people({**cursor, "people": "'; drop table crm.members --"})[0] == [now]  # what a phone claims to know is only compared
    world.db.close()
