"""Who leaves hands everything over; nobody changes their own rights or leaves the store without an
admin (S-35, S-49)."""

import json
from threading import Thread

import psycopg
import pytest
from psycopg.types.json import Jsonb
from uuid6 import uuid7

from forecourt.claims import as_member
from tests.support.people import World, new_id, preset


@pytest.fixture
def portfolio(world):
    """lin holds three customers, a renewal, an open and a won deal, and calls; chen one
    customer."""
    mine = [world.customer(phone=f"1390000000{n}") for n in range(3)]
    world.customer("chen", phone="13900000009")
    world.db.execute(
        "update crm.customers set renewal_owner_id = %s where owner_id = %s",
        (world.users["lin"], world.users["chen"]),
    )
    for customer, stage in zip(mine, ("quoted", "delivered"), strict=False):
        deal = new_id()
        world.done(
            "lin",
            "save_deal",
            {"id": deal, "customer_id": customer, "pipeline": "new_car", "set": {"title": "汉"}},
        )
        world.db.execute("update crm.deals set stage = %s where id = %s", (stage, deal))
    world.task(mine[0])
    world.done(
        "lin",
        "request_cancellation",
        {"id": new_id(), "task_id": world.task(mine[1]), "reason": "unreachable"},
    )
    return mine


def disable(world, name="lin", new_owner=None, pool=None, by="liang"):
    return world.ask(
        by,
        "select api.disable_member(%s, %s, %s, %s)",
        world.stores["east"],
        world.users[name],
        new_owner and world.users[new_owner],
        pool,
    )[0][0]


def refused(world, name="lin", new_owner=None, pool=None, by="liang"):
    return world.refused(
        by,
        "select api.disable_member(%s, %s, %s, %s)",
        world.stores["east"],
        world.users[name],
        new_owner and world.users[new_owner],
        pool,
    )


def open_work_counts(world, name):
    return world.row(
        "select customers, renewals, deals, tasks from crm.open_work_counts(%s) where user_id = %s",
        world.stores["east"],
        world.users[name],
    )


def test_leaving_moves_every_open_thing_to_a_person_and_nothing_is_lost(world, portfolio):
    assert open_work_counts(world, "lin") == (3, 1, 1, 2)
    before = world.db.execute(
        "select id, level, next_contact_on, need from crm.customers where store_id = %s order by 1",
        (world.stores["east"],),
    ).fetchall()
    assert disable(world, new_owner="chen") == {
        "customers": 3,
        "renewals": 1,
        "deals": 1,
        "tasks": 2,
    }
    assert open_work_counts(world, "lin") == (0, 0, 0, 0)
    assert open_work_counts(world, "chen") == (4, 1, 1, 2)
    assert world.ask(
        "chen",
        "select count(*) from api.transfers where kind = 'member_left' and accepted_at is null",
    )[0] == (3,)  # their cards to read
    assert (
        world.db.execute(
            "select id, level, next_contact_on, need from crm.customers where store_id = %s order "
            "by 1",
            (world.stores["east"],),
        ).fetchall()
        == before
    )
    assert (
        world.row(
            "select owner_id from crm.deals where store_id = %s and stage = 'delivered'",
            world.stores["east"],
        )
        == world.users["lin"]
    )  # what he sold stays their
    assert world.db.execute(
        "select deals from crm.funnel_counts where store_id = %s and stage = 'quoted' and "
        "deals > 0",
        (world.stores["east"],),
    ).fetchall() == [(1,)]
    assert world.ask("chen", "select count(*) from api.customers")[0] == (4,)
    assert world.ask("lin", "select count(*) from api.customers")[0] == (
        0,
    )  # at once, by the tables: no token has to end
    assert world.ask("lin", "select count(*) from api.whoami")[0] == (0,)
    assert {
        e
        for (e,) in world.db.execute(
            "select distinct actor_id from crm.events where field = 'owner_id' and store_id = %s",
            (world.stores["east"],),
        )
    } == {world.users["liang"]}


def test_leaving_into_a_pool_needs_someone_for_the_calls_who_sees_the_pool(world, portfolio):
    assert refused(world, pool="market") == "PT422 new_owner_required"
    assert refused(world, pool="market", new_owner="chen") == "PT422 new_owner_cannot_see"
    assert disable(world, pool="market", new_owner="wu")["customers"] == 3
    assert world.ask("wu", "select count(*) from api.customers where pool = 'market'")[0] == (3,)
    assert world.ask("wu", "select count(*) from api.tasks")[0] == (2,)
    assert (
        world.row(
            "select owner_id from crm.deals where store_id = %s and stage = 'quoted'",
            world.stores["east"],
        )
        is None
    )


