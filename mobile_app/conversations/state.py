"""Logging a conversation: what the sheet holds, and what happens when it is saved (S-04, S-20, S-21, F-01…F-13)."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import flet as ft

from mobile_app.conversations.recording import Recording
from mobile_app.dialling import Dialled
from mobile_app.files.attaching import Attaching, pick_photos
from mobile_app.offline.attachments import LARGEST, NewAttachment
from mobile_app.offline.replica import Card
from mobile_app.session import Session
from shared.domain import conversations, funnel
from shared.domain.config import Outcome, Phrase, Stage
from shared.domain.entry import money_of
from shared.domain.records import Companion, Customer, Deal, Task
from shared.ui.form import FormState
from shared.ui.text import Texts

FACE_TO_FACE = ("visit", "test_drive", "quote", "order", "delivery")  # methods, not labels: who came along is asked there
DRAFT_PAUSE = 0.5  # seconds


@dataclass(frozen=True)
class DraftPromise:
    """A promise that is written down with the talk."""

    id: str
    words: str
    due_on: date


@ft.observable
@dataclass(eq=False)
class Said:
    """The words being typed: apart from the rest of the sheet, since a letter draws only their box."""

    text: str = ""


@ft.observable
@dataclass(eq=False)
class LogConversation:
    """One talk with one customer; with a task it clears that task. `card` is what this device knows of him."""

    session: Session
    customer: Customer
    texts: Texts
    task: Task | None = None
    card: Card | None = None
    method: str = "call"
    outcome: str | None = None
    level: str | None = None
    said: Said = field(default_factory=Said)
    next_on: date | None = None
    reason: str | None = None
    lost_insurer: str = ""
    lost_price: str = ""
    promises: tuple[DraftPromise, ...] = ()
    promise_words: str | None = None  # being written; None = nobody is writing one
    present: tuple[UUID, ...] = ()
    newcomer: FormState | None = None
    newcomers: tuple[Companion, ...] = ()
    facts: FormState | None = None
    form: FormState | None = None
    moves: bool = False  # the deal goes on to the outcome's stage
    photos: tuple[NewAttachment, ...] = ()
    recording: Recording | None = None
    attaching: Attaching | None = None
    fact_files: Attaching | None = None
    phrases: tuple[Phrase, ...] = ()
    problems: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    done: Callable[["LogConversation"], Any] | None = None
    _saved: bool = False
    _chosen_date: bool = False
    _chosen_level: bool = False
    _saving: bool = False
    _uses: dict[str, int] = field(default_factory=dict)
    _drafted: bool = False
    _drafting: asyncio.Task | None = None

    def __post_init__(self) -> None:
        self.level, self.recording = self.customer.level, Recording(self.session)
        config = self.session.config
        if config is None:
            return
        values = self.customer.flat()
        stages = tuple(d.stage for d in self.card.deals) if self.card else ()
        asked = [f.key for f in conversations.questions(config, values, level=self.level, stages=stages)]
        self.facts = self.session.form("customer", record=values, creating=False, only=asked) if asked else None
        files = self.card.attachments if self.card else ()
        self.fact_files = Attaching(self.session, self.facts, files) if self.facts else None
        own = [f.key for f in config.forms["conversation"].fields if f.key != "words"] if "conversation" in config.forms else []
        self.form = self.session.form("conversation", only=own, beside=self._beside(), complete=False) if own else None
        self.attaching = Attaching(self.session, self.form) if self.form else None

    def _beside(self) -> dict[str, Any]:
        return {"method": self.method, "outcome": self.outcome, "level": self.level}

    # what the sheet asks ------------------------------------------------------------------------------------------------------

    @property
    def role(self) -> str | None:
        return self.session.me.role if self.session.me else None

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        return conversations.outcomes_for(self.session.config, self.method, self.role) if self.session.config else ()

    @property
    def chosen(self) -> Outcome | None:
        return self.session.config.outcome(self.outcome) if self.session.config else None

    @property
    def suggested(self) -> conversations.NextDate:
        """The day that is proposed, and why."""
        if self.session.config is None:
            return conversations.NextDate(None)
        promised = [p.due_on for p in self.promises] + [p.due_on for p in (self.card.promises if self.card else ()) if p.due_on >= self.session.today]
        return conversations.next_date(
            self.session.config, self.chosen, self.level, self.session.today,
            do_not_call=bool(self.customer.do_not_call), promised=min(promised, default=None),
        )  # fmt: skip

    @property
    def dialled(self) -> Dialled | None:
        """The dial press that belongs to this talk."""
        found = self.session.dialled
        return found if found is not None and found.customer_id == self.customer.id and self.method == "call" else None

    @property
    def deal_move(self) -> tuple[Deal, Stage] | None:
        """The open deal that would go on to the outcome's stage, when nothing is missing for it."""
        config, chosen = self.session.config, self.chosen
        if (
            config is None
            or chosen is None
            or chosen.stage is None
            or self.card is None
            or not (self.session.me and self.session.me.may("move_deal"))
        ):
            return None
        for deal in self.card.deals:
            here, there = config.stage(deal.pipeline, deal.stage), config.stage(deal.pipeline, chosen.stage)
            if (
                here
                and there
                and here.type == "open"
                and there in funnel.targets(config, deal)
                and not funnel.missing(deal, there, {}, frozenset(), None)
            ):
                return deal, there
        return None

    @property
    def companions(self) -> tuple[Companion, ...]:
        return (*(self.card.companions if self.card else ()), *self.newcomers)

    # what a person does -------------------------------------------------------------------------------------------------------

    async def dial(self) -> None:
        """The dial press is evidence of an attempt, nothing more."""
        await self.session.dial(self.customer.id, self.task.id if self.task else None)

    def choose_method(self, method: str) -> None:
        self.method, self.outcome, self.problems = method, None, {}
        self._look()

    async def choose_outcome(self, key: str) -> None:
        """What follows is the store's table. Nobody reached and nothing to say: saved at once, undo instead of a question."""
        self.outcome, self.problems, self.reason = key, {}, None
        chosen, config = self.chosen, self.session.config
        if chosen is None or config is None:
            return
        if not self._chosen_level:
            self.level = chosen.level if config.level(chosen.level) else self.customer.level
        self.moves = self.deal_move is not None
        self._propose()
        self._look()
        if not chosen.reached and not chosen.needs_words and not self.words.strip():
            await self.save()
            return
        if not self._uses:
            self._uses = json.loads(await self.session.book.replica.recall("phrases") or "{}")
        self.phrases = conversations.phrases_for(config, key, self._uses)

    def clear_outcome(self) -> None:
        """Back to the card; the words stay."""
        self.outcome, self.problems = None, {}
        self._look()

    def choose_level(self, level: str) -> None:
        self.level, self._chosen_level = level, True
        self._propose()
        self._look()

    def choose_next(self, day: date | None) -> None:
        self.next_on, self._chosen_date = (None if day == self.next_on else day), True

    @property
    def words(self) -> str:
        return self.said.text

    def set_words(self, text: str) -> None:
        self.said.text = text
        self._keep_draft()
        if "words" in self.problems and text.strip():
            self.problems = {k: v for k, v in self.problems.items() if k != "words"}

    async def add_phrase(self, phrase: Phrase) -> None:
        """A phrase is added to what was typed, never put in its place; one that promises something opens a dated promise."""
        text = self.texts.label(phrase.text)
        typed = self.words.rstrip(",,。 ")
        self.set_words(f"{typed},{text}" if typed else text)
        if phrase.promise_days is not None:
            self._promise(text, self.session.today + timedelta(days=phrase.promise_days))
        key = phrase.text.get("zh_CN") or text
        self._uses = {**self._uses, key: self._uses.get(key, 0) + 1}
        await self.session.book.replica.remember("phrases", json.dumps(self._uses, ensure_ascii=False))

    def _keep_draft(self) -> None:
        """What is being typed is on disk a moment later: a phone that ends the app takes no words with it."""
        self._drafted = True
        if self._drafting is None or self._drafting.done():
            self._drafting = asyncio.create_task(self._write_draft())

    async def _write_draft(self) -> None:
        await asyncio.sleep(DRAFT_PAUSE)
        await self.session.book.replica.remember("draft", self._draft())

    def _draft(self) -> str | None:
        if self._saved or not self.words.strip():
            return None
        return json.dumps(
            [str(self.customer.id), str(self.task.id) if self.task else None, self.method, self.outcome, self.words], ensure_ascii=False
        )

    async def take_up_draft(self) -> None:
        """Words that were being typed about this customer when the app was ended."""
        text = await self.session.book.replica.recall("draft")
        if text and not self.is_worked_on:
            customer, task, method, outcome, words = json.loads(text)
            if customer == str(self.customer.id) and task == (str(self.task.id) if self.task else None):
                self.method, self.said.text, self._drafted = method, words, True
                if outcome is not None and self.session.config and self.session.config.outcome(outcome):
                    await self.choose_outcome(outcome)

    def start_promise(self) -> None:
        self.promise_words = ""

    def set_promise(self, text: str) -> None:
        self.promise_words = text

    def add_promise(self, days: int) -> None:
        """What is being written is promised within so many days."""
        if self.promise_words and self.promise_words.strip():
            self._promise(self.promise_words.strip()[:200], self.session.today + timedelta(days=days))
            self.promise_words = None

    def drop_promise(self, promise_id: str) -> None:
        self.promises = tuple(p for p in self.promises if p.id != promise_id)
        self._propose()

    def _promise(self, words: str, due_on: date) -> None:
        self.promises = (*self.promises, DraftPromise(str(self.session.services.new_id()), words, due_on))
        self._propose()

    def choose_reason(self, key: str) -> None:
        self.reason = key
        self.problems = {k: v for k, v in self.problems.items() if k != "reason"}

    def set_insurer(self, text: str) -> None:
        self.lost_insurer = text

    def set_price(self, text: str) -> None:
        self.lost_price = text

    def toggle_move(self) -> None:
        self.moves = not self.moves

    def toggle_present(self, companion_id: UUID) -> None:
        self.present = tuple(x for x in self.present if x != companion_id) if companion_id in self.present else (*self.present, companion_id)

    def start_newcomer(self) -> None:
        self.newcomer = self.session.form("companion", only=("name", "relation", "influence"))

    async def add_newcomer(self) -> None:
        """Someone new came along: written down at once, present from now on."""
        if self.newcomer is None or not self.newcomer.check():
            return
        companion_id, values = self.session.services.new_id(), self.newcomer.changes()
        await self.session.act(
            "save_companion", {"id": str(companion_id), "customer_id": str(self.customer.id), "set": values}, title=self.customer.name or ""
        )
        self.newcomers = (
            *self.newcomers,
            Companion(id=companion_id, customer_id=self.customer.id, name=values["name"], relation=values.get("relation")),
        )
        self.present, self.newcomer = (*self.present, companion_id), None

    async def take_photo(self) -> None:
        """A picture, compressed by the picker, kept on this device until it is sent; one that is too large is said, not swallowed."""
        found = await pick_photos(self.session.services.new_id)
        fitting = tuple(p for p in found if len(p.data) <= LARGEST)
        self.photos = (*self.photos, *fitting)
        self.problems = {k: v for k, v in self.problems.items() if k != "photo"} | ({"photo": "attachment_too_large"} if fitting != found else {})

    def drop_photos(self) -> None:
        self.photos = ()

    def _propose(self) -> None:
        if not self._chosen_date:
            self.next_on = self.suggested.on

    def _look(self) -> None:
        if self.form is not None:
            self.form.look_beside(complete=bool(self.chosen and self.chosen.reached), **self._beside())

    @property
    def is_worked_on(self) -> bool:
        """Something was done here that must not be swept away by fresh rows."""
        heard = self.recording is not None and (self.recording.phase or self.recording.memos)
        return bool(self.dialled or self.outcome or self.words or self.promises or self.photos or heard)

    # saving -------------------------------------------------------------------------------------------------------------------

    async def save(self) -> None:
        """On disk, then the next card. Problems stay by their fields; nothing typed is lost."""
        config = self.session.config
        if self._saving or self._saved or config is None:
            return
        found = conversations.log_problems(config, method=self.method, outcome=self.outcome, level=self.level, words=self.words, reason=self.reason)
        self.problems = {p.field: p.code for p in found}
        if self.chosen and self.chosen.effect == "lost" and self.lost_price.strip() and money_of(self.lost_price) is None:
            self.problems = {**self.problems, "lost_price": "type"}
        fine = [f.check() for f in (self.facts, self.form) if f is not None]
        if self.problems or not all(fine):
            return
        self._saving = True
        try:
            if self.recording is not None and self.recording.phase == "recording":
                await self.recording.end()  # saved while he was still speaking: what was said is kept
            memos = self.recording.memos if self.recording else ()
            files = self.attaching.going_with(self.attaching.form.changes().values()) if self.attaching else ()
            if self.fact_files is not None:
                files += self.fact_files.going_with(self.fact_files.form.changes().values(), of=("customer", self.customer.id))
            name, payload = self.customer.name or "", self._payload()
            done = [await self.session.act("log_conversation", payload, title=name, attachments=(*self.photos, *memos, *files))]
            done += await self._what_follows(name)
            self._saved = True
            await self.session.forget_dial()
            if self._drafted:
                await self.session.book.replica.remember("draft", None)
        finally:
            self._saving = False
        _ = self.texts
        self.session.say(_("Saved: %(name)s") % {"name": name}, undo=tuple(done))
        if self.done:
            self.done(self)

    def _payload(self) -> dict[str, Any]:
        now, dialled = self.session.now(), self.dialled
        found: dict[str, Any] = {
            "id": str(self.session.services.new_id()), "customer_id": str(self.customer.id), "method": self.method, "outcome": self.outcome,
            "level": self.level, "occurred_at": now.isoformat(),
        }  # fmt: skip
        if self.task is not None:
            found["task_id"] = str(self.task.id)
        if self.words.strip():
            found["words"] = self.words.strip()
        if self.chosen and self.chosen.reached:
            found["next_contact_on"] = self.next_on.isoformat() if self.next_on else None
        if dialled is not None:
            found["dialled_at"] = dialled.at.isoformat()
            if dialled.away_seconds is not None:  # not known on a device that never left the app: then nothing is said about it
                found["away_seconds"] = dialled.away_seconds
        if self.chosen and self.chosen.effect == "lost":
            found["reason"] = self.reason
            if self.lost_insurer.strip():
                found["insurer"] = self.lost_insurer.strip()
            if (price := money_of(self.lost_price)) is not None:
                found["price_fen"] = price
        if self.promises:
            found["promises"] = [{"id": p.id, "words": p.words, "due_on": p.due_on.isoformat()} for p in self.promises]
        if self.present:
            found["companions"] = [str(x) for x in self.present]
        if self.facts is not None and self.facts.changes():
            found["facts"] = self.facts.changes()
        if self.form is not None and self.form.changes():
            found["set"] = self.form.changes()
        return found

    async def _what_follows(self, name: str) -> list[UUID]:
        """The deal that goes on or ends: a verb of its own, undone together with the talk."""
        found, chosen, me = [], self.chosen, self.session.me
        if self.moves and self.deal_move is not None:
            deal, stage = self.deal_move
            payload = {"id": str(deal.id), "customer_id": str(self.customer.id), "stage": stage.key}
            found.append(await self.session.act("move_deal", payload, base_version=deal.version, title=name))
        if chosen is None or chosen.effect != "lost" or me is None:
            return found
        about_policy = self.task is not None and self.task.subject_form == "policy"  # then the talk itself says what becomes of it
        if not about_policy and self.card is not None and self.session.config is not None and me.may("move_deal"):
            for deal in self.card.deals:
                here, pipeline = self.session.config.stage(deal.pipeline, deal.stage), self.session.config.pipeline(deal.pipeline)
                end = next((s for s in pipeline.stages if s.type == "lost"), None) if pipeline else None
                if here and here.type == "open" and end and end in funnel.targets(self.session.config, deal):
                    payload = {"id": str(deal.id), "customer_id": str(self.customer.id), "stage": end.key, "lost_reason": self.reason}
                    found.append(await self.session.act("move_deal", payload, base_version=deal.version, title=name))
        return found
