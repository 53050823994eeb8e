"""What leaves the store leaves under the caller's rights and is written down; the audit tells
nobody more than he may know (T13, T22)."""

import pytest
from psycopg.types.json import Jsonb

from tests.support.people import new_id


def export(
    world,
    name="liang",
    form="customer",
    columns=("name", "phone"),
    reason="月度报表",
    run=None,
    after=None,
    size=500,
    store="east",
):
    return world.ask(
        name,
        "select api.export_rows(%s, %s, %s, %s, %s, %s, %s)",
        world.stores[store],
        run or new_id(),
        form,
        Jsonb(list(columns)),
        reason,
        Jsonb(after) if after else None,
        size,
    )[0][0]


def refused(
    world, name="liang", form="customer", columns=("name",), reason="月度报表", store="east"
):
    return world.refused(
        name,
        "select api.export_rows(%s, %s, %s, %s, %s)",
        world.stores[store],
        new_id(),
        form,
        Jsonb(list(columns)),
        reason,
    )


def grant(world, role, verb):
    world.db.execute(
        "update crm.roles set verbs = verbs || %s::text where store_id = %s and key = %s",
        (verb, world.stores["east"], role),
    )


def test_pages_hold_every_row_once_and_the_log_counts_them(world):
    made = {world.customer("lin", name=f"客户{n}", phone=f"1390000{n:04d}") for n in range(7)}
    run, after, seen = new_id(), None, []
    while True:
        page = export(world, columns=["id", "name", "owner_id"], run=run, after=after, size=3)
        seen += [r["id"] for r in page["rows"]]
        after = page["next"]
        if after is None:
            break
    assert sorted(seen) == sorted(made)
    world.ask(
        "liang",
        "select api.finish_export(%s, %s, 'a.csv', %s)",
        world.stores["east"],
        run,
        "0" * 64,
    )
    assert world.ask(
        "liang", "select rows, reason, columns, sha256, author_name from api.exports"
    ) == [(7, "月度报表", ["id", "name", "owner_id"], "0" * 64, "liang")]
    assert (
        world.refused(
            "liang",
            "select api.finish_export(%s, %s, 'a.csv', %s)",
            world.stores["east"],
            run,
            "1" * 64,
        )
        == "PT404 not_found"
    )
    assert (
        world.refused(
            "liang",
            "select api.export_rows(%s, %s, 'customer', '[\"id\", \"name\", \"owner_id\"]', 'x')",
            world.stores["east"],
            run,
        )
        == "PT409 id_taken"
    )  # a finished one is closed


def test_every_form_leaves_and_policies_carry_their_customer(world):
    customer = world.customer(
        "he", pool="retained", level="potential", name="老王", phone="13911112222"
    )
    world.done(
        "he",
        "save_policy",
        {
            "id": new_id(),
            "customer_id": customer,
            "set": {"expires_on": "2027-01-01", "insurer": "人保"},
        },
    )
    assert export(
        world, form="policy", columns=["insurer", "expires_on", "customer.name", "customer.phone"]
    )["rows"] == [
        {
            "insurer": "人保",
            "expires_on": "2027-01-01",
            "customer.name": "老王",
            "customer.phone": "13911112222",
        }
    ]
    for form in ("companion", "vehicle", "deal", "conversation"):
        assert export(world, form=form, columns=["id"])["rows"] == []


def test_rights_are_the_callers_own_masked_stays_masked_hidden_and_unknown_are_one(world):
    world.customer("lin", phone="13812345678")
    grant(world, "market", "export_rows")
    world.customer("he", pool="market", level="potential", name="池中客", phone="13911112222")
    page = export(world, "wu", columns=["name", "phone"])
    assert page["rows"] == [{"name": "池中客", "phone": "139****2222"}]  # their rows, their mask
    for column in (
        "budget_fen",
        "no_such_field",
        "custom",
        "phone_masked",
        "pinyin",
        "t1",
        "store_id; select",
        "customer.phone",
    ):
        assert refused(world, "wu", columns=[column]) == "PT422 option"
    assert refused(world, "wu", form="policy", columns=["premium_fen"]) == "PT422 option"
    assert refused(world, form="tasks") == "PT422 option"


@pytest.mark.parametrize("name", ["lin", "he", "zhou", "wu", "xu", "qin", "yan", "stranger"])
def test_without_the_verb_nothing_leaves_and_nothing_is_logged(world, name):
    world.customer()
    world.db.execute("update crm.roles set verbs = array_remove(verbs, 'reveal_field')")
    before = world.digest()
    assert refused(world, name) == "PT403 forbidden"
    for sql in (
        "audit_log(%s)",
        "reveal_field(%s, 'customer', null, 'phone', 'x')",
        "save_export_layout(%s, 'customer', 'x', '[]')",
        "finish_export(%s, null, 'x', 'x')",
    ):
        assert world.refused(name, f"select api.{sql}", world.stores["east"]).endswith("forbidden")
    assert (
        world.ask(name, "select count(*) from api.exports")[0]
        == world.ask(name, "select count(*) from api.export_layouts")[0]
        == (0,)
    )
    assert world.digest() == before


