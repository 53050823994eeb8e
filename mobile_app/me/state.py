"""Settings of this person, what is not sent yet, and what a manager decides for someone who cannot any more."""

from dataclasses import dataclass, field
from uuid import UUID

import flet as ft

from mobile_app.offline.attachments import Attachment
from mobile_app.offline.outbox import Waiting
from mobile_app.session import Session
from shared.domain.problems import Problem
from shared.gateway import held as remote_held
from shared.gateway.held import HeldOperation


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
    """On this device · refused and why · kept for a manager: everything the server has not simply done, in one place; or of one customer."""

    session: Session
    customer_id: UUID | None = None
    rows: list[Waiting] = field(default_factory=list)
    files: list[Attachment] = field(default_factory=list)
    loaded: bool = False
    problem: str = ""
    giving_up: str = ""

    async def load(self) -> None:
        book = self.session.book
        self.rows, self.files = await book.outbox.unsettled(self.customer_id), await book.attachments.unsettled(self.customer_id)
        self.loaded = True

    async def retry(self, row: Waiting) -> None:
        await self.session.book.outbox.retry(row.op_id, now=self.session.now())
        self.session.book.sync.wake()
        await self.load()

    async def discard(self, row: Waiting) -> None:
        """Two taps: the first one asks, since what is given up is gone."""
        if self.giving_up != str(row.op_id):
            self.giving_up = str(row.op_id)
            return
        await self.session.book.outbox.discard(row.op_id)
        self.giving_up = ""
        await self.load()
        self.session.book.sync.wake()

    async def retry_file(self, file: Attachment) -> None:
        await self.session.book.attachments.retry(file.id)
        self.session.book.sync.wake()
        await self.load()

    async def discard_file(self, file: Attachment) -> None:
        if self.giving_up != str(file.id):
            self.giving_up = str(file.id)
            return
        await self.session.book.attachments.discard(file.id)
        self.giving_up = ""
        await self.load()


@ft.observable
@dataclass(eq=False)
class Held:
    """The manager's list of what a disabled colleague, or someone about a customer handed over meanwhile, still sent."""

    session: Session
    rows: list[HeldOperation] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)
    loaded: bool = False
    problem: str = ""

    async def load(self) -> None:
        try:
            self.rows = await remote_held.waiting(self.session.services.gateway, self.session.store_id)
            self.problem = ""
        except Problem as problem:
            self.problem = problem.code
        self.loaded = True

    async def decide(self, row: HeldOperation, decision: str) -> None:
        """What cannot be applied says why and stays."""
        try:
            await remote_held.decide(self.session.services.gateway, self.session.store_id, row.op_id, decision)
        except Problem as problem:
            if problem.code != "already_decided":
                self.refusals = {**self.refusals, str(row.op_id): problem.code}
                return
        await self.load()
