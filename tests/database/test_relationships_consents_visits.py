"""Reception, family, consent and the whole story (S-13…S-18, S-63, S-64, S-67, S-76, F-11, F-12,
F-17)."""

import pytest

from tests.support.people import new_id

VISITOR = {"name": "王小明", "phone": "13711112222", "source": "walk_in", "level": "near"}


def receive(world, who, payload, **options):
    return world.push(
        who,
        "record_visit",
        {"id": new_id(), "customer_id": new_id(), "set": VISITOR, **payload},
        **options,
    )


def test_the_assistant_writes_it_down_for_an_advisor(world):
    customer, wife = new_id(), new_id()
    answer = receive(
        world,
        "xu",
        {
            "customer_id": customer,
            "owner_id": str(world.users["lin"]),
            "party": 2,
            "notes": "看汉和海豹",
            "companions": [{"id": wife, "set": {"name": "爱人", "relation": "spouse"}}],
        },
    )
    assert answer["status"] == "applied"
    assert world.ask("lin", "select name, owner_id from api.customers where id = %s", customer) == [
        ("王小明", world.users["lin"])
    ]
    assert world.ask(
        "lin", "select name, relation from api.companions where customer_id = %s", customer
    ) == [("爱人", "spouse")]
    assert world.ask(
        "lin",
        "select received_by_name, party, notes, anonymous from api.visits where customer_id = %s",
        customer,
    ) == [("xu", 2, "看汉和海豹", False)]
    assert world.ask(
        "lin",
        "select kind, due_on - (now() at time zone 'Asia/Shanghai')::date from api.tasks where "
        "customer_id = %s",
        customer,
    ) == [("first_contact", 1)]  # S-63
    assert world.ask(
        "chen", "select count(*) from api.visits where customer_id = %s", customer
    ) == [(0,)]


def test_only_who_may_assign_writes_for_another(world):
    assert receive(world, "lin", {"owner_id": str(world.users["chen"])})["code"] == "forbidden"
    assert receive(world, "xu", {"owner_id": str(world.users["ma"])})["code"] == "option"
    assert receive(world, "ma", {}, store="east")["code"] == "forbidden"


def test_what_is_missing_is_named_and_nothing_half_is_kept(world):
    before = world.row("select count(*) from crm.customers")
    answer = receive(world, "lin", {"set": {"phone": "13711112222"}})
    assert [(e["field"], e["code"]) for e in answer["errors"]] == [
        ("name", "required"),
        ("source", "required"),
        ("level", "required"),
    ]
    answer = receive(world, "lin", {"companions": [{"id": new_id(), "set": {"relation": "moon"}}]})
    assert answer["code"] == "invalid"
    assert world.row("select count(*) from crm.customers") == before


def test_a_nameless_one_becomes_the_customer(world):
    customer = new_id()
    world.done(
        "lin",
        "record_visit",
        {
            "id": new_id(),
            "customer_id": customer,
            "anonymous": True,
            "set": {"name": "未留名 11-24 14:05", "source": "walk_in", "level": "intent"},
        },
    )
    assert world.ask(
        "lin", "select anonymous from api.visits where customer_id = %s", customer
    ) == [(True,)]
    report = lambda: world.ask("he", "select api.visit_report(%s)", world.stores["east"])[0][0]  # noqa: E731
    assert (
        report()["visits"],
        report()["anonymous"],
        report()["named_since"],
        report()["without_plan"],
    ) == (1, 1, 0, 0)
    world.done(
        "lin",
        "save_customer",
        {"id": customer, "set": {"name": "王小明", "phone": "13711112222"}},
        base_version=1,
    )
    assert report()["named_since"] == 1
    assert world.row("select count(*) from crm.customers where id = %s", customer) == 1


def test_who_comes_again_is_the_same_customer(world):
    customer = world.customer(level="intent")
    world.done(
        "lin", "record_visit", {"id": new_id(), "customer_id": customer, "set": {"need": "七座"}}
    )
    assert world.row("select need from crm.customers where id = %s", customer) == "七座"
    assert world.row("select count(*) from crm.visits where customer_id = %s", customer) == 1