def test_a_reason_is_needed(world):
    assert refused(world, reason="  ") == "PT422 required"
    assert refused(world, reason="长" * 301) == "PT422 length"


def test_another_admins_export_cannot_be_continued(world):
    world.join("fang", "east", "store_admin")
    run = new_id()
    export(world, run=run)
    assert (
        world.refused(
            "fang",
            "select api.export_rows(%s, %s, 'customer', '[\"name\", \"phone\"]', '月度报表')",
            world.stores["east"],
            run,
        )
        == "PT409 id_taken"
    )
    assert (
        world.refused(
            "liang",
            "select api.export_rows(%s, %s, 'customer', '[\"need\"]', '月度报表')",
            world.stores["east"],
            run,
        )
        == "PT409 id_taken"
    )  # other columns, another export


def test_a_reveal_shows_one_masked_value_and_is_written_down(world):
    customer = world.customer("he", pool="market", level="potential", phone="13911112222")
    store = world.stores["east"]
    ask = "select api.reveal_field(%s, 'customer', %s, %s, %s)"
    world.db.execute("update crm.roles set verbs = array_remove(verbs, 'reveal_field')")
    assert world.refused("wu", ask, store, customer, "phone", "回电") == "PT403 forbidden"
    grant(world, "market", "reveal_field")
    assert world.ask("wu", ask, store, customer, "phone", "回电")[0][0] == {"value": "13911112222"}
    for field in (
        "budget_fen",
        "name",
        "nothing",
        "phone_masked",
    ):  # hidden, readable, unknown: one answer
        assert world.refused("wu", ask, store, customer, field, "回电") == "PT403 forbidden"
    assert world.refused("wu", ask, store, customer, "phone", " ") == "PT422 required"
    assert (
        world.refused("wu", ask, store, world.customer("lin", phone="13700000001"), "phone", "回电")
        == "PT404 not_found"
    )
    rows = world.ask(
        "liang",
        "select api.audit_log(%s, %s)",
        store,
        Jsonb({"what": "audit_events", "kind": "revealed"}),
    )[0][0]["rows"]
    assert [(r["detail"]["field"], r["detail"]["reason"]) for r in rows] == [("phone", "回电")]
    assert "13911112222" not in str(world.db.execute("select * from crm.audit_events").fetchall())


def audit(world, name="liang", **filter):
    return world.ask(name, "select api.audit_log(%s, %s)", world.stores["east"], Jsonb(filter))[0][
        0
    ]


def test_the_audit_tells_who_changed_what_and_can_be_asked_by_person_day_form_and_field(world):
    customer = world.customer("lin")
    world.done("lin", "save_customer", {"id": customer, "set": {"need": "七座"}}, base_version=1)
    world.done("he", "save_customer", {"id": customer, "set": {"need": "五座"}}, base_version=2)
    world.done(
        "lin", "save_companion", {"id": new_id(), "customer_id": customer, "set": {"name": "爱人"}}
    )
    rows = audit(world, field="need")["rows"]
    assert [(r["old"], r["new"], r["actor_id"]) for r in rows] == [
        ("七座", "五座", str(world.users["he"])),
        (None, "七座", str(world.users["lin"])),
    ]
    assert {r["actor_id"] for r in audit(world, user_id=str(world.users["he"]))["rows"]} == {
        str(world.users["he"])
    }
    assert {r["form"] for r in audit(world, form="companion")["rows"]} == {"companion"}
    assert (
        audit(world, to="2020-01-01")["rows"]
        == []
        != audit(world, **{"from": "2020-01-01"})["rows"]
    )
    assert audit(world, what="configuration")["rows"][0]["detail"]["version"] == 1
    first = world.ask("liang", "select api.audit_log(%s, '{}', null, 2)", world.stores["east"])[0][
        0
    ]
    second = world.ask(
        "liang", "select api.audit_log(%s, '{}', %s, 2)", world.stores["east"], Jsonb(first["next"])
    )[0][0]
    assert {r["id"] for r in first["rows"]} & {r["id"] for r in second["rows"]} == set()


def test_the_audit_is_read_with_the_readers_rights(world):
    grant(world, "market", "read_audit")
    customer = world.customer(
        "he", pool="market", level="potential", phone="13911112222", budget_fen=1
    )
    world.done(
        "he",
        "save_customer",
        {"id": customer, "set": {"phone": "13933334444", "budget_fen": 5}},
        base_version=1,
    )
    mine = world.customer("lin", phone="13700000001")
    world.done("lin", "save_customer", {"id": mine, "set": {"need": "密"}}, base_version=1)
    rows = audit(world, "wu")["rows"]
    assert {r["customer_id"] for r in rows} == {customer}  # no line about customers they do not see
    assert [(r["old"], r["new"]) for r in rows if r["field"] == "phone"] == [
        ("139****2222", "139****4444")
    ]
    assert (
        [r for r in rows if r["field"] == "budget_fen"]
        == audit(world, "wu", field="budget_fen")["rows"]
        == []
    )


