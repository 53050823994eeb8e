"""Every key of every verb with every kind of value: an operation is applied or refused by field,
never "unexpected", and never at the cost of the others in its batch."""

import json
import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from tests.support.people import World, new_id

DEEP: Any = "x"
for _ in range(200):
    DEEP = [DEEP]

HOSTILE: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2020.5,
    1e-300,
    1e300,
    -1e300,
    999_999_999,
    9_999_999_999,
    10**40,
    "",
    " ",
    "x",
    "infinity",
    "-infinity",
    "now",
    "tomorrow",
    "epoch",
    "NaN",
    "9999-12-31",
    "0000-00-00",
    "2026-02-30",
    "99999-01-01",
    "-4712-01-01",
    "2026-11-24T25:61:61Z",
    "294276-12-31T23:59:59Z",
    "0001-01-01 BC",
    "00000000-0000-0000-0000-000000000000",
    "'; drop table crm.customers --",
    "\u202e\u0001\ufffe\U0010ffff",
    "x" * 3000,
    "京" * 100_000,
    [],
    [None],
    [[]],
    [1, "x", {}],
    ["x"] * 300,
    {},
    {"a": None},
    {"": {"": []}},
    {"set": {"set": 1}},
    DEEP,
)


class Scene:
    """Records of the manager he that every verb finds something to work on."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.customer = world.customer("he")
        self.other = world.customer("he", phone="13900000002")
        self.pooled = world.customer("he", phone="13900000004", pool="open")
        world.customer("chen", phone="13900000003")
        self.vehicle, self.policy, self.deal, self.companion = (new_id() for _ in range(4))
        hangs = {"customer_id": self.customer}
        policy = {"expires_on": "2027-01-31", "insurer": "PICC"}
        world.done("he", "save_vehicle", {"id": self.vehicle, **hangs, "set": {"brand": "x"}})
        world.done("he", "save_companion", {"id": self.companion, **hangs, "set": {"name": "李"}})
        world.done("he", "save_policy", {"id": self.policy, **hangs, "set": policy})
        world.done("he", "save_deal", {"id": self.deal, **hangs, "pipeline": "new_car"})
        mine = world.customer()
        self.approval = new_id()
        request = {"id": self.approval, "task_id": world.task(mine), "reason": "travelling"}
        world.done("lin", "request_cancellation", request)
        self.promise = new_id()
        promise = {"id": self.promise, "notes": "x", "due_on": self.day(2)}
        conversation = world.log_conversation("he", self.customer, promises=[promise])
        assert conversation["status"] == "applied", conversation
        self.conversation = conversation["op_id"]
        self.task = world.task(self.customer, "he")
        given = world.customer("he", phone="13900000005")
        lin = str(world.users["lin"])
        world.done("he", "reassign", {"customer_ids": [given], "owner_id": lin})
        self.transfer = str(world.row("select id from crm.transfers where customer_id = %s", given))
        ending = {"id": new_id(), "customer_id": self.pooled, "set": policy}
        world.done("he", "save_policy", ending)
        self.alert = str(
            world.row(
                "insert into crm.alerts (store_id, kind, member_id, customer_id)"
                " values (%s, 'complaint', %s, %s) returning id",
                world.stores["east"],
                world.users["lin"],
                mine,
            )
        )

    def day(self, days: int) -> str:
        return str(
            self.world.row("select (now() at time zone 'Asia/Shanghai')::date + %s", days),
        )

    def operations(self) -> dict[str, tuple[str, dict[str, Any], int | None]]:
        """For each verb who does it, with what, on which version. With nothing changed each is
        applied."""
        customer = {"customer_id": self.customer}
        person = {"name": "李四", "source": "walk_in", "level": "near", "phone": "13911112222"}
        fields = {"wechat": "x", "need": "x", "gender": "male", "next_contact_on": self.day(3)}
        more = {"preferred_time": "morning", "do_not_call": False, "budget_fen": 100}
        car = {"plate": "沪A00002", "vin": "LSVAA4182E2123456", "brand": "x", "series": "x"}
        policy = {"insurer": "x", "policy_number": "x", "kind": "compulsory", "premium_fen": 1}
        days = {"starts_on": "2026-02-01", "expires_on": "2027-02-01"}
        deal = {"title": "x", "amount_fen": 100, "expected_close_on": self.day(9)}
        promise = [{"id": new_id(), "notes": "x", "due_on": self.day(2)}]
        now = datetime.now(UTC).isoformat()
        call = {"dialled_at": now, "occurred_at": now}
        asked = {"notes": "x", "approval_id": new_id(), "next_id": new_id(), "stage": "visited"}
        return {
            "save_customer": (
                "he",
                {"id": new_id(), "owner_id": None, "pool": None, "set": person | fields | more},
                None,
            ),
            "save_companion": (
                "he",
                {"id": new_id(), **customer, "set": {"name": "x", "relation": "spouse"}},
                None,
            ),
            "save_vehicle": (
                "he",
                {"id": new_id(), **customer, "set": {**car, "model_year": 2020}},
                None,
            ),
            "save_policy": (
                "he",
                {"id": new_id(), **customer, "vehicle_id": None, "set": policy | days},
                None,
            ),
            "save_deal": (
                "he",
                {
                    "id": new_id(),
                    **customer,
                    "pipeline": "new_car",
                    "vehicle_id": self.vehicle,
                    "policy_id": self.policy,
                    "set": deal,
                },
                None,
            ),
            "log_conversation": (
                "he",
                {
                    "id": new_id(),
                    **customer,
                    "task_id": self.task,
                    "deal_id": self.deal,
                    "outcome": "interested",
                    "method": "call",
                    "notes": "x",
                    "level": "near",
                    "next_contact_on": self.day(3),
                    "away_seconds": 12,
                    "reason": "price",
                    "companions": [self.companion],
                    "promises": promise,
                    "facts": {"need": "x"},
                    "set": {},
                    **call,
                    **asked,
                },
                None,
            ),
            "request_cancellation": (
                "he",
                {"id": new_id(), "task_id": self.task, "reason": "travelling", "notes": "x"},
                None,
            ),
            "decide_approval": (
                "he",
                {"id": self.approval, "decision": "reject", "remark": "x"},
                None,
            ),
            "move_deal": (
                "he",
                {
                    "id": self.deal,
                    "lost_reason": "price",
                    "checked": ["x"],
                    "vehicle_id": self.vehicle,
                    "set": deal,
                    **asked,
                },
                1,
            ),
            "claim_customer": ("lin", {"customer_id": self.pooled}, None),
            "reassign": (
                "he",
                {
                    "customer_ids": [self.other],
                    "customer_id": self.other,
                    "owner_id": str(self.world.users["lin"]),
                    "pool": None,
                    "notes": "x",
                },
                None,
            ),
            "acknowledge_transfer": ("lin", {"id": self.transfer}, None),
            "renew_policy": (
                "he",
                {"id": new_id(), "policy_id": self.policy, "set": policy | days, **asked},
                None,
            ),
            "mark_policy_lost": (
                "he",
                {
                    "id": self.policy,
                    "reason": "price_lower",
                    "price_fen": 100,
                    "insurer": "x",
                    "expires_on": "2027-02-01",
                    **asked,
                },
                None,
            ),
            "claim_policy": ("zhou", {"customer_id": self.pooled}, None),
            "set_renewal_owner": (
                "he",
                {"customer_ids": [self.other], "user_id": str(self.world.users["zhou"])},
                None,
            ),
            "save_relationship": (
                "he",
                {
                    "id": new_id(),
                    **customer,
                    "other_id": self.other,
                    "relation": "spouse",
                    "back": "spouse",
                },
                None,
            ),
            "save_consent": (
                "he",
                {
                    "id": new_id(),
                    **customer,
                    "purpose": "marketing",
                    "channel": "any",
                    "granted": True,
                    "source": "x",
                    "stated_at": "2026-11-24T10:00:00Z",
                },
                None,
            ),
            "record_visit": (
                "he",
                {
                    "id": new_id(),
                    "customer_id": new_id(),
                    "owner_id": None,
                    "anonymous": False,
                    "party": 2,
                    "notes": "x",
                    "arrived_at": "2026-11-24T10:00:00Z",
                    "recorded_at": "2026-11-24T10:00:00Z",
                    "companions": [{"id": new_id(), "set": {"name": "x"}}],
                    "set": person,
                },
                None,
            ),
            "request_transfer": (
                "lin",
                {"id": new_id(), "phone": "13900000003", "plate": None, "notes": "x"},
                None,
            ),
            "snooze_task": (
                "he",
                {
                    "task_id": self.task,
                    "until": self.day(2),
                    "notes": "x",
                    "approval_id": new_id(),
                },
                None,
            ),
            "close_promise": ("he", {"id": self.promise, "status": "kept"}, None),
            "acknowledge_alert": ("he", {"id": self.alert}, None),
            "undo": ("he", {"op_id": self.conversation}, None),
        }


VERBS = [
    "save_customer",
    "save_companion",
    "save_vehicle",
    "save_policy",
    "save_deal",
    "log_conversation",
    "request_cancellation",
    "decide_approval",
    "move_deal",
    "claim_customer",
    "reassign",
    "acknowledge_transfer",
    "renew_policy",
    "mark_policy_lost",
    "claim_policy",
    "set_renewal_owner",
    "save_relationship",
    "save_consent",
    "record_visit",
    "request_transfer",
    "snooze_task",
    "close_promise",
    "acknowledge_alert",
    "undo",
]


def mutations(payload: dict[str, Any], hostile=HOSTILE):
    """(path, payload) for every key at every depth, with every hostile value."""
    for key, value in payload.items():
        for other in hostile:
            yield key, {**payload, key: other}
        if isinstance(value, dict):
            for path, changed in mutations(value, hostile):
                yield f"{key}.{path}", {**payload, key: changed}
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for path, changed in mutations(value[0], hostile):
                yield f"{key}.{path}", {**payload, key: [changed]}
    for key in ("set", "zzz", "store"):
        if key not in payload:
            for other in hostile:
                yield key, {**payload, key: other}


def send(world: World, name: str, *operations: dict[str, Any]) -> list[dict[str, Any]]:
    """A batch, taken back afterwards: the next one finds the same scene."""
    answers = []

    class Enough(Exception):
        pass

    try:
        with world.db.transaction():
            statement = "select api.sync_push(%s, %s)"
            answers = world.ask(name, statement, UUID(int=7), Jsonb(list(operations)))[0][0]
            raise Enough
    except Enough:
        return answers


def operation(world, verb, payload, base=None, **more):
    payload = {"store_id": str(world.stores["east"]), **payload}
    known = {"op_id": new_id(), "seq": 1, "verb": verb, "base_version": base, "payload": payload}
    return known | more


def innocent(world):
    fields = {"name": "王五", "source": "walk_in", "level": "near"}
    return operation(world, "save_customer", {"id": new_id(), "set": fields})


def test_every_verb_of_sync_push_is_attacked(db):
    body = db.execute("select prosrc from pg_proc where oid = 'crm.call_verb'::regproc")
    known = set(re.findall(r"when '([a-z_]+)' then return", body.fetchone()[0]))
    assert known == set(VERBS)


def outcome(world, name, *attacks):
    """The answers to attacks in one batch, between two operations that must be applied all the
    same."""
    before, after = innocent(world), innocent(world)
    first, *answers, last = send(world, name, before, *attacks, after)
    usual = "rejected" if name == "zhou" else "applied"  # who renews makes no customers
    assert [first["status"], last["status"]] == [usual, usual]
    return answers


def unexpected(attacks, answers):
    """What was neither applied nor refused by a field."""
    return [
        (path, json.dumps(attack["payload"], ensure_ascii=False)[-200:], answer)
        for (path, attack), answer in zip(attacks, answers, strict=True)
        if answer.get("code") == "unexpected"
        or (answer.get("code") == "invalid" and "field" not in answer)
    ]


def attacks_of(world, verb):
    name, payload, base = Scene(world).operations()[verb]
    found = [(p, operation(world, verb, changed, base)) for p, changed in mutations(payload)]
    return name, found


@pytest.mark.parametrize("verb", VERBS)
def test_a_hostile_value_is_refused_by_itself(world, verb):
    name, attacks = attacks_of(world, verb)
    for start in range(0, len(attacks), len(HOSTILE)):
        part = attacks[start : start + len(HOSTILE)]
        assert unexpected(part, outcome(world, name, *(a for _, a in part))) == []


@pytest.mark.long
@pytest.mark.parametrize("verb", VERBS)
def test_a_hostile_value_finds_the_records_as_they_were(world, verb):
    """One by one: in a batch an attack that is applied closes the task for those after it."""
    name, attacks = attacks_of(world, verb)
    for attack in attacks:
        assert unexpected([attack], outcome(world, name, attack[1])) == []


def test_without_a_hostile_value_each_operation_is_applied(world):
    """Else the attacks above would be refused at the door."""
    scene, refused = Scene(world), {}
    for verb, (name, payload, base) in scene.operations().items():
        more = {"log_conversation": ("approval_id",), "reassign": ("customer_id",)}.get(verb, ())
        known = {k: v for k, v in payload.items() if k not in more}
        [answer] = send(world, name, operation(world, verb, known, base))
        if answer["status"] != "applied":
            refused[verb] = answer
    assert {v: (a["code"], a.get("field"), a.get("errors")) for v, a in refused.items()} == {}


@pytest.mark.parametrize(
    "key", ["sent_at", "client_time", "seq", "base_version", "config_version", "verb", "payload"]
)
def test_a_hostile_envelope_is_refused_by_itself(world, key):
    payload = Scene(world).operations()["log_conversation"][1]
    attacks = [operation(world, "log_conversation", payload) | {key: x} for x in HOSTILE]
    assert unexpected([(key, a) for a in attacks], outcome(world, "he", *attacks)) == []


def test_what_is_no_operation_is_refused_by_itself(world):
    attacks = (*HOSTILE, {"op_id": new_id()}, {"op_id": new_id(), "seq": 1})
    for answer in outcome(world, "he", *attacks):
        assert (answer["status"], answer["code"]) == ("rejected", "invalid")


def test_an_operation_and_a_batch_have_a_size(world):
    big = operation(world, "save_customer", {"id": new_id(), "set": {}, "zzz": "x" * 300_000})
    answers = send(world, "he", innocent(world), big, innocent(world))
    assert [a["status"] for a in answers] == ["applied", "rejected", "applied"]
    assert (answers[1]["code"], answers[1]["field"]) == ("invalid", "payload")
    many = [big | {"op_id": new_id()} for _ in range(20)]
    refused = world.refused("he", "select api.sync_push(%s, %s)", UUID(int=7), Jsonb(many))
    assert refused == "PT413 too_many_operations"


@pytest.mark.parametrize("base", [2, 7, 999_999_999])
def test_a_version_that_never_was_does_not_switch_conflicts_off(world, base):
    scene = Scene(world)
    change = {"id": scene.customer, "set": {"need": "七座"}}
    answer = send(world, "he", operation(world, "save_customer", change, base=base + 5))[0]
    assert (answer["status"], answer["code"], answer["field"]) == (
        "rejected",
        "invalid",
        "base_version",
    )
    move = {"id": scene.deal, "stage": "visited"}
    answer = send(world, "he", operation(world, "move_deal", move, base=base + 5))[0]
    assert (answer["code"], answer["field"]) == ("invalid", "base_version")


@pytest.mark.parametrize("year", [2020.5, 1e300, -1, 1e-300, 99999, 2_147_483_648])
def test_a_year_is_a_whole_number_of_this_world(world, year):
    scene = Scene(world)
    change = {"id": scene.vehicle, "set": {"model_year": year}}
    answer = send(world, "he", operation(world, "save_vehicle", change, base=1))[0]
    assert (answer.get("code"), answer.get("field")) == ("invalid", "model_year"), answer
    assert answer["errors"][0]["code"] in ("type", "range")