def test_without_an_heir_nobody_who_holds_something_leaves_and_nothing_moves(world, portfolio):
    before = world.digest()
    assert refused(world) == "PT422 new_owner_required"
    assert refused(world, new_owner="lin") == "PT422 option"
    assert refused(world, new_owner="ma") == "PT422 option"  # of another store
    assert refused(world, pool="nowhere") == "PT422 option"
    assert world.digest() == before
    assert disable(world, "xu") == {
        "customers": 0,
        "renewals": 0,
        "deals": 0,
        "tasks": 0,
    }  # empty hands need none
    assert refused(world, new_owner="xu") == "PT422 option"  # who has left inherits nothing


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
    for sql in (
        "disable_member(%s, %s)",
        "set_member(%s, %s, '梁', 'advisor')",
        "enable_member(%s, %s)",
    ):
        assert world.refused("liang", f"select api.{sql}", store, liang) == "PT422 own_access"
    world.join("fang", "east", "store_admin")
    assert world.ask("liang", "select api.disable_member(%s, %s)", store, world.users["fang"])
    assert (
        world.refused("fang", "select api.disable_member(%s, %s)", store, liang)
        == "PT403 forbidden"
    )
    assert (
        world.refused(
            "liang", "select api.set_member(%s, %s, '方', 'emperor')", store, world.users["fang"]
        )
        == "PT422 option"
    )


def test_who_may_invite_but_not_publish_touches_no_admin(world):
    """A manager who may invite neither makes an admin nor renames, demotes, disables, enables or
    signs one out."""
    give_manager_inviting(world)
    store, lin, liang = world.stores["east"], world.users["lin"], world.users["liang"]
    for call, *arguments in (
        ("invite_member(%s, 'x', 'x@x', 'store_admin')", store),
        ("set_member(%s, %s, '林', 'store_admin')", store, lin),
        ("enable_member(%s, %s, 'store_admin')", store, lin),
        ("set_member(%s, %s, '梁', 'advisor')", store, liang),
        ("set_member(%s, %s, '某', 'store_admin')", store, liang),
        ("enable_member(%s, %s, 'advisor')", store, liang),
        ("enable_member(%s, %s)", store, liang),
        ("disable_member(%s, %s)", store, liang),
        ("sign_out_member(%s, %s)", store, liang),
    ):
        refused = world.refused("he", f"select api.{call}", *arguments)
        assert refused == "PT403 forbidden", call
    world.ask("he", "select api.set_member(%s, %s, '林晓', 'advisor')", store, lin)


def test_nobody_below_its_role_revokes_an_invitation_of_the_operator(world):
    """No member stands behind it: the comparison with its author was neither true nor false, and
    let everybody through."""
    give_manager_inviting(world)
    made = world.row(
        "select crm.create_invitation(%s, '关佳', 'a@b.example', 'store_admin', null)",
        world.stores["east"],
    )
    revoke = "select api.revoke_invitation(%s, %s)"
    assert world.refused("he", revoke, world.stores["east"], made["id"]) == "PT403 forbidden"
    world.ask("liang", revoke, world.stores["east"], made["id"])


def give_manager_inviting(world, verbs="{invite_member,claim_customer}"):
    world.db.execute(
        "update crm.roles set verbs = verbs || %s::text[] where store_id = %s and key = 'manager'",
        (verbs, world.stores["east"]),
    )


def test_an_inviter_who_sees_numbers_masked_gives_no_role_that_reads_them(world):
    """A second account would read for them."""
    give_manager_inviting(world)
    store = world.stores["east"]
    world.ask("he", "select api.invite_member(%s, 'x', 'x@x', 'advisor')", store)
    world.db.execute(
        "update crm.field_rights set access = 'masked'"
        " where store_id = %s and role = 'manager' and form = 'customer' and key = 'phone'",
        (store,),
    )
    world.db.execute("select crm.compile_access(%s, 'customer')", (store,))
    invite = "select api.invite_member(%s, 'x', 'x@x', 'advisor')"
    assert world.refused("he", invite, store) == "PT403 forbidden"
    assert "advisor" not in world.ask("he", "select api.grantable_roles(%s)", store)[0][0]


