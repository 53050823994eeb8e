"""`forecourt init`: a dealer group, its first store, and the invitation of the store's first admin.
The operator's command: it connects as the role that migrates."""

import argparse
import re
import sys
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import available_timezones

import psycopg
import segno
from psycopg.types.json import Jsonb

from shared.domain import presets

ADMIN_ROLE = "store_admin"
CONTACT = re.compile(r"[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+|[+0-9][0-9 ()-]{5,}[0-9]")
LONGEST = {"group": 80, "store": 80, "admin": 40, "contact": 120}  # as the tables have it
# option: (what is asked on a terminal, help)
QUESTIONS = {
    "group": ("集团名称 Dealer group", "name of the dealer group; one that exists gets the store"),
    "store": ("门店名称 Store", "name of the store"),
    "admin": ("管理员姓名 First admin", "name of the store's first admin"),
    "contact": ("手机号或邮箱 Phone or e-mail", "the admin's mobile number or e-mail address"),
}


@dataclass(frozen=True)
class FirstRun:
    """What `perform` created; the code is shown once."""

    store_id: UUID
    code: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name, (_question, text) in QUESTIONS.items():
        parser.add_argument(f"--{name}", help=text)
    parser.add_argument(
        "--preset",
        choices=presets.KEYS,
        default="three_levels",
        help="the document to begin with (`forecourt config presets`); default: three_levels",
    )
    parser.add_argument("--time-zone", default="Asia/Shanghai", help="default: Asia/Shanghai")


def perform(arguments: argparse.Namespace, db_url: str) -> FirstRun:
    """Everything or nothing. Raises SystemExit with a sentence when it cannot be done: the tables'
    own rules are asked before, what is left is psycopg.Error."""
    given = {name: _answer(arguments, name) for name in QUESTIONS}
    if not CONTACT.fullmatch(given["contact"]):
        raise SystemExit(f"{given['contact']} is neither an e-mail address nor a phone number")
    if arguments.time_zone not in available_timezones():
        raise SystemExit(f"there is no time zone {arguments.time_zone}")
    try:
        with psycopg.connect(db_url) as connection:
            return _create(connection, given, arguments)
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction):
        raise SystemExit(
            "this database holds no Forecourt yet: run `forecourt migrate`, or wait until "
            "`forecourt start` prints its addresses"
        ) from None


def _create(
    connection: psycopg.Connection, given: dict[str, str], arguments: argparse.Namespace
) -> FirstRun:
    group = _group(connection, given["group"])
    store = _store(connection, group, given["store"], arguments)
    row = connection.execute(
        "select crm.create_invitation(%s, %s, %s, %s, null) ->> 'code'",
        (store, given["admin"], given["contact"], ADMIN_ROLE),
    ).fetchone()
    assert row is not None
    return FirstRun(store, row[0])


def show(made: FirstRun, address: str) -> None:
    """Print the invitation for the eye and for a phone's camera. address: where the phone app is,
    or empty."""
    # flet takes a second, and no other command needs it
    from admin.members.invitation import invitation_link

    print(f"\n  邀请码 Invitation code  {made.code}  (7 天内有效 valid for 7 days)")
    if address:
        link = invitation_link(address, made.code)
        print(f"  手机端 Phone app        {link}\n  管理后台 Admin panel     {address}/admin/\n")
        segno.make(link, error="m", micro=False).terminal(compact=True)
    print(
        "\n  管理员用邀请码注册，然后在后台邀请同事、导入客户。\n"
        "  The admin signs up with this code, then invites colleagues and imports customers.\n"
    )


def _answer(arguments: argparse.Namespace, name: str) -> str:
    text = getattr(arguments, name)
    if text is None and sys.stdin.isatty():
        text = input(f"{QUESTIONS[name][0]}: ")
    text = (text or "").strip()
    if not text:
        raise SystemExit(f"give --{name}: {QUESTIONS[name][1]}")
    if len(text) > LONGEST[name] or not text.isprintable():
        raise SystemExit(f"--{name}: at most {LONGEST[name]} characters, in one line")
    return text


def _group(connection: psycopg.Connection, name: str) -> UUID:
    rows = connection.execute("select id from crm.groups where name = %s", (name,)).fetchall()
    if len(rows) > 1:
        raise SystemExit(f"{len(rows)} groups are called {name}: rename one first")
    if rows:
        return rows[0][0]
    group = uuid4()
    connection.execute("insert into crm.groups (id, name) values (%s, %s)", (group, name))
    return group


def _store(
    connection: psycopg.Connection, group: UUID, name: str, arguments: argparse.Namespace
) -> UUID:
    found = connection.execute(
        "select from crm.stores where group_id = %s and name = %s", (group, name)
    ).fetchone()
    if found is not None:
        raise SystemExit(f"the group has a store called {name} already")
    store = uuid4()
    document: dict[str, Any] = presets.load(arguments.preset).document()
    connection.execute(
        "select crm.create_store(%s, %s, %s, %s)", (group, store, name, Jsonb(document))
    )
    connection.execute(
        "update crm.stores set time_zone = %s where id = %s", (arguments.time_zone, store)
    )
    return store
