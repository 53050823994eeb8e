"""The sign-in accounts of a store's people: enough to be the same person in another project, and no
more (docs/decisions/0043)."""

from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

PEOPLE = """
select member.user_id from crm.members member where member.store_id = %(store)s
union
select person.user_id from crm.group_members person where person.group_id = %(group)s
"""
# GoTrue cannot read null in these.
TOKENS = (
    "confirmation_token",
    "recovery_token",
    "email_change",
    "email_change_token_new",
    "email_change_token_current",
    "phone_change",
    "phone_change_token",
    "reauthentication_token",
)


class AccountTaken(RuntimeError):
    """An address of the file belongs to somebody else in this project."""


def has_accounts(connection: psycopg.Connection) -> bool:
    row = connection.execute("select to_regclass('auth.users') is not null").fetchone()
    return bool(row and row[0])


def read_accounts(
    connection: psycopg.Connection, store: UUID, group: UUID, *, with_passwords: bool
) -> list[dict[str, Any]]:
    """Id and address of every account; the password's hash only if asked for. Sessions and tokens
    never."""
    if not has_accounts(connection):
        return []
    password = "u.encrypted_password" if with_passwords else "null"
    rows = connection.execute(
        sql.SQL(
            "select u.id, u.email, {}, u.banned_until from auth.users u"
            " where u.email is not null and u.deleted_at is null and u.id in ({}) order by u.id"
        ).format(sql.SQL(password), sql.SQL(PEOPLE)),
        {"store": store, "group": group},
    ).fetchall()
    return [
        {
            "id": str(user),
            "email": email,
            "password_hash": secret,
            "banned_until": until and until.isoformat(),
        }
        for user, email, secret, until in rows
    ]


def require_free(connection: psycopg.Connection, accounts: list[dict[str, Any]]) -> None:
    """Raises AccountTaken when an address belongs to another account: the person of the file would
    become whoever signed up with it here."""
    if not has_accounts(connection):
        return
    taken = connection.execute(
        "select x.id from jsonb_to_recordset(%s) x (id uuid, email text)"
        " join auth.users u on lower(u.email) = lower(x.email) and u.id <> x.id order by x.id",
        (Jsonb(accounts),),
    ).fetchall()
    if taken:
        raise AccountTaken(
            f"{len(taken)} addresses of the file belong to other accounts of this project (in the "
            f"file they are {', '.join(str(user) for (user,) in taken[:5])}): change the address "
            "of one of the two first, or restore --without-accounts"
        )


def write_accounts(connection: psycopg.Connection, accounts: list[dict[str, Any]]) -> int:
    """Make those that are not there; accounts that are keep address and password. Returns how
    many."""
    if not has_accounts(connection):
        return 0
    made = 0
    for account in accounts:
        found = connection.execute("select from auth.users where id = %s", (account["id"],))
        if found.fetchone() is None:
            _insert(connection, "users", _user(account))
            _insert(connection, "identities", _identity(account))
            made += 1
    return made


def _user(account: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": account["id"],
        "instance_id": UUID(int=0),
        "aud": "authenticated",
        "role": "authenticated",
        "email": account["email"],
        # no password's hash is empty: nobody signs in before the operator sets one
        "encrypted_password": account["password_hash"] or "",
        "email_confirmed_at": "now",
        "confirmed_at": "now",
        "banned_until": account["banned_until"],
        "raw_app_meta_data": Jsonb({"provider": "email", "providers": ["email"]}),
        "raw_user_meta_data": Jsonb({}),
        "created_at": "now",
        "updated_at": "now",
        **dict.fromkeys(TOKENS, ""),
    }


def _identity(account: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": account["id"],
        "user_id": account["id"],
        "provider": "email",
        "provider_id": account["id"],
        "identity_data": Jsonb(
            {"sub": account["id"], "email": account["email"], "email_verified": False}
        ),
        "email": account["email"],
        "created_at": "now",
        "updated_at": "now",
    }


def _insert(connection: psycopg.Connection, table: str, values: dict[str, Any]) -> None:
    """Insert what this version of the auth schema has a place for."""
    known = {
        name
        for (name,) in connection.execute(
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0"
            " and not attisdropped and attgenerated = ''",
            (f"auth.{table}",),
        )
    }
    kept = {name: value for name, value in values.items() if name in known}
    connection.execute(
        sql.SQL("insert into auth.{} ({}) values ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, kept)),
            sql.SQL(", ").join(sql.Placeholder() * len(kept)),
        ),
        list(kept.values()),
    )
