"""Fills a database of ours with invented stores, in bulk and as the table owner.

The tables' own triggers rest while the rows go in, and every column they would have written is
filled here the same way (pinyin, searchable values, counters, history). Foreign keys and secondary
indexes are dropped before and made again after, so the database itself proves that the invented
rows hang together.
"""

import json
import time
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from forecourt.migrate import migrate
from forecourt.settings import ROOT

PRESET = ROOT / "shared" / "presets" / "three_levels.json"
ADVISORS = 14
ROLE_OF_INDEX = ["advisor"] * ADVISORS + [
    "renewal",
    "renewal",
    "market",
    "assistant",
    "manager",
    "store_admin",
]
TABLES = [
    "customers",
    "searchable_values",
    "vehicles",
    "policies",
    "deals",
    "tasks",
    "approvals",
    "conversations",
    "events",
    "operations",
    "funnel_counts",
]


@dataclass(frozen=True)
class Size:
    """How much to invent: `customers` spread evenly over `stores`, and one more store of
    `big_store` customers (0 = none)."""

    name: str
    customers: int
    stores: int
    big_store: int = 0


SIZES = {
    "10k": Size("10k", 10_000, 2),
    "100k": Size("100k", 100_000, 20),
    "1m": Size("1m", 1_000_000, 200, big_store=60_000),
}

# Names are drawn from twenty thousand, so that pinyin is computed once a name and not once a row.
FOUNDATION = """
create schema bench;
-- in the shape of a UUIDv7
create function bench.id(kind int, n bigint) returns uuid language sql immutable parallel safe as $$
  select (lpad(to_hex(1700000000000 + n), 12, '0') || '7' || lpad(to_hex(kind), 3, '0') || '8'
    || lpad(to_hex(n), 15, '0'))::uuid $$;
create function bench.draw(n bigint, salt int, below int) returns int language sql immutable
  parallel safe as $$
  select ((hashint8extended(n, salt) & 9223372036854775807) % below)::int $$;
create table bench.names as
  select n, surname || given as name, p.full_text collate "C" as pinyin,
    p.initials collate "C" as initials
  from (select n,
      substr('王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛',
        1 + bench.draw(n, 1, 78), 1) as surname,
      substr('伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红建国文辉力海燕波宁晓东雪梅林峰志鹏宇浩然子涵欣怡',
        1 + bench.draw(n, 2, 51), 1)
        || case when n % 5 > 0 then substr(
          '伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红建国文辉力海燕波宁晓东雪梅林峰志鹏宇浩然子涵欣怡',
          1 + bench.draw(n, 3, 51), 1) else '' end as given
    from generate_series(0, 19999) n) x cross join lateral crm.pinyin_of(surname || given) p;
alter table bench.names add primary key (n);
create table bench.stores (no int primary key, id uuid not null, first bigint not null,
  size int not null);
"""

# Place n of a store belongs to advisor n % 14 in eight of ten cases, to the market pool or the
# retained customers else. One row per customer with everything the other tables derive from it.
# Levels are as old as a store that runs its rules every night has them: up to the 180 days after
# which they fall (S-26), so one in 182 falls tonight and not half the local data.
PEOPLE = """
create unlogged table bench.people as
select n, s.id as store_id, s.no as store_no, i, bench.id(2, n) as id,
  case when i % 10 < 8 then bench.id(1, s.no * 100 + i % 14) end as owner_id,
  case when i % 5 < 2 then bench.id(1, s.no * 100 + 14 + i % 2) end as renewal_owner_id,
  case i % 10 when 8 then 'market' when 9 then 'retained' end as pool,
  coalesce(case when i % 10 < 8 then bench.id(1, s.no * 100 + i % 14) end,
    bench.id(1, s.no * 100 + 16)) as caller_id,
  case when i % 10 = 8 then 'potential' when bench.draw(n, 4, 5) = 0 then 'near' else 'intent' end
    as level,
  current_date + 1 + bench.draw(n, 5, 30) as next_on,
  now() - make_interval(days => 1 + bench.draw(n, 6, 700)) as made_at,
  now() - make_interval(days => bench.draw(n, 17, 182)) as level_at
from (
  select n, 1 + (n - 1) % {stores} as no, (n - 1) / {stores} as i
    from generate_series(1, {customers}) n
  union all
  select {customers} + 1 + i, {stores} + 1, i from generate_series(0, {big_store} - 1) i) p
join bench.stores s on s.no = p.no
order by n
"""

