"""Members: who is here and what each holds, inviting by a code, and beside the list the one member
one works on."""

from functools import partial
from zoneinfo import ZoneInfo

import flet as ft

from admin.members.invitation import InvitationCard
from admin.members.person import PersonCard, seen_text
from admin.members.state import Members
from admin.session import use_admin
from admin.shell import panel_page, use_fetch, use_tab_state
from shared.domain.members import Person
from shared.ui.feedback import Skeleton, act, field_problem, typed
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import (
    card,
    chips,
    icon_button,
    pill,
    primary_button,
    section,
    text_button,
    text_field,
)


def holds_text(_: Texts, person: Person) -> str:
    parts = [
        (_("%(n)d customers"), person.customers),
        (_("%(n)d renewals"), person.renewals),
        (_("%(n)d deals"), person.deals),
        (_("%(n)d tasks"), person.tasks),
    ]
    return " · ".join(words % {"n": n} for words, n in parts if n) or _("nothing")


@component
def MembersScreen() -> ft.Control:
    session, _ = use_admin(), use_text()
    state = use_tab_state(Members, session)
    use_fetch(state.load)
    if not state.loaded or session.config is None:
        return panel_page(_("Members"), Skeleton(5))
    roles = {r.key: _.label(r.label) for r in session.config.roles}
    rows = [
        PersonRow(state, p, roles.get(p.role, p.role), key=str(p.user_id)) for p in state.rows[:200]
    ]
    listing = (
        [card(*rows, padding=8)] if rows else []
    )  # whoever looks is a member: none is a server that did not answer
    beside = (
        [ft.Container(PersonCard(state, key=str(state.chosen)), width=420)] if state.person else []
    )
    waiting = [i for i in state.invitations if i.accepted_at is None]
    blocks: list[ft.Control] = [
        ft.Row(
            [
                ft.Container(
                    ft.Column(listing, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
                    expand=True,
                ),
                *beside,
            ],
            spacing=16,
            vertical_alignment=ft.CrossAxisAlignment.START,
        ),
        card(
            section(
                _("Invite someone"),
                InviteForm(state, [(k, n) for k, n in roles.items() if k in state.grantable]),
            )
        ),
    ]
    if waiting:
        blocks.append(
            card(
                section(
                    _("Invited"),
                    *[InvitedRow(state, i, roles.get(i.role, i.role)) for i in waiting[:20]],
                )
            )
        )
    return panel_page(
        _("Members"),
        *blocks,
        problem=state.problem if not state.person else "",
        again=act(state.load),
    )


@component
def PersonRow(state: Members, person: Person, role: str, **_key) -> ft.Control:
    session, _ = use_admin(), use_text()
    today = session.me.today if session.me else None
    zone = session.me.time_zone if session.me else "Asia/Shanghai"
    holds = ft.Text(holds_text(_, person), size=13, expand=3, max_lines=2)
    seen = ft.Text(
        seen_text(_, person, today, zone),
        size=13,
        color=ft.Colors.ON_SURFACE_VARIANT,
        expand=2,
        max_lines=2,
    )
    open_icon = ft.Icon(ft.Icons.CHEVRON_RIGHT, color=ft.Colors.OUTLINE)
    return ft.Semantics(
        key=f"person-{person.user_id}",
        identifier=f"person-{person.user_id}",
        button=True,
        selected=person.user_id == state.chosen,
        label=person.name,
        content=ft.Container(
            ft.Row([name_and_role(_, state, person, role), holds, seen, open_icon], spacing=12),
            padding=ft.Padding.symmetric(horizontal=12, vertical=10),
            border_radius=12,
            ink=True,
            on_click=lambda e: state.choose(person.user_id),
            bgcolor=ft.Colors.SECONDARY_CONTAINER if person.user_id == state.chosen else None,
        ),
    )


def name_and_role(_: Texts, state: Members, person: Person, role: str) -> ft.Control:
    marks: list[ft.Control] = []
    if state.is_me(person):
        marks.append(pill(_("You")))
    if not person.active:
        marks.append(pill(_("Disabled"), tone="urgent"))
    if not person.active and person.holds:
        marks.append(pill(_("still owns records"), tone="urgent", icon=ft.Icons.WARNING_AMBER))
    name = ft.Text(
        person.name,
        weight=ft.FontWeight.W_600,
        max_lines=1,
        overflow=ft.TextOverflow.ELLIPSIS,
        expand=True,
        expand_loose=True,
    )
    role_and_team = ft.Text(
        " · ".join(x for x in (role, person.team) if x),
        color=ft.Colors.ON_SURFACE_VARIANT,
        size=13,
        max_lines=1,
        overflow=ft.TextOverflow.ELLIPSIS,
    )
    return ft.Column([ft.Row([name, *marks], spacing=8), role_and_team], spacing=2, expand=3)


@component
def InviteForm(state: Members, roles: list[tuple[str, str]]) -> ft.Control:
    session, _ = use_admin(), use_text()
    if state.code:  # where one just tapped: below the form it would be out of sight
        made = InvitationCard(state.code_for, state.code.code, session.services.phone_url)
        again = text_button("invite-another", _("Invite someone else"), act(state.invite_another))
        return ft.Column([made, ft.Row([again])], spacing=12)
    form: list[ft.Control] = [
        ft.Row(
            [
                ft.Container(
                    text_field(
                        "invite-name",
                        _("Full name"),
                        state.name,
                        typed(partial(state.set_value, "name")),
                        problem=field_problem(_, state.problems, "name"),
                    ),
                    expand=1,
                ),
                ft.Container(
                    text_field(
                        "invite-contact",
                        _("E-mail or phone number"),
                        state.contact,
                        typed(partial(state.set_value, "contact")),
                        problem=field_problem(_, state.problems, "contact"),
                    ),
                    expand=1,
                ),
            ],
            spacing=16,
            vertical_alignment=ft.CrossAxisAlignment.START,
        ),
        chips(
            "role",
            roles,
            state.role,
            lambda key: lambda e: state.set_value("role", key),
            problem=field_problem(_, state.problems, "role"),
        ),
        ft.Row(
            [
                ft.Container(
                    primary_button("invite", _("Create an invitation"), act(state.invite)),
                    width=280,
                )
            ]
        ),
    ]
    return ft.Column(form, spacing=12, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@component
def InvitedRow(state: Members, invitation, role: str) -> ft.Control:
    session, _ = use_admin(), use_text()
    zone = ZoneInfo(session.me.time_zone if session.me else "Asia/Shanghai")
    words = f"{invitation.name} · {invitation.contact} · {role} · " + _("valid until %(day)s") % {
        "day": f"{invitation.expires_at.astimezone(zone):%m-%d}"
    }
    return ft.Row(
        [
            ft.Text(words, expand=True),
            icon_button(
                "revoke-invitation",
                ft.Icons.CLOSE,
                _("Revoke"),
                act(state.revoke, invitation.id),
            ),
        ]
    )
