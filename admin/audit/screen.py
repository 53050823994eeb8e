"""The audit: choose by person, day, form and field; newest first."""

import re
from datetime import date, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import flet as ft

from admin.audit.state import Audit
from admin.erasure.screen import erasure_reason
from admin.session import AdminSession, use_admin
from admin.shell import panel_page, use_fetch, use_tab_state
from admin.widgets import chip_of, choice
from shared.domain.config import StoreConfig
from shared.domain.imports import cell_text
from shared.domain.labels import Label
from shared.gateway.audit import AuditRow
from shared.ui.feedback import EmptyState, Skeleton, act
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import DateField, card, text_button


def act_name(_: Texts, kind: str) -> str:
    return {
        "published": _("published the configuration"),
        "member_invited": _("invited someone"),
        "invitation_revoked": _("revoked an invitation"),
        "member_joined": _("joined with an invitation"),
        "member_changed": _("changed a member"),
        "member_disabled": _("disabled a member"),
        "member_enabled": _("re-enabled a member"),
        "view_as_started": _("viewed the phone as a member"),
        "view_as_stopped": _("stopped viewing as a member"),
        "member_signed_out": _("signed a member out on all devices"),
        "group_role_granted": _("granted a group role"),
        "group_role_revoked": _("revoked a group role"),
        "exported": _("exported a list"),
        "revealed": _("revealed a masked value"),
        "merged": _("merged two customers"),
        "unmerged": _("undid a merge"),
        "customer_erased": _("erased a person"),
        "imported": _("imported a list"),
        "import_reverted": _("reverted an import"),
        "queue_lent": _("lent a member's queue to a colleague"),
        "queue_returned": _("returned a member's queue before time"),
        "target_set": _("set a target"),
        "target_removed": _("removed a target"),
    }.get(kind, kind)


@component
def AuditScreen() -> ft.Control:
    session, _ = use_admin(), use_text()
    state = use_tab_state(Audit, session)
    use_fetch(state.load)
    if not state.loaded:
        return panel_page(_("Audit log"), Skeleton(6))
    rows = (
        [card(*[Line(state, r, key=f"{state.what}-{r.id}") for r in state.rows], padding=8)]
        if state.rows
        else []
    )
    if not rows and not state.problem:
        rows = [
            EmptyState(
                ft.Icons.FACT_CHECK_OUTLINED,
                _("Nothing found"),
                _("Choose different days, a different person or a different field."),
            )
        ]
    more = (
        [
            ft.Row(
                [
                    text_button(
                        "audit-more", _("Earlier"), act(state.more), icon=ft.Icons.EXPAND_MORE
                    )
                ]
            )
        ]
        if state.next is not None
        else []
    )
    return panel_page(
        _("Audit log"),
        Filters(state),
        *rows,
        *more,
        problem=state.problem,
        again=act(state.load),
        note=_("Entries you cannot see are not listed; masked values stay masked."),
    )


@component
def Filters(state: Audit) -> ft.Control:
    session, _ = use_admin(), use_text()
    whats = [
        ("records", _("Records")),
        ("configuration", _("Configuration")),
        ("audit_events", _("People, exports, reveals")),
    ]
    people = sorted(state.names.items(), key=lambda x: x[1])
    who = choice(
        "audit-who",
        _("Person"),
        people,
        state.who,
        partial(_put, state, "who"),
        nothing=_("Everyone"),
    )
    fields = (
        form_and_field(_, state, session.config)
        if state.what == "records" and session.config is not None
        else []
    )
    all_days = (
        [text_button("audit-all-days", _("All days"), partial(_clear, state))]
        if state.first or state.last
        else []
    )
    line = [ft.Container(who, width=200), *days(_, state, session), *fields, *all_days]
    return ft.Column(
        [
            chip_of("audit-what", whats, state.what, partial(_put, state, "what")),
            ft.Row(line, wrap=True, spacing=12, run_spacing=8),
        ],
        spacing=12,
    )


def days(_: Texts, state: Audit, session: AdminSession) -> list[ft.Control]:
    """From which day to which."""
    today = session.me.today if session.me else date.today()  # noqa: DTZ011 - only before someone is signed in
    return [
        ft.Container(
            DateField(
                f"audit-{key}",
                title,
                date.fromisoformat(value) if value else None,
                today,
                partial(_day, state, key),
            ),
            width=170,
        )
        for key, title, value in (
            ("first", _("From"), state.first),
            ("last", _("To"), state.last),
        )
    ]


def form_and_field(_: Texts, state: Audit, config: StoreConfig) -> list[ft.Control]:
    """Which form, and which of its fields the reader may see."""
    forms = [(k, _.label(f.label)) for k, f in config.forms.items()]
    form = choice(
        "audit-form",
        _("Form"),
        forms,
        state.form,
        partial(_put, state, "form"),
        nothing=_("All forms"),
    )
    if state.form not in config.forms:
        return [ft.Container(form, width=170)]
    rights = config.rights(state.form)
    fields = [
        (f.key, _.label(f.label))
        for f in config.forms[state.form].fields
        if f.key in (*rights.readable, *rights.masked)
    ]
    field = choice(
        "audit-field",
        _("Field"),
        fields,
        state.field_key,
        partial(_put, state, "field_key"),
        nothing=_("All fields"),
    )
    return [ft.Container(form, width=170), ft.Container(field, width=180)]


def _put(state: Audit, key: str, value: str | None) -> None:
    ft.context.page.run_task(act(state.set_value, key, value or ""))


def _day(state: Audit, key: str, day: date) -> None:
    ft.context.page.run_task(act(state.set_value, key, day.isoformat()))


async def _clear(state: Audit, _event: Any = None) -> None:
    state.last = ""
    await act(state.set_value, "first", "")()


