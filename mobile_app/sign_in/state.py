"""What a person types to come in."""

from dataclasses import dataclass

import flet as ft

from mobile_app import browser
from mobile_app.session import Session
from shared.domain.problems import Problem


@ft.observable
@dataclass(eq=False)
class SignIn:
    session: Session
    identifier: str = ""
    password: str = ""
    code: str = ""
    joining: bool = False
    busy: bool = False
    problem: str = ""

    def invite(self, code: str) -> None:
        """The code of a link that was opened: nothing is left to type but account and password."""
        if code:
            self.code, self.joining = code, True

    async def enter(self) -> None:
        """Sign in, or join by code. What was typed stays."""
        if self.busy:
            return
        if (
            not self.identifier.strip()
            or not self.password
            or (self.joining and not self.code.strip())
        ):
            self.problem = "required"
            return
        self.busy, self.problem = True, ""
        try:
            if self.joining:
                await self.session.join(self.identifier, self.password, self.code)
            else:
                await self.session.sign_in(self.identifier, self.password)
            if self.session.phase == "not_invited":
                self.problem, self.joining = "not_invited", True
            elif self.session.device.invitation:
                await browser.remember_invitation(self.session, "")  # used, or not wanted
        except Problem as problem:
            self.problem = problem.code
        finally:
            self.busy = False

    def switch(self) -> None:
        self.joining, self.problem = not self.joining, ""

    def set_identifier(self, text: str) -> None:
        self.identifier = text

    def set_password(self, text: str) -> None:
        self.password = text

    def set_code(self, text: str) -> None:
        self.code = text
