"""What is not sent yet, what was refused and why, what a manager decides: one place, and a way on for each."""

from uuid import UUID

import flet as ft

from mobile_app.files.view import form_with_files
from mobile_app.me.mend_state import Mend
from mobile_app.me.state import Held, NotSent
from mobile_app.me.waiting_parts import FileRow, WaitingRow, field_name, fields_text, form_of, verb_name, why
from mobile_app.session import use_book, use_session
from mobile_app.shell import page_view
from mobile_app.watching import use_sync
from shared.domain.funnel import CHECK
from shared.gateway.held import HeldOperation
from shared.ui.feedback import EmptyState, ProblemBanner, Skeleton, act, field_problem
from shared.ui.form import FormView
from shared.ui.form.view import value_text
from shared.ui.parts import DateChips, card, chips, docked, icon_button, identified, primary_button, secondary_button, section, tick_box
from shared.ui.text import problem_text, use_text
from shared.ui.theme import EDGE
from shared.ui.view import component, screen


def padded(control: ft.Control) -> ft.Control:
    return ft.Container(control, padding=ft.Padding.symmetric(horizontal=EDGE, vertical=6))


def heading(text: str) -> ft.Control:
    return ft.Container(
        ft.Text(text, theme_style=ft.TextThemeStyle.TITLE_SMALL, color=ft.Colors.ON_SURFACE_VARIANT), padding=ft.Padding.only(left=EDGE, top=12)
    )


@screen
def WaitingScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: NotSent(session))
    sync = use_sync()
    use_book(state.load, again=sync)
    groups = {
        "attention": (_("Needs you"), [r for r in state.rows if r.state == "attention"]),
        "waiting": (_("On this device, not sent yet"), [r for r in state.rows if r.state == "waiting"]),
        "held": (_("With your manager"), [r for r in state.rows if r.state == "held"]),
    }
    body: list[ft.Control] = []
    for name, rows in groups.values():
        if rows:
            body += [heading(name), *(padded(WaitingRow(state, row, state.giving_up == str(row.op_id), key=str(row.op_id))) for row in rows)]
    if state.files:
        body += [
            heading(_("Recordings and photos")),
            *(padded(FileRow(state, file, state.giving_up == str(file.id), key=str(file.id))) for file in state.files),
        ]
    if not state.loaded:
        body = [Skeleton(3)]
    elif not body:
        body = [EmptyState(ft.Icons.CLOUD_DONE_OUTLINED, _("Everything is sent"))]
    elif sync.trouble:
        body.insert(0, ProblemBanner(sync.trouble, act(session.pull_now)))
    return page_view(ft.use_view_path(), _("Not sent yet"), ft.ListView(body, expand=True))


