"""One member: name, role, team; sign out everywhere; leaving with a new owner; coming back."""

from datetime import date
from functools import partial
from zoneinfo import ZoneInfo

import flet as ft

from admin.members.state import Members
from admin.session import AdminSession, use_admin
from admin.view_as import ViewAsButton
from admin.widgets import Trouble
from shared.domain.config import StoreConfig
from shared.domain.members import Person
from shared.ui.feedback import act, field_problem, typed
from shared.ui.text import Texts, problem_text, use_text
from shared.ui.view import component
from shared.ui.widgets import (
    card,
    chips,
    identified,
    primary_button,
    secondary_button,
    section,
    text_button,
    text_field,
)


def seen_text(_: Texts, person: Person, today: date | None, zone: str) -> str:
    """When they were last here, in the store's own days."""
    at = max((x for x in (person.last_seen_at, person.last_sign_in_at) if x), default=None)
    if at is None:
        return _("never signed in")
    here = at.astimezone(ZoneInfo(zone))
    return _("last active %(when)s") % {
        "when": f"{_.day(here.date(), today or here.date())} {here:%H:%M}"
    }


@component
def PersonCard(state: Members, **_key) -> ft.Control:
    session, _ = use_admin(), use_text()
    person, config = state.person, session.config
    if person is None or config is None:
        return ft.Container()
    head, facts = name_of_person(_, state, person), facts_of_person(_, session, person)
    if state.is_me(person):
        words = problem_text(_, "own_access")
        return card(head, *facts, ft.Text(words, color=ft.Colors.ON_SURFACE_VARIANT))
    if not person.can_manage:
        words = _(
            "This person has more permissions than you. Ask an admin with the same permissions."
        )
        return card(head, *facts, ft.Text(words, color=ft.Colors.ON_SURFACE_VARIANT))
    problems = [Trouble(state.problem)] if state.problem else []
    if person.active and state.leaving:
        return card(head, *problems, LeaveForm(state, person))
    about = [head, *facts, *problems, *what_was_done(_, state, person)]
    if not person.active:
        return card(*about, *way_back(_, state, person))
    return card(*about, *access_fields(_, state, person, config), *actions(_, state, person))


def name_of_person(_: Texts, state: Members, person: Person) -> ft.Control:
    name = ft.Text(person.name, theme_style=ft.TextThemeStyle.TITLE_LARGE, expand=True, max_lines=2)
    return ft.Row([name, text_button("close-person", _("Close"), lambda e: state.choose(None))])


def facts_of_person(_: Texts, session: AdminSession, person: Person) -> list[ft.Control]:
    """When they were here, and on how many devices they are signed in."""
    today = session.me.today if session.me else None
    zone = session.me.time_zone if session.me else "Asia/Shanghai"
    facts = [seen_text(_, person, today, zone)]
    if person.sessions:
        facts.append(_("Signed in on %(n)d devices") % {"n": person.sessions})
    return [ft.Text(fact, color=ft.Colors.ON_SURFACE_VARIANT) for fact in facts]


def what_was_done(_: Texts, state: Members, person: Person) -> list[ft.Control]:
    """What came of the last action on this member."""
    lines: list[ft.Control] = []
    notes = {
        "saved": _("Saved. It takes effect immediately."),
        "enabled": _("Member re-enabled."),
        "signed_out_everywhere": _("Signed out on all devices. It can take a phone up to an hour."),
    }
    if note := notes.get(state.done):
        lines.append(identified("person-done", ft.Text(note, color=ft.Colors.PRIMARY)))
    if state.transferred is not None and not person.active:
        words = (
            _(
                "Transferred: %(customers)d customers, %(renewals)d renewals, "
                "%(deals)d deals, %(tasks)d tasks."
            )
            % state.transferred.model_dump()
        )
        lines.append(identified("transfer", ft.Text(words, color=ft.Colors.PRIMARY)))
    return lines


