"""Everything exposed, asked by everybody, with whatever a client can send: refusals speak our own
words and change nothing."""

import random

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.support.people import PEOPLE, new_id

ODD_TEXT = [
    "",
    " ",
    "x",
    "'; drop table crm.customers; --",
    "%",
    "\\",
    "张三",
    "a" * 5000,
    "13800138000",
    "new_car",
    "policies",
    "2026-02-30",
]
ODD_JSON = [
    None,
    {},
    [],
    7,
    "x",
    True,
    [None],
    [{}],
    [[]],
    {"since": "x"},
    {"roles": []},
    {"since": -1},
    [{"op_id": 1}],
    {"pool": "market", "level": "near", "source": "walk_in"},
    [{"row": 1, "key": "k", "customer": {"name": "x"}}],
]
ODD_INT = [None, -1, 0, 1, 50, 2**31 - 1, -(2**31)]


def functions(db) -> dict[str, list[tuple[str, str]]]:
    """Every api function with its arguments: from the catalogue, so that a new one is attacked
    without being listed."""
    rows = db.execute("""select p.proname,
      coalesce(array_agg(a.name || ':' || format_type(a.type, null) order by a.n)
      filter (where a.name is not null), '{}')
        from pg_proc p left join lateral unnest(p.proargnames[1:p.pronargs], p.proargtypes::oid[])
          with ordinality a (name, type, n) on true
        where p.pronamespace = 'api'::regnamespace group by p.oid, p.proname""").fetchall()
    return {name: [tuple(x.split(":", 1)) for x in arguments] for name, arguments in rows}


def odd(dice: random.Random, kind: str, world) -> object:
    if kind == "uuid":
        return dice.choice([None, new_id(), *world.stores.values(), world.users["lin"]])
    if kind in ("integer", "bigint"):
        return dice.choice(ODD_INT)
    if kind == "jsonb":
        return Jsonb(dice.choice(ODD_JSON))
    if kind == "boolean":
        return dice.choice([None, True, False])
    if kind == "text[]":
        return dice.choice([None, [], ["x"], list(PEOPLE)])
    if kind == "date":
        return dice.choice(
            [None, "2026-11-30", "-infinity", "infinity", "0001-01-01", "9999-12-31"]
        )
    assert kind == "text", f"teach this test about {kind}"
    return dice.choice([None, *ODD_TEXT])


def test_any_body_is_answered_in_our_own_words(world):
    """1,000 and more bodies a run: a built-in error would tell SQL, or a value, to whoever asks."""
    customer = world.customer()
    world.log_conversation("lin", customer)
    dice, raw, asked = random.Random(14), [], 0
    for name, arguments in functions(world.db).items():
        for _ in range(90):
            who = dice.choice([*PEOPLE, "stranger"])
            values = [
                world.stores[PEOPLE.get(who, ("east", ""))[0]]
                if a == "store_id" and dice.random() < 0.6
                else odd(dice, kind, world)
                for a, kind in arguments
            ]
            places = ", ".join("%s" for _ in values)
            asked += 1
            try:
                with world.db.transaction(force_rollback=True):
                    world.ask(who, f"select * from api.{name}({places})", *values)
            except psycopg.Error as error:
                if not str(error.sqlstate).startswith("PT"):
                    raw.append(
                        f"{name} as {who}: {error.sqlstate} {error.diag.message_primary} <- "
                        f"{[str(v)[:60] for v in values]}"
                    )
    assert asked >= 1000
    assert raw == []


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
    "snooze_task",
    "undo",
    "claim_customer",
    "reassign",
    "acknowledge_transfer",
    "request_transfer",
    "record_visit",
    "save_relationship",
    "save_consent",
    "renew_policy",
    "mark_policy_lost",
    "claim_policy",
    "set_renewal_owner",
    "nonsense",
]
KEYS = [
    "id",
    "customer_id",
    "task_id",
    "deal_id",
    "vehicle_id",
    "policy_id",
    "owner_id",
    "pool",
    "pipeline",
    "stage",
    "set",
    "outcome",
    "method",
    "notes",
    "level",
    "next_contact_on",
    "occurred_at",
    "dialled_at",
    "away_seconds",
    "reason",
    "decision",
    "remark",
    "checked",
    "lost_reason",
    "until",
    "op_id",
    "customer_ids",
    "other_id",
    "relation",
    "phone",
    "plate",
    "companions",
    "party",
    "arrived_at",
    "purpose",
    "channel",
    "granted",
    "insurer",
    "price_fen",
    "expires_on",
    "next_id",
    "anonymous",
]