@pytest.mark.parametrize("scope", ["own", "team"])
def test_an_inviter_below_the_store_moves_nobody_into_a_team(world, scope):
    """They would see the rows of whom they put into their own, or through a second lead those of
    another."""
    store, lin, chen = world.stores["east"], world.users["lin"], world.users["chen"]
    give_manager_inviting(world, "{invite_member,claim_customer,reveal_field}")
    world.db.execute(
        "update crm.roles set scope = %s, pools = '{market,retained,open}'"
        " where store_id = %s and key = 'manager'",
        (scope, store),
    )
    world.db.execute(
        "update crm.roles set scope = 'team' where store_id = %s and key = 'market'", (store,)
    )
    world.db.execute(
        "update crm.members set team = case user_id when %s then 'a' when %s then 'b' end"
        " where user_id = any (%s)",
        (world.users["he"], lin, [world.users["he"], lin]),
    )
    for who, team in ((lin, "a"), (lin, None), (chen, "a"), (chen, "b")):
        sql = "select api.set_member(%s, %s, '某', 'advisor', %s)"
        assert world.refused("he", sql, store, who, team) == "PT403 forbidden", team
    for call in ("set_member(%s, %s, '某', 'market', 'b')", "enable_member(%s, %s, 'market')"):
        assert world.refused("he", f"select api.{call}", store, lin) == "PT403 forbidden"
    world.ask("he", "select api.set_member(%s, %s, '某', 'advisor', 'b')", store, lin)
    if scope == "team":
        world.ask("he", "select api.set_member(%s, %s, '某', 'market')", store, chen)


def test_the_list_of_roles_is_what_can_be_given(world):
    give_manager_inviting(world)
    store = world.stores["east"]
    for name in ("liang", "he"):
        offered = world.ask(name, "select api.grantable_roles(%s)", store)[0][0]
        given = []
        for (role,) in world.db.execute(
            "select key from crm.roles where store_id = %s order by position", (store,)
        ).fetchall():
            try:
                with world.db.transaction(force_rollback=True):
                    world.ask(name, "select api.invite_member(%s, 'x', 'x@x', %s)", store, role)
                    given.append(role)
            except psycopg.Error as error:
                if error.sqlstate != "PT403":
                    raise
        assert offered == given
        assert "group_admin" not in offered
    may = {
        r["user_id"]: r["can_manage"] for r in world.ask("he", "select api.people(%s)", store)[0][0]
    }
    assert (may[str(world.users["lin"])], may[str(world.users["liang"])]) == (True, False)
    assert may[str(world.users["he"])] is False


def test_enabling_somebody_active_as_less_does_not_take_the_last_admin(world):
    """A publisher who may not invite is no admin: the store would be left without one."""
    store = world.stores["east"]
    give_manager_inviting(world, "{invite_member,publish_config}")
    world.db.execute(
        "update crm.members set active = false where store_id = %s and user_id = %s",
        (store, world.users["gao"]),
    )
    world.db.execute(
        "update crm.roles set verbs = array_remove(verbs, 'publish_config') where store_id = %s"
        " and key = 'manager'",
        (store,),
    )
    world.join_group("guan", "east")
    world.db.execute(
        "update crm.roles set verbs = array['publish_config', 'invite_member']"
        " where store_id = %s and key = 'group_admin'",
        (store,),
    )
    for call in ("enable_member(%s, %s, 'advisor')", "set_member(%s, %s, '梁', 'advisor')"):
        refused = world.refused("guan", f"select api.{call}", store, world.users["liang"])
        assert refused == "PT422 last_admin", call


NAMES = {
    "empty": ("", "required"),
    "spaces": (" \t\u3000\u00a0", "required"),
    "missing": (None, "required"),
    "long": ("名" * 41, "length"),
    "very long": ("x" * 200_000, "length"),
    "a line break": ("林\n晓", "format"),
    "a bell": ("林\x07", "format"),
    "an invisible letter": ("林\u200b晓", "format"),
    "turned letters": ("\u202e林晓", "format"),
}


