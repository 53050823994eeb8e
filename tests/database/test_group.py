"""Access to a whole dealer group is granted by the group, never by what a store writes or whom it
invites."""

import json
from threading import Event, Thread

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.support.people import World, preset

GROUP_ROLE = "group_admin"


def document(**changes: dict) -> dict:
    """The preset with some roles changed: `document(group_admin={"verbs": []})`."""
    found = json.loads(preset())
    for role in found["roles"]:
        role.update(changes.get(role["key"], {}))
    return found


def publish(world, name: str, store: str, changed: dict) -> str:
    """Answers "published" or the refusal, detail included; nothing stays."""
    sql = "select api.publish_config(%s, %s, 1)"
    try:
        with world.db.transaction(force_rollback=True):
            world.ask(name, sql, world.stores[store], Jsonb(changed))
            return "published"
    except psycopg.Error as error:
        return " ".join(
            x for x in (error.sqlstate, error.diag.message_primary, error.diag.message_detail) if x
        )


def grant(world, by: str, to: str, role: str = GROUP_ROLE, is_admin: bool = False) -> str:
    sql = "select api.grant_group_role(%s, %s, %s, %s)"
    asked = (world.group_of("east"), world.users[to], role, is_admin)
    try:
        with world.db.transaction():
            world.ask(by, sql, *asked)
            return "granted"
    except psycopg.Error as error:
        return f"{error.sqlstate} {error.diag.message_primary}"


def revoke(world, by: str, to: str) -> str:
    sql = "select api.revoke_group_role(%s, %s)"
    try:
        with world.db.transaction():
            world.ask(by, sql, world.group_of("east"), world.users[to])
            return "revoked"
    except psycopg.Error as error:
        return f"{error.sqlstate} {error.diag.message_primary}"


def places(world, name: str) -> set[tuple[str, str]]:
    return set(world.ask(name, "select store_name, role from api.whoami"))


@pytest.fixture
def guan(world) -> World:
    """guan administers the group of east and west, and is a member of neither."""
    world.join_group("guan", "east", is_admin=True)
    return world


# A store gives nothing beyond itself ------------------------------------------------------------


def test_no_people_function_of_a_store_gives_a_role_of_the_group(world):
    store, lin = world.stores["east"], world.users["lin"]
    world.ask("liang", "select api.disable_member(%s, %s)", store, world.users["xu"])
    for sql, arguments in (
        ("invite_member(%s, '某', '13800001111', %s)", (store, GROUP_ROLE)),
        ("set_member(%s, %s, '林', %s)", (store, lin, GROUP_ROLE)),
        ("enable_member(%s, %s, %s)", (store, world.users["xu"], GROUP_ROLE)),
    ):
        assert world.refused("liang", f"select api.{sql}", *arguments) == "PT403 group_role", sql


@pytest.mark.parametrize("verbs", [["publish_config"], ["publish_config", "invite_member"]])
def test_a_membership_with_a_role_of_the_group_gives_nothing_without_the_list(world, verbs):
    """However it came about: an old row, a slip of the operator."""
    world.join("eve", "east", GROUP_ROLE)
    world.customer("ma", phone="13900000002")
    world.db.execute(
        "update crm.roles set verbs = %s where key = %s and store_id = any (%s)",
        (verbs, GROUP_ROLE, [world.stores["east"], world.stores["west"]]),
    )
    assert places(world, "eve") == set()
    for view in ("customers", "stores", "members", "config", "config_versions", "deals"):
        assert world.ask("eve", f"select count(*) from api.{view}")[0] == (0,), view
    for store in ("east", "west", "far"):
        assert publish(world, "eve", store, document()) == "PT403 forbidden"
        for call in ("people(%s)", "funnel_report(%s)", "today(%s)", "check_config(%s, '{}')"):
            refused = world.refused("eve", f"select api.{call}", world.stores[store])
            assert refused == "PT403 forbidden", (store, call)


def test_an_open_invitation_to_a_role_of_the_group_lets_nobody_in(world):
    """One made before the rule, or whose role became one of the group after it."""
    invited = world.ask(
        "liang",
        "select api.invite_member(%s, '某', '13800001111', 'manager')",
        world.stores["east"],
    )[0][0]
    world.db.execute(
        "update crm.roles set scope = 'group' where store_id = %s and key = 'manager'",
        (world.stores["east"],),
    )
    assert (
        world.refused("stranger", "select api.accept_invitation(%s)", invited["code"])
        == "PT404 invitation_unknown"
    )


