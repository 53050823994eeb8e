"""The measured operations: what a person does, the hand-written floor for it, and our call.

Every floor answers the same question with the same rows as our call, in one statement, as the owner
of the tables and past row security; it knows no rights, no masks, no validation, no operation log.
"""

import json
import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import uuid6
from psycopg.rows import dict_row

from bench.generate import ADVISORS

Row = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One request: the function of `api` and its arguments by name, as PostgREST and Lite take
    them."""

    function: str
    arguments: Row


@dataclass(frozen=True)
class Operation:
    """`floor` is SQL with %(name)s parameters of a subject; `call` makes our request from it;
    `goal` is the most O/F may be.

    An operation that writes has a second floor, `bare`: the rows alone, with triggers and foreign
    keys resting. `peer_ms` is the better peer's time for it on another machine of two cores
    (performance goals, first table)."""

    key: str
    title: str
    subjects: str
    floor: str
    call: Callable[[Row], Call]
    goal: float
    bare: str | None = None
    peer_ms: float | None = None
    # of an operation that writes: the way its O/F is judged by; "floor" where triggers and keys are
    # part of the bargain
    beside: str = "bare"

    @property
    def writes(self) -> bool:
        return self.bare is not None


def _push(verb: str, subject: Row, payload: Row, base_version: int | None = None) -> Call:
    op = {
        "op_id": str(uuid6.uuid7()),
        "seq": 1,
        "verb": verb,
        "base_version": base_version,
        "payload": {"store_id": subject["store_id"], **payload},
    }
    return Call("sync_push", {"device_id": subject["user_id"], "operations": [op]})


def _search(subject: Row) -> Call:
    return Call(
        "search_customers",
        {"store_id": subject["store_id"], "query": subject["query"], "page_size": 50},
    )


def _find(subject: Row) -> Call:
    asked = (
        [
            {"key": "budget_fen", "op": "min", "value": subject["low"]},
            {"key": "budget_fen", "op": "max", "value": subject["high"]},
        ]
        if "low" in subject
        else []
    )
    return Call(
        "find_customers",
        {
            "store_id": subject["store_id"],
            "filters": asked,
            "sort": subject["sort"],
            "page_size": 50,
        },
    )


_FIELDS = (
    "name",
    "phone",
    "wechat",
    "gender",
    "source",
    "level",
    "next_contact_on",
    "need",
    "preferred_time",
    "do_not_call",
    "interested_series",
    "budget_fen",
)


def _new_customer(subject: Row) -> Call:
    return _push(
        "save_customer",
        subject,
        {"id": str(uuid6.uuid7()), "set": {key: subject[key] for key in _FIELDS}},
    )


# Subjects: whose hands, and on what. Drawn evenly over stores and people, so cost must follow a
# person's own rows.
_CUSTOMER = """select c.store_id, c.owner_id as user_id, c.id as customer_id, c.level, {what}
  from crm.customers c {join}
  where c.owner_id is not null and c.id = any (%(ids)s) and c.store_id = any (%(stores)s)"""

_SEEN = "(k.owner_id = %(user_id)s or k.renewal_owner_id = %(user_id)s)"
_FOUND = """select k.id, k.owner_id, k.renewal_owner_id, k.pool, k.last_contact_at, k.level_at,
  k.created_at, k.updated_at, k.version, k.change_no, k.name, k.phone,
  k.wechat, k.gender, k.source, k.level, k.next_contact_on, k.need, k.preferred_time,
    k.do_not_call, k.custom from crm.customers k where k.store_id = %(store_id)s
    and k.removed_at is null and """

_QUEUE_FLOOR = """
select (select jsonb_agg(q) from (
    select t.id, t.customer_id, t.kind, t.rule, t.subject_form, t.subject_id, t.due_on, t.due_at,
      t.expires_on, t.rank, t.status, t.attempts, t.snoozes, t.remark, t.version,
      k.name, k.phone, k.level, k.do_not_call, k.need, k.last_contact_at
    from crm.tasks t join crm.customers k on k.store_id = t.store_id and k.id = t.customer_id
    where t.store_id = %(store_id)s and t.assignee_id = %(user_id)s and t.status = 'open'
      and t.removed_at is null and t.due_on <= current_date
    order by t.rank, t.due_on, t.id limit 50) q),
  (select count(*) from crm.tasks t where t.store_id = %(store_id)s and t.assignee_id = %(user_id)s
    and t.status = 'open' and t.removed_at is null and t.due_on <= current_date),
  (select count(*) from crm.tasks t where t.store_id = %(store_id)s and t.assignee_id = %(user_id)s
    and t.closed_at >= current_date and t.removed_at is null)"""

_CARD_FLOOR = """
select to_jsonb(k),
  (select jsonb_agg(x order by x.created_at) from crm.companions x where x.store_id = k.store_id
    and x.customer_id = k.id),
  (select jsonb_agg(x order by x.created_at desc) from crm.vehicles x where x.store_id = k.store_id
    and x.customer_id = k.id),
  (select jsonb_agg(x order by x.expires_on desc) from crm.policies x where x.store_id = k.store_id
    and x.customer_id = k.id),
  (select jsonb_agg(x order by x.created_at desc) from crm.deals x where x.store_id = k.store_id
    and x.customer_id = k.id),
  (select jsonb_agg(x order by x.due_on) from crm.tasks x where x.store_id = k.store_id
    and x.customer_id = k.id and x.status in ('open', 'cancel_requested')),
  (select jsonb_agg(x order by x.occurred_at desc)
    from (select v.*, m.name as author_name from crm.conversations v
     left join crm.members m on m.store_id = v.store_id and m.user_id = v.author_id
     where v.store_id = k.store_id and v.customer_id = k.id order by v.occurred_at desc limit 30) x)
