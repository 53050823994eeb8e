"""Editing pipelines and stages as a draft of the document, then publishing it (S-56, F-65)."""

import re
from dataclasses import dataclass, field
from typing import Any

import flet as ft
from pydantic import ValidationError

from admin.session import AdminSession
from shared.domain.config import Stage, StoreConfig
from shared.domain.problems import Problem
from shared.gateway import config as remote


@ft.observable
@dataclass(eq=False)
class Stages:
    session: AdminSession
    pipeline: str = ""
    rows: list[Stage] = field(default_factory=list)
    changed: bool = False
    published: int = 0
    problem: str = ""
    busy: bool = False

    def take(self) -> None:
        """The published stages; edits begin here."""
        config = self.session.config
        if config is None:
            return
        if config.pipeline(self.pipeline) is None:
            self.pipeline = config.pipelines[0].key
        self.rows, self.changed = list(config.pipeline(self.pipeline).stages), False  # type: ignore[union-attr]

    def choose_pipeline(self, key: str) -> None:
        self.pipeline = key
        self.take()

    def edit(self, index: int, **changes: Any) -> None:
        self.rows = [s.model_copy(update=changes) if i == index else s for i, s in enumerate(self.rows)]
        self.changed, self.published = True, 0

    def rename(self, index: int, language: str, text: str) -> None:
        self.edit(index, label={**self.rows[index].label, language: text})

    def reorder(self, old: int, new: int) -> None:
        rows = list(self.rows)
        rows.insert(new, rows.pop(old))
        self.rows, self.changed, self.published = rows, True, 0

    def move(self, index: int, step: int) -> None:
        if 0 <= index + step < len(self.rows):
            self.reorder(index, index + step)

    def add(self, name: str) -> None:
        """A new open stage; its key is ours and never shown."""
        taken = {s.key for s in self.rows}
        number = next(n for n in range(1, 100) if f"stage_{n}" not in taken)
        last_open = max((i for i, s in enumerate(self.rows) if s.type == "open"), default=len(self.rows) - 1)
        stage = Stage(key=f"stage_{number}", label={"zh_CN": name, "zh_TW": name, "en": name}, type="open", color="blue")
        self.rows = [*self.rows[: last_open + 1], stage, *self.rows[last_open + 1 :]]
        self.changed, self.published = True, 0

    def remove(self, index: int) -> None:
        """Publishing refuses it while deals stand there."""
        gone = self.rows[index].key
        kept = [s for i, s in enumerate(self.rows) if i != index]
        self.rows = [s.model_copy(update={"moves": tuple(m for m in s.moves if m != gone)}) if s.moves else s for s in kept]
        self.changed, self.published = True, 0

    def draft(self) -> StoreConfig:
        """The whole document with these stages. Raises ValidationError."""
        config = self.session.config
        assert config is not None
        document = config.document()
        for pipeline in document["pipelines"]:
            if pipeline["key"] == self.pipeline:
                pipeline["stages"] = [s.model_dump(mode="json", exclude_none=True) for s in self.rows]
        return StoreConfig.model_validate(document)

    async def publish(self) -> None:
        if self.busy:
            return
        if any(not any(re.sub(r"\s", "", text) for text in s.label.values()) for s in self.rows):
            self.problem = "required"
            return
        self.busy, self.problem = True, ""
        try:
            version = await remote.publish(
                self.session.services.gateway, self.session.store_id, self.draft(), base_version=self.session.config_version, note="stages"
            )
            await self.session.load_config()
            self.take()
            self.published = version
        except ValidationError:
            self.problem = "invalid_config"
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
        finally:
            self.busy = False

    async def reload(self) -> None:
        """Someone else published: show his version; own edits are given up on purpose here."""
        await self.session.load_config()
        self.take()
        self.problem = ""
