"""Who is who when lists are imported (S-02): a number of a list tells nothing outside the system it
comes from, two people stay two, a record of ours is found by its own id, and what was merged is not
born again."""

from psycopg.types.json import Jsonb

from tests.database.test_config_life import publish
from tests.database.test_duplicates import merge
from tests.database.test_imports import commit, options
from tests.database.test_retired_choices import without
from tests.support.people import new_id


def row(number, key, name, phone=None, **fields):
    customer = {"name": name, **({"phone": phone} if phone else {}), **fields}
    return {"row": number, "key": key, "customer": customer}


def people(world):
    return world.db.execute(
        "select name, phone from crm.customers where store_id = %s and removed_at is null order by "
        "1",
        (world.stores["east"],),
    ).fetchall()


def statuses(answers):
    return [a["status"] for a in answers]


def test_a_number_of_another_list_finds_nobody(world):
    commit(world, [row(2, "1", "序号甲", "13692220001"), row(3, "2", "序号乙")], kind="customers")
    other = [row(2, "1", "序号丙", "13692220011"), row(3, "2", "序号丁", "13692220012")]
    assert statuses(commit(world, other, kind="customers")) == ["created"] * 2
    assert len(people(world)) == 4
    # inside one system the number is the person, whatever else has changed
    first = [row(2, "A7", "旧名", "13692220021")]
    assert statuses(commit(world, first, kind="customers", system="DMS")) == ["created"]
    renamed = [row(2, "A7", "新名", "13692220022")]
    assert statuses(commit(world, renamed, kind="customers", system="DMS")) == ["updated"]
    assert statuses(commit(world, renamed, kind="customers", system="CRM2")) == ["unchanged"]
    assert ("新名", "13692220022") in people(world) and len(people(world)) == 5


def test_a_couple_with_one_number_are_two(world):
    world.customer(name="孟先生", phone="13692240001", gender="male")
    rows = [row(2, "k", "孟太太", "13692240001", gender="female")]
    assert statuses(commit(world, rows, kind="customers")) == ["created"]
    assert [name for name, _phone in people(world)] == ["孟先生", "孟太太"]
    assert statuses(commit(world, rows, kind="customers")) == ["unchanged"]


def test_our_own_export_comes_back_to_its_own_records(world):
    one = world.customer(name="-往返一", phone="13692250001")
    two = world.customer(name="往返二", phone="13692250002")
    rows = [
        row(2, one, "-往返一", "13692250009", source="online", level="near"),
        row(3, two, "往返改名", "13692250002", source="walk_in", level="near"),
    ]
    assert statuses(commit(world, rows, kind="customers")) == ["updated"] * 2
    assert people(world) == [("-往返一", "13692250009"), ("往返改名", "13692250002")]
    sql = "select source from crm.customers where id = %s"
    assert world.row(sql, one) == "walk_in"  # the store's own judgement, unless it is chosen
    commit(world, rows, kind="customers", overwrite=["source"])
    assert world.row(sql, one) == "online"


def test_what_was_merged_is_not_born_again(world):
    rows = [row(2, "A1", "并一", "13692260001"), row(3, "A2", "并一号", "13692260002")]
    commit(world, rows, kind="customers")
    sql = "select id::text from crm.customers where name = %s"
    merge(world, world.row(sql, "并一"), world.row(sql, "并一号"))
    again = commit(world, rows, kind="customers")
    assert "created" not in statuses(again) and len(people(world)) == 1


def test_a_car_that_was_sold_does_not_make_two_people_one(world):
    car = {"vehicle": {"plate": "沪A77777"}}
    commit(world, [row(2, "a", "卖车人", "13692270001") | car], kind="customers")
    sold = [row(2, "b", "买车人", "13692270002") | car]
    assert statuses(commit(world, sold, kind="customers")) == ["created"]
    assert len(people(world)) == 2


def test_one_person_with_two_cars_is_one(world):
    rows = [
        row(2, "PH001", "并行一", "13933350001")
        | {"vehicle": {"plate": "沪H00001"}, "policy": {"expires_on": "2027-03-05"}},
        row(3, "PH002", "并行一", "13933350001")
        | {"vehicle": {"plate": "沪H00002"}, "policy": {"expires_on": "2027-04-05"}},
    ]
    assert statuses(commit(world, rows)) == ["created"] * 2
    assert len(people(world)) == 1
    for table in ("vehicles", "policies"):
        assert (
            world.row(f"select count(*) from crm.{table} where store_id = %s", world.stores["east"])
            == 2
        )


def test_a_row_says_whose_its_customer_is(world):
    assignment = {"assignment": {"owner_id": str(world.users["lin"])}}
    pool = {"assignment": {"pool": "market"}}
    wrong = {"assignment": {"owner_id": new_id()}}
    rows = [
        row(2, "a", "甲") | assignment,
        row(3, "b", "乙") | pool,
        row(4, "c", "丙") | wrong,
        row(5, "d", "丁"),
    ]
    assert statuses(commit(world, rows, kind="customers")) == [
        "created",
        "created",
        "refused",
        "created",
    ]
    sql = "select name, owner_id::text, pool from crm.customers where store_id = %s order by name"
    assert world.db.execute(sql, (world.stores["east"],)).fetchall() == [
        ("丁", None, "retained"),
        ("乙", None, "market"),
        ("甲", str(world.users["lin"]), None),
    ]


