"""Targets: one's own on Me, the store's and each advisor's on the meeting sheet, and the number of
one with its rows, where who leads the meeting sets it (S-31, F-60)."""

from datetime import date
from uuid import UUID

import flet as ft

from mobile_app.session import use_local_data, use_session
from mobile_app.shell import page_view
from mobile_app.targets.state import MonthNumber, MonthTargets
from mobile_app.team.counted_rows import counted
from mobile_app.team.meeting_state import ALL
from shared.domain.metrics import Metric, number_text
from shared.domain.targets import Standing, Target, TargetProgress, target_text
from shared.domain.values.number import money_typed
from shared.ui.feedback import ProblemBanner, Skeleton, act, typed
from shared.ui.text import Texts, use_text
from shared.ui.theme import GAP
from shared.ui.view import component, screen
from shared.ui.widgets import (
    card,
    chips,
    identified,
    pill,
    primary_button,
    section,
    text_button,
    text_field,
)

LOOKS: dict[Standing, tuple[str, ft.IconData]] = {
    "reached": ("good", ft.Icons.EMOJI_EVENTS_OUTLINED),
    "on_track": ("plain", ft.Icons.CHECK),
    "behind": ("urgent", ft.Icons.TRENDING_DOWN),
}


def standing_text(_: Texts, standing: Standing) -> str:
    return {
        "reached": _("Target reached"),
        "on_track": _("On track"),
        "behind": _("Behind"),
    }[standing]


def progress_text(_: Texts, metric: Metric, target: Target) -> str:
    """12 of 30 · expected 14 while it is not reached; the target alone where the number is not
    shown."""
    whole = target_text(metric, target.target, _.language)
    if target.value is None:
        return _("Target %(target)s") % {"target": whole}
    words = _("%(value)s of %(target)s") % {
        "value": number_text(metric, target.value, target.out_of, _.language),
        "target": whole,
    }
    if target.expected == target.target or target.standing(metric) == "reached":
        return words
    expected = target_text(metric, target.expected, _.language)
    return f"{words} · " + _("expected %(number)s") % {"number": expected}


@component
def TargetLine(metric: Metric, target: Target, title: str, route: str | None) -> ft.Control:
    """How far it is and where it should be, in words; a tap opens the rows of the number."""
    _ = use_text()
    standing = target.standing(metric)
    words = progress_text(_, metric, target)
    reached = target.reached(metric)
    mark: list[ft.Control] = []
    if standing is not None:
        tone, icon = LOOKS[standing]
        mark.append(pill(standing_text(_, standing), tone=tone, icon=icon))
    note = ft.Text(words, size=13, color=ft.Colors.ON_SURFACE_VARIANT)
    lines: list[ft.Control] = [
        ft.Text(title),
        # wraps: a pill needs a width to fill, and large text a second line
        ft.Row([*mark, note], wrap=True, spacing=GAP, run_spacing=4),
    ]
    if reached is not None:
        lines.append(
            ft.ProgressBar(value=min(reached / target.target, 1), border_radius=4, bar_height=6)
        )
    box = ft.Container(
        ft.Column(lines, spacing=4, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        padding=ft.Padding.symmetric(vertical=6),
        ink=route is not None,
        border_radius=8,
        on_click=(lambda e: e.page.navigate(route)) if route else None,
    )
    name = f"target-{metric.key}-{target.member_id or ALL}".replace("_", "-")
    return identified(name, box, button=route is not None)


def working_days_text(_: Texts, progress: TargetProgress) -> ft.Control:
    words = _("Working day %(n)d of %(total)d") % {
        "n": progress.working_days_passed,
        "total": progress.working_days,
    }
    return ft.Text(words, size=12, color=ft.Colors.ON_SURFACE_VARIANT)


# One's own ----------------------------------------------------------------------------------------


@component
def MyTargets() -> ft.Control:
    """What is to be reached this month: one's own first, then the store's. Nothing where there is
    no target."""
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: MonthTargets(session, session.clock.today))
    use_local_data(state.load)
    progress, me = state.progress, session.me
    if progress is None or me is None:
        if state.problem != "offline":
            return ft.Container(height=0)
        return section(
            _("Targets of the month"),
            ft.Text(_("Targets are counted on the server. You are offline."), size=13),
        )
    if not progress.targets:
        return ft.Container(height=0)
    lines = [
        TargetLine(
            metric,
            target,
            _.label(metric.label) + ("" if target.member_id else _.aside(_("Store"))),
            f"/me/month/{progress.day}/{metric.key}/{target.member_id or ALL}"
            if target.value is not None
            else None,
            key=f"{metric.key}-{target.member_id}",
        )
        for whose in (me.user_id, None)
        for metric, target in progress.of(whose)
    ]
    if not lines:
        return ft.Container(height=0)
    return identified(
        "my-targets",
        section(_("Targets of the month"), working_days_text(_, progress), card(*lines)),
    )


# On the meeting sheet -----------------------------------------------------------------------------