def test_how_late_it_was_written_down_is_known(world):
    for minutes in (2, 6, 30):
        at = world.row("select now() - make_interval(mins => %s)", minutes).isoformat()
        assert receive(world, "lin", {"arrived_at": at})["status"] == "applied"
    assert receive(world, "lin", {"arrived_at": "2020-01-01T00:00:00Z"})["code"] == "range"
    assert (
        receive(world, "lin", {"arrived_at": "2099-01-01T00:00:00Z"})["status"] == "applied"
    )  # a clock ahead is now
    assert world.row("select max(arrived_at) <= now() from crm.visits")
    assert (
        world.ask("he", "select api.visit_report(%s)", world.stores["east"])[0][0]["median_seconds"]
        == 240
    )


def test_a_family_is_seen_from_both_sides(world):
    son, father = world.customer(), world.customer(phone="13900000001", name="张大山")
    world.done(
        "lin",
        "save_relationship",
        {"customer_id": son, "other_id": father, "relation": "parent", "back": "child"},
    )
    assert world.ask(
        "lin", "select relation, other_name from api.relationships where customer_id = %s", son
    ) == [("parent", "张大山")]
    assert world.ask(
        "lin", "select relation, other_name from api.relationships where customer_id = %s", father
    ) == [("child", "张三丰")]
    world.done("he", "reassign", {"customer_ids": [father], "owner_id": str(world.users["chen"])})
    assert world.ask(
        "lin", "select relation, other_name from api.relationships where customer_id = %s", son
    ) == [("parent", None)]  # not their to read any more
    assert (
        world.push(
            "lin",
            "save_relationship",
            {"customer_id": son, "other_id": father, "relation": "child"},
        )["code"]
        == "not_found"
    )
    assert (
        world.push(
            "he", "save_relationship", {"customer_id": son, "other_id": father, "relation": "moon"}
        )["code"]
        == "option"
    )
    assert (
        world.push(
            "he", "save_relationship", {"customer_id": son, "other_id": son, "relation": "child"}
        )["code"]
        == "required"
    )
    world.done(
        "he", "save_relationship", {"customer_id": father, "other_id": son, "relation": None}
    )
    assert world.ask(
        "he", "select count(*) from api.relationships where customer_id = any (%s)", [son, father]
    ) == [(0,)]


def test_a_companions_word_that_day_stays_with_the_visit(world):
    customer, wife = world.customer(), new_id()
    world.done(
        "lin",
        "save_companion",
        {
            "id": wife,
            "customer_id": customer,
            "set": {"name": "爱人", "relation": "spouse", "influence": "present"},
        },
    )
    conversation = new_id()
    world.done(
        "lin",
        "log_conversation",
        {
            "id": conversation,
            "customer_id": customer,
            "method": "visit",
            "outcome": "received",
            "notes": "一起来的",
            "level": "near",
            "companions": [wife],
        },
    )
    world.done(
        "lin", "save_companion", {"id": wife, "set": {"influence": "advises"}}, base_version=1
    )
    assert world.ask(
        "lin",
        "select companions::text[], influences from api.conversations where id = %s",
        conversation,
    ) == [([wife], {wife: "present"})]


def consent(world, customer, granted, purpose="follow_up", channel="call", who="lin"):
    return world.push(
        who,
        "save_consent",
        {
            "id": new_id(),
            "customer_id": customer,
            "purpose": purpose,
            "channel": channel,
            "granted": granted,
            "source": "电话里说的",
        },
    )


def open_tasks(world, customer):
    return world.row(
        "select count(*) from crm.tasks where customer_id = %s and status = 'open' and "
        "removed_at is null",
        customer,
    )


