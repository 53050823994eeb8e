"""What a manager should look at besides the requests: bursts of outcomes, complaints, who cannot be
reached. One line each (First 1)."""

from dataclasses import dataclass, field

import flet as ft

from mobile_app.observables import use_sync
from mobile_app.session import Session, use_session
from shared.domain.problems import Offline
from shared.gateway import tasks as remote
from shared.gateway.tasks import Alert
from shared.ui.feedback import act
from shared.ui.text import Texts, use_text
from shared.ui.theme import EDGE, TARGET
from shared.ui.view import component
from shared.ui.widgets import icon_button, identified


@ft.observable
@dataclass(eq=False)
class Alerts:
    session: Session
    rows: list[Alert] = field(default_factory=list)
    problem: str = ""

    async def load(self) -> None:
        try:
            self.rows = await remote.open_alerts(
                self.session.services.gateway, self.session.store_id
            )
        except Offline:
            self.problem = "offline"  # the inbox above says so already

    async def see(self, alert: Alert) -> None:
        """Looked at: the line goes, on every manager's phone."""
        await self.session.act("acknowledge_alert", {"id": str(alert.id)}, title=alert.member_name)
        self.rows = [f for f in self.rows if f.id != alert.id]


def alert_text(_: Texts, alert: Alert) -> str:
    who, customer = alert.member_name, alert.name or "—"
    if alert.kind == "burst":
        return _("%(who)s: %(n)d call outcomes within a few minutes, none dialled from the app") % {
            "who": who,
            "n": alert.times,
        }
    if alert.kind == "complaint":
        return _("Complaint: %(customer)s, logged by %(who)s") % {"customer": customer, "who": who}
    if alert.kind == "duplicate":
        return _("%(who)s entered %(customer)s: a colleague's customer has the same number") % {
            "customer": customer,
            "who": who,
        }
    return _("%(who)s cannot reach %(customer)s") % {"who": who, "customer": customer}


@component
def AlertLines() -> ft.Control:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: Alerts(session))
    ft.use_effect(act(state.load), [use_sync().running])
    icons = {
        "burst": ft.Icons.SPEED,
        "complaint": ft.Icons.SENTIMENT_VERY_DISSATISFIED,
        "unreachable": ft.Icons.PHONE_MISSED,
        "duplicate": ft.Icons.PEOPLE_ALT_OUTLINED,
    }
    me = session.me.user_id if session.me else None
    lines: list[ft.Control] = [
        identified(
            f"flag-{f.kind}",
            ft.Container(
                ft.Row(
                    [
                        ft.Icon(icons.get(f.kind, ft.Icons.FLAG_OUTLINED), color=ft.Colors.ERROR),
                        ft.Text(alert_text(_, f), expand=True),
                        *(
                            [
                                icon_button(
                                    f"see-flag-{n}",
                                    ft.Icons.CHECK,
                                    _("Seen"),
                                    act(state.see, f),
                                    width=TARGET,
                                    height=TARGET,
                                )
                            ]
                            if f.member_id != me
                            else []
                        ),
                    ]
                ),
                padding=ft.Padding.only(left=12, top=4, bottom=4, right=4),
                margin=ft.Margin.symmetric(horizontal=EDGE, vertical=4),
                border_radius=12,
                bgcolor=ft.Colors.SURFACE_CONTAINER_HIGHEST,
            ),
        )
        for n, f in enumerate(state.rows[:50])
    ]
    return ft.Column(lines, spacing=0) if lines else ft.Container()
