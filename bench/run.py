"""`make bench`: fills databases, measures every operation in all its ways, writes
bench/results/*.json and the table of docs/developers/performance.md.

BENCH_SIZE=100k (the default) compares 10k with 100k customers; BENCH_SIZE=1m compares 100k with a
million and takes about a quarter of an hour. Everything is bounded in count and time, listens on
loopback only, and is removed at the end.
"""

import argparse
import json
import os
import random
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import uuid6
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from bench.generate import SIZES, fill, make_database
from bench.measure import Floor, OurHttp, OurSql, Sample, Way, resident_mb, signer
from bench.operations import OPERATIONS, Operation, subjects
from bench.report import write_report
from forecourt.claims import as_member
from forecourt.postgres_files import remove_cluster
from forecourt.settings import ROOT, home_folder
from forecourt.stack import Stack

RESULTS = ROOT / "bench" / "results"
WARM_UP = 12
SECONDS_PER_OPERATION = 90
SERVED = "forecourt"  # the database behind the embedded API; it holds 100k


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument(
        "--size",
        choices=["100k", "1m"],
        default=os.environ.get("BENCH_SIZE", "100k"),
        help="the larger of the two sizes",
    )
    parser.add_argument(
        "--rounds", type=int, default=200, help="measured rounds per operation (at most 1000)"
    )
    parser.add_argument("--only", help="operations to measure, by key, with commas")
    parser.add_argument(
        "--keep",
        action="store_true",
        help="keep the filled databases, and use those of an earlier --keep",
    )
    options = parser.parse_args()
    home = home_folder() / "bench"
    names = {"100k": ["10k", "100k"], "1m": ["100k", "1m"]}[options.size]
    if not options.keep:  # what a run that broke off left would be measured as if it were fresh
        remove_cluster(home)
        shutil.rmtree(home, ignore_errors=True)
    with Stack(home) as stack:
        databases = {name: SERVED if name == "100k" else f"bench_{name}" for name in names}
        counts = {name: _fill(stack, name, database) for name, database in databases.items()}
        chosen = [o for o in OPERATIONS if options.only is None or o.key in options.only.split(",")]
        result: dict[str, Any] = {
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": _machine(stack),
            "sizes": counts,
            "operations": measure(stack, databases, chosen, min(options.rounds, 1000)),
        }
        if "1m" in databases:
            result["big_store"] = measure(
                stack,
                {"1m": databases["1m"]},
                [o for o in chosen if not o.writes],
                60,
                big_store=True,
            )
        result["first_sync"] = {
            name: first_sync(stack, database) for name, database in databases.items()
        }
        result["imports"] = {name: imports(stack, database) for name, database in databases.items()}
        result["publishing"] = {
            name: publishing(stack, database) for name, database in databases.items()
        }
        result["memory_mb"] = {"api (node)": resident_mb(_node(stack))}
        result["rules"] = {
            name: rules(stack, database) for name, database in list(databases.items())[-1:]
        }
    if not options.keep:
        remove_cluster(home)
        shutil.rmtree(home)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{names[-1]}.json").write_text(
        json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf8"
    )
    write_report(RESULTS, ROOT / "docs" / "developers" / "performance.md")


def _fill(stack: Stack, name: str, database: str) -> dict[str, int]:
    owner = make_conninfo(stack.db_url, dbname=database)
    if database != SERVED:
        with psycopg.connect(stack.admin_db_url, autocommit=True) as admin:
            there = admin.execute(
                "select 1 from pg_database where datname = %s", (database,)
            ).fetchone()
        if not there:
            make_database(stack.admin_db_url, stack.db_url, database)
    with psycopg.connect(owner, autocommit=True) as db:
        filled = db.execute("select to_regclass('bench.filled') is not null").fetchone()[0]  # type: ignore[index]
    if not filled:
        say(f"filling {database} with {SIZES[name].customers:,} customers")
        counts = fill(owner, SIZES[name], say)
        with psycopg.connect(owner, autocommit=True) as db:
            db.execute(
                "create table bench.filled as select %s::jsonb as counts", (json.dumps(counts),)
            )
    with psycopg.connect(owner, autocommit=True) as db:
        return {
            **db.execute("select counts from bench.filled").fetchone()[0],  # type: ignore[index]
            "stores": SIZES[name].stores,
            "megabytes": db.execute(
                "select pg_database_size(current_database()) / 1000000"
            ).fetchone()[0],  # type: ignore[index]
        }


