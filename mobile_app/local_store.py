"""One person's data in one store, on this device: what it is made of, opened and closed as one."""

from collections.abc import Callable
from dataclasses import dataclass

from mobile_app.offline.attachments import Attachments
from mobile_app.offline.clock import DeviceClock
from mobile_app.offline.database import Database
from mobile_app.offline.outbox import Outbox
from mobile_app.offline.replica import Replica
from mobile_app.offline.sync import Sync, SyncState
from mobile_app.services import Services
from shared.domain.members import Membership


@dataclass(frozen=True)
class LocalStore:
    database: Database
    outbox: Outbox
    replica: Replica
    sync: Sync
    attachments: Attachments
    clock: DeviceClock

    @classmethod
    async def open(
        cls, services: Services, me: Membership, on_sync: Callable[[SyncState], None]
    ) -> "LocalStore":
        """Raises OtherUser when the file is somebody else's."""
        database = Database(
            services.device_folder / str(me.user_id) / f"{me.store_id}.sqlite",
            user_id=me.user_id,
            store_id=me.store_id,
        )
        try:
            outbox, replica = Outbox(database, new_id=services.new_id), Replica(database)
            attachments, clock = Attachments(database, services.new_id), DeviceClock(services.now)
            clock.start_at(await replica.server_now())
            await outbox.purge_acknowledged(now=clock.now())
        except BaseException:
            await database.close()
            raise
        sync = Sync(
            services.gateway,
            outbox,
            replica,
            database.store_id,
            on_sync,
            attachments=attachments,
            clock=clock,
        )
        return cls(database, outbox, replica, sync, attachments, clock)

    async def close(self) -> None:
        await self.database.close()
