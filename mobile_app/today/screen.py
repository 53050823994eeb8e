"""Today: one card at a time. Dial, tap what came of it, and the next card is there."""

import flet as ft

from mobile_app.conversations.parts import LogPanel
from mobile_app.conversations.state import LogConversation
from mobile_app.session import use_book, use_session
from mobile_app.shell import tab_view
from mobile_app.today.parts import BriefLines, TaskRow, why_pills
from mobile_app.today.state import Today
from shared.domain import tasks as queue
from shared.ui.feedback import EmptyState, ProblemBanner, Skeleton, act, typed
from shared.ui.parts import MAX_ROWS, card, chip, chips, docked, icon_button, primary_button, section, text_button, text_field
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE, GAP, TARGET
from shared.ui.view import component, screen


@screen
def TodayScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: session.kept(f"today {_.language}", lambda: Today(session, _)))
    use_book(state.load, again=session.me)
    name = _("Show the card") if state.show_list else _("Show the list")
    toggle = icon_button("toggle-list", ft.Icons.VIEW_AGENDA_OUTLINED if state.show_list else ft.Icons.LIST, name, act(state.toggle_list))
    refresh = icon_button("refresh", ft.Icons.REFRESH, _("Refresh"), act(state.refresh))
    if not state.loaded:  # half a queue would jump under the thumb
        return tab_view("today", _("Today"), ft.Container(Skeleton(3), expand=True), actions=[refresh])
    if state.show_list:
        rows = [TaskRow(t, c, act(state.choose, str(t.id)), s, key=str(t.id)) for t, c, s in state.due[:MAX_ROWS]]
        return tab_view("today", _("Today"), ft.ListView([DoneJustNow(state), *rows, PendingList(state)], expand=True), actions=[refresh, toggle])
    if state.current is None:
        text = (
            _("%(n)d done today.") % {"n": state.done}
            if state.done
            else _("When the rules or an agreed date bring someone up, the card appears here.")
        )
        body: ft.Control = ft.ListView(
            [OfferCard(state), EmptyState(ft.Icons.TASK_ALT, _("Nothing is due"), text), DoneJustNow(state), PendingList(state)], expand=True
        )
        may_log = session.me is not None and session.me.may("log_conversation")
        bottom = (
            docked(primary_button("log-any", _("Log a conversation"), lambda e: e.page.navigate("/log"), icon=ft.Icons.EDIT_NOTE))
            if may_log
            else None
        )
        return tab_view("today", _("Today"), body, actions=[refresh, toggle], bottom=bottom)
    return tab_view(
        "today",
        _("Today"),
        ft.ListView([Progress(state), OfferCard(state), OpenCard(state, state.log)], expand=True, build_controls_on_demand=False),
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
    if state.missed:
        words += " · " + _("%(n)d missed") % {"n": state.missed}
    return ft.Container(
        padding=ft.Padding.only(left=EDGE, right=EDGE, top=4, bottom=GAP),
        content=ft.Column(
            [ft.Semantics(identifier="progress", label=words, content=ft.Text(words, color=ft.Colors.ON_SURFACE_VARIANT, size=13)), ft.ProgressBar(value=finished / total if total else 0, border_radius=4, bar_height=6)],
            spacing=6, horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        ),
    )  # fmt: skip


@component
def OpenCard(state: Today, log: LogConversation | None) -> ft.Control:
    """The customer to call now, what to know, and where to put what was said. `log` is an argument so that its changes draw this anew."""
    session, _ = use_session(), use_text()
    if state.current is None or state.card is None or log is None:
        return Skeleton(2)
    task, customer, standing = state.current
    level = session.config.level(customer.level) if session.config else None
    missed = queue.is_missed(task, session.today, state.local(session.now()).time(), session.config)
    head = ft.Row(
        [
            ft.Column(
                [
                    ft.Semantics(identifier="card-name", content=ft.Text(customer.name or "—", theme_style=ft.TextThemeStyle.HEADLINE_SMALL, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS)),
                    ft.Text(" · ".join(x for x in (customer.phone, _.label(level.label) if level else None) if x), color=ft.Colors.ON_SURFACE_VARIANT),
                ],
                expand=True, spacing=2,
            ),
            icon_button("open-customer", ft.Icons.CHEVRON_RIGHT, _("Open the customer"), lambda e: e.page.navigate(f"/customers/{customer.id}"), width=TARGET, height=TARGET),
        ]
    )  # fmt: skip
    pills = ft.Row(why_pills(_, task, session.today, standing, missed), wrap=True, spacing=6, run_spacing=6)
    inside: list[ft.Control] = [head, pills]
    if log.chosen is None and not state.cancelling:  # once there is an outcome or a question, the words need the room
        inside += [ft.Divider(height=1), BriefLines(state.card, task)]
    if state.card.promises:
        inside.append(OpenPromises(state))
    if state.scripts or state.quote:
        inside.append(Helps(state))
    body: list[ft.Control] = [card(*inside)]
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
        body.append(LogPanel(log, key=str(task.id)))
    if state.problem:
        body.insert(0, ProblemBanner(state.problem))
    return ft.Container(
        padding=ft.Padding.only(left=EDGE, right=EDGE, bottom=EDGE),
        content=ft.Column(body, spacing=16, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
    )


@component
def OpenPromises(state: Today) -> ft.Control:
    """What this customer was promised and is still owed."""
    session, _ = use_session(), use_text()
    promises = state.card.promises if state.card else ()
    rows: list[ft.Control] = [
        ft.Row(
            [
                ft.Icon(ft.Icons.EVENT_AVAILABLE, size=18, color=ft.Colors.ERROR if p.due_on <= session.today else ft.Colors.PRIMARY),
                ft.Text(f"{p.words or ''} · {_.day(p.due_on, session.today)}", expand=True),
                icon_button(f"keep-promise-{n}", ft.Icons.CHECK, _("Kept"), act(state.end_promise, p.id, "kept"), width=TARGET, height=TARGET),
                icon_button(f"drop-promise-{n}", ft.Icons.CLOSE, _("Not wanted any more"), act(state.end_promise, p.id, "dropped"), width=TARGET, height=TARGET),
            ]
        )
        for n, p in enumerate(promises[:5])
    ]  # fmt: skip
    return ft.Column(rows, spacing=0) if rows else ft.Container()


@component
def Helps(state: Today) -> ft.Control:
    """The script beside the call, and the quote text to copy: both one tap away, both without a network."""
    _ = use_text()
    scripts, quote = state.scripts, state.quote
    row: list[ft.Control] = []
    if scripts:
        row.append(
            chip("script", _("What to say"), selected=state.show_script, on_click=act(state.toggle_script), icon=ft.Icons.RECORD_VOICE_OVER_OUTLINED)
        )
    if quote:
        row.append(
            chip(
                "copy-quote",
                _("Copy the quote"),
                selected=False,
                on_click=act(state.say_copied),
                icon=ft.Icons.COPY,
                action=ft.CopyToClipboard(quote),
            )
        )
    if not row:
        return ft.Container()
    parts: list[ft.Control] = [ft.Row(row, wrap=True, spacing=GAP, run_spacing=GAP)]
    if state.show_script:
        parts += [
            ft.Semantics(
                identifier=f"script-{script.key}".replace("_", "-"),
                content=ft.Column([ft.Text(_.label(script.label), weight=ft.FontWeight.W_600), ft.Text(text, selectable=True)], spacing=4),
            )
            for script, text in scripts[:1]
        ]
    return ft.Column(parts, spacing=GAP, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@component
def OfferCard(state: Today) -> ft.Control:
    """After the last try: a text for somebody who was not reached."""
    _ = use_text()
    if state.offer is None:
        return ft.Container()
    copy = chip(
        "copy-message",
        _("Copy the text"),
        selected=True,
        on_click=act(state.close_offer),
        icon=ft.Icons.COPY,
        action=ft.CopyToClipboard(state.offer.text),
    )
    return ft.Container(
        card(
            ft.Text(_("%(name)s was not reached %(n)d times. Send a message instead?") % {"name": state.offer.name, "n": state.offer.tries}),
            ft.Text(state.offer.text, color=ft.Colors.ON_SURFACE_VARIANT, max_lines=4, overflow=ft.TextOverflow.ELLIPSIS),
            ft.Row([copy, text_button("close-offer", _("No"), act(state.close_offer))]),
        ),
        padding=ft.Padding.only(left=EDGE, right=EDGE, bottom=12),
    )


@component
def CardActions(state: Today, log: LogConversation | None) -> ft.Control:
    """What the thumb does: dial, save, or ask to cancel."""
    session, _ = use_session(), use_text()
    if state.current is None or log is None:
        return ft.Container()
    _task, customer, _standing = state.current
    if state.cancelling:
        return docked(
            primary_button("send-cancel", _("Send to the manager"), act(state.send_cancel), disabled=state.reason is None),
            text_button("stop-cancel", _("Back"), act(state.stop_cancel)),
        )
    if log.chosen is not None:
        save = primary_button("save-conversation", _("Save and next"), act(log.save), icon=ft.Icons.CHECK)
        return docked(ft.Row([text_button("clear-outcome", _("Back"), act(log.clear_outcome)), ft.Container(save, expand=True)]))
    may_dial = bool(customer.phone) and "*" not in (customer.phone or "") and not customer.call_block
    dial = ft.OpenUrl(f"tel:{customer.phone}") if may_dial else None
    label = (
        _("Dial")
        if may_dial
        else _("Asked not to be called")
        if customer.do_not_call
        else _("Took his consent back")
        if customer.call_block
        else _("No number to call")
    )
    days = [
        chip(f"snooze-{(d - session.today).days}", _.day(d, session.today), selected=False, on_click=act(state.snooze, d))
        for d in state.snooze_days()
    ]
    later = [text_button("snooze", _("Later"), act(state.toggle_snooze), icon=ft.Icons.SNOOZE, narrow=True)] if state.may_be_put_off else []
    return docked(
        *(snooze_days(_, state, days) if state.snoozing else []),
        primary_button("dial", label, act(log.dial), icon=ft.Icons.CALL, disabled=not may_dial, action=dial),
        ft.Row(
            [
                text_button("start-cancel", _("Cannot be done"), act(state.start_cancel), icon=ft.Icons.BLOCK, narrow=True),
                *later,
                text_button("log-any", _("Log"), lambda e: e.page.navigate("/log"), icon=ft.Icons.EDIT_NOTE, narrow=True),
            ],
            alignment=ft.MainAxisAlignment.SPACE_BETWEEN, wrap=True, spacing=0,
        ),
    )  # fmt: skip


def snooze_days(_: Texts, state: Today, days: list[ft.Control]) -> list[ft.Control]:
    """The days to choose from; beyond the limit the same tap asks the manager, who is told why."""
    if state.snoozes_left:
        note = _.many("May be put off %(n)d more time", "May be put off %(n)d more times", state.snoozes_left)
        return [ft.Row(days, wrap=True, spacing=GAP), ft.Text(note, size=12, color=ft.Colors.ON_SURFACE_VARIANT)]
    words = text_field("snooze-words", _("Remark for the manager"), state.cancel_words, typed(state.set_cancel_words), multiline=True, max_lines=3)
    note = _("Put off as often as may be: choose a day, and the manager decides.")
    return [words, ft.Row(days, wrap=True, spacing=GAP), ft.Text(note, size=12, color=ft.Colors.ON_SURFACE_VARIANT)]


@component
def DoneJustNow(state: Today) -> ft.Control:
    """What was done in the last ten minutes, each with a way back (F-21)."""
    _ = use_text()
    if not state.undoable:
        return ft.Container()
    what = {"log_conversation": _("Conversation logged"), "request_cancel": _("Sent to the manager"), "snooze_task": _("Put off")}
    rows = [
        ft.Container(
            ft.Row(
                [
                    ft.Column([ft.Text(title or "—"), ft.Text(what[verb], size=12, color=ft.Colors.ON_SURFACE_VARIANT)], spacing=0, expand=True),
                    text_button(f"undo-{n}", _("Undo"), act(state.undo, op_id), icon=ft.Icons.UNDO),
                ]
            ),
            padding=ft.Padding.symmetric(horizontal=EDGE, vertical=4),
        )
        for n, (op_id, verb, title, _at) in enumerate(state.undoable)
    ]
    return ft.Column(
        [
            ft.Container(section(_("Done in the last ten minutes")), padding=ft.Padding.only(left=EDGE, right=EDGE, top=8)),
            *rows,
            ft.Divider(height=1),
        ],
        spacing=0,
    )


@component
def PendingList(state: Today) -> ft.Control:
    """Requests that wait for the manager: visible, not done (S-07)."""
    _ = use_text()
    if not state.pending:
        return ft.Container()
    rows = [TaskRow(t, c, None, s, key=f"pending-{t.id}") for t, c, s in state.pending[:20]]
    return ft.Column([ft.Container(section(_("With the manager")), padding=EDGE), *rows], spacing=0)
