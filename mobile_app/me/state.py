"""What is not sent yet, and what a manager decides for someone who cannot any more."""

from dataclasses import dataclass, field
from uuid import UUID

import flet as ft

from mobile_app.offline.attachments import Attachment
from mobile_app.offline.outbox import PendingOperation
from mobile_app.session import Session
from shared.domain.problems import Problem
from shared.gateway import quarantine as remote_quarantine
from shared.gateway.quarantine import QuarantinedOperation


@ft.observable
@dataclass(eq=False)
class SyncInbox:
    """On this device · refused and why · kept for a manager: everything the server has not simply
    done, in one place; or of one customer."""

    session: Session
    customer_id: UUID | None = None
    rows: list[PendingOperation] = field(default_factory=list)
    files: list[Attachment] = field(default_factory=list)
    loaded: bool = False
    problem: str = ""
    discarding: str = ""

    async def load(self) -> None:
        local_store = self.session.local_store
        self.rows, self.files = (
            await local_store.outbox.unacknowledged(self.customer_id),
            await local_store.attachments.unacknowledged(self.customer_id),
        )
        self.loaded = True

    async def retry(self, row: PendingOperation) -> None:
        await self.session.local_store.outbox.retry(row.op_id, now=self.session.clock.now())
        self.session.local_store.sync.wake()
        await self.load()

    async def discard(self, row: PendingOperation) -> None:
        """Two taps: the first one asks, since what is given up is gone."""
        if self.discarding != str(row.op_id):
            self.discarding = str(row.op_id)
            return
        await self.session.local_store.outbox.discard(row.op_id)
        self.discarding = ""
        await self.load()
        self.session.local_store.sync.wake()

    async def retry_file(self, file: Attachment) -> None:
        await self.session.local_store.attachments.retry(file.id)
        self.session.local_store.sync.wake()
        await self.load()

    async def discard_file(self, file: Attachment) -> None:
        if self.discarding != str(file.id):
            self.discarding = str(file.id)
            return
        await self.session.local_store.attachments.discard(file.id)
        self.discarding = ""
        await self.load()


@ft.observable
@dataclass(eq=False)
class Quarantine:
    """The manager's list of what a disabled colleague, or someone about a customer handed over
    meanwhile, still sent."""

    session: Session
    rows: list[QuarantinedOperation] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)
    loaded: bool = False
    problem: str = ""

    async def load(self) -> None:
        try:
            self.rows = await remote_quarantine.quarantined(
                self.session.services.gateway, self.session.store_id
            )
            self.problem = ""
        except Problem as problem:
            self.problem = problem.code
        self.loaded = True

    async def decide(self, row: QuarantinedOperation, decision: str) -> None:
        """What cannot be applied says why and stays."""
        try:
            await remote_quarantine.decide(
                self.session.services.gateway, self.session.store_id, row.op_id, decision
            )
        except Problem as problem:
            if problem.code != "already_decided":
                self.refusals = {**self.refusals, str(row.op_id): problem.code}
                return
        await self.load()
