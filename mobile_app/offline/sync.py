"""When and in what order: push what waits, pull what changed, then the files; again with patience when the network fails."""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from mobile_app.offline.attachments import Attachments
from mobile_app.offline.clock import DeviceClock
from mobile_app.offline.outbox import BATCH, Outbox
from mobile_app.offline.replica import Replica
from shared.domain.problems import Offline, Problem, Refused, SignedOut
from shared.gateway import attachments as remote_files
from shared.gateway import sync as remote
from shared.gateway.client import Gateway

logger = logging.getLogger(__name__)

PATIENCE = (1.0, 2.0, 4.0, 8.0)  # seconds; the last one repeats, so that a healed network is noticed within ten seconds
LONGEST_WISH = 120.0  # seconds a server may ask us to stay away
IDLE = 45.0  # seconds between pulls while nothing happens
ENOUGH = 8  # times one operation alone may break a server that is well otherwise; then a person looks at it
OUTAGE = {502, 503, 504}  # nobody is home: no operation is to blame


@dataclass(frozen=True)
class SyncState:
    """What the screen says about it: offline/signed_out/… in `trouble`, None when all is well; `progress` = (rows here, of how many)
    while a whole book comes; `moved`: the book is another one than when this was said last; `lost`: this person was disabled in the
    store, and the book is gone from the device."""

    running: bool = False
    waiting: int = 0
    attention: int = 0
    trouble: str | None = None
    complete: bool = False
    progress: tuple[int, int] | None = None
    moved: bool = False
    lost: bool = False