@pytest.mark.parametrize("role", ["store_admin", "manager", "advisor", "market"])
def test_publishing_makes_no_role_of_the_stores_people_one_of_the_group(world, role):
    changed = document(**{role: {"scope": "group"}})
    assert publish(world, "liang", "east", changed).startswith("PT422 ")
    if role != "store_admin":
        assert publish(world, "liang", "east", changed) == f"PT422 group_role {role}"
        found = world.ask(
            "liang", "select api.check_config(%s, %s)", world.stores["east"], Jsonb(changed)
        )
        assert {"kind": "group_role", "level": "refused", "subject": role} in found[0][0]


def test_a_new_role_of_the_group_is_empty_until_the_group_gives_it(guan):
    changed = document()
    changed["roles"].append(
        {
            "key": "auditor",
            "label": {"en": "Auditor"},
            "scope": "group",
            "verbs": ["read_audit"],
            "screens": ["me"],
            "rights": {},
        }
    )
    guan.ask("liang", "select api.publish_config(%s, %s, 1)", guan.stores["east"], Jsonb(changed))
    assert (
        guan.refused(
            "liang",
            "select api.set_member(%s, %s, '林', 'auditor')",
            guan.stores["east"],
            guan.users["lin"],
        )
        == "PT403 group_role"
    )
    assert grant(guan, "guan", "lin", "auditor") == "granted"
    assert places(guan, "lin") == {("east", "advisor")}  # own membership first; west defines none
    assert grant(guan, "guan", "ma", "auditor") == "granted"
    assert places(guan, "ma") == {("west", "advisor"), ("east", "auditor")}


# Nor takes anything from the group ---------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"verbs": []},
        {"verbs": ["publish_config", "invite_member"]},
        {"scope": "store"},
        {"scope": "own"},
        {"screens": []},
        {"pools": ["market"]},
        {"rights": {"customer": {"phone": "read"}}},
    ],
)
def test_only_the_group_changes_a_role_it_has_given(guan, change):
    changed = document(group_admin=change)
    assert publish(guan, "liang", "east", changed) == f"PT422 group_role_fixed {GROUP_ROLE}"
    assert publish(guan, "guan", "east", changed) == "published"


def test_a_store_cannot_shut_the_group_out(guan):
    gone = document()
    gone["roles"] = [r for r in gone["roles"] if r["key"] != GROUP_ROLE]
    assert publish(guan, "liang", "east", gone) == f"PT422 group_role_fixed {GROUP_ROLE}"
    found = guan.ask("liang", "select api.check_config(%s, %s)", guan.stores["east"], Jsonb(gone))
    assert "group_role_fixed" in {x["kind"] for x in found[0][0] if x["level"] == "refused"}
    # what is the store's own stays the store's own
    fewer = document()
    fewer["forms"]["customer"]["fields"] = [
        f for f in fewer["forms"]["customer"]["fields"] if f["key"] != "budget_fen"
    ]
    assert publish(guan, "liang", "east", fewer) == "published"
    assert publish(guan, "yan", "far", gone) == "published"  # far gave it to nobody


def test_a_store_may_open_itself_to_the_group(guan):
    """It gives the group something and nobody else."""
    guan.db.execute(
        "update crm.roles set retired = true where store_id = %s and key = 'group_admin'",
        (guan.stores["east"],),
    )
    assert places(guan, "guan") == {("west", GROUP_ROLE)}
    guan.ask(
        "liang", "select api.publish_config(%s, %s, 1)", guan.stores["east"], Jsonb(document())
    )
    assert places(guan, "guan") == {("east", GROUP_ROLE), ("west", GROUP_ROLE)}
    assert places(guan, "liang") == {("east", "store_admin")}


def test_an_old_version_does_not_bring_an_old_group_role_back(guan):
    guan.ask(
        "guan",
        "select api.publish_config(%s, %s, 1)",
        guan.stores["east"],
        Jsonb(document(group_admin={"verbs": ["publish_config", "read_audit"]})),
    )
    assert (
        guan.refused("liang", "select api.restore_config(%s, 1, 2)", guan.stores["east"])
        == "PT422 group_role_fixed"
    )


