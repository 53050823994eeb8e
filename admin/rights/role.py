"""One role: whose records, what it may do, which pages, which pools."""

import flet as ft

from admin.draft import use_draft
from admin.labels import scope_name, verb_name
from admin.rights.state import Rights
from admin.view_as import ViewAsButton
from admin.widgets import (
    NameInLanguages,
    chip_of,
    choice,
    choices,
    mover,
    small_chip,
    titled,
)
from shared.domain.draft_merge import GONE
from shared.ui.feedback import act
from shared.ui.names import screen_name
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import card, section, text_button


@component
def RoleEditor(state: Rights) -> ft.Control:
    draft, _ = use_draft(), use_text()
    role = state.chosen
    name = ft.Container(
        NameInLanguages(
            draft,
            ("roles", role["key"], "label"),
            "role-name",
            _("Name"),
            key=f"name-{role['key']}",
        ),
        width=420,
    )
    remove = text_button(
        "role-remove", _("Remove this role"), act(state.remove), icon=ft.Icons.DELETE_OUTLINE
    )
    return ft.Column(
        [
            card(
                role_choice(_, state), ft.Row([*new_roles(_, state), *order(_, state)], wrap=True)
            ),
            card(
                section(_.label(role["label"]), *members_with_role(_, state)),
                name,
                scope_choice(_, state),
                *permissions(_, state),
                pipeline_choice(_, state),
                remove,
            ),
        ],
        spacing=16,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def role_choice(_: Texts, state: Rights) -> ft.Control:
    chips = [
        small_chip(
            f"role-{r['key']}".replace("_", "-"),
            _.label(r["label"]),
            selected=r["key"] == state.chosen.get("key"),
            on_click=act(state.choose, r["key"]),
        )
        for r in state.roles
    ]
    return ft.Row(chips, wrap=True, spacing=6, run_spacing=6)


def new_roles(_: Texts, state: Rights) -> list[ft.Control]:
    """Another role like the open one, or one of the shipped configurations."""
    copy = _("%(role)s (copy)") % {"role": _.label(state.chosen.get("label"))}
    clone = text_button(
        "clone",
        _("Duplicate this role"),
        lambda e: state.clone(copy, _.language),
        icon=ft.Icons.CONTENT_COPY,
    )
    templates = [
        text_button(
            f"template-{t['key']}".replace("_", "-"),
            _.label(t["label"]),
            act(state.add_template, t),
            icon=ft.Icons.ADD,
        )
        for t in state.templates()
    ]
    return [clone, *templates]


def order(_: Texts, state: Rights) -> list[ft.Control]:
    roles, role = state.roles, state.chosen
    index = next((i for i, r in enumerate(roles) if r["key"] == role.get("key")), 0)
    name = _.label(role.get("label"))
    return mover(state.draft, ("roles",), index, len(roles), "role", name, (_("Up"), _("Down")))


def members_with_role(_: Texts, state: Rights) -> list[ft.Control]:
    members = [m for m in state.members if m.role == state.chosen["key"] and m.active]
    names = ft.Text(
        _.comma.join(m.name for m in members[:12]) or _("Nobody has this role."),
        size=12,
        color=ft.Colors.ON_SURFACE_VARIANT,
    )
    if not members:
        return [names]
    first = members[0].user_id
    view = ViewAsButton(first, _("View as this role"), key=f"see-{first}")
    return [names, ft.Container(view, width=420)]


def scope_choice(_: Texts, state: Rights) -> ft.Control:
    """Whose records the role sees."""
    return titled(
        _("Scope"),
        chip_of(
            "scope",
            [(s, scope_name(_, s)) for s in ("own", "team", "store", "group")],
            state.chosen.get("scope", "own"),
            lambda s: state.set_value("scope", s),
        ),
    )


def permissions(_: Texts, state: Rights) -> list[ft.Control]:
    """What the role may do, its pages and its pools."""
    pools = [(p["key"], _.label(p["label"])) for p in state.draft.document.get("pools", ())]
    lists = (
        ("verbs", "verb", _("Permissions"), [(v, verb_name(_, v)) for v in state.known("verbs")]),
        (
            "screens",
            "page",
            _("Phone pages"),
            [(s, screen_name(_, s)) for s in state.known("screens")],
        ),
        ("pools", "pool", _("Visible pools"), pools),
    )
    return [
        titled(
            title,
            choices(
                identifier,
                options,
                state.chosen.get(attribute, ()),
                lambda chosen, attribute=attribute: state.set_value(attribute, chosen or GONE),
            ),
        )
        for attribute, identifier, title, options in lists
    ]


def pipeline_choice(_: Texts, state: Rights) -> ft.Control:
    pipelines = state.draft.document.get("pipelines", ())
    return ft.Container(
        choice(
            "pipeline",
            _("Pipeline of new deals"),
            [(p["key"], _.label(p["label"])) for p in pipelines],
            state.chosen.get("pipeline"),
            lambda k: state.set_value("pipeline", k or GONE),
            nothing=_("Chosen each time"),
        ),
        width=320,
    )
