"""Imports and merges are known by marks of their own: no id a client chooses, of whatever kind, can
stand for one of them."""

from hashlib import md5
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from tests.database.test_duplicates import merge, unmerge
from tests.database.test_reverting import ROWS, commit, options, revert
from tests.support.people import new_id


def old_mark(world, run: str) -> str:
    """What the mark of an import once was: computable by whoever knows its id, and an id like any
    other to sync_push."""
    return str(UUID(md5(f"import:{world.stores['east']}:{run}".encode()).hexdigest()))


def marks(world, run: str) -> list[str]:
    """The ids an attacker would try."""
    once = old_mark(world, run)
    return [run, once, old_mark(world, once)]


def alive(world) -> int:
    return world.row(
        "select count(*) from crm.customers where store_id = %s and removed_at is null",
        world.stores["east"],
    )


def acts(world, kind: str) -> int:
    return world.row(
        "select count(*) from crm.audit_events where store_id = %s and kind = %s",
        world.stores["east"],
        kind,
    )


@pytest.mark.parametrize("nth", [0, 1, 2])
def test_undo_never_takes_an_import_back(world, nth):
    run = new_id()
    op_id = marks(world, run)[nth]
    world.done("liang", "save_customer", new_customer(world), op_id=op_id)
    commit(world, run=run)
    before = alive(world)
    answer = world.push("liang", "undo", {"op_id": op_id})
    assert answer["status"] == "applied"  # of the one customer the operation made
    assert alive(world) == before - 1


@pytest.mark.parametrize("nth", [0, 1, 2])
def test_undo_never_takes_a_merge_back(world, nth):
    one, other, merge_id = world.customer(name="甲"), world.customer(name="乙"), new_id()
    op_id = marks(world, merge_id)[nth]
    third = new_customer(world)
    world.done("liang", "save_customer", third, op_id=op_id)
    merge(world, one, other, ["name"], merge_id=merge_id)
    world.push("liang", "undo", {"op_id": op_id})
    look = "select name, removed_at is not null from crm.customers where id = %s"
    assert world.row(look, one) == ("乙", False)
    assert world.row(look, other) == ("乙", True)
    assert world.row(look, third["id"])[1]


@pytest.mark.parametrize("nth", [0, 1, 2])
def test_a_revert_leaves_what_operations_did_under_the_imports_id(world, nth):
    run = new_id()
    op_id = marks(world, run)[nth]
    customer = world.customer("lin", name="旧客")
    task = world.task(customer)
    ask = {"id": new_id(), "task_id": task, "reason": "unreachable"}
    approval = world.done("lin", "request_cancellation", ask)
    assert approval
    commit(world, run=run)
    decision = {"id": ask["id"], "decision": "approve"}
    world.done("he", "decide_approval", decision, op_id=op_id)
    conversation = {
        "id": new_id(),
        "customer_id": customer,
        "outcome": "interested",
        "notes": "聊了",
        "level": "near",
    }
    assert world.push("lin", "log_conversation", conversation, op_id=op_id)["code"] == "id_taken"
    world.done("lin", "log_conversation", conversation)
    look = (
        "select a.status, t.status, c.last_contact_at is not null from crm.approvals a"
        " join crm.tasks t on t.id = a.task_id join crm.customers c on c.id = t.customer_id"
        " where a.id = %s"
    )
    before = world.row(look, ask["id"])
    assert before[0] == "approved"
    answer = revert(world, run)
    assert answer["kept"] == 0
    assert world.row(look, ask["id"]) == before
    assert alive(world) == 1


def test_a_talk_logged_under_the_imports_id_stays(world):
    run = new_id()
    customer = world.customer("lin")
    conversation = {
        "id": new_id(),
        "customer_id": customer,
        "outcome": "interested",
        "notes": "聊了",
        "level": "potential",
    }
    world.done("lin", "log_conversation", conversation, op_id=old_mark(world, run))
    commit(world, run=run)
    before = world.row("select level, version from crm.customers where id = %s", customer)
    revert(world, run)
    assert world.row("select level, version from crm.customers where id = %s", customer) == before
    assert (
        world.row("select removed_at from crm.conversations where id = %s", conversation["id"])
        is None
    )