def test_any_operation_is_refused_by_a_code_and_never_by_accident(world):
    """`unexpected` means a verb met something it had not thought of: 1,200 operations, none may."""
    customer = world.customer()
    task = world.task(customer)
    deal = new_id()
    world.done(
        "lin", "save_deal", {"id": deal, "customer_id": customer, "pipeline": "new_car", "set": {}}
    )
    known = [customer, task, deal, new_id(), str(world.users["lin"])]
    values = [
        *known,
        None,
        "",
        "x",
        7,
        -1,
        1.5,
        True,
        [],
        {},
        ["x"],
        {"name": "x"},
        {"amount_fen": 5},
        {"amount_fen": "x"},
        "interested",
        "no_answer",
        "near",
        "call",
        "2026-12-24",
        "2026-02-30",
        "infinity",
        "lost",
        "price",
        "approve",
        "reject",
        "new_car",
        "quoted",
        "长" * 5000,
    ]
    dice, found = random.Random(15), []
    for _ in range(1200):
        who, verb = dice.choice(["lin", "he", "zhou", "xu", "wu"]), dice.choice(VERBS)
        payload = {k: dice.choice(values) for k in dice.sample(KEYS, dice.randrange(0, 8))}
        payload.setdefault("id", dice.choice(known))
        with world.db.transaction(force_rollback=True):
            answer = world.push(who, verb, payload, base_version=dice.choice([None, None, 1]))
        if answer.get("code") == "unexpected":
            found.append((verb, payload))
    assert [str(f)[:300] for f in found] == []


def test_server_owned_columns_cannot_be_set(world):
    """Mass assignment: every column of a record that is no field, through `set`, on creating and on
    changing."""
    customer = world.customer()
    fields = {
        r[0]
        for r in world.db.execute(
            "select key from crm.fields where store_id = %s and form = 'customer' and not retired",
            (world.stores["east"],),
        ).fetchall()
    }
    columns = [
        r[0]
        for r in world.db.execute(
            "select attname from pg_attribute where attrelid = 'crm.customers'::regclass and "
            "attnum > 0 and not attisdropped"
        ).fetchall()
    ]
    tried = 0
    for column in columns:
        if column in fields:
            continue
        for payload, base in (
            (
                {
                    "id": new_id(),
                    "set": {"name": "x", "source": "phone", "level": "near", column: 99},
                },
                None,
            ),
            ({"id": customer, "set": {column: 99}}, 1),
        ):
            answer = world.push("he", "save_customer", payload, base_version=base)
            assert {"field": column, "code": "forbidden"} in answer.get("errors", []), (
                column,
                answer,
            )
            tried += 1
    assert tried > 40


@pytest.mark.parametrize("who", [*PEOPLE, "stranger"])
def test_what_a_person_may_not_see_he_cannot_count_order_or_find(world, who):
    """Every view as everybody: no row of a store that is not theirs, whatever the clause."""
    for owner in ("lin", "ma", "yan"):
        customer = world.customer(owner)
        world.task(customer, owner)
    store = PEOPLE[who][0] if who in PEOPLE else None
    for view in [
        r[0]
        for r in world.db.execute(
            "select relname from pg_class where relnamespace = 'api'::regnamespace"
        ).fetchall()
    ]:
        column = "id" if view == "stores" else "store_id"
        allowed = {world.stores[store]} if store else set()
        for clause in (
            "",
            f" order by {column} desc",
            f" group by {column}",
            f" where {column} is not null",
        ):
            found = {r[0] for r in world.ask(who, f"select {column} from api.{view}{clause}")}
            assert found <= allowed, (view, clause)


def test_an_operation_belongs_to_who_made_it(world):
    """Another person's op_id answers nothing about it, and cannot be undone or replayed into their
    name."""
    customer = world.customer()
    mine = world.log_conversation("lin", customer)
    stolen = world.push(
        "he", "snooze_task", {"task_id": new_id(), "until": "2026-12-01"}, op_id=mine["op_id"]
    )
    assert stolen == {"op_id": mine["op_id"], "status": "rejected", "code": "id_taken"}
    assert world.push("he", "undo", {"op_id": mine["op_id"]})["code"] == "not_found"


def test_the_marker_of_an_operation_cannot_be_forged_by_a_client(world):
    """crm.op_id is a setting any session may write; the events of a verb carry the verb's own."""
    customer = world.customer()
    forged = new_id()
    world.db.execute("select set_config('crm.op_id', %s, true)", (forged,))
    answer = world.done(
        "lin", "save_customer", {"id": customer, "set": {"need": "七座"}}, base_version=1
    )
    assert world.row("select count(*) from crm.events where op_id = %s", forged) == 0
    assert world.row("select count(*) from crm.events where op_id = %s", answer["op_id"]) == 1
