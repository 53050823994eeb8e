"""A masked value of the customer, shown to who may ask, with a reason that stands in the audit
(S-108). Never stored on the device."""

from dataclasses import dataclass, field
from uuid import UUID

import flet as ft

from mobile_app.customers.widgets import line
from mobile_app.session import Session, use_session
from shared.domain.config import FieldDefinition
from shared.domain.problems import Problem
from shared.domain.records import Customer
from shared.gateway import customers as remote
from shared.ui.feedback import act, typed
from shared.ui.form.view import value_text
from shared.ui.text import problem_text, use_text
from shared.ui.view import component
from shared.ui.widgets import card, primary_button, section, text_field


@ft.observable
@dataclass(eq=False)
class Reveal:
    """Which value is requested, and the answer while this screen is open."""

    session: Session
    customer_id: UUID
    asked: str = ""
    reason: str = ""
    problem: str = ""
    shown: dict[str, str] = field(default_factory=dict)

    def fields(self, customer: Customer) -> list[FieldDefinition]:
        """The customer's fields that stand here masked; none for a role without the verb."""
        config, me = self.session.config, self.session.me
        if config is None or me is None or not me.may("reveal_field"):
            return []
        masked = config.access["customer"].masked if "customer" in config.access else ()
        return [
            f for f in config.forms["customer"].fields if f.key in masked and customer.value(f.key)
        ]

    def ask(self, key: str) -> None:
        self.asked, self.problem = "" if self.asked == key else key, ""

    def set_reason(self, text: str) -> None:
        self.reason = text

    async def show(self) -> None:
        if not self.reason.strip():
            self.problem = "required"
            return
        try:
            value = await remote.reveal(
                self.session.services.gateway,
                self.session.store_id,
                "customer",
                self.customer_id,
                self.asked,
                self.reason.strip(),
            )
        except Problem as problem:
            self.problem = problem.code
            return
        self.shown = {**self.shown, self.asked: str(value if value is not None else "")}
        self.asked, self.problem = "", ""


@component
def Masked(customer: Customer) -> ft.Control:
    session, _ = use_session(), use_text()
    state, _set = ft.use_state(lambda: Reveal(session, customer.id))
    rows: list[ft.Control] = []
    config = session.config
    if config is None:
        return ft.Container(height=0)
    for definition in state.fields(customer):
        key, plain = definition.key, state.shown.get(definition.key)
        value = plain or value_text(_, definition, "customer", customer.value(key), config)
        ask = act(state.ask, key) if plain is None else None
        rows.append(
            line(
                ft.Icons.LOCK_OUTLINE if ask else ft.Icons.LOCK_OPEN,
                value,
                _.label(definition.label),
                on_click=ask,
                identifier=f"masked-{key}",
            )
        )
        if state.asked == key:
            problem = problem_text(_, state.problem) if state.problem else None
            rows.append(
                card(
                    text_field(
                        "reveal-reason",
                        _("Reason for viewing"),
                        state.reason,
                        typed(state.set_reason),
                        problem=problem,
                    ),
                    ft.Text(
                        _("The audit log records who viewed what, and why."),
                        color=ft.Colors.ON_SURFACE_VARIANT,
                        size=13,
                    ),
                    primary_button("reveal", _("Show"), act(state.show), icon=ft.Icons.VISIBILITY),
                )
            )
    return section(_("Masked values"), *rows) if rows else ft.Container(height=0)
