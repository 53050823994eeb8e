"""A person who asks to be forgotten: nothing of them is left in the database, no number of the
store's changes, and nothing brings them back (docs/decisions/0044)."""

import base64
import hashlib
import itertools
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from forecourt.claims import as_member
from tests.database.test_attachments import put
from tests.database.test_duplicates import merge
from tests.database.test_quarantine import VERBS, payload, scene, version_of  # noqa: F401
from tests.database.test_reverting import ROWS, commit, revert
from tests.database.test_sync import commit_world, pull_all
from tests.support.files import png
from tests.support.people import World, new_id
from tests.support.present import dynamic

MARK = "忘忧草木"
NUMBER = "13987654321"  # where only digits are let in
PERSON = "customer_id = %(person)s"

# Where something of a person may stand: which rows of the table are theirs.
THEIRS = {
    "customers": "id = %(person)s",
    **dict.fromkeys(
        (
            "companions",
            "vehicles",
            "policies",
            "deals",
            "tasks",
            "approvals",
            "conversations",
            "attachments",
            "promises",
            "alerts",
            "transfers",
            "relationships",
            "consents",
            "visits",
            "quarantined_operations",
        ),
        PERSON,
    ),
    # what stays of history are ids, days, figures and keys, which triggers write
    "events": f"{PERSON} and not crm.is_kept_event(events)",
    "comments": f"conversation_id in (select id from crm.conversations where {PERSON})",
    "attachment_chunks": f"attachment_id in (select id from crm.attachments where {PERSON})",
    "unique_values": "subject_id = %(person)s",
    "searchable_values": "subject_id = %(person)s",
    "operations": f"op_id in (select op_id from crm.events where {PERSON})",
    "import_keys": "record_id = %(person)s",
    "merges": "winner_id = %(person)s or loser_id = %(person)s",
    "audit_events": "subject_id = %(person)s",
}
CONFIGURED = "a key of the store's configuration"
OURS = "one of our own words, held by a check"
KEPT = {  # columns of those tables that the books keep, each with its reason
    "customers": {"pool": CONFIGURED, "source": CONFIGURED, "level": CONFIGURED},
    "policies": {
        "insurer": "a company, by which renewal rates are counted",
        "kind": CONFIGURED,
        "status": OURS,
        "origin": OURS,
        "lost_reason": CONFIGURED,
    },
    "deals": {
        "pipeline": CONFIGURED,
        "stage": CONFIGURED,
        "furthest_stage": CONFIGURED,
        "lost_reason": CONFIGURED,
        "checked": CONFIGURED,
    },
    "tasks": {
        "kind": OURS,
        "rule": CONFIGURED,
        "subject_form": OURS,
        "status": OURS,
        "suspended_reason": OURS,
    },
    "approvals": {"kind": OURS, "reason": CONFIGURED, "status": OURS},
    "conversations": {
        "method": OURS,
        "outcome": CONFIGURED,
        "level_before": CONFIGURED,
        "level_after": CONFIGURED,
        "reason": CONFIGURED,
    },
    "attachments": {"form": OURS, "kind": OURS, "mime": OURS, "sha256": "hex; the row goes"},
    "promises": {"status": OURS},
    "alerts": {"kind": OURS},
    "transfers": {"kind": OURS, "from_pool": CONFIGURED, "to_pool": CONFIGURED},
    "consents": {"purpose": CONFIGURED, "channel": OURS},
    "events": {"form": OURS, "kind": OURS, "field": CONFIGURED, "origin": OURS},
    "quarantined_operations": {"reason": OURS, "decision": OURS},
    "unique_values": {"form": OURS, "key": CONFIGURED},
    "searchable_values": {"form": OURS, "key": CONFIGURED},
    "operations": {"verb": OURS},
    "import_keys": {"kind": OURS, "system": "the name of another system", "form": OURS},
    "audit_events": {"kind": OURS},
}
SETUP = "what a store is set up with; no customer stands in it"
ELSEWHERE = {  # the other tables, each with its reason
    **dict.fromkeys(
        (
            "access",
            "access_checks",
            "base_fields",
            "config_drafts",
            "config_key_columns",
            "config_versions",
            "endpoints",
            "field_rights",
            "fields",
            "form_tables",
            "forms",
            "group_members",
            "groups",
            "import_mappings",
            "export_layouts",
            "invitations",
            "levels",
            "members",
            "metrics",
            "outcomes",
            "pinyin",
            "pipelines",
            "pools",
            "reasons",
            "retired_choices",
            "roles",
            "rules",
            "stages",
            "stores",
            "targets",
        ),
        SETUP,
    ),
    "erasures": "the reason is one of four, the rest figures",
    "erased_records": "ids",
    "exports": "which columns, why, and the name of a file; of many people",
    "imports": "counts and the name of a file; of many people",
    "meeting_sheets": "figures by member and key, and the notes of a day",
    "meeting_notes": "the notes of a day, about whomever; docs/decisions/0044 says so",
    "meeting_todos": "one about a customer has its words in the task",
    "funnel_counts": "figures by stage and owner",
    "replaced_records": "ids and keys of the configuration",
    "runs": "counts and error codes",
    "visibility_changes": "ids",
}
COLUMNS = """
select c.relname, a.attname, format_type(a.atttypid, null)
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = 'crm'::regnamespace
  and c.relkind = 'r'
  and a.attgenerated = ''
  and format_type(a.atttypid, null) in ('text', 'text[]', 'jsonb', 'bytea', 'character varying')
order by 1, a.attnum
"""
VALUES: dict[str, Any] = {
    "text": MARK * 2,
    "text[]": [MARK],
    "jsonb": Jsonb({"until": "2026-12-24", MARK: [MARK]}),
    "bytea": MARK.encode(),
}


