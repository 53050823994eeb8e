"""Pipelines and their stages in the draft: orders, moves, what a move asks for, and where deals go
when a stage goes (S-56, S-86, F-65, F-66)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import flet as ft

from admin.draft import Draft
from admin.session import AdminSession
from shared.domain.draft_merge import GONE, Path, set_path
from shared.domain.problems import Problem
from shared.gateway import funnel as remote


@ft.observable
@dataclass(eq=False)
class Stages:
    """pipeline and stage: what is open; leaving: the stage about to go, while it is asked where its
    deals go."""

    session: AdminSession
    pipeline: str = ""
    stage: str = ""
    leaving: str = ""
    pipeline_leaves: bool = False
    deals: dict[str, int] = field(default_factory=dict)  # "pipeline.stage" → how many stand there
    problem: str = ""

    @property
    def draft(self) -> Draft:
        return self.session.draft

    @property
    def pipelines(self) -> list[dict[str, Any]]:
        return list(self.draft.document.get("pipelines", ()))

    @property
    def here(self) -> dict[str, Any]:
        return next(
            (p for p in self.pipelines if p["key"] == self.pipeline),
            self.pipelines[0] if self.pipelines else {},
        )

    @property
    def path(self) -> Path:
        """Where the stages of the open pipeline stand."""
        return ("pipelines", self.here.get("key", ""), "stages")

    @property
    def stages(self) -> list[dict[str, Any]]:
        return list(self.here.get("stages", ()))

    @property
    def chosen(self) -> dict[str, Any]:
        return next(
            (s for s in self.stages if s["key"] == self.stage),
            self.stages[0] if self.stages else {},
        )

    async def load(self) -> None:
        """How many deals stand where."""
        try:
            found = await remote.report(self.session.services.gateway, self.session.store_id)
            self.deals = {f"{p.pipeline}.{s.stage}": s.deals for p in found for s in p.stages}
            self.problem = ""
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code

    def choose_pipeline(self, key: str) -> None:
        self.pipeline, self.stage, self.leaving, self.pipeline_leaves = key, "", "", False

    def choose(self, stage: str) -> None:
        self.stage = stage

    # stages ---------------------------------------------------------------------------------------

    def add(self, name: str, language: str) -> None:
        """A new open stage after the last open one; its key is ours and never shown."""
        stages, key = self.stages, self.draft.new_key("stage")
        index = max((i for i, s in enumerate(stages) if s["type"] == "open"), default=-1) + 1
        self.draft.set_value(
            self.path,
            [
                *stages[:index],
                {"key": key, "label": {language: name}, "type": "open"},
                *stages[index:],
            ],
        )
        self.stage = key

    def set_value(self, stage: str, attribute: str, value: Any) -> None:
        self.draft.set_value((*self.path, stage, attribute), value)

    def may_move(self, old: Mapping[str, Any], new: str) -> bool:
        return old.get("moves") is None or new in old["moves"]

    def flip_move(self, old: str, new: str) -> None:
        """Allow or forbid one way; all ways allowed is said by saying nothing."""
        stage = next(s for s in self.stages if s["key"] == old)
        others = [s["key"] for s in self.stages if s["key"] != old]
        after = [k for k in others if self.may_move(stage, k) != (k == new)]
        self.set_value(old, "moves", GONE if after == others else after)

    def add_item(self, name: str, language: str) -> None:
        items = self.chosen.get("checklist", [])
        self.set_value(
            self.chosen["key"],
            "checklist",
            [*items, {"key": self.draft.new_key("item"), "label": {language: name}}],
        )

    def remove_item(self, key: str) -> None:
        self.draft.set_value((*self.path, self.chosen["key"], "checklist", key), GONE)

    # going ----------------------------------------------------------------------------------------

    def deals_at(self, stage: str) -> int:
        return self.deals.get(f"{self.here.get('key')}.{stage}", 0)

    def replacements(self, stage: str) -> list[dict[str, Any]]:
        """Stages that may take its deals: of the same kind."""
        kind = next((s["type"] for s in self.stages if s["key"] == stage), "")
        return [s for s in self.stages if s["key"] != stage and s["type"] == kind]

    def leave(self, stage: str) -> None:
        """Remove a stage: at once when nobody stands there, else after it is said where its deals
        go."""
        if self.deals_at(stage):
            self.leaving = stage
        else:
            self.remove(stage, None)

    def stay(self) -> None:
        self.leaving, self.pipeline_leaves = "", False

    def remove(self, stage: str, replacement: str | None) -> None:
        pipeline = self.here["key"]
        document = set_path(self.draft.document, (*self.path, stage), GONE)
        for other in self.stages:
            if other["key"] != stage and stage in (other.get("moves") or ()):
                document = set_path(
                    document,
                    (*self.path, other["key"], "moves"),
                    [m for m in other["moves"] if m != stage],
                )
        if replacement:
            document = _succeeded(document, {f"{pipeline}.{stage}": f"{pipeline}.{replacement}"})
        self.leaving = self.stage = ""
        self.draft.edit(document)

    # pipelines ------------------------------------------------------------------------------------

    def add_pipeline(self, name: str, first: str, won: str, lost: str, language: str) -> None:
        """A new pipeline that can be used as it is: a beginning and both ends."""
        key = self.draft.new_key("pipeline")
        stages = [
            {"key": "stage_1", "label": {language: first}, "type": "open"},
            {"key": "won", "label": {language: won}, "type": "won", "color": "green"},
            {"key": "lost", "label": {language: lost}, "type": "lost", "color": "grey"},
        ]
        self.draft.set_value(
            ("pipelines",),
            [*self.pipelines, {"key": key, "label": {language: name}, "stages": stages}],
        )
        self.choose_pipeline(key)

    def leave_pipeline(self) -> None:
        if any(self.deals_at(s["key"]) for s in self.stages):
            self.pipeline_leaves = True
        else:
            self.remove_pipeline(None)

    def replacement_pipelines(self) -> list[dict[str, Any]]:
        """Pipelines that have a stage of every kind in which deals stand here."""
        kinds = {s["type"] for s in self.stages if self.deals_at(s["key"])}
        return [
            p
            for p in self.pipelines
            if p["key"] != self.here["key"] and kinds <= {s["type"] for s in p["stages"]}
        ]

    def remove_pipeline(self, replacement: str | None) -> None:
        """Take the pipeline out; its deals go to the new owner's first stage of the same kind."""
        gone, stages = self.here["key"], self.stages
        document = set_path(self.draft.document, ("pipelines", gone), GONE)
        for role in document.get("roles", ()):
            if role.get("pipeline") == gone:
                document = set_path(
                    document, ("roles", role["key"], "pipeline"), replacement or GONE
                )
        if replacement:
            target = next(p for p in self.pipelines if p["key"] == replacement)
            first = {
                kind: next((s["key"] for s in target["stages"] if s["type"] == kind), "")
                for kind in ("open", "won", "lost")
            }
            document = _succeeded(
                document,
                {
                    f"{gone}.{s['key']}": f"{replacement}.{first[s['type']]}"
                    for s in stages
                    if first[s["type"]]
                },
            )
        self.choose_pipeline("")
        self.draft.edit(document)


def _succeeded(document: dict[str, Any], moves: dict[str, str]) -> dict[str, Any]:
    """The document with deals sent on; what was to come to a stage that goes now follows it."""
    before = dict((document.get("replacements") or {}).get("stages") or {})
    after = {old: moves.get(new, new) for old, new in before.items()} | moves
    return set_path(document, ("replacements", "stages"), after)
