"""Who leaves hands everything over; nobody changes his own rights or leaves the store without an admin (S-35, S-49)."""

from threading import Thread

import psycopg
import pytest

from tests.support.people import World, new_id


@pytest.fixture
def book(world):
    """lin holds three customers, a renewal, an open and a won deal, and calls; chen one customer."""
    mine = [world.customer(phone=f"1390000000{n}") for n in range(3)]
    world.customer("chen", phone="13900000009")
    world.db.execute("update crm.customers set renewal_owner_id = %s where owner_id = %s", (world.users["lin"], world.users["chen"]))
    for customer, stage in zip(mine, ("quoted", "delivered"), strict=False):
        deal = new_id()
        world.done("lin", "save_deal", {"id": deal, "customer_id": customer, "pipeline": "new_car", "set": {"title": "汉"}})
        world.db.execute("update crm.deals set stage = %s where id = %s", (stage, deal))
    world.task(mine[0])
    world.done("lin", "request_cancel", {"id": new_id(), "task_id": world.task(mine[1]), "reason": "unreachable"})
    return mine


def disable(world, name="lin", heir=None, pool=None, by="liang"):
    return world.ask(by, "select api.disable_member(%s, %s, %s, %s)", world.stores["east"], world.users[name], heir and world.users[heir], pool)[0][0]


def refused(world, name="lin", heir=None, pool=None, by="liang"):
    return world.refused(by, "select api.disable_member(%s, %s, %s, %s)", world.stores["east"], world.users[name], heir and world.users[heir], pool)


def holdings(world, name):
    return world.row("select customers, renewals, deals, tasks from crm.holdings(%s) where user_id = %s", world.stores["east"], world.users[name])


def test_leaving_moves_every_open_thing_to_a_person_and_nothing_is_lost(world, book):
    assert holdings(world, "lin") == (3, 1, 1, 2)
    before = world.db.execute(
        "select id, level, next_contact_on, need from crm.customers where store_id = %s order by 1", (world.stores["east"],)
    ).fetchall()
    assert disable(world, heir="chen") == {"customers": 3, "renewals": 1, "deals": 1, "tasks": 2}
    assert holdings(world, "lin") == (0, 0, 0, 0)
    assert holdings(world, "chen") == (4, 1, 1, 2)
    assert world.ask("chen", "select count(*) from api.handovers where why = 'member_left' and accepted_at is null")[0] == (3,)  # his cards to read
    assert (
        world.db.execute(
            "select id, level, next_contact_on, need from crm.customers where store_id = %s order by 1", (world.stores["east"],)
        ).fetchall()
        == before
    )
    assert (
        world.row("select owner_id from crm.deals where store_id = %s and stage = 'delivered'", world.stores["east"]) == world.users["lin"]
    )  # what he sold stays his
    assert world.db.execute(
        "select deals from crm.funnel_counts where store_id = %s and stage = 'quoted' and deals > 0", (world.stores["east"],)
    ).fetchall() == [(1,)]
    assert world.ask("chen", "select count(*) from api.customers")[0] == (4,)
    assert world.ask("lin", "select count(*) from api.customers")[0] == (0,)  # at once, by the tables: no token has to end
    assert world.ask("lin", "select count(*) from api.whoami")[0] == (0,)
    assert {
        e for (e,) in world.db.execute("select distinct actor_id from crm.events where field = 'owner_id' and store_id = %s", (world.stores["east"],))
    } == {world.users["liang"]}


def test_leaving_into_a_pool_needs_someone_for_the_calls_who_sees_the_pool(world, book):
    assert refused(world, pool="market") == "PT422 heir_needed"
    assert refused(world, pool="market", heir="chen") == "PT422 heir_cannot_see"
    assert disable(world, pool="market", heir="wu")["customers"] == 3
    assert world.ask("wu", "select count(*) from api.customers where pool = 'market'")[0] == (3,)
    assert world.ask("wu", "select count(*) from api.tasks")[0] == (2,)
    assert world.row("select owner_id from crm.deals where store_id = %s and stage = 'quoted'", world.stores["east"]) is None


def test_without_an_heir_nobody_who_holds_something_leaves_and_nothing_moves(world, book):
    before = world.digest()
    assert refused(world) == "PT422 heir_needed"
    assert refused(world, heir="lin") == "PT422 option"
    assert refused(world, heir="ma") == "PT422 option"  # of another store
    assert refused(world, pool="nowhere") == "PT422 option"
    assert world.digest() == before
    assert disable(world, "xu") == {"customers": 0, "renewals": 0, "deals": 0, "tasks": 0}  # empty hands need none
    assert refused(world, heir="xu") == "PT422 option"  # who has left inherits nothing


@pytest.mark.parametrize("by", ["lin", "he", "zhou", "wu", "xu", "qin", "yan", "stranger"])
def test_only_the_stores_admin_manages_people(world, by):
    store, lin = world.stores["east"], world.users["chen"]
    for sql in (
        "disable_member(%s, %s)",
        "enable_member(%s, %s)",
        "sign_out_member(%s, %s)",
        "set_member(%s, %s, 'x', 'store_admin')",
        "revoke_invitation(%s, %s)",
    ):
        assert world.refused(by, f"select api.{sql}", store, lin) == "PT403 forbidden"
    assert world.refused(by, "select api.people(%s)", store) == "PT403 forbidden"


