"""T23: the rules of the sync protocol, one test each (after WatermelonDB's list of what a backend
must and should do)."""

import asyncio
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from shared.domain.problems import Rejected
from shared.gateway import sync as remote
from tests.support.people import new_id

NEW = {"name": "张三丰", "phone": "13800138000", "source": "walk_in", "level": "near"}


class RecordingTransport:
    """lin at the API, without the client's own cleverness."""

    def __init__(self, phone, dealers) -> None:
        self.phone, self.dealers, self.store, self.seq = (
            phone,
            dealers,
            str(dealers.stores["east"]),
            0,
        )

    def op(
        self, verb: str, payload: dict[str, Any], base: int | None = None, op_id: str | None = None
    ) -> dict[str, Any]:
        self.seq += 1
        return {
            "op_id": op_id or new_id(),
            "seq": self.seq,
            "verb": verb,
            "base_version": base,
            "payload": {"store_id": self.store, **payload},
        }

    async def push(self, *operations: dict[str, Any]) -> list[dict[str, Any]]:
        return await self.phone.gateway.call(
            "sync_push", {"device_id": new_id(), "operations": list(operations)}
        )

    async def pull(self, cursor: Any = None, **more: Any) -> dict[str, Any]:
        return await self.phone.gateway.call(
            "sync_pull", {"store_id": self.store, "cursor": cursor, **more}
        )

    async def customer(self, **fields: Any) -> str:
        customer = new_id()
        [answer] = await self.push(
            self.op("save_customer", {"id": customer, "set": {**NEW, **fields}})
        )
        assert answer["status"] == "applied"
        return customer


@pytest.fixture
async def wire(phone, dealers) -> RecordingTransport:
    return RecordingTransport(await phone("lin"), dealers)


# Pulling ------------------------------------------------------------------------------------------


async def test_without_a_cursor_everything_comes(wire):
    made = {await wire.customer() for _ in range(3)}
    assert {r["id"] for r in (await wire.pull())["rows"]["customers"]} == made


async def test_with_a_cursor_only_changes_come(wire):
    await wire.customer()
    cursor = (await wire.pull())["cursor"]
    made = await wire.customer()
    assert [r["id"] for r in (await wire.pull(cursor))["rows"]["customers"]] == [made]


async def test_the_cursor_never_goes_back(wire):
    seen, cursor = [], None
    for _ in range(4):
        await wire.customer()
        cursor = (await wire.pull(cursor))["cursor"]
        seen.append(cursor["since"])
    assert seen == sorted(set(seen))


async def test_a_round_shows_one_moment(wire):
    for _ in range(4):
        await wire.customer()
    page = await wire.pull(page_size=2)
    late = await wire.customer()
    found = [r["id"] for r in page["rows"]["customers"]]
    while page["more"]:
        page = await wire.pull(page["cursor"], page_size=2)
        found += [r["id"] for r in page["rows"].get("customers", ())]
    assert late not in found
    assert len(found) == len(set(found)) == 4
    assert [r["id"] for r in (await wire.pull(page["cursor"]))["rows"]["customers"]] == [late]


async def test_a_changed_row_comes_whole(wire):
    customer = await wire.customer(need="七座")
    cursor = (await wire.pull())["cursor"]
    await wire.push(wire.op("save_customer", {"id": customer, "set": {"wechat": "zsf"}}, 1))
    [row] = (await wire.pull(cursor))["rows"]["customers"]
    assert (row["need"], row["wechat"], row["version"]) == ("七座", "zsf", 2)


async def test_what_was_removed_comes_as_its_id_alone(wire):
    customer = await wire.customer()
    op = wire.op(
        "log_conversation",
        {
            "id": new_id(),
            "customer_id": customer,
            "outcome": "interested",
            "notes": "聊",
            "level": "near",
        },
    )
    await wire.push(op)
    cursor = (await wire.pull())["cursor"]
    await wire.push(wire.op("undo", {"op_id": op["op_id"]}))
    page = await wire.pull(cursor)
    assert page["removed"]["conversations"] == [op["payload"]["id"]]
    assert "conversations" not in page["rows"]


async def test_what_came_and_went_between_two_pulls_is_no_row(wire):
    cursor = (await wire.pull())["cursor"]
    op = wire.op("save_customer", {"id": new_id(), "set": NEW})
    await wire.push(op, wire.op("undo", {"op_id": op["op_id"]}))
    assert "customers" not in (await wire.pull(cursor))["rows"]