@pytest.mark.parametrize("listed", [False, True])
def test_a_stores_admin_acts_on_nobody_of_the_group(world, listed):
    """A group member may be a member of a store as well; that store's admin neither changes nor
    disables nor watches them."""
    world.join("guan", "east", "advisor")
    if listed:
        world.join_group("guan", "east")
    store, guan = world.stores["east"], world.users["guan"]
    for call in (
        "set_member(%s, %s, '管', 'renewal')",
        "enable_member(%s, %s, 'renewal')",
        "sign_out_member(%s, %s)",
        "start_view_as(%s, %s)",
        "disable_member(%s, %s)",
    ):
        with world.db.transaction(force_rollback=True):
            if listed:
                refused = world.refused("liang", f"select api.{call}", store, guan)
                assert refused == "PT403 forbidden", call
            else:
                world.ask("liang", f"select api.{call}", store, guan)


# The list ---------------------------------------------------------------------------------------


def test_a_group_administrator_needs_no_membership(guan):
    assert places(guan, "guan") == {("east", GROUP_ROLE), ("west", GROUP_ROLE)}
    assert guan.ask(
        "guan", "select bool_and(is_group_admin), bool_or(is_member) from api.whoami"
    ) == [(True, False)]
    assert publish(guan, "guan", "west", document()) == "published"
    assert publish(guan, "guan", "far", document()) == "PT403 forbidden"


def test_only_a_group_administrator_gives_and_takes(guan):
    guan.join_group("reader", "east")
    guan.join_group("boss", "far", is_admin=True)
    for name in ("liang", "qin", "lin", "reader", "boss", "stranger"):
        before = guan.digest()
        assert grant(guan, name, "chen") == "PT403 forbidden", name
        assert grant(guan, name, name) == "PT403 forbidden", name
        assert revoke(guan, name, "guan") == "PT403 forbidden", name
        assert (
            guan.refused(name, "select api.group_people(%s)", guan.group_of("east"))
            == "PT403 forbidden"
        )
        assert guan.digest() == before
    assert grant(guan, "guan", "chen") == "granted"
    assert (
        grant(guan, "chen", "lin") == "PT403 forbidden"
    )  # a role of the group is no administrator
    assert grant(guan, "guan", "chen", is_admin=True) == "granted"
    assert grant(guan, "chen", "lin") == "granted"


def test_the_list_cannot_be_written_past_its_functions(guan):
    for statement in (
        "insert into crm.group_members (group_id, user_id, role, name) values "
        "(gen_random_uuid(), gen_random_uuid(), 'group_admin', 'x')",
        "update crm.group_members set is_admin = true",
        "delete from crm.group_members",
        "select crm.upsert_group_member(gen_random_uuid(), gen_random_uuid(), 'group_admin', 'x', "
        "true, null)",
        "select crm.delete_group_member(gen_random_uuid(), gen_random_uuid(), null)",
    ):
        for name in ("liang", "guan"):
            assert guan.refused(name, statement).startswith("42501"), statement


def test_nobody_grants_themselves_and_a_role_must_be_one_of_the_group(guan):
    assert grant(guan, "guan", "guan") == "PT422 own_access"
    assert grant(guan, "guan", "guan", is_admin=True) == "PT422 own_access"
    for role in ("store_admin", "advisor", "emperor", "", "x" * 5000):
        assert grant(guan, "guan", "lin", role) == "PT422 option", role
    for nobody in ("stranger", "yan"):  # unknown to the group; a member of another one
        assert grant(guan, "guan", nobody) == "PT404 not_found"
    assert revoke(guan, "guan", "lin") == "PT404 not_found"


def test_the_last_group_administrator_stays(guan):
    guan.join_group("reader", "east")
    assert revoke(guan, "guan", "guan") == "PT422 last_group_admin"
    assert grant(guan, "guan", "lin", is_admin=True) == "granted"
    assert revoke(guan, "guan", "guan") == "revoked"
    assert places(guan, "guan") == set()
    assert revoke(guan, "lin", "lin") == "PT422 last_group_admin"