@component
def SheetTargets(day: date) -> ft.Control:
    """The targets of the store and of each advisor when a day ends, and where each advisor misses
    most."""
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: MonthTargets(session, day))
    use_local_data(state.load)
    progress = state.progress
    if progress is None:
        return ProblemBanner(state.problem, act(state.load)) if state.problem else Skeleton(1)
    if not progress.targets:
        if not progress.may_set:
            return ft.Container(height=0)
        hint = _("No targets this month yet. Open a number to set one.")
        return section(_("Targets of the month"), identified("no-targets", ft.Text(hint, size=13)))
    return section(
        _("Targets of the month"),
        working_days_text(_, progress),
        *whose_lines(_, state, progress),
        Weakest(progress),
    )


def whose_lines(_: Texts, state: MonthTargets, progress: TargetProgress) -> list[ft.Control]:
    """The store's targets, or those of the advisor that was chosen."""
    owners: list[tuple[UUID | None, str]] = [(None, _("Store"))] if progress.of(None) else []
    owners += [(m.id, m.name) for m in progress.members if progress.of(m.id)]
    whose = state.whose if state.whose in dict(owners) else owners[0][0]
    lines = [
        TargetLine(
            metric,
            target,
            _.label(metric.label),
            f"/team/meeting/{progress.day}/{metric.key}/{whose or ALL}",
            key=f"{metric.key}-{whose}",
        )
        for metric, target in progress.of(whose)
    ]
    if len(owners) == 1:
        return [card(*lines, identifier="targets")]
    choice = chips(
        "targets-of",
        [(str(owner or ALL), name) for owner, name in owners],
        str(whose or ALL),
        lambda key: act(state.choose, None if key == ALL else UUID(key)),
        scrolls=True,
    )
    return [choice, card(*lines, identifier="targets")]


@component
def Weakest(progress: TargetProgress) -> ft.Control:
    """For each advisor, the number that is furthest behind what is expected by now."""
    _ = use_text()
    lines: list[ft.Control] = []
    for member in progress.members:
        found = progress.weakest(member.id)
        if found is None:
            continue
        metric, target = found
        words = f"{_.label(metric.label)} {progress_text(_, metric, target)}"
        lines.append(
            identified(
                f"weakest-{member.id}",
                ft.Text(f"{member.name}{_.colon}{words}", size=13),
            )
        )
    if not lines:
        return ft.Container(height=0)
    return section(_("Furthest behind"), *lines)


# One number of a month ----------------------------------------------------------------------------


@screen
def MonthNumberScreen() -> ft.View:
    """The number from the first of the month, its target, and the rows it counts."""
    session, _ = use_session(), use_text()
    asked = ft.use_route_params()
    member = None if asked["member"] == ALL else UUID(asked["member"])
    state, _set = ft.use_state(
        lambda: MonthNumber(session, date.fromisoformat(asked["day"]), asked["metric"], member)
    )
    use_local_data(state.load)
    route, rows, metric = ft.use_view_path(), state.rows, state.metric
    if rows is None:
        banner = [ProblemBanner(state.problem, act(state.load))] if state.problem else []
        return page_view(
            route, _("Targets of the month"), *banner, *([] if banner else [Skeleton(4)])
        )
    whose = _.people.get(str(member), "") if member else _("Store")
    blocks: list[ft.Control] = []
    if metric is not None and state.progress is not None:
        blocks.append(TargetCard(state, state.progress, metric, whose, key="target"))
    subject = " · ".join(x for x in (whose, _("since the first of the month")) if x)
    return page_view(
        route, _.label(rows.metric.label), counted(_, subject, rows, member is None, *blocks)
    )


@component
def TargetCard(
    state: MonthNumber, progress: TargetProgress, metric: Metric, whose: str
) -> ft.Control:
    """How far it is; for who leads the meeting, the number to set."""
    _ = use_text()
    target = state.target
    parts: list[ft.Control] = []
    if state.refused:
        offline = _("No connection. The target was not saved.")
        words = offline if state.refused == "offline" else ""
        parts.append(ProblemBanner(state.refused, words=words))
    if target is not None:
        parts += [
            TargetLine(metric, target, whose, None, key="line"),
            working_days_text(_, progress),
        ]
    elif not progress.may_set:
        parts.append(ft.Text(_("No target")))
    if progress.may_set:
        parts.append(TargetForm(state, metric, target, state.typed))
    return card(*parts, identifier="target-card")


@component
def TargetForm(
    state: MonthNumber, metric: Metric, target: Target | None, words: str | None
) -> ft.Control:
    """The number, and one button. `words` is an argument so that each letter draws this again."""
    _ = use_text()
    before = typed_text(metric, target.target) if target else ""
    unit = {"money": _("Target in yuan"), "share": _("Target in percent")}
    wrong = bool(words) and state.value is None
    field = text_field(
        "target-value",
        unit.get(metric.unit, _("Target")),
        before if words is None else words,
        typed(state.type),
        problem=_("Enter a whole number above zero.") if wrong else None,
        keyboard_type=ft.KeyboardType.NUMBER,
    )
    buttons: list[ft.Control] = [
        primary_button("save-target", _("Save"), act(state.save), disabled=state.value is None)
    ]
    if target is not None:
        buttons.append(text_button("remove-target", _("Remove the target"), act(state.remove)))
    if state.saved:
        buttons.insert(0, identified("target-saved", ft.Text(_("Saved."))))
    return ft.Column(
        [field, *buttons], spacing=GAP, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
    )


def typed_text(metric: Metric, value: int) -> str:
    """A target as it is edited."""
    return money_typed(value) if metric.unit == "money" else str(value)
