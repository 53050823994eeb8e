"""Who sits before the panel, in which store, with which configuration."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

import flet as ft

from admin.browser import forget_unsaved
from admin.draft import Draft
from admin.services import Services
from shared.domain.config import StoreConfig
from shared.domain.members import Membership
from shared.domain.problems import Offline, Problem, Rejected, SignedOut
from shared.gateway import config as remote_config
from shared.gateway import members as remote_members

ADMIN_VERBS = (
    "publish_config",
    "invite_member",
    "import_rows",
    "export_rows",
    "merge_customers",
    "erase_customer",
    "read_audit",
)


@ft.observable
@dataclass(eq=False)
class AdminSession:
    """phase: starting → signed_out | unreachable | ready."""

    services: Services
    phase: str = "starting"
    language: str = "zh_CN"
    theme: str = "system"
    memberships: list[Membership] = field(default_factory=list)
    me: Membership | None = None
    config: StoreConfig | None = None
    config_version: int = 0
    problem: str = ""
    draft: Draft = field(init=False)

    def __post_init__(self) -> None:
        self.draft = Draft(self.services, self.guard, self.load_config)

    @property
    def store_id(self) -> UUID:
        assert self.me is not None
        return self.me.store_id

    def local(self, moment: datetime) -> datetime:
        """A moment as the clock of the store shows it."""
        return moment.astimezone(ZoneInfo(self.me.time_zone if self.me else "Asia/Shanghai"))

    async def start(self) -> None:
        """Who was signed in here last time is so again; a server that is away does not end that."""
        self.phase = "starting"
        if await self.services.gateway.auth_session.restore() is None:
            self.phase = "signed_out"
            return
        try:
            await self.find_memberships()
        except Offline:
            self.phase = "unreachable"
        except Problem as problem:
            if isinstance(problem, SignedOut):
                await self.services.gateway.auth_session.forget()
            self.phase = "signed_out"

    async def sign_in(self, identifier: str, password: str) -> None:
        """Raises Rejected or Offline; someone without any right of the panel is refused too."""
        self._forget_person()
        await self.services.gateway.auth_session.forget()
        await self.services.gateway.auth_session.sign_in(identifier, password)
        await self.find_memberships()

    async def find_memberships(self) -> None:
        found = [
            m
            for m in await remote_members.whoami(self.services.gateway)
            if m.is_group_admin or any(m.may(v) for v in ADMIN_VERBS)
        ]
        if not found:
            await self.services.gateway.auth_session.sign_out()
            raise Rejected("forbidden")
        found.sort(key=lambda m: m.store_name)
        self.memberships, self.me = found, found[0]
        await self._enter()
        self.phase = "ready"

    async def _enter(self) -> None:
        await self.load_config()
        if self.me is not None and self.me.may("publish_config"):
            await self.draft.load(self.store_id)

    async def load_config(self) -> None:
        published = await remote_config.get(self.services.gateway, self.store_id)
        self.config, self.config_version = published.document, published.version

    async def choose_store(self, store_id: str) -> None:
        """Another of one's stores, whole or not at all. Raises Problem."""
        before = self.me, self.config, self.config_version
        self.problem, self.me = "", next(m for m in self.memberships if str(m.store_id) == store_id)
        try:
            await self._enter()
        except Problem:
            self.me, self.config, self.config_version = before
            raise

    async def sign_out(self) -> None:
        self.phase = "signed_out"  # first: no page may be drawn for nobody
        await self.services.gateway.auth_session.sign_out()
        self._forget_person()

    def _forget_person(self) -> None:
        """Leaves nothing of one person for the next, least of all an unpublished draft."""
        forget_unsaved()
        self.me, self.config, self.config_version, self.memberships = None, None, 0, []
        self.draft = Draft(self.services, self.guard, self.load_config)

    def guard(self, problem: Problem) -> None:
        """A definite "signed out" leads back to the door."""
        if isinstance(problem, SignedOut):
            self.phase = "signed_out"


class Submitting(Protocol):
    """A page's state that asks the server to do something."""

    session: AdminSession
    busy: bool
    problem: str
    problems: dict[str, str]

    async def load(self) -> None: ...


async def submit(state: Submitting, action: Callable[[], Awaitable[Any]]) -> bool:
    """Do it and read the page again; a refusal stands beside its field. Once at a time: a second
    tap does nothing. Answers whether it was done."""
    if state.busy:
        return False
    state.busy, state.problem, state.problems = True, "", {}
    try:
        await action()
    except Rejected as refused:
        if refused.field:
            state.problems = {refused.field: refused.code}
        else:
            state.problem = refused.code
        return False
    except Problem as problem:
        state.session.guard(problem)
        state.problem = problem.code
        return False
    finally:
        state.busy = False
    await state.load()
    return True


AdminContext: Any = ft.create_context(None)


def use_admin() -> AdminSession:
    return ft.use_context(AdminContext)