def way_back(_: Texts, state: Members, person: Person) -> list[ft.Control]:
    """Of a member whose access has ended: what they still hold, and letting them in again."""
    enable = secondary_button(
        "enable-person",
        _("Re-enable"),
        act(state.enable),
        icon=ft.Icons.PERSON_ADD,
        disabled=state.busy,
    )
    if not person.holds:
        return [enable]
    words = _("This person still owns records: transfer them first.")
    return [ft.Text(words, color=ft.Colors.ERROR), LeaveForm(state, person), enable]


def access_fields(
    _: Texts, state: Members, person: Person, config: StoreConfig
) -> list[ft.Control]:
    """Name, role and team, and the button that saves them."""
    roles = [
        (r.key, _.label(r.label))
        for r in config.roles
        if r.key in state.grantable or r.key == person.role
    ]
    edited = (state.member_name.strip(), state.member_role, state.member_team.strip())
    changed = edited != (person.name, person.role, person.team)
    return [
        text_field(
            "person-name",
            _("Full name"),
            state.member_name,
            typed(partial(state.set_value, "member_name")),
            problem=field_problem(_, state.problems, "name"),
        ),
        section(
            _("Role"),
            chips(
                "person-role",
                roles,
                state.member_role,
                lambda key: lambda e: state.set_value("member_role", key),
                problem=field_problem(_, state.problems, "role"),
            ),
        ),
        text_field(
            "person-team",
            _("Team"),
            state.member_team,
            typed(partial(state.set_value, "member_team")),
            problem=field_problem(_, state.problems, "team"),
        ),
        primary_button(
            "save-person", _("Save"), act(state.save), disabled=state.busy or not changed
        ),
    ]


def actions(_: Texts, state: Members, person: Person) -> list[ft.Control]:
    return [
        ViewAsButton(person.user_id, _("View as this member"), key=f"see-{person.user_id}"),
        secondary_button(
            "sign-out-person",
            _("Sign out on all devices"),
            act(state.sign_out),
            icon=ft.Icons.PHONELINK_ERASE,
            disabled=state.busy,
        ),
        secondary_button(
            "leave-person",
            _("Offboard …"),
            lambda e: state.leave(),
            icon=ft.Icons.PERSON_OFF_OUTLINED,
        ),
    ]


@component
def LeaveForm(state: Members, person: Person) -> ft.Control:
    """Impossible without a new owner while anything is open (S-35)."""
    session, _ = use_admin(), use_text()
    config = session.config
    if config is None:
        return ft.Container()
    parts: list[ft.Control] = [ft.Text(_("This person owns no open records."))]
    if person.holds:
        parts = who_takes_over(_, state, person, config)
    words = (
        _("Transfer records")
        if not person.active
        else _("Disable and transfer")
        if person.holds
        else _("Disable")
    )
    parts.append(
        primary_button(
            "disable-person",
            words,
            act(state.disable),
            disabled=state.busy or bool(person.holds and not state.new_owner),
        )
    )
    if person.active:
        parts.append(ft.Row([text_button("stay-person", _("Cancel"), lambda e: state.stay())]))
    return ft.Column(parts, spacing=12, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def who_takes_over(
    _: Texts, state: Members, person: Person, config: StoreConfig
) -> list[ft.Control]:
    new_owners = [
        (str(p.user_id), p.name) for p in state.rows if p.active and p.user_id != person.user_id
    ]
    pools = [("", _("The same new owner")), *((p.key, _.label(p.label)) for p in config.pools)]
    question = _(
        "%(customers)d customers, %(renewals)d renewals, %(deals)d open deals and "
        "%(tasks)d tasks are transferred together; stages, dates and history stay "
        "the same."
    ) % {
        "customers": person.customers,
        "renewals": person.renewals,
        "deals": person.deals,
        "tasks": person.tasks,
    }
    return [
        ft.Text(question),
        section(
            _("New owner"),
            chips(
                "new-owner",
                new_owners[:30],
                state.new_owner,
                lambda key: lambda e: state.set_value("new_owner", key),
                problem=field_problem(_, state.problems, "new_owner_id"),
            ),
        ),
        section(
            _("Transfer customers to"),
            chips(
                "new-owner-pool",
                pools,
                state.pool,
                lambda key: lambda e: state.set_value("pool", key),
                problem=field_problem(_, state.problems, "pool"),
            ),
        ),
    ]
