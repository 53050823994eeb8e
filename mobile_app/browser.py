"""What the app uses of the browser it runs in (Pyodide). Elsewhere none of it is called."""

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Any

import flet as ft

from mobile_app.device import LITTLE_ROOM
from mobile_app.reminders import remind_of_due_calls
from mobile_app.services import Preferences
from mobile_app.session import Session
from shared.ui.text import Texts

logger = logging.getLogger(__name__)
IN_BROWSER = sys.platform == "emscripten"
WATCH_SECONDS = 60.0  # between two looks at the storage that is left and at the calls that are due
INVITATION = "invitation"  # the preference that keeps a code until it is used


def preferences(folder: Path) -> Preferences | None:
    """The durable settings of this browser; None where the page's own are used."""
    if not IN_BROWSER:
        return None
    from mobile_app.offline.preferences import DevicePreferences

    return DevicePreferences(folder)


def view_as_route() -> str | None:
    """The route this tab was opened for when it shows another's phone; a reload keeps it."""
    if not IN_BROWSER:
        return None
    import forecourt_js  # pyright: ignore[reportMissingImports]

    return forecourt_js.look or None


async def ask(question: str, **details: Any) -> dict[str, Any]:
    """Ask the page (web_client/device.js). {} outside a browser; {"error": …} when it failed."""
    if not IN_BROWSER:
        return {}
    import forecourt_js  # pyright: ignore[reportMissingImports]

    return json.loads(await forecourt_js.ask(json.dumps({"question": question, **details})))


async def look_at_storage(session: Session) -> None:
    """How much room is left, and whether the browser may clear it."""
    if not IN_BROWSER:
        return
    import forecourt_js  # pyright: ignore[reportMissingImports]

    session.device.learn_storage(json.loads(await forecourt_js.storage(LITTLE_ROOM)))


async def ask_to_keep(session: Session) -> None:
    """Ask the browser never to clear the data by itself. Firefox asks the person, the others
    decide silently: mostly yes once the app is installed."""
    await ask("persist")
    await look_at_storage(session)


async def remember_invitation(session: Session, code: str) -> None:
    """Keep a code until it is used: an app that was just installed starts again."""
    session.device.invitation = code
    await session.services.preferences.set(INVITATION, code or None)


async def read_invitation(session: Session) -> None:
    """The code of the link this tab was opened with, or of one that was opened before."""
    if not IN_BROWSER:
        return
    import forecourt_js  # pyright: ignore[reportMissingImports]

    if forecourt_js.invitation:
        await remember_invitation(session, str(forecourt_js.invitation))
    else:
        kept = await session.services.preferences.get(INVITATION)
        session.device.invitation = kept or ""


def started(page: ft.Page, session: Session) -> None:
    """The first screen is there: the start page goes, and the browser tells about its network."""
    if not IN_BROWSER:
        return
    import forecourt_js  # pyright: ignore[reportMissingImports]
    from pyodide.ffi import create_proxy  # pyright: ignore[reportMissingImports]

    def on_message(text: str) -> None:
        page.run_task(heed, session, json.loads(text))

    forecourt_js.listen(create_proxy(on_message))
    page.run_task(heed, session, {"online": bool(forecourt_js.online)})
    forecourt_js.ready()
    page.run_task(watch, session)


async def watch(session: Session) -> None:
    """As long as the app runs: room, and calls that are due."""
    session.device.learn(await ask("device"))
    while True:
        try:
            await look_at_storage(session)
            if session.phase == "ready":
                if session.device.persisted is False and not _asks_a_person():
                    await ask_to_keep(session)
                await remind_of_due_calls(session, ask)
        except (
            Exception
        ):  # local data closed meanwhile, a browser that refuses: the next look is soon
            logger.exception("looking at the device failed")
        await asyncio.sleep(WATCH_SECONDS)


def _asks_a_person() -> bool:
    """Whether this browser would show a question nobody has explained yet."""
    import js  # pyright: ignore[reportMissingImports]

    return "Firefox" in str(js.navigator.userAgent)


async def heed(session: Session, message: dict[str, Any]) -> None:
    """A message of the page: the network went or came back, a new build was fetched, the app was
    installed, or an invitation was opened."""
    session.device.learn(message)
    if code := message.get("invitation"):
        await remember_invitation(session, str(code))
    if session.phase != "ready":
        return
    _ = Texts(session.settings.language)
    if message.get("invitation"):
        session.notices.say(_("Sign out first to use the invitation."))
    if message.get("update") == "ready":
        session.notices.say(_("A new version is ready. Restart the app to use it."))
    if message.get("online") is True:
        session.local_store.sync.wake()
    if message.get("online") is False:
        session.local_store.sync.lose_network()
