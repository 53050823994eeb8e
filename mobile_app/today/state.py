"""The queue of today: which card is open, what is done, what waits for the manager (F-26, S-03)."""

import json
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import flet as ft

from mobile_app.conversations.state import LogConversation
from mobile_app.offline.replica import Card
from mobile_app.session import Session
from shared.domain import tasks as queue
from shared.domain import templates
from shared.domain.config import QueueOrder, Script
from shared.domain.records import Customer, Task
from shared.ui.text import Texts

Row = tuple[Task, Customer, queue.Standing]


@dataclass(frozen=True)
class Offer:
    """A text to copy, after the last try of somebody who was not reached (F-31)."""

    name: str
    tries: int
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
    cancel_words: str = ""  # what the manager is told, of either request
    show_list: bool = False
    show_script: bool = False
    offer: Offer | None = None
    problem: str = ""
    _wanted: str | None = None  # the task somebody chose, or was at when the app ended

    @property
    def current(self) -> Row | None:
        return self.due[0] if self.due else None

    async def load(self, anew: bool = False) -> None:
        """The queue from this device. After the app's first pull nothing takes the open card from under the thumb: it stays until it is
        dealt with, until its reader asks anew (`refresh`) or chooses another. Of a book that still comes nothing is shown."""
        session, here = self.session, self.session.book_is_here
        if session.me is None:
            return
        replica = session.book.replica
        everything = await replica.tasks(user_id=session.me.user_id)
        premiums, promised = await replica.standings()
        rows = {
            t.id: (t, c, queue.Standing(premiums.get(str(t.subject_id)) if t.subject_form == "policy" else None, c.complaint_at is not None, promised.get(str(c.id))))
            for t, c in everything
        }  # fmt: skip
        order = session.config.queue if session.config else QueueOrder()
        due = queue.due(((t, s) for t, _c, s in rows.values()), session.today, session.now(), order)
        if self.log is not None and self.log.task is not None and (self.log.is_worked_on or self.cancelling):
            self._wanted = str(self.log.task.id)
        elif session.dialled is not None and session.dialled.task_id is not None:
            self._wanted = str(session.dialled.task_id)  # dialled, and the app was ended meanwhile: this card is open again
        elif not self.loaded and (draft := await replica.recall("draft")):
            self._wanted = json.loads(draft)[1]  # the same with half a sentence
        open_task = self.log.task if self.loaded and not anew and session.rounds > 1 and self.log is not None else None
        if first := self._wanted or (open_task and str(open_task.id)):
            due.sort(key=lambda t: str(t.id) != first)
        undoable = await session.book.outbox.undoable(now=session.now())
        card = await replica.card(due[0].customer_id) if due else None
        # from here on nothing is awaited: a card shown with the sheet of the one before would take the next tap for the wrong customer
        self.due = [rows[t.id] for t in due]
        fresh = self._open(card)
        self.pending = [r for r in rows.values() if r[0].status == "cancel_requested" and r[0].due_on <= session.today]
        self.done = sum(
            1 for t, _c in everything if t.status in ("done", "excused") and t.closed_at and self.local(t.closed_at).date() == session.today
        )
        clock = self.local(session.now()).time()
        self.missed = sum(1 for t, _c in everything if queue.is_missed(t, session.today, clock, session.config))
        self.undoable = undoable
        appears, self.loaded = here and not self.loaded, here
        if appears and fresh is not None:
            await fresh.take_up_draft()

    async def refresh(self) -> None:
        """Take what is new, then the most pressing first."""
        await self.session.pull_now()
        self._wanted = None
        await self.load(anew=True)

    def local(self, instant: datetime) -> datetime:
        """An instant in the store's zone."""
        return instant.astimezone(ZoneInfo(self.session.me.time_zone)) if self.session.me else instant

    def _open(self, card: Card | None) -> LogConversation | None:
        """The sheet of the first card; the same one while it stays first."""
        self.card = card
        if self.current is None or card is None:
            self.log = None
            return None
        task, customer, _standing = self.current
        if self.log is None or self.log.task is None or self.log.task.id != task.id:
            self.log = LogConversation(self.session, customer, self.texts, task=task, card=card, done=self._next)
            self.cancelling, self.snoozing, self.reason, self.cancel_words, self.show_script = False, False, None, "", False
        return self.log

    def _next(self, logged: LogConversation) -> None:
        """The next card opens by itself; the book has changed, so `load` brings the fresh queue. After the last try a text is offered."""
        self._wanted = None
        self.offer = self._offer_after(logged)

    def _offer_after(self, logged: LogConversation) -> Offer | None:
        chosen, config, task = logged.chosen, self.session.config, logged.task
        if chosen is None or config is None or task is None or chosen.after_last != "message" or task.tries + 1 < (chosen.retry_max or 3):
            return None
        template = next(iter(templates.templates_of(config, "message")), None)
        text = self._filled(template.text, logged.card, task) if template and logged.card else ""
        return Offer(logged.customer.name or "", task.tries + 1, text) if text else None

    def close_offer(self) -> None:
        self.offer = None

    # what to say --------------------------------------------------------------------------------------------------------------

    def _filled(self, text: dict[str, str], card: Card, task: Task | None) -> str:
        config, me = self.session.config, self.session.me
        if config is None or me is None:
            return ""
        policy = next((p for p in card.policies if task is not None and p.id == task.subject_id), card.policies[0] if card.policies else None)
        vehicle = next((v for v in card.vehicles if policy is not None and v.id == policy.vehicle_id), card.vehicles[0] if card.vehicles else None)
        known = templates.places(config, card.customer, vehicle=vehicle, policy=policy, me=me.name, store=me.store_name, language=self.texts.language)
        return templates.filled(text, known, self.texts.language)

    @property
    def scripts(self) -> list[tuple[Script, str]]:
        """What fits this call, filled in; the most fitting first."""
        config = self.session.config
        if self.current is None or self.card is None or config is None:
            return []
        task, customer, _standing = self.current
        fitting = templates.scripts_for(
            config, task=task, level=customer.level, outcome=self.log.outcome if self.log else None, today=self.session.today
        )
        return [(s, text) for s in fitting if (text := self._filled(s.text, self.card, task))]

    @property
    def quote(self) -> str:
        """The quote text of this customer, to copy; "" when the store has none or nothing of it may be said."""
        config = self.session.config
        if self.current is None or self.card is None or config is None or not self.card.policies:
            return ""
        template = next(iter(templates.templates_of(config, "quote")), None)
        return self._filled(template.text, self.card, self.current[0]) if template else ""

    def toggle_script(self) -> None:
        self.show_script = not self.show_script

    def say_copied(self) -> None:
        _ = self.texts
        self.session.say(_("Copied. Paste it into WeChat."))

    # what a person does -------------------------------------------------------------------------------------------------------

    async def choose(self, task_id: str) -> None:
        self._wanted, self.show_list = task_id, False
        await self.load()

    def toggle_list(self) -> None:
        self.show_list = not self.show_list

    async def undo(self, op_id: UUID) -> None:
        await self.session.undo(op_id)

    async def end_promise(self, promise_id: UUID, status: str) -> None:
        """A promise was kept, or nobody wants it any more."""
        name = self.current[1].name or "" if self.current else ""
        payload = {"id": str(promise_id), "status": status, "customer_id": str(self.current[1].id) if self.current else None}
        op_id = await self.session.act("end_promise", payload, title=name)
        _ = self.texts
        self.session.say(_("Promise kept") if status == "kept" else _("Promise dropped"), undo=op_id)

    def start_cancel(self) -> None:
        self.cancelling, self.snoozing, self.reason = True, False, None

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
        task, customer, _standing = self.current
        payload = {
            "id": str(self.session.services.new_id()),
            "task_id": str(task.id),
            "customer_id": str(customer.id),
            "reason": self.reason,
            "words": self.cancel_words.strip(),
        }
        op_id = await self.session.act("request_cancel", payload, title=customer.name or "")
        await self.session.forget_dial()
        self.cancelling, self.problem, self._wanted = False, "", None
        _ = self.texts
        self.session.say(_("Sent to the manager: %(name)s") % {"name": customer.name or ""}, undo=op_id)

    @property
    def may_be_put_off(self) -> bool:
        """Not what the manager sent back, which is due today (S-09)."""
        return self.current is not None and self.current[0].rank != 0 and bool(self.snooze_days())

    @property
    def snoozes_left(self) -> int:
        """How often this task may still be put off without asking (F-39)."""
        if self.current is None:
            return 0
        limit = self.session.config.setting("snooze_limit", 3) if self.session.config else 3
        return max(limit - self.current[0].snoozes, 0)

    def snooze_days(self) -> list[date]:
        """Tomorrow, in three days, in a week; never past the end of the policy."""
        end = self.current[0].expires_on if self.current else None
        days = [self.session.today + timedelta(days=n) for n in (1, 3, 7)]
        return [d for d in days if end is None or d <= end]

    def toggle_snooze(self) -> None:
        self.snoozing = not self.snoozing

    async def snooze(self, until: date) -> None:
        if self.current is None:
            return
        task, customer, _standing = self.current
        payload = {"task_id": str(task.id), "customer_id": str(customer.id), "until": until.isoformat()}
        asks = not self.snoozes_left
        if asks:
            payload |= {"approval_id": str(self.session.services.new_id()), "words": self.cancel_words.strip()}
        op_id = await self.session.act("snooze_task", payload, title=customer.name or "")
        await self.session.forget_dial()
        self._wanted, self.snoozing = None, False
        _, name = self.texts, {"name": customer.name or ""}
        self.session.say(_("Sent to the manager: %(name)s") % name if asks else _("Put off: %(name)s") % name, undo=op_id)