@pytest.mark.parametrize("kind", NAMES)
def test_what_cannot_be_a_name_is_refused_by_field(world, kind):
    text, code = NAMES[kind]
    store, lin = world.stores["east"], world.users["lin"]
    for call, field, *arguments in (
        ("invite_member(%s, %s, '13800001111', 'advisor')", "name", store, text),
        ("set_member(%s, %s, %s, 'advisor')", "name", store, lin, text),
    ):
        told = refusal(world, "liang", f"select api.{call}", *arguments)
        assert told == ("PT422", code, field), (call, told)


@pytest.mark.parametrize(
    ("call", "text", "code", "field"),
    [
        ("invite_member(%(store)s, '某', %(text)s, 'advisor')", "x" * 121, "length", "contact"),
        ("invite_member(%(store)s, '某', %(text)s, 'advisor')", "x" * 200_000, "length", "contact"),
        ("invite_member(%(store)s, '某', %(text)s, 'advisor')", "ab", "format", "contact"),
        ("invite_member(%(store)s, '某', %(text)s, 'advisor')", " a ", "format", "contact"),
        ("invite_member(%(store)s, '某', %(text)s, 'advisor')", "a@b\nc", "format", "contact"),
        ("invite_member(%(store)s, '某', '13800001111', %(text)s)", None, "option", "role"),
        (
            "invite_member(%(store)s, '某', '13800001111', %(text)s)",
            "x" * 200_000,
            "option",
            "role",
        ),
        ("set_member(%(store)s, %(lin)s, '林', %(text)s)", "x" * 200_000, "option", "role"),
        ("set_member(%(store)s, %(lin)s, '林', %(text)s)", None, "option", "role"),
        ("set_member(%(store)s, %(lin)s, '林', 'advisor', %(text)s)", "x" * 41, "length", "team"),
        ("set_member(%(store)s, %(lin)s, '林', 'advisor', %(text)s)", "a\nb", "format", "team"),
        ("enable_member(%(store)s, %(lin)s, %(text)s)", "x" * 200_000, "option", "role"),
        ("enable_member(%(store)s, %(lin)s, %(text)s)", "", "option", "role"),
        ("disable_member(%(store)s, %(lin)s, null, %(text)s)", "x" * 200_000, "option", "pool"),
        ("disable_member(%(store)s, %(lin)s, null, %(text)s)", "", "option", "pool"),
    ],
)
def test_every_other_text_is_refused_by_field(world, call, text, code, field):
    sql = f"select api.{call}"
    named = {"store": world.stores["east"], "lin": world.users["lin"], "text": text}
    assert refusal(world, "liang", sql, named) == ("PT422", code, field)


def refusal(world, name, sql, *arguments):
    """SQLSTATE, message and detail of a statement that must fail; a dictionary is passed by
    name."""
    given = arguments[0] if arguments and isinstance(arguments[0], dict) else arguments
    try:
        with (
            world.db.transaction(),
            as_member(world.db, world.users[name]),
        ):
            world.db.execute(sql, given)
    except psycopg.Error as error:
        return error.sqlstate, error.diag.message_primary, error.diag.message_detail
    raise AssertionError("it was not refused")


def test_another_role_counts_at_the_next_request_and_a_former_member_comes_back(world, portfolio):
    store, lin = world.stores["east"], world.users["lin"]
    world.ask("liang", "select api.set_member(%s, %s, ' 林晓 ', 'manager', '一组')", store, lin)
    assert world.ask("lin", "select role, scope from api.whoami") == [("manager", "store")]
    assert world.row("select name, team from crm.members where user_id = %s", lin) == (
        "林晓",
        "一组",
    )
    disable(world, new_owner="chen")
    assert world.ask("lin", "select count(*) from api.whoami")[0] == (0,)
    world.ask("liang", "select api.enable_member(%s, %s, 'advisor')", store, lin)
    assert world.ask("lin", "select role from api.whoami") == [("advisor",)]
    assert open_work_counts(world, "lin") == (0, 0, 0, 0)


def test_no_invitation_brings_a_disabled_member_back(world):
    """Only enabling does: who invites may not know that an admin let this person go."""
    disable(world, "xu")
    code = invite(world)
    before = world.digest()
    assert world.refused("xu", ACCEPT, code) == "PT403 ask_an_admin"
    assert world.digest() == before
    assert world.ask("xu", "select role from api.whoami") == []
    world.ask(
        "liang",
        "select api.enable_member(%s, %s, 'advisor')",
        world.stores["east"],
        world.users["xu"],
    )
    assert world.ask("xu", "select role from api.whoami") == [("advisor",)]
    world.ask("xu", ACCEPT, code)
    assert world.ask("xu", "select role from api.whoami") == [("advisor",)]


