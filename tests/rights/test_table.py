"""T1: everything exposed × every kind of person × whose records, against the table of
permissions.py; 0 leaks, 0 bytes changed by a refusal."""

import re
from collections.abc import Iterator

import psycopg
import pytest

from tests.rights.permissions import (
    ACTIONS,
    ACTS,
    FUNCTIONS,
    IDENTITIES,
    REFUSALS,
    TABLES,
    TARGETS,
    VIEWS,
)
from tests.rights.scene import SISTER, Answer, File, Scene, literal
from tests.support.people import new_id

WORDS = {
    "o": "his own",
    "c": "a colleague's",
    "p": "the pool's",
    "s": "the sister store's",
    "g": "another group's",
}
MARK = re.compile(r"zq\d\dx")
# Ways to ask a view for the rows of one target: whatever the clause, the answer is the same.
SELECTS = {
    "count": "select count(*) from api.{view} where {at}",
    "rows": "select string_agg(to_jsonb(v)::text, '') from api.{view} v where {at}",
    "negated": "select (select count(*) from api.{view}) - (select count(*) from api.{view} where "
    "({at}) is not true)",
    "embedded": "select count(*) from api.stores s join lateral (select * from api.{view} v where "
    "{at}) v on v.{store_column} = s.id",
    "aggregate": "select max({store_column}::text) from api.{view} where {at}",
}
MORE_SELECTS = {
    "exists": "select 1 where exists (select from api.{view} where {at})",
    "ordered": "select count(*) from (select * from api.{view} where {at} order by 1 desc, 2 "
    "limit 5) x",
    "grouped": "select sum(x.n) from (select {store_column}, count(*) as n from api.{view} where "
    "{at} group by 1) x",
    "or": "select count(*) from api.{view} where ({at}) or {store_column} is null",
    "materialised": "with x as materialized (select * from api.{view}) select count(*) from x "
    "where {at}",
}
WRITES = {
    "insert": (
        "insert into api.{view} select * from api.{view} where {at}",
        "insert into api.{view} ({store_column}) values ({store}) returning 1",
    ),
    "update": (
        "update api.{view} set {store_column} = {store_column} where {at}",
        "update api.{view} set {store_column} = {store_column} where {at} returning 1",
    ),
    "delete": (
        "delete from api.{view} where {at}",
        "delete from api.{view} where {at} returning 1",
    ),
    "upsert": (
        "insert into api.{view} ({store_column}) values ({store}) on conflict do nothing",
        "merge into api.{view} v using (select 1) x on {at} when matched then delete",
    ),
    "move": (
        "update api.{view} set {store_column} = {other_store} where {at}",
        "merge into api.{view} v using (select 1) x on {at} when matched then update set "
        "{store_column} = {other_store}",
    ),
}


