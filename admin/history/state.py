"""Published versions and the other places a document can come from or go to (F-74, F-87)."""

import json
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import flet as ft
from pydantic import ValidationError

from admin.draft import Draft
from admin.session import AdminSession
from shared.domain import presets
from shared.domain.config import StoreConfig
from shared.domain.differences import Difference, differences
from shared.domain.draft_merge import rebase
from shared.domain.problems import Problem, Rejected
from shared.gateway import config as remote
from shared.gateway import members as remote_members
from shared.gateway.config import ConfigVersion

# "this": what this store has published · "last": what its last version changed · "preset:KEY"
Source = str


@dataclass(frozen=True)
class Delivery:
    """One store of a publication to many. state: waiting · published · same · refused; code: why it
    was refused."""

    store_id: UUID
    name: str
    state: str = "waiting"
    version: int = 0
    code: str = ""
    at: str = ""


@ft.observable
@dataclass(eq=False)
class History:
    session: AdminSession
    versions: list[ConfigVersion] = field(default_factory=list)
    loaded: bool = False
    compared: int = 0
    others: list[tuple[UUID, str]] = field(default_factory=list)
    source: Source = "this"
    chosen: list[UUID] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    busy: bool = False
    problem: str = ""
    notice: str = ""

    @property
    def draft(self) -> Draft:
        return self.session.draft

    async def load(self) -> None:
        gateway = self.session.services.gateway
        try:
            self.versions = await remote.versions(gateway, self.session.store_id)
            self.others = [
                s
                for s in await remote_members.publishable_stores(gateway)
                if s[0] != self.session.store_id
            ]
            self.problem = ""
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
        self.loaded = True

    def compare(self, version: int) -> None:
        self.compared = 0 if self.compared == version else version

    def between(self, version: int) -> tuple[list[Difference], dict[str, Any], dict[str, Any]]:
        """What that version changed against the one before it: (differences, old, new)."""
        new, old = self._document(version), self._document(version - 1)
        return list(differences(old, new)) if old else [], old, new

    def _document(self, version: int) -> dict[str, Any]:
        found = next((v.document for v in self.versions if v.version == version), None)
        if found is None:
            return {}
        try:
            return StoreConfig.model_validate(found).document()
        except ValidationError:
            return dict(found)

    async def restore(self, version: int) -> None:
        """Publish it again, at once. Raises Problem."""
        if self.busy:
            return
        self.busy = True
        try:
            await self.draft.restore(version)
            await self.load()
        finally:
            self.busy = False

    # the draft begins somewhere else --------------------------------------------------------------

    def take_version(self, version: int) -> None:
        self._take(self._document(version))

    def take_preset(self, key: str) -> None:
        self._take(presets.load(key).document())

    async def take_store(self, store_id: UUID) -> None:
        """Another store's published document as my draft. Raises Problem."""
        self._take((await remote.get(self.session.services.gateway, store_id)).document.document())

    def take_file(self, data: bytes) -> None:
        """A document from a file. Raises Refused("invalid_config") for anything else."""
        try:
            self._take(StoreConfig.model_validate(json.loads(data)).document())
        except (ValueError, RecursionError):
            raise Rejected("invalid_config") from None

    def _take(self, document: dict[str, Any]) -> None:
        self.draft.edit(document)
        self.problem, self.notice = "", "taken"

    def file(self) -> bytes:
        """What is published, as a file another store can take."""
        return (json.dumps(dict(self.draft.base), ensure_ascii=False, indent=2) + "\n").encode()

    # to many stores -------------------------------------------------------------------------------

    def choose_source(self, source: Source) -> None:
        self.source, self.deliveries = source, []

    def choose(self, store_id: UUID) -> None:
        self.chosen = (
            [s for s in self.chosen if s != store_id]
            if store_id in self.chosen
            else [*self.chosen, store_id]
        )

    def choose_all(self) -> None:
        everyone = [s for s, _name in self.others]
        self.chosen = [] if len(self.chosen) == len(everyone) else everyone

    async def deliver(self, note: str) -> None:
        """Publish to every chosen store with that note, one after the other; each answers for
        itself."""
        if self.busy or not self.chosen:
            return
        self.busy, names = True, dict(self.others)
        self.deliveries = [Delivery(s, names[s]) for s in self.chosen]
        try:
            for i, delivery in enumerate(self.deliveries):
                done = await self._deliver(delivery, note)
                self.deliveries = [done if n == i else d for n, d in enumerate(self.deliveries)]
        finally:
            self.busy = False

    async def _deliver(self, to: Delivery, note: str) -> Delivery:
        gateway = self.session.services.gateway
        try:
            there = await remote.get(gateway, to.store_id)
            document = self._for(there.document.document())
            if document == there.document.document():
                return replace(to, state="same", version=there.version)
            version = await remote.publish(
                gateway,
                to.store_id,
                StoreConfig.model_validate(document),
                base_version=there.version,
                note=note,
            )
            return replace(to, state="published", version=version)
        except Rejected as refused:
            return replace(to, state="refused", code=refused.code, at=refused.field or "")
        except ValidationError:
            return replace(to, state="refused", code="invalid_config")
        except Problem as problem:
            self.session.guard(problem)
            return replace(to, state="refused", code=problem.code)

    def _for(self, theirs: dict[str, Any]) -> dict[str, Any]:
        """The document one of the stores would get."""
        if self.source.startswith("preset:"):
            return presets.load(self.source.removeprefix("preset:")).document()
        if self.source == "last":  # only what the last version changed, upon what that store has
            new = dict(self.draft.base)
            return rebase(self._document(self.draft.base_version - 1) or new, new, theirs)[0]
        return dict(self.draft.base)
