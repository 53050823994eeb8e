"""Moving a deal demands what its stage demands (S-86); the funnel's counters equal the scan."""

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.funnel import Funnel
from tests.support.health_checks import EVERY_CHECK
from tests.support.people import World, new_id


def deal_of(world, customer, name="lin", **fields):
    deal = new_id()
    world.done(
        name,
        "save_deal",
        {
            "id": deal,
            "customer_id": customer,
            "pipeline": "new_car",
            "set": {"title": "汉", **fields},
        },
    )
    return deal


def counters(world):
    return world.db.execute(
        "select pipeline, stage, owner_id, deals, amount_fen, furthest_deals "
        "from crm.funnel_counts where store_id = %s and (deals <> 0 or furthest_deals <> 0) "
        "order by 1, 2, 3",
        (world.stores["east"],),
    ).fetchall()


def scan(world):
    return world.db.execute(
        "select pipeline, place, coalesce(owner_id, '00000000-0000-0000-0000-000000000000'), "
        "sum(here), coalesce(sum(here * amount_fen), 0), sum(furthest) from crm.deals cross join "
        "lateral (values (stage, 1, 0), (furthest_stage, 0, 1)) x (place, here, furthest) "
        "where store_id = %s and removed_at is null group by 1, 2, 3 order by 1, 2, 3",
        (world.stores["east"],),
    ).fetchall()


def stages_of(world, name="lin", pipeline="new_car"):
    report = world.ask(name, "select api.funnel_report(%s, %s)", world.stores["east"], pipeline)[0][
        0
    ]
    return Funnel.model_validate(report["pipelines"][0])


def reached(world, name="lin"):
    return {s.count.stage: s.reached for s in stages_of(world, name).steps()}


def test_a_deal_begins_at_the_first_open_stage(world):
    deal = deal_of(world, world.customer())
    assert world.row("select stage, owner_id from crm.deals where id = %s", deal) == (
        "lead",
        world.users["lin"],
    )


def test_moving_says_exactly_what_is_missing(world):
    deal = deal_of(world, world.customer())
    answer = world.push("lin", "move_deal", {"id": deal, "stage": "ordered"})
    assert answer["errors"] == [
        {"field": "amount_fen", "code": "required"},
        {"field": "expected_close_on", "code": "required"},
        {"field": "checked.deposit", "code": "item_unchecked"},
    ]
    world.done(
        "lin",
        "move_deal",
        {
            "id": deal,
            "stage": "ordered",
            "set": {"amount_fen": 19980000, "expected_close_on": "2026-12-24"},
            "checked": ["deposit"],
        },
    )
    assert world.row("select stage, amount_fen, checked from crm.deals where id = %s", deal) == (
        "ordered",
        19980000,
        ["deposit"],
    )


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"stage": "moon"}, "option"),
        ({"stage": "lost"}, "invalid"),
        ({"stage": "lost", "lost_reason": "unreachable"}, "invalid"),
        ({"stage": "quoted", "set": {"amount_fen": -5}}, "invalid"),
        ({"stage": "visited", "set": {"owner_id": 1}}, "invalid"),
    ],
)
def test_wrong_moves_are_refused(world, payload, code):
    deal = deal_of(world, world.customer())
    assert world.push("lin", "move_deal", {"id": deal, **payload})["code"] == code
    assert world.row("select stage from crm.deals where id = %s", deal) == "lead"


def test_a_colleague_cannot_move_it_a_manager_can(world):
    deal = deal_of(world, world.customer())
    assert world.push("chen", "move_deal", {"id": deal, "stage": "visited"})["code"] == "not_found"
    world.done("he", "move_deal", {"id": deal, "stage": "visited"})


def test_a_stale_move_is_a_conflict_and_shows_the_deal(world):
    deal = deal_of(world, world.customer())
    world.done("he", "move_deal", {"id": deal, "stage": "visited"}, base_version=1)
    answer = world.push("lin", "move_deal", {"id": deal, "stage": "test_drive"}, base_version=1)
    assert (answer["status"], answer["row"]["stage"]) == ("conflict", "visited")


def test_a_link_of_another_customer_is_refused(world):
    one, other = world.customer(), world.customer(phone="13900000002")
    vehicle = new_id()
    world.done(
        "lin", "save_vehicle", {"id": vehicle, "customer_id": other, "set": {"plate": "沪A00001"}}
    )
    answer = world.push(
        "lin",
        "save_deal",
        {
            "id": new_id(),
            "customer_id": one,
            "vehicle_id": vehicle,
            "pipeline": "new_car",
            "set": {},
        },
    )
    assert (answer["code"], answer["field"]) == ("not_found", "vehicle_id")


