"""sync_pull: the caller's own data, whole, page by page; a late commit is never missed; nothing
vanishes without a word."""

import random
import threading
from copy import copy

import psycopg
import pytest
from psycopg.types.json import Jsonb

from forecourt.claims import as_member
from tests.support.people import World, new_id
from tests.support.present import one


def pull_all(world, name="lin", cursor=None, page=50, store="east"):
    """Every page; answers rows by form and id, removed ids, the last cursor."""
    rows, removed, resets = {}, {}, False
    while True:
        answer = world.ask(
            name,
            "select api.sync_pull(%s, %s, %s)",
            world.stores[store],
            Jsonb(cursor) if cursor else None,
            page,
        )[0][0]
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
    world.done(
        "lin", "save_vehicle", {"id": vehicle, "customer_id": mine, "set": {"plate": "沪A00001"}}
    )
    world.log_conversation("lin", mine)
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
        world.log_conversation("lin", c)
    world.db.commit()
    portfolios = [pull_all(world, page=size)[0] for size in (1, 2, 7, 50, 500)]
    assert all(
        {f: set(r) for f, r in portfolio.items()} == {f: set(r) for f, r in portfolios[0].items()}
        for portfolio in portfolios
    )
    assert set(portfolios[0]["customers"]) == customers
    world.db.close()


def test_only_changes_come_the_second_time(stack):
    world = commit_world(stack)
    customers = [world.customer(phone=f"1390000{n:04d}") for n in range(5)]
    world.db.commit()
    _, _, cursor, reset = pull_all(world)
    assert reset
    assert pull_all(world, cursor=cursor)[0] == {}
    world.done(
        "lin", "save_customer", {"id": customers[2], "set": {"need": "七座"}}, base_version=1
    )
    world.db.commit()
    rows, removed, _, reset = pull_all(world, cursor=cursor)
    assert (set(rows["customers"]), removed, reset) == ({customers[2]}, {}, False)
    world.db.close()


def test_what_is_undone_or_given_away_leaves_by_name(stack):
    world = commit_world(stack)
    kept, gone = world.customer(), world.customer(phone="13900000001")
    world.db.commit()
    _, _, cursor, _ = pull_all(world)
    conversation = world.log_conversation("lin", kept)
    world.db.commit()
    _, _, cursor, _ = pull_all(world, cursor=cursor)
    world.done("lin", "undo", {"op_id": conversation["op_id"]})
    world.db.execute(
        "update crm.customers set owner_id = %s where id = %s", (world.users["chen"], gone)
    )
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
    world.db.execute(
        "update crm.members set role = 'renewal' where user_id = %s", (world.users["lin"],)
    )
    world.db.commit()
    assert pull_all(world, cursor=cursor)[3] is True
    world.db.close()


