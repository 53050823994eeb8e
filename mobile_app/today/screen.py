"""Today: one card at a time. Dial, tap what came of it, and the next card is there."""

from datetime import date

import flet as ft

from mobile_app.conversations.call_aids import CallAids
from mobile_app.conversations.state import LogConversation
from mobile_app.conversations.widgets import LogPanel
from mobile_app.customers.brief import BriefLines
from mobile_app.numbers import CustomerPhone
from mobile_app.session import Session, use_local_data, use_session
from mobile_app.shell import tab_view
from mobile_app.today.state import Today
from mobile_app.today.widgets import TaskRow, why_pills
from shared.domain import tasks as queue
from shared.domain.config import StoreConfig
from shared.domain.records import Customer
from shared.ui.feedback import EmptyState, ProblemBanner, Skeleton, act, not_loaded, typed
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE, GAP, TARGET
from shared.ui.view import component, screen
from shared.ui.widgets import (
    MAX_ROWS,
    bottom_bar,
    card,
    chip,
    chips,
    icon_button,
    primary_button,
    section,
    text_button,
    text_field,
)


@screen
def TodayScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(
        lambda: session.kept(f"today {_.language}", lambda: Today(session, _))
    )
    use_local_data(state.load, again=session.me)
    name = _("Show the card") if state.show_list else _("Show the list")
    toggle = icon_button(
        "toggle-list",
        ft.Icons.VIEW_AGENDA_OUTLINED if state.show_list else ft.Icons.LIST,
        name,
        act(state.toggle_list),
    )
    refresh = icon_button("refresh", ft.Icons.REFRESH, _("Refresh"), act(state.refresh))
    if not state.loaded:  # half a queue would jump under the thumb
        body: ft.Control = ft.Container(not_loaded(state.problem, act(state.load), 3), expand=True)
        return tab_view("today", _("Today"), body, actions=[refresh])
    bottom = None
    if state.show_list:
        body = ft.ListView([RecentlyDone(state), *due_rows(state), PendingList(state)], expand=True)
    elif state.current is None:
        body, bottom = nothing_due(_, state), log_any_bar(_, session)
    else:
        body = ft.ListView(
            [
                Progress(state),
                OfferCard(state),
                OpenCard(state, state.log, state.log and state.log.phone),
            ],
            expand=True,
            build_controls_on_demand=False,
        )
        bottom = CardActions(state, state.log, state.log and state.log.phone)
    return tab_view("today", _("Today"), body, actions=[refresh, toggle], bottom=bottom)


def due_rows(state: Today) -> list[ft.Control]:
    return [
        TaskRow(t, c, act(state.choose, str(t.id)), s, key=str(t.id))
        for t, c, s in state.due[:MAX_ROWS]
    ]


def nothing_due(_: Texts, state: Today) -> ft.Control:
    text = (
        _("%(n)d done today.") % {"n": state.done}
        if state.done
        else _("Cards appear here when a follow-up or a scheduled call is due.")
    )
    return ft.ListView(
        [
            OfferCard(state),
            EmptyState(ft.Icons.TASK_ALT, _("Nothing due today"), text),
            RecentlyDone(state),
            PendingList(state),
        ],
        expand=True,
    )


def log_any_bar(_: Texts, session: Session) -> ft.Control | None:
    if session.me is None or not session.me.may("log_conversation"):
        return None
    return bottom_bar(
        primary_button(
            "log-any",
            _("Log a conversation"),
            lambda e: e.page.navigate("/log"),
            icon=ft.Icons.EDIT_NOTE,
        )
    )


@component
def Progress(state: Today) -> ft.Control:
    _ = use_text()
    total = state.done + len(state.due) + len(state.pending)
    finished = state.done
    notes = _("%(done)d of %(total)d") % {"done": finished, "total": total}
    if state.pending:
        notes += " · " + _("%(n)d waiting for approval") % {"n": len(state.pending)}
    if state.missed:
        notes += " · " + _("%(n)d missed") % {"n": state.missed}
    return ft.Container(
        padding=ft.Padding.only(left=EDGE, right=EDGE, top=4, bottom=GAP),
        content=ft.Column(
            [
                ft.Semantics(
                    identifier="progress",
                    label=notes,
                    content=ft.Text(notes, color=ft.Colors.ON_SURFACE_VARIANT, size=13),
                ),
                ft.ProgressBar(
                    value=finished / total if total else 0, border_radius=4, bar_height=6
                ),
            ],
            spacing=6,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        ),
    )


