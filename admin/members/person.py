"""One member: name, role, team; sign out everywhere; leaving with an heir; coming back."""

from datetime import date
from functools import partial
from zoneinfo import ZoneInfo

import flet as ft

from admin.members.state import Members
from admin.parts import Trouble
from admin.seeing import SeeAsButton
from admin.session import use_admin
from shared.domain.members import Person
from shared.ui.feedback import act, field_problem, typed
from shared.ui.parts import card, chips, identified, primary_button, secondary_button, section, text_button, text_field
from shared.ui.text import Texts, problem_text, use_text
from shared.ui.view import component


def seen_text(_: Texts, person: Person, today: date | None, zone: str) -> str:
    """When he was last here, in the store's own days."""
    at = max((x for x in (person.last_seen_at, person.last_sign_in_at) if x), default=None)
    if at is None:
        return _("never signed in")
    here = at.astimezone(ZoneInfo(zone))
    return _("last here %(when)s") % {"when": f"{_.day(here.date(), today or here.date())} {here:%H:%M}"}


@component
def PersonCard(state: Members, **_key) -> ft.Control:
    session, _ = use_admin(), use_text()
    person, config = state.person, session.config
    if person is None or config is None:
        return ft.Container()
    head = ft.Row(
        [
            ft.Text(person.name, theme_style=ft.TextThemeStyle.TITLE_LARGE, expand=True, max_lines=2),
            text_button("close-person", _("Close"), lambda e: state.choose(None)),
        ]
    )
    facts = [
        ft.Text(
            seen_text(_, person, session.me.today if session.me else None, session.me.time_zone if session.me else "Asia/Shanghai"),
            color=ft.Colors.ON_SURFACE_VARIANT,
        )
    ]
    if person.sessions:
        facts.append(ft.Text(_("Signed in on %(n)d devices") % {"n": person.sessions}, color=ft.Colors.ON_SURFACE_VARIANT))
    problems = [Trouble(state.problem)] if state.problem else []
    notes = {
        "saved": _("Saved. It counts at once."), "enabled": _("Back in the store."),
        "signed_out_everywhere": _("Signed out everywhere. A phone notices within the hour."), "disabled": "",
    }  # fmt: skip
    told = [identified("person-done", ft.Text(notes[state.done], color=ft.Colors.PRIMARY))] if notes.get(state.done) else []
    if state.handover is not None and not person.active:
        told.append(identified("handover", ft.Text(
            _("Handed over: %(customers)d customers, %(renewals)d renewals, %(deals)d deals, %(tasks)d calls.") % state.handover.model_dump(), color=ft.Colors.PRIMARY)))  # fmt: skip
    if state.is_me(person):
        return card(head, *facts, ft.Text(problem_text(_, "own_access"), color=ft.Colors.ON_SURFACE_VARIANT))
    if not person.active:
        leftovers = (
            [ft.Text(_("Something still lies with this person: hand it over."), color=ft.Colors.ERROR), LeaveForm(state, person)]
            if person.holds
            else []
        )
        return card(
            head,
            *facts,
            *problems,
            *told,
            *leftovers,
            secondary_button("enable-person", _("Let back in"), act(state.enable), icon=ft.Icons.PERSON_ADD, disabled=state.busy),
        )
    if state.leaving:
        return card(head, *problems, LeaveForm(state, person))
    roles = [(r.key, _.label(r.label)) for r in config.roles]
    changed = (state.his_name.strip(), state.his_role, state.his_team.strip()) != (person.name, person.role, person.team)
    return card(
        head, *facts, *problems, *told,
        text_field("person-name", _("Full name"), state.his_name, typed(partial(state.put, "his_name")), problem=field_problem(_, state.problems, "name")),
        section(_("Role"), chips("person-role", roles, state.his_role, lambda key: lambda e: state.put("his_role", key), problem=field_problem(_, state.problems, "role"))),
        text_field("person-team", _("Team"), state.his_team, typed(partial(state.put, "his_team")), problem=field_problem(_, state.problems, "team")),
        primary_button("save-person", _("Save"), act(state.save), disabled=state.busy or not changed),
        SeeAsButton(person.user_id, _("See his phone"), key=f"see-{person.user_id}"),
        secondary_button("sign-out-person", _("Sign out everywhere"), act(state.sign_out), icon=ft.Icons.PHONELINK_ERASE, disabled=state.busy),
        secondary_button("leave-person", _("Leaves the store …"), lambda e: state.leave(), icon=ft.Icons.PERSON_OFF_OUTLINED),
    )  # fmt: skip


@component
def LeaveForm(state: Members, person: Person) -> ft.Control:
    """Impossible without an heir while anything is open (S-35)."""
    session, _ = use_admin(), use_text()
    config = session.config
    if config is None:
        return ft.Container()
    heirs = [(str(p.user_id), p.name) for p in state.rows if p.active and p.user_id != person.user_id]
    held = _("%(customers)d customers, %(renewals)d renewals, %(deals)d open deals and %(tasks)d calls are handed over in one go; stages, dates and history stay.") % {
        "customers": person.customers, "renewals": person.renewals, "deals": person.deals, "tasks": person.tasks,
    }  # fmt: skip
    parts: list[ft.Control] = []
    if person.holds:
        pools = [("", _("The same person")), *((p.key, _.label(p.label)) for p in config.pools)]
        parts = [
            ft.Text(held),
            section(
                _("Who takes over"),
                chips(
                    "heir", heirs[:30], state.heir, lambda key: lambda e: state.put("heir", key), problem=field_problem(_, state.problems, "heir_id")
                ),
            ),
            section(
                _("Customers go to"),
                chips("heir-pool", pools, state.pool, lambda key: lambda e: state.put("pool", key), problem=field_problem(_, state.problems, "pool")),
            ),
        ]
    else:
        parts = [ft.Text(_("This person holds nothing."))]
    words = _("Hand over") if not person.active else _("Disable and hand over") if person.holds else _("Disable")
    parts.append(primary_button("disable-person", words, act(state.disable), disabled=state.busy or bool(person.holds and not state.heir)))
    if person.active:
        parts.append(ft.Row([text_button("stay-person", _("Cancel"), lambda e: state.stay())]))
    return ft.Column(parts, spacing=12, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
