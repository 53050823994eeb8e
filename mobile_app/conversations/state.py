"""Logging a conversation: what the sheet holds, and what happens when it is saved (S-04, S-20,
S-21, F-01…F-13)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import flet as ft

from mobile_app.calls import CallAttempt
from mobile_app.conversations.attachments import ConversationAttachments
from mobile_app.conversations.call_texts import CallTexts
from mobile_app.conversations.companions import Company
from mobile_app.conversations.deal_moves import DealMoves
from mobile_app.conversations.loss import Loss
from mobile_app.conversations.next_contact import NextContactPlan
from mobile_app.conversations.notes_draft import About, NotesDraft
from mobile_app.conversations.phrases import Phrases
from mobile_app.conversations.promises import DraftPromises
from mobile_app.conversations.recording import Recording
from mobile_app.files.picker import AttachmentPicker
from mobile_app.numbers import CustomerPhone
from mobile_app.session import Session
from shared.domain import conversations
from shared.domain.card import Card
from shared.domain.config import Outcome, Phrase, StoreConfig
from shared.domain.records import Customer, Task
from shared.ui.form import FormState
from shared.ui.text import Texts

FACE_TO_FACE = (
    "visit",
    "test_drive",
    "quote",
    "order",
    "delivery",
)  # methods, not labels: who came along is asked there
SENTENCE_END = ",,。 "  # characters, not a word


@ft.observable
@dataclass(eq=False)
class LogConversation:
    """One conversation with one customer; with a task it clears that task. `card` is what this
    device knows of them. Its parts are observables of their own: a component is drawn again for
    those it is given."""

    session: Session
    customer: Customer
    texts: Texts
    task: Task | None = None
    card: Card | None = None
    method: str = "call"
    outcome: str | None = None
    facts: FormState | None = None
    form: FormState | None = None
    problems: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    done: Callable[["LogConversation"], Any] | None = None
    phone: CustomerPhone = field(init=False)
    call_texts: CallTexts = field(init=False)
    notes: NotesDraft = field(init=False)
    phrases: Phrases = field(init=False)
    promises: DraftPromises = field(init=False)
    plan: NextContactPlan = field(init=False)
    loss: Loss = field(default_factory=Loss)
    deal_moves: DealMoves = field(init=False)
    company: Company = field(init=False)
    attachments: ConversationAttachments = field(init=False)
    _saved: bool = False
    _saving: bool = False

    def __post_init__(self) -> None:
        session, customer, card = self.session, self.customer, self.card
        self.phone = CustomerPhone(session, customer, self.texts)
        self.call_texts = CallTexts(session, self.texts, self.task, card)
        self.notes = NotesDraft(session, self._about)
        self.phrases = Phrases(session)
        self.promises = DraftPromises(session)
        self.plan = NextContactPlan(session, customer, card, self.promises)
        self.deal_moves = DealMoves(session, customer, card)
        self.company = Company(session, customer, card)
        self.attachments = ConversationAttachments(session, customer, Recording(session))
        if session.config is not None:
            self._open_forms(session.config)

    def _open_forms(self, config: StoreConfig) -> None:
        """The customer's fields that are asked for now, and the conversation's own."""
        card, customer_values = self.card, self.customer.flat()
        stages = tuple(d.stage for d in card.deals) if card else ()
        asked = [
            f.key
            for f in conversations.questions(
                config, customer_values, level=self.customer.level, stages=stages
            )
        ]
        if asked:
            self.facts = self.session.form(
                "customer", record=customer_values, creating=False, only=asked
            )
        definition = config.forms.get("conversation")
        own = [f.key for f in definition.fields if f.key != "notes"] if definition else []
        if own:
            self.form = self.session.form(
                "conversation", only=own, beside=self._context(), complete=False
            )
        files = card.attachments if card else ()
        if self.facts is not None:
            self.attachments.of_facts = AttachmentPicker(self.session, self.facts, files)
        if self.form is not None:
            self.attachments.of_form = AttachmentPicker(self.session, self.form)

    def _context(self) -> dict[str, Any]:
        return {"method": self.method, "outcome": self.outcome, "level": self.plan.level}

    def _update_context(self) -> None:
        if self.form is not None:
            self.form.set_context(
                complete=bool(self.chosen and self.chosen.reached), **self._context()
            )

    def _about(self) -> About:
        task = str(self.task.id) if self.task else None
        return str(self.customer.id), task, self.method, self.outcome

    # what the sheet asks --------------------------------------------------------------------------

    @property
    def role(self) -> str | None:
        return self.session.me.role if self.session.me else None

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        return (
            conversations.outcomes_for(self.session.config, self.method, self.role)
            if self.session.config
            else ()
        )

    @property
    def chosen(self) -> Outcome | None:
        return self.session.config.outcome(self.outcome) if self.session.config else None

    @property
    def dialled(self) -> CallAttempt | None:
        """The dial press that belongs to this conversation."""
        found = self.session.calls.last
        return (
            found
            if found is not None and found.customer_id == self.customer.id and self.method == "call"
            else None
        )

    @property
    def is_worked_on(self) -> bool:
        """Something was done here that must not be swept away by fresh rows."""
        return bool(
            self.dialled
            or self.outcome
            or self.notes.text
            or self.promises.made
            or self.attachments.has_any
        )

    # what a person does ---------------------------------------------------------------------------

    async def dial(self) -> None:
        """The dial press is evidence of an attempt, nothing more."""
        await self.session.calls.dial(self.customer.id, self.task.id if self.task else None)

    def choose_method(self, method: str) -> None:
        self.method, self.outcome, self.problems = method, None, {}
        self._update_context()

    async def choose_outcome(self, key: str) -> None:
        """What follows is the store's table. Nobody reached and nothing to say: saved at once, undo
        instead of a question."""
        self.outcome, self.problems, self.loss.reason = key, {}, None
        chosen = self.chosen
        if chosen is None:
            return
        self.plan.outcome = chosen
        self.deal_moves.wanted = self.deal_moves.proposed(chosen) is not None
        self._update_context()
        if not chosen.reached and not chosen.notes_required and not self.notes.text.strip():
            await self.save()
            return
        await self.phrases.load(key)

    def clear_outcome(self) -> None:
        """Back to the card; the notes stay."""
        self.outcome, self.problems = None, {}
        self._update_context()

    def choose_level(self, level: str) -> None:
        self.plan.chosen_level = level
        self._update_context()

    def choose_reason(self, key: str) -> None:
        self.loss.reason = key
        self._forgive("reason")

    def set_notes(self, text: str) -> None:
        self.notes.type(text)
        if text.strip():
            self._forgive("notes")

    def _forgive(self, field_name: str) -> None:
        """What was refused is corrected. Nothing else is drawn again when nothing was refused."""
        if field_name in self.problems:
            self.problems = {k: v for k, v in self.problems.items() if k != field_name}

    async def add_phrase(self, phrase: Phrase) -> None:
        """A phrase is added to what was typed, never put in its place; one that promises something
        opens a dated promise."""
        text = self.texts.label(phrase.text)
        written = self.notes.text.rstrip(SENTENCE_END)
        self.set_notes(f"{written},{text}" if written else text)
        if phrase.promise_days is not None:
            self.promises.promise(text, phrase.promise_days)
        await self.phrases.count(phrase, text)

    async def restore_draft(self) -> None:
        """Words that were being typed about this customer when the app was ended."""
        found = await self.notes.read()
        if found is None or self.is_worked_on:
            return
        (_customer, _task, self.method, outcome), text = found
        self.notes.restore(text)
        if outcome is not None and self.session.config and self.session.config.outcome(outcome):
            await self.choose_outcome(outcome)

    # saving ---------------------------------------------------------------------------------------

    async def save(self) -> None:
        """On disk, then the next card. Problems stay by their fields; nothing typed is lost."""
        if self._saving or self._saved or not self._check():
            return
        self._saving = True
        name = self.customer.name or ""
        try:
            files = await self.attachments.collect()
            op_id = await self.session.act(
                "log_conversation", self._payload(), title=name, attachments=files
            )
            moves = await self.deal_moves.carry_out(
                self.chosen,
                self.loss.reason,
                about_policy=self.task is not None and self.task.subject_form == "policy",
            )
            self._saved = True
            await self.session.calls.clear()
            await self.notes.discard()
        finally:
            self._saving = False
        self.session.notices.say(await self._saved_text(), undo=(op_id, *moves))
        if self.done:
            self.done(self)

    async def _saved_text(self) -> str:
        """Whose conversation was saved, what came of it, and what is planned next."""
        _, session = self.texts, self.session
        card = await session.local_store.replica.card(self.customer.id)
        me = session.me.user_id if session.me else None
        tasks = card.tasks if card else ()
        days = [t.due_on for t in tasks if t.status == "open" and t.assignee_id == me]
        parts = [
            _("Saved: %(name)s") % {"name": self.customer.name or ""},
            _.label(self.chosen.label) if self.chosen else "",
            _("Next: %(day)s") % {"day": _.day(min(days), session.clock.today)} if days else "",
        ]
        return " · ".join(part for part in parts if part)

    def _check(self) -> bool:
        """Whether it may be saved; what may not is said by its field."""
        config = self.session.config
        if config is None:
            return False
        found = conversations.log_problems(
            config,
            method=self.method,
            outcome=self.outcome,
            level=self.plan.level,
            notes=self.notes.text,
            reason=self.loss.reason,
        )
        self.problems = {p.field: p.code for p in found}
        if self.chosen and self.chosen.effect == "lost":
            self.problems = {**self.problems, **self.loss.problems()}
        forms_are_fine = [f.check() for f in (self.facts, self.form) if f is not None]
        return not self.problems and all(forms_are_fine)

    def _payload(self) -> dict[str, Any]:
        dialled, chosen = self.dialled, self.chosen
        found: dict[str, Any] = {
            "id": str(self.session.services.new_id()),
            "customer_id": str(self.customer.id),
            "method": self.method,
            "outcome": self.outcome,
            "level": self.plan.level,
            "occurred_at": self.session.clock.now().isoformat(),
        }
        if self.task is not None:
            found["task_id"] = str(self.task.id)
        if self.notes.text.strip():
            found["notes"] = self.notes.text.strip()
        if chosen and chosen.reached:
            day = self.plan.day
            found["next_contact_on"] = day.isoformat() if day else None
        if dialled is not None:
            found["dialled_at"] = dialled.at.isoformat()
            if (
                dialled.away_seconds is not None
            ):  # not known on a device that never left the app: then nothing is said about it
                found["away_seconds"] = dialled.away_seconds
        if chosen and chosen.effect == "lost":
            found |= self.loss.payload()
        if self.promises.made:
            found["promises"] = self.promises.payload()
        if self.company.present:
            found["companions"] = [str(x) for x in self.company.present]
        if self.facts is not None and self.facts.changes():
            found["facts"] = self.facts.changes()
        if self.form is not None and self.form.changes():
            found["set"] = self.form.changes()
        return found
