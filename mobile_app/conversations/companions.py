"""Who came along to a conversation face to face (S-15)."""

from dataclasses import dataclass
from uuid import UUID

import flet as ft

from mobile_app.session import Session
from shared.domain.card import Card
from shared.domain.records import Companion, Customer
from shared.ui.form import FormState


@ft.observable
@dataclass(eq=False)
class Company:
    """`form`: of somebody new, while they are written down."""

    session: Session
    customer: Customer
    card: Card | None
    present: tuple[UUID, ...] = ()
    newcomers: tuple[Companion, ...] = ()
    form: FormState | None = None
    problem: str = ""

    @property
    def known(self) -> tuple[Companion, ...]:
        return (*(self.card.companions if self.card else ()), *self.newcomers)

    def toggle(self, companion_id: UUID) -> None:
        self.present = (
            tuple(x for x in self.present if x != companion_id)
            if companion_id in self.present
            else (*self.present, companion_id)
        )

    def start_newcomer(self) -> None:
        self.form = self.session.form("companion", only=("name", "relation", "influence"))

    async def add_newcomer(self) -> None:
        """Someone new came along: written down at once, present from now on."""
        if self.form is None or not self.form.check():
            return
        companion_id, values = self.session.services.new_id(), self.form.changes()
        await self.session.act(
            "save_companion",
            {"id": str(companion_id), "customer_id": str(self.customer.id), "set": values},
            title=self.customer.name or "",
        )
        self.newcomers = (
            *self.newcomers,
            Companion(
                id=companion_id,
                customer_id=self.customer.id,
                name=values["name"],
                relation=values.get("relation"),
            ),
        )
        self.present, self.form, self.problem = (*self.present, companion_id), None, ""
