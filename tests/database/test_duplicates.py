"""Two entries of one person become one with both histories, and can be told apart again (S-84,
F-85)."""

import pytest
from psycopg.types.json import Jsonb

from tests.database.test_reverting import shown
from tests.support.people import new_id


def pairs(world, name="liang"):
    return world.ask(name, "select api.duplicate_pairs(%s)", world.stores["east"])[0][0]


def merge(world, winner, loser, take=(), name="liang", merge_id=None):
    return world.ask(
        name,
        "select api.merge_customers(%s, %s, %s, %s, %s)",
        world.stores["east"],
        merge_id or new_id(),
        winner,
        loser,
        Jsonb(list(take)),
    )[0][0]["id"]


def unmerge(world, merge_id, name="liang"):
    return world.ask(name, "select api.unmerge_customers(%s, %s)", world.stores["east"], merge_id)


@pytest.fixture
def two(world):
    """张三 of lin with a conversation and a task, 张三丰 of chen with car, deal, task and talk.

    They have the same number.
    """
    one = world.customer("lin", name="张三", wechat="zs")
    other = world.customer("chen", name="张三丰", need="七座")
    world.log_conversation("lin", one)
    world.log_conversation("chen", other)
    world.task(one)
    world.task(other, "chen")
    vehicle = new_id()
    world.done(
        "chen", "save_vehicle", {"id": vehicle, "customer_id": other, "set": {"plate": "沪A12345"}}
    )
    world.done(
        "chen",
        "save_deal",
        {
            "id": new_id(),
            "customer_id": other,
            "pipeline": "new_car",
            "vehicle_id": vehicle,
            "set": {"title": "汉"},
        },
    )
    world.done(
        "chen", "save_companion", {"id": new_id(), "customer_id": other, "set": {"name": "爱人"}}
    )
    return one, other


def test_pairs_are_found_by_number_plate_vin_and_a_near_number(world, two):
    assert [p["reasons"] for p in pairs(world)] == [["phone"]]
    a, b = (
        world.customer("lin", name="李四", phone="13900000001"),
        world.customer("chen", name="李 四", phone="13900000007"),
    )
    world.customer("lin", name="李四", phone="13900009999")  # two digits off: another one
    for who, customer, plate in (("lin", a, "沪B00001"), ("chen", b, "沪B00001")):
        world.done(
            who,
            "save_vehicle",
            {
                "id": new_id(),
                "customer_id": customer,
                "set": {"plate": plate, "vin": "LSV1234567890"},
            },
        )
    assert sorted(p["reasons"] for p in pairs(world)) == [["name", "plate", "vin"], ["phone"]]


def test_a_merge_joins_everything_and_undo_restores_it(world, two):
    one, other = two
    before = shown(world)
    history = world.row("select count(*) from crm.events where customer_id in (%s, %s)", one, other)
    done = merge(world, one, other, ["name"])
    assert world.row(
        "select name, wechat, need, removed_at from crm.customers where id = %s", one
    ) == ("张三丰", "zs", "七座", None)
    assert world.row("select removed_at is not null from crm.customers where id = %s", other)
    for table in ("vehicles", "deals", "companions", "conversations", "tasks"):
        assert world.row(f"select count(*) from crm.{table} where customer_id = %s", other) == 0, (
            table
        )
    assert (
        world.row("select count(*) from crm.events where customer_id = %s", one) > history
    )  # history joined
    assert world.ask("lin", "select count(*) from api.vehicles")[0] == (
        1,
    )  # the winner's owner sees it all
    assert (
        world.row(
            "select count(*) from crm.tasks t where t.customer_id = %s and t.assignee_id = %s and "
            "t.status = 'open'",
            one,
            world.users["lin"],
        )
        >= 2
    )
    assert world.ask("chen", "select count(*) from api.customers")[0] == (0,)
    assert unmerge(world, done) == [({"id": done},)]
    assert shown(world) == before
    assert (
        world.row(
            "select count(*) from crm.events where customer_id = %s and form = 'vehicle'", other
        )
        >= 1
    )
    assert unmerge(world, done)  # twice is harmless
    assert world.ask("liang", "select winner_id::text, undone_at is not null from api.merges") == [
        (one, True)
    ]


