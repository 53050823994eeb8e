"""The team: leads without an owner, customers whose time is over, and what anyone has to do
today."""

import flet as ft

from mobile_app.customers.widgets import CustomerRow, waiting_pills
from mobile_app.funnel.screen import DealRow
from mobile_app.session import Session, use_local_data, use_session
from mobile_app.shell import tab_view
from mobile_app.team.loan import LoanOf
from mobile_app.team.next_steps import NextSteps
from mobile_app.team.renewal_rates import shows_renewal_rates
from mobile_app.team.state import GivenLead, Team
from shared.domain.config import StoreConfig
from shared.domain.records import Customer
from shared.gateway.tasks import Queue
from shared.gateway.team import MemberConversation
from shared.gateway.transfers import (
    LastConversation,
    OverdueCustomer,
    Pooled,
    TransferCandidate,
)
from shared.ui.feedback import EmptyState, ProblemBanner, Skeleton, act
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE, GAP
from shared.ui.view import component, screen
from shared.ui.widgets import (
    MAX_ROWS,
    bottom_bar,
    card,
    chips,
    icon_button,
    identified,
    pill,
    primary_button,
    secondary_button,
    text_button,
)


@screen
def TeamScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: Team(session, _))
    use_local_data(state.load)
    refresh = icon_button("refresh", ft.Icons.REFRESH, _("Refresh"), act(state.load))
    parts = [("leads", _("New leads")), ("pending", _("To reassign")), ("queues", _("Colleagues"))]
    head = ft.Column(
        [
            Numbers(shows_renewal_rates(session)),
            ft.Container(
                chips("part", parts, state.part, lambda key: act(state.choose_part, key)),
                padding=ft.Padding.symmetric(horizontal=EDGE, vertical=GAP),
            ),
        ],
        spacing=0,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    blocks: list[ft.Control] = (
        [ProblemBanner(state.problem, act(state.load))] if state.problem else []
    )
    if not state.loaded:
        blocks.append(Skeleton(4))
    elif state.part == "leads":
        blocks.append(LeadList(state, key="leads"))
    elif state.part == "pending":
        if state.next_steps is not None:
            blocks.append(NextSteps(state.next_steps, key="next-steps"))
        blocks.append(OverdueList(state, key="pending"))
    else:
        blocks.append(Queues(state, key="queues"))
    body = ft.Column(
        [head, ft.ListView(blocks, expand=True)],
        expand=True,
        spacing=0,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    return tab_view(
        "team",
        _("My team"),
        body,
        actions=[refresh],
        bottom=(
            AssignPanel(state, state.chosen, state.receiver, state.last_given)
            if state.part == "leads" and (state.leads or state.last_given)
            else None
        ),
    )


@component
def Numbers(shows_rates: bool) -> ft.Control:
    """The ways to what is counted, side by side: the list below them needs the room."""
    _ = use_text()
    ways = [
        ("meeting", _("Meeting sheet"), "/team/meeting", ft.Icons.TABLE_CHART_OUTLINED),
        ("report", _("Reports"), "/team/report", ft.Icons.INSIGHTS),
        ("renewal-rates", _("Renewal rates"), "/team/renewals", ft.Icons.AUTORENEW),
    ]
    buttons = [
        text_button(name, label, lambda e, route=route: e.page.navigate(route), icon=icon)
        for name, label, route, icon in ways
        if shows_rates or name != "renewal-rates"
    ]
    return ft.Container(
        ft.Row([*buttons], wrap=True, spacing=0, run_spacing=0),
        padding=ft.Padding.symmetric(horizontal=GAP // 2),
    )


@component
def LeadList(state: Team) -> ft.Control:
    _ = use_text()
    parts: list[ft.Control] = []
    if state.pools and len(state.pools.pools) > 1:
        options = [(p.key, f"{_.label(p.label)} {p.customers}") for p in state.pools.pools]
        parts.append(
            ft.Container(
                chips("pool", options, state.pools.pool, lambda key: act(state.choose_pool, key)),
                padding=ft.Padding.only(left=EDGE, right=EDGE, bottom=GAP),
            )
        )
    if state.visits and state.visits.visits:
        v = state.visits
        words = _(
            "Last 30 days: %(visits)d visits · %(without)d without a next step · "
            "%(nameless)d without a name · recorded after %(minutes)d min"
        ) % {
            "visits": v.visits,
            "without": v.without_plan,
            "nameless": v.anonymous,
            "minutes": round((v.median_seconds or 0) / 60),
        }
        note = ft.Text(
            words,
            size=12,
            color=ft.Colors.ERROR if v.without_plan else ft.Colors.ON_SURFACE_VARIANT,
        )
        parts.append(
            ft.Container(
                identified("visits", note, label=words),
                padding=ft.Padding.only(left=EDGE, right=EDGE, bottom=GAP),
            )
        )
    if not state.leads:
        parts.append(
            EmptyState(
                ft.Icons.INBOX_OUTLINED,
                _("No customers here"),
                _("Leads without an owner appear in their pool."),
            )
        )
    parts += [
        LeadRow(row, str(row.id) in state.chosen, act(state.tap_lead, str(row.id)), key=str(row.id))
        for row in state.leads[:MAX_ROWS]
    ]
    return ft.Column(parts, spacing=0, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@component
def LeadRow(row: Pooled, chosen: bool, on_click) -> ft.Control:
    """The whole row is the tick: a thumb hits it."""
    session, _ = use_session(), use_text()
    pills = waiting_pills(_, session, row)
    words: list[ft.Control] = [
        ft.Text(
            row.name or "—",
            theme_style=ft.TextThemeStyle.TITLE_MEDIUM,
            max_lines=1,
            overflow=ft.TextOverflow.ELLIPSIS,
        ),
        *(
            [
                ft.Text(
                    row.need,
                    size=13,
                    color=ft.Colors.ON_SURFACE_VARIANT,
                    max_lines=1,
                    overflow=ft.TextOverflow.ELLIPSIS,
                )
            ]
            if row.need
            else []
        ),
        ft.Row(pills, wrap=True, spacing=6, run_spacing=6),
    ]
    mark = ft.Icon(
        ft.Icons.CHECK_CIRCLE if chosen else ft.Icons.RADIO_BUTTON_UNCHECKED,
        color=ft.Colors.PRIMARY if chosen else ft.Colors.OUTLINE,
    )
    box = ft.Container(
        ft.Row([mark, ft.Column(words, spacing=4, expand=True)], spacing=12),
        padding=ft.Padding.symmetric(horizontal=EDGE, vertical=10),
        ink=True,
        on_click=on_click,
        bgcolor=ft.Colors.SECONDARY_CONTAINER if chosen else None,
        border=ft.Border.only(bottom=ft.BorderSide(1, ft.Colors.OUTLINE_VARIANT)),
    )
    return identified(f"lead-{row.id}", box, button=True, selected=chosen)


@component
def AssignPanel(
    state: Team, chosen: list[str], receiver: str, last_given: GivenLead | None
) -> ft.Control:
    """Who gets them: after the leads are selected, in one tap for all; or before, then each lead is
    one tap (S-24)."""
    _ = use_text()
    name = next((h.name for h in state.new_owners if str(h.user_id) == receiver), "")
    if chosen:
        words = _("%(n)d selected. Assign to whom?") % {"n": len(chosen)}
    elif name:
        words = _("Each lead you tap goes to %(name)s.") % {"name": name}
    else:
        words = _("Choose who gets the leads, or select leads first.")
    if last_given:
        words += "\n" + _("Last: %(name)s") % {"name": (last_given.lead.name or "—")[:20]}
    row = [
        receiver_button(h, str(h.user_id) == receiver, act(state.hand_out, str(h.user_id)))
        for h in state.receivers
    ]
    head: list[ft.Control] = [
        ft.Text(words, size=13, color=ft.Colors.ON_SURFACE_VARIANT, expand=True)
    ]
    if last_given:
        head.append(text_button("undo-last", _("Undo"), act(state.undo_last), icon=ft.Icons.UNDO))
    return bottom_bar(
        ft.Row(head),
        # one line: the leads need the room, and who gets most of them stands first
        ft.Row([*row], scroll=ft.ScrollMode.HIDDEN, spacing=GAP),
    )


def receiver_button(member: TransferCandidate, is_receiver: bool, on_click) -> ft.Control:
    kind = ft.FilledButton if is_receiver else ft.FilledTonalButton
    button = kind(
        f"{member.name} · {member.customers}",
        icon=ft.Icons.CHECK if is_receiver else None,
        on_click=on_click,
        height=48,
    )
    return identified(f"target-{member.user_id}", button, selected=is_receiver)


@component
def OverdueList(state: Team) -> ft.Control:
    _ = use_text()
    if not state.overdue:
        return EmptyState(
            ft.Icons.TASK_ALT,
            _("Nothing to reassign"),
            _("Customers appear here when their level's time limit passes without a deal."),
        )
    rows: list[ft.Control] = [
        ft.Container(
            OverdueCard(state, row, state.open_row == str(row.id), key=str(row.id)),
            padding=ft.Padding.symmetric(horizontal=EDGE, vertical=6),
        )
        for row in state.overdue[:MAX_ROWS]
    ]
    return ft.Column(rows, spacing=0, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@component
def OverdueCard(state: Team, row: OverdueCustomer, is_open: bool) -> ft.Control:
    """The best of their colleagues, or me: one tap; anyone else: two."""
    session, _ = use_session(), use_text()
    head = ft.Text(
        row.name or "—",
        theme_style=ft.TextThemeStyle.TITLE_MEDIUM,
        max_lines=1,
        overflow=ft.TextOverflow.ELLIPSIS,
    )
    owner = ft.Text(
        _("Owner: %(name)s") % {"name": row.owner_name}, size=13, color=ft.Colors.ON_SURFACE_VARIANT
    )
    return card(
        head,
        owner,
        ft.Row(overdue_pills(_, session.config, row), wrap=True, spacing=6, run_spacing=6),
        *([last_conversation(_, session, row.last)] if row.last else []),
        *new_owner_choices(_, session, state, row, is_open),
        identifier=f"waiting-{row.id}",
    )


def overdue_pills(_: Texts, config: StoreConfig | None, row: OverdueCustomer) -> list[ft.Control]:
    """How long without a deal, the level, and when it falls."""
    level = config.level(row.level) if config else None
    pills = [pill(_("%(days)d days without a deal") % {"days": row.days}, tone="urgent")]
    if level:
        pills.append(pill(_.label(level.label)))
    if row.demote_after_days:
        left = max(row.demote_after_days + 1 - row.days, 0)
        pills.append(pill(_("Demoted in %(days)d days") % {"days": left}, tone="notice"))
    return pills


def last_conversation(_: Texts, session: Session, last: LastConversation) -> ft.Control:
    outcomes = session.config.labels("outcomes") if session.config else {}
    text = (
        f"{_.day(session.clock.day(last.occurred_at), session.clock.today)} · "
        f"{_.named(outcomes, last.outcome)}"
    )
    return ft.Text(
        f"{text}{_.colon}{last.notes}" if last.notes else text,
        size=13,
        color=ft.Colors.ON_SURFACE_VARIANT,
        max_lines=2,
        overflow=ft.TextOverflow.ELLIPSIS,
    )


def new_owner_choices(
    _: Texts, session: Session, state: Team, row: OverdueCustomer, is_open: bool
) -> list[ft.Control]:
    choices: list[ft.Control] = []
    if best := state.suggested(row):
        label = _("%(name)s · won %(won)d of %(decided)d") % {
            "name": best.name,
            "won": best.won,
            "decided": best.decided,
        }
        choices.append(
            primary_button(
                f"senior-{row.id}",
                label,
                act(state.pass_on, str(row.id), str(best.user_id)),
                icon=ft.Icons.WORKSPACE_PREMIUM,
            )
        )
    if session.me:
        mine = act(state.pass_on, str(row.id), str(session.me.user_id))
        choices.append(secondary_button(f"mine-{row.id}", _("Assign to me"), mine))
    if is_open:
        others = [
            identified(
                f"to-{row.id}-{h.user_id}",
                ft.OutlinedButton(
                    h.name, on_click=act(state.pass_on, str(row.id), str(h.user_id)), height=48
                ),
            )
            for h in state.others(row)
        ]
        choices.append(ft.Row(others, wrap=True, spacing=GAP, run_spacing=GAP))
    elif state.others(row):
        choices.append(
            text_button(f"other-{row.id}", _("Someone else"), act(state.open, str(row.id)))
        )
    return choices


@component
def Queues(state: Team) -> ft.Control:
    """Over someone's shoulder: their tasks of today, customers, deals and conversations (S-06)."""
    _ = use_text()
    people = [(str(h.user_id), h.name) for h in state.new_owners]
    parts: list[ft.Control] = [
        ft.Container(
            chips("member", people, state.member, lambda key: act(state.watch, key), scrolls=True),
            padding=ft.Padding.only(left=EDGE, right=EDGE, bottom=GAP),
        )
    ]
    if not state.member:
        parts.append(
            EmptyState(
                ft.Icons.VISIBILITY_OUTLINED,
                _("Choose a colleague"),
                _("Choose a colleague to see their tasks, customers, deals and conversations."),
            )
        )
        return ft.Column(parts, spacing=4, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
    views = [
        ("tasks", _("Tasks")),
        ("customers", _("Customers")),
        ("deals", _("Deals")),
        ("conversations", _("Conversations")),
    ]
    parts.append(
        ft.Container(
            chips("member-view", views, state.view, lambda key: act(state.choose_view, key)),
            padding=ft.Padding.only(left=EDGE, right=EDGE, bottom=GAP),
        )
    )
    lender = next((h for h in state.new_owners if str(h.user_id) == state.member), None)
    if state.view == "tasks" and lender is not None:
        parts.append(LoanOf(state.lending, lender, state.new_owners, key=f"loan-{state.member}"))
    if state.view == "tasks" and state.queue is not None:
        parts.append(MemberTasks(state, state.queue, key="tasks"))
    elif state.view == "customers":
        parts.append(MemberCustomers(state, state.customers, key="customers"))
    elif state.view == "deals" and state.work is not None:
        rows: list[ft.Control] = [
            ft.Container(
                DealRow(d, d.customer, key=str(d.id)), padding=ft.Padding.symmetric(horizontal=EDGE)
            )
            for d in state.deals[:MAX_ROWS]
        ]
        parts += rows or [EmptyState(ft.Icons.FILTER_ALT_OFF_OUTLINED, _("No deals here"))]
    elif state.view == "conversations" and state.work is not None:
        notice = [MemberConversationRow(c, key=str(c.id)) for c in state.work.conversations]
        parts += notice or [EmptyState(ft.Icons.HISTORY, _("No conversations yet."))]
    return ft.Column(parts, spacing=4, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@component
def MemberCustomers(state: Team, customers: list[Customer]) -> ft.Control:
    _ = use_text()
    rows: list[ft.Control] = [
        CustomerRow(c, False, lambda e, c=c: e.page.navigate(f"/customers/{c.id}"), key=str(c.id))
        for c in customers[:MAX_ROWS]
    ]
    if not rows and not state.problem:
        rows.append(EmptyState(ft.Icons.PEOPLE_OUTLINE, _("No customers here")))
    if state.more and len(customers) < MAX_ROWS:
        rows.append(text_button("more", _("Show more"), act(state.load_more)))
    return ft.Column(rows, spacing=0, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@component
def MemberConversationRow(conversation: MemberConversation) -> ft.Control:
    """Customer, time, outcome and notes."""
    session, _ = use_session(), use_text()
    outcomes = session.config.labels("outcomes") if session.config else {}
    when = _.day(session.clock.day(conversation.occurred_at), session.clock.today)
    note = f"{when} · {_.named(outcomes, conversation.outcome)}"
    words: list[ft.Control] = [
        ft.Text(
            conversation.customer_name or "—",
            theme_style=ft.TextThemeStyle.TITLE_MEDIUM,
            max_lines=1,
            overflow=ft.TextOverflow.ELLIPSIS,
        ),
        ft.Text(note, size=13, color=ft.Colors.ON_SURFACE_VARIANT),
    ]
    if conversation.notes:
        words.append(ft.Text(conversation.notes, max_lines=3, overflow=ft.TextOverflow.ELLIPSIS))
    box = ft.Container(
        ft.Column(words, spacing=4),
        padding=ft.Padding.symmetric(horizontal=EDGE, vertical=10),
        ink=True,
        on_click=lambda e: e.page.navigate(f"/customers/{conversation.customer_id}"),
        border=ft.Border.only(bottom=ft.BorderSide(1, ft.Colors.OUTLINE_VARIANT)),
    )
    return identified(f"talk-{conversation.id}", box, button=True)


@component
def MemberTasks(state: Team, q: Queue) -> ft.Control:
    """What the member has today, done and to do."""
    session, _ = use_session(), use_text()
    words = _(
        "%(done)d done · %(open)d open · %(pending)d waiting for approval · %(excused)d excused"
    ) % {"done": q.done, "open": q.open, "pending": q.pending, "excused": q.excused}
    parts: list[ft.Control] = [
        ft.Container(
            identified("queue-counts", ft.Text(words), label=words),
            padding=ft.Padding.symmetric(horizontal=EDGE),
        )
    ]
    renewal = next((r for r in state.renewals if str(r.user_id) == state.member), None)
    if renewal:
        words = _(
            "Policies within 90 days: %(coming)d expiring, %(twice)d contacted "
            "twice, %(risk)d at risk · %(renewed)d renewed, %(lost)d lost"
        ) % {
            "coming": renewal.coming,
            "twice": renewal.coming_twice,
            "risk": renewal.coming_at_risk,
            "renewed": renewal.renewed,
            "lost": renewal.lost,
        }
        tone = ft.Colors.ERROR if renewal.coming_at_risk else ft.Colors.ON_SURFACE_VARIANT
        parts.append(
            ft.Container(
                identified("renewals", ft.Text(words, size=13, color=tone), label=words),
                padding=ft.Padding.symmetric(horizontal=EDGE),
            )
        )
    for task in q.tasks[:MAX_ROWS]:
        note = " · ".join(
            x
            for x in (
                _.day(task.due_on, session.clock.today),
                _("%(n)d attempts") % {"n": task.attempts} if task.attempts else None,
            )
            if x
        )
        row = ft.ListTile(
            title=ft.Text(task.name or "—", max_lines=1, overflow=ft.TextOverflow.ELLIPSIS),
            subtitle=ft.Text(note),
            min_height=56,
            on_click=lambda e, task=task: e.page.navigate(f"/customers/{task.customer_id}"),
        )
        parts.append(identified(f"watched-{task.id}", row))
    return ft.Column(parts, spacing=4, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
