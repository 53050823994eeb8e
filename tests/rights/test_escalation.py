"""T3: nobody raises their own rights, takes the last admin away, or sets what the server owns; what
is taken counts at the next statement."""

import json
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.rights.permissions import ACTS, FUNCTIONS, IDENTITIES, PUBLISHERS, VIEWS
from tests.rights.scene import Scene, literal
from tests.support.people import new_id
from tests.support.present import one

SAVE_VERBS = {
    "customer": "save_customer",
    "companion": "save_companion",
    "vehicle": "save_vehicle",
    "policy": "save_policy",
    "deal": "save_deal",
}
RELATIONS = {
    "customer": "customers",
    "companion": "companions",
    "vehicle": "vehicles",
    "policy": "policies",
    "deal": "deals",
    "conversation": "conversations",
}


@pytest.fixture(scope="module")
def scene(stack) -> Iterator[Scene]:
    with psycopg.connect(stack.db_url) as connection:
        yield Scene(connection)
        connection.rollback()


def role_of(identity: str) -> str | None:
    return (IDENTITIES[identity] or ("", None))[1]


def test_nobody_grants_himself_anything(scene):
    """Each verb, scope, screen, pool and field right, by publishing, by a draft published, by the
    members' doors, by invitation."""
    verbs = sorted({v for r in scene.document["roles"] for v in r["verbs"]})
    wins, tried = [], 0
    for identity in IDENTITIES:
        role = role_of(identity)
        if role is None or PUBLISHERS[identity]:
            continue
        store, me, other = (
            f"'{x}'"
            for x in (
                scene.stores[scene.home(identity)],
                scene.users[identity],
                scene.users["chen"],
            )
        )
        asked = []
        for change in [
            *({"verbs": [v]} for v in verbs),
            {"scope": "group"},
            {"scope": "store"},
            {"pools": ["market", "retained"]},
            {"screens": ["approvals"]},
            {"rights": {"customer": {"bottom_fen": "write"}}},
        ]:
            document = json.loads(json.dumps(scene.document))
            mine = next(r for r in document["roles"] if r["key"] == role)
            for key, value in change.items():
                mine[key] = (
                    mine[key] + value
                    if isinstance(value, list)
                    else {**mine[key], **value}
                    if isinstance(value, dict)
                    else value
                )
            asked.append(f"select api.publish_config({store}, {literal(document)}, 2, '')::text")
        asked += [
            f"select api.set_member({store}, {who}, 'x', '{r['key']}')::text"
            for who in (me, other)
            for r in scene.document["roles"]
        ]
        asked += [
            f"select api.enable_member({store}, {who}, '{r['key']}')::text"
            for who in (me, other)
            for r in scene.document["roles"]
        ]
        asked += [
            f"select api.invite_member({store}, 'x', 'x@example.cn', '{r['key']}')::text"
            for r in scene.document["roles"]
        ]
        asked += [
            f"select api.restore_config({store}, 1, 2)::text",
            f"update api.members set role = 'store_admin' where user_id = {me}",
            f"update api.whoami set verbs = '{{publish_config}}' where user_id = {me}",
        ]
        asked += [f"select api.disable_member({store}, {who}, {who})::text" for who in (me, other)]
        for question, answer in zip(asked, scene.ask_many(identity, asked), strict=True):
            tried += 1
            if answer.state == "ok" or answer.written:
                wins.append(f"{identity}: {question[:60]}… {answer.text[:60]}")
    print(f"\nT3 self-grants: {tried:,} tried, {len(wins)} won")
    assert wins == []


def test_who_may_only_invite_makes_nobody_an_admin(scene):
    """A role of the store's own that invites and does not publish: a second account would be the
    way round."""
    store, chen, admin = (
        f"'{x}'" for x in (scene.stores["east"], scene.users["chen"], scene.users["liang"])
    )
    with scene.db.transaction(force_rollback=True):
        scene.db.execute(
            "update crm.roles set verbs = verbs || '{invite_member}' where key = 'team_lead'"
        )
        for question in (
            f"select api.invite_member({store}, 'x', 'x@example.cn', 'store_admin')::text",
            f"select api.invite_member({store}, 'x', 'x@example.cn', 'team_lead')::text",
            f"select api.invite_member({store}, 'x', 'x@example.cn', 'group_admin')::text",
            f"select api.set_member({store}, {chen}, 'x', 'store_admin')::text",
            f"select api.set_member({store}, {chen}, 'x', 'group_admin')::text",
            f"select api.set_member({store}, {admin}, 'x', 'advisor')::text",
            f"select api.enable_member({store}, {chen}, 'store_admin')::text",
            f"select api.sign_out_member({store}, {admin})::text",
        ):
            (answer,) = scene.ask_many("team_lead", [question])
            assert answer.state == "PT403", (question, answer)
        (answer,) = scene.ask_many(
            "team_lead",
            [f"select api.invite_member({store}, 'x', 'x@example.cn', 'advisor')::text"],
        )
        assert answer.state == "ok"


