"""One card per request: reason, attempts, times, last notes; two buttons."""

from datetime import date
from typing import Any

import flet as ft

from mobile_app.approvals.alerts import AlertLines
from mobile_app.approvals.state import Approvals
from mobile_app.session import Session, use_local_data, use_session
from mobile_app.shell import tab_view
from shared.domain.config import StoreConfig
from shared.gateway.tasks import ConversationSummary, PendingApproval
from shared.ui.feedback import EmptyState, ProblemBanner, Skeleton, act, field_problem, typed
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE
from shared.ui.view import component, screen
from shared.ui.widgets import (
    MAX_ROWS,
    bottom_bar,
    card,
    icon_button,
    pill,
    primary_button,
    secondary_button,
    text_button,
    text_field,
)


@screen
def ApprovalsScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: Approvals(session, _))
    use_local_data(state.load)
    refresh = icon_button("refresh", ft.Icons.REFRESH, _("Refresh"), act(state.load))
    blocks: list[ft.Control] = [
        *([ProblemBanner(state.problem, act(state.load))] if state.problem else []),
        AlertLines(),
    ]
    if not state.loaded:
        blocks.append(Skeleton(3))
    elif not state.rows and not state.problem:
        blocks.append(
            EmptyState(
                ft.Icons.INBOX_OUTLINED,
                _("No requests to approve"),
                _("Requests of your team appear here."),
            )
        )
    else:
        blocks += [
            ft.Container(
                ApprovalCard(
                    state,
                    row,
                    state.rejecting == str(row.id),
                    state.remark,
                    state.remark_problem,
                    str(row.id) in state.picked,
                    key=str(row.id),
                ),
                padding=ft.Padding.symmetric(horizontal=EDGE, vertical=6),
            )
            for row in state.rows[:MAX_ROWS]
        ]
    return tab_view(
        "approvals",
        _("Approvals"),
        ft.ListView(blocks, expand=True, build_controls_on_demand=False),
        actions=[refresh],
        bottom=ApproveAll(state, state.picked),
    )


def asked_for(_: Texts, config: StoreConfig | None, row: PendingApproval, today: date) -> str:
    """What the request is about, in one sentence."""
    who = row.requester_name or "—"
    if row.kind == "lost":
        return _("%(who)s asks to mark %(deal)s as lost") % {
            "who": who,
            "deal": row.deal_title or _("the deal"),
        }
    new_owner = row.asked.get("owner_id")
    if row.kind == "reassign" and new_owner and new_owner != str(row.requester_id):
        return _("%(who)s asks to transfer this customer to %(name)s") % {
            "who": who,
            "name": _.people.get(new_owner, "—"),
        }
    if row.kind == "reassign":
        return _("%(who)s asks to take over this customer from %(owner)s") % {
            "who": who,
            "owner": row.owner_name or _("the pool"),
        }
    if row.kind == "level_down":
        levels = config.labels("levels") if config else {}
        return _("%(who)s asks for the level %(level)s") % {
            "who": who,
            "level": _.named(levels, row.asked.get("level")) or "—",
        }
    if row.kind == "task_snooze":
        return _("%(who)s asks to postpone it to %(day)s") % {
            "who": who,
            "day": _.day(date.fromisoformat(row.asked["until"]), today),
        }
    return _("%(who)s asks to cancel") % {"who": who}


@component
def ApproveAll(state: Approvals, picked: list[str]) -> ft.Control:
    """Those that were picked, in one tap."""
    _ = use_text()
    if not picked:
        return ft.Container(height=0)
    return bottom_bar(
        primary_button(
            "approve-picked",
            _("Approve %(n)d") % {"n": len(picked)},
            act(state.approve_picked),
            icon=ft.Icons.DONE_ALL,
        )
    )


