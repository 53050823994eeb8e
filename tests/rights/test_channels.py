"""T2: a field a role may not see is absent on every channel; hidden is unknown, masked is its mask,
and no question is an oracle."""

import random
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from shared.domain.rights import at_least_readable
from tests.rights.channels import CHANNELS, CLAUSES, RELATIONS, Ask, Field
from tests.rights.permissions import IDENTITIES
from tests.rights.scene import EXTRA, File, Scene
from tests.support.people import new_id
from tests.support.present import dynamic, present

# Who is restricted in what follows from the document alone: a right that is not there is "hidden".
PEOPLE = ("advisor", "renewal", "assistant", "market", "group_admin", "inspector")
READER = "store_admin"
# A channel that has to tell a reader of some field something, or it proves nothing; these carry no
# value to anyone.
SILENT = {
    "count",
    "returning",
    "search sort",
    "config",
    "effective access",
    "undo",
    "error by whether",
    "new record",
    "moving a deal",
}

# digits change places: other value, other order, same form
SWAP = "translate({v}, '0123456789', '9876543210')"
MASKS = {  # the same mask before and after
    "phone": "left({v}, 3) || "
    + SWAP.format(v="substr({v}, 4, length({v}) - 7)")
    + " || right({v}, 4)",
    "plate": "left({v}, 2) || "
    + SWAP.format(v="substr({v}, 3, length({v}) - 3)")
    + " || right({v}, 1)",
    "tail4": SWAP.format(v="left({v}, length({v}) - 4)") + " || right({v}, 4)",
}
OTHER = {
    "male": "female",
    "female": "male",
    "walk_in": "phone",
    "noon": "evening",
    "near": "intent",
    "friend": "spouse",
    "advises": "decides",
    "both": "commercial",
}


@pytest.fixture(scope="module")
def scene(stack) -> Iterator[Scene]:
    with psycopg.connect(stack.db_url) as connection:
        found = Scene(connection, each=2)
        for relation in (
            RELATIONS.values()
        ):  # a change of a value alone: no history, no new version, no new number
            for (trigger,) in connection.execute(
                "select tgname from pg_trigger where tgrelid = ('crm.' || %s)::regclass and not "
                "tgisinternal and tgname ~ '(a_stamp|losses|history|unique|zz_probe)$'",
                (relation,),
            ).fetchall():
                connection.execute(dynamic(f"alter table crm.{relation} disable trigger {trigger}"))
        yield found
        connection.rollback()


def fields(scene: Scene, file: File) -> list[Field]:
    """Every field of every form, with what that file holds."""
    found = []
    for form, key, type_, is_base in scene.db.execute(
        "select form, key, type, is_base from crm.fields where store_id = %s and not retired "
        "order by 1, is_base desc, position",
        (scene.stores[file.store],),
    ).fetchall():
        value = scene.row(
            f"select (to_jsonb(t) || t.custom) -> %s from crm.{RELATIONS[form]} t where "
            "t.store_id = %s and t.id = %s",
            key,
            scene.stores[file.store],
            getattr(file, form),
        )
        assert value is not None, (form, key)
        found.append(Field(form, key, type_, is_base, value))
    return found


def sample(scene: Scene, identity: str, some: list[Field], whole: bool) -> list[Field]:
    """By default the store's own fields of two forms drawn for that person stand for those of all
    six; a form is a view built by the same lines."""
    forms = random.Random(identity).sample(sorted(RELATIONS), 2)
    return [f for f in some if whole or f.form in forms or f.key not in {e["key"] for e in EXTRA}]


def roads(identity: str, field: Field, whole: bool) -> list[tuple[str, Ask]]:
    """By default the clauses of a view are drawn, two of five for each field and person; a road of
    its own is always gone."""
    dice = random.Random(f"{identity} {field.form} {field.key}")
    return [
        (name, ask)
        for name, ask in CHANNELS.items()
        if name not in CLAUSES
        or (dice.random() < 0.4)
        or whole
        or name in ("select *", "order", "eq")
    ]