def measure(
    stack: Stack,
    databases: dict[str, str],
    operations: list[Operation],
    rounds: int,
    big_store: bool = False,
) -> list[dict[str, Any]]:
    """Every operation in every database in every way, one after the other within each round, each
    on a subject of its own."""
    ways: dict[tuple[str, str], Way] = {}
    for size, database in databases.items():
        ways[size, "floor"] = Floor(stack.db_url, database)
        ways[size, "bare"] = Floor(stack.admin_db_url, database, bare=True)
        ways[size, "sql"] = OurSql(stack.db_url, database)
        if database == SERVED:
            sign = signer(stack.supabase_url, stack.publishable_key, stack.settings.jwt_secret)
            ways[size, "http"] = OurHttp(
                stack.supabase_url, stack.publishable_key, sign, _api_pids(stack)
            )
    answers = []
    for operation in operations:
        dice = random.Random(7)
        here = {key: way for key, way in ways.items() if operation.writes or key[1] != "bare"}
        queues = {}
        for size, database in databases.items():
            share = [key for key in here if key[0] == size]
            with psycopg.connect(make_conninfo(stack.db_url, dbname=database)) as db:
                drawn = list(
                    subjects(db, operation, len(share) * (rounds + WARM_UP), dice, big_store)
                )
            queues |= {key: iter(drawn[index :: len(share)]) for index, key in enumerate(share)}
        samples = {key: Sample() for key in here}
        until = time.monotonic() + SECONDS_PER_OPERATION
        order = list(here)
        for round_ in range(rounds + WARM_UP):
            order = order[1:] + order[:1]  # nobody is always the first to touch a page
            for key in order:
                here[key].timed(
                    operation, next(queues[key]), samples[key] if round_ >= WARM_UP else None
                )
            if time.monotonic() > until and round_ > WARM_UP + 10:
                break
        answer: dict[str, Any] = {
            "key": operation.key,
            "title": operation.title,
            "goal": operation.goal,
            "peer_ms": operation.peer_ms,
            "writes": operation.writes,
            "beside": operation.beside if operation.writes else "floor",
            "sizes": {
                size: {way: samples[s, way].summary() for s, way in samples if s == size}
                for size in databases
            },
        }
        answers.append(answer)
        say(
            f"{operation.key:16}"
            + "   ".join(
                f"{size}: "
                + " ".join(
                    f"{way} {figures['p50_ms']}/{figures['p95_ms']}"
                    for way, figures in by_way.items()
                )
                for size, by_way in answer["sizes"].items()
            )
        )
    return answers


