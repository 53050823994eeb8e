"""Assertions that something is there, for values whose type allows None."""

from typing import Any, LiteralString, Protocol, TypeVar, cast

T = TypeVar("T")


class Cursor(Protocol):
    def fetchone(self) -> Any: ...


def present(value: T | None) -> T:
    assert value is not None
    return value


def one(cursor: Cursor) -> Any:
    """The next row of a cursor, which must have one."""
    row = cursor.fetchone()
    assert row is not None, "no row"
    return row


def dynamic(sql: str) -> LiteralString:
    """SQL that a test puts together from names of its own; psycopg takes only literals as they
    are."""
    return cast(LiteralString, sql)
