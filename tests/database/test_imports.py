"""Imported rows pass the forms' own rules, are found again, and never double (S-02)."""

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.support.people import new_id

ROWS = [
    {
        "row": 2,
        "key": "a",
        "customer": {"name": "张三", "phone": "13800000001"},
        "vehicle": {"plate": "沪A00001"},
        "policy": {"expires_on": "2026-12-01", "premium_fen": 350000},
    },
    {"row": 3, "key": "b", "customer": {"name": "李四"}, "policy": {"expires_on": "2026-13-01"}},
    {"row": 4, "key": "c", "customer": {"name": ""}, "policy": {"expires_on": "2026-12-01"}},
    {
        "row": 5,
        "key": "d",
        "customer": {"name": "王五", "owner_id": "x"},
        "policy": {"expires_on": "2026-12-01"},
    },
]


def options(world, **more):
    return {
        "pool": "retained",
        "renewal_owner_id": str(world.users["zhou"]),
        "level": "potential",
        "source": "walk_in",
        **more,
    }


def commit(world, rows, name="liang", kind="policies", **more):
    return world.ask(
        name,
        "select api.commit_import(%s, %s, %s, 'list.csv', %s, %s)",
        world.stores["east"],
        new_id(),
        kind,
        Jsonb(options(world, **more)),
        Jsonb(rows),
    )[0][0]


def test_good_rows_come_in_bad_ones_are_named(world):
    answers = commit(world, ROWS)
    assert [(a["row"], a["status"]) for a in answers] == [
        (2, "created"),
        (3, "refused"),
        (4, "refused"),
        (5, "refused"),
    ]
    assert answers[1]["errors"] == [{"form": "policy", "field": "expires_on", "code": "date"}]
    assert {"form": "customer", "field": "name", "code": "required"} in answers[2]["errors"]
    assert answers[3]["errors"] == [{"form": "customer", "field": "owner_id", "code": "forbidden"}]
    assert world.ask("zhou", "select name from api.customers") == [("张三",)]
    assert world.ask("liang", "select created, refused from api.imports") == [(1, 3)]


def test_the_same_list_again_changes_nothing_a_changed_one_updates(world):
    commit(world, ROWS[:1])
    before = world.row("select count(*) from crm.customers")
    assert [a["status"] for a in commit(world, ROWS[:1])] == ["unchanged"]
    changed = {**ROWS[0], "policy": {"expires_on": "2026-12-01", "premium_fen": 360000}}
    assert [a["status"] for a in commit(world, [changed])] == ["updated"]
    assert (
        world.row("select premium_fen from crm.policies where store_id = %s", world.stores["east"])
        == 360000
    )
    assert world.row("select count(*) from crm.customers") == before


def test_a_known_customer_is_found_by_plate_or_by_name_and_phone(world):
    customer = world.customer(name="张三", phone="13800000001")
    commit(world, ROWS[:1])
    assert (
        world.row(
            "select customer_id::text from crm.policies where store_id = %s", world.stores["east"]
        )
        == customer
    )
    commit(
        world,
        [
            {
                "row": 2,
                "key": "z",
                "customer": {"name": "张先生"},
                "vehicle": {"plate": "沪A00001"},
                "policy": {"expires_on": "2027-12-01"},
            }
        ],
    )
    assert (
        world.row("select count(*) from crm.customers where store_id = %s", world.stores["east"])
        == 1
    )


def test_a_preview_says_the_same_and_leaves_nothing(world):
    before = world.digest()
    answers = world.ask(
        "liang",
        "select api.preview_import(%s, 'policies', %s, %s)",
        world.stores["east"],
        Jsonb(options(world)),
        Jsonb(ROWS),
    )[0][0]
    assert [a["status"] for a in answers] == ["created", "refused", "refused", "refused"]
    assert world.digest() == before


@pytest.mark.parametrize("name", ["lin", "zhou", "wu", "xu", "qin", "yan"])
def test_only_who_may_import_imports(world, name):
    assert (
        world.refused(
            name,
            "select api.commit_import(%s, %s, 'policies', 'x', %s, '[]')",
            world.stores["east"],
            new_id(),
            Jsonb(options(world)),
        )
        == "PT403 forbidden"
    )
    assert (
        world.refused(
            name,
            "select api.preview_import(%s, 'policies', %s, '[]')",
            world.stores["east"],
            Jsonb(options(world)),
        )
        == "PT403 forbidden"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"pool": "nowhere"},
        {"pool": None},
        {"owner_id": "x"},
        {"level": "x"},
        {"source": "moon"},
        {"renewal_owner_id": new_id()},
    ],
)
def test_wrong_choices_are_refused_before_any_row(world, wrong):
    assert world.refused(
        "liang",
        "select api.commit_import(%s, %s, 'policies', 'x', %s, '[]')",
        world.stores["east"],
        new_id(),
        Jsonb(options(world, **wrong)),
    ).startswith("PT422")


def test_deals_arrive_at_their_stage_and_the_funnel_says_so(world):
    rows = [
        {
            "row": n,
            "key": f"k{n}",
            "deal_key": f"d{n}",
            "customer": {"name": f"公司{n}"},
            "deal": {
                "pipeline": "new_car",
                "stage": "delivered" if n % 2 else "lead",
                "title": "GTX",
                "amount_fen": 1000,
                "stage_on": "2026-03-01",
            },
        }
        for n in range(10)
    ]
    pool = {
        "pool": None,
        "owner_id": str(world.users["lin"]),
        "renewal_owner_id": None,
        "level": "intent",
    }
    assert {a["status"] for a in commit(world, rows, kind="deals", **pool)} == {"created"}
    assert {a["status"] for a in commit(world, rows, kind="deals", **pool)} == {"unchanged"}
    assert world.db.execute(
        "select stage, deals, amount_fen from crm.funnel_counts where store_id = %s order by 1",
        (world.stores["east"],),
    ).fetchall() == [("delivered", 5, 5000), ("lead", 5, 5000)]


@pytest.mark.parametrize(
    "rows",
    [
        {},
        7,
        "x",
        [1],
        [None],
        [{"row": "x"}],
        [{"row": 1, "key": "k", "customer": "x"}],
        [{"row": 1, "key": "k", "customer": {"name": "x"}, "deal": []}],
        [{}] * 501,
    ],
)
def test_any_rows_are_answered_in_our_own_words(world, rows):
    answers, sqlstate = [], None
    try:
        with world.db.transaction():
            answers = commit(world, rows)
    except psycopg.Error as error:
        sqlstate = error.sqlstate
    assert all(a["status"] == "refused" for a in answers)
    assert sqlstate is None or sqlstate.startswith("PT"), sqlstate
