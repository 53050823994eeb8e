"""`forecourt backup`, `forecourt restore` and `forecourt epoch`: the operator's commands, as the
role that migrates."""

import argparse
from pathlib import Path

import psycopg

from forecourt.backup.accounts import AccountTaken
from forecourt.backup.archive import Backup, BadFile
from forecourt.backup.restore import NotRestored, restore
from forecourt.backup.save import NoSuchStore, back_up


def add_commands(commands) -> None:
    """Adds the three; each sets `on_database` to what performs it."""
    saving = commands.add_parser("backup", help="write one store into one file")
    saving.add_argument("store", help="the store's name or id")
    saving.add_argument("file", type=Path, help="a file that is not there yet")
    saving.add_argument(
        "--with-passwords",
        action="store_true",
        help="hashes of the members' passwords too, so that they sign in elsewhere as before",
    )
    saving.set_defaults(on_database=_save)
    loading = commands.add_parser("restore", help="bring a store back from its file")
    loading.add_argument("file", type=Path, help="what `forecourt backup` wrote")
    loading.add_argument("--check", action="store_true", help="read the file only, write nothing")
    loading.add_argument("--without-accounts", action="store_true", help="make no sign-in accounts")
    loading.set_defaults(on_database=_load)
    turning = commands.add_parser(
        "epoch",
        help="after restoring a whole database: phones take everything anew, and tell again what "
        "they sent",
    )
    turning.set_defaults(on_database=_begin_epochs)
    for parser in (saving, loading, turning):
        parser.add_argument(
            "--database",
            metavar="URL",
            help="default: $DATABASE_URL, or the embedded database while it runs",
        )


def perform(arguments: argparse.Namespace, db_url: str) -> None:
    """Raises SystemExit with a sentence when it cannot be done."""
    try:
        arguments.on_database(arguments, db_url)
    except (AccountTaken, BadFile, NoSuchStore, NotRestored) as problem:
        raise SystemExit(str(problem)) from None
    except psycopg.errors.UndefinedTable:
        raise SystemExit("this database holds no Forecourt yet: run `forecourt migrate`") from None


def _save(arguments: argparse.Namespace, db_url: str) -> None:
    about = back_up(
        db_url, arguments.store, arguments.file, with_passwords=arguments.with_passwords
    )
    rows = sum(table["rows"] for table in about["store_tables"].values())
    print(f"{about['store']['name']}  {rows} rows  digest {about['digest']}")


def _load(arguments: argparse.Namespace, db_url: str) -> None:
    if arguments.check:
        backup = Backup(arguments.file)
        about = backup.manifest
        print(
            f"whole: {about['store']['name']} of {about['store']['group_name']}, "
            f"{about['made_at']}, schema {about['schema_version']}, digest {backup.digest}"
        )
        return
    done = restore(db_url, arguments.file, with_accounts=not arguments.without_accounts)
    print(f"{done.store_name}  {done.rows} rows, equal to the file: digest {done.digest}")
    print(f"accounts: {done.accounts_made} made of {done.accounts} in the file")
    if done.group_was_there:
        print("the group was here before: its people keep the rights they have here")


def _begin_epochs(_arguments: argparse.Namespace, db_url: str) -> None:
    with psycopg.connect(db_url) as connection:
        stores = connection.execute(
            "select crm.begin_epoch(s.id) from crm.stores s order by s.id"
        ).fetchall()
    print(f"a new epoch in {len(stores)} stores")
