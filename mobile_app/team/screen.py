"""The team: leads without an owner, customers whose time is over, and what anyone has to do today."""

import flet as ft

from mobile_app.session import use_book, use_session
from mobile_app.shell import tab_view
from mobile_app.team.state import Team
from shared.gateway.handovers import Pooled, Waiting
from shared.ui.feedback import EmptyState, ProblemBanner, Skeleton, act
from shared.ui.parts import MAX_ROWS, card, chips, docked, icon_button, identified, pill, primary_button, secondary_button, text_button
from shared.ui.text import use_text
from shared.ui.theme import EDGE, GAP
from shared.ui.view import component, screen


@screen
def TeamScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: Team(session, _))
    use_book(state.load)
    refresh = icon_button("refresh", ft.Icons.REFRESH, _("Refresh"), act(state.load))
    parts = [("leads", _("New leads")), ("waiting", _("To pass on")), ("queues", _("Queues"))]
    head = ft.Container(
        chips("part", parts, state.part, lambda key: act(state.choose_part, key)), padding=ft.Padding.symmetric(horizontal=EDGE, vertical=GAP)
    )
    blocks: list[ft.Control] = [ProblemBanner(state.problem, act(state.load))] if state.problem else []
    if not state.loaded:
        blocks.append(Skeleton(4))
    elif state.part == "leads":
        blocks.append(LeadList(state, key="leads"))
    elif state.part == "waiting":
        blocks.append(WaitingList(state, key="waiting"))
    else:
        blocks.append(Queues(state, key="queues"))
    body = ft.Column([head, ft.ListView(blocks, expand=True)], expand=True, spacing=0, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
    return tab_view("team", _("My team"), body, actions=[refresh], bottom=HandOut(state, state.chosen) if state.part == "leads" else None)


@component
def LeadList(state: Team) -> ft.Control:
    _ = use_text()
    parts: list[ft.Control] = []
    if state.pools and len(state.pools.pools) > 1:
        options = [(p.key, f"{_.label(p.label)} {p.customers}") for p in state.pools.pools]
        parts.append(ft.Container(chips("pool", options, state.pools.pool, lambda key: act(state.choose_pool, key)), padding=ft.Padding.only(left=EDGE, right=EDGE, bottom=GAP)))  # fmt: skip
    if state.visits and state.visits.visits:
        v = state.visits
        words = _("30 days: %(visits)d visits · %(without)d without a plan · %(nameless)d left no name · written down after %(minutes)d min") % {
            "visits": v.visits, "without": v.without_plan, "nameless": v.nameless, "minutes": round((v.median_seconds or 0) / 60),
        }  # fmt: skip
        note = ft.Text(words, size=12, color=ft.Colors.ERROR if v.without_plan else ft.Colors.ON_SURFACE_VARIANT)
        parts.append(ft.Container(identified("visits", note, label=words), padding=ft.Padding.only(left=EDGE, right=EDGE, bottom=GAP)))
    if not state.leads:
        parts.append(EmptyState(ft.Icons.INBOX_OUTLINED, _("Nobody waits here"), _("Leads without an owner appear in their pool.")))
    parts += [LeadRow(row, str(row.id) in state.chosen, act(state.tick, str(row.id)), key=str(row.id)) for row in state.leads[:MAX_ROWS]]
    return ft.Column(parts, spacing=0, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@component
def LeadRow(row: Pooled, chosen: bool, on_click) -> ft.Control:
    """The whole row is the tick: a thumb hits it."""
    session, _ = use_session(), use_text()
    level = session.config.level(row.level) if session.config else None
    pills = [pill(_.label(level.label), tone="good")] if level else []
    pills.append(pill(_("Waiting since %(day)s") % {"day": _.day(session.day(row.waiting_since), session.today)}))
    words: list[ft.Control] = [
        ft.Text(row.name or "—", theme_style=ft.TextThemeStyle.TITLE_MEDIUM, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS),
        *([ft.Text(row.need, size=13, color=ft.Colors.ON_SURFACE_VARIANT, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS)] if row.need else []),
        ft.Row(pills, wrap=True, spacing=6, run_spacing=6),
    ]
    mark = ft.Icon(ft.Icons.CHECK_CIRCLE if chosen else ft.Icons.RADIO_BUTTON_UNCHECKED, color=ft.Colors.PRIMARY if chosen else ft.Colors.OUTLINE)
    box = ft.Container(
        ft.Row([mark, ft.Column(words, spacing=4, expand=True)], spacing=12), padding=ft.Padding.symmetric(horizontal=EDGE, vertical=10), ink=True, on_click=on_click,
        bgcolor=ft.Colors.SECONDARY_CONTAINER if chosen else None, border=ft.Border.only(bottom=ft.BorderSide(1, ft.Colors.OUTLINE_VARIANT)),
    )  # fmt: skip
    return identified(f"lead-{row.id}", box, button=True, selected=chosen)


@component
def HandOut(state: Team, chosen: list[str]) -> ft.Control:
    """Who gets them: one tap. Who looks after customers stands first, of these who has fewest."""
    _ = use_text()
    if not chosen:
        return ft.Container(height=0)
    row: list[ft.Control] = [
        identified(
            f"heir-{h.user_id}",
            ft.FilledTonalButton(f"{h.name} · {h.customers}", on_click=act(state.hand_out, str(h.user_id)), height=48),
        )
        for h in sorted(state.heirs, key=lambda h: (h.customers == 0, h.customers))
    ]
    head = ft.Text(_("%(n)d chosen. Who takes them?") % {"n": len(chosen)}, size=13, color=ft.Colors.ON_SURFACE_VARIANT)
    return docked(head, ft.Row([*row], wrap=True, spacing=GAP, run_spacing=GAP))


@component
def WaitingList(state: Team) -> ft.Control:
    _ = use_text()
    if not state.waiting:
        return EmptyState(ft.Icons.TASK_ALT, _("Nobody to pass on"), _("Customers stand here when their level's days are over without a deal."))
    rows: list[ft.Control] = [
        ft.Container(
            WaitingCard(state, row, state.open_row == str(row.id), key=str(row.id)), padding=ft.Padding.symmetric(horizontal=EDGE, vertical=6)
        )
        for row in state.waiting[:MAX_ROWS]
    ]
    return ft.Column(rows, spacing=0, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@component
def WaitingCard(state: Team, row: Waiting, is_open: bool) -> ft.Control:
    """The best of his colleagues, or me: one tap; anyone else: two."""
    session, _ = use_session(), use_text()
    config = session.config
    level = config.level(row.level) if config else None
    pills = [pill(_("%(days)d days without a deal") % {"days": row.days}, tone="urgent")]
    if level:
        pills.append(pill(_.label(level.label)))
    if row.demote_after_days:
        pills.append(pill(_("Falls in %(days)d days") % {"days": max(row.demote_after_days + 1 - row.days, 0)}, tone="notice"))
    said = []
    if row.last:
        outcome = config.outcome(row.last.outcome) if config else None
        text = f"{_.day(session.day(row.last.occurred_at), session.today)} · {_.label(outcome.label) if outcome else row.last.outcome}"
        said = [ft.Text(f"{text}:{row.last.words}" if row.last.words else text, size=13, color=ft.Colors.ON_SURFACE_VARIANT, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS)]  # fmt: skip
    best = state.suggested(row)
    choices: list[ft.Control] = []
    if best:
        label = _("%(name)s · won %(won)d of %(decided)d") % {"name": best.name, "won": best.won, "decided": best.decided}
        choices.append(primary_button(f"senior-{row.id}", label, act(state.pass_on, str(row.id), str(best.user_id)), icon=ft.Icons.WORKSPACE_PREMIUM))
    if session.me:
        choices.append(secondary_button(f"mine-{row.id}", _("I take over"), act(state.pass_on, str(row.id), str(session.me.user_id))))
    if is_open:
        choices.append(
            ft.Row(
                [
                    identified(f"to-{row.id}-{h.user_id}", ft.OutlinedButton(h.name, on_click=act(state.pass_on, str(row.id), str(h.user_id)), height=48))
                    for h in state.others(row)
                ],
                wrap=True, spacing=GAP, run_spacing=GAP,
            )
        )  # fmt: skip
    elif state.others(row):
        choices.append(text_button(f"other-{row.id}", _("Someone else"), act(state.open, str(row.id))))
    head = ft.Text(row.name or "—", theme_style=ft.TextThemeStyle.TITLE_MEDIUM, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS)
    owner = ft.Text(_("With %(name)s") % {"name": row.owner_name}, size=13, color=ft.Colors.ON_SURFACE_VARIANT)
    return card(head, owner, ft.Row(pills, wrap=True, spacing=6, run_spacing=6), *said, *choices, identifier=f"waiting-{row.id}")


@component
def Queues(state: Team) -> ft.Control:
    """Over someone's shoulder: what he has today, done and to do."""
    session, _ = use_session(), use_text()
    people = [(str(h.user_id), h.name) for h in state.heirs]
    parts: list[ft.Control] = [ft.Container(chips("member", people, state.member, lambda key: act(state.watch, key)), padding=EDGE)]
    if state.queue is None:
        parts.append(EmptyState(ft.Icons.VISIBILITY_OUTLINED, _("Whose queue?"), _("Choose someone to see his tasks of today.")))
    else:
        q = state.queue
        words = _("%(done)d done · %(open)d open · %(pending)d with the manager · %(excused)d excused") % {"done": q.done, "open": q.open, "pending": q.pending, "excused": q.excused}  # fmt: skip
        parts.append(ft.Container(identified("queue-counts", ft.Text(words), label=words), padding=ft.Padding.symmetric(horizontal=EDGE)))
        renewal = next((r for r in state.renewals if str(r.user_id) == state.member), None)
        if renewal:
            words = _("Policies of 90 days: %(coming)d coming, %(twice)d contacted twice, %(risk)d at risk · %(renewed)d renewed, %(lost)d lost") % {
                "coming": renewal.coming, "twice": renewal.coming_twice, "risk": renewal.coming_at_risk, "renewed": renewal.renewed, "lost": renewal.lost,
            }  # fmt: skip
            tone = ft.Colors.ERROR if renewal.coming_at_risk else ft.Colors.ON_SURFACE_VARIANT
            parts.append(
                ft.Container(identified("renewals", ft.Text(words, size=13, color=tone), label=words), padding=ft.Padding.symmetric(horizontal=EDGE))
            )
        for task in q.tasks[:MAX_ROWS]:
            note = " · ".join(x for x in (_.day(task.due_on, session.today), _("%(n)d tries") % {"n": task.tries} if task.tries else None) if x)
            row = ft.ListTile(
                title=ft.Text(task.name or "—", max_lines=1, overflow=ft.TextOverflow.ELLIPSIS), subtitle=ft.Text(note), min_height=56,
                on_click=lambda e, task=task: e.page.navigate(f"/customers/{task.customer_id}"),
            )  # fmt: skip
            parts.append(identified(f"watched-{task.id}", row))
    return ft.Column(parts, spacing=4, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