def test_people_and_exports_stand_in_the_audit(world):
    export(world)
    world.ask(
        "liang",
        "select api.set_member(%s, %s, '林晓', 'manager')",
        world.stores["east"],
        world.users["lin"],
    )
    world.ask("liang", "select api.disable_member(%s, %s)", world.stores["east"], world.users["xu"])
    world.ask(
        "liang",
        "select api.invite_member(%s, '新人', '13800001111', 'advisor')",
        world.stores["east"],
    )
    invited, *rows = audit(world, what="audit_events")["rows"]
    assert (invited["kind"], invited["detail"]) == ("member_invited", {"role": "advisor"})
    assert [r["kind"] for r in rows] == ["member_disabled", "member_changed", "exported"]
    assert rows[1]["detail"]["role"] == ["advisor", "manager"]
    assert rows[2]["detail"]["reason"] == "月度报表"


def exported_acts(world):
    return world.count("audit_events", "kind = 'exported'")


BEFORE_ALL = ["2020-01-01T00:00:00Z", "00000000-0000-0000-0000-000000000000"]


@pytest.mark.parametrize(
    "after",
    [BEFORE_ALL, ["-infinity", None], [], {}, "x", 0, False, ["2020-01-01"], [None, new_id()]],
)
def test_no_page_leaves_without_an_export_that_was_begun(world, after):
    """A first call that named a place to go on from gave every row and left no act."""
    world.customer("lin")
    sql = "select api.export_rows(%s, %s, 'customer', '[\"phone\"]', '月度报表', %s)"
    before = world.digest()
    said = world.refused("liang", sql, world.stores["east"], new_id(), Jsonb(after))
    assert said == "PT404 not_found"
    assert world.digest() == before


def test_every_sequence_of_pages_leaves_one_act_that_counts_every_row(world):
    for n in range(7):
        world.customer("lin", name=f"客户{n}", phone=f"1390000{n:04d}")
    run = new_id()
    first = export(world, run=run, size=3)
    assert exported_acts(world) == 1
    export(world, run=run, after=first["next"], size=3)
    export(world, run=run, after=first["next"], size=3)  # asked again: handed out again
    export(world, run=run, size=3)
    export(world, run=run, after=BEFORE_ALL, size=500)
    assert exported_acts(world) == 1
    act = audit(world, what="audit_events", kind="exported")["rows"][0]
    assert (act["subject_id"], act["detail"]["rows"]) == (run, 3 + 3 + 3 + 3 + 7)


def test_an_empty_export_is_an_act_too(world):
    export(world)
    assert exported_acts(world) == 1


def test_an_export_that_begins_with_a_json_null_is_begun(world):
    world.customer("lin")
    sql = "select api.export_rows(%s, %s, 'customer', '[\"phone\"]', '月度报表', 'null')"
    assert len(world.ask("liang", sql, world.stores["east"], new_id())[0][0]["rows"]) == 1
    assert exported_acts(world) == 1


def test_an_export_is_over_after_an_hour(world):
    run = new_id()
    export(world, run=run)
    world.db.execute("update crm.exports set created_at = now() - interval '61 minutes'")
    for after in (None, BEFORE_ALL):
        said = world.refused(
            "liang",
            "select api.export_rows(%s, %s, 'customer', '[\"name\", \"phone\"]', '月度报表', %s)",
            world.stores["east"],
            run,
            Jsonb(after),
        )
        assert said == "PT409 export_expired"


def test_an_export_goes_on_as_it_began(world):
    """The same person, form, columns and reason; what stands in the log is what left."""
    run = new_id()
    world.join("fang", "east", "store_admin")
    export(world, run=run)
    before = world.digest()
    sql = "select api.export_rows(%s, %s, %s, %s, %s, %s)"
    columns = Jsonb(["name", "phone"])
    for form, given, reason in (
        ("customer", Jsonb(["phone", "name"]), "月度报表"),
        ("customer", columns, "别的原因"),
        ("conversation", Jsonb(["customer.name", "customer.phone"]), "月度报表"),
    ):
        for after in (None, BEFORE_ALL):
            said = world.refused(
                "liang", sql, world.stores["east"], run, form, given, reason, Jsonb(after)
            )
            assert said == "PT409 id_taken", (form, given, reason)
    for after, code in ((None, "PT409 id_taken"), (BEFORE_ALL, "PT404 not_found")):
        said = world.refused(
            "fang", sql, world.stores["east"], run, "customer", columns, "月度报表", Jsonb(after)
        )
        assert said == code
    assert world.digest() == before