class Tally:
    """Cells and attempts of a battery, and what was wrong."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.start = scene, scene.attempts
        self.cells: set[tuple[str, str, str, str]] = set()
        self.leaks: list[str] = []
        self.wrong: list[str] = []
        self.changed: list[str] = []

    def read(self, identity: str, answer: Answer, what: str) -> None:
        """Nothing of a file this person may not see, in an answer or in an error."""
        if found := {*MARK.findall(answer.everything)} - seen_by(self.scene, identity):
            self.leaks.append(f"{what}: holds {sorted(found)}")

    def stays_inside(
        self, identity: str, answer: Answer, what: str, *, beyond: bool = False
    ) -> None:
        """What was written lies in their own stores; operations are logged where they were sent."""
        elsewhere = {
            (t, s) for t, s in answer.written if s and s not in self.scene.stores_of(identity)
        }
        if (
            identity == "former"
        ):  # what a disabled member's phone still sends to their old store is kept for a manager
            elsewhere -= {
                (t, str(self.scene.stores["east"]))
                for t in ("operations", "quarantined_operations")
            }
        if elsewhere and not beyond:
            self.leaks.append(f"{what}: wrote {sorted(elsewhere)} outside his stores")

    def finish(self, name: str) -> None:
        print(
            f"\n{name}: {len(self.cells):,} cells, {self.scene.attempts - self.start:,} attempts, "
            f"{len(self.leaks)} leaks, {len(self.changed)} digests changed, {len(self.wrong)} "
            "against the table"
        )
        assert not self.leaks, "leaks:\n" + "\n".join(self.leaks[:40])
        assert not self.changed, "changed by what was refused:\n" + "\n".join(self.changed[:40])
        assert not self.wrong, (
            "the product and tests/rights/permissions.py disagree, mend the one that is wrong:\n"
            + "\n".join(self.wrong[:40])
        )


_seen: dict[str, set[str]] = {}


def seen_by(scene: Scene, identity: str) -> set[str]:
    """Marks of the files whose records that person may see, by the letters of the table."""
    if identity not in _seen:
        _seen[identity] = {
            f.mark
            for f in scene.files.values()
            if letter_of(scene, identity, f) in VIEWS["customers"].who[identity]
        }
    return _seen[identity]


def letter_of(scene: Scene, identity: str, file: File) -> str:
    home = scene.home(identity)
    if file.key == identity:
        return "o"
    if file.store == home:
        if file.key.startswith("pool_"):
            return "p"
        return "c" if scene.is_mate(identity, file) else "none"
    return "s" if file.store == SISTER[home] else "g"


@pytest.fixture(scope="module")
def scene(stack) -> Iterator[Scene]:
    with psycopg.connect(stack.db_url) as connection:
        yield Scene(connection)
        connection.rollback()


def ways(selects: dict[str, str], action: str, letter: str) -> list[tuple[str, str]]:
    """How an action is tried: reading in every way, writing in one of the two, in the long run in
    both."""
    if action == "select":
        return list(selects.items())
    both: list[tuple[str, str]] = list(zip(("plain", "more"), WRITES[action], strict=True))
    return both if selects is MORE_SELECTS else [both[TARGETS.index(letter) % 2]]


# Views --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "selects", [SELECTS, pytest.param(MORE_SELECTS, marks=pytest.mark.long)], ids=["usual", "more"]
)
def test_views(scene, selects):
    tally = Tally(scene)
    for identity in IDENTITIES:
        before = scene.full_digest()
        for view, rule in VIEWS.items():
            store_column = "id" if view == "stores" else "store_id"
            asked, questions = [], []
            for letter, file in scene.targets(identity):
                values = scene.values(file) | {
                    "view": view,
                    "store_column": store_column,
                    "other_store": f"'{scene.stores[SISTER[file.store]]}'",
                }
                values["at"] = rule.at.format(**values)
                for action in ACTIONS:
                    tally.cells.add((f"view {view}", action, identity, letter))
                    for way, sql in ways(selects, action, letter):
                        asked.append((action, letter, way))
                        questions.append(sql.format(**values))
            for (action, letter, way), answer in zip(
                asked, scene.ask_many(identity, questions), strict=True
            ):
                what = f"{identity}: {action} ({way}) {WORDS[letter]} in api.{view}"
                tally.read(identity, answer, what)
                if action == "select":
                    may = letter in rule.who[identity]
                    saw = answer.state == "ok" and answer.text not in ("", "0")
                    if saw and not may:
                        tally.leaks.append(f"{what}: saw {answer.text[:80]}")
                    elif may and not saw:
                        tally.wrong.append(
                            f"{what}: the table says yes, the answer was {answer.state} "
                            f"{answer.told[:80]}"
                        )
                    elif not saw and answer.state != ("42501" if identity == "anon" else "ok"):
                        tally.wrong.append(f"{what}: {answer.state} {answer.told[:80]}")
                elif answer.state not in ("42501", "55000", "0A000"):  # no right; a view that joins
                    tally.leaks.append(f"{what}: {answer.state} {answer.told[:80]}")
        everything = scene.ask_many(
            identity,
            [f"select string_agg(to_jsonb(v)::text, '') from api.{view} v" for view in VIEWS],
        )
        for view, answer in zip(VIEWS, everything, strict=True):
            tally.read(identity, answer, f"{identity}: all of api.{view}")
        if scene.full_digest() != before:
            tally.changed.append(identity)
    tally.finish("T1 views")
    assert len(tally.cells) >= 6000


# Functions ----------------------------------------------------------------------------------------


SLOW = {
    "check_config",
    "publish_config",
    "restore_config",
    "check_access",
}  # a proof each; by default only two of those who are served are


@pytest.mark.parametrize(
    "published",
    [("store_admin", "group_admin"), pytest.param(tuple(IDENTITIES), marks=pytest.mark.long)],
    ids=["usual", "all"],
)
def test_functions(scene, published):
    tally = Tally(scene)
    for identity in IDENTITIES:
        before = scene.full_digest()
        asked, questions = [], []
        own = scene.values(scene.target(identity, "o"))
        for letter, file in scene.targets(identity):
            his = scene.values(file)
            for name, door in FUNCTIONS.items():
                if name in SLOW and letter in door.who[identity] and identity not in published:
                    continue
                tally.cells.add((f"function {name}", "call", identity, letter))
                straight = door.call.format(**his)
                if not re.search(r"\{(?!store|document|version|fresh)\w+\}", door.call):
                    asked.append((name, letter, "straight"))
                    questions.append(
                        f"select string_agg(to_jsonb(x)::text, '') from api.{name}({straight}) x"
                    )
                    continue
                # straight; their records under one's own store; one's own records under their
                # store; by name of no store
                for way, call in (
                    ("straight", straight),
                    (
                        "own store",
                        door.call.format(**his | {"store": own["store"], "code": "'no such code'"}),
                    ),
                    (
                        "own records",
                        door.call.format(**own | {"store": his["store"], "code": "''"}),
                    ),
                    ("no store", door.call.format(**his | {"store": "null", "code": "null"})),
                ):
                    asked.append((name, letter, way))
                    questions.append(
                        f"select string_agg(to_jsonb(x)::text, '') from api.{name}({call}) x"
                    )
        for (name, letter, way), answer in zip(
            asked, scene.ask_many(identity, questions), strict=True
        ):
            door, what = FUNCTIONS[name], f"{identity}: api.{name} ({way}) on {WORDS[letter]}"
            if door.offers:
                found = {
                    f.key
                    for f in scene.files.values()
                    if f.mark in answer.everything
                    and (
                        (f.store != scene.home(identity) and identity != "two_stores")
                        or f.phone in answer.everything
                    )
                }
                if found - {
                    f.key for f in scene.files.values() if f.mark in seen_by(scene, identity)
                }:
                    tally.leaks.append(f"{what}: offers {sorted(found)}")
            else:
                tally.read(identity, answer, what)
            tally.stays_inside(
                identity, answer, what, beyond=door.writes_elsewhere and way == "straight"
            )
            if answer.state != "ok" and (
                answer.written or not (answer.state.startswith("PT") or answer.state == "42501")
            ):
                tally.leaks.append(f"{what}: {answer.state} {answer.told[:120]}")
            if way != "straight":
                continue
            may, served = letter in door.who[identity], answer.state == "ok"
            if served and not may:
                tally.leaks.append(f"{what}: served with {answer.text[:80]}")
            elif may and not served:
                tally.wrong.append(
                    f"{what}: the table says yes, the answer was {answer.state} {answer.told[:120]}"
                )
            elif (
                not served
                and answer.state not in ("PT403", "PT404", "PT401", "42501")
                and "own_access" not in answer.told
            ):
                tally.wrong.append(f"{what}: refused by {answer.state} {answer.told[:120]}")
        if scene.full_digest() != before:
            tally.changed.append(identity)
    tally.finish("T1 functions")


# Verbs --------------------------------------------------------------------------------------------


def test_verbs(scene):
    tally = Tally(scene)
    for identity in IDENTITIES:
        before = scene.full_digest()
        asked, questions = [], []
        own = scene.target(identity, "o")
        for letter, file in scene.targets(identity):
            for name, act in ACTS.items():
                tally.cells.add((f"verb {name}", "act", identity, letter))
                payload = scene.fill(act.payload, file)
                thief = str(scene.users["lin" if letter == "o" or identity == "anon" else identity])
                ways = [
                    ("straight", payload, file.store),
                    ("own store", payload, own.store),
                    ("own records", scene.fill(act.payload, own), file.store),
                ]
                ways = ways[: 1 if letter == "o" else 3]
                if "set" in payload:
                    tally.cells.add((f"verb {name}", "move", identity, letter))
                    ways += [
                        (
                            "move",
                            {
                                **payload,
                                "set": {
                                    **payload["set"],
                                    "store_id": str(scene.stores[SISTER[file.store]]),
                                },
                            },
                            file.store,
                        ),
                        (
                            "take",
                            {**payload, "set": {**payload["set"], "owner_id": thief}},
                            file.store,
                        ),
                    ]
                for way, given, store in ways:
                    asked.append((name, letter, way))
                    questions.append(scene.operation(act.verb, given, store, act.base))
        for (name, letter, way), answer in zip(
            asked, scene.ask_many(identity, questions), strict=True
        ):
            act, what = ACTS[name], f"{identity}: {name} ({way}) on {WORDS[letter]}"
            tally.read(identity, answer, what)
            tally.stays_inside(identity, answer, what)
            result = (
                answer.value[0]
                if answer.state == "ok"
                else {"status": "error", "code": answer.state}
            )
            done, code = result["status"] == "applied", result.get("code")
            if (
                code == "unexpected"
                or (identity == "anon") != (answer.state == "42501")
                or answer.state not in ("ok", "42501")
            ):
                tally.wrong.append(f"{what}: {answer.state} {answer.told[:80]} {result}")
            if not done and {t for t, _ in answer.written} - {"operations"} - (
                {"quarantined_operations"} if result["status"] == "quarantined" else set()
            ):
                tally.changed.append(f"{what}: refused by {code}, wrote {sorted(answer.written)}")
            if way in ("move", "take") and done:
                tally.leaks.append(f"{what}: applied")
            if way != "straight":
                continue
            may = letter in act.who[identity]
            if done and not may:
                tally.leaks.append(f"{what}: applied")
            elif may and not done:
                tally.wrong.append(f"{what}: the table says yes, the answer was {result}")
            elif (
                not done
                and identity != "anon"
                and not {code, *(e["code"] for e in result.get("errors", []))} & REFUSALS
            ):
                tally.wrong.append(f"{what}: refused by {result}")
        if scene.full_digest() != before:
            tally.changed.append(identity)
    tally.finish("T1 verbs")


# The wall behind the doors ------------------------------------------------------------------------


def wall_questions(
    scene: Scene, identity: str, table: str, letter: str, file: File, *, as_him: bool = False
) -> Iterator[tuple[str, str]]:
    """What api_owner could try on a table for a person: (action, question). Rights on columns are
    the catalogue's, values the target's own row.

    as_him: an insert in the name of whoever the target's row names.
    """
    rule, rights = TABLES[table], scene.column_rights[table]
    at = rule.at.format(**scene.values(file))
    yield "select", f"select count(*) from crm.{table} where {at}"
    row = dict(scene.row_of(table, at) or {}) | {"custom": {}}
    row |= {k: new_id() for k in ("id", "op_id") if isinstance(row.get(k), str)}
    if rule.mine and not as_him:
        row[rule.mine] = str(scene.users.get(identity, "")) or None
    elif rule.mine:
        row[rule.mine] = row.get(rule.mine) or file.owner
    columns = ", ".join(rights["insert"]) or rights["all"][0]
    yield (
        "insert",
        f"insert into crm.{table} ({columns}) select {columns} from "
        f"jsonb_populate_record(null::crm.{table}, {literal(row)})",
    )
    column = (rights["update"] or rights["all"])[0]
    yield (
        "update",
        f"with w as (update crm.{table} set {column} = {column} where {at} returning 1) select "
        "count(*) from w",
    )
    yield (
        "delete",
        f"with w as (delete from crm.{table} where {at} returning 1) select count(*) from w",
    )


def let_through(table: str, action: str, answer: Answer) -> bool:
    """Whether this table's policies let it through: another table's refusal, or a key in use, comes
    after them."""
    if answer.state == "42501":
        return (
            f'for table "{table}"' not in answer.told
            and f"denied for table {table}" not in answer.told
        )
    return action == "insert" or answer.text not in ("", "0")


def test_the_wall_behind_the_doors(scene):
    tally = Tally(scene)
    for identity in IDENTITIES:
        before = scene.full_digest()
        asked, questions = [], []
        for letter, file in scene.targets(identity):
            for table in TABLES:
                for action, question in wall_questions(scene, identity, table, letter, file):
                    asked.append((table, action, letter))
                    questions.append(question)
                    tally.cells.add((f"table {table}", action, identity, letter))
        for (table, action, letter), answer in zip(
            asked, scene.ask_many(identity, questions, "api_owner"), strict=True
        ):
            rule, what = TABLES[table], f"{identity}: {action} {WORDS[letter]} in crm.{table}"
            who = {
                "select": rule.reads,
                "insert": rule.inserts,
                "update": rule.updates,
                "delete": rule.deletes,
            }[action] or {}
            may, did = letter in who.get(identity, ""), let_through(table, action, answer)
            if did and not may:
                tally.leaks.append(f"{what}: {answer.state} {answer.text[:40]} {answer.told[:100]}")
            elif may and not did:
                tally.wrong.append(
                    f"{what}: the table says yes, the answer was {answer.state} "
                    f"{answer.text[:40]} {answer.told[:100]}"
                )
        if scene.full_digest() != before:
            tally.changed.append(identity)
    tally.finish("T1 tables")


def test_anyone_who_is_someone_sees_his_own(scene):
    """The table is not empty where it says yes: each letter is granted to somebody, on views,
    functions and verbs alike."""
    for letter in TARGETS[:-1]:
        assert any(letter in who for rule in VIEWS.values() for who in rule.who.values())
        assert any(letter in who for act in ACTS.values() for who in act.who.values())