from crm.customers k where k.store_id = %(store_id)s and k.id = %(customer_id)s"""

_LOG_FLOOR = """
with talk as (
  insert into crm.conversations (store_id, id, customer_id, author_id, task_id, method, outcome,
    reached, notes, level_before, level_after, next_contact_on, occurred_at)
  values (%(store_id)s, gen_random_uuid(), %(customer_id)s, %(user_id)s, %(task_id)s, 'call',
    'interested', true, '已发报价,周末到店', %(level)s, %(level)s, current_date + 7, now())
  returning id),
cleared as (update crm.tasks set status = 'done', conversation_id = (select id from talk),
  closed_at = now(), attempts = attempts + 1 where store_id = %(store_id)s and id = %(task_id)s),
planned as (update crm.customers set next_contact_on = current_date + 7, last_contact_at = now()
  where store_id = %(store_id)s and id = %(customer_id)s)
insert into crm.tasks (store_id, customer_id, assignee_id, kind, subject_id, due_on)
values (%(store_id)s, %(customer_id)s, %(user_id)s, 'next_contact', %(customer_id)s,
  current_date + 7) returning id"""

_BUDGET = (
    "exists (select from crm.searchable_values v where v.store_id = k.store_id and v.form "
    "= 'customer' and v.key = 'budget_fen' and v.subject_id = k.id and v.n between %(low)s "
    "and %(high)s)"
)
_PAGE = " order by k.created_at desc, k.id limit 50"
_SORTED = (
    _FOUND.replace(
        "from crm.customers k where",
        "from crm.searchable_values o join crm.customers k on k.store_id = o.store_id and k.id "
        "= o.subject_id where",
    )
    + "o.store_id = %(store_id)s and o.form = 'customer' and o.key = 'budget_fen' and o.n is "
    "not null order by o.n desc, k.id limit 50"
)
_NEW_FLOOR = """
insert into crm.customers (store_id, id, owner_id, name, phone, wechat, gender, source, level,
  next_contact_on, need, preferred_time, do_not_call, pinyin, initials, custom, created_by)
