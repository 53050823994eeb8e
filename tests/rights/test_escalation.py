"""T3: nobody raises his own rights, takes the last admin away, or sets what the server owns; what is taken counts at the next statement."""

import json
from collections.abc import Iterator

import psycopg
import pytest

from tests.rights.permissions import IDENTITIES, PUBLISHERS, VIEWS
from tests.rights.scene import Scene, literal
from tests.support.people import new_id

SAVES = {"customer": "save_customer", "companion": "save_companion", "vehicle": "save_vehicle", "policy": "save_policy", "deal": "save_deal"}
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
    """Each verb, scope, screen, pool and field right, by publishing, by a draft published, by the members' doors, by invitation."""
    verbs = sorted({v for r in scene.document["roles"] for v in r["verbs"]})
    wins, tried = [], 0
    for identity in IDENTITIES:
        role = role_of(identity)
        if role is None or PUBLISHERS[identity]:
            continue
        store, me, other = (f"'{x}'" for x in (scene.stores[scene.home(identity)], scene.users[identity], scene.users["chen"]))
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
                mine[key] = mine[key] + value if isinstance(value, list) else {**mine[key], **value} if isinstance(value, dict) else value
            asked.append(f"select api.publish_config({store}, {literal(document)}, 2, '')::text")
        asked += [f"select api.set_member({store}, {who}, 'x', '{r['key']}')::text" for who in (me, other) for r in scene.document["roles"]]
        asked += [f"select api.enable_member({store}, {who}, '{r['key']}')::text" for who in (me, other) for r in scene.document["roles"]]
        asked += [f"select api.invite_member({store}, 'x', 'x@example.cn', '{r['key']}')::text" for r in scene.document["roles"]]
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
    """A role of the store's own that invites and does not publish: a second account would be the way round."""
    store, chen, admin = (f"'{x}'" for x in (scene.stores["east"], scene.users["chen"], scene.users["liang"]))
    with scene.db.transaction(force_rollback=True):
        scene.db.execute("update crm.roles set verbs = verbs || '{invite_member}' where key = 'team_lead'")
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
        (answer,) = scene.ask_many("team_lead", [f"select api.invite_member({store}, 'x', 'x@example.cn', 'advisor')::text"])
        assert answer.state == "ok"


def test_the_last_admin_stays(scene):
    store, me = f"'{scene.stores['east']}'", f"'{scene.users['store_admin']}'"
    document = json.loads(json.dumps(scene.document))
    next(r for r in document["roles"] if r["key"] == "store_admin")["verbs"] = ["save_customer"]
    gone = json.loads(json.dumps(scene.document))
    gone["roles"] = [r for r in gone["roles"] if r["key"] != "store_admin"]
    with scene.db.transaction(force_rollback=True):
        scene.db.execute(
            "update crm.members set active = false where store_id = %s and role = 'store_admin' and user_id <> %s",
            (scene.stores["east"], scene.users["store_admin"]),
        )
        for identity in ("store_admin", "group_admin"):
            for doc, codes in ((document, {"last_admin"}), (gone, {"role_in_use", "last_admin"})):
                (answer,) = scene.ask_many(identity, [f"select api.publish_config({store}, {literal(doc)}, 2, '')::text"])
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
        assert ask("sister_admin", [f"select api.invite_member('{east}', 'x', 'x@example.cn', 'store_admin')::text"])[0].state == "PT403"
        with scene.as_("advisor"):
            scene.db.execute("select api.accept_invitation(%s)", (file.code,))
        assert (
            scene.row("select role from crm.members where store_id = %s and user_id = %s", east, scene.users["advisor"]) == "advisor"
        )  # no second role
        assert ask("stranger", [f"select api.accept_invitation('{file.code}')::text"])[0].state == "PT404"  # used
        scene.db.execute("update crm.invitations set expires_at = now() - interval '1 second' where store_id = %s", (west,))
        assert ask("stranger", [f"select api.accept_invitation('{scene.files['ma'].code}')::text"])[0].state == "PT404"
        assert {
            a.state
            for a in ask(
                "stranger", [f"select api.accept_invitation('{c}')::text" for c in ("", "0", "%", new_id(), file.code[:-1], file.code.lower() + "x")]
            )
        } == {"PT404"}
        assert ask("stranger", ["select count(*) from api.members"])[0].text == "0"


def test_what_the_server_owns_cannot_be_set(scene):
    """Every column that is no field, of every record, through every saving verb on creating and on changing, and through every list."""
    wins, tried, file = [], 0, scene.files["manager"]
    store = scene.stores["east"]
    options = literal({"pool": "market", "level": "near", "source": "walk_in"})
    for form, relation in RELATIONS.items():
        known = {
            r[0] for r in scene.db.execute("select key from crm.fields where store_id = %s and form = %s and not retired", (store, form)).fetchall()
        }
        columns = [
            r[0]
            for r in scene.db.execute(
                "select attname from pg_attribute where attrelid = ('crm.' || %s)::regclass and attnum > 0 and not attisdropped", (relation,)
            ).fetchall()
            if r[0] not in known
        ]
        asked = []
        for column in columns:
            for value in (99, str(scene.users["chen"])):
                if form in SAVES:
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
                            SAVES[form], {"id": new_id(), "customer_id": file.customer, "pipeline": "new_car", "set": {**new, column: value}}, "east"
                        )
                    )
                    asked.append(scene.operation(SAVES[form], {"id": getattr(file, form), "set": {column: value}}, "east", 1))
                    if form == "deal":
                        asked.append(scene.operation("move_deal", {"id": file.deal, "stage": "visited", "set": {column: value}}, "east"))
                else:
                    asked.append(
                        scene.operation(
                            "log_conversation",
                            {
                                "id": new_id(),
                                "customer_id": file.customer,
                                "outcome": "interested",
                                "words": "聊",
                                "level": "near",
                                "set": {column: value},
                            },
                            "east",
                        )
                    )
                for kind in ("customers", "policies", "deals") if form in ("customer", "vehicle", "policy", "deal") else ():
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
                    asked.append(f"select api.import_commit('{store}', '{new_id()}', '{kind}', 'x.csv', {options}, {literal([row])})")
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
            "update crm.members set role = 'group_admin' where user_id = %(me)s; update crm.roles set scope = 'own', verbs = '{}' where key = 'group_admin'",
        ),
        "a narrower scope": ("inspector", "update crm.roles set scope = 'own' where key = 'inspector'"),
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
                (pushed,) = scene.ask_many(identity, [scene.operation("save_customer", {"id": own.customer, "set": {"need": "x"}}, "east", 1)])
                assert pushed.value[0]["status"] != "applied"
                assert not {t for t, _ in pushed.written} - {"ops", "held_operations"}
        assert [a.heard for a in before] == [a.heard for a in scene.ask_many(identity, views)]
