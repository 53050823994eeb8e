"""Members come in by a code, one role in a store, and only where someone may invite (S-42,
S-49)."""

import pytest
from psycopg.types.json import Jsonb

from tests.support.people import new_id


def invite(world, name="liang", role="advisor"):
    return world.ask(
        name, "select api.invite_member(%s, '新人', '13800001111', %s)", world.stores["east"], role
    )[0][0]["code"]


@pytest.mark.parametrize("name", ["lin", "he", "zhou", "wu", "xu", "qin", "yan", "stranger"])
def test_only_the_stores_admin_invites(world, name):
    assert (
        world.refused(
            name, "select api.invite_member(%s, 'x', 'x@x', 'advisor')", world.stores["east"]
        )
        == "PT403 forbidden"
    )


def test_a_code_makes_a_member_once(world):
    code = invite(world)
    assert world.ask("stranger", "select count(*) from api.whoami")[0] == (0,)
    world.ask("stranger", "select api.accept_invitation(%s)", f" {code[:4]}-{code[4:].lower()} ")
    assert world.ask("stranger", "select role, name, scope from api.whoami") == [
        ("advisor", "新人", "own")
    ]
    world.ask(
        "stranger", "select api.accept_invitation(%s)", code
    )  # their own second try is harmless
    assert (
        world.refused("ma", "select api.accept_invitation(%s)", code) == "PT404 invitation_unknown"
    )


@pytest.mark.parametrize("code", ["", "AAAAAAAAAAAAAA", None, "%", "'; drop table crm.members; --"])
def test_a_guess_gives_nothing(world, code):
    invite(world)
    assert (
        world.refused("stranger", "select api.accept_invitation(%s)", code)
        == "PT404 invitation_unknown"
    )


def test_a_code_expires_and_only_its_hash_is_stored(world):
    code = invite(world)
    assert code.encode() not in world.row(
        "select code_hash from crm.invitations where store_id = %s", world.stores["east"]
    )
    world.db.execute("update crm.invitations set expires_at = now() - interval '1 minute'")
    assert (
        world.refused("stranger", "select api.accept_invitation(%s)", code)
        == "PT404 invitation_unknown"
    )


@pytest.mark.parametrize(
    ("name", "contact", "role", "field"),
    [
        ("", "x@x", "advisor", "required"),
        ("x", " ", "advisor", "required"),
        ("x", "x@x", "emperor", "option"),
    ],
)
def test_an_invitation_needs_its_three_facts(world, name, contact, role, field):
    assert (
        world.refused(
            "liang",
            "select api.invite_member(%s, %s, %s, %s)",
            world.stores["east"],
            name,
            contact,
            role,
        )
        == f"PT422 {field}"
    )


def test_rights_of_two_stores_never_add_up(world):
    world.join("lin", "west", "store_admin")
    east = world.customer("chen", phone="13900000001")
    west = world.customer("ma", phone="13900000002")
    assert world.ask("lin", "select id::text from api.customers order by 1") == [(west,)]
    assert (
        world.push(
            "lin", "save_customer", {"id": east, "set": {"name": "x"}}, base_version=1, store="east"
        )["code"]
        == "not_found"
    )
    assert (
        world.refused("lin", "select api.publish_config(%s, '{}', 1)", world.stores["east"])
        == "PT403 forbidden"
    )


def test_a_stranger_and_a_token_without_a_person_see_nothing(world):
    world.customer()
    for view in ("customers", "stores", "members", "config", "whoami"):
        assert world.ask("stranger", f"select count(*) from api.{view}")[0] == (0,)
        assert world.refused(None, f"select count(*) from api.{view}").startswith("42501")


# A role of the group ------------------------------------------------------------------------------


def test_a_group_role_stands_in_every_store_of_the_group_that_defines_it(world):
    """West says what the group sees of it; far belongs to another group."""
    world.join("guan", "east", "group_admin")
    world.join_group("guan", "east")
    customer = world.customer("ma", phone="13900000002")
    places = world.ask("guan", "select store_name, role, is_member from api.whoami order by 1")
    assert places == [("east", "group_admin", True), ("west", "group_admin", False)]
    assert world.ask("guan", "select id::text, name, phone from api.customers") == [
        (customer, None, None)
    ]  # rows, for reports; no field was given
    assert world.ask("guan", "select api.funnel_report(%s)", world.stores["west"])[0][0][
        "pipelines"
    ]
    assert (
        world.refused("guan", "select api.funnel_report(%s)", world.stores["far"])
        == "PT403 forbidden"
    )
    document = world.ask(
        "guan", "select document from api.config where store_id = %s", world.stores["west"]
    )[0][0]
    document.pop("access")
    assert world.ask(
        "guan",
        "select api.publish_config(%s, %s, 1, 'group')",
        world.stores["west"],
        Jsonb(document),
    )[0][0] == {"version": 2}


def test_a_store_that_does_not_define_the_role_is_closed_to_it(world):
    world.join("guan", "east", "group_admin")
    world.join_group("guan", "east")
    world.db.execute(
        "update crm.roles set retired = true where store_id = %s and key = 'group_admin'",
        (world.stores["west"],),
    )
    assert world.ask("guan", "select store_name from api.whoami") == [("east",)]
    world.db.execute(
        "update crm.roles set retired = false, scope = 'store' where store_id = %s and key = "
        "'group_admin'",
        (world.stores["west"],),
    )
    assert world.ask("guan", "select store_name from api.whoami") == [("east",)]


def test_through_a_group_role_nobody_works_on_records(world):
    world.join("guan", "east", "group_admin")
    world.join_group("guan", "east")
    for store in ("east", "west"):
        world.db.execute(
            "update crm.roles set verbs = verbs || array['log_conversation', 'save_customer', "
            "'add_customer'] where store_id = %s and key = 'group_admin'",
            (world.stores[store],),
        )
    answer = world.push(
        "guan", "save_customer", {"id": new_id(), "set": {"name": "某"}}, store="west"
    )
    assert answer["code"] == "forbidden"


def test_a_disabled_group_member_has_no_place_left(world):
    world.join("guan", "east", "group_admin")
    world.join_group("guan", "east")
    world.db.execute(
        "update crm.members set active = false where user_id = %s", (world.users["guan"],)
    )
    assert world.ask("guan", "select * from api.whoami") == []
    assert world.ask("guan", "select * from api.customers") == []
