"""What is not sent, in words: what it was, what it says, why it was refused; a row each with a way
on."""

from typing import Any

import flet as ft

from mobile_app.me.state import SyncInbox
from mobile_app.offline.attachments import Attachment
from mobile_app.offline.outbox import PendingOperation
from shared.domain import funnel
from shared.domain.catalogue import form_of
from shared.gateway.quarantine import Change
from shared.ui.feedback import act
from shared.ui.form.view import value_text
from shared.ui.text import Texts, problem_text, use_text
from shared.ui.view import component
from shared.ui.widgets import card, identified, text_button

LISTS = {"outcome": "outcomes", "level": "levels", "reason": "reasons", "lost_reason": "reasons"}


def verb_name(_: Texts, verb: str) -> str:
    return {
        "save_customer": _("Customer saved"),
        "save_companion": _("Companion saved"),
        "save_vehicle": _("Vehicle saved"),
        "save_policy": _("Policy saved"),
        "save_deal": _("Deal saved"),
        "log_conversation": _("Conversation logged"),
        "request_cancellation": _("Cancel request"),
        "decide_approval": _("Decision"),
        "move_deal": _("Deal moved"),
        "snooze_task": _("Task postponed"),
        "undo": _("Undo"),
        "record_visit": _("Visit recorded"),
        "renew_policy": _("Policy renewed"),
        "mark_policy_lost": _("Renewal lost"),
        "save_relationship": _("Family linked"),
        "save_consent": _("Consent recorded"),
        "acknowledge_transfer": _("Transfer acknowledged"),
        "reassign": _("Customer transferred"),
        "request_transfer": _("Transfer requested"),
        "claim_customer": _("Customer claimed"),
        "claim_policy": _("Policy claimed"),
        "set_renewal_owner": _("Renewal owner set"),
        "close_promise": _("Promise kept"),
        "acknowledge_alert": _("Seen"),
    }.get(verb, verb)


def field_name(_: Texts, config, form: str, key: str) -> str:
    """The store's own word for a field, or ours for what is beside the form."""
    beside = {
        "outcome": _("Outcome"),
        "level": _("Level"),
        "reason": _("Reason"),
        "lost_reason": _("Reason"),
        "next_contact_on": _("Next contact"),
        "until": _("Until"),
        "stage": _("Stage"),
    }
    definition = config.forms.get(form) if config else None
    known = definition.field(key) if definition else None
    item = funnel.check_label(config, key) if config and key.startswith(funnel.CHECK) else None
    return _.label(known.label if known else item) or beside.get(key, key)


def fields_text(_: Texts, fields: dict, config, form: str) -> list[str]:
    """Fields and values with the store's labels."""
    definition = config.forms.get(form) if config else None
    found = []
    for key, value in fields.items():
        known = definition.field(key) if definition else None
        text = str(value if value is not None else "")
        if known:
            text = value_text(_, known, form, value, config)
        elif config and key in LISTS:
            text = _.named(config.labels(LISTS[key]), text)
        elif config and key == "stage":
            text = _.named(config.stage_labels(), text)
        found.append(f"{field_name(_, config, form, key)}{_.colon}{text or '—'}")
    return found


def change_text(_: Texts, change: Change, config) -> str:
    """One line of what applying would change: "Level: Near → Intent"."""

    def value(raw: Any) -> str:
        if raw is None:
            return "—"
        if (change.form, change.field) == ("consent", "granted"):
            return _("consent given") if raw else _("consent withdrawn")
        if change.field in ("status", "granted"):
            return status_name(_, str(raw))
        [line] = fields_text(_, {change.field: raw}, config, change.form)
        return line.partition(_.colon)[2]

    beside = {
        "status": _("Task") if change.form == "task" else _("Status"),
        "due_on": _("Due on"),
        "granted": _("Consent"),
        "relation": _("Family linked"),
    }
    name = field_name(_, config, change.form, change.field)
    name = beside.get(change.field, name) if name == change.field else name
    return f"{name}{_.colon}{value(change.before)} → {value(change.after)}"


def status_name(_: Texts, status: str) -> str:
    return {
        "open": _("open"),
        "done": _("done"),
        "excused": _("excused"),
        "cancel_requested": _("waiting for approval"),
        "suspended": _("suspended"),
        "active": _("active"),
        "renewed": _("Renewed"),
        "lost": _("Not renewed"),
        "kept": _("Promise kept"),
    }.get(status, status)


