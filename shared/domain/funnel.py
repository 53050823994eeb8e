"""What moving a deal demands (S-86): the same list crm.move_deal would answer with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.domain.config import Pipeline, Stage, StoreConfig
from shared.domain.labels import Label
from shared.domain.problems import FieldProblem
from shared.domain.records import Deal

# what the refusal of an unticked item of a checklist begins with; the item's key follows
CHECK = "checked."


def check_label(config: StoreConfig, field: str) -> Label | None:
    """Of such a field: the item as the store wrote it, in whichever stage."""
    items = (c for p in config.pipelines for s in p.stages for c in s.checklist)
    return next((c.label for c in items if field == CHECK + c.key), None)


class StageCount(BaseModel):
    """One stage of a funnel: how many deals, how much 分 (None when the caller may not see
    amounts), and how many came so far or further (None of a lost stage, which nobody comes
    through)."""

    model_config = ConfigDict(frozen=True)
    stage: str
    label: Label
    type: str
    color: str
    deals: int
    amount_fen: int | None = None
    reached: int | None = None


class Funnel(BaseModel):
    model_config = ConfigDict(frozen=True)
    pipeline: str
    label: Label
    stages: tuple[StageCount, ...]

    def steps(self) -> tuple["Step", ...]:
        """From the first stage to the won ones. Whoever came further came through those before,
        whether the deal is still there, went back or was lost."""
        way = [s for s in self.stages if s.type != "lost"]
        reached = [s.reached or 0 for s in way]
        return tuple(
            Step(
                s,
                reached[n],
                reached[n + 1] / reached[n] if n + 1 < len(way) and reached[n] else None,
            )
            for n, s in enumerate(way)
        )


@dataclass(frozen=True)
class Step:
    """One stage on the way: how many deals came so far, and which share of them (0…1) has gone on;
    None at the end, or of nobody."""

    count: StageCount
    reached: int
    goes_on: float | None


def furthest(stages: Sequence[tuple[str, str]], stage: str, before: str | None) -> str:
    """How far a deal has come that goes to a stage and came to another one before. stages: (key,
    type) in order. As crm.furthest_of."""
    on_way = [key for key, type_ in stages if type_ != "lost" and key in (stage, before)]
    return on_way[-1] if on_way else next((k for k, type_ in stages if type_ == "open"), stage)


def counted(pipeline: Pipeline, deals: Sequence[Deal]) -> Funnel:
    """The funnel of these deals, as crm.funnel_report counts it."""
    way = [s.key for s in pipeline.stages if s.type != "lost"]
    stages = [(s.key, s.type) for s in pipeline.stages]
    came = [way.index(furthest(stages, d.stage, d.furthest_stage)) for d in deals]
    found: list[StageCount] = []
    for stage in pipeline.stages:
        here = [d for d in deals if d.stage == stage.key]
        found.append(
            StageCount(
                stage=stage.key,
                label=stage.label,
                type=stage.type,
                color=stage.color,
                deals=len(here),
                amount_fen=sum(d.amount_fen or 0 for d in here),
                reached=sum(n >= way.index(stage.key) for n in came)
                if stage.type != "lost"
                else None,
            )
        )
    return Funnel(pipeline=pipeline.key, label=pipeline.label, stages=tuple(found))


def targets(config: StoreConfig, deal: Deal) -> tuple[Stage, ...]:
    """Stages this deal may move to."""
    pipeline = config.pipeline(deal.pipeline)
    if pipeline is None:
        return ()
    here = pipeline.stage(deal.stage)
    return tuple(
        s
        for s in pipeline.stages
        if s.key != deal.stage and (here is None or here.moves is None or s.key in here.moves)
    )


def missing(
    deal: Deal,
    stage: Stage,
    values: Mapping[str, Any],
    checked: frozenset[str],
    lost_reason: str | None,
) -> list[FieldProblem]:
    """What is still to be filled or ticked before the deal may enter the stage."""
    found = [
        FieldProblem(key, "required")
        for key in stage.required
        if values.get(key, deal.value(key)) in (None, "")
    ]
    found += [
        FieldProblem(CHECK + c.key, "item_unchecked")
        for c in stage.checklist
        if c.key not in checked | set(deal.checked)
    ]
    if stage.type == "lost" and not lost_reason:
        found.append(FieldProblem("lost_reason", "required"))
    return found
