"""T1m: the rules broken on purpose, one at a time, from the catalogue: every broken policy and view
is noticed by the questions of T1 and T2.

A mutant is noticed when a question is answered otherwise than before; before, every answer was as
permissions.py says.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from tests.rights.permissions import IDENTITIES, TABLES, VIEWS
from tests.rights.scene import Scene
from tests.rights.test_table import wall_questions
from tests.support.present import dynamic

# Asked in this order: those who stand outside first, since most mutants let them in.
ORDER = [
    "stranger",
    "sister_admin",
    "advisor",
    "store_admin",
    "group_admin",
    "market",
    "former",
    "two_stores",
    "renewal",
    "inspector",
    "team_lead",
    "assistant",
    "anon",
]
assert {*ORDER} <= {*IDENTITIES}
SAMPLE = 90  # of all, in the default run

# Mutants that change nothing anyone could notice, each with its reason.
OPEN_TO_ALL = (
    "the same rows for every store: reference data, and the condition is only there "
    "because `true` is not a policy we write"
)
EQUIVALENT: dict[tuple[str, str], str] = {
    **{
        (f"{table}.select_all", "true"): OPEN_TO_ALL
        for table in ("base_fields", "endpoints", "form_tables", "metrics", "pinyin")
    },
    **{
        (what, "without the store"): "crm.has_permission asks for the verb in that very store"
        for what in ("members.update_inviter", "invitations.delete_inviter")
    },
}
# Views that ask the caller's verb, or themselves, of every row: with the table owner's eyes they
# show no row more. That they belong to api_owner all the same is held by
# test_surface.test_views_belong_to_api_owner, which is asked when nobody notices.
OWNERS = (
    "select count(*) from pg_class where relnamespace = 'api'::regnamespace and relkind = "
    "'v' and pg_get_userbyid(relowner) <> 'api_owner'"
)


@dataclass(frozen=True)
class Mutant:
    """What is broken (table.policy or view), how, and the statement that breaks it."""

    what: str
    how: str
    sql: str
    table: str = ""
    view: str = ""


def unreachable(db: psycopg.Connection) -> set[str]:
    """Policies for a command that api_owner was granted on no column: they are never asked, so no
    mutant of theirs changes anything."""
    return {
        f"{table}.{policy}"
        for table, policy, cmd in db.execute(
            "select tablename, policyname, cmd from pg_policies where schemaname = 'crm'"
        ).fetchall()
        if not _has_privilege(db, table, cmd)
    }


def _has_privilege(db: psycopg.Connection, table: str, command: str) -> bool:
    function = "has_table_privilege" if command == "DELETE" else "has_any_column_privilege"
    row = db.execute(
        f"select {function}('api_owner', 'crm.' || %s, %s)", (table, command)
    ).fetchone()
    return row is None or row[0]


def of_policies(db: psycopg.Connection) -> Iterator[Mutant]:
    for table, name, cmd, qual, check in db.execute(
        "select tablename, policyname, cmd, qual, with_check from pg_policies where schemaname "
        "= 'crm' order by 1, 2"
    ).fetchall():
        clause, rule = ("with check", check) if cmd == "INSERT" else ("using", qual)
        on, what = f"on crm.{table}", f"{table}.{name}"
        yield Mutant(what, "drop", f"drop policy {name} {on}", table)
        yield Mutant(what, "true", f"alter policy {name} {on} {clause} (true)", table)
        yield Mutant(what, "not", f"alter policy {name} {on} {clause} (not ({rule}))", table)
        yield Mutant(what, "for another role", f"alter policy {name} {on} to authenticated", table)
        stores = re.sub(r"crm\.my_store_ids\([^)]*\)", "probe.all_stores()", rule)
        if stores != rule:
            yield Mutant(
                what, "without the store", f"alter policy {name} {on} {clause} ({stores})", table
            )
        person = re.sub(r"\((\w+) = \( SELECT auth\.uid\(\) AS uid\)\)", r"(\1 is not null)", rule)
        if person != rule:
            yield Mutant(
                what, "without the person", f"alter policy {name} {on} {clause} ({person})", table
            )


def of_views(db: psycopg.Connection) -> Iterator[Mutant]:
    """Masking views: a mask dropped, a deny-list, another owner, no join by store; the others:
    owner, caller's rights, grants."""
    for view, sql in db.execute(
        "select viewname, pg_get_viewdef(format('api.%I', viewname)::regclass) from pg_views "
        "where schemaname = 'api' order by 1"
    ).fetchall():
        yield Mutant(view, "owner", f"alter view api.{view} owner to current_user", view=view)
        yield Mutant(
            view,
            "caller's rights",
            f"alter view api.{view} set (security_invoker = true)",
            view=view,
        )
        yield Mutant(
            view,
            "anon reads",
            f"grant usage on schema api to anon; grant select on api.{view} to anon",
            view=view,
        )
        yield Mutant(
            view, "nobody reads", f"revoke select on api.{view} from authenticated", view=view
        )
        changes = {
            "a field shown": re.sub(
                r"CASE\s+WHEN \('\w+'::text = ANY \(\w+\.readable\)\) THEN (\w+\.\w+)"
                r"\s+ELSE NULL::\w+[\w ]*\s+END",
                r"\1",
                sql,
                count=1,
            ),
            "a mask dropped": re.sub(r"THEN (\w+\.\w+)_masked", r"THEN \1", sql, count=1),
            "masked copies whole": re.sub(r"(\w+)\.custom_masked", r"\1.custom", sql),
            "a deny-list": re.sub(
                r"\((\w+)\.custom - ARRAY\( SELECT jsonb_object_keys\(\(\1\.custom - "
                r"COALESCE\((\w+)\.readable, '\{\}'::text\[\]\)\)\) AS jsonb_object_keys\)\)",
                r"(\1.custom - \2.masked)",
                sql,
            ),
            "no join by store": re.sub(
                r"(crm\.my_access\([^)]*\) \w+\([^)]*\) ON \()"
                r"\((\w+)\.store_id = (\w+)\.store_id\)",
                r"\1true",
                sql,
            ),
            "without the verb": re.sub(r"crm\.may\([^()]*\)", "true", sql),
            "without the person": re.sub(
                r"\((\w+\.\w+) (=|<>) \( SELECT auth\.uid\(\) AS uid\)\)", "true", sql
            ),
        }
        for how, changed in changes.items():
            if changed != sql:
                yield Mutant(
                    view, how, f"create or replace view api.{view} as {changed}", view=view
                )


