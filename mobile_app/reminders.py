"""Reminders of calls that are due at a time of day, and the number on the app's icon.

Only while the app is open, in front or behind: a browser runs nothing of an app that is closed.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from mobile_app.session import Session
from shared.domain import tasks as queue
from shared.domain.config import QueueOrder
from shared.ui.text import Texts

LATE = timedelta(minutes=15)  # who opens the app later sees the call on the first card anyway
Ask = Callable[..., Awaitable[dict[str, Any]]]


async def remind_of_due_calls(session: Session, ask: Ask) -> None:
    """Set the number on the icon, and tell once of each call whose time has just come. A
    notification names nobody: it is shown on a locked screen."""
    local_store = session.local_store_if_open
    if local_store is None or session.me is None:
        return
    now = session.clock.now()
    tasks = [
        task for task, _customer in await local_store.replica.tasks(user_id=session.me.user_id)
    ]
    ready = ((task, queue.NO_PRIORITY_INPUTS) for task in tasks)
    due = queue.due(ready, session.clock.today, now, QueueOrder())
    await ask("badge", count=len(due))
    if session.device.reminders != "granted":
        return
    _ = Texts(session.settings.language)
    for task in due:
        if task.due_at is None or task.due_at < now - LATE or task.id in session.reminded:
            continue
        session.reminded.add(task.id)
        text = _("Call due at %(time)s") % {"time": session.clock.time_text(task.due_at)}
        await ask("remind", title=text, tag=str(task.id))
