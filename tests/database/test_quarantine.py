"""What is held for a manager: only work the author's last role carried, on records it saw, within
limits, with its effect shown."""

import re
from pathlib import Path

import pytest

from tests.support.people import new_id

MIGRATION = Path(__file__).parents[2] / "supabase/schemas/140_sync_push.sql"
VERBS = sorted(
    set(re.findall(r"when '(\w+)' then return crm\.", MIGRATION.read_text(encoding="utf8")))
)
NEVER = {
    "decide_approval",
    "reassign",
    "undo",
    "claim_customer",
    "claim_policy",
    "set_renewal_owner",
    "acknowledge_transfer",
    "request_transfer",
    "acknowledge_alert",
}
ROLES = ("advisor", "renewal", "market", "assistant", "manager", "store_admin")
NEEDS = {
    "save_companion": "save_customer",
    "save_relationship": "save_customer",
    "save_consent": "save_customer",
    "record_visit": "save_customer",
    "renew_policy": "save_policy",
    "mark_policy_lost": "save_policy",
    "close_promise": "log_conversation",
}


@pytest.fixture
def scene(world):
    """lin's customer with one of everything, which the store has since given to chen."""
    customer, ids = world.customer(), {}
    for verb, name, fields in (
        ("save_vehicle", "vehicle", {"plate": "沪A12345"}),
        ("save_deal", "deal", {"title": "汉"}),
        ("save_companion", "companion", {"name": "王五"}),
        ("save_policy", "policy", {"expires_on": "2027-01-01"}),
    ):
        ids[name] = new_id()
        world.done(
            "gao",
            verb,
            {"id": ids[name], "customer_id": customer, "pipeline": "new_car", "set": fields},
        )
    ids["promise"] = new_id()
    world.log_conversation(
        "lin",
        customer,
        promises=[
            {
                "id": ids["promise"],
                "notes": "报价",
                "due_on": world.row("select (now() + interval '3 days')::date::text"),
            }
        ],
    )
    ids["task_id"] = world.task(customer)
    ids["other"] = world.customer(phone="13900000001")
    ids["approval"] = new_id()
    world.done(
        "lin",
        "request_cancellation",
        {"id": ids["approval"], "task_id": ids["task_id"], "reason": "unreachable"},
    )
    return world, customer, ids


def payload(verb, world, customer, ids):
    """Something each verb takes, and whether it is about a record that is there."""
    given = {"customer_id": customer, "id": new_id()}
    edits = {
        "save_customer": {"id": customer, "set": {"need": "要白色"}},
        "save_companion": {"id": ids["companion"], "set": {"name": "王六"}},
        "save_vehicle": {"id": ids["vehicle"], "set": {"brand": "比亚迪"}},
        "save_policy": {"id": ids["policy"], "set": {"insurer": "人保"}},
        "save_deal": {"id": ids["deal"], "set": {"title": "唐"}},
        "move_deal": {"id": ids["deal"], "stage": "quoted"},
        "renew_policy": {"policy_id": ids["policy"], "set": {"expires_on": "2028-01-01"}},
        "mark_policy_lost": {"id": ids["policy"], "reason": "price"},
        "save_relationship": {"other_id": ids["other"], "relation": "spouse"},
        "save_consent": {"purpose": "follow_up", "channel": "call", "granted": False},
        "record_visit": {"notes": "来店"},
        "log_conversation": {"outcome": "interested", "notes": "聊过"},
        "close_promise": {"id": ids["promise"], "status": "kept"},
        "request_cancellation": {"task_id": ids["task_id"], "reason": "unreachable"},
        "snooze_task": {"task_id": ids["task_id"], "until": "2026-12-01"},
        "decide_approval": {"id": ids["approval"], "decision": "approve"},
        "reassign": {"owner_id": str(world.users["chen"])},
        "undo": {"op_id": new_id()},
        "acknowledge_alert": {},
        "acknowledge_transfer": {},
        "claim_customer": {},
        "claim_policy": {},
        "set_renewal_owner": {"user_id": str(world.users["zhou"])},
        "request_transfer": {"phone": "13800138000"},
    }
    return given | edits[verb]


