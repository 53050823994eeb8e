"""Who is signed in, in which store, with which local data; and what every screen watches."""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import flet as ft

from mobile_app.authentication import Authentication
from mobile_app.calls import CallAttempts
from mobile_app.device import DeviceStatus
from mobile_app.local_store import LocalStore
from mobile_app.observables import LocalDataChanges, Notices, Sending
from mobile_app.offline.attachments import NewAttachment
from mobile_app.offline.cleanup import delete_sent_data
from mobile_app.offline.sync import SyncState
from mobile_app.services import Services
from mobile_app.settings import AppSettings
from mobile_app.store_clock import StoreClock
from shared.domain.config import StoreConfig
from shared.domain.members import Colleague, Membership
from shared.domain.problems import Offline, OtherUser, Problem, Rejected, SignedOut
from shared.ui.feedback import act
from shared.ui.form import FormState

logger = logging.getLogger(__name__)
Kept = TypeVar("Kept")
RETRY_SECONDS = 5.0  # between questions who this is, while the server does not answer
ENDED = ("signed_out", "other_user")  # troubles that end a session, whoever is to blame


@ft.observable
@dataclass(eq=False)
class Session:
    """phase: starting → signed_out | not_invited | unreachable | ready; a look at another's phone
    ends by leaving → view_as_ended. Every screen is drawn again when a public field changes, so
    these are the slow ones; what moves with each act is watched apart (observables.py): `sending`,
    `notices`, and the local data by `use_local_data`.

    A local database is opened for a user whom the server named in this very session of the page;
    on a person's own device also for the one whose session, memberships and file agree
    (docs/decisions/0022-whose-local-data.md)."""

    services: Services
    phase: str = "starting"
    problem: str = ""
    memberships: list[Membership] = field(default_factory=list)
    me: Membership | None = None
    config: StoreConfig | None = None
    people: tuple[Colleague, ...] = ()
    initial_sync_done: bool = (
        False  # or nobody knows when it will be: then half a one is better than none
    )
    sending: Sending = field(default_factory=Sending)
    notices: Notices = field(default_factory=Notices)
    device: DeviceStatus = field(default_factory=DeviceStatus)
    reminded: set[UUID] = field(default_factory=set)  # tasks a notification was shown for
    changes: LocalDataChanges = field(default_factory=LocalDataChanges)
    settings: AppSettings = field(init=False)
    authentication: Authentication = field(init=False)
    clock: StoreClock = field(init=False)
    calls: CallAttempts = field(init=False)
    _local_store: LocalStore | None = None
    _loop: asyncio.Task | None = None
    _refreshing: asyncio.Task | None = None
    _leaving: asyncio.Task | None = None
    _starts: int = 0
    _retrying: asyncio.Task | None = None
    _closed: bool = False
    _entering: asyncio.Lock = field(default_factory=asyncio.Lock)
    # somebody looks as this person (mobile_app/view_as.py): nothing is done, nothing is kept
    view_as: Any = None
    _kept: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settings = AppSettings(self.services.preferences)
        self.authentication = Authentication(self.services)
        self.clock = StoreClock(self.services.now)
        self.calls = CallAttempts(self.clock.now)

    def kept(self, name: str, make: Callable[[], Kept]) -> Kept:
        """What a tab was doing: Flet forgets a tab's own state when it is left, and half a sentence
        with it. Nothing is kept before the store's document is here: a form made without it has no
        fields, and stayed empty for as long as it was kept."""
        if self.config is None:
            return make()
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    def drop_kept(self, name: str) -> None:
        """What was being done there is finished: the next visit starts empty."""
        self._kept.pop(name, None)

    @property
    def sync(self) -> SyncState:
        """How far it is now; a component that shows it asks `use_sync`."""
        return self.sending.state

    @property
    def local_store(self) -> LocalStore:
        assert self._local_store is not None
        return self._local_store

    @property
    def local_store_if_open(self) -> LocalStore | None:
        """None before a store is open and after it is closed."""
        return self._local_store

    @property
    def store_id(self) -> UUID:
        assert self.me is not None
        return self.me.store_id

    def form(self, name: str, **options: Any) -> FormState | None:
        """A form of the store's document for one record (options: FormState's), with the people of
        the store to choose from."""
        if self.config is None:
            return None
        owners = {
            str(v) for v in (options.get("record") or {}).values()
        }  # someone who left stays where they are named
        people = [(str(p.id), p.name) for p in self.people if p.active or str(p.id) in owners]
        may_decide = self.me is not None and self.me.may("decide_approval")
        return FormState(
            self.config, name, self.clock.today, people=people, may_decide=may_decide, **options
        )

    # coming and going -----------------------------------------------------------------------------

    async def start(self) -> None:
        """Who was here last time. That needs no server once it has named their memberships."""
        self._starts += 1
        mine = self._starts
        await self.settings.read()
        known = await self.authentication.restore()
        if mine != self._starts:
            return
        if known is None:
            self.phase = "signed_out"
            return
        try:
            if not known:
                known = await self.authentication.memberships()
            if mine == self._starts:
                await self._admit(known)
        except Offline as problem:
            if mine == self._starts:
                self.phase = "unreachable"
                self._retrying = asyncio.create_task(self._start_later(problem.retry_after))
        except Problem as problem:
            if mine == self._starts:
                await self._end(problem.code)

    async def _start_later(self, wish: float | None) -> None:
        """Ask again until somebody answers; `wish`: seconds the server asked to be left alone."""
        mine = self._starts
        await asyncio.sleep(wish or RETRY_SECONDS)
        if mine == self._starts and self.phase == "unreachable" and not self._closed:
            await self.start()

    async def _admit(self, memberships: list[Membership]) -> None:
        if memberships:
            await self._enter(memberships, self.settings.wanted_store)
        else:
            self.phase = "not_invited"

    async def find_memberships(self) -> None:
        """Ask the server who this is, and enter a store. Raises Problem."""
        try:
            await self._admit(await self.authentication.memberships())
        except (SignedOut, OtherUser) as problem:
            await self._end(problem.code)
            raise

    async def sign_in(self, identifier: str, password: str) -> None:
        """Raises Rejected or Offline."""
        await self._forget_person()
        await self.authentication.sign_in(identifier, password)
        await self.find_memberships()

    async def join(self, identifier: str, password: str, code: str) -> None:
        """Come in by an invitation. Raises Rejected or Offline."""
        await self._forget_person()
        await self.authentication.join(identifier, password, code)
        await self.find_memberships()

    async def _forget_person(self) -> None:
        """Nothing of whoever was here before is left when the next one's first answer can fail:
        neither in memory nor among the preferences. Their data stays sealed on the device."""
        self._starts += 1  # a start under way has nothing to say any more
        if self._leaving is not None:
            await asyncio.gather(self._leaving, return_exceptions=True)
        if self.phase == "ready":
            self.phase = "signed_out"
        await self._close_local_store()
        await self.authentication.forget()
        self._clear()

    def _clear(self) -> None:
        self.me, self.config, self.memberships, self.people = None, None, [], ()
        self.initial_sync_done, self.problem = False, ""
        self.reminded.clear()
        self.settings.entered_store(None)
        self.clock.leave()
        self.calls.forget()
        self.sending.clear()
        self.notices.clear()

    async def _end(self, problem: str) -> None:
        """The session is over by the server's word: session and memberships go together, and the
        local data is closed."""
        if self.view_as is not None:
            await self.view_as.leave(problem)
            return
        self.phase = "signed_out"
        await self.authentication.forget()
        await self._close_local_store()
        self._clear()
        self.problem = problem

    async def choose_store(self, store_id: UUID) -> None:
        await self._close_local_store()
        self.settings.want_store(store_id)
        await self._enter(self.memberships, self.settings.wanted_store)
        await self.settings.keep()

    async def _enter(self, memberships: list[Membership], wanted: str | None) -> None:
        """Open the local data of one of these memberships. Raises OtherUser when the session or
        the file is somebody else's."""
        async with self._entering:
            await self._enter_alone(memberships, wanted)

    async def _enter_alone(self, memberships: list[Membership], wanted: str | None) -> None:
        me = next((m for m in memberships if str(m.store_id) == wanted), memberships[0])
        await self._close_local_store()
        if str(me.user_id) != self.services.gateway.user_id:
            raise OtherUser
        self.memberships, self.me = memberships, me
        self.settings.entered_store(me.store_id)
        try:
            await self._open_local_store(me)
        except BaseException:
            await self._close_local_store()
            raise
        if self._closed:  # the page went away meanwhile
            await self._close_local_store()
            return
        self.phase = "ready"
        self._loop = asyncio.create_task(self.local_store.sync.run())
        self.changes.tell()

    async def _open_local_store(self, me: Membership) -> None:
        local_store = await LocalStore.open(self.services, me, self._synced)
        self._local_store, replica = local_store, local_store.replica
        self.config, self.people = await replica.config(), await replica.people()
        self.clock.enter(me.time_zone, local_store.clock, await replica.today() or me.today)
        await self.calls.open(replica)
        self.initial_sync_done = await replica.complete()

    async def _close_local_store(self) -> None:
        if self._loop is not None:
            self._loop.cancel()
            self._loop = None
        self._kept = {}
        self.clock.lose_server()
        self.calls.close()
        if self._local_store is not None:
            local_store, self._local_store = self._local_store, None
            await local_store.close()

    async def sign_out(self) -> None:
        """What was sent leaves the device. Local data in which something waits stays, sealed: only
        the same person opens it again."""
        user_id = self.me.user_id if self.me else None
        self.phase = "signed_out"  # first: no screen may be drawn for nobody
        await self._close_local_store()
        if user_id is not None and self.view_as is None:
            await delete_sent_data(self.services.device_folder, user_id)
        await self.authentication.sign_out()
        self._clear()

    async def close(self) -> None:
        """The page is gone."""
        self._closed = True
        if self._retrying is not None:
            self._retrying.cancel()
        await self._close_local_store()

    # what the sync brings -------------------------------------------------------------------------

    def _synced(self, state: SyncState) -> None:
        try:
            self.sending.report(state, self.services.now())
            arrives = not self.initial_sync_done and (state.complete or bool(state.trouble))
            self.initial_sync_done = self.initial_sync_done or arrives
        except RuntimeError:  # Flet's word for "this page is gone": the local data goes with it
            if self._loop is not None:
                self._loop.cancel()
            return
        if state.changed or arrives:
            self._refreshing = asyncio.create_task(self.refresh())
        if state.trouble in ENDED and self.phase == "ready":
            if self.view_as is None:
                self.phase = "signed_out"  # at once: the next act is nobody's
            self._leaving = asyncio.create_task(self._end(state.trouble))
        if state.access_revoked and not state.running:
            self._leaving = asyncio.create_task(self._access_revoked())

    async def _access_revoked(self) -> None:
        """Disabled in this store: the local data is gone from the device, what was not sent lies
        with a manager."""
        gone = self.me
        if gone is None:
            return
        if self.view_as is not None:
            await self.view_as.leave("view_as_ended")
            return
        left = [m for m in self.memberships if m.store_id != gone.store_id]
        await self.authentication.remember(left, str(gone.user_id))
        if left:
            await self._enter(left, None)
        else:
            self.phase = "not_invited"
            await self._close_local_store()
            self._clear()
        self.problem = "disabled"

    async def refresh(self) -> None:
        """Take over what the local data now holds."""
        if (local_store := self._local_store) is None:
            return
        try:
            config, people = await local_store.replica.config(), await local_store.replica.people()
            self.clock.learn(await local_store.replica.today())
        except RuntimeError:
            return  # the local data was closed meanwhile
        if config != self.config:
            self.config = config
        self.people = people
        self.changes.tell()

    async def app_returned(self) -> None:
        """The app is in front again: what the cloud said before may be hours old."""
        if self._local_store is not None:
            if self.sending.is_old(self.services.now()):
                self._local_store.sync.doubt()
            self._local_store.sync.wake()
        await self.calls.app_returned()

    async def sync_now(self) -> None:
        """For the refresh button: tell about trouble instead of hiding it."""
        local_store = self.local_store
        try:
            await local_store.sync.once()
            self.problem = ""
        except RuntimeError:
            if self._local_store is local_store:
                raise
            # the session ended meanwhile, and the local data was closed
        except (Offline, SignedOut):
            self.problem = self.sync.trouble or "offline"
        except Problem as problem:
            self.problem = problem.code

    # acting ---------------------------------------------------------------------------------------

    async def act(
        self,
        verb: str,
        payload: dict,
        *,
        base_version: int | None = None,
        title: str = "",
        attachments: Sequence[NewAttachment] = (),
    ) -> UUID:
        """Do something: it is on disk when this returns, and on its way. `attachments` go with the
        record the operation makes or changes (payload["id"]), each as a file of its own. Raises
        ValueError for an empty or too large one."""
        self._reject_while_viewing_as()
        files = [await self.local_store.attachments.store(new) for new in attachments]
        op_id = await self.local_store.outbox.add(
            verb,
            payload,
            now=self.clock.now(),
            base_version=base_version,
            title=title,
            files=files,
        )
        self._operation_queued()
        return op_id

    async def undo(self, op_id: UUID) -> None:
        self._reject_while_viewing_as()
        self.notices.clear()
        said = await self.local_store.outbox.payload(op_id, "log_conversation")
        if said and said.get("notes"):  # the words come back with the card: NotesDraft reads them
            draft = [said.get(key) for key in ("customer_id", "task_id", "method", "outcome")]
            document = json.dumps([*draft, said["notes"]], ensure_ascii=False)
            await self.local_store.replica.remember("draft", document)
        await self.local_store.outbox.undo(op_id, now=self.clock.now())
        self._operation_queued()

    async def undo_notice(self) -> None:
        """Take back what the notice tells of, the last act first."""
        if (notice := self.notices.notice) is not None and notice.undo:
            self.notices.clear()
            for op_id in reversed(notice.undo):
                await self.undo(op_id)

    def _reject_while_viewing_as(self) -> None:
        if self.view_as is not None:
            raise Rejected("view_as_read_only")

    def _operation_queued(self) -> None:
        self.sending.queued()
        self.changes.tell()
        self.local_store.sync.wake()


SessionContext: Any = ft.create_context(None)


def use_session() -> Session:
    return ft.use_context(SessionContext)


def use_local_data(load: Callable[..., Any], *arguments: Any, again: Any = None) -> None:
    """Read the local data now and whenever it changed: `load`, a method of the screen's state; and
    when its `arguments` or `again` are others. The change itself draws nothing: what `load` found
    different does."""
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
