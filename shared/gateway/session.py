"""The login session: signs in, refreshes once at a time, and never forgets a session because
the network failed.

The umbrella client goes on as *anonymous* when a refresh fails, so that row rules answer an empty
list with status 200, and after some hundred seconds it deletes the stored session. Here being
offline changes nothing: the refresh token goes only when the server definitely refuses it.
"""

import asyncio
import base64
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import httpx
from pydantic import TypeAdapter, ValidationError

from shared.domain.json_values import is_object
from shared.domain.problems import Offline, Rejected, SignedOut
from shared.domain.values.phone import phone_digits

FINAL_ERRORS = {
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
CODES = {
    "user_already_exists": "user_exists",
    "email_exists": "user_exists",
    "weak_password": "weak_password",
    "invitation_unknown": "invitation_unknown",
}
RATE_LIMIT_WAIT = 30.0  # seconds, where a limiter names none
EARLY = 60.0  # seconds before the end at which a token is refreshed


@dataclass(frozen=True)
class Session:
    """What signing in gave: `expires_at` in epoch seconds of this device's clock."""

    access_token: str
    refresh_token: str
    user_id: str
    expires_at: float


SESSION = TypeAdapter(Session)


def token_subject(token: str) -> str:
    """The user whom an access token names, "" when it names nobody. Whether the token is genuine
    only the server can say."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(claims["sub"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""


def read_session(text: str | None) -> Session | None:
    """A stored session; None when there is none, when it cannot be read, or when its token names
    another user than the session does."""
    try:
        found = SESSION.validate_json(text, strict=True) if text else None
    except ValidationError:
        return None
    if not found or not found.user_id or token_subject(found.access_token) != found.user_id:
        return None
    return found


class SessionStore(Protocol):
    """Where a session outlives the process: secure storage on a phone, the page's storage in a
    browser."""

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


def login_email(identifier: str) -> str:
    """The e-mail behind what a person types: a phone number stands for a fixed alias
    (docs/decisions/0003)."""
    text = identifier.strip()
    if "@" in text:
        return text.lower()
    digits = phone_digits(text)
    return f"{digits.lstrip('+')}@phone.forecourt.invalid" if digits else text


class AuthSession:
    """Holds one person's session; every data call asks it for a token."""

    def __init__(
        self,
        url: str,
        publishable_key: str,
        http: httpx.AsyncClient,
        store: SessionStore | None = None,
    ) -> None:
        self._auth, self._key, self._http = f"{url}/auth/v1", publishable_key, http
        self._store = store or MemoryStore()
        self._refreshing = asyncio.Lock()
        self.session: Session | None = None
        self._asked_to_wait: float | None = None

    async def restore(self) -> Session | None:
        """The session of last time, without asking anybody."""
        # unreadable after a restore, or by another version: sign in again, the outbox stays
        self.session = read_session(await self._store.read())
        return self.session

    async def forget(self) -> None:
        """Forget the session here without telling the server: it was refused, or another person
        signs in."""
        session, self.session = self.session, None
        await self._clear_stored(session.user_id if session else None)

    async def _clear_stored(self, user_id: str | None) -> None:
        """Another tab of the same browser may have stored another person's session: that stays."""
        if user_id is not None:
            stored = read_session(await self._store.read())
            if stored is not None and stored.user_id != user_id:
                return
        await self._store.write(None)

    async def sign_in(self, identifier: str, password: str) -> Session:
        """Raises Refused("invalid_credentials"), Refused("too_many_tries") or Offline."""
        return await self._enter(
            "token?grant_type=password", {"email": login_email(identifier), "password": password}
        )

    async def sign_up(self, identifier: str, password: str, code: str) -> Session:
        """An account for the person whom the open invitation `code` names.

        Raises Refused("invitation_unknown"), Refused("user_exists"), Refused("weak_password"),
        Refused("too_many_tries") or Offline.
        """
        return await self._enter(
            "signup",
            {
                "email": login_email(identifier),
                "password": password,
                "data": {"invitation_code": code},
            },
        )

    async def sign_out(self) -> None:
        """Forget the session here, and tell the server when it can be reached."""
        session, self.session = self.session, None
        await self._clear_stored(session.user_id if session else None)
        if session:
            try:
                await self._http.post(
                    f"{self._auth}/logout?scope=local",
                    headers={
                        "apikey": self._key,
                        "Authorization": f"Bearer {session.access_token}",
                    },
                )
            except (httpx.HTTPError, Offline):
                return  # the token ends by itself within the hour

    async def token(self, *, renew: bool = False) -> str:
        """A token that is good now. Raises SignedOut, or Offline when it ended and cannot be
        renewed yet."""
        if self.session is None:
            raise SignedOut
        old = self.session
        if renew or old.expires_at - EARLY < time.time():
            async with self._refreshing:
                if self.session is None:  # pyright: ignore[reportUnnecessaryComparison]
                    raise SignedOut  # signed out while we waited for the lock
                if self.session is old:  # nobody else refreshed while we waited
                    await self._refresh(old)
        return self.session.access_token

    async def _refresh(self, old: Session) -> None:
        try:
            await self._enter(
                "token?grant_type=refresh_token",
                {"refresh_token": old.refresh_token},
                user_id=old.user_id,
            )
        except Rejected as refused:
            if (
                refused.code == "too_many_tries"
            ):  # sixty phones behind one address: the sync loop waits as long as asked, spread
                raise Offline("rate limit", self._asked_to_wait or RATE_LIMIT_WAIT) from refused
            if await self._adopt_newer(old):
                return
            self.session = None
            await self._clear_stored(old.user_id)
            raise SignedOut from refused

    async def _adopt_newer(self, old: Session) -> bool:
        """Another tab of the same browser may have used this refresh token first: its session lies
        in the store we share."""
        found = read_session(await self._store.read())
        if (
            found is None
            or found.refresh_token == old.refresh_token
            or found.user_id != old.user_id
        ):
            return False
        self.session = found
        return True

    async def _enter(
        self, path: str, body: dict[str, Any], *, user_id: str | None = None
    ) -> Session:
        """`user_id`: whose session is renewed. An answer that names another user ends it."""
        try:
            answer = await self._http.post(
                f"{self._auth}/{path}", json=body, headers={"apikey": self._key}
            )
            found = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Offline(type(error).__name__) from error  # no network, or a page that is not ours
        if not is_object(found):
            raise Offline("no object")
        if (
            answer.status_code == 200
            and found.get("access_token")
            and found.get("refresh_token")
            and is_object(found.get("user"))
        ):
            entered = Session(
                found["access_token"],
                found["refresh_token"],
                str(found["user"].get("id", "")),
                time.time() + float(found.get("expires_in", 3600)),
            )
            if token_subject(entered.access_token) != entered.user_id:
                raise Offline("unreadable token")
            if user_id is not None and entered.user_id != user_id:
                raise Rejected("other_user")
            self.session = entered
            await self._store.write(json.dumps(asdict(self.session)))
            return self.session
        code = error_code(found)
        if answer.status_code == 429:
            wish = answer.headers.get("retry-after", "")
            self._asked_to_wait = float(wish) if wish.isdigit() and len(wish) < 6 else None
            raise Rejected("too_many_tries")
        if "refresh" in path and code not in FINAL_ERRORS:
            raise Offline(
                f"status {answer.status_code}"
            )  # a gateway's or a proxy's no is not the session's end
        raise Rejected(CODES.get(code, "invalid_credentials"))


# What GoTrue said before its errors had codes (2024-01), by a part of the sentence.
OLD_ERRORS = {
    "already registered": "user_already_exists",
    "already been registered": "user_already_exists",
    "password should": "weak_password",
    "invalid login credentials": "invalid_credentials",
    "refresh token not found": "refresh_token_not_found",
    "already used": "refresh_token_already_used",
    "refresh token is not valid": "refresh_token_not_found",
    "user is banned": "user_banned",
    "session not found": "session_not_found",
}


def error_code(found: Mapping[str, Any]) -> str:
    """The code of an auth server's error body in any of its forms, "" where it has none.

    Newer: {code: 400, error_code, msg}, or {code: "…", message}. Older: {code: 400, msg}, or
    {error: "invalid_grant", error_description}. A hook's refusal has a sentence only.
    """
    message = str(found.get("msg") or found.get("message") or found.get("error_description") or "")
    if "invitation_unknown" in message:
        return "invitation_unknown"
    if found.get("error_code"):
        return str(found["error_code"])
    for part, code in OLD_ERRORS.items():
        if part in message.lower():
            return code
    for name in ("code", "error"):
        if isinstance(value := found.get(name), str):
            return value
    return ""
