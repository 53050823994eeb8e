"""Roles and rights: fields × roles, each role, why a member can, the proof."""

import flet as ft

from admin.draft import use_draft
from admin.parts import small_chip
from admin.rights.matrix import FieldMatrix
from admin.rights.member import MemberAccess
from admin.rights.proof import ProofTable
from admin.rights.role import RoleEditor
from admin.rights.state import VIEWS, Rights
from admin.session import use_admin
from admin.shell import panel_page, use_kept, use_loaded
from shared.ui.feedback import Skeleton, act
from shared.ui.text import use_text
from shared.ui.view import component


@component
def RightsScreen() -> ft.Control:
    session, draft, _ = use_admin(), use_draft(), use_text()
    state = use_kept(Rights, session)
    use_loaded(state.load)
    title = _("Roles and rights")
    if not draft.loaded:
        return panel_page(title, Skeleton(5))
    names = {"fields": _("Fields by role"), "roles": _("What a role may do"), "member": _("Why can he see this?"), "proof": _("Proof")}
    views = ft.Row(
        [small_chip(f"view-{v}", names[v], selected=v == state.view, on_click=act(state.look, v)) for v in VIEWS], spacing=6, run_spacing=6, wrap=True
    )
    part = {"fields": FieldMatrix, "roles": RoleEditor, "member": MemberAccess, "proof": ProofTable}[state.view](state)
    return panel_page(title, part, actions=[views], problem=state.problem, again=act(state.load))