def erase(world: World, customer: str, reason: str = "asked", name: str = "liang") -> Any:
    sql = "select api.erase_customer(%s, %s, %s)"
    return world.ask(name, sql, world.stores["east"], customer, reason)[0][0]


def count(world: World, sql: str, *arguments: Any) -> int:
    return world.row(f"select count(*) from {sql}", *arguments)


def living(world: World) -> int:
    sql = "crm.customers where removed_at is null and store_id = %s"
    return count(world, sql, world.stores["east"])


def tables(world: World) -> list[str]:
    return [
        r[0]
        for r in world.db.execute(
            "select relname from pg_class where relnamespace = 'crm'::regnamespace and relkind = "
            "'r' order by 1"
        ).fetchall()
    ]


def where(world: World, *words: str) -> dict[str, int]:
    """In which tables of crm a word or a run of bytes stands, and in how many rows."""
    marks = [f"%{w}%" for w in (*words, *(w.encode().hex() for w in words))]
    in_store = "coalesce(to_jsonb(t) ->> 'store_id', %s) = %s"
    east = str(world.stores["east"])
    found = {
        table: count(
            world, f"crm.{table} t where t::text like any (%s) and {in_store}", marks, east, east
        )
        for table in tables(world)
    }
    return {table: n for table, n in found.items() if n}


