"""The group's list: who works for all its stores, and giving somebody a role there."""

from functools import partial

import flet as ft

from admin.group.state import GroupPeople
from admin.session import use_admin
from admin.shell import panel_page, use_fetch, use_tab_state
from admin.widgets import chip_of, choice
from shared.domain.members import GroupPerson
from shared.ui.feedback import Skeleton, act, field_problem
from shared.ui.text import use_text
from shared.ui.view import component
from shared.ui.widgets import card, chips, icon_button, identified, pill, primary_button, section


@component
def GroupScreen() -> ft.Control:
    session, _ = use_admin(), use_text()
    state = use_tab_state(GroupPeople, session)
    use_fetch(state.load)
    if not state.loaded:
        return panel_page(_("Group"), Skeleton(4))
    rows = [GroupRow(state, p, key=str(p.user_id)) for p in state.people]
    blocks = [
        *([card(*rows, padding=8)] if rows else []),
        card(section(_("Grant a role for the whole group"), GrantForm(state))),
    ]
    return panel_page(
        _("Group"),
        *blocks,
        problem=state.problem,
        again=act(state.load),
        note=_("People here work in every store of the group that has their role."),
    )


@component
def GroupRow(state: GroupPeople, person: GroupPerson, **_key) -> ft.Control:
    _ = use_text()
    labels = {r.key: _.label(r.label) for r in state.roles}
    marks: list[ft.Control] = []
    if state.is_me(person):
        marks.append(pill(_("You")))
    if person.is_admin:
        marks.append(pill(_("Group administrator")))
    words = ft.Row(
        [
            ft.Text(
                person.name,
                weight=ft.FontWeight.W_600,
                max_lines=1,
                overflow=ft.TextOverflow.ELLIPSIS,
            ),
            ft.Text(labels.get(person.role, person.role), color=ft.Colors.ON_SURFACE_VARIANT),
            *marks,
        ],
        spacing=8,
        expand=True,
    )
    remove = icon_button(
        f"group-remove-{person.user_id}",
        ft.Icons.CLOSE,
        _("Remove from the group"),
        act(state.revoke, person.user_id),
    )
    return identified(f"group-person-{person.user_id}", ft.Row([words, remove]), label=person.name)


@component
def GrantForm(state: GroupPeople) -> ft.Control:
    _ = use_text()
    people = [(str(m.user_id), m.name) for m in state.candidates]
    problem = field_problem(_, state.problems, "user_id")
    return ft.Column(
        [
            ft.Text(
                _("You can choose members of the current store. Switch stores to choose others."),
                size=13,
                color=ft.Colors.ON_SURFACE_VARIANT,
            ),
            ft.Container(
                choice(
                    "group-user",
                    _("Member"),
                    people,
                    state.user_id,
                    lambda key: state.set_value("user_id", key or ""),
                    nothing=_("None selected"),
                ),
                width=420,
            ),
            *([ft.Text(problem, color=ft.Colors.ERROR, size=12)] if problem else []),
            chips(
                "group-role",
                [(r.key, _.label(r.label)) for r in state.roles],
                state.role,
                lambda key: lambda e: state.set_value("role", key),
                problem=field_problem(_, state.problems, "role"),
            ),
            chip_of(
                "group-admin",
                [
                    ("no", _("Works in the stores")),
                    ("yes", _("Also manages group members")),
                ],
                "yes" if state.is_admin else "no",
                partial(_choose_admin, state),
            ),
            ft.Row(
                [
                    ft.Container(
                        primary_button(
                            "group-grant",
                            _("Grant this role"),
                            act(state.grant),
                            disabled=state.busy,
                        ),
                        width=280,
                    )
                ]
            ),
        ],
        spacing=12,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _choose_admin(state: GroupPeople, chosen: str) -> None:
    state.set_value("is_admin", chosen == "yes")
