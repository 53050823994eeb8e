"""The way from the panel to a member's phone: begun here, shown by the phone app in a tab of its own (F-73)."""

from dataclasses import dataclass
from uuid import UUID

import flet as ft

from admin.parts import Trouble
from admin.session import AdminSession, use_admin
from shared.domain.problems import Problem
from shared.gateway import seeing as remote
from shared.ui.feedback import act
from shared.ui.parts import identified, secondary_button
from shared.ui.text import use_text
from shared.ui.view import component


@ft.observable
@dataclass(eq=False)
class SeeAs:
    """path: where the phone is to be seen, once it was begun."""

    session: AdminSession
    path: str = ""
    problem: str = ""
    busy: bool = False

    async def begin(self, user_id: UUID) -> None:
        """A look of a quarter of an hour."""
        self.busy, self.problem, self.path = True, "", ""
        try:
            begun = await remote.begin(self.session.services.gateway, self.session.store_id, user_id)
            self.path = f"/see/{self.session.store_id}/{begun.id}"
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
        finally:
            self.busy = False


@component
def SeeAsButton(user_id: UUID, words: str, **_key) -> ft.Control:
    """Begin, then open: the second tap is a link, which no browser keeps from opening."""
    session, _ = use_admin(), use_text()
    state, _set = ft.use_state(lambda: SeeAs(session))
    if session.me is None or not session.me.may("publish_config") or session.me.user_id == user_id:
        return ft.Container(height=0)
    parts: list[ft.Control] = [*([Trouble(state.problem)] if state.problem else [])]
    if state.path:
        link = ft.FilledButton(
            _("Open in a new tab, read only, for a quarter of an hour"),
            icon=ft.Icons.OPEN_IN_NEW,
            height=48,
            expand=True,
            action=ft.OpenUrl(state.path, ft.UrlTarget.BLANK),
        )
        parts.append(identified("open-seeing", ft.Row([link])))
        parts.append(ft.Text(_("It stands in the audit."), size=12, color=ft.Colors.ON_SURFACE_VARIANT))
    else:
        parts.append(secondary_button("see-as", words, act(state.begin, user_id), icon=ft.Icons.VISIBILITY_OUTLINED, disabled=state.busy))
    return ft.Column(parts, spacing=6, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
