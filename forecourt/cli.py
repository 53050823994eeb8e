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
from pathlib import Path

import psycopg

from forecourt import configure, demo, first_run, group, signed_in
from forecourt.backup import command as backup
from forecourt.build.web_apps import ensure_web_apps
from forecourt.check_access import check_access
from forecourt.doctor import command as doctor
from forecourt.migrate import MigrationChanged, migrate, release
from forecourt.postgres_files import remove_cluster
from forecourt.scheduler import Scheduler, health, run_due
from forecourt.settings import (
    ROOT,
    SettingsError,
    home_folder,
    keep_private,
    load_settings,
    read_settings,
)
from forecourt.stack import Stack, StackError, is_running, owner_pid, supabase_from_environment


def main() -> None:
    os.umask(0o077)  # what we and our processes write is for this user only
    try:
        perform(command_line().parse_args())
    except (StackError, SettingsError, MigrationChanged) as error:
        raise SystemExit(str(error)) from None
    except PermissionError as error:
        raise SystemExit(
            f"no permission for {error.filename}: make it yours, or set FORECOURT_HOME to a "
            "folder that is"
        ) from None
    except (OSError, psycopg.Error) as error:
        raise SystemExit(f"it does not work: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def command_line() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forecourt", description="展厅助手 Forecourt")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run, text in (
        ("demo", run_demo, "start everything with a demo dealer group and print the sign-ins"),
        ("start", run_start, "start everything without the demo: `forecourt init` comes next"),
        ("up", run_up, "start the database and the API only"),
        ("status", run_status, "what runs, and where"),
        ("down", run_down, "stop what runs"),
        (
            "migrate",
            run_migrate,
            "apply migrations to $DATABASE_URL, or to the embedded database while it runs",
        ),
        (
            "release",
            run_release,
            "compile supabase/schemas into a migration for `supabase db push`",
        ),
        ("tick", run_tick, "run what is due in every store: missed nights, then the hour"),
        ("reset", run_reset, "delete the local database"),
    ):
        commands.add_parser(name, help=text).set_defaults(run=run)
    first_run.add_arguments(
        commands.add_parser(
            "init", help="create a dealer group and its first store, and invite the store's admin"
        )
    )
    built = commands.add_parser("build", help="make the static files of both apps for any web host")
    built.add_argument("folder", nargs="?", default="dist/phone", help="default: dist/phone")
    configure.add_commands(
        commands.add_parser(
            "config", help="a store's document: show, export, check, publish, restore, diff"
        )
    )
    group.add_commands(
        commands.add_parser("group", help="who works for a whole dealer group (for the operator)")
    )
    backup.add_commands(commands)
    doctor.add_commands(commands)
    access_check = commands.add_parser(
        "prove", help="ask every exit for every value a role may not see; green or red"
    )
    access_check.add_argument("--store", help="name or id; needed when you belong to several")
    access_check.set_defaults(perform=check_access)
    return parser


def perform(arguments: argparse.Namespace) -> None:
    if "perform" in arguments:
        signed_in.perform(arguments)
    elif "on_group" in arguments:
        group.perform(arguments, _database_url())
    elif "on_set_up" in arguments:
        raise SystemExit(arguments.on_set_up(arguments))
    elif "on_database" in arguments:
        backup.perform(arguments, arguments.database or _database_url())
    elif arguments.command == "init":
        first_run.show(first_run.perform(arguments, _database_url()), _phone_address())
    elif arguments.command == "build":
        run_build(Path(arguments.folder))
    else:
        arguments.run()


def say(line: str) -> None:
    print(f"· {line}", flush=True)


def run_build(folder: Path) -> None:
    """Copy the finished build to a folder whose config.json is still to be written."""
    made = ensure_web_apps(say)
    if folder.exists() and not (folder / "service_worker.js").exists():
        raise SystemExit(f"{folder} holds something else: name an empty or new folder")
    config = folder / "config.json"
    kept = config.read_bytes() if config.exists() else None
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made, folder)
    if kept is not None:
        config.write_bytes(kept)
    say(f"{folder}: serve it with any web server (docs/operators/operations.md)")


