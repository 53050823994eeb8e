"""When and in what order: push what waits, pull what changed, then the files; again with patience
when the network fails."""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from mobile_app.offline.attachments import Attachments
from mobile_app.offline.clock import DeviceClock
from mobile_app.offline.outbox import BATCH, Outbox
from mobile_app.offline.replica import Replica
from shared.domain.problems import Offline, OtherUser, Problem, Rejected, SignedOut
from shared.gateway import attachments as remote_files
from shared.gateway import sync as remote
from shared.gateway.client import Gateway

logger = logging.getLogger(__name__)

BACKOFF_SECONDS = (
    1.0,
    2.0,
    4.0,
    8.0,
)  # seconds; the last one repeats, so that a healed network is noticed within ten seconds
MAX_RETRY_AFTER_SECONDS = 120.0  # seconds a server may ask us to stay away
IDLE = 45.0  # seconds between pulls while nothing happens
DOUBT = 5.0  # seconds of a round without an answer, after which nothing is known for sure
# times one operation alone may break a server that is well otherwise; then a person looks at it
ENOUGH = 8
OUTAGE = {502, 503, 504}  # nobody is home: no operation is to blame


@dataclass(frozen=True)
class SyncState:
    """What the screen says about it: offline/signed_out/… in `trouble`, None when all is well;
    `progress` = (rows here, of how many) while a whole book comes; `moved`: the local data is
    another one than when this was said last; `lost`: this person was disabled in the store, and the
    local data is gone from the device."""

    running: bool = False
    pending: int = 0
    rejected: int = 0
    trouble: str | None = None
    complete: bool = False
    progress: tuple[int, int] | None = None
    changed: bool = False
    access_revoked: bool = False
    answered: bool = False  # a round ended since the app started: what is said here is known


