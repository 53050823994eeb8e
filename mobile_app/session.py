"""Who is signed in, in which store, with which book; and what every screen watches."""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import flet as ft
from pydantic import TypeAdapter, ValidationError

from mobile_app.dialling import Dialled
from mobile_app.offline.attachments import Attachments, NewAttachment
from mobile_app.offline.clock import DeviceClock
from mobile_app.offline.database import Database
from mobile_app.offline.outbox import Outbox
from mobile_app.offline.replica import Replica
from mobile_app.offline.sync import Sync, SyncState
from mobile_app.services import Services
from mobile_app.watching import BookChanges, Notice, Notices, Sending
from shared.domain.config import StoreConfig
from shared.domain.members import Colleague, Membership
from shared.domain.problems import Offline, Problem, Refused, SignedOut
from shared.gateway import members as remote_members
from shared.ui.feedback import act
from shared.ui.form import FormState

logger = logging.getLogger(__name__)
Kept = TypeVar("Kept")
MEMBERSHIPS = TypeAdapter(list[Membership])


@dataclass(frozen=True)
class Book:
    """One person's book in one store, on this device."""

    database: Database
    outbox: Outbox
    replica: Replica
    sync: Sync
    attachments: Attachments
    clock: DeviceClock


NOTICE_SECONDS = 8


