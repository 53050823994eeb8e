"""What is not sent yet, what was refused and why, what a manager decides: one place, and a way on
for each."""

from uuid import UUID

import flet as ft

from mobile_app.files.widgets import form_with_files
from mobile_app.me.pending_widgets import (
    FileRow,
    PendingRow,
    change_text,
    field_name,
    reason_text,
    verb_name,
)
from mobile_app.me.resolve_state import ResolveConflict
from mobile_app.me.state import Quarantine, SyncInbox
from mobile_app.observables import use_sync
from mobile_app.session import Session, use_local_data, use_session
from mobile_app.shell import page_view, scrolling, sync_text
from shared.domain.config import StoreConfig
from shared.domain.funnel import CHECK
from shared.domain.working_days import EVERY_DAY
from shared.gateway.quarantine import QuarantinedOperation
from shared.ui.feedback import EmptyState, ProblemBanner, Skeleton, act, field_problem, not_loaded
from shared.ui.form import FormView
from shared.ui.form.view import value_text
from shared.ui.text import Texts, problem_text, use_text
from shared.ui.theme import EDGE
from shared.ui.view import component, screen
from shared.ui.widgets import (
    DateChips,
    bottom_bar,
    card,
    chips,
    icon_button,
    identified,
    primary_button,
    secondary_button,
    section,
    tick_box,
)


def padded(control: ft.Control) -> ft.Control:
    return ft.Container(control, padding=ft.Padding.symmetric(horizontal=EDGE, vertical=6))


def heading(text: str) -> ft.Control:
    return ft.Container(
        ft.Text(
            text, theme_style=ft.TextThemeStyle.TITLE_SMALL, color=ft.Colors.ON_SURFACE_VARIANT
        ),
        padding=ft.Padding.only(left=EDGE, top=12),
    )


@screen
def SyncInboxScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: SyncInbox(session))
    sync = use_sync()
    use_local_data(state.load, again=sync)
    groups = {
        "rejected": (_("Needs attention"), [r for r in state.rows if r.state == "rejected"]),
        "pending": (
            _("Saved on this device, not sent yet"),
            [r for r in state.rows if r.state == "pending"],
        ),
        "quarantined": (
            _("Sent to your manager"),
            [r for r in state.rows if r.state == "quarantined"],
        ),
    }
    body: list[ft.Control] = []
    for name, rows in groups.values():
        if rows:
            body += [
                heading(name),
                *(
                    padded(
                        PendingRow(
                            state, row, state.discarding == str(row.op_id), key=str(row.op_id)
                        )
                    )
                    for row in rows
                ),
            ]
    if state.files:
        body += [
            heading(_("Recordings and photos")),
            *(
                padded(FileRow(state, file, state.discarding == str(file.id), key=str(file.id)))
                for file in state.files
            ),
        ]
    if not state.loaded:
        body = [not_loaded(state.problem, act(state.load), 3)]
    elif not body:
        known = sync.answered and not sync.trouble
        icon = ft.Icons.CLOUD_DONE_OUTLINED if known else ft.Icons.CLOUD_OFF
        body = [EmptyState(icon, sync_text(_, sync))]
    elif sync.trouble:
        body.insert(0, ProblemBanner(sync.trouble, act(session.sync_now)))
    return page_view(ft.use_view_path(), _("Pending uploads"), ft.ListView(body, expand=True))


@screen
def ResolveScreen() -> ft.View:
    """A refused operation with what was typed; or both versions of it, field by field. Reached from
    the cloud's list and from the customer's card."""
    session, _ = use_session(), use_text()
    page = ft.context.page
    params = ft.use_route_params()
    op_id = UUID(params["op_id"])
    back = f"/customers/{params['customer_id']}" if "customer_id" in params else "/me/pending"
    state, _set = ft.use_state(
        lambda: ResolveConflict(session, op_id, done=lambda: page.navigate(back))
    )
    ft.use_effect(act(state.open, op_id), [op_id])
    row = state.row if state.op_id == op_id else None
    if row is None:
        body: list[ft.Control] = (
            [EmptyState(ft.Icons.CLOUD_DONE_OUTLINED, _("Already resolved"))]
            if state.loaded
            else [Skeleton(3)]
        )
        return page_view(ft.use_view_path(), _("Fix"), ft.ListView(body, expand=True))
    head = " · ".join(x for x in (verb_name(_, row.verb), row.title) if x)
    parts: list[ft.Control] = [
        *([ProblemBanner(state.problem)] if state.problem else []),
        ft.Text(head, theme_style=ft.TextThemeStyle.TITLE_MEDIUM),
        ft.Text(reason_text(_, row, session.config), color=ft.Colors.ERROR),
        *(Versions(state, key, state.keeps[key], key=key) for key in state.keeps),
        *typed_again(_, state),
        *choices_beside(_, session.config, state),
        *ticks(_, session.config, state),
        *days(_, session, state),
    ]
    send = primary_button(
        "send-mended", _("Save this") if state.keeps else _("Send again"), act(state.send)
    )
    title = _("Compare") if state.keeps else _("Fix")
    return page_view(ft.use_view_path(), title, scrolling(parts), bottom=bottom_bar(send))


def typed_again(_: Texts, state: ResolveConflict) -> list[ft.Control]:
    """The forms of what was typed, to correct it."""
    found: list[ft.Control] = []
    if state.form is not None and state.form.shown:
        found.append(form_with_files(state.form, state.attaching))
    if state.facts is not None and state.facts.shown:
        found.append(section(_("Customer details"), FormView(state.facts)))
    return found


