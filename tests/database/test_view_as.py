"""Viewing the app as a member: what they see, nothing to touch, never more than who looks may read
themselves, and it ends (F-73)."""

import json
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from forecourt.demo import PRESET
from tests.support.people import World, new_id

WHO = ("lin", "zhou", "wu", "xu", "he")
ASKED = [
    ("whoami", {}),
    ("members", {}),
    ("sync_pull", {"page_size": 500}),
    ("today", {}),
    ("search_customers", {"query": "张"}),
    ("find_customers", {"page_size": 5}),
    ("funnel_report", {"pipeline": None}),
    ("renewal_report", {}),
    ("renewal_rates", {"month": None}),
    ("meeting_sheet", {}),
    ("visit_report", {}),
    ("find_duplicates", {"phone": "13800138000"}),
    ("meeting_sheet", {}),
    ("metric_rows", {"metric": "follow_ups_due"}),
    ("target_progress", {}),
    ("meeting_notes", {}),
    ("my_todos", {}),
    ("comments", {}),
]


class ViewAs:
    """liang, who shapes the store, looks as somebody."""

    def __init__(self, world: World, as_whom: str = "lin", by: str = "liang") -> None:
        self.world, self.by, self.whom = world, by, as_whom
        self.store = world.stores["east"]
        self.id = world.ask(
            by, "select api.start_view_as(%s, %s)", self.store, world.users[as_whom]
        )[0][0]["id"]

    def look(self, what: str, by: str | None = None, store: Any = None, **arguments: Any) -> Any:
        return self.look_with(what, arguments, by, store)

    def look_with(
        self, what: str, arguments: dict[str, Any], by: str | None = None, store: Any = None
    ) -> Any:
        return self.world.ask(
            by or self.by,
            "select api.view_as(%s, %s, %s, %s)",
            store or self.store,
            self.id,
            what,
            Jsonb(arguments),
        )[0][0]

    def refused(self, what: str, by: str | None = None, store: Any = None, **arguments: Any) -> str:
        return self.world.refused(
            by or self.by,
            "select api.view_as(%s, %s, %s, %s)",
            store or self.store,
            self.id,
            what,
            Jsonb(arguments),
        )


@pytest.fixture
def portfolio(world):
    """Customers of several people and of the pool, with a call and a deal."""
    mine = world.customer("lin", name="张三丰")
    world.customer("chen", name="张无忌", phone="13800138001")
    world.customer("he", pool="market", level="potential", name="张翠山", phone="13800138002")
    world.task(mine)
    world.done(
        "lin",
        "save_deal",
        {"id": new_id(), "customer_id": mine, "pipeline": "new_car", "set": {"title": "汉"}},
    )
    return mine


def own_answer(world: World, who: str, what: str, arguments: dict[str, Any]) -> Any:
    """What that person is answered themselves."""
    if what in ("whoami", "members"):
        return world.ask(
            who,
            f"select coalesce(jsonb_agg(to_jsonb(x)), '[]') from api.{what} x where store_id = %s",
            world.stores["east"],
        )[0][0]
    named = "".join(f", {k} => %s" for k in arguments)
    found = world.ask(
        who,
        f"select to_jsonb(x) from api.{what}(store_id => %s{named}) x",
        world.stores["east"],
        *arguments.values(),
    )
    rows = [r[0] for r in found]
    return rows if what in ("search_customers", "find_customers") else rows[0]


@pytest.mark.parametrize("who", WHO)
def test_every_answer_is_the_members_own(world, portfolio, who):
    view_as = ViewAs(world, who)
    for what, arguments in ASKED:
        assert view_as.look(what, **arguments) == own_answer(world, who, what, arguments), what
    assert view_as.look("member")["name"] == world.row(
        "select name from crm.members where user_id = %s", world.users[who]
    )


def test_his_rows_and_masks_are_seen_not_ones_own(world, portfolio):
    as_lin = ViewAs(world, "lin")
    assert [x["phone"] for x in as_lin.look("search_customers", query="张")] == ["13800138000"]
    assert [x["phone"] for x in ViewAs(world, "wu").look("search_customers", query="张")] == [
        "138****8002"
    ]
    assert as_lin.refused("whoami") == "PT403 view_as_ended"  # beginning again ended the first