def right(scene: Scene, identity: str, field: Field) -> str:
    """What the document gives: write, read, masked or hidden."""
    role = next(r for r in scene.document["roles"] if r["key"] == present(IDENTITIES[identity])[1])
    granted = role["rights"].get(field.form, {}).get(field.key)
    return at_least_readable(field.form, field.key, granted) or "hidden"


def change(scene: Scene, field: Field, mask: str | None, stores: list) -> None:
    """Give every record of these stores another value of this field, of the same mask when one is
    given; copies in other records and old values follow."""
    v = f"t.{field.key}" if field.base else f"(t.custom ->> '{field.key}')"
    if isinstance(field.value, bool):
        new = f"not t.{field.key}"
    elif field.key == "model_year":
        new = f"4051 - t.{field.key}"
    elif field.type in ("number", "money"):
        new = f"20000000 - {v}::bigint"
    elif field.type == "date":
        new = f"'2060-01-01'::date - (t.{field.key} - '2000-01-01'::date)"
    elif field.type in ("select", "level"):
        new = "case " + " ".join(f"when {v} = '{a}' then '{b}'" for a, b in OTHER.items()) + " end"
    else:
        new = MASKS.get(mask or "", SWAP).format(v=v)
    relation = RELATIONS[field.form]
    sql = (
        f"update crm.{relation} t set {field.key} = {new} where t.store_id = any (%s)"
        if field.base
        else f"update crm.{relation} t set custom = jsonb_set(t.custom, '{{{field.key}}}', "
        f"to_jsonb({new})) where t.custom ? '{field.key}' and t.store_id = any (%s)"
    )
    scene.db.execute(dynamic(sql), (stores,))
    for side in ("old", "new"):
        e = f"(t.{side} #>> '{{}}')"
        scene.db.execute(
            f"update crm.events t set {side} = to_jsonb({SWAP.format(v=e)}) where t.form = %s and "
            f"t.field = %s and t.is_field and {e} is not null and t.store_id = any (%s)",
            (field.form, field.key, stores),
        )
    if (
        field.form == "customer" and field.key == "level"
    ):  # what was graded in a conversation is a copy of it
        scene.db.execute(
            "update crm.conversations set level_after = 'intent', level_before = 'intent' where "
            "store_id = any (%s)",
            (stores,),
        )
    if field.form == "customer" and field.key == "next_contact_on":
        scene.db.execute(
            "update crm.conversations set next_contact_on = '2044-04-04' where store_id = any (%s)",
            (stores,),
        )


def world_of(scene: Scene, identity: str, some: list[Field]) -> None:
    """The world in which all these fields, restricted for that person, hold something else; not
    where they have another role."""
    elsewhere = scene.stores["west"] if identity == "two_stores" else None
    stores = [store for store in scene.stores.values() if store != elsewhere]
    masks = dict(
        scene.db.execute(
            "select form || '.' || key, mask from crm.fields where store_id = %s and not retired",
            (scene.stores["east"],),
        ).fetchall()
    )
    for field in some:
        change(
            scene,
            field,
            masks[f"{field.form}.{field.key}"]
            if right(scene, identity, field) == "masked"
            else None,
            stores,
        )


def culprits(scene: Scene, identity: str, question: str, some: list[Field]) -> list[str]:
    """Which single field changes that answer."""
    (before,), found = scene.ask_many(identity, [question]), []
    for field in some:
        with scene.db.transaction(force_rollback=True):
            world_of(scene, identity, [field])
            (after,) = scene.ask_many(identity, [question])
            if after.heard != before.heard:
                found.append(
                    f"{field.form}.{field.key} ({right(scene, identity, field)}): "
                    f"{before.everything[:100]} | {after.everything[:100]}"
                )
    return found