def version_of(verb):
    return (
        1
        if verb in ("save_customer", "save_companion", "save_vehicle", "save_policy", "save_deal")
        else None
    )


def leave(world, name, role):
    world.db.execute(
        "update crm.customers set owner_id = %s where owner_id = %s",
        (world.users["chen"], world.users[name]),
    )
    world.db.execute(
        "update crm.members set active = false, role = %s where user_id = %s",
        (role, world.users[name]),
    )


@pytest.mark.parametrize("verb", VERBS)
def test_only_what_the_last_role_carried_is_held(scene, verb):
    """Every verb of sync_push by every role: held exactly when the role carried it and it is work
    on records."""
    world, customer, ids = scene
    for role in ROLES:
        leave(world, "lin", role)
        verbs = world.row(
            "select verbs from crm.roles where store_id = %s and key = %s",
            world.stores["east"],
            role,
        )
        answer = world.push(
            "lin", verb, payload(verb, world, customer, ids), base_version=version_of(verb)
        )
        may = verb not in NEVER and NEEDS.get(verb, verb) in verbs
        if (
            may and answer["status"] != "quarantined"
        ):  # the role carries the verb, but not every field of it
            form = world.row("select crm.form_of_verb(%s)", verb)
            writable = world.row(
                "select writable from crm.access where store_id = %s and role = %s and form = %s",
                world.stores["east"],
                role,
                form,
            )
            given = payload(verb, world, customer, ids).get("set", {})
            assert given.keys() - set(writable or ()), (role, verb, answer)
        else:
            assert answer["status"] == ("quarantined" if may else "rejected"), (role, verb, answer)


def test_every_verb_is_tried(scene):
    world, customer, ids = scene
    assert set(VERBS) > NEVER and len(VERBS) >= 23
    assert all(payload(verb, world, customer, ids) for verb in VERBS)


@pytest.mark.parametrize("verb", [v for v in VERBS if v not in NEVER])
def test_a_record_the_author_never_saw_is_not_reached_by_a_customer_of_theirs(scene, verb):
    """The ids of chen's records beside a customer of lin's own."""
    world, _, _ = scene
    mine, theirs = world.customer(phone="13500000001"), world.customer("chen", phone="13500000002")
    ids = {"task_id": world.task(theirs, "chen"), "other": theirs}
    for made, name, fields in (
        ("save_vehicle", "vehicle", {"plate": "沪B12345"}),
        ("save_deal", "deal", {"title": "汉"}),
        ("save_companion", "companion", {"name": "王五"}),
        ("save_policy", "policy", {"expires_on": "2027-01-01"}),
    ):
        ids[name] = new_id()
        world.done(
            "gao",
            made,
            {"id": ids[name], "customer_id": theirs, "pipeline": "new_car", "set": fields},
        )
    ids["promise"] = new_id()
    world.log_conversation(
        "chen",
        theirs,
        promises=[
            {
                "id": ids["promise"],
                "notes": "报价",
                "due_on": world.row("select (now() + interval '3 days')::date::text"),
            }
        ],
    )
    ids["approval"] = new_id()
    world.db.execute(
        "update crm.members set active = false where user_id = %s", (world.users["lin"],)
    )
    world.db.execute("update crm.roles set verbs = verbs || '{save_policy}' where key = 'advisor'")
    given = payload(verb, world, mine, ids)
    if verb in ("save_consent", "record_visit", "log_conversation"):
        given["customer_id"] = theirs
    elif verb == "save_customer":
        given["id"] = theirs
    answer = world.push("lin", verb, given, base_version=version_of(verb))
    assert (answer["status"], answer["code"]) == ("rejected", "forbidden"), answer


