"""The funnel as a picture: a stage is as high as the deals that came so far, so that one sees where
they are lost (S-87)."""

from collections.abc import Callable, Sequence
from typing import Any

import flet as ft
import flet_charts as fc

from shared.domain.funnel import Step
from shared.ui.text import use_text
from shared.ui.theme import is_dark, stage_color
from shared.ui.view import component
from shared.ui.widgets import identified

HEIGHT = 144  # dp
ROD = 40  # dp at most; eight stages stand side by side on the narrowest phone
LEAST = 0.04  # of the height: a stage nobody reached is still a line


@component
def FunnelChart(steps: Sequence[Step], chosen: str, on_choose: Callable[[str], Any]) -> ft.Control:
    """Rods round a middle line, from the first stage to the won one; a tap chooses a stage. Below
    each its number that reached it.

    A chart has no place in the semantics tree: the rows under it say the same in words, and its own
    name is the whole funnel.
    """
    _ = use_text()
    dark, top = is_dark(ft.context.page), max((s.reached for s in steps), default=0) or 1

    def tapped(event: fc.BarChartEvent) -> None:
        if (
            event.type == fc.ChartEventType.TAP_UP
            and event.group_index is not None
            and 0 <= event.group_index < len(steps)
        ):
            on_choose(steps[event.group_index].count.stage)

    groups = []
    for n, step in enumerate(steps):
        half = max(step.reached / top, LEAST) / 2
        color = stage_color(step.count.color, dark=dark)
        edge = ft.BorderSide(2, ft.Colors.ON_SURFACE) if step.count.stage == chosen else None
        rod = fc.BarChartRod(
            from_y=-half,
            to_y=half,
            width=min(ROD, 280 / len(steps)),
            color=color,
            border_radius=6,
            border_side=edge,
            show_tooltip=False,
        )
        groups.append(fc.BarChartGroup(x=n, rods=[rod]))
    labels = [
        fc.ChartAxisLabel(
            value=n, label=ft.Text(str(step.reached), size=12, color=ft.Colors.ON_SURFACE_VARIANT)
        )
        for n, step in enumerate(steps)
    ]
    chart = fc.BarChart(
        groups=groups,
        min_y=-0.5,
        max_y=0.5,
        height=HEIGHT,
        group_alignment=ft.MainAxisAlignment.SPACE_AROUND,
        interactive=True,
        on_event=tapped,
        bottom_axis=fc.ChartAxis(labels=labels, label_size=34),
        animation=ft.Animation(0),  # numbers twice as large fit too
    )
    words = _.comma.join(f"{_.label(s.count.label)} {s.reached}" for s in steps)
    head = ft.Text(_("Deals that reached each stage"), size=12, color=ft.Colors.ON_SURFACE_VARIANT)
    body = ft.Column([head, chart], spacing=8, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
    return identified("funnel-chart", body, label=_("Reached: %(stages)s") % {"stages": words})
