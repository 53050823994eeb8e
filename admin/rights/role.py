"""One role: whose records, what it may do, which pages, which pools."""

import flet as ft

from admin.draft import use_draft
from admin.parts import NameField, chip_of, choice, choices, mover, small_chip, titled
from admin.rights.state import Rights
from admin.seeing import SeeAsButton
from admin.words import scope_name, screen_name, verb_name
from shared.domain.drafting import GONE
from shared.ui.feedback import act
from shared.ui.parts import card, section, text_button
from shared.ui.text import use_text
from shared.ui.view import component


@component
def RoleEditor(state: Rights) -> ft.Control:
    draft, _ = use_draft(), use_text()
    roles, role = state.roles, state.chosen
    picks = [
        small_chip(
            f"role-{r['key']}".replace("_", "-"), _.label(r["label"]), selected=r["key"] == role.get("key"), on_click=act(state.choose, r["key"])
        )
        for r in roles
    ]
    new = [
        text_button(
            "clone",
            _("Another role like this one"),
            lambda e: state.clone(_("%(role)s (copy)") % {"role": _.label(role.get("label"))}, _.language),
            icon=ft.Icons.CONTENT_COPY,
        ),
        *(
            text_button(f"template-{t['key']}".replace("_", "-"), _.label(t["label"]), act(state.add_template, t), icon=ft.Icons.ADD)
            for t in state.templates()
        ),
    ]
    place = next((i for i, r in enumerate(roles) if r["key"] == role.get("key")), 0)
    order = mover(draft, ("roles",), place, len(roles), "role", _.label(role.get("label")), (_("Up"), _("Down")))
    path = ("roles", role["key"])
    pools = [(p["key"], _.label(p["label"])) for p in draft.document.get("pools", ())]
    pipelines = [(p["key"], _.label(p["label"])) for p in draft.document.get("pipelines", ())]

    def put(attribute: str):
        return lambda chosen: state.put(attribute, chosen or GONE)

    members = [m for m in state.members if m.role == role["key"] and m.active]
    held = ft.Text("、".join(m.name for m in members[:12]) or _("Nobody has this role."), size=12, color=ft.Colors.ON_SURFACE_VARIANT)
    seen = (
        [ft.Container(SeeAsButton(members[0].user_id, _("See the phone as this role"), key=f"see-{members[0].user_id}"), width=420)]
        if members
        else []
    )
    remove = text_button("role-remove", _("Remove this role"), act(state.remove), icon=ft.Icons.DELETE_OUTLINE)
    return ft.Column(
        [
            card(ft.Row(picks, wrap=True, spacing=6, run_spacing=6), ft.Row([*new, *order], wrap=True)),
            card(
                section(_.label(role["label"]), held, *seen),
                ft.Container(NameField(draft, (*path, "label"), "role-name", _("Name"), many_languages=True, key=f"name-{role['key']}"), width=420),
                titled(_("Sees the records of"), chip_of("scope", [(s, scope_name(_, s)) for s in ("own", "team", "store", "group")], role.get("scope", "own"), lambda s: state.put("scope", s))),
                titled(_("May do"), choices("verb", [(v, verb_name(_, v)) for v in state.known("verbs")], role.get("verbs", ()), put("verbs"))),
                titled(_("Pages on the phone"), choices("page", [(s, screen_name(_, s)) for s in state.known("screens")], role.get("screens", ()), put("screens"))),
                titled(_("Sees these pools"), choices("pool", pools, role.get("pools", ()), put("pools"))),
                ft.Container(choice("pipeline", _("Pipeline of new deals"), pipelines, role.get("pipeline"), lambda k: state.put("pipeline", k or GONE), nothing=_("Chosen each time")), width=320),
                remove,
            ),
        ],
        spacing=16, horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )  # fmt: skip