WRITES = [
    ("sync_push", {"device_id": "00000000-0000-0000-0000-000000000007", "operations": []}),
    ("publish_config", {}),
    ("invite_member", {}),
    ("reveal_field", {}),
    ("export_rows", {}),
    ("audit_log", {}),
    ("upload_attachment", {}),
    ("start_view_as", {}),
    ("view_as", {}),
    ("commit_import", {}),
    ("customers", {}),
    ("nothing", {}),
    ("crm.current_member", {}),
]


@pytest.mark.parametrize(("what", "arguments"), WRITES, ids=[w for w, _ in WRITES])
def test_nothing_but_reading_passes_the_door(world, portfolio, what, arguments):
    view_as = ViewAs(world)
    before = world.digest()
    assert view_as.refused(what, **arguments) == "PT403 view_as_read_only"
    assert world.digest() == before


def test_the_database_itself_keeps_a_look_from_writing(world, portfolio):
    """Were a door on the list to write one day, in whatever depth: Postgres refuses it."""
    view_as, before = ViewAs(world), world.digest()
    for attempts in (
        "update crm.customers set name = 'x'",
        "set local transaction_read_only = off; update crm.customers set name = 'x'",
    ):
        world.db.execute(
            "create or replace function crm.visit_report(p_store uuid) returns jsonb language "
            "plpgsql volatile security definer set search_path = '' as $$"
            f" begin {attempts}; return '{{}}'; end $$".encode()
        )
        assert view_as.refused("visit_report").split()[0] in ("PT403", "25001")
    assert world.digest() == before


def test_the_caller_is_himself_again_after_a_look(world, portfolio):
    view_as = ViewAs(world)
    sql = (
        "select api.view_as(%s, %s, 'whoami', '{}'), (current_setting('request.jwt.claims')::json "
        "->> 'sub')::uuid, current_setting('crm.view_as_store', true)"
    )
    _, me, narrowed = world.ask("liang", sql, world.stores["east"], view_as.id)[0]
    assert (me, narrowed) == (world.users["liang"], "")
    assert view_as.refused("customer_brief", customer_id=new_id()) == "PT404 not_found"
    assert world.ask(
        "liang", "select (current_setting('request.jwt.claims')::json ->> 'sub')::uuid"
    ) == [(world.users["liang"],)]


@pytest.mark.parametrize("by", ["lin", "he", "zhou", "wu", "xu", "qin", "yan", "stranger"])
def test_only_who_shapes_this_store_may_look(world, portfolio, by):
    view_as = ViewAs(world)
    assert (
        world.refused(
            by, "select api.start_view_as(%s, %s)", world.stores["east"], world.users["chen"]
        )
        == "PT403 forbidden"
    )
    assert view_as.refused("whoami", by=by) == "PT403 forbidden"
    assert (
        world.refused(by, "select api.stop_view_as(%s, %s)", world.stores["east"], view_as.id)
        == "PT403 forbidden"
    )


def test_another_admin_of_the_store_has_his_own_looks(world, portfolio):
    world.join("fang", "east", "store_admin")
    view_as = ViewAs(world)
    assert view_as.refused("whoami", by="fang") == "PT403 view_as_ended"
    world.ask("fang", "select api.stop_view_as(%s, %s)", world.stores["east"], view_as.id)
    assert view_as.look("whoami")  # it was not their to end


@pytest.mark.parametrize(
    ("whom", "answer"),
    [
        ("ma", "PT404 not_found"),
        ("qin", "PT404 not_found"),
        ("yan", "PT404 not_found"),
        ("stranger", "PT404 not_found"),
        ("liang", "PT422 own_access"),
    ],
)
def test_nobody_of_another_store_and_not_oneself(world, whom, answer):
    assert (
        world.refused(
            "liang", "select api.start_view_as(%s, %s)", world.stores["east"], world.users[whom]
        )
        == answer
    )