STEPS = {
    "customers": """
insert into crm.customers (store_id, id, owner_id, renewal_owner_id, pool, name, phone, wechat,
  gender, source, level, level_at, next_contact_on, last_contact_at,
  need, preferred_time, pinyin, initials, custom, created_by, created_at, updated_at)
select p.store_id, p.id, p.owner_id, p.renewal_owner_id, p.pool, m.name,
  '1' || (30 + bench.draw(p.n, 10, 70)) || lpad(bench.draw(p.n, 11, 100000000)::text, 8, '0'),
  case when p.n % 2 = 0 then 'wx' || p.n end, (array['female', 'male'])[1 + p.n % 2],
    (array['walk_in', 'phone', 'online'])[1 + p.n % 3], p.level, greatest(p.level_at, p.made_at),
  case when p.owner_id is not null then p.next_on end,
    case when bench.draw(p.n, 12, 5) > 0
    then now() - make_interval(days => bench.draw(p.n, 13, 60)) end,
  '想看七座,预算二十万左右,周末带家人来试驾',
    (array['morning', 'noon', 'afternoon', 'evening'])[1 + p.n % 4],
    m.pinyin, m.initials,
  jsonb_build_object('interested_series', v.series, 'budget_fen', v.budget), p.caller_id,
    p.made_at, p.made_at
from bench.people p
join bench.names m on m.n = bench.draw(p.n, 14, 20000)
cross join lateral (select
  (array['汉', '唐', '宋', '秦', '元', '海豹', '海豚'])[1 + bench.draw(p.n, 15, 7)]
  as series, 10000000 + 100000 * bench.draw(p.n, 16, 300) as budget) v
order by p.n""",
    "searchable values": """
insert into crm.searchable_values (store_id, form, key, subject_id, n, t)
select c.store_id, 'customer', k.key, c.id,
  case k.key when 'budget_fen' then (c.custom ->> k.key)::float8 end,
  case k.key when 'interested_series' then c.custom ->> k.key end
from crm.customers c cross join (values ('budget_fen'), ('interested_series')) k (key)""",
    "vehicles": """
insert into crm.vehicles (store_id, id, customer_id, plate, vin, brand, series, model_year,
  created_at, updated_at)
select store_id, bench.id(3, n), id,
  '沪' || chr(65 + bench.draw(n, 20, 24))
    || upper(lpad(to_hex(bench.draw(n, 21, 1048576)), 5, '0')),
  'LGX' || upper(lpad(to_hex(n), 14, '0')), '比亚迪', (array['汉', '唐', '宋', '秦'])[1 + n % 4],
    2015 + n % 10, made_at, made_at
from bench.people where i % 5 < 3 order by n""",
    "policies": """
insert into crm.policies (store_id, id, customer_id, vehicle_id, insurer, policy_number, kind,
  premium_fen, starts_on, expires_on, status, created_at, updated_at)
select store_id, bench.id(4, n), id, bench.id(3, n), '平安', 'P' || lpad(n::text, 16, '0'), 'both',
  300000 + bench.draw(n, 30, 400000), ends - 365, ends,
  case when ends < current_date then 'ended' else 'active' end, made_at, made_at
from (select *, current_date - 200 + bench.draw(n, 31, 365) as ends from bench.people
  where i % 5 < 3) p order by n""",
    "deals": """
insert into crm.deals (store_id, id, customer_id, owner_id, pipeline, stage, furthest_stage,
  stage_at, title, amount_fen, expected_close_on, lost_reason, closed_at, created_at, updated_at)
select store_id, bench.id(5, n), id, owner_id, pipeline, stage,
  case when stage = 'lost' then 'quoted' else stage end, made_at, '汉 EV',
  15000000 + bench.draw(n, 40, 10000000), current_date + bench.draw(n, 41, 90),
  case when stage = 'lost' then 'price' end,
    case when stage in ('lost', 'delivered', 'renewed') then now() - interval '3 days' end,
    made_at, made_at
from (select *, case when i % 8 < 6 then 'new_car' else 'renewal' end as pipeline,
    case when i % 8 < 6 then (array['lead', 'lead', 'lead', 'visited', 'visited', 'test_drive',
      'test_drive', 'quoted', 'ordered', 'delivered', 'lost', 'lost'])[1 + bench.draw(n, 42, 12)]
      else (array['to_contact', 'to_contact', 'quoted', 'promised', 'renewed', 'lost'])[1 +
        bench.draw(n, 42, 6)] end as stage
  from bench.people where i % 5 < 2) p order by n""",
    # Two tasks a customer: one long done, one of which three in ten are due and still to do, so an
    # advisor's page of fifty is full.
    "tasks": """
insert into crm.tasks (store_id, id, customer_id, assignee_id, kind, rule, rule_on, subject_id,
  due_on, status, attempts, conversation_id, closed_at, rank, created_at, updated_at)
select store_id, bench.id(6, n * 2 + j), id, caller_id, 'cadence', 'cadence', due_on, id, due_on,
  status, case status when 'done' then 1 else 0 end,
  case status when 'done' then bench.id(8, n * 5 + j) end,
    case when status in ('done', 'excused') then due_on + interval '10 hours' end, 5,
    due_on - interval '1 day', due_on
from (select *, current_date - case when j = 0 then 60 + bench.draw(n, 50, 340) when lot < 31
  then bench.draw(n, 51, 7) else 3 + bench.draw(n, 52, 50) end as due_on,
    case when j = 1 and lot < 30 then 'open' when j = 1
      and lot < 31 then 'cancel_requested' when lot < 34 then 'excused' else 'done' end as status
  from (select *, bench.draw(n, 53 + j, 100) as lot from bench.people
    cross join generate_series(0, 1) j) l) t order by n, j""",
    "approvals": """
insert into crm.approvals (store_id, id, task_id, customer_id, requester_id, reason, notes)
select store_id, bench.id(7, ('x' || right(id::text, 12))::bit(48)::bigint), id, customer_id,
  assignee_id, 'unreachable', '打了三次没人接' from crm.tasks where status = 'cancel_requested'""",
    "conversations": """
insert into crm.conversations (store_id, id, customer_id, author_id, task_id, method, outcome,
  reached, notes, level_before, level_after, next_contact_on, occurred_at, created_at, updated_at)
select p.store_id, bench.id(8, p.n * 5 + j), p.id, p.caller_id,
  case when t.status = 'done' then t.id end, 'call', 'interested', true,
  '客户对车型感兴趣,周末到店看车,已发报价',
  p.level, p.level,
  p.next_on, x.at, x.at, x.at
from generate_series(4, 0, -1) j
cross join bench.people p
left join crm.tasks t on j < 2 and t.store_id = p.store_id and t.id = bench.id(6, p.n * 2 + j)
cross join lateral (select coalesce(t.closed_at,
  now() - make_interval(days => 30 + j * 80 + bench.draw(p.n, 60 + j, 80))) as at) x""",
    "operations": """
insert into crm.operations (store_id, op_id, user_id, device_id, seq, verb, result, applied_at)
select store_id, bench.id(9, n), caller_id, bench.id(10, store_no), n, 'log_conversation',
  '{"status": "applied", "version": 1}', made_at from bench.people order by n""",
    "funnel_counts": """
insert into crm.funnel_counts (store_id, pipeline, stage, owner_id, deals, amount_fen,
  furthest_deals)
select store_id, pipeline, place, coalesce(owner_id, '00000000-0000-0000-0000-000000000000'),
  sum(here), sum(here * amount_fen), sum(furthest)
from crm.deals
cross join lateral (values (stage, 1, 0), (furthest_stage, 0, 1)) x (place, here, furthest)
group by 1, 2, 3, 4""",
}
EVENTS = [
    *[
        (
            t,
            f"""insert into crm.events (store_id, customer_id, form, subject_id, kind, version,
              created_at)
select store_id, {"id" if t == "customers" else "customer_id"}, '{form}', id, 'created', 1,
  created_at from crm.{t}""",
        )
        for t, form in [
            ("customers", "customer"),
            ("vehicles", "vehicle"),
            ("policies", "policy"),
            ("deals", "deal"),
            ("tasks", "task"),
            ("conversations", "conversation"),
        ]
    ],
    (
        "done tasks",
        """insert into crm.events (store_id, customer_id, form, subject_id, kind, field, old, new,
          version, op_id, created_at)
select store_id, customer_id, 'task', id, 'changed', 'status', '"open"', '"done"', 1,
  bench.id(9, ('x' || right(customer_id::text, 12))::bit(48)::bigint), closed_at
from crm.tasks where status = 'done'""",
    ),
]


