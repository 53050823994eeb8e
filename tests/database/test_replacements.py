"""Removing a stage takes its deals along, merging reasons takes their history along, restoring
brings both back."""

import pytest

from tests.database.test_config_life import check, document, of_kind, publish, refusal
from tests.support.people import new_id


def deal_at(world, stage: str, who: str = "lin") -> str:
    deal = new_id()
    world.done(
        who,
        "save_deal",
        {
            "id": deal,
            "customer_id": world.customer(),
            "pipeline": "new_car",
            "set": {"amount_fen": 100},
        },
    )
    if stage != "lead":
        world.done(
            who,
            "move_deal",
            {"id": deal, "stage": stage, **({"lost_reason": "price"} if stage == "lost" else {})},
        )
    return deal


def without_stage(stage: str, to: str | None) -> dict:
    doc = document()
    doc["pipelines"][0]["stages"] = [s for s in doc["pipelines"][0]["stages"] if s["key"] != stage]
    if to:
        doc["replacements"] = {"stages": {f"new_car.{stage}": to}}
    return doc


def stage_of(world, deal: str) -> str:
    return world.row("select pipeline || '.' || stage from crm.deals where id = %s", deal)


def test_deals_move_with_the_stage_that_goes_and_come_back_with_it(world):
    deal, untouched = deal_at(world, "test_drive"), deal_at(world, "visited")
    doc = without_stage("test_drive", "new_car.visited")
    item = of_kind(check(world, doc), "stage_moved")[0]
    assert (item["key"], item["after"], item["count"], item["ids"], item["level"]) == (
        "test_drive",
        "new_car.visited",
        1,
        [deal],
        "warning",
    )
    assert of_kind(check(world, doc), "stage_removed") == []
    publish(world, doc)
    assert stage_of(world, deal) == "new_car.visited" == stage_of(world, untouched)
    assert (
        world.ask(
            "lin",
            "select count(*) from api.timeline where field = 'stage' and subject_id = %s",
            deal,
        )[0][0]
        >= 2
    )  # the move is in the history
    counted = world.row(
        "select deals from crm.funnel_counts where store_id = %s and stage = 'visited'",
        world.stores["east"],
    )
    assert counted == 2
    world.ask("liang", "select api.restore_config(%s, 1, 2, '')", world.stores["east"])
    assert (
        stage_of(world, deal) == "new_car.test_drive"
        and stage_of(world, untouched) == "new_car.visited"
    )


def test_a_deal_that_went_on_meanwhile_stays_where_it_is(world):
    deal = deal_at(world, "test_drive")
    publish(world, without_stage("test_drive", "new_car.visited"))
    world.db.execute(
        "update crm.replaced_records set moved_at = now() - interval '1 minute'"
    )  # one transaction has one clock
    world.done("lin", "move_deal", {"id": deal, "stage": "quoted", "set": {"amount_fen": 100}})
    world.done("lin", "move_deal", {"id": deal, "stage": "visited"})
    world.ask("liang", "select api.restore_config(%s, 1, 2, '')", world.stores["east"])
    assert stage_of(world, deal) == "new_car.visited"


def test_a_stage_with_deals_and_nowhere_to_go_stays(world):
    deal_at(world, "test_drive")
    assert refusal(world, without_stage("test_drive", None)) == "PT422 stage_in_use"
    assert (
        of_kind(check(world, without_stage("test_drive", None)), "stage_removed")[0]["level"]
        == "refused"
    )


@pytest.mark.parametrize(
    "to",
    [
        "new_car.nowhere",
        "new_car.delivered",
        "new_car.lost",
        "new_car.test_drive",
        "nowhere.visited",
        "x",
        "",
    ],
)
def test_deals_go_only_to_a_stage_of_the_same_kind(world, to):
    deal = deal_at(world, "test_drive")
    doc = without_stage("test_drive", None) | {
        "replacements": {"stages": {"new_car.test_drive": to}}
    }
    assert refusal(world, doc) == "PT422 bad_replacement"
    assert "bad_replacement" in [x["kind"] for x in check(world, doc) if x["level"] == "refused"]
    assert stage_of(world, deal) == "new_car.test_drive"


def test_a_whole_pipeline_may_go_into_another(world):
    deal = deal_at(world, "visited")
    doc = document()
    doc["pipelines"] = doc["pipelines"][1:]
    for role in doc["roles"]:
        role.pop("pipeline", None)
    stages = ("lead", "visited", "test_drive", "quoted", "ordered")
    doc["replacements"] = {"stages": {f"new_car.{s}": "renewal.to_contact" for s in stages}}
    publish(world, doc)
    assert stage_of(world, deal) == "renewal.to_contact"


