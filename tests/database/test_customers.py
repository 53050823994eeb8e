"""Rows and fields: who sees which customer, and which values of it; hidden is absent, masked is
masked, on every road."""

import json

import pytest
from psycopg.types.json import Jsonb

from tests.support.people import PEOPLE, new_id, preset

EXITS = {
    "select": "select to_jsonb(c) from api.customers c",
    "timeline": "select to_jsonb(t) from api.timeline t",
    "brief": "select api.customer_brief('{store}', '{customer}')",
    "search": "select to_jsonb(s) from api.search_customers('{store}', '') s",
    "pull": "select api.sync_pull('{store}')",
    "today": "select api.today('{store}')",
    "config": "select document from api.config where store_id = '{store}'",
    "vehicles": "select to_jsonb(v) from api.vehicles v",
    "approvals": "select to_jsonb(a) from api.approvals a",
    "funnel": "select api.funnel_report('{store}')",
}


def with_rights(world, role, **rights):
    """Change one role's rights on the customer form, as a publication does."""
    document = json.loads(preset())
    for r in document["roles"]:
        if r["key"] == role:
            r["rights"]["customer"].update(rights)
            for key in [k for k, v in r["rights"]["customer"].items() if v == "hidden"]:
                del r["rights"]["customer"][key]
    version = world.row("select config_version from crm.stores where id = %s", world.stores["east"])
    world.ask(
        "liang",
        "select api.publish_config(%s, %s, %s, 'rights')",
        world.stores["east"],
        Jsonb(document),
        version,
    )


@pytest.mark.parametrize(
    ("name", "sees"),
    [
        ("lin", 1),
        ("chen", 0),
        ("he", 1),
        ("liang", 1),
        ("xu", 1),
        ("zhou", 0),
        ("wu", 0),
        ("qin", 0),
        ("yan", 0),
        ("ma", 0),
    ],
)
def test_an_advisors_customer_is_seen_by_him_and_the_store_scope_only(world, name, sees):
    world.customer()
    assert world.ask(name, "select count(*) from api.customers")[0] == (sees,)


def test_a_renewal_specialist_sees_those_he_renews(world):
    customer = world.customer("he", pool="retained")
    assert world.ask("zhou", "select count(*) from api.customers")[0] == (0,)
    world.db.execute(
        "update crm.customers set renewal_owner_id = %s where id = %s",
        (world.users["zhou"], customer),
    )
    assert world.ask("zhou", "select count(*) from api.customers")[0] == (1,)


def test_a_pool_is_seen_by_the_roles_that_have_it(world):
    world.customer("he", pool="market")
    assert [
        world.ask(n, "select count(*) from api.customers")[0][0] for n in ("wu", "lin", "zhou")
    ] == [1, 0, 0]


def test_a_masked_phone_and_plate(world):
    customer = world.customer("he", pool="market")
    world.done(
        "he",
        "save_vehicle",
        {
            "id": new_id(),
            "customer_id": customer,
            "set": {"plate": "沪A12345", "vin": "LSVAA4182E2184847"},
        },
    )
    assert world.ask("wu", "select phone from api.customers")[0] == ("138****8000",)
    assert world.ask("wu", "select plate, vin from api.vehicles")[0] == ("沪A****5", "****4847")


@pytest.mark.parametrize(
    "condition",
    [
        "phone = '13800138000'",
        "phone like '%0013%'",
        "phone > '138'",
        "custom->>'budget_fen' is not null",
        "custom @> '{\"budget_fen\": 20000000}'",
        "custom ? 'budget_fen'",
    ],
)
def test_a_filter_meets_the_mask_not_the_value(world, condition):
    world.customer("he", pool="market", budget_fen=20000000)
    found = world.ask(
        "wu", f"select count(*) from api.customers where {condition}".replace("%", "%%")
    )[0][0]
    assert found == (
        1 if condition == "phone > '138'" else 0
    )  # 138****8000 is all they see, and all he can compare with