@pytest.fixture
def person(scene):  # noqa: F811
    """A customer of lin's with at least one row in every table of THEIRS."""
    world, customer, ids = scene
    east = world.stores["east"]
    world.done(
        "gao",
        "save_relationship",
        {"id": new_id(), "customer_id": customer, "other_id": ids["other"], "relation": "spouse"},
    )
    world.done(
        "gao",
        "save_consent",
        {
            "id": new_id(),
            "customer_id": customer,
            "purpose": "follow_up",
            "channel": "call",
            "granted": True,
        },
    )
    world.done(
        "gao", "record_visit", {"id": new_id(), "customer_id": customer, "notes": "来店看车"}
    )
    put(world, "lin", "customer", customer)
    merge(world, customer, world.customer("chen", name="同一人"), ["name"])
    conversation = world.row("select id from crm.conversations where customer_id = %s", customer)
    for table, columns, values in (
        (
            "comments",
            "id, conversation_id, notes, author_id",
            (new_id(), conversation, "x", world.users["he"]),
        ),
        ("alerts", "kind, member_id, customer_id", ("duplicate", world.users["lin"], customer)),
        (
            "transfers",
            "id, kind, customer_id, to_id",
            (new_id(), "reassign", customer, world.users["lin"]),
        ),
        (
            "quarantined_operations",
            "op_id, user_id, customer_id, reason, operation",
            (new_id(), world.users["chen"], customer, "transferred", Jsonb({})),
        ),
        (
            "import_keys",
            "kind, form, key, record_id, import_id, made",
            ("customers", "customer", "x", customer, new_id(), True),
        ),
        (
            "unique_values",
            "form, key, value, subject_id",
            ("customer", "interested_series", "x", customer),
        ),
        (
            "searchable_values",
            "form, key, subject_id, t",
            ("customer", "interested_series", customer, "x"),
        ),
        (
            "audit_events",
            "kind, subject_id, detail",
            ("revealed", customer, Jsonb({"reason": "x"})),
        ),
    ):
        places = ", ".join(["%s"] * len(values))
        world.db.execute(
            dynamic(f"insert into crm.{table} (store_id, {columns}) values (%s, {places})"),
            (east, *values),
        )
    return world, customer, ids


def plant(world: World, customer: str) -> set[str]:
    """The mark in every column that could hold a word of the person's; answers the tables."""
    planted = set()
    for table, column, kind in world.db.execute(dynamic(COLUMNS)).fetchall():
        if table not in THEIRS or column in KEPT.get(table, {}):
            continue
        value = NUMBER if column in ("phone", "old_phone") else VALUES[kind]
        if (table, column) == ("audit_events", "detail"):
            value = Jsonb({"reason": MARK})
        world.db.execute(dynamic(f"alter table crm.{table} disable trigger user"))
        done = world.db.execute(
            dynamic(f"update crm.{table} set {column} = %(value)s where {THEIRS[table]}"),
            {"value": value, "person": customer},
        )
        world.db.execute(dynamic(f"alter table crm.{table} enable trigger user"))
        assert done.rowcount, f"no row of crm.{table} to plant something in"
        planted.add(table)
    return planted


def test_every_column_is_decided(world):
    """A new table or column that holds words: say above whose they are, or why nobody's."""
    unknown = set(tables(world)) - {*THEIRS, *ELSEWHERE}
    assert not {
        table
        for table, _, _ in world.db.execute(dynamic(COLUMNS)).fetchall()
        if table in unknown and table not in ("lookups", "queue_loans", "view_as_sessions")
    }
    there = {(t, c) for t, c, _ in world.db.execute(dynamic(COLUMNS)).fetchall()}
    said = {(t, c) for t, columns in KEPT.items() for c in columns}
    assert said <= there, f"no such columns any more: {said - there}"


def test_nothing_of_the_person_is_left(person):
    world, customer, _ = person
    planted = plant(world, customer)
    assert {*THEIRS} - planted == {"alerts", "attachments"}  # no words of their own
    assert planted <= {*where(world, MARK, NUMBER)}
    erase(world, customer)
    assert where(world, MARK, NUMBER) == {}


def test_what_forms_filled_is_gone_too(person):
    """The same with what was really entered: names, numbers, words, and the words of a file."""
    world, customer, _ = person
    words = ("张三丰", "同一人", "沪A12345", "王五", "聊得不错", "来店看车")
    assert where(world, *words)
    erase(world, customer)
    relative = "张三丰"  # the relative has the same name and stays
    assert set(where(world, relative)) <= {"customers", "events"}
    assert where(world, *(w for w in words if w != relative)) == {}
    assert world.row(
        "select name, phone, removed_at is not null, removed_at = erased_at, custom, facts"
        " from crm.customers where id = %s",
        customer,
    ) == ("—", None, True, True, {}, {})