@component
def OpenCard(state: Today, log: LogConversation | None, phone: CustomerPhone | None) -> ft.Control:
    """The customer to call now, what to know, and where to put what was said. `log` and its `phone`
    are arguments so that their changes draw this again."""
    session, _ = use_session(), use_text()
    if state.current is None or state.card is None or log is None or phone is None:
        return Skeleton(2)
    task, customer, standing = state.current
    missed = queue.is_missed(
        task, session.clock.today, session.clock.local(session.clock.now()).time(), session.config
    )
    pills = ft.Row(
        why_pills(_, session, task, standing, missed),
        wrap=True,
        spacing=6,
        run_spacing=6,
    )
    inside: list[ft.Control] = [card_head(_, session.config, customer, phone.shown), pills]
    if (
        log.chosen is None and not state.cancelling
    ):  # once there is an outcome or a question, the words need the room
        inside += [ft.Divider(height=1), BriefLines(state.card, task, key=str(task.id))]
    if state.card.promises:
        inside.append(OpenPromises(state))
    if log.call_texts.scripts(log.outcome) or log.call_texts.quote:
        inside.append(CallAids(log.call_texts, log.outcome))
    body: list[ft.Control] = [card(*inside)]
    if state.cancelling:
        body.append(cancellation(_, session.config, state))
    else:
        body.append(LogPanel(log, log.plan, key=str(task.id)))
    if problem := state.problem or log.problem or phone.problem:
        body.insert(0, ProblemBanner(problem))
    return ft.Container(
        padding=ft.Padding.only(left=EDGE, right=EDGE, bottom=EDGE),
        content=ft.Column(body, spacing=16, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
    )


def card_head(
    _: Texts, config: StoreConfig | None, customer: Customer, shown_phone: str
) -> ft.Control:
    """Name, number and level, and the way to the whole card."""
    level = config.level(customer.level) if config else None
    facts = (shown_phone or customer.phone, _.label(level.label) if level else None)
    name = ft.Text(
        customer.name or "—",
        theme_style=ft.TextThemeStyle.HEADLINE_SMALL,
        max_lines=2,
        overflow=ft.TextOverflow.ELLIPSIS,
    )
    return ft.Row(
        [
            ft.Column(
                [
                    ft.Semantics(identifier="card-name", content=name),
                    ft.Text(" · ".join(x for x in facts if x), color=ft.Colors.ON_SURFACE_VARIANT),
                ],
                expand=True,
                spacing=2,
            ),
            icon_button(
                "open-customer",
                ft.Icons.CHEVRON_RIGHT,
                _("Open the customer"),
                lambda e: e.page.navigate(f"/customers/{customer.id}"),
                width=TARGET,
                height=TARGET,
            ),
        ]
    )


def cancellation(_: Texts, config: StoreConfig | None, state: Today) -> ft.Control:
    """Why the task cannot be done, for the manager."""
    reasons = [(r.key, _.label(r.label)) for r in config.reasons_for("cancel")] if config else []
    return section(
        _("Why can't it be done?"),
        chips("reason", reasons, state.reason, lambda key: act(state.choose_reason, key)),
        text_field(
            "cancel-words",
            _("Notes for the manager"),
            state.cancel_notes,
            typed(state.set_cancel_notes),
            multiline=True,
            max_lines=3,
        ),
    )


@component
def OpenPromises(state: Today) -> ft.Control:
    """What this customer was promised and is still owed."""
    session, _ = use_session(), use_text()
    promises = state.card.promises if state.card else ()
    rows: list[ft.Control] = [
        ft.Row(
            [
                ft.Icon(
                    ft.Icons.EVENT_AVAILABLE,
                    size=18,
                    color=ft.Colors.ERROR if p.due_on <= session.clock.today else ft.Colors.PRIMARY,
                ),
                ft.Text(f"{p.notes or ''} · {_.day(p.due_on, session.clock.today)}", expand=True),
                icon_button(
                    f"keep-promise-{n}",
                    ft.Icons.CHECK,
                    _("Kept"),
                    act(state.close_promise, p.id, "kept"),
                    width=TARGET,
                    height=TARGET,
                ),
                icon_button(
                    f"drop-promise-{n}",
                    ft.Icons.CLOSE,
                    _("No longer needed"),
                    act(state.close_promise, p.id, "dropped"),
                    width=TARGET,
                    height=TARGET,
                ),
            ]
        )
        for n, p in enumerate(promises[:5])
    ]
    return ft.Column(rows, spacing=0) if rows else ft.Container()


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
            ft.Text(
                _("%(name)s was not reached in %(n)d attempts. Send a text message instead?")
                % {"name": state.offer.name, "n": state.offer.attempts}
            ),
            ft.Text(
                state.offer.text,
                color=ft.Colors.ON_SURFACE_VARIANT,
                max_lines=4,
                overflow=ft.TextOverflow.ELLIPSIS,
            ),
            ft.Row([copy, text_button("close-offer", _("No"), act(state.close_offer))]),
        ),
        padding=ft.Padding.only(left=EDGE, right=EDGE, bottom=12),
    )