@pytest.mark.parametrize(
    ("people", "whole"),
    [
        (PEOPLE, False),
        pytest.param(
            (*PEOPLE, "team_lead", "two_stores", "other_lead"), True, marks=pytest.mark.long
        ),
    ],
)
def test_no_channel_tells_what_a_role_may_not_see(scene, people, whole):
    """Noninterference: a person's questions in two worlds that differ in nothing but what is hidden
    or masked from them."""
    cells, leaks, alive = 0, [], set()
    start = scene.attempts
    for identity in (*people, READER):
        file = scene.files[identity]
        known = fields(scene, file)
        some = (
            known
            if identity == READER
            else [f for f in known if right(scene, identity, f) in ("hidden", "masked")]
        )
        asked_of = (
            sample(scene, identity, some, whole)
            if identity != READER
            else [f for f in some if f.form in ("customer", "vehicle", "deal", "conversation")]
        )
        asked = [
            (name, field, q)
            for field in asked_of
            for name, ask in roads(identity, field, whole or identity == READER)
            if (q := ask(scene, field, file)) is not None
        ]
        questions = list(
            dict.fromkeys(q for *_, q in asked)
        )  # some roads do not depend on the field asked about
        before = dict(zip(questions, scene.ask_many(identity, questions), strict=True))
        with scene.db.transaction(force_rollback=True):
            world_of(scene, identity, some)
            after = dict(zip(questions, scene.ask_many(identity, questions), strict=True))
        differ = {q for q in questions if before[q].heard != after[q].heard}
        if identity == READER:
            alive = {name for name, _, q in asked if q in differ}
            continue
        cells += len(asked)
        told = {q: culprits(scene, identity, q, some) for q in sorted(differ)[:8]}
        leaks += sorted(
            {f"{identity}, {name}: {told.get(q, q)}" for name, _, q in asked if q in differ}
        )
    print(
        f"\nT2 channels: {len(CHANNELS)} channels, {cells:,} cells, {scene.attempts - start:,} "
        f"attempts, {len(leaks)} leaks"
    )
    assert not leaks, "\n".join(leaks[:20])
    dead = set(CHANNELS) - SILENT - alive
    assert not dead, f"these told a reader nothing either, so they prove nothing: {dead}"
    assert cells >= 2000
    assert len(CHANNELS) >= 15


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.long)])
def test_hidden_is_answered_as_unknown(scene, whole):
    """Every road asked for a hidden field of the store's own, and for one that was never there:
    word for word the same."""
    cells, start, told = 0, scene.attempts, []
    for identity in PEOPLE:
        file = scene.files[identity]
        hidden = sample(
            scene,
            identity,
            [
                f
                for f in fields(scene, file)
                if not f.base and right(scene, identity, f) == "hidden"
            ],
            whole,
        )
        asked = []
        for field in hidden:
            nothing = replace(field, key="no_such_field")
            asked += [
                (name, field, a, b)
                for name, ask in roads(identity, field, whole)
                if (a := ask(scene, field, file)) is not None
                and (b := ask(scene, nothing, file)) is not None
                and a != b
            ]
        answers = scene.ask_many(identity, [q for *_, a, b in asked for q in (a, b)])
        for (name, field, *_), there, not_there in zip(
            asked, answers[::2], answers[1::2], strict=True
        ):
            cells += 1
            if there.heard != tuple(x.replace("no_such_field", field.key) for x in not_there.heard):
                told.append(
                    f"{identity}, {name}, {field.form}.{field.key}: {there.everything[:200]} | "
                    f"{not_there.everything[:200]}"
                )
    print(
        f"\nT2 hidden as unknown: {cells:,} cells, {scene.attempts - start:,} attempts, "
        f"{len(told)} differ"
    )
    assert not told, "\n".join(told[:20])
    assert cells > 400


