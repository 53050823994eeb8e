"""When and in what order: push what waits, then pull what changed; again with patience when the network fails."""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from mobile_app.offline.outbox import BATCH, Outbox
from mobile_app.offline.replica import Replica
from shared.domain.problems import Offline, Problem
from shared.gateway import sync as remote
from shared.gateway.client import Gateway

logger = logging.getLogger(__name__)

PATIENCE = (1.0, 2.0, 4.0, 8.0)  # seconds; the last one repeats, so that a healed network is noticed within ten seconds
LONGEST_WISH = 120.0  # seconds a server may ask us to stay away
IDLE = 45.0  # seconds between pulls while nothing happens


@dataclass(frozen=True)
class SyncState:
    """What the screen says about it: offline/signed_out/… in `trouble`, None when all is well."""

    running: bool = False
    waiting: int = 0
    attention: int = 0
    trouble: str | None = None
    complete: bool = False


class Sync:
    """The one loop of a book; `wake()` after every act."""

    def __init__(self, gateway: Gateway, outbox: Outbox, replica: Replica, store_id: UUID, changed: Callable[[SyncState], None]) -> None:
        self._gateway, self._outbox, self._replica, self._store_id, self._changed = gateway, outbox, replica, store_id, changed
        self._bell = asyncio.Event()
        self._one = asyncio.Lock()
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
        """Send everything that waits, then take everything new. Raises Offline, SignedOut or Refused after telling the screen."""
        async with self._one:
            await self._tell(running=True)
            try:
                await self._push()
                await self._pull()
            except Problem as problem:
                await self._tell(running=False, trouble=problem.code)
                raise
            except Exception:
                await self._tell(running=False, trouble="unexpected")
                raise
            await self._tell(running=False, trouble=None)

    async def _push(self) -> None:
        device_id = await self._outbox.device_id()
        while ops := await self._outbox.waiting(BATCH):
            answers = await remote.push(self._gateway, device_id, ops)
            if {str(a.op_id) for a in answers} != {op["op_id"] for op in ops}:
                raise Offline("answers do not match")  # half an answer is no answer: all are sent again, replay is harmless
            for answer in answers:
                await self._outbox.settle(answer)

    async def _pull(self) -> None:
        while True:
            cursor, version = await self._replica.position()
            page = await remote.pull(self._gateway, self._store_id, cursor, config_version=version)
            if page.store_id != self._store_id or str(page.user_id) != (
                self._gateway.keeper.session.user_id if self._gateway.keeper.session else None
            ):
                raise Offline("an answer for someone else")
            if await self._replica.take(page, after=cursor) and not page.more:
                return

    async def _tell(self, *, running: bool, trouble: str | None = None) -> None:
        waiting, attention = await self._outbox.counts()
        complete = await self._replica.complete()
        self.state = SyncState(running, waiting, attention, trouble if not running else self.state.trouble, complete)
        self._changed(self.state)