def choices_beside(
    _: Texts, config: StoreConfig | None, state: ResolveConflict
) -> list[ft.Control]:
    """What the operation names beside its fields: an owner, a stage, a reason."""
    return [
        section(
            field_name(_, config, state.form_key, key),
            chips(
                key.replace("_", "-"),
                [(k, _.label(label)) for k, label in state.options(key)],
                state.beside[key],
                lambda k, key=key: act(state.choose, key, k),
                problem=field_problem(_, state.problems, key),
            ),
        )
        for key in state.beside
    ]


def ticks(_: Texts, config: StoreConfig | None, state: ResolveConflict) -> list[ft.Control]:
    return [
        tick_box(
            f"check-{key.removeprefix(CHECK)}",
            field_name(_, config, state.form_key, key),
            ticked,
            act(state.tick, key),
            problem=field_problem(_, state.problems, key),
        )
        for key, ticked in state.ticks.items()
    ]


def days(_: Texts, session: Session, state: ResolveConflict) -> list[ft.Control]:
    return [
        section(
            field_name(_, session.config, state.form_key, key),
            DateChips(
                key.replace("_", "-"),
                state.days[key],
                session.clock.today,
                lambda day, key=key: state.choose_day(key, day),
                calendar=session.config.calendar if session.config else EVERY_DAY,
            ),
        )
        for key in state.days
    ]


@component
def Versions(state: ResolveConflict, key: str, kept: str) -> ft.Control:
    """One field that two people changed: their value, mine, and for long texts both."""
    session, _ = use_session(), use_text()
    row, config = state.row, session.config
    if row is None:
        return ft.Container(height=0)
    definition = config.forms.get(state.form_key) if config else None
    known = definition.field(key) if definition else None
    name = field_name(_, config, state.form_key, key)

    def words(value) -> str:
        if config is None or known is None:
            return str(value or "") or "—"
        return value_text(_, known, state.form_key, value, config) or "—"

    sides = [
        ("mine", _("Mine"), words(state.mine(key))),
        ("theirs", _("Theirs"), words(row.theirs.get(key))),
    ]
    shown = [
        ft.Column(
            [
                ft.Text(title, size=12, color=ft.Colors.ON_SURFACE_VARIANT),
                identified(f"{whose}-{key.replace('_', '-')}", ft.Text(text)),
            ],
            spacing=2,
        )
        for whose, title, text in sides
    ]
    choices = [
        ("mine", _("Keep mine")),
        ("theirs", _("Keep theirs")),
        *([("both", _("Keep both"))] if state.can_keep_both(key) else []),
    ]
    return card(
        ft.Text(name, theme_style=ft.TextThemeStyle.TITLE_SMALL),
        *shown,
        chips(f"keep-{key}", choices, kept, lambda whose: act(state.keep, key, whose)),
    )


@screen
def QuarantineScreen() -> ft.View:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: Quarantine(session))
    ft.use_effect(act(state.load), [])
    refresh = icon_button("refresh", ft.Icons.REFRESH, _("Refresh"), act(state.load))
    body: list[ft.Control] = (
        [ProblemBanner(state.problem, act(state.load))] if state.problem else []
    )
    if not state.loaded:
        body.append(Skeleton(3))
    elif not state.rows and not state.problem:
        body.append(
            EmptyState(
                ft.Icons.INBOX_OUTLINED,
                _("Nothing to decide"),
                _(
                    "Entries sent by a former colleague, or about a transferred customer, appear "
                    "here."
                ),
            )
        )
    body += [
        padded(
            QuarantineRow(state, row, state.refusals.get(str(row.op_id), ""), key=str(row.op_id))
        )
        for row in state.rows
    ]
    return page_view(
        ft.use_view_path(),
        _("For your decision"),
        ft.ListView(body, expand=True),
        actions=[refresh],
    )


@component
def QuarantineRow(state: Quarantine, row: QuarantinedOperation, refusal: str) -> ft.Control:
    session, _ = use_session(), use_text()
    config = session.config
    outcomes = config.labels("outcomes") if config else {}
    reason = (
        _("Sent after leaving the store")
        if row.reason == "disabled"
        else _("The customer was transferred in the meantime")
    )
    lines = [
        " · ".join(
            x
            for x in (
                verb_name(_, row.verb),
                row.customer_name,
                _.named(outcomes, row.outcome),
            )
            if x
        ),
        _("%(who)s wrote: “%(notes)s”") % {"who": row.author_name or "—", "notes": row.notes}
        if row.notes
        else "",
        *(change_text(_, change, config) for change in row.effect),
    ]
    at = row.made_at or row.received_at
    parts: list[ft.Control] = [
        ft.Row(
            [
                ft.Text(
                    row.author_name or "—", theme_style=ft.TextThemeStyle.TITLE_SMALL, expand=True
                ),
                ft.Text(_.day(session.clock.day(at), session.clock.today), size=12),
            ]
        ),
        ft.Text(reason, size=12, color=ft.Colors.ON_SURFACE_VARIANT),
        *(ft.Text(text) for text in lines if text),
        *([ft.Text(problem_text(_, refusal), color=ft.Colors.ERROR)] if refusal else []),
        ft.Row(
            [
                ft.Container(
                    secondary_button(
                        f"dismiss-{row.op_id}", _("File only"), act(state.decide, row, "dismiss")
                    ),
                    expand=1,
                ),
                ft.Container(
                    primary_button(
                        f"apply-{row.op_id}", _("Apply"), act(state.decide, row, "apply")
                    ),
                    expand=1,
                ),
            ],
            spacing=12,
        ),
    ]
    return card(*parts, identifier=f"quarantined-{row.op_id}")