ACCEPT = "select api.accept_invitation(%s)"


def invite(world, by="liang", role="advisor", contact="13800001111"):
    return world.ask(
        by, "select api.invite_member(%s, '新', %s, %s)", world.stores["east"], contact, role
    )[0][0]["code"]


# What ends the right of "fang", who made the invitation as an admin: by whom, and how.
ENDS_OF_RIGHT = {
    "disabled": "select api.disable_member(%(east)s, %(fang)s)",
    "demoted": "select api.set_member(%(east)s, %(fang)s, '方', 'advisor')",
    "gone": "delete from crm.members where user_id = %(fang)s",
    "verb taken": "update crm.roles set verbs = array_remove(verbs, 'invite_member')"
    " where store_id = %(east)s and key = 'store_admin'",
    "role retired": "update crm.roles set retired = true"
    " where store_id = %(east)s and key = 'manager'",
    "no longer strong enough": "update crm.roles set verbs = array['invite_member']"
    " where store_id = %(east)s and key = 'store_admin'",
    "expired": "update crm.invitations set expires_at = now() - interval '1 second'",
}


@pytest.mark.parametrize("how", ENDS_OF_RIGHT)
def test_an_invitation_dies_with_its_authors_right(world, how):
    world.join("fang", "east", "store_admin")
    world.users["spare"] = uuid7()
    code = invite(world, "fang", "manager")
    sql = ENDS_OF_RIGHT[how]
    named = {"east": world.stores["east"], "fang": world.users["fang"]}
    if sql.startswith("select"):
        with as_member(world.db, world.users["liang"]):
            world.db.execute(sql, named)
    else:
        world.db.execute(sql, named)
    before = world.digest()
    for name in ("stranger", "spare"):
        assert world.refused(name, ACCEPT, code) == "PT404 invitation_unknown"
    known = "PT403 ask_an_admin" if how == "disabled" else None
    if known:
        assert world.refused("fang", ACCEPT, code) == known  # their own way back
    assert world.digest() == before


def test_a_publisher_who_takes_a_verb_away_ends_its_invitations(world):
    give_manager_inviting(world)
    code = invite(world, "he", "advisor")
    document = json.loads(preset())  # no manager may invite in it
    world.ask(
        "liang", "select api.publish_config(%s, %s, 1)", world.stores["east"], Jsonb(document)
    )
    assert world.refused("stranger", ACCEPT, code) == "PT404 invitation_unknown"


def test_joining_is_in_the_audit(world):
    code = invite(world)
    world.ask("stranger", ACCEPT, code)
    world.ask("stranger", ACCEPT, code)  # a second call by the same person adds nothing
    acts = world.ask(
        "liang", """select api.audit_log(%s, '{"what": "audit_events"}')""", world.stores["east"]
    )[0][0]["rows"]
    joined = [a for a in acts if a["kind"] == "member_joined"]
    assert len(joined) == 1
    assert joined[0]["actor_id"] == joined[0]["subject_id"] == str(world.users["stranger"])
    assert joined[0]["detail"]["role"] == "advisor"
    assert joined[0]["detail"]["invited_by"] == str(world.users["liang"])


def test_an_active_member_gets_no_second_role_by_a_code(world):
    world.ask("lin", ACCEPT, invite(world, role="store_admin"))
    assert world.ask("lin", "select role from api.whoami") == [("advisor",)]
    assert world.count("audit_events", "kind = 'member_joined'") == 0