@component
def Line(state: Audit, row: AuditRow, **_key) -> ft.Control:
    session, _ = use_admin(), use_text()
    here = row.created_at.astimezone(
        ZoneInfo(session.me.time_zone if session.me else "Asia/Shanghai")
    )
    who = state.names.get(str(row.actor_id), _("former member")) if row.actor_id else _("System")
    if row.form is not None:
        title = " · ".join(x for x in (row.name or "", *_where(_, session.config, row)) if x)
        removed = (
            (_("removed") if row.new is not None else _("restored"))
            if row.field == "removed_at"
            else ""
        )
        words = (
            _("created")
            if row.kind == "created"
            else removed or f"{_value(_, state, row, row.old)} → {_value(_, state, row, row.new)}"
        )
    else:
        title, words = act_name(_, row.kind), _detail(_, state, row)
    return ft.Container(
        ft.Row(
            [
                ft.Text(
                    f"{here:%Y-%m-%d %H:%M}", width=130, size=13, color=ft.Colors.ON_SURFACE_VARIANT
                ),
                ft.Text(who, width=120, size=13, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS),
                ft.Text(title, size=13, expand=2, max_lines=2),
                ft.Text(words, size=13, expand=3, max_lines=3),
            ],
            spacing=12,
        ),
        padding=ft.Padding.symmetric(horizontal=12, vertical=8),
    )


def _where(_: Texts, config, row: AuditRow) -> tuple[str, str]:
    form = config.forms.get(row.form) if config else None
    names = {
        "task": _("Task"),
        "approval": _("Request"),
        "transfer": _("Transfer"),
        "promise": _("Promise"),
        "relationship": _("Link to another customer"),
        "consent": _("Consent"),
        "visit": _("Walk-in visit"),
    }
    field = form.field(row.field) if form and row.field else None
    plain = {
        "owner_id": _("Owner"),
        "renewal_owner_id": _("Renewal owner"),
        "pool": _("Pool"),
        "stage": _("Stage"),
        "furthest_stage": _("Furthest stage"),
        "stage_at": _("Stage since"),
        "closed_at": _("Closed"),
        "lost_reason": _("Reason"),
        "status": _("Status"),
        "removed_at": _("Removed"),
        "last_contact_at": _("Last contact"),
        "level_at": _("Level since"),
        "assignee_id": _("Member"),
        "due_on": _("Day"),
    }
    return _.label(form.label) if form else names.get(row.form or "", row.form or ""), _.label(
        field.label
    ) if field else plain.get(row.field or "", row.field or "")


def _value(_: Texts, state: Audit, row: AuditRow, value: Any) -> str:
    config = state.session.config
    if value is None:
        return _("empty")
    if row.field == "status":
        return {
            "open": _("Open"),
            "cancel_requested": _("Cancellation requested"),
            "suspended": _("Suspended"),
            "excused": _("Excused"),
            "done": _("Done"),
            "erased": _("Customer erased"),
            "pending": _("Waiting"),
            "approved": _("Approved"),
            "rejected": _("Sent back"),
            "active": _("Active"),
        }.get(str(value), str(value))
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
        zone = ZoneInfo(state.session.me.time_zone if state.session.me else "Asia/Shanghai")
        return f"{datetime.fromisoformat(value).astimezone(zone):%Y-%m-%d %H:%M}"
    if isinstance(value, str) and value in state.names:
        return state.names[value]
    form = config.forms.get(row.form or "") if config else None
    field = form.field(row.field) if form and row.field else None
    if field and field.type_in(row.form or "") == "money" and isinstance(value, int):
        return f"{value / 100:,.2f}"
    labels = value_labels(config, row) if config else {}
    return _.label(labels.get(value) if isinstance(value, str) else None) or cell_text(value)[:120]


def value_labels(config: StoreConfig, row: AuditRow) -> dict[str, Label]:
    """What the values of a field or a column of ours are called, those removed since too."""
    if row.field in ("stage", "furthest_stage"):
        return config.stage_labels()
    listed = {
        "pool": "pools",
        "pipeline": "pipelines",
        "lost_reason": "reasons",
        "reason": "reasons",
        "outcome": "outcomes",
        "purpose": "consents",
    }.get(row.field or "")
    return (
        config.labels(listed) if listed else config.option_labels(row.form or "", row.field or "")
    )


def _detail(_: Texts, state: Audit, row: AuditRow) -> str:
    parts = []
    if row.subject_id and str(row.subject_id) in state.names:
        parts.append(state.names[str(row.subject_id)])
    config = state.session.config
    for key, value in row.detail.items():
        if key == "new_owner_id":
            parts.append(_("to %(who)s") % {"who": state.names.get(str(value), "–")})
        elif key == "role" and config is not None:
            roles = config.labels("roles")
            parts.append(
                " → ".join(
                    _.named(roles, str(v)) for v in (value if isinstance(value, list) else [value])
                )
            )
        elif key == "form" and config is not None and value in config.forms:
            parts.append(_.label(config.forms[value].label))
        elif key in (
            "version",
            "rows",
            "note",
            "reason",
            "field",
            "customers",
            "deals",
            "tasks",
            "taken",
            "kept",
        ) and value not in (0, ""):
            words = {
                "version": _("version"),
                "rows": _("rows"),
                "note": "",
                "reason": _("reason"),
                "field": _("field"),
                "customers": _("customers"),
                "deals": _("deals"),
                "tasks": _("tasks"),
                "taken": _("reverted"),
                "kept": _("kept"),
            }[key]
            if row.kind == "customer_erased" and key == "reason":
                value = erasure_reason(_, str(value))
            parts.append(f"{words} {value}".strip())
        elif key == "sha256" and value:
            parts.append(f"sha256 {str(value)[:12]}…")
    return " · ".join(parts)