def test_consent_taken_back_stops_the_calls_and_given_again_brings_them(world):
    customer = world.customer()
    world.task(customer)
    assert consent(world, customer, False)["status"] == "applied"
    assert open_tasks(world, customer) == 0
    day = world.row("select (now() at time zone 'Asia/Shanghai')::date + 100")
    assert world.row("select crm.run_rules(%s, %s)", world.stores["east"], day)["cadence"] == 0
    assert (
        world.log_conversation("lin", customer, next_contact_on=None)["status"] == "applied"
    )  # a conversation may still be written down
    world.log_conversation("lin", customer, next_contact_on=str(day))
    assert open_tasks(world, customer) == 0
    assert world.ask(
        "lin", "select consent_withdrawn_at is not null from api.customers where id = %s", customer
    ) == [(True,)]
    assert consent(world, customer, True)["code"] == "forbidden"  # a decider's act
    assert consent(world, customer, True, who="he")["status"] == "applied"
    assert world.ask(
        "lin", "select consent_withdrawn_at from api.customers where id = %s", customer
    ) == [(None,)]
    assert open_tasks(world, customer) == 1  # the call that silence suspended
    assert world.row("select crm.run_rules(%s, %s)", world.stores["east"], day)["cadence"] == 0
    assert (
        world.row("select count(*) from crm.consents where customer_id = %s", customer) == 2
    )  # appended, never changed


def test_marketing_is_another_purpose(world):
    customer = world.customer()
    consent(world, customer, False, purpose="marketing", channel="sms")
    assert (
        world.row("select consent_withdrawn_at from crm.customers where id = %s", customer) is None
    )
    consent(world, customer, False, channel="any")
    assert world.row(
        "select consent_withdrawn_at is not null from crm.customers where id = %s", customer
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"purpose": "moon"}, "option"),
        ({"channel": "fax"}, "option"),
        ({"granted": "yes"}, "required"),
        ({"customer_id": None}, "required"),
    ],
)
def test_a_consent_says_what_and_how(world, change, code):
    payload = {
        "id": new_id(),
        "customer_id": world.customer(),
        "purpose": "follow_up",
        "channel": "call",
        "granted": True,
        **change,
    }
    assert world.push("lin", "save_consent", payload)["code"] == code
    assert world.push("chen", "save_consent", payload)["code"] in (
        "not_found",
        code,
    )  # a colleague's customer


def test_do_not_call_takes_the_open_calls_away(world):
    customer = world.customer()
    world.task(customer)
    world.done(
        "lin", "save_customer", {"id": customer, "set": {"do_not_call": True}}, base_version=1
    )
    assert open_tasks(world, customer) == 0


def test_the_story_is_told_under_todays_rights(world):
    customer = world.customer()
    world.done(
        "lin",
        "save_customer",
        {"id": customer, "set": {"budget_fen": 30000000, "need": "七座"}},
        base_version=1,
    )
    world.log_conversation("lin", customer, notes="聊了配置")

    def ask(who):
        sql = "select api.customer_timeline(%s, %s)"
        return world.ask(who, sql, world.stores["east"], customer)[0][0]

    mine = ask("lin")
    assert [e["id"] for e in mine] == sorted((e["id"] for e in mine), reverse=True)
    assert {"budget_fen", "need"} <= {e["field"] for e in mine}
    assert [e["conversation"]["notes"] for e in mine if e["conversation"]] == ["聊了配置"]
    theirs = ask("xu")  # the assistant sees the store, not the budget, not the conversations
    assert "budget_fen" not in {e["field"] for e in theirs}
    assert [e["conversation"].get("notes") for e in theirs if e["conversation"]] == [None]
    older = world.ask(
        "lin",
        "select api.customer_timeline(%s, %s, %s, 2)",
        world.stores["east"],
        customer,
        mine[0]["id"],
    )[0][0]
    assert [e["id"] for e in older] == [e["id"] for e in mine[1:3]]
    assert world.refused(
        "chen", "select api.customer_timeline(%s, %s)", world.stores["east"], customer
    ).startswith("PT404")


def test_whoever_takes_him_over_gets_no_call_he_refused(world):
    customer = world.customer()
    consent(world, customer, False)
    world.done("he", "reassign", {"customer_ids": [customer], "owner_id": str(world.users["chen"])})
    assert open_tasks(world, customer) == 0
    assert receive(world, "chen", {"customer_id": customer, "set": {}})["status"] == "applied"
    assert open_tasks(world, customer) == 0