def first_sync(stack: Stack, database: str, people: int = 10) -> dict[str, Any]:
    """Whole books of some advisors, page by page until there is no more, and one empty pull after
    it."""
    with psycopg.connect(make_conninfo(stack.db_url, dbname=database), autocommit=True) as db:
        members = db.execute(
            "select store_id::text, user_id::text from crm.members where role = 'advisor' order "
            "by md5(user_id::text) limit %s",
            (people,),
        ).fetchall()
        rows, seconds, idle = 0, 0.0, []
        for store, user in members:
            cursor, more = None, True
            for _ in range(1000):
                started = time.perf_counter()
                with db.transaction():
                    db.execute(
                        "select set_config('role', 'authenticated', true), "
                        "set_config('request.jwt.claims', %s, true)",
                        (json.dumps({"sub": user, "role": "authenticated"}),),
                    )
                    page = db.execute(
                        "select api.sync_pull(%s, %s, 500, 1)",
                        (store, Jsonb(cursor) if cursor else None),
                    ).fetchone()[0]  # type: ignore[index]
                took, cursor = time.perf_counter() - started, page["cursor"]
                if not more:
                    idle.append(took)
                    break
                rows, seconds, more = (
                    rows + sum(len(r) for r in page["rows"].values()),
                    seconds + took,
                    page["more"],
                )
    say(
        f"first sync: {rows} rows in {seconds:.2f} s; nothing new "
        f"{sorted(idle)[len(idle) // 2] * 1000:.0f} ms"
    )
    return {
        "people": people,
        "rows": rows,
        "rows_per_second": round(rows / seconds),
        "nothing_new_ms": round(sorted(idle)[len(idle) // 2] * 1000, 1),
    }


def imports(stack: Stack, database: str, rows: int = 10_000) -> dict[str, Any]:
    """A list of new leads by commit_import, 500 rows a call, then the same list again; the floor is
    COPY with triggers and foreign keys resting."""
    with psycopg.connect(make_conninfo(stack.db_url, dbname=database), autocommit=True) as db:
        store, manager, advisor = db.execute("""select s.id::text,
              (select user_id::text from crm.members m where m.store_id = s.id
              and m.role = 'manager'),
            (select min(user_id::text) from crm.members m where m.store_id = s.id
              and m.role = 'advisor') from bench.stores s where s.no = 2""").fetchone()  # type: ignore[misc]
        mark = time.time_ns() // 1000 % 10**8
        leads: list[dict[str, Any]] = [
            {
                "row": n,
                "key": f"{mark}-{n}",
                "customer": {
                    "name": f"王{n}",
                    "phone": f"199{(mark + n) % 10**8:08d}",
                    "need": "看七座",
                },
            }
            for n in range(rows)
        ]
        options = {"owner_id": advisor, "source": "online", "level": "intent"}
        seconds, created = [], []
        for _ in range(2):
            list_id, started, made = str(uuid6.uuid7()), time.perf_counter(), 0
            for first in range(0, rows, 500):
                with db.transaction():
                    db.execute(
                        "select set_config('role', 'authenticated', true), "
                        "set_config('request.jwt.claims', %s, true)",
                        (json.dumps({"sub": manager, "role": "authenticated"}),),
                    )
                    answers = db.execute(
                        "select api.commit_import(%s, %s, 'customers', 'bench.csv', %s, %s)",
                        (store, list_id, Jsonb(options), Jsonb(leads[first : first + 500])),
                    ).fetchone()[0]  # type: ignore[index]
                made += sum(answer["status"] == "created" for answer in answers)
            seconds.append(time.perf_counter() - started)
            created.append(made)
        if created != [rows, 0]:
            raise RuntimeError(f"the import made {created} records instead of {rows} and none")
    with psycopg.connect(make_conninfo(stack.admin_db_url, dbname=database), autocommit=True) as db:
        db.execute("set session_replication_role = replica")
        started = time.perf_counter()
        with db.cursor().copy(
            "copy crm.customers (store_id, id, owner_id, name, phone, source, level, need) from "
            "stdin"
        ) as copy:
            for lead in leads:
                customer = lead["customer"]
                copy.write_row(
                    (
                        store,
                        str(uuid6.uuid7()),
                        advisor,
                        customer["name"],
                        customer["phone"],
                        "online",
                        "intent",
                        customer["need"],
                    )
                )
        copied = time.perf_counter() - started
    say(f"import of {rows}: ours {seconds[0]:.1f} s, again {seconds[1]:.1f} s, copy {copied:.2f} s")
    return {
        "rows": rows,
        "rows_per_second": round(rows / seconds[0]),
        "again_rows_per_second": round(rows / seconds[1]),
        "copy_rows_per_second": round(rows / copied),
    }


def publishing(stack: Stack, database: str) -> dict[str, Any]:
    """Seconds to publish in a store of 200 fields and 20 roles: all of it new, one label, one
    role's rights."""
    with psycopg.connect(make_conninfo(stack.db_url, dbname=database)) as db:
        store, admin = db.execute("""select s.id,
              (select user_id from crm.members m where m.store_id = s.id and m.role = 'store_admin')
            from bench.stores s where s.no = 1""").fetchone()  # type: ignore[misc]
        version, document = db.execute(
            "select s.config_version, v.document from crm.stores s join crm.config_versions v on "
            "v.store_id = s.id and v.version = s.config_version where s.id = %s",
            (store,),
        ).fetchone()  # type: ignore[misc]
        fields, roles = document["forms"]["customer"]["fields"], document["roles"]
        kinds = ("text", "number", "date", "select", "money", "bool")
        for n in range(200 - sum(len(form["fields"]) for form in document["forms"].values())):
            kind = kinds[n % len(kinds)]
            fields.append(
                {
                    "key": f"x{n}",
                    "type": kind,
                    "label": {"zh_CN": f"字段{n}"},
                    **(
                        {"options": [{"key": "a", "label": {"zh_CN": "甲"}}]}
                        if kind == "select"
                        else {}
                    ),
                }
            )
        roles += [{**roles[n % 6], "key": f"role{n}"} for n in range(20 - len(roles))]
        for n, role in enumerate(roles):
            rights = dict(role["rights"].get("customer", {})) | {
                f["key"]: ("write", "read", "hidden")[(n + m) % 3]
                for m, f in enumerate(fields)
                if f["key"].startswith("x")
            }
            role["rights"] = {**role["rights"], "customer": rights}
        seconds = {}
        with as_member(db, admin):
            for what in ("all new", "one label", "one role"):
                if what == "one label":
                    fields[-1]["label"] = {"zh_CN": "另一个名字"}
                if what == "one role":
                    roles[0]["rights"]["customer"] |= {"x1": "hidden", "x2": "write"}
                started = time.perf_counter()
                version = db.execute(
                    "select api.publish_config(%s, %s, %s, '')", (store, Jsonb(document), version)
                ).fetchone()[0]["version"]  # type: ignore[index]
                seconds[what] = round(time.perf_counter() - started, 2)
        db.rollback()
    say(f"publishing: {seconds}")
    return {"fields": 200, "roles": len(roles), "seconds": seconds}


def rules(stack: Stack, database: str) -> dict[str, Any]:
    """The nightly rules over every store, as the scheduler runs them: a transaction a store, then
    once more for nothing new."""
    with psycopg.connect(make_conninfo(stack.db_url, dbname=database), autocommit=True) as db:
        stores = [
            row[0] for row in db.execute("select id from bench.stores order by no").fetchall()
        ]
        runs = []
        for _ in range(2):
            started, made = time.monotonic(), 0
            for store in stores:
                answer = db.execute(
                    "select crm.run_rules(%s, current_date + 3)", (store,)
                ).fetchone()[0]  # type: ignore[index]
                made += answer["cadence"] + answer["policy_window"]
            runs.append({"tasks": made, "seconds": round(time.monotonic() - started, 1)})
        wrong = db.execute("""select count(*)
          from (select store_id, pipeline, stage, sum(deals)::bigint n, sum(amount_fen)::bigint a
          from crm.funnel_counts group by 1, 2, 3) c
            full join (select store_id, pipeline, stage, count(*) n,
              sum(coalesce(amount_fen, 0))::bigint a from crm.deals where removed_at is null
              group by 1, 2, 3) d
            using (store_id, pipeline, stage) where coalesce(c.n, 0) <> coalesce(d.n, 0)
              or coalesce(c.a, 0) <> coalesce(d.a, 0)""").fetchone()
    assert wrong is not None
    say(f"rules: {runs}; counters that differ from the scan: {wrong[0]}")
    return {"stores": len(stores), "first": runs[0], "again": runs[1], "wrong_counters": wrong[0]}


def _api_pids(stack: Stack) -> Any:
    node = _node(stack)
    admin = psycopg.connect(stack.admin_db_url, autocommit=True)

    def pids() -> list[int]:
        return [
            node,
            *[
                row[0]
                for row in admin.execute(
                    "select pid from pg_stat_activity where usename = 'supabase_lite'"
                ).fetchall()
            ],
        ]

    return pids


def _node(stack: Stack) -> int:
    """The process of the embedded API: the one that listens on its port."""
    port = f"{stack.settings.api_port:04X}"
    inodes = {
        row.split()[9]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        if Path(table).exists()
        for row in Path(table).read_text().splitlines()[1:]
        if row.split()[1].endswith(f":{port}") and row.split()[3] == "0A"
    }
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if any(
                os.readlink(link) in {f"socket:[{inode}]" for inode in inodes}
                for link in (folder / "fd").iterdir()
            ):
                return int(folder.name)
        except OSError:
            continue
    raise RuntimeError("the embedded API was not found among the processes")


def _machine(stack: Stack) -> dict[str, Any]:
    with psycopg.connect(stack.db_url) as db:
        version, buffers = db.execute(
            "select current_setting('server_version'), current_setting('shared_buffers')"
        ).fetchone()  # type: ignore[misc]
    return {
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "postgres": version,
        "shared_buffers": buffers,
    }


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