# People functions against every role ------------------------------------------------------------

# Every function about people: a call that acts on a member or gives a role. Values: store, target,
# role, invitation.
ACTS_ON_PEOPLE = {
    "set_member": "{store}, {target}, 'x', {target_role}, {team}",
    "disable_member": "{store}, {target}, {new_owner}",
    "enable_member": "{store}, {target}",
    "sign_out_member": "{store}, {target}",
    "start_view_as": "{store}, {target}",
    "revoke_invitation": "{store}, {invitation}",
}
GRANTS = {
    "invite_member": "{store}, 'x', 'x@example.cn', {role}",
    "set_member": "{store}, {target}, 'x', {role}, {team}",
    "enable_member": "{store}, {target}, {role}",
}
# They ask for nobody's strength: they only read, belong to the group, or are the newcomer's.
OTHERS = {
    "people",
    "grantable_roles",
    "group_people",
    "grant_group_role",
    "revoke_group_role",
    "accept_invitation",
    "view_as",
    "stop_view_as",
    "effective_access",
}
WIDTH = ["own", "team", "store", "group"]
ACCESS = ["hidden", "masked", "read", "write"]


def test_every_function_about_people_is_in_the_battery(scene):
    """A new one, told by the helpers it calls or the person it names, must be put into one of the
    lists above."""
    found = {
        name
        for (name,) in scene.db.execute(
            r"""select a.proname from pg_proc a join pg_proc f on f.proname = a.proname
            and f.pronamespace = 'crm'::regnamespace
            where a.pronamespace = 'api'::regnamespace and (
              f.prosrc ~ 'require_member_management|require_managed_member|require_viewable_member'
              or f.prosrc ~ 'require_grantable_role|can_grant|group_members'
              or f.prosrc ~ '\minvite_member\M'
              or a.proargnames && array['user_id', 'role'])"""
        ).fetchall()
    }
    assert found - {*ACTS_ON_PEOPLE, *GRANTS, *OTHERS} == NOT_ABOUT_PEOPLE & found
    assert {*ACTS_ON_PEOPLE, *GRANTS} <= found


NOT_ABOUT_PEOPLE: set[str] = {"today"}  # whose tasks: its rows are the caller's


def carries_more(theirs: dict, mine: dict) -> bool:
    """Whether a role carries anything that another does not: written from the rule, not from the
    SQL."""
    if WIDTH.index(theirs["scope"]) > WIDTH.index(mine["scope"]):
        return True
    if set(theirs["verbs"]) - set(mine["verbs"]):
        return True
    if mine["scope"] != "store" and set(theirs.get("pools", [])) - set(mine.get("pools", [])):
        return True
    return any(
        ACCESS.index(access) > ACCESS.index(mine["rights"].get(form, {}).get(field, "hidden"))
        for form, fields in theirs["rights"].items()
        for field, access in fields.items()
    )


# Someone of each role beside the one who tries; "xu" and "chen" have the least.
SECOND = {
    "advisor": "chen",
    "manager": "gao",
    "store_admin": "liang",
    "team_lead": "other_lead",
}