def test_a_merge_sent_twice_is_one_merge_and_cannot_be_half_undone(world, two):
    one, other = two
    merge_id = new_id()
    merge(world, one, other, ["name"], merge_id=merge_id)
    after = shown(world)
    merge(world, one, other, ["name"], merge_id=merge_id)
    assert shown(world) == after
    assert (
        world.refused(
            "liang",
            "select api.merge_customers(%s, %s, %s, %s)",
            world.stores["east"],
            new_id(),
            one,
            other,
        )
        == "PT404 not_found"
    )
    world.done(
        "lin",
        "save_customer",
        {"id": one, "set": {"name": "张三疯"}},
        base_version=world.row("select version from crm.customers where id = %s", one),
    )
    before = world.digest()
    assert (
        world.refused(
            "liang", "select api.unmerge_customers(%s, %s)", world.stores["east"], merge_id
        )
        == "PT409 changed_since"
    )
    assert world.digest() == before


def test_what_came_to_the_winner_since_stays_with_him(world, two):
    one, other = two
    done = merge(world, one, other)
    car = new_id()
    world.done("lin", "save_vehicle", {"id": car, "customer_id": one, "set": {"plate": "沪C77777"}})
    unmerge(world, done)
    assert world.row("select customer_id::text from crm.vehicles where id = %s", car) == one


@pytest.mark.parametrize("name", ["lin", "zhou", "wu", "xu", "qin", "yan", "stranger"])
def test_only_who_may_merge_looks_merges_and_undoes(world, two, name):
    store = world.stores["east"]
    done = merge(world, *two)
    for sql, arguments in (
        ("duplicate_pairs(%s)", (store,)),
        ("merge_customers(%s, %s, %s, %s)", (store, new_id(), *two)),
        ("unmerge_customers(%s, %s)", (store, done)),
    ):
        assert world.refused(name, f"select api.{sql}", *arguments) == "PT403 forbidden"


def test_customers_of_another_store_are_not_there(world, two):
    far = world.customer("ma", phone="13800138000")
    assert (
        world.refused(
            "liang",
            "select api.merge_customers(%s, %s, %s, %s)",
            world.stores["east"],
            new_id(),
            two[0],
            far,
        )
        == "PT404 not_found"
    )
    assert (
        world.refused(
            "liang",
            "select api.merge_customers(%s, %s, %s, %s)",
            world.stores["west"],
            new_id(),
            two[0],
            far,
        )
        == "PT403 forbidden"
    )
    assert {str(p["one"]["store_id"]) for p in pairs(world)} == {str(world.stores["east"])}


def test_a_masked_number_finds_no_pair_and_a_hidden_field_cannot_be_taken(world, two):
    world.db.execute(
        "update crm.access set readable = array_remove(readable, 'phone'), writable = "
        "array_remove(writable, 'phone'), required = '{}', masked = masked || 'phone'::text"
        " where store_id = %s and role = 'store_admin' and form = 'customer'",
        (world.stores["east"],),
    )
    assert pairs(world) == []
    one, other = two
    for field in ("phone", "cost_price", "owner_id", "name; drop table", "custom"):
        assert (
            world.refused(
                "liang",
                "select api.merge_customers(%s, %s, %s, %s, %s)",
                world.stores["east"],
                new_id(),
                one,
                other,
                Jsonb([field]),
            )
            == "PT422 forbidden"
        )
    world.db.execute("update crm.customers set phone = null where id = %s", (one,))
    merge(world, one, other)
    assert (
        world.row("select phone from crm.customers where id = %s", one) == "13800138000"
    )  # what he cannot see is not lost either


def test_the_stricter_wish_and_the_open_complaint_outlive_a_merge(world):
    """One of two entries took their consent to calls back and complained: the other one may not be
    called either, and the complaint stays open."""
    winner = world.customer("lin", name="并赢", phone="13866610011")
    loser = world.customer("lin", name="并输", phone="13866610012")
    world.task(winner)
    consent = {"id": new_id(), "customer_id": loser, "purpose": "follow_up", "channel": "call"}
    world.done(
        "lin", "save_consent", {**consent, "granted": False, "stated_at": "2026-11-20T08:00:00Z"}
    )
    assert (
        world.log_conversation("lin", loser, "complaint", notes="空调异响")["status"] == "applied"
    )
    sql = (
        "select consent_withdrawn_at is not null, complaint_at is not null "
        "from api.customers where id = %s"
    )
    assert world.ask("lin", sql, loser) == [(True, True)]
    merge_id = merge(world, winner, loser)
    assert world.ask("lin", sql, winner) == [(True, True)]
    assert (
        world.row(
            "select count(*) from crm.tasks where customer_id = %s and status = 'open'", winner
        )
        == 0
    )
    unmerge(world, merge_id)
    assert world.ask("lin", sql, winner) == [(False, False)]
    assert world.ask("lin", sql, loser) == [(True, True)]


