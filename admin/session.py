"""Who sits before the panel, in which store, with which configuration."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import flet as ft

from admin.draft import Draft
from admin.services import Services
from shared.domain.config import StoreConfig
from shared.domain.members import Membership
from shared.domain.problems import Offline, Problem, Refused, SignedOut
from shared.gateway import config as remote_config
from shared.gateway import members as remote_members

ADMIN_VERBS = ("publish_config", "invite_member", "import_rows", "export_rows", "merge_customers", "read_audit")


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

    async def start(self) -> None:
        """Who was signed in here last time is so again; a server that is away does not end that."""
        self.phase = "starting"
        if await self.services.gateway.keeper.restore() is None:
            self.phase = "signed_out"
            return
        try:
            await self.find_memberships()
        except Offline:
            self.phase = "unreachable"
        except Problem:
            self.phase = "signed_out"

    async def sign_in(self, identifier: str, password: str) -> None:
        """Raises Refused or Offline; someone without any right of the panel is refused too."""
        await self.services.gateway.keeper.sign_in(identifier, password)
        await self.find_memberships()

    async def find_memberships(self) -> None:
        found = [m for m in await remote_members.whoami(self.services.gateway) if any(m.may(v) for v in ADMIN_VERBS)]
        if not found:
            await self.services.gateway.keeper.sign_out()
            raise Refused("forbidden")
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
        await self.services.gateway.keeper.sign_out()
        self.me, self.config, self.memberships = None, None, []

    def guard(self, problem: Problem) -> None:
        """A definite "signed out" leads back to the door."""
        if isinstance(problem, SignedOut):
            self.phase = "signed_out"


AdminContext: Any = ft.create_context(None)


def use_admin() -> AdminSession:
    return ft.use_context(AdminContext)