def test_merged_reasons_take_their_history_along_and_come_back(world):
    lost, other = deal_at(world, "lost"), deal_at(world, "lost")
    world.db.execute("update crm.deals set lost_reason = 'gave_up' where id = %s", (other,))
    doc = document()
    doc["reasons"] = [r for r in doc["reasons"] if r["key"] != "price"]
    doc["replacements"] = {"reasons": {"price": "gave_up"}}
    assert [
        (x["key"], x["after"], x["count"]) for x in of_kind(check(world, doc), "reason_merged")
    ] == [("price", "gave_up", 1)]
    publish(world, doc)
    assert (
        world.row(
            "select count(*) from crm.deals where lost_reason = 'gave_up' and store_id = %s",
            world.stores["east"],
        )
        == 2
    )
    world.ask("liang", "select api.restore_config(%s, 1, 2, '')", world.stores["east"])
    assert world.row("select lost_reason from crm.deals where id = %s", lost) == "price"
    assert world.row("select lost_reason from crm.deals where id = %s", other) == "gave_up"


def test_successors_touch_one_store_only(world):
    here = deal_at(world, "test_drive")
    there = new_id()
    world.done(
        "ma",
        "save_deal",
        {"id": there, "customer_id": world.customer(who="ma"), "pipeline": "new_car", "set": {}},
    )
    world.done("ma", "move_deal", {"id": there, "stage": "test_drive"})
    publish(world, without_stage("test_drive", "new_car.visited"))
    assert (
        stage_of(world, here) == "new_car.visited"
        and stage_of(world, there) == "new_car.test_drive"
    )


def test_a_successor_of_a_stage_that_is_still_there_says_nothing(world):
    deal = deal_at(world, "test_drive")
    publish(
        world,
        document(
            replacements={
                "stages": {"new_car.test_drive": "new_car.visited"},
                "reasons": {"price": "gave_up"},
            }
        ),
    )
    assert stage_of(world, deal) == "new_car.test_drive"


@pytest.mark.parametrize(
    ("part", "gone", "new_owner", "column"),
    [("levels", "intent", "near", "level"), ("pools", "retained", "market", "pool")],
)
def test_customers_are_never_left_in_a_level_or_pool_that_is_gone(
    world, part, gone, new_owner, column
):
    kind = part[:-1]
    customer = (
        world.customer(who="he", level="intent", pool="retained")
        if kind == "pool"
        else world.customer(level=gone)
    )
    doc = document()
    doc[part] = [x for x in doc[part] if x["key"] != gone]
    for role in doc["roles"]:
        role["pools"] = [p for p in role.get("pools", []) if p != gone or kind != "pool"]
    assert [
        (x["key"], x["level"], x["count"], x["ids"])
        for x in of_kind(check(world, doc), f"{kind}_removed")
    ] == [(gone, "refused", 1, [customer])]
    assert refusal(world, doc) == f"PT422 {kind}_in_use"
    doc["replacements"] = {part: {gone: new_owner}}
    assert [
        (x["key"], x["after"], x["level"]) for x in of_kind(check(world, doc), f"{kind}_merged")
    ] == [(gone, new_owner, "warning")]
    publish(world, doc)
    assert world.row(f"select {column} from crm.customers where id = %s", customer) == new_owner
    world.ask("liang", "select api.restore_config(%s, 1, 2, '')", world.stores["east"])
    assert world.row(f"select {column} from crm.customers where id = %s", customer) == gone
    assert (
        refusal(world, doc | {"replacements": {part: {gone: "nowhere"}}}, base=3)
        == "PT422 bad_replacement"
    )


# How far deals came, when the stages change ------------------------------------------------------


def furthest_of(world, deal: str) -> str:
    return world.row("select pipeline || '.' || furthest_stage from crm.deals where id = %s", deal)


def lost_from(world, stage: str) -> str:
    deal = deal_at(world, stage)
    world.done("lin", "move_deal", {"id": deal, "stage": "lost", "lost_reason": "price"})
    return deal


def test_how_far_a_lost_deal_came_goes_to_the_stage_that_replaces_it(world):
    deal = lost_from(world, "test_drive")
    assert furthest_of(world, deal) == "new_car.test_drive"
    publish(world, without_stage("test_drive", "new_car.quoted"))
    assert furthest_of(world, deal) == "new_car.quoted"


def test_a_stage_that_goes_without_a_successor_counts_as_the_one_before_it(world):
    deal = lost_from(world, "test_drive")
    publish(world, without_stage("test_drive", None))
    assert furthest_of(world, deal) == "new_car.visited"


def test_stages_in_another_order_count_in_that_order(world):
    deal = deal_at(world, "test_drive")
    world.done("lin", "move_deal", {"id": deal, "stage": "visited"})
    assert furthest_of(world, deal) == "new_car.test_drive"
    doc = document()
    stages = doc["pipelines"][0]["stages"]
    stages[1], stages[2] = stages[2], stages[1]
    publish(world, doc)
    assert furthest_of(world, deal) == "new_car.visited"


