"""The `forecourt` command: the embedded stack, the demo, and what a scheduler calls."""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg

from forecourt import configure, demo, signed_in
from forecourt.migrate import MigrationChanged, apply_migrations
from forecourt.prove import prove
from forecourt.settings import ROOT, home_folder, load_settings, read_settings
from forecourt.stack import Stack, StackError, is_running, owner_pid, supabase_from_environment
from forecourt.webroot import ensure_webroot


def main() -> None:
    parser = argparse.ArgumentParser(prog="forecourt", description="展厅助手 Forecourt")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run, text in (
        ("demo", run_demo, "start everything with a demo dealer group and print the sign-ins"),
        ("up", run_up, "start the database and the API only"),
        ("status", run_status, "what runs, and where"),
        ("down", run_down, "stop what runs"),
        ("migrate", run_migrate, "apply migrations to $DATABASE_URL, or to the embedded database while it runs"),
        ("tick", run_tick, "run the rules of every store for its own today (for any scheduler)"),
        ("reset", run_reset, "delete the local database and devices"),
    ):
        commands.add_parser(name, help=text).set_defaults(run=run)
    configure.add_commands(commands.add_parser("config", help="a store's document: show, export, check, publish, restore, diff"))
    proof = commands.add_parser("prove", help="ask every exit for every value a role may not see; green or red")
    proof.add_argument("--store", help="name or id; needed when you belong to several")
    proof.set_defaults(perform=prove)
    try:
        arguments = parser.parse_args()
        if "perform" in arguments:
            signed_in.perform(arguments)
        else:
            arguments.run()
    except (StackError, MigrationChanged) as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def say(line: str) -> None:
    print(f"· {line}", flush=True)


def _end_when_told() -> None:
    """SIGTERM ends us in order, and so does the death of the `make` that started us: it passes no `kill -9` on."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    if "MAKELEVEL" in os.environ:
        threading.Thread(target=_follow, args=(os.getppid(),), daemon=True).start()


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


def run_demo() -> None:
    """Stack, migrations, seed, web server; until Ctrl-C."""
    _end_when_told()
    home = home_folder()
    ensure_webroot(home, say)
    hosted = supabase_from_environment()
    if hosted:
        settings = load_settings(home)
        _serve(home, settings.web_port, *hosted, {"supabase_url": hosted[0], "publishable_key": hosted[1], "users": []})
        return
    say("starting Postgres and Supabase Lite")
    with Stack(home) as stack:
        users = demo.seed(stack.db_url, stack.supabase_url, stack.publishable_key, say=say)
        _tick(stack.db_url)
        facts = {
            "supabase_url": stack.supabase_url, "publishable_key": stack.publishable_key, "db_url": stack.db_url,
            "users": [{"email": u.email, "password": u.password, "role": u.role, "store": u.store, "name": u.name} for u in users],
        }  # fmt: skip
        _serve(home, stack.settings.web_port, stack.supabase_url, stack.publishable_key, facts)


def _serve(home: Path, port: int, url: str, key: str, facts: dict) -> None:
    environment = {**os.environ, "SUPABASE_URL": url, "SUPABASE_PUBLISHABLE_KEY": key, "FORECOURT_HOME": str(home)}
    (home / "logs").mkdir(parents=True, exist_ok=True)
    with open(home / "logs" / "web.log", "ab") as log:
        # the server's standard input is our pipe: it ends with us, however we end
        server = subprocess.Popen(
            [sys.executable, "-m", "forecourt.serve", "--port", str(port)], cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=log, stderr=log
        )
        try:
            phone = f"http://127.0.0.1:{port}"
            _wait_for_web(server, phone)
            facts = {"phone_url": f"{phone}/", "admin_url": f"{phone}/admin/", **facts}
            (home / "demo.json").write_text(json.dumps(facts, ensure_ascii=False, indent=2))
            _print_facts(facts)
            server.wait()
            raise StackError(f"the web server ended; see {home / 'logs' / 'web.log'}")
        except KeyboardInterrupt:
            say("stopping")
        finally:
            server.terminate()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()


def _wait_for_web(server: subprocess.Popen, address: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if server.poll() is not None:
            raise StackError("the web server did not start; see .forecourt/logs/web.log")
        try:
            urllib.request.urlopen(f"{address}/healthz", timeout=2)
            return
        except OSError:
            time.sleep(0.1)
    raise StackError("the web server does not answer")


def _print_facts(facts: dict) -> None:
    print(f"\n  手机端  {facts['phone_url']}\n  管理后台 {facts['admin_url']}\n", flush=True)
    for user in facts["users"]:
        print(f"  {user['name']:<5}\t{user['role']:<12}{user['store']}\t{user['email']:<28}{user['password']}", flush=True)
    print("\n  Ctrl-C ends it; the data stays.\n", flush=True)


def run_up() -> None:
    _end_when_told()
    with Stack(home_folder()) as stack:
        print(f"SUPABASE_URL={stack.supabase_url}\nSUPABASE_PUBLISHABLE_KEY={stack.publishable_key}\nDATABASE_URL={stack.db_url}", flush=True)
        signal.pause()


def run_status() -> None:
    home = home_folder()
    if not is_running(home):
        raise SystemExit(f"not running ({home})")
    settings = read_settings(home)
    print(f"running ({home})\n  API      {settings.supabase_url}\n  web      http://127.0.0.1:{settings.web_port}/\n  logs     {home / 'logs'}")


def run_down() -> None:
    home = home_folder()
    if not is_running(home):
        raise SystemExit("not running")
    if (owner := owner_pid(home)) is not None:  # else it died a moment ago and its keeper is ending the rest
        with contextlib.suppress(ProcessLookupError):
            os.kill(owner, signal.SIGTERM)
    end = time.monotonic() + 60
    while is_running(home):
        if time.monotonic() > end:
            raise SystemExit("it does not stop; see the logs")
        time.sleep(0.1)
    say("stopped")


def _database_url() -> str:
    if url := os.environ.get("DATABASE_URL"):
        return url
    if not is_running(home_folder()):
        raise SystemExit("nothing runs here: start it with `make demo`, or set DATABASE_URL")
    return read_settings(home_folder()).db_url()


def run_migrate() -> None:
    say(f"{apply_migrations(_database_url(), say)} migrations applied")


def run_tick() -> None:
    for result in _tick(_database_url()):
        print(json.dumps(result, ensure_ascii=False))


def _tick(db_url: str) -> list[dict]:
    """The rules of each store for its own today, and the end of fields removed 30 days ago; a second run adds nothing."""
    with psycopg.connect(db_url, autocommit=True) as connection:
        stores = connection.execute("select id, time_zone from crm.stores order by id").fetchall()
        results = []
        for store, zone in stores:
            day = datetime.now(ZoneInfo(zone)).date()
            row = connection.execute(
                "select crm.run_rules(%s, %s), crm.purge_fields(%s, now()), crm.run_responses(%s, now())", (store, day, store, store)
            ).fetchone()
            results.append({**row[0], "purged_fields": row[1], **({"responses": row[2]} if row[2] else {})} if row else {})
        return results


def run_reset() -> None:
    home = home_folder()
    if is_running(home):
        raise SystemExit("it is running: `forecourt down` first")
    for name in ("postgres", "devices", "demo.json"):
        target = home / name
        shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)
    say("deleted; the next start begins anew")


def _as_interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