@pytest.mark.parametrize("exit_", EXITS)
def test_no_exit_holds_a_hidden_value(world, exit_):
    """A market specialist sees neither the budget nor the whole number nor the plate, whichever way
    they ask."""
    customer = world.customer(
        "he", pool="market", budget_fen=87654321, wechat="secret_wechat", need="看车"
    )
    world.done(
        "he",
        "save_customer",
        {"id": customer, "set": {"budget_fen": 76543219, "phone": "13987654321"}},
        base_version=1,
    )
    world.done(
        "he",
        "save_vehicle",
        {"id": new_id(), "customer_id": customer, "set": {"plate": "沪B98765"}},
    )
    sql = EXITS[exit_].format(store=world.stores["east"], customer=customer)
    shown = json.dumps([r[0] for r in world.ask("wu", sql)], ensure_ascii=False, default=str)
    for secret in (
        "87654321",
        "76543219",
        "13800138000",
        "13987654321",
        "secret_wechat",
        "沪B98765",
        "budget_fen",
    ):
        assert secret not in shown, secret


def test_a_right_taken_away_counts_at_the_next_statement(world):
    world.customer()
    assert world.ask("lin", "select phone from api.customers")[0] == ("13800138000",)
    with_rights(world, "advisor", phone="masked")
    assert world.ask("lin", "select phone from api.customers")[0] == ("138****8000",)
    with_rights(world, "advisor", phone="hidden")
    assert world.ask("lin", "select phone from api.customers")[0] == (None,)


def test_a_member_put_out_sees_nothing_at_once(world):
    world.customer()
    world.db.execute(
        "update crm.members set active = false where user_id = %s", (world.users["lin"],)
    )
    assert world.ask("lin", "select count(*) from api.customers")[0] == (0,)
    made = new_id()
    answer = world.push(
        "lin",
        "save_customer",
        {"id": made, "set": {"name": "x", "source": "phone", "level": "near"}},
    )
    assert (answer["status"], answer["code"]) == (
        "quarantined",
        "quarantined",
    )  # what their phone still brought is kept for a manager, and done by nobody
    assert world.row("select count(*) from crm.customers where id = %s", made) == 0


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"phone": "138****8000"}, "forbidden"),
        ({"budget_fen": 1}, "forbidden"),
        ({"no_such_field": 1}, "forbidden"),
        ({"owner_id": new_id()}, "forbidden"),
        ({"version": 9}, "forbidden"),
        ({"store_id": new_id()}, "forbidden"),
    ],
)
def test_hidden_unknown_and_server_owned_keys_get_one_answer(world, given, code):
    customer = world.customer("he", pool="market")
    answer = world.push(
        "wu", "save_customer", {"id": customer, "set": {**given, "need": "x"}}, base_version=1
    )
    if given == {"phone": "138****8000"}:  # what they were shown, sent back: no write at all
        assert answer["status"] == "applied"
        assert world.row("select phone from crm.customers where id = %s", customer) == "13800138000"
        return
    assert answer["errors"] == [{"field": next(iter(given)), "code": code}]


def test_a_masked_value_is_never_stored_whoever_sends_it(world):
    customer = world.customer()
    assert world.push(
        "lin", "save_customer", {"id": customer, "set": {"phone": "138****9999"}}, base_version=1
    )["errors"] == [{"field": "phone", "code": "masked"}]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", "", "required"),
        ("name", 7, "type"),
        ("phone", "abc", "format"),
        ("source", "moon", "option"),
        ("level", "x", "option"),
        ("budget_fen", -1, "range"),
        ("budget_fen", 1.5, "type"),
        ("budget_fen", "1", "type"),
        ("next_contact_on", "2026-13-01", "date"),
        ("do_not_call", "yes", "type"),
        ("need", "长" * 2001, "length"),
        ("gender", ["male"], "type"),
    ],
)
def test_each_wrong_value_names_its_field(world, field, value, code):
    customer = world.customer()
    before = world.digest()
    answer = world.push(
        "lin", "save_customer", {"id": customer, "set": {field: value}}, base_version=1
    )
    assert answer["errors"] == [{"field": field, "code": code}]
    world.db.execute("delete from crm.operations where op_id = %s", (answer["op_id"],))
    assert world.digest() == before


def test_two_edits_of_different_fields_both_stay_the_same_field_conflicts(world):
    customer = world.customer()
    world.done("lin", "save_customer", {"id": customer, "set": {"need": "七座"}}, base_version=1)
    world.done("he", "save_customer", {"id": customer, "set": {"wechat": "zhang"}}, base_version=1)
    clash = world.push(
        "he", "save_customer", {"id": customer, "set": {"need": "五座"}}, base_version=1
    )
    assert clash["status"] == "conflict"
    assert clash["row"]["need"] == "七座"


