"""What a manager should look at beside the requests: bursts of outcomes, complaints, who cannot be reached. One line each (First 1)."""

from dataclasses import dataclass, field

import flet as ft

from mobile_app.session import Session, use_session
from mobile_app.watching import use_sync
from shared.domain.problems import Offline
from shared.gateway import tasks as remote
from shared.gateway.tasks import Flag
from shared.ui.feedback import act
from shared.ui.parts import icon_button, identified
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE, TARGET
from shared.ui.view import component


@ft.observable
@dataclass(eq=False)
class Flags:
    session: Session
    rows: list[Flag] = field(default_factory=list)
    problem: str = ""

    async def load(self) -> None:
        try:
            self.rows = await remote.open_flags(self.session.services.gateway, self.session.store_id)
        except Offline:
            self.problem = "offline"  # the inbox above says so already

    async def see(self, flag: Flag) -> None:
        """Looked at: the line goes, on every manager's phone."""
        await self.session.act("see_flag", {"id": str(flag.id)}, title=flag.member_name)
        self.rows = [f for f in self.rows if f.id != flag.id]


def flag_words(_: Texts, flag: Flag) -> str:
    who, customer = flag.member_name, flag.name or "—"
    if flag.kind == "burst":
        return _("%(who)s: %(n)d call outcomes in a few minutes, none dialled from the app") % {"who": who, "n": flag.times}
    if flag.kind == "complaint":
        return _("Complaint: %(customer)s, logged by %(who)s") % {"customer": customer, "who": who}
    return _("%(who)s cannot reach %(customer)s") % {"who": who, "customer": customer}


@component
def FlagLines() -> ft.Control:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: Flags(session))
    ft.use_effect(act(state.load), [use_sync().running])
    icons = {"burst": ft.Icons.SPEED, "complaint": ft.Icons.SENTIMENT_VERY_DISSATISFIED, "unreachable": ft.Icons.PHONE_MISSED}
    me = session.me.user_id if session.me else None
    lines: list[ft.Control] = [
        identified(
            f"flag-{f.kind}",
            ft.Container(
                ft.Row(
                    [
                        ft.Icon(icons.get(f.kind, ft.Icons.FLAG_OUTLINED), color=ft.Colors.ERROR),
                        ft.Text(flag_words(_, f), expand=True),
                        *([icon_button(f"see-flag-{n}", ft.Icons.CHECK, _("Seen"), act(state.see, f), width=TARGET, height=TARGET)] if f.member_id != me else []),
                    ]
                ),
                padding=ft.Padding.only(left=12, top=4, bottom=4, right=4), margin=ft.Margin.symmetric(horizontal=EDGE, vertical=4), border_radius=12,
                bgcolor=ft.Colors.SURFACE_CONTAINER_HIGHEST,
            ),
        )
        for n, f in enumerate(state.rows[:50])
    ]  # fmt: skip
    return ft.Column(lines, spacing=0) if lines else ft.Container()
