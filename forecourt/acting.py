"""Acting as one signed-in person on a database connection, the way PostgREST does it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg

# Both spellings: hosted Supabase reads the claims as one document, Lite's auth.uid() reads the single claim.
ENTER = "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true), set_config('request.jwt.claim.sub', %s, true), set_config('request.jwt.claim.role', %s, true)"


@contextmanager
def acting_as(connection: psycopg.Connection, user_id: UUID | str | None, role: str = "authenticated") -> Iterator[psycopg.Connection]:
    """Inside the block every statement runs with that person's rights; None with role "anon" is a stranger. Needs an open transaction."""
    claims = json.dumps({"sub": str(user_id), "role": role}) if user_id else "{}"
    connection.execute(ENTER, (role, claims, str(user_id or ""), role))
    try:
        yield connection
    finally:
        if connection.info.transaction_status != psycopg.pq.TransactionStatus.INERROR:
            connection.execute(ENTER, ("none", "", "", ""))