def test_only_changed_keys_need_the_right(world):
    """A client that sends everything back writes nothing, masked values and stripped keys
    included."""
    customer = world.customer("he", pool="market", budget_fen=20000000)
    shown = world.ask("wu", "select to_jsonb(c) from api.customers c")[0][0]
    sent = {
        k: v
        for k, v in shown.items()
        if k in ("name", "phone", "wechat", "source", "level", "need")
    }
    world.done("wu", "save_customer", {"id": customer, "set": sent}, base_version=1)
    assert world.row(
        "select phone, custom ->> 'budget_fen', version from crm.customers where id = %s", customer
    ) == ("13800138000", "20000000", 1)


def test_an_id_in_use_answers_the_same_visible_or_not(world):
    customer = world.customer("qin")
    answer = world.push(
        "lin",
        "save_customer",
        {"id": customer, "set": {"name": "x", "source": "phone", "level": "near"}},
    )
    assert answer["status"] == "applied"  # keys carry the store: another store's id is free here
    mine = world.customer()
    for name in ("lin", "chen"):
        assert (
            world.push(
                name,
                "save_customer",
                {"id": mine, "set": {"name": "x", "source": "phone", "level": "near"}},
            )["code"]
            == "id_taken"
        )


def test_every_customer_has_an_owner_or_a_pool(world):
    for pair in ("null, null", f"'{world.users['lin']}', 'market'"):
        with pytest.raises(Exception, match="owner_or_pool"), world.db.transaction():
            world.db.execute(
                "insert into crm.customers (store_id, id, owner_id, pool, name, source, level) "
                f"values (%s, gen_random_uuid(), {pair}, 'x', 'phone', 'near')",
                (world.stores["east"],),
            )


def test_assigning_to_someone_else_is_a_right_of_its_own(world):
    to_chen = {"owner_id": str(world.users["chen"])}
    assert (
        world.push(
            "lin",
            "save_customer",
            {"id": new_id(), **to_chen, "set": {"name": "x", "source": "phone", "level": "near"}},
        )["code"]
        == "forbidden"
    )
    world.done(
        "xu",
        "save_customer",
        {"id": new_id(), **to_chen, "set": {"name": "接待", "source": "walk_in", "level": "near"}},
    )  # S-13
    assert world.ask("chen", "select name from api.customers")[0] == ("接待",)
    other_store = {"owner_id": str(world.users["ma"])}
    assert (
        world.push(
            "xu",
            "save_customer",
            {
                "id": new_id(),
                **other_store,
                "set": {"name": "x", "source": "phone", "level": "near"},
            },
        )["code"]
        == "option"
    )


@pytest.mark.parametrize("name", [n for n in PEOPLE if n != "xu"])
def test_the_whole_of_another_store_is_out_of_reach(world, name):
    """A member of one store finds nothing of another: no view, no function, no verb (S-47)."""
    stores = {PEOPLE[name][0]}
    for store, owner in (("east", "lin"), ("west", "ma"), ("far", "yan")):
        if store in stores:
            continue
        customer = world.customer(owner)
        for view in (
            "customers",
            "tasks",
            "deals",
            "timeline",
            "conversations",
            "members",
            "config",
            "config_versions",
            "stores",
            "approvals",
            "imports",
            "invitations",
        ):
            column = "id" if view == "stores" else "store_id"
            assert world.ask(
                name, f"select count(*) from api.{view} where {column} = %s", world.stores[store]
            )[0] == (0,)
        for function in (
            "today",
            "sync_pull",
            "search_customers",
            "funnel_report",
            "pending_approvals",
            "find_duplicates",
        ):
            assert world.refused(
                name, f"select * from api.{function}(%s)", world.stores[store]
            ).startswith("PT403"), function
        assert world.refused(
            name, "select api.customer_brief(%s, %s)", world.stores[store], customer
        ).startswith("PT404")
        assert (
            world.push(
                name,
                "save_customer",
                {"id": customer, "set": {"name": "hacked"}},
                base_version=1,
                store=store,
            )["code"]
            == "forbidden"
        )
        assert world.log_conversation(name, customer)["code"] in ("not_found", "forbidden")


