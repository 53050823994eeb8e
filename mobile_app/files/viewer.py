"""Opening a file of a record: from this device at once, else fetched in pieces and kept beside the
book; a voice memo is played."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import flet as ft
import flet_audio as fa

from mobile_app.conversations.recording import FOLD, RATE
from mobile_app.session import Session
from shared.domain import media
from shared.domain.problems import Offline, Problem
from shared.domain.records import Attachment
from shared.gateway import attachments as remote

logger = logging.getLogger(__name__)

MEMO = RATE // FOLD * 2  # bytes of a second of our own memos
SILENCE = 10  # seconds after which a player that says nothing is believed to play nothing


class Elsewhere(Problem):
    """The file is on the server, and the phone is offline."""

    code = "file_elsewhere"


async def bytes_of(
    session: Session, file: Attachment, on_progress: Callable[[int, int], None]
) -> bytes:
    """From this device, or in pieces from the server and kept. Raises Elsewhere, SignedOut,
    Rejected (not_found: it is gone, or the right is)."""
    attachments = session.local_store.attachments
    data = await attachments.here(file.id)
    if data is None:
        try:
            data = await remote.download(
                session.services.gateway, session.store_id, file.id, on_progress=on_progress
            )
        except Offline as offline:
            raise Elsewhere from offline
        await attachments.keep(file, data)
    return data


@ft.observable
@dataclass(eq=False)
class Opened:
    """One photo or paper being opened. phase: "" → fetching (`fetched` bytes are here) → here, or
    "" again with a problem. `data` is given for a file that was only just chosen and lies on no
    disk yet."""

    session: Session
    file: Attachment
    data: bytes | None = None
    phase: str = ""
    fetched: int = 0
    problem: str = ""

    async def load(self) -> None:
        """What went wrong is the `problem`; opening it again tries again."""
        if self.phase == "fetching" or self.data is not None:
            self.phase = self.phase or "here"
            return
        self.phase, self.problem, self.fetched = "fetching", "", 0
        try:
            self.data = await bytes_of(self.session, self.file, self._on_progress)
        except Problem as problem:
            self.problem = problem.code
        finally:
            self.phase = "here" if self.data is not None else ""

    def _on_progress(self, here: int, _all: int) -> None:
        self.fetched = here

    @property
    def name(self) -> str:
        """What it is called outside the app: by day and type; nobody's name leaves in it."""
        made = (
            self.session.clock.day(self.file.created_at)
            if self.file.created_at
            else self.session.clock.today
        )
        return f"{self.file.kind}-{made}-{str(self.file.id)[-4:]}.{media.ending(self.file.mime)}"

    async def save(self) -> None:
        """Out of the app, where its user says: the system's own dialog, or the browser's
        downloads."""
        if self.data is not None:
            await ft.FilePicker().save_file(file_name=self.name, src_bytes=self.data)


@ft.observable
@dataclass(eq=False)
class AudioPlayback:
    """The one voice memo that is heard. phase: "" → fetching → sounds, and `at` seconds of it were
    heard."""

    session: Session
    file: Attachment | None = None
    phase: str = ""
    fetched: int = 0
    at: int = 0
    problem: str = ""
    _player: fa.Audio | None = None
    _plays: int = 0
    _heard: bool = False

    def is_of(self, file_id: UUID) -> bool:
        return self.file is not None and self.file.id == file_id

    async def toggle(self, file: Attachment, known: bytes | None = None) -> None:
        """Play it, or stop it; another one that was playing stops. `given`: of a memo that is on no
        disk yet."""
        was_on = self.is_of(file.id) and self.phase
        await self.stop()
        if was_on:
            return
        self.file, self.phase = file, "fetching"
        try:
            data = known or await bytes_of(self.session, file, self._on_progress)
        except Problem as problem:
            if self.file is file:
                self.phase, self.problem = "", problem.code
            return
        if self.file is not file or self.phase != "fetching":
            return  # stopped while it came
        path = (
            None
            if ft.context.page.web
            else await self.session.local_store.attachments.path(file.id)
        )
        # Made for this one use: one from before a dropped connection never answers. It begins by
        # itself once it has the sound; a system player knows the kind of a sound by its file's
        # name, a browser by its first bytes.
        self._player = fa.Audio(
            src=str(path) if path else data,
            autoplay=True,
            on_state_change=self._changed,
            on_position_change=self._moved,
        )
        self.phase, self._heard, self._plays = "sounds", False, self._plays + 1
        asyncio.get_running_loop().call_later(SILENCE, self._doubt, self._plays)

    def _doubt(self, play: int) -> None:
        """A player that cannot read a sound tells nobody (audioplayers only writes it to its own
        log)."""
        if play == self._plays and self.phase == "sounds" and not self._heard:
            self.phase, self._player, self.problem = "", None, "no_sound"

    def _on_progress(self, here: int, _all: int) -> None:
        self.fetched = here

    def _changed(self, event: fa.AudioStateChangeEvent) -> None:
        if event.control is not self._player:
            return
        self._heard |= event.state == fa.AudioState.PLAYING
        if event.state in (fa.AudioState.COMPLETED, fa.AudioState.STOPPED, fa.AudioState.DISPOSED):
            self.file, self.phase, self.at, self._player = None, "", 0, None

    def _moved(self, event: fa.AudioPositionChangeEvent) -> None:
        if event.control is self._player:
            self.at, self._heard = event.position // 1000, True

    async def stop(self) -> None:
        player, self._player = self._player, None
        self.file, self.phase, self.fetched, self.at, self.problem = None, "", 0, 0, ""
        if player is not None:
            try:
                await player.release()
            except (RuntimeError, TimeoutError):
                logger.info("the player went with its connection")

    async def leave(self, file_id: UUID) -> None:
        """The screen with this memo is gone."""
        if self.is_of(file_id):
            await self.stop()


def is_drawable(data: bytes) -> bool:
    """JPEG, PNG, GIF, WebP or BMP, which every client draws. Of anything else (an iPhone's HEIC) it
    would draw nothing, and say nothing."""
    return data.startswith((b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM")) or (
        data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    )


def seconds_of(file: Attachment) -> int | None:
    """How long one of our own voice memos is; None for a sound of another kind."""
    return max(round((file.bytes - 44) / MEMO), 1) if file.mime == "audio/wav" else None