# The books ---------------------------------------------------------------------------------------


def figures(world: World) -> dict[str, Any]:
    """Every number of the last forty days, day by day and as a whole, of the funnel, and of the
    renewals of two months."""
    east = world.stores["east"]
    today = world.row("select (now() at time zone 'Asia/Shanghai')::date")
    all_metrics = [r[0] for r in world.db.execute("select key from crm.metrics").fetchall()]
    days = world.db.execute(
        "select d::date, m.* from generate_series(%(t)s::date - 40, %(t)s::date - 1, '1 day') d"
        " cross join lateral crm.metric_numbers(%(s)s, d::date, d::date, %(m)s) m"
        " union all select %(t)s::date, m.* from"
        " crm.metric_numbers(%(s)s, %(t)s::date - 40, %(t)s::date - 1, %(m)s) m"
        " order by 1, 2, 3, 4",
        {"t": today, "s": east, "m": all_metrics},
    ).fetchall()
    return {
        "days": days,
        "funnel": world.db.execute(
            "select * from crm.funnel_counts where store_id = %s order by 2, 3, 4", (east,)
        ).fetchall(),
        "renewals": [
            world.db.execute(
                "select * from crm.renewal_facts(%s, %s)", (east, today - timedelta(days))
            ).fetchall()
            for days in (31, 62)
        ],
        "visits": world.db.execute(
            "select crm.is_without_plan(k, v.arrived_at), v.anonymous from crm.visits v"
            " join crm.customers k on k.store_id = v.store_id and k.id = v.customer_id"
            " where v.store_id = %s order by v.id",
            (east,),
        ).fetchall(),
        "sheets": world.db.execute("select * from crm.meeting_sheets").fetchall(),
    }


def let_days_pass(world: World, days: int) -> None:
    """As if all of it had happened so many days ago."""
    for table, column in world.db.execute(
        "select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid"
        " where c.relnamespace = 'crm'::regnamespace and c.relkind = 'r' and a.attnum > 0"
        " and a.atttypid in ('timestamptz'::regtype, 'date'::regtype) and a.attgenerated = ''"
        " and c.relname = any (%s)",
        (["customers", "deals", "tasks", "conversations", "visits", "policies", "events"],),
    ).fetchall():
        world.db.execute(dynamic(f"alter table crm.{table} disable trigger user"))
        world.db.execute(
            dynamic(f"update crm.{table} set {column} = {column} - make_interval(days => %s)"),
            (days,),
        )
        world.db.execute(dynamic(f"alter table crm.{table} enable trigger user"))


def test_no_number_of_a_past_day_changes(person):
    world, customer, ids = person
    let_days_pass(world, 12)
    world.done("gao", "move_deal", {"id": ids["deal"], "stage": "lost", "lost_reason": "price"})
    world.task(customer)
    version = world.row("select version from crm.customers where id = %s", customer)
    world.done(
        "gao", "save_customer", {"id": customer, "set": {"name": "改过"}}, base_version=version
    )
    let_days_pass(world, 9)
    world.db.execute(
        "update crm.policies set expires_on = current_date - 62 where customer_id = %s", (customer,)
    )
    before = figures(world)
    assert any(before["renewals"])
    counted = {row[1] for row in before["days"]}
    assert counted >= {
        "visits",
        "new_customers",
        "contacts",
        "prospects",
        "follow_ups_due",
        "missed",
        "sources",
        "completeness",
        "correctness",
        "capture",
        "deals_lost",
        "calls",
    }, counted
    erase(world, customer)
    assert figures(world) == before


# What comes later --------------------------------------------------------------------------------


def late_payload(verb: str, world: World, customer: str, ids: dict[str, str]) -> dict[str, Any]:
    given = payload(verb, world, customer, ids)
    if "set" in given:
        given["set"] = {key: MARK for key in given["set"]}
    return given | {"notes": MARK, "name": MARK}


