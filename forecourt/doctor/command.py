"""`forecourt doctor`: one list of what is wrong, or nothing."""

import argparse
import json
import os
from dataclasses import asdict
from pathlib import Path

from forecourt.doctor.database import examine
from forecourt.doctor.finding import Finding
from forecourt.doctor.surroundings import examine_api, examine_files, examine_home
from forecourt.settings import PASSWORDS, home_folder, read_settings
from forecourt.stack import is_running, supabase_from_environment


def add_commands(commands) -> None:
    parser = commands.add_parser("doctor", help="look at the set-up and say what is wrong with it")
    parser.add_argument(
        "--database", metavar="URL", help="role postgres; default: $DATABASE_URL or the embedded"
    )
    parser.add_argument("--api", metavar="URL", help="default: $SUPABASE_URL or the embedded")
    parser.add_argument(
        "--key", help="the publishable key; default: $SUPABASE_PUBLISHABLE_KEY or the embedded"
    )
    parser.add_argument("--files", type=Path, metavar="FOLDER", help="the static files you serve")
    parser.add_argument("--json", action="store_true", help="for a machine to read")
    parser.set_defaults(on_set_up=perform)


def perform(arguments: argparse.Namespace) -> int:
    """Print what was found; answers 1 if anything was."""
    found = _examine(arguments)
    if arguments.json:
        print(json.dumps([asdict(finding) for finding in found], ensure_ascii=False, indent=1))
    for finding in () if arguments.json else found:
        print(f"✗ {finding.what}  [{finding.code}]")
        print(f"    why: {finding.why}\n    do:  {finding.todo}")
    if not found and not arguments.json:
        print("nothing is wrong")
    return 1 if found else 0


def _examine(arguments: argparse.Namespace) -> list[Finding]:
    home = home_folder()
    database, api = arguments.database or os.environ.get("DATABASE_URL"), _api(arguments)
    found: list[Finding] = []
    secrets: tuple[str, ...] = ()
    if (home / "settings.json").exists():
        settings = read_settings(home)
        named = (*PASSWORDS.values(), "secret_key", "jwt_secret")
        secrets = tuple(getattr(settings, name) for name in named)
        found += examine_home(home)
        if not database and not api and is_running(home):
            database = settings.db_url()
            api = (settings.supabase_url, settings.publishable_key)
    if not database and not api and not arguments.files:
        raise SystemExit(
            "nothing runs here: start it with `make demo`, or name --database, --api or --files"
        )
    if database:
        found += examine(database)
    if api:
        found += examine_api(*api)
    if arguments.files:
        found += examine_files(arguments.files, secrets)
    # one fault may be seen from two sides
    return list({finding.code: finding for finding in reversed(found)}.values())[::-1]


def _api(arguments: argparse.Namespace) -> tuple[str, str] | None:
    named = supabase_from_environment()
    if not arguments.api:
        return named
    key = arguments.key or (named[1] if named else None)
    if key is None:
        raise SystemExit("--api needs --key, the publishable one")
    return arguments.api.rstrip("/"), key
