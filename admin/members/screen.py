"""Members and roles; inviting by a code that is shown once."""

import flet as ft

from admin.members.state import Members
from admin.session import use_admin
from admin.shell import panel_view
from shared.ui.feedback import Skeleton, act, field_problem
from shared.ui.parts import card, chips, identified, primary_button, section, text_field
from shared.ui.text import use_text
from shared.ui.view import screen


@screen
def MembersScreen() -> ft.View:
    session, _ = use_admin(), use_text()
    state, _set = ft.use_state(lambda: Members(session))
    ft.use_effect(act(state.load), [session.me])
    if not state.loaded or session.config is None:
        return panel_view("members", _("Members"), Skeleton(5))
    roles = {r.key: _.label(r.label) for r in session.config.roles}
    table = ft.DataTable(
        columns=[ft.DataColumn(label=ft.Text(x)) for x in (_("Name"), _("Role"), _("Since"), _("State"))],
        rows=[
            ft.DataRow(cells=[ft.DataCell(ft.Text(m.name)), ft.DataCell(ft.Text(roles.get(m.role, m.role))), ft.DataCell(ft.Text(f"{m.joined_at:%Y-%m-%d}" if m.joined_at else "")), ft.DataCell(ft.Text(_("Active") if m.active else _("Disabled")))])
            for m in state.rows[:200]
        ],
    )  # fmt: skip
    waiting = [i for i in state.invitations if i.accepted_at is None]
    invited = [
        ft.Text(f"{i.name} · {i.contact} · {roles.get(i.role, i.role)} · " + _("until %(day)s") % {"day": f"{i.expires_at:%m-%d}"})
        for i in waiting[:20]
    ]
    form: list[ft.Control] = [
        ft.Row(
            [
                ft.Container(text_field("invite-name", _("Name"), state.name, lambda e: state.put("name", e.control.value), problem=field_problem(_, state.problems, "name")), expand=1),
                ft.Container(text_field("invite-contact", _("E-mail or phone number"), state.contact, lambda e: state.put("contact", e.control.value), problem=field_problem(_, state.problems, "contact")), expand=1),
            ],
            spacing=16, vertical_alignment=ft.CrossAxisAlignment.START,
        ),
        chips("role", list(roles.items()), state.role, lambda key: lambda e: state.put("role", key), problem=field_problem(_, state.problems, "role")),
        ft.Row([ft.Container(primary_button("invite", _("Make an invitation code"), act(state.invite)), width=280)]),
    ]  # fmt: skip
    if state.code:
        words = _("Code for %(name)s, shown once:") % {"name": state.code_for}
        form.append(
            card(
                ft.Text(words),
                ft.Row(
                    [
                        identified("invitation-code", ft.Text(state.code.code, theme_style=ft.TextThemeStyle.HEADLINE_SMALL)),
                        ft.OutlinedButton(_("Copy"), action=ft.CopyToClipboard(state.code.code)),
                    ]
                ),
            )
        )
    return panel_view(
        "members", _("Members"),
        card(ft.Row([table], scroll=ft.ScrollMode.AUTO)),
        card(section(_("Invite someone"), *form)),
        *([card(section(_("Invited"), *invited))] if invited else []),
        problem=state.problem,
    )  # fmt: skip
