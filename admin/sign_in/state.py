"""What a person types to open the panel."""

from dataclasses import dataclass

import flet as ft

from admin.session import AdminSession
from shared.domain.problems import Problem


@ft.observable
@dataclass(eq=False)
class SignIn:
    session: AdminSession
    identifier: str = ""
    password: str = ""
    busy: bool = False
    problem: str = ""

    async def enter(self) -> None:
        if self.busy:
            return
        if not self.identifier.strip() or not self.password:
            self.problem = "required"
            return
        self.busy, self.problem = True, ""
        try:
            await self.session.sign_in(self.identifier, self.password)
        except Problem as problem:
            self.problem = problem.code
        finally:
            self.busy = False

    def set_identifier(self, text: str) -> None:
        self.identifier = text

    def set_password(self, text: str) -> None:
        self.password = text
