"""What moving a deal demands (S-86): the same list crm.move_deal would answer with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.domain.config import Stage, StoreConfig
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
    amounts)."""

    model_config = ConfigDict(frozen=True)
    stage: str
    label: Label
    type: str
    color: str
    deals: int
    amount_fen: int | None = None


class Funnel(BaseModel):
    model_config = ConfigDict(frozen=True)
    pipeline: str
    label: Label
    stages: tuple[StageCount, ...]

    def steps(self) -> tuple["Step", ...]:
        """From the first stage to the won ones. A deal that stands further on has come through
        those before; where a lost one turned back is not known from where it is now, so lost stages
        are left out."""
        way = [s for s in self.stages if s.type != "lost"]
        reached = [sum(s.deals for s in way[n:]) for n in range(len(way))]
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