class Sync:
    """The one loop of a book; `wake()` after every act."""

    def __init__(
        self,
        gateway: Gateway,
        outbox: Outbox,
        replica: Replica,
        store_id: UUID,
        changed: Callable[[SyncState], None],
        *,
        attachments: Attachments | None = None,
        clock: DeviceClock | None = None,
    ) -> None:
        self._gateway, self._outbox, self._replica, self._store_id, self._changed = gateway, outbox, replica, store_id, changed
        self._attachments = attachments
        self._clock = clock or DeviceClock(lambda: datetime.now(UTC))
        self._bell = asyncio.Event()
        self._one = asyncio.Lock()
        self._moved = False
        self.state = SyncState()

    def wake(self) -> None:
        self._bell.set()

    async def run(self) -> None:
        """Until cancelled. Nothing here may end it: an unexpected error is logged and tried again."""
        failures = 0
        while True:
            self._bell.clear()
            try:
                await self.once()
                failures = 0
                pause = IDLE
            except Offline as problem:
                if problem.retry_after:  # the server asked: not even a new act rings before; spread, since sixty phones heard the same number
                    await asyncio.sleep(min(problem.retry_after, LONGEST_WISH) * random.uniform(1.0, 1.3))
                    continue
                pause = PATIENCE[min(failures, len(PATIENCE) - 1)] * random.uniform(0.2, 1.0)
                failures += 1
            except Problem as problem:
                logger.info("sync rests: %s", problem.code)  # signed out, or no member any more: the queue stays as it is
                pause = IDLE
            except Exception:
                logger.exception("sync failed")
                pause = PATIENCE[-1]
            try:
                await asyncio.wait_for(self._bell.wait(), pause)
            except TimeoutError:
                continue

    async def once(self) -> None:
        """Send everything that waits, take everything new, then send files. Raises Offline, SignedOut or Refused after telling the screen."""
        async with self._one:
            await self._tell(running=True)
            try:
                await self._push()
                await self._pull()
                await self._send_files()
            except Problem as problem:
                await self._tell(running=False, trouble=problem.code)
                raise
            except Exception:
                await self._tell(running=False, trouble="unexpected")
                raise
            await self._tell(running=False, trouble=None)

    # operations ---------------------------------------------------------------------------------------------------------------

    async def _push(self) -> None:
        """Everything, in order. An operation the server breaks on is found by halving the call, then left aside with what follows it for the
        same customer while the rest flows; the eighth time it is parked for a person. Raises the problem when something was left aside."""
        device_id = await self._outbox.device_id()
        aside: set[str] = set()
        left: Problem | None = None
        size = BATCH
        while ops := await self._outbox.waiting(size, without=aside, sent_at=self._clock.now()):
            try:
                answers = await remote.push(self._gateway, device_id, ops)
            except (Offline, Refused) as problem:
                if not _blames_an_operation(problem):
                    raise
                if len(ops) > 1:
                    size = len(ops) // 2
                    continue
                if await self._give_up(device_id, ops[0]["op_id"], problem):
                    continue
                left, size = problem, BATCH
                aside |= {ops[0]["op_id"], await self._outbox.customer_of(ops[0]["op_id"]) or ops[0]["op_id"]}
                continue
            if {str(a.op_id) for a in answers} != {op["op_id"] for op in ops}:
                raise Offline("answers do not match")  # half an answer is no answer: all are sent again, replay is harmless
            await self._outbox.settle(*answers)
            self._moved = True
            size = min(size * 2, BATCH)
        if left is not None:
            raise left

    async def _give_up(self, device_id: UUID, op_id: str, problem: Problem) -> bool:
        """Whether this one operation was parked: the server is well without it and broke on it often enough."""
        await remote.push(self._gateway, device_id, [])  # raises when the server is ill with everything: then it is no operation's fault
        if await self._outbox.failed(op_id) < ENOUGH:
            return False
        logger.warning("operation %s parked after %d failures: %s", op_id, ENOUGH, problem)
        code = problem.code if isinstance(problem, Refused) else "unexpected"
        await self._outbox.settle(remote.Answer(op_id=UUID(op_id), status="rejected", code=code))
        self._moved = True
        return True

    # the book -----------------------------------------------------------------------------------------------------------------

    async def _pull(self) -> None:
        """Everything new, page by page; the next page is on its way while one is written."""
        whole, ahead = False, None
        try:
            while True:
                cursor, version = await self._replica.position()
                page = await (ahead or remote.pull(self._gateway, self._store_id, cursor, config_version=version))
                ahead = None
                if page.store_id != self._store_id or str(page.user_id) != self._gateway.user_id:
                    raise Offline("an answer for someone else")
                if page.now is not None:
                    self._clock.learn(page.now)
                if page.lost:
                    await self._lose()
                    return
                if page.more:
                    ahead = asyncio.create_task(remote.pull(self._gateway, self._store_id, page.cursor, config_version=page.config_version))
                taken = await self._replica.take(page, after=cursor)
                if not taken:
                    ahead = await _drop(ahead)  # the book stands elsewhere by now
                self._moved |= self._replica.moved()
                if page.reset and page.more and taken:
                    await self._tell(running=True)
                if taken and not page.more:
                    if whole or not page.reset:
                        return
                    whole = True  # what moved while the whole book came
        finally:
            await _drop(ahead)

    async def _lose(self) -> None:
        """Disabled: what waits is at the server by now, what was refused goes there too; then the book leaves the device."""
        if await self._outbox.hand_over(now=self._clock.now()):
            await self._push()
        await self._replica.forget()
        if self._attachments is not None:
            await self._attachments.sweep()
        self.state = SyncState(lost=True)
        raise Refused("forbidden")

    # files --------------------------------------------------------------------------------------------------------------------

    async def _send_files(self) -> None:
        if self._attachments is None:
            return
        await self._attachments.sweep()
        while (file := await self._attachments.next()) is not None:
            about = {"id": str(file.id), "form": file.form, "record_id": str(file.record_id), "kind": file.kind, "mime": file.mime}
            about |= {"bytes": file.bytes, "sha256": file.sha256, **({"consented_at": file.consented_at} if file.consented_at else {})}
            try:
                data = await self._attachments.piece(file, remote_files.PIECE)
                answer = await remote_files.put(self._gateway, self._store_id, about, at=file.sent_bytes, data=data)
            except SignedOut:
                raise
            except Refused as refused:
                await self._attachments.park(file.id, refused.code)
                continue
            except OSError:
                await self._attachments.park(file.id, "file_missing")
                continue
            await self._attachments.received(file.id, answer.received, complete=answer.complete)
            if await self._outbox.operations_waiting():
                await self._push()  # words before pictures

    async def _tell(self, *, running: bool, trouble: str | None = None) -> None:
        waiting, attention = await self._outbox.counts()
        complete = await self._replica.complete()
        progress = await self._replica.progress() if running or trouble else None
        moved, self._moved = self._moved, False
        self.state = SyncState(
            running, waiting, attention, trouble if not running else self.state.trouble, complete, progress, moved, self.state.lost
        )
        self._changed(self.state)


async def _drop(task: asyncio.Task | None) -> None:
    """Nobody waits for its answer, or for what went wrong with it."""
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _blames_an_operation(problem: Problem) -> bool:
    """Whether a call may have failed because of what was in it: a server error that is no outage, or a refusal of the whole call."""
    if isinstance(problem, Offline):
        return problem.status == 413 or (problem.status is not None and problem.status >= 500 and problem.status not in OUTAGE)
    return problem.code not in ("forbidden", "signed_out")
