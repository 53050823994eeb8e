"""Who lets many rows or unmasked values out, or changes people, rights, the configuration or many
records, leaves an act."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from psycopg.types.json import Jsonb

from tests.database.test_reverting import ROWS, options
from tests.support.people import World, new_id, preset


@dataclass(frozen=True)
class Leaves:
    """`ask` calls the function once; what is then new in crm.audit_events is exactly `kinds`, in
    the caller's name."""

    ask: Callable[[World], object]
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Elsewhere:
    """Written down in another place an auditor reads: `ask` makes exactly one more row there."""

    ask: Callable[[World], object]
    table: str
    author: str


def call(world: World, function: str, *arguments: object) -> object:
    places = ", ".join(["%s"] * (len(arguments) + 1))
    given = [Jsonb(a) if isinstance(a, dict | list) else a for a in arguments]
    sql = f"select api.{function}({places})"
    return world.ask("liang", sql, world.stores["east"], *given)[0][0]


def import_rows(world: World, run: str | None = None) -> str:
    run = run or new_id()
    call(world, "commit_import", run, "policies", "list.csv", options(world), ROWS)
    return run


def export(world: World) -> str:
    run = new_id()
    call(world, "export_rows", run, "customer", ["phone"], "月度报表")
    return run


def merged(world: World) -> str:
    merge_id, one, other = new_id(), world.customer(name="甲"), world.customer(name="乙")
    call(world, "merge_customers", merge_id, one, other)
    return merge_id


def reveal(world: World) -> None:
    world.db.execute(
        "update crm.roles set verbs = verbs || 'reveal_field'::text"
        " where store_id = %s and key = 'store_admin'",
        (world.stores["east"],),
    )
    world.db.execute(
        "update crm.access set readable = array_remove(readable, 'phone'), required = '{}',"
        " writable = array_remove(writable, 'phone'), masked = masked || 'phone'::text"
        " where store_id = %s and role = 'store_admin' and form = 'customer'",
        (world.stores["east"],),
    )
    call(world, "reveal_field", "customer", world.customer(), "phone", "回电")


def document(world: World) -> dict:
    found = json.loads(preset())
    found["forms"]["customer"]["fields"].append(
        {"key": "hobby", "type": "text", "label": {"zh_CN": "爱好"}}
    )
    return found


def invite(world: World) -> str:
    return str(call(world, "invite_member", "新人", "13800001111", "advisor"))


def invitation(world: World) -> str:
    invite(world)
    return world.row("select id::text from crm.invitations order by created_at desc limit 1")


def seeing(world: World) -> str:
    return call(world, "start_view_as", world.users["xu"])["id"]  # type: ignore[index]


def lend(world: World) -> str:
    days = world.row("select current_date + 1, current_date + 2")
    return str(call(world, "lend_queue", world.users["lin"], world.users["chen"], *days))


# What a person sees of their own work under their own rights is no act: pages of a screen, masked
# as their role says.
OF_ONES_OWN = "pages of what the caller's views show anyway, masked as their role says"
PORTFOLIO = "the caller's own book"
COUNTS = "counts and names, no number or value"
OF_RECORDS = "the history of the records tells it, line by line, with its author"
LAYOUT = "a way of arranging columns; tells and changes nothing of a record"
PREVIEW = "nothing stays, and no value is answered that the caller did not send"