@component
def ApprovalCard(
    state: Approvals,
    row: PendingApproval,
    rejecting: bool,
    remark: str,
    remark_problem: str,
    picked: bool = False,
) -> ft.Control:
    session, _ = use_session(), use_text()
    parts: list[ft.Control] = [
        request_head(_, session, state, row, picked),
        small_text(asked_for(_, session.config, row, session.clock.today)),
        ft.Row(request_pills(_, session, row), wrap=True, spacing=6, run_spacing=6),
        *([ft.Text(f"“{row.notes}”")] if row.notes else []),
        *(conversation_text(_, session, c) for c in row.conversations[:3]),
    ]
    if row.is_own:
        parts.append(small_text(_("You cannot decide your own request.")))
    elif rejecting:
        parts += rejection(_, state, row, remark, remark_problem)
    else:
        parts.append(decision_buttons(_, state, row))
    return card(*parts, identifier=f"approval-{row.id}")


def small_text(text: str, **properties: Any) -> ft.Text:
    return ft.Text(text, size=13, color=ft.Colors.ON_SURFACE_VARIANT, **properties)


def request_head(
    _: Texts, session: Session, state: Approvals, row: PendingApproval, picked: bool
) -> ft.Control:
    """Whom it is about, since when, and the tick for deciding several at once."""
    name = ft.Text(
        row.name or "—",
        theme_style=ft.TextThemeStyle.TITLE_MEDIUM,
        expand=True,
        max_lines=2,
        overflow=ft.TextOverflow.ELLIPSIS,
    )
    day = ft.Text(
        _.day(session.clock.day(row.created_at), session.clock.today),
        size=12,
        color=ft.Colors.ON_SURFACE_VARIANT,
    )
    if row.is_own:
        return ft.Row([name, day])
    icon = ft.Icons.CHECK_BOX if picked else ft.Icons.CHECK_BOX_OUTLINE_BLANK
    tick = icon_button(f"pick-{row.id}", icon, _("Select"), act(state.pick, str(row.id)))
    return ft.Row([name, day, tick])


def request_pills(_: Texts, session: Session, row: PendingApproval) -> list[ft.Control]:
    """What the manager weighs: the reason, what was tried, what is at stake."""
    config, pills = session.config, []
    if row.reason:
        reasons = config.labels("reasons") if config else {}
        pills.append(pill(_.named(reasons, row.reason), tone="notice"))
    if row.task_id is not None:
        pills.append(pill(_("%(n)d attempts") % {"n": row.attempts}))
    if row.kind == "task_snooze":
        times = _.many("Postponed %(n)d time", "Postponed %(n)d times", row.snoozes)
        pills.append(pill(times, tone="notice"))
    if row.amount_fen is not None:
        pills.append(pill(_.money(row.amount_fen)))
    if level := config.level(row.level) if config else None:
        pills.append(pill(_.label(level.label)))
    if row.expires_on:
        day = _.day(row.expires_on, session.clock.today)
        pills.append(pill(_("Policy ends %(day)s") % {"day": day}, tone="urgent"))
    return pills


def conversation_text(_: Texts, session: Session, conversation: ConversationSummary) -> ft.Control:
    """One of the last conversations: day, outcome and notes."""
    config = session.config
    outcomes = config.labels("outcomes") if config else {}
    text = (
        f"{_.day(session.clock.day(conversation.occurred_at), session.clock.today)} · "
        f"{_.named(outcomes, conversation.outcome)}"
    )
    return small_text(
        f"{text}{_.colon}{conversation.notes}" if conversation.notes else text,
        max_lines=2,
        overflow=ft.TextOverflow.ELLIPSIS,
    )


def rejection(
    _: Texts, state: Approvals, row: PendingApproval, remark: str, problem: str
) -> list[ft.Control]:
    """What is to be done instead."""
    return [
        text_field(
            "remark",
            _("What needs to be done?"),
            remark,
            typed(state.set_remark),
            problem=field_problem(_, {"remark": problem} if problem else {}, "remark"),
            autofocus=True,
            multiline=True,
            max_lines=3,
        ),
        primary_button("send-reject", _("Send back, due today"), act(state.reject, str(row.id))),
        text_button("stop-reject", _("Back"), act(state.stop_reject)),
    ]


def decision_buttons(_: Texts, state: Approvals, row: PendingApproval) -> ft.Control:
    key = str(row.id)
    back = secondary_button(f"reject-{key}", _("Send back"), act(state.start_reject, key))
    approve = primary_button(f"approve-{key}", _("Approve"), act(state.approve, key))
    return ft.Row([ft.Container(back, expand=1), ft.Container(approve, expand=1)], spacing=12)