def test_a_store_admin_cannot_be_made_to_decide_or_reassign_for_somebody_who_left(scene):
    world, customer, ids = scene
    leave(world, "lin", "advisor")
    world.push("lin", "decide_approval", {"id": ids["approval"], "decision": "approve"})
    world.push("lin", "reassign", {"customer_id": customer, "owner_id": str(world.users["he"])})
    assert world.ask("he", "select count(*) from api.quarantined_operations") == [(0,)]
    for verb in NEVER:  # what an older server has kept is not applied either
        op = new_id()
        world.db.execute(
            "insert into crm.quarantined_operations (store_id, op_id, user_id, reason, operation)"
            " values (%s, %s, %s, 'disabled', jsonb_build_object('verb', %s::text))",
            (world.stores["east"], op, world.users["lin"], verb),
        )
        refused = world.refused(
            "he", "select api.decide_quarantined(%s, %s, 'apply')", world.stores["east"], op
        )
        assert "forbidden" in refused


def test_a_new_customer_for_somebody_else_needs_that_right(scene):
    world, _, _ = scene
    leave(world, "lin", "advisor")
    for columns in ({"owner_id": str(world.users["chen"])}, {"pool": "market"}):
        answer = world.push(
            "lin", "save_customer", {"id": new_id(), "set": {"name": "新"}, **columns}
        )
        assert answer["code"] == "forbidden"


def test_work_on_a_customer_that_is_held_itself_is_held_too(scene):
    world, _, _ = scene
    leave(world, "lin", "advisor")
    customer = new_id()
    made = world.push(
        "lin",
        "save_customer",
        {
            "id": customer,
            "set": {"name": "新", "phone": "13511112222", "source": "walk_in", "level": "near"},
        },
    )
    conversation = world.log_conversation("lin", customer)
    assert (made["status"], conversation["status"]) == ("quarantined", "quarantined")
    assert world.log_conversation("lin", new_id())["status"] == "rejected"


def test_a_flood_ends_at_the_limit_of_a_day(scene):
    world, customer, _ = scene
    leave(world, "lin", "advisor")
    big = world.log_conversation("lin", customer, notes="字" * 20_000)
    assert (big["status"], big["code"]) == ("rejected", "quarantine_full")
    answers = [
        world.log_conversation("lin", customer, notes="字" * 9_000)["status"] for _ in range(90)
    ]
    assert 60 < answers.count("quarantined") < 80 and answers[-1] == "rejected"
    world.db.execute(
        "update crm.quarantined_operations set received_at = now() - interval '25 hours'"
    )
    assert world.log_conversation("lin", customer)["status"] == "quarantined"
    world.db.execute(
        "insert into crm.quarantined_operations (store_id, op_id, user_id, reason, operation)"
        " select %s, gen_random_uuid(), %s, 'disabled', '{}' from generate_series(1, 1999)",
        (world.stores["east"], world.users["lin"]),
    )
    assert world.log_conversation("lin", customer)["code"] == "quarantine_full"


def test_the_manager_is_shown_the_customer_and_what_would_change(scene):
    world, customer, ids = scene
    leave(world, "lin", "advisor")
    world.log_conversation(
        "lin", customer, "do_not_call", level="intent", notes="别打了", task_id=ids["task_id"]
    )
    world.push("lin", "save_customer", {"id": customer, "set": {"need": "要白色"}}, base_version=1)
    world.push("lin", "move_deal", {"id": ids["deal"], "stage": "quoted"})
    rows = {
        verb: (name, {(e["form"], e["field"]): (e["before"], e["after"]) for e in effect})
        for verb, name, effect in world.ask(
            "he", "select verb, customer_name, effect from api.quarantined_operations"
        )
    }
    assert {name for name, _ in rows.values()} == {"张三丰"}
    conversation = rows["log_conversation"][1]
    assert conversation["customer", "level"] == ("near", "intent")
    assert conversation["customer", "do_not_call"] == (False, True)
    assert conversation["task", "status"] == ("cancel_requested", "done")
    assert rows["save_customer"][1] == {("customer", "need"): (None, "要白色")}
    assert rows["move_deal"][1]["deal", "stage"][1] == "quoted"