def test_nobody_acts_on_or_makes_who_may_more(scene):
    """Each role of the scene given the right to invite, against a member and an invitation of every
    role."""
    roles = {r["key"]: r for r in scene.document["roles"]}
    people = {r: n for n in reversed(IDENTITIES) if (r := role_of(n)) and scene.home(n) == "east"}
    wrong, tried = [], 0
    for role, identity in people.items():
        if role == "group_admin":
            continue  # a group member's strength: tests/database/test_group.py
        mine = {**roles[role], "verbs": [*roles[role]["verbs"], "invite_member"]}
        with scene.db.transaction(force_rollback=True):
            scene.db.execute(
                "update crm.roles set verbs = array_append(array_remove(verbs, 'invite_member'),"
                " 'invite_member') where store_id = %s and key = %s",
                (scene.stores["east"], role),
            )
            attempts = [
                attempt
                for other in roles
                for attempt in attempts_on(scene, {**roles, role: mine}, role, other, people)
            ]
            answers = scene.ask_many(identity, [question for *_, question in attempts])
            for (what, refused, question), answer in zip(attempts, answers, strict=True):
                tried += 1
                told = f"{role}: {what}: {answer.state} {answer.told[:60]} {question}"
                if refused and (answer.state != "PT403" or answer.written):
                    wrong.append(f"went through: {told}")
                elif not refused and answer.state == "PT403" and what.split()[0] not in MORE_ASKED:
                    wrong.append(f"refused: {told}")
    print(f"\nT3 strength: {tried:,} tried, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong[:30])
    assert tried > 500


MORE_ASKED = {"start_view_as", "disable_member"}  # they want a verb, fields or rows beside strength


def attempts_on(
    scene: Scene, roles: dict[str, dict], role: str, other: str, people: dict[str, str]
) -> Iterator[tuple[str, bool, str]]:
    """(what, whether it must be refused, the question): acts on somebody who has `other`, gifts of
    `other`."""
    store, mine = scene.stores["east"], roles[role]
    publishes = "publish_config" in mine["verbs"]
    of_group = other == "group_admin"
    beyond = not publishes and carries_more(roles[other], mine)
    inviting = {"publish_config", "invite_member"} & set(roles[other]["verbs"])
    may_give = not of_group and not beyond and (publishes or not inviting)
    invitation = new_id()
    scene.db.execute(
        "insert into crm.invitations (store_id, id, code_hash, name, contact, role, invited_by)"
        " values (%s, %s, %s, 'x', 'someone', %s, %s)",
        (store, invitation, new_id().encode(), other, scene.users["liang"]),
    )
    target = SECOND.get(other, people[other])
    values = {
        "store": f"'{store}'",
        "target": f"'{scene.users[target]}'",
        "team": team_of(scene, target),
        "target_role": f"'{other}'",
        "role": f"'{other}'",
        "invitation": f"'{invitation}'",
        "new_owner": f"'{scene.users['advisor' if target == 'chen' else 'chen']}'",
    }
    if target != people[role]:
        for name, call in ACTS_ON_PEOPLE.items():
            refused = {
                "revoke_invitation": beyond,
                "enable_member": of_group or beyond or not may_give,
            }.get(name, of_group or beyond)
            yield f"{name} of {other}", refused, f"select api.{name}({call.format(**values)})::text"
    weak_role, weak = ("advisor", "chen") if role == "assistant" else ("assistant", "xu")
    too_strong = not publishes and carries_more(roles[weak_role], mine)
    values |= {"target": f"'{scene.users[weak]}'", "team": team_of(scene, weak)}
    for name, call in GRANTS.items():
        refused = not may_give
        if name != "invite_member":
            keeps = name == "set_member" and other == weak_role
            refused = too_strong or (not may_give and not keeps)
        yield f"{name} as {other}", refused, f"select api.{name}({call.format(**values)})::text"


def team_of(scene: Scene, name: str) -> str:
    """As an SQL literal: whoever sees less than the store leaves the team as it is."""
    team = scene.row(
        "select team from crm.members where store_id = %s and user_id = %s",
        scene.stores["east"],
        scene.users[name],
    )
    return f"'{team}'" if team else "null"


# Publishers ------------------------------------------------------------------------------------


def reach(scene: Scene, identity: str, letters: str = "sg") -> dict[str, tuple]:
    """What a person reaches beyond their store: every view and function, against a record of each
    store out of reach."""
    asked: list[tuple[str, str]] = []
    scene.db.execute("truncate probe.journal")  # what a test itself wrote before
    for letter in letters:
        file = scene.target(identity, letter)
        values = scene.values(file)
        for view, rule in VIEWS.items():
            asked.append(
                (
                    f"{letter} view {view}",
                    f"select count(*) from api.{view} where {rule.at.format(**values)}",
                )
            )
        for name, door in FUNCTIONS.items():
            if name not in ("accept_invitation", "sync_push", "view_as", "check_access"):
                asked.append(
                    (f"{letter} {name}", f"select api.{name}({door.call.format(**values)})::text")
                )
        for name, act in ACTS.items():
            question = scene.operation(
                act.verb, scene.fill(act.payload, file), file.store, act.base
            )
            asked.append((f"{letter} {name}", question))
    answers = scene.ask_many(identity, [question for _, question in asked])
    won = {}
    for (what, _), answer in zip(asked, answers, strict=True):
        if " view " in what:
            if answer.state != "ok" or answer.text not in ("", "0"):
                won[what] = (answer.state, answer.text)
        elif "sync_push" not in what and answer.state == "ok":
            outside = {
                s for t, s in answer.written if t not in ("operations", "quarantined_operations")
            }
            foreign = {str(scene.stores[scene.target(identity, x).store]) for x in letters}
            status = answer.value[0]["status"] if what[2:] in ACTS else "served"
            if status not in ("rejected", "quarantined") or outside & foreign:
                won[what] = (status, answer.text[:80])
    return won


def publisher_documents(scene: Scene, role: str) -> Iterator[tuple[str, dict]]:
    """Documents a publisher would like: their own role, a role of the group, a new one."""

    def changed(key: str, **values) -> dict:
        document = json.loads(json.dumps(scene.document))
        next(r for r in document["roles"] if r["key"] == key).update(values)
        return document

    every = sorted({v for r in scene.document["roles"] for v in r["verbs"]})
    admin = next(r for r in scene.document["roles"] if r["key"] == "store_admin")
    yield "own role of the group", changed(role, scope="group")
    yield "own role with every verb", changed(role, verbs=every)
    yield "the group's role with every verb", changed("group_admin", verbs=every)
    yield "the group's role with every right", changed("group_admin", rights=admin["rights"])
    yield "the group's role as the store's", changed("group_admin", scope="store", verbs=every)
    yield "advisors of the group", changed("advisor", scope="group", verbs=every)
    new = json.loads(json.dumps(scene.document))
    new["roles"].append({**admin, "key": "regional", "scope": "group", "verbs": every})
    yield "a new role of the group", new


@pytest.mark.parametrize("identity", ["store_admin", "sister_admin", "far_admin"])
def test_no_publisher_reaches_beyond_the_store(scene, identity):
    """Whatever they publish, restore, draft or invite, for themselves and for a second account."""
    home = scene.home(identity)
    store, me = scene.stores[home], scene.users[identity]
    before = reach(scene, identity)
    assert before == {}, before
    accepted = []
    for what, document in publisher_documents(scene, "store_admin"):
        with scene.db.transaction(force_rollback=True):
            try:
                with scene.db.transaction(), scene.as_(identity):
                    scene.db.execute(
                        "select api.publish_config(%s, %s, 2, '', true)", (store, Jsonb(document))
                    )
                accepted.append(what)
            except psycopg.Error as error:
                if not (error.sqlstate or "").startswith("PT4"):
                    raise
            assert reach(scene, identity) == {}, what
            for role in (r["key"] for r in document["roles"]):
                with scene.db.transaction(force_rollback=True):
                    code = invited(scene, identity, store, role)
                    if code is None:
                        continue
                    with scene.as_("stranger"):
                        scene.db.execute("select api.accept_invitation(%s)", (code,))
                    stores = scene.ask_many(
                        "stranger",
                        ["select coalesce(string_agg(id::text, ','), '') from api.stores"],
                    )[0].text
                    assert stores == str(store), (what, role)
    assert "own role with every verb" in accepted  # within the store they may
    for role in ("group_admin",):  # and by hand, as a mistaken operator would
        with scene.db.transaction(force_rollback=True):
            scene.db.execute(
                "update crm.members set role = %s where store_id = %s and user_id = %s",
                (role, store, me),
            )
            assert reach(scene, identity) == {}, role


def invited(scene: Scene, identity: str, store, role: str) -> str | None:
    """The code of an invitation, or None when it is refused."""
    try:
        with scene.db.transaction(), scene.as_(identity):
            [invitation] = one(
                scene.db.execute(
                    "select api.invite_member(%s, 'x', 'x@example.cn', %s)", (store, role)
                )
            )
        return invitation["code"]
    except psycopg.Error as error:
        if error.sqlstate not in ("PT403", "PT422"):
            raise
        return None


def test_a_group_member_reaches_no_other_group(scene):
    """And in the sister store only what the role carries there."""
    assert reach(scene, "group_admin", "g") == {}
    east = f"'{scene.groups['east']}'"
    far = f"'{scene.groups['far']}'"
    for who, group, user, state in (
        ("group_admin", far, "yan", "PT403"),
        ("group_admin", east, "yan", "PT404"),
        ("group_admin", east, "group_admin", "PT422"),
        ("store_admin", east, "store_admin", "PT403"),
        ("store_admin", east, "chen", "PT403"),
        ("sister_admin", east, "sister_admin", "PT403"),
        ("far_admin", far, "far_admin", "PT403"),
    ):
        question = (
            f"select api.grant_group_role({group}, '{scene.users[user]}', 'group_admin', true)"
        )
        (answer,) = scene.ask_many(who, [question])
        assert answer.state == state and not answer.written, (who, user, answer)


def test_the_last_admin_stays(scene):
    store, me = f"'{scene.stores['east']}'", f"'{scene.users['store_admin']}'"
    document = json.loads(json.dumps(scene.document))
    next(r for r in document["roles"] if r["key"] == "store_admin")["verbs"] = ["save_customer"]
    gone = json.loads(json.dumps(scene.document))
    gone["roles"] = [r for r in gone["roles"] if r["key"] != "store_admin"]
    with scene.db.transaction(force_rollback=True):
        scene.db.execute(
            "update crm.members set active = false where store_id = %s and role = 'store_admin' "
            "and user_id <> %s",
            (scene.stores["east"], scene.users["store_admin"]),
        )
        for identity in ("store_admin", "group_admin"):
            for doc, codes in ((document, {"last_admin"}), (gone, {"role_in_use", "last_admin"})):
                (answer,) = scene.ask_many(
                    identity, [f"select api.publish_config({store}, {literal(doc)}, 2, '')::text"]
                )
                assert (answer.state, answer.told.split()[0] in codes) == ("PT422", True), answer
        for question in (
            f"select api.set_member({store}, {me}, 'x', 'advisor')::text",
            f"select api.disable_member({store}, {me}, null, 'market')::text",
        ):
            assert "own_access" in scene.ask_many("store_admin", [question])[0].told
            assert scene.ask_many("group_admin", [question])[0].state == "PT403"


def test_an_invitation_opens_one_door_once(scene):
    """Into the store that gave it, with the role it names, for one person, for seven days."""
    ask, east, west = scene.ask_many, scene.stores["east"], scene.stores["west"]
    file = scene.files["chen"]
    with scene.db.transaction(force_rollback=True):
        assert (
            ask(
                "sister_admin",
                [f"select api.invite_member('{east}', 'x', 'x@example.cn', 'store_admin')::text"],
            )[0].state
            == "PT403"
        )
        with scene.as_("advisor"):
            scene.db.execute("select api.accept_invitation(%s)", (file.code,))
        assert (
            scene.row(
                "select role from crm.members where store_id = %s and user_id = %s",
                east,
                scene.users["advisor"],
            )
            == "advisor"
        )  # no second role
        assert (
            ask("stranger", [f"select api.accept_invitation('{file.code}')::text"])[0].state
            == "PT404"
        )  # used
        scene.db.execute(
            "update crm.invitations set expires_at = now() - interval '1 second' where store_id = "
            "%s",
            (west,),
        )
        assert (
            ask("stranger", [f"select api.accept_invitation('{scene.files['ma'].code}')::text"])[
                0
            ].state
            == "PT404"
        )
        assert {
            a.state
            for a in ask(
                "stranger",
                [
                    f"select api.accept_invitation('{c}')::text"
                    for c in ("", "0", "%", new_id(), file.code[:-1], file.code.lower() + "x")
                ],
            )
        } == {"PT404"}
        assert ask("stranger", ["select count(*) from api.members"])[0].text == "0"


def test_what_the_server_owns_cannot_be_set(scene):
    """Every column that is no field, of every record, through every saving verb on creating and on
    changing, and through every list."""
    wins, tried, file = [], 0, scene.files["manager"]
    store = scene.stores["east"]
    options = literal({"pool": "market", "level": "near", "source": "walk_in"})
    for form, relation in RELATIONS.items():
        known = {
            r[0]
            for r in scene.db.execute(
                "select key from crm.fields where store_id = %s and form = %s and not retired",
                (store, form),
            ).fetchall()
        }
        columns = [
            r[0]
            for r in scene.db.execute(
                "select attname from pg_attribute where attrelid = ('crm.' || %s)::regclass and "
                "attnum > 0 and not attisdropped",
                (relation,),
            ).fetchall()
            if r[0] not in known
        ]
        asked = []
        for column in columns:
            for value in (99, str(scene.users["chen"])):
                if form in SAVE_VERBS:
                    new = (
                        {"name": "新", "source": "walk_in", "level": "near"}
                        if form == "customer"
                        else {"expires_on": "2031-01-01"}
                        if form == "policy"
                        else {"name": "新"}
                        if form == "companion"
                        else {}
                    )
                    asked.append(
                        scene.operation(
                            SAVE_VERBS[form],
                            {
                                "id": new_id(),
                                "customer_id": file.customer,
                                "pipeline": "new_car",
                                "set": {**new, column: value},
                            },
                            "east",
                        )
                    )
                    asked.append(
                        scene.operation(
                            SAVE_VERBS[form],
                            {"id": getattr(file, form), "set": {column: value}},
                            "east",
                            1,
                        )
                    )
                    if form == "deal":
                        asked.append(
                            scene.operation(
                                "move_deal",
                                {"id": file.deal, "stage": "visited", "set": {column: value}},
                                "east",
                            )
                        )
                else:
                    asked.append(
                        scene.operation(
                            "log_conversation",
                            {
                                "id": new_id(),
                                "customer_id": file.customer,
                                "outcome": "interested",
                                "notes": "聊",
                                "level": "near",
                                "set": {column: value},
                            },
                            "east",
                        )
                    )
                for kind in (
                    ("customers", "policies", "deals")
                    if form in ("customer", "vehicle", "policy", "deal")
                    else ()
                ):
                    if form == "deal" and column in ("pipeline", "stage", "owner_id"):
                        continue  # what a list of deals tells by design (F-40)
                    row = {
                        "row": 2,
                        "key": file.paper,
                        "customer": {"name": "某人"},
                        "vehicle": {"plate": "沪A99999"},
                        "policy": {"expires_on": "2031-01-01"},
                        "deal": {"pipeline": "new_car", "stage": "lead"},
                    }
                    row[form] = {**row[form], column: value}
                    asked.append(
                        f"select api.commit_import('{store}', '{new_id()}', '{kind}', 'x.csv', "
                        f"{options}, {literal([row])})"
                    )
        for question, answer in zip(asked, scene.ask_many("manager", asked), strict=True):
            tried += 1
            result = (answer.value or [{}])[0] if answer.state == "ok" else {}
            if result.get("status") in ("applied", "created", "updated"):
                wins.append(f"{form}: {question[:300]} → {result}")
    print(f"\nT3 mass assignment: {tried:,} tried, {len(wins)} won")
    assert not wins, "\n".join(wins[:10])
    assert tried > 600


def test_what_is_taken_away_counts_at_the_next_statement(scene):
    """Membership, role, scope, pool, verb and field: between two statements of one session."""
    views = [f"select count(*) from api.{view}" for view in VIEWS]
    cases = {
        "deactivated": ("manager", "update crm.members set active = false where user_id = %(me)s"),
        "another role": (
            "manager",
            "update crm.members set role = 'group_admin' where user_id = %(me)s; update crm.roles "
            "set scope = 'own', verbs = '{}' where key = 'group_admin'",
        ),
        "a narrower scope": (
            "inspector",
            "update crm.roles set scope = 'own' where key = 'inspector'",
        ),
        "no pool": ("market", "update crm.roles set pools = '{}' where key = 'market'"),
        "no verb": ("store_admin", "update crm.roles set verbs = '{}' where key = 'store_admin'"),
        "another team": ("team_lead", "update crm.members set team = 'c' where user_id = %(me)s"),
    }
    for name, (identity, sql) in cases.items():
        before = scene.ask_many(identity, views)
        with scene.db.transaction(force_rollback=True):
            for statement in sql.split("; "):
                scene.db.execute(statement, {"me": scene.users[identity]})
            after = scene.ask_many(identity, views)
            assert [a.heard for a in before] != [a.heard for a in after], name
            assert all(int(a.text) <= int(b.text) for a, b in zip(after, before, strict=True)), name
            if name == "deactivated":
                assert {a.text for a in after} == {"0"}
                scene.db.execute("truncate probe.journal")
                own = scene.files[identity]
                (pushed,) = scene.ask_many(
                    identity,
                    [
                        scene.operation(
                            "save_customer", {"id": own.customer, "set": {"need": "x"}}, "east", 1
                        )
                    ],
                )
                assert pushed.value[0]["status"] != "applied"
                assert not {t for t, _ in pushed.written} - {"operations", "quarantined_operations"}
        assert [a.heard for a in before] == [a.heard for a in scene.ask_many(identity, views)]