def questions(scene: Scene, mutant: Mutant, identity: str) -> list[str]:
    """What T1 and T2 ask about a table or a view as that person."""
    if mutant.table:
        asked = [
            q
            for letter, file in scene.targets(identity)
            for _, q in wall_questions(scene, identity, mutant.table, letter, file)
        ]
        asked += [
            q
            for letter, file in scene.targets(identity)
            for action, q in wall_questions(
                scene, identity, mutant.table, letter, file, as_him=True
            )
            if action == "insert"
        ]
        if rights := scene.column_rights[mutant.table][
            "update"
        ]:  # reads no column, so nothing but the policy for update stands before it
            column = "removed_at" if "removed_at" in rights else rights[0]
            asked.append(
                f"with w as (update crm.{mutant.table} set {column} = default returning 1) select "
                "count(*) from w"
            )
        asked.append(
            f"with w as (delete from crm.{mutant.table} returning 1) select count(*) from w"
        )
        return list(dict.fromkeys(asked))
    rule, column = VIEWS[mutant.view], "id" if mutant.view == "stores" else "store_id"
    found = [
        "select string_agg(to_jsonb(v)::text, ' ' order by to_jsonb(v)::text) from "
        f"api.{mutant.view} v"
    ]
    for _, file in scene.targets(identity):
        values = scene.values(file)
        found += [
            f"select count(*) from api.{mutant.view} where {rule.at.format(**values)}",
            f"update api.{mutant.view} set {column} = {column} where {column} = {values['store']}",
        ]
    return list(dict.fromkeys(found))


