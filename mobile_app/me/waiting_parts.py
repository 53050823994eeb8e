"""What is not sent, in words: what it was, what it says, why it was refused; a row each with a way on."""

import flet as ft

from mobile_app.me.state import NotSent
from mobile_app.offline.attachments import Attachment
from mobile_app.offline.effects import FIELDS_OF
from mobile_app.offline.outbox import FORMS, Waiting
from shared.domain import funnel
from shared.ui.feedback import act
from shared.ui.form.view import value_text
from shared.ui.parts import card, identified, text_button
from shared.ui.text import Texts, problem_text, use_text
from shared.ui.view import component


def verb_name(_: Texts, verb: str) -> str:
    return {
        "save_customer": _("Customer saved"), "save_companion": _("Companion saved"), "save_vehicle": _("Car saved"), "save_policy": _("Policy saved"), "save_deal": _("Deal saved"),
        "log_conversation": _("Conversation logged"), "request_cancel": _("Cancel request"), "decide_approval": _("Decision"), "move_deal": _("Deal moved"),
        "snooze_task": _("Task put off"), "undo": _("Undo"), "receive": _("Visit received"), "renew_policy": _("Policy renewed"), "lose_policy": _("Renewal lost"),
        "save_link": _("Family linked"), "save_consent": _("Consent noted"), "accept_handover": _("Handover accepted"), "reassign": _("Customer handed over"),
        "request_customer": _("Asked to join"), "claim_customer": _("Customer claimed"), "claim_policy": _("Policy claimed"), "end_promise": _("Promise kept"),
        "see_flag": _("Seen"),
    }.get(verb, verb)  # fmt: skip


def field_name(_: Texts, config, form: str, key: str) -> str:
    """The store's own word for a field, or ours for what is beside the form."""
    beside = {"outcome": _("Outcome"), "level": _("Level"), "reason": _("Reason"), "lost_reason": _("Reason"), "next_contact_on": _("Next contact"), "until": _("Until"), "stage": _("Stage")}  # fmt: skip
    definition = config.forms.get(form) if config else None
    known = definition.field(key) if definition else None
    item = funnel.check_label(config, key) if config and key.startswith(funnel.CHECK) else None
    return _.label(known.label if known else item) or beside.get(key, key)


def form_of(verb: str) -> str:
    return FORMS[FIELDS_OF.get(verb, "conversations")]


def fields_text(_: Texts, fields: dict, config, form: str) -> list[str]:
    """Fields and their values in the store's own words."""
    definition = config.forms.get(form) if config else None
    found = []
    for key, value in fields.items():
        known = definition.field(key) if definition else None
        levels = [(x.key, x.label) for x in config.levels] if config and key == "level" else None
        text = value_text(_, known, form, value, levels) if known else str(value if value is not None else "")
        found.append(f"{field_name(_, config, form, key)}: {text or '—'}")
    return found


def told(_: Texts, payload: dict, config, form: str) -> str:
    """What the person wrote, to read and to copy."""
    words = payload.get("words") or payload.get("remark")
    return "\n".join([*([str(words)] if words else []), *fields_text(_, payload.get("set") or {}, config, form)])


def why(_: Texts, row: Waiting, config) -> str:
    form = form_of(row.verb)
    named = [problem_text(_, code, field_name(_, config, form, key)) for key, code in row.errors]
    return "\n".join(named) or problem_text(
        _, row.code or "unexpected", field_name(_, config, form, row.field) if row.field and row.code == "required" else None
    )


@component
def WaitingRow(state: NotSent, row: Waiting, giving_up: bool) -> ft.Control:
    _ = use_text()
    page = ft.context.page
    head = " · ".join(x for x in (verb_name(_, row.verb), row.title) if x)
    parts: list[ft.Control] = [ft.Text(head, theme_style=ft.TextThemeStyle.TITLE_SMALL)]
    if words := told(_, row.payload, state.session.config, form_of(row.verb)):
        parts.append(ft.Text(words, max_lines=4, overflow=ft.TextOverflow.ELLIPSIS, size=13))
    if row.files:
        parts.append(ft.Text(_("With files: %(n)d") % {"n": row.files}, size=12, color=ft.Colors.ON_SURFACE_VARIANT))
    if row.state == "attention":
        parts.append(ft.Text(why(_, row, state.session.config), color=ft.Colors.ERROR))
        mends = bool(row.theirs or row.errors or row.field)
        parts.append(
            ft.Row(
                [
                    text_button(f"mend-{row.op_id}", _("Compare") if row.theirs else _("Mend"), lambda e: page.navigate(f"/me/waiting/{row.op_id}"))
                    if mends
                    else text_button(f"retry-{row.op_id}", _("Try again"), act(state.retry, row)),
                    identified(f"copy-{row.op_id}", ft.TextButton(_("Copy"), action=ft.CopyToClipboard(words or head), height=48)),
                    text_button(f"discard-{row.op_id}", _("Really give up?") if giving_up else _("Give up"), act(state.discard, row)),
                ],
                wrap=True,
            )
        )
    elif row.state == "held":
        parts.append(ft.Text(problem_text(_, row.code or "held"), size=12, color=ft.Colors.ON_SURFACE_VARIANT))
    else:
        parts.append(ft.Text(_("Waits for the network"), size=12, color=ft.Colors.ON_SURFACE_VARIANT))
    return card(*parts, identifier=f"op-{row.op_id}")


@component
def FileRow(state: NotSent, file: Attachment, giving_up: bool) -> ft.Control:
    _ = use_text()
    kind = {"voice": _("Voice memo"), "photo": _("Photo")}.get(file.kind, _("File"))
    parts: list[ft.Control] = [
        ft.Row(
            [
                ft.Text(kind, theme_style=ft.TextThemeStyle.TITLE_SMALL, expand=True),
                ft.Text(f"{file.sent_bytes * 100 // file.bytes} %", size=12, color=ft.Colors.ON_SURFACE_VARIANT),
            ]
        )
    ]
    if file.state == "attention":
        parts.append(ft.Text(problem_text(_, file.code or "unexpected"), color=ft.Colors.ERROR))
        parts.append(
            ft.Row(
                [
                    text_button(f"retry-{file.id}", _("Try again"), act(state.retry_file, file)),
                    text_button(f"discard-{file.id}", _("Really give up?") if giving_up else _("Give up"), act(state.discard_file, file)),
                ],
                wrap=True,
            )
        )
    else:
        parts.append(ft.ProgressBar(value=file.sent_bytes / file.bytes))
    return card(*parts, identifier=f"file-{file.id}")