def test_nobody_touches_his_own_access_and_the_last_admin_stays(world):
    store, liang = world.stores["east"], world.users["liang"]
    for sql in ("disable_member(%s, %s)", "set_member(%s, %s, '梁', 'advisor')", "enable_member(%s, %s)"):
        assert world.refused("liang", f"select api.{sql}", store, liang) == "PT422 own_access"
    world.join("fang", "east", "store_admin")
    assert world.ask("liang", "select api.disable_member(%s, %s)", store, world.users["fang"])
    assert world.refused("fang", "select api.disable_member(%s, %s)", store, liang) == "PT403 forbidden"
    assert world.refused("liang", "select api.set_member(%s, %s, '方', 'emperor')", store, world.users["fang"]) == "PT422 option"


def test_who_may_invite_but_not_publish_makes_no_admin(world):
    world.db.execute("update crm.roles set verbs = verbs || 'invite_member'::text where store_id = %s and key = 'manager'", (world.stores["east"],))
    store = world.stores["east"]
    assert world.refused("he", "select api.invite_member(%s, 'x', 'x@x', 'store_admin')", store) == "PT403 forbidden"
    assert world.refused("he", "select api.set_member(%s, %s, '林', 'store_admin')", store, world.users["lin"]) == "PT403 forbidden"
    assert world.refused("he", "select api.set_member(%s, %s, '梁', 'advisor')", store, world.users["liang"]) == "PT403 forbidden"
    assert world.refused("he", "select api.disable_member(%s, %s)", store, world.users["liang"]) == "PT422 last_admin"


def test_another_role_counts_at_the_next_request_and_a_former_member_comes_back(world, book):
    store, lin = world.stores["east"], world.users["lin"]
    world.ask("liang", "select api.set_member(%s, %s, ' 林晓 ', 'manager', '一组')", store, lin)
    assert world.ask("lin", "select role, scope from api.whoami") == [("manager", "store")]
    assert world.row("select name, team from crm.members where user_id = %s", lin) == ("林晓", "一组")
    disable(world, heir="chen")
    assert world.ask("lin", "select count(*) from api.whoami")[0] == (0,)
    world.ask("liang", "select api.enable_member(%s, %s, 'advisor')", store, lin)
    assert world.ask("lin", "select role from api.whoami") == [("advisor",)]
    assert holdings(world, "lin") == (0, 0, 0, 0)


def test_a_new_invitation_brings_a_former_member_back(world):
    disable(world, "xu")
    code = world.ask("liang", "select api.invite_member(%s, '徐', '13800001111', 'advisor')", world.stores["east"])[0][0]["code"]
    world.ask("xu", "select api.accept_invitation(%s)", code)
    assert world.ask("xu", "select role from api.whoami") == [("advisor",)]


def test_an_invitation_can_be_taken_back(world):
    made = world.ask("liang", "select api.invite_member(%s, '徐', '13800001111', 'advisor')", world.stores["east"])[0][0]
    world.ask("liang", "select api.revoke_invitation(%s, %s)", world.stores["east"], made["id"])
    assert world.refused("stranger", "select api.accept_invitation(%s)", made["code"]) == "PT404 invitation_unknown"
    assert world.refused("liang", "select api.revoke_invitation(%s, %s)", world.stores["east"], made["id"]) == "PT404 not_found"


def test_people_say_what_each_holds(world, book):
    rows = {r["user_id"]: r for r in world.ask("liang", "select api.people(%s)", world.stores["east"])[0][0]}
    assert set(rows) == {str(world.users[n]) for n in ("lin", "chen", "zhou", "wu", "xu", "he", "gao", "liang")}
    assert {k: rows[str(world.users["lin"])][k] for k in ("customers", "renewals", "deals", "tasks")} == {
        "customers": 3,
        "renewals": 1,
        "deals": 1,
        "tasks": 2,
    }


def test_a_customer_saved_while_his_owner_leaves_is_not_orphaned(stack):
    """Two sessions at once: the disabling waits for the saving, and takes that customer along."""
    with psycopg.connect(stack.db_url) as first, psycopg.connect(stack.db_url) as second:
        world = World(first)
        first.commit()
        customer = world.customer()
        other = World.__new__(World)
        other.__dict__ |= {**world.__dict__, "db": second}
        answer = []
        thread = Thread(target=lambda: answer.append(disable(other, heir="chen")))
        thread.start()
        first.commit()
        thread.join()
        second.commit()
        assert answer[0]["customers"] in (0, 1)
        assert disable(other, heir="chen")["customers"] in (0, 1)  # again is harmless, and takes what came meanwhile
        assert second.execute("select owner_id from crm.customers where id = %s", (customer,)).fetchone() == (world.users["chen"],)
        second.execute("delete from crm.customers where store_id = any (%s)", (list(world.stores.values()),))
        second.execute("delete from crm.stores where id = any (%s)", (list(world.stores.values()),))
        second.commit()
