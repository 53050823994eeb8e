"""Acting as one signed-in person on a database connection, the way PostgREST does it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg

ENTER = "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true)"


@contextmanager
def as_member(
    connection: psycopg.Connection, user_id: UUID | str | None, role: str = "authenticated"
) -> Iterator[psycopg.Connection]:
    """Inside the block every statement runs with that person's rights; None with role "anon" is a
    stranger. Needs an open transaction."""
    claims = json.dumps({"sub": str(user_id), "role": role}) if user_id else "{}"
    connection.execute(ENTER, (role, claims))
    try:
        yield connection
    finally:
        if connection.info.transaction_status != psycopg.pq.TransactionStatus.INERROR:
            connection.execute(ENTER, ("none", ""))