def test_a_merge_with_the_id_of_an_import_takes_back_the_merge_alone(world):
    run = new_id()
    one, other = world.customer(name="甲", phone="13911110001"), world.customer(name="乙")
    commit(world, run=run)
    before = alive(world)
    merge(world, one, other, merge_id=run)
    assert unmerge(world, run) == [({"id": run},)]
    assert alive(world) == before
    merge(world, one, other, merge_id=(second := new_id()))
    answer = revert(world, run)
    assert (answer["kept"], alive(world)) == (0, 1)
    assert world.row("select undone_at from crm.merges where id = %s", second) is None
    assert acts(world, "import_reverted") == acts(world, "unmerged") == 1


def test_a_merge_of_imported_customers_is_taken_back_alone_under_the_same_id(world):
    run, _ = commit(world)
    ids = [
        str(r[0])
        for r in world.db.execute(
            "select id from crm.customers where store_id = %s order by name limit 2",
            (world.stores["east"],),
        )
    ]
    merge(world, *ids, merge_id=run)
    assert alive(world) == len(ROWS) - 1
    unmerge(world, run)
    assert alive(world) == len(ROWS)


def test_an_import_id_names_no_merge_and_a_merge_id_no_import(world):
    run, _ = commit(world)
    merge_id = merge(world, world.customer(name="甲"), world.customer(name="乙"))
    store, before = world.stores["east"], world.digest()
    for sql, wrong in (("unmerge_customers", run), ("revert_import", merge_id)):
        for name in marks(world, wrong):
            said = world.refused("liang", f"select api.{sql}(%s, %s)", store, name)
            assert said == "PT404 not_found"
    assert world.digest() == before


def test_a_second_revert_keeps_what_the_first_kept_and_no_more(world):
    run, _ = commit(world)
    worked_on = world.row(
        "select id::text from crm.customers where store_id = %s and name = '客户5'",
        world.stores["east"],
    )
    world.log_conversation("zhou", worked_on, level=None)
    first, second = revert(world, run), revert(world, run)
    assert (first["kept"], second["kept"]) == (1, 1)
    assert second["rows"] == first["rows"]
    assert (second["taken"], second["changed"]) == (0, 0)
    assert world.row("select kept from crm.imports where id = %s", run) == 1


def test_an_import_belongs_to_who_began_it_as_it_began(world):
    """A colleague, another kind or another file under the same id would be written down, and taken
    back, as somebody else's work."""
    run, _ = commit(world)
    world.join("fang", "east", "store_admin")
    before = world.digest()
    sql = "select api.commit_import(%s, %s, %s, %s, %s, %s)"
    given = [world.stores["east"], run, "policies", "list.csv", Jsonb(options(world)), Jsonb(ROWS)]
    assert world.refused("fang", sql, *given) == "PT409 id_taken"
    for place, other in (
        (2, "customers"),
        (3, "other.csv"),
        (4, Jsonb(options(world, pool="market"))),
    ):
        changed = [*given[:place], other, *given[place + 1 :]]
        assert world.refused("liang", sql, *changed) == "PT409 id_taken", place
    assert world.digest() == before


def test_an_import_leaves_an_act(world):
    run, _ = commit(world)
    commit(world, run=run)
    assert acts(world, "imported") == 1
    answer = world.ask(
        "liang",
        "select api.audit_log(%s, %s)",
        world.stores["east"],
        Jsonb({"what": "audit_events", "kind": "imported"}),
    )[0][0]["rows"]
    assert [(r["subject_id"], r["detail"]["kind"], r["detail"]["rows"]) for r in answer] == [
        (run, "policies", 2 * len(ROWS))
    ]
    assert answer[0]["detail"]["file_name"] == "list.csv"


def new_customer(world) -> dict:
    return {
        "id": new_id(),
        "set": {"name": "丁", "phone": "13700001234", "source": "walk_in", "level": "near"},
    }
