"""The queue of today: which card is open, what is done, what waits for the manager (F-26, S-03)."""

from dataclasses import dataclass, field
from typing import Any

import flet as ft

from mobile_app.conversations.state import LogConversation
from mobile_app.offline.replica import Card
from mobile_app.session import Session
from shared.domain import tasks as queue
from shared.domain.config import QueueOrder
from shared.domain.records import Customer, Task
from shared.ui.text import Texts


@ft.observable
@dataclass(eq=False)
class Today:
    session: Session
    texts: Texts
    loaded: bool = False
    due: list[tuple[Task, Customer]] = field(default_factory=list)
    pending: list[tuple[Task, Customer]] = field(default_factory=list)
    done: int = 0
    card: Card | None = None
    log: LogConversation | None = None
    cancelling: bool = False
    reason: str | None = None
    cancel_words: str = ""
    show_list: bool = False
    problem: str = ""
    _wanted: str | None = None

    @property
    def current(self) -> tuple[Task, Customer] | None:
        return self.due[0] if self.due else None

    async def load(self) -> None:
        """The queue from this device; the open card stays open while it is being worked on."""
        session = self.session
        if session.me is None:
            return
        everything = await session.book.replica.tasks(user_id=session.me.user_id)
        customers = {task.id: customer for task, customer in everything}
        due = queue.due(
            ((t, queue.NOTHING) for t, _ in everything), session.today, session.now(), session.config.queue if session.config else QueueOrder()
        )
        if self.log is not None and self.log.task is not None and (self.log.dialled_at or self.log.outcome or self.log.words or self.cancelling):
            self._wanted = str(self.log.task.id)  # a card being worked on stays, whatever arrives meanwhile
        if self._wanted:
            due.sort(key=lambda t: str(t.id) != self._wanted)
        self.due = [(t, customers[t.id]) for t in due]
        self.pending = [(t, c) for t, c in everything if t.status == "cancel_requested" and t.due_on <= session.today]
        zone_today = session.today
        self.done = sum(1 for t, _ in everything if t.status in ("done", "excused") and t.closed_at and self._day(t.closed_at) == zone_today)
        await self._open_first()
        self.loaded = True

    def _day(self, instant: Any) -> Any:
        from zoneinfo import ZoneInfo

        return instant.astimezone(ZoneInfo(self.session.me.time_zone)).date() if self.session.me else instant.date()

    async def _open_first(self) -> None:
        first = self.current
        if first is None:
            self.card, self.log = None, None
            return
        task, customer = first
        self.card = await self.session.book.replica.card(customer.id)
        if self.log is None or self.log.task is None or self.log.task.id != task.id:
            self.log = LogConversation(self.session, customer, self.texts, task=task, done=self._next)
            self.cancelling, self.reason, self.cancel_words = False, None, ""

    def _next(self) -> None:
        """The next card opens by itself; session.revision brings the fresh queue."""
        self._wanted = None

    async def choose(self, task_id: str) -> None:
        self._wanted, self.show_list = task_id, False
        await self.load()

    def toggle_list(self) -> None:
        self.show_list = not self.show_list

    def start_cancel(self) -> None:
        self.cancelling, self.reason = True, None

    def stop_cancel(self) -> None:
        self.cancelling = False

    def choose_reason(self, key: str) -> None:
        self.reason = key

    def set_cancel_words(self, text: str) -> None:
        self.cancel_words = text

    async def send_cancel(self) -> None:
        """Ask the manager (S-07): the task stays, as pending."""
        if self.current is None or self.reason is None:
            self.problem = "required" if self.reason is None else ""
            return
        task, customer = self.current
        payload = {
            "id": str(self.session.services.new_id()),
            "task_id": str(task.id),
            "customer_id": str(customer.id),
            "reason": self.reason,
            "words": self.cancel_words.strip(),
        }
        op_id = await self.session.act("request_cancel", payload, title=customer.name or "")
        self.cancelling, self.problem, self._wanted = False, "", None
        _ = self.texts

        self.session.say(_("Sent to the manager: %(name)s") % {"name": customer.name or ""}, undo=op_id)

    async def snooze(self, days: int) -> None:
        from datetime import timedelta

        if self.current is None:
            return
        task, customer = self.current
        until = self.session.today + timedelta(days=days)
        op_id = await self.session.act(
            "snooze_task", {"task_id": str(task.id), "customer_id": str(customer.id), "until": until.isoformat()}, title=customer.name or ""
        )
        self._wanted = None
        _ = self.texts

        self.session.say(_("Put off: %(name)s") % {"name": customer.name or ""}, undo=op_id)