def test_moves_that_the_store_does_not_allow(world):
    world.db.execute(
        "update crm.stages set moves = array['visited'] where store_id = %s and key = 'lead'",
        (world.stores["east"],),
    )
    deal = deal_of(world, world.customer())
    assert (
        world.push("lin", "move_deal", {"id": deal, "stage": "test_drive"})["code"]
        == "move_not_allowed"
    )


@settings(max_examples=15, deadline=None, suppress_health_check=EVERY_CHECK)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["new", "move", "amount", "undo", "pool"]),
            st.integers(0, 5),
            st.sampled_from(["visited", "test_drive", "quoted", "lost", "lead"]),
        ),
        max_size=14,
    )
)
def test_counters_equal_the_scan_whatever_happens(stack, steps):
    with psycopg.connect(stack.db_url) as connection:
        world = World(connection)
        customer, deals, last = world.customer(), [], None
        for step, n, stage in steps:
            if step == "new":
                deals.append(deal_of(world, customer, amount_fen=n * 1000))
            elif deals and step == "move":
                last = world.push(
                    "lin",
                    "move_deal",
                    {"id": deals[n % len(deals)], "stage": stage, "lost_reason": "price"},
                )
            elif deals and step == "amount":
                world.push(
                    "lin",
                    "save_deal",
                    {
                        "id": deals[n % len(deals)],
                        "customer_id": customer,
                        "set": {"amount_fen": n * 777},
                    },
                    base_version=99,
                )
            elif step == "undo" and last:
                world.push("lin", "undo", {"op_id": last["op_id"]})
            assert [(a, b, c, d, int(e), f) for a, b, c, d, e, f in counters(world)] == [
                (a, b, c, d, int(e), f) for a, b, c, d, e, f in scan(world)
            ]
        connection.rollback()


def test_a_funnel_shows_own_deals_to_an_advisor_and_the_store_to_a_manager(world):
    deal_of(world, world.customer(), amount_fen=100)
    deal_of(world, world.customer("chen", phone="13900000003"), "chen", amount_fen=200)

    def lead(name):
        stages = world.ask(name, "select api.funnel_report(%s, 'new_car')", world.stores["east"])[
            0
        ][0]["pipelines"][0]["stages"]
        return next((s["deals"], s["amount_fen"]) for s in stages if s["stage"] == "lead")

    assert [lead("lin"), lead("chen"), lead("he"), lead("xu")] == [
        (1, 100),
        (1, 200),
        (2, 300),
        (2, None),
    ]


def move(world, deal, *stages, name="lin"):
    for stage in stages:
        more: dict = {"lost_reason": "price"} if stage == "lost" else {}
        if stage in ("quoted", "ordered"):
            more["set"] = {"amount_fen": 1, "expected_close_on": "2026-12-24"}
            more["checked"] = ["deposit"]
        world.done(name, "move_deal", {"id": deal, "stage": stage, **more})


def test_a_lost_deal_counts_in_every_stage_it_reached(world):
    customer = world.customer()
    for way in (
        (),
        ("visited", "lost"),
        ("visited", "test_drive"),
        ("visited", "test_drive", "quoted", "lost"),
        ("visited", "test_drive", "quoted", "ordered"),
        ("quoted", "visited"),  # skipped two, went back
        ("lost",),
    ):
        move(world, deal_of(world, customer), *way)
    assert reached(world) == {
        "lead": 7,
        "visited": 5,
        "test_drive": 4,
        "quoted": 3,
        "ordered": 1,
        "delivered": 0,
    }
    steps = {s.count.stage: s.goes_on for s in stages_of(world).steps()}
    assert (steps["quoted"], steps["test_drive"]) == (1 / 3, 3 / 4)
    here = {s.stage: s.deals for s in stages_of(world).stages}
    assert (here["lost"], here["quoted"], here["lead"]) == (3, 0, 1)


def test_a_move_taken_back_reached_nothing(world):
    deal = deal_of(world, world.customer())
    moved = world.push("lin", "move_deal", {"id": deal, "stage": "visited"})
    assert reached(world)["visited"] == 1
    world.done("lin", "undo", {"op_id": moved["op_id"]})
    assert reached(world)["visited"] == 0


def test_a_manager_counts_the_store_and_one_member(world):
    move(world, deal_of(world, world.customer()), "visited", "lost")
    theirs = world.customer("chen", phone="13900000003")
    move(world, deal_of(world, theirs, "chen"), "visited", name="chen")
    assert (reached(world)["visited"], reached(world, "he")["visited"]) == (1, 2)
    report = world.ask(
        "he",
        "select api.funnel_report(%s, 'new_car', %s)",
        world.stores["east"],
        world.users["chen"],
    )[0][0]
    steps = Funnel.model_validate(report["pipelines"][0]).steps()
    assert [s.reached for s in steps][:3] == [1, 1, 0]