async def test_no_key_comes_without_a_right_to_it(wire):
    await wire.customer()
    version = wire.dealers.row("select config_version from crm.stores where id = %s", wire.store)
    document = wire.dealers.row(
        "select document from crm.config_versions where store_id = %s order by version desc "
        "limit 1",
        wire.store,
    )
    next(r for r in document["roles"] if r["key"] == "advisor")["rights"]["customer"]["wechat"] = (
        "hidden"
    )
    wire.dealers.ask(
        "liang",
        "select api.publish_config(%s, %s, %s)",
        wire.dealers.stores["east"],
        Jsonb(document),
        version,
    )
    wire.dealers.db.commit()
    assert (await wire.pull())["rows"]["customers"][0]["wechat"] is None


async def test_another_document_is_announced_and_starts_over(wire):
    page = await wire.pull()
    assert (
        page["config"]["version"] == page["config_version"]
        if "version" in page["config"]
        else page["config"]
    )
    assert "config" not in await wire.pull(page["cursor"], config_version=page["config_version"])
    wire.dealers.db.execute(
        "update crm.stores set config_version = config_version + 1 where id = %s", (wire.store,)
    )
    wire.dealers.db.commit()
    assert (await wire.pull(page["cursor"], config_version=page["config_version"]))["reset"]


async def test_a_cursor_that_is_not_ours_begins_anew_and_deletes_nothing(wire):
    await wire.customer()
    page = await wire.pull({"since": "tomorrow"})
    assert page["reset"]
    assert page["removed"] == {}


async def test_who_is_no_member_gets_a_refusal_and_no_empty_book(wire):
    with pytest.raises(Rejected):
        await wire.phone.gateway.call(
            "sync_pull", {"store_id": str(wire.dealers.stores["far"]), "cursor": None}
        )


# Pushing ------------------------------------------------------------------------------------------


async def test_answers_come_in_order_one_each(wire):
    operations = [
        wire.op("save_customer", {"id": new_id(), "set": {**NEW, "name": name}})
        for name in ("甲", "", "丙")
    ]
    answers = await wire.push(*operations)
    assert [(a["op_id"], a["status"]) for a in answers] == list(
        zip([o["op_id"] for o in operations], ["applied", "rejected", "applied"], strict=True)
    )


async def test_an_operation_is_done_whole_or_not_at_all(wire):
    customer = await wire.customer()
    before = wire.dealers.digest()
    wire.dealers.db.rollback()
    op = wire.op(
        "log_conversation",
        {
            "id": new_id(),
            "customer_id": customer,
            "outcome": "interested",
            "notes": "聊",
            "level": "near",
            "task_id": new_id(),
        },
    )
    [answer] = await wire.push(op)
    assert answer["code"] == "not_found"
    after = dict(part.split(":") for part in wire.dealers.digest().split("|"))
    assert {
        t for t, digest in (part.split(":") for part in before.split("|")) if after[t] != digest
    } == {"operations"}


async def test_a_replay_answers_the_first_result_and_does_nothing(wire):
    op = wire.op("save_customer", {"id": new_id(), "set": NEW})
    [first], [again] = await wire.push(op), await wire.push(op)
    assert (first["status"], again["status"], again["first"]["status"]) == (
        "applied",
        "duplicate",
        "applied",
    )


async def test_the_same_operation_twice_in_one_call_is_done_once(wire):
    op = wire.op("save_customer", {"id": new_id(), "set": NEW})
    assert [a["status"] for a in await wire.push(op, op)] == ["applied", "duplicate"]


async def test_a_replayed_refusal_is_still_one(wire):
    op = wire.op("save_customer", {"id": new_id(), "set": {"name": ""}})
    [_], [again] = await wire.push(op), await wire.push(op)
    assert (again["status"], again["first"]["status"]) == ("duplicate", "rejected")


async def test_creating_with_a_known_id_overwrites_nothing(wire):
    customer = await wire.customer()
    [answer] = await wire.push(
        wire.op("save_customer", {"id": customer, "set": {**NEW, "name": "李四"}})
    )
    assert answer["code"] == "id_taken"
    assert (await wire.pull())["rows"]["customers"][0]["name"] == "张三丰"


async def test_changing_what_is_not_there_is_refused(wire):
    [answer] = await wire.push(wire.op("save_customer", {"id": new_id(), "set": {"need": "x"}}, 1))
    assert (answer["status"], answer["code"]) == ("rejected", "not_found")


async def test_undoing_what_is_undone_is_harmless(wire):
    op = wire.op("save_customer", {"id": new_id(), "set": NEW})
    undo = [wire.op("undo", {"op_id": op["op_id"]}) for _ in range(2)]
    assert [a["status"] for a in await wire.push(op, *undo)] == ["applied"] * 3


