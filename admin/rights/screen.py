"""Roles and rights: fields × roles, each role, why a member can, the access check."""

import flet as ft

from admin.draft import use_draft
from admin.rights.access_check import AccessCheckTable
from admin.rights.matrix import FieldMatrix
from admin.rights.member import MemberAccess
from admin.rights.role import RoleEditor
from admin.rights.state import VIEWS, Rights
from admin.session import use_admin
from admin.shell import panel_page, use_fetch, use_tab_state
from admin.widgets import small_chip
from shared.ui.feedback import Skeleton, act
from shared.ui.text import use_text
from shared.ui.view import component


@component
def RightsScreen() -> ft.Control:
    session, draft, _ = use_admin(), use_draft(), use_text()
    state = use_tab_state(Rights, session)
    use_fetch(state.load)
    title = _("Roles and rights")
    if not draft.loaded:
        return panel_page(title, Skeleton(5))
    names = {
        "fields": _("Field rights"),
        "roles": _("What a role can do"),
        "member": _("Why can they see this?"),
        "proof": _("Access check"),
    }
    views = ft.Row(
        [
            small_chip(
                f"view-{v}", names[v], selected=v == state.view, on_click=act(state.choose_view, v)
            )
            for v in VIEWS
        ],
        spacing=6,
        run_spacing=6,
        wrap=True,
    )
    part = {
        "fields": FieldMatrix,
        "roles": RoleEditor,
        "member": MemberAccess,
        "proof": AccessCheckTable,
    }[state.view](state)
    return panel_page(title, part, actions=[views], problem=state.problem, again=act(state.load))
