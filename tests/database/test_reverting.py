"""An import is taken back whole; what others worked on since stays and is named (F-81)."""

import pytest
from psycopg.types.json import Jsonb

from tests.support.people import new_id

ROWS = [
    {
        "row": n,
        "key": f"k{n}",
        "customer": {"name": f"客户{n}", "phone": f"1380000{n:04d}"},
        "vehicle": {"plate": f"沪A{n:05d}"},
        "policy": {"expires_on": "2026-12-20", "premium_fen": 350000, "insurer": "人保"},
    }
    for n in range(2, 12)
]


def options(world, **more):
    return {
        "pool": "retained",
        "renewal_owner_id": str(world.users["zhou"]),
        "level": "potential",
        "source": "walk_in",
        **more,
    }


def commit(world, rows=ROWS, run=None, name="liang", **more):
    run = run or new_id()
    answers = world.ask(
        name,
        "select api.commit_import(%s, %s, 'policies', 'list.csv', %s, %s)",
        world.stores["east"],
        run,
        Jsonb(options(world, **more)),
        Jsonb(rows),
    )[0][0]
    return run, answers


def revert(world, run, name="liang"):
    return world.ask(name, "select api.revert_import(%s, %s)", world.stores["east"], run)[0][0]


def shown(world, name="liang"):
    """Everything the store sees, without clocks, counters of versions, and who said a fact last."""
    found = []
    for view in (
        "customers",
        "companions",
        "vehicles",
        "policies",
        "deals",
        "tasks",
        "conversations",
    ):
        found.append(
            world.ask(
                name,
                "select coalesce(jsonb_agg(to_jsonb(v) - array['version', 'change_no', "
                f"'updated_at', 'facts'] order by v.id), '[]') from api.{view} v where v.store_id "
                "= %s",
                world.stores["east"],
            )[0][0]
        )
    return found


def test_what_an_import_made_and_changed_is_taken_back(world):
    known = world.customer(
        "he", pool="retained", level="potential", name="客户3", phone="13800000003", need=None
    )
    before = shown(world)
    run, answers = commit(
        world, [{**r, "customer": {**r["customer"], "need": "七座"}} for r in ROWS]
    )
    assert {a["status"] for a in answers} == {"created"}
    assert world.row(
        "select need, renewal_owner_id is not null from crm.customers where id = %s", known
    ) == ("七座", True)
    world.db.execute(
        "select crm.run_rules(%s, '2026-11-25')", (world.stores["east"],)
    )  # the night has made calls about it
    assert (
        world.row(
            "select count(*) from crm.tasks where store_id = %s and removed_at is null",
            world.stores["east"],
        )
        == 10
    )
    answer = revert(world, run)
    assert (answer["taken"], answer["kept"]) == (9 + 10 + 10, 0)
    assert shown(world) == before
    assert revert(world, run)["taken"] == 0  # twice is harmless
    _, again = commit(world)
    assert [a["status"] for a in again] == ["created"] * 10  # and the list can come again, as new
    assert (
        world.row(
            "select count(*) from crm.customers where store_id = %s and removed_at is null",
            world.stores["east"],
        )
        == 10
    )


def test_who_was_worked_on_since_is_kept_and_named(world):
    run, _ = commit(world)
    touched = world.row(
        "select id::text from crm.customers where store_id = %s and name = '客户5'",
        world.stores["east"],
    )
    assert world.log_conversation("zhou", touched, level=None)["status"] == "applied"
    changed = world.row(
        "select id::text from crm.customers where store_id = %s and name = '客户6'",
        world.stores["east"],
    )
    world.done(
        "zhou", "save_customer", {"id": changed, "set": {"need": "续保要便宜"}}, base_version=1
    )
    answer = revert(world, run)
    assert answer["kept"] == 2 and {r["name"] for r in answer["rows"]} == {"客户5", "客户6"}
    left = {
        r[0]
        for r in world.ask(
            "liang", "select name from api.customers where store_id = %s", world.stores["east"]
        )
    }
    assert left == {"客户5", "客户6"}
    assert world.ask(
        "liang", "select count(*) from api.policies where store_id = %s", world.stores["east"]
    )[0] == (2,)  # whole customers are kept
    assert world.ask("liang", "select kept, reverted_at is not null from api.imports")[0] == (
        2,
        True,
    )
    assert (
        world.refused(
            "liang",
            "select api.commit_import(%s, %s, 'policies', 'x', %s, %s)",
            world.stores["east"],
            run,
            Jsonb(options(world)),
            Jsonb(ROWS),
        )
        == "PT409 import_reverted"
    )


