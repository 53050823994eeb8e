"""`forecourt group`: who works for a whole dealer group. The operator's command: it connects as the
role that migrates."""

import argparse
from uuid import UUID

import psycopg

from shared.gateway.session import login_email

SENTENCES = {
    "option": "no store of the group has a role of that key with scope group",
    "not_found": "this account does not stand on the group's list",
    "required": "give --name: the account is a member of no store yet",
    "length": "the name is too long",
    "format": "the name cannot be used",
}


def add_commands(parser: argparse.ArgumentParser) -> None:
    """`list`, `add-admin`, `add-member`, `remove`; each sets `on_group` to what performs it."""
    commands = parser.add_subparsers(dest="action", required=True)
    listing = commands.add_parser("list", help="the groups, and who works for each")
    listing.set_defaults(on_group=show)
    for name, is_admin, text in (
        ("add-admin", True, "let an account work for a group, and say who else does"),
        ("add-member", False, "let an account work for a group"),
    ):
        add = commands.add_parser(name, help=text)
        add.add_argument("group", help="the group's name or id")
        add.add_argument("account", help="e-mail, phone number or id of an account that signed up")
        add.add_argument("--role", default="group_admin", help="key of a role with scope group")
        add.add_argument("--name", help="the person's name; else the one they have in a store")
        add.set_defaults(on_group=grant, is_admin=is_admin)
    remove = commands.add_parser("remove", help="end an account's work for a group")
    remove.add_argument("group", help="the group's name or id")
    remove.add_argument("account", help="e-mail, phone number or id of the account")
    remove.set_defaults(on_group=revoke)


def perform(arguments: argparse.Namespace, db_url: str) -> None:
    """Raises SystemExit with a sentence when it cannot be done."""
    try:
        with psycopg.connect(db_url) as connection:
            arguments.on_group(connection, arguments)
    except psycopg.Error as error:
        code = error.diag.message_primary or ""
        raise SystemExit(SENTENCES.get(code, str(error))) from None


def show(connection: psycopg.Connection, _arguments: argparse.Namespace) -> None:
    rows = connection.execute(
        "select g.id, g.name as group_name, m.user_id, m.name, m.role, m.is_admin"
        " from crm.groups g left join crm.group_members m on m.group_id = g.id"
        " order by g.name, g.id, m.is_admin desc, m.name"
    ).fetchall()
    last = None
    for group, group_name, user, name, role, is_admin in rows:
        if group != last:
            print(f"{group_name}  {group}")
            last = group
        if user:
            print(f"  {name}  {role}  {'administrator' if is_admin else 'member'}  {user}")


def grant(connection: psycopg.Connection, arguments: argparse.Namespace) -> None:
    group, user = _group(connection, arguments.group), _account(connection, arguments.account)
    found = connection.execute(
        "select m.name from crm.members m join crm.stores s on s.id = m.store_id"
        " where m.user_id = %s order by s.group_id = %s desc, m.active desc, m.joined_at limit 1",
        (user, group),
    ).fetchone()
    name = arguments.name or (found[0] if found else "")
    connection.execute(
        "select crm.upsert_group_member(%s, %s, %s, %s, %s, null)",
        (group, user, arguments.role, name, arguments.is_admin),
    )
    print(f"{name} works for the group as {arguments.role}")


def revoke(connection: psycopg.Connection, arguments: argparse.Namespace) -> None:
    group, user = _group(connection, arguments.group), _account(connection, arguments.account)
    connection.execute("select crm.delete_group_member(%s, %s, null)", (group, user))
    print("removed")


def _group(connection: psycopg.Connection, wanted: str) -> UUID:
    rows = connection.execute(
        "select id from crm.groups where name = %s or id::text = lower(%s)", (wanted, wanted)
    ).fetchall()
    if len(rows) != 1:
        found = "no group" if not rows else f"{len(rows)} groups"
        raise SystemExit(f"{found} called {wanted}: see `forecourt group list`, and give the id")
    return rows[0][0]


def _account(connection: psycopg.Connection, wanted: str) -> UUID:
    row = connection.execute(
        "select id from auth.users where email = %s or id::text = lower(%s)",
        (login_email(wanted), wanted),
    ).fetchone()
    if row is None:
        raise SystemExit(f"no account {wanted}: the person signs up first")
    return row[0]
