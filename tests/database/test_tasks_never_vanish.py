"""T4 as a property: whatever people, lists, merges, publications and nights do, no task is lost and
no wish is passed over.

Seeded random sequences against the real functions. An independent model in Python looks at every
task before and after each step and asks for the reason of what became of it; it knows nothing of
the SQL that enforces the rules.
"""

import json
import os
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.support.days import pass_days
from tests.support.people import World, new_id, preset

STEPS = 10
ADVISORS = ("lin", "chen")
DECIDERS = ("he", "gao", "liang")
EVERYBODY = (*ADVISORS, "zhou", "wu", "xu", *DECIDERS)
LIVE = ("open", "cancel_requested", "suspended")
OUTCOMES = (
    "interested",
    "not_now",
    "no_answer",
    "busy",
    "wrong_number",
    "complaint",
    "do_not_call",
)


@dataclass(frozen=True)
class ViewedMember:
    status: str
    removed: bool
    customer: str
    assignee: str
    rank: int
    conversation: str | None


@dataclass
class Act:
    """One step: who did what, and what the model must know about it."""

    who: str | None
    verb: str
    op_id: str | None = None
    customer: str | None = None
    decision: str | None = None
    undone: str | None = None
    applied: bool = False
    trace: str = ""


@dataclass
class Life:
    """A store's random life, and the model beside it."""

    world: World
    dice: random.Random
    zone: str = "Asia/Shanghai"
    store: Any = None
    customers: list[str] = field(default_factory=list)
    policies: list[str] = field(default_factory=list)
    operations: list[tuple[str, str]] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    merges: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    born: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    conversations: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    conversation_of_op: dict[str, str] = field(default_factory=dict)
    silenced_by: dict[str, str] = field(default_factory=dict)
    joined: dict[str, set[str]] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = self.world.stores["east"]

    # What is seen ---------------------------------------------------------------------------------

    def tasks(self) -> dict[str, ViewedMember]:
        rows = self.world.db.execute(
            "select id::text, status, removed_at is not null, customer_id::text, "
            "assignee_id::text, rank, conversation_id::text"
            " from crm.tasks where store_id = %s",
            (self.store,),
        ).fetchall()
        return {r[0]: ViewedMember(*r[1:]) for r in rows}

    def silent(self) -> set[str]:
        rows = self.world.db.execute(
            "select id::text from crm.customers where store_id = %s and removed_at is null"
            " and (do_not_call or consent_withdrawn_at is not null)",
            (self.store,),
        ).fetchall()
        return {r[0] for r in rows}

    def today(self):
        return self.world.row("select (now() at time zone %s)::date", self.zone)

    # What is done ---------------------------------------------------------------------------------

    def push(self, who: str, verb: str, payload: dict, **more: Any) -> Act:
        version = more.pop("base_version", None)
        answer = self.world.push(who, verb, payload, base_version=version)
        act = Act(who, verb, answer["op_id"], applied=answer["status"] == "applied", **more)
        act.trace = (
            f"{who} {verb} {json.dumps(payload, ensure_ascii=False, default=str)} -> "
            f"{answer['status']} {answer.get('code', '')}"
        )
        if act.applied:
            self.operations.append((who, answer["op_id"]))
        return act

    def call(self, who: str, verb: str, sql: str, *arguments: Any) -> Act:
        act = Act(who, verb)
        try:
            with self.world.db.transaction():
                self.world.ask(who, sql, *arguments)
            act.applied = True
        except psycopg.Error as error:
            act.trace = f" refused {error.diag.message_primary}"
        act.trace = f"{who} {verb} {arguments[1:]}{act.trace}"
        return act

    def day(self) -> str:
        days = self.dice.choice([-400, -1, 0, 1, 3, 7, 29, 30, 31, 90, 399, 401, 729, 3000])
        return (self.today() + timedelta(days=days)).isoformat()

    def a_customer(self) -> str:
        return self.dice.choice([c for c in self.customers if c not in self.gone] or self.customers)

    def a_task(self) -> tuple[str, ViewedMember] | None:
        found = [(i, t) for i, t in self.tasks().items() if not t.removed and t.status in LIVE]
        return self.dice.choice(found) if found else None

    def log_one(self) -> Act:
        who, customer, task = self.dice.choice(EVERYBODY), self.a_customer(), None
        if self.dice.random() < 0.6 and (found := self.a_task()):
            task, seen = found
            customer = seen.customer
            if self.dice.random() < 0.8:
                who = next((n for n, u in self.world.users.items() if str(u) == seen.assignee), who)
        ago = self.dice.choice([0, 0, 0, 0, 1, 40, 365, 800])
        payload: dict[str, Any] = {
            "id": new_id(),
            "customer_id": customer,
            "outcome": self.dice.choice(OUTCOMES),
            "level": self.dice.choice(["near", "intent", "potential"]),
            "notes": "聊过",
            "occurred_at": (datetime.now(UTC) - timedelta(days=ago)).isoformat(),
        }
        if task:
            payload["task_id"] = task
        if self.dice.random() < 0.4:
            payload["next_contact_on"] = self.dice.choice([None, self.day()])
        if self.dice.random() < 0.1:
            payload["facts"] = {"do_not_call": False}
        act = self.push(who, "log_conversation", payload, customer=customer)
        if act.applied:
            self.conversation_of_op[act.op_id or ""] = payload["id"]
        return act

    def do_edit(self) -> Act:
        customer = self.a_customer()
        change = self.dice.choice(
            [
                {"do_not_call": True},
                {"do_not_call": False},
                {"do_not_call": False},
                {"level": self.dice.choice(["near", "intent", "potential"])},
                {"next_contact_on": self.dice.choice([None, self.day(), "9999-12-31"])},
            ]
        )
        version = self.world.row("select version from crm.customers where id = %s", customer)
        return self.push(
            self.dice.choice(EVERYBODY),
            "save_customer",
            {"id": customer, "set": change},
            base_version=version,
            customer=customer,
        )

    def do_consent(self) -> Act:
        customer = self.a_customer()
        return self.push(
            self.dice.choice(EVERYBODY),
            "save_consent",
            {
                "id": new_id(),
                "customer_id": customer,
                "purpose": "follow_up",
                "channel": self.dice.choice(["call", "any"]),
                "granted": self.dice.random() < 0.5,
            },
            customer=customer,
        )

    def do_request(self) -> Act:
        found = self.a_task()
        if not found:
            return self.do_edit()
        who = next((n for n, u in self.world.users.items() if str(u) == found[1].assignee), "lin")
        who = self.dice.choice([who, who, *EVERYBODY])
        return self.push(
            who,
            "request_cancellation",
            {"id": new_id(), "task_id": found[0], "reason": "unreachable"},
        )

    def do_decide(self) -> Act:
        rows = self.world.db.execute(
            "select id::text from crm.approvals where store_id = %s and removed_at is null order "
            "by (status = 'pending') desc, id limit 4",
            (self.store,),
        ).fetchall()
        if not rows:
            return self.do_request()
        decision = self.dice.choice(["approve", "reject"])
        return self.push(
            self.dice.choice((*DECIDERS, *DECIDERS, "lin")),
            "decide_approval",
            {"id": self.dice.choice(rows)[0], "decision": decision, "remark": "看过"},
            decision=decision,
        )

    def do_snooze(self) -> Act:
        found = self.a_task()
        if not found:
            return self.do_edit()
        who = next((n for n, u in self.world.users.items() if str(u) == found[1].assignee), "lin")
        return self.push(
            who,
            "snooze_task",
            {"task_id": found[0], "until": self.day(), "approval_id": new_id(), "notes": "出差"},
        )

    def do_reassign(self) -> Act:
        to = (
            {"pool": self.dice.choice(["open", "market"])}
            if self.dice.random() < 0.4
            else {"owner_id": str(self.world.users[self.dice.choice(ADVISORS)])}
        )
        return self.push(
            self.dice.choice((*DECIDERS, "lin")),
            "reassign",
            {"customer_id": self.a_customer(), **to},
        )

    def do_claim(self) -> Act:
        pooled = self.world.db.execute(
            "select id::text from crm.customers where store_id = %s and pool = 'open' and "
            "removed_at is null order by id",
            (self.store,),
        ).fetchall()
        customer = self.dice.choice(pooled)[0] if pooled else self.a_customer()
        return self.push(self.dice.choice(ADVISORS), "claim_customer", {"customer_id": customer})

    def do_policy(self) -> Act:
        if not self.policies or self.dice.random() < 0.4:
            policy, customer = new_id(), self.a_customer()
            act = self.push(
                self.dice.choice(("zhou", "he")),
                "save_policy",
                {
                    "id": policy,
                    "customer_id": customer,
                    "set": {
                        "expires_on": (
                            self.today() + timedelta(days=self.dice.randrange(1, 80))
                        ).isoformat()
                    },
                },
            )
            if act.applied:
                self.policies.append(policy)
            return act
        policy, who = self.dice.choice(self.policies), self.dice.choice(("zhou", "he", "lin"))
        if self.dice.random() < 0.6:
            return self.push(who, "mark_policy_lost", {"id": policy, "reason": "price"})
        return self.push(
            who,
            "renew_policy",
            {
                "id": new_id(),
                "policy_id": policy,
                "set": {"expires_on": (self.today() + timedelta(days=400)).isoformat()},
            },
        )

    def do_receive(self) -> Act:
        customer = self.a_customer()
        given = {"do_not_call": False} if self.dice.random() < 0.3 else {}
        return self.push(
            self.dice.choice(("xu", *ADVISORS)),
            "record_visit",
            {"id": new_id(), "customer_id": customer, "set": given, "notes": "来店"},
            customer=customer,
        )

    def do_undo(self) -> Act:
        if not self.operations:
            return self.do_edit()
        who, op = self.dice.choice(self.operations[-4:])
        return self.push(who, "undo", {"op_id": op}, undone=op)

    def do_night(self) -> Act:
        pass_days(self.world, self.store, self.dice.choice([1, 1, 2, 8, 31]))
        self.world.db.execute("select crm.run_nightly(%s, %s)", (self.store, self.today()))
        return Act(None, "night", applied=True, trace="night")

    def do_import(self) -> Act:
        if self.imports and self.dice.random() < 0.4:
            run = self.dice.choice(self.imports)
            return self.call(
                self.dice.choice(("liang", "he", "lin")),
                "revert_import",
                "select api.revert_import(%s, %s)",
                self.store,
                run,
            )
        run = new_id()
        rows = [
            {
                "row": n,
                "key": f"{run}{n}",
                "customer": {
                    "name": f"名单{n}",
                    "phone": f"137{self.dice.randrange(10**8):08d}",
                    **({"next_contact_on": self.day()} if self.dice.random() < 0.5 else {}),
                },
                "policy": {
                    "expires_on": (
                        self.today() + timedelta(days=self.dice.randrange(1, 60))
                    ).isoformat()
                },
            }
            for n in range(2, 4)
        ]
        known = self.world.row(
            "select jsonb_build_object('name', name, 'phone', phone, 'do_not_call', false) from "
            "crm.customers where id = %s",
            self.a_customer(),
        )
        rows.append({"row": 9, "key": f"{run}9", "customer": known})
        act = self.call(
            self.dice.choice(("liang", "he")),
            "import",
            "select api.commit_import(%s, %s, 'policies', 'list.csv', %s, %s)",
            self.store,
            run,
            Jsonb(
                {
                    "owner_id": str(self.world.users[self.dice.choice(ADVISORS)]),
                    "renewal_owner_id": str(self.world.users["zhou"]),
                    "level": "near",
                    "source": "walk_in",
                }
            ),
            Jsonb(rows),
        )
        if act.applied:
            self.imports.append(run)
            self.find_customers()
        return act

    def find_customers(self) -> None:
        rows = self.world.db.execute(
            "select id::text, removed_at is not null from crm.customers where store_id = %s",
            (self.store,),
        ).fetchall()
        self.customers = sorted(r[0] for r in rows)
        self.gone = {r[0] for r in rows if r[1]}

    def do_merge(self) -> Act:
        if self.merges and self.dice.random() < 0.4:
            return self.call(
                self.dice.choice(DECIDERS),
                "unmerge",
                "select api.unmerge_customers(%s, %s)",
                self.store,
                self.dice.choice(self.merges),
            )
        winner, loser, merge = self.a_customer(), self.a_customer(), new_id()
        act = self.call(
            self.dice.choice(("he", "gao", "lin")),
            "merge",
            "select api.merge_customers(%s, %s, %s, %s, %s)",
            self.store,
            merge,
            winner,
            loser,
            Jsonb(self.dice.choice([[], ["do_not_call"]])),
        )
        if act.applied:
            self.merges.append(merge)
            both = {winner, loser} | self.joined.get(winner, set()) | self.joined.get(loser, set())
            talks = sorted({n for one in both for n in self.conversations[one]})
            for one in both:  # what was said with either was said with the person
                self.joined[one], self.conversations[one] = both, list(talks)
            if loser in self.was_silent or winner in self.was_silent:
                self.was_silent.add(winner)
        return act

    def do_publish(self) -> Act:
        document = json.loads(preset())
        for rule in document["rules"]:
            if rule["key"] in ("silence", "first_response", "cadence"):
                rule["active"] = self.dice.random() < 0.6
        if self.dice.random() < 0.3:
            document["consents"] = []
        for level in document["levels"]:
            if level["key"] == "intent" and self.dice.random() < 0.2:
                level["pool"] = "open"
        now = self.world.row("select config_version from crm.stores where id = %s", self.store)
        return self.call(
            self.dice.choice(("liang", "he")),
            "publish",
            "select api.publish_config(%s, %s, %s, '')",
            self.store,
            Jsonb(document),
            now,
        )

    def do_people(self) -> Act:
        leaver, new_owner = self.dice.sample(ADVISORS, 2)
        away = not self.world.row(
            "select active from crm.members where store_id = %s and user_id = %s",
            self.store,
            self.world.users[leaver],
        )
        if away:
            return self.call(
                "liang",
                "enable",
                "select api.enable_member(%s, %s)",
                self.store,
                self.world.users[leaver],
            )
        return self.call(
            "liang",
            "disable",
            "select api.disable_member(%s, %s, %s, %s)",
            self.store,
            self.world.users[leaver],
            self.world.users[new_owner],
            self.dice.choice([None, None, "open"]),
        )

    def do_lend(self) -> Act:
        """A queue is lent, or the loan there is ends."""
        loan = self.world.row(
            "select id from crm.queue_loans where store_id = %s and ended_at is null", self.store
        )
        if loan and self.dice.random() < 0.5:
            return self.call("he", "end_loan", "select api.end_loan(%s, %s)", self.store, loan)
        lender, borrower = self.dice.sample((*ADVISORS, "zhou"), 2)
        first = self.today() + timedelta(days=self.dice.choice([0, 0, 1]))
        return self.call(
            "he",
            "lend_queue",
            "select api.lend_queue(%s, %s, %s, %s, %s)",
            self.store,
            self.world.users[lender],
            self.world.users[borrower],
            first,
            first + timedelta(days=self.dice.choice([0, 3, 20])),
        )

    # What must hold -------------------------------------------------------------------------------

    was_silent: set[str] = field(default_factory=set)

    def choose(self) -> Callable[[], Act]:
        return self.dice.choices(
            [
                self.log_one,
                self.do_edit,
                self.do_consent,
                self.do_request,
                self.do_decide,
                self.do_snooze,
                self.do_reassign,
                self.do_claim,
                self.do_policy,
                self.do_receive,
                self.do_undo,
                self.do_night,
                self.do_import,
                self.do_merge,
                self.do_publish,
                self.do_people,
                self.do_lend,
            ],
            weights=[7, 6, 3, 2, 4, 2, 3, 2, 5, 1, 4, 5, 1.5, 2, 0.5, 1, 2],
        )[0]

    def step(self, number: int, do: Callable[[], Act] | None = None) -> None:
        before, self.was_silent = self.tasks(), self.silent()
        act = (do or self.choose())()
        self.history.append(act.trace)
        self.find_customers()
        after, silent = self.tasks(), self.silent()
        if act.applied and act.verb == "log_conversation" and act.customer:
            for one in self.joined.get(act.customer, {act.customer}):
                self.conversations[one].append(number)
        for task, seen in after.items():
            self.born.setdefault(task, (number, act.op_id))
            if task in before:
                self.judge(number, act, task, before[task], seen)
        assert before.keys() <= after.keys(), "a task's row is gone"
        self.judge_wishes(act, silent)
        self.judge_state(act, after, silent)

    def judge(self, number: int, act: Act, task: str, old: ViewedMember, new: ViewedMember) -> None:
        if (old.status, old.removed) == (new.status, new.removed):
            return
        what = f"{old.status} -> {new.status}{' removed' if new.removed else ''} by {act.trace}"
        born, by_op = self.born[task]
        if new.removed and not old.removed:
            is_own = act.verb == "undo" and act.undone == by_op
            is_import = act.verb == "revert_import" and new.customer in self.gone
            policy_gone = act.verb == "revert_import" and not self.world.row(
                "select exists (select from crm.policies p join crm.tasks t on t.subject_id = "
                "p.id where t.id = %s and p.removed_at is null)"
                " or exists (select from crm.tasks t where t.id = %s and t.subject_form = "
                "'customer')",
                task,
                task,
            )
            assert is_own or is_import or policy_gone, f"removed: {what}"
        elif old.status in LIVE and new.status == "done":
            talked = [n for n in self.conversations[new.customer] if n >= born]
            assert talked, f"done without a conversation: {what}"
        elif old.status in LIVE and new.status == "excused":
            asked = self.world.row(
                "select requester_id::text, decided_by::text from crm.approvals where task_id = "
                "%s and status = 'approved'"
                " and kind = 'task_cancel'",
                task,
            )
            assert act.decision == "approve" and act.who, f"excused: {what}"
            assert asked and asked[0] != asked[1] == str(self.world.users[act.who]), (
                f"excused: {what}"
            )
            assert new.assignee != asked[1], f"one's own task: {what}"
        elif old.status not in LIVE:
            assert act.verb in ("undo",), f"opened again: {what}"
        elif new.status == "cancel_requested":
            assert act.verb in ("request_cancellation", "snooze_task", "undo"), what

    def judge_wishes(self, act: Act, silent: set[str]) -> None:
        for customer in silent - self.was_silent:
            if act.op_id:
                self.silenced_by[act.op_id] = customer
        for customer in self.was_silent - silent - self.gone:
            took_back = act.undone and self.silenced_by.get(act.undone) == customer
            assert act.who in DECIDERS or took_back, f"a wish was passed over by {act.trace}"

    def judge_state(self, act: Act, tasks: dict[str, ViewedMember], silent: set[str]) -> None:
        owners = dict(
            self.world.db.execute(
                "select id::text, (owner_id::text, next_contact_on::text) from crm.customers "
                "where store_id = %s and removed_at is null",
                (self.store,),
            ).fetchall()
        )
        for task, seen in tasks.items():
            if seen.removed:
                continue
            if seen.status == "open":
                assert seen.customer not in silent, (
                    f"callable against a wish: {task} by {act.trace}"
                )
            if seen.status == "suspended" and seen.customer in owners:
                assert seen.customer in silent or owners[seen.customer][0] in (None, ""), (
                    f"suspended for no reason: {task} by {act.trace}"
                )
        missing = self.world.db.execute(
            "select k.id from crm.customers k join crm.levels l on l.store_id = k.store_id and "
            "l.key = k.level"
            " where k.store_id = %s and k.removed_at is null and k.owner_id is not null and not "
            "k.do_not_call"
            " and k.consent_withdrawn_at is null and k.next_contact_on is null and l.cadence_days "
            "is not null",
            (self.store,),
        ).fetchall()
        assert not missing, f"no next step: {missing} by {act.trace}"
        for pool in ("open", "market") if silent and act.verb == "night" else ():
            offered = self.world.ask("he", "select api.pool_list(%s, %s)", self.store, pool)[0][0]
            assert not {c["id"] for c in offered["customers"]} & silent, "offered against a wish"
        if act.verb == "night":
            late = self.world.db.execute(
                "select k.id from crm.customers k where k.store_id = %s and k.removed_at is null "
                "and k.owner_id is not null"
                " and not k.do_not_call and k.consent_withdrawn_at is null"
                " and k.next_contact_on <= %s"
                " and exists (select from crm.rules r where r.store_id = k.store_id and r.kind = "
                "'cadence' and r.active)"
                " and not exists (select from crm.tasks t where t.store_id = k.store_id and "
                "t.customer_id = k.id"
                " and t.status in ('open', 'cancel_requested') and t.removed_at is null)",
                (self.store, self.today()),
            ).fetchall()
            assert not late, f"due, and nobody is told: {late}"


