"""The notes of a day's meeting and its to-dos, and one's own to-dos (S-23)."""

import asyncio
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

import flet as ft

from mobile_app.session import Session
from shared.domain.forms import MOST_DAYS_SNOOZED
from shared.domain.meeting_notes import MeetingNotes, NewTodo, Todo
from shared.domain.problems import Problem
from shared.domain.records import Customer
from shared.domain.working_days import EVERY_DAY, due_day
from shared.gateway import customers as remote_customers
from shared.gateway import meeting_notes as remote

SEARCH_PAUSE = 0.3  # seconds without a key before searching
FOUND = 6  # customers a search offers


@ft.observable
@dataclass(eq=False)
class TodoForm:
    """A to-do being written. `id`: kept until it is saved, so that a second try adds nothing."""

    session: Session
    id: UUID
    due_on: date
    notes: str = ""
    member: str = ""
    customer: Customer | None = None
    query: str = ""
    found: list[Customer] = field(default_factory=list)
    problem: str = ""
    _typed: int = 0

    def set_notes(self, text: str) -> None:
        self.notes = text

    def choose_member(self, member: str) -> None:
        self.member = member

    def choose_day(self, day: date | None) -> None:
        self.due_on = day or self.due_on

    async def search(self, query: str) -> None:
        """Customers of the store who may be called, after a pause."""
        self.query = query
        self._typed += 1
        mine, words = self._typed, query.strip()
        await asyncio.sleep(SEARCH_PAUSE)
        if mine != self._typed:
            return
        found = (
            await remote_customers.search(
                self.session.services.gateway, self.session.store_id, words, limit=FOUND
            )
            if words
            else []
        )
        if mine == self._typed:
            self.found, self.problem = [c for c in found if c.call_block is None], ""

    def choose_customer(self, customer: Customer | None) -> None:
        """Mostly it is for who looks after the customer."""
        self.customer, self.query, self.found = customer, "", []
        if customer is not None and customer.owner_id is not None and not self.member:
            self.member = str(customer.owner_id)

    @property
    def complete(self) -> bool:
        return bool(self.notes.strip() and self.member)

    @property
    def last_day(self) -> date:
        return self.session.clock.today + timedelta(days=MOST_DAYS_SNOOZED)


@ft.observable
@dataclass(eq=False)
class DayNotes:
    """Of the meeting of `day`. What is typed stays until it is saved."""

    session: Session
    day: date
    found: MeetingNotes | None = None
    typed: str | None = None  # None: nothing was typed yet
    saved: bool = False
    form: TodoForm | None = None  # None: no to-do is being written
    refused: str = ""  # why something was not saved
    problem: str = ""
    _read: int = 0  # the revision that what is typed began with

    async def load(self) -> None:
        gateway, store = self.session.services.gateway, self.session.store_id
        try:
            self.found = await remote.meeting_notes(gateway, store, self.day)
            self.problem = ""
        except Problem as problem:
            self.problem = problem.code

    def type(self, text: str) -> None:
        if self.typed is None:
            self._read = self.found.revision if self.found else 0
        self.typed, self.saved, self.refused = text, False, ""

    @property
    def written_meanwhile(self) -> str:
        """What somebody else saved since one began to type; empty for nothing."""
        is_other = self.typed is not None and self.found is not None and self.refused == "conflict"
        return self.found.notes if is_other and self.found else ""

    async def save(self) -> None:
        typed = self.typed
        if typed is None:
            return
        gateway, store = self.session.services.gateway, self.session.store_id
        try:
            await remote.save_notes(gateway, store, self.day, typed, revision=self._read)
        except Problem as problem:
            if problem.code == "conflict":  # now it is read, and saving again replaces it
                await self.load()
                self._read = self.found.revision if self.found else 0
            self.refused = problem.code
            return
        await self.load()
        if self.typed == typed:  # else more was typed while it was sent
            self.typed, self.saved = None, True
        self._read = self.found.revision if self.found else 0

    def begin_todo(self) -> None:
        clock, config = self.session.clock, self.session.config
        calendar = config.calendar if config else EVERY_DAY
        tomorrow = due_day(calendar, clock.today + timedelta(days=1))
        self.form = TodoForm(self.session, self.session.services.new_id(), tomorrow)
        self.refused = ""

    def cancel_todo(self) -> None:
        self.form, self.refused = None, ""

    async def add_todo(self) -> None:
        form = self.form
        if form is None or not form.complete:
            return
        gateway, store = self.session.services.gateway, self.session.store_id
        todo = NewTodo(
            id=form.id,
            notes=form.notes.strip(),
            member_id=UUID(form.member),
            due_on=form.due_on,
            customer_id=form.customer.id if form.customer else None,
        )
        try:
            await remote.add_todo(gateway, store, self.day, todo)
        except Problem as problem:
            form.problem = problem.code
            return
        self.form = None
        await self.load()

    async def tick(self, todo: Todo) -> None:
        gateway, store = self.session.services.gateway, self.session.store_id
        try:
            await remote.tick_todo(gateway, store, todo.id, done=not todo.is_done)
        except Problem as problem:
            self.refused = problem.code
            return
        self.refused = ""
        await self.load()


@ft.observable
@dataclass(eq=False)
class OwnTodos:
    """One's own, without those about customers, which are tasks of the queue."""

    session: Session
    todos: tuple[Todo, ...] | None = None
    refused: str = ""
    problem: str = ""

    async def load(self) -> None:
        gateway, store = self.session.services.gateway, self.session.store_id
        try:
            self.todos, self.problem = await remote.my_todos(gateway, store), ""
        except Problem as problem:
            self.problem = problem.code

    async def tick(self, todo: Todo) -> None:
        gateway, store = self.session.services.gateway, self.session.store_id
        try:
            await remote.tick_todo(gateway, store, todo.id, done=not todo.is_done)
        except Problem as problem:
            self.refused = problem.code
            return
        self.refused = ""
        await self.load()