@pytest.mark.parametrize(
    ("contact", "account", "comes_in"),
    [
        ("13800001111", "13800001111@phone.forecourt.invalid", True),
        ("+86 138 0000 1111", "13800001111@phone.forecourt.invalid", True),
        ("13800001111", "8613800001111@phone.forecourt.invalid", True),
        ("13800001111", "13800001112@phone.forecourt.invalid", False),
        ("0086-138-0000-1111", "13800001111@phone.forecourt.invalid", True),
        ("微信 zhang88", "13800001111@phone.forecourt.invalid", True),
        ("新人 <new@example.cn>", "new@example.cn", True),
        ("New@Example.cn", "new@example.cn", True),
        ("new@example.cn", "old@example.cn", False),
        ("new@example.cn", "13800001111@phone.forecourt.invalid", False),
        ("13800001111", "13800001111@example.cn", False),
    ],
)
def test_a_code_is_for_the_account_it_was_sent_to(world, contact, account, comes_in):
    code = invite(world, contact=contact)
    claims = {"sub": str(world.users["stranger"]), "role": "authenticated", "email": account}
    with world.db.transaction(force_rollback=True):
        world.db.execute(
            "select set_config('role', 'authenticated', true),"
            " set_config('request.jwt.claims', %s, true)",
            (json.dumps(claims),),
        )
        if comes_in:
            world.db.execute(ACCEPT, (code,))
        else:
            with pytest.raises(psycopg.Error, match="invitation_for_another"):
                world.db.execute(ACCEPT, (code,))


def test_of_two_people_with_one_code_one_comes_in(stack):
    """Two sessions at once: the second waits, and the code is used."""
    with psycopg.connect(stack.db_url) as first, psycopg.connect(stack.db_url) as second:
        world = World(first)
        world.users["other"] = uuid7()
        code = invite(world)
        first.commit()
        other = World.__new__(World)
        other.__dict__ |= {**world.__dict__, "db": second}
        answer = []
        thread = Thread(target=lambda: answer.append(other.refused("other", ACCEPT, code)))
        try:
            world.ask("stranger", ACCEPT, code)
            thread.start()
            first.commit()
            thread.join()
            assert answer == ["PT404 invitation_unknown"]
        finally:
            second.rollback()
            stores = list(world.stores.values())
            first.execute("delete from crm.stores where id = any (%s)", (stores,))
            first.commit()


def test_two_admins_cannot_disable_each_other(stack):
    """Two sessions at once: the second waits, and may not act any more."""
    with psycopg.connect(stack.db_url) as first, psycopg.connect(stack.db_url) as second:
        world = World(first)
        for name in ("fang", "third"):
            world.join(name, "east", "store_admin")
        first.commit()
        other = World.__new__(World)
        other.__dict__ |= {**world.__dict__, "db": second}
        answer = []
        thread = Thread(target=lambda: answer.append(refused(other, "liang", by="fang")))
        try:
            disable(world, "fang")
            thread.start()
            first.commit()
            thread.join()
            assert answer == ["PT403 forbidden"]
        finally:
            second.rollback()
            stores = list(world.stores.values())
            first.execute("delete from crm.stores where id = any (%s)", (stores,))
            first.commit()


def test_an_invitation_can_be_taken_back(world):
    made = world.ask(
        "liang",
        "select api.invite_member(%s, '徐', '13800001111', 'advisor')",
        world.stores["east"],
    )[0][0]
    world.ask("liang", "select api.revoke_invitation(%s, %s)", world.stores["east"], made["id"])
    assert (
        world.refused("stranger", "select api.accept_invitation(%s)", made["code"])
        == "PT404 invitation_unknown"
    )
    assert (
        world.refused(
            "liang", "select api.revoke_invitation(%s, %s)", world.stores["east"], made["id"]
        )
        == "PT404 not_found"
    )


def test_people_say_what_each_holds(world, portfolio):
    rows = {
        r["user_id"]: r
        for r in world.ask("liang", "select api.people(%s)", world.stores["east"])[0][0]
    }
    assert set(rows) == {
        str(world.users[n]) for n in ("lin", "chen", "zhou", "wu", "xu", "he", "gao", "liang")
    }
    assert {
        k: rows[str(world.users["lin"])][k] for k in ("customers", "renewals", "deals", "tasks")
    } == {
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
        thread = Thread(target=lambda: answer.append(disable(other, new_owner="chen")))
        thread.start()
        first.commit()
        thread.join()
        second.commit()
        assert answer[0]["customers"] in (0, 1)
        assert disable(other, new_owner="chen")["customers"] in (
            0,
            1,
        )  # again is harmless, and takes what came meanwhile
        assert second.execute(
            "select owner_id from crm.customers where id = %s", (customer,)
        ).fetchone() == (world.users["chen"],)
        second.execute(
            "delete from crm.customers where store_id = any (%s)", (list(world.stores.values()),)
        )
        second.execute("delete from crm.stores where id = any (%s)", (list(world.stores.values()),))
        second.commit()
