"""`forecourt prove`: the access check of a store's rights as a table, green or red (first 4)."""

import argparse
import sys
from collections.abc import Iterable
from uuid import UUID

from shared.domain.access_check import Cell
from shared.gateway import config as remote
from shared.gateway.client import Gateway

GREEN, RED, PLAIN = "\033[32m", "\033[31m", "\033[0m"


async def check_access(gateway: Gateway, store: UUID, arguments: argparse.Namespace) -> int:
    """Role by role, as the server likes it; 0 when all is green, 1 when something leaks."""
    roles = [r.key for r in (await remote.get(gateway, store)).document.roles]
    cells: list[Cell] = []
    watched = sys.stderr.isatty()
    for number, role in enumerate(roles, 1):
        if watched:
            print(
                f"\r· asking as {role} ({number}/{len(roles)})\033[K",
                end="",
                file=sys.stderr,
                flush=True,
            )
        cells += (await remote.check_access(gateway, store, roles=[role])).cells
    if watched:
        print("\r\033[K", end="", file=sys.stderr)
    for line in table(cells, colors=sys.stdout.isatty()):
        print(line)
    return int(any(c.leaks for c in cells))


def table(cells: list[Cell], *, colors: bool = False) -> Iterable[str]:
    """One line an endpoint, one column a role: how many questions or leaks; then every leak
    by name."""
    roles, endpoints = (
        list(dict.fromkeys(c.role for c in cells)),
        list(dict.fromkeys(c.endpoint for c in cells)),
    )
    at = {(c.endpoint, c.role): c for c in cells}
    wide = max(len(e) for e in endpoints)
    yield " " * wide + "  " + "  ".join(f"{role:>12}" for role in roles)
    for endpoint in endpoints:
        marks = [_mark(at.get((endpoint, role)), colors) for role in roles]
        yield f"{endpoint:<{wide}}  " + "  ".join(marks)
    leaks = [(c, leak) for c in cells for leak in c.leaks]
    for cell, leak in leaks:
        field = f"{leak.form}.{leak.key} " if leak.key else ""
        code = f" ({leak.code})" if leak.code else ""
        yield f"RED {cell.endpoint}: as {cell.role}, {field}{leak.how.replace('_', ' ')}{code}"
    yield (
        f"{sum(c.asked for c in cells)} questions, {len(endpoints)} endpoints, {len(roles)} roles, "
        f"{len(leaks)} leaks: {'red' if leaks else 'green'}"
    )


def _mark(cell: Cell | None, colors: bool) -> str:
    if cell is None:
        return f"{'–':>12}"
    text, color = (f"{len(cell.leaks)} LEAK", RED) if cell.leaks else (f"{cell.asked} ok", GREEN)
    return f"{color}{text:>12}{PLAIN}" if colors else f"{text:>12}"