@component
def CardActions(
    state: Today, log: LogConversation | None, phone: CustomerPhone | None
) -> ft.Control:
    """What the thumb does: dial, save, or ask to cancel."""
    session, _ = use_session(), use_text()
    if state.current is None or log is None or phone is None:
        return ft.Container()
    if state.cancelling:
        return bottom_bar(
            primary_button(
                "send-cancel",
                _("Send to the manager"),
                act(state.send_cancel),
                disabled=state.reason is None,
            ),
            text_button("stop-cancel", _("Back"), act(state.stop_cancel)),
        )
    if log.chosen is not None:
        save = primary_button(
            "save-conversation", _("Save and next"), act(log.save), icon=ft.Icons.CHECK
        )
        back = text_button("clear-outcome", _("Back"), act(log.clear_outcome))
        return bottom_bar(ft.Row([back, ft.Container(save, expand=True)]))
    return bottom_bar(
        *(snooze_days(_, session.clock.today, state) if state.snoozing else []),
        dial_button(_, log, phone),
        other_ways(_, state),
    )


def dial_button(_: Texts, log: LogConversation, phone: CustomerPhone) -> ft.Control:
    """Dial, or show the masked number first, or say why there is nothing to dial."""
    if phone.can_show:
        return primary_button(
            "show-number", _("Show the number"), act(phone.show), icon=ft.Icons.VISIBILITY
        )
    if phone.number:
        label = _("Dial")
    elif phone.customer.do_not_call:
        label = _("Customer asked not to be called")
    else:
        label = _("Consent withdrawn") if phone.customer.call_block else _("No number to call")
    return primary_button(
        "dial",
        label,
        act(log.dial),
        icon=ft.Icons.CALL,
        disabled=not phone.number,
        action=ft.OpenUrl(f"tel:{phone.number}") if phone.number else None,
    )


def other_ways(_: Texts, state: Today) -> ft.Control:
    """Not to be done, not now, or somebody else called."""
    later = text_button(
        "snooze", _("Postpone"), act(state.toggle_snooze), icon=ft.Icons.SNOOZE, narrow=True
    )
    return ft.Row(
        [
            text_button(
                "start-cancel",
                _("Cannot be done"),
                act(state.start_cancel),
                icon=ft.Icons.BLOCK,
                narrow=True,
            ),
            *([later] if state.can_snooze else []),
            text_button(
                "log-any",
                _("Log"),
                lambda e: e.page.navigate("/log"),
                icon=ft.Icons.EDIT_NOTE,
                narrow=True,
            ),
        ],
        alignment=ft.MainAxisAlignment.SPACE_BETWEEN,
        wrap=True,
        spacing=0,
    )


def snooze_days(_: Texts, today: date, state: Today) -> list[ft.Control]:
    """The days to choose from; beyond the limit the same tap asks the manager, who is told why."""
    days = ft.Row(
        [
            chip(
                f"snooze-{(d - today).days}",
                _.day(d, today),
                selected=False,
                on_click=act(state.snooze, d),
            )
            for d in state.snooze_days()
        ],
        wrap=True,
        spacing=GAP,
    )
    if state.snoozes_left:
        note = _.many(
            "Can be postponed %(n)d more time",
            "Can be postponed %(n)d more times",
            state.snoozes_left,
        )
        return [days, ft.Text(note, size=12, color=ft.Colors.ON_SURFACE_VARIANT)]
    notes = text_field(
        "snooze-words",
        _("Notes for the manager"),
        state.cancel_notes,
        typed(state.set_cancel_notes),
        multiline=True,
        max_lines=3,
    )
    note = _("Postponement limit reached. Choose a day; your manager decides.")
    return [notes, days, ft.Text(note, size=12, color=ft.Colors.ON_SURFACE_VARIANT)]


@component
def RecentlyDone(state: Today) -> ft.Control:
    """What was done in the last ten minutes, each with a way back (F-21)."""
    _ = use_text()
    if not state.undoable:
        return ft.Container()
    what = {
        "log_conversation": _("Conversation logged"),
        "request_cancellation": _("Sent to the manager"),
        "snooze_task": _("Postponed"),
    }
    rows = [
        ft.Container(
            ft.Row(
                [
                    ft.Column(
                        [
                            ft.Text(title or "—"),
                            ft.Text(what[verb], size=12, color=ft.Colors.ON_SURFACE_VARIANT),
                        ],
                        spacing=0,
                        expand=True,
                    ),
                    text_button(f"undo-{n}", _("Undo"), act(state.undo, op_id), icon=ft.Icons.UNDO),
                ]
            ),
            padding=ft.Padding.symmetric(horizontal=EDGE, vertical=4),
        )
        for n, (op_id, verb, title, _at) in enumerate(state.undoable)
    ]
    return ft.Column(
        [
            ft.Container(
                section(_("Done in the last ten minutes")),
                padding=ft.Padding.only(left=EDGE, right=EDGE, top=8),
            ),
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
    return ft.Column(
        [ft.Container(section(_("Waiting for approval")), padding=EDGE), *rows], spacing=0
    )