async def test_the_same_field_changed_since_is_a_conflict_with_the_servers_row(wire):
    customer = await wire.customer()
    first, second = (
        wire.op("save_customer", {"id": customer, "set": {"need": need}}, 1)
        for need in ("一", "二")
    )
    answers = await wire.push(first, second)
    assert [a["status"] for a in answers] == ["applied", "conflict"]
    assert answers[1]["row"]["need"] == "一"


async def test_another_field_changed_since_is_none(wire):
    customer = await wire.customer()
    operations = [
        wire.op("save_customer", {"id": customer, "set": s}, 1)
        for s in ({"need": "一"}, {"wechat": "二"})
    ]
    assert [a["status"] for a in await wire.push(*operations)] == ["applied", "applied"]


async def test_an_unknown_verb_harms_no_other(wire):
    answers = await wire.push(
        wire.op("drop_everything", {}), wire.op("save_customer", {"id": new_id(), "set": NEW})
    )
    assert [a.get("code") for a in answers] == ["unknown_verb", None]


@pytest.mark.parametrize(
    "key",
    ["store_id", "owner_id", "version", "change_no", "created_at", "removed_at", "custom", "id"],
)
async def test_what_the_server_owns_is_not_taken_from_a_client(wire, key):
    customer = await wire.customer()
    [answer] = await wire.push(
        wire.op("save_customer", {"id": customer, "set": {key: new_id()}}, 1)
    )
    assert answer["status"] == "rejected"


@pytest.mark.parametrize(
    ("operations", "code"), [(201, "too_many_operations"), (None, "operations_malformed")]
)
async def test_a_call_that_is_none_is_refused_as_a_whole(wire, operations, code):
    given = (
        [wire.op("undo", {"op_id": new_id()}) for _ in range(operations)]
        if operations
        else {"not": "a list"}
    )
    with pytest.raises(Rejected) as refused:
        await wire.phone.gateway.call("sync_push", {"device_id": new_id(), "operations": given})
    assert refused.value.code == code


async def test_nothing_to_push_is_no_error(wire):
    assert await wire.push() == []


async def test_a_times_of_the_past_are_moved_by_the_senders_clock(wire):
    customer = await wire.customer()
    conversation = {
        "id": new_id(),
        "customer_id": customer,
        "outcome": "interested",
        "notes": "聊",
        "level": "near",
        "occurred_at": "2006-11-24T10:00:00+08:00",
    }
    await wire.push(
        {**wire.op("log_conversation", conversation), "sent_at": "2006-11-24T11:00:00+08:00"}
    )
    assert wire.dealers.row(
        "select abs(extract(epoch from now() - occurred_at) - 3600) < 60 from "
        "crm.conversations where customer_id = %s",
        customer,
    )


# The client's side --------------------------------------------------------------------------------


async def test_a_pull_never_overwrites_what_waits(phone):
    lin = await phone("lin")
    customer = await lin.new_customer()
    await lin.sync.once()
    lin.network.only = lambda request: request.url.path.endswith("/sync_push")
    lin.network.down = True
    await lin.do("save_customer", {"id": customer, "set": {"need": "我的"}}, 1)
    await lin.sync._pull()
    assert (await lin.holds())["customers"][customer].need == "我的"


async def test_what_is_done_while_a_push_is_under_way_is_not_lost(phone, dealers):
    lin = await phone("lin")
    await lin.new_customer("甲", "13900000001")
    under_way = asyncio.Event()
    lin.network.before = lambda request: under_way.set()
    started = asyncio.create_task(lin.sync.once())
    await under_way.wait()
    await lin.new_customer("乙", "13900000002")
    await started
    assert (
        dealers.row("select count(*) from crm.customers where owner_id = %s", lin.user_id)
        + lin.sync.state.pending
        == 2
    )
    await lin.sync.once()
    assert lin.sync.state.pending == 0


async def test_a_newer_servers_keys_and_forms_are_read_past(phone, dealers):
    lin = await phone("lin")
    customer = await lin.new_customer()
    await lin.sync.once()
    cursor, _ = await lin.replica.position()
    page = await remote.pull(lin.gateway, dealers.stores["east"], None, user_id=lin.user_id)
    row = {**page.rows["customers"][0], "a_key_of_next_year": 1}
    newer = page.model_copy(
        update={
            "rows": {"customers": [row], "spaceships": [{"id": new_id()}]},
            "reset": False,
            "cursor": cursor,
        }
    )
    assert await lin.replica.apply_page(newer, after=cursor)
    assert list((await lin.holds())["customers"]) == [customer]