@pytest.mark.parametrize("take", [(), ("phone",)])
def test_who_was_merged_is_found_by_the_old_number(world, take):
    winner = world.customer("lin", name="并赢", phone="13866610011")
    loser = world.customer("chen", name="并输", phone="13866610012")
    merge_id = merge(world, winner, loser, take)

    def found(notes, who="lin"):
        sql = "select name from api.search_customers(%s, %s)"
        return [r[0] for r in world.ask(who, sql, world.stores["east"], notes)]

    assert found("13866610011") == found("138-6661-0012") == found("0012") == ["并赢"]
    assert found("13866610012", "chen") == []  # it is not theirs any more
    unmerge(world, merge_id)
    assert found("13866610012") == [] and found("13866610012", "chen") == ["并输"]


def test_a_chain_of_merges_is_followed(world):
    a, b, c = (
        world.customer("lin", name=n, phone=f"1386661002{i}") for i, n in enumerate("甲乙丙")
    )
    merge(world, b, a)
    merge(world, c, b)
    sql = "select name from api.search_customers(%s, '13866610020')"
    assert world.ask("lin", sql, world.stores["east"]) == [("丙",)]


# Entered a second time ----------------------------------------------------------------------------


def entered(world, who, phone, **more):
    values = {"name": "又一位", "source": "phone", "level": "near", "phone": phone}
    return world.push(who, "save_customer", {"id": new_id(), "set": values, **more})


def alerts(world, who="he"):
    sql = "select kind, name, member_name from api.alerts where kind = 'duplicate'"
    return world.ask(who, sql)


def test_the_manager_hears_of_a_colleagues_customer_who_is_entered_again(world):
    world.customer("chen", name="张先生", phone="13812345678")
    answer = entered(world, "lin", "13812345678")
    assert answer["status"] == "applied"  # nothing is blocked
    assert alerts(world) == [("duplicate", "又一位", "lin")]
    assert alerts(world, "lin") == alerts(world, "chen") == []
    world.done("lin", "undo", {"op_id": answer["op_id"]})
    assert alerts(world) == []


def test_a_number_that_becomes_a_colleagues_customers_is_told_too(world):
    world.customer("chen", phone="13812345678")
    customer = world.customer("lin", name="改号", phone="13900000001")
    assert alerts(world) == []
    patch = {"id": customer, "set": {"phone": "13812345678"}}
    world.done("lin", "save_customer", patch, base_version=1)
    assert alerts(world) == [("duplicate", "改号", "lin")]


def test_ones_own_and_a_pools_customer_are_no_quarrel(world):
    world.customer("lin", phone="13812345678")
    assert entered(world, "lin", "13812345678")["status"] == "applied"
    world.customer("he", pool="open", phone="13812345679")
    assert entered(world, "lin", "13812345679")["status"] == "applied"
    assert alerts(world) == []


@pytest.mark.parametrize("zone", ["UTC", "Etc/GMT-12"])
def test_how_long_ago_is_counted_in_the_stores_days(world, zone):
    """Twelve hours ago is yesterday in one of these zones and today in the other."""
    customer = world.customer("chen", phone="13812345678")
    world.db.execute(
        "update crm.stores set time_zone = %s where id = %s", (zone, world.stores["east"])
    )
    days = world.row(
        "update crm.customers set last_contact_at = now() - interval '12 hours' where id = %s "
        "returning (now() at time zone %s)::date - (last_contact_at at time zone %s)::date",
        customer,
        zone,
        zone,
    )
    sql = "select api.find_duplicates(%s, '13812345678')"
    found = world.ask("lin", sql, world.stores["east"])[0][0]["elsewhere"]
    assert found["days"] == days
