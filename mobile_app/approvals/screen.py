"""One card per request: reason, tries, times, last words; two buttons."""

import flet as ft

from mobile_app.approvals.flags import FlagLines
from mobile_app.approvals.state import Approvals
from mobile_app.session import use_session
from mobile_app.shell import tab_view
from shared.gateway.tasks import PendingApproval
from shared.ui.feedback import EmptyState, ProblemBanner, Skeleton, act, field_problem, typed
from shared.ui.parts import MAX_ROWS, card, icon_button, pill, primary_button, secondary_button, text_button, text_field
from shared.ui.text import use_text
from shared.ui.theme import EDGE
from shared.ui.view import component, screen


@screen
def ApprovalsScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: Approvals(session, _))
    ft.use_effect(act(state.load), [session.revision])
    refresh = icon_button("refresh", ft.Icons.REFRESH, _("Refresh"), act(state.load))
    blocks: list[ft.Control] = [*([ProblemBanner(state.problem, act(state.load))] if state.problem else []), FlagLines()]
    if not state.loaded:
        blocks.append(Skeleton(3))
    elif not state.rows and not state.problem:
        blocks.append(EmptyState(ft.Icons.INBOX_OUTLINED, _("Nothing waits for you"), _("Requests of your team appear here.")))
    else:
        blocks += [
            ft.Container(
                ApprovalCard(state, row, state.rejecting == str(row.id), state.remark, state.remark_problem, key=str(row.id)),
                padding=ft.Padding.symmetric(horizontal=EDGE, vertical=6),
            )
            for row in state.rows[:MAX_ROWS]
        ]
    return tab_view("approvals", _("Approvals"), ft.ListView(blocks, expand=True, build_controls_on_demand=False), actions=[refresh])


@component
def ApprovalCard(state: Approvals, row: PendingApproval, rejecting: bool, remark: str, remark_problem: str) -> ft.Control:
    session, _ = use_session(), use_text()
    config = session.config
    reason = next((r for r in config.reasons if r.key == row.reason), None) if config else None
    level = config.level(row.level) if config else None
    pills = [pill(_.label(reason.label) if reason else row.reason, tone="notice"), pill(_("%(n)d tries") % {"n": row.tries})]
    if level:
        pills.append(pill(_.label(level.label)))
    if row.expires_on:
        pills.append(pill(_("Policy ends %(day)s") % {"day": _.day(row.expires_on, session.today)}, tone="urgent"))
    talks = []
    for talk in row.conversations[:3]:
        outcome = config.outcome(talk.outcome) if config else None
        local = talk.occurred_at.astimezone(None) if session.me is None else talk.occurred_at
        text = f"{_.day(local.date(), session.today)} · {_.label(outcome.label) if outcome else talk.outcome}"
        talks.append(
            ft.Text(
                f"{text}:{talk.words}" if talk.words else text,
                size=13,
                color=ft.Colors.ON_SURFACE_VARIANT,
                max_lines=2,
                overflow=ft.TextOverflow.ELLIPSIS,
            )
        )
    asked = _("%(who)s asks to cancel") % {"who": row.requester_name or "—"}
    parts: list[ft.Control] = [
        ft.Row(
            [
                ft.Text(row.name or "—", theme_style=ft.TextThemeStyle.TITLE_MEDIUM, expand=True),
                ft.Text(_.day(row.created_at.date(), session.today), size=12, color=ft.Colors.ON_SURFACE_VARIANT),
            ]
        ),
        ft.Text(asked, size=13, color=ft.Colors.ON_SURFACE_VARIANT),
        ft.Row(pills, wrap=True, spacing=6, run_spacing=6),
        *([ft.Text(f"“{row.words}”")] if row.words else []),
        *talks,
    ]
    if row.is_own:
        parts.append(ft.Text(_("Someone else must decide your own request."), size=13, color=ft.Colors.ON_SURFACE_VARIANT))
    elif rejecting:
        parts += [
            text_field(
                "remark",
                _("What is to be done?"),
                remark,
                typed(state.set_remark),
                problem=field_problem(_, {"remark": remark_problem} if remark_problem else {}, "remark"),
                autofocus=True,
                multiline=True,
                max_lines=3,
            ),
            primary_button("send-reject", _("Send back, due today"), act(state.reject, str(row.id))),
            text_button("stop-reject", _("Back"), act(state.stop_reject)),
        ]
    else:
        parts.append(
            ft.Row(
                [ft.Container(secondary_button(f"reject-{row.id}", _("Send back"), act(state.start_reject, str(row.id))), expand=1), ft.Container(primary_button(f"approve-{row.id}", _("Approve"), act(state.approve, str(row.id))), expand=1)],
                spacing=12,
            )
        )  # fmt: skip
    return card(*parts, identifier=f"approval-{row.id}")