values (%(store_id)s, gen_random_uuid(), %(user_id)s, %(name)s, %(phone)s, %(wechat)s, %(gender)s,
  %(source)s, %(level)s, %(next_contact_on)s::date, %(need)s, %(preferred_time)s,
  %(do_not_call)s, 'wangwu', 'ww',
    jsonb_build_object('interested_series', %(interested_series)s::text, 'budget_fen',
    %(budget_fen)s::bigint), %(user_id)s) returning id"""
_FORM = """c.name, c.phone, 'wx' as wechat, c.gender, c.source,
  (current_date + 9)::text as next_contact_on, c.need, c.preferred_time, false as do_not_call,
  c.custom ->> 'interested_series' as interested_series,
  (c.custom ->> 'budget_fen')::bigint as budget_fen"""

_MOVE_FLOOR = (
    "update crm.deals set stage = 'visited', stage_at = now() where store_id = "
    "%(store_id)s and id = %(deal_id)s returning version"
)

_DEAL_COUNTERS = """
with moved as (update crm.deals set stage = 'visited', stage_at = now()
  where store_id = %(store_id)s and id = %(deal_id)s returning *)
insert into crm.funnel_counts as c (store_id, pipeline, stage, owner_id, deals, amount_fen)
select store_id, pipeline, x.stage, owner_id, x.n, x.n * amount_fen from moved
  cross join (values ('lead', -1), ('visited', 1)) x (stage, n) order by x.stage
on conflict (store_id, pipeline, stage, owner_id) do update set deals = c.deals + excluded.deals,
  amount_fen = c.amount_fen + excluded.amount_fen"""

_FUNNEL_SCAN = """
select s.key, count(d.id), coalesce(sum(d.amount_fen), 0) from crm.stages s
left join crm.deals d on d.store_id = s.store_id and d.pipeline = s.pipeline and d.stage = s.key
  and d.removed_at is null
