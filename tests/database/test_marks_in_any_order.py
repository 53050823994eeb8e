"""Imports, merges, reverts, undos and ordinary work in any order, under ids that collide: none
reaches beyond what it names."""

import random
import threading
from collections import defaultdict
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from forecourt.migrate import migrate
from tests.database.test_marks import marks
from tests.database.test_reverting import commit, options
from tests.support.people import World, new_id
from tests.support.stack import embedded_only

TABLES = (
    "customers",
    "companions",
    "vehicles",
    "policies",
    "deals",
    "tasks",
    "approvals",
    "conversations",
)
STEPS = 30


class Timeline:
    """A random sequence of work in one store. After each step: which records changed, and whether
    that step may have changed them."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.dice, self.store = world, random.Random(seed), world.stores["east"]
        first = [new_id(), new_id()]
        self.ids = [*first, *(mark for run in first for mark in marks(world, run))]
        self.wrote: defaultdict[tuple[str, str], set] = defaultdict(set)
        self.done: list[str] = []
        for n in range(3):
            self.customers_task(world.customer("lin", name=f"旧客{n}", phone=f"1370000000{n}"))

    def customers_task(self, customer: str) -> str:
        return self.world.task(customer)

    def records(self) -> dict[tuple[str, str], str]:
        found = {}
        for table in TABLES:
            for row_id, customer, text in self.world.db.execute(
                f"select id::text, {'id' if table == 'customers' else 'customer_id'}::text, t::text"
                f" from crm.{table} t where store_id = %s",
                (self.store,),
            ):
                found[table, row_id] = (customer, text)
        return found

    def acts(self) -> list[tuple]:
        return self.world.db.execute(
            "select kind, subject_id::text, detail ->> 'merge_id' from crm.audit_events"
            " where store_id = %s order by id",
            (self.store,),
        ).fetchall()

    def ask(self, sql: str, *arguments) -> bool:
        """Whether it was done."""
        try:
            with self.world.db.transaction():
                self.world.ask("liang", f"select api.{sql}", self.store, *arguments)
        except psycopg.Error as error:
            if not (error.sqlstate or "").startswith("PT4"):
                raise
            return False
        return True

    def push(self, who: str, verb: str, payload: dict, op_id: str) -> bool:
        version = {"base_version": None}
        if verb == "save_customer":
            version["base_version"] = self.world.row(
                "select version from crm.customers where id = %s", payload["id"]
            )
        answer = self.world.push(who, verb, payload, op_id=op_id, **version)
        assert answer.get("code") != "unexpected", (verb, answer)
        return answer["status"] == "applied"

    def merged_into(self, customers: set[str]) -> set[str]:
        """A list that names somebody who was merged means the one they were merged into."""
        found = self.world.db.execute(
            "with recursive w (id) as ("
            " select m.winner_id from crm.merges m"
            " where m.store_id = %(store)s and m.loser_id = any (%(ids)s) and m.undone_at is null"
            " union select m.winner_id from crm.merges m join w on w.id = m.loser_id"
            " where m.store_id = %(store)s and m.undone_at is null"
            ") select id::text from w",
            {"store": self.store, "ids": [UUID(c) for c in customers]},
        ).fetchall()
        return {row[0] for row in found}

    def pick(self) -> str:
        row = self.world.db.execute(
            "select id::text from crm.customers where store_id = %s and removed_at is null"
            " order by id",
            (self.store,),
        ).fetchall()
        return self.dice.choice(row)[0] if row else new_id()

    def rows(self) -> list[dict]:
        """Some of six people; 旧客 are known by their number."""
        return [
            {
                "row": n,
                "key": f"k{n}",
                "customer": {
                    "name": f"旧客{n}" if n < 3 else f"新客{n}",
                    "phone": f"1370000000{n}",
                    "need": f"需求{self.dice.randrange(99)}",
                },
                "vehicle": {"plate": f"沪A{n:05d}"},
            }
            for n in sorted(self.dice.sample(range(6), self.dice.randint(1, 3)))
        ]

    def step(self) -> None:
        before, acts = self.records(), self.acts()
        kind = self.dice.choice(
            ("import", "import", "merge", "unmerge", "revert", "undo", "save", "talk", "approval")
        )
        mark, allowed = self.dice.choice(self.ids), set()
        customer = self.pick()
        of_customer = {key for key, (owner, _) in before.items() if owner == customer}
        expected: list[tuple] = []
        if kind == "import":
            rows = self.rows()
            wanted = Jsonb({**options(self.world), "renewal_owner_id": None})
            done = self.ask(
                "commit_import(%s, %s, 'customers', 'list.csv', %s, %s)", mark, wanted, Jsonb(rows)
            )
            if done and ("import", mark) not in self.wrote:
                expected = [("imported", mark, None)]
                self.wrote["import", mark] |= set()
            names = {r["customer"]["phone"] for r in rows} | {r["vehicle"]["plate"] for r in rows}
            owners = {
                owner for owner, text in before.values() if any(name in text for name in names)
            }
            owners |= self.merged_into(owners)
            allowed = {key for key, (owner, _) in before.items() if owner in owners}
        elif kind == "merge":
            other = self.pick()
            done = self.ask("merge_customers(%s, %s, %s, %s)", mark, customer, other)
            fresh = done and ("merge", mark) not in self.wrote
            if fresh:
                expected = [("merged", customer, mark)]
                self.wrote["merge", mark] |= set()
            allowed = of_customer | {key for key, (owner, _) in before.items() if owner == other}
        elif kind == "unmerge":
            done = self.ask("unmerge_customers(%s, %s)", mark)
            allowed = self.wrote.get(("merge", mark), set())
            if done and before != self.records():
                winner = self.world.row(
                    "select winner_id::text from crm.merges where store_id = %s and id = %s",
                    self.store,
                    mark,
                )
                expected = [("unmerged", winner, mark)]
        elif kind == "revert":
            done = self.ask("revert_import(%s, %s)", mark)
            allowed = self.wrote.get(("import", mark), set())
            expected = [("import_reverted", mark, None)] if done else []
        elif kind == "undo":
            done = self.push("lin", "undo", {"op_id": mark}, new_id())
            allowed = self.wrote.get(("op", mark), set())
        elif kind == "save":
            wanted = {"id": customer, "set": {"need": f"想要{self.dice.randrange(99)}"}}
            done = self.push("lin", "save_customer", wanted, mark)
            allowed = of_customer
        elif kind == "talk":
            conversation = {
                "id": new_id(),
                "customer_id": customer,
                "outcome": "interested",
                "notes": "聊了",
                "level": "near",
            }
            done = self.push("lin", "log_conversation", conversation, mark)
            allowed = of_customer
        else:
            task = self.world.row(
                "select t.id::text from crm.tasks t where t.customer_id = %s and t.status = 'open'"
                " and t.assignee_id = %s limit 1",
                customer,
                self.world.users["lin"],
            )
            asked = {"id": new_id(), "task_id": task, "reason": "unreachable"}
            if done := self.push("lin", "request_cancellation", asked, new_id()):
                done = self.push(
                    "he", "decide_approval", {"id": asked["id"], "decision": "approve"}, mark
                )
            allowed = of_customer
        after = self.records()
        changed = {key for key in {*before, *after} if before.get(key) != after.get(key)}
        self.done.append(f"{kind} {self.ids.index(mark)} {'done' if done else 'refused'}")
        told = "\n".join(self.done)
        made = {key for key in changed if key not in before}
        beyond = {k for k in changed - allowed - made if not (kind == "approval" and not done)}
        assert not beyond, f"{told}\nchanged {beyond}"
        assert not (made and kind in ("unmerge", "revert", "undo", "merge")), told
        if not done and kind != "approval":
            assert changed == set(), told
        fresh_acts = self.acts()[len(acts) :]
        assert fresh_acts == expected, f"{told}\n{fresh_acts} instead of {expected}"
        if done and kind in ("import", "merge"):
            self.wrote[kind, mark] |= changed
        elif done and kind in ("save", "talk", "approval"):
            self.wrote["op", mark] |= changed


@pytest.mark.parametrize("seed", range(8))
def test_nothing_reaches_beyond_what_it_names(world, seed):
    story = Timeline(world, seed)
    for _ in range(STEPS):
        story.step()
    print(*story.done, sep="\n")
    assert sum(line.endswith("done") for line in story.done) > STEPS // 4


def test_a_batch_that_waited_for_a_revert_is_refused(stack):
    """Both at once. A batch that wrote after the revert could never be taken back."""
    embedded_only(stack)
    address = stack.create_database("reverting", "template1")
    migrate(address, lambda line: None)
    with psycopg.connect(address) as reverting, psycopg.connect(address) as importing:
        world = World(reverting)
        run, _ = commit(world)
        reverting.commit()
        world.ask("liang", "select api.revert_import(%s, %s)", world.stores["east"], run)
        told: list[str] = []

        def go_on() -> None:
            late = World.__new__(World)
            late.db, late.users, late.stores = importing, world.users, world.stores
            try:
                commit(late, run=run)
                importing.commit()
                told.append("done")
            except psycopg.Error as error:
                told.append(str(error.diag.message_primary))

        thread = threading.Thread(target=go_on)
        thread.start()
        pid = importing.info.backend_pid
        waiting = "select wait_event_type = 'Lock' from pg_stat_activity where pid = %s"
        with psycopg.connect(stack.admin_db_url, autocommit=True) as watching:
            while thread.is_alive() and watching.execute(waiting, (pid,)).fetchone() != (True,):
                pass
        reverting.commit()
        thread.join()
        assert told == ["import_reverted"]
        left = "select count(*) from crm.customers where store_id = %s and removed_at is null"
        assert world.row(left, UUID(str(world.stores["east"]))) == 0
