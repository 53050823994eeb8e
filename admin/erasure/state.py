"""Who is to be erased, what would go, and why (docs/decisions/0044)."""

from dataclasses import dataclass, field

import flet as ft

from admin.session import AdminSession
from shared.domain.problems import Problem
from shared.domain.records import Customer
from shared.gateway import customers as remote_customers
from shared.gateway import erasure as remote
from shared.gateway.erasure import ErasurePreview


@ft.observable
@dataclass(eq=False)
class Erasure:
    """found: None before the first search. confirming: asked once, to be confirmed."""

    session: AdminSession
    query: str = ""
    found: list[Customer] | None = None
    customer: Customer | None = None
    preview: ErasurePreview | None = None
    reason: str = ""
    confirming: bool = False
    erased: bool = False
    busy: bool = False
    problem: str = ""
    choices: list[str] = field(default_factory=lambda: list(remote.REASONS))

    def type_query(self, query: str) -> None:
        self.query = query

    async def search(self) -> None:
        """Customers the admin may see. Raises Problem."""
        self.drop()
        self.erased, self.problem = False, ""
        self.found = await remote_customers.search(
            self.session.services.gateway, self.session.store_id, self.query, limit=8
        )

    def drop(self) -> None:
        self.customer = self.preview = None
        self.reason, self.confirming = "", False

    async def choose(self, customer: Customer) -> None:
        """What of them would go. Raises Problem."""
        self.drop()
        self.problem = ""
        self.preview = await remote.preview(
            self.session.services.gateway, self.session.store_id, customer.id
        )
        self.customer = customer

    def choose_reason(self, reason: str) -> None:
        self.reason, self.confirming = reason, False

    def ask(self) -> None:
        self.confirming = bool(self.reason)

    async def erase(self) -> None:
        if self.busy or self.customer is None or not (self.confirming and self.reason):
            return
        self.busy, self.problem = True, ""
        try:
            await remote.erase(
                self.session.services.gateway,
                self.session.store_id,
                self.customer.id,
                self.reason,
            )
            self.drop()
            self.query, self.found, self.erased = "", None, True
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
        finally:
            self.busy = False