@pytest.mark.parametrize("standing", ["there", "disabled", "transferred"])
def test_an_operation_that_arrives_late_brings_nothing_back(person, standing):
    world, customer, ids = person
    if standing == "transferred":
        world.done(
            "he",
            "reassign",
            {"id": new_id(), "customer_id": customer, "owner_id": str(world.users["chen"])},
        )
    erase(world, customer)
    if standing == "disabled":
        world.db.execute(
            "update crm.members set active = false where user_id = %s", (world.users["lin"],)
        )
    for verb in VERBS:
        if verb in ("request_transfer", "undo"):  # names nobody; the other has its own test below
            continue
        given = late_payload(verb, world, customer, ids)
        by_record = {k: v for k, v in given.items() if k != "customer_id"}
        for who, said in itertools.product(("lin", "gao"), (given, by_record)):
            if not {customer, *(v for k, v in ids.items() if k != "other")} & {
                *map(str, said.values())
            }:
                continue  # names only new things
            answer = world.push(who, verb, said, base_version=version_of(verb))
            assert (answer["status"], answer["code"]) == ("rejected", "not_found"), (verb, answer)
    assert where(world, MARK) == {}


def test_neither_writes_while_the_other_does(stack):
    """An operation that runs is waited for and erased with the rest; one that begins during the
    erasure waits, and is refused."""
    world = commit_world(stack)
    east, customer = world.stores["east"], world.customer()
    said = {"id": new_id(), "customer_id": customer, "outcome": "interested", "notes": MARK}
    op = {
        "op_id": new_id(),
        "seq": 99,
        "verb": "log_conversation",
        "payload": {"store_id": str(east), "level": "near", **said},
    }
    world.db.commit()
    with psycopg.connect(stack.db_url) as other:
        other.execute("set lock_timeout = 100")
        other.commit()
        world.log_conversation("lin", customer, notes=MARK)
        waits = pytest.raises(psycopg.errors.LockNotAvailable)
        with waits, as_member(other, world.users["liang"]):
            other.execute("select api.erase_customer(%s, %s, 'asked')", (east, customer))
        other.rollback()
        world.db.commit()
        erase(world, customer)
        push = "select api.sync_push(%s, %s)"
        waits = pytest.raises(psycopg.errors.LockNotAvailable)
        with waits, as_member(other, world.users["lin"]):
            other.execute(push, (new_id(), Jsonb([op])))
        other.rollback()
        world.db.commit()
        with as_member(other, world.users["lin"]):
            answer = other.execute(push, (new_id(), Jsonb([op]))).fetchone()
        assert answer
        assert answer[0][0]["code"] == "not_found"
        other.commit()
    assert where(world, MARK) == {}
    world.db.close()


def test_a_second_copy_of_what_was_done_hears_that_it_was_done(person):
    world, customer, _ = person
    op_id = new_id()
    said = {
        "id": new_id(),
        "customer_id": customer,
        "outcome": "interested",
        "level": "near",
        "notes": MARK,
    }
    world.done("lin", "log_conversation", said, op_id=op_id)
    erase(world, customer)
    assert world.push("lin", "log_conversation", said, op_id=op_id)["status"] == "duplicate"
    assert where(world, MARK) == {}


def test_undo_brings_nothing_back(world):
    customer = world.customer(name=MARK, phone=NUMBER)
    edit = world.done(
        "lin", "save_customer", {"id": customer, "set": {"name": "张三"}}, base_version=1
    )
    erase(world, customer)
    answer = world.push("lin", "undo", {"op_id": edit["op_id"]})
    assert (answer["status"], answer["code"]) == ("rejected", "not_found")
    assert where(world, MARK, NUMBER) == {}