def _end_when_told() -> None:
    """SIGTERM ends us in order, and so does the death of the `make` that started us: it passes no
    `kill -9` on."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    if "MAKELEVEL" in os.environ:
        threading.Thread(target=_follow, args=(os.getppid(),), daemon=True).start()


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


def _phone_address() -> str:
    """Where the phone app is: FORECOURT_PHONE_URL, or the embedded web server; else empty."""
    if told := os.environ.get("FORECOURT_PHONE_URL"):
        return told.rstrip("/")
    home = home_folder()
    if "DATABASE_URL" in os.environ or not is_running(home):
        return ""
    return f"http://127.0.0.1:{read_settings(home).web_port}"


def run_demo() -> None:
    """Everything, with the demo's dealer group; until Ctrl-C."""
    run_everything(with_demo=True)


def run_start() -> None:
    """Everything, with the data there is; until Ctrl-C."""
    run_everything(with_demo=False)


def run_everything(*, with_demo: bool) -> None:
    """Stack, migrations, web server, scheduler."""
    _end_when_told()
    home = home_folder()
    ensure_web_apps(say)
    hosted = supabase_from_environment()
    if hosted:
        settings = load_settings(home)
        _serve(
            home,
            settings.web_port,
            *hosted,
            {"supabase_url": hosted[0], "publishable_key": hosted[1], "users": []},
        )
        return
    say("starting Postgres and Supabase Lite")
    with Stack(home) as stack:
        users = []
        if with_demo:
            users = demo.seed(stack.db_url, stack.supabase_url, stack.publishable_key, say=say)
        run_due(stack.db_url)
        facts = {
            "supabase_url": stack.supabase_url,
            "publishable_key": stack.publishable_key,
            "users": [
                {
                    "email": u.email,
                    "password": u.password,
                    "role": u.role,
                    "store": u.store,
                    "name": u.name,
                }
                for u in users
            ],
        }
        with Scheduler(stack.db_url, say):
            _serve(home, stack.settings.web_port, stack.supabase_url, stack.publishable_key, facts)


def _serve(home: Path, port: int, url: str, key: str, facts: dict) -> None:
    environment = {
        **os.environ,
        "SUPABASE_URL": url,
        "SUPABASE_PUBLISHABLE_KEY": key,
        "FORECOURT_HOME": str(home),
    }
    (home / "logs").mkdir(parents=True, exist_ok=True)
    keep_private(home)
    with open(home / "logs" / "web.log", "ab") as log:
        # the server's standard input is our pipe: it ends with us, however we end
        server = subprocess.Popen(
            [sys.executable, "-m", "forecourt.serve", "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
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
        print(
            f"  {user['name']:<5}\t{user['role']:<12}{user['store']}\t"
            f"{user['email']:<28}{user['password']}",
            flush=True,
        )
    print("\n  Ctrl-C ends it; the data stays.\n", flush=True)


def run_up() -> None:
    _end_when_told()
    with Stack(home_folder()) as stack:
        print(
            f"SUPABASE_URL={stack.supabase_url}",
            f"SUPABASE_PUBLISHABLE_KEY={stack.publishable_key}",
            f"DATABASE_URL={stack.db_url}",
            sep="\n",
            flush=True,
        )
        with Scheduler(stack.db_url, say):
            signal.pause()


def run_status() -> None:
    home = home_folder()
    if not is_running(home):
        raise SystemExit(f"not running ({home})")
    settings = read_settings(home)
    print(
        f"running ({home})\n  API      {settings.supabase_url}\n  web      "
        f"http://127.0.0.1:{settings.web_port}/\n  logs     {home / 'logs'}"
    )
    for line in health(settings.db_url()):
        print(f"  rules    {line}")


def run_down() -> None:
    home = home_folder()
    if not is_running(home):
        raise SystemExit("not running")
    if (
        owner := owner_pid(home)
    ) is not None:  # else it died a moment ago and its supervisor is ending the rest
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
    say(f"{migrate(_database_url(), say)} migrations applied")


def run_release() -> None:
    file = release()
    say(f"wrote {file.relative_to(ROOT)}" if file else "nothing changed since the last release")


def run_tick() -> None:
    """What is due in every store, and what was missed, in order; a second run adds nothing."""
    done = run_due(_database_url())
    for run in done:
        print(json.dumps(run, ensure_ascii=False))
    if any("error" in run for run in done):
        raise SystemExit(1)


def run_reset() -> None:
    home = home_folder()
    if is_running(home):
        raise SystemExit("it is running: `forecourt down` first")
    remove_cluster(home)
    (home / "demo.json").unlink(missing_ok=True)
    say("deleted; the next start begins from scratch")


def _as_interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