def test_how_far_a_deal_came_goes_along_into_another_pipeline(world):
    deal = lost_from(world, "test_drive")
    doc = document()
    gone = doc["pipelines"].pop(0)
    old, new = "new_car", {**gone, "key": "cars"}
    doc["pipelines"].insert(0, new)
    doc["replacements"] = {
        "stages": {f"{old}.{s['key']}": f"cars.{s['key']}" for s in gone["stages"]}
    }
    for role in doc["roles"]:
        if role.get("pipeline") == old:
            role["pipeline"] = "cars"
    publish(world, doc)
    assert furthest_of(world, deal) == "cars.test_drive"


def restore(world, version: int = 1) -> None:
    current = world.row("select config_version from crm.stores where id = %s", world.stores["east"])
    world.ask(
        "liang",
        "select api.restore_config(%s, %s, %s, '')",
        world.stores["east"],
        version,
        current,
    )


@pytest.mark.parametrize("to", ["new_car.quoted", "new_car.visited", None])
def test_how_far_a_lost_deal_came_is_brought_back_with_its_stage(world, to):
    deal = lost_from(world, "test_drive")
    publish(world, without_stage("test_drive", to))
    assert furthest_of(world, deal) == (to or "new_car.visited")
    restore(world)
    assert furthest_of(world, deal) == "new_car.test_drive"


@pytest.mark.parametrize("to", ["quoted", "visited"])
def test_how_far_an_open_deal_came_goes_and_comes_back_with_it(world, to):
    deal = deal_at(world, "test_drive")
    publish(world, without_stage("test_drive", f"new_car.{to}"))
    assert stage_of(world, deal) == furthest_of(world, deal) == f"new_car.{to}"
    restore(world)
    assert stage_of(world, deal) == furthest_of(world, deal) == "new_car.test_drive"


def test_what_a_deal_reached_meanwhile_stays(world):
    """Lost again from where the removed stage had gone: it really came that far."""
    deal = lost_from(world, "test_drive")
    publish(world, without_stage("test_drive", "new_car.quoted"))
    world.db.execute(
        "update crm.replaced_records set moved_at = now() - interval '1 minute'"
    )  # the clock of a transaction stands still
    world.done("lin", "move_deal", {"id": deal, "stage": "quoted"})
    restore(world)
    assert furthest_of(world, deal) == "new_car.quoted"


def test_stages_that_go_one_after_the_other_are_brought_back_at_once(world):
    deal = lost_from(world, "test_drive")
    doc = without_stage("test_drive", "new_car.quoted")
    publish(world, doc)
    doc["pipelines"][0]["stages"] = [
        s for s in doc["pipelines"][0]["stages"] if s["key"] != "quoted"
    ]
    doc["replacements"] = {"stages": {"new_car.quoted": "new_car.visited"}}
    publish(world, doc, 2)
    assert furthest_of(world, deal) == "new_car.visited"
    restore(world)
    assert furthest_of(world, deal) == "new_car.test_drive"
    publish(world, without_stage("test_drive", "new_car.quoted"), 4)  # and again
    restore(world)
    assert furthest_of(world, deal) == "new_car.test_drive"


def test_the_old_order_of_the_stages_brings_back_how_far_deals_came(world):
    deal = deal_at(world, "test_drive")
    world.done("lin", "move_deal", {"id": deal, "stage": "visited"})
    doc = document()
    stages = doc["pipelines"][0]["stages"]
    stages[1], stages[2] = stages[2], stages[1]
    publish(world, doc)
    assert furthest_of(world, deal) == "new_car.visited"
    restore(world)
    assert furthest_of(world, deal) == "new_car.test_drive"


def test_how_far_a_deal_came_comes_back_from_another_pipeline(world):
    """The stages have other names there."""
    deal = lost_from(world, "test_drive")
    doc = document()
    gone = doc["pipelines"].pop(0)
    names = {s["key"]: s["key"] if s["type"] != "open" else f"{s['key']}_2" for s in gone["stages"]}
    stages = [{**s, "key": names[s["key"]]} for s in gone["stages"]]
    for stage in stages:
        if stage.get("moves"):
            stage["moves"] = [names[key] for key in stage["moves"]]
    doc["pipelines"].insert(0, {**gone, "key": "cars", "stages": stages})
    doc["replacements"] = {
        "stages": {f"new_car.{was}": f"cars.{becomes}" for was, becomes in names.items()}
    }
    for role in doc["roles"]:
        if role.get("pipeline") == "new_car":
            role["pipeline"] = "cars"
    publish(world, doc)
    assert furthest_of(world, deal) == "cars.test_drive_2"
    restore(world)
    assert furthest_of(world, deal) == "new_car.test_drive"


def test_the_counters_follow_how_far_deals_came(world):
    lost_from(world, "test_drive")
    counts = """
        select coalesce(jsonb_object_agg(stage, furthest_deals) filter (where furthest_deals <> 0),
          '{}') from crm.funnel_counts where store_id = %s"""
    publish(world, without_stage("test_drive", "new_car.quoted"))
    assert world.row(counts, world.stores["east"]) == {"quoted": 1}
    restore(world)
    assert world.row(counts, world.stores["east"]) == {"test_drive": 1}
