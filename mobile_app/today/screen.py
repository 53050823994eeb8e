"""Today: one card at a time. Dial, tap what came of it, and the next card is there."""

import flet as ft

from mobile_app.conversations.parts import LogPanel
from mobile_app.conversations.state import LogConversation
from mobile_app.session import use_session
from mobile_app.shell import tab_view
from mobile_app.today.parts import BriefLines, TaskRow, why_pills
from mobile_app.today.state import Today
from shared.ui.feedback import EmptyState, ProblemBanner, Skeleton, act, typed
from shared.ui.parts import MAX_ROWS, card, chips, docked, icon_button, primary_button, section, text_button, text_field
from shared.ui.text import use_text
from shared.ui.theme import EDGE, GAP
from shared.ui.view import component, screen


@screen
def TodayScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: Today(session, _))
    ft.use_effect(act(state.load), [session.revision, session.me])
    toggle = icon_button(
        "toggle-list", ft.Icons.VIEW_AGENDA_OUTLINED if state.show_list else ft.Icons.LIST, _("Show the list"), act(state.toggle_list)
    )
    refresh = icon_button("refresh", ft.Icons.REFRESH, _("Refresh"), act(session.pull_now))
    if not state.loaded or not (session.sync.complete or session.sync.trouble):  # half a queue would jump under the thumb
        return tab_view("today", _("Today"), ft.Container(Skeleton(3), expand=True), actions=[refresh])
    if state.current is None:
        text = (
            _("%(n)d done today.") % {"n": state.done}
            if state.done
            else _("When the rules or an agreed date bring someone up, the card appears here.")
        )
        body: ft.Control = ft.ListView([EmptyState(ft.Icons.TASK_ALT, _("Nothing is due"), text), PendingList(state)], expand=True)
        return tab_view("today", _("Today"), body, actions=[refresh])
    if state.show_list:
        rows = [TaskRow(t, c, act(state.choose, str(t.id)), key=str(t.id)) for t, c in state.due[:MAX_ROWS]]
        return tab_view("today", _("Today"), ft.ListView([*rows, PendingList(state)], expand=True), actions=[refresh, toggle])
    return tab_view(
        "today",
        _("Today"),
        ft.ListView([Progress(state), OpenCard(state)], expand=True, build_controls_on_demand=False),
        actions=[refresh, toggle],
        bottom=CardActions(state, state.log),
    )


@component
def Progress(state: Today) -> ft.Control:
    _ = use_text()
    total = state.done + len(state.due) + len(state.pending)
    finished = state.done
    words = _("%(done)d of %(total)d") % {"done": finished, "total": total}
    if state.pending:
        words += " · " + _("%(n)d with the manager") % {"n": len(state.pending)}
    return ft.Container(
        padding=ft.Padding.only(left=EDGE, right=EDGE, top=4, bottom=GAP),
        content=ft.Column(
            [ft.Semantics(identifier="progress", label=words, content=ft.Text(words, color=ft.Colors.ON_SURFACE_VARIANT, size=13)), ft.ProgressBar(value=finished / total if total else 0, border_radius=4, bar_height=6)],
            spacing=6, horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        ),
    )  # fmt: skip


@component
def OpenCard(state: Today) -> ft.Control:
    """The customer to call now, what to know, and where to put what was said."""
    session, _ = use_session(), use_text()
    if state.current is None or state.card is None or state.log is None:
        return Skeleton(2)
    task, customer = state.current
    level = session.config.level(customer.level) if session.config else None
    head = ft.Row(
        [
            ft.Column(
                [
                    ft.Semantics(identifier="card-name", content=ft.Text(customer.name or "—", theme_style=ft.TextThemeStyle.HEADLINE_SMALL, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS)),
                    ft.Text(" · ".join(x for x in (customer.phone, _.label(level.label) if level else None) if x), color=ft.Colors.ON_SURFACE_VARIANT),
                ],
                expand=True, spacing=2,
            ),
            icon_button("open-customer", ft.Icons.CHEVRON_RIGHT, _("Open the customer"), lambda e: e.page.navigate(f"/customers/{customer.id}")),
        ]
    )  # fmt: skip
    body: list[ft.Control] = [
        card(head, ft.Row(why_pills(_, task, session.today), wrap=True, spacing=6, run_spacing=6), ft.Divider(height=1), BriefLines(state.card, task))
    ]
    if state.cancelling:
        reasons = [(r.key, _.label(r.label)) for r in session.config.reasons_for("cancel")] if session.config else []
        body.append(
            section(
                _("Why can it not be done?"),
                chips("reason", reasons, state.reason, lambda key: act(state.choose_reason, key)),
                text_field(
                    "cancel-words", _("Remark for the manager"), state.cancel_words, typed(state.set_cancel_words), multiline=True, max_lines=3
                ),
            )
        )
    else:
        body.append(LogPanel(state.log, key=str(task.id)))
    if state.problem:
        body.insert(0, ProblemBanner(state.problem))
    return ft.Container(
        padding=ft.Padding.only(left=EDGE, right=EDGE, bottom=EDGE),
        content=ft.Column(body, spacing=16, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
    )


@component
def CardActions(state: Today, log: LogConversation | None) -> ft.Control:
    """What the thumb does: dial, save, or ask to cancel."""
    _ = use_text()
    if state.current is None or log is None:
        return ft.Container()
    task, customer = state.current
    if state.cancelling:
        return docked(
            primary_button("send-cancel", _("Send to the manager"), act(state.send_cancel), disabled=state.reason is None),
            text_button("stop-cancel", _("Back"), act(state.stop_cancel)),
        )
    if log.chosen is not None:
        return docked(primary_button("save-conversation", _("Save and next"), act(log.save), icon=ft.Icons.CHECK))
    may_dial = bool(customer.phone) and "*" not in (customer.phone or "") and not customer.do_not_call
    dial = ft.OpenUrl(f"tel:{customer.phone}") if may_dial else None
    later = [text_button("snooze", _("Tomorrow"), act(state.snooze, 1), icon=ft.Icons.SNOOZE)] if task.rank != 0 and task.snoozes < 3 else []
    return docked(
        primary_button(
            "dial", _("Dial") if may_dial else _("No number to call"), act(log.dial), icon=ft.Icons.CALL, disabled=not may_dial, action=dial
        ),
        ft.Row(
            [text_button("start-cancel", _("Cannot be done"), act(state.start_cancel), icon=ft.Icons.BLOCK), *later],
            alignment=ft.MainAxisAlignment.SPACE_BETWEEN,
        ),
    )


@component
def PendingList(state: Today) -> ft.Control:
    """Requests that wait for the manager: visible, not done (S-07)."""
    _ = use_text()
    if not state.pending:
        return ft.Container()
    rows = [TaskRow(t, c, None, key=f"pending-{t.id}") for t, c in state.pending[:20]]
    return ft.Column([ft.Container(section(_("With the manager")), padding=EDGE), *rows], spacing=0)
