"""The draft's rules on the last 90 days: a bar a day, a line a person, what would move."""

from datetime import date, timedelta

import flet as ft

from admin.rules.state import DAYS, Rules
from admin.session import use_admin
from admin.widgets import FIELD
from shared.domain.dry_run import DryRun
from shared.ui.feedback import act, typed
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import card, identified, pill, primary_button, section

HEIGHT = 96  # px of the tallest bar


@component
def DryRunCard(state: Rules) -> ft.Control:
    _ = use_text()
    button = ft.Container(
        primary_button(
            "dry-run",
            _("Dry run on the last %(n)d days") % {"n": DAYS}
            if not state.busy
            else _("One moment …"),
            act(state.try_out),
            icon=ft.Icons.SCIENCE_OUTLINED,
            disabled=state.busy,
        ),
        width=260,
    )
    head = ft.Row(
        [
            button,
            ft.Text(
                _(
                    "Runs these rules on real data of past days. Nothing is saved "
                    "and nobody is notified."
                ),
                size=13,
                color=ft.Colors.ON_SURFACE_VARIANT,
                expand=True,
            ),
        ],
        spacing=16,
    )
    if state.run is None:
        return card(head)
    stale = (
        [
            pill(
                _("The rules have changed. Run the dry run again."),
                tone="notice",
                icon=ft.Icons.UPDATE,
            )
        ]
        if state.is_stale
        else []
    )
    return card(
        head,
        *stale,
        Facts(state.run),
        Bars(state.run),
        ft.Row(
            [
                ft.Container(Loads(state, state.run), expand=3),
                ft.Container(Moves(state, state.run), expand=2),
            ],
            spacing=24,
            vertical_alignment=ft.CrossAxisAlignment.START,
        ),
        identifier="dry-run-result",
    )


@component
def Facts(run: DryRun) -> ft.Control:
    _ = use_text()
    total, before = sum(run.per_day.values()), sum(run.recorded_per_day.values())
    peak = max(run.per_day.items(), key=lambda x: (x[1], x[0]), default=(run.last, 0))
    words = _(
        "%(total)d tasks in %(days)d days; %(before)d were actually created. Busiest "
        "day: %(day)s with %(peak)d."
    ) % {
        "total": total,
        "days": (run.last - run.first).days + 1,
        "before": before,
        "day": f"{peak[0]:%m-%d}",
        "peak": peak[1],
    }
    return identified("dry-run-facts", ft.Text(words, theme_style=ft.TextThemeStyle.TITLE_SMALL))


@component
def Bars(run: DryRun) -> ft.Control:
    """One bar per day; the dark line is the number of tasks actually created."""
    _ = use_text()
    days = [run.first + timedelta(days=n) for n in range((run.last - run.first).days + 1)]
    made, real = run.per_day, run.recorded_per_day
    top = max([*made.values(), *real.values(), 1])

    def bar(day: date) -> ft.Control:
        height, mark = HEIGHT * made.get(day, 0) / top, HEIGHT * real.get(day, 0) / top
        return ft.Container(
            ft.Stack(
                [
                    ft.Container(
                        bgcolor=ft.Colors.PRIMARY,
                        border_radius=2,
                        height=max(height, 1),
                        bottom=0,
                        left=0,
                        right=0,
                    ),
                    ft.Container(
                        bgcolor=ft.Colors.TERTIARY,
                        height=2,
                        bottom=mark,
                        left=0,
                        right=0,
                        visible=bool(real),
                    ),
                ],
                height=HEIGHT + 2,
            ),
            expand=True,
            tooltip=_("%(day)s: %(n)d, actual %(real)d")
            % {"day": f"{day:%m-%d}", "n": made.get(day, 0), "real": real.get(day, 0)},
        )

    words = _("Tasks per day") + ": " + ", ".join(f"{d:%m-%d} {made[d]}" for d in sorted(made))
    ends = ft.Row(
        [
            ft.Text(f"{run.first:%m-%d}", size=12, expand=True),
            legend(_, ft.Colors.PRIMARY, _("these rules")),
            legend(_, ft.Colors.TERTIARY, _("actual")),
            ft.Text(f"{run.last:%m-%d}", size=12, text_align=ft.TextAlign.RIGHT, expand=True),
        ],
        spacing=16,
    )
    return ft.Semantics(
        key="dry-run-chart",
        identifier="dry-run-chart",
        label=words,
        content=ft.Column(
            [
                ft.Row(
                    [bar(d) for d in days], spacing=2, vertical_alignment=ft.CrossAxisAlignment.END
                ),
                ends,
            ],
            spacing=4,
        ),
    )


def legend(_: Texts, color: str, words: str) -> ft.Control:
    return ft.Row(
        [
            ft.Container(width=12, height=12, border_radius=3, bgcolor=color),
            ft.Text(words, size=12),
        ],
        tight=True,
        spacing=4,
    )


@component
def Loads(state: Rules, run: DryRun) -> ft.Control:
    _ = use_text()
    rows = [
        ft.DataRow(
            cells=[
                ft.DataCell(ft.Text(state.names.get(str(load.user_id), "–"))),
                ft.DataCell(ft.Text(str(load.total))),
                ft.DataCell(ft.Text(f"{load.peak} ({load.peak_on:%m-%d})")),
                ft.DataCell(
                    pill(_("%(n)d overloaded days") % {"n": load.over}, tone="urgent")
                    if load.over
                    else ft.Text(_("OK"))
                ),
            ]
        )
        for load in run.loads(state.limit)[:30]
    ]
    limit = ft.Container(
        identified(
            "dry-run-limit",
            ft.TextField(
                label=_("New tasks per day (maximum)"),
                value=str(state.limit),
                on_change=typed(state.set_limit),
                **FIELD,
            ),
        ),
        width=200,
    )
    columns = [
        ft.DataColumn(label=ft.Text(x))
        for x in (_("Member"), _("Number of tasks"), _("Busiest day"), _("Overloaded?"))
    ]
    return section(
        _("Tasks per person"),
        limit,
        identified(
            "dry-run-people",
            ft.Row([ft.DataTable(columns=columns, rows=rows)], scroll=ft.ScrollMode.AUTO),
        ),
    )


@component
def Moves(state: Rules, run: DryRun) -> ft.Control:
    session, _ = use_admin(), use_text()
    # what the draft drops is where customers are today
    configs = [c for c in (session.config, state.draft.config) if c]
    pools = {key: label for c in configs for key, label in c.labels("pools").items()}
    levels = {key: label for c in configs for key, label in c.labels("levels").items()}
    lines = []
    for (field, user, before, to), n in sorted(run.moved().items(), key=lambda x: -x[1]):
        if field == "owner_id":
            lines.append(
                _("%(n)d customers of %(who)s would move to %(pool)s")
                % {
                    "n": n,
                    "who": state.names.get(str(user), "–"),
                    "pool": _.named(pools, to) or "–",
                }
            )
        else:
            lines.append(
                _("%(n)d customers would move from %(before)s to %(after)s")
                % {
                    "n": n,
                    "before": _.named(levels, before),
                    "after": _.named(levels, to),
                }
            )
    return section(
        _("Transfers"),
        identified(
            "dry-run-moves",
            ft.Column(
                [ft.Text(x) for x in lines[:20]]
                or [ft.Text(_("Nothing"), color=ft.Colors.ON_SURFACE_VARIANT)],
                spacing=4,
            ),
        ),
    )