def payload_text(_: Texts, payload: dict, config, form: str) -> str:
    """What the person wrote, to read and to copy."""
    words = payload.get("notes") or payload.get("remark")
    return "\n".join(
        [*([str(words)] if words else []), *fields_text(_, payload.get("set") or {}, config, form)]
    )


def reason_text(_: Texts, row: PendingOperation, config) -> str:
    form = form_of(row.verb)
    named = [problem_text(_, code, field_name(_, config, form, key)) for key, code in row.errors]
    return "\n".join(named) or problem_text(
        _,
        row.code or "unexpected",
        field_name(_, config, form, row.field) if row.field and row.code == "required" else None,
    )


@component
def PendingRow(state: SyncInbox, row: PendingOperation, discarding: bool) -> ft.Control:
    _ = use_text()
    page = ft.context.page
    head = " · ".join(x for x in (verb_name(_, row.verb), row.title) if x)
    parts: list[ft.Control] = [ft.Text(head, theme_style=ft.TextThemeStyle.TITLE_SMALL)]
    if words := payload_text(_, row.payload, state.session.config, form_of(row.verb)):
        parts.append(ft.Text(words, max_lines=4, overflow=ft.TextOverflow.ELLIPSIS, size=13))
    if row.files:
        parts.append(
            ft.Text(
                _("Attached files: %(n)d") % {"n": row.files},
                size=12,
                color=ft.Colors.ON_SURFACE_VARIANT,
            )
        )
    if row.state == "rejected":
        parts.append(ft.Text(reason_text(_, row, state.session.config), color=ft.Colors.ERROR))
        resolves = bool(row.theirs or row.errors or row.field)
        parts.append(
            ft.Row(
                [
                    text_button(
                        f"mend-{row.op_id}",
                        _("Compare") if row.theirs else _("Fix"),
                        lambda e: page.navigate(f"/me/pending/{row.op_id}"),
                    )
                    if resolves
                    else text_button(f"retry-{row.op_id}", _("Try again"), act(state.retry, row)),
                    identified(
                        f"copy-{row.op_id}",
                        ft.TextButton(
                            _("Copy"), action=ft.CopyToClipboard(words or head), height=48
                        ),
                    ),
                    text_button(
                        f"discard-{row.op_id}",
                        _("Discard this change?") if discarding else _("Discard"),
                        act(state.discard, row),
                    ),
                ],
                wrap=True,
            )
        )
    elif row.state == "quarantined":
        parts.append(
            ft.Text(
                problem_text(_, row.code or "quarantined"),
                size=12,
                color=ft.Colors.ON_SURFACE_VARIANT,
            )
        )
    else:
        parts.append(
            ft.Text(_("Waiting for a connection"), size=12, color=ft.Colors.ON_SURFACE_VARIANT)
        )
    return card(*parts, identifier=f"op-{row.op_id}")


@component
def FileRow(state: SyncInbox, file: Attachment, discarding: bool) -> ft.Control:
    _ = use_text()
    kind = {"voice": _("Voice memo"), "photo": _("Photo")}.get(file.kind, _("File"))
    parts: list[ft.Control] = [
        ft.Row(
            [
                ft.Text(kind, theme_style=ft.TextThemeStyle.TITLE_SMALL, expand=True),
                ft.Text(
                    f"{file.sent_bytes * 100 // file.bytes} %",
                    size=12,
                    color=ft.Colors.ON_SURFACE_VARIANT,
                ),
            ]
        )
    ]
    if file.state == "rejected":
        parts.append(ft.Text(problem_text(_, file.code or "unexpected"), color=ft.Colors.ERROR))
        parts.append(
            ft.Row(
                [
                    text_button(f"retry-{file.id}", _("Try again"), act(state.retry_file, file)),
                    text_button(
                        f"discard-{file.id}",
                        _("Discard this change?") if discarding else _("Discard"),
                        act(state.discard_file, file),
                    ),
                ],
                wrap=True,
            )
        )
    else:
        parts.append(ft.ProgressBar(value=file.sent_bytes / file.bytes))
    return card(*parts, identifier=f"file-{file.id}")
