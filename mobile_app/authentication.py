"""Who the person is: signing in, joining by an invitation, and the memberships the server names."""

from mobile_app.services import Services
from shared.domain.members import Membership
from shared.domain.problems import OtherUser, Rejected
from shared.gateway import members as remote


class Authentication:
    """Nothing here opens local data or touches a screen. Its methods raise Problem."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._auth = services.gateway.auth_session

    async def restore(self) -> list[Membership] | None:
        """The memberships this device remembers of who was signed in last: [] when it asks the
        server each time, None when nobody was. Asks nobody."""
        restored = await self._auth.restore()
        if restored is None:
            return None
        if self._services.identity is None:
            return []
        return await self._services.identity.memberships(restored.user_id)

    async def memberships(self) -> list[Membership]:
        """Whom the server takes this session's person for."""
        gateway = self._services.gateway
        found = await remote.whoami(gateway)
        if any(str(m.user_id) != gateway.user_id for m in found):
            raise OtherUser
        if gateway.user_id:
            await self.remember(found, gateway.user_id)
        return found

    async def remember(self, memberships: list[Membership], user_id: str) -> None:
        """For the next start of this device."""
        if self._services.identity is not None:
            await self._services.identity.remember(memberships, user_id)

    async def sign_in(self, identifier: str, password: str) -> None:
        await self._auth.sign_in(identifier, password)

    async def join(self, identifier: str, password: str, code: str) -> None:
        """An account if there is none yet, then the code."""
        try:
            await self._auth.sign_up(identifier, password, code)
        except Rejected as refused:
            if refused.code not in ("user_exists", "invitation_unknown"):
                raise
            # Perhaps they have an account: of another store, or from a first try whose answer was
            # lost.
            try:
                await self._auth.sign_in(identifier, password)
            except Rejected as wrong:
                raise (refused if refused.code == "invitation_unknown" else wrong) from wrong
        await remote.accept(self._services.gateway, code)

    async def forget(self) -> None:
        """Without a word to the server."""
        await self._auth.forget()

    async def sign_out(self) -> None:
        await self._auth.sign_out()