def make_database(admin_url: str, owner_url: str, name: str) -> None:
    """A fresh database with our migrations, beside the one the API serves. Drops one of that name
    first."""
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f'drop database if exists "{name}" with (force)'.encode())
        admin.execute(f'create database "{name}" owner postgres'.encode())
    migrate(make_conninfo(owner_url, dbname=name), lambda line: None)


def fill(owner_url: str, size: Size, say=print) -> dict[str, int]:
    """Invent `size` into an empty migrated database; returns the rows of each table. As the tables'
    owner, no superuser."""
    with psycopg.connect(owner_url, autocommit=True) as db:
        db.execute(
            "set maintenance_work_mem = '512MB'; set work_mem = '256MB'; set synchronous_commit = "
            "off"
        )
        db.execute(FOUNDATION)
        _stores(db, size)
        db.execute(
            PEOPLE.format(
                stores=size.stores, customers=size.customers, big_store=size.big_store
            ).encode()
        )
        db.execute("analyze bench.people, bench.names")
        put_back = _set_aside(db)
        for table in TABLES:
            db.execute(f"alter table crm.{table} disable trigger user".encode())
        for name, statement in [*STEPS.items(), *[(f"events of {n}", s) for n, s in EVENTS]]:
            started = time.monotonic()
            rows = db.execute(statement.encode()).rowcount
            db.execute("analyze crm.tasks" if name == "tasks" else "select 1")
            say(f"  {name}: {rows:,} rows in {time.monotonic() - started:.1f} s")
        for table in TABLES:
            db.execute(f"alter table crm.{table} enable trigger user".encode())
        started = time.monotonic()
        for statement in put_back:
            db.execute(statement.encode())
        say(f"  indexes and foreign keys in {time.monotonic() - started:.1f} s")
        for table in TABLES:
            db.execute(f"vacuum analyze crm.{table}".encode())
        db.execute("analyze")
        return {
            t: db.execute(f"select count(*) from crm.{t}".encode()).fetchone()[0]  # type: ignore[index]
            for t in TABLES
        }