class Answers:
    """The answers of the unbroken rules, asked once each. New ids in questions are made once, so
    that they can be asked again."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._kept: dict[tuple[str, str], tuple[list[str], list[tuple[str, str, str]]]] = {}

    def ask(self, identity: str, mutant: Mutant) -> tuple[list[str], list[tuple[str, str, str]]]:
        key = (identity, mutant.table or f"api.{mutant.view}")
        if key not in self._kept:
            asked = questions(self.scene, mutant, identity)
            self._kept[key] = (
                asked,
                [
                    a.heard
                    for a in self.scene.ask_many(
                        identity, asked, "api_owner" if mutant.table else None
                    )
                ],
            )
        return self._kept[key]

    def notice(self, mutant: Mutant) -> str | None:
        """Who notices, and by what; None: nobody."""
        if mutant.how == "owner":
            with self.scene.db.transaction(force_rollback=True):
                self.scene.db.execute(dynamic(mutant.sql))
                by_catalogue = (
                    "the catalogue: an owner that is not api_owner"
                    if self.scene.row(OWNERS)
                    else None
                )
        else:
            by_catalogue = None
        for identity in ORDER:
            asked, before = self.ask(identity, mutant)
            with self.scene.db.transaction(force_rollback=True):
                self.scene.db.execute(dynamic(mutant.sql))
                after = [
                    a.heard
                    for a in self.scene.ask_many(
                        identity, asked, "api_owner" if mutant.table else None
                    )
                ]
            for question, was, is_ in zip(asked, before, after, strict=True):
                if was != is_:
                    return (
                        f"{identity} by {question[:120]}: {was[0]} {was[1][:30]!r} became "
                        f"{is_[0]} {is_[1][:30]!r} {is_[2][:60]}"
                    )
        return by_catalogue


@pytest.fixture(scope="module")
def answers(stack) -> Iterator[Answers]:
    with psycopg.connect(stack.db_url) as connection:
        scene = Scene(connection)
        connection.execute(
            "create function probe.all_stores() returns uuid[] language sql stable security "
            "definer set search_path = '' as $$ select array_agg(id) from crm.stores $$"
        )
        connection.execute(
            "grant execute on function probe.all_stores() to api_owner, authenticated, anon"
        )
        yield Answers(scene)
        connection.rollback()


@pytest.mark.parametrize(
    "share", [SAMPLE, pytest.param(None, marks=pytest.mark.long)], ids=["sample", "all"]
)
def test_every_broken_rule_is_noticed(answers, share):
    everything = [*of_policies(answers.scene.db), *of_views(answers.scene.db)]
    per = {m.what: sum(x.what == m.what for x in everything) for m in everything}
    assert min(per.values()) >= 4, per
    assert {m.table for m in everything if m.table} == {*TABLES}
    assert {m.view for m in everything if m.view} == {*VIEWS}
    tried = everything if share is None else random.Random(2026).sample(everything, share)
    never = unreachable(answers.scene.db)
    same = [m for m in tried if (m.what, m.how) in EQUIVALENT or m.what in never]
    alive = [f"{m.what}: {m.how}" for m in tried if m not in same and answers.notice(m) is None]
    equal = len(same)
    print(
        f"\nT1m: {len(everything)} mutants of {len(per)} policies and views, {len(tried)} "
        f"tried, {equal} equivalent, {len(tried) - equal - len(alive)} noticed, {len(alive)} not"
    )
    assert not alive, "\n".join(alive)


# Three of them, readable --------------------------------------------------------------------------


def test_customers_open_to_all_are_seen_by_the_other_group(answers):
    mutant = Mutant(
        "customers.select_member",
        "true",
        "alter policy select_member on crm.customers using (true)",
        "customers",
    )
    assert "stranger by select" in (answers.notice(mutant) or "")
    with answers.scene.db.transaction(force_rollback=True):
        answers.scene.db.execute(mutant.sql)
        (seen,) = answers.scene.ask_many(
            "far_admin", ["select count(distinct store_id) from api.customers"]
        )
        assert seen.text == "1"  # the second wall: the view joins the caller's own stores
    (seen,) = answers.scene.ask_many(
        "advisor",
        [
            "select count(*) from api.customers where owner_id <> "
            "(current_setting('request.jwt.claims')::json ->> 'sub')::uuid"
        ],
    )
    assert seen.text == "0"


def test_tasks_without_the_store_are_seen_from_next_door(answers):
    rule = answers.scene.row(
        "select qual from pg_policies where schemaname = 'crm' and tablename = 'tasks' and cmd "
        "= 'SELECT'"
    )
    without = re.sub(r"crm\.my_store_ids\([^)]*\)", "probe.all_stores()", rule)
    file = answers.scene.files["chen"]
    question = f"select count(*) from api.tasks where customer_id = '{file.customer}'"
    with answers.scene.db.transaction(force_rollback=True):
        answers.scene.db.execute(f"alter policy select_member on crm.tasks using ({without})")
        assert answers.scene.ask_many("sister_admin", [question])[0].text == "2"
    assert answers.scene.ask_many("sister_admin", [question])[0].text == "0"


def test_an_operation_without_its_person_is_read_by_a_colleague(answers):
    file = answers.scene.files["chen"]
    question = f"select count(*) from crm.operations where op_id = '{file.op}'"
    with answers.scene.db.transaction(force_rollback=True):
        answers.scene.db.execute(
            "alter policy select_self on crm.operations using (user_id is not null)"
        )
        assert answers.scene.ask_many("advisor", [question], "api_owner")[0].text == "1"
    assert answers.scene.ask_many("advisor", [question], "api_owner")[0].text == "0"
