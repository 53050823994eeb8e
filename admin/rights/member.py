"""Why can or can't a member: what is published, with the rule behind each answer."""

import flet as ft

from admin.draft import use_draft
from admin.parts import small_chip, titled
from admin.rights.matrix import LOOK
from admin.rights.state import Rights
from admin.words import access_name, scope_name, verb_name, where
from shared.ui.feedback import EmptyState, act, typed
from shared.ui.parts import card, identified, section, text_button, text_field
from shared.ui.text import Texts, use_text
from shared.ui.view import component


def row_rule(_: Texts, rule: str) -> str:
    """Why he sees a customer, or not."""
    return {
        "scope_store": _("Yes: his role sees the whole store."), "scope_group": _("Yes: his role sees the whole group."), "owner": _("Yes: the customer is his."),
        "renewal_owner": _("Yes: he looks after the renewal."), "team": _("Yes: the customer belongs to someone of his team."),
        "pool": _("Yes: the customer is in a pool his role sees."), "no_rule": _("No: the customer is not his, nor his team's, nor in a pool of his role."),
        "disabled": _("No: his access has ended."), "not_found": _("No: there is no such customer in this store."),
    }.get(rule, rule)  # fmt: skip


def because(_: Texts, why: str) -> str:
    return {
        "role": _("given to his role"), "not_granted": _("not given to his role"), "no_mask": _("masked, but there is no way to mask it"), "formula": _("computed: nobody writes it"),
        "retired": _("no longer on the form"), "disabled": _("his access has ended"),
    }.get(why, why)  # fmt: skip


@component
def MemberAccess(state: Rights) -> ft.Control:
    draft, _ = use_draft(), use_text()
    people = [
        small_chip(f"member-{i}", m.name, selected=str(m.user_id) == state.member, on_click=act(state.ask, str(m.user_id)))
        for i, m in enumerate(state.members[:60])
    ]
    found = [small_chip(f"customer-{i}", c.name or "", selected=False, on_click=act(state.about, c)) for i, c in enumerate(state.found)]
    asked = (
        ft.Row([ft.Icon(ft.Icons.PERSON_OUTLINE), ft.Text(state.customer.name or ""), text_button("no-customer", _("Remove"), act(state.about, None))])
        if state.customer
        else ft.Row([ft.Container(text_field("customer-words", _("A customer (name or phone), if you ask about one"), state.words, typed(state.type_customer), dense=True, on_submit=act(state.search)), expand=True), text_button("search", _("Search"), act(state.search), icon=ft.Icons.SEARCH)])
    )  # fmt: skip
    top = card(titled(_("Whose rights?"), ft.Row(people, wrap=True, spacing=6, run_spacing=6)), asked, ft.Row(found, wrap=True, spacing=6))
    a = state.access
    if a is None:
        return ft.Column(
            [top, card(EmptyState(ft.Icons.MANAGE_SEARCH, _("Choose a member"), _("You see what he may do by what is published, and why.")))],
            spacing=16,
        )
    role = where(_, ("roles", a.role), draft.base)
    head: list[ft.Control] = [ft.Text(f"{a.name} · {role} · {scope_name(_, a.scope)}", weight=ft.FontWeight.W_600)]
    if a.row_rule and state.customer:
        words = _("Does he see %(customer)s? %(answer)s") % {"customer": state.customer.name or "", "answer": row_rule(_, a.row_rule)}
        head.append(identified("row-rule", ft.Text(words, color=ft.Colors.PRIMARY)))
    verbs = ft.Text("、".join(verb_name(_, v) for v in a.verbs) or _("nothing"), size=13)
    tables: list[ft.Control] = []
    for form, fields in a.fields.items():
        rows = []
        for key, x in fields.items():
            ground, ink, icon = LOOK[x.access]
            name = _.label(next((f["label"] for f in draft.base.get("forms", {}).get(form, {}).get("fields", ()) if f["key"] == key), {})) or key
            rows.append(
                ft.Row(
                    [ft.Text(name, width=220, size=13, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS), ft.Container(ft.Row([ft.Icon(icon, size=14, color=ink), ft.Text(access_name(_, x.access), size=12, color=ink)], spacing=4, tight=True), bgcolor=ground, border_radius=8, padding=ft.Padding.symmetric(horizontal=8, vertical=3), width=84), ft.Text(because(_, x.because), size=12, color=ft.Colors.ON_SURFACE_VARIANT)],
                    spacing=10, key=key,
                )
            )  # fmt: skip
        tables.append(section(_.label(draft.base.get("forms", {}).get(form, {}).get("label", {})) or form, *rows))
    return ft.Column(
        [top, card(*head, titled(_("May do"), verbs), *tables, identifier="access")], spacing=16, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
    )