def test_a_second_import_over_the_first_keeps_what_it_changed(world):
    first, _ = commit(world)
    second, answers = commit(
        world, [{**ROWS[0], "policy": {**ROWS[0]["policy"], "premium_fen": 999900}}]
    )
    assert answers[0]["status"] == "updated"
    state = shown(world)
    revert(world, second)
    assert (
        world.row(
            "select premium_fen from crm.policies p join crm.customers k on k.id = p.customer_id "
            "where k.name = '客户2'"
        )
        == 350000
    )
    commit(world, [{**ROWS[0], "policy": {**ROWS[0]["policy"], "premium_fen": 999900}}])
    assert shown(world) == state
    assert revert(world, first)["kept"] == 1


@pytest.mark.parametrize("name", ["lin", "zhou", "wu", "xu", "qin", "yan", "stranger"])
def test_only_who_may_import_reverts_and_only_his_own_stores(world, name):
    run, _ = commit(world)
    before = world.digest()
    assert (
        world.refused(name, "select api.revert_import(%s, %s)", world.stores["east"], run)
        == "PT403 forbidden"
    )
    assert world.digest() == before
    assert (
        world.refused("liang", "select api.revert_import(%s, %s)", world.stores["east"], new_id())
        == "PT404 not_found"
    )


def test_skip_join_and_update_are_three_ways_with_a_known_customer(world):
    known = world.customer(
        "he",
        pool="retained",
        level="potential",
        name="客户2",
        phone="13800000002",
        need="原来的需求",
    )
    row = {**ROWS[0], "customer": {**ROWS[0]["customer"], "need": "新的", "wechat": "wx2"}}
    look = "select need, wechat from crm.customers where id = %s"
    _run, answers = commit(world, [row], duplicates="skip")
    assert answers[0]["status"] == "unchanged" and world.row(look, known) == ("原来的需求", None)
    assert (
        world.row("select count(*) from crm.policies where store_id = %s", world.stores["east"])
        == 0
    )
    _run, answers = commit(world, [row], duplicates="join")
    assert world.row(look, known) == ("原来的需求", "wx2")  # only what was empty
    assert world.row("select count(*) from crm.policies where customer_id = %s", known) == 1
    commit(world, [row], duplicates="update")
    assert world.row(look, known) == ("新的", "wx2")
    assert (
        world.refused(
            "liang",
            "select api.preview_import(%s, 'policies', %s, '[]')",
            world.stores["east"],
            Jsonb(options(world, duplicates="x")),
        )
        == "PT422 option"
    )


def test_the_key_a_customer_is_found_by_can_be_chosen(world):
    known = world.customer(
        "he", pool="retained", level="potential", name="客户2", phone="13800000002"
    )
    commit(world, [ROWS[0]], match=["plate"])
    assert (
        world.row("select count(*) from crm.customers where store_id = %s", world.stores["east"])
        == 2
    )  # the phone was not to count
    numbered = {**ROWS[1], "policy": {**ROWS[1]["policy"], "policy_number": "P-1"}}
    commit(world, [numbered], match=[])
    other = {
        "row": 9,
        "key": "z",
        "customer": {"name": "别人"},
        "policy": {"policy_number": "P-1", "expires_on": "2027-12-20"},
    }
    commit(world, [other], match=["policy_number"])
    assert (
        world.row("select count(*) from crm.customers where store_id = %s", world.stores["east"])
        == 3
    )
    assert known
    assert (
        world.refused(
            "liang",
            "select api.preview_import(%s, 'policies', %s, '[]')",
            world.stores["east"],
            Jsonb(options(world, match=["name"])),
        )
        == "PT422 option"
    )


def test_taking_back_reads_each_customers_history_once(world):
    """Right after an import Postgres takes its mark for one row: all of the import's events were
    read for each of them (50 s for 4,000 policies)."""
    for n in range(400):  # Postgres has counted another store, in which no act is large
        world.log_conversation("ma", world.customer("ma", name=f"老客{n}"))
    world.db.execute("analyze crm.events")
    lines = [
        {
            **ROWS[0],
            "row": n,
            "key": f"m{n}",
            "customer": {"name": f"批{n}", "phone": f"1370000{n:04d}"},
            "vehicle": {"plate": f"沪B{n:05d}"},
        }
        for n in range(300)
    ]
    run, _answers = commit(world, lines)

    def read() -> int:
        return world.row(
            "select seq_tup_read + coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables where "
            "schemaname = 'crm' and relname = 'events'"
        )

    made = world.row(
        "select count(*) from crm.events where origin_id = (select origin_id from crm.events "
        "order by id desc limit 1)"
    )
    before = read()
    assert revert(world, run)["kept"] == 0
    print(f"{made} events of the import, {read() - before} read")
    assert read() - before < 40 * made
