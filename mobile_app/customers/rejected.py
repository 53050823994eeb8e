"""What the server refused about this customer, on their own card: why, and a tap to correct it."""

from uuid import UUID

import flet as ft

from mobile_app.me.pending_widgets import FileRow, form_of, payload_text, reason_text, verb_name
from mobile_app.me.state import SyncInbox
from mobile_app.observables import use_sync
from mobile_app.offline.outbox import PendingOperation
from mobile_app.session import use_local_data, use_session
from shared.ui.feedback import act
from shared.ui.text import problem_text, use_text
from shared.ui.view import component
from shared.ui.widgets import identified, primary_button, text_button

SHOWN = 3  # more stand in the cloud's list


@component
def RejectedNotice(customer_id: UUID) -> ft.Control:
    """Rejected acts first, then what waits with a manager; nothing when all is well. It brings its
    own gap."""
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: SyncInbox(session, customer_id))
    use_local_data(state.load, again=use_sync())
    rows = [r for r in state.rows if r.state != "pending"]
    follow = [r for r in rows if r.state == "rejected" and r.code == "not_found"]
    if len(follow) < sum(
        r.state == "rejected" for r in rows
    ):  # refused only because the first was: they go along when that is corrected
        rows = [r for r in rows if r not in follow]
    else:
        follow = []
    files = [f for f in state.files if f.state == "rejected"]
    if not rows and not files:
        return ft.Container(height=0)
    blocks: list[ft.Control] = [
        RejectedOperation(state, row, customer_id, key=str(row.op_id)) for row in rows[:SHOWN]
    ]
    if follow:
        words = _.many(
            "%(n)d later entry is sent once this is fixed.",
            "%(n)d later entries are sent once this is fixed.",
            len(follow),
        )
        blocks.append(ft.Text(words, size=12, color=ft.Colors.ON_SURFACE_VARIANT))
    blocks += [
        FileRow(state, file, state.discarding == str(file.id), key=str(file.id))
        for file in files[:SHOWN]
    ]
    if len(rows) > SHOWN or len(files) > SHOWN:
        blocks.append(
            text_button(
                "all-unsent",
                _("All unsent entries"),
                lambda e: e.page.navigate("/me/pending"),
                icon=ft.Icons.CLOUD_UPLOAD_OUTLINED,
            )
        )
    return ft.Container(
        ft.Column(blocks, spacing=8, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        padding=ft.Padding.only(bottom=16),
    )


@component
def RejectedOperation(state: SyncInbox, row: PendingOperation, customer_id: UUID) -> ft.Control:
    """One act: what it was, what it says, why it was refused, and the way on."""
    _ = use_text()
    refused = row.state == "rejected"
    ink = ft.Colors.ON_ERROR_CONTAINER if refused else ft.Colors.ON_TERTIARY_CONTAINER
    title = _("Rejected: %(what)s") if refused else _("Sent to your manager: %(what)s")
    reason = (
        reason_text(_, row, state.session.config)
        if refused
        else problem_text(_, row.code or "quarantined")
    )
    parts: list[ft.Control] = [
        ft.Row(
            [
                ft.Icon(
                    ft.Icons.ERROR_OUTLINE if refused else ft.Icons.HOURGLASS_EMPTY,
                    size=20,
                    color=ink,
                ),
                ft.Text(
                    title % {"what": verb_name(_, row.verb)},
                    theme_style=ft.TextThemeStyle.TITLE_SMALL,
                    color=ink,
                    expand=True,
                ),
            ],
            spacing=8,
        ),
        ft.Text(reason, color=ink),
    ]
    if words := payload_text(_, row.payload, state.session.config, form_of(row.verb)):
        parts.append(
            ft.Text(words, size=13, color=ink, max_lines=3, overflow=ft.TextOverflow.ELLIPSIS)
        )
    if refused and (row.theirs or row.errors or row.field):
        go = lambda e: e.page.navigate(f"/customers/{customer_id}/resolve/{row.op_id}")  # noqa: E731
        parts.append(
            primary_button(
                f"mend-{row.op_id}",
                _("Compare") if row.theirs else _("Fix"),
                go,
                icon=ft.Icons.BUILD_OUTLINED,
            )
        )
    elif refused:
        parts.append(
            primary_button(
                f"retry-{row.op_id}", _("Try again"), act(state.retry, row), icon=ft.Icons.REFRESH
            )
        )
    box = ft.Container(
        ft.Column(parts, spacing=8, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        padding=16,
        border_radius=16,
        bgcolor=ft.Colors.ERROR_CONTAINER if refused else ft.Colors.TERTIARY_CONTAINER,
    )
    return identified(f"refused-{row.op_id}" if refused else f"quarantined-{row.op_id}", box)
