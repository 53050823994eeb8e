"""Settings of this person, and what is not sent yet."""

import json
from dataclasses import dataclass, field

import flet as ft

from mobile_app.offline.outbox import Waiting
from mobile_app.session import Session


@ft.observable
@dataclass(eq=False)
class Settings:
    session: Session
    problem: str = ""

    async def choose_language(self, language: str) -> None:
        self.session.language = language
        await self.session.keep_settings()

    async def choose_theme(self, theme: str) -> None:
        self.session.theme = theme
        await self.session.keep_settings()

    async def choose_scale(self, scale: str) -> None:
        self.session.text_scale = float(scale)
        await self.session.keep_settings()


@ft.observable
@dataclass(eq=False)
class NotSent:
    session: Session
    rows: list[Waiting] = field(default_factory=list)
    loaded: bool = False
    problem: str = ""

    async def load(self) -> None:
        self.rows, self.loaded = await self.session.book.outbox.unsettled(), True

    async def retry(self, row: Waiting) -> None:
        await self.session.book.outbox.retry(row.op_id, now=self.session.now())
        self.session.book.sync.wake()
        await self.load()

    async def discard(self, row: Waiting) -> None:
        await self.session.book.outbox.discard(row.op_id)
        await self.load()


def words_of(row: Waiting) -> str:
    """What the person wrote, to copy."""
    text = row.payload.get("words") or row.payload.get("remark")
    return str(text) if text else json.dumps(row.payload.get("set") or {}, ensure_ascii=False)