def test_search_finds_by_tail_plate_name_pinyin_and_initials(world):
    customer = world.customer(name="单雄信")
    world.done(
        "lin",
        "save_vehicle",
        {"id": new_id(), "customer_id": customer, "set": {"plate": "沪AD12345"}},
    )
    world.customer(name="李四", phone="13900001111")
    for query in ("8000", "13800138000", "单", "雄信", "shan", "sxx", "沪AD", "12345", "2345"):
        assert [
            r[0]
            for r in world.ask(
                "lin", "select name from api.search_customers(%s, %s)", world.stores["east"], query
            )
        ] == ["单雄信"], query
        assert (
            world.ask(
                "chen", "select name from api.search_customers(%s, %s)", world.stores["east"], query
            )
            == []
        )


def test_on_a_masked_phone_only_the_digits_it_shows_can_be_searched(world):
    world.customer("he", pool="market")
    assert (
        len(
            world.ask(
                "wu", "select name from api.search_customers(%s, '8000')", world.stores["east"]
            )
        )
        == 1
    )
    for query in ("13800138000", "38000", "0138", "138"):
        assert (
            world.ask(
                "wu", "select name from api.search_customers(%s, %s)", world.stores["east"], query
            )
            == []
        ), query


@pytest.mark.parametrize(
    "query",
    ["%", "_", "\\", "'", "''; drop table crm.customers; --", "张%", "é", " ", "a" * 5000, "沪"],
)
def test_search_takes_any_words(world, query):
    world.customer()
    assert isinstance(
        world.ask(
            "lin", "select count(*) from api.search_customers(%s, %s)", world.stores["east"], query
        )[0][0],
        int,
    )


def test_the_duplicate_check_names_no_colleague(world):
    world.customer()
    mine = world.ask("lin", "select api.find_duplicates(%s, '13800138000')", world.stores["east"])[
        0
    ][0]
    theirs = world.ask(
        "chen", "select api.find_duplicates(%s, '13800138000')", world.stores["east"]
    )[0][0]
    assert [m["name"] for m in mine["mine"]] == ["张三丰"]
    assert theirs == {"mine": [], "elsewhere": {"days": 0, "pooled": False}}
    assert world.ask("chen", "select api.find_duplicates(%s, '13800138001')", world.stores["east"])[
        0
    ][0] == {"mine": [], "elsewhere": None}


# How often one may ask whether a number is known (R27) --------------------------------------------


def duplicates(world, name, phone=None, plate=None):
    statement = "select api.find_duplicates(%s, %s, %s)"
    return world.ask(name, statement, world.stores["east"], phone, plate)[0][0]


def test_a_list_of_numbers_cannot_be_tried(world):
    world.customer("chen", phone="13800138000")
    for n in range(30):
        duplicates(world, "lin", f"1390000{n:04d}")
    refused = world.refused(
        "lin", "select api.find_duplicates(%s, '13800138000')", world.stores["east"]
    )
    assert refused == "PT429 too_often"
    assert duplicates(world, "chen", "13800138000")["mine"]  # another person may go on
    world.db.execute("update crm.lookups set minute = minute - interval '1 minute'")
    assert duplicates(world, "lin", "13800138000")["elsewhere"] == {"days": 0, "pooled": False}


def test_a_day_has_an_end_too(world):
    duplicates(world, "lin", "13800138000")
    world.db.execute("update crm.lookups set in_day = 600, minute = minute - interval '1 minute'")
    statement, store = "select api.find_duplicates(%s, '13800138000')", world.stores["east"]
    assert world.refused("lin", statement, store) == "PT429 too_often"
    world.db.execute("update crm.lookups set day = day - 1")
    duplicates(world, "lin", "13800138000")


@pytest.mark.parametrize(
    ("phone", "plate"),
    [
        ("8000", None),
        ("138001", None),
        ("%", None),
        ("1380013800_", None),
        (None, "沪A1"),
        (None, ""),
    ],
)
def test_half_a_number_answers_nothing_and_counts_nothing(world, phone, plate):
    customer = world.customer("chen", phone="13800138000")
    fields = {"plate": "沪A12345"}
    world.done("chen", "save_vehicle", {"id": new_id(), "customer_id": customer, "set": fields})
    for _ in range(40):
        assert duplicates(world, "lin", phone, plate) == {"mine": [], "elsewhere": None}


def test_a_question_cannot_be_asked_uncounted(world):
    """PostgREST runs a GET in a transaction that cannot write."""
    world.db.execute("set transaction_read_only = on")
    statement, store = "select api.find_duplicates(%s, '13800138000')", world.stores["east"]
    assert world.refused("lin", statement, store).startswith("25006")