def test_late_commits_are_never_missed(stack):
    """A slow transaction begins first and commits last, while others come and go and the phone
    pulls in between (T11)."""
    world = commit_world(stack)
    store, lin = world.stores["east"], world.users["lin"]
    dice = random.Random(11)
    expected, seen, cursor = set(), set(), None

    def insert(connection):
        customer = new_id()
        connection.execute(
            "insert into crm.customers (store_id, id, owner_id, name, source, level) values (%s, "
            "%s, %s, 'x', 'phone', 'near')",
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
                    "insert into crm.customers (store_id, id, owner_id, name, source, level) "
                    "values (%s, %s, %s, 'x', 'phone', 'near')",
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
    rows, sqlstate = {}, None
    try:
        with world.db.transaction(), as_member(world.db, world.users["lin"]):
            [answer] = one(
                world.db.execute(
                    "select api.sync_pull(%s, %s)", (world.stores["east"], Jsonb(cursor))
                )
            )
            rows = answer["rows"]
    except psycopg.Error as error:
        sqlstate = error.sqlstate
    assert "customers" not in rows
    assert sqlstate is None or sqlstate.startswith("PT"), sqlstate
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
            answer = world.ask(
                "lin",
                "select api.sync_pull(%s, %s, %s)",
                world.stores["east"],
                Jsonb(cursor) if cursor else None,
                page,
            )[0][0]
            found += [answer["people"]] if "people" in answer else []
            cursor = answer["cursor"]
            if not answer["more"]:
                return found, cursor

    [all_of_them], cursor = people(None)
    here = world.db.execute(
        "select user_id::text from crm.members where store_id = %s", (world.stores["east"],)
    ).fetchall()
    assert {p["id"] for p in all_of_them} == {r[0] for r in here} and all(
        set(p) == {"id", "name", "active", "sells"} for p in all_of_them
    )
    again, cursor = people(cursor)
    assert again == []
    world.db.execute(
        "update crm.members set active = false where store_id = %s and user_id = %s",
        (world.stores["east"], world.users["chen"]),
    )
    world.db.commit()
    [now], cursor = people(cursor)
    assert [p["active"] for p in now if p["id"] == str(world.users["chen"])] == [False]
    assert people(cursor)[0] == []
    assert people({**cursor, "people": "'; drop table crm.members --"})[0] == [
        now
    ]  # what a phone claims to know is only compared
    world.db.close()


# Two stores, many transactions (decision 0002) ----------------------------------------------------

INSERT = (
    "insert into crm.customers (store_id, id, owner_id, name, source, level)"
    " values (%s, %s, %s, 'x', 'phone', 'near')"
)
READERS = {"east": "lin", "west": "ma"}


def put(connection, world, store) -> str:
    customer = new_id()
    owner = world.users[READERS[store]]
    connection.execute(INSERT, (world.stores[store], customer, owner))
    return customer


def pulled(world, store, cursor, page=50):
    """The customers a pull brings, and the cursor after it; never a fresh start."""
    rows, _, after, reset = pull_all(world, READERS[store], cursor, page, store)
    world.db.rollback()
    assert not (reset and cursor)
    return set(rows.get("customers", {})), after


def test_a_long_write_in_one_store_hides_nothing_of_another(stack):
    world = commit_world(stack)
    cursors = {store: pulled(world, store, None)[1] for store in READERS}
    with psycopg.connect(stack.db_url) as slow, psycopg.connect(stack.db_url) as quick:
        late = put(slow, world, "west")
        soon = put(quick, world, "east")
        quick.commit()
        found, cursors["east"] = pulled(world, "east", cursors["east"])
        assert found == {soon}
        assert pulled(world, "west", cursors["west"])[0] == set()
        slow.commit()
    assert pulled(world, "west", cursors["west"])[0] == {late}
    assert pulled(world, "east", cursors["east"])[0] == set()
    world.db.close()


def test_a_long_transaction_that_writes_to_no_store_hides_nothing(stack):
    world = commit_world(stack)
    cursor = pulled(world, "east", None)[1]
    with psycopg.connect(stack.db_url) as idle, psycopg.connect(stack.db_url) as quick:
        idle.execute("select pg_current_xact_id()")
        soon = put(quick, world, "east")
        quick.commit()
        assert pulled(world, "east", cursor)[0] == {soon}
    world.db.close()


def test_an_old_transaction_that_comes_to_a_store_late_is_not_missed(stack):
    """It is older than everything the phone has seen of the store."""
    world = commit_world(stack)
    with psycopg.connect(stack.db_url) as old, psycopg.connect(stack.db_url) as quick:
        put(old, world, "west")
        cursor = None
        for _ in range(5):
            put(quick, world, "east")
            quick.commit()
            _, cursor = pulled(world, "east", cursor)
        late = put(old, world, "east")
        soon = put(quick, world, "east")
        quick.commit()
        found, cursor = pulled(world, "east", cursor)
        assert late not in found
        old.commit()
        rest, _ = pulled(world, "east", cursor)
        assert found | rest == {late, soon}
    world.db.close()


@pytest.mark.parametrize("seed", range(12))
def test_no_order_of_begins_savepoints_and_commits_loses_a_row(stack, seed):
    """Six connections, two stores, every step at random; whatever is committed comes once it is
    committed, or after."""
    world = commit_world(stack)
    dice = random.Random(seed)
    connections = [psycopg.connect(stack.db_url) for _ in range(6)]
    open_rows: list[list[tuple[str, str] | None]] = [[] for _ in connections]
    committed = {store: set() for store in READERS}
    seen = {store: set() for store in READERS}
    cursors = dict.fromkeys(READERS)

    def pull(store):
        found, cursors[store] = pulled(world, store, cursors[store], dice.choice([1, 3, 50]))
        assert found <= committed[store]
        seen[store] |= found

    for _ in range(120):
        n = dice.randrange(len(connections))
        connection, rows = connections[n], open_rows[n]
        step = dice.choice(
            ["put"] * 4 + ["savepoint", "back", "commit", "rollback", "pull", "pull"]
        )
        if step == "put":
            store = dice.choice(list(READERS))
            rows.append((store, put(connection, world, store)))
        elif step == "savepoint":
            connection.execute("savepoint here")
            rows.append(None)
        elif step == "back" and None in rows:
            connection.execute("rollback to savepoint here")
            connection.execute("release savepoint here")
            last = len(rows) - 1 - rows[::-1].index(None)
            del rows[last:]
        elif step == "commit":
            connection.commit()
            for row in filter(None, rows):
                committed[row[0]].add(row[1])
            rows.clear()
        elif step == "rollback":
            connection.rollback()
            rows.clear()
        elif step == "pull":
            pull(dice.choice(list(READERS)))
    for connection in connections:
        connection.rollback()  # closing alone would end it a moment later
        connection.close()
    for store in READERS:
        pull(store)
    assert seen == committed
    world.db.close()


def test_writers_in_two_stores_and_a_reader_each_at_the_same_time(stack):
    world = commit_world(stack)
    written = [{store: set() for store in READERS} for _ in range(4)]
    found: dict[str, set[str]] = {store: set() for store in READERS}
    over = threading.Event()

    def write(number: int) -> None:
        dice = random.Random(number)
        with psycopg.connect(stack.db_url) as connection:
            pending: list[tuple[str, str]] = []
            for _ in range(80):
                store = dice.choice(list(READERS))
                pending.append((store, put(connection, world, store)))
                if dice.random() < 0.4:
                    connection.commit()
                    for where, customer in pending:
                        written[number][where].add(customer)
                    pending.clear()

    def read(store: str) -> None:
        with psycopg.connect(stack.db_url) as connection:
            mine, cursor = copy(world), None
            mine.db = connection
            while not over.is_set():
                fresh, cursor = pulled(mine, store, cursor, 7)
                found[store] |= fresh
            found[store] |= pulled(mine, store, cursor)[0]

    writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    readers = [threading.Thread(target=read, args=(store,)) for store in READERS]
    for thread in (*writers, *readers):
        thread.start()
    for thread in writers:
        thread.join()
    over.set()
    for thread in readers:
        thread.join()
    for store in READERS:
        assert set.union(*(w[store] for w in written)) <= found[store]
    world.db.close()


def test_a_cursor_of_another_server_starts_over(stack):
    """A database restored from a backup has given lower numbers than the phone knows."""
    world = commit_world(stack)
    mine = world.customer()
    world.db.commit()
    _, _, cursor, _ = pull_all(world)
    rows, _, after, reset = pull_all(world, cursor={**cursor, "since": cursor["since"] + 10**6})
    assert reset
    assert set(rows["customers"]) == {mine}
    assert after["since"] == cursor["since"]
    world.db.close()


def test_a_pull_in_one_snapshot_is_refused(stack):
    """What is read there could be older than the ceiling."""
    world = commit_world(stack)
    with psycopg.connect(stack.db_url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        world.db, before = connection, world.db
        refused = world.refused("lin", "select api.sync_pull(%s)", world.stores["east"])
        assert refused.startswith("PT400")
    before.close()