BEFORE = {  # made ready before the acts are counted
    "revert_import": import_rows,
    "finish_export": export,
    "unmerge_customers": merged,
    "revoke_invitation": invitation,
    "stop_view_as": seeing,
    "end_loan": lend,
    "enable_member": lambda world: call(world, "disable_member", world.users["xu"]),
    "restore_config": lambda world: call(world, "publish_config", document(world), 1, "test"),
}
FUNCTIONS: dict[str, Leaves | Elsewhere | str] = {
    # many rows, or a value that was masked
    "export_rows": Leaves(export, ("exported",)),
    "reveal_field": Leaves(reveal, ("revealed",)),
    "start_view_as": Leaves(seeing, ("view_as_started",)),
    # many records
    "commit_import": Leaves(import_rows, ("imported",)),
    "revert_import": Leaves(lambda w: call(w, "revert_import", w.ready), ("import_reverted",)),
    "merge_customers": Leaves(merged, ("merged",)),
    "erase_customer": Leaves(
        lambda w: call(w, "erase_customer", w.customer(), "asked"), ("customer_erased",)
    ),
    "unmerge_customers": Leaves(lambda w: call(w, "unmerge_customers", w.ready), ("unmerged",)),
    # people and rights
    "invite_member": Leaves(invite, ("member_invited",)),
    "revoke_invitation": Leaves(
        lambda w: call(w, "revoke_invitation", w.ready), ("invitation_revoked",)
    ),
    "set_member": Leaves(
        lambda w: call(w, "set_member", w.users["lin"], "林晓", "manager"), ("member_changed",)
    ),
    "disable_member": Leaves(
        lambda w: call(w, "disable_member", w.users["xu"]), ("member_disabled",)
    ),
    "enable_member": Leaves(lambda w: call(w, "enable_member", w.users["xu"]), ("member_enabled",)),
    "sign_out_member": Leaves(
        lambda w: call(w, "sign_out_member", w.users["xu"]), ("member_signed_out",)
    ),
    "lend_queue": Leaves(lend, ("queue_lent",)),
    "set_target": Leaves(lambda w: call(w, "set_target", "contacts", 30), ("target_set",)),
    "end_loan": Leaves(lambda w: call(w, "end_loan", w.ready), ("queue_returned",)),
    "stop_view_as": Leaves(lambda w: call(w, "stop_view_as", w.ready), ("view_as_stopped",)),
    "publish_config": Elsewhere(
        lambda w: call(w, "publish_config", document(w), 1, "test"),
        "config_versions",
        "author_id",
    ),
    "restore_config": Elsewhere(
        lambda w: call(w, "restore_config", 1, 2, "test"), "config_versions", "author_id"
    ),
    # the rest, each with its reason
    "accept_invitation": "leaves member_joined: test_people.py::test_joining_is_in_the_audit",
    "grant_group_role": "leaves an act in every store of the group: test_group.py",
    "revoke_group_role": "the same",
    "group_people": COUNTS,
    "grantable_roles": COUNTS,
    "finish_export": "the same export: name and fingerprint of its file, beside the act of its "
    "beginning",
    "view_as": "belongs to the look whose beginning and end are acts",
    "audit_log": "at most 200 lines under the reader's own rights; hidden fields have none, masked "
    "ones masked values",
    "decide_quarantined": "crm.quarantined_operations keeps who decided what, and the history "
    "what came of it",
    "sync_push": OF_RECORDS,
    "upload_attachment": "the file names its author and its day",
    "download_attachment": "one file of a record the caller sees",
    "save_config_draft": "a draft changes nothing; publishing is the act",
    "check_config": PREVIEW,
    "check_access": PREVIEW,
    "preview_rules": PREVIEW,
    "preview_import": PREVIEW,
    "save_export_layout": LAYOUT,
    "save_import_mapping": LAYOUT,
    "sync_pull": PORTFOLIO,
    "today": PORTFOLIO,
    "effective_access": COUNTS,
    "people": COUNTS,
    "new_owners": COUNTS,
    "funnel_report": COUNTS,
    "member_work": OF_ONES_OWN,
    "meeting_sheet": COUNTS,
    "metric_rows": OF_ONES_OWN,
    "target_progress": COUNTS,
    "report": COUNTS,
    "metric_trend": COUNTS,
    "meeting_notes": OF_ONES_OWN,
    "my_todos": OF_ONES_OWN,
    "save_meeting_notes": "the notes name who wrote them and when",
    "add_meeting_todo": "the to-do names who gave it and when",
    "tick_meeting_todo": "the to-do keeps when it was ticked off",
    "comments": OF_ONES_OWN,
    "add_comment": "the comment names who wrote it and when",
    "acknowledge_comment": "the comment keeps when it was acknowledged",
    "freeze_meeting_sheet": "the frozen sheet names who froze it and when",
    "renewal_report": COUNTS,
    "renewal_rates": COUNTS,
    "renewal_rate_rows": OF_ONES_OWN,
    "visit_report": COUNTS,
    "next_step_report": COUNTS,
    "pool_list": COUNTS,
    "unassigned_policies": COUNTS,
    "reassign_list": COUNTS,
    "pending_approvals": OF_ONES_OWN,
    "duplicate_pairs": OF_ONES_OWN,
    "find_duplicates": OF_ONES_OWN,
    "find_customers": OF_ONES_OWN,
    "search_customers": OF_ONES_OWN,
    "customer_brief": OF_ONES_OWN,
    "customer_timeline": OF_ONES_OWN,
    "preview_erasure": COUNTS,
}


