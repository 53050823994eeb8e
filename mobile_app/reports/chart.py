"""A metric's last twelve periods as bars: one colour, the present one outlined, so that nothing
rests on telling colours apart."""

from datetime import date

import flet as ft
import flet_charts as fc

from shared.domain.metrics import Metric, duration_text, number_text
from shared.domain.reports import Kind, Trend, TrendPeriod, rate_of
from shared.ui.text import Texts, use_text
from shared.ui.theme import GAP
from shared.ui.view import component
from shared.ui.widgets import identified

HEIGHT = 180  # dp, with the words below
LABELLED = 3  # every third period has its name: twelve do not fit


def short_name(_: Texts, kind: Kind, first: date) -> str:
    """11/24; of a month 11月, Nov."""
    if kind != "month":
        return f"{first.month}/{first.day}"
    return f"{first:%b}" if _.language == "en" else f"{first.month}月"


def axis_text(_: Texts, metric: Metric, value: float) -> str:
    if metric.unit == "money":
        return _.money(round(value))
    if metric.unit == "seconds":
        return duration_text(value, _.language)
    return f"{value:.0f}%" if metric.unit in ("share", "percent") else f"{value:.0f}"


def top_of(metric: Metric, highest: float) -> float:
    """Where the axis ends: a round number above the highest bar, whose half is whole."""
    if metric.unit in ("share", "percent"):
        return 100.0
    if highest <= 4:
        return 4.0
    step = 10 ** (len(str(int(highest))) - 1)
    ends = (n * step / 2 for n in range(2, 23))
    return next(end for end in ends if end >= highest and end % 2 == 0)


@component
def TrendChart(trend: Trend, kind: Kind) -> ft.Control:
    """Bars from the oldest period to the present one, with both axes; a screen reader hears every
    period and its number."""
    _ = use_text()
    rates = [rate_of(trend.metric, p.value, p.out_of) for p in trend.periods]
    top = top_of(trend.metric, max((r for r in rates if r is not None), default=0))
    groups = [_bar(n, r, is_last=n == len(rates) - 1) for n, r in enumerate(rates)]
    bottom = [
        fc.ChartAxisLabel(value=n, label=_mark(short_name(_, kind, p.first)))
        for n, p in enumerate(trend.periods)
        if (len(trend.periods) - 1 - n) % LABELLED == 0
    ]
    left = [
        fc.ChartAxisLabel(value=at, label=_mark(axis_text(_, trend.metric, at)))
        for at in (0, top / 2, top)
    ]
    chart = fc.BarChart(
        groups=groups,
        min_y=0,
        max_y=top,
        height=HEIGHT,
        group_alignment=ft.MainAxisAlignment.SPACE_AROUND,
        interactive=False,
        horizontal_grid_lines=fc.ChartGridLines(
            interval=top / 2, color=ft.Colors.OUTLINE_VARIANT, width=1
        ),
        bottom_axis=fc.ChartAxis(labels=bottom, label_size=28, label_spacing=1),
        left_axis=fc.ChartAxis(labels=left, label_size=56, label_spacing=top / 2),
        animation=ft.Animation(0),
    )
    caption = {
        "day": _("The last twelve days"),
        "week": _("The last twelve weeks"),
        "month": _("The last twelve months"),
    }[kind]
    body = ft.Column(
        [ft.Text(caption, size=12, color=ft.Colors.ON_SURFACE_VARIANT), chart],
        spacing=GAP,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    return identified("trend", body, label=spoken(_, trend, kind))


def _bar(at: int, rate: float | None, *, is_last: bool) -> fc.BarChartGroup:
    edge = ft.BorderSide(2, ft.Colors.ON_SURFACE) if is_last else None
    rod = fc.BarChartRod(
        from_y=0,
        to_y=rate or 0,
        width=14,
        color=ft.Colors.PRIMARY,
        border_radius=3,
        border_side=edge,
        show_tooltip=False,
    )
    return fc.BarChartGroup(x=at, rods=[rod])


def _mark(words: str) -> ft.Control:
    return ft.Text(words, size=11, color=ft.Colors.ON_SURFACE_VARIANT, max_lines=1)


def spoken(_: Texts, trend: Trend, kind: Kind) -> str:
    def one(p: TrendPeriod) -> str:
        number = number_text(trend.metric, p.value, p.out_of, _.language)
        return f"{short_name(_, kind, p.first)} {number}"

    return _.label(trend.metric.label) + _.colon + _.comma.join(one(p) for p in trend.periods)
