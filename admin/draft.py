"""The one draft of a store's document that every page of the panel edits: kept on the server,
undone, checked, published (F-74)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import flet as ft
from pydantic import ValidationError

from admin.services import Services
from shared.domain.config import StoreConfig
from shared.domain.differences import Difference, differences
from shared.domain.draft_merge import MergeConflict, Path, moved, part, rebase, set_path
from shared.domain.incomplete import Unfinished, unfinished
from shared.domain.problems import Offline, Problem, Rejected
from shared.gateway import config as remote

AUTOSAVE = 0.7  # seconds of rest before a draft goes to the server
ONE_EDIT = 4.0  # seconds within which more letters in one field are still the same edit
STEPS = 100  # of undo
AGAIN, TRIES = 5.0, 120  # seconds between tries while the server is away, and how many: ten minutes


@ft.observable
@dataclass(eq=False)
class Draft:
    """document: what is being worked on, whole or half-finished; base: the published one it began
    from, version base_version.

    saved: "" nothing to keep · waiting · saving · kept · failed. After someone else published:
    `theirs` is what they changed, `conflicts`
    where both of us did.
    """

    services: Services
    guard: Callable[[Problem], None]
    reload: Callable[[], Awaitable[None]]
    store_id: UUID | None = None
    document: dict[str, Any] = field(default_factory=dict)
    base: dict[str, Any] = field(default_factory=dict)
    base_version: int = 0
    saved: str = ""
    past: list[dict[str, Any]] = field(default_factory=list)
    future: list[dict[str, Any]] = field(default_factory=list)
    theirs: list[Difference] = field(default_factory=list)
    their_name: str = ""
    conflicts: list[MergeConflict] = field(default_factory=list)
    published: int = 0
    problem: str = ""
    busy: bool = False
    _topic: tuple[Any, float] = (None, 0.0)
    _saver: asyncio.Task | None = None
    _seen: tuple[Any, Any, Any] = (
        None,
        None,
        None,
    )  # of which document `config` and `changes` were made

    @property
    def loaded(self) -> bool:
        return bool(self.document)

    @property
    def config(self) -> StoreConfig | None:
        """The document as a model; None while it is not whole."""
        return self._views()[0]

    @property
    def changes(self) -> list[Difference]:
        return self._views()[1]

    @property
    def unfinished(self) -> list[Unfinished]:
        """What must be corrected before a check makes sense."""
        return unfinished(self.document)

    def _views(self) -> tuple[StoreConfig | None, list[Difference]]:
        if self._seen[0] is not self.document or self._seen[1] is not self.base:
            self._seen = (
                self.document,
                self.base,
                (_model(self.document), list(differences(self.base, self.document))),
            )
        return self._seen[2]

    # beginning ------------------------------------------------------------------------------------

    async def load(self, store_id: UUID) -> None:
        """The published document and what this admin was working on. Raises Problem."""
        gateway = self.services.gateway
        await self._finish_saving()
        published, kept = await remote.get(gateway, store_id), await remote.draft(gateway, store_id)
        self.store_id, self.past, self.future, self.theirs, self.conflicts = (
            store_id,
            [],
            [],
            [],
            [],
        )
        self.base, self.base_version, self.problem, self.published = (
            published.document.document(),
            published.version,
            "",
            0,
        )
        self.document, self.saved = self.base, ""
        if kept is None:
            return
        self.document, self.saved = _canonical(kept.document), "kept"
        if kept.base_version != published.version:
            await self._join(kept.base_version)

    # editing --------------------------------------------------------------------------------------

    def set_value(self, path: Path, value: Any, *, topic: Any = None) -> None:
        """Another value at a path (drafting.GONE takes it out)."""
        self.edit(set_path(self.document, path, value), topic=topic)

    def at(self, path: Path) -> Any:
        return part(self.document, path)

    def new_key(self, stem: str) -> str:
        """A key nobody ever had here, not in an old version and not in another admin's draft:
        records may still hold values under those."""
        return f"{stem}_{self.services.new_id().hex[-8:]}"

    def move(self, path: Path, old: int, new: int) -> None:
        """One thing of a list to another place; beyond the ends nothing happens."""
        things = part(self.document, path)
        if 0 <= new < len(things) and old != new:
            self.set_value(path, moved(things, old, new))

    def edit(self, document: dict[str, Any], *, topic: Any = None) -> None:
        """Take an edited document; edits of one topic in a row are undone together."""
        document = _canonical(document)
        if document == self.document:
            return
        now = self.services.now().timestamp()
        same = topic is not None and topic == self._topic[0] and now - self._topic[1] < ONE_EDIT
        if not same:
            self.past = [*self.past[-STEPS + 1 :], self.document]
        self._topic = (topic, now)
        self.document, self.future, self.published = document, [], 0
        self._schedule_save()

    def undo(self) -> None:
        if self.past:
            *rest, last = self.past
            self.future, self.past, self.document = [self.document, *self.future], rest, last
            self._topic = (None, 0.0)
            self._schedule_save()

    def redo(self) -> None:
        if self.future:
            first, *rest = self.future
            self.past, self.future, self.document = [*self.past, self.document], rest, first
            self._topic = (None, 0.0)
            self._schedule_save()

    def revert_change(self, change: Difference) -> None:
        """Undo one change out of many: the part is again as it is published."""
        self.set_value(change.path, part(self.base, change.path))

    # keeping --------------------------------------------------------------------------------------

    def _schedule_save(self) -> None:
        self.saved = "waiting"
        if self._saver is not None:
            self._saver.cancel()
        self._saver = asyncio.create_task(self._keep_later())

    async def _keep_later(self) -> None:
        await asyncio.sleep(AUTOSAVE)
        for _try in range(TRIES):
            if await self.keep():
                return
            await asyncio.sleep(AGAIN)

    async def keep(self) -> bool:
        """Send the draft to the server; False while the server is away: what could not be sent
        stays here and is tried again."""
        if self.store_id is None:
            return True
        kept = self.document
        self.saved = "saving"
        try:
            nothing = kept == self.base
            await remote.save_draft(
                self.services.gateway,
                self.store_id,
                None if nothing else kept,
                base_version=self.base_version,
            )
            if self.document is kept:
                self.saved = "" if nothing else "kept"
        except Problem as problem:
            self.saved = "failed"
            self.guard(problem)
            return not isinstance(problem, Offline)
        return True

    async def _finish_saving(self) -> None:
        if self._saver is not None and not self._saver.done():
            self._saver.cancel()
            await self.keep()

    async def discard(self) -> None:
        """Back to what is published; undo brings the edits back."""
        self.edit(self.base)
        self.theirs, self.conflicts = [], []

    # publishing -----------------------------------------------------------------------------------

    async def publish(self, note: str, *, over_budget: bool = False) -> None:
        """Publish, or say why not (over_budget: the tap budget is exceeded on purpose); when
        someone else did meanwhile, my edits are put upon their version."""
        config = self.config
        if self.busy or self.store_id is None:
            return
        if config is None or self.unfinished:
            self.problem = "invalid_config"
            return
        self.busy, self.problem = True, ""
        if self._saver is not None:
            self._saver.cancel()
        try:
            version = await remote.publish(
                self.services.gateway,
                self.store_id,
                config,
                base_version=self.base_version,
                note=note,
                over_budget=over_budget,
            )
            await self._published(version)
        except Rejected as refused:
            self.problem = refused.code
            if refused.code == "version_conflict":
                await self._join(self.base_version)
        except Problem as problem:
            self.guard(problem)
            self.problem = problem.code
        finally:
            self.busy = False

    async def restore(self, version: int, note: str = "") -> None:
        """Publish an earlier version again; the draft then begins from it. Raises Problem."""
        assert self.store_id is not None
        new = await remote.restore(
            self.services.gateway, self.store_id, version, base_version=self.base_version, note=note
        )
        await self._published(new)

    async def _published(self, version: int) -> None:
        await self.reload()
        assert self.store_id is not None
        await self.load(self.store_id)
        self.published = version

    async def _join(self, from_version: int) -> None:
        """My edits upon what is published now."""
        assert self.store_id is not None
        gateway = self.services.gateway
        published = await remote.get(gateway, self.store_id)
        versions = await remote.versions(gateway, self.store_id)
        old = next((_canonical(v.document) for v in versions if v.version == from_version), {})
        new = published.document.document()
        document, self.conflicts = rebase(old, self.document, new)
        self.theirs = list(differences(old, new))
        self.their_name = next(
            (v.author_name or "" for v in versions if v.version == published.version), ""
        )
        self.base, self.base_version, self.document = new, published.version, _canonical(document)
        self.past, self.future = [], []
        if self.document == self.base:  # my own publication, whose answer was lost
            self.theirs, self.conflicts, self.problem, self.published = (
                [],
                [],
                "",
                published.version,
            )
        self._schedule_save()

    def settle(self, clash: MergeConflict, *, mine: bool) -> None:
        """Decide where both of us changed the same part."""
        self.conflicts = [c for c in self.conflicts if c is not clash]
        self.set_value(clash.path, clash.mine if mine else clash.theirs)

    def seen(self) -> None:
        """What the other one changed was read."""
        self.theirs, self.problem = [], ""


def _model(document: dict[str, Any]) -> StoreConfig | None:
    try:
        return StoreConfig.model_validate(document)
    except ValidationError:
        return None


def _canonical(document: dict[str, Any]) -> dict[str, Any]:
    """Without what is said by default, so that an edit taken back by hand is no change; a
    half-finished document stays as it is."""
    model = _model(document)
    return model.document() if model is not None else document


DraftContext: Any = ft.create_context(None)


def use_draft() -> Draft:
    return ft.use_context(DraftContext)
