"""One card per request: reason, tries, times, last words; two buttons."""

from datetime import date

import flet as ft

from mobile_app.approvals.flags import FlagLines
from mobile_app.approvals.state import Approvals
from mobile_app.session import use_book, use_session
from mobile_app.shell import tab_view
from shared.domain.config import StoreConfig
from shared.gateway.tasks import PendingApproval
from shared.ui.feedback import EmptyState, ProblemBanner, Skeleton, act, field_problem, typed
from shared.ui.parts import MAX_ROWS, card, docked, icon_button, pill, primary_button, secondary_button, text_button, text_field
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE
from shared.ui.view import component, screen


@screen
def ApprovalsScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: Approvals(session, _))
    use_book(state.load)
    refresh = icon_button("refresh", ft.Icons.REFRESH, _("Refresh"), act(state.load))
    blocks: list[ft.Control] = [*([ProblemBanner(state.problem, act(state.load))] if state.problem else []), FlagLines()]
    if not state.loaded:
        blocks.append(Skeleton(3))
    elif not state.rows and not state.problem:
        blocks.append(EmptyState(ft.Icons.INBOX_OUTLINED, _("Nothing waits for you"), _("Requests of your team appear here.")))
    else:
        blocks += [
            ft.Container(
                ApprovalCard(
                    state, row, state.rejecting == str(row.id), state.remark, state.remark_problem, str(row.id) in state.picked, key=str(row.id)
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
        return _("%(who)s asks to give up %(deal)s") % {"who": who, "deal": row.deal_title or _("the deal")}
    if row.kind == "reassign":
        return _("%(who)s asks to take over from %(owner)s") % {"who": who, "owner": row.owner_name or _("the pool")}
    if row.kind == "level_down":
        there = config.level(row.asked.get("level")) if config else None
        return _("%(who)s asks for the level %(level)s") % {"who": who, "level": _.label(there.label) if there else "—"}
    if row.kind == "task_snooze":
        return _("%(who)s asks to put it off to %(day)s") % {"who": who, "day": _.day(date.fromisoformat(row.asked["until"]), today)}
    return _("%(who)s asks to cancel") % {"who": who}


@component
def ApproveAll(state: Approvals, picked: list[str]) -> ft.Control:
    """Those that were picked, in one tap."""
    _ = use_text()
    if not picked:
        return ft.Container(height=0)
    return docked(primary_button("approve-picked", _("Approve %(n)d") % {"n": len(picked)}, act(state.approve_picked), icon=ft.Icons.DONE_ALL))


@component
def ApprovalCard(state: Approvals, row: PendingApproval, rejecting: bool, remark: str, remark_problem: str, picked: bool = False) -> ft.Control:
    session, _ = use_session(), use_text()
    config = session.config
    reason = next((r for r in config.reasons if r.key == row.reason), None) if config else None
    level = config.level(row.level) if config else None
    pills = [pill(_.label(reason.label) if reason else row.reason, tone="notice")] if row.reason else []
    if row.task_id is not None:
        pills.append(pill(_("%(n)d tries") % {"n": row.tries}))
    if row.kind == "task_snooze":
        pills.append(pill(_.many("Put off %(n)d time", "Put off %(n)d times", row.snoozes), tone="notice"))
    if row.amount_fen is not None:
        pills.append(pill(_.money(row.amount_fen)))
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
    asked = asked_for(_, config, row, session.today)
    parts: list[ft.Control] = [
        ft.Row(
            [
                ft.Text(row.name or "—", theme_style=ft.TextThemeStyle.TITLE_MEDIUM, expand=True, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS),
                ft.Text(_.day(session.day(row.created_at), session.today), size=12, color=ft.Colors.ON_SURFACE_VARIANT),
                *(
                    [
                        icon_button(
                            f"pick-{row.id}",
                            ft.Icons.CHECK_BOX if picked else ft.Icons.CHECK_BOX_OUTLINE_BLANK,
                            _("Pick"),
                            act(state.pick, str(row.id)),
                        )
                    ]
                    if not row.is_own
                    else []
                ),
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