def test_a_file_that_arrives_late_is_refused(person):
    world, customer, _ = person
    conversation = world.row(
        "select id::text from crm.conversations where customer_id = %s limit 1", customer
    )
    erase(world, customer)
    for table in ("attachments", "attachment_chunks"):
        assert count(world, f"crm.{table} where store_id = %s", world.stores["east"]) == 0
    data = png(b"late")
    about = {
        "id": new_id(),
        "form": "conversation",
        "record_id": conversation,
        "kind": "photo",
        "mime": "image/png",
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    assert (
        world.refused(
            "gao",
            "select api.upload_attachment(%s, %s, 0, %s)",
            world.stores["east"],
            Jsonb(about),
            base64.b64encode(data).decode(),
        )
        == "PT404 not_found"
    )


def test_a_merge_is_not_taken_apart(world):
    one = world.customer(name=MARK, phone=NUMBER)
    other = world.customer("chen", name=MARK + "二", phone=NUMBER)
    merge_id = merge(world, one, other, ["name"])
    erase(world, one)
    assert where(world, MARK, NUMBER) == {}  # both records were the person's
    assert (
        world.refused(
            "liang", "select api.unmerge_customers(%s, %s)", world.stores["east"], merge_id
        )
        == "PT404 not_found"
    )
    assert where(world, MARK, NUMBER) == {}
    assert living(world) == 0


def test_a_reverted_import_leaves_the_person_away_and_takes_the_others_back(world):
    rows = [{**r, "customer": {**r["customer"], "need": MARK}} for r in ROWS[:2]]
    known = world.customer("he", pool="retained", level="potential", name="旧名", phone=NUMBER)
    rows.append({"row": 9, "key": "k9", "customer": {"name": MARK, "phone": NUMBER, "need": MARK}})
    rows[-1]["policy"] = {"expires_on": "2027-03-01"}
    run, _ = commit(world, rows, match=["phone"])
    people = world.db.execute(
        "select id::text from crm.customers where store_id = %s and name <> '客户3'",
        (world.stores["east"],),
    ).fetchall()
    for (customer,) in people:
        erase(world, customer)
    revert(world, run)
    assert living(world) == 0
    assert set(where(world, NUMBER, "旧名", "客户2")) == set()
    assert world.row("select name from crm.customers where id = %s", known) == "—"


def test_an_old_list_makes_a_new_customer(world):
    commit(world, ROWS[:1])
    old = world.row("select id::text from crm.customers where name = '客户2'")
    erase(world, old)
    _, answers = commit(world, ROWS[:1])
    assert [a["status"] for a in answers] == ["created"]
    assert world.row("select id::text from crm.customers where name = '客户2'") != old
    assert world.row(
        "select name, removed_at = erased_at from crm.customers where id = %s", old
    ) == ("—", True)


def test_whatever_writes_the_row_later_finds_it_empty(person):
    """Publications, members who leave and the operator move levels and owners: never a word."""
    world, customer, _ = person
    erase(world, customer)
    world.db.execute(
        "update crm.customers set name = %s, need = %s, phone = %s, removed_at = null, erased_at = "
        "null, level = 'potential', custom = '{}' where id = %s",
        (MARK, MARK, NUMBER, customer),
    )
    assert where(world, MARK, NUMBER) == {}
    assert world.row(
        "select level, removed_at = erased_at, next_contact_on from crm.customers where id = %s",
        customer,
    ) == ("potential", True, None)


def test_the_night_finds_nothing_to_do(person):
    world, customer, _ = person
    erase(world, customer)
    for day in (0, 30, 400):
        world.db.execute(
            "select crm.run_rules(%s, current_date + %s::int)", (world.stores["east"], day)
        )
    assert (
        count(
            world,
            "crm.tasks where customer_id = %s and removed_at is null and status not "
            "in ('done', 'excused')",
            customer,
        )
        == 0
    )
    assert world.row("select removed_at = erased_at from crm.customers where id = %s", customer)


# Tasks, phones, rights ---------------------------------------------------------------------------


def end_as_erased(world: World, task: str) -> None:
    """As code of ours would, in a person's name."""
    with as_member(world.db, world.users["lin"], "api_owner"):
        world.db.execute(
            "update crm.tasks set status = 'erased', closed_at = now() where id = %s", (task,)
        )


def test_tasks_end_with_the_person_and_only_with_them(person):
    world, customer, ids = person
    others = world.task(ids["other"])
    world.task(customer)
    with pytest.raises(psycopg.Error, match="task_stays"), world.db.transaction():
        end_as_erased(world, others)
    erase(world, customer)
    assert set(
        world.db.execute(
            "select status, closed_at is not null, removed_at is not null from crm.tasks"
            " where customer_id = %s and status not in ('done', 'excused')",
            (customer,),
        ).fetchall()
    ) == {("erased", True, True)}
    assert world.row("select status from crm.tasks where id = %s", others) == "open"
    assert (
        count(world, "crm.approvals where customer_id = %s and status = 'pending'", customer) == 0
    )
    assert count(world, "crm.promises where customer_id = %s and status = 'open'", customer) == 0


def test_phones_lose_the_customer(stack):
    """The owner's, and that of a colleague who has a task with them."""
    world = commit_world(stack)
    customer = world.customer(name=MARK)
    world.log_conversation("lin", customer, notes=MARK)
    task = world.task(customer, "he")
    world.db.commit()
    cursors = {}
    for who in ("lin", "he"):
        rows, _, cursors[who], _ = pull_all(world, who)
        assert customer in rows["customers"], who
        world.db.commit()
    erase(world, customer)
    world.db.commit()
    for who in ("lin", "he"):
        rows, removed, _, resets = pull_all(world, who, cursors[who])
        assert not resets
        assert customer in removed["customers"], who
        assert MARK not in str(rows)
        assert "conversations" not in rows, who
        assert who == "lin" or task in removed["tasks"]
    world.db.close()


def test_who_erased_when_and_why_is_in_the_audit(person):
    world, customer, _ = person
    erase(world, customer, "consent_withdrawn")
    acts = world.db.execute(
        "select actor_id, subject_id::text, detail from crm.audit_events where kind = "
        "'customer_erased' and store_id = %s",
        (world.stores["east"],),
    ).fetchall()
    assert acts == [
        (world.users["liang"], customer, {"reason": "consent_withdrawn", "customers": 2})
    ]
    erase(world, customer, "asked")  # sent twice
    acts = "crm.audit_events where kind = 'customer_erased' and store_id = %s"
    assert count(world, acts, world.stores["east"]) == 1


def test_a_reason_is_one_of_four(person):
    world, customer, _ = person
    before = world.digest()
    for reason in (None, "", MARK, "其他"):
        assert (
            world.refused(
                "liang",
                "select api.erase_customer(%s, %s, %s)",
                world.stores["east"],
                customer,
                reason,
            )
            == "PT422 option"
        )
    assert world.digest() == before


def test_the_preview_counts_and_changes_nothing(person):
    world, customer, _ = person
    before = world.digest()
    preview = world.ask(
        "liang", "select api.preview_erasure(%s, %s)", world.stores["east"], customer
    )[0][0]
    assert preview["id"] == customer
    assert preview["merged"] == 1
    assert preview["counts"]["conversations"] == 1
    assert preview["counts"]["attachments"] == 1
    assert preview["open_tasks"] >= 1
    assert world.digest() == before
    erase(world, customer)
    assert (
        world.refused("liang", "select api.preview_erasure(%s, %s)", world.stores["east"], customer)
        == "PT404 not_found"
    )


def test_only_the_store_admin_erases(person):
    world, customer, _ = person
    before = world.digest()
    for name in ("lin", "he", "xu", "zhou", "wu", "qin", "yan", "stranger"):
        for call in ("erase_customer(%s, %s, 'asked')", "preview_erasure(%s, %s)"):
            assert (
                world.refused(name, f"select api.{call}", world.stores["east"], customer)
                == "PT403 forbidden"
            )
    assert world.digest() == before