@ft.observable
@dataclass(eq=False)
class Session:
    """phase: starting → signed_out | not_invited | ready; a look at another's phone ends by leaving → seeing_over. Every screen is drawn anew
    when a public field changes, so these are the slow ones; what moves with each act is watched apart (watching.py): `sending`, `notices`, and the book itself by `use_book`."""

    services: Services
    phase: str = "starting"
    problem: str = ""
    memberships: list[Membership] = field(default_factory=list)
    me: Membership | None = None
    config: StoreConfig | None = None
    people: tuple[Colleague, ...] = ()
    language: str = "zh_CN"
    theme: str = "system"
    text_scale: float = 1.0
    book_is_here: bool = False  # or nobody knows when it will be: then half a one is better than none
    sending: Sending = field(default_factory=Sending)
    notices: Notices = field(default_factory=Notices)
    changes: BookChanges = field(default_factory=BookChanges)
    _book: Book | None = None
    _loop: asyncio.Task | None = None
    _rounds: int = 0  # nobody draws it
    _today: date | None = None
    _refreshing: asyncio.Task | None = None
    _leaving: asyncio.Task | None = None
    _starts: int = 0
    _dialled: Dialled | None = None
    seeing: Any = None  # somebody looks as this person (mobile_app/seeing.py): nothing is done, nothing is kept
    _kept: dict[str, Any] = field(default_factory=dict)

    def kept(self, name: str, make: Callable[[], Kept]) -> Kept:
        """What a tab was doing: Flet forgets a tab's own state when it is left, and half a sentence with it."""
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    @property
    def rounds(self) -> int:
        """How many rounds of the sync have begun since the app started."""
        return self._rounds

    @property
    def sync(self) -> SyncState:
        """How far it is now; a component that shows it asks `use_sync`."""
        return self.sending.state

    @property
    def dialled(self) -> Dialled | None:
        """The last press of a dial button, until it is logged or forgotten."""
        return self._dialled

    @property
    def book(self) -> Book:
        assert self._book is not None
        return self._book

    @property
    def today(self) -> date:
        """The store's day: what the server said last, carried on by this device's clock in the store's zone."""
        here = self.services.now().astimezone(ZoneInfo(self.me.time_zone if self.me else "Asia/Shanghai")).date()
        return max(here, self._today) if self._today and abs((here - self._today).days) <= 2 else self._today or here

    def day(self, instant: datetime) -> date:
        """The store's day of a moment."""
        return instant.astimezone(ZoneInfo(self.me.time_zone if self.me else "Asia/Shanghai")).date()

    @property
    def store_id(self) -> UUID:
        assert self.me is not None
        return self.me.store_id

    def now(self) -> datetime:
        """The server's time as far as this device knows it: its own clock may be wrong by years."""
        return self._book.clock.now() if self._book is not None else self.services.now()

    def form(self, name: str, **options: Any) -> FormState | None:
        """A form of the store's document for one record (options: FormState's), with the people of the store to choose from."""
        if self.config is None:
            return None
        held = {str(v) for v in (options.get("record") or {}).values()}  # someone who left stays where he is named
        people = [(str(p.id), p.name) for p in self.people if p.active or str(p.id) in held]
        return FormState(self.config, name, self.today, people=people, **options)

    # coming and going -------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """The state of last time, without waiting for any server. Called again when the connection to the screen came back meanwhile: what
        the device was asked before then is never answered."""
        self._starts += 1
        mine = self._starts
        stored = json.loads(await self.services.preferences.get("settings") or "{}")
        self.language, self.theme, self.text_scale = (
            stored.get("language", self.language),
            stored.get("theme", self.theme),
            stored.get("text_scale", 1.0),
        )
        restored = await self.services.gateway.keeper.restore()
        if mine != self._starts:
            return
        if restored is None:
            self.phase = "signed_out"
            return
        try:
            known = MEMBERSHIPS.validate_json(await self.services.preferences.get("memberships") or "[]")
        except ValidationError:
            known = []
        if mine != self._starts:
            return
        if known:
            await self._enter(known, stored.get("store_id"))
        else:
            await self.find_memberships()

    async def find_memberships(self) -> None:
        """Ask the server who this is. Raises Problem."""
        try:
            found = await remote_members.whoami(self.services.gateway)
        except SignedOut:
            self.phase = "signed_out"
            raise
        if not found:
            self.phase = "not_invited"
            return
        await self.services.preferences.set("memberships", MEMBERSHIPS.dump_json(found).decode())
        stored = json.loads(await self.services.preferences.get("settings") or "{}")
        await self._enter(found, stored.get("store_id"))

    async def sign_in(self, identifier: str, password: str) -> None:
        """Raises Refused or Offline."""
        await self.services.gateway.keeper.sign_in(identifier, password)
        await self.find_memberships()

    async def join(self, identifier: str, password: str, code: str) -> None:
        """Come in by an invitation: an account if there is none yet, then the code. Raises Refused or Offline."""
        keeper = self.services.gateway.keeper
        try:
            await keeper.sign_up(identifier, password)
        except Refused as refused:
            if refused.code != "user_exists":
                raise
            await keeper.sign_in(identifier, password)
        await remote_members.accept(self.services.gateway, code)
        await self.find_memberships()

    async def choose_store(self, store_id: UUID) -> None:
        await self._leave_book()
        await self._enter(self.memberships, str(store_id))
        await self.keep_settings()

    async def _enter(self, memberships: list[Membership], wanted: str | None) -> None:
        self.memberships = memberships
        self.me = next((m for m in memberships if str(m.store_id) == wanted), memberships[0])
        await self._leave_book()
        database = Database(self.services.device_folder / str(self.me.user_id) / f"{self.me.store_id}.sqlite")
        outbox = Outbox(database, user_id=self.me.user_id, store_id=self.me.store_id, new_id=self.services.new_id)
        replica, attachments, clock = Replica(database), Attachments(database, self.services.new_id), DeviceClock(self.services.now)
        clock.start_at(await replica.server_now())
        await outbox.forget_old(now=clock.now())
        sync = Sync(self.services.gateway, outbox, replica, self.me.store_id, self._synced, attachments=attachments, clock=clock)
        self._book = Book(database, outbox, replica, sync, attachments, clock)
        self.config, self.people = await replica.config(), await replica.people()
        self._dialled = Dialled.read(await replica.recall("dialled"), self.now())
        self._today = await replica.today() or self.me.today
        self.book_is_here = await replica.complete()
        self.phase = "ready"
        self._loop = asyncio.create_task(sync.run())
        self.changes.tell()

    def _synced(self, state: SyncState) -> None:
        try:
            self._rounds += state.running and not self.sync.running
            self.sending.state = state
            arrives = not self.book_is_here and (state.complete or bool(state.trouble))
            self.book_is_here = self.book_is_here or arrives
        except RuntimeError:  # Flet's word for "this page is gone": the book goes with it
            if self._loop is not None:
                self._loop.cancel()
            return
        if state.moved or arrives:
            self._refreshing = asyncio.create_task(self.refresh())
        if state.trouble == "signed_out":
            self.phase = "signed_out"
        if state.lost and not state.running:
            self._leaving = asyncio.create_task(self._lost())

    async def _lost(self) -> None:
        """Disabled in this store: the book is gone from the device, what was not sent lies with a manager."""
        gone = self.me
        if gone is None:
            return
        left = [m for m in self.memberships if m.store_id != gone.store_id]
        await self.services.preferences.set("memberships", MEMBERSHIPS.dump_json(left).decode() if left else None)
        if left:
            await self._enter(left, None)
        else:
            self.phase = "not_invited"
            await self._leave_book()
            self.me, self.config, self.memberships = None, None, []
        self.problem = "disabled"

    async def refresh(self) -> None:
        """Take over what the book now holds."""
        if (book := self._book) is None:
            return
        try:
            config, people = await book.replica.config(), await book.replica.people()
            self._today = await book.replica.today() or self._today
        except RuntimeError:
            return  # the book was closed meanwhile
        if config != self.config:
            self.config = config
        self.people = people
        self.changes.tell()

    async def _leave_book(self) -> None:
        if self._loop is not None:
            self._loop.cancel()
            self._loop = None
        self._kept = {}
        if self._book is not None:
            book, self._book = self._book, None
            await book.database.close()

    async def sign_out(self) -> None:
        """The book and what waits in it stay sealed on the device: only the same person opens them again."""
        self.phase = "signed_out"  # first: no screen may be drawn for nobody
        await self._leave_book()
        await self.services.gateway.keeper.sign_out()
        await self.services.preferences.set("memberships", None)
        self.me, self.config, self.memberships = None, None, []
        self.sending.state, self.notices.notice = SyncState(), None

    async def close(self) -> None:
        """The page is gone."""
        await self._leave_book()

    # acting -------------------------------------------------------------------------------------------------------------------

    async def act(
        self, verb: str, payload: dict, *, base_version: int | None = None, title: str = "", attachments: Sequence[NewAttachment] = ()
    ) -> UUID:
        """Do something: it is on disk when this returns, and on its way. `attachments` go with the record the operation makes or changes
        (payload["id"]), each as a file of its own. Raises ValueError for an empty or too large one."""
        self._only_looking()
        files = [await self.book.attachments.store(new) for new in attachments]
        op_id = await self.book.outbox.add(verb, payload, now=self.now(), base_version=base_version, title=title, files=files)
        self._one_more_waits()
        self.book.sync.wake()
        return op_id

    def _only_looking(self) -> None:
        if self.seeing is not None:
            raise Refused("looking_only")

    def clock_text(self, at: datetime) -> str:
        """The store's time of day of a moment."""
        return f"{at.astimezone(ZoneInfo(self.me.time_zone if self.me else 'Asia/Shanghai')):%H:%M}"

    def say(self, text: str, *, undo: UUID | tuple[UUID, ...] | None = None) -> None:
        """Show a line for some seconds."""
        notice = self.notices.notice = Notice(text, undo if isinstance(undo, tuple) else (undo,) if undo else ())

        def over() -> None:
            if self.notices.notice is notice:
                self.notices.notice = None

        asyncio.get_running_loop().call_later(NOTICE_SECONDS, over)

    async def undo_notice(self) -> None:
        if (notice := self.notices.notice) is not None and notice.undo:
            op_ids, self.notices.notice = notice.undo, None
            for op_id in reversed(op_ids):
                await self.undo(op_id)

    async def undo(self, op_id: UUID) -> None:
        self._only_looking()
        self.notices.notice = None
        await self.book.outbox.undo(op_id, now=self.now())
        self._one_more_waits()
        self.book.sync.wake()

    def _one_more_waits(self) -> None:
        """The mark says "not sent yet" from the first moment, not from the next round of the loop."""
        self.sending.state = replace(self.sync, waiting=self.sync.waiting + 1)
        self.changes.tell()

    # dialling: the sheet opens on return, also when the app was killed meanwhile (F-02) -----------------------------------------

    async def dial(self, customer_id: UUID, task_id: UUID | None = None) -> None:
        """The dial button was pressed: on disk before the dialler covers the app."""
        await self._keep_dialled(Dialled(customer_id, task_id, self.now()))

    async def went_away(self) -> None:
        if self.dialled is not None and self.dialled.left_at is None:
            await self._keep_dialled(replace(self.dialled, left_at=self.now()))

    async def came_back(self) -> None:
        if self.dialled is not None and self.dialled.left_at is not None and self.dialled.away_seconds is None:
            await self._keep_dialled(self.dialled.returned(self.now()))

    async def forget_dial(self) -> None:
        if self.dialled is not None:
            await self._keep_dialled(None)

    async def _keep_dialled(self, dialled: "Dialled | None") -> None:
        self._dialled = dialled
        if self._book is not None:
            await self._book.replica.remember("dialled", dialled.written() if dialled else None)

    async def keep_settings(self) -> None:
        chosen = {
            "language": self.language,
            "theme": self.theme,
            "text_scale": self.text_scale,
            "store_id": str(self.me.store_id) if self.me else None,
        }
        await self.services.preferences.set("settings", json.dumps(chosen))

    async def pull_now(self) -> None:
        """For the refresh button: tell about trouble instead of hiding it."""
        try:
            await self.book.sync.once()
            self.problem = ""
        except (Offline, SignedOut):
            self.problem = self.sync.trouble or "offline"
        except Problem as problem:
            self.problem = problem.code


SessionContext: Any = ft.create_context(None)


def use_session() -> Session:
    return ft.use_context(SessionContext)


def use_book(load: Callable[..., Any], *arguments: Any, again: Any = None) -> None:
    """Read the book now and whenever it changed: `load`, a method of the screen's state; and when its `arguments` or `again` are others.
    The change itself draws nothing: what `load` found different does."""
    session = use_session()
    watching = ft.use_ref(None)

    def end() -> None:
        if watching.current is not None:
            watching.current()
            watching.current = None

    def begin() -> None:
        end()
        watching.current = session.changes.watch(act(load, *arguments))

    ft.use_effect(begin, [*arguments, again], end)
