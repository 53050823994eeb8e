"""What is being typed about a conversation, and its copy on this device."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass

import flet as ft

from mobile_app.session import Session

PAUSE = 0.5  # seconds
About = tuple[str, str | None, str, str | None]  # customer, task, method, outcome


@ft.observable
@dataclass(eq=False)
class NotesDraft:
    """The notes, apart from the rest of the sheet, since a letter draws only their box. They are on
    disk a moment later: a phone that ends the app takes no words with it. `about`: what the sheet
    holds beside them."""

    session: Session
    about: Callable[[], About]
    text: str = ""
    _is_kept: bool = False
    _is_over: bool = False
    _writing: asyncio.Task | None = None

    def type(self, text: str) -> None:
        self.text = text
        self._is_kept = True
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        await asyncio.sleep(PAUSE)
        is_worth_it = bool(self.text.strip()) and not self._is_over
        document = json.dumps([*self.about(), self.text], ensure_ascii=False)
        await self.session.local_store.replica.remember("draft", document if is_worth_it else None)

    async def read(self) -> tuple[About, str] | None:
        """What was being typed about this customer and task when the app was ended."""
        document = await self.session.local_store.replica.recall("draft")
        if not document:
            return None
        customer, task, method, outcome, text = json.loads(document)
        about: About = (customer, task, method, outcome)
        return (about, text) if about[:2] == self.about()[:2] else None

    def restore(self, text: str) -> None:
        self.text, self._is_kept = text, True

    async def discard(self) -> None:
        """The conversation is saved: nothing of it is left to restore."""
        self._is_over = True
        if self._is_kept:
            await self.session.local_store.replica.remember("draft", None)
