"""A customer of a pool goes to an advisor: at once by who may reassign, else as a request that the
manager decides."""

from dataclasses import dataclass

import flet as ft

from mobile_app.session import Session, use_session
from shared.domain.records import Customer
from shared.ui.feedback import act, typed
from shared.ui.text import Texts, use_text
from shared.ui.view import component
from shared.ui.widgets import card, chips, primary_button, secondary_button, text_button, text_field


@ft.observable
@dataclass(eq=False)
class TransferToSales:
    session: Session
    texts: Texts
    customer: Customer
    choosing: bool = False
    owner: str = ""
    notes: str = ""
    sent: bool = False

    @property
    def sellers(self) -> list[tuple[str, str]]:
        """Colleagues to whom a customer can go."""
        return [(str(p.id), p.name) for p in self.session.people if p.active and p.sells]

    @property
    def can_assign(self) -> bool:
        return self.session.me is not None and self.session.me.may("reassign")

    @property
    def is_offered(self) -> bool:
        """Only for a customer without an owner, and members who may assign or request it."""
        me = self.session.me
        allowed = me is not None and (self.can_assign or me.may("save_customer"))
        return allowed and self.customer.pool is not None and bool(self.sellers)

    def toggle(self) -> None:
        self.choosing = not self.choosing

    def choose(self, owner: str) -> None:
        self.owner = owner

    def set_notes(self, text: str) -> None:
        self.notes = text

    async def send(self) -> None:
        if not self.owner:
            return
        words = {"notes": self.notes.strip()} if self.notes.strip() else {}
        payload = {"owner_id": self.owner, **words}
        _, name = self.texts, self.customer.name or "—"
        if self.can_assign:
            payload |= {"customer_ids": [str(self.customer.id)]}
            await self.session.act("reassign", payload, title=name)
            owner = dict(self.sellers).get(self.owner, "—")
            self.session.notices.say(_("%(n)d transferred to %(name)s") % {"n": 1, "name": owner})
        else:
            request_id = str(self.session.services.new_id())
            payload |= {"id": request_id, "customer_id": str(self.customer.id)}
            await self.session.act("request_transfer", payload, title=name)
            self.session.notices.say(_("Sent to the manager: %(name)s") % {"name": name})
        self.choosing, self.sent = False, True


@component
def TransferToSalesPanel(customer: Customer) -> ft.Control:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: TransferToSales(session, _, customer))
    if not state.is_offered:
        return ft.Container(height=0)
    if not state.choosing:
        return secondary_button(
            "hand-over",
            _("Transfer to sales"),
            act(state.toggle),
            icon=ft.Icons.MOVE_DOWN,
            disabled=state.sent,
        )
    note = (
        []
        if state.can_assign
        else [
            ft.Text(
                _("The manager decides; until then the customer stays in the pool."),
                size=13,
                color=ft.Colors.ON_SURFACE_VARIANT,
            )
        ]
    )
    return card(
        ft.Text(_("Who takes over?"), theme_style=ft.TextThemeStyle.TITLE_SMALL),
        chips("seller", state.sellers, state.owner, lambda key: act(state.choose, key)),
        text_field(
            "hand-over-words",
            _("Notes for the colleague"),
            state.notes,
            typed(state.set_notes),
            multiline=True,
            max_lines=3,
        ),
        *note,
        primary_button(
            "send-hand-over",
            _("Transfer customer") if state.can_assign else _("Request approval"),
            act(state.send),
            disabled=not state.owner,
            icon=ft.Icons.CHECK,
        ),
        text_button("stop-hand-over", _("Back"), act(state.toggle)),
    )