@pytest.mark.parametrize(
    "everyone",
    [
        ("market", "manager", "group_admin"),
        pytest.param(
            tuple(i for i in IDENTITIES if i not in ("anon", "stranger")), marks=pytest.mark.long
        ),
    ],
)
def test_keys_nobody_defined_stay_hidden_from_everybody(scene, everyone):
    """Written past every guard: a key that never was, one whose definition was deleted, one of
    another form. The allow-list knows none of them."""
    start, told = scene.attempts, []
    with scene.db.transaction(force_rollback=True):
        scene.db.execute("alter table crm.fields disable trigger user")
        for relation in RELATIONS.values():
            scene.db.execute(f"alter table crm.{relation} disable trigger user")
            foreign = "plate" if relation == "policies" else "insurer"
            scene.db.execute(f"""update crm.{relation}
              set custom = custom || '{{"stray": "strayvalue1", "gone": "strayvalue2",
                  "{foreign}": "strayvalue3"}}',
                custom_masked = custom_masked
                  || '{{"stray": "strayvalue4", "secret_text": "strayvalue5"}}'""")
        scene.db.execute(
            "insert into crm.fields (store_id, form, key, label, type) select id, 'customer', "
            "'gone', '{}', 'text' from crm.stores"
        )
        scene.db.execute(
            "insert into crm.field_rights (store_id, role, form, key, access) select store_id, "
            "key, 'customer', 'gone', 'read' from crm.roles"
        )
        scene.db.execute("delete from crm.fields where key = 'gone'")
        for identity in everyone:
            file = scene.files[identity]
            some = [
                f
                for f in fields(scene, file)
                if f.key in ("source", "relation", "title", "notes", "brand", "kind")
            ]
            questions = list(
                dict.fromkeys(
                    q
                    for f in some
                    for ask in CHANNELS.values()
                    if (q := ask(scene, f, file)) is not None
                )
            )
            told += [
                f"{identity}: {q[:120]}: {a.everything[:120]}"
                for q, a in zip(questions, scene.ask_many(identity, questions), strict=True)
                if "strayvalue" in a.everything
            ]
    print(f"\nT2 stray keys: {scene.attempts - start:,} attempts, {len(told)} seen")
    assert not told, "\n".join(told[:20])


# The dichotomy attack
# --------------------------------------------------------------------------------------------------
# 200 numbers of 12 bits, drawn evenly; twelve questions each, every answer steering the next.
# Whoever learns nothing gets a number right with probability 1/4096: among 200 more than 3 would
# happen once in 3 million runs. Bit by bit they are right half the time: of 2,400 bits 1,200 ±
# 24.5; five standard deviations are allowed.
SECRETS, BITS = 200, 12

ORACLES = {  # a question for each secret and middle: does it lie above? {n} rows of (id, middle)
    "filter": "select (v.custom ->> 'bottom_fen')::numeric > m.middle from m left join "
    "api.customers v on v.id = m.id",
    "jsonpath": "select v.custom @? format('$.bottom_fen ? (@ > %s)', m.middle)::jsonpath from m "
    "left join api.customers v on v.id = m.id",
    "contains": "select exists (select from generate_series(m.middle + 1, 4095) g where v.custom "
    "@> jsonb_build_object('bottom_fen', g)) from m left join api.customers v on v.id = m.id",
    "sort": "select rank() over (order by v.custom -> 'bottom_fen') > 100 from m left join "
    "api.customers v on v.id = m.id",
    "aggregate": "select (select max((v.custom ->> 'bottom_fen')::numeric) from api.customers v "
    "where v.id = m.id) > m.middle from m",
    "history": "select exists (select from api.timeline t where t.subject_id = m.id and (t.new "
    "#>> '{}') ~ '^[0-9]+$' and (t.new #>> '{}')::numeric > m.middle) from m",
    "search": "select exists (select from api.search_customers({store}, m.middle::text) s where "
    "s.id = m.id) from m",
    "brief": "select (api.customer_brief({store}, m.id) #>> "
    "'{customer,custom,bottom_fen}')::numeric > m.middle from m",
    "write back": "select api.sync_push('00000000-0000-0000-0000-000000000007', "
    "jsonb_build_array(jsonb_build_object('op_id', m.op, 'seq', 1, 'verb', "
    "'save_customer', 'base_version', 1,"
    " 'payload', jsonb_build_object('store_id', {store}, 'id', m.id, 'set', "
    "jsonb_build_object('bottom_fen', m.middle))))) -> 0 ->> 'status' = 'applied' from m",
    "conflict": "select (api.sync_push('00000000-0000-0000-0000-000000000007', "
    "jsonb_build_array(jsonb_build_object('op_id', m.op, 'seq', 1, 'verb', "
    "'save_customer', 'base_version', 0,"
    " 'payload', jsonb_build_object('store_id', {store}, 'id', m.id, 'set', "
    "jsonb_build_object('need', m.middle::text))))) #>> '{0,row,bottom_fen}')::numeric > "
    "m.middle from m",
}
STEPPED = {
    "contains",
    "write back",
    "conflict",
    "brief",
    "search",
}  # milliseconds an answer: 12 of the secrets


