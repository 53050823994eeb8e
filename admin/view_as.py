"""The way from the panel to a member's phone: begun here, shown by the phone app in a tab of its
own (F-73)."""

from dataclasses import dataclass
from uuid import UUID

import flet as ft

from admin.session import AdminSession, use_admin
from admin.widgets import Trouble
from shared.domain.problems import Problem
from shared.gateway import view_as as remote
from shared.ui.feedback import act
from shared.ui.text import use_text
from shared.ui.view import component
from shared.ui.widgets import identified, secondary_button


@ft.observable
@dataclass(eq=False)
class ViewAs:
    """path: where the phone is to be seen, once it was begun."""

    session: AdminSession
    path: str = ""
    problem: str = ""
    busy: bool = False

    async def begin(self, user_id: UUID) -> None:
        """A look of a quarter of an hour."""
        self.busy, self.problem, self.path = True, "", ""
        try:
            begun = await remote.begin(
                self.session.services.gateway, self.session.store_id, user_id
            )
            self.path = f"/see/{self.session.store_id}/{begun.id}"
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
        finally:
            self.busy = False


@component
def ViewAsButton(user_id: UUID, words: str, **_key) -> ft.Control:
    """Begin, then open: the second tap is a link, which no browser keeps from opening."""
    session, _ = use_admin(), use_text()
    state, _set = ft.use_state(lambda: ViewAs(session))
    if session.me is None or not session.me.may("publish_config") or session.me.user_id == user_id:
        return ft.Container(height=0)
    parts: list[ft.Control] = [*([Trouble(state.problem)] if state.problem else [])]
    if state.path:
        link = ft.FilledButton(
            _("Opens in a new tab, read-only, for 15 minutes"),
            icon=ft.Icons.OPEN_IN_NEW,
            height=48,
            expand=True,
            action=ft.OpenUrl(state.path, ft.UrlTarget.BLANK),
        )
        parts.append(identified("open-seeing", ft.Row([link])))
        parts.append(
            ft.Text(_("Recorded in the audit log."), size=12, color=ft.Colors.ON_SURFACE_VARIANT)
        )
    else:
        parts.append(
            secondary_button(
                "see-as",
                words,
                act(state.begin, user_id),
                icon=ft.Icons.VISIBILITY_OUTLINED,
                disabled=state.busy,
            )
        )
    return ft.Column(parts, spacing=6, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
