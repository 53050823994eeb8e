"""The queue of today: which card is open, what is done, what waits for the manager (F-26, S-03)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

import flet as ft

from mobile_app.conversations.state import LogConversation
from mobile_app.session import Session
from shared.domain import tasks as queue
from shared.domain import templates
from shared.domain.card import Card
from shared.domain.config import QueueOrder
from shared.domain.forms import MOST_DAYS_SNOOZED
from shared.domain.records import Customer, Task
from shared.domain.working_days import EVERY_DAY, due_day
from shared.ui.text import Texts

Row = tuple[Task, Customer, queue.PriorityInputs]


@dataclass(frozen=True)
class Offer:
    """A text to copy, after the last try of somebody who was not reached (F-31)."""

    name: str
    attempts: int
    text: str


@ft.observable
@dataclass(eq=False)
class Today:
    session: Session
    texts: Texts
    loaded: bool = False
    due: list[Row] = field(default_factory=list)
    pending: list[Row] = field(default_factory=list)
    done: int = 0
    missed: int = 0
    undoable: list[tuple[UUID, str, str, datetime]] = field(default_factory=list)
    card: Card | None = None
    log: LogConversation | None = None
    cancelling: bool = False
    snoozing: bool = False
    reason: str | None = None
    cancel_notes: str = ""  # what the manager is told, of either request
    show_list: bool = False
    offer: Offer | None = None
    problem: str = ""
    _wanted: str | None = None  # the task somebody chose, or was at when the app ended

    @property
    def current(self) -> Row | None:
        return self.due[0] if self.due else None

    async def load(self, anew: bool = False) -> None:
        """The queue from this device. After the app's first pull nothing takes the open card from
        under the thumb: it stays until it is dealt with, until its reader asks again (`refresh`) or
        chooses another. Of local data that still comes nothing is shown."""
        session, here = self.session, self.session.initial_sync_done
        if session.me is None:
            return
        replica = session.local_store.replica
        rows = await self._rows(session.me.user_id)
        closed = await replica.closed_tasks(user_id=session.me.user_id)
        config = session.config
        due = queue.due(
            ((t, s) for t, _c, s in rows.values()),
            session.clock.today,
            session.clock.now(),
            config.queue if config else QueueOrder(),
            config.calendar if config else EVERY_DAY,
        )
        if first := await self._first_task(anew):
            due.sort(key=lambda t: str(t.id) != first)
        undoable = await session.local_store.outbox.undoable(now=session.clock.now())
        card = await replica.card(due[0].customer_id) if due else None
        # from here on nothing is awaited: a card shown with the sheet of the one before would take
        # the next tap for the wrong customer
        self.due = [rows[t.id] for t in due]
        fresh = self._open(card)
        self._count(rows, closed)
        self.undoable = undoable
        self.loaded = here
        if fresh is not None:  # after a restart, and of a conversation that was taken back
            await fresh.restore_draft()

    async def _rows(self, user_id: UUID) -> dict[UUID, Row]:
        """Every open task of theirs, with what its place in the queue depends on."""
        replica = self.session.local_store.replica
        tasks = await replica.tasks(user_id=user_id)
        premiums, promised = await replica.priority_inputs()
        return {
            t.id: (
                t,
                c,
                queue.PriorityInputs(
                    premiums.get(str(t.subject_id)) if t.subject_form == "policy" else None,
                    c.complaint_at is not None,
                    promised.get(str(c.id)),
                    c.test_drive_asked_at is not None,
                ),
            )
            for t, c in tasks
        }

    async def _first_task(self, anew: bool) -> str | None:
        """The task whose card stays, or comes back: something was done on it, it was dialled or
        written about when the app was ended, somebody chose it, or it is open."""
        session, task = self.session, self.log.task if self.log is not None else None
        if self.log is not None and task is not None and (self.log.is_worked_on or self.cancelling):
            self._wanted = str(task.id)
        elif session.calls.last is not None and session.calls.last.task_id is not None:
            self._wanted = str(session.calls.last.task_id)
        elif not self.loaded and (draft := await session.local_store.replica.recall("draft")):
            self._wanted = json.loads(draft)[1]
        stays = self.loaded and not anew and session.sending.rounds > 1
        return self._wanted or (str(task.id) if stays and task is not None else None)

    def _count(self, rows: dict[UUID, Row], closed: Sequence[Task]) -> None:
        """What waits with the manager, what was done today, what was missed."""
        session = self.session
        clock = session.clock.local(session.clock.now()).time()
        self.pending = [
            r
            for r in rows.values()
            if r[0].status == "cancel_requested" and r[0].due_on <= session.clock.today
        ]
        self.done = sum(
            1
            for t in closed  # the excused ones are nobody's work
            if t.status == "done"
            and t.closed_at is not None
            and session.clock.day(t.closed_at) == session.clock.today
        )
        self.missed = sum(
            1
            for t, _c, _s in rows.values()
            if queue.is_missed(t, session.clock.today, clock, session.config)
        )

    async def refresh(self) -> None:
        """Take what is new, then the most pressing first."""
        await self.session.sync_now()
        self._wanted = None
        await self.load(anew=True)

    def _open(self, card: Card | None) -> LogConversation | None:
        """The sheet of the first card; the same one while it stays first."""
        self.card = card
        if self.current is None or card is None:
            self.log = None
            return None
        task, customer, _standing = self.current
        if self.log is None or self.log.task is None or self.log.task.id != task.id:
            self.log = LogConversation(
                self.session, customer, self.texts, task=task, card=card, done=self._next
            )
            self.cancelling, self.snoozing, self.reason, self.cancel_notes = False, False, None, ""
        return self.log

    def _next(self, logged: LogConversation) -> None:
        """The next card opens by itself; the local data has changed, so `load` brings the fresh
        queue. After the last try a text is offered."""
        self._wanted = None
        self.offer = self._offer_after(logged)

    def _offer_after(self, logged: LogConversation) -> Offer | None:
        chosen, config, task = logged.chosen, self.session.config, logged.task
        if (
            chosen is None
            or config is None
            or task is None
            or chosen.after_last != "message"
            or task.attempts + 1 < (chosen.retry_max or 3)
        ):
            return None
        template = next(iter(templates.templates_of(config, "message")), None)
        text = logged.call_texts.filled(template.text) if template else ""
        return Offer(logged.customer.name or "", task.attempts + 1, text) if text else None

    def close_offer(self) -> None:
        self.offer = None

    # what a person does ---------------------------------------------------------------------------

    async def choose(self, task_id: str) -> None:
        self._wanted, self.show_list = task_id, False
        await self.load()

    def toggle_list(self) -> None:
        self.show_list = not self.show_list

    async def undo(self, op_id: UUID) -> None:
        await self.session.undo(op_id)

    async def close_promise(self, promise_id: UUID, status: str) -> None:
        """A promise was kept, or nobody wants it any more."""
        name = self.current[1].name or "" if self.current else ""
        payload = {
            "id": str(promise_id),
            "status": status,
            "customer_id": str(self.current[1].id) if self.current else None,
        }
        op_id = await self.session.act("close_promise", payload, title=name)
        _ = self.texts
        self.session.notices.say(
            _("Promise kept") if status == "kept" else _("Promise dropped"), undo=op_id
        )

    def start_cancel(self) -> None:
        self.cancelling, self.snoozing, self.reason = True, False, None

    def stop_cancel(self) -> None:
        self.cancelling = False

    def choose_reason(self, key: str) -> None:
        self.reason = key

    def set_cancel_notes(self, text: str) -> None:
        self.cancel_notes = text

    async def send_cancel(self) -> None:
        """Ask the manager (S-07): the task stays, as pending."""
        if self.current is None or self.reason is None:
            self.problem = "required" if self.reason is None else ""
            return
        task, customer, _standing = self.current
        payload = {
            "id": str(self.session.services.new_id()),
            "task_id": str(task.id),
            "customer_id": str(customer.id),
            "reason": self.reason,
            "notes": self.cancel_notes.strip(),
        }
        op_id = await self.session.act("request_cancellation", payload, title=customer.name or "")
        await self.session.calls.clear()
        self.cancelling, self.problem, self._wanted = False, "", None
        _ = self.texts
        self.session.notices.say(
            _("Sent to the manager: %(name)s") % {"name": customer.name or ""}, undo=op_id
        )

    @property
    def can_snooze(self) -> bool:
        """Not what the manager sent back, which is due today (S-09)."""
        return self.current is not None and self.current[0].rank != 0 and bool(self.snooze_days())

    @property
    def snoozes_left(self) -> int:
        """How often this task may still be postponed without asking (F-39)."""
        if self.current is None:
            return 0
        limit = self.session.config.setting("snooze_limit", 3) if self.session.config else 3
        return max(limit - self.current[0].snoozes, 0)

    def snooze_days(self) -> list[date]:
        """Tomorrow, in three days, in a week, or the next working day after; never past the end of
        the policy."""
        today, config = self.session.clock.today, self.session.config
        end = self.current[0].expires_on if self.current else None
        last = min(today + timedelta(days=MOST_DAYS_SNOOZED), end or date.max)
        days = [today + timedelta(days=n) for n in (1, 3, 7)]
        if config is not None:
            days = [due_day(config.calendar, d, today + timedelta(days=1), last) for d in days]
        return [d for d in dict.fromkeys(days) if d <= last]

    def toggle_snooze(self) -> None:
        self.snoozing = not self.snoozing

    async def snooze(self, until: date) -> None:
        if self.current is None:
            return
        task, customer, _standing = self.current
        payload = {
            "task_id": str(task.id),
            "customer_id": str(customer.id),
            "until": until.isoformat(),
        }
        asks = not self.snoozes_left
        if asks:
            payload |= {
                "approval_id": str(self.session.services.new_id()),
                "notes": self.cancel_notes.strip(),
            }
        op_id = await self.session.act("snooze_task", payload, title=customer.name or "")
        await self.session.calls.clear()
        self._wanted, self.snoozing = None, False
        _, name = self.texts, {"name": customer.name or ""}
        self.session.notices.say(
            _("Sent to the manager: %(name)s") % name if asks else _("Postponed: %(name)s") % name,
            undo=op_id,
        )