def test_every_function_has_its_act_or_its_reason(db):
    there = {
        r[0]
        for r in db.execute(
            "select proname from pg_proc where pronamespace = 'api'::regnamespace"
        ).fetchall()
    }
    missing, gone = sorted(there - {*FUNCTIONS}), sorted({*FUNCTIONS} - there)
    assert not missing, f"say in FUNCTIONS which act they leave, or why none: {missing}"
    assert not gone, f"no such functions any more: {gone}"


def new_acts(world: World, since: int) -> list[tuple]:
    return world.db.execute(
        "select kind, actor_id, store_id from crm.audit_events where id > %s order by id", (since,)
    ).fetchall()


@pytest.mark.parametrize(
    "function", [name for name, rule in FUNCTIONS.items() if isinstance(rule, Leaves)]
)
def test_it_leaves_exactly_one_act_in_the_callers_name(world, function):
    rule = FUNCTIONS[function]
    assert isinstance(rule, Leaves)
    world.ready = BEFORE[function](world) if function in BEFORE else None
    since = world.row("select coalesce(max(id), 0) from crm.audit_events")
    rule.ask(world)
    me, store = world.users["liang"], world.stores["east"]
    assert new_acts(world, since) == [(kind, me, store) for kind in rule.kinds]


@pytest.mark.parametrize(
    "function", [name for name, rule in FUNCTIONS.items() if isinstance(rule, Elsewhere)]
)
def test_it_is_written_down_elsewhere(world, function):
    rule = FUNCTIONS[function]
    assert isinstance(rule, Elsewhere)
    world.ready = BEFORE[function](world) if function in BEFORE else None
    sql = f"select count(*) from crm.{rule.table} where store_id = %s and {rule.author} = %s"
    given = (world.stores["east"], world.users["liang"])
    before = world.row(sql, *given)
    rule.ask(world)
    assert world.row(sql, *given) == before + 1


@pytest.mark.parametrize(
    "function", [name for name, rule in FUNCTIONS.items() if isinstance(rule, Leaves)]
)
def test_what_fails_leaves_no_act(world, function):
    """Nothing is written down that was not done: the same calls as somebody who may not."""
    rule = FUNCTIONS[function]
    assert isinstance(rule, Leaves)
    world.ready = BEFORE[function](world) if function in BEFORE else None
    since = world.row("select coalesce(max(id), 0) from crm.audit_events")
    ask = world.ask

    def as_nobody(name: str, sql: str, *arguments: object) -> list[tuple]:
        if name != "liang":
            return ask(name, sql, *arguments)
        with pytest.raises(Exception, match="forbidden"), world.db.transaction():
            ask("stranger", sql, *arguments)
        return [({"id": None},)]

    world.ask = as_nobody  # type: ignore[method-assign]
    rule.ask(world)
    assert new_acts(world, since) == []


def test_an_act_cannot_be_taken_away_or_rewritten(db):
    """Append-only: no function of ours may change or delete one, whoever asks."""
    for right in ("update", "delete", "truncate"):
        held = db.execute(
            "select has_table_privilege('api_owner', 'crm.audit_events', %s)", (right,)
        ).fetchone()
        assert held == (False,), right
    assert db.execute(
        "select count(*) from pg_attribute where attrelid = 'crm.audit_events'::regclass and "
        "attnum > 0"
        " and has_column_privilege('api_owner', 'crm.audit_events', attname, 'update')"
    ).fetchone() == (0,)


def test_an_export_says_the_fingerprint_of_its_file(world):
    run = export(world)
    sha256 = hashlib.sha256(b"file").hexdigest()
    call(world, "finish_export", run, "a.csv", sha256)
    act = call(world, "audit_log", {"what": "audit_events", "kind": "exported"})["rows"][0]  # type: ignore[index]
    assert (act["subject_id"], act["detail"]["sha256"]) == (run, sha256)
