"""Why can or can't a member: what is published, with the rule behind each answer."""

from collections.abc import Mapping

import flet as ft

from admin.draft import Draft, use_draft
from admin.labels import access_name, scope_name, verb_name, where
from admin.rights.matrix import LOOK
from admin.rights.state import Rights
from admin.widgets import small_chip, titled
from shared.gateway.config import EffectiveAccess, FieldAccess
from shared.ui.feedback import EmptyState, act, typed
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import card, identified, section, text_button, text_field


def row_rule(_: Texts, rule: str) -> str:
    """Why they see a customer, or not."""
    return {
        "scope_store": _("Yes: their role sees the whole store."),
        "scope_group": _("Yes: their role sees the whole group."),
        "owner": _("Yes: the customer is theirs."),
        "renewal_owner": _("Yes: they handle the renewal."),
        "team": _("Yes: the customer belongs to someone in their team."),
        "pool": _("Yes: the customer is in a pool their role can see."),
        "no_rule": _(
            "No: the customer is not theirs, not their team's, and not in a pool their role can "
            "see."
        ),
        "disabled": _("No: their access has ended."),
        "not_found": _("No: there is no such customer in this store."),
    }.get(rule, rule)


def because(_: Texts, why: str) -> str:
    return {
        "role": _("granted to their role"),
        "not_granted": _("not granted to their role"),
        "no_mask": _("masked, but no mask is set"),
        "always_readable": _("visible to every role"),
        "formula": _("computed automatically"),
        "retired": _("no longer on the form"),
        "disabled": _("their access has ended"),
    }.get(why, why)


@component
def MemberAccess(state: Rights) -> ft.Control:
    draft, _ = use_draft(), use_text()
    top = question(_, state)
    a = state.access
    if a is None:
        words = _("Shows what this member can do under the published configuration, and why.")
        empty = EmptyState(ft.Icons.MANAGE_SEARCH, _("Choose a member"), words)
        return ft.Column([top, card(empty)], spacing=16)
    verbs = ft.Text(_.comma.join(verb_name(_, v) for v in a.verbs) or _("nothing"), size=13)
    tables = [access_to_form(_, draft, form, fields) for form, fields in a.fields.items()]
    return ft.Column(
        [
            top,
            card(
                *whose_access(_, state, draft, a),
                titled(_("Permissions"), verbs),
                *tables,
                identifier="access",
            ),
        ],
        spacing=16,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def question(_: Texts, state: Rights) -> ft.Control:
    """Whose rights, and about which customer."""
    people: list[ft.Control] = [
        small_chip(
            f"member-{i}",
            m.name,
            selected=str(m.user_id) == state.member,
            on_click=act(state.ask, str(m.user_id)),
        )
        for i, m in enumerate(state.members[:60])
    ]
    found: list[ft.Control] = [
        small_chip(f"customer-{i}", c.name or "", selected=False, on_click=act(state.about, c))
        for i, c in enumerate(state.found)
    ]
    return card(
        titled(_("Show the rights of"), ft.Row(people, wrap=True, spacing=6, run_spacing=6)),
        customer_asked_about(_, state),
        ft.Row(found, wrap=True, spacing=6),
    )


def customer_asked_about(_: Texts, state: Rights) -> ft.Control:
    if state.customer:
        return ft.Row(
            [
                ft.Icon(ft.Icons.PERSON_OUTLINE),
                ft.Text(state.customer.name or ""),
                text_button("no-customer", _("Remove"), act(state.about, None)),
            ]
        )
    words = text_field(
        "customer-words",
        _("Customer name or phone (optional)"),
        state.query,
        typed(state.type_customer),
        dense=True,
        on_submit=act(state.search),
    )
    search = text_button("search", _("Search"), act(state.search), icon=ft.Icons.SEARCH)
    return ft.Row([ft.Container(words, expand=True), search])


def whose_access(_: Texts, state: Rights, draft: Draft, a: EffectiveAccess) -> list[ft.Control]:
    """The member, and whether they see the customer that is asked about."""
    role = where(_, ("roles", a.role), draft.base)
    name = ft.Text(f"{a.name} · {role} · {scope_name(_, a.scope)}", weight=ft.FontWeight.W_600)
    if not a.row_rule or not state.customer:
        return [name]
    words = _("Can they see %(customer)s? %(answer)s") % {
        "customer": state.customer.name or "",
        "answer": row_rule(_, a.row_rule),
    }
    return [name, identified("row-rule", ft.Text(words, color=ft.Colors.PRIMARY))]


def access_to_form(
    _: Texts, draft: Draft, form: str, fields: Mapping[str, FieldAccess]
) -> ft.Control:
    """Each field of a form with the right on it and its reason."""
    published = draft.base.get("forms", {}).get(form, {})
    names = {f["key"]: _.label(f["label"]) for f in published.get("fields", ())}
    rows = [
        ft.Row(
            [
                ft.Text(
                    names.get(key) or key,
                    width=220,
                    size=13,
                    max_lines=1,
                    overflow=ft.TextOverflow.ELLIPSIS,
                ),
                access_mark(_, x.access),
                ft.Text(because(_, x.because), size=12, color=ft.Colors.ON_SURFACE_VARIANT),
            ],
            spacing=10,
            key=key,
        )
        for key, x in fields.items()
    ]
    return section(_.label(published.get("label", {})) or form, *rows)


def access_mark(_: Texts, access: str) -> ft.Control:
    ground, ink, icon = LOOK[access]
    return ft.Container(
        ft.Row(
            [
                ft.Icon(icon, size=14, color=ink),
                ft.Text(access_name(_, access), size=12, color=ink),
            ],
            spacing=4,
            tight=True,
        ),
        bgcolor=ground,
        border_radius=8,
        padding=ft.Padding.symmetric(horizontal=8, vertical=3),
        width=84,
    )
