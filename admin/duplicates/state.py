"""Pairs, which of the two stays, and what is taken of the other (F-85)."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import flet as ft

from admin.session import AdminSession
from shared.domain.problems import Problem
from shared.gateway import duplicates as remote
from shared.gateway import members as remote_members
from shared.gateway.duplicates import Merge, Pair

SIDES = ("one", "two")


@ft.observable
@dataclass(eq=False)
class Duplicates:
    session: AdminSession
    pairs: list[Pair] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    chosen: int = -1
    winner: str = "one"
    take: list[str] = field(default_factory=list)  # fields taken of the other
    loaded: bool = False
    busy: bool = False
    problem: str = ""
    done: UUID | None = None

    async def load(self) -> None:
        gateway, store = self.session.services.gateway, self.session.store_id
        try:
            self.pairs = await remote.pairs(gateway, store)
            self.merges = await remote.merges(gateway, store)
            self.names = {
                str(m.user_id): m.name for m in await remote_members.members(gateway, store)
            }
            self.problem = ""
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
        self.loaded = True

    @property
    def pair(self) -> Pair | None:
        return self.pairs[self.chosen] if 0 <= self.chosen < len(self.pairs) else None

    def side(self, name: str) -> dict[str, Any]:
        assert self.pair is not None
        return self.pair.one if name == "one" else self.pair.two

    @property
    def stays(self) -> dict[str, Any]:
        return self.side(self.winner)

    @property
    def goes(self) -> dict[str, Any]:
        return self.side("two" if self.winner == "one" else "one")

    def choose(self, index: int) -> None:
        self.chosen, self.winner, self.take, self.done, self.problem = index, "one", [], None, ""

    def keep(self, side: str) -> None:
        self.winner, self.take = side, []

    def pick(self, key: str, *, of_other: bool) -> None:
        self.take = [*(k for k in self.take if k != key), *([key] if of_other else [])]

    def differing(self) -> list[str]:
        """Fields the reader may write where the two say something different; a blank is filled by
        itself."""
        config, pair = self.session.config, self.pair
        if config is None or pair is None:
            return []
        writable = config.rights("customer").writable

        def value(side: dict[str, Any], key: str) -> Any:
            return side.get(key, (side.get("custom") or {}).get(key))

        return [
            f.key
            for f in config.forms["customer"].fields
            if f.key in writable
            and value(pair.one, f.key) != value(pair.two, f.key)
            and None not in (value(pair.one, f.key), value(pair.two, f.key))
        ]

    async def merge(self) -> None:
        if self.busy or self.pair is None:
            return
        self.busy, self.problem = True, ""
        merge_id = self.session.services.new_id()
        try:
            await remote.merge(
                self.session.services.gateway,
                self.session.store_id,
                merge_id,
                winner=self.stays["id"],
                loser=self.goes["id"],
                take=list(self.take),
            )
            await self.load()
            self.chosen, self.done = -1, merge_id
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
        finally:
            self.busy = False

    async def undo(self, merge_id: UUID) -> None:
        if self.busy:
            return
        self.busy, self.problem = True, ""
        try:
            await remote.unmerge(self.session.services.gateway, self.session.store_id, merge_id)
            await self.load()
            self.done = None
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
        finally:
            self.busy = False