class Sync:
    """The one loop of local data; `wake()` after every act."""

    def __init__(
        self,
        gateway: Gateway,
        outbox: Outbox,
        replica: Replica,
        store_id: UUID,
        on_change: Callable[[SyncState], None],
        *,
        attachments: Attachments | None = None,
        clock: DeviceClock | None = None,
    ) -> None:
        self._gateway, self._outbox, self._replica, self._store_id, self._on_change = (
            gateway,
            outbox,
            replica,
            store_id,
            on_change,
        )
        self._attachments = attachments
        self._clock = clock or DeviceClock(lambda: datetime.now(UTC))
        self._bell = asyncio.Event()
        self._one = asyncio.Lock()
        self._changed = False
        self.state = SyncState()

    def wake(self) -> None:
        self._bell.set()

    def lose_network(self) -> None:
        """The device reports that it is offline: known at once, not after the next attempt."""
        self._say(replace(self.state, trouble=self.state.trouble or "offline"))

    def doubt(self) -> None:
        """What was known is too old by now: "sent" is said again after the next answer."""
        self._say(replace(self.state, answered=False))

    def _say(self, state: SyncState) -> None:
        self.state = replace(state, changed=False)
        self._on_change(self.state)

    async def run(self) -> None:
        """Until cancelled. Nothing here may end it: an unexpected error is logged and tried
        again."""
        failures = 0
        while True:
            self._bell.clear()
            try:
                await self.once()
                failures = 0
                pause = IDLE
            except Offline as problem:
                # the server asked: not even a new act rings before; spread, since sixty phones
                # heard the same number
                if problem.retry_after:
                    await asyncio.sleep(
                        min(problem.retry_after, MAX_RETRY_AFTER_SECONDS) * random.uniform(1.0, 1.3)
                    )
                    continue
                pause = BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)] * random.uniform(
                    0.2, 1.0
                )
                failures += 1
            except Problem as problem:
                logger.info(
                    "sync rests: %s", problem.code
                )  # signed out, or no member any more: the queue stays as it is
                pause = IDLE
            except Exception:
                logger.exception("sync failed")
                pause = BACKOFF_SECONDS[-1]
            try:
                await asyncio.wait_for(self._bell.wait(), pause)
            except TimeoutError:
                continue

    async def once(self) -> None:
        """Send everything that waits, take everything new, then send files.

        Raises Offline, SignedOut, OtherUser or Rejected after telling the screen.
        """
        async with self._one:
            await self._tell(running=True)
            slow = asyncio.get_running_loop().call_later(DOUBT, self.doubt)
            try:
                await self._push()
                await self._pull()
                await self._tell_again()
                slow.cancel()
                await self._send_files()
            except Problem as problem:
                await self._tell(running=False, trouble=problem.code)
                raise
            except Exception:
                await self._tell(running=False, trouble="unexpected")
                raise
            finally:
                slow.cancel()
            await self._tell(running=False, trouble=None)

    # operations -----------------------------------------------------------------------------------

    async def _push(self) -> None:
        """Everything, in order. An operation the server breaks on is found by halving the call,
        then left aside with what follows it for the same customer while the rest flows; the eighth
        time it is parked for a person. Raises the problem when something was left aside."""
        device_id = await self._outbox.device_id()
        aside: set[str] = set()
        left: Problem | None = None
        size = BATCH
        while operations := await self._outbox.pending(
            size, without=aside, sent_at=self._clock.now()
        ):
            try:
                answers = await remote.push(
                    self._gateway, device_id, operations, user_id=self._outbox.user_id
                )
            except (Offline, Rejected) as problem:
                if not _is_operation_failure(problem):
                    raise
                if len(operations) > 1:
                    size = len(operations) // 2
                    continue
                if await self._reject_poison_operation(device_id, operations[0]["op_id"], problem):
                    continue
                left, size = problem, BATCH
                aside |= {
                    operations[0]["op_id"],
                    await self._outbox.customer_of(operations[0]["op_id"])
                    or operations[0]["op_id"],
                }
                continue
            if {str(a.op_id) for a in answers} != {op["op_id"] for op in operations}:
                raise Offline(
                    "answers do not match"
                )  # half an answer is no answer: all are sent again, replay is harmless
            await self._outbox.settle(*answers)
            self._changed = True
            size = min(size * 2, BATCH)
        if left is not None:
            raise left

    async def _reject_poison_operation(self, device_id: UUID, op_id: str, problem: Problem) -> bool:
        """Whether this one operation was parked: the server is well without it and broke on it
        often enough."""
        # raises when the server is ill with everything: then it is no operation's fault
        await remote.push(self._gateway, device_id, [], user_id=self._outbox.user_id)
        if await self._outbox.failed(op_id) < ENOUGH:
            return False
        logger.warning("operation %s parked after %d failures: %s", op_id, ENOUGH, problem)
        code = problem.code if isinstance(problem, Rejected) else "unexpected"
        await self._outbox.settle(remote.Answer(op_id=UUID(op_id), status="rejected", code=code))
        self._changed = True
        return True

    # the local data
    # -------------------------------------------------------------------------------------

    async def _pull(self) -> None:
        """Everything new, page by page; the next page is on its way while one is written."""
        whole, ahead = False, None
        try:
            while True:
                cursor, version = await self._replica.position()
                page = await (ahead or self._page(cursor, version))
                ahead = None
                if page.store_id != self._store_id or page.user_id != self._outbox.user_id:
                    raise Offline("an answer for someone else")
                if page.now is not None:
                    self._clock.learn(page.now)
                if page.access_revoked:
                    await self._forget_local_data()
                    return
                if page.more:
                    ahead = asyncio.create_task(self._page(page.cursor, page.config_version))
                taken = await self._replica.apply_page(page, after=cursor)
                if not taken:
                    ahead = await _drop(ahead)  # the local data stands elsewhere by now
                self._changed |= self._replica.changed()
                if page.reset and page.more and taken:
                    await self._tell(running=True)
                if taken and not page.more:
                    if whole or not page.reset:
                        return
                    whole = True  # what moved while the whole book came
        finally:
            await _drop(ahead)

    async def _tell_again(self) -> None:
        """The store was restored from a backup: what the pull noticed is told, then taken."""
        if await self._outbox.tells_again():
            await self._push()
            await self._outbox.told_again(now=self._clock.now())
            await self._push()
            await self._pull()

    async def _page(self, cursor: dict[str, Any] | None, version: int | None) -> remote.Page:
        return await remote.pull(
            self._gateway,
            self._store_id,
            cursor,
            user_id=self._outbox.user_id,
            config_version=version,
        )

    async def _forget_local_data(self) -> None:
        """Disabled: what waits is at the server by now, what was refused goes there too; then the
        book leaves the device."""
        if await self._outbox.retry_rejected(now=self._clock.now()):
            await self._push()
        await self._replica.forget()
        if self._attachments is not None:
            await self._attachments.sweep()
        self.state = SyncState(access_revoked=True)
        raise Rejected("forbidden")

    # files ----------------------------------------------------------------------------------------

    async def _send_files(self) -> None:
        if self._attachments is None:
            return
        await self._attachments.sweep()
        while (file := await self._attachments.next()) is not None:
            about = {
                "id": str(file.id),
                "form": file.form,
                "record_id": str(file.record_id),
                "kind": file.kind,
                "mime": file.mime,
            }
            about |= {
                "bytes": file.bytes,
                "sha256": file.sha256,
                **({"consented_at": file.consented_at} if file.consented_at else {}),
            }
            try:
                data = await self._attachments.piece(file, remote_files.CHUNK_BYTES)
                answer = await remote_files.upload(
                    self._gateway,
                    self._store_id,
                    about,
                    at=file.sent_bytes,
                    data=data,
                    user_id=self._outbox.user_id,
                )
            except (SignedOut, OtherUser):
                raise
            except Rejected as refused:
                await self._attachments.reject(file.id, refused.code)
                continue
            except OSError:
                await self._attachments.reject(file.id, "file_missing")
                continue
            await self._attachments.received(file.id, answer.received, complete=answer.complete)
            if await self._outbox.pending_operations():
                await self._push()  # words before pictures

    async def _tell(self, *, running: bool, trouble: str | None = None) -> None:
        pending, rejected = await self._outbox.counts()
        complete = await self._replica.complete()
        progress = await self._replica.progress() if running or trouble else None
        changed, self._changed = self._changed, False
        self.state = SyncState(
            running,
            pending,
            rejected,
            trouble if not running else self.state.trouble,
            complete,
            progress,
            changed,
            self.state.access_revoked,
            self.state.answered or not running,
        )
        self._on_change(self.state)


async def _drop(task: asyncio.Task | None) -> None:
    """Nobody waits for its answer, or for what went wrong with it."""
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _is_operation_failure(problem: Problem) -> bool:
    """Whether a call may have failed because of what was in it: a server error that is no outage,
    or a refusal of the whole call."""
    if isinstance(problem, Offline):
        return problem.status == 413 or (
            problem.status is not None and problem.status >= 500 and problem.status not in OUTAGE
        )
    return problem.code not in ("forbidden", "signed_out")