def test_what_is_taken_away_is_gone_at_the_next_request(guan):
    guan.join("bei", "east", GROUP_ROLE)
    assert grant(guan, "guan", "bei") == "granted"
    assert places(guan, "bei") == {("east", GROUP_ROLE), ("west", GROUP_ROLE)}
    assert revoke(guan, "guan", "bei") == "revoked"
    assert places(guan, "bei") == set()
    for store in ("east", "west"):
        assert publish(guan, "bei", store, document()) == "PT403 forbidden"
    # the membership it leaves behind is the store's to end, and blocks no publishing
    assert publish(guan, "liang", "east", document()) == "published"
    guan.ask("liang", "select api.disable_member(%s, %s)", guan.stores["east"], guan.users["bei"])


def test_a_disabled_member_stands_nowhere_and_administers_nothing(guan):
    guan.join("guan", "east", GROUP_ROLE)
    assert grant(guan, "guan", "lin", is_admin=True) == "granted"
    guan.db.execute(
        "update crm.members set active = false where user_id = any (%s)",
        ([guan.users["guan"], guan.users["lin"]],),
    )
    for name in ("guan", "lin"):
        assert places(guan, name) == set()
        assert grant(guan, name, "chen") == "PT403 forbidden"
        assert revoke(guan, name, "lin") == "PT403 forbidden"


def test_every_store_of_the_group_reads_who_was_given_what(guan):
    assert grant(guan, "guan", "lin") == "granted"
    assert revoke(guan, "guan", "lin") == "revoked"
    for name, store in (("liang", "east"), ("qin", "west")):
        rows = guan.ask(
            name, """select api.audit_log(%s, '{"what": "audit_events"}')""", guan.stores[store]
        )[0][0]["rows"]
        told = [(r["kind"], r["actor_id"], r["detail"]["role"]) for r in rows]
        me = str(guan.users["guan"])
        assert told[:2] == [
            ("group_role_revoked", me, GROUP_ROLE),
            ("group_role_granted", me, GROUP_ROLE),
        ]
        assert told[2][:2] == ("group_role_granted", None)  # the operator
    rows = guan.ask(
        "yan", """select api.audit_log(%s, '{"what": "audit_events"}')""", guan.stores["far"]
    )
    assert rows[0][0]["rows"] == []


def test_the_list_names_people_and_the_roles_there_are(guan):
    guan.join_group("reader", "east")
    found = guan.ask("guan", "select api.group_people(%s)", guan.group_of("east"))[0][0]
    assert [(p["name"], p["role"], p["is_admin"]) for p in found["people"]] == [
        ("guan", GROUP_ROLE, True),
        ("reader", GROUP_ROLE, False),
    ]
    assert [r["key"] for r in found["roles"]] == [GROUP_ROLE]


def test_two_administrators_cannot_remove_each_other(stack):
    """Two sessions at once: the second waits for the first, and is no administrator any more."""
    with psycopg.connect(stack.db_url) as first, psycopg.connect(stack.db_url) as second:
        world = World(first)
        world.join("one", "east", "advisor")
        world.join("two", "east", "advisor")
        world.join_group("one", "east", is_admin=True)
        world.join_group("two", "east", is_admin=True)
        group = world.group_of("east")
        first.commit()
        other = World.__new__(World)
        other.__dict__ |= {**world.__dict__, "db": second}
        answer: list[str] = []
        started = Event()

        def remove_one() -> None:
            started.set()
            answer.append(revoke(other, "two", "one"))

        try:
            assert revoke(world, "one", "two") == "revoked"  # not committed yet
            thread = Thread(target=remove_one)
            thread.start()
            started.wait()
            first.commit()
            thread.join()
            second.commit()
            assert answer == ["PT403 forbidden"]
            listed = first.execute(
                "select user_id from crm.group_members where group_id = %s", (group,)
            ).fetchall()
            assert listed == [(world.users["one"],)]
        finally:
            first.rollback()
            second.rollback()
            stores = list(world.stores.values())
            first.execute("delete from crm.stores where id = any (%s)", (stores,))
            first.execute("delete from crm.group_members where group_id = %s", (group,))
            first.commit()