def dichotomy(scene: Scene, identity: str, secrets: dict[str, int], sql: str) -> tuple[int, int]:
    """Twelve rounds of halving; answers how many secrets came out whole, and how many bits."""
    low = dict.fromkeys(secrets, 0)
    for bit in reversed(range(BITS)):
        middles = {s: low[s] + (1 << bit) - 1 for s in secrets}
        rows = ", ".join(f"('{s}'::uuid, {m}, gen_random_uuid())" for s, m in middles.items())
        question = (
            f"with m (id, middle, op) as (values {rows}), a (above) as "
            f"({sql.replace('{store}', repr(str(scene.stores['east'])))}) select jsonb_agg(above) "
            "from a"
        )
        (answer,) = scene.ask_many(identity, [question])
        assert answer.state == "ok", answer
        above = answer.value or []
        scene.attempts += len(secrets) - 1
        for s, yes in zip(secrets, [*above, *[None] * (len(secrets) - len(above))], strict=True):
            low[s] += (1 << bit) if yes else 0
    return sum(low[s] == v for s, v in secrets.items()), sum(
        BITS - (low[s] ^ v).bit_count() for s, v in secrets.items()
    )


def test_a_hidden_number_cannot_be_halved_into(scene):
    dice, start, found = random.Random(2026), scene.attempts, []
    with scene.db.transaction(force_rollback=True):
        secrets = {new_id(): dice.randrange(1 << BITS) for _ in range(SECRETS)}
        for customer, secret in secrets.items():
            scene.db.execute(
                "insert into crm.customers (store_id, id, owner_id, name, source, level, custom) "
                "values (%s, %s, %s, '客户', 'walk_in', 'near', jsonb_build_object('bottom_fen', "
                "%s::int))",
                (scene.stores["east"], customer, scene.users["advisor"], secret),
            )
            scene.db.execute("update crm.customers set need = '老' where id = %s", (customer,))
        for name, sql in ORACLES.items():
            some = dict(list(secrets.items())[: 12 if name in STEPPED else SECRETS])
            whole, bits = dichotomy(scene, "advisor", some, sql)
            chance = len(some) * BITS / 2
            if whole > 3 or abs(bits - chance) > 5 * (len(some) * BITS) ** 0.5 / 2:
                found.append(
                    f"{name}: {whole} of {len(some)} whole, {bits} bits of {len(some) * BITS}"
                )
            reader = (
                dichotomy(scene, READER, some, sql)[0]
                if name in ("filter", "jsonpath", "contains", "aggregate", "brief")
                else None
            )
            assert reader in (None, len(some)), (
                f"{name}: a reader recovers {reader} only: the attack itself is broken"
            )
        # The attack finds what is there to be found: a function that filters the base table by a
        # caller's key.
        scene.db.execute(
            "create function probe.leaky(p uuid, n int) returns bool language sql stable security "
            "definer set search_path = '' as $$ select (c.custom ->> 'bottom_fen')::numeric > n "
            "from crm.customers c where c.id = p $$"
        )
        scene.db.execute("grant execute on function probe.leaky(uuid, int) to authenticated")
        assert dichotomy(
            scene, "advisor", secrets, "select probe.leaky(m.id, m.middle) from m"
        ) == (SECRETS, SECRETS * BITS)
    print(
        f"\nT2 dichotomy: {SECRETS} secrets of {BITS} bits, {len(ORACLES)} oracles, "
        f"{scene.attempts - start:,} questions, {len(found)} better than chance; one leaky "
        f"function: {SECRETS} of {SECRETS}"
    )
    assert not found, "\n".join(found)
