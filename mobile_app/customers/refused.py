"""What the server refused about this customer, on his own card: why, and one tap to mend it."""

from uuid import UUID

import flet as ft

from mobile_app.me.state import NotSent
from mobile_app.me.waiting_parts import FileRow, form_of, told, verb_name, why
from mobile_app.offline.outbox import Waiting
from mobile_app.session import use_book, use_session
from mobile_app.watching import use_sync
from shared.ui.feedback import act
from shared.ui.parts import identified, primary_button, text_button
from shared.ui.text import problem_text, use_text
from shared.ui.view import component

SHOWN = 3  # more stand in the cloud's list


@component
def NotTaken(customer_id: UUID) -> ft.Control:
    """Refused acts first, then what waits with a manager; nothing when all is well. It brings its own gap."""
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: NotSent(session, customer_id))
    use_book(state.load, again=use_sync())
    rows = [r for r in state.rows if r.state != "waiting"]
    follow = [r for r in rows if r.state == "attention" and r.code == "not_found"]
    if len(follow) < sum(r.state == "attention" for r in rows):  # refused only because the first was: they go along when that is mended
        rows = [r for r in rows if r not in follow]
    else:
        follow = []
    files = [f for f in state.files if f.state == "attention"]
    if not rows and not files:
        return ft.Container(height=0)
    blocks: list[ft.Control] = [Refused(state, row, customer_id, key=str(row.op_id)) for row in rows[:SHOWN]]
    if follow:
        words = _.many("%(n)d later entry goes along when this is mended.", "%(n)d later entries go along when this is mended.", len(follow))
        blocks.append(ft.Text(words, size=12, color=ft.Colors.ON_SURFACE_VARIANT))
    blocks += [FileRow(state, file, state.giving_up == str(file.id), key=str(file.id)) for file in files[:SHOWN]]
    if len(rows) > SHOWN or len(files) > SHOWN:
        blocks.append(
            text_button("all-unsent", _("All that is not sent"), lambda e: e.page.navigate("/me/waiting"), icon=ft.Icons.CLOUD_UPLOAD_OUTLINED)
        )
    return ft.Container(ft.Column(blocks, spacing=8, horizontal_alignment=ft.CrossAxisAlignment.STRETCH), padding=ft.Padding.only(bottom=16))


@component
def Refused(state: NotSent, row: Waiting, customer_id: UUID) -> ft.Control:
    """One act: what it was, what it says, why it was refused, and the way on."""
    _ = use_text()
    refused = row.state == "attention"
    ink = ft.Colors.ON_ERROR_CONTAINER if refused else ft.Colors.ON_TERTIARY_CONTAINER
    title = _("Not taken over: %(what)s") if refused else _("With your manager: %(what)s")
    reason = why(_, row, state.session.config) if refused else problem_text(_, row.code or "held")
    parts: list[ft.Control] = [
        ft.Row(
            [
                ft.Icon(ft.Icons.ERROR_OUTLINE if refused else ft.Icons.HOURGLASS_EMPTY, size=20, color=ink),
                ft.Text(title % {"what": verb_name(_, row.verb)}, theme_style=ft.TextThemeStyle.TITLE_SMALL, color=ink, expand=True),
            ],
            spacing=8,
        ),
        ft.Text(reason, color=ink),
    ]
    if words := told(_, row.payload, state.session.config, form_of(row.verb)):
        parts.append(ft.Text(words, size=13, color=ink, max_lines=3, overflow=ft.TextOverflow.ELLIPSIS))
    if refused and (row.theirs or row.errors or row.field):
        go = lambda e: e.page.navigate(f"/customers/{customer_id}/mend/{row.op_id}")  # noqa: E731
        parts.append(primary_button(f"mend-{row.op_id}", _("Compare") if row.theirs else _("Mend"), go, icon=ft.Icons.BUILD_OUTLINED))
    elif refused:
        parts.append(primary_button(f"retry-{row.op_id}", _("Try again"), act(state.retry, row), icon=ft.Icons.REFRESH))
    box = ft.Container(
        ft.Column(parts, spacing=8, horizontal_alignment=ft.CrossAxisAlignment.STRETCH), padding=16, border_radius=16,
        bgcolor=ft.Colors.ERROR_CONTAINER if refused else ft.Colors.TERTIARY_CONTAINER,
    )  # fmt: skip
    return identified(f"refused-{row.op_id}" if refused else f"held-{row.op_id}", box)
