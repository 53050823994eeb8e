"""Comments on one customer's conversations, and those one has not acknowledged yet (S-54)."""

from dataclasses import dataclass
from uuid import UUID

import flet as ft

from mobile_app.session import Session
from shared.domain.comments import Comment
from shared.domain.problems import Problem
from shared.domain.records import Conversation
from shared.gateway import comments as remote


@ft.observable
@dataclass(eq=False)
class CustomerComments:
    """On the conversations of one customer; one may be being written. `id`: kept until it is
    saved, so that a second try adds nothing."""

    session: Session
    customer_id: UUID
    rows: tuple[Comment, ...] = ()
    about: UUID | None = None  # the conversation that is being commented on
    typed: str = ""
    id: UUID | None = None
    problem: str = ""

    async def load(self) -> None:
        """Nothing is shown without a network; the history says so itself."""
        gateway, store = self.session.services.gateway, self.session.store_id
        try:
            self.rows = await remote.comments(gateway, store, self.customer_id)
        except Problem as problem:
            if problem.code != "offline":
                raise
            self.rows = ()

    def of(self, conversation: Conversation) -> tuple[Comment, ...]:
        return tuple(c for c in self.rows if c.conversation_id == conversation.id)

    def may_write(self, conversation: Conversation) -> bool:
        """Who sees the whole store and decides, about a colleague's."""
        me = self.session.me
        leads = me is not None and me.scope == "store" and me.may("decide_approval")
        return leads and me is not None and conversation.author_id != me.user_id

    def begin(self, conversation_id: UUID) -> None:
        self.about, self.typed, self.problem = conversation_id, "", ""
        self.id = self.session.services.new_id()

    def cancel(self) -> None:
        self.about, self.problem = None, ""

    def type(self, text: str) -> None:
        self.typed = text

    async def send(self) -> None:
        about, comment = self.about, self.id
        if about is None or comment is None or not self.typed.strip():
            return
        gateway, store = self.session.services.gateway, self.session.store_id
        await remote.add_comment(gateway, store, comment, about, self.typed.strip())
        self.cancel()
        await self.load()


@ft.observable
@dataclass(eq=False)
class OwnComments:
    """On one's own conversations, until they are acknowledged."""

    session: Session
    rows: tuple[Comment, ...] = ()
    problem: str = ""

    async def load(self) -> None:
        """What was read before stays where there is no network."""
        gateway, store = self.session.services.gateway, self.session.store_id
        try:
            self.rows = await remote.comments(gateway, store)
        except Problem as problem:
            if problem.code != "offline":
                raise

    async def acknowledge(self, comment_id: UUID) -> None:
        gateway, store = self.session.services.gateway, self.session.store_id
        await remote.acknowledge(gateway, store, comment_id)
        self.problem = ""
        await self.load()