def _stores(db: psycopg.Connection, size: Size) -> None:
    document = json.loads(PRESET.read_text(encoding="utf8"))
    group = db.execute("insert into crm.groups (name) values ('Bench') returning id").fetchone()[0]  # type: ignore[index]
    sizes = [size.customers // size.stores] * size.stores + (
        [size.big_store] if size.big_store else []
    )
    for no, customers in enumerate(sizes, 1):
        store = db.execute(
            "insert into bench.stores values (%s, bench.id(0, %s), %s, %s) returning id",
            (no, no, no, customers),
        ).fetchone()[0]  # type: ignore[index]
        db.execute(
            "select crm.create_store(%s, %s, %s, %s)", (group, store, f"{no} 店", Jsonb(document))
        )
    db.cursor().executemany(
        "insert into crm.members (store_id, user_id, role, name) select id, bench.id(1, no * "
        "100 + %s), %s, %s from bench.stores",
        [(index, role, f"{role}{index}") for index, role in enumerate(ROLE_OF_INDEX)],
    )


def _set_aside(db: psycopg.Connection) -> list[str]:
    """Drop foreign keys and secondary indexes of the big tables; answers the statements that make
    them again."""
    keys = db.execute(
        "select c.conrelid::regclass::text, c.conname, pg_get_constraintdef(c.oid) from "
        "pg_constraint c where c.contype = 'f' and c.conrelid = any (%s::regclass[])",
        ([f"crm.{t}" for t in TABLES],),
    ).fetchall()
    indexes = db.execute(
        "select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) from pg_index i "
        "where i.indrelid = any (%s::regclass[]) and not i.indisprimary"
        " and not exists (select from pg_constraint c where c.conindid = i.indexrelid)",
        ([f"crm.{t}" for t in TABLES],),
    ).fetchall()
    for table, name, _ in keys:
        db.execute(f'alter table {table} drop constraint "{name}"'.encode())
    for name, _ in indexes:
        db.execute(f"drop index {name}".encode())
    return [definition for _, definition in indexes] + [
        f'alter table {t} add constraint "{n}" {d}' for t, n, d in keys
    ]