@contextmanager
def given_up(connection: psycopg.Connection) -> Iterator[None]:
    """What a sequence did is taken back."""
    with connection.transaction(force_rollback=True):
        yield


def live(connection: psycopg.Connection, world: World, seeds: range) -> None:
    for seed in seeds:
        with given_up(connection):
            life = Life(world, random.Random(seed))
            for n in range(4):
                who = life.dice.choice(ADVISORS)
                customer = world.customer(who, name=f"客{n}", phone=f"138{seed % 1000:04d}{n:04d}")
                world.db.execute(
                    "update crm.customers set renewal_owner_id = %s where id = %s",
                    (world.users["zhou"] if n % 2 else None, customer),
                )
                world.task(
                    customer, who, kind=life.dice.choice(["cadence", "manual", "first_contact"])
                )
            life.find_customers()
            for task in life.tasks():
                life.born[task] = (0, None)
            for number in range(1, STEPS + 1):
                try:
                    life.step(number)
                except AssertionError as error:
                    raise AssertionError(
                        f"seed {seed}, step {number}: {error}\n" + "\n".join(life.history)
                    ) from None


@pytest.fixture
def dealers(stack):
    with psycopg.connect(stack.db_url) as connection:
        yield connection, World(connection)
        connection.rollback()


def test_no_task_vanishes_and_no_wish_is_passed_over(dealers):
    """A hundred sequences; FORECOURT_SEED begins elsewhere."""
    first = int(os.environ.get("FORECOURT_SEED", "1"))
    connection, world = dealers
    live(connection, world, range(first, first + 100))


@pytest.mark.long
@pytest.mark.parametrize("part", range(20))
def test_no_task_vanishes_in_two_thousand_sequences(dealers, part):
    connection, world = dealers
    live(connection, world, range(10_000 + part * 100, 10_100 + part * 100))
