"""Small settings of this device or browser, and the session kept among them."""

import logging
from typing import Protocol

import flet as ft

logger = logging.getLogger(__name__)


class KeyValueStore(Protocol):
    """Small settings, wherever this device keeps them."""

    async def get(self, key: str) -> str | None: ...
    async def set(self, key: str, value: str | None) -> None: ...


class PagePreferences:
    """Flet's own key-value store under a prefix. In a browser that is localStorage: readable by any
    script of this origin, hence the strict content policy of the server. The service is made for
    each use: one kept over a reconnect does not answer any more."""

    def __init__(self, page: ft.Page, app: str) -> None:
        self._prefix = f"forecourt.{app}."

    async def get(self, key: str) -> str | None:
        try:
            found = await ft.SharedPreferences().get(self._prefix + key)
            return found if isinstance(found, str) else None
        except (RuntimeError, TimeoutError):
            logger.warning("preferences do not answer")
            return None

    async def set(self, key: str, value: str | None) -> None:
        store = ft.SharedPreferences()
        try:
            if value is None:
                await store.remove(self._prefix + key)
            else:
                await store.set(self._prefix + key, value)
        except (RuntimeError, TimeoutError):
            logger.warning("preferences do not answer")  # a setting is lost, the work is not


class PreferencesSessionStore:
    """A session among the preferences."""

    def __init__(self, preferences: KeyValueStore, key: str) -> None:
        self._preferences, self._key = preferences, key

    async def read(self) -> str | None:
        return await self._preferences.get(self._key)

    async def write(self, text: str | None) -> None:
        await self._preferences.set(self._key, text)