def test_a_preview_tells_what_is_made_and_what_changes_field_by_field(world):
    customer = world.customer(name="预览", phone="13692280001", need="七座")
    rows = [
        row(2, customer, "预览", "13692280002", need="五座", source="online"),
        row(3, "n", "新人"),
    ]
    [(answers,)] = world.ask(
        "liang",
        "select api.preview_import(%s, 'customers', %s, %s)",
        world.stores["east"],
        Jsonb(options(world)),
        Jsonb(rows),
    )
    assert (answers[0]["found"], answers[0]["made"], answers[1]["made"]) == (
        "预览",
        [],
        ["customer"],
    )
    assert {c["field"]: (c["old"], c["new"], c["kept"]) for c in answers[0]["changes"]} == {
        "phone": ("13692280001", "13692280002", False),
        "need": ("七座", "五座", False),
        "source": ("walk_in", "online", True),
    }
    assert people(world) == [("预览", "13692280001")]


def preview(world, rows, kind="customers", **more):
    [(answers,)] = world.ask(
        "liang",
        "select api.preview_import(%s, %s, %s, %s)",
        world.stores["east"],
        kind,
        Jsonb(options(world, **more)),
        Jsonb(rows),
    )
    return answers


def test_a_namesake_stands_before_a_title(world):
    for n in range(4):  # whichever of the two has the lower id
        world.customer(name="张先生" if n % 2 else "张三", phone=f"1369229000{n}")
        world.customer(name="张三" if n % 2 else "张先生", phone=f"1369229000{n}")
    rows = [row(2 + n, f"k{n}", "张三", f"1369229000{n}") for n in range(4)]
    assert [a["found"] for a in preview(world, rows)] == ["张三"] * 4


def test_whom_of_two_a_title_means_is_not_guessed(world):
    for name in ("张三", "张四"):
        world.customer(name=name, phone="13692290001")
    [answer] = commit(world, [row(2, "k", "张先生", "13692290001", need="七座")], kind="customers")
    assert answer["errors"] == [{"form": "customer", "field": "name", "code": "several_people"}]
    sql = "select count(*) from crm.customers where need is not null and store_id = %s"
    assert world.row(sql, world.stores["east"]) == 0


def test_a_list_never_takes_back_the_wish_not_to_be_called(world):
    customer = world.customer(name="甲", phone="13692290002", do_not_call=True)
    rows = [row(2, customer, "甲", "13692290002", do_not_call=False)]
    [answer] = preview(world, rows)
    assert [(c["field"], c["kept"]) for c in answer["changes"]] == [("do_not_call", True)]
    commit(world, rows, kind="customers")
    assert world.row("select do_not_call from crm.customers where id = %s", customer)


def test_what_was_merged_is_found_by_old_and_new_words_and_overwrites_nothing(world):
    winner = world.customer(name="甲", phone="13692290003")
    loser = world.customer(name="乙", phone="13692290004")
    merge(world, winner, loser)
    for key, name in ((loser, "乙"), ("x", "乙"), ("y", "甲")):
        rows = [row(2, key, name, "13692290004")]
        [answer] = preview(world, rows)
        assert answer["found"] == "甲" and all(c["kept"] for c in answer["changes"]), key
        commit(world, rows, kind="customers")
    assert people(world) == [("甲", "13692290003")]


def test_whose_a_known_customer_should_be_is_told_and_kept(world):
    world.customer("lin", name="甲", phone="13692290005")
    theirs = {"assignment": {"owner_id": str(world.users["he"])}}
    [answer] = preview(world, [row(2, "k", "甲", "13692290005") | theirs])
    names = dict(world.db.execute("select user_id::text, name from crm.members").fetchall())
    assert answer["changes"] == [
        {
            "form": "customer",
            "field": "owner",
            "old": names[str(world.users["lin"])],
            "new": names[str(world.users["he"])],
            "kept": True,
        }
    ]
    [answer] = preview(
        world, [row(2, "k", "甲", "13692290005") | {"assignment": {"pool": "market"}}]
    )
    assert [(c["field"], c["new"], c["kept"]) for c in answer["changes"]] == [
        ("pool", "market", True)
    ]
    same = {"assignment": {"owner_id": str(world.users["lin"])}}
    assert preview(world, [row(2, "k", "甲", "13692290005") | same])[0]["changes"] == []


def test_what_a_record_has_may_stay_although_no_form_takes_it_any_more(world):
    known = world.customer(name="甲", phone="13692290006", next_contact_on="2020-01-01")
    publish(world, without("customer.source", "walk_in"))
    fields = {"source": "walk_in", "next_contact_on": "2020-01-01"}
    rows = [
        row(2, known, "甲", "13692290006", **fields),
        row(3, "n", "乙", "13692290007", source="walk_in"),
    ]
    first, second = preview(world, rows, source="phone")
    assert (first["status"], first["changes"]) == ("updated", [])  # a renewal owner came to it
    assert [e["code"] for e in second["errors"]] == ["option"]
