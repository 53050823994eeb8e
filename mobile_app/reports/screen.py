"""Reports on the phone: the numbers of a day, week or month beside those of the period before, what
fell, where each advisor is weakest; a number opens its past, its definition and its rows (S-28,
S-29, S-111, S-112)."""

from datetime import date, timedelta
from uuid import UUID

import flet as ft

from mobile_app.reports.chart import TrendChart
from mobile_app.reports.state import KIND_OF, KINDS, NumberOfReport, ReportOfPeriod
from mobile_app.session import use_local_data, use_session
from mobile_app.shell import page_view
from mobile_app.team.counted_rows import counted
from mobile_app.team.meeting_state import ALL
from shared.domain.metrics import NOBODY, Metric, number_text
from shared.domain.reports import COLUMNS, Kind, Report, ReportNumber, change, fell, report_csv
from shared.domain.targets import target_text
from shared.ui.feedback import EmptyState, ProblemBanner, Skeleton, act
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE, GAP
from shared.ui.view import component, screen
from shared.ui.widgets import card, chips, icon_button, identified, pill, section


@screen
def ReportScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: ReportOfPeriod(session, session.clock.today))
    use_local_data(state.load)
    route = ft.use_view_path()
    kinds = [(k, kind_name(_, k)) for k in KINDS]
    blocks: list[ft.Control] = [
        chips("kind", kinds, state.kind, lambda key: act(state.choose_kind, key)),
        PeriodStep(state, state.report),
    ]
    if state.problem:
        blocks.append(ProblemBanner(state.problem, act(state.load)))
    report = state.report
    if report is None:
        offline = state.problem == "offline"
        words = _("Reports are counted on the server.")
        blocks.append(
            EmptyState(ft.Icons.CLOUD_OFF, _("Needs a connection"), words)
            if offline
            else Skeleton(5)
        )
    else:
        blocks += report_blocks(_, state, report, route)
    body = ft.ListView(
        [
            ft.Container(b, padding=ft.Padding.symmetric(horizontal=EDGE, vertical=GAP // 2))
            for b in blocks
        ],
        expand=True,
        padding=ft.Padding.symmetric(vertical=GAP),
    )
    actions = [SaveFile(report)] if report is not None else []
    return page_view(route, _("Reports"), body, actions=actions)


def kind_name(_: Texts, kind: Kind) -> str:
    return {"day": _("Daily"), "week": _("Weekly"), "month": _("Monthly")}[kind]


def span_text(_: Texts, kind: Kind, first: date, last: date, today: date) -> str:
    """A day, a month, or from one day to another."""
    if kind == "month" and (last + timedelta(days=1)).day == 1:
        return _.month(first)
    return _.day(first, today) if first == last else _.days(first, last, today)


@component
def PeriodStep(state: ReportOfPeriod, report: Report | None) -> ft.Control:
    """The period that is shown, and the one before or after it in one tap."""
    _ = use_text()
    title = span_text(_, report.kind, report.first, report.last, report.today) if report else "…"
    words = ft.Text(
        title,
        theme_style=ft.TextThemeStyle.TITLE_SMALL,
        expand=True,
        text_align=ft.TextAlign.CENTER,
    )
    is_present = report is None or report.last >= report.today
    return ft.Row(
        [
            icon_button(
                "period-before", ft.Icons.CHEVRON_LEFT, _("Previous period"), act(state.previous)
            ),
            words,
            icon_button(
                "period-after",
                ft.Icons.CHEVRON_RIGHT,
                _("Next period"),
                act(state.next),
                disabled=is_present,
            ),
        ]
    )


def report_blocks(_: Texts, state: ReportOfPeriod, report: Report, route: str) -> list[ft.Control]:
    """Whose numbers, what needs attention, and the numbers."""
    known = {m.id for m in report.members}
    whose = state.whose if state.whose in known else None
    blocks: list[ft.Control] = []
    if report.scope != "own" and report.members:
        people = [(ALL, _("Store")), *((str(m.id), m.name) for m in report.members)]
        blocks.append(
            chips(
                "whose",
                people,
                str(whose or ALL),
                lambda key: act(state.choose, None if key == ALL else UUID(key)),
                scrolls=True,
            )
        )
    before = _("Compared with %(period)s") % {
        "period": span_text(_, report.kind, report.before_first, report.before_last, report.today)
    }
    blocks.append(ft.Text(before, size=12, color=ft.Colors.ON_SURFACE_VARIANT))
    if attention := attention_lines(_, report, whose):
        blocks.append(identified("attention", section(_("Worth a look"), card(*attention))))
    lines = [
        ReportLine(
            metric,
            report.number(metric.key, whose),
            target_words(_, report, metric, whose),
            f"{route}/{report.kind}/{report.last}/{metric.key}/{whose or ALL}",
            key=f"{metric.key}-{whose}",
        )
        for metric in report.metrics
    ]
    return [*blocks, card(*lines, identifier="numbers")]


def attention_lines(_: Texts, report: Report, whose: UUID | None) -> list[ft.Control]:
    """What fell beyond its limit, of everybody while the store is shown; and the weakest number of
    each advisor."""
    lines: list[ft.Control] = []
    shown = [m for m in report.members if whose in (None, m.id)]
    owners: list[tuple[UUID | None, str]] = [(None, "")] if whose is None else []
    owners += [(m.id, m.name) for m in shown if report.scope != "own"]
    for member, name in owners:
        for metric, number in report.falls(member):
            words = f"{_.label(metric.label)} {change_text(_, metric, number)}"
            lines.append(
                attention(
                    f"fell-{metric.key}-{member or ALL}".replace("_", "-"),
                    f"{name}{_.colon}{words}" if name else words,
                    ft.Icons.TRENDING_DOWN,
                )
            )
    for member in shown:
        found = report.weakest(member.id)
        if found is not None:
            metric, number = found
            words = _("weakest: %(metric)s %(number)s") % {
                "metric": _.label(metric.label),
                "number": number_text(metric, number.value, number.out_of, _.language),
            }
            lines.append(
                attention(
                    f"weakest-{member.id}",
                    f"{member.name}{_.colon}{words}",
                    ft.Icons.PRIORITY_HIGH,
                )
            )
    return lines


def attention(identifier: str, words: str, icon: ft.IconData) -> ft.Control:
    row = ft.Row(
        [ft.Icon(icon, size=18, color=ft.Colors.ERROR), ft.Text(words, size=13, expand=True)],
        vertical_alignment=ft.CrossAxisAlignment.START,
    )
    return identified(identifier, row)


def change_text(_: Texts, metric: Metric, number: ReportNumber) -> str:
    """+12%, −35%; nothing where there is nothing to compare with."""
    changed = change(metric, number)
    if changed is None:
        return ""
    rounded = round(changed)
    return f"{'+' if rounded > 0 else '−' if rounded < 0 else '±'}{abs(rounded)}%"


def target_words(_: Texts, report: Report, metric: Metric, whose: UUID | None) -> str:
    target = report.target(metric.key, whose)
    if target is None:
        return ""
    return _("Target %(target)s") % {"target": target_text(metric, target.target, _.language)}


@component
def ReportLine(metric: Metric, number: ReportNumber, target: str, route: str) -> ft.Control:
    """The number, what it was, and by how much it changed, in a sign and a word's icon."""
    _ = use_text()
    changed = change(metric, number)
    parts = f"{number.value}/{number.out_of}" if metric.unit == "share" and number.out_of else ""
    before = _("before %(number)s") % {
        "number": number_text(metric, number.before, number.before_out_of, _.language)
    }
    note = " · ".join(x for x in (parts, before, target) if x)
    right: list[ft.Control] = []
    if changed is not None and round(changed):
        right.append(change_pill(_, metric, number, changed))
    right.append(
        ft.Text(
            number_text(metric, number.value, number.out_of, _.language),
            theme_style=ft.TextThemeStyle.TITLE_MEDIUM,
        )
    )
    row = ft.Row(
        [
            ft.Column(
                [
                    ft.Text(_.label(metric.label)),
                    ft.Text(note, size=12, color=ft.Colors.ON_SURFACE_VARIANT),
                ],
                spacing=2,
                expand=True,
            ),
            *right,
        ]
    )
    box = ft.Container(
        row,
        padding=ft.Padding.symmetric(vertical=6),
        ink=True,
        border_radius=8,
        on_click=lambda e: e.page.navigate(route),
    )
    return identified(f"report-{metric.key}".replace("_", "-"), box, button=True)


def change_pill(_: Texts, metric: Metric, number: ReportNumber, changed: float) -> ft.Control:
    """Up or down by its icon and sign; its tone says beside them when it is better, or worse than
    its limit allows."""
    rises = changed > 0
    is_better = metric.direction is not None and rises == (metric.direction == "up")
    tone = "good" if is_better else "urgent" if fell(metric, number) else "plain"
    icon = ft.Icons.ARROW_UPWARD if rises else ft.Icons.ARROW_DOWNWARD
    return ft.Row([pill(change_text(_, metric, number), tone=tone, icon=icon)], tight=True)


@component
def SaveFile(report: Report) -> ft.Control:
    """The report as a file for a spreadsheet (S-111)."""
    _ = use_text()
    headings = {
        "metric": _("Metric"),
        "whose": _("Whose"),
        "part": _("Part"),
        "value": _("Counted"),
        "out_of": _("Out of"),
        "before": _("Before"),
        "before_out_of": _("Before, out of"),
        "change": _("Change in %"),
        "target": _("Target"),
    }

    async def save() -> None:
        names = {"": _("All"), str(NOBODY): _("No owner")}
        names |= {str(m.id): m.name for m in report.members}
        data = report_csv(report, [headings[c] for c in COLUMNS], names, _.language)
        name = f"forecourt-{report.kind}-{report.first}.csv"
        await ft.FilePicker().save_file(file_name=name, src_bytes=data)

    return icon_button("save-report", ft.Icons.DOWNLOAD, _("Save as CSV"), act(save))


# One number ---------------------------------------------------------------------------------------


@screen
def ReportNumberScreen() -> ft.View:
    """Twelve periods of a number, what it is divided into, its definition and its rows."""
    session, _ = use_session(), use_text()
    asked = ft.use_route_params()
    member = None if asked["member"] == ALL else UUID(asked["member"])
    kind = KIND_OF.get(asked["kind"], "week")
    state, _set = ft.use_state(
        lambda: NumberOfReport(
            session, kind, date.fromisoformat(asked["day"]), asked["metric"], member
        )
    )
    use_local_data(state.load)
    route, rows, trend = ft.use_view_path(), state.rows, state.trend
    if rows is None or trend is None:
        banner = [ProblemBanner(state.problem, act(state.load))] if state.problem else []
        return page_view(route, _("Reports"), *banner, *([] if banner else [Skeleton(4)]))
    above: list[ft.Control] = [TrendChart(trend, kind, key="trend")]
    if parts := state.parts:
        above.append(PartChoice(state, trend.metric, tuple(parts), state.part, key="parts"))
    period = trend.periods[-1]
    subject = [span_text(_, kind, period.first, period.last, session.clock.today)]
    if member and (name := _.people.get(str(member))):
        subject.append(name)
    body = counted(_, " · ".join(subject), rows, member is None, *above)
    return page_view(route, _.label(trend.metric.label), body)


@component
def PartChoice(
    state: NumberOfReport, metric: Metric, parts: tuple[ReportNumber, ...], chosen: str | None
) -> ft.Control:
    """Each part with its number; a tap leaves only its rows."""
    _ = use_text()
    options = [
        (
            n.dimension or "",
            f"{part_name(_, metric, n)} "
            + number_text(metric, n.value, n.out_of, _.language)
            + (f"（{n.value}/{n.out_of}）" if metric.unit == "share" and n.out_of else ""),
        )
        for n in parts
    ]
    return chips(
        "part",
        options,
        chosen,
        lambda key: act(state.choose_part, None if key == chosen else key),
    )


def part_name(_: Texts, metric: Metric, number: ReportNumber) -> str:
    if metric.split_by == "hour":
        return f"{number.dimension}:00"
    return _.label(number.label) or number.dimension or "—"