def test_what_he_has_in_another_store_is_not_seen(world, portfolio):
    """lin works in two stores; liang shapes one of them."""
    world.db.execute(
        "insert into crm.members (store_id, user_id, role, name) "
        "values (%s, %s, 'manager', '林晓')",
        (world.stores["west"], world.users["lin"]),
    )
    theirs = world.customer("ma", name="张君宝")
    assert world.ask("lin", "select count(*) from api.customers where name = '张君宝'") == [(1,)]
    view_as = ViewAs(world)
    assert {x["store_id"] for x in view_as.look("whoami")} == {str(world.stores["east"])}
    west = str(world.stores["west"])
    assert [x["name"] for x in view_as.look("search_customers", query="张", store_id=west)] == [
        "张三丰"
    ]  # the store is not for them to say
    assert view_as.refused("customer_brief", customer_id=theirs) == "PT404 not_found"
    assert view_as.refused("whoami", store=world.stores["west"]) == "PT403 forbidden"
    assert "张君宝" not in json.dumps(view_as.look("sync_pull"), ensure_ascii=False)


def test_it_never_shows_a_field_that_who_looks_may_not_read(world, portfolio):
    store, version = world.stores["east"], 1
    document = json.loads(PRESET.read_text(encoding="utf8"))
    rights = next(r for r in document["roles"] if r["key"] == "store_admin")["rights"]["customer"]
    view_as = ViewAs(world)
    rights["wechat"] = "masked"
    world.ask("liang", "select api.publish_config(%s, %s, %s)", store, Jsonb(document), version)
    assert (
        view_as.refused("whoami") == "PT403 view_as_exceeds_own_rights"
    )  # also when it was begun before
    assert (
        world.refused("liang", "select api.start_view_as(%s, %s)", store, world.users["lin"])
        == "PT403 view_as_exceeds_own_rights"
    )
    assert ViewAs(world, "wu").look("whoami")  # who sees it masked too


def test_a_group_admin_who_reads_no_record_sees_nobodys(world, portfolio):
    world.join("fan", "east", "group_admin")
    world.join_group("fan", "east")
    assert (
        world.refused(
            "fan", "select api.start_view_as(%s, %s)", world.stores["east"], world.users["lin"]
        )
        == "PT403 view_as_exceeds_own_rights"
    )


def test_it_ends_by_time_by_hand_and_with_the_member(world, portfolio):
    view_as = ViewAs(world)
    assert view_as.look("whoami")
    world.db.execute(
        "update crm.view_as_sessions set began_at = now() - interval '16 minutes', expires_at "
        "= now() - "
        "interval '1 minute' where id = %s",
        (view_as.id,),
    )
    assert view_as.refused("whoami") == "PT403 view_as_ended"
    view_as = ViewAs(world)
    world.ask("liang", "select api.stop_view_as(%s, %s)", view_as.store, view_as.id)
    world.ask("liang", "select api.stop_view_as(%s, %s)", view_as.store, view_as.id)
    assert view_as.refused("whoami") == "PT403 view_as_ended"
    view_as = ViewAs(world, "xu")
    world.ask("liang", "select api.disable_member(%s, %s)", view_as.store, world.users["xu"])
    assert view_as.refused("whoami") == "PT404 not_found"


def test_who_loses_the_right_to_shape_the_store_loses_the_look(world, portfolio):
    view_as = ViewAs(world)
    world.db.execute(
        "update crm.members set role = 'manager' where user_id = %s", (world.users["liang"],)
    )
    assert view_as.refused("whoami") == "PT403 forbidden"


def test_beginning_and_end_stand_in_the_audit(world, portfolio):
    view_as = ViewAs(world)
    world.ask("liang", "select api.stop_view_as(%s, %s)", view_as.store, view_as.id)
    acts = world.db.execute(
        "select kind, actor_id, subject_id, detail ->> 'role' from crm.audit_events where store_id "
        "= "
        "%s order by id",
        (view_as.store,),
    ).fetchall()
    assert acts == [
        ("view_as_started", world.users["liang"], world.users["lin"], "advisor"),
        ("view_as_stopped", world.users["liang"], world.users["lin"], None),
    ]


def test_a_malformed_argument_is_refused_without_repeating_it(world, portfolio):
    view_as = ViewAs(world)
    assert view_as.refused("customer_brief", customer_id="张三丰") == "PT422 invalid"
    assert view_as.refused("today", page_size="'; drop table crm.customers; --") == "PT422 invalid"
    assert view_as.look_with("today", {"x) from crm.customers; --": 1}) == own_answer(
        world, "lin", "today", {}
    )  # a name nobody has is left out
