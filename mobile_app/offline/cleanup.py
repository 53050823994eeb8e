"""What leaves the device with a sign-out: the content of every book of that person in which nothing
waits."""

import contextlib
import sqlite3
from pathlib import Path
from uuid import UUID

from mobile_app.offline.attachments import Attachments
from mobile_app.offline.database import Database
from mobile_app.offline.outbox import Outbox
from mobile_app.offline.replica import Replica
from shared.domain.problems import Problem


async def delete_sent_data(device_folder: Path, user_id: UUID) -> None:
    """Empty this person's books, of all stores, unless something in one is not sent yet.

    The file itself stays, with its owner's id and no more: another tab may have it open, and what
    is saved there must not go into a deleted file. A file that cannot be read stays as it is: it
    may hold work. Other people's folders are not touched.
    """
    for file in sorted((device_folder / str(user_id)).glob("*.sqlite")):
        with contextlib.suppress(ValueError, Problem, sqlite3.Error):
            await _empty(Database(file, user_id=user_id, store_id=UUID(file.stem)))


async def _empty(database: Database) -> None:
    try:
        pending, rejected = await Outbox(database, new_id=None).counts()
        if not pending + rejected:
            await Replica(database).forget()
            await Attachments(database, new_id=None).sweep()
    finally:
        await database.close()
