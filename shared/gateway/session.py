"""Our own session keeper: signs in, refreshes once at a time, and never forgets a session because the network failed.

The umbrella client goes on as *anonymous* when a refresh fails, so that row rules answer an empty list with status 200, and
after some hundred seconds it deletes the stored session. Here being offline changes nothing: the refresh token goes only
when the server definitely refuses it.
"""

import asyncio
import json
import time
from dataclasses import asdict, dataclass
from typing import Protocol

import httpx

from shared.domain.labels import phone_digits
from shared.domain.problems import Offline, Refused, SignedOut

DEFINITE = {
    "refresh_token_not_found",
    "refresh_token_already_used",
    "session_not_found",
    "session_expired",
    "user_banned",
    "user_not_found",
    "bad_jwt",
    "invalid_grant",
    "validation_failed",  # the stored text is no refresh token at all
}
CODES = {"user_already_exists": "user_exists", "email_exists": "user_exists", "weak_password": "weak_password"}
RATE_LIMIT_WAIT = 30.0  # seconds, where a limiter names none
EARLY = 60.0  # seconds before the end at which a token is refreshed


@dataclass(frozen=True)
class Session:
    """What signing in gave: `expires_at` in epoch seconds of this device's clock."""

    access_token: str
    refresh_token: str
    user_id: str
    expires_at: float


class SessionStore(Protocol):
    """Where a session outlives the process: secure storage on a phone, the page's storage in a browser."""

    async def read(self) -> str | None: ...
    async def write(self, text: str | None) -> None: ...


class MemoryStore:
    """Keeps the session for this process only."""

    def __init__(self) -> None:
        self._text: str | None = None

    async def read(self) -> str | None:
        return self._text

    async def write(self, text: str | None) -> None:
        self._text = text


def sign_in_name(identifier: str) -> str:
    """The e-mail behind what a person types: a phone number stands for a fixed alias (docs/decisions/0003)."""
    text = identifier.strip()
    if "@" in text:
        return text.lower()
    digits = phone_digits(text)
    return f"{digits.lstrip('+')}@phone.forecourt.invalid" if digits else text


class Keeper:
    """Holds one person's session; every data call asks it for a token."""

    def __init__(self, url: str, publishable_key: str, http: httpx.AsyncClient, store: SessionStore | None = None) -> None:
        self._auth, self._key, self._http = f"{url}/auth/v1", publishable_key, http
        self._store = store or MemoryStore()
        self._refreshing = asyncio.Lock()
        self.session: Session | None = None
        self._asked_to_wait: float | None = None

    async def restore(self) -> Session | None:
        """The session of last time, without asking anybody."""
        text = await self._store.read()
        try:
            self.session = Session(**json.loads(text)) if text else None
        except (ValueError, TypeError):
            self.session = None  # written by another version or unreadable after a restore: sign in again, the outbox stays
        return self.session

    async def sign_in(self, identifier: str, password: str) -> Session:
        """Raises Refused("invalid_credentials"), Refused("too_many_tries") or Offline."""
        return await self._enter("token?grant_type=password", {"email": sign_in_name(identifier), "password": password})

    async def sign_up(self, identifier: str, password: str) -> Session:
        """An account for someone who was invited; without an invitation it sees nothing. Raises Refused, Offline."""
        return await self._enter("signup", {"email": sign_in_name(identifier), "password": password})

    async def sign_out(self) -> None:
        """Forget the session here, and tell the server when it can be reached."""
        session, self.session = self.session, None
        await self._store.write(None)
        if session:
            try:
                await self._http.post(
                    f"{self._auth}/logout?scope=local", headers={"apikey": self._key, "Authorization": f"Bearer {session.access_token}"}
                )
            except (httpx.HTTPError, Offline):
                return  # the token ends by itself within the hour

    async def token(self, *, renew: bool = False) -> str:
        """A token that is good now. Raises SignedOut, or Offline when it ended and cannot be renewed yet."""
        if self.session is None:
            raise SignedOut
        old = self.session
        if renew or old.expires_at - EARLY < time.time():
            async with self._refreshing:
                if self.session is None:
                    raise SignedOut
                if self.session is old:  # nobody else refreshed while we waited
                    await self._refresh(old)
        return self.session.access_token

    async def _refresh(self, old: Session) -> None:
        try:
            await self._enter("token?grant_type=refresh_token", {"refresh_token": old.refresh_token})
        except Refused as refused:
            if refused.code == "too_many_tries":  # sixty phones behind one address: the sync loop waits as long as asked, spread
                raise Offline("rate limit", self._asked_to_wait or RATE_LIMIT_WAIT) from refused
            if await self._adopt_newer(old):
                return
            self.session = None
            await self._store.write(None)
            raise SignedOut from refused

    async def _adopt_newer(self, old: Session) -> bool:
        """Another tab of the same browser may have used this refresh token first: its session lies in the store we share."""
        text = await self._store.read()
        try:
            found = Session(**json.loads(text)) if text else None
        except (ValueError, TypeError):
            return False
        if found is None or found.refresh_token == old.refresh_token or found.user_id != old.user_id:
            return False
        self.session = found
        return True

    async def _enter(self, path: str, body: dict[str, str]) -> Session:
        try:
            answer = await self._http.post(f"{self._auth}/{path}", json=body, headers={"apikey": self._key})
            found = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Offline(type(error).__name__) from error  # no network, or a page that is not ours
        if not isinstance(found, dict):
            raise Offline("no object")
        if answer.status_code == 200 and found.get("access_token") and found.get("refresh_token") and isinstance(found.get("user"), dict):
            self.session = Session(
                found["access_token"], found["refresh_token"], str(found["user"].get("id", "")), time.time() + float(found.get("expires_in", 3600))
            )
            await self._store.write(json.dumps(asdict(self.session)))
            return self.session
        code = str(found.get("error_code") or found.get("code") or found.get("error") or "")
        if answer.status_code == 429:
            wish = answer.headers.get("retry-after", "")
            self._asked_to_wait = float(wish) if wish.isdigit() and len(wish) < 6 else None
            raise Refused("too_many_tries")
        if "refresh" in path and code not in DEFINITE:
            raise Offline(f"status {answer.status_code}")  # a gateway's or a proxy's no is not the session's end
        raise Refused(CODES.get(code, "invalid_credentials"))