@screen
def MendScreen() -> ft.View:
    """A refused operation with what was typed; or both versions of it, field by field. Reached from the cloud's list and from the customer's card."""
    session, _ = use_session(), use_text()
    page = ft.context.page
    given = ft.use_route_params()
    op_id = UUID(given["op_id"])
    back = f"/customers/{given['customer_id']}" if "customer_id" in given else "/me/waiting"
    state, _set = ft.use_state(lambda: Mend(session, op_id, done=lambda: page.navigate(back)))
    ft.use_effect(act(state.open, op_id), [op_id])
    row = state.row if state.op_id == op_id else None
    if row is None:
        body: list[ft.Control] = [EmptyState(ft.Icons.CLOUD_DONE_OUTLINED, _("Already settled"))] if state.loaded else [Skeleton(3)]
        return page_view(ft.use_view_path(), _("Mend"), ft.ListView(body, expand=True))
    head = " · ".join(x for x in (verb_name(_, row.verb), row.title) if x)
    parts: list[ft.Control] = [ft.Text(head, theme_style=ft.TextThemeStyle.TITLE_MEDIUM), ft.Text(why(_, row, session.config), color=ft.Colors.ERROR)]
    if state.keeps:
        parts += [Versions(state, key, state.keeps[key], key=key) for key in state.keeps]
    if state.form is not None and state.form.shown:
        parts.append(form_with_files(state.form, state.attaching))
    if state.facts is not None and state.facts.shown:
        parts.append(section(_("About the customer"), FormView(state.facts)))
    for key in state.beside:
        options = [(k, _.label(label)) for k, label in state.options(key)]
        control = chips(
            key.replace("_", "-"),
            options,
            state.beside[key],
            lambda k, key=key: act(state.choose, key, k),
            problem=field_problem(_, state.problems, key),
        )
        parts.append(section(field_name(_, session.config, state.form_key, key), control))
    for key, ticked in state.ticks.items():
        label, problem = field_name(_, session.config, state.form_key, key), field_problem(_, state.problems, key)
        parts.append(tick_box(f"check-{key.removeprefix(CHECK)}", label, ticked, act(state.tick, key), problem=problem))
    for key in state.days:
        control = DateChips(key.replace("_", "-"), state.days[key], session.today, lambda day, key=key: state.choose_day(key, day))
        parts.append(section(field_name(_, session.config, state.form_key, key), control))
    if state.problem:
        parts.insert(0, ProblemBanner(state.problem))
    column = ft.Column(parts, spacing=16, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
    return page_view(
        ft.use_view_path(),
        _("Compare") if state.keeps else _("Mend"),
        ft.ListView([ft.Container(column, padding=EDGE)], expand=True, build_controls_on_demand=False),
        bottom=docked(primary_button("send-mended", _("Save this") if state.keeps else _("Send again"), act(state.send))),
    )


@component
def Versions(state: Mend, key: str, kept: str) -> ft.Control:
    """One field that two people changed: his value, mine, and for long texts both."""
    session, _ = use_session(), use_text()
    row, config = state.row, session.config
    if row is None:
        return ft.Container(height=0)
    definition = config.forms.get(state.form_key) if config else None
    known = definition.field(key) if definition else None
    name = field_name(_, config, state.form_key, key)
    levels = [(x.key, x.label) for x in config.levels] if config and state.kind(key) == "level" else None

    def words(value) -> str:
        return (value_text(_, known, state.form_key, value, levels) if known else str(value or "")) or "—"

    sides = [("mine", _("Mine"), words(state.mine(key))), ("theirs", _("Theirs"), words(row.theirs.get(key)))]
    shown = [
        ft.Column(
            [ft.Text(title, size=12, color=ft.Colors.ON_SURFACE_VARIANT), identified(f"{whose}-{key.replace('_', '-')}", ft.Text(text))], spacing=2
        )
        for whose, title, text in sides
    ]
    choices = [("mine", _("Keep mine")), ("theirs", _("Keep theirs")), *([("both", _("Keep both"))] if state.can_keep_both(key) else [])]
    return card(
        ft.Text(name, theme_style=ft.TextThemeStyle.TITLE_SMALL),
        *shown,
        chips(f"keep-{key}", choices, kept, lambda whose: act(state.keep, key, whose)),
    )


@screen
def HeldScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: Held(session))
    ft.use_effect(act(state.load), [])
    refresh = icon_button("refresh", ft.Icons.REFRESH, _("Refresh"), act(state.load))
    body: list[ft.Control] = [ProblemBanner(state.problem, act(state.load))] if state.problem else []
    if not state.loaded:
        body.append(Skeleton(3))
    elif not state.rows and not state.problem:
        body.append(
            EmptyState(
                ft.Icons.INBOX_OUTLINED,
                _("Nothing to decide"),
                _("What a colleague sent after leaving, or about a customer handed over, appears here."),
            )
        )
    body += [padded(HeldRow(state, row, state.refusals.get(str(row.op_id), ""), key=str(row.op_id))) for row in state.rows]
    return page_view(ft.use_view_path(), _("Kept for you to decide"), ft.ListView(body, expand=True), actions=[refresh])


@component
def HeldRow(state: Held, row: HeldOperation, refusal: str) -> ft.Control:
    session, _ = use_session(), use_text()
    config = session.config
    outcome = config.outcome(row.outcome) if config else None
    reason = _("Sent after leaving the store") if row.reason == "disabled" else _("The customer was handed over meanwhile")
    told = [
        " · ".join(x for x in (verb_name(_, row.verb), row.customer_name, _.label(outcome.label) if outcome else None) if x),
        f"“{row.words}”" if row.words else "",
        "\n".join(fields_text(_, row.fields, config, form_of(row.verb))),
    ]
    at = row.made_at or row.received_at
    parts: list[ft.Control] = [
        ft.Row(
            [
                ft.Text(row.author_name or "—", theme_style=ft.TextThemeStyle.TITLE_SMALL, expand=True),
                ft.Text(_.day(at.date(), session.today), size=12),
            ]
        ),
        ft.Text(reason, size=12, color=ft.Colors.ON_SURFACE_VARIANT),
        *(ft.Text(text) for text in told if text),
        *([ft.Text(problem_text(_, refusal), color=ft.Colors.ERROR)] if refusal else []),
        ft.Row(
            [
                ft.Container(secondary_button(f"dismiss-{row.op_id}", _("Only keep it"), act(state.decide, row, "dismiss")), expand=1),
                ft.Container(primary_button(f"apply-{row.op_id}", _("Apply"), act(state.decide, row, "apply")), expand=1),
            ],
            spacing=12,
        ),
    ]
    return card(*parts, identifier=f"held-{row.op_id}")
