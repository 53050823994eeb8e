"""Roles in the draft: fields, rows, verbs; effective rights of members; the access check
(F-70…F-72, F-79, first 4)."""

from dataclasses import dataclass, field
from typing import Any

import flet as ft

from admin.draft import Draft
from admin.session import AdminSession
from shared.domain import presets
from shared.domain.config import BASE_TYPES
from shared.domain.draft_merge import GONE, set_path
from shared.domain.members import Member
from shared.domain.problems import Problem
from shared.domain.records import Customer
from shared.domain.rights import BASE_MASKS, at_least_readable
from shared.gateway import config as remote
from shared.gateway import customers as remote_customers
from shared.gateway import members as remote_members
from shared.gateway.config import EffectiveAccess

VIEWS = ("fields", "roles", "member", "proof")
Cell = tuple[str, str]  # field, role


@ft.observable
@dataclass(eq=False)
class Rights:
    """view: which page; cells: the chosen ones of the matrix; member and customer: of whom it is
    asked why."""

    session: AdminSession
    view: str = "fields"
    form: str = "customer"
    cells: list[Cell] = field(default_factory=list)
    role: str = ""
    members: list[Member] = field(default_factory=list)
    member: str = ""
    query: str = ""
    found: list[Customer] = field(default_factory=list)
    customer: Customer | None = None
    access: EffectiveAccess | None = None
    access_check: Any = None
    busy: bool = False
    problem: str = ""

    @property
    def draft(self) -> Draft:
        return self.session.draft

    @property
    def forms(self) -> list[str]:
        return [f for f in BASE_TYPES if f in self.draft.document.get("forms", {})]

    @property
    def fields(self) -> list[dict[str, Any]]:
        return list(self.draft.document.get("forms", {}).get(self.form, {}).get("fields", ()))

    @property
    def roles(self) -> list[dict[str, Any]]:
        return list(self.draft.document.get("roles", ()))

    @property
    def chosen(self) -> dict[str, Any]:
        return next(
            (r for r in self.roles if r["key"] == self.role), self.roles[0] if self.roles else {}
        )

    def choose_view(self, view: str) -> None:
        self.view, self.problem = view, ""

    # fields × roles -------------------------------------------------------------------------------

    def choose_form(self, form: str) -> None:
        self.form, self.cells = form, []

    def right(self, key: str, role: dict[str, Any]) -> str:
        granted = role.get("rights", {}).get(self.form, {}).get(key)
        return at_least_readable(self.form, key, granted) or "hidden"

    def can_mask(self, item: dict[str, Any]) -> bool:
        return bool(BASE_MASKS.get(self.form, {}).get(item["key"]) or item.get("mask"))

    def flip(self, cell: Cell) -> None:
        self.cells = (
            [c for c in self.cells if c != cell] if cell in self.cells else [*self.cells, cell]
        )

    def flip_all(self, cells: list[Cell]) -> None:
        """A whole row or column: chosen, or given up when all of it is."""
        if all(c in self.cells for c in cells):
            self.cells = [c for c in self.cells if c not in cells]
        else:
            self.cells = [*self.cells, *(c for c in cells if c not in self.cells)]

    def flip_field(self, key: str) -> None:
        self.flip_all([(key, r["key"]) for r in self.roles])

    def flip_role(self, role: str) -> None:
        self.flip_all([(f["key"], role) for f in self.fields])

    def clear(self) -> None:
        self.cells = []

    def grant(self, access: str) -> None:
        """One right for every chosen cell: one edit, one undo."""
        document = self.draft.document
        for key, role in self.cells:
            document = set_path(
                document,
                ("roles", role, "rights", self.form, key),
                GONE if access == "hidden" else access,
            )
        self.draft.edit(document)

    def same_as(self, model: str) -> None:
        """The chosen cells as that field is for the same role."""
        document = self.draft.document
        for key, role in self.cells:
            found = (
                next(r for r in self.roles if r["key"] == role)
                .get("rights", {})
                .get(self.form, {})
                .get(model, GONE)
            )
            document = set_path(document, ("roles", role, "rights", self.form, key), found)
        self.draft.edit(document)

    # roles ----------------------------------------------------------------------------------------

    def choose(self, role: str) -> None:
        self.role = role

    def set_value(self, attribute: str, value: Any) -> None:
        self.draft.set_value(("roles", self.chosen["key"], attribute), value)

    def known(self, attribute: str) -> list[str]:
        """Every verb or page any role of the shipped configurations has, and those of this
        document."""
        shipped = presets.load("three_levels").document()["roles"]
        every = [x for r in [*shipped, *self.roles] for x in r.get(attribute, ())]
        return list(dict.fromkeys(every))

    def clone(self, name: str, language: str) -> None:
        """Another role like the open one; nobody has it yet."""
        self._add({**self.chosen, "label": {language: name}})

    def add_template(self, role: dict[str, Any]) -> None:
        """A role of the shipped configurations, with the fields this store's forms have."""
        self._add(role)

    def templates(self) -> list[dict[str, Any]]:
        here = {r["key"] for r in self.roles}
        return [r for r in presets.load("three_levels").document()["roles"] if r["key"] not in here]

    def _add(self, role: dict[str, Any]) -> None:
        taken = {r["key"] for r in [*self.roles, *self.draft.base.get("roles", ())]}
        key = role["key"] if role["key"] not in taken else self.draft.new_key("role")
        self.draft.set_value(("roles",), [*self.roles, {**role, "key": key}])
        self.role = key

    def remove(self) -> None:
        gone, self.role = self.chosen["key"], ""
        self.draft.set_value(("roles", gone), GONE)

    # why ------------------------------------------------------------------------------------------

    async def load(self) -> None:
        try:
            self.members = await remote_members.members(
                self.session.services.gateway, self.session.store_id
            )
            self.problem = ""
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code

    async def ask(self, member: str) -> None:
        """What a member may really do, by what is published. Raises Problem."""
        self.member, self.access = member, None
        found = next(m for m in self.members if str(m.user_id) == member)
        customer = self.customer.id if self.customer else None
        self.access = await remote.effective_access(
            self.session.services.gateway, self.session.store_id, found.user_id, customer
        )

    def type_customer(self, query: str) -> None:
        self.query = query

    async def search(self) -> None:
        """Customers the admin themselves may see. Raises Problem."""
        self.found = await remote_customers.search(
            self.session.services.gateway, self.session.store_id, self.query, limit=8
        )

    async def about(self, customer: Customer | None) -> None:
        self.customer, self.found = customer, []
        if self.member:
            await self.ask(self.member)

    async def check_access(self) -> None:
        """Ask every endpoint for what each role may not see, role by role, so that the table grows.
        Raises Problem."""
        if self.busy:
            return
        self.busy, self.access_check = True, None
        try:
            cells: list[Any] = []
            for role in self.session.config.roles if self.session.config else ():
                part = await remote.check_access(
                    self.session.services.gateway, self.session.store_id, roles=[role.key]
                )
                cells += part.cells
                self.access_check = part.model_copy(update={"cells": tuple(cells)})
        finally:
            self.busy = False