where s.store_id = %(store_id)s and s.pipeline = 'new_car' group by s.key, s.position
  order by s.position"""

# The hand's query of a meeting: customers by owner and level as they are now, and per member what
# was due, done, said and received today.
_SHEET_FLOOR = """
select
  (select jsonb_agg(x) from (select c.owner_id, c.level, count(*) from crm.customers c
    where c.store_id = %(store_id)s and c.removed_at is null group by 1, 2) x),
  (select jsonb_agg(x) from (select t.assignee_id, count(*) from crm.tasks t
    where t.store_id = %(store_id)s and t.status in ('open', 'cancel_requested')
      and t.due_on <= current_date and t.removed_at is null group by 1) x),
  (select jsonb_agg(x) from (select v.author_id, count(*), count(*) filter (where v.reached),
      count(t.id) from crm.members m
    join crm.conversations v on v.store_id = m.store_id and v.author_id = m.user_id
      and v.occurred_at >= current_date and v.removed_at is null
    left join crm.tasks t on t.store_id = v.store_id and t.conversation_id = v.id
    where m.store_id = %(store_id)s group by 1) x),
  (select jsonb_agg(x) from (select v.owner_id, count(*) from crm.visits v
    where v.store_id = %(store_id)s and v.arrived_at >= current_date group by 1) x),
  (select jsonb_agg(x) from (select d.owner_id, d.stage, count(*), sum(d.amount_fen)
    from crm.deals d where d.store_id = %(store_id)s and d.closed_at >= current_date - 29
    group by 1, 2) x)"""

# (a manager's own queue is empty; they look at an advisor's, as the meeting of the morning does)
_MANAGER = (
    "(select m.user_id from crm.members m where m.store_id = c.store_id and m.role = 'manager')"
)

OPERATIONS = [
    Operation(
        "a",
        "today's queue, 50 rows",
        _CUSTOMER.format(what="1", join=""),
        _QUEUE_FLOOR,
        lambda s: Call("today", {"store_id": s["store_id"], "page_size": 50}),
        6,
        peer_ms=26,
    ),
    Operation(
        "a.manager",
        "an advisor's queue, seen by the manager",
        _CUSTOMER.format(what=f"{_MANAGER} as caller_id", join=""),
        _QUEUE_FLOOR,
        lambda s: Call(
            "today", {"store_id": s["store_id"], "member_id": s["user_id"], "page_size": 50}
        ),
        6,
    ),
    Operation(
        "b",
        "customer card with history",
        _CUSTOMER.format(what="1", join=""),
        _CARD_FLOOR,
        lambda s: Call(
            "customer_brief", {"store_id": s["store_id"], "customer_id": s["customer_id"]}
        ),
        6,
        peer_ms=56,
    ),
    Operation(
        "b.manager",
        "customer card, seen by the manager",
        _CUSTOMER.format(what=f"{_MANAGER} as caller_id", join=""),
        _CARD_FLOOR,
        lambda s: Call(
            "customer_brief", {"store_id": s["store_id"], "customer_id": s["customer_id"]}
        ),
        6,
    ),
    Operation(
        "c",
        "log a conversation + next task",
        _CUSTOMER.format(
            what="t.id as task_id",
            join="join crm.tasks t on t.store_id = c.store_id and t.customer_id = c.id and "
            "t.assignee_id = c.owner_id and t.status = 'open' and t.removed_at is null",
        ),
        _LOG_FLOOR,
        lambda s: _push(
            "log_conversation",
            s,
            {
                "id": str(uuid6.uuid7()),
                "customer_id": s["customer_id"],
                "task_id": s["task_id"],
                "outcome": "interested",
                "notes": "已发报价,周末到店",
                "level": s["level"],
            },
        ),
        6,
        bare=_LOG_FLOOR,
        peer_ms=92,
    ),
    Operation(
        "d.phone",
        "find by phone tail",
        _CUSTOMER.format(what="right(c.phone, 4) as query", join=""),
        _FOUND + "k.phone_tail = %(query)s and " + _SEEN + " limit 50",
        _search,
        8,
        peer_ms=11,
    ),
    Operation(
        "d.plate",
        "find by plate tail",
        _CUSTOMER.format(
            what="right(v.plate, 5) as query, reverse(right(v.plate, 5)) as reversed",
            join="join crm.vehicles v on v.store_id = c.store_id and v.customer_id = c.id",
        ),
        _FOUND
        + "k.id in (select v.customer_id from crm.vehicles v where v.store_id = %(store_id)s and "
        "starts_with(v.plate_reversed, %(reversed)s)) and " + _SEEN + " limit 50",
        _search,
        8,
    ),
    Operation(
        "d.name",
        "find by name",
        _CUSTOMER.format(what="c.name as query", join=""),
        _FOUND
        + "k.name ilike '%%' || %(query)s || '%%' and "
        + _SEEN
        + " order by k.created_at desc limit 50",
        _search,
        6,
        peer_ms=20,
    ),
    Operation(
        "d.pinyin",
        "find by pinyin",
        _CUSTOMER.format(what="left(c.pinyin, 6) as query", join=""),
        _FOUND
        + "(starts_with(k.pinyin, %(query)s) or starts_with(k.initials, %(query)s)) and "
        + _SEEN
        + " limit 50",
        _search,
        6,
    ),
    Operation(
        "d.name.manager",
        "find by name, seen by the manager",
        _CUSTOMER.format(what=f"c.name as query, {_MANAGER} as caller_id", join=""),
        _FOUND + "k.name ilike '%%' || %(query)s || '%%' order by k.created_at desc limit 50",
        _search,
        6,
    ),
    Operation(
        "d.phone.manager",
        "find by phone tail, seen by the manager",
        _CUSTOMER.format(what=f"right(c.phone, 4) as query, {_MANAGER} as caller_id", join=""),
        _FOUND + "k.phone_tail = %(query)s limit 50",
        _search,
        8,
    ),
    Operation(
        "h",
        "list of 50 customers, newest first",
        _CUSTOMER.format(what="'created_at' as sort", join=""),
        _FOUND + _SEEN + _PAGE,
        _find,
        3,
    ),
    Operation(
        "h.manager",
        "list of 50 customers, seen by the manager",
        _CUSTOMER.format(what=f"'created_at' as sort, {_MANAGER} as caller_id", join=""),
        _FOUND + "true" + _PAGE,
        _find,
        3,
    ),
    Operation(
        "h.filter",
        "filter by a custom field",
        _CUSTOMER.format(
            what="'created_at' as sort, (c.custom ->> 'budget_fen')::bigint as low, (c.custom ->> "
            "'budget_fen')::bigint + 500000 as high",
            join="",
        ),
        _FOUND + _SEEN + " and " + _BUDGET + _PAGE,
        _find,
        3.3,
    ),
    Operation(
        "h.filter.manager",
        "filter by a custom field, seen by the manager",
        _CUSTOMER.format(
            what="'created_at' as sort, (c.custom ->> 'budget_fen')::bigint as low, (c.custom "
            f"->> 'budget_fen')::bigint + 500000 as high, {_MANAGER} as caller_id",
            join="",
        ),
        _FOUND + _BUDGET + _PAGE,
        _find,
        3.3,
    ),
    Operation(
        "h.sort.manager",
        "sort by a custom field, seen by the manager",
        _CUSTOMER.format(what=f"'budget_fen' as sort, {_MANAGER} as caller_id", join=""),
        _SORTED,
        _find,
        3.3,
    ),
    Operation(
        "w",
        "a new customer with twelve fields",
        _CUSTOMER.format(what=_FORM, join=""),
        _NEW_FLOOR,
        _new_customer,
        3,
        bare=_NEW_FLOOR,
        beside="floor",
    ),
    Operation(
        "e",
        "funnel of a store",
        _CUSTOMER.format(what=f"{_MANAGER} as caller_id", join=""),
        _FUNNEL_SCAN,
        lambda s: Call("funnel_report", {"store_id": s["store_id"], "pipeline": "new_car"}),
        3,
        peer_ms=76,
    ),
    Operation(
        "k",
        "meeting sheet of a store",
        _CUSTOMER.format(what=f"{_MANAGER} as caller_id", join=""),
        _SHEET_FLOOR,
        lambda s: Call("meeting_sheet", {"store_id": s["store_id"]}),
        8,
    ),
    Operation(
        "g",
        "move a deal",
        _CUSTOMER.format(
            what="d.id as deal_id",
            join="join crm.deals d on d.store_id = c.store_id and d.customer_id = c.id and "
            "d.pipeline = 'new_car' and d.stage = 'lead'",
        ),
        _MOVE_FLOOR,
        lambda s: _push("move_deal", s, {"id": s["deal_id"], "stage": "visited"}, 1),
        8,
        bare=_DEAL_COUNTERS,
        peer_ms=29,
    ),
]


def subjects(
    owner: psycopg.Connection,
    operation: Operation,
    many: int,
    dice: random.Random,
    big_store: bool = False,
) -> Iterator[Row]:
    """`many` subjects drawn at random, never the same twice for an operation that writes."""
    first, stores = owner.execute(
        "select max(id::text) filter (where size = 60000), array_agg(id) filter (where size <> "
        "60000) from bench.stores"
    ).fetchone()  # type: ignore[misc]
    top = owner.execute("select max(n) from bench.people").fetchone()[0]  # type: ignore[index]
    low = (
        owner.execute(
            "select coalesce(min(n), 1) from bench.people where store_id = %s", (first,)
        ).fetchone()[0]  # type: ignore[index]
        if big_store
        else 1
    )  # type: ignore[index]
    drawn = [dice.randrange(low, top + 1) for _ in range(many * 60)]
    rows = (
        owner.cursor(row_factory=dict_row)
        .execute(
            operation.subjects.encode(),
            {"ids": [str(_id(2, n)) for n in drawn], "stores": [first] if big_store else stores},
        )
        .fetchall()
    )
    dice.shuffle(rows)
    if len(rows) < many:
        raise RuntimeError(f"operation {operation.key}: only {len(rows)} subjects of {many}")
    for row in rows[:many]:
        yield {
            key: str(value) if isinstance(value, uuid.UUID) else value for key, value in row.items()
        }


def _id(kind: int, n: int) -> uuid.UUID:
    return uuid.UUID(f"{1700000000000 + n:012x}7{kind:03x}8{n:015x}")


def claims(subject: Row) -> str:
    """What the token of the acting person says."""
    return json.dumps(
        {"sub": subject.get("caller_id") or subject["user_id"], "role": "authenticated"}
    )


__all__ = ["ADVISORS", "OPERATIONS", "Call", "Operation", "Row", "claims", "subjects"]
