"""Who is signed in on a person's own device, for the time without a network."""

import json
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mobile_app.services import Preferences
from shared.domain.members import Membership
from shared.gateway.session import read_session

MEMBERSHIPS = TypeAdapter(list[Membership])
KEY = "identity"


class StoredIdentity:
    """A session and the memberships of the same person, one record written in one step: whatever
    ends the app in between, two people's never meet in it. As SessionStore it holds the session."""

    def __init__(self, preferences: Preferences) -> None:
        self._preferences = preferences

    async def read(self) -> str | None:
        session = (await self._record()).get("session")
        return json.dumps(session) if session is not None else None

    async def write(self, text: str | None) -> None:
        """Store a session; the memberships stay if they are of the same user. None clears both."""
        session = read_session(text)
        if session is None:
            await self._preferences.set(KEY, None)
            return
        known = _memberships_of(await self._record(), session.user_id)
        await self._write(json.loads(text or ""), known)

    async def memberships(self, user_id: str) -> list[Membership]:
        """What the server last said about that user; empty when the record is of anybody else."""
        return _memberships_of(await self._record(), user_id)

    async def remember(self, memberships: list[Membership], user_id: str) -> None:
        """Store the memberships of that user, beside their session only."""
        record = await self._record()
        session = read_session(json.dumps(record.get("session")))
        if session is not None and session.user_id == user_id:
            await self._write(record["session"], memberships)

    async def _record(self) -> dict[str, Any]:
        try:
            found = json.loads(await self._preferences.get(KEY) or "{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    async def _write(self, session: dict[str, Any], memberships: list[Membership]) -> None:
        record = {
            "session": session,
            "memberships": [m.model_dump(mode="json") for m in memberships],
        }
        await self._preferences.set(KEY, json.dumps(record))


def _memberships_of(record: dict[str, Any], user_id: str) -> list[Membership]:
    session = read_session(json.dumps(record.get("session")))
    if session is None or session.user_id != user_id:
        return []
    try:
        found = MEMBERSHIPS.validate_python(record.get("memberships") or [])
    except ValidationError:
        return []
    return found if all(str(m.user_id) == user_id for m in found) else []
